"""Devices as the planner reads them, and what their status says of where they stand."""

from __future__ import annotations

from typing import Any

import pytest

from edgefleet.api.v1alpha1.conditions import ConditionReason
from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.reported import Capabilities, InstalledModel, Phase, Presence, Reported, SelfTest
from edgefleet.controllers.fleet.device_facts import read_command, read_device
from edgefleet.controllers.fleet.device_status import View, show_device
from edgefleet.controllers.fleet.records import Record, RecordBook
from edgefleet.controllers.fleet.twins import Declared, Voice
from edgefleet.controllers.times import format_time
from edgefleet.domain.rollout.facts import Artifact, Command
from edgefleet.domain.rollout.judgement import PENALTY_SECONDS
from edgefleet.domain.rollout.standing import UNASSIGNED, Stand, Standing

NOW = 1_700_000_000.0
OLD, NEW = "a" * 64, "b" * 64
COMMAND = Command("anomaly", "1.1.0", NEW, 7, NOW - 10, "canary")
WANTED = Artifact(NEW, "c" * 64, 900)


def declare(status: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **spec: Any) -> Declared:
    metadata = {"name": "motor-1", "namespace": "fleet", "uid": "u", "annotations": annotations or {}}
    document = {"apiVersion": "edgefleet.io/v1alpha1", "kind": "EdgeDevice", "metadata": metadata}
    return Declared.read({**document, "spec": {"deviceClass": "esp32", **spec}, "status": status or {}})


def make_report(phase: Phase = Phase.IDLE, *, runs: str | None = None, **other: Any) -> Reported:
    active = None
    if runs is not None:
        active = InstalledModel(model="anomaly", version="1.0.0", digest=runs, manifest_digest="c" * 64, slot="a")
    fields: dict[str, Any] = {
        "device_id": "motor-1",
        "enrolment_id": "one",
        "boot_count": 1,
        "seq": 1,
        "firmware_version": "1.2.0",
        "observed_generation": 7,
        "phase": phase,
        "reason": Reason.OK,
        "active": active,
        "capabilities": Capabilities(
            ram_bytes=9, slot_bytes=65536, arena_bytes=4096, runtime="tflm", accelerator="none", ops=("RELU",)
        ),
        "key_ids": (),
        "security_floor": 3,
    }
    return Reported(**fields | other)


def speak(report: Reported | None = None) -> Voice:
    presence = Presence(device_id="motor-1", status="online", enrolment_id="one", boot_count=1)
    return Voice(report, NOW - 5, presence, online=True, since=NOW - 500)


def read(report: Reported | None, device: Declared | None = None, command: Command | None = COMMAND) -> Any:
    return read_device(device or declare(), speak(report), command, class_known=True)


def show(stand: Stand, report: Reported | None = None, command: Command | None = COMMAND, **other: Any) -> Any:
    device = other.pop("device", None) or declare()
    view = View(device, speak(report), stand, command, Record.read(device.status), **other)
    return show_device(view, NOW)


def said(status: Any, kind: str) -> tuple[str, str] | None:
    return next(((each.status, each.reason) for each in status.conditions if each.type == kind), None)


# To the planner.


def test_devices_of_a_kind_share_what_they_can_do() -> None:
    first, second = read(make_report(seq=1)).abilities, read(make_report(seq=9)).abilities
    assert first is second
    assert (first.slot_bytes, first.arena_bytes, first.security_floor) == (65536, 4096, 3)
    assert (first.firmware, first.ops) == ("1.2.0", frozenset({"RELU"}))
    assert read(make_report(security_floor=4)).abilities is not first
    assert read(None).abilities is None


@pytest.mark.parametrize(("passed", "total", "verdict"), [(3, 3, True), (2, 3, False), (None, None, None)])
def test_a_self_test_is_passed_when_every_vector_is(passed: Any, total: Any, verdict: bool | None) -> None:
    test = SelfTest(passed=passed, total=total, max_lsb=0) if passed is not None else None
    facts = read(make_report(runs=OLD, self_test=test, latency_us=900))
    assert (facts.report.self_test_passed, facts.report.latency_us) == (verdict, 900)


def test_what_lies_in_the_other_slot_is_known() -> None:
    other = InstalledModel(model="anomaly", version="0.9.0", digest=NEW, manifest_digest="c" * 64, slot="b")
    assert read(make_report(runs=OLD, previous=other)).report.previous == NEW
    assert read(make_report(runs=OLD)).report.previous is None


def test_a_self_test_that_a_boot_forgot_is_still_true_of_its_model() -> None:
    test = SelfTest(passed=3, total=3, max_lsb=0)
    status = show(Stand(Standing.UPDATED), make_report(Phase.CONFIRMED, runs=OLD, self_test=test)).to_json_object()
    device = declare(status)
    assert read(make_report(runs=OLD), device).report.self_test_passed is True
    assert read(make_report(runs=NEW), device).report.self_test_passed is None
    assert read(make_report(runs=OLD, enrolment_id="two"), device).report.self_test_passed is None


def test_tokens_are_those_that_nobody_acted_on() -> None:
    notes = {"edgefleet.io/resume": "a", "edgefleet.io/retry": "b", "edgefleet.io/commission": "c", "other": "d"}
    device = declare(annotations=notes)
    assert read(None, device).tokens == {"resume": "a", "retry": "b"}
    book = RecordBook()
    book.note_token(device, "retry", "b", NOW)
    facts = read_device(device, speak(), None, class_known=True, record=book.find(device))
    assert facts.tokens == {"resume": "a"}
    assert read(None, declare(annotations={"edgefleet.io/retry": ""})).tokens == {}


def test_a_command_comes_back_as_it_was_stored() -> None:
    command = Command("anomaly", "1.1.0", NEW, 7 << 32 | 4, NOW - 10, "canary", attempt=3)
    assert read_command(declare(show(Stand(Standing.FAILED), None, command).to_json_object())) == command


def test_a_restart_does_not_lengthen_a_penalty() -> None:
    until = NOW + 1000
    device = declare({"blockedUntil": format_time(until)})
    failed = make_report(Phase.FAILED, reason=Reason.SELF_TEST_FAILED)
    third = Command("anomaly", "1.1.0", NEW, 7, NOW - 10, "canary", attempt=3)
    assert read(failed, device, third).report.changed_at == until - PENALTY_SECONDS
    # Of another command, or while the device is at it, the clock is the report's own.
    assert read(failed, device, COMMAND).report.changed_at == NOW - 5
    assert read(make_report(Phase.DOWNLOADING), device, third).report.changed_at == NOW - 5


# To people.


@pytest.mark.parametrize(
    ("standing", "phase", "up_to_date"),
    [
        (Standing.UPDATED, "UpToDate", ("True", "Accepted")),
        (Standing.COMMANDED, "Commanded", ("False", "Commanded")),
        (Standing.IN_PROGRESS, "Commanded", ("False", "Commanded")),
        (Standing.FAILED, "Failed", ("False", "SelfTestFailed")),
        (Standing.TIMED_OUT, "Failed", ("False", "AckTimeout")),
        (Standing.REJECTED, "Rejected", ("False", "DoesNotFit")),
        (Standing.ROLLED_BACK, "RolledBack", ("False", "SelfTestFailed")),
        (Standing.CONFLICT, "Conflict", ("False", "UnknownGeneration")),
    ],
)
def test_a_standing_that_is_about_the_last_command_is_shown(standing: Standing, phase: str, up_to_date: Any) -> None:
    reasons = {
        Standing.TIMED_OUT: "AckTimeout",
        Standing.REJECTED: "DoesNotFit",
        Standing.CONFLICT: "UnknownGeneration",
    }
    stand = Stand(standing, "canary", WANTED, reasons.get(standing, ""), "why")
    failed = make_report(Phase.FAILED, runs=OLD, reason=Reason.SELF_TEST_FAILED)
    status = show(stand, failed, None if standing is Standing.UPDATED else COMMAND)
    assert (status.phase, said(status, "UpToDate")) == (phase, up_to_date)
    assert (said(status, "ConflictPaused") is not None) is (standing is Standing.CONFLICT)
    compatible = {Standing.REJECTED: ("False", "DoesNotFit"), Standing.CONFLICT: None}
    assert said(status, "Compatible") == compatible.get(standing, ("True", "Fits"))
    assert said(status, "Ready") == ("True", "Accepted")


WAITING = [
    Stand(Standing.HELD, "canary", WANTED, "ConcurrencyReached"),
    Stand(Standing.HELD, "canary", WANTED, "RateReached"),
    Stand(Standing.OFFLINE, "canary", WANTED, "Offline", "is offline"),
    Stand(Standing.DEFERRED, "canary", WANTED, "Deferred"),
    Stand(Standing.EXCLUDED, "canary", WANTED, "NotMoved", "was not moved"),
]


@pytest.mark.parametrize(
    ("standing", "report"),
    [
        (Standing.UPDATED, make_report(Phase.CONFIRMED, runs=NEW)),
        (Standing.COMMANDED, make_report(Phase.DOWNLOADING, runs=OLD)),
        (Standing.FAILED, make_report(Phase.FAILED, runs=OLD, reason=Reason.SELF_TEST_FAILED)),
        (Standing.ROLLED_BACK, make_report(Phase.ROLLED_BACK, runs=OLD, reason=Reason.WATCHDOG_RESET)),
        (Standing.FAILED, make_report(Phase.CONFIRMED, runs=OLD)),
    ],
)
def test_waiting_for_the_next_command_writes_nothing(standing: Standing, report: Reported) -> None:
    before = show(Stand(standing, "canary", WANTED, report.reason.value, report.message or ""), report)
    device = declare(before.to_json_object())
    for stand in WAITING:
        assert show(stand, report, device=device) == before


def test_a_device_that_failed_and_runs_what_it_ran_before_has_still_failed() -> None:
    failed = make_report(Phase.FAILED, runs=OLD, reason=Reason.SELF_TEST_FAILED)
    status = show(Stand(Standing.UPDATED, "canary", Artifact(OLD, "c" * 64, 900)), failed)
    assert (status.phase, said(status, "UpToDate")) == ("Failed", ("False", "SelfTestFailed"))


def test_a_device_that_was_never_told_waits_for_its_ring() -> None:
    status = show(Stand(Standing.HELD, "canary", None, "VersionMissing"), make_report(), None)
    assert (status.phase, said(status, "UpToDate")) == ("Held", ("False", "Held"))
    assert said(status, "Compatible") == ("Unknown", "NoTarget")
    device = declare(status.to_json_object())
    assert show(Stand(Standing.HELD, "canary", WANTED, "RateReached"), make_report(), None, device=device) == status


@pytest.mark.parametrize(
    ("stand", "command", "phase", "up_to_date"),
    [
        (UNASSIGNED, None, "Unassigned", ("Unknown", "Unassigned")),
        (UNASSIGNED, COMMAND, "Unassigned", ("Unknown", "Unassigned")),
        (UNASSIGNED, Command("m", "1.0.0", OLD, 7, NOW), "UpToDate", ("True", "Accepted")),
        (Stand(Standing.HELD, None, None, "RingsOverlap", "both"), None, "Held", ("False", "RingsOverlap")),
        (Stand(Standing.EXCLUDED, "canary", None, "Pinned", "is pinned"), COMMAND, "Commanded", ("False", "Pinned")),
        (
            Stand(Standing.EXCLUDED, "canary", WANTED, "UpdatesDisabled", "off"),
            None,
            "Held",
            ("False", "UpdatesDisabled"),
        ),
    ],
)
def test_a_device_out_of_its_rings_reach_says_why(stand: Stand, command: Any, phase: str, up_to_date: Any) -> None:
    status = show(stand, make_report(runs=OLD, observed_generation=0), command)
    assert (status.phase, said(status, "UpToDate")) == (phase, up_to_date)


def test_a_device_that_is_left_alone_says_until_when_and_what_it_said() -> None:
    stand = Stand(Standing.EXCLUDED, "canary", WANTED, ConditionReason.BLOCKED, "failed 3 times in a row")
    failed = make_report(Phase.FAILED, runs=OLD, reason=Reason.SELF_TEST_FAILED)
    status = show(stand, failed, blocked_until=NOW + 9)
    assert (status.blocked_until, status.blocked_reason) == (format_time(NOW + 9), "SelfTestFailed")
    assert (status.phase, said(status, "UpToDate")) == ("Failed", ("False", "Blocked"))
    assert show(Stand(Standing.HELD, "canary", WANTED), failed).blocked_until is None


def test_a_command_that_is_being_taken_back_stands_until_the_broker_has_that() -> None:
    told = declare(show(Stand(Standing.COMMANDED, "canary", WANTED), make_report(), COMMAND).to_json_object())
    stand = Stand(Standing.EXCLUDED, "canary", WANTED, "NotMoved")
    status = show(stand, make_report(), None, device=told, recalling=True)
    assert (status.desired_version, status.attempts) == ("1.1.0", 1)
    status = show(stand, make_report(), None, device=told)
    assert (status.desired, status.desired_version, status.attempts) == ((), None, None)


def test_a_revoked_device_is_revoked_whatever_it_runs() -> None:
    stand = Stand(Standing.EXCLUDED, "canary", None, "Revoked", "is revoked")
    status = show(stand, make_report(runs=NEW), device=declare(revoked=True))
    assert (status.phase, said(status, "UpToDate")) == ("Revoked", ("False", "Revoked"))
