"""The repository a user starts from is taken by the API server as kustomize builds it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.controlplane import Kubectl

FLEET = Path(__file__).parents[3] / "fleet-manifests"


@pytest.fixture
def fleet_namespace(kubectl: Kubectl) -> Iterator[str]:
    kubectl("create", "namespace", "fleet")
    yield "fleet"
    kubectl("delete", "namespace", "fleet", "--wait=true")


def test_everything_is_applied_and_nothing_changes_on_a_second_apply(
    kubectl: Kubectl, crds: Path, fleet_namespace: str
) -> None:
    assert crds.is_dir()
    built = "".join(f"---\n{kubectl('kustomize', str(FLEET / part)).stdout}" for part in ("base", "rings"))
    said = kubectl("apply", "--server-side", "-f", "-", stdin=built).stdout.splitlines()
    assert len(said) == built.count("\nkind: ")
    assert all(line.endswith("serverside-applied") for line in said)
    listed = kubectl("get", "edgefleet", "-n", fleet_namespace, "-o", "name").stdout.split()
    assert sum(name.startswith("edgedevice.") for name in listed) == 12
    assert sum(name.startswith("rolloutring.") for name in listed) == 2
    drift = kubectl("diff", "--server-side", "-f", "-", stdin=built, check=False)
    assert (drift.returncode, drift.stdout) == (0, "")


def test_lint_reads_what_kustomize_builds(kubectl: Kubectl) -> None:
    built = kubectl("kustomize", str(FLEET / "base")).stdout
    done = subprocess.run(["edgefleet", "lint", "-"], input=built, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 errors" in done.stderr


@pytest.mark.parametrize("path", sorted(FLEET.rglob("*.yaml")), ids=lambda path: path.relative_to(FLEET).as_posix())
def test_a_modeline_points_at_a_schema_that_exists(path: Path) -> None:
    lines = path.read_text().splitlines()
    ours = any(line.startswith("apiVersion: edgefleet.io/") for line in lines)
    modelines = [line.partition("$schema=")[2] for line in lines if line.startswith("# yaml-language-server:")]
    assert len(modelines) == (1 if ours else 0)
    for target in modelines:
        assert (path.parent / target).resolve().is_file()
