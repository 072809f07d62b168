"""The add-ons where they run: names resolve, volumes come and go, and pods are held to what they declare."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import addons, images
from edgefleet_devcluster.network import DNS_ADDRESS
from support.workloads import claim, document, pod, web_server

if TYPE_CHECKING:
    from support.cluster import RunningCluster

PLATFORM = {"node-role.edgefleet.io/platform": "true"}
QUICK_SECONDS = 5.0
# A question for an A record by hand: the C library asks over TCP only when an answer was cut off.
ASK_OVER_TCP = """
import socket, struct
name = b"".join(bytes([len(part)]) + part for part in b"kubernetes.default.svc.cluster.local".split(b".")) + b"\\0"
question = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1)
server = socket.create_connection(("%s", 53), timeout=10)
server.sendall(struct.pack(">H", len(question)) + question)
length = struct.unpack(">H", server.recv(2, socket.MSG_WAITALL))[0]
answer = server.recv(length, socket.MSG_WAITALL)
print(".".join(map(str, answer[-4:])))
"""
ASK_UNTIL_KNOWN = """
import socket, time
told = False
while True:
    begin = time.monotonic()
    try:
        print("found", socket.gethostbyname("late"), flush=True)
        break
    except socket.gaierror as error:
        if not told:
            print("unknown after", time.monotonic() - begin, flush=True)
        told = True
        time.sleep(0.1)
"""


def logs(cluster: RunningCluster, namespace: str, name: str) -> str:
    return cluster.kubectl("logs", f"--namespace={namespace}", name, check=False).stdout


def run(cluster: RunningCluster, namespace: str, name: str, program: str) -> str:
    """Run a Python program in a pod on the platform node and return what it prints."""
    here = f"--namespace={namespace}"
    made = pod(name, cluster.image("base"), "python3", "-c", program, selector=PLATFORM)
    cluster.kubectl("apply", here, "-f-", stdin=document(made))
    cluster.kubectl("wait", here, "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=60s")
    return logs(cluster, namespace, name).strip()


def test_names_resolve_over_tcp_too(cluster: RunningCluster, cluster_namespace: str) -> None:
    assert run(cluster, cluster_namespace, "tcp", ASK_OVER_TCP % DNS_ADDRESS) == "10.96.0.1"


def test_a_new_service_is_known_at_once_even_if_it_was_asked_for_before(
    cluster: RunningCluster, cluster_namespace: str
) -> None:
    here = f"--namespace={cluster_namespace}"
    asking = pod("asking", cluster.image("base"), "python3", "-c", ASK_UNTIL_KNOWN, selector=PLATFORM)
    cluster.kubectl("apply", here, "-f-", stdin=document(asking))
    deadline = time.monotonic() + 60
    while "unknown" not in logs(cluster, cluster_namespace, "asking"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert float(logs(cluster, cluster_namespace, "asking").split()[2]) < QUICK_SECONDS, "not to know is no time-out"
    _, service = web_server("late", cluster.image("base"), "x", selector=PLATFORM)
    begin = time.monotonic()
    cluster.kubectl("apply", here, "-f-", stdin=document(service))
    while "found 10.96." not in logs(cluster, cluster_namespace, "asking"):
        assert time.monotonic() - begin < QUICK_SECONDS
        time.sleep(0.2)


def test_names_that_nobody_has_are_told_within_seconds(cluster: RunningCluster, cluster_namespace: str) -> None:
    program = (
        "import socket, time\n"
        "begin = time.monotonic()\n"
        "try: socket.gethostbyname('nobody.default.svc.cluster.local.')\n"
        "except socket.gaierror: print(time.monotonic() - begin)\n"
    )
    assert float(run(cluster, cluster_namespace, "nobody", program)) < QUICK_SECONDS


@pytest.mark.slow
def test_a_deleted_claim_takes_its_volume_along(cluster: RunningCluster, cluster_namespace: str) -> None:
    here = f"--namespace={cluster_namespace}"
    # A folder that only its owner may enter, as a database makes it.
    command = ("sh", "-c", "mkdir -m 0700 /data/private && echo x > /data/private/file")
    writer = pod("writer", cluster.image("base"), *command, selector=PLATFORM, claim="gone")
    cluster.kubectl("apply", here, "-f-", stdin=document(claim("gone"), writer))
    cluster.kubectl("wait", here, "--for=jsonpath={.status.phase}=Succeeded", "pod/writer", "--timeout=60s")
    volume = cluster.kubectl("get", "pvc", here, "gone", "--output=jsonpath={.spec.volumeName}").stdout
    assert volume
    cluster.kubectl("delete", here, "pod/writer", "pvc/gone", "--timeout=30s")
    cluster.kubectl("wait", "--for=delete", f"pv/{volume}", "--timeout=60s")


def test_the_git_server_is_nobody_and_its_root_is_read_only(cluster: RunningCluster) -> None:
    assert cluster.machine
    program = "id -u; touch /usr/x 2>&1; grep -E '^(CapEff|Seccomp):' /proc/1/status"
    done = cluster.kubectl("exec", "--namespace=git", "deployment/git-server", "--", "sh", "-c", program)
    assert done.stdout.split("\n")[0] == "65532"
    assert "Read-only file system" in done.stdout
    assert "CapEff:\t0000000000000000" in done.stdout
    assert "Seccomp:\t2" in done.stdout


@pytest.mark.parametrize("namespace", addons.namespaces())
def test_no_add_on_was_ever_killed(cluster: RunningCluster, namespace: str) -> None:
    """By a probe that is too strict for a busy machine, or for lack of memory; nodes may have been restarted."""
    assert cluster.machine
    here = f"--namespace={namespace}"
    pods = json.loads(
        cluster.kubectl("get", "pods", here, "--selector=app.kubernetes.io/managed-by=devcluster", "-ojson").stdout
    )["items"]
    assert pods
    ended = [status["lastState"].get("terminated", {}) for one in pods for status in one["status"]["containerStatuses"]]
    assert "OOMKilled" not in {state.get("reason") for state in ended}
    events = json.loads(cluster.kubectl("get", "events", here, "--field-selector=reason=Killing", "-ojson").stdout)
    assert not [one for one in events["items"] if "liveness probe" in one["message"]]


def test_again_it_is_quick_and_changes_nothing(cluster: RunningCluster) -> None:
    wanted = images.ensure(addons.image_names())
    begin = time.monotonic()
    assert addons.install(cluster.machine.kubectl, wanted) is False
    assert time.monotonic() - begin < QUICK_SECONDS
