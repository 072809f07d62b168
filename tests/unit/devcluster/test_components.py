from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries.components import COMPONENTS, GoMod, component, go_version
from edgefleet_devcluster.binaries.sources import GoSource
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from edgefleet_devcluster.binaries.components import Component


def test_go_mod_requirements_in_blocks_and_alone() -> None:
    found = GoMod.parse(
        "// require not.this v0.0.1\n"
        "module m\n\ngo 1.24.0\ntoolchain go1.25.1\n"
        "require alone.test/a v1.0.0 // indirect\n"
        "require (\n\tblock.test/b/v3 v3.6.7\n\n\tblock.test/c v0.0.0-20250604170112-4c0f3b243397 // indirect\n)\n"
        "tool (\n\ttool.test/cmd/x\n)\n"
        "replace (\n\tblock.test/b/v3 => other.test/b v9.9.9\n)\n"
        "exclude block.test/c v0.1.0\n"
    )
    assert found.go == (1, 24, 0)
    assert found.requires == {
        "alone.test/a": "v1.0.0",
        "block.test/b/v3": "v3.6.7",
        "block.test/c": "v0.0.0-20250604170112-4c0f3b243397",
    }


def test_go_mod_without_a_go_version_is_refused() -> None:
    with pytest.raises(DevclusterError, match="no `go` line"):
        GoMod.parse("module m\n")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1.24.0", (1, 24, 0)),
        ("go1.26.8", (1, 26, 8)),
        ("go1.27rc1", (1, 27)),
        ("go1.19.8 X:nocoverageredesign", (1, 19, 8)),
        ("devel go1.28-1234abcd", (1, 28)),
        ("devel", ()),
    ],
)
def test_go_versions(text: str, numbers: tuple[int, ...]) -> None:
    assert go_version(text) == numbers


@pytest.mark.parametrize("item", COMPONENTS.values(), ids=list(COMPONENTS))
def test_every_component_is_a_tool_of_its_go_mod_or_its_own_package(item: Component) -> None:
    assert item.set.version.startswith("v")
    assert (item.set.directory / "go.sum").stat().st_size > 0
    assert item.package in (item.set.directory / "go.mod").read_text()


def test_kubernetes_is_stamped_with_the_version_of_go_mod() -> None:
    kubernetes = component("kubectl").set
    major, minor = kubernetes.version.removeprefix("v").split(".")[:2]
    assert f"gitVersion={kubernetes.version}" in kubernetes.link_flags
    assert f"gitMajor={major}" in kubernetes.link_flags
    assert f"gitMinor={minor}" in kubernetes.link_flags


def test_an_unknown_component_is_named_with_those_there_are() -> None:
    with pytest.raises(DevclusterError, match=r"no component 'kubelt'; there are: etcd, .*kube-apiserver"):
        component("kubelt")


def test_the_key_is_stable_and_follows_each_input(hello: Component, monkeypatch: pytest.MonkeyPatch) -> None:
    components = hello.set
    before = GoSource().key(components)
    assert GoSource().key(components) == before
    keys = {before, GoSource().key(replace(components, ldflags="-s"))}

    monkeypatch.setenv("GOARCH", "riscv64")
    keys.add(GoSource().key(components))
    monkeypatch.delenv("GOARCH")

    (components.directory / "main.go").write_text("package main\n")
    keys.add(GoSource().key(components))
    (components.directory / "go.sum").write_text("example.test/x v1.0.0 h1:AAAA=\n")
    keys.add(GoSource().key(components))
    go_mod = components.directory / "go.mod"
    go_mod.write_text(go_mod.read_text() + "\n// changed\n")
    keys.add(GoSource().key(components))
    assert len(keys) == 6


def test_the_users_go_flags_change_nothing(hello: Component, monkeypatch: pytest.MonkeyPatch) -> None:
    before = GoSource().key(hello.set)
    monkeypatch.setenv("GOFLAGS", "-tags=mine")
    assert GoSource().key(hello.set) == before
