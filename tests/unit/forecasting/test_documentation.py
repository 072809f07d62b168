"""docs/plan.md shows what the commands print, and names every key of the JSON."""

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from edgefleet.forecasting.json_form import render_json
from edgefleet.forecasting.overlay import Verb
from edgefleet.manifests.folder import read_folder
from edgefleet.manifests.lint import lint
from support.commandline import run_edgefleet
from support.forecasts import forecast
from support.live_fleet import canary, device, live, plant, rest

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "plan.md"
EXAMPLE = re.compile(r"```console\n\$ edgefleet (?P<command>[^\n]+)\n(?P<shown>.*?)```", re.DOTALL)
WRITE = "EDGEFLEET_WRITE_EXAMPLES"
"""Set, the page is written anew; unset, it is compared."""


def test_the_page_shows_what_the_commands_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    page = PAGE.read_text()

    def run(example: re.Match[str]) -> str:
        done = run_edgefleet(*shlex.split(example["command"]), COLUMNS="100")
        assert (done.returncode, done.stderr) == (0, "")
        return f"```console\n$ edgefleet {example['command']}\n{done.stdout}```"

    written, number = EXAMPLE.subn(run, page)
    assert number == 5
    if os.environ.get(WRITE):
        PAGE.write_text(written)
    assert page == written, f"run the test with {WRITE}=1 to write the page anew"


def test_the_example_is_sound() -> None:
    report = lint(read_folder(REPOSITORY / "docs" / "examples" / "plan" / "fleet"))
    assert (report.errors, report.warnings) == (0, 0)


def test_the_page_names_every_key_of_the_json() -> None:
    rings = (canary(), rest(approval="required"))
    declared = [*plant("1.0.0", "1.1.0", rings=rings), device("lab-01")]
    declared[-1]["metadata"]["labels"] = {"motor": "none"}
    rich = render_json(forecast(declared, live(plant("1.0.0"), offline=("motor-12",))))
    section = PAGE.read_text().partition("## As JSON")[2].partition("\n## ")[0]
    named = {word for quoted in re.findall(r"`([^`]+)`", section) for word in re.findall(r"[A-Za-z]+", quoted)}
    assert find_keys(rich) <= named
    assert set(Verb.__args__) <= named


def find_keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(find_keys(each) for each in value.values()))
    return set().union(*(find_keys(each) for each in value)) if isinstance(value, list) else set()
