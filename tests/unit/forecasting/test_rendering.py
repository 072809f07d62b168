"""One forecast as text, JSON and Markdown."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from edgefleet.forecasting.forecast import Forecast, Left
from edgefleet.forecasting.foresight import foresee
from edgefleet.forecasting.json_form import render_json
from edgefleet.forecasting.markdown import MARKER, render_markdown
from edgefleet.forecasting.pace import Pace
from edgefleet.forecasting.summary import summarize
from edgefleet.forecasting.text import render_text
from support.forecasts import AT, forecast, load
from support.live_fleet import canary, device, live, plant, rest

NIGHT = {"timeZone": "UTC", "periods": [{"start": "22:00", "end": "23:00"}]}


@pytest.fixture(scope="module")
def upgrade() -> Forecast:
    """1.1.0 against a plant on 1.0.0: an approval, a window, a pin, an offline device."""
    rings = (canary(), rest(approval="required", window=NIGHT))
    declared = plant("1.0.0", "1.1.0", rings=rings)
    declared[2] = device("motor-02", pin={"modelVersion": "1.0.0", "reason": "bearing test"})
    return forecast(declared, live(plant("1.0.0", rings=rings), offline=("motor-12",)))


def lines(found: Forecast, width: int = 120) -> list[str]:
    return render_text(found, width).splitlines()


def test_the_summary_says_who_what_it_costs_how_long_and_what_it_waits_for(upgrade: Forecast) -> None:
    said = summarize(upgrade)
    assert re.fullmatch(
        r"3 devices first, then 7 in 3 waves; \d+\.\d kB on air; about 16 h;"
        r" waits for: approval of rest, the window of rest; 2 devices left out",
        said,
    ), said
    assert lines(upgrade, 400)[0] == said


def test_nothing_to_do_is_one_line() -> None:
    assert lines(forecast(plant("1.0.0"), live(plant("1.0.0")))) == ["Nothing would change"]


def test_objects_that_change_nothing_on_devices_are_named() -> None:
    rings = (canary(), rest(strategy={"maxConcurrency": 1}))
    found = forecast(plant("1.0.0", rings=rings), live(plant("1.0.0")))
    assert lines(found)[0] == "No device would change; 1 object would: RolloutRing rest"
    assert any(line.endswith("~ RolloutRing rest: spec.strategy.maxConcurrency") for line in lines(found))


def test_what_is_missing_is_said_in_the_first_line() -> None:
    first = lines(forecast(plant()))[0]
    assert first == "Nothing would change; waits for: a version of motor-anomaly in ^1.0 to be declared (canary)"


def test_text_shows_waves_gates_blocks_and_who_is_left_out(upgrade: Forecast) -> None:
    shown = render_text(upgrade, 120)
    assert "├─ canary  1.0.0 → 1.1.0  tracks ^1.0; 3 devices" in shown
    assert re.search(r"now +wave 1 +3 devices: motor-\d\d, motor-\d\d, motor-\d\d\n", shown)
    assert re.search(r"\+11 s +gate +100 % of at least 3 judged updated and 1 min of soak\n", shown)
    assert re.search(
        r"blocked +until a person approves: kubectl annotate rollouts/rest edgefleet.io/approve=WHO", shown
    )
    assert re.search(r"waits +until its window opens at 2026-11-21 22:00 UTC", shown)
    assert re.search(r"left out +motor-02: is pinned to 1.0.0\n", shown)
    assert re.search(r"left out +motor-12: is offline\n", shown)
    assert "and fails its self-test: 3 devices take it" in shown
    assert "rest: a person approves at once" in shown


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_text_keeps_to_its_width(upgrade: Forecast, width: int) -> None:
    assert all(len(line) <= width for line in lines(upgrade, width))


def test_text_has_no_colours_of_its_own(upgrade: Forecast) -> None:
    assert "\x1b" not in render_text(upgrade, 80)
    painted = render_text(upgrade, 80, lambda text, style: f"<{style}>{text}" if style == "warn" else text)
    assert painted.replace("<warn>", "") == render_text(upgrade, 80)
    assert "<warn>blocked" in painted


def test_many_waves_and_names_are_summed_up() -> None:
    rings = (canary(), rest(strategy={"maxConcurrency": 1}))
    shown = lines(forecast(plant("1.0.0", rings=rings)))
    assert sum("wave " in line for line in shown) == 6  # one of the canary's, the first four and the last of the rest
    assert any("4 more waves with 4 devices" in line for line in shown)
    many = lines(forecast([*plant("1.0.0"), *(device(f"more-{number:03}") for number in range(60))]))
    assert any(re.search(r"wave 1 .*18 devices: .* and 14 more", line) for line in many)


def test_json_holds_the_same_and_is_plain_json(upgrade: Forecast) -> None:
    written = render_json(upgrade)
    assert json.loads(json.dumps(written)) == written
    assert (written["format"], written["changes"], written["against"]) == ("edgefleet.io/plan/v1", True, "live")
    (namespace,) = written["namespaces"]
    first, second = namespace["rings"]
    assert (first["ring"], first["target"], first["changed"], first["startsAt"]) == ("canary", "1.1.0", 3, 0)
    assert [wave["wave"] for wave in second["waves"]] == [1, 2, 3]
    assert written["totals"]["devices"] == sum(len(wave["moves"]) for ring in (first, second) for wave in ring["waves"])
    assert {block["reason"] for block in second["blocks"]} == {"ApprovalMissing", "WindowClosed"}
    assert [each["devices"] for each in second["leftOut"]] == [["motor-02"], ["motor-12"]]
    assert namespace["ifBad"][0]["failsSelfTest"]["devices"] == 3


def test_jsons_keys_do_not_depend_on_what_happens(upgrade: Forecast) -> None:
    def flatten(value: Any, path: str = "") -> set[str]:
        if isinstance(value, dict):
            return {name for key, each in value.items() for name in {f"{path}.{key}", *flatten(each, f"{path}.{key}")}}
        return set().union(*(flatten(each, path) for each in value)) if isinstance(value, list) else set()

    rich, poor = (flatten(render_json(each)) for each in (upgrade, forecast(plant())))
    assert poor <= rich
    members = (".waves.", ".leftOut.", ".ifBad.", ".objects.")  # of lists that are empty there
    assert all(any(member in f"{name}." for member in members) for name in rich - poor)


def test_markdown_has_the_summary_first_a_table_of_rings_and_lists_to_fold_out(upgrade: Forecast) -> None:
    shown = render_markdown(upgrade).splitlines()
    assert shown[0] == MARKER
    assert shown[1].startswith("**3 devices first, then 7 in 3 waves;")
    assert "| ring | version | devices | waves | starts | proved | on air | waits |" in shown
    assert any(line.startswith("| **canary** (tracks ^1.0) | 1.0.0 → 1.1.0 | 3 of 3 | 1 | now |") for line in shown)
    assert any("<details><summary>3 devices</summary>motor-" in line for line in shown)
    assert sum("<details>" in line for line in shown) == sum("</details>" in line for line in shown)


def test_every_row_of_a_table_has_the_cells_of_its_head(upgrade: Forecast) -> None:
    rows = [line for line in render_markdown(upgrade).splitlines() if line.startswith("|")]
    width = 0
    for row in rows:
        cells = len(re.findall(r"(?<!\\)\|", row))
        width = cells if row.startswith(("| ring", "| wave")) else width
        assert cells == width, row


def test_what_a_device_says_is_no_markup(upgrade: Forecast) -> None:
    (namespace,) = upgrade.namespaces
    evil = Left("Failed", "X", "</details><img src=x> | @everyone `x` [a](http://b)\n# title\x1b[31m", ("motor-01",))
    rings = tuple(replace(each, left=(evil,)) for each in namespace.rings)
    shown = replace(upgrade, namespaces=(replace(namespace, rings=rings),))
    markdown = render_markdown(shown)
    said = next(line for line in markdown.splitlines() if "img src" in line)
    assert "<img" not in said
    assert "&lt;/details&gt;" in said
    assert "\\@everyone \\`x\\` \\[a\\](http://b) \\# title \\[31m" in said
    assert "\x1b" not in render_text(shown, 100)


def test_a_comment_stays_below_githubs_limit_for_a_fleet_of_thousands() -> None:
    declared = [*plant("1.0.0"), *(device(f"motor-with-a-long-name-{number:05}") for number in range(3_000))]
    assert len(render_markdown(forecast(declared))) < 65_536


def test_several_namespaces_are_told_apart() -> None:
    other = [each | {"metadata": each["metadata"] | {"namespace": "other"}} for each in plant("1.0.0")]
    first, second = load(plant("1.0.0")), load(other)
    both = replace(first, namespaces={**first.namespaces, **second.namespaces})
    found = foresee(both, AT, Pace())
    assert summarize(found).startswith("24 devices in 4 rings; ")
    assert "### Namespace other" in render_markdown(found)
    assert [line.split("  ")[0] for line in lines(found) if line.startswith("namespace")] == [
        "namespace fleet",
        "namespace other",
    ]
