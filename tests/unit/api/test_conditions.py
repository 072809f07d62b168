"""Conditions and reasons are words that fit their fields, and every kind documents its own."""

import re

from edgefleet.api.meta import Condition
from edgefleet.api.v1alpha1 import KINDS
from edgefleet.api.v1alpha1.conditions import CONDITIONS, ConditionReason, ConditionType
from edgefleet.codegen.structural import section_of
from support.good_manifests import good_manifests


def test_every_kind_documents_ready_reconciling_and_stalled_first() -> None:
    assert set(CONDITIONS) == {kind.definition.kind for kind in KINDS}
    for meanings in CONDITIONS.values():
        types = [meaning.type for meaning in meanings]
        assert types[:3] == [ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED]
        assert len(types) == len(set(types))


def test_columns_read_conditions_that_the_kind_has() -> None:
    for kind in KINDS:
        known = {meaning.type.value for meaning in CONDITIONS[kind.definition.kind]}
        read = {name for column in kind.definition.columns for name in re.findall(r'type=="(\w+)"', column.json_path)}
        assert read <= known


def test_words_fit_a_condition() -> None:
    sample = good_manifests()["ring-everything"]["status"]["conditions"][0]
    for reason in ConditionReason:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", reason.value)
        for kind in ConditionType:
            Condition.model_validate(sample | {"type": kind.value, "reason": reason.value})


def test_the_models_name_their_conditions() -> None:
    for kind in KINDS:
        described = section_of(kind, "status").model_fields["conditions"].description or ""
        for meaning in CONDITIONS[kind.definition.kind]:
            assert meaning.type.value in described, (kind, meaning.type)
