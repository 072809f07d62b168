"""The network between a cluster's machines: namespaces, joined by a bridge, with one link to this machine.

The control plane and each node have a network namespace, so that every one has its own address, ports and packet
filter, as real machines do, and two clusters never meet. All of them and this machine share one subnet. On this machine
itself a cluster has one interface and three rules that let it reach the world; the rest goes with the namespaces.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from edgefleet_devcluster import rules
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.network import POD_RANGE, SERVICE_RANGE

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROL_PLANE = "control-plane"
_RUN = Path("/run/netns")
_BRIDGE = "bridge"
_UPLINK = "uplink"
_SUBNETS = 200
_FIRST_NODE = 11
_GONE_SECONDS = 10.0
_POLL_SECONDS = 0.05


def pod_subnet(number: int) -> str:
    """Return the addresses of the pods on the node with this number."""
    return str(list(ip_network(POD_RANGE).subnets(new_prefix=24))[number])


@dataclass(frozen=True)
class Subnet:
    """The addresses of one cluster's machines: 10.213.N.0/24, where N is also in the interface's name."""

    number: int

    @property
    def network(self) -> IPv4Network:
        """All of them."""
        return IPv4Network(f"10.213.{self.number}.0/24")

    @property
    def link(self) -> str:
        """The interface on this machine."""
        return f"edgefleet{self.number}"

    @property
    def gateway(self) -> str:
        """This machine's address."""
        return f"10.213.{self.number}.254"

    @property
    def control_plane(self) -> str:
        """The API server's address."""
        return f"10.213.{self.number}.1"

    def node(self, number: int) -> str:
        """Return a node's address."""
        return f"10.213.{self.number}.{_FIRST_NODE + number}"


@dataclass(frozen=True)
class Segment:
    """One cluster's network."""

    cluster: str
    """The cluster's name: it is in the name of each namespace, and marks the interface and the rules."""
    nodes: tuple[str, ...]
    home: Path
    """The cluster's directory: one of the same name in another directory is another cluster."""

    @property
    def mark(self) -> str:
        """What tells that something on this machine is the cluster's."""
        return f"edgefleet/{self.cluster}"

    def namespace(self, machine: str) -> str:
        """Return the name of a machine's network namespace, as ``ip netns`` lists it."""
        return f"edgefleet-{self.cluster}-{machine}"

    def path(self, machine: str) -> Path:
        """Return the file that stands for the namespace."""
        return _RUN / self.namespace(machine)

    def subnet(self) -> Subnet | None:
        """Return the subnet if the network is complete: the mark is put on last."""
        for link in _links():
            if link.get("ifalias") == self._alias("complete"):
                return Subnet(int(link["ifname"].removeprefix("edgefleet")))
        return None

    def check_owner(self) -> None:
        """Raise when what runs under this name is not ours.

        Raises:
            DevclusterError: With what to do.
        """
        for link in _links():
            words = (link.get("ifalias") or "").split(" ")
            if words[0] == self.mark and words[-1] != self._home:
                raise DevclusterError(
                    f"a cluster {self.cluster!r} of another state directory runs on this machine ({link['ifname']}): "
                    "choose another --name, or stop it with the EDGEFLEET_STATE it was started with"
                )

    @property
    def _home(self) -> str:
        return hashlib.sha256(str(self.home).encode()).hexdigest()[:12]

    def _alias(self, state: str) -> str:
        return f"{self.mark} {state} {self._home}"

    def processes(self) -> set[int]:
        """Return every process that is in one of the network's namespaces: all of the cluster's but pods."""
        found: set[int] = set()
        for name in self.left_namespaces():
            found.update(int(pid) for pid in _output("ip", "netns", "pids", name).split())
        return found

    def create(self, preferred: int = 0) -> Subnet:
        """Make it from nothing.

        Args:
            preferred: The subnet's number to take if it is free.

        Raises:
            DevclusterError: The system does not let us, or every subnet is taken.
        """
        _ip(*(f"netns add {self.namespace(machine)}" for machine in (CONTROL_PLANE, *self.nodes)))
        subnet = self._link_up(preferred)
        centre = self.namespace(CONTROL_PLANE)
        _ip(
            f"link set {subnet.link} up",
            f"addr add {subnet.gateway}/24 dev {subnet.link}",
        )
        _ip(
            "link set lo up",
            f"link add {_BRIDGE} type bridge",
            f"addr add {subnet.control_plane}/24 dev {_BRIDGE}",
            f"link set {_BRIDGE} up",
            f"link set {_UPLINK} master {_BRIDGE} up",
            f"route add default via {subnet.gateway}",
            *(
                f"link add node{number} type veth peer name eth0 netns {self.namespace(node)}"
                for number, node in enumerate(self.nodes)
            ),
            *(f"link set node{number} master {_BRIDGE} up" for number in range(len(self.nodes))),
            namespace=centre,
        )
        for number, node in enumerate(self.nodes):
            _ip(
                "link set lo up",
                "link set eth0 up",
                f"addr add {subnet.node(number)}/24 dev eth0",
                f"route add default via {subnet.gateway}",
                *self._pod_routes(subnet, skip=number),
                namespace=self.namespace(node),
            )
        # The API server calls webhooks at Service addresses: the first node turns those into pods' addresses.
        _ip(
            *self._pod_routes(subnet),
            f"route add {SERVICE_RANGE} via {subnet.node(0)}",
            namespace=centre,
        )
        rules.admit(subnet.link, str(subnet.network), self.mark)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        _ip(f"link set {subnet.link} alias '{self._alias('complete')}'")
        return subnet

    def delete(self) -> None:
        """Remove all of it, complete or not; nothing to remove is fine.

        Raises:
            DevclusterError: The interface stays.
        """
        rules.remove(self.mark)
        for name in self.left_namespaces():
            for link in ("uplink", _BRIDGE):
                # Deleting a namespace removes its links some time later; this removes ours now.
                with suppress(DevclusterError):
                    _ip(f"link del {link}", namespace=name)
            _ip(f"netns del {name}")
        deadline = time.monotonic() + _GONE_SECONDS
        while left := self.left_links():
            if time.monotonic() > deadline:
                raise DevclusterError(f"the interface {left[0]} does not go away: `ip link del {left[0]}`")
            time.sleep(_POLL_SECONDS)

        _unmount_if_unused()

    def left_namespaces(self) -> list[str]:
        """Return the names of the cluster's namespaces that exist."""
        # Exact names: one cluster's name may begin like another's.
        known = {self.namespace(machine) for machine in (CONTROL_PLANE, *self.nodes)}
        return sorted(path.name for path in _RUN.glob("edgefleet-*") if path.name in known)

    def left_links(self) -> list[str]:
        """Return the cluster's interfaces on this machine."""
        return [link["ifname"] for link in _links() if (link.get("ifalias") or "").split(" ")[0] == self.mark]

    def _pod_routes(self, subnet: Subnet, skip: int = -1) -> list[str]:
        return [
            f"route add {pod_subnet(number)} via {subnet.node(number)}"
            for number in range(len(self.nodes))
            if number != skip
        ]

    def _link_up(self, preferred: int) -> Subnet:
        """Take a subnet: the one who can make the interface has it."""
        taken = _routed_networks()
        for number in (preferred, *range(_SUBNETS)):
            subnet = Subnet(number)
            if any(subnet.network.overlaps(other) for other in taken):
                continue
            # With its mark from the start: half a network must be found again.
            made = _try_ip(
                f"link add {subnet.link} alias '{self._alias('incomplete')}' type veth "
                f"peer name {_UPLINK} netns {self.namespace(CONTROL_PLANE)}"
            )
            if made == "":
                return subnet
            if "File exists" not in made:
                raise DevclusterError(f"cannot make the network interface {subnet.link}: {made}")
        raise DevclusterError(f"none of the {_SUBNETS} networks 10.213.N.0/24 is free: `ip route` shows who has them")


def _unmount_if_unused() -> None:
    """Take back the mount that the first ``ip netns add`` on a machine makes of the folder, and the empty folder."""
    with suppress(OSError):
        # Not Path.is_mount, which does not see that a folder is mounted on itself.
        mounted = any(line.split()[1] == str(_RUN) for line in Path("/proc/self/mounts").read_text().splitlines())
        if mounted and not any(_RUN.iterdir()):
            # Busy, and then left alone, where somebody adds one at this moment.
            subprocess.run(["umount", str(_RUN)], capture_output=True, check=False)
            _RUN.rmdir()


def _routed_networks() -> list[IPv4Network]:
    routes = json.loads(_output("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    return [IPv4Network(route["dst"]) for route in routes if route["dst"] != "default"]


def _links() -> list[dict[str, str]]:
    # Not JSON's `ip -json link show type veth`, which leaves out what a crash left half made.
    return [link for link in json.loads(_output("ip", "-json", "link", "show") or "[]") if link]


def _ip(*commands: str, namespace: str = "") -> None:
    """Run commands of ip(8), all in one call.

    Raises:
        DevclusterError: One failed.
    """
    if failed := _try_ip(*commands, namespace=namespace):
        raise DevclusterError(f"cannot set up the cluster's network: ip {commands[0]} ...: {failed}")


def _try_ip(*commands: str, namespace: str = "") -> str:
    """Return what ip says; empty when all is well."""
    batch = ["ip", *(["-netns", namespace] if namespace else []), "-batch", "-"]
    done = _run(batch, "\n".join((*commands, "")))
    return "" if done.returncode == 0 else " ".join(done.stderr.split()) or f"exit status {done.returncode}"


def _output(*command: str) -> str:
    done = _run(command)
    if done.returncode != 0:
        raise DevclusterError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


def _run(command: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise DevclusterError(f"no `{command[0]}` on PATH: `apt-get install iproute2 iptables`") from error
