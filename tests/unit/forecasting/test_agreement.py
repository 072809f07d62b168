"""The forecast against the simulation: a whole world with boards, a broker and leaders, in which nothing goes wrong.

Both run the same planner; everything around it was written twice.
"""

from collections import defaultdict
from typing import Any

import pytest

from edgefleet.forecasting.forecast import Forecast
from edgefleet.forecasting.foresight import foresee
from edgefleet.forecasting.pace import Pace
from edgefleet.simulation.behaviour import IDEAL
from edgefleet.simulation.record import Run
from edgefleet.simulation.world import World
from support.forecasts import AT, load, only
from support.good_manifests import Json
from support.live_fleet import canary, device, live, plant, rest

PACE = Pace(int(IDEAL.bandwidth), IDEAL.verify_seconds + IDEAL.test_seconds)
NIGHT = {"timeZone": "UTC", "periods": [{"start": "06:30", "end": "07:00"}]}


def both(declared: list[Json], objects: list[Json] | None = None) -> tuple[Forecast, Run]:
    loading = load(declared, objects)
    run = World(loading.namespaces["fleet"].facts, now=AT).run(seconds=3 * 86_400.0)
    return foresee(loading, AT, PACE), run


def told(run: Run) -> dict[str | None, set[str]]:
    """Returns who was told to run something, by ring."""
    found: defaultdict[str | None, set[str]] = defaultdict(set)
    for each in run.commands:
        if each.digest is not None and not each.again:
            found[each.ring].add(each.device)
    return dict(found)


def proved(run: Run) -> dict[str, float]:
    """Returns when each ring was proved, in seconds."""
    return {each.ring: each.at - run.started for each in run.transitions if each.step == "Proved"}


FLEETS: dict[str, dict[str, Any]] = {
    "waves": {"rest": {"strategy": {"maxConcurrency": 2}}},
    "budget": {"rest": {"strategy": {"budget": {"groupBy": "line", "maxUnavailable": 1}}}},
    "rate": {"rest": {"strategy": {"rate": {"perMinute": 12}}}},
    "soak": {"canary": {"promoteWhen": {"minSample": 3, "soak": "30m"}}, "rest": {}},
    "window": {"rest": {"window": NIGHT}},
    "share": {"canary": {"limit": "50%"}, "rest": {"strategy": {"maxConcurrency": "34%"}}},
}


@pytest.mark.parametrize("name", sorted(FLEETS))
@pytest.mark.parametrize("known", [True, False], ids=["live", "new"])
def test_the_same_devices_are_told_by_the_same_rings_at_the_same_cost(name: str, known: bool) -> None:
    rings = (canary(**FLEETS[name].get("canary", {})), rest(**FLEETS[name].get("rest", {})))
    declared = plant("1.0.0", "1.1.0", rings=rings)
    declared[5] = device("motor-05", updatesEnabled=False)
    objects = live(plant("1.0.0", rings=rings), offline=("motor-12",)) if known else None
    forecast, run = both(declared, objects)
    assert run.rested
    assert {ring.name: {move.device for move in ring.moves} for ring in only(forecast).rings} == told(run)
    assert forecast.totals.bytes == run.air_bytes
    assert forecast.totals.sectors == run.erases
    for ring in only(forecast).rings:
        if ring.proved_at is None:  # who is offline uses up the budget of its line
            assert (ring.name, name, known) == ("rest", "budget", True)
            assert ring.name not in proved(run)
            assert [block.reason for block in ring.blocks] == ["BudgetSpent"]
            continue
        # A leader looks once a second, and messages take their time: so much for each wave and each step.
        slack = 4.0 * (len(ring.waves) + 4) * (2 if ring.name == "rest" else 1)
        assert ring.proved_at <= proved(run)[ring.name] <= ring.proved_at + slack
