"""The whole control path without a node: API server, operator, broker, registry, model runtime and boards, all real."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.codec import decode
from edgefleet.contracts.envelope import Envelope
from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey
from edgefleet.contracts.manifest import Tensor
from edgefleet.publication.declaration import write_version
from edgefleet.publication.release import FeatureSchema, Release
from edgefleet.publication.sealing import SealedArtifact
from support import tflm, tinymodel
from support.authority import Authority
from support.broker import Broker
from support.device import Device, build_device
from support.operator_process import OperatorProcess
from support.registry import Registry
from support.signed_manifests import make_manifest, seal_manifest
from support.tinyvectors import make_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.controlplane import Cluster, Kubectl

    Making = Callable[..., "Site"]

CLASSES: Final = Path(__file__).parents[3] / "fleet-manifests" / "classes" / "device-classes.yaml"
_SECONDS: Final = 40.0


@dataclass(frozen=True)
class Platform:
    """What every site of a module shares."""

    registry: Registry
    broker: Broker
    runtime: tflm.Server
    operator: OperatorProcess
    keys: KeyBundle


@dataclass
class Site:
    """One namespace with its boards, and everything they talk to."""

    namespace: str
    kubectl: Kubectl
    registry: Registry
    broker: Broker
    operator: OperatorProcess
    boards: dict[str, Device]

    def apply(self, *documents: str | dict[str, Any]) -> None:
        """Apply manifests in this namespace."""
        for document in documents:
            loaded = yaml.safe_load(document) if isinstance(document, str) else document
            loaded["metadata"]["namespace"] = self.namespace
            self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(loaded))

    def delete(self, kind: str, name: str) -> None:
        self.kubectl("delete", kind, name, f"--namespace={self.namespace}")

    def get(self, kind: str, name: str) -> dict[str, Any]:
        done = self.kubectl("get", kind, name, f"--namespace={self.namespace}", "-o", "json")
        return json.loads(done.stdout)

    def table(self, kinds: str) -> str:
        """What a person sees."""
        return self.kubectl("get", kinds, f"--namespace={self.namespace}").stdout

    def condition(self, kind: str, name: str, wanted: str) -> dict[str, Any]:
        """The condition of a type, empty where there is none."""
        conditions = self.get(kind, name).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == wanted), {})

    def wait(self, happened: Callable[[], Any], what: str) -> Any:
        """Wait until something is true, and return it; say everything if it does not become so."""
        deadline = time.monotonic() + _SECONDS
        while not (value := happened()):
            if time.monotonic() > deadline:
                table = self.table("rollouts,ed,mv")
                said = "\n".join(f"--- {name}\n{board.said()[-1500:]}" for name, board in self.boards.items())
                pytest.fail(f"{what} did not happen\n{table}\n--- operator\n{self.operator.said()[-6000:]}\n{said}")
            time.sleep(0.1)
        return value

    def await_step(self, ring: str, step: str, version: str | None = None) -> dict[str, Any]:
        """Wait until a ring is there, with a target, and return its status."""

        def found() -> dict[str, Any] | None:
            status = self.get("rollouts", ring).get("status", {})
            fits = version is None or status.get("target", {}).get("version") == version
            return status if status.get("step") == step and fits else None

        return self.wait(found, f"{ring} {step} {version or ''}")

    def runs(self) -> dict[str, str | None]:
        """What each board's status says that it runs."""
        done = self.kubectl("get", "ed", f"--namespace={self.namespace}", "-o", "json")
        items = json.loads(done.stdout)["items"]
        return {each["metadata"]["name"]: each.get("status", {}).get("reportedVersion") for each in items}

    def flash(self, name: str, content: bytes) -> bool:
        """Whether the board's active slot holds these very bytes."""
        reported = self.get("ed", name)["status"].get("reported")
        return bool(reported) and self.boards[name].slot(reported[0]["slot"], len(content)) == content

    def annotate(self, kind: str, name: str, token: str, value: str) -> None:
        """Set a token annotation."""
        self.kubectl("annotate", kind, name, f"--namespace={self.namespace}", f"edgefleet.io/{token}={value}")

    def told(self) -> set[tuple[str, str]]:
        """What people can read in `kubectl get events`: (object, reason)."""
        done = self.kubectl("get", "events.events.k8s.io", f"--namespace={self.namespace}", "-o", "json")
        events = json.loads(done.stdout)["items"]
        return {(f"{each['regarding']['kind']}/{each['regarding']['name']}", each["reason"]) for each in events}

    def publish(
        self,
        version: str,
        content: bytes,
        *,
        key: SigningKey | None = None,
        upload: bool = True,
        answers: bytes | None = None,
    ) -> str:
        """Sign a model, upload it unless told not to, and return its ModelVersion as YAML.

        With `answers`, its golden vectors are another model's, so that every device fails its self-test.
        """
        tensors = {
            "inputs": (Tensor(name="input", shape=(1, 4), dtype="int8", scale=tinymodel.INPUT_SCALE, zero_point=0),),
            "outputs": (Tensor(name="sigmoid", shape=(1, 1), dtype="int8", scale=1 / 256, zero_point=-128),),
        }
        facts: dict[str, Any] = {"version": version, "ops": ("FULLY_CONNECTED", "LOGISTIC"), "arena_bytes": 8192}
        manifest = make_manifest(content, vectors=make_vectors(answers or content), tolerance_lsb=0, **facts, **tensors)
        digest, envelope = seal_manifest(manifest, [key or self.registry.signing_key])
        if upload:
            self.registry.put_blob(content)
            assert self.registry.put_manifest(envelope, digest).status in (200, 201)
        schema = FeatureSchema(name=manifest.feature_schema.name, digest=manifest.feature_schema.digest)
        release = Release(model=manifest.model, version=version, feature_schema=schema)
        return write_version(release, [SealedArtifact(content, manifest, digest, decode(Envelope, envelope))])


def make_ring(name: str, **spec: Any) -> dict[str, Any]:
    """A ring over all motors of the namespace."""
    base = {"model": "motor-anomaly", "selector": {"matchLabels": {"motor": "shaded-pole"}}}
    kind = {"apiVersion": "edgefleet.io/v1alpha1", "kind": "RolloutRing"}
    return {**kind, "metadata": {"name": name}, "spec": {**base, **spec}}


def make_edge_device(name: str, **spec: Any) -> dict[str, Any]:
    """A declared motor."""
    kind = {"apiVersion": "edgefleet.io/v1alpha1", "kind": "EdgeDevice"}
    metadata = {"name": name, "labels": {"motor": "shaded-pole"}}
    return {**kind, "metadata": metadata, "spec": {"deviceClass": "esp32", **spec}}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def platform(control_plane: Cluster, crds: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Broker, registry, runtime and operator, for all tests of a module."""
    assert crds.is_dir()
    build_device()
    folder = tmp_path_factory.mktemp("operator")
    authority = Authority()
    registry = Registry(folder, authority=authority)
    broker = Broker(folder / "broker", authority=authority)
    private = ec.generate_private_key(ec.SECP256R1())
    key = folder / "assignment.key"
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    bundle = KeyBundle(
        version=1,
        release_keys=(BundledKey.of(registry.signing_key.public),),
        assignment_keys=(BundledKey.of(SigningKey(private).public),),
    )
    authority.issue("edgefleet:operator", folder / "operator-tls")
    with registry, broker, tflm.run_server(folder / "tflm.socket") as runtime:
        environment = {
            "KUBECONFIG": str(control_plane.kubeconfig),
            "EDGEFLEET_BROKER": broker.address,
            "EDGEFLEET_REGISTRY": registry.url,
            "EDGEFLEET_TLS": str(folder / "operator-tls"),
            "EDGEFLEET_ASSIGNMENT_KEY": str(key),
            "EDGEFLEET_RELEASE_KEYS": str(registry.release_keys),
            "EDGEFLEET_PROBE_PORT": str(_free_port()),
        }
        with OperatorProcess(folder, environment) as operator:
            yield Platform(registry, broker, runtime, operator, bundle)


@pytest.fixture(scope="module")
def make_site(platform: Platform, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Making]:
    """Make a namespace with running boards; both end with the module."""
    with contextlib.ExitStack() as ends:

        def make(count: int = 4) -> Site:
            tag = uuid.uuid4().hex[:6]
            namespace, folder = f"test-{tag}", tmp_path_factory.mktemp(tag)
            kubectl("create", "namespace", namespace)
            ends.callback(kubectl, "delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
            site = Site(namespace, kubectl, platform.registry, platform.broker, platform.operator, {})
            site.apply(CLASSES.read_text())
            for number in range(1, count + 1):
                name = f"motor-{tag}-{number}"
                options = {
                    "broker": platform.broker.address,
                    "registry": platform.registry.address,
                    "inference-socket": platform.runtime.path,
                }
                authority = platform.registry.authority
                board = Device(folder / name, name, authority=authority, keys=platform.keys, options=options)
                site.boards[name] = ends.enter_context(board)
                site.apply(make_edge_device(name))
            return site

        yield make
