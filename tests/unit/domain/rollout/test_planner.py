"""Whole rollouts, planned: each test is one rule, with a fleet in memory that does what it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.rollout.facts import AbortRule, Pin, Progress, Report, RingFacts, Step
from edgefleet.domain.rollout.planner import plan
from edgefleet.domain.rollout.windows import Period, Window
from support.fleet_facts import Fleet, make_device, make_devices, make_ring, make_version


def two_rings(**rest: object) -> dict[str, RingFacts]:
    return {
        "canary": make_ring("canary", track="^1.0", limit=3, min_sample=3, abort_when=(AbortRule("Any", 0),)),
        "rest": make_ring("rest", after=("canary",), **rest),
    }


def make_fleet(count: int = 12, **rest: object) -> Fleet:
    return Fleet(two_rings(**rest), [make_version("1.0.0")], make_devices(count))


def test_the_canary_goes_first_and_the_rest_follows_what_it_proved() -> None:
    fleet = make_fleet()
    fleet.step()
    assert len(fleet.commands) == 3
    fleet.settle()
    first = {device for device, _ in fleet.commands[:3]}
    assert fleet.runs("1.0.0") == set(fleet.devices)
    assert {fleet.devices[name].ring for name in first} == {"canary"}
    assert fleet.state("canary").step is fleet.state("rest").step is Step.PROVED


def test_a_plan_is_a_fixed_point_when_nothing_changes() -> None:
    fleet = make_fleet()
    fleet.settle()
    assert fleet.plan().effects == ()
    fleet.now += 86_400
    assert fleet.plan().effects == ()


def test_the_order_of_devices_and_rings_is_irrelevant() -> None:
    fleet = make_fleet()
    before = fleet.plan()
    fleet.devices = dict(reversed(fleet.devices.items()))
    fleet.rings = dict(reversed(fleet.rings.items()))
    assert fleet.plan().effects == before.effects


def test_no_ring_moves_before_its_predecessors_have_proved() -> None:
    fleet = make_fleet()
    fleet.behave = lambda _device, _artifact: Progress.WORKING
    for _ in range(5):
        fleet.step()
    shown = fleet.plan()
    assert len(fleet.commands) == 3
    assert shown.rings["rest"].waits == "canary to prove a version"


def test_concurrency_is_never_exceeded() -> None:
    fleet = make_fleet(max_concurrency=0.25)
    fleet.settle()
    assert fleet.most_in_flight == 3
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_budget_counts_every_group_by_itself() -> None:
    devices = {
        name: replace(device, labels={"motor": "x", "line": "ab"[index % 2]})
        for index, (name, device) in enumerate(make_devices(8).items())
    }
    ring = make_ring("all", pin="1.0.0", budget=1, budget_label="line")
    fleet = Fleet({"all": ring}, [make_version("1.0.0")], devices)
    shown = fleet.step()
    assert len(fleet.commands) == 2
    assert {fleet.devices[name].labels["line"] for name, _ in fleet.commands} == {"a", "b"}
    assert sum(device.reason == "BudgetSpent" for device in shown.devices.values()) == 6
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_failing_canary_stops_the_rollout_and_goes_back() -> None:
    fleet = make_fleet()
    fleet.settle()
    fleet.versions.append(make_version("1.1.0"))
    bad = make_version("1.1.0").artifacts["esp32"]
    failing = min(name for name, device in fleet.devices.items() if device.ring == "canary")
    fleet.behave = lambda device, artifact: (
        Progress.FAILED if artifact == bad and device.name == failing else Progress.DONE
    )
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    assert fleet.state("canary").step is Step.ABORTED
    assert fleet.state("canary").history[0].outcome == "RolledBack"
    assert fleet.state("rest").target == fleet.state("canary").stable
    assert not {name for name, version in fleet.commands if version == "1.1.0"} - {
        name for name, device in fleet.devices.items() if device.ring == "canary"
    }


def test_an_abort_is_final_until_the_ring_changes_or_a_new_token_asks() -> None:
    fleet = make_fleet()
    fleet.behave = lambda _device, _artifact: Progress.FAILED
    fleet.settle()
    assert fleet.state("canary").step is Step.ABORTED
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.settle()
    assert fleet.runs("1.0.0") == set()
    fleet.rings["canary"] = replace(fleet.rings["canary"], tokens={"retry": "once more"})
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    assert fleet.plan().effects == ()


def test_editing_an_aborted_ring_starts_another_round() -> None:
    fleet = make_fleet()
    fleet.behave = lambda _device, _artifact: Progress.FAILED
    fleet.fault = "DownloadFailed"
    fleet.settle()
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.rings["canary"] = replace(fleet.rings["canary"], generation=2)
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_revert_takes_exactly_the_moved_devices_back_without_soaking() -> None:
    fleet = make_fleet()
    fleet.rings["canary"] = replace(fleet.rings["canary"], soak=30.0)
    fleet.step(0.0)
    for _ in range(50):
        fleet.step()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    fleet.versions.append(make_version("1.1.0"))
    fleet.step()
    fleet.step()
    moved = fleet.runs("1.1.0")
    assert len(moved) == 3
    del fleet.commands[:]
    fleet.versions.pop()
    for _ in range(4):
        fleet.step()
    assert {name for name, _ in fleet.commands} == moved
    assert fleet.state("canary").step is Step.PROVED
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_soaking_takes_its_time_and_says_when_to_look_again() -> None:
    fleet = make_fleet()
    fleet.rings["canary"] = replace(fleet.rings["canary"], soak=60.0)
    for _ in range(3):
        fleet.step()
    shown = fleet.step()
    assert fleet.state("canary").step is Step.SOAKING
    assert shown.recheck_at is not None
    assert shown.recheck_at > fleet.now
    fleet.now = shown.recheck_at
    fleet.step()
    assert fleet.state("canary").step is Step.PROVED


@pytest.mark.parametrize("online", [False, True])
def test_an_empty_or_unreachable_ring_never_passes_by_having_no_failures(online: bool) -> None:
    fleet = make_fleet(0 if online else 5)
    fleet.devices = {name: replace(device, online=False) for name, device in fleet.devices.items()}
    for _ in range(3):
        fleet.step()
    shown = fleet.plan()
    assert fleet.state("canary").step is Step.ROLLING
    assert shown.rings["canary"].reason == "RingEmpty"
    assert not fleet.commands


def test_a_ring_may_be_told_to_skip_when_it_is_empty() -> None:
    fleet = make_fleet(0)
    fleet.rings["canary"] = replace(fleet.rings["canary"], on_empty="skip")
    fleet.devices = {}
    fleet.settle()
    assert fleet.state("canary").step is Step.PROVED


def test_the_minimal_sample_is_capped_at_the_rings_size() -> None:
    fleet = Fleet({"all": make_ring("all", pin="1.0.0", min_sample=50)}, [make_version("1.0.0")], make_devices(4))
    fleet.settle()
    assert fleet.state("all").step is Step.PROVED


def test_a_device_without_an_artifact_for_its_class_is_rejected_not_failed() -> None:
    fleet = make_fleet()
    other = make_device("other", device_class="esp32-s3")
    fleet.devices["other"] = other
    shown = fleet.settle()
    stand = shown.devices["other"]
    assert (stand.standing, stand.reason) == ("Rejected", "NoArtifact")
    assert fleet.state("rest").step is Step.PROVED
    assert "other" not in {name for name, _ in fleet.commands}


def test_a_version_that_is_not_verified_is_waited_for_and_named() -> None:
    fleet = make_fleet()
    fleet.versions = [replace(make_version("1.0.0", verified=False), problem="signed by an unknown key")]
    shown = fleet.settle()
    assert shown.rings["canary"].reason == "VersionNotVerified"
    assert "signed by an unknown key" in shown.rings["canary"].waits
    assert not fleet.commands


def test_a_worse_version_beside_a_good_one_changes_nothing() -> None:
    fleet = make_fleet()
    fleet.settle()
    sent = len(fleet.commands)
    fleet.versions.append(make_version("1.1.0", verified=False))
    fleet.settle()
    assert len(fleet.commands) == sent


def test_a_suspended_ring_starts_nothing_and_keeps_a_proof() -> None:
    fleet = make_fleet()
    fleet.settle()
    fleet.rings["canary"] = replace(fleet.rings["canary"], suspend=True)
    fleet.settle()
    assert fleet.state("canary").step is Step.PROVED
    fleet.versions.append(make_version("1.1.0"))
    fleet.settle()
    assert fleet.runs("1.1.0") == set()
    assert fleet.state("canary").step is Step.SUSPENDED
    fleet.rings["canary"] = replace(fleet.rings["canary"], suspend=False)
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_a_round_waits_for_its_approval_and_every_round_for_its_own() -> None:
    fleet = make_fleet()
    fleet.rings["canary"] = replace(fleet.rings["canary"], needs_approval=True)
    shown = fleet.settle()
    assert shown.rings["canary"].reason == "ApprovalMissing"
    fleet.rings["canary"] = replace(fleet.rings["canary"], tokens={"approve": "anna"})
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    fleet.versions.append(make_version("1.1.0"))
    fleet.settle()
    assert fleet.runs("1.1.0") == set()
    fleet.rings["canary"] = replace(fleet.rings["canary"], tokens={"approve": "anna, 1.1.0"})
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_a_pinned_device_keeps_its_version_whatever_its_ring_does() -> None:
    fleet = make_fleet()
    fleet.versions.append(make_version("1.1.0"))
    fleet.devices["motor-05"] = replace(fleet.devices["motor-05"], pin=Pin("1.0.0"))
    fleet.settle()
    assert fleet.runs("1.0.0") == {"motor-05"}
    assert fleet.runs("1.1.0") == set(fleet.devices) - {"motor-05"}
    fleet.devices["motor-05"] = replace(fleet.devices["motor-05"], pin=None)
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_a_window_holds_devices_until_it_opens() -> None:
    night = Window("UTC", (Period("22:00", "06:00"),))
    ring = make_ring("all", pin="1.0.0", window=night)
    fleet = Fleet({"all": ring}, [make_version("1.0.0")], make_devices(2), now=12 * 3600.0)
    shown = fleet.settle()
    assert shown.rings["all"].reason == "WindowClosed"
    assert shown.recheck_at == pytest.approx(22 * 3600.0, abs=1)
    fleet.now = 23 * 3600.0
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_device_asleep_is_not_timed_out_before_it_was_reached() -> None:
    fleet = make_fleet(ack_deadline=5.0, progress_deadline=5.0)
    fleet.devices["motor-04"] = replace(fleet.devices["motor-04"], online=False)
    fleet.settle()
    fleet.now += 86_400
    shown = fleet.settle()
    stand = shown.devices["motor-04"]
    assert stand.standing == "Offline"
    fleet.devices["motor-04"] = replace(fleet.devices["motor-04"], online=True, presence_since=fleet.now)
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_silent_device_that_is_online_is_timed_out() -> None:
    fleet = make_fleet()
    fleet.rings["canary"] = replace(fleet.rings["canary"], ack_deadline=5.0)
    fleet.act = lambda: None  # type: ignore[method-assign]
    fleet.step(10.0)
    shown = fleet.step(10.0)
    assert "3 of 3 judged devices failed" in shown.rings["canary"].turn.evidence
    fleet.step()
    assert fleet.state("canary").step is Step.ABORTED


def test_a_device_that_already_runs_the_target_is_adopted_without_a_command() -> None:
    fleet = make_fleet()
    digest = fleet.versions[0].artifacts["esp32"].digest
    fleet.devices = {
        name: replace(device, report=Report(digest, 7 << 32, Progress.DONE)) for name, device in fleet.devices.items()
    }
    fleet.settle()
    assert fleet.commands == []
    assert fleet.state("rest").step is Step.PROVED


def test_devices_that_join_later_are_updated_without_another_proof() -> None:
    fleet = make_fleet()
    fleet.settle()
    proven = fleet.state("rest").proven
    fleet.devices["late"] = make_device("late")
    fleet.settle()
    assert "late" in fleet.runs("1.0.0")
    assert fleet.state("rest").proven == proven


def test_a_limited_ring_keeps_its_devices_when_others_join() -> None:
    fleet = make_fleet(4)
    fleet.settle()
    canary = {name for name, device in fleet.devices.items() if device.ring == "canary"}
    fleet.devices |= {f"new-{number}": make_device(f"new-{number}") for number in range(40)}
    fleet.settle()
    assert {name for name, device in fleet.devices.items() if device.ring == "canary"} == canary


def test_without_the_broker_nothing_is_decided() -> None:
    fleet = make_fleet()
    shown = fleet.plan()
    assert shown.effects
    cut = replace(fleet.facts(), connected=False)
    held = plan(cut, fleet.now)
    assert held.effects == ()
    assert held.rings["canary"].waits == "the broker to be reachable"


def test_a_crash_after_any_effect_converges_to_the_same_end() -> None:
    whole = make_fleet(max_concurrency=2)
    whole.settle()
    for crash in range(40):
        fleet = make_fleet(max_concurrency=2)
        happened = 0
        for _ in range(40):
            for effect in fleet.plan().effects:
                fleet.run(effect)
                happened += 1
                if happened == crash:
                    break  # the rest of this pass never happens
            fleet.now += 1
            fleet.act()
        assert fleet.runs("1.0.0") == set(fleet.devices), crash
        assert fleet.state("rest").step is Step.PROVED, crash
        assert len(fleet.commands) == len(whole.commands), crash
