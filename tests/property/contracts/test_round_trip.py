"""Every document that can be built survives the way out and back, and the tables agree with pydantic."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edgefleet.contracts import strict_json
from edgefleet.contracts.catalog import DOCUMENTS
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.conformance import first_fault
from edgefleet.contracts.document import Document, Kind
from edgefleet.contracts.formats import PATTERN_KINDS
from edgefleet.contracts.reasons import ContractError, Reason
from edgefleet.contracts.rules import Rule
from edgefleet.contracts.shapes import FieldShape, ObjectShape, ValueType, shape_of
from support.contract_mutations import damaged

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
_PLAIN = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")
_SECONDS = st.integers(0, 4_000_000_000)


def _pattern(kind: str, most: int) -> st.SearchStrategy[str]:
    if kind == "Base64":
        return st.binary(max_size=24).map(lambda raw: base64.b64encode(raw).decode())
    if kind == "Instant":
        return _SECONDS.map(_instant)
    matching = st.from_regex(re.compile(PATTERN_KINDS[kind], re.ASCII), fullmatch=True)
    return matching.filter(lambda text: len(text) <= most)


def _instant(seconds: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _scalar(field: FieldShape) -> st.SearchStrategy[Any]:
    if field.shape:
        return _object(field.shape)
    if field.type is ValueType.INTEGER:
        return st.integers(int(field.low), int(field.high))
    if field.type is ValueType.NUMBER:
        bounded = field.high != float("inf")
        return st.floats(
            field.low if bounded else None, field.high if bounded else None, allow_nan=False, allow_infinity=False
        )
    if field.type is ValueType.TEXT:
        least, most = field.length
        return (
            _pattern(field.pattern, most) if field.pattern else st.text(_PLAIN, min_size=least, max_size=min(most, 20))
        )
    if field.type is ValueType.CHOICE:
        return st.sampled_from(field.choices)
    return {ValueType.SCHEMA: st.just(1), ValueType.TRUE: st.just(value=True)}.get(field.type, st.booleans())


def _field(field: FieldShape) -> st.SearchStrategy[Any]:
    if field.items is None:
        return _scalar(field)
    return st.lists(_scalar(field), min_size=field.items[0], max_size=min(field.items[1], 4))


def _object(shape: ObjectShape) -> st.SearchStrategy[dict[str, Any]]:
    required = {field.name: _field(field) for field in shape.fields if field.required}
    optional = {field.name: _field(field) for field in shape.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda tree: _obey(shape, tree))


def _obey(shape: ObjectShape, tree: dict[str, Any]) -> dict[str, Any]:
    if shape.rule is Rule.BOOT_WITH_SEQ and ("boot" in tree) != ("seq" in tree):
        return {name: value for name, value in tree.items() if name not in ("boot", "seq")}
    if shape.rule is Rule.INTERVAL:
        start, end = sorted((tree["from"], tree["to"]))
        return tree | {"from": start, "to": end if end > start else end.replace("Z", ".5Z")}
    return tree


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.value)
def test_out_and_back(kind: Kind) -> None:
    model = DOCUMENTS[kind]

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=_SLOW,
        derandomize=True,
    )
    @given(_object(shape_of(model)))
    def check(tree: dict[str, Any]) -> None:
        document = model.model_validate(tree, by_alias=True, by_name=False)
        try:
            raw = encode(document)
        except ContractError as error:
            assert error.reason is Reason.TOO_LARGE  # noqa: PT017 - the only reason a valid model is not sent
            return
        assert decode(model, raw) == document
        assert json.loads(raw) == json.loads(json.dumps(tree))

    check()


def _accepts(model: type[Document], tree: Any) -> bool:
    try:
        model.model_validate(tree, by_alias=True, by_name=False)
    except ValidationError:
        return False
    return True


def test_tables_accept_nothing_that_pydantic_refuses() -> None:
    compared = {True: 0, False: 0}
    for judgement in damaged(seed=21, count=6000):
        model = DOCUMENTS[judgement.kind]
        try:
            tree = strict_json.parse(judgement.raw)
        except strict_json.DialectError:
            continue
        fault = first_fault(shape_of(model), tree)
        if fault is None:
            assert _accepts(model, tree), judgement.raw
        elif fault.reason in (Reason.OUT_OF_RANGE, Reason.UNSUPPORTED_SCHEMA, Reason.BAD_ENVELOPE):
            assert not _accepts(model, tree), (fault, judgement.raw)
        compared[fault is None] += 1
    assert min(compared.values()) > 500


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_only_ever_raise_contract_errors(raw: bytes) -> None:
    for model in DOCUMENTS.values():
        with pytest.raises(ContractError):
            decode(model, raw)
