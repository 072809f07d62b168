"""What becomes of a version's quarantine: rings ask for it and give it back, a person lifts it. Pure.

The last word is that with the latest evidence: a ring's that is older than a lift asks for nothing any more.
"""

from dataclasses import dataclass

from edgefleet.api.meta import HandledToken
from edgefleet.api.v1alpha1.modelversion import ModelVersion
from edgefleet.api.v1alpha1.modelversion import Quarantine as ApiQuarantine
from edgefleet.controllers.ring_facts import read_tokens
from edgefleet.controllers.times import format_time, parse_time
from edgefleet.controllers.version_facts import UNQUARANTINE, read_lifted
from edgefleet.domain.rollout.facts import Quarantine


@dataclass(frozen=True, slots=True)
class Asked:
    """What the last pass over a namespace wants written.

    Attributes:
        quarantine: to begin; None to end the one there is.
        at: POSIX seconds.
    """

    quarantine: Quarantine | None
    at: float


@dataclass(frozen=True, slots=True)
class Custody:
    """What stands in status afterwards.

    Attributes:
        quarantine: None for none.
        handled_tokens: with the one that lifted it.
        lifted: why it ended just now, as a sentence; empty when it did not.
    """

    quarantine: ApiQuarantine | None
    handled_tokens: tuple[HandledToken, ...]
    lifted: str = ""


def settle_custody(version: ModelVersion, asked: Asked | None, now: float) -> Custody:
    """Returns what the token annotation and the planner make of a version's quarantine.

    A token that comes while there is none is used up: it does not lift the next one.
    """
    status = version.status
    quarantine = status.quarantine
    token = read_tokens(version.metadata.annotations).get(UNQUARANTINE, "")
    handled = next((each.value for each in status.handled_tokens if each.name == UNQUARANTINE), "")
    if token and token != handled:
        said = f"{UNQUARANTINE} {token}" if quarantine is not None else ""
        return Custody(None, _handle(version, token, now), said)
    if asked is None:
        return Custody(quarantine, status.handled_tokens)
    if asked.quarantine is None:
        if quarantine is None or parse_time(quarantine.since) > asked.at:
            return Custody(quarantine, status.handled_tokens)
        return Custody(None, _handle(version, token, now), f"ring {quarantine.ring} tries it again")
    if quarantine is None and read_lifted(status) < asked.quarantine.at:
        quarantine = _show_quarantine(asked.quarantine)
    return Custody(quarantine, status.handled_tokens)


def _handle(version: ModelVersion, value: str, now: float) -> tuple[HandledToken, ...]:
    """Returns the tokens with when it was lifted; the value is that of the annotation, empty where there is none."""
    others = (token for token in version.status.handled_tokens if token.name != UNQUARANTINE)
    return (*others, HandledToken(name=UNQUARANTINE, value=value, at=format_time(now)))


def _show_quarantine(quarantine: Quarantine) -> ApiQuarantine:
    message = quarantine.message or f"{quarantine.failed} of {quarantine.judged} devices failed"
    return ApiQuarantine(
        since=format_time(quarantine.at),
        ring=quarantine.ring,
        round=quarantine.round,
        failed=quarantine.failed,
        judged=quarantine.judged,
        reasons=quarantine.reasons,
        message=message[:1024],
    )
