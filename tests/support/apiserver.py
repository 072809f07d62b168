"""Asks a real API server what it thinks of an object."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

from edgefleet.api.meta import GROUP
from edgefleet.api.v1alpha1 import KINDS
from support.good_manifests import Json

PLURALS = {kind.definition.kind: kind.definition.plural for kind in KINDS}


@dataclass(frozen=True)
class Answer:
    """What the API server said: HTTP status and its message."""

    status: int
    message: str

    @property
    def accepted(self) -> bool:
        """Whether the object would be stored; refusals are 400 (cannot be read) and 422 (invalid)."""
        assert self.status in (200, 201, 400, 422), self
        return self.status < 300


class ApiServer:
    """Dry-run creation, with unknown fields refused, as kubectl and Flux ask for it."""

    def __init__(self, kubeconfig: Path, context: str, namespace: str) -> None:
        """Connects as the kubeconfig's user; objects go to `namespace`."""
        api = config.new_client_from_config(config_file=str(kubeconfig), context=context)
        self.objects = client.CustomObjectsApi(api)
        self.namespace = namespace

    def judge(self, manifest: Json) -> Answer:
        """Returns the verdict on creating the object; nothing is stored."""
        try:
            self.objects.create_namespaced_custom_object(
                GROUP,
                "v1alpha1",
                self.namespace,
                PLURALS[manifest["kind"]],
                manifest,
                dry_run="All",
                field_validation="Strict",
            )
        except client.ApiException as refusal:
            return Answer(refusal.status or 0, str(json.loads(refusal.body or "{}").get("message")))
        return Answer(201, "")

    def judge_all(self, manifests: Iterable[Json]) -> list[Answer]:
        """Returns the verdicts in order, four at a time."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(self.judge, manifests))

    def create(self, manifest: Json) -> Any:
        """Stores the object and returns what the server made of it."""
        return self.objects.create_namespaced_custom_object(
            GROUP, "v1alpha1", self.namespace, PLURALS[manifest["kind"]], manifest, field_validation="Strict"
        )

    def replace(self, manifest: Json, *, status: bool = False) -> Any:
        """Replaces the object, or its status, and returns what the server made of it."""
        replace = self.objects.replace_namespaced_custom_object
        if status:
            replace = self.objects.replace_namespaced_custom_object_status
        name = manifest["metadata"]["name"]
        return replace(GROUP, "v1alpha1", self.namespace, PLURALS[manifest["kind"]], name, manifest)

    def delete(self, manifest: Json) -> None:
        """Deletes the object."""
        name = manifest["metadata"]["name"]
        self.objects.delete_namespaced_custom_object(GROUP, "v1alpha1", self.namespace, PLURALS[manifest["kind"]], name)
