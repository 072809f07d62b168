"""Which version a ring moves to: its pin, the best of a range, or what the rings before it have proved. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.facts import RingFacts, RingState, Target, VersionFacts
from edgefleet.domain.rollout.versions import Version, VersionRange

_UNSEEN: Final = "not looked at yet"


def digest_version(artifacts: Iterable[tuple[str, str]]) -> str:
    """Returns the digest that stands for a version: SHA-256 over its (device class, artifact digest) pairs.

    The order of `artifacts` is irrelevant.
    """
    lines = "".join(f"{device_class}:{digest}\n" for device_class, digest in sorted(artifacts))
    return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Choice:
    """A ring's target, or why there is none yet.

    Attributes:
        target: None while it has to wait.
        reason: one word: VersionMissing, PredecessorNotProved, or empty.
        waits: a sentence for a person, empty with a target.
    """

    target: Target | None
    reason: str = ""
    waits: str = ""


def choose_target(ring: RingFacts, versions: tuple[VersionFacts, ...], states: Mapping[str, RingState]) -> Choice:
    """Returns what the ring should move to.

    Args:
        ring: the ring.
        versions: declared versions, of any model.
        states: the state of every ring of the namespace by name, those before this one already planned.
    """
    own = {version.version: version for version in versions if version.model == ring.model}
    if ring.pin is not None:
        return _choose_pinned(ring.model, ring.pin, own)
    if ring.track is not None:
        return _choose_tracked(ring.model, ring.track, own)
    return _choose_proven(ring.after, own, states)


def is_usable(version: VersionFacts) -> bool:
    """Says whether devices may be given the version."""
    return version.verified and not version.quarantined


def _choose_pinned(model: str, pin: str, own: Mapping[str, VersionFacts]) -> Choice:
    found = own.get(pin)
    if found is None:
        return Choice(None, "VersionMissing", f"{model} {pin} to be declared")
    if found.quarantined:
        return Choice(None, "Quarantined", f"{model} {pin} to leave quarantine")
    if not found.verified:
        return Choice(None, "VersionNotVerified", f"{model} {pin} to be verified: {found.problem or _UNSEEN}")
    return Choice(Target(found.version, found.digest))


def _choose_tracked(model: str, track: str, own: Mapping[str, VersionFacts]) -> Choice:
    usable = {Version.parse(text): version for text, version in own.items() if is_usable(version)}
    span = VersionRange.parse(track)
    picked = span.pick(usable)
    if picked is not None:
        return Choice(Target(usable[picked].version, usable[picked].digest))
    refused = span.pick(Version.parse(text) for text in own)
    if refused is not None:
        waits = f"a verified version of {model} in {track}: {refused} is not: {own[str(refused)].problem or _UNSEEN}"
        return Choice(None, "VersionNotVerified", waits)
    return Choice(None, "VersionMissing", f"a version of {model} in {track} to be declared")


def _choose_proven(after: tuple[str, ...], own: Mapping[str, VersionFacts], states: Mapping[str, RingState]) -> Choice:
    """Returns the target that every predecessor has proved and whose last proof is newest."""
    missing = sorted(name for name in after if name not in states)
    if missing:
        return Choice(None, "PredecessorNotProved", f"ring {missing[0]} to be declared")
    usable = {version.digest: version for version in own.values() if is_usable(version)}
    proven = [{proof.digest: proof.at for proof in reversed(states[name].proven)} for name in after]
    shared = set(usable).intersection(*proven)
    if not shared:
        waiting = [name for name, digests in zip(after, proven, strict=True) if not set(digests) & set(usable)]
        return Choice(None, "PredecessorNotProved", f"{', '.join(waiting or after)} to prove a version")
    newest = max(sorted(shared), key=lambda digest: max(digests[digest] for digests in proven))
    return Choice(Target(usable[newest].version, newest))
