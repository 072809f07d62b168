"""The golden cases that every document shares, and those of the JSON dialect."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from edgefleet.codegen.vector_samples import full, minimal, pem_of, to_json
from edgefleet.contracts.catalog import DOCUMENTS
from edgefleet.contracts.document import Kind
from edgefleet.contracts.limits import CERTIFICATE_MAX, CSR_MAX, INT64_MAX, JSON_TOKENS_MAX
from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.shapes import FieldShape, ObjectShape, ValueType, shape_of

# Documents below this size cannot hold enough tokens to reach the limit.
_ROOM_FOR_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True)
class Case:
    """One golden vector.

    Attributes:
        kind: the document to read it as.
        name: unique among the kind's.
        raw: the bytes on the wire.
        reason: the verdict; known from how the case was made, never computed by the code under test.
        path: the field at fault, `""` for none.
        context: a row of contexts.tsv, `""` for reading without one.
    """

    kind: Kind
    name: str
    raw: bytes
    reason: Reason = Reason.OK
    path: str = ""
    context: str = ""


def shared_cases(kind: Kind) -> Iterator[Case]:
    """Yield what every document has: good, cut, too large, strange, wrong field by field."""
    yield Case(kind, "minimal", to_json(minimal(kind)))
    yield Case(kind, "full", to_json(full(kind)))
    yield from _size_cases(kind)
    yield from _structure_cases(kind)
    shape = shape_of(DOCUMENTS[kind])
    yield from _field_cases(kind, shape)
    for end in (0, 1):
        yield Case(kind, ("lowest-values", "highest-values")[end], to_json(_at_bounds(shape, full(kind), end)))
    yield from _range_cases(kind, shape, full(kind), "", lambda value: value)


def _size_cases(kind: Kind) -> Iterator[Case]:
    good, limit = to_json(minimal(kind)), DOCUMENTS[kind].max_bytes
    yield Case(kind, "at-limit", good + b" " * (limit - len(good)))
    yield Case(kind, "oversized", good + b" " * (limit + 1 - len(good)), Reason.TOO_LARGE)
    yield Case(kind, "oversized-garbage", b"\xff" * (limit + 1), Reason.TOO_LARGE)
    yield Case(kind, "empty", b"", Reason.MALFORMED)
    yield Case(kind, "truncated-last-byte", good[:-1], Reason.MALFORMED)
    yield Case(kind, "truncated-half", good[: len(good) // 2], Reason.MALFORMED)
    yield Case(kind, "trailing-bytes", good + b"{}", Reason.MALFORMED)
    yield Case(kind, "not-an-object", b"[" + good[: limit - 2] + b"]", Reason.WRONG_TYPE)


def _with_unknown(kind: Kind, value: bytes, name: bytes = b'"x-unknown"') -> bytes:
    return to_json(minimal(kind))[:-1] + b"," + name + b":" + value + b"}"


def _structure_cases(kind: Kind) -> Iterator[Case]:
    first = next(iter(minimal(kind)))
    escaped = f'"\\u{ord(first[0]):04x}{first[1:]}"'.encode()
    yield Case(kind, "unknown-fields", _with_unknown(kind, b'{"a":[1,2.5,null,{"b":"c"}]}'))
    yield Case(kind, "unicode-good", _with_unknown(kind, '"é 𝄞 \\ud834\\udd1e \uffff"'.encode()))
    yield Case(kind, "unicode-overlong", _with_unknown(kind, b'"\xc0\xaf"'), Reason.MALFORMED)
    yield Case(kind, "unicode-lone-surrogate", _with_unknown(kind, b'"\\udc00"'), Reason.MALFORMED)
    yield Case(kind, "byte-order-mark", b"\xef\xbb\xbf" + to_json(minimal(kind)), Reason.MALFORMED)
    yield Case(kind, "duplicate-key", _with_unknown(kind, b"1", f'"{first}"'.encode()), Reason.DUPLICATE_KEY)
    yield Case(kind, "duplicate-key-escaped", _with_unknown(kind, b"1", escaped), Reason.DUPLICATE_KEY)
    yield Case(kind, "depth-8", _with_unknown(kind, b"[" * 7 + b"]" * 7))
    yield Case(kind, "depth-9", _with_unknown(kind, b"[" * 8 + b"]" * 8), Reason.TOO_DEEP)
    if DOCUMENTS[kind].max_bytes >= _ROOM_FOR_TOKENS:
        room = JSON_TOKENS_MAX - _count_tokens(minimal(kind)) - 2
        yield Case(kind, "most-tokens", _with_unknown(kind, to_json([0] * room)))
        yield Case(kind, "too-many-tokens", _with_unknown(kind, to_json([0] * (room + 1))), Reason.TOO_LARGE)


def _count_tokens(tree: Any) -> int:
    if isinstance(tree, dict):
        return 1 + sum(1 + _count_tokens(value) for value in tree.values())
    return 1 + sum(map(_count_tokens, tree)) if isinstance(tree, list) else 1


def _field_cases(kind: Kind, shape: ObjectShape) -> Iterator[Case]:
    for field in shape.fields:
        tree = full(kind)
        if field.required:
            del tree[field.name]
            yield Case(kind, f"missing-{field.name}", to_json(tree), Reason.MISSING_FIELD, field.name)
        wrong = _wrong_type(field) if field.required else None
        label = "wrong-type" if field.required else "null"
        tree = full(kind) | {field.name: wrong}
        yield Case(kind, f"{label}-{field.name}", to_json(tree), Reason.WRONG_TYPE, field.name)


def _at_bounds(shape: ObjectShape, tree: dict[str, Any], end: int) -> dict[str, Any]:
    """Put every bounded number, free text and list of numbers at its least (0) or greatest (1), which is allowed."""
    moved = dict(tree)
    for field in shape.fields:
        if field.shape:
            inner = [_at_bounds(field.shape, each, end) for each in _as_list(tree[field.name])]
            moved[field.name] = inner if field.items else inner[0]
            continue
        bound = _bound(field, end)
        if bound is not None:
            count = field.items[end] if field.items else 1
            moved[field.name] = [bound] * count if field.items else bound
    return moved


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _bound(field: FieldShape, end: int) -> Any:
    if field.type is ValueType.INTEGER:
        return (field.low, field.high)[end]
    if field.type is ValueType.NUMBER:
        return (field.low, field.high)[end] if field.high != float("inf") else (-1.7976931348623157e308, 5e-324)[end]
    if field.type is ValueType.TEXT and field.pattern is None:
        return ("𝄞" + "é" * field.length[end])[: field.length[end]]
    return None


def _wrong_type(field: FieldShape) -> Any:
    if field.items is not None:
        return {}
    if field.type in (ValueType.SCHEMA, ValueType.INTEGER):
        return 1.0
    if field.type in (ValueType.NUMBER, ValueType.BOOLEAN, ValueType.TRUE):
        return "1" if field.type is ValueType.NUMBER else 1
    return [] if field.type is ValueType.OBJECT else 7


def _range_cases(
    kind: Kind, shape: ObjectShape, tree: dict[str, Any], prefix: str, within: Callable[[dict[str, Any]], Any]
) -> Iterator[Case]:
    """Yield one case per bounded field at any depth; `within` puts a changed object back into the document."""
    for field in shape.fields:
        path = f"{prefix}.{field.name}" if prefix else field.name
        slug = path.replace("[0]", "").replace(".", "-")
        for label, value, at in _bad_values(field, tree[field.name], path):
            reason = Reason.UNSUPPORTED_SCHEMA if field.type is ValueType.SCHEMA else shape.value_fault
            raw = to_json(within(tree | {field.name: value}))
            yield Case(kind, f"{label}-{slug}", raw, reason, at)
        if field.shape:
            yield from _range_cases(
                kind,
                field.shape,
                tree[field.name][0] if field.items else tree[field.name],
                f"{path}[0]" if field.items else path,
                _put_back(within, tree, field),
            )


def _put_back(
    within: Callable[[dict[str, Any]], Any], tree: dict[str, Any], field: FieldShape
) -> Callable[[dict[str, Any]], Any]:
    def put(value: dict[str, Any]) -> Any:
        return within(tree | {field.name: [value, *tree[field.name][1:]] if field.items else value})

    return put


def _bad_values(field: FieldShape, good: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    bad = _out_of_range(field)
    if field.items is None:
        if bad is not None:
            yield "out-of-range", bad, path
        return
    least, most = field.items
    yield "too-many", (good * (most + 1))[: most + 1], path
    if least:
        yield "too-few", [], path
    if bad is not None:
        yield "out-of-range", [bad, *good[1:]], f"{path}[0]"


def _out_of_range(field: FieldShape) -> Any:
    if field.type is ValueType.SCHEMA:
        return 2
    if field.type is ValueType.INTEGER:
        return field.high + 1 if field.high < INT64_MAX else field.low - 1
    if field.type is ValueType.NUMBER:
        return field.high * 2 + 1 if field.high != float("inf") else None
    if field.type is ValueType.CHOICE:
        return field.choices[0].swapcase()
    if field.type is ValueType.TEXT:
        return "not a \\/ name!" if field.pattern else "é" * (field.length[1] + 1)
    return False if field.type is ValueType.TRUE else None


# What parsers disagree about (RFC 8259; see also "Parsing JSON is a minefield", N. Seriot), as the value of an
# unknown field.
_BAD_VALUES: Final[dict[str, bytes]] = {
    "number-leading-zero": b"01",
    "number-leading-plus": b"+1",
    "number-bare-minus": b"-",
    "number-no-fraction": b"1.",
    "number-no-integer": b".5",
    "number-no-exponent": b"1e",
    "number-sign-in-exponent": b"1e+",
    "number-hexadecimal": b"0x10",
    "number-nan": b"NaN",
    "number-infinity": b"-Infinity",
    "number-overflow": b"1e400",
    "integer-above-int64": b"9223372036854775808",
    "integer-below-int64": b"-9223372036854775809",
    "number-41-characters": b"0." + b"1" * 39,
    "literal-capital": b"True",
    "literal-cut": b"nul",
    "literal-long": b"nulll",
    "array-trailing-comma": b"[1,]",
    "array-leading-comma": b"[,1]",
    "array-no-comma": b"[1 2]",
    "array-wrong-end": b"[1}",
    "object-trailing-comma": b'{"a":1,}',
    "object-no-colon": b'{"a" 1}',
    "object-number-key": b"{1:1}",
    "object-no-value": b'{"a":}',
    "string-single-quotes": b"'a'",
    "string-open": b'"a',
    "string-control": b'"\x1f"',
    "string-newline": b'"\n"',
    "string-nul": b'"\x00"',
    "escape-nul": b'"\\u0000"',
    "escape-unknown": b'"\\x41"',
    "escape-short": b'"\\u12"',
    "escape-high-surrogate": b'"\\ud834"',
    "escape-two-high-surrogates": b'"\\ud834\\ud834"',
    "escape-low-first": b'"\\udd1e\\ud834"',
    "utf8-continuation": b'"\x80"',
    "utf8-cut": b'"\xe2\x82"',
    "utf8-overlong-3": b'"\xe0\x80\xaf"',
    "utf8-surrogate": b'"\xed\xa0\x80"',
    "utf8-above-unicode": b'"\xf4\x90\x80\x80"',
    "utf8-outside-string": b"\xc2\xa0",
    "comment": b"1/**/",
    "form-feed": b"1\x0c",
}
_GOOD_VALUES: Final[dict[str, bytes]] = {
    "integer-extremes": b"[9223372036854775807,-9223372036854775808,-0]",
    "number-forms": b"[0.0,1E+2,1e-2,-0.5e0,1e-400]",
    "number-40-characters": b"0." + b"1" * 38,
    "string-escapes": b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud834\\udd1e"',
    "string-delete": b'"\x7f"',
    "utf8-last-code-point": b'"\xf4\x8f\xbf\xbf"',
    "whitespace": b" \t\r\n[ ] ",
    "empty-key": b'{"":1}',
}


def dialect_cases() -> Iterator[Case]:
    """Yield the JSON dialect, once: every document is read by the same scanner."""
    kind = Kind.CONTROL
    for name, value in _BAD_VALUES.items():
        yield Case(kind, f"json-{name}", _with_unknown(kind, value), Reason.MALFORMED)
    for name, value in _GOOD_VALUES.items():
        yield Case(kind, f"json-{name}", _with_unknown(kind, value))
    for name, raw in (("null", b"null"), ("number", b"1"), ("string", b'"x"'), ("array", b"[]")):
        yield Case(kind, f"json-top-level-{name}", raw, Reason.WRONG_TYPE)
    nested = _with_unknown(kind, b'{"a":{"k":1,"k":2}}')
    yield Case(kind, "json-duplicate-in-unknown", nested, Reason.DUPLICATE_KEY)
    yield Case(kind, "json-same-key-elsewhere", _with_unknown(kind, b'{"command":{"command":1}}'))
    # The first fault in byte order wins.
    yield Case(kind, "json-duplicate-before-cut", b'{"a":1,"a"', Reason.DUPLICATE_KEY)
    yield Case(kind, "json-cut-before-duplicate", b'{"a":1 "a":2}', Reason.MALFORMED)
    yield Case(kind, "json-deep-before-cut", b"[" * 9, Reason.TOO_DEEP)
    yield Case(kind, "json-deep-but-late", b'{"a":\xff' + b"[" * 9, Reason.MALFORMED)


_VERSIONS: Final = {
    "good": ("1.2.3-0a", "1.2.3+01", "1.2.3-a-b.0", "1.2.3--", "0.0.0", "999999999.0.0"),
    "bad": ("1.2", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "v1.2.3", "1.2.3-a..b", "1000000000.0.0", "1.2.3 "),
}
_DEVICE_IDS: Final = {
    "good": ("a", "0", "a-b", "a" * 63),
    "bad": ("", "-a", "a-", "A", "a.b", "a/b", "a+", "#", "a" * 64, "é"),
}


def name_cases() -> Iterator[Case]:
    """Yield the edges of versions and device ids."""
    kind = Kind.ALERT
    for field, texts in (("version", _VERSIONS), ("deviceID", _DEVICE_IDS)):
        for index, text in enumerate(texts["good"]):
            yield Case(kind, f"good-{field}-{index}", to_json(full(kind) | {field: text}))
        for index, text in enumerate(texts["bad"]):
            raw = to_json(full(kind) | {field: text})
            yield Case(kind, f"bad-{field}-{index}", raw, Reason.OUT_OF_RANGE, field)


def rule_cases() -> Iterator[Case]:
    """Yield the demands on several fields at once."""
    for present, absent in (("boot", "seq"), ("seq", "boot")):
        tree = full(Kind.TELEMETRY)
        del tree[absent]
        yield Case(Kind.TELEMETRY, f"{present}-without-{absent}", to_json(tree), Reason.MISSING_FIELD, absent)
    original = {
        name: full(Kind.TELEMETRY)[name] for name in ("deviceID", "current", "temperature", "vibration", "sound")
    }
    yield Case(Kind.TELEMETRY, "original-protocol", to_json({**original, "fft_data": "false"}))
    for name, start, end, path in (
        ("equal", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", "to"),
        ("reversed", "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z", "to"),
        ("reversed-fraction", "2026-01-01T00:00:00.10Z", "2026-01-01T00:00:00.099999Z", "to"),
        ("no-such-day-from", "2026-02-29T00:00:00Z", "2026-03-01T00:00:00Z", "from"),
        ("no-such-day-to", "2026-01-01T00:00:00Z", "2026-04-31T00:00:00Z", "to"),
        ("no-leap-century", "2100-02-29T00:00:00Z", "2100-03-01T00:00:00Z", "from"),
        ("year-zero", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "from"),
        ("with-offset", "2026-01-01T00:00:00+01:00", "2026-01-02T00:00:00Z", "from"),
    ):
        tree = full(Kind.LABELS) | {"from": start, "to": end}
        yield Case(Kind.LABELS, f"interval-{name}", to_json(tree), Reason.OUT_OF_RANGE, path)
    leap = full(Kind.LABELS) | {"from": "2000-02-29T00:00:00.000001Z", "to": "2000-02-29T00:00:00.00001Z"}
    yield Case(Kind.LABELS, "interval-microseconds-in-a-leap-century", to_json(leap))


def enrolment_cases() -> Iterator[Case]:
    """Yield PEM at its limits and with what a device could not copy as it is."""
    for kind, field, label, most in (
        (Kind.PROVISION_REQUEST, "csr", "CERTIFICATE REQUEST", CSR_MAX),
        (Kind.PROVISION_ANSWER, "certificate", "CERTIFICATE", CERTIFICATE_MAX),
    ):
        good = pem_of(label, most)
        yield Case(kind, f"longest-{field}", to_json(full(kind) | {field: good}))
        bad = {
            "too-long": pem_of(label, most + 1),
            "crlf": pem_of(label, 400).replace("\n", "\r\n"),
            "no-line-feed": pem_of(label, 400)[:-1],
            "not-ascii": pem_of(label, 400).replace("A", "\u00c4", 1),
            "tab": pem_of(label, 400).replace("A", "\t", 1),
            "words-before": "subject=" + pem_of(label, 400),
            "empty": "",
        }
        for name, text in bad.items():
            raw = to_json(full(kind) | {field: text})
            yield Case(kind, f"{field}-{name}", raw, Reason.OUT_OF_RANGE, field)
