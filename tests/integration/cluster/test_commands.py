"""What one does with a cluster that runs, from the command line."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from support.imagearchive import write_image
from support.second import CLI
from support.workloads import document, pod

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_devcluster.cluster import Cluster
    from support.cluster import RunningCluster
    from support.controlplane import Cluster as ControlPlane
    from support.second import Run

ONE, OTHER = "agentnode-coral-tpu1", "agentnode-coral-tpu2"


def test_an_image_is_loaded_onto_the_named_node_only(run: Run, tmp_path: Path) -> None:
    run("up", "--no-flux")
    reference = "localhost/test/printer:1"
    for text in ("first content", "second content"):
        # The same name with another content: what is loaded last is what runs.
        write_image(tmp_path / "printer.tar", reference, text)
        assert run("load-image", f"--node={ONE}", str(tmp_path / "printer.tar")).stdout == f"{ONE}: {reference}\n"
        run("kubectl", "--", "delete", "pod", "printer", "stranger", "--ignore-not-found", "--now")
        manifest = tmp_path / "pods.json"
        here, there = ({"kubernetes.io/hostname": node} for node in (ONE, OTHER))
        printer = pod("printer", reference, "/program", selector=here)
        manifest.write_text(document(printer, pod("stranger", reference, "/program", selector=there)))
        run("kubectl", "--", "apply", "-f", str(manifest))
        done = "--for=jsonpath={.status.phase}=Succeeded"
        run("kubectl", "--", "wait", done, "pod/printer", "--timeout=30s")
        assert run("kubectl", "--", "logs", "printer").stdout == f"{text}\n"
    reason = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImageNeverPull"
    run("kubectl", "--", "wait", reason, "pod/stranger", "--timeout=30s")


def test_what_is_no_image_is_refused(run: Run, tmp_path: Path) -> None:
    run("up", "--no-flux")
    (tmp_path / "text").write_text("no image")
    refused = run("load-image", str(tmp_path / "text"), check=False)
    assert refused.returncode == 1
    assert str(tmp_path / "text") in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (
        "no node 'nowhere'; there are: agentnode-raspi1"
        in run("load-image", "--node=nowhere", str(tmp_path / "text"), check=False).stderr
    )


def test_logs_of_every_program_are_shown_and_exported(run: Run, tmp_path: Path) -> None:
    run("up", "--no-flux")
    names = {line.split()[0] for line in run("logs").stdout.splitlines()}
    assert {"etcd", "kube-apiserver", "kube-scheduler", "agentnode-raspi1", "agentnode-raspi1/kubelet"} <= names
    assert "kubelet" in run("logs", "agentnode-raspi1/kubelet", "--lines=400").stdout
    assert "there are: " in run("logs", "nothing", check=False).stderr
    run("logs", f"--export={tmp_path / 'out'}")
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"events.txt", "nodes.txt", "pods.yaml", "programs/agentnode-raspi1/kubelet.log"} <= written
    assert any(name.startswith("pods/kube-system/coredns") for name in written)


def test_a_program_runs_inside_a_node(run: Run, second: Cluster) -> None:
    run("up", "--no-flux")
    subnet = second.segment.subnet()
    assert subnet is not None
    shown = json.loads(run("exec", ONE, "--", "ip", "-json", "-4", "addr", "show", "eth0").stdout)
    assert shown[0]["addr_info"][0]["local"] == subnet.node(2)
    assert run("exec", ONE, "--", "hostname").stdout == f"{ONE}\n"
    assert run("exec", ONE, "--", "sh", "-c", "exit 7", check=False).returncode == 7
    # Its own processes and no others.
    assert "kube-apiserver" not in run("exec", ONE, "--", "ps", "ax").stdout


def test_helm_installs_a_chart(run: Run, tmp_path: Path) -> None:
    run("up", "--no-flux")
    chart = tmp_path / "greeting"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: greeting\nversion: 1.0.0\n")
    (chart / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: greeting}\ndata: {to: {{ .Values.to | quote }}}\n"
    )
    run("helm", "--", "upgrade", "--install", "first", str(chart), "--set=to=all", "--wait")
    assert run("kubectl", "--", "get", "configmap", "greeting", "-ojsonpath={.data.to}").stdout == "all"
    run("helm", "--", "uninstall", "first")
    assert "NotFound" in run("kubectl", "--", "get", "configmap", "greeting", check=False).stderr


def test_git_pushes_to_the_clusters_own_repository(cluster: RunningCluster, tmp_path: Path) -> None:
    own = cluster.machine
    environment = os.environ | {"EDGEFLEET_STATE": str(own.directory.parents[2]), "GIT_CONFIG_GLOBAL": os.devnull}
    environment |= {f"GIT_{who}_{what}": "test@test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    url = run(*CLI, "git-url", f"--name={own.name}").strip()
    git = [*CLI, "git", f"--name={own.name}", "--", "-C", "copy"]
    run("git", "clone", "--quiet", url, "copy")
    run("git", "-C", "copy", "checkout", "--quiet", "-B", "from-the-command-line")
    run("git", "-C", "copy", "commit", "--quiet", "--allow-empty", "--message=by hand")
    refused = subprocess.run(
        ["git", "-C", "copy", "push", "origin", "HEAD"],
        cwd=tmp_path,
        env=environment | {"GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    run(*git, "push", "--quiet", "origin", "HEAD")
    assert "refs/heads/from-the-command-line" in run("git", "ls-remote", url)


def test_the_command_line_of_another_cluster(control_plane: ControlPlane, tmp_path: Path) -> None:
    environment = os.environ | {"KUBECONFIG": str(control_plane.kubeconfig), "EDGEFLEET_STATE": str(tmp_path)}

    def run(context: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        chosen = environment | {"EDGEFLEET_CONTEXT": context}
        return subprocess.run([*CLI, *arguments], env=chosen, capture_output=True, text=True, check=False, timeout=120)

    up = run(control_plane.context, "up")
    assert up.returncode == 0, up.stderr
    assert "answers; EDGEFLEET_CONTEXT chose it, so nothing is started" in up.stdout
    assert list(tmp_path.iterdir()) == []
    assert "namespace/default" in run(control_plane.context, "kubectl", "--", "get", "ns", "-o", "name").stdout
    assert "not ours to stop" in run(control_plane.context, "down").stderr
    assert f"no cluster '{control_plane.context.removeprefix('devcluster-')}'" in (
        run(control_plane.context, "load-image", "archive").stderr
    ), "it has no nodes"
    assert "push them to a registry" in run("production", "load-image", "archive").stderr
    unknown = run("production", "up")
    assert unknown.returncode == 1
    assert "EDGEFLEET_CONTEXT is 'production', which does not answer" in unknown.stderr
