"""Which ring owns which device. Pure; the order of rings and devices is irrelevant; who joins displaces nobody."""

import hashlib
import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from edgefleet.domain.rollout.facts import DeviceFacts, RingFacts, Share
from edgefleet.domain.rollout.transitions import OPEN_STEPS

_RANKS_REMEMBERED: Final = 1 << 18


@lru_cache(maxsize=_RANKS_REMEMBERED)
def rank_device(name: str) -> int:
    """Returns the device's place in every order, 64 bits: a hash of its name, the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])


def count_share(share: Share, total: int) -> int:
    """Returns how many of `total` devices a share is; a fraction is rounded up, so that it is at least one."""
    if isinstance(share, int):
        return min(share, total)
    return min(math.ceil(share * total - 1e-9), total)


def order_rings(rings: Iterable[RingFacts]) -> list[RingFacts]:
    """Returns the rings so that each follows those it is `after`; a cycle is cut at its alphabetically first ring."""
    left = {ring.name: ring for ring in sorted(rings, key=lambda ring: ring.name)}
    ordered: list[RingFacts] = []
    while left:
        free = [ring for ring in left.values() if not any(name in left for name in ring.after)]
        ordered.extend(left.pop(ring.name) for ring in free or [next(iter(left.values()))])
    return ordered


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns what.

    Attributes:
        members: each ring's devices by ring name.
        disputed: devices that unrelated rings match and none owned before: nobody's; (device, rings).
        overlaps: by ring, the unrelated rings that match devices of its own.
        unassigned: devices that no ring matches, or whose rings are full.
    """

    members: Mapping[str, list[DeviceFacts]]
    disputed: tuple[tuple[DeviceFacts, tuple[str, ...]], ...]
    overlaps: Mapping[str, tuple[str, ...]]
    unassigned: tuple[DeviceFacts, ...]


@dataclass(slots=True)
class _Group:
    """Devices whose labels look alike to every selector, and that the same ring had last."""

    rings: tuple[str, ...]
    """That match, in order."""
    owner: str
    """That had them last; empty for none."""
    devices: list[DeviceFacts]
    takers: tuple[str, ...] = ()
    """Those of the rings that may take what has no owner yet."""
    rivals: tuple[str, ...] = ()
    """Those that are not related to another one that matches too."""
    left: list[DeviceFacts] = field(default_factory=list[DeviceFacts])
    """Owned by no ring yet."""


def assign_owners(rings: Sequence[RingFacts], devices: Iterable[DeviceFacts]) -> Ownership:
    """Returns which ring owns which device.

    Within a chain the earliest ring that matches a device owns it; a ring whose round is open keeps what it has; a
    ring with a limit keeps the devices it has before it takes others. Rings are related when one comes, however far,
    after the other; a device that unrelated rings match stays with the one that had it, or is nobody's, unless a ring
    that comes before all of them takes it.
    """
    ordered = order_rings(rings)
    before = _find_predecessors(ordered)
    groups = _group_devices(ordered, devices, before)
    open_rings = {ring.name for ring in ordered if ring.state.step in OPEN_STEPS and ring.state.target is not None}
    members: dict[str, list[DeviceFacts]] = {ring.name: [] for ring in ordered}
    overlaps: dict[str, set[str]] = defaultdict(set)
    for group in groups:
        _keep(group, open_rings, members)
        for name in group.rivals:
            overlaps[name].update(other for other in group.rivals if not _are_related(name, other, before))
    for ring in ordered:
        _take(ring, [group for group in groups if ring.name in group.rings], members[ring.name])
    return Ownership(
        members=members,
        disputed=tuple((device, group.rivals) for group in groups if group.rivals for device in group.left),
        overlaps={name: tuple(sorted(others)) for name, others in overlaps.items()},
        unassigned=tuple(device for group in groups if not group.rivals for device in group.left),
    )


def find_owner(device: DeviceFacts) -> str:
    """Returns the ring that had the device last, as recorded or as its last command says; empty for none."""
    return device.ring or (device.command.ring if device.command is not None else None) or ""


def _group_devices(
    rings: Sequence[RingFacts], devices: Iterable[DeviceFacts], before: Mapping[str, set[str]]
) -> list[_Group]:
    """Returns the devices by what selectors can see of them: each selector is asked once a group."""
    keys = sorted({requirement.key for ring in rings for requirement in ring.selector.requirements})
    found: dict[tuple[str | None, ...], list[DeviceFacts]] = defaultdict(list)
    for device in devices:
        find = device.labels.get
        found[(device.ring or find_owner(device), *[find(key) for key in keys])].append(device)
    groups: list[_Group] = []
    for (owner, *values), alike in found.items():
        labels = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        matching = tuple(ring.name for ring in rings if ring.selector.matches(labels))
        rivals = tuple(name for name in matching if any(not _are_related(name, other, before) for other in matching))
        takers = tuple(name for name in matching if name not in rivals and all(name in before[each] for each in rivals))
        groups.append(_Group(matching, owner or "", alike, takers, rivals))
    return groups


def _find_predecessors(ordered: Sequence[RingFacts]) -> dict[str, set[str]]:
    """Returns every ring that comes before a ring, directly or not."""
    before: dict[str, set[str]] = {}
    for ring in ordered:
        direct = [name for name in ring.after if name in before]
        before[ring.name] = set(direct).union(*(before[name] for name in direct))
    return before


def _are_related(one: str, other: str, before: Mapping[str, set[str]]) -> bool:
    return one == other or one in before[other] or other in before[one]


def _keep(group: _Group, open_rings: Collection[str], members: dict[str, list[DeviceFacts]]) -> None:
    """Gives a ring with an open round, or a rival, the devices it has; leaves others in the group."""
    if group.owner in group.rings and (group.owner in open_rings or group.owner in group.rivals):
        members[group.owner].extend(group.devices)
    else:
        group.left = group.devices


def _take(ring: RingFacts, groups: Sequence[_Group], kept: list[DeviceFacts]) -> None:
    """Adds to `kept` what the ring takes of what is left in its groups."""
    offers = [group for group in groups if ring.name in group.takers]
    total = sum(len(group.devices) for group in groups)
    wanted = total if ring.limit is None else count_share(ring.limit, total) - len(kept)
    own = [group for group in offers if group.owner == ring.name]
    owned = sum(len(group.left) for group in own)
    if ring.limit is None or owned == wanted:
        for group in offers if ring.limit is None else own:
            kept.extend(group.left)
            group.left = []
        return
    everyone = [device for group in groups for device in group.devices]
    # What it has comes before what it could have.
    for pool in (own, [group for group in offers if group.owner != ring.name]):
        free = [device for group in pool for device in group.left]
        taken = _spread(ring, max(0, min(wanted, len(free))), everyone, kept, free)
        wanted -= len(taken)
        kept.extend(taken)
        names = {device.name for device in taken}
        for group in pool:
            group.left = [device for device in group.left if device.name not in names]


def _spread(
    ring: RingFacts, number: int, everyone: Sequence[DeviceFacts], has: Sequence[DeviceFacts], pool: list[DeviceFacts]
) -> list[DeviceFacts]:
    """Returns `number` devices of `pool`, so that every stratum comes closest to its share; in a stratum by rank.

    One after the other goes to the stratum that lacks most. The choice does not depend on which part of it was made
    before, so a crash halfway ends in the same ring.
    """

    def stratum(device: DeviceFacts) -> tuple[str | None, ...]:
        return tuple([device.labels.get(key) for key in ring.stratify_by])

    sizes: dict[tuple[str | None, ...], int] = defaultdict(int)
    for device in everyone:
        sizes[stratum(device)] += 1
    total, size = len(has) + number, len(everyone)
    taken: dict[tuple[str | None, ...], int] = defaultdict(int)
    for device in has:
        taken[stratum(device)] += 1
    waiting: dict[tuple[str | None, ...], list[DeviceFacts]] = defaultdict(list)
    for device in sorted(pool, key=_rank, reverse=True):
        waiting[stratum(device)].append(device)
    # The largest lack first; among equals the lowest rank, which is as good as chance and always the same.
    heap = [(taken[key] * size - total * sizes[key], *_rank(queue[-1]), key) for key, queue in waiting.items()]
    heapq.heapify(heap)
    chosen: list[DeviceFacts] = []
    while heap and len(chosen) < number:
        lack, _, _, key = heapq.heappop(heap)
        queue = waiting[key]
        chosen.append(queue.pop())
        if queue:
            heapq.heappush(heap, (lack + size, *_rank(queue[-1]), key))
    return chosen


def _rank(device: DeviceFacts) -> tuple[int, str]:
    return rank_device(device.name), device.name
