from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet_devcluster import addons, network
from edgefleet_devcluster.addons import rendering
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from pathlib import Path

    Object = dict[str, Any]

CRD = """\
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {plural}.{group}
"""
ROLE = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: manager-role
rules: []
"""
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {name}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {role}
subjects:
- kind: ServiceAccount
  name: default
  namespace: system
"""


@dataclass(frozen=True)
class Image:
    reference: str


IMAGES = {name: Image(f"localhost/edgefleet/{name}:0123456789abcdef") for name in addons.image_names()}


def module(directory: Path, group: str, plurals: list[str], *, administrator: bool) -> Path:
    """Lay out a Go module's config folder as Flux's controllers have it."""
    (directory / "config" / "crd" / "bases").mkdir(parents=True)
    (directory / "config" / "rbac").mkdir()
    for plural in plurals:
        file = directory / "config" / "crd" / "bases" / f"{group}_{plural}.yaml"
        file.write_text(CRD.format(plural=plural, group=group))
    rbac = directory / "config" / "rbac"
    (rbac / "role.yaml").write_text(ROLE)
    (rbac / "role_binding.yaml").write_text(BINDING.format(name="manager-rolebinding", role="manager-role"))
    (rbac / "leader_election_role.yaml").write_text(ROLE.replace("manager-role", "leader-election-role"))
    if administrator:
        binding = BINDING.format(name="cluster-reconciler", role="cluster-admin")
        (rbac / "cluster_role_binding.yaml").write_text(binding)
    return directory


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("modules")
    sources = ["buckets", "gitrepositories"]
    return {
        "source-controller": module(root / "s", "source.toolkit.fluxcd.io", sources, administrator=False),
        "kustomize-controller": module(
            root / "k", "kustomize.toolkit.fluxcd.io", ["kustomizations"], administrator=True
        ),
    }


@pytest.fixture(scope="module")
def objects(modules: dict[str, Path]) -> list[Object]:
    return addons.manifests(IMAGES, modules, resolvers=["192.0.2.53"])


def of(objects: list[Object], kind: str) -> list[Object]:
    return [found for found in objects if found["kind"] == kind]


def named(objects: list[Object], kind: str, name: str) -> Object:
    return next(found for found in of(objects, kind) if found["metadata"]["name"] == name)


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return the pod specs by name, the one that makes volumes included."""
    found = {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in of(objects, "Deployment")}
    helper = named(objects, "ConfigMap", "local-path-config")["data"]["helperPod.yaml"]
    return found | {"helper-pod": json.loads(helper)["spec"]}


DEPLOYMENTS = ["coredns", "local-path-provisioner", "source-controller", "kustomize-controller", "git-server"]
PODS = [*DEPLOYMENTS, "helper-pod"]


def test_these_are_all(objects: list[Object]) -> None:
    assert sorted(pods(objects)) == sorted(PODS)


@pytest.mark.parametrize("name", PODS)
def test_no_container_can_do_more_than_it_must(objects: list[Object], name: str) -> None:
    pod = pods(objects)[name]
    for container in pod["containers"]:
        security = pod.get("securityContext", {}) | container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"]["drop"] == ["ALL"]
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "privileged" not in security
        if name == "helper-pod":
            assert set(security["capabilities"]["add"]) == {"DAC_OVERRIDE", "FOWNER"}, "it makes and removes folders"
        else:
            assert security["runAsNonRoot"] is True
            assert security["runAsUser"] == 65532
            assert "add" not in security["capabilities"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert not any("hostPath" in volume for volume in pod.get("volumes", []))


@pytest.mark.parametrize("name", PODS)
def test_images_are_those_of_the_nodes_and_none_is_pulled(objects: list[Object], name: str) -> None:
    for container in pods(objects)[name]["containers"]:
        assert container["image"] in {image.reference for image in IMAGES.values()}
        assert container["imagePullPolicy"] == "Never"


@pytest.mark.parametrize("name", PODS)
def test_resources_are_asked_for_and_memory_is_bounded(objects: list[Object], name: str) -> None:
    for container in pods(objects)[name]["containers"]:
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_everything_runs_on_the_platform_node(objects: list[Object], name: str) -> None:
    assert pods(objects)[name]["nodeSelector"] == {"node-role.edgefleet.io/platform": "true"}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_readiness_is_seen_within_two_seconds_and_a_busy_machine_kills_nothing(
    objects: list[Object], name: str
) -> None:
    for container in pods(objects)[name]["containers"]:
        if name == "local-path-provisioner":
            assert "readinessProbe" not in container, "it serves nothing"
            continue
        ready, live = container["readinessProbe"], container["livenessProbe"]
        assert ready["periodSeconds"] <= 2
        assert not {"initialDelaySeconds"} & (ready.keys() | live.keys())
        assert live["periodSeconds"] * live["failureThreshold"] >= 60


@pytest.mark.parametrize("name", PODS)
def test_no_service_leaks_into_the_environment(objects: list[Object], name: str) -> None:
    """A Service called git-server would set GIT_SERVER_PORT=tcp://... in every pod of its namespace."""
    assert pods(objects)[name]["enableServiceLinks"] is False


def test_selectors_and_ports_lead_to_pods(objects: list[Object]) -> None:
    templates = [one["spec"]["template"] for one in of(objects, "Deployment")]
    for deployment in of(objects, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for service in of(objects, "Service"):
        selector = service["spec"]["selector"].items()
        (template,) = [one for one in templates if selector <= one["metadata"]["labels"].items()]
        ports = {port["name"] for container in template["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_volume_is_there_and_mounted(objects: list[Object], name: str) -> None:
    pod = pods(objects)[name]
    mounted = {mount["name"] for container in pod["containers"] for mount in container.get("volumeMounts", [])}
    assert mounted == {volume["name"] for volume in pod.get("volumes", [])}


def test_every_service_account_exists(objects: list[Object]) -> None:
    accounts = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in of(objects, "ServiceAccount")}
    for deployment in of(objects, "Deployment"):
        name = deployment["spec"]["template"]["spec"]["serviceAccountName"]
        assert (deployment["metadata"]["namespace"], name) in accounts
    for binding in [*of(objects, "ClusterRoleBinding"), *of(objects, "RoleBinding")]:
        for subject in binding["subjects"]:
            assert (subject["namespace"], subject["name"]) in accounts


def test_namespaces_come_first_and_each_object_once(objects: list[Object]) -> None:
    kinds = [found["kind"] for found in objects]
    assert set(kinds[: kinds.count("Namespace")]) == {"Namespace"}
    keys = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
    assert len(keys) == len(set(keys))
    declared = {one["metadata"]["name"] for one in of(objects, "Namespace")} | {"kube-system"}
    assert {one["metadata"]["namespace"] for one in objects if "namespace" in one["metadata"]} <= declared
    assert set(addons.namespaces()) <= declared


def test_everything_says_whose_it_is(objects: list[Object]) -> None:
    for found in objects:
        assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "devcluster"
        assert found["metadata"]["labels"]["edgefleet.io/addon"] in {"coredns", "local-path", "flux", "git-server"}


def test_namespaces_admit_restricted_pods_only_where_none_needs_more(objects: list[Object]) -> None:
    enforced = {
        one["metadata"]["name"]: one["metadata"]["labels"].get("pod-security.kubernetes.io/enforce")
        for one in of(objects, "Namespace")
    }
    assert enforced == {"flux-system": "restricted", "git": "restricted", "local-path-storage": None}


def test_flux_has_its_own_kinds_and_roles(objects: list[Object]) -> None:
    assert {one["metadata"]["name"] for one in of(objects, "CustomResourceDefinition")} == {
        "buckets.source.toolkit.fluxcd.io",
        "gitrepositories.source.toolkit.fluxcd.io",
        "kustomizations.kustomize.toolkit.fluxcd.io",
    }
    bound = {
        one["metadata"]["name"]: (one["roleRef"]["name"], one["subjects"][0]["name"])
        for one in of(objects, "ClusterRoleBinding")
        if one["metadata"]["labels"]["edgefleet.io/addon"] == "flux"
    }
    assert bound == {
        "source-manager-rolebinding": ("source-manager-role", "source-controller"),
        "kustomize-manager-rolebinding": ("kustomize-manager-role", "kustomize-controller"),
        "kustomize-cluster-reconciler": ("cluster-admin", "kustomize-controller"),
    }
    roles = {one["metadata"]["name"] for one in of(objects, "ClusterRole")}
    assert {"source-manager-role", "kustomize-manager-role"} <= roles


def test_the_git_server_may_only_ask_flux(objects: list[Object]) -> None:
    role = named(objects, "Role", "git-server")
    assert role["metadata"]["namespace"] == "flux-system"
    (rule,) = role["rules"]
    assert (rule["resources"], rule["verbs"]) == (["gitrepositories"], ["get", "list", "patch"])
    bindings = [*of(objects, "RoleBinding"), *of(objects, "ClusterRoleBinding")]
    mine = [one for one in bindings if one["subjects"][0]["name"] == "git-server"]
    assert [one["kind"] for one in mine] == ["RoleBinding"]


def test_the_git_server_serves_the_repositories_it_is_told(modules: dict[str, Path]) -> None:
    made = addons.manifests(IMAGES, modules, repositories=["plant", "fleet"])
    (container,) = pods(made)["git-server"]["containers"]
    assert container["args"] == ["plant", "fleet"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/plant.git/info/refs?service=git-upload-pack"


def test_dns_is_where_pods_look_for_it(objects: list[Object]) -> None:
    address = named(objects, "Service", "kube-dns")["spec"]["clusterIP"]
    assert address == network.DNS_ADDRESS
    assert ipaddress.ip_address(address) in ipaddress.ip_network(network.SERVICE_RANGE)


def test_volumes_are_made_by_default_and_where_the_pod_runs(objects: list[Object]) -> None:
    (found,) = of(objects, "StorageClass")
    assert found["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert (found["volumeBindingMode"], found["reclaimPolicy"]) == ("WaitForFirstConsumer", "Delete")
    config = json.loads(named(objects, "ConfigMap", "local-path-config")["data"]["config.json"])
    assert config["nodePathMap"][0]["paths"] == ["/var/lib/edgefleet/volumes"]


def test_without_flux_neither_its_modules_nor_its_images_are_needed() -> None:
    names = addons.image_names(flux=False)
    made = addons.manifests({name: IMAGES[name] for name in names}, {}, flux=False)
    assert sorted(pods(made)) == ["coredns", "helper-pod", "local-path-provisioner"]
    assert addons.namespaces(flux=False) == ["kube-system", "local-path-storage"]


def test_what_is_missing_is_named(modules: dict[str, Path], tmp_path: Path) -> None:
    images = {name: image for name, image in IMAGES.items() if name != "coredns"}
    with pytest.raises(DevclusterError, match="image 'coredns', which was not built"):
        addons.manifests(images, modules)
    with pytest.raises(DevclusterError, match="Go module of source-controller"):
        addons.manifests(IMAGES, {})
    with pytest.raises(DevclusterError, match="no CRDs of source-controller"):
        addons.manifests(IMAGES, modules | {"source-controller": tmp_path})


def test_names_outside_go_to_the_machine_s_resolvers() -> None:
    text = rendering.corefile(["192.0.2.53", "2001:db8::53"])
    assert "    forward . 192.0.2.53 2001:db8::53\n    loop\n" in text
    assert text.count("{") == text.count("}")


def test_without_resolvers_nothing_is_forwarded() -> None:
    """CoreDNS refuses to start with a `forward` that leads nowhere."""
    assert not {"forward", "loop"} & set(rendering.corefile([]).split())


def test_pods_restart_when_their_configuration_changes(modules: dict[str, Path]) -> None:
    def annotations(resolvers: list[str]) -> dict[str, Any]:
        made = addons.manifests(IMAGES, modules, resolvers=resolvers)
        return {
            one["metadata"]["name"]: one["spec"]["template"]["metadata"].get("annotations")
            for one in of(made, "Deployment")
        }

    first, same, other = annotations(["192.0.2.1"]), annotations(["192.0.2.1"]), annotations(["192.0.2.2"])
    assert first == same
    assert first["coredns"] != other["coredns"]
    assert first["local-path-provisioner"] == other["local-path-provisioner"] is not None


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["nameserver 192.0.2.1\nnameserver 192.0.2.2\n"], ["192.0.2.1", "192.0.2.2"]),
        (["nameserver 127.0.0.53\nnameserver 192.0.2.1\n"], ["192.0.2.1"]),
        (["nameserver 127.0.0.53\n", "nameserver 192.0.2.1\n"], ["192.0.2.1"]),
        (["# nameserver 192.0.2.1\noptions edns0\nnameserver\n"], []),
        (["nameserver ::1\nnameserver fe80::1%eth0\nnameserver 0.0.0.0\nnameserver resolver\n"], []),
        (["nameserver 2001:db8::1\n"], ["2001:db8::1"]),
        ([], []),
    ],
)
def test_resolvers_that_pods_reach(tmp_path: Path, files: list[str], found: list[str]) -> None:
    paths = [tmp_path / "missing"]
    for number, text in enumerate(files):
        (tmp_path / str(number)).write_text(text)
        paths.append(tmp_path / str(number))
    assert rendering.outside_resolvers(*paths) == found
