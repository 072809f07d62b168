"""Brings the add-ons onto a cluster: applies them all, then waits for them all."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from edgefleet_devcluster.addons import rollouts
from edgefleet_devcluster.addons.gitserver import Credentials
from edgefleet_devcluster.addons.rendering import MANAGED_BY, MANAGER, MODULES, manifests, outside_resolvers
from edgefleet_devcluster.binaries import modules
from edgefleet_devcluster.binaries.components import component
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.progress import Heartbeat, Say, to_stderr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgefleet_devcluster.addons.rendering import Image, Object
    from edgefleet_devcluster.kubectl import RunKubectl

_POLL_SECONDS = 0.5
_SAY_EVERY_SECONDS = 10.0
_ESTABLISH_SECONDS = 30.0
_ESTABLISH_POLL_SECONDS = 0.1


def install(  # noqa: PLR0913 - only the first two are needed
    kubectl: RunKubectl,
    images: Mapping[str, Image],
    *,
    flux: bool = True,
    repositories: Sequence[str] = ("fleet",),
    say: Say = to_stderr,
    timeout: float = 180.0,
) -> bool:
    """Apply the add-ons and wait until they run; return False if they did already.

    It may be interrupted at any time; the next call goes on from there.

    Args:
        kubectl: Runs kubectl on the cluster, as its administrator.
        images: The images by name, already on the nodes.
        flux: Whether Flux and the Git server are wanted.
        repositories: What the Git server holds, by name.
        say: Where progress goes.
        timeout: Seconds until all must run.

    Raises:
        DevclusterError: Something was refused, or did not come up: the message has the pod and its reason.
    """
    resolvers = outside_resolvers()
    if not resolvers:
        say("add-ons: this machine names no resolver that pods reach: names outside of the cluster will not resolve")
    sources = {name: modules.fetch(component(name).set) for name in MODULES} if flux else {}
    objects = manifests(images, sources, flux=flux, resolvers=resolvers, repositories=repositories)
    if flux:
        # Before the pod that mounts it: a missing Secret is looked for again with growing pauses.
        first = next(number for number, found in enumerate(objects) if found["kind"] != "Namespace")
        objects.insert(first, (Credentials.find(kubectl) or Credentials.generate()).secret())
    apply(kubectl, objects)
    deployments = [
        f"{found['metadata']['namespace']}/{found['metadata']['name']}"
        for found in objects
        if found["kind"] == "Deployment"
    ]
    return wait(kubectl, deployments, say=say, timeout=timeout)


def apply(kubectl: RunKubectl, objects: Sequence[Object]) -> None:
    """Apply objects server-side, those that define kinds first, and wait until these are served.

    Raises:
        DevclusterError: The API server refused; the message has its words.
    """
    definitions = [found for found in objects if found["kind"] == "CustomResourceDefinition"]
    if definitions:
        _apply(kubectl, definitions)
        # A controller that starts earlier gives up on its kinds for ten seconds.
        _establish(kubectl, [found["metadata"]["name"] for found in definitions])
    _apply(kubectl, [found for found in objects if found["kind"] != "CustomResourceDefinition"])


def _establish(kubectl: RunKubectl, names: Sequence[str]) -> None:
    # Not `kubectl wait`: it takes a tenth of a second for each, established or not.
    end = time.monotonic() + _ESTABLISH_SECONDS
    while missing := rollouts.not_established(_get(kubectl, "crd", *names)):
        if time.monotonic() > end:
            raise DevclusterError(f"add-ons: the API server does not serve {', '.join(missing)}: see its log")
        time.sleep(_ESTABLISH_POLL_SECONDS)


def _apply(kubectl: RunKubectl, objects: Sequence[Object]) -> None:
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    # Conflicts are forced: what the add-ons declare is ours, whoever changed it by hand.
    options = ["--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "--filename=-"]
    _run(kubectl, ["apply", *options], document)


def _get(kubectl: RunKubectl, *arguments: str) -> list[Object]:
    found = json.loads(_run(kubectl, ["get", *arguments, "--output=json"]))
    return found.get("items", [found])


def _run(kubectl: RunKubectl, arguments: Sequence[str], stdin: str | None = None) -> str:
    done = kubectl(*arguments, stdin=stdin, check=False, timeout=120.0)
    if done.returncode != 0:
        raise DevclusterError(f"add-ons: kubectl {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def wait(kubectl: RunKubectl, deployments: Sequence[str], *, say: Say = to_stderr, timeout: float = 180.0) -> bool:
    """Wait until Deployments (namespace/name), labelled as ours, run as declared; return False if they did already.

    Raises:
        DevclusterError: One did not; the message has its pod and the reason.
    """
    heartbeat = Heartbeat(say, _SAY_EVERY_SECONDS)
    waiting, waited = list(deployments), False
    while True:
        selector = f"--selector={MANAGED_BY}={MANAGER}"
        troubles = rollouts.troubles(waiting, _get(kubectl, "deployments,pods", "--all-namespaces", selector))
        left = [trouble.deployment for trouble in troubles]
        if len(left) < len(waiting) and heartbeat.elapsed > _POLL_SECONDS:
            ready = ", ".join(name.partition("/")[2] for name in waiting if name not in left)
            say(f"add-ons: {ready} ready after {heartbeat.elapsed:.0f} s")
        waiting = left
        if not waiting:
            return waited
        waited = True
        if heartbeat.elapsed > timeout:
            raise DevclusterError(_failure(kubectl, troubles, timeout))
        heartbeat.beat(lambda: f"add-ons: {heartbeat.elapsed:.0f} s, waiting for " + "; ".join(map(str, troubles)))  # noqa: B023 - called at once
        time.sleep(_POLL_SECONDS)


def _failure(kubectl: RunKubectl, troubles: Sequence[rollouts.Trouble], timeout: float) -> str:
    first = troubles[0]
    look = f"kubectl --namespace={first.namespace} describe " + (f"pod {first.pod}" if first.pod else "deployments,rs")
    return (
        f"add-ons did not come up within {timeout:.0f} s: "
        + "; ".join(f"{trouble}{_evidence(kubectl, trouble)}" for trouble in troubles)
        + f"; see `{look}`, then run the same command again"
    )


def _evidence(kubectl: RunKubectl, trouble: rollouts.Trouble) -> str:
    """Return what a pod's log or the last warning about it adds to the reason."""
    if not trouble.pod:
        return ""
    where = f"--namespace={trouble.namespace}"
    if trouble.crashed:
        for extra in (["--previous"], []):
            done = kubectl("logs", trouble.pod, where, "--tail=1", *extra, check=False)
            if done.returncode == 0 and done.stdout.strip():
                return f", last words: {done.stdout.strip()}"
    done = kubectl(
        "get",
        "events",
        where,
        f"--field-selector=involvedObject.name={trouble.pod},type=Warning",
        "--sort-by=.lastTimestamp",
        "--output=jsonpath={range .items[*]}{.reason}: {.message}{'\\n'}{end}",
        check=False,
    )
    lines = done.stdout.strip().splitlines() if done.returncode == 0 else []
    return f", {lines[-1]}" if lines else ""
