"""What single devices do to a round: conflicts, liars, those that keep failing, pins, and boards that do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.device.compatibility import Abilities, Needs
from edgefleet.domain.rollout.effects import HandleToken, SendCommand
from edgefleet.domain.rollout.facts import AbortRule, Command, DeviceFacts, Pin, Progress, Report
from edgefleet.domain.rollout.standing import Standing
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import Fleet, make_device, make_devices, make_ring, make_version


def make_fleet(count: int = 4, **other: object) -> Fleet:
    return Fleet({"all": make_ring("all", track="^1.0", **other)}, [make_version("1.0.0")], make_devices(count))


def digest_of(version: str) -> str:
    return make_version(version).artifacts["esp32"].digest


def standing(fleet: Fleet, name: str = "motor-01") -> tuple[str, str]:
    stand = fleet.plan().devices[name]
    return stand.standing.value, stand.reason


def change(fleet: Fleet, name: str = "motor-01", **other: object) -> None:
    fleet.devices[name] = replace(fleet.devices[name], **other)  # type: ignore[arg-type]


def report(fleet: Fleet, **other: object) -> Report:
    last = fleet.devices["motor-01"].report
    assert last is not None
    return replace(last, **other)  # type: ignore[arg-type]


def restored() -> Fleet:
    """An etcd that was restored from yesterday: motor-01 obeyed a command since that nobody remembers."""
    fleet = make_fleet()
    fleet.settle()
    fleet.versions.append(make_version("1.1.0"))
    change(fleet, report=report(fleet, generation=9 << 32, digest="9" * 64))
    return fleet


def test_a_generation_and_a_digest_that_nobody_knows_pause_the_device() -> None:
    fleet = restored()
    fleet.settle()
    assert standing(fleet) == ("Conflict", "UnknownGeneration")
    assert "motor-01" not in {name for name, version in fleet.commands if version == "1.1.0"}
    assert fleet.state("all").step is Step.PROVED  # nobody else waits for it


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_an_unknown_generation_with_the_target_or_the_stable_digest_is_adopted(version: str) -> None:
    fleet = restored()
    change(fleet, report=report(fleet, digest=digest_of(version)))
    fleet.generation = 10 << 32
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_an_unknown_digest_alone_is_no_conflict() -> None:
    fleet = restored()
    change(fleet, report=report(fleet, generation=1))
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_a_person_resumes_a_paused_device_and_the_token_is_used_up() -> None:
    fleet = restored()
    fleet.settle()
    change(fleet, tokens={"resume": "anna"})
    told = [effect for effect in fleet.plan().effects if isinstance(effect, HandleToken | SendCommand)]
    assert [type(effect) for effect in told] == [SendCommand, HandleToken]
    fleet.generation = 10 << 32
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)
    assert fleet.devices["motor-01"].tokens == {}


def test_a_device_with_an_empty_status_is_adopted_with_what_it_reports() -> None:
    fleet = make_fleet()
    change(fleet, report=Report("9" * 64, 9 << 32, Progress.DONE))
    fleet.generation = 10 << 32
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_device_that_says_it_is_done_and_runs_something_else_has_failed() -> None:
    fleet = make_fleet(success_percent=50)
    fleet.tell()
    fleet.act()
    change(fleet, report=report(fleet, digest="5" * 64))
    assert standing(fleet) == ("Failed", "WrongDigest")


def test_rejected_is_not_failed_and_is_never_asked_again_in_the_round() -> None:
    fleet = make_fleet(abort_when=(AbortRule("Any", 0),))
    fleet.behave = lambda device, _: Progress.REJECTED if device.name == "motor-01" else Progress.DONE
    fleet.settle()
    assert fleet.state("all").step is Step.PROVED
    assert [name for name, _ in fleet.commands].count("motor-01") == 1
    assert standing(fleet)[0] == "Rejected"


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        (Needs(size_bytes=5000), "DoesNotFit"),
        (Needs(arena_bytes=3000), "ArenaTooSmall"),
        (Needs(security_version=1), "SecurityVersionTooLow"),
        (Needs(security_version=2, min_firmware="2.0.0"), "FirmwareTooOld"),
        (Needs(security_version=2, ops=frozenset({"CONV_2D"})), "OpUnsupported"),
    ],
)
def test_what_does_not_fit_is_rejected_before_any_command(needs: Needs, reason: str) -> None:
    fleet = make_fleet(abort_when=(AbortRule("Any", 0),))
    has = Abilities(4096, 2048, security_floor=2, firmware="1.9.0", ops=frozenset({"FULLY_CONNECTED"}))
    needs = needs if reason == "SecurityVersionTooLow" else replace(needs, security_version=2)
    artifacts = {"esp32": replace(fleet.versions[0].artifacts["esp32"], needs=needs)}
    fleet.versions = [replace(fleet.versions[0], artifacts=artifacts)]
    change(fleet, abilities=has)
    fleet.settle()
    assert standing(fleet) == ("Rejected", reason)
    assert fleet.runs("1.0.0") == set(fleet.devices) - {"motor-01"}
    assert fleet.state("all").step is Step.PROVED


def fail_often(fleet: Fleet, times: int) -> None:
    fleet.behave = lambda device, _: Progress.FAILED if device.name == "motor-01" else Progress.DONE
    for number in range(1, times + 1):
        fleet.versions.append(make_version(f"1.{number}.0"))
        fleet.settle()
        fleet.now += 10


def test_a_device_that_fails_three_times_in_a_row_is_left_alone_for_a_day() -> None:
    fleet = make_fleet(success_percent=50)
    fail_often(fleet, 3)
    fleet.versions.append(make_version("1.9.0"))
    fleet.settle()
    assert standing(fleet) == ("Excluded", "Blocked")
    assert [name for name, _ in fleet.commands].count("motor-01") == 3
    assert fleet.plan().recheck_at == pytest.approx(fleet.now + 86_400, abs=60)
    fleet.now += 86_400
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.settle()
    assert fleet.runs("1.9.0") == set(fleet.devices)


def test_a_blocked_device_is_tried_again_when_a_person_says_so() -> None:
    fleet = make_fleet(success_percent=50)
    fail_often(fleet, 3)
    fleet.versions.append(make_version("1.9.0"))
    fleet.settle()
    fleet.behave = lambda _device, _artifact: Progress.DONE
    change(fleet, tokens={"retry": "new cable"})
    fleet.settle()
    assert fleet.runs("1.9.0") == set(fleet.devices)
    command = fleet.devices["motor-01"].command
    assert command is not None
    assert command.attempt == 1


def test_a_success_ends_the_count_of_failures() -> None:
    fleet = make_fleet(success_percent=50)
    fail_often(fleet, 2)
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.versions.append(make_version("1.8.0"))
    fleet.settle()
    fleet.behave = lambda device, _: Progress.FAILED if device.name == "motor-01" else Progress.DONE
    fleet.versions.append(make_version("1.9.0"))
    fleet.settle()
    command = fleet.devices["motor-01"].command
    assert command is not None
    assert command.attempt == 1


def test_a_pin_outranks_the_ring_and_ends_by_itself() -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    change(fleet, pin=Pin("1.0.0", until=fleet.now + 3600))
    shown = fleet.settle()
    assert fleet.runs("1.0.0") == {"motor-01"}
    assert shown.recheck_at == pytest.approx(4600, abs=60)
    fleet.now += 3600
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_a_pinned_device_that_sleeps_is_not_left_with_its_rings_open_command() -> None:
    fleet = make_fleet()
    fleet.tell()
    change(fleet, online=False, pin=Pin("1.0.0"))
    fleet.act()
    fleet.versions.append(make_version("1.1.0"))
    fleet.step()
    assert "motor-01" in fleet.recalled


def test_a_device_in_no_ring_may_be_pinned_when_it_names_the_model() -> None:
    fleet = make_fleet()
    fleet.devices["lone"] = make_device("lone", labels={}, pin=Pin("1.0.0", "anomaly"))
    fleet.devices["vague"] = make_device("vague", labels={}, pin=Pin("1.0.0"))
    fleet.settle()
    assert {"lone", "vague"} & fleet.runs("1.0.0") == {"lone"}


def test_a_revoked_device_is_told_nothing_and_counts_for_nothing() -> None:
    fleet = make_fleet(abort_when=(AbortRule("Any", 0),))
    change(fleet, revoked=True)
    fleet.settle()
    assert standing(fleet) == ("Excluded", "Revoked")
    assert "motor-01" not in {name for name, _ in fleet.commands}
    assert fleet.state("all").step is Step.PROVED


def test_a_device_whose_updates_are_disabled_keeps_what_it_has() -> None:
    fleet = make_fleet()
    fleet.settle()
    change(fleet, updates_enabled=False)
    fleet.versions.append(make_version("1.1.0"))
    fleet.settle()
    assert fleet.runs("1.0.0") == {"motor-01"}
    assert fleet.state("all").step is Step.PROVED


def test_a_board_that_was_flashed_anew_is_adopted_and_updated_again() -> None:
    fleet = make_fleet()
    fleet.settle()
    change(fleet, report=Report(None, 0, Progress.NONE, changed_at=fleet.now))
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_the_same_device_is_not_told_twice_for_one_report_that_is_repeated() -> None:
    fleet = make_fleet()
    fleet.settle()
    sent = len(fleet.commands)
    for name, device in fleet.devices.items():
        fleet.devices[name] = replace(device, online=False)
        fleet.step()
        fleet.devices[name] = replace(device, online=True, presence_since=fleet.now)
        fleet.step()
    assert len(fleet.commands) == sent


def test_two_devices_that_stand_alike_share_one_explanation() -> None:
    fleet = make_fleet(50)
    stands = fleet.settle().devices.values()
    assert len({id(stand) for stand in stands}) == 1
    assert {stand.standing for stand in stands} == {Standing.UPDATED}


def test_a_command_of_an_earlier_round_is_no_outcome_of_this_one() -> None:
    fleet = make_fleet(success_percent=50, abort_when=(AbortRule("Any", 60, 4),))
    device: DeviceFacts = make_device("motor-01")
    digest = digest_of("1.0.0")
    failed = Command("anomaly", "1.0.0", digest, 5, 10.0, "all")
    fleet.devices["motor-01"] = replace(device, command=failed, report=Report(None, 5, Progress.FAILED))
    fleet.tell()
    assert "motor-01" in {name for name, _ in fleet.commands}


@pytest.mark.parametrize("memory", ["proven", "history", "last good"])
def test_what_a_dead_leader_left_unrecorded_is_no_conflict(memory: str) -> None:
    """It told the device, the device obeyed, Git moved on, and nobody wrote anything down."""
    fleet = make_fleet()
    fleet.settle()
    fleet.versions += [make_version("1.1.0"), make_version("1.2.0")]
    if memory != "last good":
        fleet.versions.pop()
        fleet.settle()
        fleet.versions.append(make_version("1.2.0"))
    if memory == "history":
        state = fleet.state("all")
        fleet.rings["all"] = replace(fleet.rings["all"], state=replace(state, proven=state.proven[1:]))
    old = replace(fleet.devices["motor-01"].command, digest=digest_of("1.0.0"))  # type: ignore[type-var]
    change(
        fleet,
        command=old,
        report=report(fleet, generation=9 << 32, digest=digest_of("1.1.0")),
        last_good=digest_of("1.1.0") if memory == "last good" else None,
    )
    fleet.generation = 10 << 32
    fleet.settle()
    assert fleet.runs("1.2.0") == set(fleet.devices)


def test_a_pin_that_names_no_model_on_a_device_in_no_ring_says_so() -> None:
    fleet = make_fleet()
    fleet.devices["lone"] = make_device("lone", labels={}, pin=Pin("1.0.0"))
    stand = fleet.settle().devices["lone"]
    assert (stand.reason, stand.message) == (
        "PinWithoutModel",
        "is in no ring, so its pin to 1.0.0 has to name the model",
    )


def test_a_resumed_device_is_told_again_what_it_was_told_in_this_round() -> None:
    fleet = make_fleet()
    fleet.settle()
    change(fleet, report=report(fleet, generation=9 << 32, digest="9" * 64))
    fleet.settle()
    assert standing(fleet) == ("Conflict", "UnknownGeneration")
    change(fleet, tokens={"resume": "anna"})
    fleet.generation = 10 << 32
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    assert fleet.devices["motor-01"].tokens == {}


def test_a_device_that_may_no_longer_be_updated_keeps_its_slot_until_it_is_done() -> None:
    fleet = make_fleet(max_concurrency=1)
    shown = fleet.tell()
    (name,) = [name for name, stand in shown.devices.items() if stand.holds_slot]
    command = fleet.devices[name].command
    assert command is not None
    change(fleet, name, updates_enabled=False, report=Report(None, command.generation, Progress.WORKING))
    assert not [effect for effect in fleet.plan().effects if isinstance(effect, SendCommand)]


@pytest.mark.parametrize("progress", [Progress.WORKING, Progress.DEFERRED])
def test_a_device_that_still_acts_on_an_earlier_command_is_not_updated(progress: Progress) -> None:
    """It runs the target, is about to leave it, and has not heard that it should stay."""
    fleet = make_fleet(max_concurrency=1)
    fleet.settle()
    now = replace(fleet.devices["motor-01"].command, generation=99, at=fleet.now)  # type: ignore[type-var]
    change(fleet, command=now, report=report(fleet, progress=progress, generation=50))
    stand = fleet.plan().devices["motor-01"]
    assert (stand.standing, stand.holds_slot) == (Standing.COMMANDED, True)
