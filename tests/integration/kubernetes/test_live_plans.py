"""`edgefleet plan` and `edgefleet explain` against what a real API server holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.commandline import run_edgefleet
from support.fleets import to_yaml
from support.live_fleet import NOW, live, placed, plant

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from support.controlplane import Cluster, Kubectl
    from support.good_manifests import Json

OFFLINE = ("motor-12",)


@pytest.fixture
def applied(kubectl: Kubectl, crds: Path, namespace: str) -> str:
    """The plant on 1.0.0, statuses included; returns its namespace."""
    assert crds.is_dir()
    objects = [placed(each, namespace) for each in live(plant("1.0.0"), offline=OFFLINE)]
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(to_list([bare(each) for each in objects])))
    for each in objects:
        if "status" in each:
            kind = {"EdgeDevice": "ed", "ModelVersion": "mv", "RolloutRing": "rollouts"}[each["kind"]]
            patch = json.dumps({"status": each["status"]})
            where = ("-n", namespace, "--subresource=status", "--type=merge", "-p", patch)
            kubectl("patch", kind, each["metadata"]["name"], *where)
    return namespace


def bare(obj: Json) -> Json:
    """Returns what Git holds of a live object."""
    metadata = {key: value for key, value in obj["metadata"].items() if key in {"name", "namespace", "labels"}}
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}


def to_list(objects: list[Json]) -> Json:
    return {"apiVersion": "v1", "kind": "List", "items": objects}


@pytest.fixture
def folder(tmp_path: Path, applied: str) -> Path:
    """1.1.0 beside it, in Git, without motor-09."""
    declared = [placed(each, applied) for each in plant("1.0.0", "1.1.0") if each["metadata"]["name"] != "motor-09"]
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "fleet.yaml").write_bytes(to_yaml(tuple(declared)))
    return tmp_path / "fleet"


def run(cluster: Cluster, *arguments: str | Path) -> CompletedProcess[str]:
    access = ("--against", cluster.context, "--kubeconfig", cluster.kubeconfig)
    return run_edgefleet(*arguments, *access, "--now", NOW, COLUMNS="120")


def test_a_context_and_what_kubectl_prints_of_it_are_planned_alike(
    control_plane: Cluster, kubectl: Kubectl, applied: str, folder: Path, tmp_path: Path
) -> None:
    found = run(control_plane, "plan", folder, "--exit-code")
    assert (found.returncode, found.stderr) == (1, "")
    assert "1.0.0 → 1.1.0" in found.stdout
    assert "- EdgeDevice motor-09" in found.stdout
    assert "+ ModelVersion motor-anomaly-1.1.0" in found.stdout
    assert "left out  motor-12: is offline" in found.stdout
    for form in ("yaml", "json"):
        snapshot = tmp_path / f"live.{form}"
        snapshot.write_text(kubectl("get", "rollouts,mv,ed,cm", "-n", applied, "-o", form).stdout)
        again = run_edgefleet("plan", folder, "--against", snapshot, "--now", NOW, COLUMNS="120")
        assert again.stdout == found.stdout


def test_applying_what_was_planned_leaves_no_objects_to_change(
    control_plane: Cluster, kubectl: Kubectl, applied: str, folder: Path
) -> None:
    assert applied
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(folder))
    written = json.loads(run(control_plane, "plan", folder, "-o", "json").stdout)
    (namespace,) = written["namespaces"]
    # kubectl took the marks of the tool that would have pruned it.
    assert [(each["verb"], each["name"]) for each in namespace["objects"]] == [("keeps", "motor-09")]
    assert written["totals"]["devices"] == 11  # motor-12 is offline


def test_rings_and_devices_are_explained_from_the_cluster_alone(control_plane: Cluster, applied: str) -> None:
    done = run(control_plane, "explain", "ring/rest", "-n", applied)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Ring rest is done: it has proved 1.0.0 (round 1); nothing is left to do.\n"
    device = run(control_plane, "explain", "ed/motor-12", "-n", applied, "-v").stdout
    assert device.startswith("motor-12 runs 1.0.0, as it should, in ring ")
    assert "offline since 2026-11-20 06:00 UTC" in device


def test_a_cluster_that_does_not_answer_is_told(control_plane: Cluster, folder: Path, tmp_path: Path) -> None:
    document = json.loads(control_plane.kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    broken = tmp_path / "broken.kubeconfig"
    broken.write_text(json.dumps(document))
    done = run_edgefleet("plan", folder, "--against", control_plane.context, "--kubeconfig", broken)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the cluster does not answer" in done.stderr
