"""A user's own access to a cluster, credential plugins included, for the command line. Too heavy for the operator."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_SECONDS: Final = 15.0
_NOT_FOUND: Final = 404


class ClusterError(Exception):
    """The cluster did not give what was asked for, in words for the person who asked."""


class UserCluster:
    """What a user may read of one cluster."""

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

        try:
            api = config.new_client_from_config(str(kubeconfig) if kubeconfig else None, context)
        except (ConfigException, OSError) as error:
            raise ClusterError(f"kubeconfig: {error}") from None
        self._core = client.CoreV1Api(api)

    def read_secret(self, namespace: str, name: str) -> dict[str, bytes]:
        """Return a Secret's content.

        Raises:
            ClusterError: it is not there, may not be read, or nobody answers.
        """
        found = self._read(self._core.read_namespaced_secret, "Secret", namespace, name)
        return {key: base64.b64decode(value) for key, value in (found.data or {}).items()}

    def read_config_map(self, namespace: str, name: str) -> dict[str, str]:
        """Return a ConfigMap's content.

        Raises:
            ClusterError: it is not there, may not be read, or nobody answers.
        """
        return dict(self._read(self._core.read_namespaced_config_map, "ConfigMap", namespace, name).data or {})

    @staticmethod
    def _read(read: Callable[..., Any], kind: str, namespace: str, name: str) -> Any:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        where = f"{kind} {namespace}/{name}"
        try:
            return read(name, namespace, _request_timeout=_SECONDS)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                raise ClusterError(f"{where} is not there: is EdgeFleet installed in this namespace?") from None
            raise ClusterError(f"{where}: {error.status} {error.reason}") from None
        except HTTPError as error:
            raise ClusterError(f"{where}: the cluster does not answer: {error}") from None
