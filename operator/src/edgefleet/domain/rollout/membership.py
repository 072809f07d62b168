"""Which ring owns which device. Pure; stable: who joins a ring displaces nobody."""

import hashlib
import math
from collections.abc import Iterable

from edgefleet.domain.rollout.facts import DeviceFacts, RingFacts, Share


def rank_device(name: str) -> float:
    """Returns the device's place in every order, from 0 to 1: a hash of its name, the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


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


def assign_owners(rings: Iterable[RingFacts], devices: Iterable[DeviceFacts]) -> dict[str, list[DeviceFacts]]:
    """Returns each ring's devices by ring name, in the order of their ranks.

    The earliest ring that matches a device owns it, in the order of `order_rings`. A ring with a limit keeps the
    devices it has before it takes others.
    """
    free = sorted(devices, key=lambda device: (rank_device(device.name), device.name))
    owned: dict[str, list[DeviceFacts]] = {}
    for ring in order_rings(rings):
        matching = [device for device in free if ring.selector.matches(device.labels)]
        if isinstance(ring.limit, float):
            # A threshold, not a count: whoever joins later changes nothing for the others.
            matching = [device for device in matching if rank_device(device.name) < ring.limit] or matching[:1]
        elif ring.limit is not None:
            kept = [device for device in matching if device.ring == ring.name]
            others = [device for device in matching if device.ring != ring.name]
            taken = {device.name for device in (*kept, *others)[: ring.limit]}
            matching = [device for device in matching if device.name in taken]
        owned[ring.name] = matching
        names = {device.name for device in matching}
        free = [device for device in free if device.name not in names]
    return owned
