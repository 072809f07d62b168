"""The scalar types of the API: names, versions, digests, durations, shares. Must not know any kind.

Bounds are part of the type because the API server refuses a rule whose cost it cannot bound.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from edgefleet.api.rules import CEL_KEY, Rule, matches, quote
from edgefleet.contracts import formats

INT64_EXACT: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""


def _integral(value: Any) -> Any:
    """The API server reads 5.0 as the integer 5."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= INT64_EXACT else value


INTEGRAL: Final = BeforeValidator(_integral)
"""Metadata of every integer; stands last, so that the bounds stay part of the integer's schema."""

Count = Annotated[int, Field(ge=0, le=2**31 - 1), INTEGRAL]
PositiveCount = Annotated[int, Field(ge=1, le=2**31 - 1), INTEGRAL]
Bytes = Annotated[int, Field(ge=1, le=2**31 - 1), INTEGRAL]
Percent = Annotated[int, Field(ge=1, le=100), INTEGRAL]
Tolerance = Annotated[int, Field(ge=0, le=99), INTEGRAL]
Generation = Annotated[int, Field(ge=0, le=INT64_EXACT), INTEGRAL]
ObservedGeneration = Annotated[int, Field(ge=-1, le=INT64_EXACT), INTEGRAL]
ZeroPoint = Annotated[int, Field(ge=-32768, le=32767), INTEGRAL]
Fraction = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
"""Any figure. The API server reads bounds as int64 where the value is whole, so a wider bound would refuse 1."""

Text = Annotated[str, Field(min_length=1, max_length=1024)]
ShortText = Annotated[str, Field(min_length=1, max_length=253)]
Word = Annotated[str, Field(min_length=1, max_length=63)]
FreeForm = Annotated[dict[str, JsonValue], Field(max_length=64, json_schema_extra={"x-free-form": True})]
"""An object that another API validates (affinity) or a plug-in does (hyper-parameters)."""

Name = Annotated[
    str,
    Field(min_length=1, max_length=formats.NAME_MAX),
    matches(
        formats.NAME_PATTERN,
        "must be lower-case letters, digits and '-', starting and ending with a letter or digit, at most 63 characters",
        "safe-name",
    ),
]
MODEL_MAX: Final = 40
VERSION_MAX: Final = 22
ModelName = Annotated[Name, Field(max_length=MODEL_MAX)]
ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    matches(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "must be the name of a Kubernetes object with at most 63 characters",
        "object-name",
    ),
]

# SemVer 2.0.0 less what cannot stand in an object's name: build metadata and upper-case pre-releases.
VERSION_PATTERN: Final = (
    r"^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-z-][0-9a-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-z-][0-9a-z-]*))*)?$"
)
Version = Annotated[
    str,
    Field(min_length=5, max_length=VERSION_MAX),
    matches(
        VERSION_PATTERN,
        "must be a semantic version such as 1.4.0 or 1.5.0-rc.1, lower case, without build metadata",
        "semver",
    ),
]
_PART = r"(0|[1-9][0-9]{0,8}|x|X|\*)"
_COMPARATOR = rf"(=|!=|>|<|>=|<=|~|\^)?{_PART}(\.{_PART}(\.{_PART}(-[0-9a-z][0-9a-z.-]*)?)?)?"
RANGE_PATTERN: Final = rf"^{_COMPARATOR}((, ?| ){_COMPARATOR})*( \|\| {_COMPARATOR}((, ?| ){_COMPARATOR})*)*$"
VersionRange = Annotated[
    str,
    Field(min_length=1, max_length=128),
    matches(
        RANGE_PATTERN,
        "must be a range of semantic versions such as ^1.4, ~1.4.2, 1.x or >=1.2.0 <2.0.0; alternatives with ' || '",
        "semver-range",
    ),
]
Sha256 = Annotated[
    str,
    Field(min_length=64, max_length=64),
    matches(formats.SHA256_PATTERN, "must be a SHA-256 digest: 64 lower-case hexadecimal digits", "sha256"),
]

_SECONDS = {"h": 3600, "m": 60, "s": 1}
DURATION_PATTERN: Final = r"^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"


def seconds(duration: str) -> int:
    """Returns the seconds of a duration such as "1h30m"."""
    return sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"([0-9]+)([hms])", duration))


Duration = Annotated[
    str,
    Field(min_length=2, max_length=18),
    matches(DURATION_PATTERN, "must be a duration in hours, minutes and seconds such as 90s, 5m or 1h30m", "duration"),
]


def lasts(low: str, high: str) -> Rule:
    """Returns the rule that a duration lies between two others, such as "1s" and "1h"."""
    return Rule(
        id="duration-range",
        cel=f"duration(self) >= duration('{low}') && duration(self) <= duration('{high}')",
        message=f"must be from {low} to {high}",
        check=lambda value: seconds(low) <= seconds(value) <= seconds(high),
    )


def _is_instant(value: str) -> bool:
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True


_INSTANT_PATTERN: Final = (
    r"^[12][0-9]{3}-[01][0-9]-[0-3][0-9]T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


Instant = Annotated[
    str,
    Field(min_length=20, max_length=35),
    matches(_INSTANT_PATTERN, "must be an RFC 3339 time such as 2026-11-21T06:00:00Z", "instant"),
    Rule(
        id="instant-exists",
        cel="timestamp(self) > timestamp('1900-01-01T00:00:00Z')",
        message="must be a date that exists",
        check=_is_instant,
    ),
]

# In status, which only the operator writes, types are bounds without rules: every rule costs the API server time on
# every one of a fleet's patches.
StatusName = Annotated[str, Field(max_length=63)]
StatusVersion = Annotated[str, Field(max_length=64)]
StatusDigest = Annotated[str, Field(min_length=64, max_length=64)]


class _DateTime:
    """Metadata: a time, checked by `format: date-time`; in CEL such a field is no string any more."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def check(value: str) -> str:
            if re.match(_INSTANT_PATTERN[:-1] + r"\Z", value) is None or not _is_instant(value):
                raise PydanticCustomError("time", "must be an RFC 3339 time such as 2026-11-21T06:00:00Z")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"format": "date-time"}


StatusTime = Annotated[str, Field(max_length=35), _DateTime()]


@dataclass(frozen=True, slots=True)
class _IntOrString:
    """Metadata: a value that is a whole number or a string (`x-kubernetes-int-or-string`), under one rule."""

    rule: Rule
    pattern: str
    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def check(value: Any) -> int | str:
            # Unlike an integer, such a field takes no 5.0: the API server's CEL knows it as neither type.
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise PydanticCustomError("int_or_string", "must be a whole number or a string")
            if isinstance(value, str) and len(value) > self.max_length:
                raise PydanticCustomError("too_long", "must have at most {most} characters", {"most": self.max_length})
            self.rule.enforce(value)
            return value

        return core_schema.no_info_plain_validator_function(check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            "x-kubernetes-int-or-string": True,
            "maxLength": self.max_length,
            CEL_KEY: [self.rule.to_crd()],
            "x-editor-pattern": self.pattern,
        }


def _int_or_matching(rule_id: str, pattern: str, low: int, high: int, says: str) -> Any:
    matching = re.compile(pattern[:-1] + r"\Z").match
    rule = Rule(
        id=rule_id,
        cel=f"type(self) == int ? self >= {low} && self <= {high} : self.matches({quote(pattern)})",
        message=says,
        check=lambda value: low <= value <= high if isinstance(value, int) else matching(value) is not None,
    )
    return _IntOrString(rule, pattern, 16)


Share = Annotated[
    int | str,
    _int_or_matching(
        "int-or-percent",
        r"^(100|[1-9][0-9]?)%$",
        1,
        1_000_000,
        "must be a whole number from 1 to 1000000 or a percentage from 1% to 100%",
    ),
]
"""A number of devices, or a share of them."""

Quantity = Annotated[
    int | str,
    _int_or_matching(
        "quantity",
        r"^[0-9]{1,8}(\.[0-9]{1,3})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$",
        0,
        10**12,
        "must be a Kubernetes quantity such as 2, 500m or 1Gi",
    ),
]
