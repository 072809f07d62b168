"""The certificates and keys that a control plane's programs and its administrator show each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from edgefleet_devcluster.network import LOOPBACK, SERVICE_ADDRESS
from edgefleet_devcluster.pki import Authority, Pair, Subject

if TYPE_CHECKING:
    from pathlib import Path

_SERVICE_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Credentials:
    """Every pair of files of one control plane; all there once `issue` was called."""

    authority: Pair
    admin: Pair
    serving: Pair
    controller_manager: Pair
    scheduler: Pair
    kubelet_client: Pair
    """With which the API server asks kubelets for logs and shells."""
    service_accounts: Pair

    @classmethod
    def at(cls, directory: Path) -> Self:
        """Return where they are, existing or not."""
        return cls(
            authority=Pair.at(directory, "ca"),
            admin=Pair.at(directory, "admin"),
            serving=Pair.at(directory, "kube-apiserver"),
            controller_manager=Pair.at(directory, "kube-controller-manager"),
            scheduler=Pair.at(directory, "kube-scheduler"),
            kubelet_client=Pair.at(directory, "kube-apiserver-kubelet-client"),
            service_accounts=Pair(directory / "service-account.pub", directory / "service-account.key"),
        )

    @classmethod
    def issue(cls, directory: Path, *, address: str) -> Self:
        """Make those that are missing, end soon or name another address."""
        pairs = cls.at(directory)
        authority = Authority(directory)
        hosts = ("localhost", *_SERVICE_NAMES, LOOPBACK, SERVICE_ADDRESS, address)
        authority.issue(pairs.serving.name, Subject("kube-apiserver", hosts=hosts))
        authority.issue(pairs.admin.name, Subject("admin", groups=("system:masters",)))
        authority.issue(pairs.controller_manager.name, Subject("system:kube-controller-manager"))
        authority.issue(pairs.scheduler.name, Subject("system:kube-scheduler"))
        authority.issue(pairs.kubelet_client.name, Subject("kube-apiserver-kubelet-client", groups=("system:masters",)))
        authority.service_account_key()
        return pairs
