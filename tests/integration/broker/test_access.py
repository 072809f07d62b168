"""Who the broker lets in, as whom, and what each of them may do."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from edgefleet.contracts.topics import (
    ALERT,
    CONTROL,
    DESIRED,
    KEYS,
    PRESENCE,
    REPORTED,
    TELEMETRY,
    TOPICS,
    Direction,
    Topic,
)
from support.authority import Authority
from support.broker import Broker
from support.mqtt import Client

if TYPE_CHECKING:
    from pathlib import Path

    from integration.broker.conftest import Connect

OPERATOR = "edgefleet:operator"
REFUSED = 135
TAKEN = {0, 16}
OWN = [topic for topic in TOPICS.values() if topic.per_device and topic.direction is Direction.FROM_DEVICE]


@pytest.mark.parametrize("topic", OWN, ids=lambda topic: topic.name)
def test_a_device_publishes_on_its_own_topics_only(connect: Connect, topic: Topic) -> None:
    with connect("press-07") as device:
        assert device.publish(topic.build("press-07")) in TAKEN
        assert device.publish(topic.build("press-08")) == REFUSED


@pytest.mark.parametrize(
    "topic",
    [
        DESIRED.build("press-07"),
        CONTROL.build(),
        ALERT.build(),
        KEYS.build(),
        "fleet/v1/keys/press-07",
        "fleet/v1/operator/snapshot/1",
        "fleet/v1/dev/press-07",
        "fleet/v1/dev/press-07/reported/more",
        "$SYS/broker/uptime",
        "other",
    ],
)
def test_a_device_publishes_nowhere_else(connect: Connect, topic: str) -> None:
    with connect("press-07") as device:
        assert device.publish(topic) == REFUSED


def test_a_refusal_costs_the_refused_message_alone(connect: Connect) -> None:
    with connect("press-07") as device:
        assert device.publish(REPORTED.build("press-08")) == REFUSED
        assert device.publish(REPORTED.build("press-07")) in TAKEN
        assert not device.ended.is_set()


def test_a_device_hears_its_own_commands_and_nobody_elses(connect: Connect) -> None:
    with connect(OPERATOR) as operator, connect("press-07") as device:
        device.subscribe("#", "$SYS/#", DESIRED.filter(), DESIRED.build("press-08"))
        for name in ("press-07", "press-08"):
            assert operator.publish(DESIRED.build(name), name.encode()) in TAKEN
        assert {(message.topic, message.payload) for message in device.take_rest()} == {
            (DESIRED.build("press-07"), b"press-07")
        }


def test_keys_reach_every_device_also_one_that_comes_later(connect: Connect) -> None:
    with connect(OPERATOR) as operator:
        assert operator.publish(KEYS.build(), b"bundle", retain=True) in TAKEN
        try:
            for name in ("press-07", "press-08"):
                with connect(name) as device:
                    device.subscribe(KEYS.filter())
                    (message,) = device.take()
                    assert (message.topic, message.payload, message.retain) == (KEYS.build(), b"bundle", True)
        finally:
            operator.publish(KEYS.build(), b"", retain=True)


def test_nobody_but_the_operator_gives_keys(connect: Connect) -> None:
    with connect("press-08") as device:
        device.subscribe(KEYS.filter())
        for name in ("press-07", "edgefleet:broker", "edgefleet:anything", "+"):
            with connect(name) as other:
                assert other.publish(KEYS.build(), b"forged", retain=True) == REFUSED
        connect("press-09", will=(KEYS.build(), b"forged")).vanish()
        assert device.take_rest() == []


def test_a_device_that_judges_others_hears_its_sources_with_lines_of_its_own(tmp_path: Path) -> None:
    """As docs/broker.md says it is to be added by hand."""
    broker = Broker(tmp_path)
    with (tmp_path / "acl").open("a") as acl:
        acl.write("\nuser gateway-01\ntopic read fleet/v1/tele/press-07\n")

    def connect(name: str) -> Client:
        return Client(broker.port, broker.authority.issue(name, tmp_path / name).client_context())

    with (
        broker,
        connect("gateway-01") as gateway,
        connect("press-07") as source,
        connect("press-08") as other,
        connect("press-09") as neighbour,
    ):
        for listener in (gateway, neighbour):
            listener.subscribe(TELEMETRY.build("press-07"), TELEMETRY.build("press-08"))
        for device, name in ((source, "press-07"), (other, "press-08")):
            assert device.publish(TELEMETRY.build(name)) in TAKEN
        assert [message.topic for message in gateway.take_rest()] == [TELEMETRY.build("press-07")]
        assert neighbour.take_rest() == []
        assert gateway.publish(REPORTED.build("gateway-01")) in TAKEN
        assert gateway.publish(TELEMETRY.build("press-07")) == REFUSED


def test_what_a_device_sends_reaches_no_other_device(connect: Connect) -> None:
    with connect("press-07") as device, connect("press-08") as other:
        other.subscribe("#", REPORTED.build("press-07"))
        assert device.publish(REPORTED.build("press-07"), retain=True) in TAKEN
        assert other.take_rest() == []
        device.publish(REPORTED.build("press-07"), b"", retain=True)


def test_a_client_id_of_another_device_is_not_believed(connect: Connect) -> None:
    with connect("press-08") as victim, connect("press-07", client_id="press-08") as spoofer:
        assert spoofer.publish(REPORTED.build("press-08")) == REFUSED
        assert spoofer.publish(REPORTED.build("press-07")) in TAKEN
        # Were it press-08 to the broker, the real one would have been sent away.
        assert victim.publish(PRESENCE.build("press-08")) in TAKEN
        assert not victim.ended.is_set()
        with connect("press-07"):
            assert spoofer.ended.wait(10)


def test_a_will_counts_on_the_devices_own_topic_only(connect: Connect) -> None:
    with connect(OPERATOR) as operator:
        operator.subscribe(PRESENCE.filter())
        connect("press-07", will=(PRESENCE.build("press-08"), b"spoofed")).vanish()
        connect("press-09", will=(PRESENCE.build("press-09"), b"own")).vanish()
        assert [message.payload for message in operator.take_rest()] == [b"own"]


def test_the_operator_commands_and_listens_and_does_no_more(connect: Connect) -> None:
    marker = "fleet/v1/operator/snapshot/1"
    with connect(OPERATOR) as operator, connect("press-07") as device:
        operator.subscribe("#", CONTROL.build())
        assert operator.publish(DESIRED.build("press-07")) in TAKEN
        assert operator.publish(marker) == 0
        for topic in (REPORTED.build("press-07"), PRESENCE.build("press-07"), TELEMETRY.build("press-07")):
            assert operator.publish(topic) == REFUSED
        assert operator.publish(CONTROL.build()) == REFUSED
        for topic in OWN:
            device.publish(topic.build("press-07"))
        heard = {message.topic for message in operator.take_rest()}
        assert heard == {marker, REPORTED.build("press-07"), PRESENCE.build("press-07")}


def test_a_name_with_wildcards_gets_nothing(connect: Connect) -> None:
    with connect("+") as odd, connect(OPERATOR) as operator:
        odd.subscribe("fleet/v1/dev/+/desired")
        assert operator.publish(DESIRED.build("press-07")) in TAKEN
        assert odd.take_rest() == []


def test_a_certificate_of_another_fleet_is_refused(broker: Broker, tmp_path: Path) -> None:
    stranger = Authority().issue("press-07", tmp_path)
    stranger.ca.write_bytes(broker.authority.pem)
    assert_refused(broker, stranger.client_context())


def test_an_expired_certificate_is_refused(broker: Broker, tmp_path: Path) -> None:
    assert_refused(broker, broker.authority.issue("press-07", tmp_path, expired=True).client_context())


def test_no_certificate_is_refused(broker: Broker, tmp_path: Path) -> None:
    ca = broker.authority.issue("press-07", tmp_path).ca
    assert_refused(broker, ssl.create_default_context(cafile=str(ca)))


def test_a_servers_certificate_makes_no_client(broker: Broker, tmp_path: Path) -> None:
    server = broker.authority.issue("press-07", tmp_path, dns=["localhost"], client=False, server=True)
    assert_refused(broker, server.client_context())


def test_a_broker_of_another_fleet_is_refused_by_the_device(broker: Broker, tmp_path: Path) -> None:
    context = Authority().issue("press-07", tmp_path).client_context()
    with (
        socket.create_connection(("127.0.0.1", broker.port)) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_tls_before_1_2_is_refused(broker: Broker, tmp_path: Path) -> None:
    old = broker.authority.issue("press-07", tmp_path).client_context()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    assert speak_to_old_server(broker, old, tmp_path) == "TLSv1.1", "this client can do TLS 1.1"
    with (
        socket.create_connection(("127.0.0.1", broker.port)) as connection,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        old.wrap_socket(connection, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(broker: Broker, tmp_path: Path, version: ssl.TLSVersion) -> None:
    context = broker.authority.issue("press-07", tmp_path).client_context()
    context.minimum_version = context.maximum_version = version
    with Client(broker.port, context) as device:
        assert device.publish(REPORTED.build("press-07")) in TAKEN


def assert_refused(broker: Broker, context: ssl.SSLContext) -> None:
    """Assert that a client gets no further than TLS; in 1.3 it learns so with its first read."""
    with pytest.raises(OSError), Client(broker.port, context):  # noqa: PT011 - an SSLError, or the end of the connection
        pytest.fail("the broker took the connection")


def speak_to_old_server(broker: Broker, client: ssl.SSLContext, folder: Path) -> str | None:
    """Return the version that a client and a server for TLS 1.1 agree on."""
    identity = broker.authority.issue("old", folder / "old", dns=["localhost"], client=False, server=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate, identity.key)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        server.minimum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("DEFAULT:@SECLEVEL=0")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, server.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        with (
            socket.create_connection(listener.getsockname()) as connection,
            client.wrap_socket(connection, server_hostname="localhost") as tls,
        ):
            version = tls.version()
            tls.sendall(b"x")
        thread.join()
        return version
