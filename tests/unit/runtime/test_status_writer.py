import asyncio
import logging
from typing import Any

import pytest

from edgefleet.runtime.errors import ApiError
from edgefleet.runtime.kinds import EDGE_DEVICES, Kind
from edgefleet.runtime.status_writer import StatusWriter, Target
from support.virtual_time import beside, run_virtual

Json = dict[str, Any]
OUTAGE = ApiError(0, "Unreachable", "connection refused")


def target(name: str = "press-07", uid: str = "") -> Target:
    return Target(EDGE_DEVICES, "fleet", name, uid or f"uid-{name}")


class Store:
    """Objects by uid, as the API server keeps them: every write that changes something makes a new version."""

    def __init__(self) -> None:
        self.statuses: dict[str, Json] = {}
        self.versions: dict[str, int] = {}
        self.writes: list[tuple[str, Json, float]] = []
        self.gone: set[str] = set()
        self.failures: list[Exception] = []
        self.seconds = 0.0
        self._version = 100

    async def replace(self, kind: Kind, namespace: str, name: str, uid: str, status: Json) -> Json | None:
        assert (kind, namespace) == (EDGE_DEVICES, "fleet")
        await asyncio.sleep(self.seconds)
        if self.failures:
            raise self.failures.pop(0)
        if uid in self.gone:
            return None
        self.writes.append((name, status, round(asyncio.get_running_loop().time() - 1000.0, 3)))
        if self.statuses.get(uid) != status:
            self._version += 1
            self.statuses[uid], self.versions[uid] = status, self._version
        return {"metadata": {"resourceVersion": str(self.versions[uid])}, "status": status}


def test_what_is_stored_already_is_not_written() -> None:
    async def scenario() -> None:
        store = Store()
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(
                target(), {"phase": "Idle", "tags": ("a",), "n": 1.0}, {"n": 1, "tags": ["a"], "phase": "Idle"}
            )
            assert writer.pending == 0
            writer.submit(target(), {"phase": "Idle"}, None)
            await asyncio.sleep(1)

        await beside(writer.run, drive)
        assert len(store.writes) == 1
        assert (writer.counters.written, writer.counters.suppressed) == (1, 1)

    run_virtual(scenario())


def test_of_several_statuses_within_the_delay_the_last_is_written() -> None:
    async def scenario() -> None:
        store = Store()
        writer = StatusWriter(store.replace, delay=0.2)

        async def drive() -> None:
            for number in range(10):
                writer.submit(target(), {"n": number}, None)
                await asyncio.sleep(0.01)
            await asyncio.sleep(5)

        await beside(writer.run, drive)
        assert store.writes == [("press-07", {"n": 9}, 0.2)]
        assert writer.counters.coalesced == 9

    run_virtual(scenario())


def test_a_status_that_returns_to_what_is_stored_is_taken_back() -> None:
    async def scenario() -> None:
        store = Store()
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"n": 1}, {"n": 0})
            writer.submit(target(), {"n": 0}, {"n": 0})
            await writer.flush()
            await asyncio.sleep(1)

        await beside(writer.run, drive)
        assert store.writes == []
        assert writer.pending == 0

    run_virtual(scenario())


def test_a_cache_that_is_behind_causes_no_second_write() -> None:
    async def scenario() -> None:
        store = Store()
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            stale = {"n": 0}
            writer.submit(target(), {"n": 1}, stale, version="50")
            await writer.flush()
            for _ in range(3):
                writer.submit(target(), {"n": 1}, stale, version="50")
            await writer.flush()
            assert len(store.writes) == 1
            # Another writer changed it, and the cache knows.
            writer.submit(target(), {"n": 1}, {"n": 7}, version="900")
            await writer.flush()

        await beside(writer.run, drive)
        assert [status for _, status, _ in store.writes] == [{"n": 1}, {"n": 1}]

    run_virtual(scenario())


def test_going_back_to_what_a_stale_cache_shows_is_written() -> None:
    async def scenario() -> None:
        store = Store()
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"n": 1}, {"n": 0}, version="50")
            await writer.flush()
            writer.submit(target(), {"n": 0}, {"n": 0}, version="50")
            await writer.flush()

        await beside(writer.run, drive)
        assert store.statuses["uid-press-07"] == {"n": 0}

    run_virtual(scenario())


def test_what_is_submitted_during_a_write_follows_it() -> None:
    async def scenario() -> None:
        store = Store()
        store.seconds = 3.0
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"n": 1}, None)
            await asyncio.sleep(1)
            writer.submit(target(), {"n": 2}, None)
            await asyncio.sleep(0.5)
            writer.submit(target(), {"n": 1}, None)  # equals what is under way
            writer.submit(target(), {"n": 3}, None)
            await writer.flush()

        await beside(writer.run, drive)
        assert [status for _, status, _ in store.writes] == [{"n": 1}, {"n": 3}]

    run_virtual(scenario())


def test_writes_keep_to_the_rate() -> None:
    async def scenario() -> None:
        store = Store()
        writer = StatusWriter(store.replace, rate=50.0, burst=100.0, delay=0.0)

        async def drive() -> None:
            for number in range(600):
                writer.submit(target(f"d{number}"), {"n": 1}, None)
            await writer.flush()

        await beside(writer.run, drive)
        times = [time for _, _, time in store.writes]
        assert sum(time == 0.0 for time in times) == 100
        assert abs(times[-1] - 10.0) < 0.1

    run_virtual(scenario())


def test_an_outage_delays_and_loses_nothing_and_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    async def scenario() -> None:
        store = Store()
        store.failures = [OUTAGE] * 200
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            for number in range(50):
                writer.submit(target(f"d{number}"), {"n": number}, None)
            await asyncio.sleep(3)
            assert writer.pending == 50
            writer.submit(target("d7"), {"n": 700}, None)
            await writer.flush()

        await beside(writer.run, drive)
        assert len(store.statuses) == 50
        assert store.statuses["uid-d7"] == {"n": 700}
        assert writer.counters.retried == 200
        assert writer.pending == 0

    run_virtual(scenario())
    assert ["written again" in record.getMessage() for record in caplog.records] == [False, True]


def test_a_status_repeated_during_an_outage_does_not_hammer_the_api_server() -> None:
    async def scenario() -> None:
        store = Store()
        store.failures = [OUTAGE] * 1000
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            for _ in range(300):
                writer.submit(target(), {"n": 1}, None)
                await asyncio.sleep(0.2)

        await beside(writer.run, drive)
        assert writer.counters.retried < 15

    run_virtual(scenario())


def test_statuses_that_change_during_an_outage_do_not_hammer_the_api_server_either() -> None:
    async def scenario() -> None:
        store = Store()
        store.failures = [OUTAGE] * 1000
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            for number in range(300):
                writer.submit(target(), {"n": number}, None)
                await asyncio.sleep(0.2)
            store.failures = []
            await writer.flush()

        await beside(writer.run, drive)
        assert writer.counters.retried < 15
        assert store.statuses["uid-press-07"] == {"n": 299}

    run_virtual(scenario())


def test_what_is_submitted_during_a_write_that_fails_is_what_is_tried_again() -> None:
    async def scenario() -> None:
        store = Store()
        store.seconds = 1.0
        store.failures = [OUTAGE]
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"n": 1}, None)
            await asyncio.sleep(0.5)
            writer.submit(target(), {"n": 2}, None)
            await writer.flush()

        await beside(writer.run, drive)
        assert [status for _, status, _ in store.writes] == [{"n": 2}]

    run_virtual(scenario())


def test_what_goes_back_during_a_write_is_written_after_it() -> None:
    async def scenario() -> None:
        store = Store()
        store.seconds = 1.0
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"n": 1}, {"n": 0}, version="50")
            await asyncio.sleep(0.5)
            writer.submit(target(), {"n": 0}, {"n": 0}, version="50")
            await writer.flush()

        await beside(writer.run, drive)
        assert [status for _, status, _ in store.writes] == [{"n": 1}, {"n": 0}]

    run_virtual(scenario())


def test_a_write_that_may_have_happened_is_never_taken_for_none() -> None:
    async def scenario() -> None:
        store = Store()
        store.statuses["uid-press-07"] = {"n": 1}  # it was stored, and the answer was lost
        store.versions["uid-press-07"] = 60
        store.failures = [OUTAGE]
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"n": 1}, {"n": 0}, version="50")
            await asyncio.sleep(0.25)
            writer.submit(target(), {"n": 0}, {"n": 0}, version="50")
            await writer.flush()

        await beside(writer.run, drive)
        assert store.statuses["uid-press-07"] == {"n": 0}

    run_virtual(scenario())


def test_an_object_that_is_gone_is_dropped() -> None:
    async def scenario() -> None:
        store = Store()
        store.gone = {"uid-press-07"}
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"n": 1}, None)
            writer.submit(target(uid="uid-of-its-successor"), {"n": 2}, None)
            await writer.flush()

        await beside(writer.run, drive)
        assert [status for _, status, _ in store.writes] == [{"n": 2}]
        assert writer.counters.gone == 1
        assert writer.pending == 0

    run_virtual(scenario())


def test_a_status_that_is_refused_is_given_up_with_the_servers_words(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        store = Store()
        store.failures = [ApiError(422, "Invalid", "status.phase: Unsupported value")]
        writer = StatusWriter(store.replace)

        async def drive() -> None:
            writer.submit(target(), {"phase": "Nonsense"}, None)
            await writer.flush()
            writer.submit(target(), {"phase": "Idle"}, None)
            await writer.flush()

        await beside(writer.run, drive)
        assert [status for _, status, _ in store.writes] == [{"phase": "Idle"}]
        assert writer.counters.refused == 1

    run_virtual(scenario())
    assert "edgedevices.edgefleet.io fleet/press-07" in caplog.text
    assert "status.phase: Unsupported value" in caplog.text


def test_one_objects_failures_do_not_hold_up_another() -> None:
    async def scenario() -> None:
        store = Store()
        slow = asyncio.Event()

        async def replace(kind: Kind, namespace: str, name: str, uid: str, status: Json) -> Json | None:
            if name == "stuck":
                await slow.wait()
            return await store.replace(kind, namespace, name, uid, status)

        writer = StatusWriter(replace, in_flight=2)

        async def drive() -> None:
            writer.submit(target("stuck"), {"n": 1}, None)
            for number in range(20):
                writer.submit(target(f"d{number}"), {"n": 1}, None)
            await asyncio.sleep(1)
            assert len(store.writes) == 20
            slow.set()
            await writer.flush()

        await beside(writer.run, drive)
        assert len(store.writes) == 21

    run_virtual(scenario())


def test_a_flush_does_not_wait_for_what_comes_after_it() -> None:
    async def scenario() -> None:
        store = Store()
        store.seconds = 1.0
        writer = StatusWriter(store.replace)

        async def restless() -> None:
            number = 0
            while True:
                number += 1
                writer.submit(target(), {"n": number}, None)
                await asyncio.sleep(0.1)

        async def drive() -> None:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(restless())
                await asyncio.sleep(0.15)
                async with asyncio.timeout(5):
                    await writer.flush()
                task.cancel()

        await beside(writer.run, drive)
        assert store.writes

    run_virtual(scenario())


def test_it_remembers_its_writes_for_a_minute_only() -> None:
    async def scenario() -> None:
        store = Store()
        writer = StatusWriter(store.replace, rate=1000.0, burst=1000.0)

        async def drive() -> None:
            for number in range(500):
                writer.submit(target(f"d{number}"), {"n": 1}, None)
            await writer.flush()
            await asyncio.sleep(61)
            writer.submit(target(), {"n": 1}, None)
            await writer.flush()
            assert len(writer._written) == 1

        await beside(writer.run, drive)

    run_virtual(scenario())
