"""What has Flux apply a folder of a repository on the cluster's Git server."""

from __future__ import annotations

import yaml

from edgefleet_devcluster.addons import gitserver

NAMESPACE = "flux-system"


def watch(  # noqa: PLR0913 - the fields of two objects; all but two have a default
    repository: str,
    path: str,
    *,
    branch: str = "main",
    name: str | None = None,
    interval: str = "1m",
    wait: bool = False,
    timeout: str = "2m",
) -> str:
    """Return the YAML of a GitRepository and a Kustomization.

    A push reaches Flux at once, through the Git server's hook; ``interval`` is for what happens on the cluster.

    Args:
        repository: The repository's name on the Git server; the GitRepository is called so too.
        path: The folder to apply.
        branch: The branch to follow.
        name: The Kustomization's name; by default the repository's. It must not be one that the folder declares.
        interval: How often the cluster is compared with the repository without a push.
        wait: Whether the Kustomization is ready only when all that it applied is.
        timeout: How long that and each operation may take.
    """
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": repository, "namespace": NAMESPACE},
        "spec": {
            "url": gitserver.address(repository),
            "ref": {"branch": branch},
            "interval": interval,
            "timeout": "20s",
        },
    }
    kustomization = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name or repository, "namespace": NAMESPACE},
        "spec": {
            "sourceRef": {"kind": "GitRepository", "name": repository},
            "path": path,
            "interval": interval,
            "retryInterval": "5s",
            "timeout": timeout,
            "prune": True,
            "wait": wait,
        },
    }
    return yaml.safe_dump_all([source, kustomization], sort_keys=False)
