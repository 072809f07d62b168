"""The operator's client of the Kubernetes API. Must not know what controllers do with objects."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp

from edgefleet.adapters.kubernetes import access
from edgefleet.adapters.kubernetes.access import Access, AccessError
from edgefleet.adapters.kubernetes.transport import Limits, Transport
from edgefleet.runtime.errors import ApiError
from edgefleet.runtime.kinds import (
    CONFIG_MAPS,
    EDGE_DEVICES,
    EVENTS,
    LEASES,
    MODEL_VERSIONS,
    ROLLOUT_RINGS,
    SECRETS,
    TRAINING_RUNS,
    Kind,
)
from edgefleet.runtime.ports import Object

__all__ = [
    "CONFIG_MAPS",
    "EDGE_DEVICES",
    "EVENTS",
    "LEASES",
    "MODEL_VERSIONS",
    "ROLLOUT_RINGS",
    "SECRETS",
    "TRAINING_RUNS",
    "AccessError",
    "ApiError",
    "Kind",
    "KubernetesClient",
    "Limits",
    "Page",
]

_PAGE: Final = 500
_MERGE_PATCH: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_APPLY: Final = "application/apply-patch+yaml"  # JSON is YAML
_DEFAULT_LIMITS: Final = Limits()


class Page:
    """A part of a list.

    Attributes:
        objects: in the part.
        version: of the list as a whole: where a watch goes on from.
        following: asks for the next part; empty after the last one.
    """

    __slots__ = ("following", "objects", "version")

    def __init__(self, document: Object) -> None:
        """Read the API's List."""
        self.objects: list[Object] = document.get("items") or []
        self.version: str = document["metadata"].get("resourceVersion", "")
        self.following: str = document["metadata"].get("continue", "")


class KubernetesClient:
    """Requests on objects. Overload and lost connections are waited out for some seconds; then ApiError is raised."""

    def __init__(self, access: Access, limits: Limits = _DEFAULT_LIMITS) -> None:
        """Open it on a running event loop; `aclose` it, or use it as a context."""
        self._transport = Transport(access, limits)

    @classmethod
    async def in_cluster(cls) -> Self:
        """Return a client with the pod's own rights.

        Raises:
            AccessError: this process runs in no pod.
        """
        return cls(access.in_cluster())

    @classmethod
    async def from_kubeconfig(cls, path: Path, context: str | None = None) -> Self:
        """Return a client with the rights of a kubeconfig's user; None: of its selected context.

        Raises:
            AccessError: names what the file lacks.
        """
        return cls(access.from_kubeconfig(path, context))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self.aclose()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Return an object, or None."""
        try:
            return await self._transport.request("GET", path_of(kind, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str | None = None, *, label_selector: str = "") -> list[Object]:
        """Return all objects of a kind, of one namespace or of all.

        The list is of one moment, however many parts it came in.
        """
        while True:
            try:
                return [obj async for page in self.pages(kind, namespace, label_selector) for obj in page.objects]
            except ApiError as error:
                if error.status != 410:  # the moment of the first part is forgotten already
                    raise

    async def pages(self, kind: Kind, namespace: str | None, label_selector: str = "") -> AsyncIterator[Page]:
        """Yield a list in parts of 500.

        No resourceVersion is sent: the first part is then as new as the store. With "0" a server that is behind, or
        another one after a restart, could answer with objects older than what this process saw already, deleted ones
        among them; and would answer unpaged.

        Raises:
            ApiError: 410 in the middle: the list has to be begun anew.
        """
        query = {"limit": str(_PAGE)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            page = Page(await self._transport.request("GET", path_of(kind, namespace), query=query))
            yield page
            if not page.following:
                return
            query["continue"] = page.following

    async def current_version(self, kind: Kind, namespace: str | None) -> str:
        """Return the version that the store is at."""
        document = await self._transport.request("GET", path_of(kind, namespace), query={"limit": "1"})
        return Page(document).version

    def watch(  # noqa: PLR0913 - the API's own parameters
        self, kind: Kind, namespace: str | None, *, version: str, label_selector: str, seconds: int, silence: float
    ) -> AbstractAsyncContextManager[aiohttp.StreamReader]:
        """Open the stream of what changes after a version, bookmarks included: one JSON document a line.

        Args:
            kind: which objects.
            namespace: their namespace; None: all.
            version: of the list, object or bookmark after which changes are wanted.
            label_selector: which of them; empty: all.
            seconds: after which the server ends the stream.
            silence: seconds without a byte after which reading raises `aiohttp.SocketTimeoutError`.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        return self._transport.stream(path_of(kind, namespace), query, silence=silence)

    async def create(self, kind: Kind, namespace: str | None, body: Object) -> Object:
        """Store a new object.

        Raises:
            ApiError: 409 `AlreadyExists`, among others.
        """
        return await self._transport.request("POST", path_of(kind, namespace), body=body)

    async def replace(self, kind: Kind, namespace: str | None, name: str, body: Object) -> Object:
        """Store an object over the one there; with a resourceVersion in it, over exactly that one.

        Raises:
            ApiError: 409 `Conflict` for another resourceVersion, also where this very request was tried twice.
        """
        return await self._transport.request("PUT", path_of(kind, namespace, name), body=body)

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        patch: Object | Sequence[Object],
        *,
        subresource: str = "",
    ) -> Object:
        """Change an object.

        Args:
            kind: its kind.
            namespace: its namespace.
            name: its name.
            patch: an object is a merge patch (RFC 7386), a list a JSON Patch (RFC 6902).
            subresource: such as `status`.

        Raises:
            ApiError: 404 where there is no such object, among others.
        """
        content_type = _JSON_PATCH if isinstance(patch, Sequence) else _MERGE_PATCH
        path = path_of(kind, namespace, name, subresource)
        return await self._transport.request("PATCH", path, body=patch, content_type=content_type)

    async def apply(  # noqa: PLR0913 - the API's own parameters
        self, kind: Kind, namespace: str | None, name: str, body: Object, *, manager: str, force: bool = False
    ) -> Object:
        """Create an object or change those fields of it that this manager owns (server-side apply).

        Args:
            kind: its kind.
            namespace: its namespace.
            name: its name.
            body: the fields, with `apiVersion` and `kind`.
            manager: who owns them.
            force: whether to take fields away from other managers.

        Raises:
            ApiError: 409 `Conflict` where another manager owns a field, among others.
        """
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        path = path_of(kind, namespace, name)
        return await self._transport.request("PATCH", path, query=query, body=body, content_type=_APPLY)

    async def delete(self, kind: Kind, namespace: str | None, name: str, *, uid: str | None = None) -> bool:
        """Delete an object; with a uid, only that one.

        Returns:
            Whether it was there; after a lost connection it may say False for what it deleted itself.
        """
        body = {"apiVersion": "v1", "kind": "DeleteOptions"} | ({"preconditions": {"uid": uid}} if uid else {})
        try:
            await self._transport.request("DELETE", path_of(kind, namespace, name), body=body)
        except ApiError as error:
            if error.status == 404 or (uid and error.status == 409):
                return False
            raise
        return True

    async def replace_status(
        self, kind: Kind, namespace: str, name: str, uid: str, status: dict[str, Any]
    ) -> Object | None:
        """Store an object's whole status, whatever stood there.

        Args:
            kind: its kind.
            namespace: its namespace.
            name: its name.
            uid: of the object that is meant: one of the same name that came after it is left alone.
            status: all of it.

        Returns:
            The object as stored, or None where it is gone.

        Raises:
            ApiError: 422 for a status that the schema forbids, among others.
        """
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            return await self.patch(kind, namespace, name, patch, subresource="status")
        except ApiError as error:
            if error.status == 404:
                return None
            # A failed test and a forbidden status have the same status and reason.
            if error.status != 422 or await self._is_there(kind, namespace, name, uid):
                raise
            return None

    async def _is_there(self, kind: Kind, namespace: str, name: str, uid: str) -> bool:
        found = await self.get(kind, namespace, name)
        return found is not None and found["metadata"]["uid"] == uid


def path_of(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    """Return a resource's path; without a name, that of the whole kind in a namespace or in all."""
    parts = ["/apis", kind.group, kind.version] if kind.group else ["/api", kind.version]
    if kind.namespaced and namespace is not None:
        parts += ["namespaces", quote(namespace, safe="")]
    parts += [kind.plural, *([quote(name, safe="")] if name else []), *([subresource] if subresource else [])]
    return "/".join(parts)
