import asyncio
import itertools
import logging

import pytest

from edgefleet.runtime.backoff import Backoff
from edgefleet.runtime.work_queue import WorkQueue
from support.virtual_time import beside, run_virtual


class Recorder:
    """Notes when passes begin, and how many run at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.began: list[tuple[str, float]] = []
        self.seconds = seconds
        self.running: list[str] = []
        self.most = 0
        self.start = asyncio.get_running_loop().time()

    async def __call__(self, key: str) -> None:
        assert key not in self.running
        self.began.append((key, round(asyncio.get_running_loop().time() - self.start, 3)))
        self.running.append(key)
        self.most = max(self.most, len(self.running))
        await asyncio.sleep(self.seconds)
        self.running.remove(key)

    def times(self, key: str = "a") -> list[float]:
        return [time for each, time in self.began if each == key]


def test_the_first_pass_begins_at_once_and_the_rest_of_an_interval_is_one_pass() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        queue = WorkQueue("test", recorder, interval=1.0)

        async def drive() -> None:
            for _ in range(50):
                queue.add("a")
                await asyncio.sleep(0.01)
            await asyncio.sleep(10)

        await beside(queue.run, drive)
        assert recorder.times() == [0.0, 1.0]

    run_virtual(scenario())


def test_a_key_that_never_rests_is_looked_at_once_an_interval() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        queue = WorkQueue("test", recorder, interval=2.0)

        async def drive() -> None:
            for _ in range(90):
                queue.add("a")
                await asyncio.sleep(0.1)

        await beside(queue.run, drive)
        assert recorder.times() == [0.0, 2.0, 4.0, 6.0, 8.0]

    run_virtual(scenario())


def test_what_is_added_during_a_pass_is_looked_at_after_it_and_never_at_the_same_time() -> None:
    async def scenario() -> None:
        recorder = Recorder(seconds=3.0)
        queue = WorkQueue("test", recorder, interval=1.0)

        async def drive() -> None:
            queue.add("a")
            await asyncio.sleep(0.5)
            queue.add("a")
            queue.add("a")
            await asyncio.sleep(20)

        await beside(queue.run, drive)
        assert recorder.times() == [0.0, 3.0]

    run_virtual(scenario())


def test_the_earliest_of_several_times_counts() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        queue = WorkQueue("test", recorder)

        async def drive() -> None:
            queue.add_after("a", 60.0)
            queue.add_after("a", 20.0)
            queue.add_after("a", 40.0)
            await asyncio.sleep(100)

        await beside(queue.run, drive)
        assert recorder.times() == [20.0]

    run_virtual(scenario())


def test_passes_of_different_keys_run_together_up_to_the_limit() -> None:
    async def scenario() -> None:
        recorder = Recorder(seconds=1.0)
        queue = WorkQueue("test", recorder, concurrency=3)

        async def drive() -> None:
            for key in "abcdefgh":
                queue.add(key)
            assert len(queue) == 8
            await asyncio.sleep(10)
            assert len(queue) == 0

        await beside(queue.run, drive)
        assert recorder.most == 3
        assert [time for _, time in recorder.began] == [0, 0, 0, 1, 1, 1, 2, 2]

    run_virtual(scenario())


def test_a_failing_key_is_retried_with_capped_backoff_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    async def scenario() -> list[float]:
        began: list[float] = []

        async def fail(key: str) -> None:
            began.append(asyncio.get_running_loop().time())
            raise OSError(f"{key} is out of reach")

        queue = WorkQueue("rings", fail, interval=0.0, retry=Backoff(1.0, 8.0))

        async def drive() -> None:
            queue.add("line-3")
            await asyncio.sleep(100)

        await beside(queue.run, drive)
        return [later - earlier for earlier, later in itertools.pairwise(began)]

    pauses = run_virtual(scenario())
    assert 0.6 < pauses[0] < 1.4
    assert all(4.0 <= pause <= 8.0 for pause in pauses[4:])
    assert len(pauses) > 12
    assert len(caplog.records) == 1
    assert "rings: line-3: failed, will be retried: OSError: line-3 is out of reach" in caplog.text


def test_another_failure_is_logged_again_and_success_starts_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    async def scenario() -> None:
        outcomes = iter(["first", "first", "second", "", "second"])

        async def work(_key: str) -> None:
            if text := next(outcomes, ""):
                raise ValueError(text)
            queue.add("a")  # the key is never forgotten in between

        queue = WorkQueue("test", work)

        async def drive() -> None:
            queue.add("a")
            await asyncio.sleep(30)

        await beside(queue.run, drive)

    run_virtual(scenario())
    assert [record.getMessage().rsplit(" ", 1)[1] for record in caplog.records] == ["first", "second", "second"]


def test_one_failing_key_does_not_hold_up_another() -> None:
    async def scenario() -> None:
        done: list[str] = []

        async def work(key: str) -> None:
            if key == "bad":
                raise ValueError(key)
            done.append(key)

        queue = WorkQueue("test", work, concurrency=1)

        async def drive() -> None:
            queue.add("bad")
            for number in range(5):
                queue.add(f"good-{number}")
            await asyncio.sleep(0.1)
            assert len(done) == 5

        await beside(queue.run, drive)

    run_virtual(scenario())


def test_the_age_of_the_oldest_pass_tells_a_stuck_queue() -> None:
    async def scenario() -> None:
        async def hang(_key: str) -> None:
            await asyncio.Event().wait()

        queue = WorkQueue("test", hang, concurrency=1)

        async def drive() -> None:
            queue.add_after("later", 1000.0)
            assert queue.oldest_pending() == 0.0
            queue.add("a")
            await asyncio.sleep(30)
            queue.add("b")
            await asyncio.sleep(30)
            assert queue.oldest_pending() == 60.0

        await beside(queue.run, drive)

    run_virtual(scenario())


def test_keys_are_forgotten_when_their_interval_is_over() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        queue = WorkQueue("test", recorder)

        async def drive() -> None:
            for number in range(1000):
                queue.add(f"key-{number}")
            await asyncio.sleep(5)
            assert len(recorder.began) == 1000
            assert not queue._entries
            assert not queue._heap

        await beside(queue.run, drive)

    run_virtual(scenario())


def test_times_asked_for_again_and_again_do_not_pile_up() -> None:
    async def scenario() -> None:
        queue = WorkQueue("test", Recorder())
        for seconds in range(10_000, 0, -1):
            queue.add_after("a", seconds)
        assert len(queue._heap) < 300

    run_virtual(scenario())


def test_cancelling_it_cancels_what_runs() -> None:
    async def scenario() -> None:
        ended: list[str] = []

        async def hang(key: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(key)

        queue = WorkQueue("test", hang)

        async def drive() -> None:
            queue.add("a")
            queue.add("b")
            await asyncio.sleep(1)

        await beside(queue.run, drive)
        assert sorted(ended) == ["a", "b"]

    run_virtual(scenario())
