"""Going back: after an abort, after a revert, to what each device ran well; and commands that are taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.rollout.effects import RecallCommand, SendCommand
from edgefleet.domain.rollout.facts import AbortRule, Artifact, DeviceFacts, Progress, Report
from edgefleet.domain.rollout.transitions import Step
from edgefleet.domain.rollout.windows import Period, Window
from support.fleet_facts import Fleet, make_devices, make_ring, make_version


def make_fleet(count: int = 6, **other: object) -> Fleet:
    ring = make_ring("all", track="^1.0", abort_when=(AbortRule("Any", 0),), **other)
    fleet = Fleet({"all": ring}, [make_version("1.0.0")], make_devices(count))
    fleet.settle()
    return fleet


def fail_on(fleet: Fleet, version: str, *names: str) -> None:
    bad = make_version(version).artifacts["esp32"]

    def behave(device: DeviceFacts, artifact: Artifact) -> Progress:
        return Progress.FAILED if artifact == bad and device.name in names else Progress.DONE

    fleet.behave = behave


def go_offline(fleet: Fleet, *names: str) -> None:
    for name in names:
        fleet.devices[name] = replace(fleet.devices[name], online=False, presence_since=fleet.now)


def come_back(fleet: Fleet, *names: str) -> None:
    for name in names:
        fleet.devices[name] = replace(fleet.devices[name], online=True, presence_since=fleet.now)


def test_each_device_returns_to_what_it_ran_well_itself() -> None:
    fleet = make_fleet()
    fleet.versions += [make_version("0.9.0"), make_version("1.1.0")]
    old = make_version("0.9.0").artifacts["esp32"].digest
    special = fleet.devices["motor-03"]
    assert special.report is not None
    fleet.devices["motor-03"] = replace(special, command=None, report=replace(special.report, digest=old))
    fail_on(fleet, "1.1.0", "motor-01")
    fleet.settle()
    assert fleet.state("all").step is Step.ABORTED
    assert fleet.runs("0.9.0") == {"motor-03"}
    assert fleet.runs("1.0.0") == set(fleet.devices) - {"motor-03"}


def test_a_device_whose_last_good_version_is_gone_returns_to_what_the_ring_proved() -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    special = fleet.devices["motor-03"]
    assert special.report is not None
    fleet.devices["motor-03"] = replace(special, command=None, report=replace(special.report, digest="f" * 64))
    fail_on(fleet, "1.1.0", "motor-01")
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_only_moved_devices_go_back() -> None:
    fleet = make_fleet(max_concurrency=2)
    fleet.versions.append(make_version("1.1.0"))
    first = [effect.device for effect in fleet.plan().effects if isinstance(effect, SendCommand)]
    fail_on(fleet, "1.1.0", first[0])
    del fleet.commands[:]
    fleet.settle()
    assert {name for name, _ in fleet.commands} == set(first)
    assert [name for name, version in fleet.commands if version == "1.0.0"] == [first[1]]
    assert fleet.state("all").history[0].outcome == "RolledBack"


def test_a_device_that_sleeps_with_a_bad_command_in_its_mailbox_is_recalled_at_once() -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    fail_on(fleet, "1.1.0", "motor-06")
    fleet.tell()
    asleep = ("motor-01", "motor-02")
    go_offline(fleet, *asleep)  # they were told while they were online, and went to sleep before they heard
    fleet.act()
    fleet.settle()
    assert fleet.state("all").step is Step.ABORTED
    assert set(asleep) <= set(fleet.recalled)
    come_back(fleet, *asleep)
    fleet.settle()
    assert fleet.runs("1.1.0") == set()


def test_a_device_that_comes_back_after_the_abort_goes_back_too() -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    fail_on(fleet, "1.1.0", "motor-06")
    fleet.step()
    assert "motor-02" in fleet.runs("1.1.0")
    go_offline(fleet, "motor-02")
    fleet.settle()
    assert fleet.state("all").step is Step.ABORTED
    assert fleet.runs("1.1.0") == {"motor-02"}
    come_back(fleet, "motor-02")
    fleet.settle()
    assert fleet.runs("1.1.0") == set()
    assert fleet.state("all").step is Step.ABORTED


def test_an_abort_that_holds_recalls_only_what_nobody_has_begun() -> None:
    fleet = make_fleet(on_abort="hold")
    fleet.versions.append(make_version("1.1.0"))
    fleet.tell()
    old = fleet.versions[0].artifacts["esp32"].digest
    for name, progress in (("motor-02", Progress.WORKING), ("motor-06", Progress.FAILED)):
        command = fleet.devices[name].command
        assert command is not None
        fleet.devices[name] = replace(fleet.devices[name], report=Report(old, command.generation, progress))
    shown = fleet.plan()
    recalled = {effect.device for effect in shown.effects if isinstance(effect, RecallCommand)}
    assert shown.rings["all"].turn.state.step is Step.ABORTED
    assert recalled == set(fleet.devices) - {"motor-02", "motor-06"}


def test_a_superseded_command_is_recalled_from_whoever_has_not_heard_it() -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    fleet.tell()
    go_offline(fleet, "motor-04")
    fleet.act()
    fleet.versions.append(make_version("1.2.0"))
    fleet.step()
    assert fleet.recalled == ["motor-04"]


@pytest.mark.parametrize("other", [{"labels": {}}, {"updates_enabled": False}])
def test_a_device_that_leaves_or_says_no_is_not_left_with_an_open_command(other: dict) -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    fleet.tell()
    fleet.devices["motor-04"] = replace(fleet.devices["motor-04"], ring=None, **other)
    recalled = [effect.device for effect in fleet.plan().effects if isinstance(effect, RecallCommand)]
    assert recalled == ["motor-04"]


def test_a_git_revert_goes_back_at_once_without_soak_approval_or_window() -> None:
    noon = 12 * 3600.0
    fleet = make_fleet(soak=600.0)
    for _ in range(3):
        fleet.step(700.0)
    fleet.now = 86_400 * 30 + noon
    fleet.versions.append(make_version("1.1.0"))
    fleet.step()
    assert len(fleet.runs("1.1.0")) == 6
    night = Window("UTC", (Period("22:00", "06:00"),))
    fleet.rings["all"] = replace(fleet.rings["all"], window=night, needs_approval=True)
    fleet.versions.pop()
    for _ in range(3):
        fleet.step()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    assert fleet.state("all").step is Step.PROVED


def test_going_back_keeps_to_the_budget_and_to_a_devices_own_window() -> None:
    fleet = make_fleet(6, max_concurrency=2)
    fleet.versions.append(make_version("1.1.0"))
    fleet.settle()
    night = Window("UTC", (Period("22:00", "06:00"),))
    fleet.now = 86_400 * 30 + 12 * 3600.0
    fleet.devices["motor-04"] = replace(fleet.devices["motor-04"], window=night)
    fleet.most_in_flight = 0
    fleet.versions.pop()
    for _ in range(8):
        fleet.step()
    assert fleet.most_in_flight == 2
    assert fleet.runs("1.1.0") == {"motor-04"}
    fleet.now = 86_400 * 30 + 23 * 3600.0
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_new_good_version_may_follow_while_devices_still_go_back() -> None:
    fleet = make_fleet(6, max_concurrency=1)
    fleet.versions.append(make_version("1.1.0"))
    names = sorted(fleet.devices)
    fail_on(fleet, "1.1.0", *names[3:])
    while fleet.state("all").step is not Step.ROLLING_BACK:
        fleet.step()
    fleet.versions.append(make_version("1.2.0"))
    fleet.settle()
    assert fleet.runs("1.2.0") == set(fleet.devices)


def test_an_aborted_ring_stays_so_however_often_it_is_looked_at() -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    fail_on(fleet, "1.1.0", *fleet.devices)
    fleet.settle()
    state = fleet.state("all")
    for _ in range(5):
        fleet.now += 86_400
        fleet.step()
    assert fleet.state("all") == state


def test_a_device_whose_record_was_lost_returns_to_what_lies_in_its_other_slot() -> None:
    fleet = Fleet(
        {"all": make_ring("all", track="^1.1", abort_when=(AbortRule("Any", 0),))},
        [make_version("1.0.0"), make_version("1.1.0")],
        make_devices(2),
    )
    old, bad = (version.artifacts["esp32"].digest for version in fleet.versions)
    fail_on(fleet, "1.1.0", "motor-01")
    fleet.step()
    report = fleet.devices["motor-02"].report
    assert report is not None
    assert report.digest == bad
    fleet.devices["motor-02"] = replace(
        fleet.devices["motor-02"], command=None, last_good=None, report=replace(report, previous=old)
    )
    fleet.settle()
    assert fleet.runs("1.0.0") == {"motor-02"}


def test_a_board_that_was_flashed_and_is_on_its_way_home_holds_its_slot() -> None:
    fleet = make_fleet(4, max_concurrency=1)
    fleet.versions.append(make_version("1.1.0"))
    fleet.step()
    fail_on(fleet, "1.1.0", *(set(fleet.devices) - fleet.runs("1.1.0")))
    for _ in range(10):
        shown = fleet.tell()
        if any(isinstance(effect, SendCommand) and effect.version == "1.0.0" for effect in shown.effects):
            break
        fleet.now += 1
        fleet.act()
    shown = fleet.plan()
    (name,) = [name for name, stand in shown.devices.items() if stand.holds_slot]
    command = fleet.devices[name].command
    assert command is not None
    assert command.version == "1.0.0"
    report = Report(None, command.generation, Progress.WORKING, changed_at=fleet.now)
    fleet.devices[name] = replace(fleet.devices[name], report=report)
    shown = fleet.plan()
    assert shown.devices[name].standing.value == "InProgress"
    assert shown.devices[name].holds_slot
    assert not [effect for effect in shown.effects if isinstance(effect, SendCommand)]
