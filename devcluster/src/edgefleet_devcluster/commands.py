"""The command lines of the control plane's programs; each runs in the cluster's directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefleet_devcluster.network import LOOPBACK, SERVICE_RANGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgefleet_devcluster.credentials import Credentials

# etcd listens on a Unix socket in the cluster's private directory: it has no passwords, so a TCP port would open the
# cluster to every user of the machine, and would be one more port to race for. The name is relative because a socket's
# path is limited to 107 bytes, and ends in a port because etcd insists on one where it advertises an address.
ETCD_SOCKET = "etcd:0"
_ETCD_URL = f"unix://{ETCD_SOCKET}"
ETCD_PEER_SOCKET = "etcd-peer:0"
_ETCD_PEER_URL = f"unix://{ETCD_PEER_SOCKET}"
_ETCD_QUOTA_BYTES = 8 * 1024**3


def etcd(binary: Path, *, fsync: bool) -> list[str]:
    """Return etcd's command; without ``fsync`` a crash of the machine (not of etcd) may lose data."""
    command = [
        str(binary),
        "--name=devcluster",
        "--data-dir=etcd-data",
        f"--listen-client-urls={_ETCD_URL}",
        f"--advertise-client-urls={_ETCD_URL}",
        f"--listen-peer-urls={_ETCD_PEER_URL}",
        f"--initial-advertise-peer-urls={_ETCD_PEER_URL}",
        f"--initial-cluster=devcluster={_ETCD_PEER_URL}",
        # Kubernetes compacts every five minutes only: a fleet's status updates outgrow the default 2 GiB in between.
        f"--quota-backend-bytes={_ETCD_QUOTA_BYTES}",
        "--log-level=warn",
    ]
    return command if fsync else [*command, "--unsafe-no-fsync"]


def kube_apiserver(binary: Path, credentials: Credentials, *, port: int, address: str) -> list[str]:
    """Return the API server's command: authorization and admission as in a real cluster."""
    return [
        str(binary),
        f"--etcd-servers={_ETCD_URL}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={port}",
        f"--advertise-address={address}",
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


def kube_controller_manager(
    binary: Path, credentials: Credentials, *, kubeconfig: Path, controllers: Sequence[str]
) -> list[str]:
    """Return the controller manager's command, with ``controllers`` alone or all for ``*``."""
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(controllers)}",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={credentials.service_accounts.key}",
        f"--root-ca-file={credentials.authority.certificate}",
        "--secure-port=0",  # nobody asks it anything: one port less
    ]
