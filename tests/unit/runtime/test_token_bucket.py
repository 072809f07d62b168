import asyncio

from edgefleet.runtime.backoff import Backoff
from edgefleet.runtime.token_bucket import TokenBucket
from support.virtual_time import run_virtual


def test_a_burst_then_the_rate_then_a_burst_again() -> None:
    async def scenario() -> list[float]:
        bucket = TokenBucket(10.0, 3.0)
        loop = asyncio.get_running_loop()
        start = loop.time()
        times: list[float] = []
        for pause in (0, 0, 0, 0, 0, 60, 0, 0, 0):
            await asyncio.sleep(pause)
            await bucket.take()
            times.append(round(loop.time() - start, 3))
        return times

    assert run_virtual(scenario()) == [0, 0, 0, 0.1, 0.2, 60.2, 60.2, 60.2, 60.3]


def test_many_who_wait_share_the_rate_in_their_order() -> None:
    async def scenario() -> list[int]:
        bucket = TokenBucket(100.0, 1.0)
        order: list[int] = []

        async def take(number: int) -> None:
            await bucket.take()
            order.append(number)

        start = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for number in range(101):
                group.create_task(take(number))
        assert round(asyncio.get_running_loop().time() - start, 3) == 1.0
        return order

    assert run_virtual(scenario()) == list(range(101))


def test_backoff_grows_to_its_cap_and_no_two_are_equal() -> None:
    backoff = Backoff(1.0, 60.0)
    assert all(0.66 <= backoff.seconds(1) <= 1.34 for _ in range(100))
    assert all(30.0 <= backoff.seconds(1000) <= 60.0 for _ in range(100))
    assert len({backoff.seconds(5) for _ in range(100)}) > 90
