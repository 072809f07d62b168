"""Gates beyond success: figures of devices and of the drift monitor, a control ring, and the shadow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.device.selectors import Requirement, Selector
from edgefleet.domain.rollout.facts import MetricGate, ShadowFigures, ShadowRule
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import Fleet, make_device, make_devices, make_ring, make_version


def make_fleet(*gates: MetricGate, **other: object) -> Fleet:
    ring = make_ring("all", track="^1.0", metrics=gates, **other)
    return Fleet({"all": ring}, [make_version("1.0.0")], make_devices(4))


def run(fleet: Fleet, steps: int = 4) -> None:
    for _ in range(steps):
        fleet.step()


def measure(fleet: Fleet, **other: object) -> None:
    for name, device in fleet.devices.items():
        if device.report is not None:
            fleet.devices[name] = replace(device, report=replace(device.report, **other))  # type: ignore[arg-type]


def put(fleet: Fleet, metric: str, value: float, ring: str = "all") -> None:
    target = fleet.state(ring).target
    assert target is not None
    fleet.figures[ring, target.digest, metric] = value


def test_a_figure_that_nobody_has_holds_the_ring() -> None:
    fleet = make_fleet(MetricGate("alertRate", max=0.1))
    run(fleet)
    shown = fleet.plan().rings["all"]
    assert (fleet.state("all").step, shown.reason) == (Step.GATING, "GateUnreachable")
    assert shown.waits == "its gate: nobody knows alertRate of all"
    put(fleet, "alertRate", 0.1)
    run(fleet)
    assert fleet.state("all").step is Step.PROVED


def test_a_figure_out_of_bounds_holds_and_says_so() -> None:
    fleet = make_fleet(MetricGate("drift", max=0.2))
    run(fleet)
    put(fleet, "drift", 0.25)
    run(fleet)
    assert fleet.state("all").step is Step.GATING
    assert fleet.plan().rings["all"].waits == "its gate: drift 0.25, at most 0.2 wanted"


def test_a_figure_that_stays_out_of_bounds_stops_the_ring_at_its_deadline_and_blames_the_version() -> None:
    fleet = make_fleet(MetricGate("drift", max=0.2), ring_deadline=600.0)
    run(fleet)
    put(fleet, "drift", 0.25)
    fleet.now += 700
    run(fleet)
    assert fleet.state("all").step is Step.ABORTED
    assert fleet.versions[0].quarantine is not None


def test_a_monitor_that_is_away_until_the_deadline_blames_nobody() -> None:
    fleet = make_fleet(MetricGate("drift", max=0.2), ring_deadline=600.0)
    run(fleet)
    fleet.now += 700
    run(fleet)
    assert fleet.state("all").step is Step.ABORTED
    assert fleet.versions[0].quarantine is None


def test_a_figure_of_another_version_is_no_figure() -> None:
    fleet = make_fleet(MetricGate("alertRate", max=0.1))
    run(fleet)
    put(fleet, "alertRate", 0.05)
    run(fleet)
    fleet.versions.append(make_version("1.1.0"))
    run(fleet)
    assert fleet.state("all").step is Step.GATING


@pytest.mark.parametrize(("passed", "want"), [(True, Step.PROVED), (False, Step.GATING)])
def test_self_tests_come_from_what_the_devices_report(passed: bool, want: Step) -> None:
    fleet = make_fleet(MetricGate("selfTestFailures", max=0.0))
    run(fleet)
    assert fleet.plan().rings["all"].reason == "GateUnreachable"
    measure(fleet, self_test_passed=True)
    name = "motor-02"
    last = fleet.devices[name].report
    assert last is not None
    fleet.devices[name] = replace(fleet.devices[name], report=replace(last, self_test_passed=passed))
    run(fleet)
    assert fleet.state("all").step is want


@pytest.mark.parametrize(("latency", "want"), [(1100, Step.PROVED), (1300, Step.GATING)])
def test_a_figure_may_be_compared_with_a_control_ring(latency: int, want: Step) -> None:
    other = Selector((Requirement("line", "Exists"),))
    fleet = make_fleet(MetricGate("latency", max_ratio=1.2, control="old"))
    fleet.rings["old"] = make_ring("old", pin="0.9.0", selector=other)
    fleet.versions.append(make_version("0.9.0"))
    fleet.devices |= {f"old-{number}": make_device(f"old-{number}", labels={"line": "x"}) for number in range(3)}
    run(fleet)
    assert fleet.plan().rings["all"].reason == "GateUnreachable"
    measure(fleet, latency_us=1000)
    for name in list(fleet.devices)[:4]:
        last = fleet.devices[name].report
        assert last is not None
        fleet.devices[name] = replace(fleet.devices[name], report=replace(last, latency_us=latency))
    run(fleet)
    assert fleet.state("all").step is want


def make_shadowed(**other: object) -> Fleet:
    fleet = make_fleet(shadow=ShadowRule(100, 5), **other)
    fleet.step()
    return fleet


def compare(fleet: Fleet, windows: int, disagreements: int) -> None:
    target = fleet.state("all").target
    assert target is not None
    fleet.shadows["all", target.digest] = ShadowFigures(windows, disagreements)


def test_a_candidate_scores_in_the_shadow_before_anything_moves() -> None:
    fleet = make_shadowed()
    shown = fleet.plan().rings["all"]
    assert (shown.reason, fleet.commands) == ("ShadowUnreachable", [])
    assert shown.shadowing == fleet.state("all").target
    compare(fleet, 40, 1)
    run(fleet)
    assert fleet.plan().rings["all"].waits == "the shadow: 1 of 40 windows decided otherwise, 100 windows wanted"
    compare(fleet, 100, 5)
    run(fleet)
    assert fleet.state("all").step is Step.PROVED
    assert fleet.plan().rings["all"].shadowing is None


def test_a_candidate_that_disagrees_is_stopped_before_anything_moves() -> None:
    fleet = make_shadowed()
    compare(fleet, 40, 6)
    run(fleet)
    abort = fleet.state("all").abort
    assert abort is not None
    assert (fleet.state("all").step, abort.reason, fleet.commands) == (Step.ABORTED, "ShadowDisagrees", [])
    assert fleet.versions[0].quarantine is not None
