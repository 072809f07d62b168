"""Lint finds what is well formed and can never work."""

import pytest

from support.fleets import (
    lint_objects,
    make_classes,
    make_config,
    make_device,
    make_envelope,
    make_payload,
    make_ring,
    make_version,
    said,
)

POD = {
    "runtime": "litert",
    "transport": "pod",
    "slotBytes": 1000000,
    "pod": {"image": "example/infer@sha256:" + "0" * 64},
}


def rules(*objects: dict) -> set[str]:
    """Returns "severity rule" of each finding."""
    return {f"{found.severity} {found.rule}" for found in lint_objects(*objects).findings}


def test_unrelated_rings_that_share_a_device_are_an_error_naming_it() -> None:
    first, second = make_ring("a", {"site": "one"}), make_ring("b", {"line": "press"})
    device = make_device("motor-1", labels={"site": "one", "line": "press"})
    report = lint_objects(make_classes(), device, first, second, make_version())
    assert said(report) == ["error rings-disjoint RolloutRing b spec.selector"]
    assert "motor-1" in report.findings[0].message
    assert "ring a" in report.findings[0].message


def test_unrelated_rings_that_might_share_one_are_a_warning_with_its_labels() -> None:
    first, second = make_ring("a", {"site": "one"}), make_ring("b", {"line": "press"})
    devices = (make_device("x", labels={"site": "one"}), make_device("y", labels={"line": "press"}))
    report = lint_objects(make_classes(), *devices, first, second, make_version())
    assert said(report) == ["warning rings-disjoint RolloutRing b spec.selector"]
    assert "line=press, site=one" in report.findings[0].message


def test_rings_of_one_chain_may_share_devices() -> None:
    rings = (make_ring("canary", limit=1), make_ring("rest", after=["canary"]))
    assert said(lint_objects(make_classes(), make_device("x"), *rings, make_version())) == []


def test_rings_of_different_namespaces_never_share_devices() -> None:
    other = make_ring("b")
    other["metadata"]["namespace"] = "other"
    assert "error rings-disjoint" not in rules(make_classes(), make_device("x"), make_ring("a"), other)


def test_a_selector_that_contradicts_itself_is_an_error() -> None:
    ring = make_ring("a")
    ring["spec"]["selector"]["matchExpressions"] = [{"key": "site", "operator": "DoesNotExist"}]
    assert "error selector-satisfiable" in rules(make_classes(), make_device("x"), ring, make_version())


def test_a_ring_without_devices_is_a_warning_unless_a_claim_could_fill_it() -> None:
    ring = make_ring("a", {"line": "new"})
    assert "warning ring-has-devices" in rules(make_classes(), ring, make_version())
    claim = f"deviceClass: esp32\nnamePattern: new-*\nlabels: {{line: new}}\ntokenSha256: [{'f' * 64}]\n"
    claims = make_config("enrolment-claims", {"new": claim})
    assert "warning ring-has-devices" not in rules(make_classes(), claims, ring, make_version())


def test_devices_in_no_ring_are_named_once() -> None:
    devices = [make_device(f"d{index}", labels={"site": "two"}) for index in range(5)]
    report = lint_objects(make_classes(), make_device("x"), *devices, make_ring("a"), make_version())
    assert said(report) == ["warning in-a-ring EdgeDevice d0 metadata.labels"]
    assert "5 devices in no ring" in report.findings[0].message
    assert "d0, d1, d2 and 2 more" in report.findings[0].message


def test_a_class_without_artifact_is_an_error_naming_its_devices() -> None:
    small = {"runtime": "tflm", "transport": "device", "slotBytes": 1, "arenaBytes": 1, "ops": ["ADD"]}
    classes = make_classes(esp32_c3=small)
    report = lint_objects(classes, make_device("x"), make_device("y", "esp32-c3"), make_ring("a"), make_version())
    assert said(report) == ["error class-has-artifact RolloutRing a spec.selector"]
    assert "motor-1.0.0 has no artifact for class esp32-c3 (it has esp32), so y" in report.findings[0].message


def test_the_artifact_is_sought_in_the_version_that_the_chain_will_bring() -> None:
    rings = (make_ring("canary", {"line": "a"}), make_ring("rest", {"line": "b"}, after=["canary"]))
    devices = (make_device("x", labels={"line": "a"}), make_device("y", "pods", labels={"line": "b"}))
    report = lint_objects(make_classes(pods=POD), *devices, *rings, make_version())
    assert said(report) == ["error class-has-artifact RolloutRing rest spec.selector"]


@pytest.mark.parametrize(
    ("artifact", "rule"),
    [
        ({"sizeBytes": 65537}, "fits-slot"),
        ({"format": "edgetpu"}, "format-fits-runtime"),
        ({"envelope": make_envelope(make_payload(arenaBytes=16385))}, "fits-arena"),
        ({"envelope": make_envelope(make_payload(ops=["FULLY_CONNECTED", "CONV_2D"]))}, "ops-supported"),
        ({"envelope": make_envelope(make_payload(sha256="0" * 64))}, "manifest-matches"),
        ({"envelope": make_envelope(make_payload(version="1.0.1"))}, "manifest-matches"),
        ({"envelope": make_envelope(make_payload(deviceClass="esp99"))}, "manifest-matches"),
        ({"envelope": make_envelope({"schema": 1})}, "manifest-readable"),
        ({"envelope": make_envelope(make_payload(schema=2))}, "manifest-readable"),
    ],
)
def test_an_artifact_that_its_class_would_reject_is_an_error(artifact: dict, rule: str) -> None:
    assert f"error {rule}" in rules(make_classes(), make_device("x"), make_ring("a"), make_version(**artifact))


def test_a_shape_edited_after_signing_is_an_error() -> None:
    version = make_version()
    version["spec"]["contract"]["inputs"][0]["shape"] = [1, 5]
    report = lint_objects(make_classes(), make_device("x"), make_ring("a"), version)
    assert said(report) == ["error manifest-matches ModelVersion motor-1.0.0 spec.artifacts[0].inputs"]


def test_an_unsigned_version_is_a_warning() -> None:
    report = lint_objects(make_classes(), make_device("x"), make_ring("a"), make_version(envelope=None))
    assert said(report) == ["warning signed ModelVersion motor-1.0.0 spec.artifacts[0].envelope"]


@pytest.mark.parametrize(
    "spec",
    [
        {"promoteWhen": {"soak": "2h"}, "deadlines": {"ring": "2h"}},
        {"promoteWhen": {"metrics": [{"metric": "latency", "max": 0}]}},
        {"promoteWhen": {"metrics": [{"metric": "drift", "maxRatio": 1.5, "control": "nobody"}]}},
        {"promoteWhen": {"metrics": [{"metric": "drift", "maxRatio": 1.5, "control": "pumps"}]}},
        {"shadow": {"minWindows": 10, "maxDisagreementPercent": 1}},
    ],
)
def test_a_gate_that_can_never_pass_is_an_error(spec: dict) -> None:
    pumps = make_ring("pumps", {"line": "pumps"})
    pumps["spec"]["model"] = "pump"
    found = rules(make_classes(), make_device("x"), make_ring("a", **spec), pumps, make_version())
    assert "error gate-can-pass" in found


def test_gates_that_can_pass_are_not_reported() -> None:
    spec = {
        "promoteWhen": {
            "soak": "1h",
            "metrics": [{"metric": "latency", "max": 1}, {"metric": "drift", "maxRatio": 1.5, "control": "b"}],
        },
        "deadlines": {"ring": "2h"},
        "shadow": {"minWindows": 10, "maxDisagreementPercent": 1},
    }
    pod = make_device("p", "pods")
    rings = (make_ring("a", **spec), make_ring("b", {"line": "b"}, after=["a"]))
    assert "error gate-can-pass" not in rules(make_classes(pods=POD), make_device("x"), pod, *rings, make_version())


def test_a_budget_by_a_label_that_devices_lack_is_a_warning() -> None:
    ring = make_ring("a", strategy={"budget": {"groupBy": "hall", "maxUnavailable": 1}})
    assert "warning budget-group" in rules(make_classes(), make_device("x"), ring, make_version())


def test_placement_needs_a_pod_class() -> None:
    placement = {"nodeSelector": {"a": "b"}}
    assert "error placement-needs-pod" in rules(make_classes(), make_device("x", placement=placement))
    assert "error placement-needs-pod" not in rules(
        make_classes(pods=POD), make_device("x", "pods", placement=placement)
    )


def test_a_board_listens_to_as_many_devices_as_its_assignment_holds() -> None:
    sources = {"role": "level2", "sources": {"devices": [f"d{index}" for index in range(17)]}}
    assert "error sources-fit-board" in rules(make_classes(), make_device("x", **sources))
    assert "error sources-fit-board" not in rules(make_classes(pods=POD), make_device("x", "pods", **sources))
