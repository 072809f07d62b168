"""The JSON dialect of every document: RFC 8259 without the parts on which parsers disagree.

UTF-8 without a byte order mark, no duplicate keys (compared after unescaping), nothing after the value, no lone
surrogate and no NUL, integers within int64, finite numbers of bounded length, bounded depth and token count.
Faults are found in byte order, one pass, so that the firmware's tokenizer (firmware/core/src/ef_json.c), which reads
the same grammar, stops at the same fault.
"""

import json
import math
import re
from typing import Any, Final, NoReturn, TypeAlias

from edgefleet.contracts.limits import INT64_MAX, INT64_MIN, JSON_DEPTH_MAX, JSON_NUMBER_MAX, JSON_TOKENS_MAX
from edgefleet.contracts.reasons import Reason

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"

_WHITESPACE: Final = re.compile(rb"[ \t\n\r]*")
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
# Runs of characters that need no attention; everything else is looked at byte by byte.
_PLAIN: Final = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7f]*")
# Unicode 15, table 3-7: the well-formed UTF-8 sequences of two to four bytes.
_MULTIBYTE: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_HEX4: Final = re.compile(rb"[0-9a-fA-F]{4}")
_ESCAPES: Final = {
    0x22: '"',
    0x5C: "\\",
    0x2F: "/",
    0x62: "\b",
    0x66: "\f",
    0x6E: "\n",
    0x72: "\r",
    0x74: "\t",
}
_LITERALS: Final[dict[bytes, Tree]] = {b"true": True, b"false": False, b"null": None}


class DialectError(ValueError):
    """Bytes outside the dialect.

    Attributes:
        reason: TooLarge (tokens), Malformed, TooDeep or DuplicateKey.
        offset: the first byte at fault.
    """

    def __init__(self, reason: Reason, offset: int, rule: str) -> None:
        """Keep the verdict and where it was reached."""
        super().__init__(f"byte {offset}: {rule}")
        self.reason = reason
        self.offset = offset


def parse(raw: bytes) -> Tree:
    """Read one document.

    Args:
        raw: the bytes as received; the caller has checked their number.

    Returns:
        Dictionaries, lists, strings, integers, floats, booleans and None.

    Raises:
        DialectError: the first fault in byte order.
    """
    quick = _parse_quickly(raw)
    return quick[0] if quick else _Scanner(raw).document()


def _refuse(_: Any) -> NoReturn:
    raise ValueError


def _bounded_integer(text: str) -> int:
    value = int(text) if len(text) <= JSON_NUMBER_MAX else _refuse(text)
    return value if INT64_MIN <= value <= INT64_MAX else _refuse(text)


def _bounded_float(text: str) -> float:
    value = float(text) if len(text) <= JSON_NUMBER_MAX else _refuse(text)
    return value if math.isfinite(value) else _refuse(text)


def _unique(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _refuse(pairs)


_QUICK: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_float=_bounded_float,
    parse_int=_bounded_integer,
    parse_constant=_refuse,
)


def _parse_quickly(raw: bytes) -> tuple[Tree] | None:
    """Read the common case with the C scanner of the standard library; None sends the rest to the exact scanner.

    An operator hears a whole fleet report, and the exact scanner is fifty times slower. Unicode escapes are left to
    it: the standard library lets lone surrogates and NUL through.
    """
    if b"\\u" in raw:
        return None
    try:
        tree: Tree = _QUICK.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    tokens, depth = _measure(tree)
    return (tree,) if tokens <= JSON_TOKENS_MAX and depth <= JSON_DEPTH_MAX else None


def _measure(tree: Tree) -> tuple[int, int]:
    """Count keys plus values, and nested containers."""
    tokens, depth = 1, 0
    level: list[Tree] = [tree]
    while level:
        containers = [node for node in level if isinstance(node, dict | list)]
        depth += bool(containers)
        level = []
        for node in containers:
            tokens += len(node) * (2 if isinstance(node, dict) else 1)
            level.extend(node.values() if isinstance(node, dict) else node)
        if tokens > JSON_TOKENS_MAX:
            break
    return tokens, depth


class _Scanner:
    """A recursive reader over bytes; recursion is bounded by the depth limit."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._tokens = 0

    def document(self) -> Tree:
        tree = self._value(0)
        self._skip_whitespace()
        if self._at != len(self._raw):
            self._fail("only whitespace may follow the value")
        return tree

    def _fail(self, rule: str, reason: Reason = Reason.MALFORMED) -> NoReturn:
        raise DialectError(reason, self._at, rule)

    def _skip_whitespace(self) -> None:
        match = _WHITESPACE.match(self._raw, self._at)
        if match:
            self._at = match.end()

    def _peek(self) -> int:
        """Return the byte at the cursor, -1 at the end."""
        return self._raw[self._at] if self._at < len(self._raw) else -1

    def _take(self, byte: int) -> bool:
        if self._peek() != byte:
            return False
        self._at += 1
        return True

    def _count_token(self) -> None:
        self._tokens += 1
        if self._tokens > JSON_TOKENS_MAX:
            self._fail(f"at most {JSON_TOKENS_MAX} keys and values", Reason.TOO_LARGE)

    def _value(self, depth: int) -> Tree:
        self._skip_whitespace()
        first = self._peek()
        if first in (0x7B, 0x5B):
            if depth == JSON_DEPTH_MAX:
                self._fail(f"at most {JSON_DEPTH_MAX} nested containers", Reason.TOO_DEEP)
            self._count_token()
            self._at += 1
            return self._object(depth + 1) if first == 0x7B else self._array(depth + 1)
        if first == 0x22:
            self._count_token()
            return self._string()
        if first == 0x2D or 0x30 <= first <= 0x39:
            self._count_token()
            return self._number()
        word = next((word for word in _LITERALS if self._raw.startswith(word, self._at)), None)
        if word is None:
            self._fail("a value is expected")
        self._count_token()
        self._at += len(word)
        return _LITERALS[word]

    def _object(self, depth: int) -> dict[str, Tree]:
        members: dict[str, Tree] = {}
        self._skip_whitespace()
        if self._take(0x7D):
            return members
        while True:
            self._skip_whitespace()
            if self._peek() != 0x22:
                self._fail("a key is expected")
            self._count_token()
            key = self._string()
            if key in members:
                self._fail("keys are unique", Reason.DUPLICATE_KEY)
            self._skip_whitespace()
            if not self._take(0x3A):
                self._fail("a colon is expected")
            members[key] = self._value(depth)
            self._skip_whitespace()
            if self._take(0x7D):
                return members
            if not self._take(0x2C):
                self._fail("a comma or a closing brace is expected")

    def _array(self, depth: int) -> list[Tree]:
        items: list[Tree] = []
        self._skip_whitespace()
        if self._take(0x5D):
            return items
        while True:
            items.append(self._value(depth))
            self._skip_whitespace()
            if self._take(0x5D):
                return items
            if not self._take(0x2C):
                self._fail("a comma or a closing bracket is expected")

    def _number(self) -> int | float:
        match = _NUMBER.match(self._raw, self._at)
        if match is None:
            self._fail("a digit is expected")
        text = match.group()
        if len(text) > JSON_NUMBER_MAX:
            self._fail(f"a number has at most {JSON_NUMBER_MAX} characters")
        if match.group(1) is None and match.group(2) is None:
            value = int(text)
            if not INT64_MIN <= value <= INT64_MAX:
                self._fail("an integer fits 64 bits with sign")
        else:
            value = float(text)
            if not math.isfinite(value):
                self._fail("a number is finite")
        self._at = match.end()
        return value

    def _string(self) -> str:
        self._at += 1
        parts: list[str] = []
        while True:
            match = _PLAIN.match(self._raw, self._at)
            if match:
                parts.append(match.group().decode("ascii"))
                self._at = match.end()
            if self._take(0x22):
                return "".join(parts)
            if self._take(0x5C):
                parts.append(self._escape())
                continue
            sequence = _MULTIBYTE.match(self._raw, self._at)
            if sequence is None:
                self._fail("strings are closed, well-formed UTF-8 without control characters")
            parts.append(sequence.group().decode("utf-8"))
            self._at = sequence.end()

    def _escape(self) -> str:
        kind = self._peek()
        self._at += 1
        if kind in _ESCAPES:
            return _ESCAPES[kind]
        if kind != 0x75:
            self._fail("unknown escape")
        unit = self._hex4()
        if unit == 0 or 0xDC00 <= unit <= 0xDFFF:
            self._fail("no NUL and no lone surrogate")
        if not 0xD800 <= unit <= 0xDBFF:
            return chr(unit)
        if not (self._take(0x5C) and self._take(0x75)):
            self._fail("no lone surrogate")
        low = self._hex4()
        if not 0xDC00 <= low <= 0xDFFF:
            self._fail("no lone surrogate")
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))

    def _hex4(self) -> int:
        match = _HEX4.match(self._raw, self._at)
        if match is None:
            self._fail("four hexadecimal digits are expected")
        self._at = match.end()
        return int(match.group(), 16)
