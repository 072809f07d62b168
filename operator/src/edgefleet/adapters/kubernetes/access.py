"""Where the API server is and how to prove who asks: from the pod's own files, or from a kubeconfig."""

import base64
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# The kubelet renews the file long before its token expires.
_TOKEN_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Access:
    """All that a client has to know.

    Attributes:
        server: the API server's URL.
        tls: trusts the cluster's authority and, where the user has one, shows a client certificate.
        token: returns the bearer token, or None where the certificate is the proof.
        name: the name that the server's certificate has to prove, where it is not the URL's.
    """

    server: str
    tls: ssl.SSLContext
    token: Callable[[], str] | None = None
    name: str | None = None


class AccessError(ValueError):
    """The pod's files or the kubeconfig do not say how to reach an API server; says what is missing."""


class FileToken:
    """A token in a file that someone else renews."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._read_at = float("-inf")
        self._token = ""

    def __call__(self) -> str:
        """Return the token, read again once a minute."""
        now = time.monotonic()
        if now - self._read_at > _TOKEN_SECONDS:
            self._token = self._path.read_text().strip()
            self._read_at = now
        return self._token


def in_cluster(folder: Path = _SERVICE_ACCOUNT, environment: Mapping[str, str] = os.environ) -> Access:
    """Return a pod's own access.

    Raises:
        AccessError: this process runs in no pod, or its pod mounts no service account.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise AccessError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod")
    if not (folder / "token").exists():
        raise AccessError(f"{folder}/token is missing: set automountServiceAccountToken in the pod")
    host = f"[{host}]" if ":" in host else host
    tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    return Access(f"https://{host}:{port}", tls, FileToken(folder / "token"))


def from_kubeconfig(path: Path, context: str | None = None) -> Access:
    """Return the access of one context of a kubeconfig: client certificates and tokens, no credential plugins.

    Args:
        path: the kubeconfig.
        context: its context; None: the selected one.

    Raises:
        AccessError: names what the file lacks.
    """
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    name = context or document.get("current-context") or ""
    chosen = _named(path, document, "contexts", name)["context"]
    cluster = _named(path, document, "clusters", chosen["cluster"])["cluster"]
    user: dict[str, Any] = _named(path, document, "users", chosen["user"])["user"]
    if cluster.get("insecure-skip-tls-verify"):
        raise AccessError(f"{path}: insecure-skip-tls-verify is not supported: name the certificate authority")
    authority = _content(path, cluster, "certificate-authority")
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    certificate, key = _content(path, user, "client-certificate"), _content(path, user, "client-key")
    if certificate and key:
        _load_pair(tls, certificate, key)
    elif "token" not in user and "tokenFile" not in user:
        raise AccessError(f"{path}: user {chosen['user']}: neither a client certificate nor a token")
    return Access(cluster["server"].rstrip("/"), tls, _token(path, user), cluster.get("tls-server-name"))


def _named(path: Path, document: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    for entry in document.get(section) or ():
        if entry["name"] == name:
            return entry
    raise AccessError(f"{path}: {section} has no entry {name!r}")


def _content(path: Path, section: dict[str, Any], field: str) -> bytes:
    """Return what a field holds, in the file itself or in one that it names; empty for nothing."""
    if inline := section.get(f"{field}-data"):
        return base64.b64decode(inline)
    return (path.parent / section[field]).read_bytes() if section.get(field) else b""


def _token(path: Path, user: dict[str, Any]) -> Callable[[], str] | None:
    if file := user.get("tokenFile"):
        return FileToken(path.parent / file)
    token = user.get("token")
    return (lambda: token) if token else None


def _load_pair(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a client certificate; OpenSSL reads it from files only."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(certificate + b"\n" + key)
        tls.load_cert_chain(str(pair))
