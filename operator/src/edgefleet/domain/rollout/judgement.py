"""Judges each device of a ring: from what it was told and what it says to where it stands. Pure; remembers nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edgefleet.domain.device.compatibility import Abilities, find_misfit
from edgefleet.domain.rollout.activity import FAILED, active_pin, is_busy, is_unanswered, is_wavering, is_working
from edgefleet.domain.rollout.catalogue import Catalogue, Home
from edgefleet.domain.rollout.facts import (
    Artifact,
    Command,
    DeviceFacts,
    Progress,
    Report,
    RingFacts,
    RingState,
    VersionFacts,
)
from edgefleet.domain.rollout.standing import SharedStands, Stand, Standing
from edgefleet.domain.rollout.transitions import STOPPED_STEPS

ATTEMPTS_MAX: Final = 3
"""Failed commands in a row after which a device is left alone."""
PENALTY_SECONDS: Final = 86_400.0
"""How long it is left alone."""

_OUTCOMES: Final = {
    Progress.FAILED: Standing.FAILED,
    Progress.REJECTED: Standing.REJECTED,
    Progress.ROLLED_BACK: Standing.ROLLED_BACK,
    Progress.DEFERRED: Standing.DEFERRED,
}
_UNMOVED: Final = {True: ("", ""), False: ("NotMoved", "was not moved")}


def is_returning(ring: RingFacts, state: RingState) -> bool:
    """Says whether devices that were moved are, or were, to go back."""
    return state.step in STOPPED_STEPS and ring.on_abort == "rollback" and state.abort is not None


@dataclass(slots=True)
class Judge:
    """Judges the devices of one ring in one pass.

    Attributes:
        ring: for its deadlines.
        state: for the round.
        aim: the version of the round; None while there is none.
        catalogue: for where devices go back to.
        now: POSIX seconds.
        recheck_at: when time alone changes a device's standing; grows with each judged device.
    """

    ring: RingFacts
    state: RingState
    aim: VersionFacts | None
    catalogue: Catalogue
    now: float
    recheck_at: float | None = None
    _known: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    _misfits: dict[tuple[int, int], tuple[str, str] | None] = field(
        default_factory=dict[tuple[int, int], tuple[str, str] | None]
    )

    def judge(self, devices: Sequence[DeviceFacts]) -> list[Stand]:
        """Returns where each device stands against the round's version, in the order of `devices`."""
        shared = SharedStands(self.ring.name)
        if self.aim is None:
            nothing = shared.stand(Standing.HELD, None, "NoTarget")
            return [nothing] * len(devices)
        updated = {
            name: (
                artifact,
                artifact.digest,
                shared.stand(Standing.UPDATED, artifact),
                shared.stand(Standing.HELD, artifact),
                shared.stand(Standing.OFFLINE, artifact, "Offline", "is offline"),
            )
            for name, artifact in self.aim.artifacts.items()
        }
        stands: list[Stand] = []
        for device in devices:
            # Most devices of a fleet run what they should: that is seen at a glance.
            report, command, known = device.report, device.command, updated.get(device.device_class)
            if (
                known is not None
                and report is not None
                and report.digest == known[1]
                and (command is None or command.digest == known[1])
                and (report.progress is Progress.DONE or not is_wavering(device))
                and device.pin is None
                and not device.revoked
                and device.class_known
            ):
                stands.append(known[2])
            elif (
                known is not None
                and report is not None
                and command is not None
                and report.generation == command.generation
                and report.progress is Progress.DONE
                and command.digest != known[1]
                and device.pin is None
                and not device.revoked
                and device.class_known
                and device.updates_enabled
            ):
                # It is done with what it was told before: nothing is left to ask but whether the next one fits.
                fits = device.abilities is None or self._find_misfit(known[0], device.abilities) is None
                stand = known[3] if device.online else known[4]
                stands.append(stand if fits else self._judge_idle(device, known[0], shared))
            else:
                stands.append(self._judge_closely(device, known[0] if known else None, shared))
        return stands

    def judge_return(self, devices: Sequence[DeviceFacts]) -> tuple[list[Stand], dict[str, Home]]:
        """Returns where each device stands on its way back after an abort, and where those that have one go."""
        shared = SharedStands(self.ring.name)
        homes: dict[str, Home] = {}
        stands: list[Stand] = []
        for device in devices:
            home = self._find_home(device)
            if home is not None:
                homes[device.name] = home
            stands.append(self._judge_return(device, home, shared))
        return stands, homes

    def _judge_closely(self, device: DeviceFacts, artifact: Artifact | None, shared: SharedStands) -> Stand:
        barred = self._bar(device, shared)
        if barred is not None or artifact is None:
            message = f"{self._name_aim()} has no artifact for class {device.device_class}"
            busy = _is_seen_busy(device)
            return barred or shared.stand(Standing.REJECTED, None, "NoArtifact", message, holds_slot=busy)
        command, report = device.command, device.report
        meant = command is not None and command.digest == artifact.digest
        there = report is not None and report.digest == artifact.digest and (command is None or meant)
        if there and not is_wavering(device):
            return shared.stand(Standing.UPDATED, artifact)
        conflict = self._is_conflict(device, artifact)
        stopped = self._stop_device(device, artifact, shared, conflict=conflict)
        if stopped is not None or conflict:
            # Once a person has resumed it, it is told like any other, whatever it was told before.
            return stopped or self._judge_waiting(device, artifact, shared)
        if command is not None and meant and command.at >= self.state.started_at:
            return self._judge_commanded(device, artifact, command, shared)
        return self._judge_waiting(device, artifact, shared)

    def _stop_device(
        self, device: DeviceFacts, artifact: Artifact, shared: SharedStands, *, conflict: bool
    ) -> Stand | None:
        """Returns the stand of a device that is not to be changed until a person says so; what it does, it ends."""
        busy = _is_seen_busy(device)
        if conflict and "resume" not in device.tokens:
            message = "reports a command nobody recorded and a model nobody wants there: annotate edgefleet.io/resume"
            return shared.stand(Standing.CONFLICT, artifact, "UnknownGeneration", message, holds_slot=busy)
        if not device.updates_enabled:
            message = "updatesEnabled is false"
            return shared.stand(Standing.EXCLUDED, artifact, "UpdatesDisabled", message, holds_slot=busy)
        return None

    def _name_aim(self) -> str:
        return f"{self.aim.model} {self.aim.version}" if self.aim is not None else "the target"

    def _bar(self, device: DeviceFacts, shared: SharedStands) -> Stand | None:
        """Returns the stand of a device that its ring leaves alone."""
        if device.revoked:
            return shared.stand(Standing.EXCLUDED, None, "Revoked", "is revoked")
        pin = active_pin(device, self.now)
        if pin is not None:
            self._look_again(pin.until)
            message = f"is pinned to {pin.version}"
            # A pin is not the ring's doing, but what it disturbs uses up the same site's budget.
            return shared.stand(Standing.EXCLUDED, None, "Pinned", message, holds_slot=_is_seen_busy(device))
        if not device.class_known:
            message = f"device class {device.device_class} is not declared"
            return shared.stand(Standing.REJECTED, None, "ClassUnknown", message, holds_slot=_is_seen_busy(device))
        return None

    def _is_conflict(self, device: DeviceFacts, artifact: Artifact) -> bool:
        command, report = device.command, device.report
        if command is None or report is None or report.digest is None or report.generation <= command.generation:
            return False
        if report.digest in (artifact.digest, command.digest, device.last_good):
            return False
        return report.digest not in self._find_known(device.device_class)

    def _find_misfit(self, artifact: Artifact, abilities: Abilities | None) -> tuple[str, str] | None:
        """Returns what does not fit; devices of a kind share their abilities, and the answer."""
        if abilities is None:
            return None
        key = (id(artifact), id(abilities))
        if key not in self._misfits:
            self._misfits[key] = find_misfit(artifact.needs, abilities)
        return self._misfits[key]

    def _find_known(self, device_class: str) -> frozenset[str]:
        if device_class not in self._known:
            self._known[device_class] = self._remember(device_class)
        return self._known[device_class]

    def _remember(self, device_class: str) -> frozenset[str]:
        """Returns the digests, for a class, of every version that this ring has had to do with.

        A leader that died before it could record its last command leaves a generation behind that nobody recorded;
        what the device runs then is one of these. A restored etcd knows nothing of what came after it.
        """
        state, model = self.state, self.ring.model
        digests = {each.digest for each in (state.target, state.stable, *state.proven) if each is not None}
        names = {past.version for past in state.history}
        versions = [
            version
            for version in self.catalogue.versions
            if version.model == model and (version.digest in digests or version.version in names)
        ]
        found = (version.artifacts.get(device_class) for version in versions)
        return frozenset(artifact.digest for artifact in found if artifact is not None)

    def _judge_waiting(self, device: DeviceFacts, artifact: Artifact, shared: SharedStands) -> Stand:
        """Judges a device that this round has not told anything yet."""
        until = self._blocked_until(device)
        if until is not None:
            self._look_again(until)
            message = f"failed {ATTEMPTS_MAX} times in a row and is left alone for a day: edgefleet.io/retry ends that"
            return shared.stand(Standing.EXCLUDED, artifact, "Blocked", message)
        # What an earlier command still does to it disturbs it already.
        return self._judge_idle(device, artifact, shared, busy=is_busy(device))

    def _judge_idle(
        self, device: DeviceFacts, artifact: Artifact, shared: SharedStands, *, busy: bool = False
    ) -> Stand:
        misfit = self._find_misfit(artifact, device.abilities)
        if misfit is not None:
            return shared.stand(Standing.REJECTED, artifact, *misfit, holds_slot=busy and device.online)
        if not device.online:
            return shared.stand(Standing.OFFLINE, artifact, "Offline", "is offline")
        return shared.stand(Standing.HELD, artifact, holds_slot=busy)

    def _blocked_until(self, device: DeviceFacts) -> float | None:
        command, report = device.command, device.report
        if command is None or report is None or command.attempt < ATTEMPTS_MAX or "retry" in device.tokens:
            return None
        if report.generation < command.generation or report.progress not in FAILED:
            return None
        until = report.changed_at + PENALTY_SECONDS
        return until if self.now < until else None

    def _judge_commanded(
        self, device: DeviceFacts, artifact: Artifact, command: Command, shared: SharedStands
    ) -> Stand:
        report = device.report
        if report is None or report.generation < command.generation:
            return self._judge_silent(device, artifact, command, shared)
        outcome = _OUTCOMES.get(report.progress)
        if outcome is not None:
            return shared.stand(outcome, artifact, report.reason, report.message)
        if report.progress is Progress.DONE:
            return shared.stand(Standing.FAILED, artifact, "WrongDigest", "says that it is done and runs another model")
        return self._judge_working(device, artifact, report, shared)

    def _judge_silent(self, device: DeviceFacts, artifact: Artifact, command: Command, shared: SharedStands) -> Stand:
        """Judges a device that has not acknowledged; its clock runs while it is there to hear."""
        ends = max(command.at, device.presence_since) + self.ring.ack_deadline
        if not device.online:
            return self._judge_vanished(device, artifact, "is offline since it was told", shared)
        if self.now > ends:
            message = f"has not acknowledged within {self.ring.ack_deadline:.0f} s"
            return shared.stand(Standing.TIMED_OUT, artifact, "AckTimeout", message)
        self._look_again(ends)
        return shared.stand(Standing.COMMANDED, artifact, holds_slot=True)

    def _judge_working(self, device: DeviceFacts, artifact: Artifact, report: Report, shared: SharedStands) -> Stand:
        """Judges a device that is at it; every sign of progress starts its clock again."""
        ends = max(report.changed_at, device.presence_since) + self.ring.progress_deadline
        if not device.online:
            return self._judge_vanished(device, artifact, "went offline while updating", shared)
        if self.now > ends:
            message = f"has made no progress for {self.ring.progress_deadline:.0f} s"
            return shared.stand(Standing.TIMED_OUT, artifact, "ProgressTimeout", message)
        self._look_again(ends)
        return shared.stand(Standing.IN_PROGRESS, artifact, report.reason, report.message, holds_slot=True)

    def _judge_vanished(self, device: DeviceFacts, artifact: Artifact, message: str, shared: SharedStands) -> Stand:
        """It may come back and go on at any moment; for a while its slot is kept, so that it finds room."""
        ends = device.presence_since + self.ring.ack_deadline
        holds = self.now <= ends
        if holds:
            self._look_again(ends)
        return shared.stand(Standing.OFFLINE, artifact, "Offline", message, holds_slot=holds)

    def _find_home(self, device: DeviceFacts) -> Home | None:
        """Returns what the device goes back to: what it last ran well, else what its ring last proved."""
        model, name = self.ring.model, device.device_class
        bad = self._bad_digest(device)
        # What was recorded may be lost with a leader; the device itself still has it in its other slot.
        previous = device.report.previous if device.report is not None else None
        for digest in (device.last_good, previous):
            home = self.catalogue.find_home(model, name, digest) if digest is not None and digest != bad else None
            if home is not None:
                return home
        stable = (self.state.stable, *self.state.proven)
        target = self.state.target
        for each in stable:
            if each is None or (target is not None and each.digest == target.digest):
                continue
            version = self.catalogue.find_usable(model, each.digest)
            artifact = version.artifacts.get(name) if version is not None else None
            if version is not None and artifact is not None:
                return Home(version, artifact)
        return None

    def _bad_digest(self, device: DeviceFacts) -> str | None:
        artifact = self.aim.artifacts.get(device.device_class) if self.aim is not None else None
        return artifact.digest if artifact is not None else None

    def _judge_return(self, device: DeviceFacts, home: Home | None, shared: SharedStands) -> Stand:
        barred = self._bar(device, shared)
        runs = device.report.digest if device.report is not None else None
        bad = self._bad_digest(device)
        # Whoever is at it may switch at any moment.
        moved = (runs is not None and runs == bad) or (_is_told(device, bad) and is_working(device))
        if barred is not None or home is None:
            reason, message = ("NoLastGood", "has nothing to go back to") if moved else ("NotMoved", "was not moved")
            return barred or shared.stand(Standing.EXCLUDED, None, reason, message)
        if not device.updates_enabled:
            return shared.stand(Standing.EXCLUDED, home.artifact, "UpdatesDisabled", "updatesEnabled is false")
        command, since = device.command, self.state.abort.at if self.state.abort is not None else self.state.since
        told = command is not None and command.digest == home.artifact.digest and command.at >= since
        if command is not None and told and (moved or is_unanswered(device) or is_working(device)):
            return self._judge_commanded(device, home.artifact, command, shared)
        return self._judge_untold(device, home.artifact, shared, moved=moved)

    def _judge_untold(self, device: DeviceFacts, artifact: Artifact, shared: SharedStands, *, moved: bool) -> Stand:
        """Judges a device that nobody has sent back yet."""
        if not moved:
            there = device.report is not None and device.report.digest == artifact.digest
            return shared.stand(Standing.UPDATED if there else Standing.EXCLUDED, artifact, *_UNMOVED[there])
        if not device.online:
            return shared.stand(Standing.OFFLINE, artifact, "Offline", "is offline and has to go back")
        return shared.stand(Standing.HELD, artifact, "Aborted", "has to go back", holds_slot=is_busy(device))

    def _look_again(self, at: float | None) -> None:
        if at is not None and (self.recheck_at is None or at < self.recheck_at):
            self.recheck_at = at


def _is_told(device: DeviceFacts, digest: str | None) -> bool:
    return device.command is not None and device.command.digest == digest


def _is_seen_busy(device: DeviceFacts) -> bool:
    """Says whether a device that its ring leaves alone is busy where it can be seen: what it has begun it ends."""
    return device.online and is_busy(device)
