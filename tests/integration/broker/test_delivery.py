"""Nothing that the fleet's state consists of is lost in the broker, and no client can make it grow or hang unseen."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet.contracts.topics import DESIRED, REPORTED
from support.broker import Broker
from support.mqtt import Client

if TYPE_CHECKING:
    from integration.broker.conftest import Connect

OPERATOR = "edgefleet:operator"
DEVICES = 3000
DOCUMENT = b"r" * 360
PROBE = Path(__file__).parents[3] / "deploy" / "images" / "broker" / "answers"


def count_retained(broker: Broker, folder: Path) -> int:
    """Publish the state of many devices; return how many a subscriber gets that was not there."""
    operator = broker.operator(folder / "operator")
    # Where nobody else may read or write; how much is kept and sent does not depend on the topic.
    state = [(f"fleet/v1/operator/{number}", DOCUMENT) for number in range(DEVICES)]
    with Client(broker.port, operator.client_context()) as publisher:
        publisher.publish_all(state)
    with Client(broker.port, operator.client_context()) as subscriber:
        subscriber.subscribe("fleet/v1/operator/#")
        return len({message.topic for message in subscriber.take_rest() if message.payload == DOCUMENT})


def test_every_retained_message_reaches_a_subscriber_that_comes_late(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker") as broker:
        assert count_retained(broker, tmp_path) == DEVICES


def test_with_mosquittos_own_limits_most_of_them_would_be_lost(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker", changes={"max_queued_messages": "", "max_inflight_messages": ""}) as broker:
        assert count_retained(broker, tmp_path) < DEVICES / 2


def test_the_second_operator_takes_the_session_from_the_first(connect: Connect) -> None:
    with connect(OPERATOR) as first, connect(OPERATOR) as second:
        # Newer versions say why; to this one's first client it is a connection that ended.
        assert first.ended.wait(10)
        assert second.publish(DESIRED.build("press-07")) in {0, 16}
        assert not second.ended.is_set()


def test_a_packet_beyond_the_limit_ends_the_connection(connect: Connect) -> None:
    with connect("press-07") as device:
        assert device.publish(REPORTED.build("press-07"), b"x" * 60_000) in {0, 16}
        device.subscribe(DESIRED.build("press-07"))
        device.send(REPORTED.build("press-07"), b"x" * 70_000)
        assert device.ended.wait(10)


def test_state_survives_an_ordinary_restart(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker")
    device, operator = broker.device("press-07", tmp_path / "device"), broker.operator(tmp_path / "operator")
    with broker:
        with Client(broker.port, device.client_context()) as client:
            client.publish(REPORTED.build("press-07"), b"state", retain=True)
        broker.stop()
        broker.start()
        with Client(broker.port, operator.client_context()) as client:
            client.subscribe(REPORTED.filter())
            assert [message.payload for message in client.take()] == [b"state"]


def test_the_probe_tells_a_broker_that_hangs_from_one_that_works(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker") as broker:
        assert probe(broker.port) == 0
        assert broker.process is not None
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            assert probe(broker.port) == 1
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
        assert probe(broker.port) == 0
    assert probe(broker.port) == 1


def probe(port: int) -> int:
    return subprocess.run([PROBE, str(port)], capture_output=True, check=False).returncode
