"""Writes what the Helm charts take from the code: the CRD chart's templates and the broker's access list."""

from typing import Final

from edgefleet.api.meta import GROUP
from edgefleet.api.v1alpha1 import KINDS
from edgefleet.codegen.crds import HEADER, build_crd
from edgefleet.manifests.yaml_writer import write_document
from edgefleet.provisioning.broker_acl import write_acl

CRD_TEMPLATES: Final = "deploy/charts/edgefleet-crds/templates"
PLATFORM: Final = "deploy/charts/edgefleet/generated"
# Uninstalling a chart is a small thing to do; taking a CRD away deletes every device and every rollout in the cluster.
_KEEP: Final = {"helm.sh/resource-policy": "keep"}


def generate() -> dict[str, bytes]:
    """Returns the files by path relative to the repository.

    Raises:
        ValueError: a CRD holds what Helm would take for a template.
    """
    files = {f"{PLATFORM}/broker.acl": write_acl().encode()}
    for kind in KINDS:
        crd = build_crd(kind)
        crd["metadata"]["annotations"] = _KEEP
        text = write_document(crd)
        if "{{" in text:
            raise ValueError(f"{kind.definition.plural}: {{{{ in a CRD is a template to Helm; write it in another way")
        files[f"{CRD_TEMPLATES}/{kind.definition.plural}.{GROUP}.yaml"] = (HEADER + text).encode()
    return files
