"""What a folder of manifests is read as, and how refusals point at the place."""

from pathlib import Path

import pytest

from edgefleet.manifests.folder import FILE_BYTES_MAX, read_files, read_folder
from edgefleet.manifests.lint import lint
from edgefleet.manifests.yaml_documents import NODES_MAX, UnreadableError, read_documents
from support.fleets import lint_objects, make_classes, make_config, make_device, make_ring, make_version, said, to_yaml

RING = """\
# a comment
apiVersion: edgefleet.io/v1alpha1
kind: RolloutRing
metadata:
  name: canary
  namespace: plant-1
spec:
  model: motor
  track: ^1.0
  selector:
    matchLabels: {site: one}
  strategy:
    budget:
      maxUnavailible: 2
"""


def findings(text: str, name: str = "rings/canary.yaml") -> list[str]:
    """Returns what lint prints of one file."""
    return [str(found) for found in lint(read_files({name: text.encode()})).findings]


def test_a_refusal_names_file_line_object_field_and_rule_and_what_was_meant() -> None:
    assert (
        "rings/canary.yaml:14: error: RolloutRing plant-1/canary: spec.strategy.budget.maxUnavailible: "
        "unknown field; did you mean maxUnavailable? [unknown-field]"
    ) in findings(RING)
    assert (
        "rings/canary.yaml:13: error: RolloutRing plant-1/canary: spec.strategy.budget.maxUnavailable: "
        "is required [required]"
    ) in findings(RING)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\na: 2\n", 2, "the key 'a' stands twice"),
        ("on: 1\ntrue: 2\n", 2, "the key 'true' stands twice"),
        ("a: [1\nb: 2\n", 2, "no YAML"),
        ("a: 1\n\tb: 2\n", 2, "no YAML"),
        ("a: !!python/object:os.system x\n", 1, "means nothing in a manifest"),
        ("a: !!binary AAAA\n", 1, "means nothing in a manifest"),
        ("a: .nan\n", 1, "has no form in JSON"),
        ("a: .inf\n", 1, "has no form in JSON"),
        ("? [1, 2]\n: x\n", 1, "a key must be a string"),
        ("a: &x [*x]\n", 1, "an alias contains itself"),
        ("a: &x {b: 1}\nc: {<<: 5}\n", 2, "<< takes a mapping"),
        ("a: *nobody\n", 1, "no YAML"),
        ("a" * 10 + ": {" * 2000, 1, "no YAML"),
        ("a: \x07\n", 1, "no YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(UnreadableError) as refusal:
        list(read_documents(text))
    assert says in str(refusal.value)
    assert refusal.value.line == line


def test_a_billion_laughs_end_early() -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(UnreadableError, match=str(NODES_MAX)):
        list(read_documents("\n".join(layers)))


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(UnreadableError):
        list(read_documents("[" * 100_000))


def test_merge_keys_and_anchors_are_resolved_with_the_nearer_value_winning() -> None:
    text = "base: &b {x: 1, w: 1}\nuse: {<<: *b, w: 2}\nmany: {<<: [{x: 5}, {x: 6, z: 7}]}\n"
    value = next(read_documents(text)).value
    assert value["use"] == {"x": 1, "w": 2}
    assert value["many"] == {"x": 5, "z": 7}


def test_files_that_are_no_manifests_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("image: {tag: 1}\n")
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n---\n")
    (tmp_path / "notes.txt").write_text("a: [")
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "broken.yaml").write_text("a: [")
    (tmp_path / "deployment.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n")
    report = lint(read_folder(tmp_path))
    assert (report.files, report.objects, said(report)) == (4, 0, [])


def test_patches_of_a_kustomization_are_fragments_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "overlay").mkdir()
    fragment = "apiVersion: edgefleet.io/v1alpha1\nkind: RolloutRing\nmetadata: {name: canary}\nspec: {suspend: true}\n"
    (tmp_path / "overlay" / "patch.yaml").write_text(fragment)
    (tmp_path / "base" / "shared.yaml").write_text(fragment)
    kustomization = (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "patches: [{path: patch.yaml}, {path: ../base/shared.yaml}]\n"
    )
    (tmp_path / "overlay" / "kustomization.yaml").write_text(kustomization)
    assert said(lint(read_folder(tmp_path))) == []
    (tmp_path / "overlay" / "kustomization.yaml").unlink()
    assert "error required RolloutRing canary spec.model" in said(lint(read_folder(tmp_path)))


def test_members_of_a_list_are_objects() -> None:
    listed = f"apiVersion: v1\nkind: List\nitems:\n- {RING.replace(chr(10), chr(10) + '  ')}"
    assert any("fleet.yaml:17: error: RolloutRing plant-1/canary" in text for text in findings(listed, "fleet.yaml"))


def test_a_manifest_without_kind_is_told_so() -> None:
    assert findings("apiVersion: edgefleet.io/v1alpha1\nmetadata: {name: x}\nspec: {}\n") == [
        "rings/canary.yaml:1: error: kind: kind is missing [required]"
    ]


def test_a_kind_or_version_that_is_not_served_is_told_what_is() -> None:
    (said_once,) = findings("apiVersion: edgefleet.io/v1beta1\nkind: Ring\nmetadata: {name: x}\nspec: {}\n")
    assert "edgefleet.io/v1beta1 Ring is not served" in said_once
    assert "EdgeDevice, ModelVersion, RolloutRing, TrainingRun" in said_once


def test_bytes_that_are_no_text_and_files_too_large_are_told_apart() -> None:
    reading = read_files({"a.yaml": b"a: 1\nb: \xff\n", "b.yaml": None, "c.json": b'{"a": 1,}'})
    said_lines = [str(found) for found in reading.findings]
    assert said_lines[0].startswith("a.yaml:2: error: not UTF-8")
    assert said_lines[1].startswith(f"b.yaml:1: error: larger than {FILE_BYTES_MAX} bytes")
    assert said_lines[2].startswith("c.json:1: error: no JSON")


JSON = """{
 "apiVersion": "edgefleet.io/v1alpha1",
 "kind": "EdgeDevice",
 "metadata": {"name": "A"},
 "spec": {"deviceClass": "esp32", "pin": {"modelVersion": "1.0.0", "reason": "%s"}}
}
"""


def test_json_is_read_as_json_with_lines_where_they_can_be_had() -> None:
    (found,) = findings(JSON % "why", "device.json")
    assert found.startswith("device.json:4: error: EdgeDevice A: metadata.name:")
    # YAML takes no surrogate pairs, JSON does.
    (found,) = findings(JSON % "\\ud83d\\ude00", "device.json")
    assert found.startswith("device.json:1: error: EdgeDevice A: metadata.name:")
    (found,) = findings('{"a": 1, "a": 2}', "twice.json")
    assert "the key 'a' stands twice" in found
    (found,) = findings("[" * 100_000, "deep.json")
    assert "nested too deeply" in found or "no JSON" in found


def test_a_bad_class_is_refused_with_the_line_inside_the_config_map() -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: device-classes
  labels: {edgefleet.io/config: device-classes}
data:
  esp32: |
    runtime: tflm
    transport: device
    slotBytes: 0
  pod: |
    runtime: litert
    transport: pod
    slotBytes: 10
  junk: |
    a: [
  two: "a: 1\\n---\\nb: 2\\n"
"""
    found = findings(text, "classes.yaml")
    assert any(
        line.startswith("classes.yaml:10: error: ConfigMap device-classes: data.esp32.slotBytes:") for line in found
    )
    assert any("data.pod.pod: pod goes with transport pod [pod-with-transport]" in line for line in found)
    assert any(
        line.startswith("classes.yaml:17: error: ConfigMap device-classes: data.junk: no YAML") for line in found
    )
    assert any("data.two: must hold one YAML document, not 2 [one-document]" in line for line in found)


def test_a_class_declared_twice_or_under_no_name_is_an_error() -> None:
    body = "runtime: litert\ntransport: device\nslotBytes: 10\n"
    first, second = make_config("device-classes", {"esp32": body}), make_config("device-classes", {"esp32": body})
    second["metadata"]["name"] = "more-classes"
    assert said(lint_objects(first, second)) == ["error declared-once ConfigMap more-classes data.esp32"]
    shouted = make_config("device-classes", {"ESP_32": body})
    assert said(lint_objects(shouted)) == ["error safe-name ConfigMap device-classes data.ESP_32"]


def test_a_claim_for_a_class_that_is_not_there_is_an_error() -> None:
    claim = f"deviceClass: esp99\nnamePattern: new-*\ntokenSha256: [{'f' * 64}]\n"
    objects = (make_classes(), make_config("enrolment-claims", {"new": claim}))
    (found,) = lint_objects(*objects).findings
    assert (found.severity, found.where, found.field) == (
        "error",
        "ConfigMap enrolment-claims",
        "data.new.deviceClass",
    )
    assert found.message == "device class esp99 is not declared here; declared are esp32"
    assert to_yaml(objects).decode().splitlines()[found.place.line - 1].strip() == "deviceClass: esp99"


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: []\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: 5}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {edgefleet.io/config: device-classes}}\ndata: [1]\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {edgefleet.io/config: device-classes}}\ndata: {a: 1}\n",
        "apiVersion: v1\nkind: List\nitems: [1, null, {}]\n",
        "apiVersion: [1]\nkind: {}\n",
        "apiVersion: edgefleet.io/v1alpha1\nkind: EdgeDevice\nmetadata: 5\nspec: []\n",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches: 5\n",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches: [5, {path: [1]}, null]\n",
    ],
)
def test_a_manifest_of_the_wrong_shape_is_no_crash(text: str) -> None:
    lint(read_files({"kustomization.yaml": text.encode()}))


def test_a_config_map_of_somebody_else_is_passed_over() -> None:
    config = make_config("device-classes", {"x": "a: ["})
    config["metadata"]["labels"] = {"app": "other"}
    assert said(lint_objects(config)) == []


def test_a_changed_version_is_refused_against_what_was_there() -> None:
    old = (make_classes(), make_device("x"), make_ring("a"), make_version())
    changed = make_version()
    changed["spec"]["metrics"] = [{"name": "auc", "value": 0.9}]
    new = (make_classes(), make_device("x"), make_ring("a", limit=1), changed)
    assert said(lint_objects(*old, against=old)) == []
    report = lint_objects(*new, against=old)
    assert said(report) == ["error immutable ModelVersion motor-1.0.0 spec"]
    assert said(lint_objects(*old[:3], make_version("1.0.1"), against=old)) == []
