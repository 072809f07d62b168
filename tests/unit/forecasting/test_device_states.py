"""From a device's status to what the planner is told of it."""

from typing import Any

import pytest

from edgefleet.api.v1alpha1 import DeviceClass, EdgeDevice
from edgefleet.domain.rollout.facts import DeviceFacts, Progress
from edgefleet.domain.rollout.judgement import PENALTY_SECONDS
from edgefleet.forecasting.device_states import Known, read_state
from support.forecasts import AT
from support.good_manifests import Json
from support.live_fleet import condition, device, device_status, digest

CLASSES = {
    "esp32": DeviceClass.model_validate(
        {"runtime": "tflm", "transport": "device", "slotBytes": 65536, "arenaBytes": 16384, "ops": ["RELU"]}
    ),
    "coral": DeviceClass.model_validate(
        {"runtime": "edgetpu", "transport": "pod", "slotBytes": 9_000_000, "pod": {"image": f"a@sha256:{'0' * 64}"}}
    ),
}


def read(status: Json | None = None, *, lenient: bool = False, annotations: Json | None = None, **spec: Any) -> Known:
    obj = device("motor-01", **spec) | ({"status": status} if status else {})
    obj["metadata"] = obj["metadata"] | {"annotations": annotations or {}}
    return read_state(EdgeDevice.model_validate(obj), CLASSES, lenient=lenient, now=AT)


def facts(status: Json | None = None, **other: Any) -> DeviceFacts:
    return read(status, **other).facts


def test_a_device_nobody_has_seen_is_online_runs_nothing_and_can_hold_what_its_class_says() -> None:
    known = read()
    assert (known.seen, known.said, known.facts.online) == (False, False, True)
    assert known.facts.report is not None
    assert (known.facts.report.digest, known.facts.command) == (None, None)
    assert known.facts.abilities is not None
    assert (known.facts.abilities.slot_bytes, known.facts.abilities.arena_bytes) == (65536, 16384)
    assert known.facts.abilities.ops == {"RELU"}


def test_a_class_without_an_arena_has_room_for_any() -> None:
    known = read(deviceClass="coral")
    assert known.facts.abilities is not None
    assert known.facts.abilities.arena_bytes == 2**31 - 1
    assert known.facts.abilities.ops is None


def test_an_unknown_class_is_known_only_where_it_may_be_declared_elsewhere() -> None:
    assert not facts(deviceClass="other").class_known
    assert facts(deviceClass="other", lenient=True).class_known
    assert facts(deviceClass="other", lenient=True).abilities is None


def test_a_device_that_says_what_it_can_hold_is_believed() -> None:
    status = device_status("1.0.0")
    status["capabilities"] = status["capabilities"] | {"slotBytes": 4096, "ops": ["RELU", "SOFTMAX"]}
    known = read(status)
    assert known.said
    assert known.facts.abilities is not None
    assert (known.facts.abilities.slot_bytes, known.facts.abilities.ops) == (4096, {"RELU", "SOFTMAX"})
    assert known.facts.abilities.firmware == "2.0.1"


@pytest.mark.parametrize(("status", "online"), [("True", True), ("False", False), ("Unknown", True)])
def test_presence_is_the_condition_connected(status: str, online: bool) -> None:
    given = device_status("1.0.0") | {"conditions": [condition("Connected", "Said", status=status)]}
    known = read(given)
    assert (known.facts.online, known.seen) == (online, status != "Unknown")
    assert known.facts.presence_since == AT - 86_400


@pytest.mark.parametrize(
    ("phase", "progress", "heard"),
    [
        ("UpToDate", Progress.DONE, True),
        ("Failed", Progress.FAILED, True),
        ("Rejected", Progress.REJECTED, True),
        ("RolledBack", Progress.ROLLED_BACK, True),
        ("Commanded", Progress.WORKING, True),
        ("Held", Progress.NONE, False),
    ],
)
def test_the_phase_says_what_became_of_the_last_command(phase: str, progress: Progress, heard: bool) -> None:
    status = device_status("1.1.0", phase=phase)
    status["reported"][0] |= {"digest": digest("1.0.0"), "modelVersion": "1.0.0"}
    found = facts(status)
    assert found.command is not None
    assert found.report is not None
    assert found.report.progress is progress
    assert (found.report.generation >= found.command.generation) == heard
    assert (found.command.version, found.report.digest) == ("1.1.0", digest("1.0.0"))


def test_a_held_device_that_runs_what_it_was_told_is_done_with_it() -> None:
    found = facts(device_status("1.0.0", phase="Held"))
    assert found.report is not None
    assert found.report.progress is Progress.DONE


def test_a_conflict_stays_one() -> None:
    status = device_status("1.0.0", phase="Conflict")
    status["reported"][0] |= {"digest": digest("0.9.0"), "modelVersion": "0.9.0"}
    found = facts(status)
    assert found.command is not None
    assert found.report is not None
    assert found.report.generation > found.command.generation


def test_a_device_that_failed_three_times_is_left_alone_as_long_as_its_status_says() -> None:
    status = device_status("1.1.0", phase="Failed") | {"attempts": 3, "blockedUntil": "2026-11-21T08:00:00Z"}
    status["reported"][0] |= {"digest": digest("1.0.0"), "modelVersion": "1.0.0"}
    found = facts(status)
    assert found.command is not None
    assert found.report is not None
    assert (found.command.attempt, found.report.progress) == (3, Progress.FAILED)
    assert found.report.changed_at + PENALTY_SECONDS == AT + 7_200


def test_tokens_that_were_handled_are_gone() -> None:
    status = device_status("1.0.0") | {
        "handledTokens": [{"name": "retry", "value": "one", "at": "2026-11-20T06:00:00Z"}]
    }
    annotations = {"edgefleet.io/retry": "one", "edgefleet.io/resume": "two", "edgefleet.io/commission": "three"}
    assert facts(status, annotations=annotations).tokens == {"resume": "two"}


def test_where_it_returns_to_and_what_holds_it_is_kept() -> None:
    last = {"model": "motor-anomaly", "modelVersion": "0.9.0", "digest": digest("0.9.0"), "at": "2026-11-20T06:00:00Z"}
    found = facts(device_status("1.0.0") | {"lastGood": last}, updatesEnabled=False, revoked=True)
    assert found.last_good == digest("0.9.0")
    assert (found.updates_enabled, found.revoked) == (False, True)
