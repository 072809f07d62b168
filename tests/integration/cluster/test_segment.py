"""The network of a cluster alone, without Kubernetes: what is on this machine while it is there and after."""

from __future__ import annotations

import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import rules, segment
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.segment import CONTROL_PLANE, Segment
from support.residue import Residue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODES = ("one", "two")


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Segment]:
    net = Segment(f"net-{uuid.uuid4().hex[:8]}", NODES, tmp_path)
    yield net
    net.delete()


def reach(namespace: str, address: str) -> bool:
    """Whether a connection from the namespace comes to an answer: nobody listens, so a refusal is one."""
    command = ["ip", "netns", "exec", namespace, "bash", "-c", f"exec 3<>/dev/tcp/{address}/9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return "refused" in done.stderr


def test_machines_reach_each_other_and_the_host(net: Segment) -> None:
    subnet = net.create()
    assert net.subnet() == subnet
    for machine, others in {
        "one": (subnet.node(1), subnet.control_plane, subnet.gateway),
        "two": (subnet.node(0), subnet.control_plane, subnet.gateway),
        CONTROL_PLANE: (subnet.node(0), subnet.node(1), subnet.gateway),
    }.items():
        for address in others:
            assert reach(net.namespace(machine), address), (machine, address)


def test_two_clusters_have_different_subnets_and_one_goes_alone(net: Segment) -> None:
    other = Segment(f"{net.cluster}-b", NODES, net.home)
    try:
        first, second = net.create(), other.create()
        assert first != second
        other.delete()
        assert net.subnet() == first
        assert rules.marked(net.mark, "nat")
        assert reach(net.namespace("one"), first.node(1))
    finally:
        other.delete()


def test_a_cluster_of_the_same_name_elsewhere_is_left_alone(net: Segment, tmp_path: Path) -> None:
    subnet = net.create()
    namesake = Segment(net.cluster, NODES, tmp_path / "elsewhere")
    assert namesake.subnet() is None
    with pytest.raises(DevclusterError, match=r"of another state directory runs.*choose another --name"):
        namesake.check_owner()
    net.check_owner()
    assert net.subnet() == subnet


def test_a_wish_for_a_subnet_is_granted_when_it_is_free(net: Segment) -> None:
    assert net.create(preferred=77).number == 77
    other = Segment(f"{net.cluster}-b", NODES, net.home)
    try:
        assert other.create(preferred=77).number != 77
    finally:
        other.delete()


def test_a_subnet_that_leads_elsewhere_is_not_taken(net: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [segment.Subnet(number).network for number in (0, 1, 2)]
    monkeypatch.setattr(segment, "_routed_networks", lambda: taken)
    assert net.create().number > 2


@pytest.mark.parametrize("step", range(1, 6))
def test_an_interrupted_creation_is_seen_as_such_and_removed(
    net: Segment, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Residue.now()
    calls = iter(range(100))
    real = segment._ip

    def interrupted(*commands: str, namespace: str = "") -> None:
        if next(calls) == step:
            raise KeyboardInterrupt
        real(*commands, namespace=namespace)

    monkeypatch.setattr(segment, "_ip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        net.create()
    monkeypatch.setattr(segment, "_ip", real)
    assert net.subnet() is None
    net.delete()
    left = Residue.now().more_than(before)
    assert {what: found for what, found in left.items() if what != "processes"} == {}
    net.create()


def test_without_the_tools_the_packages_are_named(net: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DevclusterError, match="apt-get install iproute2 iptables"):
        net.create()
    monkeypatch.undo()
