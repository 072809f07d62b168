"""Which version a ring takes: pins, ranges, chains, and moves in Git."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.device.selectors import Requirement, Selector
from edgefleet.domain.rollout.facts import Progress, Proof, RingState
from edgefleet.domain.rollout.targets import choose_target
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import Fleet, make_devices, make_ring, make_version

VERSIONS = [make_version("1.0.0"), make_version("1.1.0"), make_version("2.0.0")]
DIGESTS = {version.version: version.digest for version in VERSIONS}


def proofs(**at: float) -> RingState:
    """A ring that has proved versions, named like v1_0_0, at these times; newest first."""
    found = [(key[1:].replace("_", "."), when) for key, when in at.items()]
    ordered = sorted(found, key=lambda each: -each[1])
    return RingState(proven=tuple(Proof(DIGESTS[name], name, 1, when) for name, when in ordered))


@pytest.mark.parametrize(
    ("states", "want"),
    [
        ({"a": proofs(v1_0_0=1.0)}, "1.0.0"),
        ({"a": proofs(v1_0_0=1.0, v1_1_0=2.0)}, "1.1.0"),
        ({"a": proofs(v1_0_0=3.0, v1_1_0=2.0)}, "1.0.0"),
        ({"a": RingState()}, None),
        ({"a": proofs(v1_0_0=1.0), "b": proofs(v1_1_0=2.0)}, None),
        ({"a": proofs(v1_0_0=1.0, v1_1_0=2.0), "b": proofs(v1_0_0=1.5)}, "1.0.0"),
        # Of two that all have proved, the one whose last proof is newest: 1.1.0 at 5, 1.0.0 at 4.
        ({"a": proofs(v1_0_0=4.0, v1_1_0=2.0), "b": proofs(v1_0_0=1.0, v1_1_0=5.0)}, "1.1.0"),
    ],
)
def test_a_chain_takes_what_all_before_it_have_proved(states: dict[str, RingState], want: str | None) -> None:
    choice = choose_target(make_ring("c", after=tuple(states)), VERSIONS, states)
    assert (choice.target.version if choice.target else None) == want
    assert bool(choice.waits) == (want is None)


def test_a_predecessor_that_is_not_declared_is_named() -> None:
    choice = choose_target(make_ring("c", after=("gone",)), VERSIONS, {})
    assert (choice.reason, choice.waits) == ("PredecessorNotProved", "ring gone to be declared")


def test_a_version_that_does_not_exist_yet_is_waited_for() -> None:
    fleet = Fleet({"all": make_ring("all", pin="1.5.0")}, [make_version("1.0.0")], make_devices(2))
    shown = fleet.settle()
    assert (shown.rings["all"].reason, shown.rings["all"].waits) == ("VersionMissing", "anomaly 1.5.0 to be declared")
    fleet.versions.append(make_version("1.5.0"))
    fleet.settle()
    assert fleet.runs("1.5.0") == set(fleet.devices)


def test_a_range_takes_the_highest_that_may_be_given() -> None:
    fleet = Fleet({"all": make_ring("all", track="^1.0")}, [*VERSIONS], make_devices(2))
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_a_ring_finishes_what_it_has_until_its_predecessors_prove_the_next() -> None:
    press = Selector((Requirement("motor", "In", frozenset({"x"})),))
    rings = {
        "canary": make_ring("canary", track="^1.0", limit=1),
        "rest": make_ring("rest", after=("canary",), max_concurrency=1, selector=press),
    }
    fleet = Fleet(rings, [make_version("1.0.0")], make_devices(5))
    for _ in range(3):
        fleet.step()
    fleet.versions.append(make_version("1.1.0"))
    fleet.behave = lambda device, artifact: (
        Progress.WORKING
        if artifact == make_version("1.1.0").artifacts["esp32"] and device.ring == "canary"
        else Progress.DONE
    )
    for _ in range(10):
        fleet.step()
    assert fleet.state("rest").step is Step.PROVED
    assert len(fleet.runs("1.0.0")) >= 4


def test_a_second_and_a_third_round_work_like_the_first() -> None:
    rings = {"canary": make_ring("canary", track=">=1.0", limit=2), "rest": make_ring("rest", after=("canary",))}
    fleet = Fleet(rings, [], make_devices(8))
    for number in range(1, 5):
        fleet.versions.append(make_version(f"{number}.0.0"))
        fleet.settle()
        assert fleet.runs(f"{number}.0.0") == set(fleet.devices)
        assert fleet.state("rest").round == number
        assert fleet.state("rest").proven[0].version == f"{number}.0.0"


def test_a_version_that_is_superseded_is_remembered_as_such() -> None:
    fleet = Fleet({"all": make_ring("all", track=">=1.0")}, [make_version("1.0.0")], make_devices(3))
    fleet.behave = lambda _device, _artifact: Progress.WORKING
    fleet.step()
    fleet.versions.append(make_version("2.0.0"))
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.settle()
    assert [past.outcome for past in fleet.state("all").history] == ["Proved", "Superseded"]
    assert fleet.runs("2.0.0") == set(fleet.devices)


def test_the_same_bytes_under_another_name_move_nobody() -> None:
    fleet = Fleet({"all": make_ring("all", track="^1.0")}, [make_version("1.0.0")], make_devices(3))
    fleet.settle()
    sent, round_ = len(fleet.commands), fleet.state("all").round
    fleet.versions.append(replace(make_version("1.0.0"), version="1.0.1"))
    fleet.settle()
    assert (len(fleet.commands), fleet.state("all").round) == (sent, round_)
    target = fleet.state("all").target
    assert target is not None
    assert target.version == "1.0.1"


def test_an_approval_that_came_too_early_does_not_let_the_next_version_through() -> None:
    fleet = Fleet({"all": make_ring("all", track="^1.0")}, [make_version("1.0.0")], make_devices(3))
    fleet.settle()
    fleet.rings["all"] = replace(fleet.rings["all"], needs_approval=True, tokens={"approve": "old"})
    fleet.settle()
    fleet.versions.append(make_version("1.1.0"))
    fleet.settle()
    assert fleet.runs("1.1.0") == set()
    assert fleet.plan().rings["all"].waits == "the annotation edgefleet.io/approve for 1.1.0"


def test_rings_of_two_models_do_not_know_each_others_versions() -> None:
    one = Selector((Requirement("level", "In", frozenset({"1"})),))
    fleet = Fleet({"all": make_ring("all", track="^1.0")}, [make_version("1.0.0")], make_devices(2))
    fleet.rings["other"] = make_ring("other", model="failure", track="^1.0", selector=one)
    shown = fleet.settle()
    assert shown.rings["other"].reason == "VersionMissing"
