"""What users do with the cluster's four nodes: jobs on the GPU node, Services across nodes, volumes."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING

from edgefleet_devcluster.binaries import build
from support.workloads import claim, document, job, pod, web_server

if TYPE_CHECKING:
    from support.cluster import RunningCluster

IMAGES_BYTES = 400e6
"""What all images but TensorFlow's may take on a node, unpacked."""
PLATFORM, GPU, TPU1, TPU2 = (
    "agentnode-raspi1",
    "agentnode-nvidia-jetson",
    "agentnode-coral-tpu1",
    "agentnode-coral-tpu2",
)
ON_GPU = {"gpuAccelerator": "true"}
BEARS_GPU = [{"key": "gpuAccelerator", "operator": "Equal", "value": "true", "effect": "NoSchedule"}]


def on(node: str) -> dict[str, str]:
    return {"kubernetes.io/hostname": node}


def test_four_ready_nodes_with_their_labels_and_taint(cluster: RunningCluster) -> None:
    cluster.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=10s")
    nodes = {
        item["metadata"]["name"]: item for item in json.loads(cluster.kubectl("get", "nodes", "-ojson").stdout)["items"]
    }
    assert set(nodes) >= {PLATFORM, GPU, TPU1, TPU2}
    assert nodes[GPU]["metadata"]["labels"]["gpuAccelerator"] == "true"
    assert nodes[GPU]["spec"]["taints"] == [{"key": "gpuAccelerator", "value": "true", "effect": "NoSchedule"}]
    for name in (TPU1, TPU2):
        assert nodes[name]["metadata"]["labels"]["tpuAccelerator"] == "true"
        assert "taints" not in nodes[name]["spec"]
    addresses = {cluster.node_address(name) for name in nodes}
    assert len(addresses) == len(nodes), "each node is a machine with an address of its own"


def test_a_job_with_the_gpu_selector_and_toleration_runs_on_the_tainted_node(
    cluster: RunningCluster, cluster_namespace: str
) -> None:
    here = f"--namespace={cluster_namespace}"
    template = pod("trainer", cluster.image("base"), "uname", "-n", selector=ON_GPU, tolerations=BEARS_GPU)
    cluster.kubectl("apply", here, "-f-", stdin=document(job("train", template)))
    cluster.kubectl("wait", here, "--for=condition=Complete", "job/train", "--timeout=30s")
    pods = json.loads(cluster.kubectl("get", "pods", here, "-ojson").stdout)["items"]
    assert [item["spec"]["nodeName"] for item in pods] == [GPU]
    assert cluster.kubectl("logs", here, "job/train").stdout.strip() == pods[0]["metadata"]["name"]


def test_nothing_runs_on_the_tainted_node_unasked(cluster: RunningCluster, cluster_namespace: str) -> None:
    here = f"--namespace={cluster_namespace}"
    image = cluster.image("base")
    crowd = [pod(f"crowd-{number}", image, "true") for number in range(8)]
    refused = pod("intolerant", image, "true", selector=ON_GPU)
    cluster.kubectl("apply", here, "-f-", stdin=document(*crowd, refused))
    for item in crowd:
        done = f"pod/{item['metadata']['name']}"
        cluster.kubectl("wait", here, "--for=jsonpath={.status.phase}=Succeeded", done, "--timeout=40s")
    pods = json.loads(cluster.kubectl("get", "pods", here, "-ojson").stdout)["items"]
    assert {item["spec"].get("nodeName") for item in pods} <= {PLATFORM, TPU1, TPU2, None}
    waiting = next(item for item in pods if item["metadata"]["name"] == "intolerant")
    assert "untolerated taint" in waiting["status"]["conditions"][0]["message"]


def test_a_pod_resolves_and_reaches_a_service_on_another_node(cluster: RunningCluster, cluster_namespace: str) -> None:
    here = f"--namespace={cluster_namespace}"
    image = cluster.image("base")
    cluster.kubectl("apply", here, "-f-", stdin=document(*web_server("hello", image, "it works", selector=on(TPU1))))
    cluster.kubectl("wait", here, "--for=condition=Ready", "pod/hello", "--timeout=30s")
    program = "import urllib.request as u; print(u.urlopen('http://hello', timeout=20).read().decode())"
    client = pod("client", image, "python3", "-c", program, selector=on(TPU2))
    cluster.kubectl("apply", here, "-f-", stdin=document(client))
    cluster.kubectl("wait", here, "--for=jsonpath={.status.phase}=Succeeded", "pod/client", "--timeout=40s")
    assert cluster.kubectl("logs", here, "client").stdout.strip() == "it works"

    # From outside on every node's address, by the API server, and from a pod to itself through its Service.
    port = int(cluster.kubectl("get", "service", here, "hello", "-ojsonpath={.spec.ports[0].nodePort}").stdout)
    for node in (PLATFORM, GPU, TPU1, TPU2):
        assert get(cluster.node_address(node), port) == "it works"
    proxied = f"/api/v1/namespaces/{cluster_namespace}/services/hello:80/proxy/"
    assert cluster.kubectl("get", "--raw", proxied).stdout == "it works"
    # By its longer name: the short one is also the pod's own host name.
    program = program.replace("http://hello", f"http://hello.{cluster_namespace}")
    assert cluster.kubectl("exec", here, "hello", "--", "python3", "-c", program).stdout.strip() == "it works"


def get(host: str, port: int) -> str:
    """Ask until it answers: each node's kube-proxy learns of a Service in its own time."""
    deadline = time.monotonic() + 10
    while True:
        connection = http.client.HTTPConnection(host, port, timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        except OSError:
            assert time.monotonic() < deadline, f"{host}:{port} does not answer"
            time.sleep(0.2)
        finally:
            connection.close()


def test_images_take_little_of_a_nodes_disk(cluster: RunningCluster) -> None:
    own = cluster.machine
    flux = sum(path.stat().st_size for path in build.ensure(["source-controller", "kustomize-controller"]).values())
    for node in own.nodes.values():
        size = sum(path.lstat().st_size for path in node.images.rglob("*") if not path.is_dir())
        # Flux is not ours: users of EdgeFleet have it anyway.
        assert size - (flux if node.number == 0 else 0) < IMAGES_BYTES, node.name


def test_what_is_on_a_volume_survives_its_pod(cluster: RunningCluster, cluster_namespace: str) -> None:
    here = f"--namespace={cluster_namespace}"
    image = cluster.image("base")
    # On the tainted node: the provisioner has to get there too.
    place = {"selector": ON_GPU, "tolerations": BEARS_GPU, "claim": "kept"}
    writer = pod("writer", image, "sh", "-c", "echo precious > /data/file; sync", **place)
    cluster.kubectl("apply", here, "-f-", stdin=document(claim("kept"), writer))
    cluster.kubectl("wait", here, "--for=jsonpath={.status.phase}=Succeeded", "pod/writer", "--timeout=60s")
    cluster.kubectl("delete", here, "pod/writer", "--timeout=30s")
    cluster.kubectl("apply", here, "-f-", stdin=document(pod("reader", image, "cat", "/data/file", **place)))
    cluster.kubectl("wait", here, "--for=jsonpath={.status.phase}=Succeeded", "pod/reader", "--timeout=40s")
    assert cluster.kubectl("logs", here, "reader").stdout == "precious\n"
