"""Reads the fleet from the API server, over one connection that stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import kubernetes  # with edgefleet[cli]
import urllib3.exceptions

from edgefleet.api.meta import GROUP
from edgefleet.api.v1alpha1 import EdgeDevice, ModelVersion, RolloutRing
from edgefleet_demo.snapshots import Snapshot, read_snapshot
from edgefleet_demo.target import FLEET
from edgefleet_devcluster.addons import gitops

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_demo.snapshots import Object

_VERSION: Final = "v1alpha1"
_SYNCS: Final = ("kustomize.toolkit.fluxcd.io", "v1", gitops.NAMESPACE, "kustomizations")
_SECONDS: Final = 10.0
_NOT_FOUND: Final = 404


class Watch:
    """Looks at the fleet, as the user of one kubeconfig."""

    def __init__(self, kubeconfig: Path, context: str, namespace: str = FLEET) -> None:
        """Keep where to look; nothing is asked yet."""
        client = kubernetes.config.new_client_from_config(str(kubeconfig), context)
        self._objects = kubernetes.client.CustomObjectsApi(client)
        self._namespace = namespace

    def look(self) -> Snapshot:
        """Return what there is now; kinds that the cluster does not know yet have no objects.

        Raises:
            ConnectionError: The API server does not answer.
        """
        kinds = (EdgeDevice, RolloutRing, ModelVersion)
        devices, rings, versions = (
            self._list(GROUP, _VERSION, self._namespace, kind.definition.plural) for kind in kinds
        )
        return read_snapshot(devices, rings, versions, self._list(*_SYNCS))

    def _list(self, group: str, version: str, namespace: str, plural: str) -> list[Object]:
        try:
            # From the API server's cache, as controllers list: a look costs etcd nothing.
            found: Any = self._objects.list_namespaced_custom_object(
                group, version, namespace, plural, resource_version="0", _request_timeout=_SECONDS
            )
        except kubernetes.client.ApiException as error:
            if error.status == _NOT_FOUND:
                return []
            raise ConnectionError(f"the API server answers {error.status} {error.reason}") from error
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(f"the API server does not answer: {error}") from error
        return found["items"]
