"""How fast a ring moves: concurrency, budgets of groups, and one bucket for every path."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from edgefleet.domain.device.selectors import Requirement, Selector
from edgefleet.domain.rollout.bucket import Bucket, next_token_at, refill
from edgefleet.domain.rollout.facts import AbortRule, Command, DeviceFacts, Pin, Progress, Report
from edgefleet.domain.rollout.standing import Standing
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import Fleet, make_device, make_devices, make_ring, make_version


def make_sites(count: int, sites: int = 2, **other: object) -> dict[str, DeviceFacts]:
    names = [f"motor-{number:02}" for number in range(count)]
    return {
        name: make_device(name, labels={"motor": "x", "site": f"site-{index % sites}"}, **other)
        for index, name in enumerate(names)
    }


def make_fleet(devices: dict[str, DeviceFacts], **other: object) -> Fleet:
    return Fleet({"all": make_ring("all", track="^1.0", **other)}, [make_version("1.0.0")], devices)


def test_a_failed_device_holds_no_slot() -> None:
    fleet = make_fleet(make_devices(10), max_concurrency=2, success_percent=50)
    broken = set(list(fleet.devices)[:4])
    fleet.behave = lambda device, _: Progress.FAILED if device.name in broken else Progress.DONE
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices) - broken
    assert fleet.most_in_flight == 2


def test_a_deferred_device_holds_no_slot_and_is_no_failure() -> None:
    fleet = make_fleet(make_devices(6), max_concurrency=1, abort_when=(AbortRule("Any", 0),), success_percent=80)
    later = next(iter(fleet.devices))
    fleet.behave = lambda device, _: Progress.DEFERRED if device.name == later else Progress.DONE
    shown = fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices) - {later}
    assert shown.devices[later].standing is Standing.DEFERRED


def test_a_device_that_vanished_in_the_middle_keeps_its_slot_for_a_while_and_not_for_ever() -> None:
    fleet = make_fleet(make_devices(3), max_concurrency=1, ack_deadline=60.0)
    first = fleet.tell().rings["all"]
    (name,) = [device.name for device, stand in zip(first.devices, first.stands, strict=True) if stand.holds_slot]
    fleet.devices[name] = replace(fleet.devices[name], online=False, presence_since=fleet.now)
    fleet.now += 30
    assert not fleet.plan().effects
    assert fleet.plan().recheck_at == pytest.approx(1060.0, abs=0.1)
    fleet.now += 31
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices) - {name}


def test_offline_devices_use_up_a_budget_unless_they_are_not_to_count() -> None:
    devices = make_sites(8)
    for name in ("motor-00", "motor-02"):
        devices[name] = replace(devices[name], online=False)
    fleet = make_fleet(dict(devices), budget=2, budget_label="site")
    sites = Counter(fleet.devices[name].labels["site"] for name in _told(fleet))
    assert sites == {"site-1": 2}
    fleet = make_fleet(dict(devices), budget=2, budget_label="site", budget_counts_offline=False)
    assert Counter(fleet.devices[name].labels["site"] for name in _told(fleet)) == {"site-0": 2, "site-1": 2}


def _told(fleet: Fleet) -> list[str]:
    fleet.tell()
    return [name for name, _ in fleet.commands]


def test_a_budget_of_a_percentage_is_at_least_one_in_each_group() -> None:
    fleet = make_fleet(make_sites(9, 3), budget=0.1, budget_label="site")
    assert Counter(fleet.devices[name].labels["site"] for name in _told(fleet)) == dict.fromkeys(
        ("site-0", "site-1", "site-2"), 1
    )


def test_failed_devices_do_not_use_up_a_budget() -> None:
    fleet = make_fleet(make_sites(8), budget=1, budget_label="site", success_percent=50)
    broken = {"motor-00", "motor-01", "motor-02"}
    fleet.behave = lambda device, _: Progress.FAILED if device.name in broken else Progress.DONE
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices) - broken


def test_a_pinned_device_that_is_being_changed_uses_up_its_sites_budget() -> None:
    fleet = make_fleet(make_sites(6, 1), budget=1, budget_label="site")
    fleet.versions.append(make_version("0.9.0"))
    fleet.devices["motor-03"] = replace(fleet.devices["motor-03"], pin=Pin("0.9.0"))
    fleet.tell()
    assert [name for name, version in fleet.commands if version == "0.9.0"] == ["motor-03"]
    fleet.now += 1
    del fleet.commands[:]
    in_flight = [name for name, device in fleet.devices.items() if device.command is not None]
    assert len(in_flight) == 2  # told in one pass, before the pin's was in flight
    fleet.tell()
    assert fleet.commands == []


def test_concurrency_bounds_going_back_as_well() -> None:
    fleet = make_fleet(make_devices(8), max_concurrency=2)
    fleet.settle()
    fleet.versions.append(make_version("1.1.0"))
    fleet.settle()
    fleet.most_in_flight = 0
    fleet.versions.pop()
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    assert fleet.most_in_flight == 2


def test_it_is_not_always_the_same_device_that_goes_first() -> None:
    fleet = make_fleet(make_devices(40), max_concurrency=1)
    firsts = set()
    for number in range(1, 6):
        del fleet.commands[:]
        fleet.versions.append(make_version(f"1.{number}.0"))
        fleet.settle(most=100)
        firsts.add(fleet.commands[0][0])
    assert len(firsts) > 1


def test_a_bucket_is_empty_at_first_and_holds_ten_seconds_worth() -> None:
    assert refill(None, 60, 100.0) == Bucket(0.0, 100.0)
    assert refill(Bucket(0.0, 100.0), 60, 105.0).tokens == pytest.approx(5.0)
    assert refill(Bucket(0.0, 100.0), 60, 9999.0).tokens == pytest.approx(10.0)
    assert refill(Bucket(0.0, 0.0), 1, 9999.0).tokens == 1.0
    assert refill(Bucket(3.0, 100.0), 60, 50.0) == Bucket(3.0, 100.0)  # a clock that went back gives nothing
    assert next_token_at(Bucket(0.25, 100.0), 60) == pytest.approx(100.75)
    assert next_token_at(Bucket(2.0, 100.0), 60) == 100.0


def commands_in(fleet: Fleet, seconds: int) -> list[int]:
    numbers = []
    for _ in range(seconds):
        before = len(fleet.commands)
        fleet.step()
        numbers.append(len(fleet.commands) - before)
    return numbers


def test_a_ring_keeps_to_its_rate() -> None:
    fleet = make_fleet(make_devices(60), rate_per_minute=120)
    numbers = commands_in(fleet, 40)
    assert sum(numbers) == 60
    assert max(numbers) <= 3
    assert all(sum(numbers[start : start + 10]) <= 20 + 20 for start in range(30))


def test_a_ring_that_waits_for_its_rate_says_so_and_when() -> None:
    fleet = make_fleet(make_devices(60), rate_per_minute=30)
    fleet.step()
    fleet.step()
    fleet.behave = lambda _device, _artifact: Progress.DONE
    shown = fleet.plan()
    held = {stand.reason for stand in shown.devices.values() if stand.standing is Standing.HELD}
    assert held == {"RateReached"}
    assert shown.recheck_at == pytest.approx(fleet.now + 2, abs=1.1)


def test_one_bucket_bounds_every_path_late_joiners_pins_and_reconnects_included() -> None:
    fleet = make_fleet(make_devices(30))
    fleet.rate = 60
    fleet.versions.append(make_version("0.9.0"))
    for name in list(fleet.devices)[:10]:
        fleet.devices[name] = replace(fleet.devices[name], pin=Pin("0.9.0"))
    for name in list(fleet.devices)[20:]:
        fleet.devices[name] = replace(fleet.devices[name], online=False)
    numbers = commands_in(fleet, 15)
    for name in list(fleet.devices)[20:]:
        fleet.devices[name] = replace(fleet.devices[name], online=True, presence_since=fleet.now)
    fleet.devices |= {f"late-{number}": make_device(f"late-{number}") for number in range(10)}
    numbers += commands_in(fleet, 40)
    assert len(fleet.commands) == 40
    assert all(sum(numbers[start : start + 10]) <= 10 + 10 for start in range(len(numbers) - 10))


def test_going_back_comes_before_going_forward_where_the_rate_is_short() -> None:
    line = Selector((Requirement("line", "Exists"),))
    fleet = make_fleet(make_devices(4), abort_when=(AbortRule("Any", 0),))
    fleet.settle()
    fleet.versions.append(make_version("1.1.0"))
    bad = make_version("1.1.0").artifacts["esp32"]
    fleet.behave = lambda device, artifact: (
        Progress.FAILED if artifact == bad and device.name == "motor-01" else Progress.DONE
    )
    fleet.step()
    fleet.rings["aaa"] = make_ring("aaa", pin="1.0.0", selector=line)  # planned before the other
    fleet.devices |= {f"new-{number}": make_device(f"new-{number}", labels={"line": "z"}) for number in range(6)}
    fleet.rate = 60
    del fleet.commands[:]
    for _ in range(6):
        fleet.step()
    assert [name[:5] for name, _ in fleet.commands[:3]] == ["motor"] * 3
    assert fleet.commands[3][0].startswith("new-")


def test_a_settled_device_costs_no_token() -> None:
    fleet = make_fleet(make_devices(5))
    digest = fleet.versions[0].artifacts["esp32"].digest
    fleet.devices = {
        name: replace(device, report=Report(digest, 1, Progress.DONE)) for name, device in fleet.devices.items()
    }
    fleet.rate = 60
    fleet.step()
    fleet.now += 5
    before = fleet.plan().buckets[""]
    fleet.step()
    assert fleet.last is not None
    assert fleet.last.buckets[""].tokens >= before.tokens


def test_a_device_at_a_command_that_nobody_recorded_holds_a_slot() -> None:
    fleet = make_fleet(make_devices(4), max_concurrency=1)
    busy = Report(None, 7 << 32, Progress.WORKING, changed_at=fleet.now)
    fleet.devices["motor-02"] = replace(fleet.devices["motor-02"], report=busy)
    fleet.tell()
    assert [name for name, _ in fleet.commands] in ([], ["motor-02"])


@pytest.mark.parametrize("progress", [Progress.DONE, Progress.FAILED, Progress.ROLLED_BACK, Progress.NONE])
def test_a_device_that_was_told_to_keep_what_it_runs_needs_a_slot_for_the_next_command(progress: Progress) -> None:
    fleet = make_fleet(make_devices(2), max_concurrency=1)
    fleet.versions.append(make_version("1.1.0"))
    old = fleet.versions[0].artifacts["esp32"].digest
    keep = Command("anomaly", "1.0.0", old, 9, 10.0, "all")
    for name, device in fleet.devices.items():
        report = Report(old, 5, progress, changed_at=5.0)
        fleet.devices[name] = replace(device, ring="all", command=keep, report=report)
    fleet.tell()
    assert len(fleet.commands) == 1


def test_late_joiners_of_a_proved_ring_keep_to_its_rate() -> None:
    fleet = make_fleet(make_devices(2), rate_per_minute=60)
    for _ in range(10):
        fleet.step()
    assert fleet.state("all").step is Step.PROVED
    fleet.devices |= {f"late-{number:02}": make_device(f"late-{number:02}") for number in range(40)}
    numbers = commands_in(fleet, 45)
    assert sum(numbers) == 40
    assert all(sum(numbers[start : start + 10]) <= 10 + 10 for start in range(35))
