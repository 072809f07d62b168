"""Which ring owns which device: chains, limits, strata, and rings that have nothing to do with each other."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from edgefleet.domain.device.selectors import Requirement, Selector
from edgefleet.domain.rollout.facts import DeviceFacts, RingState, Target
from edgefleet.domain.rollout.membership import assign_owners, count_share, order_rings, rank_device
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import Fleet, make_device, make_devices, make_ring, make_version


def owned(rings: list, devices: list[DeviceFacts]) -> dict[str, set[str]]:
    members = assign_owners(rings, devices).members
    return {name: {device.name for device in mine} for name, mine in members.items()}


def settle(rings: list, devices: list[DeviceFacts]) -> list[DeviceFacts]:
    """Returns the devices with their rings recorded, as a pass leaves them."""
    members = assign_owners(rings, devices).members
    rings_of = {device.name: name for name, mine in members.items() for device in mine}
    return [replace(device, ring=rings_of.get(device.name)) for device in devices]


def make_plant(count: int, **labels: str) -> list[DeviceFacts]:
    return [
        make_device(
            f"motor-{number:04}",
            labels={"motor": "x", "site": f"site-{number % 5}", "hardware-revision": f"r{number % 3}"} | labels,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("total", range(1, 21))
@pytest.mark.parametrize(("share", "least"), [(0.1, 1), (0.25, 1), (0.5, 1), (1.0, 1)])
def test_a_percentage_rounds_up_and_is_never_nobody(total: int, share: float, least: int) -> None:
    count = count_share(share, total)
    assert least <= count <= total
    assert count >= share * total
    assert count - 1 < share * total


@pytest.mark.parametrize(("share", "total", "want"), [(0.1, 4, 1), (0.1, 10, 1), (0.1, 11, 2), (0.3, 10, 3), (7, 3, 3)])
def test_a_share_is_counted(share: float, total: int, want: int) -> None:
    assert count_share(share, total) == want


@pytest.mark.parametrize("total", range(1, 21))
def test_a_limited_ring_has_exactly_its_share_in_fleets_of_every_small_size(total: int) -> None:
    rings = [make_ring("canary", limit=0.1), make_ring("rest", after=("canary",))]
    assert len(owned(rings, make_plant(total))["canary"]) == count_share(0.1, total)


def test_the_order_of_devices_comes_from_a_hash_and_is_the_same_everywhere() -> None:
    assert rank_device("motor-01") == 0xE676021767DDEEFC
    names = [f"motor-{number:02}" for number in range(50)]
    assert sorted(names, key=rank_device) != names


def test_a_canary_is_not_whoever_comes_first_in_the_alphabet() -> None:
    devices = [make_device(f"motor-{number:02}") for number in range(40)]
    names = sorted(device.name for device in devices)
    chosen = owned([make_ring("canary", limit=4)], devices)["canary"]
    assert chosen == set(sorted(names, key=rank_device)[:4])
    assert chosen != set(names[:4])


def test_a_limited_ring_covers_sites_and_hardware_revisions_evenly() -> None:
    devices = make_plant(600)
    chosen = owned([make_ring("canary", limit=30)], devices)["canary"]
    strata = [(f"site-{site}", f"r{revision}") for site, revision in product(range(5), range(3))]
    of = {device.name: (device.labels["site"], device.labels["hardware-revision"]) for device in devices}
    assert [sum(of[name] == stratum for name in chosen) for stratum in strata] == [2] * 15


def test_other_strata_can_be_named() -> None:
    devices = [make_device(f"m-{number}", labels={"motor": "x", "line": f"l{number % 4}"}) for number in range(40)]
    chosen = owned([make_ring("canary", limit=4, stratify_by=("line",))], devices)["canary"]
    of = {device.name: device.labels["line"] for device in devices}
    assert sorted(of[name] for name in chosen) == ["l0", "l1", "l2", "l3"]


@pytest.mark.parametrize("limit", [6, 0.1])
def test_who_joins_a_ring_displaces_nobody(limit: float) -> None:
    rings = [make_ring("canary", limit=limit), make_ring("rest", after=("canary",))]
    devices = settle(rings, make_plant(60))
    before = owned(rings, devices)["canary"]
    for number in range(200):
        devices = settle(rings, [*devices, make_device(f"new-{number}", labels={"motor": "x", "site": "new"})])
        assert before <= owned(rings, devices)["canary"]
        before = owned(rings, devices)["canary"]
    assert len(before) == count_share(limit, 260)


def test_a_choice_that_was_recorded_by_half_ends_the_same() -> None:
    rings = [make_ring("canary", limit=20), make_ring("rest", after=("canary",))]
    devices = make_plant(200)
    whole = owned(rings, devices)["canary"]
    for kept in range(1, 20, 3):
        some = set(sorted(whole)[:kept])
        half = [replace(device, ring="canary") if device.name in some else device for device in devices]
        assert owned(rings, half)["canary"] == whole


def test_a_smaller_limit_gives_devices_back_and_a_larger_one_takes_more() -> None:
    wide, narrow = make_ring("canary", limit=10), make_ring("canary", limit=4)
    rest = make_ring("rest", after=("canary",))
    devices = settle([wide, rest], make_plant(50))
    many = owned([wide, rest], devices)["canary"]
    few = owned([narrow, rest], devices)["canary"]
    assert few < many
    devices = settle([narrow, rest], devices)
    assert few < owned([wide, rest], devices)["canary"]


def test_the_earliest_ring_of_a_chain_owns_what_several_match() -> None:
    rings = [make_ring("c", after=("b",)), make_ring("b", after=("a",), limit=5), make_ring("a", limit=2)]
    found = owned(rings, make_plant(20))
    assert {name: len(mine) for name, mine in found.items()} == {"a": 2, "b": 5, "c": 13}


@pytest.mark.parametrize("step", [step for step in Step if step not in (Step.PROVED, Step.ABORTED)])
def test_a_ring_keeps_its_devices_until_its_round_ends(step: Step) -> None:
    state = RingState(step=step, round=1, started_at=1.0, target=Target("1.0.0", "d" * 64))
    rest = make_ring("rest", after=("canary",), state=state)
    devices = settle([make_ring("canary", limit=2), rest], make_plant(10))
    mine = {device.name for device in devices if device.ring == "rest"}
    assert owned([make_ring("canary", limit=6), rest], devices)["rest"] == mine
    ended = replace(rest, state=replace(state, step=Step.PROVED))
    assert len(owned([make_ring("canary", limit=6), ended], devices)["rest"]) == 4


def test_a_device_that_no_longer_matches_leaves_even_an_open_round() -> None:
    state = RingState(step=Step.ROLLING, round=1, target=Target("1.0.0", "d" * 64))
    ring = make_ring("all", state=state)
    gone = replace(make_device("motor-01", ring="all"), labels={})
    found = assign_owners([ring], [gone])
    assert found.members["all"] == []
    assert found.unassigned == (gone,)


def test_unrelated_rings_that_match_the_same_device_leave_it_to_the_one_that_had_it() -> None:
    rings = [make_ring("one"), make_ring("two")]
    fresh, mine = make_device("fresh"), make_device("mine", ring="two")
    found = assign_owners(rings, [fresh, mine])
    assert {name: [device.name for device in mine] for name, mine in found.members.items()} == {
        "one": [],
        "two": ["mine"],
    }
    assert [(device.name, names) for device, names in found.disputed] == [("fresh", ("one", "two"))]
    assert found.overlaps == {"one": ("two",), "two": ("one",)}


def test_two_rings_after_the_same_one_are_not_a_chain() -> None:
    rings = [make_ring("a", limit=1), make_ring("b", after=("a",)), make_ring("c", after=("a",))]
    found = assign_owners(rings, make_plant(5))
    assert found.overlaps == {"b": ("c",), "c": ("b",)}


def test_rings_of_a_chain_may_overlap_however_far_apart() -> None:
    rings = [make_ring("a", limit=1), make_ring("b", after=("a",), limit=1), make_ring("c", after=("b",))]
    assert assign_owners(rings, make_plant(5)).overlaps == {}


def test_overlap_is_said_and_holds_only_the_disputed_devices() -> None:
    press = Selector((Requirement("line", "In", frozenset({"press"})),))
    fleet = Fleet(
        {"all": make_ring("all", pin="1.0.0"), "press": make_ring("press", pin="1.0.0", selector=press)},
        [make_version("1.0.0")],
        make_devices(4),
    )
    fleet.devices["odd"] = make_device("odd", labels={"motor": "x", "line": "press"})
    shown = fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices) - {"odd"}
    assert (shown.devices["odd"].standing, shown.devices["odd"].reason) == ("Held", "RingsOverlap")
    assert shown.rings["all"].reason == "RingsOverlap"
    assert "press" in shown.rings["all"].waits


def test_devices_in_no_ring_are_counted_and_shown() -> None:
    fleet = Fleet({"few": make_ring("few", pin="1.0.0", limit=2)}, [make_version("1.0.0")], make_devices(5))
    fleet.devices["other"] = make_device("other", labels={})
    shown = fleet.settle()
    unassigned = {name for name, stand in shown.devices.items() if stand.standing == "Unassigned"}
    assert len(unassigned) == 4
    assert "other" in unassigned


def test_a_cycle_of_rings_is_cut_and_not_followed_for_ever() -> None:
    rings = [make_ring("a", after=("b",)), make_ring("b", after=("a",)), make_ring("c", after=("b",))]
    assert [ring.name for ring in order_rings(rings)] == ["a", "b", "c"]
    assert len(owned(rings, make_plant(5))) == 3
