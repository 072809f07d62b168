"""Both charts on a real cluster: what an installation makes, what an upgrade leaves alone, what stays when it goes."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet.api.meta import GROUP
from edgefleet.api.v1alpha1 import KINDS
from edgefleet.contracts.topics import DESIRED, REPORTED
from edgefleet.provisioning import inventory
from edgefleet.provisioning.authority import hosts_of, read_certificate
from support.authority import Identity, make_key
from support.mqtt import Client
from support.platform import (
    BROKER_PORT,
    CHARTS,
    DEPLOYMENTS,
    NAMESPACE,
    PLATFORM_LABEL,
    REGISTRY_PORT,
    REPOSITORY,
    Platform,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster import RunningCluster

IMAGES = ("operator", "model-registry", "broker")
BLOB = b"model" * 1000
BLOB_PATH = f"/v1/blobs/sha256/{hashlib.sha256(BLOB).hexdigest()}"
_SECONDS = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For this module's files."""
    return tmp_path_factory.mktemp("platform")


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What helm said when it installed."""
    return []


@pytest.fixture(scope="module")
def platform(cluster: RunningCluster, folder: Path, said: list[str]) -> Iterator[Platform]:
    """EdgeFleet on the cluster, in a namespace that admits restricted pods alone."""
    nodes: Any = json.loads(cluster.kubectl("get", "nodes", "-l", PLATFORM_LABEL, "-o", "json").stdout)["items"]
    every: Any = nodes or json.loads(cluster.kubectl("get", "nodes", "-o", "json").stdout)["items"]
    address = cluster.node_address(every[0]["metadata"]["name"])
    platform = Platform(cluster, address)
    references = {name: cluster.image(name, catalogue=REPOSITORY / "images.toml") for name in IMAGES}
    cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        cluster.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
        platform.helm("install", "edgefleet-crds", str(CHARTS / "edgefleet-crds"))
        said.append(
            platform.install(
                folder,
                externalNames=[address, "fleet.example.org"],
                releaseKeys={"main": make_key(folder / "release.key").read_text()},
                nodeSelector={PLATFORM_LABEL: "true"} if nodes else {},
                images={
                    "operator": references["operator"],
                    "modelRegistry": references["model-registry"],
                    "broker": references["broker"],
                    "pullPolicy": "Never",
                },
            )
        )
        platform.wait()
        yield platform
    finally:
        _remove(platform)


def _remove(platform: Platform) -> None:
    kubectl = platform.cluster.kubectl
    for release in ("edgefleet", "edgefleet-crds"):
        platform.helm("uninstall", release, "--ignore-not-found")
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=120)
    kubectl("delete", "crd", "--ignore-not-found", *(f"{kind.definition.plural}.{GROUP}" for kind in KINDS))


@pytest.fixture(scope="module")
def device(platform: Platform, folder: Path) -> Identity:
    """A device that was provisioned as users do it."""
    platform.edgefleet("device", "provision", "press-07", "--out", str(folder / "identities"))
    return Identity(folder / "identities" / "press-07", "device")


def ask(
    platform: Platform, context: ssl.SSLContext, method: str, path: str, *, token: str = "", body: bytes | None = None
) -> tuple[int, bytes]:
    """Ask the model registry at its NodePort."""
    connection = http.client.HTTPSConnection(platform.address, REGISTRY_PORT, context=context, timeout=_SECONDS)
    try:
        connection.request(method, path, body=body, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def anonymous(identity: Identity) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(identity.ca))


def stable(platform: Platform) -> dict[str, dict[str, Any]]:
    """Return what must not change by itself: pods by their identity, Secrets by their content."""
    return {
        "pods": {name: pod["metadata"]["uid"] for name, pod in platform.get("pods").items()},
        "secrets": {name: found.get("data") for name, found in ours(platform).items()},
    }


def ours(platform: Platform) -> dict[str, dict[str, Any]]:
    """Return the Secrets, helm's own notes left out."""
    return {name: found for name, found in platform.get("secrets").items() if not name.startswith("sh.helm.")}


def served_names(platform: Platform, port: int) -> frozenset[str]:
    """Return the names in the certificate that a server shows now; nothing is trusted by it."""
    pem = ssl.get_server_certificate((platform.address, port), timeout=_SECONDS)
    return hosts_of(read_certificate(pem.encode()))


def test_helm_says_what_the_job_made_and_what_comes_next(platform: Platform, said: list[str]) -> None:
    assert set(ours(platform)) == set(inventory.names(NAMESPACE))
    for name in inventory.names(NAMESPACE):
        assert f"{name}: made" in said[0]
    assert "edgefleet device provision press-07" in said[0]


def test_the_job_and_its_rights_are_gone_when_it_is_done(platform: Platform) -> None:
    for kind in ("jobs", "roles", "rolebindings", "serviceaccounts"):
        assert "edgefleet-bootstrap" not in platform.get(kind)


def test_every_pod_runs_and_none_was_restarted(platform: Platform) -> None:
    pods = platform.get("pods")
    assert len(pods) == len(DEPLOYMENTS)
    for name, pod in pods.items():
        status = pod["status"]["containerStatuses"][0]
        assert (status["ready"], status["restartCount"]) == (True, 0), name


def test_a_device_reaches_the_broker_through_any_node(platform: Platform, device: Identity) -> None:
    nodes: Any = json.loads(platform.cluster.kubectl("get", "nodes", "-o", "json").stdout)["items"]
    for node in nodes:
        address = platform.cluster.node_address(node["metadata"]["name"])
        context = device.client_context()
        # The certificate is for the name in externalNames; the other nodes' addresses are not in it.
        context.check_hostname = False
        with Client(BROKER_PORT, context, host=address) as client:
            assert client.publish(REPORTED.build("press-07")) in (0, 16)
            assert client.publish(REPORTED.build("press-08")) == 135
    with Client(BROKER_PORT, device.client_context(), host=platform.address) as client:
        client.subscribe(DESIRED.build("press-07"))


def test_a_device_reaches_the_registry_and_uploads_need_the_token(
    platform: Platform, device: Identity, folder: Path
) -> None:
    platform.edgefleet("registry", "access", "--out", str(folder / "access"))
    token = (folder / "access" / "token").read_text()
    assert ask(platform, anonymous(device), "GET", "/readyz")[0] == 200
    assert ask(platform, anonymous(device), "GET", BLOB_PATH)[0] == 401
    assert ask(platform, device.client_context(), "PUT", BLOB_PATH, body=BLOB)[0] == 401
    assert ask(platform, anonymous(device), "PUT", BLOB_PATH, token=token, body=BLOB)[0] == 201
    assert ask(platform, device.client_context(), "GET", BLOB_PATH) == (200, BLOB)


def test_models_survive_the_pod(platform: Platform, device: Identity) -> None:
    pod = next(name for name in platform.get("pods") if name.startswith(inventory.MODEL_REGISTRY))
    platform.cluster.kubectl("delete", "pod", pod, "-n", NAMESPACE, timeout=_SECONDS)
    platform.wait(inventory.MODEL_REGISTRY)
    assert await_answer(platform, device) == (200, BLOB)


def await_answer(platform: Platform, device: Identity) -> tuple[int, bytes]:
    """Ask until a pod that was just replaced is behind its NodePort."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return ask(platform, device.client_context(), "GET", BLOB_PATH)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_the_same_values_again_change_nothing(platform: Platform, folder: Path) -> None:
    before = stable(platform)
    said = platform.install(folder)
    assert "all Secrets of the installation are there" in said
    assert ": made" not in said
    platform.wait()
    assert stable(platform) == before


def test_another_name_is_in_the_certificates_that_the_servers_show(
    platform: Platform, folder: Path, device: Identity
) -> None:
    before = stable(platform)
    said = platform.install(folder, externalNames=[platform.address, "other.example.org"])
    assert "edgefleet-broker-tls: renewed: with other.example.org, without fleet.example.org" in said
    assert "edgefleet-broker: restarts with its new certificate" in said
    platform.wait()
    deadline = time.monotonic() + _SECONDS
    for port in (BROKER_PORT, REGISTRY_PORT):
        while True:
            try:
                names = served_names(platform, port)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        assert "other.example.org" in names
        assert "fleet.example.org" not in names
    # What devices hold is as good as before.
    with Client(BROKER_PORT, device.client_context(), host=platform.address) as client:
        assert client.publish(REPORTED.build("press-07")) in (0, 16)
    after = stable(platform)
    assert after["secrets"][inventory.AUTHORITY] == before["secrets"][inventory.AUTHORITY]
    again = stable(platform)
    platform.install(folder)
    platform.wait()
    assert stable(platform) == again, "an upgrade does not take back what the Job told the Deployments"


def test_a_broken_secret_stops_an_upgrade_and_helm_says_which(platform: Platform, folder: Path) -> None:
    kubectl = platform.cluster.kubectl
    here = ("-n", NAMESPACE, "--type=merge", "-p")
    good: Any = ours(platform)[inventory.UPLOAD_TOKEN]["data"]
    before = stable(platform)["pods"]
    kubectl("patch", "secret", inventory.UPLOAD_TOKEN, *here, json.dumps({"data": {"token": "eA=="}}))
    said = platform.install(folder, check=False)
    assert "Secret edgefleet-model-registry-upload: token: not 32 or more printable characters" in said
    kubectl("patch", "secret", inventory.UPLOAD_TOKEN, *here, json.dumps({"data": good}))
    assert "all Secrets of the installation are there" in platform.install(folder)
    platform.wait()
    assert stable(platform)["pods"] == before


def test_the_operators_rights_are_enough_and_no_more(platform: Platform) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:edgefleet-operator"

    def may(*what: str) -> bool:
        return platform.cluster.kubectl("auth", "can-i", *what, account, check=False).stdout.strip() == "yes"

    assert may("list", "edgedevices.edgefleet.io", "-A")
    assert may("patch", "rolloutrings.edgefleet.io", "--subresource=status", "-n", "fleet")
    assert may("watch", "configmaps", "-A")
    assert not may("patch", "rolloutrings.edgefleet.io", "-n", "fleet")
    assert not may("get", "secrets", "-n", NAMESPACE)
    assert not may("create", "pods", "-n", NAMESPACE)


def test_uninstalling_keeps_identities_models_and_kinds_and_a_new_installation_takes_them(
    platform: Platform, folder: Path, device: Identity
) -> None:
    before = stable(platform)["secrets"]
    platform.helm("uninstall", "edgefleet", "--wait")
    platform.helm("uninstall", "edgefleet-crds")
    assert stable(platform)["secrets"] == before
    assert set(platform.get("persistentvolumeclaims")) == {inventory.MODEL_REGISTRY}
    crds: Any = json.loads(platform.cluster.kubectl("get", "crd", "-o", "json").stdout)["items"]
    assert sum(crd["spec"]["group"] == GROUP for crd in crds) == len(KINDS)

    platform.helm("install", "edgefleet-crds", str(CHARTS / "edgefleet-crds"))
    platform.install(folder)
    platform.wait()
    assert stable(platform)["secrets"] == before
    assert await_answer(platform, device) == (200, BLOB)
