"""What the API server returns becomes typed values; what is not there yet is no error."""

from __future__ import annotations

import pytest

from edgefleet_demo.repository import Push
from edgefleet_demo.snapshots import Condition, read_snapshot
from edgefleet_demo.timeline import Timeline
from support.fleet_listing import condition, device, ring, sync, version


def test_objects_that_nobody_has_looked_at_yet() -> None:
    fresh = {"metadata": {"name": "x"}, "spec": {"version": "1.0.0", "track": "^1.0"}}
    snapshot = read_snapshot([fresh], [fresh], [fresh], [fresh])
    assert (snapshot.devices[0].reported, snapshot.devices[0].online, snapshot.devices[0].accepted) == (
        "",
        False,
        False,
    )
    assert (snapshot.rings[0].step, snapshot.rings[0].at_rest) == ("", False)
    assert snapshot.versions[0].stalled == Condition()
    assert snapshot.syncs[0].revision == ""


def test_the_columns_of_a_fleet() -> None:
    snapshot = read_snapshot(
        [device("motor-02", "1.0.0", "UpToDate"), device("motor-01", "1.0.0", "Commanded", desired="1.1.0")],
        [ring("rest", "Pending", after=["canary"], waiting="canary"), ring("canary", "Proved", updated=3, total=3)],
        [version("1.1.0", condition("Stalled", "True", "Unsigned", "no envelope"), going=True)],
        [sync("fleet", "ab" * 20)],
    )
    assert [found.name for found in snapshot.devices] == ["motor-01", "motor-02"]
    assert [found.name for found in snapshot.rings] == ["canary", "rest"], "a ring stands below those it follows"
    assert [found.name for found in snapshot.confirmed("1.0.0")] == ["motor-02"], "told to run it, and says so"
    assert snapshot.rings[0].at_rest
    found = snapshot.version("1.1.0")
    assert found is not None
    assert (found.stalled.reason, found.going) == ("Unsigned", True)
    assert snapshot.version("1.0.0") is None
    fleet = snapshot.sync("fleet")
    assert fleet is not None
    assert fleet.revision == "ab" * 20


@pytest.mark.parametrize(("updated", "total", "step", "rest"), [(3, 3, "Proved", True), (2, 3, "Proved", False)])
def test_a_ring_is_at_rest_when_proved_with_all_devices(updated: int, total: int, step: str, *, rest: bool) -> None:
    snapshot = read_snapshot([], [ring("r", step, updated=updated, total=total)], [], [])
    assert snapshot.rings[0].at_rest is rest


def test_a_timeline_counts_from_the_push_and_names_fluxs_share() -> None:
    push = Push("ab" * 20, began=100.0, ended=100.25)
    timeline = Timeline(push, "1.1.0", 2, lambda snapshot: snapshot.version("1.1.0") is not None)
    before = [device("a", "1.0.0", "UpToDate"), device("b", "1.0.0", "UpToDate")]
    half = [device("a", "1.1.0", "UpToDate"), device("b", "1.1.0", "Commanded")]
    after = [device("a", "1.1.0", "UpToDate"), device("b", "1.1.0", "UpToDate")]
    timeline.observe(read_snapshot(before, [], [version("1.0.0")], [sync("fleet", "cd" * 20)]), 100.5)
    assert (timeline.applied, timeline.total, timeline.describe()) == (None, None, "not measured")
    timeline.observe(read_snapshot(before, [], [version("1.1.0")], [sync("fleet", "cd" * 20)]), 101.0)
    timeline.observe(read_snapshot(half, [], [version("1.1.0")], []), 103.0)
    assert (timeline.flux_share, timeline.first, timeline.last) == (1.0, 103.0, None)
    timeline.observe(read_snapshot(after, [], [version("1.1.0")], []), 104.0)
    timeline.observe(read_snapshot(after, [], [version("1.1.0")], []), 109.0)
    assert timeline.total == 4.0
    assert timeline.describe() == (
        "push to last of 2 confirmed: 4.0 s (git push 0.2 s, until Flux had applied it 1.0 s, "
        "from there to the last device 3.0 s)"
    )


def test_devices_that_were_there_before_the_push_do_not_count() -> None:
    timeline = Timeline(Push("ab" * 20, 100.0, 100.1), "1.0.0", 1, lambda _: False)
    running = [device("a", "1.0.0", "UpToDate")]
    timeline.observe(read_snapshot(running, [], [], [sync("fleet", "cd" * 20)]), 101.0)
    assert timeline.total is None
    timeline.observe(read_snapshot(running, [], [], [sync("fleet", "ab" * 20)]), 102.0)
    assert timeline.total == 2.0, "Flux's applied revision counts too"
