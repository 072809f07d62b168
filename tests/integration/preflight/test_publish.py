"""From a .tflite file to a signed version in the real registry, and verify's answer to everything that can go wrong."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from edgefleet.manifests.yaml_documents import read_documents
from support import tinymodel
from support.authority import Authority, make_key
from support.commandline import run_edgefleet
from support.preflights import Workplace
from support.registry import Registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, registry: Registry) -> Workplace:
    """A workplace whose release key the registry trusts."""
    made = Workplace.make(tmp_path)
    made.key.write_bytes(registry.release_key.read_bytes())
    made.public.write_bytes((registry.release_keys / "release.pem").read_bytes())
    return made


def publish(place: Workplace, registry: Registry, *more: str) -> CompletedProcess[str]:
    token = ["--token-file", str(registry.token_file)]
    return run_edgefleet(*place.publish("--registry", registry.url, "--ca", str(registry.ca), *token, *more))


def verify(file: Path, place: Workplace, registry: Registry, *more: str) -> CompletedProcess[str]:
    where = ["--registry", registry.url, "--ca", str(registry.ca)]
    credential = more or ("--token-file", str(registry.token_file))
    return run_edgefleet("model", "verify", file, "--release-key", place.public, *where, *credential)


def test_a_model_is_published_verified_linted_and_published_again(
    place: Workplace, registry: Registry, tmp_path: Path
) -> None:
    output = tmp_path / "motor-anomaly-1.0.0.yaml"
    done = publish(place, registry, "-o", str(output))
    assert done.returncode == 0, done.stderr
    assert "commit it" in done.stderr

    model = tinymodel.build()
    digest = hashlib.sha256(model).hexdigest()
    assert registry.ask("GET", f"/v1/blobs/sha256/{digest}").body == model
    (document,) = read_documents(output.read_text())
    (artifact,) = document.value["spec"]["artifacts"]
    payload = base64.b64decode(artifact["envelope"]["payload"])
    stored = registry.ask("GET", f"/v1/manifests/sha256/{hashlib.sha256(payload).hexdigest()}")
    assert (stored.status, artifact["sha256"]) == (200, digest)

    assert run_edgefleet("lint", output).returncode == 0
    proven = verify(output, place, registry)
    assert (proven.returncode, proven.stderr) == (0, "")
    device = registry.authority.issue("press-07", tmp_path / "device")
    certificate = ["--client-cert", str(device.certificate), "--client-key", str(device.key)]
    assert verify(output, place, registry, *certificate).returncode == 0

    files, text = registry.files(), output.read_bytes()
    again = publish(place, registry, "-o", str(output))
    assert (again.returncode, registry.files(), output.read_bytes()) == (0, files, text)
    assert "unchanged" in again.stderr


def test_a_key_that_the_registry_does_not_trust(place: Workplace, registry: Registry, tmp_path: Path) -> None:
    make_key(tmp_path / "other.key")
    output = tmp_path / "motor.yaml"
    done = publish(place, registry, "--version", "2.0.0", "--key", str(tmp_path / "other.key"), "-o", str(output))
    assert (done.returncode, done.stdout) == (1, "")
    assert "UnknownKey" in done.stderr
    assert not output.exists()


def test_a_token_that_the_registry_does_not_know(place: Workplace, registry: Registry, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("hunter2hunter2")
    done = publish(place, registry, "--token-file", str(wrong))
    assert done.returncode == 1
    assert "Unauthenticated" in done.stderr
    assert "hunter2" not in done.stderr
    for content in ("", "\xff"):
        wrong.write_text(content, encoding="latin-1")
        done = publish(place, registry, "--token-file", str(wrong))
        assert done.returncode == 2
        assert str(wrong) in done.stderr


def test_a_registry_that_is_not_there_or_somebody_else(place: Workplace, registry: Registry, tmp_path: Path) -> None:
    done = publish(place, registry, "--registry", "https://localhost:1")
    assert done.returncode == 2
    assert "https://localhost:1" in done.stderr
    stranger = Authority().issue("edgefleet:operator", tmp_path / "stranger")
    done = publish(place, registry, "--ca", str(stranger.ca))
    assert done.returncode == 2
    assert registry.url in done.stderr
    done = publish(place, registry, "--registry", registry.url.replace("https", "http"))
    assert done.returncode == 2
    for more in (["--ca", str(tmp_path / "none")], ["--ca", str(place.features)]):
        assert publish(place, registry, *more).returncode == 2


def test_a_refused_model_reaches_no_registry(place: Workplace, registry: Registry) -> None:
    before = registry.files()
    place.model.write_bytes(tinymodel.build(seed=9)[:900])
    assert publish(place, registry).returncode == 1
    assert registry.files() == before


def test_verify_finds_what_the_registry_lacks_or_holds_otherwise(
    place: Workplace, registry: Registry, tmp_path: Path
) -> None:
    place.model.write_bytes(tinymodel.build(seed=3))
    output = tmp_path / "motor.yaml"
    assert publish(place, registry, "--version", "3.0.0", "--dry-run", "-o", str(output)).returncode == 0
    missing = verify(output, place, registry)
    assert missing.returncode == 1
    assert missing.stderr.count("is not in the registry") == 2

    assert publish(place, registry, "--version", "3.0.0", "-o", str(output)).returncode == 0
    assert verify(output, place, registry).returncode == 0
    digest = hashlib.sha256(place.model.read_bytes()).hexdigest()
    (blob,) = [file for file in registry.store.rglob("*") if file.is_file() and file.stem.endswith(digest[4:])]
    blob.chmod(0o644)
    blob.write_bytes(place.model.read_bytes()[:-1] + b"?")
    damaged = verify(output, place, registry)
    assert damaged.returncode == 1
    assert f"model {digest} is another one in the registry" in damaged.stderr
    # Publishing again repairs it.
    assert publish(place, registry, "--version", "3.0.0", "-o", str(output)).returncode == 0
    assert verify(output, place, registry).returncode == 0
