"""The planner in virtual time, with devices that do what they are told."""

from dataclasses import replace
from typing import Any

from edgefleet.domain.rollout.facts import Command, DeviceFacts, FleetFacts, Progress, Report, RingFacts
from edgefleet.domain.rollout.planner import plan
from edgefleet.domain.rollout.transitions import Step
from edgefleet.forecasting.coarsening import coarsen
from edgefleet.forecasting.pace import Pace
from edgefleet.forecasting.rehearsal import Record, rehearse
from support.fleet_facts import make_device, make_devices, make_ring, make_version

NOW = 1_800_000_000.0
PACE = Pace(bandwidth=1_000_000, update_seconds=10.0)


def make_fleet(*rings: RingFacts, count: int = 12, versions: tuple[str, ...] = ("1.0.0",), **device: Any) -> FleetFacts:
    devices = make_devices(count, **device)
    return FleetFacts(rings, tuple(make_version(each) for each in versions), tuple(devices.values()))


def chain(**last: Any) -> tuple[RingFacts, RingFacts]:
    first = make_ring("canary", track="^1.0", limit=3, soak=60.0, min_sample=3)
    return first, make_ring("rest", after=("canary",), **({"max_concurrency": 3} | last))


def steps(record: Record, ring: str) -> list[Step]:
    return [each.state.step for each in record.entered if each.ring == ring]


def told(record: Record, ring: str | None = None) -> list[str]:
    return [each.device for each in record.sent if ring is None or each.ring == ring]


def test_rings_prove_one_after_the_other_and_everybody_is_told_once() -> None:
    record = rehearse(make_fleet(*chain()), NOW, PACE)
    assert record.settled
    assert steps(record, "canary") == [Step.ROLLING, Step.SOAKING, Step.PROVED]
    assert steps(record, "rest")[-1] is Step.PROVED
    assert sorted(told(record)) == sorted(make_devices(12))
    canary = max(each.at for each in record.sent if each.ring == "canary")
    rest = min(each.at for each in record.sent if each.ring == "rest")
    assert rest - canary >= 70.0


def test_the_same_fleet_has_the_same_future() -> None:
    fleet = make_fleet(*chain(needs_approval=True))
    assert rehearse(fleet, NOW, PACE) == rehearse(fleet, NOW, PACE)


def test_approvals_are_given_and_noted() -> None:
    record = rehearse(make_fleet(*chain(needs_approval=True)), NOW, PACE)
    ((at, ring, version),) = record.approved
    assert (ring, version) == ("rest", "1.0.0")
    assert at == min(each.at for each in record.sent if each.ring == "rest")
    assert steps(record, "rest")[-1] is Step.PROVED


def test_a_suspended_ring_is_not_resumed() -> None:
    record = rehearse(make_fleet(*chain(suspend=True)), NOW, PACE)
    assert told(record, "rest") == []
    assert [span.reason for span in record.spans if span.ring == "rest" and span.end is None] == ["Suspended"]


def test_a_bad_version_stops_in_the_first_ring() -> None:
    first, rest = chain()
    stopping = replace(first, abort_when=make_ring("x", track="*").abort_when)
    fleet = make_fleet(stopping, rest)
    digests = [artifact.digest for version in fleet.versions for artifact in version.artifacts.values()]
    record = rehearse(fleet, NOW, PACE, bad=digests)
    assert len(told(record)) == 3
    assert told(record, "rest") == []
    assert record.settled


def test_a_device_at_work_goes_on_and_is_not_told_again() -> None:
    fleet = make_fleet(make_ring("all", track="^1.0"), count=2)
    digest = next(iter(fleet.versions[0].artifacts.values())).digest
    working = make_device(
        "busy",
        command=Command("anomaly", "1.0.0", digest, 77, NOW - 5, "all"),
        report=Report(None, 77, Progress.WORKING, changed_at=NOW),
        ring="all",
    )
    record = rehearse(replace(fleet, devices=(*fleet.devices, working)), NOW, PACE)
    first = record.entered[0]
    assert first.state.target is not None
    assert steps(record, "all")[-1] is Step.PROVED
    assert record.last is not None
    assert record.last.devices["busy"].standing.value == "Updated"


def test_going_back_to_the_other_slot_costs_no_download() -> None:
    old, new = make_version("1.0.0"), make_version("1.1.0")
    runs = new.artifacts["esp32"].digest
    devices = make_devices(4, report=Report(runs, 0, Progress.NONE), last_good=old.artifacts["esp32"].digest)
    fleet = FleetFacts((make_ring("all", pin="1.0.0"),), (old, new), tuple(devices.values()))
    record = rehearse(fleet, NOW, PACE)
    assert len(record.sent) == 4
    assert all(each.kept and each.cost.bytes == 0 and each.cost.sectors == 1 for each in record.sent)
    assert {each.before for each in record.sent} == {runs}


def test_offline_devices_stay_offline() -> None:
    fleet = make_fleet(make_ring("all", track="^1.0"), count=4)
    asleep = replace(fleet.devices[0], online=False)
    record = rehearse(replace(fleet, devices=(asleep, *fleet.devices[1:])), NOW, PACE)
    assert asleep.name not in told(record)
    assert record.last is not None
    assert record.last.devices[asleep.name].standing.value == "Offline"


def test_a_ring_waits_for_sleepers_until_its_deadline() -> None:
    ring = make_ring("all", track="^1.0", offline_policy="wait", ring_deadline=3_600.0)
    fleet = make_fleet(ring, count=4)
    record = rehearse(replace(fleet, devices=(replace(fleet.devices[0], online=False), *fleet.devices[1:])), NOW, PACE)
    assert record.settled
    (proved,) = (each.at for each in record.entered if each.state.step is Step.PROVED)
    assert NOW + 3_600 <= proved <= NOW + 3_610


def test_waits_are_spans_that_follow_each_other() -> None:
    record = rehearse(make_fleet(*chain()), NOW, PACE)
    spans = [span for span in record.spans if span.ring == "rest"]
    assert [span.reason for span in spans] == ["PredecessorNotProved", "Progressing"]
    assert spans[0].end == spans[1].begin


def test_a_rate_takes_its_time_and_few_looks() -> None:
    fleet = make_fleet(make_ring("all", track="^1.0", rate_per_minute=600), count=2_000)
    record = rehearse(fleet, NOW, PACE)
    assert len(record.sent) == 2_000
    assert 190 <= record.sent[-1].at - record.sent[0].at <= 215
    assert record.passes < 60


def test_small_waves_are_drawn_together_without_changing_how_long_they_take() -> None:
    def lasts(fleet: FleetFacts, factors: dict[str, float]) -> tuple[float, int]:
        record = rehearse(fleet, NOW, PACE, factors=factors)
        assert len(told(record)) == len(set(told(record))) == len(fleet.devices)
        return record.ended_at - NOW, record.passes

    for bound in ({"max_concurrency": 2}, {"rate_per_minute": 12}, {"budget": 1, "budget_label": "site"}):
        fleet = make_fleet(make_ring("all", track="^1.0", **bound), count=400, labels={"motor": "x", "site": "one"})
        coarse = coarsen(fleet, plan(fleet, NOW), PACE, waves_max=40)
        fine_seconds, fine_passes = lasts(fleet, {})
        coarse_seconds, coarse_passes = lasts(coarse.facts, dict(coarse.factors))
        assert abs(coarse_seconds - fine_seconds) <= 0.05 * fine_seconds
        assert coarse_passes < fine_passes / 3


def test_rings_with_few_waves_are_left_as_they_are() -> None:
    fleet = make_fleet(*chain())
    coarse = coarsen(fleet, plan(fleet, NOW), PACE)
    assert (coarse.facts, dict(coarse.factors)) == (fleet, {})


def test_devices_that_nobody_owns_are_never_told() -> None:
    stray = DeviceFacts("stray", "esp32", {"other": "x"}, online=True)
    fleet = make_fleet(*chain())
    record = rehearse(replace(fleet, devices=(*fleet.devices, stray)), NOW, PACE)
    assert "stray" not in told(record)
