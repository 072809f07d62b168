"""Why a ring or a device is where it is."""

from typing import Any

import pytest

from edgefleet.forecasting.evidence import Explanation, Kind, UnknownError, explain
from edgefleet.forecasting.foresight import describe_gate
from support.forecasts import AT, load
from support.good_manifests import Json
from support.live_fleet import (
    canary,
    device,
    device_status,
    digest,
    live,
    plant,
    rest,
    ring_status,
    target,
)

WINDOW = {"timeZone": "UTC", "periods": [{"start": "22:00", "end": "23:00"}]}


def ask(kind: Kind, name: str, objects: list[Json]) -> Explanation:
    loaded = load([], objects).namespaces["fleet"]
    ring = next((each for each in loaded.facts.rings if each.name == name), None)
    return explain(loaded, kind, name, describe_gate(ring) if ring and kind == "ring" else None, AT)


def rows(found: Explanation) -> dict[str, str]:
    return dict(found.evidence)


def settled(*versions: str, offline: tuple[str, ...] = (), **spec: Any) -> list[Json]:
    declared = plant(*(versions or ("1.0.0",)), rings=(canary(), rest(**spec)))
    return live(declared, offline=offline, canaries=("motor-01", "motor-02", "motor-03"))


def edit(objects: list[Json], name: str, **changes: Any) -> list[Json]:
    return [each | changes if each["metadata"]["name"] == name else each for each in objects]


def test_a_ring_that_is_done_says_so() -> None:
    found = ask("ring", "rest", settled())
    assert found.sentence == "Ring rest is done: it has proved 1.0.0 (round 1); nothing is left to do."
    assert rows(found)["devices"] == "9: 9 Updated"
    assert rows(found)["versions"] == "target 1.0.0, last proved 1.0.0"
    assert rows(found)["gate"].startswith("passed: 9 of 9")


def test_a_ring_that_waits_names_what_for_and_shows_the_figures() -> None:
    objects = edit(settled("1.0.0", "1.1.0", window=WINDOW), "canary", status=ring_status("1.1.0"))
    for name in ("motor-01", "motor-02", "motor-03"):
        objects = edit(objects, name, status=device_status("1.1.0", ring="canary"))
    found = ask("ring", "rest", objects)
    assert found.sentence == (
        "Ring rest is rolling out 1.1.0 (round 2) and waits for the window to open: 9 devices of 9."
    )
    assert rows(found)["window"] == "closed until 2026-11-21 22:00 UTC (UTC)"
    assert rows(found)["slots"] == "0 of 3 taken"


def test_an_always_open_window_has_no_end() -> None:
    always = {"timeZone": "UTC", "periods": [{"start": "00:00", "end": "24:00"}]}
    assert rows(ask("ring", "rest", settled(window=always)))["window"] == "open (UTC)"


def test_bounds_clocks_tokens_history_and_the_decision_are_evidence() -> None:
    spec = {
        "strategy": {"budget": {"groupBy": "line", "maxUnavailable": 2}, "rate": {"perMinute": 60}},
        "approval": "required",
        "deadlines": {"ack": "2m", "progress": "5m", "ring": "1h"},
    }
    status = ring_status(
        "1.0.0",
        decision={"verb": "Promote", "reason": "Proved", "evidence": "9 of 9", "at": "2026-11-20T06:00:00Z"},
        handledTokens=[{"name": "approve", "value": "anna", "at": "2026-11-20T06:00:00Z"}],
        history=[
            {
                "round": 1,
                "version": "1.0.0",
                "outcome": "Proved",
                "startedAt": "2026-11-20T06:00:00Z",
                "finishedAt": "2026-11-20T06:02:00Z",
                "updated": 9,
                "failed": 0,
            }
        ],
    )
    found = rows(ask("ring", "rest", edit(settled(offline=("motor-12",), **spec), "rest", status=status)))
    assert found["budget"] == "conveyor 1 of 2, press 0 of 2"
    assert found["rate"].startswith("60 a minute")
    assert found["clocks"] == "2 min to acknowledge, 5 min between signs of progress"
    assert found["deadline"] == "1 h from the first command to proved"
    assert found["token approve"] == "anna, handled at 2026-11-20 06:00 UTC"
    assert found["round 1"] == "1.0.0 Proved after 2 min: 9 updated, 0 failed"
    assert found["decision"] == "Promote at 2026-11-20T06:00:00Z: Proved, 9 of 9"


def test_a_device_says_what_it_runs_and_what_it_was_told() -> None:
    found = ask("device", "motor-05", settled())
    assert found.sentence == "motor-05 runs 1.0.0, as it should, in ring rest."
    assert rows(found)["runs"] == "1.0.0; of its last command it says Done"
    assert rows(found)["told"] == "to run 1.0.0 by rest at 2026-11-20 06:00 UTC, generation 12884901889"
    assert rows(found)["presence"] == "online since 2026-11-20 06:00 UTC"
    assert rows(found)["standing"].startswith("Updated: reports the target's digest")


def test_a_device_that_is_left_alone_says_why() -> None:
    objects = edit(settled("1.0.0", "1.1.0"), "motor-05", spec=device("motor-05", updatesEnabled=False)["spec"])
    objects = edit(objects, "rest", status=ring_status("1.0.0") | {"target": target("1.1.0"), "step": "Rolling"})
    objects = edit(objects, "canary", status=ring_status("1.1.0"))
    found = ask("device", "motor-05", objects)
    assert found.sentence == "motor-05 is left alone, in ring rest: updatesEnabled is false."
    assert rows(found)["updates"] == "disabled in its manifest"


def test_an_offline_device_says_since_when_and_where_it_would_return_to() -> None:
    objects = settled("1.0.0", "1.1.0", offline=("motor-12",))
    last = {"model": "motor-anomaly", "modelVersion": "0.9.0", "digest": digest("0.9.0"), "at": "2026-11-19T06:00:00Z"}
    objects = edit(objects, "motor-12", status=device_status("1.0.0", online=False) | {"lastGood": last})
    found = rows(ask("device", "motor-12", objects))
    assert found["presence"] == "offline since 2026-11-20 06:00 UTC"
    assert found["returns to"] == "0.9.0"


def test_what_the_operator_would_do_in_this_very_pass_is_said() -> None:
    objects = settled("1.0.0", "1.1.0")
    found = rows(ask("ring", "canary", objects))
    assert found["right now"] == "motor-01, motor-02, motor-03: is told to run 1.1.0"
    assert "right now" not in rows(ask("device", "motor-05", objects))


@pytest.mark.parametrize(("kind", "said"), [("ring", "canary, rest"), ("device", "motor-01, motor-02")])
def test_a_name_that_does_not_exist_is_answered_with_those_that_do(kind: Kind, said: str) -> None:
    with pytest.raises(UnknownError, match=f"there is no {kind} nowhere; there are {said}"):
        ask(kind, "nowhere", settled())
