"""How long a full pass of the planner takes, against a floor that any planner pays: `python -m scale.planning N`.

The floor is one plain look at what a pass has to look at: four attributes of every device, and one lookup by its name.
Both are measured in the same run, so the ratio means the same on every machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import tracemalloc
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from edgefleet.domain.rollout.facts import Command, DeviceFacts, FleetFacts, Progress, Proof, Report, Target
from edgefleet.domain.rollout.planner import Plan, plan
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import make_ring, make_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgefleet.domain.rollout.facts import RingState

OLD, NEW = make_version("1.0.0"), make_version("1.1.0")
NOW = 2_000.0
REPEATS = 9


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of CPU, the least of several passes, and bytes.

    Attributes:
        n: devices.
        floor_s: one plain look at all of them.
        steady_s: a pass while everybody runs what they should.
        rolling_s: the pass that begins to change nearly all of them, within concurrency and budgets.
        steady_ratio: to the floor.
        rolling_ratio: to the floor.
        facts_bytes_per_device: memory of the facts.
        plan_bytes_per_device: memory of the plan, the peak while planning included.
    """

    n: int
    floor_s: float
    steady_s: float
    rolling_s: float
    steady_ratio: float
    rolling_ratio: float
    facts_bytes_per_device: int
    plan_bytes_per_device: int


def make_fleet(count: int) -> FleetFacts:
    """Returns a fleet at rest: three rings in a chain, 97 sites, three hardware revisions."""
    budget = {"max_concurrency": 0.05, "budget": 0.1, "budget_label": "site"}
    rings = (
        make_ring("canary", track="^1.0", limit=0.01),
        make_ring("early", after=("canary",), limit=0.1, **budget),
        make_ring("rest", after=("early",), **budget),
    )
    digest = OLD.artifacts["esp32"].digest
    devices = tuple(_make_device(number, digest) for number in range(count))
    facts = FleetFacts(rings, (OLD,), devices)
    for _ in range(6):  # to rest
        facts = _store(facts, plan(facts, NOW))
    owners = plan(facts, NOW).devices
    return replace(facts, devices=tuple(replace(device, ring=owners[device.name].ring) for device in facts.devices))


def _make_device(number: int, digest: str) -> DeviceFacts:
    labels = {"motor": "x", "site": f"plant-{number % 97}", "hardware-revision": f"r{number % 3}", "line": "press"}
    generation = (1 << 32) + number
    return DeviceFacts(
        name=f"motor-{number:06}",
        device_class="esp32",
        labels=labels,
        online=True,
        command=Command("anomaly", "1.0.0", digest, generation, 1_000.0),
        report=Report(digest, generation, Progress.DONE, changed_at=1_010.0),
    )


def _store(facts: FleetFacts, decided: Plan) -> FleetFacts:
    states = {name: ring.turn.state for name, ring in decided.rings.items()}
    return replace(facts, rings=tuple(replace(ring, state=states[ring.name]) for ring in facts.rings))


def begin_to_roll(facts: FleetFacts) -> FleetFacts:
    """Returns the fleet at the moment at which the last ring may take a new version that the others have proved."""
    target = Target(NEW.version, NEW.digest)

    def prove(state: RingState) -> RingState:
        proof = Proof(NEW.digest, NEW.version, state.round + 1, NOW)
        return replace(state, step=Step.PROVED, target=target, stable=target, proven=(proof, *state.proven))

    rings = tuple(ring if ring.name == "rest" else replace(ring, state=prove(ring.state)) for ring in facts.rings)
    started = replace(facts, rings=rings, versions=(OLD, NEW))
    return _store(started, plan(started, NOW))


def look(facts: FleetFacts) -> int:
    """The floor: reads of every device what a planner cannot do without."""
    names = {device.name: device for device in facts.devices}
    seen = 0
    for device in facts.devices:
        report, command = device.report, device.command
        if report is not None and command is not None and report.digest == command.digest and device.online:
            seen += names[device.name] is device
    return seen


def _time(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(REPEATS):
        gc.collect()
        gc.disable()
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
        gc.enable()
    return min(times)  # what is above it is the machine's doing, as timeit has it


def _weigh(count: int) -> tuple[int, int]:
    """Returns the bytes of the facts, and what planning takes beside them at its peak."""
    tracemalloc.start()
    facts = make_fleet(count)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    plan(facts, NOW)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held, peak - held


def measure(count: int) -> Measured:
    """Measures a fleet of `count` devices."""
    facts = make_fleet(count)
    rolling = begin_to_roll(facts)
    floor = _time(lambda: look(facts))
    steady = _time(lambda: plan(facts, NOW))
    changing = _time(lambda: plan(rolling, NOW + 1))
    facts_bytes, plan_bytes = _weigh(count)
    return Measured(
        n=count,
        floor_s=round(floor, 4),
        steady_s=round(steady, 4),
        rolling_s=round(changing, 4),
        steady_ratio=round(steady / floor, 1),
        rolling_ratio=round(changing / floor, 1),
        facts_bytes_per_device=facts_bytes // count,
        plan_bytes_per_device=plan_bytes // count,
    )


def main() -> int:
    """Prints one line of JSON a fleet."""
    parser = argparse.ArgumentParser(description="Measure the planner against its floor.")
    parser.add_argument("devices", nargs="*", type=int, default=[19_000, 100_000])
    for count in parser.parse_args().devices:
        print(json.dumps(asdict(measure(count))))  # noqa: T201 - a command line prints
    return 0


if __name__ == "__main__":
    sys.exit(main())
