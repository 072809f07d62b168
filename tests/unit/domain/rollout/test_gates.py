"""Promotion on outcome, abort as it happens, and the figures that both stand on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgefleet.domain.rollout.facts import AbortRule, Progress, RingFacts
from edgefleet.domain.rollout.gates import Tally, find_abort, judge_gate, wilson_low
from edgefleet.domain.rollout.standing import STANDINGS, Standing
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import Fleet, make_device, make_devices, make_ring, make_version


def count(**numbers: int) -> Tally:
    return Tally({Standing[name.upper()]: number for name, number in numbers.items()})


def gate(**other: object) -> RingFacts:
    return make_ring("ring", **other)


@pytest.mark.parametrize(
    ("ring", "counts", "want"),
    [
        pytest.param(gate(), count(updated=3), "", id="everybody succeeded"),
        pytest.param(gate(), count(updated=2, failed=1), "GateNotPassed", id="completion alone is no success"),
        pytest.param(gate(success_percent=60), count(updated=2, failed=1), "", id="two of three are 60 %"),
        pytest.param(gate(success_percent=67), count(updated=2, failed=1), "GateNotPassed", id="but not 67 %"),
        pytest.param(gate(success_percent=50), count(updated=1, held=9), "GateNotPassed", id="the open may still fail"),
        pytest.param(gate(success_percent=90), count(updated=9, held=1), "", id="passed whatever becomes of the last"),
        pytest.param(gate(min_sample=5), count(updated=3), "", id="the sample is capped at the ring's size"),
        pytest.param(gate(min_sample=5), count(updated=3, rejected=4), "", id="and rejected ones are not of its size"),
        pytest.param(gate(min_sample=5), count(updated=3, offline=4), "GateNotPassed", id="but offline ones are"),
        pytest.param(gate(), count(rejected=4), "RingEmpty", id="nobody can take it"),
        pytest.param(gate(), count(offline=4), "RingEmpty", id="nobody is there"),
        pytest.param(gate(), count(excluded=4), "RingEmpty", id="everybody is left alone"),
        pytest.param(gate(), count(conflict=4), "RingEmpty", id="everybody is paused"),
        pytest.param(gate(), count(), "RingEmpty", id="no device at all"),
        pytest.param(gate(on_empty="skip"), count(rejected=4), "", id="unless it may be skipped"),
        pytest.param(gate(on_empty="skip"), count(held=1), "GateNotPassed", id="skip is for empty rings"),
        pytest.param(gate(), count(updated=3, deferred=1), "GateNotPassed", id="deferred is no outcome"),
        pytest.param(gate(), count(updated=3, rejected=1), "", id="a device that cannot take it does not count"),
    ],
)  # fmt: skip
def test_a_gate_judges_outcomes(ring: RingFacts, counts: Tally, want: str) -> None:
    verdict = judge_gate(ring, counts)
    assert verdict.reason == want
    assert verdict.passed == (not want)


def test_offline_devices_are_left_out_counted_or_waited_for_as_the_ring_says() -> None:
    by_standing = {Standing.UPDATED: 3, Standing.OFFLINE: 1}
    assert judge_gate(gate(), Tally(by_standing)).passed
    assert not judge_gate(gate(), Tally(by_standing, offline_counts=True)).passed
    assert not judge_gate(gate(), Tally(by_standing, offline_waits=True)).passed
    assert judge_gate(gate(success_percent=75), Tally(by_standing, offline_waits=True)).passed


@pytest.mark.parametrize(
    ("rule", "counts", "fires"),
    [
        (AbortRule("Any", 0), count(failed=1, held=99), True),
        (AbortRule("Any", 10, 10), count(failed=1, updated=3, held=96), False),
        (AbortRule("Any", 10, 10), count(failed=2, updated=8, held=90), True),
        (AbortRule("Any", 10, 10), count(failed=1, updated=9, held=90), False),
        (AbortRule("Any", 10, 100), count(failed=9, updated=1, held=90), True),  # certain long before the sample
        (AbortRule("Any", 10, 100), count(failed=1, updated=2), True),  # the whole ring is judged
        (AbortRule("Any", 10, 100), count(failed=1, updated=2, rejected=9), True),
        (AbortRule("Failed", 10), count(timed_out=5, updated=5), False),
        (AbortRule("TimedOut", 10), count(timed_out=5, updated=5), True),
        (AbortRule("RolledBack", 10), count(rolled_back=5, updated=5), True),
        (AbortRule("Any", 10), count(timed_out=2, failed=2, rolled_back=1, updated=5), True),
        (AbortRule("Any", 0), count(rejected=50, deferred=50), False),
    ],
)  # fmt: skip
def test_abort_is_judged_with_every_outcome(rule: AbortRule, counts: Tally, fires: bool) -> None:
    assert bool(find_abort(gate(abort_when=(rule,)), counts)) is fires


def test_the_wilson_bound_is_the_textbooks() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, and 0 of 20.
    assert wilson_low(81, 263) == pytest.approx(0.2553, abs=5e-5)
    assert wilson_low(0, 20) == 0.0
    assert wilson_low(15, 148) == pytest.approx(0.0624, abs=5e-5)
    assert all(wilson_low(k, 50) < k / 50 for k in range(1, 51))
    assert not math.isnan(wilson_low(1, 1))


def test_what_standings_count_as_is_one_table() -> None:
    assert set(STANDINGS) == set(Standing)
    for meaning in STANDINGS.values():
        assert not (meaning.judged and meaning.open)
        assert meaning.judged or not meaning.failure
        assert meaning.open or not meaning.in_flight
        assert meaning.eligible or not (meaning.judged or meaning.open)


def test_the_gate_of_a_ring_is_its_own_and_not_the_next_ones() -> None:
    rings = {
        "canary": make_ring("canary", track="^1.0", limit=4, success_percent=50),
        "rest": make_ring("rest", after=("canary",), success_percent=100),
    }
    fleet = Fleet(rings, [make_version("1.0.0")], make_devices(8))
    names = set(sorted(device.name for device in fleet.plan().rings["canary"].devices)[:2])
    fleet.behave = lambda device, _: Progress.FAILED if device.name in names else Progress.DONE
    fleet.settle()
    assert fleet.state("canary").step is Step.PROVED
    assert fleet.state("rest").step is Step.PROVED


def test_an_abort_comes_while_the_round_still_runs() -> None:
    ring = make_ring("all", pin="1.0.0", max_concurrency=2, abort_when=(AbortRule("Any", 20, 5),))
    fleet = Fleet({"all": ring}, [make_version("1.0.0")], make_devices(100))
    fleet.behave = lambda _device, _artifact: Progress.FAILED
    fleet.settle()
    assert fleet.state("all").step is Step.ABORTED
    assert len(fleet.commands) <= 6


def test_the_decision_keeps_its_evidence() -> None:
    ring = make_ring("all", pin="1.0.0", abort_when=(AbortRule("Any", 10, 2),))
    fleet = Fleet({"all": ring}, [make_version("1.0.0")], make_devices(4))
    fleet.behave = lambda _device, _artifact: Progress.FAILED
    fleet.fault = "SelfTestFailed"
    fleet.settle()
    abort = fleet.state("all").abort
    assert abort is not None
    assert (abort.reason, abort.failed, abort.judged) == ("TooManyFailures", 4, 4)
    assert abort.reasons == ("SelfTestFailed",)
    assert abort.evidence == "4 of 4 judged devices failed, more than 10 %"


@pytest.mark.parametrize("online", [False, True])
def test_a_canary_without_anybody_to_judge_holds_the_whole_chain(online: bool) -> None:
    """An all-offline and an all-incompatible canary."""
    rings = {"canary": make_ring("canary", track="^1.0", limit=2), "rest": make_ring("rest", after=("canary",))}
    fleet = Fleet(rings, [make_version("1.0.0")], make_devices(6))
    unfit = {"online": False} if not online else {"device_class": "other"}
    for device in fleet.plan().rings["canary"].devices:
        fleet.devices[device.name] = replace(device, ring="canary", **unfit)  # type: ignore[arg-type]
    for _ in range(5):
        fleet.step(100_000.0)
    assert fleet.plan().rings["canary"].reason == "RingEmpty"
    assert fleet.commands == []


def test_a_proof_is_not_taken_back_by_a_broken_device_that_joins_late() -> None:
    ring = make_ring("all", pin="1.0.0", abort_when=(AbortRule("Any", 0),))
    fleet = Fleet({"all": ring}, [make_version("1.0.0")], make_devices(4))
    fleet.settle()
    fleet.behave = lambda _device, _artifact: Progress.FAILED
    fleet.devices["late"] = make_device("late")
    shown = fleet.settle()
    assert fleet.state("all").step is Step.PROVED
    assert shown.rings["all"].counts.of(Standing.FAILED) == 1
    assert len(fleet.runs("1.0.0")) == 4


def test_success_does_not_fire_again_with_every_pass() -> None:
    fleet = Fleet({"all": make_ring("all", pin="1.0.0")}, [make_version("1.0.0")], make_devices(4))
    fleet.settle()
    told = [fleet.step().effects for _ in range(5)]
    assert told == [()] * 5
    assert len(fleet.state("all").proven) == 1


def test_a_gate_that_was_passed_is_lost_by_failures_alone() -> None:
    ring = gate(success_percent=60, min_sample=3)
    assert not judge_gate(ring, count(updated=2, offline=1)).passed
    assert judge_gate(ring, count(updated=2, offline=1), passed=True).passed
    assert judge_gate(ring, count(updated=2, held=9), passed=True).passed
    assert not judge_gate(ring, count(updated=2, failed=2), passed=True).passed
    assert not judge_gate(ring, count(offline=3), passed=True).passed
