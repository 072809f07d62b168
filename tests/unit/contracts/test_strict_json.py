"""The dialect: both readers of Python, and what they must not let through."""

import base64
import binascii
import json
import random

import pytest

from edgefleet.contracts import strict_json
from edgefleet.contracts.limits import JSON_DEPTH_MAX, JSON_TOKENS_MAX
from edgefleet.contracts.reasons import Reason
from support.contract_core import Question, sanitized_core
from support.contract_mutations import damaged


def _exact(raw: bytes) -> object:
    return strict_json._Scanner(raw).document()  # pyright: ignore[reportPrivateUsage]


def _quick(raw: bytes) -> tuple[object] | None:
    return strict_json._parse_quickly(raw)  # pyright: ignore[reportPrivateUsage]


def _outcome(raw: bytes) -> str:
    try:
        return repr(_exact(raw))
    except strict_json.DialectError as error:
        return error.reason.value


def test_the_quick_reader_accepts_exactly_what_the_scanner_accepts() -> None:
    quick_ones = 0
    for judgement in damaged(seed=11, count=4000):
        quick = _quick(judgement.raw)
        if quick is not None:
            quick_ones += 1
            assert repr(quick[0]) == _outcome(judgement.raw), judgement.raw
        elif b"\\u" not in judgement.raw:
            assert _outcome(judgement.raw) in set(Reason), judgement.raw
    assert quick_ones > 1000


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b'"\\ud800"',
        b'{"a":1,"\\u0061":2}',
        b'{"a":1,"a":2}',
        b"9223372036854775808",
        b"1" * 5_000,
        b"NaN",
        b"\xef\xbb\xbf{}",
        b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1),
        json.dumps([0] * JSON_TOKENS_MAX).encode(),
    ],
    ids=lambda raw: raw[:20].decode("latin-1"),
)
def test_neither_reader_lets_it_through(raw: bytes) -> None:
    assert _quick(raw) is None
    with pytest.raises(strict_json.DialectError):
        strict_json.parse(raw)


@pytest.mark.parametrize(
    ("raw", "reason", "offset"),
    [
        (b'{"a":1,"a":2}', Reason.DUPLICATE_KEY, 10),
        (b"[1,2", Reason.MALFORMED, 4),
        (b'"ab\xff"', Reason.MALFORMED, 3),
        (b"[[[[[[[[[", Reason.TOO_DEEP, 8),
        (b"1 2", Reason.MALFORMED, 2),
    ],
)
def test_a_fault_says_where(raw: bytes, reason: Reason, offset: int) -> None:
    with pytest.raises(strict_json.DialectError) as caught:
        strict_json.parse(raw)
    assert (caught.value.reason, caught.value.offset) == (reason, offset)


def test_values_are_read_exactly() -> None:
    raw = b'{"i":-9223372036854775808,"z":-0,"f":1e2,"s":"\\ud834\\udd1e\\/","l":[true,false,null]}'
    expected = {"i": -(2**63), "z": 0, "f": 100.0, "s": "𝄞/", "l": [True, False, None]}
    tree = strict_json.parse(raw)
    assert tree == expected
    assert isinstance(tree, dict)
    assert (type(tree["z"]), type(tree["f"])) == (int, float)


def test_base64_agrees_with_the_firmware() -> None:
    chance = random.Random(5)
    texts = ["".join(chance.choices("ABQZagwz0459+/=-_ ", k=chance.randrange(13))) for _ in range(3000)]
    answers = sanitized_core().ask(Question("b", (text.encode(),)) for text in texts)
    accepted = 0
    for text, (line,) in zip(texts, answers, strict=True):
        expected = _strict_base64(text)
        assert line == ("refused" if expected is None else "=" + expected.hex()), text
        accepted += expected is not None
    assert accepted > 100


def _strict_base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return raw if base64.b64encode(raw).decode() == text else None
