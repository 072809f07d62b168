"""Bootstrap on a real API server, with exactly the rights that the chart gives it."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from edgefleet.adapters.kubernetes.client import SECRETS, ApiError, KubernetesClient
from edgefleet.adapters.kubernetes.installation import Installation as Store
from edgefleet.provisioning import bootstrap, inventory
from edgefleet.provisioning.authority import read_certificate
from edgefleet.provisioning.bootstrap import Installation
from edgefleet_devcluster.binaries import build

if TYPE_CHECKING:
    from support.controlplane import Cluster, Kubectl

CHART = Path(__file__).parents[3] / "deploy" / "charts" / "edgefleet"
NOW = datetime.now(UTC)
BROKER = f"{inventory.BROKER}-tls"


@pytest.fixture
def kubeconfig(control_plane: Cluster, kubectl: Kubectl, namespace: str) -> Path:
    """The access of the Job's own service account."""
    helm = build.ensure(["helm"])["helm"]
    command = [helm, "template", "edgefleet", CHART, "-n", namespace, "-s", "templates/bootstrap/account.yaml"]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kubectl("apply", "-f", "-", stdin=rendered)
    token = kubectl("create", "token", "edgefleet-bootstrap", "-n", namespace).stdout.strip()
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
    path = control_plane.kubeconfig.with_name(f"bootstrap-{namespace}.json")  # beside what it may name by file
    path.write_text(json.dumps(config))
    return path


def complete(kubeconfig: Path, wanted: Installation, *, runs: int = 1, now: datetime = NOW) -> list[list[str]]:
    """Run bootstrap, several at once if wanted; return what each said."""

    async def one(said: list[str]) -> None:
        async with await KubernetesClient.from_kubeconfig(kubeconfig) as client:
            await bootstrap.run(Store(client, wanted.namespace), wanted, now, said.append)

    async def all_of_them() -> list[list[str]]:
        said: list[list[str]] = [[] for _ in range(runs)]
        await asyncio.gather(*(one(lines) for lines in said))
        return said

    return asyncio.run(all_of_them())


def secrets(kubectl: Kubectl, namespace: str) -> dict[str, Any]:
    listed: Any = kubectl.json("get", "secrets", "-n", namespace)["items"]
    return {found["metadata"]["name"]: found for found in listed}


def content(secret: Any, field: str) -> bytes:
    return base64.b64decode(secret["data"][field])


def test_it_completes_an_empty_namespace_and_then_has_nothing_to_do(
    kubectl: Kubectl, kubeconfig: Path, namespace: str
) -> None:
    wanted = Installation(namespace, ("fleet.example.org",))
    assert complete(kubeconfig, wanted) == [[f"{name}: made" for name in inventory.names(namespace)]]
    found = secrets(kubectl, namespace)
    assert set(found) == set(inventory.names(namespace))
    assert {found[name]["type"] for name in (inventory.AUTHORITY, BROKER)} == {"kubernetes.io/tls"}
    assert found[BROKER]["metadata"]["labels"]["app.kubernetes.io/part-of"] == "edgefleet"
    assert complete(kubeconfig, wanted) == [[]]
    assert secrets(kubectl, namespace) == found


def test_runs_at_the_same_time_agree(kubectl: Kubectl, kubeconfig: Path, namespace: str) -> None:
    wanted = Installation(namespace)
    said = [line for lines in complete(kubeconfig, wanted, runs=4) for line in lines]
    # Each thing was made once, by whichever was first, and all certificates are of the one authority.
    assert sorted(line for line in said if line.endswith(": made")) == sorted(
        f"{name}: made" for name in inventory.names(namespace)
    )
    assert complete(kubeconfig, wanted) == [[]]
    assert set(secrets(kubectl, namespace)) == set(inventory.names(namespace))


def test_other_names_renew_and_restart_and_keep_what_others_wrote(
    kubectl: Kubectl, kubeconfig: Path, namespace: str
) -> None:
    wanted = Installation(namespace)
    complete(kubeconfig, wanted)
    kubectl("apply", "-f", "-", "-n", namespace, stdin=deployment(inventory.BROKER))
    kubectl("label", "secret", BROKER, "-n", namespace, "owner=somebody")
    before = secrets(kubectl, namespace)
    named = replace(wanted, external_names=("fleet.example.org",))
    (said,) = complete(kubeconfig, named)
    assert said == [
        f"{BROKER}: renewed: with fleet.example.org",
        f"{inventory.MODEL_REGISTRY}-tls: renewed: with fleet.example.org",
        f"{inventory.BROKER}: restarts with its new certificate",
    ]
    after = secrets(kubectl, namespace)
    assert content(after[BROKER], "tls.key") == content(before[BROKER], "tls.key")
    assert after[BROKER]["metadata"]["labels"]["owner"] == "somebody"
    template: Any = kubectl.json("get", "deployment", inventory.BROKER, "-n", namespace)["spec"]
    serial = f"{read_certificate(content(after[BROKER], 'tls.crt')).serial_number:x}"
    assert template["template"]["metadata"]["annotations"] == {"edgefleet.io/renewal": serial}
    assert complete(kubeconfig, named) == [[]]


def test_runs_at_the_same_time_renew_once(kubeconfig: Path, namespace: str) -> None:
    wanted = Installation(namespace)
    complete(kubeconfig, wanted)
    later = NOW + timedelta(days=350)
    said = [line for lines in complete(kubeconfig, wanted, runs=3, now=later) for line in lines]
    assert sum(": renewed: ended on " in line for line in said) == 3
    assert complete(kubeconfig, wanted, now=later) == [[]]


def test_an_authority_and_the_assignment_key_cannot_be_changed_by_anybody(
    kubectl: Kubectl, kubeconfig: Path, namespace: str
) -> None:
    complete(kubeconfig, Installation(namespace))
    for name in (inventory.AUTHORITY, inventory.ASSIGNMENT_KEY):
        patch = json.dumps({"data": {"tls.key": "eA=="}})
        done = kubectl("patch", "secret", name, "-n", namespace, "--type=merge", "-p", patch, check=False)
        assert "field is immutable" in done.stderr


def test_its_rights_end_at_its_own_secrets(kubectl: Kubectl, kubeconfig: Path, namespace: str) -> None:
    complete(kubeconfig, Installation(namespace))
    kubectl("create", "secret", "generic", "other", "-n", namespace, "--from-literal=a=b")

    async def try_all() -> list[int]:
        patch = {"metadata": {"labels": {"a": "b"}}}
        async with await KubernetesClient.from_kubeconfig(kubeconfig) as client:
            attempts = (
                client.get(SECRETS, namespace, "other"),
                client.list(SECRETS, namespace),
                client.patch(SECRETS, namespace, inventory.AUTHORITY, patch),
                client.delete(SECRETS, namespace, inventory.AUTHORITY),
            )
            codes: list[int] = []
            for attempt in attempts:
                with pytest.raises(ApiError) as caught:
                    await attempt
                codes.append(caught.value.status)
            return codes

    assert asyncio.run(try_all()) == [403] * 4


def deployment(name: str) -> str:
    labels = {"app": name}
    pod = {"containers": [{"name": "main", "image": "none"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})
