"""`edgefleet model` as a person runs it, without a registry: what is written, what is refused, what verify finds."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgefleet.contracts.codec import decode
from edgefleet.contracts.features import MOTOR_LEVEL1, MOTOR_LEVEL2, digest_of
from edgefleet.contracts.limits import MANIFEST_MAX
from edgefleet.contracts.manifest import Manifest
from edgefleet.manifests.yaml_documents import read_documents
from edgefleet.manifests.yaml_writer import write_document
from edgefleet.publication.report import PreflightReport
from support import tinymodel
from support.authority import make_key
from support.commandline import run_edgefleet
from support.preflights import Workplace


def read(text: str) -> dict[str, Any]:
    (document,) = read_documents(text)
    return document.value


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace.make(tmp_path_factory.mktemp("workplace"))


@pytest.fixture(scope="module")
def published(place: Workplace) -> str:
    """The YAML of a dry run."""
    more = [f"esp32-s3={place.model}", "--metric", "aucInt8=0.91", "--metric", "flips=0.009", "--commit", "a" * 40]
    done = run_edgefleet(*place.publish("--dry-run", *more))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_dry_run_writes_a_version_that_lint_takes(place: Workplace, published: str, tmp_path: Path) -> None:
    (tmp_path / "version.yaml").write_text(published)
    (tmp_path / "classes.yaml").write_bytes(
        place.classes.read_bytes().replace(b"  name:", b"  namespace: fleet\n  name:")
    )
    done = run_edgefleet("lint", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    value = read(published)
    assert value["metadata"] == {"name": "motor-anomaly-1.0.0", "namespace": "fleet"}
    spec = value["spec"]
    assert [each["deviceClass"] for each in spec["artifacts"]] == ["esp32", "esp32-s3"]
    assert not any("uri" in each for each in spec["artifacts"])
    assert spec["metrics"] == [{"name": "aucInt8", "value": 0.91}, {"name": "flips", "value": 0.009}]
    assert spec["lineage"] == {"commit": "a" * 40}
    assert [(each["name"], each["shape"]) for each in spec["contract"]["inputs"]] == [("input", [1, 4])]


def open_payload(text: str, index: int = 0) -> bytes:
    return base64.b64decode(read(text)["spec"]["artifacts"][index]["envelope"]["payload"])


def test_the_manifest_is_what_the_preflight_found(place: Workplace, published: str) -> None:
    payload = open_payload(published)
    assert len(payload) <= MANIFEST_MAX
    manifest = decode(Manifest, payload)
    command = [sys.executable, "-m", "edgefleet_preflight", "check", str(place.model), "--classes", str(place.classes)]
    done = subprocess.run([*command, "--device-class", "esp32", "--json"], capture_output=True, check=True)
    report = PreflightReport.model_validate_json(done.stdout)
    assert (manifest.arena_bytes, manifest.ops, manifest.vectors) == (report.arena_bytes, report.ops, report.vectors)
    assert manifest.preflight.evidence == report.evidence
    assert (manifest.security_version, manifest.feature_schema.name) == (0, "motor-level1")
    assert manifest.feature_schema.digest == MOTOR_LEVEL1.digest()


def test_publishing_again_gives_the_same_bytes(place: Workplace, tmp_path: Path) -> None:
    output = tmp_path / "motor.yaml"
    assert "written" in run_edgefleet(*place.publish("--dry-run", "-o", str(output))).stderr
    first, when = output.read_bytes(), output.stat().st_mtime_ns
    again = run_edgefleet(*place.publish("--dry-run", "-o", str(output)))
    assert (again.returncode, again.stdout) == (0, "")
    assert "unchanged" in again.stderr
    assert (output.read_bytes(), output.stat().st_mtime_ns) == (first, when)
    assert list(tmp_path.iterdir()) == [output]


def test_a_version_is_never_changed(place: Workplace, tmp_path: Path) -> None:
    output = tmp_path / "motor.yaml"
    run_edgefleet(*place.publish("--dry-run", "-o", str(output)))
    first = output.read_bytes()
    other = tmp_path / "other.tflite"
    other.write_bytes(tinymodel.build(seed=2))
    arguments = [each.replace(str(place.model), str(other)) for each in place.publish("--dry-run", "-o", str(output))]
    done = run_edgefleet(*arguments)
    assert done.returncode == 2
    assert "a version never changes: publish the next one" in done.stderr
    assert output.read_bytes() == first


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--version", "1.0.x"], "version: must be a semantic version"),
        (["--model", "Motor"], "model: must be lower-case"),
        (["--security-version", "-1"], "securityVersion: input should be greater"),
        (["--metric", "auc"], "--metric auc: a metric is given as NAME=VALUE"),
        (["--metric", "auc=nan"], "metrics[0].value"),
        (["--commit", "abc"], "lineage.commit: must be a full Git commit id"),
        (["--namespace", "A B"], "namespace: must be lower-case"),
        (["esp32-s3"], "esp32-s3: a file is given as CLASS=FILE"),
        (["esp32=other.tflite"], "class esp32 has a file already"),
        (["esp32-s3=missing.tflite"], "esp32-s3=missing.tflite: No such file"),
        (["esp32-s3=/dev/null"], "ModelLoadFailed: the file is empty"),
        (["--key", "missing.key"], "missing.key: No such file"),
        (["--feature-schema", "missing.json"], "missing.json: No such file"),
        (["-o", "no/such/folder.yaml"], "no/such: no such folder"),
    ],
)
def test_what_cannot_be_published_names_its_field(place: Workplace, more: list[str], says: str) -> None:
    done = run_edgefleet(*place.publish("--dry-run", *more))
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert done.stdout == ""


def test_a_feature_schema_needs_a_name_that_devices_take(place: Workplace, tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"name": "Motor Level"}', '{"name": 1}', "[" * 100_000):
        schema = tmp_path / "schema.json"
        schema.write_text(text)
        done = run_edgefleet(*place.publish("--dry-run", "--feature-schema", str(schema)))
        assert done.returncode == 2, text[:20]
        assert "schema.json" in done.stderr


def test_a_feature_schema_of_the_contract_needs_no_file(place: Workplace) -> None:
    done = run_edgefleet(*place.publish("--dry-run", "--feature-schema", "motor-level2"))
    assert done.returncode == 0, done.stderr
    features = read(done.stdout)["spec"]["contract"]["featureSchema"]
    assert features == {"name": "motor-level2", "digest": MOTOR_LEVEL2.digest()}


def test_a_schema_of_ones_own_is_known_by_what_it_says_not_by_its_spelling(place: Workplace, tmp_path: Path) -> None:
    tree = {"name": "pump", "scales": [1.0, 2e-3]}
    schema, digests = tmp_path / "schema.json", set[str]()
    for text in (json.dumps(tree), json.dumps(dict(reversed(tree.items())), indent=4) + "\n"):
        schema.write_text(text)
        done = run_edgefleet(*place.publish("--dry-run", "--feature-schema", str(schema)))
        assert done.returncode == 0, done.stderr
        digests.add(read(done.stdout)["spec"]["contract"]["featureSchema"]["digest"])
    assert digests == {digest_of(tree)}


def test_a_name_of_the_contracts_with_another_definition_is_not_published(place: Workplace, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(MOTOR_LEVEL1.to_tree() | {"baselineWindows": 11}))
    done = run_edgefleet(*place.publish("--dry-run", "--feature-schema", str(schema)))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"another definition of motor-level1 than the devices' (sha256:{MOTOR_LEVEL1.digest()})" in done.stderr


def test_a_registry_needs_its_ca_and_the_token(place: Workplace) -> None:
    for more in ([], ["--registry", "https://localhost:1"], ["--registry", "https://localhost:1", "--ca", "ca.crt"]):
        done = run_edgefleet(*place.publish(*more))
        assert done.returncode == 2
        assert "--registry goes with --ca and --token-file, or --dry-run" in done.stderr


def test_a_refused_model_is_signed_by_nobody(place: Workplace, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(tinymodel.build()[:700])
    done = run_edgefleet(*[each.replace(str(place.model), str(bad)) for each in place.publish("--dry-run")])
    assert (done.returncode, done.stdout) == (1, "")
    assert "ModelLoadFailed" in done.stderr


def fake_preflight(folder: Path, body: str) -> dict[str, str]:
    """Put another preflight where Python finds it first; return the environment."""
    package = folder / "edgefleet_preflight"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(body)
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("print('all is well')", "report cannot be read"),
        ("raise SystemExit(3)", "it ended with status 3"),
        ("import sys; sys.exit('no luck')", "the preflight says: no luck"),
        ("print('{}')", "report cannot be read"),
    ],
)
def test_a_preflight_that_says_nothing_of_use_is_no_pass(
    place: Workplace, tmp_path: Path, body: str, says: str
) -> None:
    done = run_edgefleet(*place.publish("--dry-run"), **fake_preflight(tmp_path, body))
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arenaBytes": 16}, "the report is not what its evidence says"),
        ({"sha256": "0" * 64, "evidence": None}, "looked at something else"),
        ({"deviceClass": "esp32-s3", "evidence": None}, "looked at something else"),
        ({"vectors": [], "evidence": None}, "lacks figures"),
        ({"passed": False, "reason": "OpUnsupported", "message": "no", "evidence": None}, "OpUnsupported: no"),
    ],
)
def test_a_report_that_does_not_fit_is_no_pass(
    place: Workplace, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    command = [sys.executable, "-m", "edgefleet_preflight", "check", str(place.model), "--classes", str(place.classes)]
    done = subprocess.run([*command, "--device-class", "esp32", "--json"], capture_output=True, check=True)
    tree = json.loads(done.stdout) | changes
    if tree["evidence"] is None:
        tree["evidence"] = ""
        tree = json.loads(
            PreflightReport.model_validate_json(json.dumps(tree)).seal().model_dump_json(exclude_none=True)
        )
    text = json.dumps(tree)
    refused = run_edgefleet(*place.publish("--dry-run"), **fake_preflight(tmp_path, f"print({text!r})"))
    assert refused.returncode in (1, 2)
    assert says in refused.stderr


def test_the_preflight_sees_no_secret_of_the_environment(place: Workplace, tmp_path: Path) -> None:
    body = "import os, sys; sys.exit(' '.join(sorted(os.environ)))"
    done = run_edgefleet(*place.publish("--dry-run"), **fake_preflight(tmp_path, body), MY_SETTING="hunter2")
    assert "PATH" in done.stderr
    assert "MY_SETTING" not in done.stderr


def verify(text: str, folder: Path, *keys: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "version.yaml"
    file.write_text(text)
    return run_edgefleet("model", "verify", file, *[part for key in keys for part in ("--release-key", str(key))])


def test_verify_proves_each_artifact(place: Workplace, published: str, tmp_path: Path) -> None:
    done = verify(published, tmp_path, make_key(tmp_path / "other.key"), place.public)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["esp32", "esp32-s3"]


def test_verify_refuses_another_key(published: str, tmp_path: Path) -> None:
    done = verify(published, tmp_path, make_key(tmp_path / "other.key"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "spec.artifacts[0].envelope" in done.stderr
    assert "UnknownKey" in done.stderr


TAMPERINGS = {
    "sha256": ("spec.artifacts[0].sha256", "0" * 64),
    "sizeBytes": ("spec.artifacts[0].sizeBytes", 1313),
    "format": ("spec.artifacts[0].format", "edgetpu"),
    "inputs": ("spec.contract.inputs[0].shape", [1, 5]),
    "outputs": ("spec.contract.outputs[0].name", "other"),
    "featureSchema": ("spec.contract.featureSchema.digest", "0" * 64),
}


def tamper(value: Any, path: str, new: Any) -> None:
    *parents, last = path.replace("[", ".").replace("]", "").split(".")
    for each in parents:
        value = value[int(each)] if isinstance(value, list) else value[each]
    value[last] = new


@pytest.mark.parametrize("field", TAMPERINGS)
def test_verify_finds_what_was_edited_after_signing(
    place: Workplace, published: str, tmp_path: Path, field: str
) -> None:
    value = read(published)
    tamper(value, *TAMPERINGS[field])
    done = verify(write_document(value), tmp_path, place.public)
    assert done.returncode == 1
    assert f"spec.artifacts[0].{field}: shows" in done.stderr


def test_verify_finds_a_version_under_another_name(place: Workplace, published: str, tmp_path: Path) -> None:
    done = verify(published.replace("1.0.0", "1.0.1"), tmp_path, place.public)
    assert done.returncode == 1
    assert "shows 1.0.1, but the signed manifest says 1.0.0" in done.stderr


def test_verify_finds_swapped_and_altered_envelopes(place: Workplace, published: str, tmp_path: Path) -> None:
    swapped = read(published)
    first, second = swapped["spec"]["artifacts"]
    first["envelope"], second["envelope"] = second["envelope"], first["envelope"]
    done = verify(write_document(swapped), tmp_path, place.public)
    assert "deviceClass: shows esp32, but the signed manifest says esp32-s3" in done.stderr

    altered = read(published)
    envelope = altered["spec"]["artifacts"][0]["envelope"]
    payload = base64.b64decode(envelope["payload"]).replace(b'"securityVersion":0', b'"securityVersion":9')
    envelope["payload"] = base64.b64encode(payload).decode()
    done = verify(write_document(altered), tmp_path, place.public)
    assert done.returncode == 1
    assert "BadSignature" in done.stderr

    unsigned = read(published)
    del unsigned["spec"]["artifacts"][1]["envelope"]
    done = verify(write_document(unsigned), tmp_path, place.public)
    assert "spec.artifacts[1].envelope: is not signed" in done.stderr


def test_verify_needs_one_readable_version(place: Workplace, published: str, tmp_path: Path) -> None:
    for text in ("", "kind: ConfigMap", published + "---\n" + published, published.replace("spec:", "spek:"), "{"):
        done = verify(text, tmp_path, place.public)
        assert done.returncode == 2, text[:30]
        assert done.stderr
        assert run_edgefleet("model", "verify", tmp_path / "none", "--release-key", place.public).returncode == 2
