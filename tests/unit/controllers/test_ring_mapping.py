"""What a ring remembers survives being stored, and its conditions keep kstatus' rules."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefleet.api.scalars import seconds
from edgefleet.api.v1alpha1.rolloutring import RolloutRing, RolloutRingSpec
from edgefleet.api.v1alpha1.strategy import Deadlines
from edgefleet.controllers.ring_facts import read_ring
from edgefleet.controllers.ring_status import show_ring
from edgefleet.domain.device.selectors import Selector
from edgefleet.domain.rollout.facts import (
    STRATA,
    Abort,
    HandledToken,
    MetricGate,
    PastRound,
    Proof,
    RingFacts,
    RingState,
    ShadowRule,
    Target,
)
from edgefleet.domain.rollout.gates import tally
from edgefleet.domain.rollout.planner import RingPlan
from edgefleet.domain.rollout.rounds import Turn
from edgefleet.domain.rollout.standing import Stand, Standing
from edgefleet.domain.rollout.transitions import STOPPED_STEPS, Step
from support.fleet_facts import make_device

NOW = 1_700_000_000.0
SELECTOR = Selector(())
TIMES = st.integers(1_600_000_000_000_000, 1_900_000_000_000_000).map(lambda micros: micros / 1_000_000)
DIGESTS = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])
VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])
TARGETS = st.builds(Target, VERSIONS, DIGESTS)
ABORTS = st.builds(
    Abort,
    at=TIMES,
    generation=st.integers(0, 1000),
    reason=st.sampled_from(["TooManyFailures", "Quarantined", "DeadlineExceeded"]),
    evidence=st.text(max_size=1024),
    failed=st.integers(0, 9),
    judged=st.integers(0, 9),
    reasons=st.lists(st.sampled_from(["SelfTestFailed", "AckTimeout", "Failed"]), max_size=10).map(tuple),
    blames=st.booleans(),
)
STATES = st.builds(
    RingState,
    step=st.sampled_from(list(Step)),
    since=TIMES,
    round=st.integers(1, 1000),
    started_at=TIMES,
    target=TARGETS,
    stable=st.none() | TARGETS,
    proven=st.lists(st.builds(Proof, DIGESTS, VERSIONS, st.integers(1, 9), TIMES), max_size=3).map(tuple),
    history=st.lists(
        st.builds(
            PastRound,
            st.integers(1, 9),
            VERSIONS,
            st.sampled_from(["Proved", "Aborted", "RolledBack", "Superseded"]),
            TIMES,
            TIMES,
            st.integers(0, 9),
            st.integers(0, 9),
        ),
        max_size=3,
    ).map(tuple),
    tokens=st.just(()) | st.builds(HandledToken, st.just("retry"), st.just("x"), TIMES).map(lambda token: (token,)),
    rolling_since=st.just(0.0) | TIMES,
    abort=st.none() | ABORTS,
).filter(lambda state: state.abort is not None or state.step not in STOPPED_STEPS)


def make_ring(status: dict[str, Any] | None = None, **spec: Any) -> RolloutRing:
    base = {"model": "anomaly", "track": "^1.0", "selector": {"matchLabels": {"motor": "x"}}}
    document: dict[str, Any] = {
        "apiVersion": "edgefleet.io/v1alpha1",
        "kind": "RolloutRing",
        "metadata": {"name": "canary", "namespace": "fleet", "generation": 4},
        "spec": base | spec,
    }
    return RolloutRing.model_validate(document | ({"status": status} if status else {}))


def make_plan(state: RingState, *stands: Stand, waits: str = "something", **other: Any) -> RingPlan:
    devices = tuple(make_device(f"motor-{number}") for number in range(len(stands)))
    counts = tally(read_ring(make_ring()), stands)
    return RingPlan(Turn(state), counts, waits, "Progressing" if waits else "", devices, stands, **other)


def show(state: RingState, waits: str = "something") -> dict[str, Any]:
    ring = make_ring()
    return show_ring(ring, make_plan(state, waits=waits), 3, NOW).to_json_object()


@given(STATES)
def test_a_state_comes_back_as_it_was_stored(state: RingState) -> None:
    assert read_ring(make_ring(show(state))).state == state


@pytest.mark.parametrize("step", list(Step))
def test_conditions_keep_the_rules_of_kstatus(step: Step) -> None:
    state = RingState(step=step, since=1.0, round=1, started_at=1.0, target=Target("1.0.0", "a" * 64))
    conditions = {each["type"]: each for each in show(state)["conditions"]}
    assert "Ready" in conditions
    assert not {"Reconciling", "Stalled"} <= set(conditions)
    assert all(conditions[name]["status"] == "True" for name in ("Reconciling", "Stalled") if name in conditions)
    assert {each["observedGeneration"] for each in conditions.values()} == {4}
    if conditions["Ready"]["status"] == "True":
        assert set(conditions) == {"Ready"}


def test_everything_that_git_may_ask_of_a_ring_reaches_the_planner() -> None:
    facts = read_ring(
        make_ring(
            limit="10%",
            stratifyBy=["line"],
            strategy={"rate": {"perMinute": 60}, "maxConcurrency": 2},
            promoteWhen={"metrics": [{"metric": "drift", "maxRatio": 1.5, "control": "reference"}]},
            shadow={"minWindows": 10, "maxDisagreementPercent": 2},
            deadlines={"ack": "2m", "progress": "1h", "ring": "4h"},
        )
    )
    assert (facts.limit, facts.stratify_by, facts.rate_per_minute, facts.max_concurrency) == (0.1, ("line",), 60, 2)
    assert facts.metrics == (MetricGate("drift", None, 1.5, "reference"),)
    assert facts.shadow == ShadowRule(10, 2)
    assert (facts.ack_deadline, facts.progress_deadline, facts.ring_deadline) == (120.0, 3600.0, 14400.0)


def test_what_git_leaves_out_is_the_planners_own_default() -> None:
    facts, plain = read_ring(make_ring()), RingFacts("x", "m", 1, read_ring(make_ring()).selector)
    for field in dataclasses.fields(RingFacts):
        if field.name not in ("name", "model", "generation", "selector", "track"):
            assert getattr(facts, field.name) == getattr(plain, field.name), field.name


@pytest.mark.parametrize(
    ("section", "field", "said"),
    [
        (Deadlines, "ack", RingFacts("x", "m", 1, SELECTOR).ack_deadline),
        (Deadlines, "progress", RingFacts("x", "m", 1, SELECTOR).progress_deadline),
        (RolloutRingSpec, "stratify_by", STRATA),
    ],
)
def test_the_reference_says_what_holds_when_a_field_is_absent(section: Any, field: str, said: Any) -> None:
    text = section.model_fields[field].description
    found = re.search(r"[;:] ([^;:]+) when absent", text)
    assert found is not None, text
    assert (seconds(found[1]) if isinstance(said, float) else tuple(found[1].split(" and "))) == said


def test_a_device_is_counted_once_and_the_total_is_the_sum() -> None:
    stands = [Stand(standing) for standing in Standing if standing is not Standing.UNASSIGNED]
    state = RingState(step=Step.ROLLING, round=1, target=Target("1.0.0", "a" * 64))
    counts = show_ring(make_ring(), make_plan(state, *stands), 1, NOW).to_json_object()["counts"]
    total = counts.pop("total")
    assert total == len(stands) == sum(counts.values())
    assert counts == dict.fromkeys(counts, 1) | {"failed": 2}


def test_a_ring_that_stopped_before_anybody_wrote_down_why_can_be_started_again() -> None:
    decision = {"verb": "Abort", "reason": "Aborted", "evidence": "2 of 3", "at": "2026-01-01T00:00:00Z"}
    status = {"step": "Aborted", "observedGeneration": 3, "since": "2026-01-01T00:00:00Z", "decision": decision}
    abort = read_ring(make_ring(status)).state.abort
    assert abort is not None
    assert (abort.generation, abort.evidence, abort.blames) == (3, "2 of 3", False)


@pytest.mark.parametrize("step", [Step.ROLLING, Step.PROVED])
def test_rings_that_overlap_are_stalled_wherever_they_are(step: Step) -> None:
    state = RingState(step=step, round=1, target=Target("1.0.0", "a" * 64))
    shown = show_ring(make_ring(), make_plan(state, disputed=("other",)), 1, NOW).to_json_object()
    conditions = {each["type"]: (each["status"], each["reason"]) for each in shown["conditions"]}
    assert conditions == {"Ready": ("False", "RingsOverlap"), "Stalled": ("True", "RingsOverlap")}


def test_the_longest_words_fit_the_schema() -> None:
    abort = Abort(NOW, 1, "TooManyFailures", "x" * 5000)
    state = RingState(step=Step.ABORTED, round=1, target=Target("1.0.0", "a" * 64), abort=abort)
    failed = Stand(Standing.FAILED, "canary", None, "SelfTestFailed", "y" * 5000)
    shown = show_ring(make_ring(), make_plan(state, failed, waits="z" * 5000), 1, NOW)
    assert make_ring(shown.to_json_object()).status == shown


def test_top_failures_are_at_most_ten() -> None:
    state = RingState(step=Step.ROLLING, round=1, target=Target("1.0.0", "a" * 64))
    said = [Stand(standing, "canary", None, "", "m") for standing in (Standing.UPDATED, Standing.FAILED) * 14]
    status = show_ring(make_ring(), make_plan(state, *said), 1, NOW)
    assert [each.device for each in status.top_failures] == sorted(f"motor-{number}" for number in range(1, 28, 2))[:10]
    assert {(each.reason, each.message) for each in status.top_failures} == {("Failed", "m")}
