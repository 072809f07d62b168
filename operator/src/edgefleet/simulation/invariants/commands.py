"""What holds of commands: how many at once, how fast, of what, and under which generation."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefleet.domain.rollout.effects import Effect, RecallCommand, SendCommand
from edgefleet.domain.rollout.facts import DeviceFacts, FleetFacts, RingFacts
from edgefleet.domain.rollout.planner import Plan
from edgefleet.simulation.environment import Act
from edgefleet.simulation.invariants.check import Check, count, has_had_its_time, is_busy
from edgefleet.simulation.moves import AddDevice, Move
from edgefleet.simulation.observer import Sent

if TYPE_CHECKING:
    from edgefleet.simulation.leader import Leader
    from edgefleet.simulation.world import World


@dataclass(slots=True)
class SlotsAreBounded(Check):
    """No ring changes more devices at once than maxConcurrency and its budgets allow, as far as anybody can know.

    A device whose time is up holds no slot; of one that lies nobody can say what it is doing.
    """

    _liars: frozenset[str] = frozenset()
    _moving: dict[str, int] = field(default_factory=dict[str, int])
    _disturbed: dict[str, Counter[str | None]] = field(default_factory=dict[str, Counter[str | None]])
    _sizes: dict[str, Counter[str | None]] = field(default_factory=dict[str, Counter[str | None]])
    _rings: dict[str, RingFacts] = field(default_factory=dict[str, RingFacts])
    _devices: dict[str, DeviceFacts] = field(default_factory=dict[str, DeviceFacts])
    _counted: set[str] = field(default_factory=set[str])

    def begin(self, world: "World") -> None:
        """Notes who lies."""
        self._liars = frozenset(name for name, board in world.devices.items() if board.behaviour.lie is not None)

    def see_move(self, world: "World", move: Move) -> None:
        """Boards come and go."""
        if isinstance(move, AddDevice):
            self.begin(world)

    def see_pass(self, leader: "Leader", facts: FleetFacts, decided: Plan) -> None:
        """Counts who is being changed, in the rings that command somebody."""
        commanding = {effect.ring for effect in decided.effects if isinstance(effect, SendCommand)}
        self._rings = {
            ring.name: ring
            for ring in facts.rings
            if ring.name in commanding and (ring.max_concurrency is not None or ring.budget is not None)
        }
        self._counted = set()
        self._devices = {device.name: device for device in facts.devices} if self._rings else {}
        for name, ring in self._rings.items():
            members = [self._devices[device.name] for device in decided.rings[name].devices]
            self._count(ring, members, leader.now)

    def _count(self, ring: RingFacts, members: Sequence[DeviceFacts], now: float) -> None:
        label = ring.budget_label
        moving = [device for device in members if self._is_moving(device, ring, now)]
        absent = [device for device in members if ring.budget_counts_offline and not device.online]
        self._counted |= {device.name for device in moving}
        self._moving[ring.name] = sum(device.command is None or device.command.ring == ring.name for device in moving)
        self._sizes[ring.name] = Counter(_group(device, label) for device in members)
        self._disturbed[ring.name] = Counter(_group(device, label) for device in (*moving, *absent))

    def _is_moving(self, device: DeviceFacts, ring: RingFacts, now: float) -> bool:
        busy = device.online and is_busy(device) and device.name not in self._liars
        return busy and not has_had_its_time(device, ring, now)

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Compares with what the ring allows; who is recalled stays as it is, and makes room."""
        if isinstance(effect, RecallCommand):
            self._make_room(effect)
            return
        if not isinstance(effect, SendCommand) or effect.ring not in self._rings or not leader.alive:
            return
        ring, device = self._rings[effect.ring], self._devices.get(effect.device)
        if device is None or is_busy(device):
            return
        group = _group(device, ring.budget_label)
        self._moving[ring.name] += 1
        self._disturbed[ring.name][group] += 1
        total = self._sizes[ring.name].total()
        if ring.max_concurrency is not None and self._moving[ring.name] > count(ring.max_concurrency, total):
            self.fail(leader.now, f"{ring.name}: {self._moving[ring.name]} of {total} at once with {effect.device}")
        if ring.budget is not None:
            used, size = self._disturbed[ring.name][group], self._sizes[ring.name][group]
            if used > count(ring.budget, size):
                self.fail(leader.now, f"{ring.name}: {used} of {size} out of service in {group} with {effect.device}")

    def _make_room(self, effect: RecallCommand) -> None:
        ring, device = self._rings.get(effect.ring or ""), self._devices.get(effect.device)
        if ring is not None and device is not None and effect.device in self._counted:
            self._moving[ring.name] -= 1
            self._disturbed[ring.name][_group(device, ring.budget_label)] -= 1


def _group(device: DeviceFacts, label: str | None) -> str | None:
    return device.labels.get(label) if label is not None else None


@dataclass(slots=True)
class RatesAreKept(Check):
    """In no minute are more commands decided than the rate and its burst of ten seconds allow, ring and namespace."""

    _recent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict[str, deque[float]](deque))

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Counts the commands of the last minute."""
        if not isinstance(effect, SendCommand) or not leader.alive:
            return
        for name, rate in _find_rates(leader, effect.ring):
            recent = self._recent[name]
            recent.append(leader.now)
            while recent[0] <= leader.now - 60.0:
                recent.popleft()
            if len(recent) > rate + max(1.0, rate / 6):
                self.fail(leader.now, f"{name or 'the namespace'}: {len(recent)} commands in a minute, {rate} allowed")


def _find_rates(leader: "Leader", ring: str | None) -> Iterator[tuple[str, int]]:
    if leader.rate_per_minute is not None:
        yield "", leader.rate_per_minute
    found = leader.store.rings.get(ring) if ring is not None else None
    if found is not None and found.rate_per_minute is not None:
        yield found.name, found.rate_per_minute


@dataclass(slots=True)
class QuarantineHolds(Check):
    """Nobody is told to run what is in quarantine."""

    def see_effect(self, leader: "Leader", effect: Effect) -> None:
        """Compares commands with quarantines."""
        if not isinstance(effect, SendCommand) or not leader.alive:
            return
        for version in leader.store.versions.values():
            held = version.quarantine is not None
            if held and any(each.digest == effect.artifact.digest for each in version.artifacts.values()):
                self.fail(leader.now, f"{effect.device} is told to run {effect.version}, which is in quarantine")


@dataclass(slots=True)
class GenerationsRise(Check):
    """A newer command has a higher generation, one generation never has two contents, nothing else ever runs."""

    _told: dict[str, dict[int, str | None]] = field(
        default_factory=lambda: defaultdict[str, dict[int, str | None]](dict)
    )
    _highest: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    _allowed: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict[str, set[str | None]](set))

    def begin(self, world: "World") -> None:
        """Notes what devices run and were told before."""
        for name, board in world.devices.items():
            self._allowed[name] = {board.active, board.previous}
        for name, desired in world.broker.desired.items():
            self._told[name][desired.generation] = desired.digest
            self._highest[name] = desired.generation
            self._allowed[name].add(desired.digest)

    def see_move(self, world: "World", move: Move) -> None:
        """A board that is new runs what it came with."""
        if isinstance(move, AddDevice):
            self._allowed[move.device.name].add(world.devices[move.device.name].active)

    def see_command(self, leader: "Leader", sent: Sent) -> None:
        """Compares with what the device was told before."""
        told = self._told[sent.device]
        if sent.generation in told and told[sent.generation] != sent.digest:
            self.fail(sent.at, f"{sent.device}: generation {sent.generation:#x} has two contents")
        elif sent.generation not in told and leader.alive and sent.generation <= self._highest[sent.device]:
            self.fail(sent.at, f"{sent.device}: generation {sent.generation:#x} does not rise")
        told[sent.generation] = sent.digest
        self._highest[sent.device] = max(self._highest[sent.device], sent.generation)
        self._allowed[sent.device].add(sent.digest)

    def see_device(self, world: "World", name: str, act: Act) -> None:
        """Compares what runs with what was told."""
        board = world.devices[name]
        if act is Act.ACTIVATES and board.active not in self._allowed[name]:
            self.fail(world.agenda.now, f"{name} runs {board.active}, which nobody asked for")
