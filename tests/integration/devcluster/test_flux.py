"""What GitOps promises: who pushes sees it applied within seconds, whatever happened before."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.addons import gitops, gitserver
from edgefleet_devcluster.addons.gitserver import Credentials
from support.workloads import document, pod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.cluster import RunningCluster

PLATFORM_NODE = "agentnode-raspi1"
APPLIED_SECONDS = 5.0
PROBE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {namespace}
data:
  value: "{value}"
"""
NEVER_READY = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: never
  namespace: {namespace}
spec:
  selector:
    matchLabels: {{app: never}}
  template:
    metadata:
      labels: {{app: never}}
    spec:
      containers:
        - name: never
          image: localhost/edgefleet/nowhere:0
          imagePullPolicy: Never
"""


@dataclass
class Repository:
    """A clone of the cluster's repository, and a folder in it that Flux applies to a namespace of the test's own."""

    cluster: RunningCluster
    clone: Path
    namespace: str
    folder: str

    @property
    def url(self) -> str:
        return gitserver.remote(self.cluster.node_address(PLATFORM_NODE), "fleet")

    def git(self, *arguments: str, **environment: str) -> str:
        identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        for role in ("AUTHOR", "COMMITTER"):
            identity |= {f"GIT_{role}_NAME": "Test", f"GIT_{role}_EMAIL": "test@example.test"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.clone,
            env=os.environ | identity | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"git {arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def write(self, name: str, text: str) -> None:
        file = self.clone / self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def probe(self, value: str, name: str = "probe") -> None:
        self.write(f"{name}.yaml", PROBE.format(name=name, namespace=self.namespace, value=value))

    def push(self) -> str:
        """Commit all and push; return what the server told."""
        credentials = Credentials.find(self.cluster.machine.kubectl)
        assert credentials
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "test")
        return self.git("push", self.url, "HEAD:main", **credentials.environment(self.url))

    def applied(self, value: str, name: str = "probe", seconds: float = APPLIED_SECONDS) -> float:
        """Wait until the cluster has the value; return how long it took."""
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < seconds:
            if self.value(name) == value:
                return elapsed
            time.sleep(0.1)
        status = self.cluster.kubectl("get", "gitrepositories,kustomizations", "--namespace=flux-system").stdout
        pytest.fail(f"{name} has {self.value(name)!r} and not {value!r} {seconds} s after the push\n{status}")

    def value(self, name: str) -> str:
        found = ["configmap", name, f"--namespace={self.namespace}", "--output=jsonpath={.data.value}"]
        return self.cluster.kubectl("get", *found, check=False).stdout

    def watch(self, name: str = "", *, path: str = "", wait: bool = False) -> str:
        """Have Flux apply a folder; return the Kustomization's name."""
        name = name or self.folder
        text = gitops.watch("fleet", f"./{path or self.folder}", name=name, wait=wait)
        self.cluster.kubectl("apply", "--filename=-", stdin=text)
        return name

    def ready(self, name: str) -> dict[str, str]:
        found = ["kustomization", name, "--namespace=flux-system", "--output=json"]
        conditions = json.loads(self.cluster.kubectl("get", *found).stdout).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == "Ready"), {})


@pytest.fixture
def repository(cluster: RunningCluster, cluster_namespace: str, tmp_path: Path) -> Iterator[Repository]:
    assert cluster.machine
    made = Repository(cluster, tmp_path, cluster_namespace, f"test-{uuid.uuid4().hex[:8]}")
    made.git("clone", "--quiet", made.url, ".")
    yield made
    mine = json.loads(cluster.kubectl("get", "kustomizations", "--namespace=flux-system", "-ojson").stdout)["items"]
    for one in mine:
        if made.folder in one["spec"]["path"]:
            cluster.kubectl("delete", "kustomization", one["metadata"]["name"], "--namespace=flux-system")


def test_a_pushed_commit_is_applied_within_seconds(repository: Repository) -> None:
    repository.watch()
    took: list[float] = []
    for value in ("first", "second", "third"):
        repository.probe(value)
        assert "remote: Flux asked to reconcile fleet" in repository.push()
        took.append(repository.applied(value))
    print(f"applied after {', '.join(f'{seconds:.1f} s' for seconds in took)}")  # noqa: T201 - shown with --verbose


def test_what_is_removed_from_git_goes_from_the_cluster(repository: Repository) -> None:
    repository.watch()
    repository.probe("x")
    repository.probe("x", "kept")
    repository.push()
    repository.applied("x")
    (repository.clone / repository.folder / "probe.yaml").unlink()
    repository.push()
    repository.applied("")
    assert repository.value("kept") == "x"


def test_a_broken_commit_changes_nothing_and_the_next_mends_it(repository: Repository) -> None:
    name = repository.watch()
    repository.probe("good")
    repository.push()
    repository.applied("good")
    repository.probe("bad")
    repository.write("broken.yaml", "apiVersion: v1\nkind: NoSuchKind\nmetadata:\n  name: x\n")
    repository.push()
    deadline = time.monotonic() + 20
    while "NoSuchKind" not in repository.ready(name).get("message", ""):
        assert time.monotonic() < deadline, repository.ready(name)
        time.sleep(0.2)
    assert repository.value("probe") == "good"
    (repository.clone / repository.folder / "broken.yaml").unlink()
    repository.probe("mended")
    repository.push()
    repository.applied("mended")


def test_a_commit_does_not_wait_for_what_never_becomes_ready(repository: Repository) -> None:
    name = repository.watch(wait=True)
    repository.probe("first")
    repository.write("never.yaml", NEVER_READY.format(namespace=repository.namespace))
    repository.push()
    repository.applied("first")
    assert repository.ready(name)["status"] != "True"
    repository.probe("second")
    repository.push()
    repository.applied("second")


def test_what_depends_on_another_folder_follows_at_once(repository: Repository) -> None:
    first, second = f"{repository.folder}/first", f"{repository.folder}/second"
    repository.probe("x", "none")
    for folder in (first, second):
        (repository.clone / folder).mkdir()
    repository.watch(f"{repository.folder}-1", path=first, wait=True)
    repository.watch(f"{repository.folder}-2", path=second)
    patch = json.dumps({"spec": {"dependsOn": [{"name": f"{repository.folder}-1"}]}})
    arguments = ["kustomization", f"{repository.folder}-2", "--namespace=flux-system", "--type=merge"]
    repository.cluster.kubectl("patch", *arguments, "--patch", patch)
    for value in ("1", "2"):
        for folder, name in ((first, "before"), (second, "after")):
            text = PROBE.format(name=name, namespace=repository.namespace, value=value)
            (repository.clone / folder / "probe.yaml").write_text(text)
        repository.push()
        repository.applied(value, "after")
        assert repository.value("before") == value


def test_pods_read_the_repository_and_cannot_push(repository: Repository) -> None:
    program = (
        "import urllib.request as u, urllib.error as e\n"
        f"for service in ('upload', 'receive'):\n"
        f"    try: print(u.urlopen('{gitserver.address('fleet')}/info/refs?service=git-%s-pack' % service).status)\n"
        "    except e.HTTPError as error: print(error.code)\n"
    )
    cluster, here = repository.cluster, f"--namespace={repository.namespace}"
    made = pod("intruder", cluster.image("base"), "python3", "-c", program)
    cluster.kubectl("apply", here, "-f-", stdin=document(made))
    cluster.kubectl("wait", here, "--for=jsonpath={.status.phase}=Succeeded", "pod/intruder", "--timeout=60s")
    assert cluster.kubectl("logs", here, "intruder").stdout.split() == ["200", "401"]


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("git", "git-server"),
        pytest.param("flux-system", "source-controller", marks=pytest.mark.slow),
        pytest.param("kube-system", "coredns", marks=pytest.mark.slow),
    ],
)
def test_a_part_that_was_killed_comes_back_and_the_next_commit_is_applied(
    repository: Repository, namespace: str, name: str
) -> None:
    repository.watch()
    repository.probe("before")
    repository.push()
    repository.applied("before")
    where = f"--namespace={namespace}"
    label = "--selector=k8s-app=kube-dns" if name == "coredns" else f"--selector=app={name}"
    repository.cluster.kubectl("delete", "pod", where, label, "--force", "--grace-period=0")
    repository.cluster.kubectl("rollout", "status", f"deployment/{name}", where, "--timeout=60s")
    # Each node learns of the new pod in its own time.
    deadline = time.monotonic() + 30
    while True:
        try:
            repository.git("ls-remote", repository.url)
            break
        except AssertionError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    repository.probe("after")
    repository.push()
    repository.applied("after", seconds=30.0)
    repository.probe("as ever")
    repository.push()
    repository.applied("as ever")


def test_the_git_server_leaves_no_dead_processes(repository: Repository) -> None:
    for value in ("1", "2", "3"):
        repository.probe(value)
        repository.push()
    program = "cat /proc/[0-9]*/status | grep -c '^State:.*Z' || true"
    done = repository.cluster.kubectl("exec", "--namespace=git", "deployment/git-server", "--", "sh", "-c", program)
    assert done.stdout.strip() == "0"
