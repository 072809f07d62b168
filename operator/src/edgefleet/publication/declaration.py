"""Sealed artifacts become a ModelVersion, the file that is committed to Git. Must not know where anything is stored."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from edgefleet.api.v1alpha1 import ModelVersion
from edgefleet.contracts.manifest import Tensor
from edgefleet.manifests.yaml_writer import write_document
from edgefleet.publication.release import NotPublishableError, Release, describe_faults
from edgefleet.publication.sealing import SealedArtifact


def write_version(release: Release, artifacts: Sequence[SealedArtifact]) -> str:
    """Returns the ModelVersion as YAML, the same text for the same release and artifacts.

    Raises:
        NotPublishableError: the artifacts do not share one contract, or the API would refuse the object.
    """
    first, *others = (artifact.manifest for artifact in artifacts)
    for other in others:
        for field in ("inputs", "outputs"):
            ours, theirs = _outline(getattr(first, field)), _outline(getattr(other, field))
            if ours != theirs:
                text = f"{field}: {first.device_class} has {ours}, {other.device_class} has {theirs}; a version has one"
                raise NotPublishableError(text)
    metadata = {"name": release.name}
    if release.namespace is not None:
        metadata["namespace"] = release.namespace
    spec: dict[str, Any] = {
        "model": release.model,
        "version": release.version,
        "contract": {
            "inputs": _show([artifact.manifest.inputs for artifact in artifacts]),
            "outputs": _show([artifact.manifest.outputs for artifact in artifacts]),
            "featureSchema": _dump(release.feature_schema),
        },
        "metrics": [_dump(metric) for metric in release.metrics],
        "lineage": _dump(release.lineage) if release.lineage else None,
        "artifacts": [_show_artifact(artifact) for artifact in artifacts],
    }
    tree = {
        "apiVersion": "edgefleet.io/v1alpha1",
        "kind": "ModelVersion",
        "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value},
    }
    try:
        ModelVersion.model_validate(tree)
    except ValidationError as problem:
        raise NotPublishableError(describe_faults(problem, ModelVersion)) from None
    return write_document(tree)


def _dump(section: Any) -> dict[str, Any]:
    return section.model_dump(mode="json", by_alias=True)


def _outline(tensors: tuple[Tensor, ...]) -> list[tuple[str, tuple[int, ...]]]:
    return [(tensor.name, tensor.shape) for tensor in tensors]


def _show(manifests: Sequence[tuple[Tensor, ...]]) -> list[dict[str, Any]]:
    """Returns the tensors that all artifacts share; a quantization in which they differ is each artifact's own."""
    shown: list[dict[str, Any]] = []
    for same in zip(*manifests, strict=True):
        first = same[0].to_tree()
        if any((each.scale, each.zero_point) != (same[0].scale, same[0].zero_point) for each in same):
            first = {key: value for key, value in first.items() if key not in ("scale", "zeroPoint")}
        shown.append(first)
    return shown


def _show_artifact(artifact: SealedArtifact) -> dict[str, Any]:
    manifest = artifact.manifest
    return {
        "deviceClass": manifest.device_class,
        "format": manifest.format,
        "sha256": manifest.sha256,
        "sizeBytes": manifest.size_bytes,
        "envelope": artifact.envelope.to_tree(),
    }
