"""A platform for real devices: broker, model registry and model runtime, each a process."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.desired import ManifestReference
from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey
from edgefleet.contracts.manifest import GoldenVector, Tensor
from edgefleet_tflm.interpreter import load
from support import tflm, tinymodel
from support.authority import Authority, make_key
from support.broker import Broker
from support.device import Device, build_device
from support.link import Link
from support.operator_client import OperatorClient, make_desired
from support.registry import Registry
from support.signed_manifests import make_manifest, seal_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edgefleet.contracts.reported import Reported

_INPUTS = (bytes([0, 0, 0, 0]), bytes([10, 246, 30, 200]), bytes([127, 128, 127, 128]))


@dataclass(frozen=True)
class Model:
    """A model that the registry has."""

    content: bytes
    version: str
    manifest: ManifestReference

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class Platform:
    """What a fleet's devices talk to, and what a person does with it."""

    authority: Authority
    broker: Broker
    registry: Registry
    operator: OperatorClient
    runtime: tflm.Server
    assignment_key: SigningKey
    # A second key that the registry takes manifests from and devices do not.
    strange_key: SigningKey
    versions: Iterator[int]

    def publish(self, content: bytes, *, key: SigningKey | None = None, **fields: Any) -> Model:
        """Sign a model and put it into the registry; `fields` are the manifest's, over what is true of the model."""
        version = f"1.{next(self.versions)}.0"
        tensors = {
            "inputs": (Tensor(name="input", shape=(1, 4), dtype="int8", scale=tinymodel.INPUT_SCALE, zero_point=0),),
            "outputs": (Tensor(name="sigmoid", shape=(1, 1), dtype="int8", scale=1 / 256, zero_point=-128),),
        }
        facts = {"version": version, "ops": ("FULLY_CONNECTED", "LOGISTIC"), "arena_bytes": 8192, "tolerance_lsb": 0}
        if "vectors" not in fields:
            fields["vectors"] = make_vectors(content)
        manifest = make_manifest(content, **{**facts, **tensors, **fields})
        digest, envelope = seal_manifest(manifest, [key or self.registry.signing_key])
        self.registry.put_blob(content)
        answer = self.registry.put_manifest(envelope, digest)
        assert answer.status in (200, 201), answer
        return Model(content, manifest.version, ManifestReference(digest=digest, size_bytes=len(envelope)))


def make_vectors(content: bytes) -> tuple[GoldenVector, ...]:
    """Return what TFLM answers."""
    interpreter = load(content, 65536)
    return tuple(
        GoldenVector(input=base64.b64encode(each).decode(), output=base64.b64encode(interpreter.run(each)).decode())
        for each in _INPUTS
    )


class Board(Device):
    """A device on a platform, with a link of its own to the registry and an operator who counts generations."""

    def __init__(self, folder: Path, device_id: str, platform: Platform, link: Link, **options: object) -> None:
        self.platform = platform
        self.link = link
        keys = KeyBundle(
            version=1,
            release_keys=(BundledKey.of(platform.registry.signing_key.public),),
            assignment_keys=(BundledKey.of(platform.assignment_key.public),),
        )
        ways = {
            "broker": platform.broker.address,
            "registry": link.address,
            "inference-socket": platform.runtime.path,
        }
        super().__init__(folder, device_id, authority=platform.authority, keys=keys, options=ways | options)
        self.generation = 0

    def assign(self, model: Model | None, **fields: Any) -> int:
        """Command a model and return the command's generation."""
        self.generation += 1
        manifest = model.manifest if model else None
        self.platform.operator.send(
            self.device_id,
            make_desired(self.platform.assignment_key, self.device_id, self.generation, manifest, **fields),
        )
        return self.generation

    def report(self, phase: str, generation: int | None = None, *, after: int = 0) -> Any:
        """Wait for a report of this phase about the last command, or another one."""
        wanted = self.generation if generation is None else generation
        try:
            return self.platform.operator.await_report(
                self.device_id, lambda each: (each.phase, each.observed_generation) == (phase, wanted), after
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}") from None

    def assert_runs(self, report: Reported, model: Model) -> None:
        """It says so, and its flash holds these very bytes."""
        assert report.active
        assert report.active.slot
        assert (report.active.version, report.active.digest) == (model.version, model.digest)
        assert report.active.manifest_digest == model.manifest.digest
        assert self.slot(report.active.slot, len(model.content)) == model.content

    def confirm(self, model: Model, **fields: Any) -> Any:
        """Command a model and wait until the device runs it; return that report."""
        self.assign(model, **fields)
        report = self.report("Confirmed")
        assert report.active.digest == model.digest
        return report


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Broker, registry, runtime and operator, for all tests of this folder."""
    build_device()
    folder = tmp_path_factory.mktemp("platform")
    authority = Authority()
    registry = Registry(folder, authority=authority)
    strange = folder / "strange.key"
    make_key(strange).rename(registry.release_keys / "strange.pem")
    broker = Broker(folder / "broker", authority=authority)
    with (
        registry,
        broker,
        tflm.run_server(folder / "tflm.socket") as runtime,
        OperatorClient(broker, broker.operator(folder / "operator")) as operator,
    ):
        yield Platform(
            authority=authority,
            broker=broker,
            registry=registry,
            operator=operator,
            runtime=runtime,
            assignment_key=SigningKey(ec.generate_private_key(ec.SECP256R1())),
            strange_key=SigningKey.from_pem(strange.read_bytes()),
            versions=itertools.count(),
        )


@pytest.fixture(scope="package")
def build_board(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Board]:
    """Build boards for a registry at an address, to be started and ended as contexts: many at once, if need be."""

    def build(registry: str, **options: object) -> Board:
        name = f"press-{uuid.uuid4().hex[:8]}"
        unplugged = Link(lambda: platform.registry.port)
        return Board(tmp_path_factory.mktemp(name), name, platform, unplugged, registry=registry, **options)

    return build


@pytest.fixture
def make_board(platform: Platform, tmp_path: Path) -> Iterator[Callable[..., Board]]:
    """Make boards that end, in good order, with the test."""
    with contextlib.ExitStack() as ends:

        def make(**options: object) -> Board:
            link = ends.enter_context(Link(lambda: platform.registry.port))
            name = f"press-{uuid.uuid4().hex[:8]}"
            board = Board(tmp_path / name, name, platform, link, **options)
            ends.push(board)
            return board

        yield make
