"""A chapter's steps as data, and what runs them: look first, do what is missing, wait, and say what did not happen."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from edgefleet_demo.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

POLL_SECONDS: Final = 0.2
S = TypeVar("S")


@dataclass(frozen=True)
class Step(Generic[S]):
    """Something that a chapter shows."""

    name: str
    """For STOP_AFTER, and in the table at the end."""
    shows: str
    """What there is to see, in a line."""
    do: Callable[[S], None]
    """Brings it about, as far as it is not; may be called again after any interruption."""
    lacking: Callable[[S], str]
    """What has not happened yet; empty when nothing is missing."""
    seconds: float
    """How long to wait for that."""
    look: str
    """Where to look when it did not happen."""
    once: bool = False
    """Whether later steps undo it: what was finished in an earlier run is not done again then."""


@dataclass(frozen=True)
class Phase:
    """A step of this run."""

    step: str
    seconds: float
    skipped: bool
    """Whether there was nothing to do."""


class Audience(Protocol):
    """Who is told how it goes."""

    def begin(self, number: int, total: int, name: str, shows: str, /) -> None:
        """A step begins."""
        ...

    def wait(self, lacking: str, /) -> None:
        """It waits for something."""
        ...

    def finish(self, phase: Phase, /) -> None:
        """It is over."""
        ...


class Ledger:
    """Which steps were finished in earlier runs."""

    def __init__(self, file: Path) -> None:
        """Read it; a file that is missing is an empty one."""
        self._file = file
        try:
            self.finished: list[str] = json.loads(file.read_text())
        except OSError:
            self.finished = []

    def add(self, name: str) -> None:
        """Write down that a step is finished."""
        if name not in self.finished:
            self.finished.append(name)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_name(f".{self._file.name}")
            partial.write_text(json.dumps(self.finished))
            partial.rename(self._file)


def run(
    steps: Sequence[Step[S]],
    stage: S,
    audience: Audience,
    ledger: Callable[[], Ledger],
    *,
    stop_after: str = "",
) -> list[Phase]:
    """Run a chapter and return its phases.

    Args:
        steps: The steps in their order.
        stage: What they work on.
        audience: Who is told how it goes.
        ledger: Which steps were finished before; asked anew for each step, as the first ones may find another cluster.
        stop_after: The name of the last step to run; empty for all.

    Raises:
        DemoError: There is no step of that name, or one did not come about in its time.
    """
    names = [step.name for step in steps]
    if stop_after and stop_after not in names:
        raise DemoError(f"STOP_AFTER is {stop_after!r}, which is no step; there are: {', '.join(names)}")
    phases: list[Phase] = []
    for number, step in enumerate(steps, 1):
        audience.begin(number, len(steps), step.name, step.shows)
        began = time.monotonic()
        skipped = (step.once and step.name in ledger().finished) or not step.lacking(stage)
        if not skipped:
            step.do(stage)
            _await(step, stage, audience)
        if step.once:
            ledger().add(step.name)
        phases.append(Phase(step.name, time.monotonic() - began, skipped))
        audience.finish(phases[-1])
        if step.name == stop_after:
            break
    return phases


def _await(step: Step[S], stage: S, audience: Audience) -> None:
    end = time.monotonic() + step.seconds
    while lacking := step.lacking(stage):
        if time.monotonic() > end:
            raise DemoError(f"{step.name}: after {step.seconds:.0f} s {lacking}; look at: {step.look}")
        audience.wait(lacking)
        time.sleep(POLL_SECONDS)
