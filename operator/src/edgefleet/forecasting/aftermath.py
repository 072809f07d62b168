"""A folder as if it had been rolled out: what another revision of it is planned against where no cluster can be asked.

Pure. The earlier revision is rehearsed from nothing to rest, with devices that do what they are told; what they and
the rings remember then is what the later one starts from.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from edgefleet.domain.rollout.facts import FleetFacts
from edgefleet.domain.rollout.planner import plan
from edgefleet.forecasting.coarsening import coarsen
from edgefleet.forecasting.loading import Assumption, Loaded, Loading, load_fleet
from edgefleet.forecasting.pace import Pace
from edgefleet.forecasting.rehearsal import rehearse
from edgefleet.manifests.folder import Reading
from edgefleet.manifests.objects import as_mapping
from edgefleet.runtime.ports import Object

_EARLIER: Final = 365 * 86_400.0
"""Seconds before now at which the earlier revision begins: whatever it takes is over by then."""
_GUESSES: Final = ("NeverConnected", "NotVerifiedYet")


def load_after(  # noqa: PLR0913 - two revisions and how to read them
    reading: Reading, before: Reading, *, name: str, now: float, namespace: str = "", rate_per_minute: int | None = None
) -> Loading:
    """Returns what a folder declares, over what an earlier revision of it has led to.

    Args:
        reading: the folder.
        before: the earlier revision.
        name: its name, for people.
        now: POSIX seconds.
        namespace: of objects that name none.
        rate_per_minute: see `load_fleet`.

    Raises:
        RefusedError: the lint has errors in one of them, or the change is forbidden.
    """
    earlier = load_fleet(before, now=now, namespace=namespace)
    live = list(_as_live(before, namespace))
    later = load_fleet(reading, live, now=now, namespace=namespace, prune=True, rate_per_minute=rate_per_minute)
    loaded = {key: _lay_state(each, earlier.namespaces.get(key), name, now) for key, each in later.namespaces.items()}
    return replace(later, namespaces=loaded, against="revision")


def _as_live(before: Reading, namespace: str) -> Iterator[Object]:
    for manifest in before.manifests:
        metadata: dict[str, Any] = as_mapping(manifest.value.get("metadata"))
        yield manifest.value | {"metadata": metadata | {"namespace": metadata.get("namespace") or namespace}}


def _lay_state(later: Loaded, earlier: Loaded | None, name: str, now: float) -> Loaded:
    if earlier is None:
        return later
    ended = _roll_out(earlier.facts, now - _EARLIER)
    rings = {ring.name: ring.state for ring in ended.rings}
    devices = {device.name: device for device in ended.devices}
    facts = replace(
        later.facts,
        rings=tuple(replace(ring, state=rings.get(ring.name, ring.state)) for ring in later.facts.rings),
        devices=tuple(
            replace(each, ring=past.ring, command=past.command, report=past.report, last_good=past.last_good)
            if (past := devices.get(each.name)) is not None
            else each
            for each in later.facts.devices
        ),
    )
    known = {*devices, *(f"{version.model}-{version.version}" for version in earlier.facts.versions)}
    return replace(later, facts=facts, assumptions=tuple(_review(later, known, name)))


def _roll_out(facts: FleetFacts, start: float) -> FleetFacts:
    pace = Pace()
    coarse = coarsen(facts, plan(facts, start), pace)
    ended = rehearse(coarse.facts, start, pace, factors=coarse.factors).facts
    return ended if ended is not None else facts


def _review(later: Loaded, known: set[str], name: str) -> Iterator[Assumption]:
    """Yields what is taken for granted, less what the earlier revision answers."""
    yield Assumption("RolledOut", "what it declares is taken as rolled out, with every device online", (name,))
    for each in later.assumptions:
        names = tuple(one for one in each.names if one not in known) if each.reason in _GUESSES else each.names
        if names:
            yield replace(each, names=names)
