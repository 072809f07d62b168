"""Ten thousand devices, once through: four rings, failing devices, sleepers, a noisy wire and two leaders."""

from __future__ import annotations

import time

from edgefleet.simulation.behaviour import Profile, Sleep
from edgefleet.simulation.broker import Wire
from edgefleet.simulation.invariants.everything import Everything
from edgefleet.simulation.leader import Pace
from edgefleet.simulation.moves import AddVersion
from edgefleet.simulation.synthetic import NEW_VERSION, Shape, make_fleet, make_version
from edgefleet.simulation.world import START, Trouble, World

DEVICES = 10_000
CPU_SECONDS_MAX = 30.0
"""Of everything: building, simulating, planning, checking."""
SEED = 20_260_105


def test_a_rollout_to_ten_thousand_devices() -> None:
    began = time.process_time()
    shape = Shape(DEVICES)
    facts, new = make_fleet(shape, START), make_version(shape, NEW_VERSION)
    digests = frozenset(artifact.digest for artifact in new.artifacts.values())
    profile = Profile(
        failing=0.05, failing_digests=digests, asleep=0.1, sleep=Sleep(asleep=600.0, awake=120.0), crashing=0.01
    )
    everything = Everything()
    world = World(
        facts,
        seed=SEED,
        draw=lambda device: profile.draw(SEED, device.name),
        wire=Wire(duplicated=0.01, reordered=0.01),
        pace=Pace(pass_seconds=5.0),
        trouble=Trouble(crash_after=frozenset({DEVICES // 2})),
        observers=everything.checks,
    )
    world.push(60.0, AddVersion(new))
    run = world.run()
    spent = time.process_time() - began
    figures = f"{spent:.1f} s of CPU, {run.planning_seconds:.1f} s of it in {run.passes} plans"
    print(figures)  # noqa: T201 - `pytest -s` shows what docs/performance.md quotes

    assert everything.violations == []
    assert run.rested
    assert run.leaders == 2
    assert [ring.step for ring in run.rings] == ["Proved"] * 4
    failing = {name for name, board in world.devices.items() if board.behaviour.faults}
    awake = {name for name, board in world.devices.items() if board.behaviour.sleep is None}
    crashed = {each.device for each in run.outcomes if each.reason == "WatchdogReset"}
    updated = {name for name, board in world.devices.items() if board.active in digests}
    assert updated == set(world.devices) - failing - crashed
    assert 400 <= len(failing) <= 600
    assert 8_800 <= len(awake) <= 9_200
    assert {each.device for each in run.outcomes if each.standing == "Failed"} == failing | crashed
    # One command a device, but for those whose command died with the leader.
    assert DEVICES <= len(run.commands) <= DEVICES * 1.06
    assert spent < CPU_SECONDS_MAX, figures
