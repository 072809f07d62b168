"""Strategies: whole fleets in any state, likely or not, for properties that hold in all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from edgefleet.domain.device.selectors import Requirement, Selector
from edgefleet.domain.rollout.facts import (
    Abort,
    AbortRule,
    Command,
    DeviceFacts,
    FleetFacts,
    Pin,
    Progress,
    Proof,
    Report,
    RingFacts,
    RingState,
    Target,
    VersionFacts,
)
from edgefleet.domain.rollout.transitions import STOPPED_STEPS, Step
from edgefleet.domain.rollout.windows import Period, Window
from support.fleet_facts import make_version

NOW = 1_000_000.0
VERSIONS = tuple(make_version(f"1.{minor}.0") for minor in range(4))
DIGESTS = [version.artifacts["esp32"].digest for version in VERSIONS]
TARGETS = [Target(version.version, version.digest) for version in VERSIONS]
TIMES = st.floats(NOW - 5000, NOW, allow_nan=False)
NIGHT = Window("UTC", (Period("22:00", "06:00"),))
SITES = ("north", "south", "west")
EVERYBODY = Selector((Requirement("motor", "Exists"),))


def pick(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@st.composite
def states(draw: st.DrawFn) -> RingState:
    step = draw(st.sampled_from(list(Step)))
    target = draw(st.sampled_from(TARGETS))
    started = draw(TIMES)
    proven = draw(st.lists(st.sampled_from(TARGETS), unique=True, max_size=3))
    if step is Step.PROVED and target not in proven:
        proven = [target, *proven]
    abort = Abort(
        draw(st.floats(started, NOW)), draw(pick(1, 2)), "TooManyFailures", "many", 2, 3, (), draw(pick(True, False))
    )
    return RingState(
        step=step,
        since=draw(st.floats(started, NOW)),
        round=draw(st.integers(1, 9)),
        started_at=started,
        rolling_since=draw(st.floats(started, NOW)),
        target=target,
        stable=proven[0] if proven else None,
        proven=tuple(Proof(each.digest, each.version, 1, started - number) for number, each in enumerate(proven)),
        abort=abort if step in STOPPED_STEPS else None,
    )


@st.composite
def rings(draw: st.DrawFn) -> tuple[RingFacts, ...]:
    names = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    found: list[RingFacts] = []
    for index, name in enumerate(names):
        after = draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=2)) if index else []
        source: dict[str, Any] = {"after": tuple(after)} if after else draw(pick({"track": "^1.0"}, {"pin": "1.1.0"}))
        found.append(
            RingFacts(
                name=name,
                model="anomaly",
                generation=draw(pick(1, 2)),
                selector=draw(pick(EVERYBODY, Selector((Requirement("site", "In", frozenset({"north", "west"})),)))),
                limit=draw(pick(None, 1, 3, 0.1, 0.5)),
                max_concurrency=draw(pick(None, 1, 3, 0.25)),
                rate_per_minute=draw(pick(None, None, 60, 6000)),
                budget_label=draw(pick(None, "site")),
                budget=draw(pick(None, 1, 2, 0.3)),
                budget_counts_offline=draw(st.booleans()),
                success_percent=draw(pick(50, 90, 100)),
                min_sample=draw(pick(1, 3)),
                soak=draw(pick(0.0, 60.0)),
                abort_when=draw(
                    pick((), (AbortRule("Any", 0),), (AbortRule("Failed", 30, 3), AbortRule("TimedOut", 50)))
                ),
                ring_deadline=draw(pick(None, 600.0)),
                offline_policy=draw(pick("exclude", "count", "wait")),
                on_empty=draw(pick("hold", "skip")),
                on_abort=draw(pick("rollback", "hold")),
                needs_approval=draw(pick(False, False, True)),
                suspend=draw(pick(False, False, True)),
                window=draw(pick(None, None, NIGHT)),
                tokens=draw(pick({}, {}, {"retry": "x"}, {"approve": "y"})),
                state=draw(st.one_of(st.just(RingState()), states())),
                **source,
            )
        )
    return tuple(found)


@st.composite
def devices(draw: st.DrawFn, most: int = 14) -> tuple[DeviceFacts, ...]:
    found: list[DeviceFacts] = []
    for number in range(draw(st.integers(0, most))):
        command = Command(
            "anomaly",
            draw(pick("1.0.0", "1.1.0", "1.2.0")),
            draw(st.sampled_from(DIGESTS)),
            draw(st.integers(1 << 32, (1 << 32) + 9)),
            draw(TIMES),
            draw(pick(None, "a", "b", "c")),
            draw(st.integers(1, 4)),
        )
        report = Report(
            draw(st.sampled_from([None, *DIGESTS, "e" * 64])),
            draw(st.integers(1 << 32, (1 << 32) + 12)),
            draw(st.sampled_from(list(Progress))),
            draw(pick("", "SelfTestFailed", "DownloadFailed")),
            "",
            draw(TIMES),
        )
        found.append(
            DeviceFacts(
                name=f"motor-{number:02}",
                device_class=draw(pick("esp32", "esp32", "esp32", "other")),
                labels={"motor": "x", "site": draw(st.sampled_from(SITES))}
                if draw(pick(True, True, True, False))
                else {},
                ring=draw(pick(None, "a", "b", "gone")),
                class_known=draw(pick(True, True, True, False)),
                online=draw(pick(True, True, False)),
                presence_since=draw(TIMES),
                updates_enabled=draw(pick(True, True, True, False)),
                revoked=draw(pick(False, False, False, True)),
                pin=draw(pick(None, None, None, Pin("1.0.0"), Pin("1.1.0", until=NOW + 10))),
                command=draw(pick(None, command, command)),
                report=draw(pick(None, report, report)),
                last_good=draw(pick(None, DIGESTS[0])),
                tokens=draw(pick({}, {}, {"resume": "r"}, {"retry": "t"})),
            )
        )
    return tuple(found)


def versions() -> st.SearchStrategy[tuple[VersionFacts, ...]]:
    return st.lists(st.sampled_from(VERSIONS), unique_by=lambda each: each.version).map(tuple)


def fleets() -> st.SearchStrategy[FleetFacts]:
    return st.builds(FleetFacts, rings(), versions(), devices(), connected=pick(True, True, True, False))
