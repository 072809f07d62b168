"""The declared versions of a pass, by what they are looked up with, quarantine taken into account. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from edgefleet.domain.rollout.effects import LiftQuarantine, QuarantineVersion
from edgefleet.domain.rollout.facts import Artifact, Quarantine, RingFacts, RingState, VersionFacts
from edgefleet.domain.rollout.transitions import STOPPED_STEPS


@dataclass(frozen=True, slots=True)
class Home:
    """Where a device goes back to."""

    version: VersionFacts
    artifact: Artifact


def is_usable(version: VersionFacts) -> bool:
    """Says whether devices may be given the version."""
    return version.verified and version.quarantine is None


class Catalogue:
    """Versions of all models. Quarantine is of a digest: versions that share it share the quarantine."""

    def __init__(self, versions: Iterable[VersionFacts], rings: Iterable[RingFacts]) -> None:
        """Index the versions.

        Args:
            versions: as declared.
            rings: with their states: a stopped ring's evidence counts before anybody has written it down, and a retry
                token ends a quarantine before anybody has lifted it.
        """
        declared = sorted(versions, key=lambda version: (version.model, version.version))
        states = {ring.name: (ring.model, ring.state) for ring in rings}
        found = {
            (version.model, version.digest): quarantine
            for version in declared
            if (quarantine := find_quarantine(version, states)) is not None
        }
        self.versions = tuple(
            replace(version, quarantine=found.get((version.model, version.digest))) for version in declared
        )
        self._by_digest: dict[tuple[str, str], VersionFacts] = {}
        self._homes: dict[tuple[str, str, str], Home] = {}
        for version in self.versions:
            self._by_digest.setdefault((version.model, version.digest), version)
            if is_usable(version):
                for name, artifact in version.artifacts.items():
                    self._homes.setdefault((version.model, name, artifact.digest), Home(version, artifact))

    def find(self, model: str, digest: str) -> VersionFacts | None:
        """Returns a declared version with this digest, usable or not."""
        return self._by_digest.get((model, digest))

    def find_usable(self, model: str, digest: str) -> VersionFacts | None:
        """Returns a version with this digest that devices may be given."""
        usable = (each for each in self.versions if each.model == model and each.digest == digest and is_usable(each))
        return next(usable, None)

    def find_home(self, model: str, device_class: str, artifact_digest: str) -> Home | None:
        """Returns the usable version that has this artifact for this class."""
        return self._homes.get((model, device_class, artifact_digest))

    def forgive(self, model: str, digest: str) -> tuple[VersionFacts, ...]:
        """Returns the versions as if the one with this digest were in no quarantine."""
        return tuple(
            replace(version, quarantine=None) if (version.model, version.digest) == (model, digest) else version
            for version in self.versions
        )


def find_quarantine(version: VersionFacts, states: Mapping[str, tuple[str, RingState]]) -> Quarantine | None:
    """Returns the quarantine that is in force: the recorded one, or one that a stopped ring's evidence asks for."""
    recorded = version.quarantine
    if recorded is not None and not _is_retried(recorded, states):
        return recorded
    for name, (model, state) in states.items():
        abort = state.abort
        if model != version.model or abort is None or not abort.blames or state.step not in STOPPED_STEPS:
            continue
        if state.target is not None and state.target.digest == version.digest and version.lifted_at < abort.at:
            return Quarantine(name, state.round, abort.at, abort.failed, abort.judged, abort.reasons, abort.evidence)
    return None


def _is_retried(quarantine: Quarantine, states: Mapping[str, tuple[str, RingState]]) -> bool:
    """Says whether the ring whose evidence it was has been asked to try again since."""
    _, state = states.get(quarantine.ring, ("", RingState()))
    return any(token.name == "retry" and token.at >= quarantine.at for token in state.tokens)


def settle_quarantines(
    versions: Iterable[VersionFacts], states: Mapping[str, tuple[str, RingState]]
) -> Iterator[QuarantineVersion | LiftQuarantine]:
    """Yields what has to be written down so that every version's quarantine is what the rings' states make it.

    Args:
        versions: as declared and recorded.
        states: (model, state) of every ring by name, after the pass.
    """
    for version in sorted(versions, key=lambda each: (each.model, each.version)):
        wanted = find_quarantine(version, states)
        if wanted is not None and version.quarantine is None:
            yield QuarantineVersion(version.model, version.version, version.digest, wanted)
        elif wanted is None and version.quarantine is not None:
            yield LiftQuarantine(version.model, version.version, version.digest)
