"""The post-receive hook: asks Flux to look at what was just pushed, instead of at its next interval.

It reads `old new ref` lines on standard input, prints one line for whoever pushes, and never fails: the push is done.
"""  # noqa: INP001 - no package: it runs by itself in the image

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS = 4.0
"""All of it together; whoever pushes waits for us."""
_ANNOTATION = "reconcile.fluxcd.io/requestedAt"
_DEFAULT_BRANCH = "master"
"""Flux's, where a GitRepository names no revision."""


class _ApiError(Exception):
    """The API server refused."""


class _Api:
    """The cluster's API, as the pod's service account."""

    def __init__(self) -> None:
        account = Path(os.environ["SERVE_SERVICE_ACCOUNT"])
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        if not host:
            raise _ApiError("not in a cluster")
        tls = ssl.create_default_context(cafile=str(account / "ca.crt"))
        # Not urllib: a proxy has no place between a pod and its API server.
        self._connection = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=tls)
        self._token = (account / "token").read_text().strip()
        namespace = os.environ["SERVE_FLUX_NAMESPACE"]
        self._path = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories"

    def repositories(self) -> list[dict[str, Any]]:
        """Return every GitRepository of Flux's namespace."""
        return self._ask("GET", self._path)["items"]

    def annotate(self, name: str, value: str) -> None:
        """Change the annotation that Flux answers with a reconciliation."""
        patch = {"metadata": {"annotations": {_ANNOTATION: value}}}
        self._ask("PATCH", f"{self._path}/{name}?fieldManager=git-server", json.dumps(patch))

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/merge-patch+json"}
        self._connection.request(method, path, body=body, headers=headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise _ApiError(f"the API server answered {answer.status} {answer.reason} to {method} gitrepositories")
        return json.loads(content)


def watches(spec: dict[str, Any], repository: str, refs: Iterable[str]) -> bool:
    """Whether a GitRepository of this spec follows one of ``refs`` of our ``repository``."""
    url = urlsplit(spec["url"])
    ours = os.environ["SERVE_HOST"]
    host = (url.hostname or "").rstrip(".")
    if host not in (ours, f"{ours}.svc", f"{ours}.svc.cluster.local") or url.path.strip("/") != repository:
        return False
    reference = spec.get("ref") or {}
    if name := reference.get("name"):
        return name in refs
    if "tag" in reference or "semver" in reference:
        return any(ref.startswith("refs/tags/") for ref in refs)
    return f"refs/heads/{reference.get('branch', _DEFAULT_BRANCH)}" in refs


def ask_flux(repository: str, refs: set[str]) -> str:
    """Ask for every GitRepository that watches; return the line for whoever pushes."""
    api = _Api()
    watching = [found for found in api.repositories() if watches(found["spec"], repository, refs)]
    if not watching:
        return f"Flux watches no {' or '.join(sorted(refs))} of {repository}"
    value = datetime.now(UTC).isoformat()
    asked: list[str] = []
    for found in watching:
        name = found["metadata"]["name"]
        api.annotate(name, value)
        asked.append(f"{name} (suspended)" if found["spec"].get("suspend") else name)
    return f"Flux asked to reconcile {', '.join(asked)}"


def _expire(*_: object) -> None:
    raise TimeoutError(f"no answer within {_SECONDS:.0f} s")


def main() -> None:
    """Read what was pushed, ask, tell."""
    refs = {line.split()[2] for line in sys.stdin}
    signal.signal(signal.SIGALRM, _expire)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        line = ask_flux(Path.cwd().name, refs)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception as error:  # noqa: BLE001 - the push is done: nothing here may look as if it had failed
        detail = str(error) or type(error).__name__
        line = f"Flux was not asked to reconcile ({detail}); it looks by itself at its next interval"
    print(line)


if __name__ == "__main__":
    main()
