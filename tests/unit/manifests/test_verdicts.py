"""The named manifests, as pydantic and lint see them; tests/integration asks the API server the same."""

import json

import pytest
from pydantic import ValidationError

from edgefleet.api.v1alpha1 import KINDS
from edgefleet.manifests.folder import read_files
from edgefleet.manifests.objects import declare
from support.manifest_cases import BAD, CASES, GOOD, Case

KIND_BY_NAME = {kind.definition.kind: kind for kind in KINDS}


def findings_of(case: Case) -> list[tuple[str, str, str]]:
    """Returns (rule, field, message) of what lint's schema stage says."""
    reading = read_files({"case.json": json.dumps(case.build()).encode()})
    return [(found.rule, found.field, str(found)) for found in declare(reading.manifests).findings]


def test_there_are_enough_cases_and_no_name_twice() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_good_manifest_is_accepted(case: Case) -> None:
    manifest = case.build()
    KIND_BY_NAME[manifest["kind"]].model_validate(manifest)
    assert findings_of(case) == []


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_refusal_names_object_field_and_rule(case: Case) -> None:
    manifest = case.build()
    with pytest.raises(ValidationError):
        KIND_BY_NAME[manifest["kind"]].model_validate(manifest)
    found = findings_of(case)
    assert (case.rule, case.field) in [(rule, field) for rule, field, _ in found], found
    assert all(f"{manifest['kind']} {manifest['metadata']['name']}" in text for _, _, text in found)
    assert all(f"[{case.rule}]" in text for rule, _, text in found if rule == case.rule)
