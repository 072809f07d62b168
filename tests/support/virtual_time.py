"""Runs coroutines on an event loop whose clock jumps: sleeps, timeouts and deadlines take no time, and are exact.

async def scenario() -> None:
    await asyncio.sleep(3600)

run_virtual(scenario())
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting, moves the clock to when the loop wants to be woken."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits, and nothing is left that could wake it"
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop without threads and sockets, whose time passes only while everything waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_virtual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it to its end and return what it returns."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


async def beside(run: Callable[[], Awaitable[Any]], scenario: Callable[[], Awaitable[T]]) -> T:
    """Run the scenario while something else runs for ever, which is cancelled at the end."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_awaited(run))
        result = await scenario()
        task.cancel()
    return result


async def _awaited(run: Callable[[], Awaitable[Any]]) -> None:
    await run()
