"""A device obeys the operator's key alone, for itself alone, and never an old command again."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion

from edgefleet.contracts import topics
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.desired import Desired
from edgefleet.contracts.keys import SigningKey
from support import tinymodel
from support.authority import Authority, Identity
from support.operator_client import make_desired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.firmware.conftest import Board, Model, Platform

    Making = Callable[..., Board]


@pytest.fixture(scope="module")
def first(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=1))


@pytest.fixture(scope="module")
def second(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=2))


def assert_ignored(board: Board, message: bytes, first: Model, reason: str | None = None) -> None:
    """Send something that must change nothing; the device then still does as it is told."""
    seen = board.platform.operator.count(board.device_id)
    connections = board.link.connections
    board.platform.operator.send(board.device_id, message)
    if reason is not None:
        said = f"refused a command: {reason} at "
        report = board.platform.operator.await_report(
            board.device_id, lambda each: each.message is not None and each.message.startswith(said), seen
        )
        assert (report.phase, report.observed_generation) == ("Confirmed", board.generation)
        assert report.active
        assert report.active.digest == first.digest
    assert board.confirm(first).observed_generation == board.generation  # the broker keeps the order
    assert board.link.connections == connections


@pytest.mark.parametrize(
    "message", [b"", b"\x00\xff\xfe", b"{}", b"[" * 3000, b'{"schema":1,"command":"download-model"}']
)
def test_garbage_is_ignored(make_board: Making, first: Model, message: bytes) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    assert_ignored(board, message, first)


def test_a_message_beyond_any_document_does_not_reach_the_device(make_board: Making, first: Model) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    assert_ignored(board, b"x" * 60000, first)
    assert "TooLarge" not in board.said()


def test_a_command_of_another_key(make_board: Making, first: Model, second: Model) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    forger = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    assert_ignored(board, make_desired(forger, board.device_id, 99, second.manifest), first, "UnknownKey")


def test_a_command_that_was_changed(make_board: Making, first: Model, second: Model, platform: Platform) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    good = decode(Desired, make_desired(platform.assignment_key, board.device_id, 99, second.manifest))
    other = decode(Desired, make_desired(platform.assignment_key, board.device_id, 98, second.manifest))
    swapped = good.assignment.model_copy(update={"signatures": other.assignment.signatures})
    assert_ignored(board, encode(good.model_copy(update={"assignment": swapped})), first, "BadSignature")


def test_the_manifest_of_an_unsigned_reference(
    make_board: Making, first: Model, second: Model, platform: Platform
) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    good = decode(Desired, make_desired(platform.assignment_key, board.device_id, 99, first.manifest))
    message = encode(good.model_copy(update={"manifest": second.manifest}))
    assert_ignored(board, message, first, "ManifestMismatch")


def test_another_devices_command(make_board: Making, first: Model, second: Model, platform: Platform) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    message = make_desired(platform.assignment_key, "press-00", 99, second.manifest)
    assert_ignored(board, message, first, "WrongDevice")


def test_an_old_command_again(make_board: Making, first: Model, second: Model, platform: Platform) -> None:
    board = make_board()
    board.start()
    old = make_desired(platform.assignment_key, board.device_id, 1, second.manifest)
    board.confirm(second)
    board.confirm(first)
    assert_ignored(board, old, first, "StaleGeneration")
    board.kill()  # and it has not forgotten what it saw
    seen = platform.operator.count(board.device_id)
    board.start()
    platform.operator.await_report(board.device_id, lambda each: each.boot_count == 2, seen)
    assert_ignored(board, old, first, "StaleGeneration")


def test_a_certificate_cannot_speak_for_another_device(platform: Platform, tmp_path: Path) -> None:
    identity = platform.authority.issue("press-11", tmp_path / "press-11", stem="device")
    assert publish_as(platform, identity, topics.REPORTED.build("press-12")) == "Not authorized"
    assert publish_as(platform, identity, topics.DESIRED.build("press-11")) == "Not authorized"
    assert publish_as(platform, identity, topics.PRESENCE.build("press-11")) == "Success"


def test_a_device_of_another_fleet_is_not_let_in(make_board: Making) -> None:
    board = make_board()
    Authority().issue(board.device_id, board.identity, stem="device")
    (board.identity / "ca.crt").write_bytes(board.platform.authority.pem)
    board.start()
    board.await_said("broker: no connection to localhost")
    assert "connected to" not in board.said()
    assert board.platform.operator.count(board.device_id) == 0


def test_a_registry_that_does_not_prove_its_name(make_board: Making, first: Model) -> None:
    board = make_board(**{"registry-name": "registry.example"})
    board.start()
    board.assign(first)
    board.await_said("is not registry.example of this fleet: ")
    assert board.report("Downloading").active is None


def test_a_broker_that_does_not_prove_its_name(make_board: Making, platform: Platform, tmp_path: Path) -> None:
    board = make_board()
    with impostor(tmp_path, platform.authority, "broker.example") as port:
        board.options["broker"] = f"localhost:{port}"
        board.start()
        board.await_said("host name verification failed")
        assert "connected to" not in board.said()


def test_a_registry_of_another_fleet(make_board: Making, first: Model, tmp_path: Path) -> None:
    board = make_board()
    with impostor(tmp_path, Authority(), "localhost") as port:
        board.options["registry"] = f"localhost:{port}"
        board.start()
        board.assign(first)
        board.await_said("of this fleet: ")


def publish_as(platform: Platform, identity: Identity, topic: str) -> str:
    """Publish to a topic and return what the broker says to it; the client id claims to be another device."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="press-12", protocol=mqtt.MQTTv5)
    client.tls_set_context(identity.client_context())
    answers: list[str] = []

    def hear(_client: mqtt.Client, _context: object, _id: int, code: object, _properties: object) -> None:
        answers.append(str(code).replace("No matching subscribers", "Success"))

    client.on_publish = hear
    client.connect("localhost", platform.broker.port)
    client.loop_start()
    try:
        client.publish(topic, b"", qos=1).wait_for_publish(10)
    finally:
        client.disconnect()
        client.loop_stop()
    return answers[0]


@contextlib.contextmanager
def impostor(folder: Path, authority: Authority, name: str) -> Iterator[int]:
    """A TLS server with a certificate of this authority for this name."""
    identity = authority.issue("edgefleet:impostor", folder / "impostor", dns=[name], client=False, server=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)
