"""Small pods for tests, on the image that every node has."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]


def pod(
    name: str,
    image: str,
    *command: str,
    selector: dict[str, str] | None = None,
    tolerations: list[Object] | None = None,
    claim: str = "",
    labels: dict[str, str] | None = None,
) -> Object:
    """Return a pod that runs one command, as an ordinary user and on a read-only root.

    Args:
        name: Its name.
        image: Its image's full name.
        command: What it runs.
        selector: Labels of the nodes it may run on.
        tolerations: Taints it bears.
        claim: Name of a volume claim to mount at /data.
        labels: Its labels.
    """
    container: Object = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": list(command),
        "securityContext": {
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        },
    }
    spec: Object = {
        "containers": [container],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": selector or {},
        "tolerations": tolerations or [],
        "securityContext": {"fsGroup": 65532},
    }
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def job(name: str, template: Object) -> Object:
    """Return a job that runs a pod once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": {"job": name}}, "spec": template["spec"]}},
    }


def web_server(name: str, image: str, text: str, *, selector: dict[str, str]) -> list[Object]:
    """Return a pod that answers every GET with ``text``, and its Service on port 80, also as NodePort."""
    program = (
        "import http.server as h\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        f"        self.send_response(200); self.end_headers(); self.wfile.write(b'{text}')\n"
        "h.ThreadingHTTPServer(('', 8080), A).serve_forever()\n"
    )
    server = pod(name, image, "python3", "-c", program, selector=selector, labels={"app": name})
    server["spec"]["containers"][0]["readinessProbe"] = {
        "httpGet": {"path": "/", "port": 8080},
        "periodSeconds": 1,
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": "NodePort", "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [server, service]


def claim(name: str) -> Object:
    """Return a claim of a small volume of the default storage class."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }


def document(*objects: Object) -> str:
    """Return the objects as one text for ``kubectl apply -f -``."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
