"""EdgeFleet on a cluster: its images, its two charts, and what reaching it from outside takes."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from edgefleet.provisioning import inventory
from edgefleet_demo.errors import DemoError
from edgefleet_demo.places import REPOSITORY
from edgefleet_demo.target import PLATFORM_LABEL
from edgefleet_devcluster import images

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgefleet_demo.target import Target
    from edgefleet_devcluster.progress import Say

NAMESPACE: Final = inventory.PLATFORM_NAMESPACE
RELEASE: Final = "edgefleet"
CRDS_RELEASE: Final = "edgefleet-crds"
BROKER_PORT: Final = 30005
REGISTRY_PORT: Final = 30007
DEPLOYMENTS: Final = (inventory.BROKER, inventory.MODEL_REGISTRY, inventory.OPERATOR)
IMAGES: Final = ("operator", "model-registry", "broker")
_CATALOGUE: Final = REPOSITORY / "images.toml"
_CHARTS: Final = REPOSITORY / "deploy" / "charts"
_HELM_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.2
_INSTALLED: Final = "installed"


@dataclass(frozen=True)
class Endpoints:
    """Where devices and publishers on this machine reach the platform."""

    broker: str
    """host:port"""
    registry: str
    """host:port"""
    registry_name: str
    """What the registry's certificate proves: devices know no addresses in certificates."""


def build_images(say: Say) -> dict[str, images.Image]:
    """Return the platform's images, built now if the cache lacks them."""
    return images.ensure(IMAGES, catalogue=_CATALOGUE, say=say)


def endpoints(target: Target) -> Endpoints:
    """Return where a cluster's platform is reached."""
    name = f"{inventory.MODEL_REGISTRY}.{NAMESPACE}.svc"
    return Endpoints(f"{target.address}:{BROKER_PORT}", f"{target.address}:{REGISTRY_PORT}", name)


def values(target: Target, found: Mapping[str, images.Image], release_key: Path) -> dict[str, Any]:
    """Return the chart's values.

    Args:
        target: The cluster.
        found: The platform's images by name, on its nodes.
        release_key: The public half of the key that signs models, PEM.
    """
    # On our own cluster, only the platform's node has the platform's images.
    selector = {"nodeSelector": {PLATFORM_LABEL: "true"}} if target.machine else {}
    return selector | {
        "externalNames": [target.address],
        "releaseKeys": {"demo": release_key.read_text()},
        "images": {
            "operator": found["operator"].reference,
            "modelRegistry": found["model-registry"].reference,
            "broker": found["broker"].reference,
            "pullPolicy": "Never",
        },
    }


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return what distinguishes an installation from others: the charts and their values."""
    charts = sorted(file for file in _CHARTS.rglob("*") if file.is_file())
    parts = [f"{file.relative_to(_CHARTS)} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in charts]
    return hashlib.sha256(json.dumps([settings, parts], sort_keys=True).encode()).hexdigest()


def install(target: Target, settings: Mapping[str, Any], folder: Path) -> None:
    """Install or upgrade both charts, and wait until the bootstrap Job is done.

    Args:
        target: The cluster.
        settings: The chart's values.
        folder: Where to write them, for whoever wants to see or repeat it, and the fingerprint when it is done.

    Raises:
        DemoError: helm failed, with its words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(dict(settings), sort_keys=False))
    arguments = ("upgrade", "--install", f"--namespace={NAMESPACE}", "--create-namespace")
    # What a helm that was killed left behind, which would refuse to be followed by another one.
    pending = "--selector=owner=helm,status in (pending-install,pending-upgrade,pending-rollback)"
    target.kubectl("delete", "secret", f"--namespace={NAMESPACE}", pending)
    try:
        target.helm(*arguments, CRDS_RELEASE, str(_CHARTS / "edgefleet-crds"), seconds=_HELM_SECONDS)
        target.helm(*arguments, RELEASE, str(_CHARTS / "edgefleet"), f"--values={file}", seconds=_HELM_SECONDS)
    except DemoError as error:
        raise DemoError(f"{error}; {_last_warning(target)}") from error
    (folder / _INSTALLED).write_text(fingerprint(settings))


def uninstall(target: Target) -> None:
    """Remove both charts, and with the namespace all keys and models."""
    for release in (RELEASE, CRDS_RELEASE):
        target.helm("uninstall", release, f"--namespace={NAMESPACE}", "--ignore-not-found", seconds=_HELM_SECONDS)
    target.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=_HELM_SECONDS)


def is_installed(settings: Mapping[str, Any], folder: Path) -> bool:
    """Tell whether `install` finished with these values and these charts."""
    file = folder / _INSTALLED
    return file.exists() and file.read_text() == fingerprint(settings)


def _last_warning(target: Target) -> str:
    """Return what Kubernetes said last of what does not work: helm knows only that it waited in vain."""
    form = "--output=jsonpath={range .items[*]}{.involvedObject.name}: {.message}{'\\n'}{end}"
    where = (f"--namespace={NAMESPACE}", "--field-selector=type=Warning", "--sort-by=.lastTimestamp")
    lines = target.kubectl("get", "events", *where, form, check=False).stdout.strip().splitlines()
    return lines[-1] if lines else f"see `kubectl get pods,events -n {NAMESPACE}`"


def unready(target: Target, found: Mapping[str, images.Image]) -> str:
    """Return which Deployment does not run as it should with these images; empty when all do."""
    listed = target.kubectl("get", "deployments", f"--namespace={NAMESPACE}", "--output=json", check=False)
    items: list[dict[str, Any]] = json.loads(listed.stdout)["items"] if listed.returncode == 0 else []
    deployments = {item["metadata"]["name"]: item for item in items}
    references = {image.reference for image in found.values()}
    for name in DEPLOYMENTS:
        item = deployments.get(name)
        if item is None:
            return f"Deployment {name} is not there"
        pod = item["spec"]["template"]["spec"]
        if {container["image"] for container in pod["containers"]} - references:
            return f"Deployment {name} runs another image"
        status, wanted = item.get("status", {}), item["spec"]["replicas"]
        counts = [status.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "replicas")]
        if status.get("observedGeneration") != item["metadata"]["generation"] or counts != [wanted] * 3:
            return f"Deployment {name} has {status.get('readyReplicas', 0)} of {wanted} pods ready"
    return ""


def kill_operator(target: Target, seconds: float = 60.0) -> None:
    """Kill the operator's pod as a dead node would, and wait until another one is ready.

    Raises:
        DemoError: None became ready in time.
    """
    selector = f"--selector=app.kubernetes.io/name={inventory.OPERATOR}"
    here = f"--namespace={NAMESPACE}"
    before = set(target.kubectl("get", "pods", here, selector, "--output=name").stdout.split())
    target.kubectl("delete", here, *before, "--grace-period=0", "--force")
    end = time.monotonic() + seconds
    ready = (
        "--output=jsonpath={range .items[?(@.status.containerStatuses[0].ready==true)]}pod/{.metadata.name}{'\\n'}{end}"
    )
    while not set(target.kubectl("get", "pods", here, selector, ready).stdout.split()) - before:
        if time.monotonic() > end:
            raise DemoError(f"no new pod of the operator became ready within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)
