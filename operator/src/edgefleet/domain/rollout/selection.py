"""Which of the waiting devices are commanded now: concurrency, budgets, windows. Pure; every other one has a reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edgefleet.domain.rollout.facts import DeviceFacts, RingFacts
from edgefleet.domain.rollout.membership import count_share
from edgefleet.domain.rollout.standing import IN_FLIGHT, Stand


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is commanded, and why the others wait.

    Attributes:
        chosen: devices to command, in order.
        held: reason by device name: WindowClosed, ConcurrencyReached or BudgetSpent.
    """

    chosen: tuple[Stand, ...]
    held: dict[str, str]


def select_devices(ring: RingFacts, stands: Sequence[Stand], waiting: Sequence[Stand], now: float) -> Selection:
    """Chooses among `waiting`.

    Args:
        ring: for its bounds.
        stands: every device of the ring, in the order of their ranks: who holds a slot or uses up a budget.
        waiting: those that could be commanded, in the order in which they are taken.
        now: POSIX seconds.
    """
    slots = len(stands) if ring.max_concurrency is None else count_share(ring.max_concurrency, len(stands))
    slots -= sum(stand.standing in IN_FLIGHT for stand in stands)
    budget = _Budget(ring, stands)
    chosen: list[Stand] = []
    held: dict[str, str] = {}
    for stand in waiting:
        device = stand.device
        if not _is_open(ring, device, now):
            held[device.name] = "WindowClosed"
        elif slots <= 0:
            held[device.name] = "ConcurrencyReached"
        elif not budget.take(device):
            held[device.name] = "BudgetSpent"
        else:
            slots -= 1
            chosen.append(stand)
    return Selection(tuple(chosen), held)


def _is_open(ring: RingFacts, device: DeviceFacts, now: float) -> bool:
    return all(window is None or window.is_open(now) for window in (ring.window, device.window))


class _Budget:
    """How many more devices of each group may be disturbed."""

    def __init__(self, ring: RingFacts, stands: Sequence[Stand]) -> None:
        self._share = ring.budget
        self._label = ring.budget_label
        self._sizes = Counter(self._group(stand.device) for stand in stands)
        self._used = Counter(
            self._group(stand.device)
            for stand in stands
            if stand.standing in IN_FLIGHT or (ring.budget_counts_offline and not stand.device.online)
        )

    def take(self, device: DeviceFacts) -> bool:
        if self._share is None:
            return True
        group = self._group(device)
        if self._used[group] >= count_share(self._share, self._sizes[group]):
            return False
        self._used[group] += 1
        return True

    def _group(self, device: DeviceFacts) -> str | None:
        return device.labels.get(self._label) if self._label else None
