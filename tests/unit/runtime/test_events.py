import asyncio
from datetime import UTC, datetime
from typing import Any

from edgefleet.runtime.errors import ApiError
from edgefleet.runtime.events import EventRecorder, Subject
from edgefleet.runtime.kinds import EVENTS, Kind
from support.virtual_time import beside, run_virtual

Json = dict[str, Any]
RING = {
    "apiVersion": "edgefleet.io/v1alpha1",
    "kind": "RolloutRing",
    "metadata": {"namespace": "fleet", "name": "canary", "uid": "1234"},
}


class Events:
    def __init__(self) -> None:
        self.created: list[Json] = []
        self.failures: list[Exception] = []

    async def create(self, kind: Kind, namespace: str, body: Json) -> None:
        assert (kind, namespace) == (EVENTS, "fleet")
        if self.failures:
            raise self.failures.pop()
        self.created.append(body)

    def notes(self) -> list[str]:
        return [event["note"] for event in self.created]


def recorder_of(events: Events, **settings: Any) -> EventRecorder:
    return EventRecorder(events.create, instance="pod-1", now=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC), **settings)


def test_an_event_says_what_happened_to_whom() -> None:
    async def scenario() -> Json:
        events = Events()
        recorder = recorder_of(events)

        async def drive() -> None:
            recorder.record(Subject.of(RING), "Paused", "2 of 5 devices failed", warning=True)
            await asyncio.sleep(1)

        await beside(recorder.run, drive)
        return events.created[0]

    event = run_virtual(scenario())
    assert event["regarding"] == {"apiVersion": "edgefleet.io/v1alpha1", "kind": "RolloutRing", **RING["metadata"]}
    assert (event["type"], event["reason"], event["note"]) == ("Warning", "Paused", "2 of 5 devices failed")
    assert event["eventTime"] == "2026-03-01T12:00:00.000000Z"
    assert event["reportingInstance"] == "pod-1"
    assert event["metadata"]["name"].startswith("canary.")


def test_the_same_is_said_once_in_ten_minutes() -> None:
    async def scenario() -> None:
        events = Events()
        recorder = recorder_of(events)

        async def drive() -> None:
            for _ in range(125):
                recorder.record(Subject.of(RING), "Paused", "waits")
                await asyncio.sleep(10)
            recorder.record(Subject.of(RING), "Paused", "waits longer")
            await asyncio.sleep(1)

        await beside(recorder.run, drive)
        assert events.notes() == ["waits", "waits", "waits", "waits longer"]

    run_virtual(scenario())


def test_a_flood_is_slowed_down_and_the_rest_is_dropped_and_counted() -> None:
    async def scenario() -> None:
        events = Events()
        recorder = recorder_of(events, capacity=100)

        async def drive() -> None:
            for number in range(500):
                recorder.record(Subject.of(RING), "Flood", str(number))
            await asyncio.sleep(3)
            assert len(events.created) < 100
            await asyncio.sleep(60)

        await beside(recorder.run, drive)
        assert events.notes() == [str(number) for number in range(100)]
        assert (recorder.written, recorder.dropped) == (100, 400)
        assert len(recorder._seen) <= 101

    run_virtual(scenario())


def test_an_event_that_is_not_taken_is_dropped_and_the_next_one_written() -> None:
    async def scenario() -> None:
        events = Events()
        events.failures = [ApiError(403, "Forbidden", "namespace is being deleted")]
        recorder = recorder_of(events)

        async def drive() -> None:
            recorder.record(Subject.of(RING), "A", "first")
            recorder.record(Subject.of(RING), "A", "second")
            await asyncio.sleep(1)

        await beside(recorder.run, drive)
        assert events.notes() == ["second"]
        assert recorder.dropped == 1

    run_virtual(scenario())


def test_long_texts_and_names_are_cut_to_what_the_api_takes() -> None:
    async def scenario() -> Json:
        events = Events()
        recorder = recorder_of(events)
        subject = Subject("v1", "ConfigMap", "fleet", f"{'a' * 235}-.{'b' * 16}", "1")

        async def drive() -> None:
            recorder.record(subject, "Long", "ä" * 2000)
            await asyncio.sleep(1)

        await beside(recorder.run, drive)
        return events.created[0]

    event = run_virtual(scenario())
    assert len(event["note"].encode()) <= 1024
    assert len(event["metadata"]["name"]) <= 253
    assert "-." not in event["metadata"]["name"]
