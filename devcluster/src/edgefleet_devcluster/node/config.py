"""The configuration of a node's programs; every path is as the node sees it (see `init`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefleet_devcluster.network import DNS_ADDRESS, POD_RANGE
from edgefleet_devcluster.segment import pod_subnet

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG = "/run/edgefleet"
"""Where the node's configuration is seen."""
BINARIES = "/run/edgefleet-bin"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
VOLUMES = "/var/lib/edgefleet/volumes"
"""Where local volumes are kept."""
PLATFORM_LABEL = "node-role.edgefleet.io/platform"


@dataclass(frozen=True)
class NodeSpec:
    """One of the cluster's nodes."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[str, ...] = ()
    """As ``KEY=VALUE:EFFECT``."""


NODES = (
    NodeSpec("agentnode-raspi1", {PLATFORM_LABEL: "true"}),
    NodeSpec("agentnode-nvidia-jetson", {"gpuAccelerator": "true"}, ("gpuAccelerator=true:NoSchedule",)),
    NodeSpec("agentnode-coral-tpu1", {"tpuAccelerator": "true"}),
    NodeSpec("agentnode-coral-tpu2", {"tpuAccelerator": "true"}),
)
"""The first is the platform: the cluster's own pods run there."""


def containerd(pause_image: str) -> str:
    """Return containerd's configuration."""
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE runc cannot lower a score and dies trying.
  restrict_oom_score_adj = true
  disable_tcp_service = true
  stream_server_port = "0"
  sandbox_image = "{pause_image}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{CONFIG}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    # Images come from this machine: what is unpacked need not be kept a second time.
    discard_unpacked_layers = true
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
"""


def pod_network(number: int) -> str:
    """Return the CNI configuration of the node with this number.

    Every pod has a link of its own to the node and no bridge: what pods send each other passes the node's packet
    filter, so Services work without br_netfilter. Addresses are kept under /run, so they are free again after a crash.
    """
    return _document(
        {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "ptp",
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni",
                        "ranges": [[{"subnet": pod_subnet(number)}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }
    )


def kubelet(spec: NodeSpec, *, cgroup: str) -> str:
    """Return the kubelet's configuration.

    Args:
        spec: The node.
        cgroup: The group under which its pods run.
    """
    return _document(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{CONFIG}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "clusterDNS": [DNS_ADDRESS],
            "clusterDomain": "cluster.local",
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            # The machine's disk and memory are shared with much that is not ours: only the brink counts.
            # What died because the machine was stopped, or comes up before what it calls, is soon well again. The
            # default, up to five minutes between two attempts, would be the longest wait of every test.
            "crashLoopBackOff": {"maxContainerRestartPeriod": "5s"},
            "featureGates": {"KubeletCrashLoopBackOffMax": True},
            "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
            "failCgroupV1": False,
            "failSwapOn": False,
            # Nothing could be fetched again: images come by `load-image`.
            "imageGCHighThresholdPercent": 100,
            # After a start a node is ready a moment after it first says that it is not.
            "nodeStatusUpdateFrequency": "3s",
            "registerWithTaints": [_taint(taint) for taint in spec.taints],
            "resolvConf": f"{CONFIG}/resolv.conf",
            "tlsCertFile": f"{CONFIG}/node.crt",
            "tlsPrivateKeyFile": f"{CONFIG}/node.key",
            "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        }
    )


def kube_proxy(spec: NodeSpec) -> str:
    """Return kube-proxy's configuration."""
    return _document(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": f"{CONFIG}/kube-proxy.kubeconfig"},
            "clusterCIDR": POD_RANGE,
            # The table of connections has one size for the whole machine, which only its owner may change.
            "conntrack": {"maxPerCore": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
            "hostnameOverride": spec.name,
            "iptables": {"minSyncPeriod": "100ms"},
            "metricsBindAddress": "",
            "mode": "iptables",
        }
    )


def _taint(text: str) -> dict[str, str]:
    key, _, rest = text.partition("=")
    value, _, effect = rest.partition(":")
    return {"key": key, "value": value, "effect": effect}


def _document(content: dict[str, object]) -> str:
    """Return JSON, which is YAML too."""
    return json.dumps(content, indent=2) + "\n"
