"""What a node is told: its configuration, its first process's orders, and how that process reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.node import config
from edgefleet_devcluster.node.config import NODES, NodeSpec
from edgefleet_devcluster.node.init import Spec, Task
from edgefleet_devcluster.node.machine import Node
from edgefleet_devcluster.segment import Subnet, pod_subnet

if TYPE_CHECKING:
    from pathlib import Path


def test_the_orders_are_read_back(tmp_path: Path) -> None:
    task = Task("kubelet", ["/bin/kubelet", "--x"], "/log")
    spec = Spec("node", ["/cgroup"], "/bin", {"/a": "/b"}, {"net/ipv4/ip_forward": "1"}, [["true"]], [task])
    spec.write(tmp_path / "init.json")
    assert Spec.read(tmp_path / "init.json") == spec
    assert [path.name for path in tmp_path.iterdir()] == ["init.json"]


def test_pods_and_nodes_have_subnets_of_their_own() -> None:
    assert [pod_subnet(number) for number in range(3)] == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]
    subnet = Subnet(7)
    addresses = [subnet.gateway, subnet.control_plane, *(subnet.node(number) for number in range(len(NODES)))]
    assert len(set(addresses)) == len(addresses)
    assert all(address.startswith("10.213.7.") for address in addresses)
    assert len(Subnet(199).link) <= 15, "what the kernel allows as an interface's name"


def test_taints_are_registered_with_the_node() -> None:
    spec = NodeSpec("n", {}, ("gpuAccelerator=true:NoSchedule",))
    kubelet = json.loads(config.kubelet(spec, cgroup="edgefleet-x/n"))
    assert kubelet["registerWithTaints"] == [{"key": "gpuAccelerator", "value": "true", "effect": "NoSchedule"}]
    assert kubelet["cgroupRoot"] == "/edgefleet-x/n"


def test_kubelets_refuse_strangers() -> None:
    kubelet = json.loads(config.kubelet(NODES[0], cgroup="x"))
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}


def test_the_addresses_of_pods_are_forgotten_when_a_node_stops() -> None:
    plugin = json.loads(config.pod_network(2))["plugins"][0]
    assert plugin["ipam"]["dataDir"].startswith("/run/")
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.244.2.0/24"}]]


def test_a_node_that_does_not_run_says_how_to_start_it(tmp_path: Path) -> None:
    node = Node(NODES[0], 0, "mine", tmp_path)
    assert node.init == 0
    with pytest.raises(DevclusterError, match="agentnode-raspi1 does not run: `devcluster up --name mine` starts it"):
        node.inside(["true"])
