"""What a person types: get, explain, wait, field selectors, short names."""

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.apiserver import ApiServer
from support.controlplane import Kubectl
from support.definitions import wait_established
from support.good_manifests import Json, good_manifests

# Argo Rollouts' own CRD, as its Go module carries it.
ARGO_MODULE = "github.com/argoproj/argo-rollouts@v1.8.3"
ARGO_SUM = "h1:blbtQva4IK9r6gFh+dWkCrLnFdPOWiv9ubQYu36qeaA="


def stored(api: ApiServer, name: str) -> Json:
    """Stores a manifest with its status, as the operator will from part C on."""
    manifest = good_manifests()[name]
    made = api.create(manifest)
    return api.replace(made | {"status": manifest["status"]}, status=True)


@pytest.fixture
def fleet(api: ApiServer) -> Iterator[dict[str, Json]]:
    names = ("device-everything", "version-everything", "ring-everything", "run-everything")
    made = {name: stored(api, name) for name in names}
    yield made
    for manifest in made.values():
        api.delete(manifest)


def test_the_columns_answer_what_a_person_asks(kubectl: Kubectl, api: ApiServer, fleet: dict[str, Json]) -> None:
    assert fleet
    tables = {
        short: kubectl("get", short, "-n", api.namespace).stdout.splitlines()
        for short in ("rollouts", "ed", "mv", "tr")
    }
    assert tables["rollouts"][0].split() == [
        "NAME",
        "TARGET",
        "STEP",
        "UPDATED",
        "TOTAL",
        "FAILED",
        "WAITING-FOR",
        "AGE",
    ]
    assert tables["rollouts"][1].split()[:6] == ["canary", "1.4.0", "Rolling", "3", "12", "1"]
    assert "a slot in plant-1" in tables["rollouts"][1]
    assert tables["ed"][0].split() == ["NAME", "CLASS", "DESIRED", "REPORTED", "ONLINE", "PHASE", "AGE"]
    assert tables["ed"][1].split()[:6] == ["press-07", "esp32", "1.4.0", "1.4.0", "True", "UpToDate"]
    assert tables["mv"][0].split() == ["NAME", "MODEL", "VERSION", "VERIFIED", "DEPLOYED", "QUARANTINED", "AGE"]
    assert tables["mv"][1].split()[:5] == ["motor-anomaly-1.4.0", "motor-anomaly", "1.4.0", "True", "11"]
    assert tables["tr"][0].split() == ["NAME", "MODEL", "ROUND", "STAGE", "DRIFT", "PRODUCED", "DURATION", "AGE"]
    assert tables["tr"][1].split()[:7] == ["motor-anomaly", "motor-anomaly", "3", "train", "0.31", "1.4.0", "58"]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("status.reportedVersion=1.4.0", "press-07"),
        ("status.reportedVersion!=1.4.0", ""),
        ("status.ring=canary,status.phase=UpToDate", "press-07"),
        ("spec.deviceClass=coral", ""),
    ],
)
def test_devices_are_found_by_what_they_run(
    kubectl: Kubectl, api: ApiServer, fleet: dict[str, Json], selector: str, found: str
) -> None:
    assert fleet
    said = kubectl("get", "ed", "-n", api.namespace, "--field-selector", selector, "-o", "name").stdout.strip()
    assert said == (f"edgedevice.edgefleet.io/{found}" if found else "")


def test_wait_returns_when_ready_turns_true(kubectl: Kubectl, api: ApiServer) -> None:
    manifest = good_manifests()["ring-least"]
    made = api.create(manifest)
    ready = good_manifests()["ring-everything"]["status"]["conditions"][0]
    try:
        too_soon = kubectl(
            "wait", "rollouts/least", "-n", api.namespace, "--for=condition=Ready", "--timeout=1s", check=False
        )
        assert too_soon.returncode != 0
        assert "timed out" in too_soon.stderr
        status = {"observedGeneration": 1, "conditions": [ready]}
        later = threading.Timer(1.0, lambda: api.replace(made | {"status": status}, status=True))
        later.start()
        said = kubectl("wait", "rollouts/least", "-n", api.namespace, "--for=condition=Ready", "--timeout=20s")
        assert "condition met" in said.stdout
        later.join()
    finally:
        api.delete(manifest)


def test_a_status_write_cannot_touch_spec_and_an_apply_cannot_touch_status(api: ApiServer) -> None:
    manifest = good_manifests()["ring-least"]
    made = api.create(manifest | {"status": {"waitingFor": "nobody"}})
    try:
        assert "waitingFor" not in made["status"]
        changed = made | {"spec": made["spec"] | {"suspend": True}, "status": {"waitingFor": "a slot"}}
        after = api.replace(changed, status=True)
        assert after["spec"]["suspend"] is False
        assert after["status"]["waitingFor"] == "a slot"
        assert after["metadata"]["generation"] == 1
    finally:
        api.delete(manifest)


@pytest.fixture(scope="session")
def argo_rollouts_crd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with Argo Rollouts' CRD, checked against its sum."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", ARGO_MODULE],
        cwd=tmp_path_factory.mktemp("argo"),
        capture_output=True,
        text=True,
        check=True,
    )
    module = json.loads(done.stdout)
    assert module["Sum"] == ARGO_SUM
    return Path(module["Dir"]) / "manifests" / "crds" / "rollout-crd.yaml"


def test_beside_argo_rollouts_the_exact_plural_wins(
    kubectl: Kubectl, api: ApiServer, fleet: dict[str, Json], argo_rollouts_crd: Path
) -> None:
    """Documented in docs/spec/rolloutring.md: kubectl prefers a plural to another CRD's short name."""
    assert fleet
    # On a cluster that is not the tests' own, Argo Rollouts may be there: then it stays as it is.
    theirs_already = kubectl("get", "crd", "rollouts.argoproj.io", check=False).returncode == 0
    if not theirs_already:
        kubectl("apply", "--server-side", "-f", str(argo_rollouts_crd))
    try:
        wait_established(kubectl, "rollouts.argoproj.io")
        # kubectl remembers what a server has; a person's next shell would ask anew.
        fresh = ("--cache-dir", str(kubectl.cluster.kubeconfig.parent / "cache-with-argo"))
        theirs = kubectl(*fresh, "get", "rollouts", "-n", api.namespace)
        assert "No resources found" in theirs.stderr
        for ours in ("ring", "rolloutrings", "rollouts.edgefleet.io"):
            assert "canary" in kubectl(*fresh, "get", ours, "-n", api.namespace).stdout, ours
    finally:
        if not theirs_already:
            kubectl("delete", "--wait=true", "-f", str(argo_rollouts_crd))
