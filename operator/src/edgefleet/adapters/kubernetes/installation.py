"""An installation's Secrets in a cluster: the store that bootstrap completes. Must not know what is in them."""

import base64
from collections.abc import Awaitable
from typing import Final

from edgefleet.adapters.kubernetes.client import SECRETS, ApiError, Kind, KubernetesClient
from edgefleet.api.meta import GROUP
from edgefleet.provisioning.bootstrap import Stored
from edgefleet.provisioning.inventory import Secret
from edgefleet.runtime.ports import Object

_DEPLOYMENTS: Final = Kind("apps", "v1", "deployments")
_RENEWAL: Final = f"{GROUP}/renewal"
"""An annotation: of a Secret, which renewal wrote it; of a pod, which one it was started for."""
_LABELS: Final = {"app.kubernetes.io/part-of": "edgefleet", "app.kubernetes.io/managed-by": "edgefleet-bootstrap"}
_CONFLICT: Final = 409


class Installation:
    """The Secrets and Deployments of one namespace; a `Store`."""

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        """Take a client with the rights to read and write them."""
        self._client = client
        self._namespace = namespace

    async def read(self, name: str, /) -> Stored | None:
        """Return a Secret; None where there is none."""
        found = await self._client.get(SECRETS, self._namespace, name)
        if found is None:
            return None
        metadata = found["metadata"]
        data = {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
        return Stored(data, metadata["resourceVersion"], (metadata.get("annotations") or {}).get(_RENEWAL, ""))

    async def create(self, secret: Secret, /) -> bool:
        """Store a new one; False where there is one now."""
        body: Object = {
            "apiVersion": SECRETS.api_version,
            "kind": "Secret",
            "metadata": {"name": secret.name, "namespace": self._namespace, "labels": _LABELS},
            "type": secret.type,
            "immutable": secret.immutable,
            "data": _encode(secret),
        }
        return await self._unless_conflict(self._client.create(SECRETS, self._namespace, body))

    async def replace(self, secret: Secret, version: str, /) -> bool:
        """Store another content; False where it has changed since `version`."""
        patch: Object = {
            "metadata": {"resourceVersion": version, "annotations": {_RENEWAL: secret.renewal}},
            "data": _encode(secret),
        }
        return await self._unless_conflict(self._client.patch(SECRETS, self._namespace, secret.name, patch))

    async def restart(self, deployment: str, renewal: str, /) -> bool:
        """Let a Deployment's pods be replaced, unless they were started for this renewal."""
        found = await self._client.get(_DEPLOYMENTS, self._namespace, deployment)
        if found is None:
            return False
        template = found["spec"]["template"]["metadata"]
        if (template.get("annotations") or {}).get(_RENEWAL) == renewal:
            return False
        patch: Object = {"spec": {"template": {"metadata": {"annotations": {_RENEWAL: renewal}}}}}
        await self._client.patch(_DEPLOYMENTS, self._namespace, deployment, patch)
        return True

    async def _unless_conflict(self, request: Awaitable[Object]) -> bool:
        try:
            await request
        except ApiError as error:
            if error.status == _CONFLICT:
                return False
            raise
        return True


def _encode(secret: Secret) -> dict[str, str]:
    return {key: base64.b64encode(value).decode("ascii") for key, value in secret.data.items()}
