"""What keeps a cluster from running here is told before anything is changed, with what to do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import installed, requirements
from edgefleet_devcluster.cluster import Cluster
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from pathlib import Path


def refusal(tmp_path: Path) -> str:
    """Return why a cluster is not started; nothing may have been made for it."""
    with pytest.raises(DevclusterError) as caught:
        Cluster("refused", tmp_path / "refused").start()
    assert not (tmp_path / "refused").exists()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_not_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    message = refusal(tmp_path)
    assert "run it as root" in message
    assert "kind create cluster" in message
    assert "`devcluster control-plane up` needs none" in message


def test_not_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    message = refusal(tmp_path)
    assert "nodes run on Linux only" in message
    assert "EDGEFLEET_CONTEXT=kind-kind" in message


def test_missing_programs_are_named_by_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "PATH", str(tmp_path))
    monkeypatch.setattr(requirements, "CNI_FOLDER", tmp_path)
    message = refusal(tmp_path)
    assert "`apt-get install containerd containernetworking-plugins iproute2 iptables runc util-linux`" in message


def test_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "free_bytes", lambda _: 1024**3)
    assert "1.0 GiB free" in refusal(tmp_path)


def test_no_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = requirements.ControlGroups
    monkeypatch.setattr(requirements, "ControlGroups", lambda: groups(tmp_path))
    assert "no control groups are mounted" in refusal(tmp_path)


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DevclusterError, match="is not empty and holds no cluster"):
        Cluster("mine", tmp_path).delete()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]
