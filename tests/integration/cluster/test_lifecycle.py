"""A cluster comes up, survives what happens to it, and goes without a trace; another one beside it notices nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.cluster import OWNER_VARIABLE
from support.residue import Residue
from support.second import CLI, NAME, assert_well, run_on

IDLE_BYTES = 1.5e9
"""What the control plane and four nodes may take without pods."""

if TYPE_CHECKING:
    from edgefleet_devcluster.cluster import Cluster
    from support.cluster import RunningCluster
    from support.second import Run


def test_up_twice_then_down_leaves_nothing(run: Run, second: Cluster, cluster: RunningCluster) -> None:
    run("down", "--delete")
    before = Residue.now()
    up = run("up", "--no-flux")
    assert "ready in" in up.stderr
    assert_well(run)
    pods = run("kubectl", "--", "get", "pods", "-A", "-o", "name").stdout
    assert "coredns" in pods
    held = {node.name: node.init for node in second.nodes.values()}
    assert second.status().memory < IDLE_BYTES

    again = run("up", "--no-flux")
    assert "already running" in again.stdout
    assert {node.name: node.init for node in second.nodes.values()} == held

    # Beside it, and not the same one.
    assert (
        cluster.kubectl("get", "nodes", "-ojsonpath={.items[*].metadata.uid}").stdout
        != run("kubectl", "--", "get", "nodes", "-ojsonpath={.items[*].metadata.uid}").stdout
    )
    assert run("down").stdout == f"{NAME}: stopped\n"
    assert second.remains() == []
    assert Residue.now().more_than(before) == {}
    assert run("down").stdout == f"{NAME}: was not running\n"
    assert run("status", check=False).returncode == 1
    cluster.kubectl("get", "--raw", "/readyz")


def test_what_is_stored_survives_down_and_up_and_pods_run_again(run: Run) -> None:
    run("up", "--no-flux")
    run("kubectl", "--", "create", "configmap", "kept", "--from-literal=a=b")
    started = run("kubectl", "--", "get", "pods", "-n", "kube-system", "-o", "jsonpath={.items[*].metadata.uid}").stdout
    run("down")
    run("up", "--no-flux")
    assert_well(run)
    assert run("kubectl", "--", "get", "configmap", "kept", "-ojsonpath={.data.a}").stdout == "b"
    same = run("kubectl", "--", "get", "pods", "-n", "kube-system", "-o", "jsonpath={.items[*].metadata.uid}").stdout
    assert same == started, "the same pods, their containers started again"


def test_a_node_that_is_killed_is_mended(run: Run, second: Cluster) -> None:
    run("up", "--no-flux")
    victim, other = second.nodes["agentnode-coral-tpu1"], second.nodes["agentnode-coral-tpu2"]
    untouched, holder = other.init, victim.program.identity
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)
    half = run("status", check=False)
    assert half.returncode == 1
    assert "agentnode-coral-tpu1" in half.stderr
    run("up", "--no-flux")
    assert_well(run)
    assert other.init == untouched


def test_programs_of_a_node_are_started_again(run: Run, second: Cluster) -> None:
    run("up", "--no-flux")
    node = second.nodes["agentnode-coral-tpu1"]
    for program in ("kube-proxy", "kubelet", "containerd"):
        run("exec", node.name, "--", "pkill", "-9", "-x", program[:15])
        deadline = time.monotonic() + 15
        while run("exec", node.name, "--", "pgrep", "-x", program[:15], check=False).returncode != 0:
            assert time.monotonic() < deadline, f"{program} is not started again"
            time.sleep(0.2)
    run("up", "--no-flux")
    assert_well(run)


def kill_up_at_random(run: Run, state: Path, chance: random.Random, earliest: float, latest: float) -> None:
    """Start ``up``, kill it with -9 at a random moment, run it again: it must end well."""
    # On a cluster that runs, that was stopped, or that never was.
    if before := chance.choice([[], ["down"], ["down", "--delete"]]):
        run(*before)
    moment = chance.uniform(earliest, latest)
    process = subprocess.Popen(
        [*CLI, "up", f"--name={NAME}", "--no-flux"],
        env=os.environ | {"EDGEFLEET_STATE": str(state), OWNER_VARIABLE: str(os.getpid())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print(f"after {before or 'nothing'} killed after {moment:.2f} s")  # noqa: T201 - shown with a failure
    run("up", "--no-flux")
    assert_well(run)


@pytest.mark.parametrize("third", range(3))
def test_up_killed_at_a_random_moment_and_rerun_ends_well(run: Run, state: Path, third: int) -> None:
    kill_up_at_random(run, state, random.Random(third), 3.0 * third, 3.0 * third + 3.0)


@pytest.mark.slow
def test_up_killed_twenty_times(run: Run, state: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown with a failure
    chance = random.Random(seed)
    for _ in range(20):
        kill_up_at_random(run, state, chance, 0.0, 12.0)


def test_a_killed_down_is_finished_by_the_next(run: Run, state: Path, second: Cluster) -> None:
    run("up", "--no-flux")
    before_second = Residue.now()
    process = subprocess.Popen(
        [*CLI, "down", f"--name={NAME}"],
        env=os.environ | {"EDGEFLEET_STATE": str(state), OWNER_VARIABLE: str(os.getpid())},
    )
    time.sleep(0.7)
    process.kill()
    process.wait()
    run("down")
    assert second.remains() == []
    assert not any(NAME in line for line in Residue.now().namespaces)
    assert before_second.namespaces > Residue.now().namespaces


def test_a_snapshot_brings_back_what_was_and_watches_start_anew(run: Run, state: Path) -> None:
    run("up", "--no-flux")
    run("kubectl", "--", "create", "configmap", "before")
    file = state / "etcd.snapshot"
    run("snapshot", str(file))
    run("kubectl", "--", "delete", "configmap", "before")
    run("kubectl", "--", "create", "configmap", "after")
    watched = json.loads(run("kubectl", "--", "get", "configmap", "after", "-ojson").stdout)["metadata"][
        "resourceVersion"
    ]
    run("restore", str(file))
    names = run("kubectl", "--", "get", "configmaps", "-oname").stdout
    assert "configmap/before" in names
    assert "configmap/after" not in names
    expired = run(
        "kubectl",
        "--",
        "get",
        "--raw",
        f"/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={watched}",
        check=False,
    )
    assert "Expired" in expired.stdout + expired.stderr or "too old" in expired.stdout + expired.stderr
    run("up", "--no-flux")
    assert_well(run)


def test_a_damaged_snapshot_changes_nothing(run: Run, state: Path) -> None:
    run("up", "--no-flux")
    run("kubectl", "--", "create", "configmap", "still-here")
    file = state / "damaged"
    file.write_bytes(b"not a snapshot" * 1000)
    refused = run("restore", str(file), check=False)
    assert refused.returncode == 1
    assert "etcdutl snapshot restore" in refused.stderr
    assert run("kubectl", "--", "get", "configmap", "still-here", "-oname").stdout == "configmap/still-here\n"


def test_down_finds_a_cluster_whose_directory_is_gone(run: Run, second: Cluster, tmp_path: Path) -> None:
    run("up", "--no-flux")
    lost = second.segment.processes()
    assert lost
    second.directory.rename(tmp_path / "gone")
    assert run("down").stdout == f"{NAME}: stopped\n"
    assert second.remains() == []
    assert not any(Path(f"/proc/{pid}/cwd").exists() for pid in lost)


def test_a_namesake_in_another_state_directory_is_left_alone(run: Run, tmp_path: Path) -> None:
    run("up", "--no-flux")
    for command in ("up", "down"):
        refused = run_on(tmp_path)(command, check=False)
        assert refused.returncode == 1
        assert "choose another --name" in refused.stderr
    assert_well(run)
