"""The CRDs as the API server takes them."""

import json
from pathlib import Path

import pytest

from edgefleet.api.v1alpha1 import KINDS
from support.controlplane import Kubectl


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_crd_is_established_and_structural(kubectl: Kubectl, crds: Path, kind: type) -> None:
    assert crds.is_dir()
    crd = json.loads(kubectl("get", "crd", f"{kind.definition.plural}.edgefleet.io", "-o", "json").stdout)
    conditions = {entry["type"]: entry["status"] for entry in crd["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    # The condition appears only where something is wrong with the schema.
    assert "NonStructuralSchema" not in conditions


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_explain_describes_every_field_of_spec(kubectl: Kubectl, crds: Path, kind: type) -> None:
    assert crds.is_dir()
    said = kubectl("explain", f"{kind.definition.plural}.spec", "--recursive").stdout
    for field in kind.model_fields["spec"].annotation.model_fields.values():
        assert f"{field.alias}\t<" in said, field.alias
    described = kubectl("explain", f"{kind.definition.plural}.spec").stdout
    for field in kind.model_fields["spec"].annotation.model_fields.values():
        assert " ".join(field.description.split())[:40] in " ".join(described.split()), field.alias


def test_categories_list_the_fleet_and_all_leaves_devices_out(kubectl: Kubectl, crds: Path) -> None:
    assert crds.is_dir()
    listed = kubectl("api-resources", "--api-group=edgefleet.io", "--categories=edgefleet", "-o", "name").stdout.split()
    assert sorted(listed) == sorted(f"{kind.definition.plural}.edgefleet.io" for kind in KINDS)
    in_all = kubectl("api-resources", "--api-group=edgefleet.io", "--categories=all", "-o", "name").stdout.split()
    assert "edgedevices.edgefleet.io" not in in_all
    assert "rolloutrings.edgefleet.io" in in_all
