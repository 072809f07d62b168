"""The charts as Helm renders them, without a cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from edgefleet_devcluster.binaries import build

CHARTS = Path(__file__).parents[3] / "deploy" / "charts"
Object = dict[str, Any]


class Helm(Protocol):
    """Runs helm."""

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]: ...


class Render(Protocol):
    """Renders the platform's chart; `hooks` and everything else together."""

    def __call__(self, *options: str, values: str = "") -> list[Object]: ...


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Run helm, and leave its verdict to the test."""
    program = build.ensure(["helm"])["helm"]

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm: Helm) -> Render:
    """Render the platform's chart into namespace edgefleet-system."""

    def run(*options: str, values: str = "") -> list[Object]:
        chart = str(CHARTS / "edgefleet")
        done = helm("template", "edgefleet", chart, "-n", "edgefleet-system", "-f", "-", *options, stdin=values)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return run
