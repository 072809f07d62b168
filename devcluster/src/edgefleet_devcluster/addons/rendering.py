"""The add-ons' objects, from the YAML files beside this one and from what Flux ships in its Go modules."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Object = dict[str, Any]
"""A Kubernetes object."""

MANAGER = "devcluster"
MANAGED_BY = "app.kubernetes.io/managed-by"
ADDON = "edgefleet.io/addon"
_CONFIG_DIGEST = "edgefleet.io/config"

_FILES = Path(__file__).parent
# Written in C where PyYAML was built with it: Flux's CRDs take a second otherwise.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FLUX_CONTROLLERS = {"source-controller": "source-", "kustomize-controller": "kustomize-"}
"""With the prefix that Flux's own config/rbac/kustomization.yaml gives to its roles."""


class Image(Protocol):
    """An image that the nodes have."""

    @property
    def reference(self) -> str:
        """Its full name."""
        ...


MODULES = tuple(_FLUX_CONTROLLERS)
"""The components whose Go modules' directories are needed for Flux."""
_CORE = ("coredns", "local-path")
_FLUX = ("flux", "git-server")


def image_names(*, flux: bool = True) -> list[str]:
    """Return the names of the images that the add-ons' pods are made of."""
    objects = _declared(flux=flux)
    pods = [found["spec"]["template"] for found in objects if found["kind"] == "Deployment"]
    pods.append(_load(_named(objects, "ConfigMap", "local-path-config")["data"]["helperPod.yaml"])[0])
    return sorted({container["image"] for pod in pods for container in pod["spec"]["containers"]})


def namespaces(*, flux: bool = True) -> list[str]:
    """Return the namespaces that the add-ons' pods run in."""
    return sorted({found["metadata"]["namespace"] for found in _declared(flux=flux) if found["kind"] == "Deployment"})


def _declared(*, flux: bool) -> list[Object]:
    return [found for name in _names(flux=flux) for found in _read(name)]


def _names(*, flux: bool) -> tuple[str, ...]:
    return _CORE + _FLUX if flux else _CORE


def _read(name: str) -> list[Object]:
    return _load((_FILES / f"{name}.yaml").read_text())


def manifests(
    images: Mapping[str, Image],
    modules: Mapping[str, Path],
    *,
    flux: bool = True,
    resolvers: Sequence[str] = (),
    repositories: Sequence[str] = ("fleet",),
) -> list[Object]:
    """Return every object of the add-ons, each after those it needs.

    Args:
        images: The images by name.
        modules: The directories of the Go modules of ``MODULES``; without Flux, none is needed.
        flux: Whether Flux and the Git server that it watches are wanted, besides name resolution and storage.
        resolvers: Who answers for names outside of the cluster; without any, such names do not resolve.
        repositories: What the Git server holds, by name.

    Raises:
        DevclusterError: An image or a module is missing.
    """
    objects: list[Object] = []
    for name in _names(flux=flux):
        own = _read(name)
        if name == "coredns":
            _named(own, "ConfigMap", "coredns")["data"]["Corefile"] = corefile(resolvers)
        elif name == "local-path":
            _finish_helper(_named(own, "ConfigMap", "local-path-config"), images)
        elif name == "flux":
            own += _from_modules(modules)
        else:
            _name_repositories(_named(own, "Deployment", "git-server"), repositories)
        _finish(own, name, images)
        objects += own
    # Stable, so that otherwise the order stays.
    return sorted(objects, key=lambda found: found["kind"] != "Namespace")


def outside_resolvers(*files: Path) -> list[str]:
    """Return the name servers of the first ``resolv.conf`` that names some which pods reach.

    One on the loopback address, as systemd's stub, is this machine's only: in a pod it would be the pod itself.
    """
    for file in files or (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        try:
            lines = file.read_text().splitlines()
        except OSError:
            continue
        words = [line.split() for line in lines if line.startswith("nameserver")]
        found = [name[1] for name in words if len(name) > 1 and not _is_local(name[1])]
        if found:
            return found
    return []


def _is_local(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    return parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified


def corefile(resolvers: Sequence[str]) -> str:
    """Return CoreDNS's configuration."""
    outside = [f"    forward . {' '.join(resolvers)}", "    loop"] if resolvers else []
    return "\n".join(
        [
            ".:1053 {",
            "    errors",
            "    health :8080 {",
            "        lameduck 1s",
            "    }",
            "    ready :8181",
            "    kubernetes cluster.local in-addr.arpa ip6.arpa {",
            "        fallthrough in-addr.arpa ip6.arpa",
            "    }",
            "    prometheus :9153",
            *outside,
            # What it knows itself is not cached: a Service that was just made must not stay unknown.
            "    cache 30 {",
            "        disable success cluster.local",
            "        disable denial cluster.local",
            "    }",
            "    loadbalance",
            "}",
            "",
        ]
    )


def _load(text: str) -> list[Object]:
    return [found for found in yaml.load_all(text, Loader=_LOADER) if found]


def _named(objects: Iterable[Object], kind: str, name: str) -> Object:
    return next(found for found in objects if (found["kind"], found["metadata"]["name"]) == (kind, name))


def _reference(images: Mapping[str, Image], name: str) -> str:
    if name not in images:
        raise DevclusterError(
            f"the add-ons need the image {name!r}, which was not built; there are: {', '.join(images)}"
        )
    return images[name].reference


def _finish_helper(config: Object, images: Mapping[str, Image]) -> None:
    """Set the image of the pod that makes volumes, which is text in a ConfigMap."""
    pod: Object = _load(config["data"]["helperPod.yaml"])[0]
    for container in pod["spec"]["containers"]:
        container["image"] = _reference(images, container["image"])
    config["data"]["helperPod.yaml"] = json.dumps(pod, indent=2)


def _name_repositories(deployment: Object, repositories: Sequence[str]) -> None:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["args"] = list(repositories)
    container["readinessProbe"]["httpGet"]["path"] = f"/{repositories[0]}.git/info/refs?service=git-upload-pack"


def _from_modules(modules: Mapping[str, Path]) -> Iterator[Object]:
    """Yield the CRDs and roles of Flux's controllers, as their own kustomizations would make them."""
    for controller, prefix in _FLUX_CONTROLLERS.items():
        if controller not in modules:
            raise DevclusterError(f"the add-ons need the Go module of {controller}, which was not given")
        config = modules[controller] / "config"
        definitions = sorted((config / "crd" / "bases").glob("*.yaml"))
        if not definitions:
            raise DevclusterError(f"{config} holds no CRDs of {controller}: download its Go module again")
        for file in definitions:
            yield from _load(file.read_text())
        for name in ("role.yaml", "role_binding.yaml", "cluster_role_binding.yaml"):
            if (file := config / "rbac" / name).exists():
                yield from (_adopted(found, controller, prefix) for found in _load(file.read_text()))


def _adopted(found: Object, controller: str, prefix: str) -> Object:
    """Give a role or binding the controller's name and service account."""
    found["metadata"]["name"] = prefix + found["metadata"]["name"]
    if "roleRef" in found:
        if found["roleRef"]["name"] != "cluster-admin":
            found["roleRef"]["name"] = prefix + found["roleRef"]["name"]
        found["subjects"] = [{"kind": "ServiceAccount", "name": controller, "namespace": "flux-system"}]
    return found


def _finish(objects: list[Object], addon: str, images: Mapping[str, Image]) -> None:
    """Label everything, set the images, and have pods restart when their configuration changes."""
    configurations = [found["data"] for found in objects if found["kind"] == "ConfigMap"]
    digest = hashlib.sha256(json.dumps(configurations, sort_keys=True).encode()).hexdigest()[:16]
    for found in objects:
        _label(found["metadata"], addon)
        if found["kind"] == "Deployment":
            template = found["spec"]["template"]
            _label(template["metadata"], addon)
            if configurations:
                template["metadata"].setdefault("annotations", {})[_CONFIG_DIGEST] = digest
            for container in template["spec"]["containers"]:
                container["image"] = _reference(images, container["image"])


def _label(metadata: Object, addon: str) -> None:
    metadata.setdefault("labels", {}).update({MANAGED_BY: MANAGER, ADDON: addon})
