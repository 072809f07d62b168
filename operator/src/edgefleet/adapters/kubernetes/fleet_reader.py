"""A user's view of a fleet's objects, with the user's own access, for the command line. Must not write anything."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from edgefleet.adapters.kubernetes.kubeconfig import ClusterError
from edgefleet.runtime.kinds import CONFIG_MAPS, EDGE_DEVICES, MODEL_VERSIONS, ROLLOUT_RINGS, Kind
from edgefleet.runtime.ports import Object

_SECONDS: Final = 30.0
_PAGE: Final = 500
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_KINDS: Final = (ROLLOUT_RINGS, MODEL_VERSIONS, EDGE_DEVICES)


class FleetReader:
    """One context of a kubeconfig."""

    def __init__(self, kubeconfig: Path | None = None, context: str | None = None) -> None:
        """Choose a cluster as kubectl does.

        Args:
            kubeconfig: the file; None: $KUBECONFIG, else ~/.kube/config.
            context: of that file; None: the selected one.

        Raises:
            ClusterError: there is no such file or context, or its credentials cannot be used.
        """
        # Here, because the package takes half a second, which the command line's other verbs need not wait for.
        from kubernetes import client, config  # noqa: PLC0415
        from kubernetes.config.config_exception import ConfigException  # noqa: PLC0415

        path = str(kubeconfig) if kubeconfig else None
        try:
            api = config.new_client_from_config(path, context)
            contexts, selected = cast("tuple[list[Any], Any]", config.list_kube_config_contexts(path))
        except (ConfigException, OSError) as error:
            raise ClusterError(f"kubeconfig: {error}") from None
        self._ours = client.CustomObjectsApi(api)
        self._core = client.CoreV1Api(api)
        chosen = next((each for each in contexts if each["name"] == context), selected)
        self.namespace = str(chosen["context"].get("namespace") or "default")
        """The context's own, as kubectl has it."""

    def read(self, namespace: str | None, class_selector: str) -> list[Object]:
        """Return rings, versions, devices and the ConfigMaps of device classes.

        Args:
            namespace: whose; None: every namespace's.
            class_selector: label selector of the ConfigMaps.

        Raises:
            ClusterError: they are not there, may not be read, or nobody answers.
        """
        found = [each for kind in _KINDS for each in self._list(kind, namespace)]
        return found + list(self._list_maps(namespace, class_selector))

    def _list(self, kind: Kind, namespace: str | None) -> Iterator[Object]:
        names: dict[str, Any] = {"group": kind.group, "version": kind.version, "plural": kind.plural}
        if namespace is None:
            page = partial(self._ours.list_cluster_custom_object, **names)
        else:
            page = partial(self._ours.list_namespaced_custom_object, namespace=namespace, **names)
        more: dict[str, Any] = {}
        while True:
            answer: Any = _ask(kind, namespace, partial(page, limit=_PAGE, **more))
            yield from answer["items"]
            token = answer["metadata"].get("continue")
            if not token:
                return
            more = {"_continue": token}

    def _list_maps(self, namespace: str | None, selector: str) -> Iterator[Object]:
        core = self._core
        if namespace is None:
            ask = partial(core.list_config_map_for_all_namespaces, label_selector=selector)
        else:
            ask = partial(core.list_namespaced_config_map, namespace, label_selector=selector)
        for found in _ask(CONFIG_MAPS, namespace, ask).items:
            meta = found.metadata
            metadata = {"name": meta.name, "namespace": meta.namespace, "labels": dict(meta.labels or {})}
            yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(found.data or {})}


def _ask(kind: Kind, namespace: str | None, ask: Callable[..., Any]) -> Any:
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    where = f"{kind} in {f'namespace {namespace}' if namespace else 'every namespace'}"
    try:
        return ask(_request_timeout=_SECONDS)
    except ApiException as error:
        if error.status == _NOT_FOUND:
            raise ClusterError(f"{where}: no such kind there: are EdgeFleet's CRDs installed?") from None
        hint = ": name one namespace with -n" if error.status == _FORBIDDEN and namespace is None else ""
        raise ClusterError(f"{where}: {error.status} {error.reason}{hint}") from None
    except HTTPError as error:
        raise ClusterError(f"{where}: the cluster does not answer: {error}") from None
