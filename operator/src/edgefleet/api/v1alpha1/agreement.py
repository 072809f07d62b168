"""Whether what a ModelVersion shows equals what was signed. Must not verify signatures, nor open envelopes."""

from collections.abc import Iterator
from typing import TypeAlias

from edgefleet.api.v1alpha1.modelversion import Artifact, ModelVersion
from edgefleet.api.v1alpha1.modelversion import Tensor as VisibleTensor
from edgefleet.contracts.manifest import Manifest, Tensor

Difference: TypeAlias = tuple[str, object, object]


def find_differences(version: ModelVersion, artifact: Artifact, manifest: Manifest) -> Iterator[Difference]:
    """Yields (field, shown, signed) of what was edited after signing.

    Args:
        version: the object that shows the artifact.
        artifact: one of its artifacts.
        manifest: the payload of the artifact's envelope.
    """
    contract = version.spec.contract
    shown_features = contract.feature_schema.digest if contract.feature_schema else None
    pairs: list[Difference] = [
        ("model", version.spec.model, manifest.model),
        ("version", version.spec.version, manifest.version),
        ("deviceClass", artifact.device_class, manifest.device_class),
        ("format", artifact.format, manifest.format),
        ("sha256", artifact.sha256, manifest.sha256),
        ("sizeBytes", artifact.size_bytes, manifest.size_bytes),
        ("featureSchema", shown_features or manifest.feature_schema.digest, manifest.feature_schema.digest),
        ("inputs", _describe(contract.inputs), _describe(manifest.inputs)),
        ("outputs", _describe(contract.outputs), _describe(manifest.outputs)),
    ]
    return ((field, shown, signed) for field, shown, signed in pairs if shown != signed)


def _describe(tensors: tuple[VisibleTensor, ...] | tuple[Tensor, ...]) -> str:
    """Returns names and shapes; type and quantization are each artifact's own."""
    return ", ".join(f"{tensor.name}[{'x'.join(map(str, tensor.shape))}]" for tensor in tensors)
