"""Labels and selectors, checked as Kubernetes checks them. Must not know any kind."""

import re
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from edgefleet.api.rules import CEL_KEY, Rule, matches, quote
from edgefleet.api.structure import WITHOUT_NULLS, ListKind, Section, items
from edgefleet.domain.device import selectors as domain

_QUALIFIED: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]"
_PREFIX: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
LABEL_KEY_PATTERN: Final = rf"^({_PREFIX}/)?{_QUALIFIED}$"
LABEL_VALUE_PATTERN: Final = rf"^({_QUALIFIED})?$"

_key_matches = re.compile(LABEL_KEY_PATTERN[:-1] + r"\Z").match
_value_matches = re.compile(LABEL_VALUE_PATTERN[:-1] + r"\Z").match


def is_label_key(key: str) -> bool:
    """Says whether `key` is a qualified name: an optional DNS prefix of at most 253 characters, '/', a name."""
    return _key_matches(key) is not None and len(key.rpartition("/")[0]) <= 253


def is_label_value(value: str) -> bool:
    """Says whether `value` can be a label's value: at most 63 characters, possibly none."""
    return _value_matches(value) is not None


LabelKey = Annotated[
    str,
    Field(min_length=1, max_length=128),
    matches(LABEL_KEY_PATTERN, "must be a label key such as site or example.com/site", "label-key"),
]
LabelValue = Annotated[
    str,
    Field(max_length=63),
    matches(LABEL_VALUE_PATTERN, "must be a label value: at most 63 letters, digits, '-', '_' or '.'", "label-value"),
]


class _LabelMap:
    """Metadata of a map: keys and values are labels. The server checks the keys with one rule over the map."""

    rule: ClassVar[Rule] = Rule(
        id="label-keys",
        cel=f"self.all(key, key.size() <= 128 && key.matches({quote(LABEL_KEY_PATTERN)}))",
        message="every key must be a label key such as site or example.com/site",
        check=lambda value: all(len(key) <= 128 and is_label_key(key) for key in value),
    )

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks the keys; the values have a type of their own."""

        def check(value: dict[str, str]) -> dict[str, str]:
            self.rule.enforce(value)
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Adds the CEL entry."""
        return handler(schema) | {CEL_KEY: [self.rule.to_crd()]}


LabelMap = Annotated[dict[str, LabelValue], Field(min_length=1, max_length=16), _LabelMap(), WITHOUT_NULLS]


class SelectorRequirement(Section):
    """One requirement on a label."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="selector-values",
            cel="(self.operator in ['In', 'NotIn']) == has(self.values)",
            message="In and NotIn need values, Exists and DoesNotExist must have none",
            check=lambda self: (self.operator in {"In", "NotIn"}) == bool(self.values),
        ),
    )

    key: LabelKey
    """The label that the requirement is about."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label's value relates to `values`."""
    values: Annotated[tuple[LabelValue, ...], items(16), ListKind("atomic")] = ()
    """The values of In and NotIn."""


class Selector(Section):
    """Which objects, by their labels; all parts must hold. An empty selector is refused: it would select everything."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="selector-not-empty",
            cel="has(self.matchLabels) || has(self.matchExpressions)",
            message="the selector must name at least one label, as an empty one would select every device",
            check=lambda self: bool(self.match_labels) or bool(self.match_expressions),
        ),
    )

    match_labels: LabelMap | None = None
    """Labels that must have exactly these values."""
    match_expressions: Annotated[tuple[SelectorRequirement, ...], items(8), ListKind("atomic")] = ()
    """Requirements that must all hold."""


def to_selector(selector: Selector) -> domain.Selector:
    """Returns the selector as the domain reads it."""
    exact = [domain.Requirement(key, "In", frozenset([value])) for key, value in (selector.match_labels or {}).items()]
    others = [
        domain.Requirement(part.key, part.operator, frozenset(part.values)) for part in selector.match_expressions
    ]
    return domain.Selector(tuple(exact + others))


def _empty_for_null(given: Any) -> Any:
    """Metadata is a Go map of strings, where null reads as the empty string."""
    if isinstance(given, dict):
        return {key: "" if value is None else value for key, value in cast("dict[str, Any]", given).items()}
    return given


class MetadataLabels:
    """Metadata of `metadata.labels` and `metadata.annotations`: the server's own checks."""

    def __init__(self, *, values: bool) -> None:
        """`values`: whether the values are labels too (they are not in annotations)."""
        self.values = values

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks keys and, for labels, values."""

        def check(given: dict[str, str]) -> dict[str, str]:
            for key, value in given.items():
                if not is_label_key(key if self.values else key.lower()):
                    raise PydanticCustomError("label", "{key} is not a valid key", {"key": repr(key)})
                if self.values and not is_label_value(value):
                    raise PydanticCustomError("label", "{value} is not a valid label value", {"value": repr(value)})
            return given

        checked = core_schema.no_info_after_validator_function(check, handler(source))
        return core_schema.no_info_before_validator_function(_empty_for_null, checked)
