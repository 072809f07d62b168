"""Where things are kept, and which directories a control plane accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefleet_devcluster import paths
from edgefleet_devcluster.cli.app import main
from edgefleet_devcluster.control_plane.plane import ControlPlane
from edgefleet_devcluster.control_plane.settings import Settings
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.paths import control_plane_dir


@pytest.mark.parametrize(
    ("environment", "cache", "state"),
    [
        ({"HOME": "/h"}, "/h/.cache/edgefleet/bin", "/h/.local/state/edgefleet/devcluster"),
        (
            {"HOME": "/h", "XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"},
            "/c/edgefleet/bin",
            "/s/edgefleet/devcluster",
        ),
        (
            {"HOME": "/h", "XDG_CACHE_HOME": "relative"},
            "/h/.cache/edgefleet/bin",
            "/h/.local/state/edgefleet/devcluster",
        ),
        (
            {"HOME": "/h", "XDG_CACHE_HOME": "/c", "EDGEFLEET_CACHE": "/e", "EDGEFLEET_STATE": "~/f"},
            "/e/edgefleet/bin",
            "/h/f/edgefleet/devcluster",
        ),
    ],
)
def test_places(environment: dict[str, str], cache: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "EDGEFLEET_CACHE", "EDGEFLEET_STATE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert paths.binaries_dir() == Path(cache)
    assert paths.clusters_dir() == Path(state)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a/b", "..", "a" * 41])
def test_names_that_are_no_directory_are_refused(name: str) -> None:
    with pytest.raises(DevclusterError, match="is no cluster name"):
        control_plane_dir(name)


@pytest.mark.parametrize("act", [ControlPlane.start, ControlPlane.delete])
def test_a_directory_of_something_else_is_left_alone(act: object, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert callable(act)
    with pytest.raises(DevclusterError, match="is not empty and holds no control plane"):
        act(ControlPlane("mine", tmp_path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"port": "x", "programs": []}', '{"port": 1}'])
def test_damaged_settings_are_the_defaults(content: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    assert Settings.read(path) == Settings()


def test_settings_are_read_back(tmp_path: Path) -> None:
    settings = Settings(6443, ("etcd", "kube-apiserver"))
    settings.write(tmp_path / "settings.json")
    assert Settings.read(tmp_path / "settings.json") == settings


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_port_that_is_none_is_a_usage_error(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["control-plane", "up", f"--port={port}"])
    assert caught.value.code == 2
    assert "is no port" in capsys.readouterr().err
