"""Whole rounds in virtual time, seen from the boards: what a person does in Git, and what the fleet makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.rollout.facts import AbortRule
from edgefleet.domain.rollout.windows import Period, Window
from edgefleet.simulation.behaviour import SELF_TEST_FAILED, Behaviour
from edgefleet.simulation.moves import (
    AddDevice,
    AddVersion,
    EditDevice,
    EditRing,
    RemoveDevice,
    RemoveVersion,
    SetToken,
    pin,
    suspend,
)
from edgefleet.simulation.world import START
from simulation.worlds import (
    CHAIN,
    MODEL,
    V1,
    V2,
    V3,
    Watched,
    digest_of,
    draw_by_name,
    make_device,
    make_fleet,
    make_ring,
    watch,
)

BAD = Behaviour(faults={digest_of(V2): SELF_TEST_FAILED}, spread=0.0)
ALL = {f"motor-{number:03}" for number in range(12)}


def steps(watched: Watched, ring: str) -> list[str]:
    return [each.step for each in watched.world.record.transitions if each.ring == ring]


def test_a_good_version_goes_through_ring_by_ring() -> None:
    watched = watch(make_fleet(CHAIN))
    watched.world.push(60.0, AddVersion(V2))
    run = watched.run()
    assert watched.runs(V2) == ALL
    assert steps(watched, "canary") == ["Rolling", "Proved"]
    assert steps(watched, "rest") == ["Rolling", "Proved"]
    assert len(run.commands) == 12
    canary = {each.device for each in run.commands if each.ring == "canary"}
    proved = next(each.at for each in run.transitions if each.ring == "canary" and each.step == "Proved")
    assert len(canary) == 3
    assert all(each.at >= proved for each in run.commands if each.ring == "rest")


def test_a_bad_version_stops_in_the_canary_goes_back_and_is_told_to_nobody_else() -> None:
    watched = watch(make_fleet((replace(CHAIN[0], max_concurrency=1), CHAIN[1])), draw=lambda _: BAD)
    watched.world.push(60.0, AddVersion(V2))
    run = watched.run()
    assert watched.runs(V1) == ALL
    assert steps(watched, "canary")[-2:] == ["Quarantined", "Aborted"]
    assert {each.ring for each in run.commands} == {"canary"}
    assert [each.digest for each in run.commands].count(digest_of(V2)) == 1
    assert watched.world.store.versions[MODEL, "1.1.0"].quarantine is not None
    assert watched.world.store.rings["rest"].state.round == 1


def test_devices_that_had_moved_go_back_when_the_ring_stops() -> None:
    ring = replace(CHAIN[0], limit=None, max_concurrency=4, abort_when=(AbortRule("Any", 40, 4),))
    ways = {f"motor-{number:03}": BAD for number in range(6)}
    watched = watch(make_fleet((ring,)), draw=draw_by_name(ways))
    watched.world.push(60.0, AddVersion(V2))
    run = watched.run()
    moved = {each.device for each in run.commands if each.digest == digest_of(V1)}
    assert moved, "nobody had moved: the test shows nothing"
    assert watched.runs(V1) == ALL
    assert steps(watched, "canary") == ["Rolling", "RollingBack", "Quarantined", "Aborted"]


def test_on_abort_hold_leaves_everybody_where_they_are() -> None:
    ring = replace(CHAIN[0], limit=None, on_abort="hold", abort_when=(AbortRule("Any", 40, 12),))
    ways = {f"motor-{number:03}": BAD for number in range(6)}
    watched = watch(make_fleet((ring,)), draw=draw_by_name(ways))
    watched.world.push(60.0, AddVersion(V2))
    watched.run()
    assert watched.runs(V2) == ALL - set(ways)
    assert watched.step("canary") == "Aborted"


def test_a_fix_after_a_bad_version_goes_through_in_a_third_round() -> None:
    watched = watch(make_fleet(CHAIN), draw=lambda _: BAD)
    watched.world.push(60.0, AddVersion(V2))
    watched.world.push(600.0, AddVersion(V3))
    watched.run()
    assert watched.runs(V3) == ALL
    assert [past.outcome for past in watched.world.store.rings["canary"].state.history][:1] == ["Proved"]


def test_a_revert_in_mid_round_sends_back_exactly_those_that_had_moved() -> None:
    rings = (replace(CHAIN[0], limit=None, max_concurrency=2),)
    watched = watch(make_fleet(rings))
    watched.world.push(60.0, AddVersion(V2))
    watched.world.push(72.0, RemoveVersion(MODEL, V2.version))
    run = watched.run()
    told = {each.device for each in run.commands if each.digest == digest_of(V2)}
    back = {each.device for each in run.commands if each.digest == digest_of(V1)}
    assert 0 < len(told) < 12
    assert back <= told
    assert watched.runs(V1) == ALL


def test_a_retry_token_starts_a_stopped_ring_again_and_ends_the_quarantine() -> None:
    fault = Behaviour(faults={digest_of(V2): SELF_TEST_FAILED}, spread=0.0)
    watched = watch(make_fleet(CHAIN), draw=draw_by_name({}, fault))
    watched.world.push(60.0, AddVersion(V2))
    watched.run()
    assert watched.step("canary") == "Aborted"
    for board in watched.world.devices.values():
        board.behaviour = Behaviour(spread=0.0)  # somebody has mended them
    watched.world.push(9_000.0, SetToken("canary", "retry", "again"))
    watched.run()
    assert watched.runs(V2) == ALL
    assert watched.world.store.versions[MODEL, "1.1.0"].quarantine is None
    assert watched.world.store.versions[MODEL, "1.1.0"].lifted_at > 0


def test_a_suspended_ring_finishes_what_flies_and_starts_nothing() -> None:
    rings = (replace(CHAIN[0], limit=None, max_concurrency=3),)
    watched = watch(make_fleet(rings))
    watched.world.push(60.0, AddVersion(V2))
    watched.world.push(61.0, suspend("canary"))
    watched.run()
    assert len(watched.runs(V2)) == 3
    assert watched.step("canary") == "Suspended"
    watched.world.push(5_000.0, suspend("canary", suspended=False))
    watched.run()
    assert watched.runs(V2) == ALL


def test_devices_are_disturbed_in_the_window_alone() -> None:
    window = Window("UTC", (Period("22:00", "23:00"),))
    watched = watch(make_fleet((replace(CHAIN[0], limit=None, window=window, max_concurrency=3),)))
    watched.world.push(60.0, AddVersion(V2))
    run = watched.run()
    assert watched.runs(V2) == ALL
    hours = {(each.at - START) / 3_600 for each in run.commands}
    assert all(14.0 <= hour < 15.0 for hour in hours), "the world begins at 08:00"


def test_each_round_waits_for_its_own_approval() -> None:
    watched = watch(make_fleet((replace(CHAIN[0], limit=None, needs_approval=True),)))
    watched.world.push(60.0, AddVersion(V2))
    run = watched.run()
    assert (watched.step("canary"), run.commands) == ("Pending", ())
    assert "edgefleet.io/approve" in run.rings[0].waits
    watched.world.push(1_000.0, SetToken("canary", "approve", "by-anna"))
    watched.run()
    assert watched.runs(V2) == ALL
    watched.world.push(2_000.0, AddVersion(V3))
    watched.run()
    assert watched.runs(V2) == ALL, "the approval of one round let the next one through"


def test_a_budget_bounds_each_site_by_itself() -> None:
    ring = replace(CHAIN[0], limit=None, budget_label="site", budget=1)
    watched = watch(make_fleet((ring,), sites=3))
    watched.world.push(60.0, AddVersion(V2))
    run = watched.run()
    assert watched.runs(V2) == ALL
    first = [each.device for each in run.commands if each.at == run.commands[0].at]
    assert len(first) == 3, "one of each of three sites at once"


@pytest.mark.parametrize("bound", ["ring", "namespace"])
def test_a_rate_paces_commands_from_the_first_one_on(bound: str) -> None:
    ring = replace(CHAIN[0], limit=None, rate_per_minute=6 if bound == "ring" else None)
    watched = watch(make_fleet((ring,), rate_per_minute=6 if bound == "namespace" else None))
    watched.world.push(60.0, AddVersion(V2))
    run = watched.run()
    assert watched.runs(V2) == ALL
    gaps = [later.at - first.at for first, later in zip(run.commands, run.commands[1:], strict=False)]
    assert min(gaps) >= 10.0 - 1.1, "a pass a second rounds the times"


def test_a_pin_outranks_the_ring_and_ends_by_itself() -> None:
    watched = watch(make_fleet(CHAIN))
    watched.world.push(10.0, pin("motor-005", "1.0.0", until=START + 4_000.0))
    watched.world.push(60.0, AddVersion(V2))
    watched.world.run(seconds=3_000.0)
    assert watched.runs(V1) == {"motor-005"}
    watched.run()
    assert watched.runs(V2) == ALL


def test_who_joins_late_follows_and_who_leaves_is_told_nothing_more() -> None:
    watched = watch(make_fleet(CHAIN))
    watched.world.push(60.0, AddVersion(V2))
    watched.world.push(900.0, AddDevice(make_device("motor-late", V1)), RemoveDevice("motor-011"))
    watched.world.push(2_000.0, AddVersion(V3))
    watched.run()
    assert watched.runs(V3) == (ALL - {"motor-011"}) | {"motor-late"}
    assert "motor-011" not in watched.world.broker.desired


def test_a_device_that_moves_to_no_ring_keeps_what_it_runs() -> None:
    watched = watch(make_fleet(CHAIN))
    watched.world.push(30.0, EditDevice("motor-004", {"labels": {"site": "plant-1"}}))
    watched.world.push(60.0, AddVersion(V2))
    watched.run()
    assert watched.runs(V1) == {"motor-004"}


def test_an_edit_of_a_policy_keeps_the_progress_of_the_round() -> None:
    ring = replace(CHAIN[0], limit=None, max_concurrency=1)
    watched = watch(make_fleet((ring,)))
    watched.world.push(60.0, AddVersion(V2))
    watched.world.push(75.0, EditRing("canary", {"max_concurrency": 6}))
    run = watched.run()
    assert watched.runs(V2) == ALL
    assert watched.world.store.rings["canary"].state.round == 2
    assert len(run.commands) == 12, "nobody was told twice"


def test_three_rounds_in_a_row_work_like_the_first() -> None:
    rings = (*CHAIN, make_ring("tail", after=("rest",)))
    watched = watch(make_fleet(rings))
    for number, version in enumerate((V2, V3, V3), start=1):
        watched.world.push(number * 5_000.0, AddVersion(version))
    watched.world.push(20_000.0, RemoveVersion(MODEL, V3.version))
    watched.run()
    assert watched.runs(V2) == ALL, "a revert is a round like any other"
    assert watched.world.store.rings["canary"].state.round == 4
