"""What devices say reaches the listener whole, once understood, in order, and nothing that a device says harms it."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from edgefleet.contracts import limits
from edgefleet.contracts.reasons import Reason
from support.gateways import Listener, presence_of, report_of, running

if TYPE_CHECKING:
    from support.gateways import Fleet


def test_all_that_the_broker_kept_comes_before_connected(fleet: Fleet) -> None:
    ids = [f"d{number:04}" for number in range(3000)]
    with fleet.many() as many:
        many.publish_all([(f"fleet/v1/dev/{each}/reported", report_of(each)) for each in ids])
        many.publish_all([(f"fleet/v1/dev/{each}/presence", presence_of(each)) for each in ids[:100]])

    async def scenario() -> None:
        listener = Listener()
        async with running(fleet.gateway(listener), listener):
            assert listener.heard.index(("connected",)) == 3100
            assert sorted(device_id for device_id, _ in listener.calls("reported")) == ids
            assert len(listener.calls("presence")) == 100

    asyncio.run(scenario())


def test_a_slow_listener_hears_the_newest_of_every_device_and_nothing_piles_up(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener(seconds=0.02)
        gateway = fleet.gateway(listener)
        reports = [(f"d{number % 50}", number) for number in range(3000)]
        messages = [(f"fleet/v1/dev/{each}/reported", report_of(each, seq=number)) for each, number in reports]
        newest = {(device_id, seq) for device_id, seq in reports[-50:]}
        async with running(gateway, listener):
            with fleet.many() as many:
                await asyncio.to_thread(many.publish_all, messages)
            assert gateway.backlog <= 50
            await listener.until(lambda: newest <= {(each, report.seq) for each, report in listener.calls("reported")})
        for device_id in {each for each, _ in reports}:
            heard = [report.seq for each, report in listener.calls("reported") if each == device_id]
            assert heard == sorted(heard)
        assert gateway.counters.received < 1500

    asyncio.run(scenario())


def test_a_listener_that_keeps_up_hears_everything(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        async with running(fleet.gateway(listener), listener):
            with fleet.device("press-07") as device:
                for number in range(100):
                    await asyncio.to_thread(
                        device.publish, "fleet/v1/dev/press-07/reported", report_of("press-07", seq=number)
                    )
                    await listener.until(lambda expected=number: len(listener.calls("reported")) == expected + 1)

    asyncio.run(scenario())


def test_bytes_that_the_contract_refuses_are_told_and_counted(fleet: Fleet) -> None:
    topic = "fleet/v1/dev/press-07/reported"
    cases = [
        (topic, b"\x00\xff\xfe", Reason.MALFORMED),
        (topic, b"[" * 4000, Reason.TOO_DEEP),
        (topic, b"{" + b" " * limits.REPORTED_MAX, Reason.TOO_LARGE),
        (topic, b'{"schema":1,"schema":1}', Reason.DUPLICATE_KEY),
        (topic, b'{"schema":1}', Reason.MISSING_FIELD),
        (topic, report_of("press-08"), Reason.WRONG_DEVICE),
        ("fleet/v1/dev/press-07/presence", presence_of("press-08"), Reason.WRONG_DEVICE),
        ("fleet/v1/dev/press-07/presence", b'{"status":"sleeping"}', Reason.MISSING_FIELD),
        ("fleet/v1/dev/PRESS_07/reported", report_of("press-07"), Reason.OUT_OF_RANGE),
    ]

    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            with fleet.many() as many:
                for number, (where, payload, _) in enumerate(cases):
                    await asyncio.to_thread(many.publish, where, payload)
                    await listener.until(lambda expected=number: len(listener.calls("refused")) == expected + 1)
                await asyncio.to_thread(many.publish, topic, report_of("press-07"))
                await listener.until(lambda: listener.calls("reported"))
            told = [(where, error.reason) for where, error in listener.calls("refused")]
            assert told == [(where, reason) for where, _, reason in cases]
            assert gateway.counters.refused == len(cases)
            assert gateway.counters.received == len(cases) + 1
            assert gateway.counters.connections == 1

    asyncio.run(scenario())


def test_random_bytes_never_end_the_connection(fleet: Fleet) -> None:
    source = random.Random(7)
    payloads = [source.randbytes(source.randrange(1, 300)) for _ in range(300)]
    for number in range(300, 1000):
        mutant = bytearray(report_of(f"d{number}"))
        for _ in range(source.randrange(1, 4)):
            mutant[source.randrange(len(mutant))] = source.randrange(256)
        payloads.append(bytes(mutant))

    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            with fleet.many() as many:
                messages = [(f"fleet/v1/dev/d{number}/reported", each) for number, each in enumerate(payloads)]
                await asyncio.to_thread(many.publish_all, messages)
                await listener.until(lambda: gateway.counters.received == 1000)
            assert gateway.counters.connections == 1
            assert gateway.counters.listener_failures == 0
            assert 600 < gateway.counters.refused < 1000

    asyncio.run(scenario())


def test_a_cleared_topic_is_told(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        async with running(fleet.gateway(listener), listener):
            with fleet.device("press-07") as device:
                for topic in ("reported", "presence"):
                    await asyncio.to_thread(device.publish, f"fleet/v1/dev/press-07/{topic}", b"", retain=True)
            await listener.until(lambda: len(listener.calls("cleared")) == 2)
            assert listener.calls("cleared") == [("press-07", "Reported"), ("press-07", "Presence")]

    asyncio.run(scenario())


def test_a_listeners_fault_costs_one_call(fleet: Fleet) -> None:
    async def scenario() -> None:
        listener = Listener()
        gateway = fleet.gateway(listener)
        async with running(gateway, listener):
            listener.faults = [KeyError("press-07")]
            with fleet.device("press-07") as device:
                for number in (1, 2):
                    report = report_of("press-07", seq=number)
                    await asyncio.to_thread(device.publish, "fleet/v1/dev/press-07/reported", report)
                    await listener.until(lambda expected=number: len(listener.calls("reported")) == expected)
            assert gateway.counters.listener_failures == 1
            assert gateway.counters.connections == 1

    asyncio.run(scenario())
