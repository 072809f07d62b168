"""The demo on a terminal: a picture that moves, or a line for each change. Must not do anything but show."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edgefleet_demo.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from rich.console import RenderableType

    from edgefleet_demo.snapshots import Device, Ring, Version
    from edgefleet_demo.steps import Phase

_CELLS: Final = 48
_REPEAT_SECONDS: Final = 10.0
_STYLES: Final = {"UpToDate": "green", "Commanded": "yellow", "Held": "cyan", "Failed": "red", "Rejected": "red"}


class View(Protocol):
    """Shows how a chapter goes."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Leave the last picture."""
        ...

    def say(self, line: str, /) -> None:
        """Show a line of progress."""
        ...

    def show(self, snapshot: Snapshot, /) -> None:
        """Show the fleet."""
        ...

    def begin(self, number: int, total: int, name: str, shows: str, /) -> None:
        """A step begins."""
        ...

    def wait(self, lacking: str, /) -> None:
        """It waits for something."""
        ...

    def finish(self, phase: Phase, /) -> None:
        """It is over."""
        ...


def choose(console: Console | None = None) -> View:
    """Return the view that fits what stdout is."""
    console = console or Console(highlight=False)
    plain = not console.is_terminal or bool(os.environ.get("NO_COLOR"))
    return PlainView(console) if plain else LiveView(console)


class PlainView:
    """A line for each change: for files, pipes and NO_COLOR."""

    def __init__(self, console: Console) -> None:
        """Write to ``console``."""
        self._console = console
        self._shown, self._waiting, self._said = "", "", 0.0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to clean up."""

    def say(self, line: str, /) -> None:
        """Print it."""
        self._print(f"    {line}")

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)
        self._console.file.flush()

    def show(self, snapshot: Snapshot, /) -> None:
        """Print what has changed since the last time, if anything has."""
        text = summarize(snapshot)
        if text and text != self._shown:
            self._shown = text
            self.say(text)

    def begin(self, number: int, total: int, name: str, shows: str, /) -> None:
        """Print the step's name."""
        self._waiting = ""
        self._print(f"==> [{number}/{total}] {name}: {shows}")

    def wait(self, lacking: str, /) -> None:
        """Print what is waited for when that changes, and now and then."""
        now = time.monotonic()
        if now - self._said >= _REPEAT_SECONDS or (lacking != self._waiting and now - self._said >= 1):
            self._waiting, self._said = lacking, now
            self.say(f"waiting: {lacking}")

    def finish(self, phase: Phase, /) -> None:
        """Print how long it took."""
        what = "already so" if phase.skipped else "done"
        self._print(f"<== {phase.step}: {what} after {phase.seconds:.1f} s")


class LiveView:
    """A picture of the fleet that moves, below the lines of what was done."""

    def __init__(self, console: Console) -> None:
        """Draw on ``console``."""
        self._console = console
        self._snapshot = Snapshot()
        self._title, self._lacking, self._began = "", "", time.monotonic()
        # Last: it draws at once.
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=5, transient=False)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture."""
        self._title = ""
        self._live.__exit__(kind, error, trace)

    def say(self, line: str, /) -> None:
        """Print it above the picture."""
        self._console.print(Text(f"    {line}", style="dim"))

    def show(self, snapshot: Snapshot, /) -> None:
        """Draw the fleet from now on."""
        self._snapshot = snapshot

    def begin(self, number: int, total: int, name: str, shows: str, /) -> None:
        """Draw the step's name from now on."""
        self._title, self._lacking = f"[{number}/{total}] {name}: {shows}", ""
        self._began = time.monotonic()

    def wait(self, lacking: str, /) -> None:
        """Draw what is waited for."""
        self._lacking = lacking

    def finish(self, phase: Phase, /) -> None:
        """Print how long it took."""
        mark, style = ("=", "dim") if phase.skipped else ("✓", "green")
        shown = self._title + (" (already so)" if phase.skipped else "")
        self._console.print(Text(f"{mark} {shown}  {phase.seconds:.1f} s", style=style))
        self._title, self._lacking = "", ""

    def _render(self) -> RenderableType:
        head = Text()
        if self._title:
            head.append(f"{self._title}  ", style="bold")
            head.append(f"{time.monotonic() - self._began:.0f} s", style="bold cyan")
        if self._lacking:
            head.append(f"\n  {self._lacking}", style="yellow")
        return Group(head, draw(self._snapshot))


def draw(snapshot: Snapshot) -> RenderableType:
    """Return the picture of a fleet; nothing of what is not there."""
    parts: list[RenderableType] = []
    if snapshot.syncs:
        parts.append(_draw_syncs(snapshot))
    if snapshot.versions:
        parts.append(_draw_versions(snapshot.versions))
    if snapshot.rings:
        parts.append(_draw_rings(snapshot.rings))
    if snapshot.devices:
        parts.append(_draw_devices(snapshot.devices))
    return Group(*parts)


def _draw_syncs(snapshot: Snapshot) -> Text:
    text = Text("Flux   ")
    for sync in snapshot.syncs:
        style = "green" if sync.ready.holds else "red" if sync.ready.status == "False" else "yellow"
        text.append(f"{sync.name} {sync.revision[:7] or '-'}  ", style=style)
    return text


def _draw_versions(versions: Sequence[Version]) -> Text:
    text = Text("Models ")
    for version in versions:
        fault = version.stalled.reason if version.stalled.holds else ""
        state = fault or ("verified" if version.verified.holds else version.ready.reason or "new")
        style = "red" if fault else "green" if version.verified.holds else "yellow"
        text.append(f"{version.version} {state}{', going' if version.going else ''}  ", style=style)
    return text


def _draw_rings(rings: Sequence[Ring]) -> Table:
    table = Table("ring", "target", "step", "updated", "failed", "waiting for", box=None, pad_edge=False)
    for ring in rings:
        table.add_row(
            ring.name,
            ring.target or "-",
            Text(ring.step or "-", style="green" if ring.at_rest else "yellow"),
            f"{_bar(ring.updated, ring.total)} {ring.updated}/{ring.total}",
            Text(str(ring.failed), style="red" if ring.failed else ""),
            ring.waiting_for,
        )
    return table


def _bar(part: int, whole: int, width: int = 12) -> str:
    filled = width * part // whole if whole else 0
    return "█" * filled + "░" * (width - filled)


def _draw_devices(devices: Sequence[Device]) -> RenderableType:
    cells = Columns([_draw_device(device) for device in devices[:_CELLS]], padding=(0, 3))
    if rest := devices[_CELLS:]:
        phases = Counter(device.phase or "new" for device in rest)
        more = ", ".join(f"{count} {phase}" for phase, count in phases.most_common())
        return Group(cells, Text(f"and {len(rest)} more: {more}"))
    return cells


def _draw_device(device: Device) -> Text:
    text = Text("● " if device.online else "○ ", style="green" if device.online else "dim")
    text.append(f"{device.name} ", style="default")
    text.append(f"{device.reported or '-':6} ", style="bold")
    text.append(device.phase or "new", style=_STYLES.get(device.phase, "dim"))
    return text


def summarize(snapshot: Snapshot) -> str:
    """Return a fleet in a line; empty where there is none."""
    parts = [
        f"{ring.name.rpartition('-')[2]} {ring.step or '-'} {ring.updated}/{ring.total}"
        + (f" of {ring.target}" if ring.target else "")
        for ring in snapshot.rings
    ]
    if snapshot.devices:
        running = Counter(device.reported or "no model" for device in snapshot.devices)
        online = sum(device.online for device in snapshot.devices)
        shares = ", ".join(f"{count} on {version}" for version, count in sorted(running.items()))
        parts.append(f"devices: {online} online, {shares}")
    parts += [f"{version.name} {version.stalled.reason}" for version in snapshot.versions if version.stalled.holds]
    return "; ".join(parts)
