"""What must be true of a world that has come to rest: the truth of the boards against what their rings have reached."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefleet.domain.rollout.facts import DeviceFacts, RingFacts, VersionFacts
from edgefleet.simulation.device import Device
from edgefleet.simulation.environment import Act
from edgefleet.simulation.invariants.check import Check
from edgefleet.simulation.messages import Phase

if TYPE_CHECKING:
    from edgefleet.simulation.world import World

_WELL = frozenset({Phase.IDLE, Phase.CONFIRMED})


@dataclass(slots=True)
class RestIsReached(Check):
    """At rest, healthy devices of proved rings run the target, and of stopped ones what they ran before."""

    _before: dict[str, str | None] = field(default_factory=dict[str, str | None])
    """What a board ran before it was switched to what it runs."""
    _runs: dict[str, str | None] = field(default_factory=dict[str, str | None])

    def begin(self, world: "World") -> None:
        """Notes what boards run."""
        self._runs = {name: board.active for name, board in world.devices.items()}

    def see_device(self, world: "World", name: str, act: Act) -> None:
        """Notes what a board is switched to."""
        board = world.devices[name]
        if act is Act.ACTIVATES:
            self._before[name] = self._runs.get(name)
            self._runs[name] = board.active
        elif act is Act.FLASHED:
            self._before.pop(name, None)
            self._runs[name] = None

    def see_end(self, world: "World") -> None:
        """Compares the boards with their rings."""
        leader = world.leader
        if leader is None or leader.decided is None or not leader.heard or not world.rested:
            return
        for name, shown in leader.decided.rings.items():
            ring, state = world.store.rings[name], shown.turn.state
            versions = [
                version
                for version in world.store.versions.values()
                if state.target is not None and version.model == ring.model and version.digest == state.target.digest
            ]
            absent = ring.budget_counts_offline and any(not device.online for device in shown.devices)
            if not versions or ring.suspend or ring.window is not None or (ring.budget is not None and absent):
                continue  # somebody or something has to come first
            boards = [(device, world.devices[device.name]) for device in shown.devices]
            healthy = [(device, board) for device, board in boards if _is_healthy(device, board)]
            if state.step.value == "Proved" and versions[0].quarantine is None:
                self._check_proved(world, ring, versions[0], healthy)
            elif state.step.value == "Aborted" and ring.on_abort == "rollback":
                self._check_stopped(world, ring, versions[0], healthy)

    def _check_proved(
        self, world: "World", ring: RingFacts, version: VersionFacts, boards: list[tuple[DeviceFacts, Device]]
    ) -> None:
        for device, board in boards:
            artifact = version.artifacts.get(device.device_class)
            if artifact is None or board.refuses(artifact) or board.active == artifact.digest:
                continue
            if board.behaviour.find_fault(artifact.digest) is None:
                self.fail(world.agenda.now, f"{ring.name} has proved {version.version}; {board.name} does not run it")

    def _check_stopped(
        self, world: "World", ring: RingFacts, version: VersionFacts, boards: list[tuple[DeviceFacts, Device]]
    ) -> None:
        for device, board in boards:
            artifact, before = version.artifacts.get(device.device_class), self._before.get(board.name)
            if artifact is None or board.active != artifact.digest or before is None or before == board.active:
                continue
            home = next(_find_homes(world, ring.model, device.device_class, before), None)
            if home is not None and not board.refuses(home.artifacts[device.device_class]):
                said = f"{board.name} still runs it and not {home.version}"
                self.fail(world.agenda.now, f"{ring.name} has stopped {version.version}; {said}")


def _is_healthy(device: DeviceFacts, board: Device) -> bool:
    """Says whether the board is there, does as it is told, and may be told."""
    free = device.pin is None and device.updates_enabled and not device.revoked and device.window is None
    return free and board.online and board.behaviour.sound and board.phase in _WELL and device.class_known


def _find_homes(world: "World", model: str, device_class: str, digest: str) -> Iterator[VersionFacts]:
    for version in world.store.versions.values():
        artifact = version.artifacts.get(device_class)
        fits = artifact is not None and artifact.digest == digest and version.model == model
        if fits and version.verified and version.quarantine is None:
            yield version
