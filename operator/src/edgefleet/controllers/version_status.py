"""Findings on a version to ModelVersion.status. Mapping only."""

from collections.abc import Iterator, Sequence

from edgefleet.api.v1alpha1.conditions import ConditionReason, ConditionType
from edgefleet.api.v1alpha1.modelversion import Deployed, ModelVersion, ModelVersionStatus, Verdict
from edgefleet.controllers.conditions import Wanted, merge_conditions
from edgefleet.controllers.times import format_time
from edgefleet.controllers.verification import Finding


def show_version(
    version: ModelVersion, findings: Sequence[Finding], deployed: Deployed | None, now: float
) -> ModelVersionStatus:
    """Returns the status to store.

    A version that was verified stays so: its spec never changes, and a registry that is away for a while must not call
    a fleet back.
    """
    generation = version.metadata.generation or 0
    was = version.status.verified is True and version.status.observed_generation == generation
    bad = [finding for finding in findings if finding.reason]
    verified = not bad or (was and all(finding.passing for finding in bad))
    return ModelVersionStatus(
        observed_generation=generation,
        verified=verified,
        verdicts=tuple(_show_finding(version, finding, now) for finding in findings),
        deployed=deployed,
        quarantine=version.status.quarantine,
        used_by=version.status.used_by,
        handled_tokens=version.status.handled_tokens,
        conditions=merge_conditions(
            version.status.conditions, _want_conditions(findings, bad, verified), generation, now
        ),
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


def _want_conditions(findings: Sequence[Finding], bad: Sequence[Finding], verified: bool) -> Iterator[Wanted]:
    if verified:
        count = len(findings)
        message = f"{count} artifact{'' if count == 1 else 's'} signed, unaltered and in the registry"
        if bad:
            message = f"verified before; now {bad[0].message}"
        yield Wanted(ConditionType.READY, True, ConditionReason.ACCEPTED, message)
        yield Wanted(ConditionType.VERIFIED, True, ConditionReason.ACCEPTED, message)
        return
    worst = next((finding for finding in bad if not finding.passing), bad[0])
    yield Wanted(ConditionType.READY, False, worst.reason, worst.message)
    yield Wanted(ConditionType.STALLED, True, worst.reason, worst.message)
    yield Wanted(ConditionType.VERIFIED, False, worst.reason, worst.message)
