"""Connections come and go: what the gateway makes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from edgefleet.adapters.mqtt.gateway import NotConnected, SessionTakenOver
from edgefleet.adapters.tls import TlsFiles
from support.authority import Authority
from support.gateways import Listener, report_of, running
from support.tcp_proxy import proxied

if TYPE_CHECKING:
    from pathlib import Path

    from support.gateways import Fleet


def test_a_broker_that_restarts_is_found_again_and_all_is_delivered_anew(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            with fleet.device("press-07") as device:
                await asyncio.to_thread(
                    device.publish, "fleet/v1/dev/press-07/reported", report_of("press-07"), retain=True
                )
            await listener.until(lambda: listener.calls("reported"))
            await asyncio.to_thread(fleet.broker.stop)
            await listener.until(lambda: listener.calls("disconnected"))
            assert not gateway.connected
            with pytest.raises(NotConnected):
                await gateway.publish_desired("press-07", b"{}")
            await asyncio.to_thread(fleet.broker.start)
            await listener.until(lambda: len(listener.calls("connected")) == 2)
            names = [call[0] for call in listener.heard]
            assert names == ["connected", "reported", "disconnected", "reported", "connected"]

    asyncio.run(scenario())


def test_it_waits_for_a_broker_that_is_not_there_yet(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        fleet.broker.kill()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(gateway.run())
            await asyncio.sleep(0.7)
            await asyncio.to_thread(fleet.broker.start)
            await listener.until(lambda: gateway.connected)
            task.cancel()
        assert [call[0] for call in listener.heard] == ["connected"]

    asyncio.run(scenario())


def test_a_frozen_network_is_noticed(fleet: Fleet) -> None:
    """Nothing is closed and nothing comes: only the missing answer to a ping tells."""

    async def scenario() -> None:
        listener = Listener()
        async with proxied("127.0.0.1", fleet.broker.port) as proxy:
            gateway = fleet.gateway(listener, keepalive=1, port=proxy.port)
            async with running(gateway, listener):
                heard = gateway.last_heard
                proxy.flowing.clear()
                await listener.until(lambda: listener.calls("disconnected"))
                assert gateway.last_heard == heard
                proxy.cut()
                proxy.flowing.set()
                await listener.until(lambda: gateway.connected)
                assert gateway.last_heard > heard

    asyncio.run(scenario())


def test_a_cut_connection_fails_what_is_under_way(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        async with proxied("127.0.0.1", fleet.broker.port) as proxy:
            gateway = fleet.gateway(listener, window=10, port=proxy.port)
            async with running(gateway, listener):
                proxy.flowing.clear()
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(failing(gateway.publish_desired(f"d{n}", b"{}"))) for n in range(30)]
                    await asyncio.sleep(0.2)
                    assert not any(task.done() for task in tasks)
                    proxy.cut()
                assert all(task.result() for task in tasks)

    async def failing(publication: object) -> bool:
        with pytest.raises(NotConnected):
            await publication  # pyright: ignore[reportGeneralTypeIssues]
        return True

    asyncio.run(scenario())


def test_the_operator_that_came_first_ends_when_another_one_comes(fleet: Fleet) -> None:
    async def scenario() -> None:
        first, second = Listener(), Listener()
        older, newer = fleet.gateway(first), fleet.gateway(second)
        ended = asyncio.Event()

        async def serve() -> None:
            with pytest.raises(SessionTakenOver, match="another client connected as edgefleet:operator"):
                await older.run()
            ended.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(serve())
            await first.until(lambda: older.connected)
            task = group.create_task(newer.run())
            async with asyncio.timeout(10):
                await ended.wait()
            with pytest.raises(NotConnected):
                await older.publish_desired("press-07", b"{}")
            await second.until(lambda: newer.connected)
            await asyncio.sleep(1.0)
            assert newer.connected
            settled = newer.counters.connections
            await asyncio.sleep(1.0)
            assert newer.counters.connections == settled
            task.cancel()

    asyncio.run(scenario())


def test_an_operator_that_is_started_anew_takes_over_what_the_last_one_left(fleet: Fleet) -> None:
    async def scenario() -> None:
        for _ in range(2):
            listener = Listener()
            async with running(fleet.gateway(listener), listener):
                assert [call[0] for call in listener.heard] == ["connected"]

    asyncio.run(scenario())


def test_a_broker_that_lost_everything_is_no_other_operator(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            fleet.broker.kill()
            for file in (fleet.folder / "broker" / "state").iterdir():
                file.unlink()
            await asyncio.to_thread(fleet.broker.start)
            await listener.until(lambda: len(listener.calls("connected")) == 2)
            with fleet.many() as many:
                many.subscribe("fleet/v1/operator/claim")
                assert many.take()[0].payload.decode() == gateway.instance

    asyncio.run(scenario())


def test_a_broker_of_another_fleet_is_not_talked_to(
    fleet: Fleet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Authority().issue("edgefleet:operator", tmp_path / "stranger")

    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener, tls=TlsFiles(stranger.ca, fleet.tls.cert, fleet.tls.key))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await gateway.run()
        assert listener.heard == []

    asyncio.run(scenario())
    assert "certificate verify failed" in caplog.text


def test_missing_files_are_named_and_awaited(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    certificate = fleet.tls.cert.read_bytes()
    fleet.tls.cert.unlink()

    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(gateway.run())
            await asyncio.sleep(0.5)
            assert f"TLS files: [Errno 2] no such TLS file: '{fleet.tls.cert}'" in caplog.text
            fleet.tls.cert.write_bytes(certificate)
            await listener.until(lambda: gateway.connected)
            task.cancel()

    asyncio.run(scenario())


def test_cancelled_at_any_moment_it_leaves_nothing_open(fleet: Fleet) -> None:
    async def scenario() -> None:
        for step in range(25):
            listener = Listener()
            gateway = fleet.gateway(listener)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.003 * step):
                    await gateway.run()
        await asyncio.sleep(0.3)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(scenario())
