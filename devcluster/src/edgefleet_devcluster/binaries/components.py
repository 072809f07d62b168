"""The cluster's components: which Go module each comes from and how it is linked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgefleet_devcluster.errors import DevclusterError

# Package data: found the same way in a wheel and in an editable install.
_MODULES = Path(__file__).parent / "pins"


@dataclass(frozen=True)
class GoMod:
    """What is read from a go.mod: the Go version it asks for and the versions it requires."""

    go: tuple[int, ...]
    requires: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> GoMod:
        """Read the ``go`` line and every ``require``, single or in a block."""
        go: tuple[int, ...] = ()
        requires: dict[str, str] = {}
        block = ""
        for raw in text.splitlines():
            words = raw.split("//", 1)[0].split()
            if not words:
                continue
            if words[-1] == "(":
                block = words[0]
            elif words == [")"]:
                block = ""
            elif (not block and words[0] == "require" and len(words) == 3) or (block == "require" and len(words) == 2):
                requires[words[-2]] = words[-1]
            elif not block and words[0] == "go":
                go = go_version(words[1])
        if not go:
            raise DevclusterError("go.mod has no `go` line, so the Go version it needs is unknown")
        return cls(go, requires)


def go_version(text: str) -> tuple[int, ...]:
    """Return the numbers of ``1.24.0``, ``go1.26.8`` or ``go1.27rc1`` (as 1.27); empty if there are none."""
    match = re.search(r"(?:^|go|\s)(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in match.groups() if part) if match else ()


@dataclass(frozen=True)
class ComponentSet:
    """Components that are pinned together by one go.mod; Go files beside it are packages of our own."""

    name: str
    module: str
    """The module whose version is the components' version."""
    ldflags: str
    """Linker flags; ``{version}``, ``{major}`` and ``{minor}`` come from go.mod."""
    directory: Path

    @cached_property
    def go_mod(self) -> GoMod:
        """The parsed go.mod."""
        return GoMod.parse((self.directory / "go.mod").read_text())

    @property
    def version(self) -> str:
        """The version that go.mod pins, with its leading v."""
        try:
            return self.go_mod.requires[self.module]
        except KeyError:
            raise DevclusterError(f"{self.directory / 'go.mod'} does not require {self.module}") from None

    @property
    def link_flags(self) -> str:
        """The linker flags with the version filled in."""
        major, minor = self.version.removeprefix("v").split(".")[:2]
        return self.ldflags.format(version=self.version, major=major, minor=minor)


@dataclass(frozen=True)
class Component:
    """One program of the cluster."""

    name: str
    set: ComponentSet
    package: str


_STAMP = "k8s.io/component-base/version.git"
_KUBERNETES = ComponentSet(
    name="kubernetes",
    module="k8s.io/kubernetes",
    # Without the stamp the API server calls itself v0.0.0, which clients and `kubectl version` refuse to compare.
    ldflags=f"-s -w -X {_STAMP}Version={{version}} -X {_STAMP}Major={{major}} -X {_STAMP}Minor={{minor}}",
    directory=_MODULES / "kubernetes",
)
_ETCD = ComponentSet(name="etcd", module="go.etcd.io/etcd/server/v3", ldflags="-s -w", directory=_MODULES / "etcd")
_COREDNS = ComponentSet(
    name="coredns", module="github.com/coredns/coredns", ldflags="-s -w", directory=_MODULES / "coredns"
)
_HELM = ComponentSet(
    name="helm",
    module="helm.sh/helm/v4",
    ldflags="-s -w -X helm.sh/helm/v4/internal/version.version={version}",
    directory=_MODULES / "helm",
)
_LOCAL_PATH = ComponentSet(
    name="local-path-provisioner",
    module="github.com/rancher/local-path-provisioner",
    ldflags="-s -w -X main.VERSION={version}",
    directory=_MODULES / "local-path-provisioner",
)
_SOURCE_CONTROLLER = ComponentSet(
    name="source-controller",
    module="github.com/fluxcd/source-controller",
    ldflags="-s -w",
    directory=_MODULES / "source-controller",
)
_KUSTOMIZE_CONTROLLER = ComponentSet(
    name="kustomize-controller",
    module="github.com/fluxcd/kustomize-controller",
    ldflags="-s -w",
    directory=_MODULES / "kustomize-controller",
)

COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (
        Component("etcd", _ETCD, "go.etcd.io/etcd/server/v3"),
        Component("etcdctl", _ETCD, "go.etcd.io/etcd/etcdctl/v3"),
        Component("etcdutl", _ETCD, "go.etcd.io/etcd/etcdutl/v3"),
        # First of its set: it compiles what the others share.
        Component("kube-apiserver", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver"),
        Component("kube-controller-manager", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-controller-manager"),
        Component("kube-scheduler", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-scheduler"),
        Component("kube-proxy", _KUBERNETES, "k8s.io/kubernetes/cmd/kube-proxy"),
        Component("kubelet", _KUBERNETES, "k8s.io/kubernetes/cmd/kubelet"),
        Component("kubectl", _KUBERNETES, "k8s.io/kubernetes/cmd/kubectl"),
        # Our own main package, beside its go.mod: it chooses the plugins.
        Component("coredns", _COREDNS, "edgefleet.io/devcluster/coredns"),
        Component("helm", _HELM, "helm.sh/helm/v4/cmd/helm"),
        Component("local-path-provisioner", _LOCAL_PATH, "github.com/rancher/local-path-provisioner"),
        Component("source-controller", _SOURCE_CONTROLLER, "github.com/fluxcd/source-controller"),
        Component("kustomize-controller", _KUSTOMIZE_CONTROLLER, "github.com/fluxcd/kustomize-controller"),
    )
}


def component(name: str) -> Component:
    """Return the component called ``name``.

    Raises:
        DevclusterError: There is none; the message lists those there are.
    """
    try:
        return COMPONENTS[name]
    except KeyError:
        raise DevclusterError(f"no component {name!r}; there are: {', '.join(COMPONENTS)}") from None
