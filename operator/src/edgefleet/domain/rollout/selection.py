"""Which waiting devices are commanded now: windows, concurrency, budgets, rates. Pure; the rest have a reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from edgefleet.domain.rollout.bucket import Bucket, next_token_at, refill
from edgefleet.domain.rollout.facts import DeviceFacts, RingFacts
from edgefleet.domain.rollout.membership import count_share, rank_device
from edgefleet.domain.rollout.standing import Stand, Standing
from edgefleet.domain.rollout.windows import Window

WINDOW_CLOSED: Final = "WindowClosed"
CONCURRENCY_REACHED: Final = "ConcurrencyReached"
BUDGET_SPENT: Final = "BudgetSpent"
RATE_REACHED: Final = "RateReached"


@dataclass(slots=True)
class Meter:
    """Counts the commands of one pass against every rate; what is left goes to the next pass.

    Attributes:
        now: POSIX seconds.
        rates: commands a minute by bucket, the namespace's under the empty name; a bucket without one is unbounded.
        buckets: refilled.
        next_at: when a bucket that ran dry holds a command again.
    """

    now: float
    rates: dict[str, int]
    buckets: dict[str, Bucket]
    next_at: float | None = None

    @classmethod
    def open(cls, rates: dict[str, int], last: Mapping[str, Bucket], now: float) -> "Meter":
        """Refills what the last pass left."""
        return cls(now, rates, {name: refill(last.get(name), rate, now) for name, rate in rates.items()})

    def draw(self, ring: str | None) -> bool:
        """Takes one command from the namespace's bucket and the ring's, or says that there is none."""
        names = [name for name in ("", ring) if name is not None and name in self.rates]
        dry = [name for name in names if self.buckets[name].tokens < 1.0]
        for name in dry:
            at = next_token_at(self.buckets[name], self.rates[name])
            self.next_at = at if self.next_at is None else min(self.next_at, at)
        if dry:
            return False
        for name in names:
            self.buckets[name] = replace(self.buckets[name], tokens=self.buckets[name].tokens - 1.0)
        return True


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is commanded, and why the others wait.

    Attributes:
        chosen: places of the devices to command in the ring's list, in order.
        held: reason by place.
        recheck_at: when a window opens or closes.
    """

    chosen: tuple[int, ...] = ()
    held: dict[int, str] = field(default_factory=dict[int, str])
    recheck_at: float | None = None


def select_devices(  # noqa: PLR0913 - a ring, its devices, and what bounds them
    ring: RingFacts,
    devices: Sequence[DeviceFacts],
    stands: Sequence[Stand],
    meter: Meter,
    *,
    salt: str,
    hurried: bool,
) -> Selection:
    """Chooses among the devices that stand Held.

    Args:
        ring: for its bounds.
        devices: of the ring.
        stands: theirs, in the same order.
        meter: the rates.
        salt: of the order: another one in each round, so that it is not always the same devices that go first.
        hurried: going back does not wait for the ring's window.
    """
    waiting = [place for place, stand in enumerate(stands) if stand.standing is Standing.HELD]
    if not waiting:
        return Selection()
    windows = _Windows(None if hurried else ring.window, meter.now)
    mask = rank_device(salt)
    order = {place: rank_device(devices[place].name) ^ mask for place in waiting}
    waiting.sort(key=order.__getitem__)
    slots = len(devices) if ring.max_concurrency is None else count_share(ring.max_concurrency, len(devices))
    slots -= sum([stand.holds_slot for stand in stands])
    budget = _Budget(ring, devices, stands) if ring.budget is not None else None
    chosen: list[int] = []
    held: dict[int, str] = {}
    for place in waiting:
        # A device that is being changed anyway has its slot already.
        busy = stands[place].holds_slot
        if not windows.are_open(devices[place]):
            held[place] = WINDOW_CLOSED
        elif not busy and slots <= 0:
            held[place] = CONCURRENCY_REACHED
        elif not busy and budget is not None and not budget.has_room(place):
            held[place] = BUDGET_SPENT
        elif not meter.draw(ring.name):
            held[place] = RATE_REACHED
        else:
            chosen.append(place)
            slots -= not busy
            if budget is not None and not busy:
                budget.take(place)
    return Selection(tuple(chosen), held, windows.changes_at)


class _Windows:
    """The ring's window and those of its devices; each is looked up once a pass."""

    def __init__(self, window: Window | None, now: float) -> None:
        self._now = now
        self._known: dict[Window, bool] = {}
        self.changes_at: float | None = None
        self._ring_open = window is None or self._is_open(window)

    def are_open(self, device: DeviceFacts) -> bool:
        return self._ring_open and (device.window is None or self._is_open(device.window))

    def _is_open(self, window: Window) -> bool:
        known = self._known.get(window)
        if known is None:
            known = self._known[window] = window.is_open(self._now)
            at = window.next_change(self._now)
            if at is not None and (self.changes_at is None or at < self.changes_at):
                self.changes_at = at
        return known


class _Budget:
    """How many more devices of each group may be disturbed."""

    def __init__(self, ring: RingFacts, devices: Sequence[DeviceFacts], stands: Sequence[Stand]) -> None:
        label, counts_offline = ring.budget_label, ring.budget_counts_offline
        self._groups = [device.labels.get(label) if label else None for device in devices]
        used = Counter(
            group
            for group, device, stand in zip(self._groups, devices, stands, strict=True)
            if stand.holds_slot or (counts_offline and not device.online)
        )
        share = ring.budget if ring.budget is not None else len(devices)
        self._room = {group: count_share(share, size) - used[group] for group, size in Counter(self._groups).items()}

    def has_room(self, place: int) -> bool:
        return self._room[self._groups[place]] > 0

    def take(self, place: int) -> None:
        self._room[self._groups[place]] -= 1
