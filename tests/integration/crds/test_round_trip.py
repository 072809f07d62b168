"""What is written is what is stored: model -> YAML -> API server -> model is the identity."""

import json

import pytest

from edgefleet.api.v1alpha1 import KINDS
from edgefleet.manifests.yaml_writer import write_document
from support.apiserver import ApiServer
from support.controlplane import Kubectl
from support.good_manifests import good_manifests

KIND_BY_NAME = {kind.definition.kind: kind for kind in KINDS}
_SERVERS_OWN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace")


def without_servers_own(stored: dict) -> dict:
    metadata = {key: value for key, value in stored["metadata"].items() if key not in _SERVERS_OWN}
    metadata.get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    if not metadata.get("annotations", True):
        del metadata["annotations"]
    return stored | {"metadata": metadata}


@pytest.mark.parametrize("name", good_manifests())
def test_an_object_comes_back_as_the_same_model(api: ApiServer, kubectl: Kubectl, name: str) -> None:
    manifest = good_manifests()[name]
    kind = KIND_BY_NAME[manifest["kind"]]
    model = kind.model_validate(manifest)
    text = write_document(model.to_json_object())
    get = ("get", kind.definition.singular, model.metadata.name, "-n", api.namespace, "-o", "json")
    kubectl("apply", "-n", api.namespace, "-f", "-", stdin=text)
    try:
        if "status" in manifest:
            stored = json.loads(kubectl(*get).stdout)
            assert stored["status"] == {"observedGeneration": -1}
            stored = api.replace(stored | {"status": model.to_json_object()["status"]}, status=True)
        stored = json.loads(kubectl(*get).stdout)
        assert kind.model_validate(without_servers_own(stored)) == model
        # Applying what was read changes nothing: no drift for Flux or Argo CD to see.
        again = kubectl("apply", "-n", api.namespace, "-f", "-", stdin=text).stdout
        assert "unchanged" in again
    finally:
        api.delete(manifest)


def test_a_fresh_object_is_in_progress_for_kstatus(api: ApiServer) -> None:
    manifest = good_manifests()["ring-least"]
    stored = api.create(manifest)
    try:
        assert stored["status"]["observedGeneration"] == -1
        assert stored["metadata"]["generation"] == 1
    finally:
        api.delete(manifest)


def test_the_status_of_a_device_costs_no_bookkeeping(api: ApiServer) -> None:
    """managedFields of a granular status would add a third to each of a fleet's objects."""
    manifest = good_manifests()["device-everything"]
    made = api.create(manifest)
    try:
        after = api.replace(made | {"status": manifest["status"]}, status=True)
        (written,) = [entry for entry in after["metadata"]["managedFields"] if entry.get("subresource") == "status"]
        assert written["fieldsV1"] == {"f:status": {}}
    finally:
        api.delete(manifest)
