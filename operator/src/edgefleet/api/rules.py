"""Validation rules declared once: the CEL text the API server evaluates and the predicate everything else runs.

A rule is attached to a model (`rules`, `transitions` on the class) or to a scalar (as metadata of `Annotated`). The
CRD generator writes the CEL; pydantic runs the predicate. That both give the same verdict is what
`tests/integration/crds` shows against a real API server. This module must not know any kind.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

CEL_KEY: Final = "x-kubernetes-validations"
RULE_ERROR: Final = "edgefleet_rule"


@dataclass(frozen=True, slots=True)
class Rule:
    """One validation rule.

    Attributes:
        id: Stable name, shown in every refusal; kebab-case.
        cel: The rule in CEL; `self` is the value that the rule is attached to.
        message: What must hold, as a sentence without a full stop.
        check: The same rule in Python; gets the validated value (a model, or a scalar).
        field: Where the refusal points, relative to the value (".spec.after"); empty for the value itself.
    """

    id: str
    cel: str
    message: str
    check: Callable[[Any], bool]
    field: str = ""

    def to_crd(self) -> dict[str, str]:
        """Returns the entry of `x-kubernetes-validations`; the id travels in the message, as CEL rules have no name."""
        entry = {"rule": self.cel, "message": f"{self.message} [{self.id}]"}
        # The API server takes only paths that the schema declares, and metadata is not among them.
        pointed = self.field and not self.field.startswith(".metadata")
        return entry | ({"fieldPath": self.field} if pointed else {})

    def enforce(self, value: Any) -> None:
        """Raises `PydanticCustomError` (type `edgefleet_rule`) when `value` breaks the rule."""
        if not self.check(value):
            raise PydanticCustomError(
                RULE_ERROR, "{message}", {"message": self.message, "rule": self.id, "field": self.field}
            )

    # The two hooks below make a rule usable as metadata: Annotated[str, Rule(...)].
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Runs the predicate after the annotated type's own checks."""

        def run(value: Any) -> Any:
            self.enforce(value)
            return value

        return core_schema.no_info_after_validator_function(run, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Adds the CEL entry, for the CRD generator to find."""
        json_schema = handler(schema)
        json_schema[CEL_KEY] = [*json_schema.get(CEL_KEY, []), self.to_crd()]
        return json_schema


@dataclass(frozen=True, slots=True)
class TransitionRule:
    """A rule on a change: `self` and `oldSelf` in CEL, `check(new, old)` in Python. Never runs on creation."""

    id: str
    cel: str
    message: str
    check: Callable[[Any, Any], bool]
    field: str = ""

    def to_crd(self) -> dict[str, str]:
        """Returns the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": f"{self.message} [{self.id}]"}
        return entry | ({"fieldPath": self.field} if self.field else {})


def quote(text: str) -> str:
    """Returns `text` as a CEL string literal."""
    return json.dumps(text, ensure_ascii=True)


def _compile(pattern: str) -> re.Pattern[str]:
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"{pattern!r} must be anchored at both ends")
    if re.search(r"\\[dDwWsSbB]", pattern):
        raise ValueError(f"{pattern!r}: classes such as \\d mean other things in RE2")
    # Python's $ also matches before a final newline; RE2's does not.
    return re.compile(f"{pattern[:-1]}\\Z", re.ASCII)


def matches(pattern: str, says: str, rule_id: str) -> Rule:
    """Returns the rule that a string matches `pattern` (RE2, anchored), refused with the sentence `says`.

    Raises:
        ValueError: the pattern is not anchored, or uses a class that RE2 and Python read differently.
    """
    compiled = _compile(pattern)
    return Matches(
        id=rule_id,
        cel=f"self.matches({quote(pattern)})",
        message=says,
        check=lambda value: compiled.match(value) is not None,
        pattern=pattern,
    )


@dataclass(frozen=True, slots=True)
class Matches(Rule):
    """A rule that is one regular expression; editors get the pattern, as they cannot evaluate CEL."""

    pattern: str = ""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Adds the CEL entry and, for editors only, the pattern."""
        json_schema = Rule.__get_pydantic_json_schema__(self, schema, handler)
        json_schema["x-editor-pattern"] = self.pattern
        return json_schema


def exactly_one(rule_id: str, *names: str, where: str = "") -> Rule:
    """Returns the rule that exactly one of the optional fields `names` (camelCase) is present."""
    terms = ", ".join(f"has(self.{name})" for name in names)
    return Rule(
        id=rule_id,
        cel=f"[{terms}].filter(present, present).size() == 1",
        message=f"exactly one of {', '.join(names[:-1])} and {names[-1]} must be given",
        check=lambda value: sum(_present(value, name) for name in names) == 1,
        field=where,
    )


def at_least_one(rule_id: str, *names: str, where: str = "") -> Rule:
    """Returns the rule that at least one of the optional fields `names` (camelCase) is present."""
    return Rule(
        id=rule_id,
        cel=" || ".join(f"has(self.{name})" for name in names),
        message=f"at least one of {', '.join(names[:-1])} and {names[-1]} must be given",
        check=lambda value: any(_present(value, name) for name in names),
        field=where,
    )


def _present(value: Any, camel: str) -> bool:
    return getattr(value, to_snake(camel)) not in (None, ())


def named_at_most(limit: int) -> Rule:
    """Returns the root rule that an object's name has at most `limit` characters."""
    return Rule(
        id="name-length",
        cel=f"self.metadata.name.size() <= {limit}",
        message=f"the name must have at most {limit} characters",
        check=lambda resource: len(resource.metadata.name) <= limit,
        field=".metadata.name",
    )
