"""The command lines of the control plane's programs; each runs in the cluster's directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefleet_devcluster.network import POD_RANGE, SERVICE_RANGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgefleet_devcluster.control_plane.credentials import Credentials
    from edgefleet_devcluster.control_plane.place import Place

# etcd listens on a Unix socket in the cluster's private directory: it has no passwords, so a TCP port would open the
# cluster to every user of the machine, and would be one more port to race for. The name is relative because a socket's
# path is limited to 107 bytes, and ends in a port because etcd insists on one where it advertises an address.
ETCD_SOCKET = "etcd:0"
ETCD_URL = f"unix://{ETCD_SOCKET}"
ETCD_PEER_SOCKET = "etcd-peer:0"
ETCD_PEER_URL = f"unix://{ETCD_PEER_SOCKET}"
ETCD_DATA = "etcd-data"
# Also what a restored snapshot has to be told.
ETCD_MEMBER = (
    "--name=devcluster",
    f"--initial-cluster=devcluster={ETCD_PEER_URL}",
    f"--initial-advertise-peer-urls={ETCD_PEER_URL}",
)
_ETCD_QUOTA_BYTES = 8 * 1024**3


def etcd(binary: Path, *, fsync: bool) -> list[str]:
    """Return etcd's command; without ``fsync`` a crash of the machine (not of etcd) may lose data."""
    command = [
        str(binary),
        *ETCD_MEMBER,
        f"--data-dir={ETCD_DATA}",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        f"--listen-peer-urls={ETCD_PEER_URL}",
        # Kubernetes compacts every five minutes only: a fleet's status updates outgrow the default 2 GiB in between.
        f"--quota-backend-bytes={_ETCD_QUOTA_BYTES}",
        "--log-level=warn",
    ]
    return command if fsync else [*command, "--unsafe-no-fsync"]


def kube_apiserver(binary: Path, credentials: Credentials, *, place: Place, port: int, advertised: str) -> list[str]:
    """Return the API server's command: authorization and admission as in a real cluster."""
    command = [
        str(binary),
        f"--etcd-servers={ETCD_URL}",
        f"--bind-address={place.address}",
        f"--secure-port={port}",
        f"--advertise-address={advertised}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--client-ca-file={credentials.authority.certificate}",
        f"--tls-cert-file={credentials.serving.certificate}",
        f"--tls-private-key-file={credentials.serving.key}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={credentials.service_accounts.certificate}",
        f"--service-account-signing-key-file={credentials.service_accounts.key}",
    ]
    if not place.has_nodes:
        return command
    return [
        *command,
        # A node's name means nothing to this machine's resolver.
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={credentials.authority.certificate}",
        f"--kubelet-client-certificate={credentials.kubelet_client.certificate}",
        f"--kubelet-client-key={credentials.kubelet_client.key}",
    ]


def kube_controller_manager(
    binary: Path, credentials: Credentials, *, kubeconfig: Path, controllers: Sequence[str]
) -> list[str]:
    """Return the controller manager's command, with ``controllers`` alone or all for ``*``."""
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(controllers)}",
        # Each of its 40 controllers first gets an account and a token of its own.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={credentials.service_accounts.key}",
        f"--root-ca-file={credentials.authority.certificate}",
        f"--cluster-signing-cert-file={credentials.authority.certificate}",
        f"--cluster-signing-key-file={credentials.authority.key}",
        f"--cluster-cidr={POD_RANGE}",
        "--allocate-node-cidrs=false",  # a node has its subnet from its number
        "--secure-port=0",  # nobody asks it anything: one port less
    ]


def kube_scheduler(binary: Path, *, kubeconfig: Path) -> list[str]:
    """Return the scheduler's command."""
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
