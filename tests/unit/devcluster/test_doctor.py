from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import doctor
from edgefleet_devcluster.cli.app import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEFLEET_STATE", str(tmp_path / "state"))
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return {line.split(":")[0].split()[1]: line for line in capsys.readouterr().out.splitlines()}


def test_with_an_empty_path_only_go_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["doctor"]) == 1
    found = lines(capsys)
    assert found["go"].startswith("FAIL  go: no `go` on PATH: install Go 1.26.0 or newer and put it on PATH")
    assert "`apt-get install golang`, which may be too old" in found["go"]
    assert [name for name, line in found.items() if line.startswith("FAIL") and name != "nodes"] == ["go"]


def test_what_is_to_be_built_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    assert lines(capsys)["binaries"].startswith("ok    binaries: to build: etcd, etcdctl, etcdutl, kube-apiserver")


def test_places_that_cannot_be_made(
    capsys: pytest.CaptureFixture[str], empty_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_places / "file").touch()
    monkeypatch.setenv("EDGEFLEET_STATE", str(empty_places / "file"))
    assert main(["doctor"]) == 1
    assert lines(capsys)["state"].endswith("(Not a directory): set EDGEFLEET_STATE to a writable directory")


def test_too_little_disk_and_memory(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "free_bytes", lambda _: 2**30)
    monkeypatch.setattr(doctor, "available_memory", lambda: 2**29)
    assert main(["doctor"]) == 1
    found = lines(capsys)
    assert "1.0 GiB free at " in found["disk"]
    assert found["disk"].endswith(": 15 GiB are needed; free some, or set EDGEFLEET_CACHE to a larger disk")
    assert found["memory"] == ("FAIL  memory: 0.5 GiB available: 3 GiB are needed; end other programs or add memory")


def test_available_memory(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       100 kB\nMemAvailable:       42 kB\n")
    assert doctor.available_memory(meminfo) == 42 * 1024
    assert doctor.available_memory(tmp_path / "absent") == 0
