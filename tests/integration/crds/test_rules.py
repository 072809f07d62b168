"""Every CEL rule has an object that passes and one that fails, on the API server."""

import copy
from pathlib import Path

import pytest
from kubernetes import client

from edgefleet.api.v1alpha1.modelversion import ModelVersionSpec
from edgefleet.manifests.transitions import broken_transitions
from support.apiserver import ApiServer
from support.crd_rules import PlacedRule, failing, passing, placed_rules
from support.good_manifests import good_manifests
from support.manifest_cases import BAD

RULES = placed_rules(Path(__file__).parents[3] / "crds")
STANDING = [rule for rule in RULES if not rule.transition]


def test_the_crds_have_rules_to_test() -> None:
    assert len(STANDING) > 60


@pytest.mark.parametrize("rule", STANDING, ids=str)
def test_a_rule_lets_the_right_object_pass_and_names_itself_when_it_refuses(api: ApiServer, rule: PlacedRule) -> None:
    right = passing(rule)
    assert right, "no valid manifest has this field: add it to tests/support/good_manifests.py"
    assert api.judge(right[0][0]).accepted
    wrong = failing(rule)
    cases = [case.build() for case in BAD if case.rule == rule.rule_id]
    broken = [wrong] if wrong else [case for case in cases if case["kind"] == rule.kind]
    assert broken, "no manifest breaks this rule: add a case to tests/support/manifest_cases.py"
    answers = [api.judge(manifest) for manifest in broken]
    assert all(not answer.accepted for answer in answers)
    assert any(f"[{rule.rule_id}]" in answer.message for answer in answers), answers
    assert all(broken[0]["metadata"]["name"] in answer.message for answer in answers[:1])


# What may be done to a stored version's spec, and whether the API server and lint both let it pass.
CHANGES = {
    "nothing": (lambda _spec: None, True),
    "another-size": (lambda spec: spec["artifacts"][0].update(sizeBytes=1), False),
    "artifacts-in-another-order": (lambda spec: spec["artifacts"].reverse(), True),
    "shape-in-another-order": (lambda spec: spec["contract"]["inputs"][0]["shape"].reverse(), False),
    "one-artifact-less": (lambda spec: spec["artifacts"].pop(), False),
    "an-optional-field-less": (lambda spec: spec.pop("lineage"), False),
    "a-metric-more": (lambda spec: spec["metrics"].append({"name": "more", "value": 1}), False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_version_never_changes(api: ApiServer, change: str) -> None:
    manifest = good_manifests()["version-everything"]
    stored = api.create(manifest)
    try:
        stored = api.replace(stored | {"metadata": stored["metadata"] | {"labels": {"a": "b"}}})
        edit, allowed = CHANGES[change]
        edited = copy.deepcopy(stored)
        edit(edited["spec"])
        before, after = (ModelVersionSpec.model_validate(entry["spec"]) for entry in (stored, edited))
        assert [rule_id for _, rule_id, _ in broken_transitions(before, after)] == ([] if allowed else ["immutable"])
        if allowed:
            api.replace(edited)
        else:
            with pytest.raises(client.ApiException, match=r"never changes: publish the next one \[immutable\]"):
                api.replace(edited)
    finally:
        api.delete(manifest)
