"""Gates on figures beyond success: self-tests, latency, and what the drift monitor measures. Pure.

A figure that cannot be had holds the ring; so does one that is out of bounds, until the ring's deadline.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from edgefleet.domain.rollout.facts import DeviceFacts, MetricGate, RingFacts, ShadowFigures
from edgefleet.domain.rollout.gates import Verdict
from edgefleet.domain.rollout.standing import Stand, Standing

_REPORTED: Final = ("selfTestFailures", "latency")


@dataclass(frozen=True, slots=True)
class Figures:
    """What can be known of a ring's target.

    Attributes:
        reported: from its devices, by metric.
        monitored: from the drift monitor, by (ring, target digest, metric).
        digests: the target's digest by ring.
    """

    reported: Mapping[str, Mapping[str, float]]
    monitored: Mapping[tuple[str, str, str], float]
    digests: Mapping[str, str]

    def find(self, ring: str, metric: str) -> float | None:
        """Returns the figure of a ring, None where nobody has it."""
        if metric in _REPORTED:
            return self.reported.get(ring, {}).get(metric)
        return self.monitored.get((ring, self.digests.get(ring, ""), metric))


def measure_devices(devices: Sequence[DeviceFacts], stands: Sequence[Stand]) -> dict[str, float]:
    """Returns what the updated devices report: the share of failed self-tests, the median latency in microseconds."""
    reports = [
        device.report
        for device, stand in zip(devices, stands, strict=True)
        if stand.standing is Standing.UPDATED and device.report is not None
    ]
    tests = [report.self_test_passed for report in reports if report.self_test_passed is not None]
    times = [report.latency_us for report in reports if report.latency_us is not None]
    measured: dict[str, float] = {}
    if tests:
        measured["selfTestFailures"] = tests.count(False) / len(tests)
    if times:
        measured["latency"] = float(median(times))
    return measured


def judge_metrics(ring: RingFacts, figures: Figures) -> Verdict:
    """Says whether every metric gate of the ring is passed; the first that is not is named."""
    evidence: list[str] = []
    for gate in ring.metrics:
        verdict = _judge_metric(ring.name, gate, figures)
        if not verdict.passed:
            return verdict
        evidence.append(verdict.evidence)
    return Verdict(True, "", "; ".join(evidence))


def _judge_metric(ring: str, gate: MetricGate, figures: Figures) -> Verdict:
    value = figures.find(ring, gate.metric)
    if value is None:
        return Verdict(False, "GateUnreachable", f"nobody knows {gate.metric} of {ring}")
    evidence = f"{gate.metric} {value:g}"
    if gate.max is not None and value > gate.max:
        return Verdict(False, "GateNotPassed", f"{evidence}, at most {gate.max:g} wanted")
    if gate.max_ratio is None or gate.control is None:
        return Verdict(True, "", evidence)
    control = figures.find(gate.control, gate.metric)
    if control is None:
        return Verdict(False, "GateUnreachable", f"nobody knows {gate.metric} of the control ring {gate.control}")
    if value > gate.max_ratio * control:
        wanted = f"at most {gate.max_ratio:g} times {control:g} of {gate.control} wanted"
        return Verdict(False, "GateNotPassed", f"{evidence}, {wanted}")
    return Verdict(True, "", f"{evidence}, {control:g} in {gate.control}")


def judge_shadow(ring: RingFacts, figures: ShadowFigures | None) -> Verdict:
    """Says whether the candidate agrees with the version in force; `ShadowDisagrees` is final for the round."""
    rule = ring.shadow
    if rule is None:
        return Verdict(True, "", "")
    if figures is None:
        return Verdict(False, "ShadowUnreachable", "nobody has compared the candidate yet")
    percent = rule.max_disagreement_percent
    compared = f"{figures.disagreements} of {figures.windows} windows decided otherwise"
    # Certain before the sample is complete: even if every window to come agreed, it would be too many.
    if figures.disagreements * 100 > percent * max(rule.min_windows, figures.windows):
        return Verdict(False, "ShadowDisagrees", f"{compared}, at most {percent} % wanted")
    if figures.windows < rule.min_windows:
        return Verdict(False, "Shadowing", f"{compared}, {rule.min_windows} windows wanted")
    return Verdict(True, "", compared)
