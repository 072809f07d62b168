"""The add-ons on a real API server without nodes: what it admits, what it keeps, what is told of what is missing.

Where there are nodes they run: tests/integration/devcluster/test_addons_cluster.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from edgefleet_devcluster import addons
from edgefleet_devcluster.addons import gitops, installation, rendering
from edgefleet_devcluster.addons.gitserver import Credentials
from edgefleet_devcluster.binaries import modules
from edgefleet_devcluster.binaries.components import component
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.controlplane import Cluster, Kubectl

    Object = dict[str, Any]

SELECTOR = "--selector=app.kubernetes.io/managed-by=devcluster"
KINDS = "namespaces,serviceaccounts,services,configmaps,secrets,deployments,persistentvolumeclaims,storageclasses"
CLUSTER_KINDS = "clusterroles,clusterrolebindings,roles,rolebindings,customresourcedefinitions"
GIT_SERVER = "system:serviceaccount:git:git-server"


@dataclass(frozen=True)
class Image:
    reference: str


IMAGES = {name: Image(f"localhost/edgefleet/{name}:0123456789abcdef") for name in addons.image_names()}


@pytest.fixture(scope="module")
def sources() -> dict[str, Path]:
    return {name: modules.fetch(component(name).set) for name in rendering.MODULES}


@pytest.fixture(scope="module")
def objects(sources: dict[str, Path]) -> list[Object]:
    return addons.manifests(IMAGES, sources, resolvers=["192.0.2.53"])


@pytest.fixture(scope="module")
def installed(kubectl: Kubectl, control_plane: Cluster) -> Iterator[Kubectl]:
    """Applied, on a control plane of the tests' own; nothing runs there."""
    if not control_plane.owned:
        pytest.skip("installs cluster-wide objects, and EDGEFLEET_CONTEXT chose a cluster that is not ours")
    with pytest.raises(DevclusterError, match="did not come up"):
        addons.install(kubectl, IMAGES, timeout=0)
    yield kubectl
    kubectl("delete", "namespaces", SELECTOR, "--wait=false")
    kubectl("delete", f"{CLUSTER_KINDS},storageclasses", SELECTOR, "--all-namespaces", "--wait=false")
    kubectl(
        "delete", "deployments,services,configmaps,serviceaccounts", SELECTOR, "--namespace=kube-system", "--wait=false"
    )


def versions(kubectl: Kubectl) -> dict[str, str]:
    found = json.loads(
        kubectl("get", f"{KINDS},{CLUSTER_KINDS}", SELECTOR, "--all-namespaces", "--output=json").stdout
    )["items"]
    return {f"{one['kind']} {one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in found}


def test_the_api_server_knows_every_field(installed: Kubectl, objects: list[Object]) -> None:
    """A misspelt field is otherwise dropped in silence."""
    document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    strict = ["--server-side", "--force-conflicts", "--validate=strict", "--dry-run=server", "--filename=-"]
    installed("apply", *strict, stdin=document)


@pytest.mark.parametrize("name", ["source-controller", "kustomize-controller", "git-server"])
def test_pods_are_admitted_where_the_namespace_restricts_them(
    installed: Kubectl, objects: list[Object], name: str
) -> None:
    (deployment,) = [one for one in objects if one["kind"] == "Deployment" and one["metadata"]["name"] == name]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "trial", "namespace": deployment["metadata"]["namespace"]},
        "spec": deployment["spec"]["template"]["spec"],
    }
    installed("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))


def test_again_changes_nothing(installed: Kubectl) -> None:
    found: list[dict[str, str]] = []
    # Three times: the API server stores a claim anew at the first repetition, with the same content.
    for _ in range(3):
        with pytest.raises(DevclusterError, match="did not come up"):
            addons.install(installed, IMAGES, timeout=0)
        found.append(versions(installed))
    assert found[1] == found[2]
    assert len(found[2]) > 30


def test_an_interrupted_installation_is_finished_by_the_next(installed: Kubectl) -> None:
    before = versions(installed)
    installed("delete", "deployment", "git-server", "--namespace=git")
    installed("delete", "crd", "kustomizations.kustomize.toolkit.fluxcd.io")
    installed("delete", "configmap", "coredns", "--namespace=kube-system")
    with pytest.raises(DevclusterError, match="did not come up"):
        addons.install(installed, IMAGES, timeout=0)
    assert versions(installed).keys() == before.keys()


def test_what_was_changed_by_hand_is_put_right(installed: Kubectl) -> None:
    patch = '{"spec": {"template": {"spec": {"nodeSelector": {"node-role.edgefleet.io/platform": "false"}}}}}'
    installed("patch", "deployment", "coredns", "--namespace=kube-system", "--patch", patch)
    with pytest.raises(DevclusterError, match="did not come up"):
        addons.install(installed, IMAGES, timeout=0)
    found = installed.json("get", "deployment", "coredns", "--namespace=kube-system")
    assert "'node-role.edgefleet.io/platform': 'true'" in str(found["spec"])


def test_the_password_stays(installed: Kubectl) -> None:
    before = Credentials.find(installed)
    assert before
    with pytest.raises(DevclusterError, match="did not come up"):
        addons.install(installed, IMAGES, timeout=0)
    assert Credentials.find(installed) == before


def test_a_secret_that_lost_its_password_is_made_anew(installed: Kubectl) -> None:
    before = Credentials.find(installed)
    patch = '[{"op": "remove", "path": "/data/password"}]'
    installed("patch", "secret", "git-server-push", "--namespace=git", "--type=json", "--patch", patch)
    with pytest.raises(DevclusterError, match="did not come up"):
        addons.install(installed, IMAGES, timeout=0)
    after = Credentials.find(installed)
    assert after
    assert after != before


@pytest.mark.parametrize(
    ("verb", "resource", "namespace", "allowed"),
    [
        ("list", "gitrepositories.source.toolkit.fluxcd.io", "flux-system", True),
        ("patch", "gitrepositories.source.toolkit.fluxcd.io", "flux-system", True),
        ("delete", "gitrepositories.source.toolkit.fluxcd.io", "flux-system", False),
        ("patch", "gitrepositories.source.toolkit.fluxcd.io", "default", False),
        ("patch", "kustomizations.kustomize.toolkit.fluxcd.io", "flux-system", False),
        ("get", "secrets", "git", False),
        ("get", "secrets", "flux-system", False),
        ("list", "pods", "git", False),
    ],
)
def test_what_the_git_server_may(installed: Kubectl, verb: str, resource: str, namespace: str, allowed: bool) -> None:
    done = installed("auth", "can-i", verb, resource, f"--namespace={namespace}", f"--as={GIT_SERVER}", check=False)
    assert done.stdout.strip() == ("yes" if allowed else "no")


def test_a_watched_folder_is_admitted(installed: Kubectl) -> None:
    document = gitops.watch("fleet", "./clusters/demo", name="demo", wait=True)
    strict = ["--server-side", "--validate=strict", "--dry-run=server", "--filename=-"]
    installed("apply", *strict, stdin=document)
    assert len(list(yaml.safe_load_all(document))) == 2


def test_a_deployment_that_does_not_run_is_named(installed: Kubectl) -> None:
    with pytest.raises(DevclusterError) as raised:
        installation.wait(installed, ["git/git-server", "git/none"], timeout=0)
    message = str(raised.value)
    assert "git/git-server: no pod yet; git/none: there is no such Deployment" in message
    assert "\n" not in message


def test_a_pod_is_named_with_its_reason_and_the_last_warning(installed: Kubectl, objects: list[Object]) -> None:
    """No kubelet here: the test writes the pod, its status and the event as kubelet would."""
    (deployment,) = [one for one in objects if one["metadata"]["name"] == "git-server" and one["kind"] == "Deployment"]
    template = deployment["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "git-server-x", "namespace": "git", "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }
    installed("create", "--filename=-", stdin=json.dumps(pod))
    waiting = {"name": "git-server", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    waiting["state"] = {"waiting": {"reason": "ErrImageNeverPull", "message": "not present"}}
    status = json.dumps({"status": {"phase": "Pending", "containerStatuses": [waiting]}})
    installed("patch", "pod", "git-server-x", "--namespace=git", "--subresource=status", "--patch", status)
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "git"},
        "type": "Warning",
        "reason": "FailedMount",
        "message": "no such volume",
        "involvedObject": {"kind": "Pod", "name": "git-server-x", "namespace": "git"},
    }
    installed("create", "--filename=-", stdin=json.dumps(event))
    said: list[str] = []
    with pytest.raises(DevclusterError) as raised:
        installation.wait(installed, ["git/git-server"], timeout=0, say=said.append)
    expected = "git/git-server (pod git-server-x): ErrImageNeverPull: not present, FailedMount: no such volume; "
    assert expected in str(raised.value)
    assert "kubectl --namespace=git describe pod git-server-x" in str(raised.value)


def test_running_deployments_are_no_wait(installed: Kubectl) -> None:
    """No deployment controller here: the test writes the status as it would."""
    found = installed.json("get", "deployment", "coredns", "--namespace=kube-system")
    generation = found["metadata"]["generation"]  # type: ignore[index]
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    status = json.dumps({"status": counts | {"observedGeneration": generation}})
    installed("patch", "deployment", "coredns", "--namespace=kube-system", "--subresource=status", "--patch", status)
    said: list[str] = []
    assert installation.wait(installed, ["kube-system/coredns"], say=said.append) is False
    assert said == []


def test_a_refusal_is_told_in_one_line(installed: Kubectl) -> None:
    broken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": "default"}, "spec": 3}
    with pytest.raises(DevclusterError, match="add-ons: kubectl apply failed"):
        installation.apply(installed, [broken])
