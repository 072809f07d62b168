"""Findings on a version to ModelVersion.status. Mapping only."""

from collections.abc import Iterator, Sequence

from edgefleet.api.v1alpha1.conditions import ConditionReason, ConditionType
from edgefleet.api.v1alpha1.modelversion import Deployed, ModelVersion, ModelVersionStatus, Verdict
from edgefleet.controllers.conditions import Wanted, find_condition, merge_conditions
from edgefleet.controllers.quarantine import Custody
from edgefleet.controllers.times import format_time
from edgefleet.controllers.verification import Finding


def show_version(
    version: ModelVersion, findings: Sequence[Finding], custody: Custody, deployed: Deployed | None, now: float
) -> ModelVersionStatus:
    """Returns the status to store.

    A version that was verified stays so: its spec never changes, and a registry that is away for a while must not call
    a fleet back.

    Args:
        version: the object with its status so far.
        findings: one an artifact.
        custody: whether it is in quarantine.
        deployed: counts of devices.
        now: POSIX seconds.
    """
    generation = version.metadata.generation or 0
    was = version.status.verified is True and version.status.observed_generation == generation
    bad = [finding for finding in findings if finding.reason]
    verified = not bad or (was and all(finding.passing for finding in bad))
    wanted = (*_want_verdict(findings, bad, custody, verified=verified), *_want_quarantine(version, custody))
    return ModelVersionStatus(
        observed_generation=generation,
        verified=verified,
        verdicts=tuple(_show_finding(version, finding, now) for finding in findings),
        deployed=deployed,
        quarantine=custody.quarantine,
        used_by=version.status.used_by,
        handled_tokens=custody.handled_tokens,
        conditions=merge_conditions(version.status.conditions, wanted, generation, now),
    )


def _show_finding(version: ModelVersion, finding: Finding, now: float) -> Verdict:
    before = next((each for each in version.status.verdicts if each.device_class == finding.device_class), None)
    verdict = Verdict(
        device_class=finding.device_class,
        verdict="Passed" if not finding.reason else "Pending" if finding.passing else "Refused",
        reason=finding.reason or None,
        message=finding.message[:1024] or None,
        class_hash=finding.class_hash or None,
        arena_bytes=finding.arena_bytes,
        at=before.at if before is not None else None,
    )
    return verdict if verdict == before else verdict.model_copy(update={"at": format_time(now)})


def _want_verdict(
    findings: Sequence[Finding], bad: Sequence[Finding], custody: Custody, *, verified: bool
) -> Iterator[Wanted]:
    """Whether it may be rolled out. Quarantine outranks everything else: nothing else would have to be mended now."""
    count = len(findings)
    reason: str = ConditionReason.ACCEPTED
    message = f"{count} artifact{'' if count == 1 else 's'} signed, unaltered and in the registry"
    if verified and bad:
        message = f"verified before; now {bad[0].message}"
    elif bad:
        worst = next((finding for finding in bad if not finding.passing), bad[0])
        reason, message = worst.reason, worst.message
    held = custody.quarantine
    if held is not None:
        yield from _refuse(ConditionReason.QUARANTINED, f"ring {held.ring}: {held.message}")
    elif verified:
        yield Wanted(ConditionType.READY, True, reason, message)
    else:
        yield from _refuse(reason, message)
    yield Wanted(ConditionType.VERIFIED, verified, reason, message)


def _refuse(reason: str, message: str) -> Iterator[Wanted]:
    yield Wanted(ConditionType.READY, False, reason, message)
    yield Wanted(ConditionType.STALLED, True, reason, message)


def _want_quarantine(version: ModelVersion, custody: Custody) -> Iterator[Wanted]:
    """The evidence while it holds, and what it was afterwards; nothing where there never was any."""
    held = custody.quarantine
    if held is not None:
        yield Wanted(ConditionType.QUARANTINED, True, ConditionReason.QUARANTINED, f"ring {held.ring}: {held.message}")
        return
    before = find_condition(version.status.conditions, ConditionType.QUARANTINED)
    if before is not None:
        message = f"lifted; it was: {before.message}" if before.status == "True" else before.message
        yield Wanted(ConditionType.QUARANTINED, False, ConditionReason.QUARANTINE_LIFTED, message)
