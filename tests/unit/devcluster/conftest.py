from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries.components import Component, ComponentSet
from support.releasesite import Site, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GO_MOD = """\
module example.test/pins

go 1.24.0

require (
\texample.test/hello v1.2.3 // indirect
)

replace example.test/hello => ./hello
"""
MAIN_GO = """\
package main

var version = "unstamped"

func main() { print("hello ", version) }
"""


@pytest.fixture
def hello(tmp_path: Path) -> Component:
    """A component as small as can be, that the real Go builds in a second."""
    directory = tmp_path / "pins"
    (directory / "hello").mkdir(parents=True)
    (directory / "go.mod").write_text(GO_MOD)
    (directory / "go.sum").write_text("")
    (directory / "hello" / "go.mod").write_text("module example.test/hello\n\ngo 1.24.0\n")
    (directory / "hello" / "main.go").write_text(MAIN_GO)
    components = ComponentSet("pins", "example.test/hello", "-s -w -X main.version={version}", directory)
    return Component("hello", components, "example.test/hello")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A release site that nothing stands in front of."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as site:
        yield site
