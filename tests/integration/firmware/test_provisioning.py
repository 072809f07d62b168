"""A device is born: with a claim and the fleet's CA certificate it becomes one of the fleet, or it does nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import ssl
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edgefleet.contracts import topics
from edgefleet.contracts.enrolment import ACTIVATION_PATH, PROVISION_PATH
from edgefleet.contracts.keys import BundledKey, KeyBundle, VerifyKey
from integration.firmware.conftest import Board
from support import tinymodel
from support.authority import Authority, Identity
from support.broker import Broker
from support.device import USAGE
from support.device_registry import DeviceRegistry
from support.link import Link
from support.operator_client import OperatorClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.firmware.conftest import Model, Platform


class Newborn(Board):
    """A board whose identity is the fleet's CA certificate and nothing else.

    Attributes:
        registry: the device registry that it knows.
        claim: the file with its token.
    """

    def __init__(
        self, folder: Path, device_id: str, platform: Platform, link: Link, registry: DeviceRegistry, **options: object
    ) -> None:
        self.registry = registry
        self.claim = folder / "claim"
        ways = {"device-registry": registry.address, "claim": self.claim, "device-id": device_id}
        super().__init__(folder, device_id, platform, link, **ways, **options)

    def _provision(self, authority: Authority, keys: KeyBundle) -> None:  # noqa: ARG002 - the registry has them
        self.identity.mkdir(parents=True)
        (self.identity / "ca.crt").write_bytes(authority.pem)
        self.claim.write_text(f"{self.registry.enrol(self.device_id)}\n")

    @property
    def key(self) -> bytes:
        return (self.identity / "device.key").read_bytes()

    def waits(self, message: str, after: int = 0) -> Any:
        """Wait until it says that it is not activated, and why; return that report."""
        report = self.platform.operator.await_report(self.device_id, lambda each: each.message == message, after)
        assert (report.phase, report.reason) == ("NotActivated", "NotActivated")
        return report


if TYPE_CHECKING:
    Making = Callable[..., Newborn]


@pytest.fixture(scope="module")
def bundle(platform: Platform) -> KeyBundle:
    return KeyBundle(
        version=4,
        release_keys=(BundledKey.of(platform.registry.signing_key.public),),
        assignment_keys=(BundledKey.of(platform.assignment_key.public),),
    )


@pytest.fixture
def registry(platform: Platform, bundle: KeyBundle, tmp_path: Path) -> Iterator[DeviceRegistry]:
    with DeviceRegistry(tmp_path / "device-registry", authority=platform.authority, keys=bundle) as registry:
        yield registry


@pytest.fixture
def make_newborn(platform: Platform, registry: DeviceRegistry, tmp_path: Path) -> Iterator[Making]:
    with contextlib.ExitStack() as ends:

        def make(on: Platform = platform, **options: object) -> Newborn:
            link = ends.enter_context(Link(lambda: on.registry.port))
            name = f"press-{uuid.uuid4().hex[:8]}"
            board = Newborn(tmp_path / name, name, on, link, registry, **options)
            ends.push(board)
            return board

        yield make


@pytest.fixture(scope="module")
def model(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=1))


def test_a_device_is_born_and_updates(make_newborn: Making, registry: DeviceRegistry, model: Model) -> None:
    board = make_newborn()
    registry.activate(board.device_id)
    board.start()
    report = board.confirm(model)
    assert board.slot(report.active.slot, len(model.content)) == model.content
    assert set(report.key_ids) == {each.keyid for each in (*registry.keys.release_keys, *registry.keys.assignment_keys)}
    assert (board.identity / "device.key").stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate((board.identity / "device.crt").read_bytes())
    certificate.verify_directly_issued_by(board.platform.authority.certificate)
    assert certificate.subject.rfc4514_string() == f"CN={board.device_id}"
    own = serialization.load_pem_private_key(board.key, password=None)
    assert certificate.public_key() == own.public_key()
    assert sorted(each.name for each in board.identity.iterdir()) == ["ca.crt", "device.crt", "device.key"]
    # All of that stays: the next start asks for nothing.
    asked = list(registry.requests)
    assert asked == [(PROVISION_PATH, 200), (ACTIVATION_PATH, 200)]
    board.kill()
    seen = board.platform.operator.count(board.device_id)
    board.start()
    assert board.report("Confirmed", after=seen).active.digest == model.digest
    assert registry.requests == asked


@pytest.fixture
def watched(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """The platform with a broker that logs every packet."""
    changes = {"sys_interval": "0\nlog_type all"}
    broker = Broker(tmp_path / "watched", authority=platform.authority, changes=changes)
    with broker, OperatorClient(broker, broker.operator(tmp_path / "watching")) as operator:
        yield dataclasses.replace(platform, broker=broker, operator=operator)


def test_who_is_not_activated_says_so_and_obeys_nothing(
    make_newborn: Making, registry: DeviceRegistry, watched: Platform, model: Model
) -> None:
    board = make_newborn(watched)
    board.assign(model)
    board.start()
    report = board.waits("waits to be activated")
    assert (report.observed_generation, report.active) == (0, None)
    watched.operator.await_presence(board.device_id, "online")
    board.assign(model)
    asked = registry.count(ACTIVATION_PATH)
    board.await_condition(lambda: registry.count(ACTIVATION_PATH) >= asked + 3, "three more questions")
    packets = [line for line in watched.broker.log.read_text().splitlines() if f" from {board.device_id} " in line]
    published = {line.split("'")[1] for line in packets if "Received PUBLISH" in line}
    assert published == {topics.REPORTED.build(board.device_id), topics.PRESENCE.build(board.device_id)}
    assert not [line for line in packets if "SUBSCRIBE" in line]
    assert board.link.connections == 0
    assert watched.operator.count(board.device_id) == 1
    # A restart is no way around it; somebody's word is.
    board.kill()
    board.start()
    board.waits("waits to be activated", after=1)
    assert registry.issued == [board.device_id]
    registry.activate(board.device_id)
    assert board.report("Confirmed").active.digest == model.digest


def test_power_cuts_while_it_is_born(make_newborn: Making, registry: DeviceRegistry, model: Model) -> None:
    seed = time.time_ns()
    moments = random.Random(seed)
    board = make_newborn()
    registry.activate(board.device_id)
    keys: set[bytes] = set()
    for _ in range(12):
        board.start()
        time.sleep(moments.uniform(0, 0.4))
        board.kill()
        if (board.identity / "device.key").exists():
            keys.add(board.key)
    board.start()
    assert board.confirm(model).active.digest == model.digest, f"seed {seed}"
    assert keys <= {board.key}, f"seed {seed}"
    assert (PROVISION_PATH, 403) not in registry.requests, f"seed {seed}"
    assert not list(board.identity.glob("*.new"))


def test_a_lost_answer_is_asked_for_again(make_newborn: Making, registry: DeviceRegistry, model: Model) -> None:
    board = make_newborn()
    registry.activate(board.device_id)
    registry.misbehaviour.lost = 2
    board.start()
    board.confirm(model)
    assert registry.requests[:3] == [(PROVISION_PATH, 0), (PROVISION_PATH, 0), (PROVISION_PATH, 200)]
    assert registry.issued == [board.device_id] * 3


def test_a_claim_is_for_one_key(make_newborn: Making, registry: DeviceRegistry) -> None:
    board = make_newborn()
    board.start()
    board.waits("waits to be activated")
    board.stop()
    (board.identity / "device.key").unlink()
    (board.identity / "device.crt").unlink()
    board.start()
    board.await_said("agent: the device registry refuses the claim: HTTP 403")
    assert not (board.identity / "device.crt").exists()
    assert registry.issued == [board.device_id]
    assert board.said().count("connected to") == 1


def test_a_claim_is_for_one_device(make_newborn: Making, registry: DeviceRegistry) -> None:
    board, other = make_newborn(), make_newborn()
    other.claim.write_bytes(board.claim.read_bytes())
    other.start()
    other.await_said("agent: the device registry refuses the claim: HTTP 403")
    assert registry.issued == []
    board.start()  # and the attempt has not used it up
    board.waits("waits to be activated")


def test_a_certificate_for_another_key_is_not_kept(make_newborn: Making, registry: DeviceRegistry) -> None:
    board = make_newborn()
    registry.misbehaviour.strange_keys = 1
    board.start()
    board.await_said("device.key is not the key of the registry's certificate")
    board.waits("waits to be activated")
    assert registry.issued == [board.device_id] * 2


def test_a_registry_that_is_busy_says_for_how_long(make_newborn: Making, registry: DeviceRegistry) -> None:
    board = make_newborn()
    registry.misbehaviour.refusals.append((503, "3"))
    start = time.monotonic()
    board.start()
    board.await_said("agent: the device registry cannot answer now: HTTP 503")
    board.waits("waits to be activated")
    assert time.monotonic() - start >= 3
    assert registry.requests[:2] == [(PROVISION_PATH, 503), (PROVISION_PATH, 200)]


def test_a_refusal_is_reported(make_newborn: Making, registry: DeviceRegistry) -> None:
    board = make_newborn()
    board.start()
    board.waits("waits to be activated")
    registry.misbehaviour.refusals.append((403, None))
    board.waits("the device registry refuses this device: HTTP 403")


def test_a_flashed_board_starts_again(make_newborn: Making, registry: DeviceRegistry, model: Model) -> None:
    board = make_newborn()
    registry.activate(board.device_id)
    board.start()
    first = board.confirm(model)
    board.stop()
    key = board.key
    (board.state / "flash.bin").unlink()
    seen = board.platform.operator.count(board.device_id)
    board.start()
    report = board.report("Confirmed", after=seen)
    assert report.enrolment_id != first.enrolment_id
    assert board.key == key
    assert registry.issued == [board.device_id] * 2


def test_a_claim_that_comes_later(make_newborn: Making, registry: DeviceRegistry) -> None:
    board = make_newborn()
    claim = board.claim.read_bytes()
    board.claim.unlink()
    board.start()
    board.await_said("agent: there is no certificate, and no claim to ask for one")
    assert registry.requests == []
    board.stop()
    board.claim.write_bytes(claim)
    board.start()
    board.waits("waits to be activated")


@pytest.mark.parametrize("content", [b"", b"\n", b"a" * 65, b"a" * 5000, b"a\nb\n", b"a\x00b", b"two words"])
def test_a_claim_that_is_none_is_not_shown(make_newborn: Making, registry: DeviceRegistry, content: bytes) -> None:
    board = make_newborn()
    board.claim.write_bytes(content)
    board.start()
    board.await_said("agent: there is no certificate, and no claim to ask for one")
    assert registry.requests == []


def test_a_claim_is_shown_to_the_fleets_registry_alone(make_newborn: Making, registry: DeviceRegistry) -> None:
    board = make_newborn()
    (board.identity / "ca.crt").write_bytes(Authority().pem)
    board.start()
    board.await_said("is not localhost of this fleet: ")
    board.await_said("agent: device registry: it does not answer or does not prove its name")
    assert registry.requests == []


def test_a_registry_under_another_name(make_newborn: Making, registry: DeviceRegistry) -> None:
    board = make_newborn(**{"device-registry-name": "devices.example"})
    board.start()
    board.await_said("is not devices.example of this fleet: ")
    assert registry.requests == []


@pytest.mark.parametrize(
    ("begin", "end"),
    [(timedelta(days=-2), timedelta(days=-1)), (timedelta(days=1), timedelta(days=2))],
    ids=["ended", "not begun"],
)
def test_a_certificate_out_of_its_time_opens_no_door(
    make_newborn: Making, registry: DeviceRegistry, begin: timedelta, end: timedelta
) -> None:
    board = make_newborn()
    registry.activate(board.device_id)
    registry.valid = (begin, end)
    board.start()
    board.await_said("broker: no connection to localhost")
    board.await_said("agent: device registry: ")
    assert registry.count(ACTIVATION_PATH) == 0
    assert board.platform.operator.count(board.device_id) == 0


def test_an_identity_from_the_command_line_only_waits_for_leave(
    platform: Platform, registry: DeviceRegistry, tmp_path: Path, model: Model
) -> None:
    with Link(lambda: platform.registry.port) as link:
        name = f"press-{uuid.uuid4().hex[:8]}"
        with Board(tmp_path / name, name, platform, link, **{"device-registry": registry.address}) as board:
            platform.operator.await_report(name, lambda each: each.message == "waits to be activated")
            registry.activate(name)
            board.confirm(model)
    assert {path for path, _ in registry.requests} == {ACTIVATION_PATH}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"device-registry": None}, "--claim needs a --device-registry to show it to"),
        ({"device-registry": "x"}, "--device-registry: HOST:PORT, not 'x'"),
        ({"device-id": None}, "identity: there is no certificate that says who this is; --device-id does"),
        ({"device-id": "press\n07"}, "--device-id: 'press 07' is none"),
        ({"device-id": "a/b"}, "--device-id: 'a/b' is none"),
        ({"claim": None}, "device.crt: PK - Read/write of file failed"),
    ],
)
def test_a_wrong_option_is_named(make_newborn: Making, changes: dict[str, Any], said: str) -> None:
    board = make_newborn()
    board.options = {name: value for name, value in {**board.options, **changes}.items() if value is not None}
    board.start()
    assert board.await_end() == USAGE
    assert said in board.said()


def test_a_certificate_for_another_name_is_no_start(make_newborn: Making) -> None:
    board = make_newborn()
    board.start()
    board.waits("waits to be activated")
    board.stop()
    board.options["device-id"] = "press-00"
    board.start()
    assert board.await_end() == USAGE
    assert f"the certificate is for {board.device_id}, not for press-00" in board.said()


@pytest.mark.parametrize("content", [b"", b"garbage\n"])
def test_a_key_that_cannot_be_read_is_not_overwritten(make_newborn: Making, content: bytes) -> None:
    board = make_newborn()
    (board.identity / "device.key").write_bytes(content)
    board.start()
    board.await_said("agent: the device's key cannot be made or used")
    assert board.key == content


# What the registry itself refuses, from whoever asks.


def make_csr(device_id: str, *, key: ec.EllipticCurvePrivateKey | None = None, **more: str) -> str:
    """Return a CSR for a name, PEM."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, device_id)]
    attributes += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in more.values()]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    own = key or ec.generate_private_key(ec.SECP256R1())
    return builder.sign(own, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def make_question(claim: str, device_id: str = "press-07", **changes: Any) -> bytes:
    question = {"schema": 1, "deviceID": device_id, "claim": claim, "csr": make_csr("press-07")}
    return json.dumps(question | changes).encode()


@pytest.mark.parametrize(
    "device_id",
    [
        "",
        "press-07\n",
        "press-07\r\nX: y",
        "press-07\x00",
        "../press-07",
        "press/07",
        "PRESS",
        "präss",
        "a" * 64,
        "-a",
        "#",
    ],
)
def test_garbage_in_an_id_is_refused(registry: DeviceRegistry, device_id: str) -> None:
    claim = registry.enrol("press-07")
    changes = {"csr": make_csr(device_id)} if device_id and len(device_id) <= 64 else {}
    status, problem = registry.ask(PROVISION_PATH, make_question(claim, device_id, **changes))
    assert status == 400
    assert "deviceID" in problem["title"] or device_id == "press-07\x00"
    assert "\n" not in problem["title"]
    assert registry.issued == []
    assert registry.ask(PROVISION_PATH, make_question(claim))[0] == 200  # and the claim is not used up


@pytest.mark.parametrize("claim", ["", "a b", "a\nb", "a" * 65, "\x00", "é"])
def test_garbage_in_a_claim_is_refused(registry: DeviceRegistry, claim: str) -> None:
    assert registry.ask(PROVISION_PATH, make_question(claim))[0] == 400
    assert registry.issued == []


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        (make_csr("press-08"), "subject"),
        (make_csr("press-07", organisation="edgefleet"), "subject"),
        (make_csr("press-07").replace("A", "B", 3), "csr"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "csr"),
        (make_csr("press-07", key=ec.generate_private_key(ec.SECP384R1())), "P-256"),
    ],
    ids=["another device's", "with more", "changed", "empty", "another curve"],
)
def test_a_csr_that_is_not_the_devices_own(registry: DeviceRegistry, csr: str, why: str) -> None:
    claim = registry.enrol("press-07")
    status, problem = registry.ask(PROVISION_PATH, make_question(claim, csr=csr))
    assert status == 400
    assert why in problem["title"]
    assert registry.issued == []


def test_the_same_key_may_ask_again_and_another_may_not(registry: DeviceRegistry) -> None:
    claim = registry.enrol("press-07")
    key = ec.generate_private_key(ec.SECP256R1())
    answers = [registry.ask(PROVISION_PATH, make_question(claim, csr=make_csr("press-07", key=key))) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 200]
    assert VerifyKey(key.public_key()).keyid
    for _, answer in answers:
        assert x509.load_pem_x509_certificate(answer["certificate"].encode()).public_key() == key.public_key()
    assert registry.ask(PROVISION_PATH, make_question(claim))[0] == 403


def test_leave_is_asked_for_with_the_devices_own_certificate(
    registry: DeviceRegistry, platform: Platform, tmp_path: Path
) -> None:
    question = b'{"schema":1,"deviceID":"press-07"}'
    registry.activate("press-07")
    assert registry.ask(ACTIVATION_PATH, question)[0] == 401
    other = platform.authority.issue("press-08", tmp_path / "other")
    assert registry.ask(ACTIVATION_PATH, question, identity=other)[0] == 403
    stranger = Authority().issue("press-07", tmp_path / "stranger")
    stranger.ca.write_bytes(platform.authority.pem)
    with pytest.raises((ssl.SSLError, OSError)):
        registry.ask(ACTIVATION_PATH, question, identity=Identity(stranger.folder))
    own = platform.authority.issue("press-07", tmp_path / "own")
    assert registry.ask(ACTIVATION_PATH, question, identity=own) == (200, {"schema": 1, "activated": True})


def test_only_documents_on_the_two_routes(registry: DeviceRegistry) -> None:
    claim = registry.enrol("press-07")
    assert registry.ask("/", make_question(claim))[0] == 404
    assert registry.ask(f"{PROVISION_PATH}/../x", make_question(claim))[0] == 404
    assert (
        registry.ask(PROVISION_PATH, b"device_id=press-07", content_type="application/x-www-form-urlencoded")[0] == 415
    )
    assert registry.ask(PROVISION_PATH, b"{}" + b" " * 4096)[0] == 413
    assert registry.ask(PROVISION_PATH, b"")[0] == 400
    assert registry.issued == []
