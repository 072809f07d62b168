"""What a ring remembers survives being stored, and its conditions keep kstatus' rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefleet.api.v1alpha1.rolloutring import RolloutRing
from edgefleet.controllers.ring_facts import read_ring
from edgefleet.controllers.ring_status import show_ring
from edgefleet.domain.rollout.facts import HandledToken, PastRound, Proof, RingState, Step, Target
from edgefleet.domain.rollout.gates import tally
from edgefleet.domain.rollout.planner import RingPlan
from edgefleet.domain.rollout.rounds import Turn

TIMES = st.integers(1_600_000_000_000_000, 1_900_000_000_000_000).map(lambda micros: micros / 1_000_000)
DIGESTS = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])
VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])
TARGETS = st.builds(Target, VERSIONS, DIGESTS)
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
    aborted_generation=st.just(4),
)


def make_ring(**status: Any) -> RolloutRing:
    document: dict[str, Any] = {
        "apiVersion": "edgefleet.io/v1alpha1",
        "kind": "RolloutRing",
        "metadata": {"name": "canary", "namespace": "fleet", "generation": 4},
        "spec": {"model": "anomaly", "track": "^1.0", "selector": {"matchLabels": {"motor": "x"}}},
    }
    return RolloutRing.model_validate(document | ({"status": status} if status else {}))


def show(state: RingState, waits: str = "something") -> dict[str, Any]:
    ring = make_ring()
    plan = RingPlan(Turn(state), tally(read_ring(ring), []), waits, "Progressing" if waits else "", ())
    return show_ring(ring, plan, 3, 1_700_000_000.0).to_json_object()


@given(STATES)
def test_a_state_comes_back_as_it_was_stored(state: RingState) -> None:
    assert read_ring(make_ring(**show(state))).state == state


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
