"""The source of a set's module, from a module proxy in a folder: no network."""

from __future__ import annotations

import io
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries import modules
from edgefleet_devcluster.binaries.components import ComponentSet
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "example.test/crds"


def offer(proxy: Path, content: str) -> None:
    """Put v1.2.3 of the module in the proxy."""
    versions = proxy / MODULE / "@v"
    versions.mkdir(parents=True, exist_ok=True)
    (versions / "v1.2.3.info").write_text('{"Version": "v1.2.3"}')
    (versions / "v1.2.3.mod").write_text(f"module {MODULE}\n")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{MODULE}@v1.2.3/go.mod", f"module {MODULE}\n")
        archive.writestr(f"{MODULE}@v1.2.3/crds.go", "package crds\n")
        archive.writestr(f"{MODULE}@v1.2.3/config/crd.yaml", content)
    (versions / "v1.2.3.zip").write_bytes(out.getvalue())


@pytest.fixture
def crds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComponentSet:
    """A set whose module is in the proxy and in go.sum."""
    proxy = tmp_path / "proxy"
    monkeypatch.setenv("GOPROXY", proxy.as_uri())
    monkeypatch.setenv("GONOSUMDB", MODULE)
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "cache"))
    offer(proxy, "kind: CustomResourceDefinition\n")
    directory = tmp_path / "pins"
    directory.mkdir()
    (directory / "go.mod").write_text(f"module example.test/pins\n\ngo 1.24.0\n\nrequire {MODULE} v1.2.3\n")
    (directory / "main.go").write_text(f'package main\n\nimport _ "{MODULE}"\n\nfunc main() {{}}\n')
    subprocess.run(["go", "mod", "tidy"], cwd=directory, check=True, capture_output=True)
    forget(tmp_path)
    return ComponentSet("pins", MODULE, "", directory)


def forget(tmp_path: Path) -> None:
    """Empty the module cache, which Go makes read-only."""
    subprocess.run(["go", "clean", "-modcache"], cwd="/", check=True)
    assert not (tmp_path / "cache").exists()


def test_the_source_is_downloaded_once(crds: ComponentSet, monkeypatch: pytest.MonkeyPatch) -> None:
    found = modules.fetch(crds)
    assert (found / "config" / "crd.yaml").read_text() == "kind: CustomResourceDefinition\n"
    monkeypatch.setenv("GOPROXY", "off")
    assert modules.fetch(crds) == found


def test_a_source_that_is_not_the_pinned_one_is_refused(crds: ComponentSet, tmp_path: Path) -> None:
    offer(tmp_path / "proxy", "kind: SomethingElse\n")
    with pytest.raises(
        DevclusterError, match=r"^the source of example.test/crds v1.2.3 is not to be had: .*checksum mi"
    ):
        modules.fetch(crds)


def test_a_source_that_go_sum_does_not_pin_is_not_asked_for(crds: ComponentSet) -> None:
    (crds.directory / "go.sum").write_text("")
    with pytest.raises(
        DevclusterError, match=r"go.sum does not pin example.test/crds v1.2.3: run `go mod tidy` there$"
    ):
        modules.fetch(crds)
    assert (crds.directory / "go.sum").read_text() == ""


def test_without_a_proxy_the_message_says_where_to_look(crds: ComponentSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "off")
    with pytest.raises(
        DevclusterError, match=r"module lookup disabled by GOPROXY=off.*; check the network and `go env"
    ):
        modules.fetch(crds)


def test_without_go(crds: ComponentSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DevclusterError, match=r"^no `go` on PATH: install Go 1\.24\.0 or newer"):
        modules.fetch(crds)
