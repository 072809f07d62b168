"""Which version a ring moves to: its pin, the best of a range, or what the rings before it have proved. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgefleet.domain.rollout.catalogue import is_usable
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
        reason: one word: VersionMissing, VersionNotVerified, Quarantined, PredecessorNotProved, or empty.
        waits: a sentence for a person, empty with a target.
    """

    target: Target | None
    reason: str = ""
    waits: str = ""


def choose_target(ring: RingFacts, versions: Sequence[VersionFacts], states: Mapping[str, RingState]) -> Choice:
    """Returns what the ring should move to.

    Args:
        ring: the ring.
        versions: of any model, quarantine as it is in force.
        states: the state of every ring of the namespace by name, those before this one already planned.
    """
    own = {version.version: version for version in versions if version.model == ring.model}
    if ring.pin is not None:
        return _choose_pinned(ring.model, ring.pin, own)
    if ring.track is not None:
        return _choose_tracked(ring.model, ring.track, own)
    return _choose_proven(ring.after, own, states)


def _refuse(model: str, version: VersionFacts) -> Choice:
    """Returns why nobody is given the version."""
    if version.quarantine is not None:
        held = version.quarantine
        said = held.message or f"{held.failed} of {held.judged} devices failed"
        return Choice(None, "Quarantined", f"{model} {version.version} to leave quarantine ({held.ring}: {said})")
    waits = f"{model} {version.version} to be verified: {version.problem or _UNSEEN}"
    return Choice(None, "VersionNotVerified", waits)


def _choose_pinned(model: str, pin: str, own: Mapping[str, VersionFacts]) -> Choice:
    found = own.get(pin)
    if found is None:
        return Choice(None, "VersionMissing", f"{model} {pin} to be declared")
    return Choice(Target(found.version, found.digest)) if is_usable(found) else _refuse(model, found)


def _choose_tracked(model: str, track: str, own: Mapping[str, VersionFacts]) -> Choice:
    usable = {Version.parse(text): version for text, version in own.items() if is_usable(version)}
    span = VersionRange.parse(track)
    picked = span.pick(usable)
    if picked is not None:
        return Choice(Target(usable[picked].version, usable[picked].digest))
    refused = span.pick(Version.parse(text) for text in own)
    if refused is not None:
        return _refuse(model, next(each for text, each in own.items() if Version.parse(text) == refused))
    return Choice(None, "VersionMissing", f"a version of {model} in {track} to be declared")


def _choose_proven(after: Sequence[str], own: Mapping[str, VersionFacts], states: Mapping[str, RingState]) -> Choice:
    """Returns the target that every predecessor has proved and whose last proof is newest."""
    missing = sorted(name for name in after if name not in states)
    if missing:
        return Choice(None, "PredecessorNotProved", f"ring {missing[0]} to be declared")
    usable = {version.digest: version for version in reversed(list(own.values())) if is_usable(version)}
    proven = [{proof.digest: proof.at for proof in reversed(states[name].proven)} for name in after]
    shared = set(usable).intersection(*proven)
    if not shared:
        waiting = [name for name, digests in zip(after, proven, strict=True) if not set(digests) & set(usable)]
        return Choice(None, "PredecessorNotProved", f"{', '.join(waiting or after)} to prove a version")
    newest = max(sorted(shared), key=lambda digest: max(digests[digest] for digests in proven))
    return Choice(Target(usable[newest].version, newest))
