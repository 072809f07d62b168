"""What the operator says to devices, and what the broker says of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from edgefleet.adapters.mqtt.gateway import Delivery
from edgefleet.contracts import limits
from support.gateways import Listener, report_of, running

if TYPE_CHECKING:
    from support.gateways import Fleet


def test_a_device_gets_it_and_the_broker_keeps_it(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            with fleet.device("press-07") as device:
                device.subscribe("fleet/v1/dev/press-07/desired")
                assert await gateway.publish_desired("press-07", b"{1}") is Delivery.DELIVERED
                message = (await asyncio.to_thread(device.take))[0]
                assert (message.payload, message.retain) == (b"{1}", False)
            with fleet.device("press-07") as device:
                device.subscribe("fleet/v1/dev/press-07/desired")
                message = (await asyncio.to_thread(device.take))[0]
                assert (message.payload, message.retain) == (b"{1}", True)
                assert await gateway.publish_desired("press-07", b"") is Delivery.DELIVERED
            with fleet.device("press-07") as device:
                device.subscribe("fleet/v1/dev/press-07/desired")
                assert await asyncio.to_thread(device.take_rest) == []
            assert gateway.counters.published == 2

    asyncio.run(scenario())


def test_a_device_that_never_subscribed_is_known_for_it(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            assert await gateway.publish_desired("press-07", b"{}") is Delivery.NO_SUBSCRIBER

    asyncio.run(scenario())


def test_what_the_access_rules_forbid_is_refused(fleet: Fleet) -> None:
    """Rules that forbid one device's topic stand in for any mistake in them."""
    acl = fleet.folder / "broker" / "acl"
    fleet.broker.kill()
    acl.write_text(
        acl.read_text().replace("topic write fleet/v1/dev/+/desired", "topic write fleet/v1/dev/press-07/desired")
    )
    fleet.broker.start()

    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            assert await gateway.publish_desired("press-08", b"{}") is Delivery.REFUSED
            assert await gateway.publish_desired("press-07", b"{}") is Delivery.NO_SUBSCRIBER
            assert gateway.counters.published == 1

    asyncio.run(scenario())


def test_rules_that_forbid_the_operators_own_room_are_named(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    acl = fleet.folder / "broker" / "acl"
    fleet.broker.kill()
    acl.write_text(acl.read_text().replace("topic readwrite fleet/v1/operator/#", ""))
    fleet.broker.start()

    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await gateway.run()
        assert listener.calls("connected") == []

    asyncio.run(scenario())
    assert "access rules forbid this client to publish on fleet/v1/operator/claim" in caplog.text


def test_many_are_under_way_at_once_and_each_learns_its_own_fate(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            with fleet.many() as many:
                many.subscribe(*(f"fleet/v1/dev/d{number}/desired" for number in range(0, 2000, 4)))
                most = 0

                async def publish(number: int) -> Delivery:
                    return await gateway.publish_desired(f"d{number}", b"{%d}" % number)

                async def look() -> None:
                    nonlocal most
                    while True:
                        most = max(most, gateway.in_flight)
                        await asyncio.sleep(0)

                async with asyncio.TaskGroup() as group:
                    watching = group.create_task(look())
                    async with asyncio.TaskGroup() as publications:
                        tasks = [publications.create_task(publish(number)) for number in range(2000)]
                    watching.cancel()
                fates = [task.result() for task in tasks]
                expected = [Delivery.NO_SUBSCRIBER if number % 4 else Delivery.DELIVERED for number in range(2000)]
                assert fates == expected
                assert most == 500
                got = {message.payload for message in await asyncio.to_thread(many.take, 500)}
                assert got == {b"{%d}" % number for number in range(0, 2000, 4)}

    asyncio.run(scenario())


def test_a_broker_that_allows_fewer_is_obeyed(fleet: Fleet) -> None:
    configuration = fleet.folder / "broker" / "mosquitto.conf"
    fleet.broker.kill()
    configuration.write_text(
        configuration.read_text().replace("max_inflight_messages 1000", "max_inflight_messages 20")
    )
    fleet.broker.start()

    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener), asyncio.TaskGroup() as group:
            for number in range(500):
                group.create_task(gateway.publish_desired(f"d{number}", b"{}"))
        assert gateway.counters.published == 500
        assert gateway.counters.connections == 1

    asyncio.run(scenario())


def test_publications_that_are_cancelled_free_their_places(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener, window=5)
        async with running(gateway, listener):
            for _ in range(40):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0):
                        await gateway.publish_desired("press-07", b"{}")
            async with asyncio.timeout(5):
                assert await gateway.publish_desired("press-07", b"{}") is Delivery.NO_SUBSCRIBER

    asyncio.run(scenario())


def test_the_listener_may_publish_from_inside_its_calls(fleet: Fleet) -> None:
    async def scenario() -> None:
        deliveries: list[Delivery] = []

        class Answering(Listener):
            async def connected(self) -> None:
                deliveries.append(await gateway.publish_desired("press-07", b"{}"))
                await super().connected()

            async def reported(self, device_id: str, report: object) -> None:
                deliveries.append(await gateway.publish_desired(device_id, b"{}"))
                await super().reported(device_id, report)  # pyright: ignore[reportArgumentType]

        listener = Answering()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            with fleet.device("press-07") as device:
                await asyncio.to_thread(device.publish, "fleet/v1/dev/press-07/reported", report_of("press-07"))
            await listener.until(lambda: listener.calls("reported"))
        assert len(deliveries) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("device_id", ["", "a/b", "+", "#", "UPPER"])
def test_nothing_but_a_device_is_published_to(fleet: Fleet, device_id: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ValueError, match="is not a device id"):
            await fleet.gateway(Listener()).publish_desired(device_id, b"{}")
        with pytest.raises(ValueError, match="4097 bytes, at most 4096"):
            await fleet.gateway(Listener()).publish_desired("press-07", b"x" * (limits.DESIRED_MAX + 1))

    asyncio.run(scenario())
