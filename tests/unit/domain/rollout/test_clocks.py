"""Clocks are separate: queued, commanded, in progress, the ring's own. Who was not reached is not late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.rollout.facts import AbortRule, Progress, Report
from edgefleet.domain.rollout.standing import Standing
from edgefleet.domain.rollout.transitions import Step
from edgefleet.domain.rollout.windows import Period, Window
from support.fleet_facts import Fleet, make_devices, make_ring, make_version


def make_fleet(count: int = 4, **other: object) -> Fleet:
    return Fleet({"all": make_ring("all", track="^1.0", **other)}, [make_version("1.0.0")], make_devices(count))


def say(fleet: Fleet, name: str, progress: Progress, at: float) -> None:
    command = fleet.devices[name].command
    assert command is not None
    fleet.devices[name] = replace(fleet.devices[name], report=Report(None, command.generation, progress, changed_at=at))


def standing(fleet: Fleet, name: str) -> tuple[str, str]:
    stand = fleet.plan().devices[name]
    return stand.standing.value, stand.reason


def test_the_clock_of_the_acknowledgement_runs_from_the_command() -> None:
    fleet = make_fleet(ack_deadline=60.0)
    fleet.now += 5000
    fleet.tell()
    fleet.now += 60
    assert standing(fleet, "motor-01") == ("Commanded", "")
    fleet.now += 1
    assert standing(fleet, "motor-01") == ("TimedOut", "AckTimeout")


def test_a_device_that_waits_for_a_slot_is_not_late() -> None:
    fleet = make_fleet(max_concurrency=1, ack_deadline=60.0, progress_deadline=60.0)
    fleet.tell()
    fleet.now += 86_400
    counts = fleet.plan().rings["all"].counts
    assert counts.of(Standing.TIMED_OUT) == 1
    assert counts.of(Standing.HELD, Standing.COMMANDED) == 3


def test_a_device_that_sleeps_is_not_late_and_its_clock_starts_when_it_wakes() -> None:
    fleet = make_fleet(ack_deadline=60.0)
    fleet.tell()
    fleet.devices["motor-01"] = replace(fleet.devices["motor-01"], online=False, presence_since=fleet.now)
    fleet.now += 90_000
    assert standing(fleet, "motor-01") == ("Offline", "Offline")
    fleet.devices["motor-01"] = replace(fleet.devices["motor-01"], online=True, presence_since=fleet.now)
    fleet.now += 59
    assert standing(fleet, "motor-01") == ("Commanded", "")
    fleet.now += 2
    assert standing(fleet, "motor-01") == ("TimedOut", "AckTimeout")


def test_every_sign_of_progress_starts_its_clock_again() -> None:
    fleet = make_fleet(progress_deadline=30.0)
    fleet.tell()
    for _ in range(20):
        fleet.now += 20
        say(fleet, "motor-01", Progress.WORKING, fleet.now)
        assert standing(fleet, "motor-01")[0] == "InProgress"
    fleet.now += 31
    assert standing(fleet, "motor-01") == ("TimedOut", "ProgressTimeout")


def test_nobody_stays_in_progress_for_ever_without_a_deadline_of_the_users() -> None:
    fleet = make_fleet()
    fleet.tell()
    say(fleet, "motor-01", Progress.WORKING, fleet.now)
    fleet.now += 3600
    assert standing(fleet, "motor-01") == ("TimedOut", "ProgressTimeout")
    assert standing(fleet, "motor-02") == ("TimedOut", "AckTimeout")


def test_a_late_success_counts_after_all() -> None:
    fleet = make_fleet(ack_deadline=60.0)
    fleet.tell()
    fleet.now += 100
    assert standing(fleet, "motor-01")[0] == "TimedOut"
    fleet.act()
    assert standing(fleet, "motor-01") == ("Updated", "")


def test_the_plan_says_when_to_look_again() -> None:
    fleet = make_fleet(ack_deadline=60.0)
    shown = fleet.tell()
    fleet.now += 1
    assert fleet.plan().recheck_at == pytest.approx(1060.0, abs=0.1)
    assert shown.recheck_at is not None


def test_the_rings_deadline_runs_from_the_first_command() -> None:
    night = Window("UTC", (Period("22:00", "06:00"),))
    fleet = make_fleet(ring_deadline=600.0, window=night)
    fleet.now = 12 * 3600.0
    for _ in range(5):
        fleet.step(3600.0)  # hours of waiting for the window
    assert fleet.state("all").step is Step.ROLLING
    fleet.now = 22 * 3600.0 + 1
    fleet.settle()
    assert fleet.state("all").step is Step.PROVED


def test_at_the_deadline_the_silent_count_as_failed_and_the_unasked_are_left_out() -> None:
    late = make_fleet(4, ring_deadline=600.0, success_percent=50, min_sample=2, max_concurrency=2, ack_deadline=500.0)
    late.behave = lambda _device, _artifact: Progress.WORKING
    late.step()
    first = [name for name, _ in late.commands]
    for name in first:
        digest = late.versions[0].artifacts["esp32"].digest
        say(late, name, Progress.DONE, late.now)
        report = late.devices[name].report
        assert report is not None
        late.devices[name] = replace(late.devices[name], report=replace(report, digest=digest))
    for name in set(late.devices) - set(first):
        late.devices[name] = replace(late.devices[name], online=False)
    late.rings["all"] = replace(late.rings["all"], offline_policy="wait", success_percent=100)
    late.step()
    assert late.state("all").step is Step.ROLLING
    late.now += 700
    late.settle()
    assert late.state("all").step is Step.PROVED


def test_a_ring_that_is_not_proved_in_time_stops() -> None:
    fleet = make_fleet(ring_deadline=600.0)
    fleet.behave = lambda _device, _artifact: Progress.WORKING
    fleet.step()
    fleet.now += 700
    fleet.settle()
    abort = fleet.state("all").abort
    assert abort is not None
    assert abort.reason == "DeadlineExceeded"
    assert abort.evidence.startswith("not proved within 600 s: 0 of 4 judged devices updated")


def test_a_deadline_alone_says_nothing_against_the_version() -> None:
    fleet = make_fleet(ring_deadline=600.0)
    fleet.behave = lambda _device, _artifact: Progress.WORKING
    fleet.step()
    fleet.now += 700
    fleet.settle()
    assert fleet.versions[0].quarantine is None


def test_time_in_suspension_does_not_count_against_the_ring() -> None:
    fleet = make_fleet(ring_deadline=600.0)
    fleet.behave = lambda _device, _artifact: Progress.WORKING
    fleet.step()
    fleet.rings["all"] = replace(fleet.rings["all"], suspend=True)
    fleet.step()
    fleet.now += 100_000
    fleet.rings["all"] = replace(fleet.rings["all"], suspend=False)
    fleet.behave = lambda _device, _artifact: Progress.DONE
    for name in fleet.devices:
        fleet.devices[name] = replace(fleet.devices[name], report=None)
    fleet.act()
    fleet.settle()
    assert fleet.state("all").step is Step.PROVED


def test_soak_counts_from_the_moment_the_gate_was_passed_in_this_round() -> None:
    fleet = make_fleet(soak=100.0)
    fleet.step()
    fleet.step(0.0)
    since = fleet.state("all").since
    fleet.now += 99
    fleet.step(0.0)
    assert (fleet.state("all").step, fleet.state("all").since) == (Step.SOAKING, since)
    fleet.now = since + 100
    fleet.step(0.0)
    assert fleet.state("all").step is Step.PROVED
    fleet.versions.append(make_version("1.1.0"))
    fleet.step()
    fleet.step(0.0)
    assert fleet.state("all").step is Step.SOAKING  # the second round soaks like the first
    assert fleet.state("all").since >= since + 100


def test_a_policy_edit_keeps_the_progress_of_a_round() -> None:
    fleet = make_fleet(soak=100.0, max_concurrency=1)
    for _ in range(3):
        fleet.step()
    before = fleet.state("all")
    fleet.rings["all"] = replace(fleet.rings["all"], max_concurrency=3, soak=50.0, generation=2)
    fleet.step()
    assert fleet.state("all").round == before.round
    assert fleet.state("all").started_at == before.started_at
    assert len(fleet.commands) > 3


def test_a_gate_that_is_lost_while_soaking_starts_the_soak_again() -> None:
    fleet = make_fleet(soak=100.0, success_percent=75, abort_when=(AbortRule("Any", 60, 4),))
    fleet.step()
    fleet.step(0.0)
    assert fleet.state("all").step is Step.SOAKING
    for name in ("motor-01", "motor-02"):
        report = fleet.devices[name].report
        assert report is not None
        rolled = replace(report, digest="e" * 64, progress=Progress.ROLLED_BACK)
        fleet.devices[name] = replace(fleet.devices[name], report=rolled)
    fleet.step()
    assert fleet.state("all").step is Step.ROLLING


def test_the_pass_that_commands_asks_to_be_woken_at_the_deadline() -> None:
    fleet = make_fleet(ack_deadline=60.0)
    fleet.step()
    decided = replace(fleet.rings["all"], state=fleet.state("all"))
    fleet.rings["all"] = decided
    fresh = make_fleet(ack_deadline=60.0)
    fresh.rings["all"] = replace(decided, max_concurrency=1)
    shown = fresh.plan()
    assert shown.recheck_at is not None
    assert shown.recheck_at <= fresh.now + 61


def test_who_wakes_or_joins_while_a_ring_soaks_does_not_start_the_soak_over() -> None:
    fleet = make_fleet(soak=100.0)
    fleet.step()
    fleet.step(0.0)
    since = fleet.state("all").since
    fleet.devices["late"] = replace(fleet.devices["motor-01"], name="late", command=None, report=None)
    fleet.tell()
    assert fleet.plan().devices["late"].standing is Standing.COMMANDED
    fleet.now = since + 50
    fleet.tell()
    assert (fleet.state("all").step, fleet.state("all").since) == (Step.SOAKING, since)
    fleet.act()
    fleet.now = since + 100
    fleet.step(0.0)
    assert fleet.state("all").step is Step.PROVED
