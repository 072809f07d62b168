"""Ranges and conditions, against RFC 9110's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefleet_model_registry.ranges import Span, UnsatisfiableError, matches, select_span

ETAG = '"sha256:abc"'


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-9", Span(0, 10)),
        ("bytes=2-5", Span(2, 4)),
        ("bytes=9-", Span(9, 1)),
        ("bytes=0-", Span(0, 10)),
        ("bytes=4-999999999999999999999", Span(4, 6)),
        ("bytes=-3", Span(7, 3)),
        ("bytes=-99", Span(0, 10)),
        ("Bytes=1-2", Span(1, 2)),
        (" bytes= 1-2 ", Span(1, 2)),
        # Ignored: another unit, several ranges, not well-formed, or last before first.
        ("items=0-1", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=5-4", None),
        ("bytes=+1-2", None),
        ("bytes=1-2-3", None),
        ("bytes=0x1-2", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=0-" + "9" * 100, None),
    ],
)
def test_a_range_of_ten_bytes(value: str, span: Span | None) -> None:
    assert select_span([value], None, etag=ETAG, size=10) == span


@pytest.mark.parametrize("value", ["bytes=10-", "bytes=10-20", "bytes=99999999999999999999-", "bytes=-0"])
def test_a_range_beyond_the_end(value: str) -> None:
    with pytest.raises(UnsatisfiableError):
        select_span([value], None, etag=ETAG, size=10)


def test_an_empty_file_has_no_first_byte_but_an_empty_end() -> None:
    with pytest.raises(UnsatisfiableError):
        select_span(["bytes=0-"], None, etag=ETAG, size=0)
    assert select_span(["bytes=-5"], None, etag=ETAG, size=0) is None


def test_no_range_and_two_range_fields_mean_all() -> None:
    assert select_span([], None, etag=ETAG, size=10) is None
    assert select_span(["bytes=0-1", "bytes=0-1"], None, etag=ETAG, size=10) is None


@pytest.mark.parametrize(
    ("condition", "span"),
    [
        (ETAG, Span(0, 1)),
        ('"sha256:other"', None),
        (f"W/{ETAG}", None),
        ("Sat, 21 Nov 2026 06:00:00 GMT", None),
        ("", None),
    ],
)
def test_if_range_compares_strongly(condition: str, span: Span | None) -> None:
    assert select_span(["bytes=0-0"], condition, etag=ETAG, size=10) == span


@pytest.mark.parametrize("condition", [ETAG, f"W/{ETAG}", "*", f'"a", {ETAG}', f'W/"b,c" ,{ETAG}'])
def test_if_none_match_compares_weakly(condition: str) -> None:
    assert matches([condition], ETAG)


@pytest.mark.parametrize("condition", ["", '"a"', "sha256:abc", '"sha256:abcd"', '"**"'])
def test_if_none_match_of_others(condition: str) -> None:
    assert not matches([condition], ETAG)
    assert not matches([], ETAG)


_POSITION = st.one_of(st.just(""), st.integers(0, 12).map(str))


@given(first=_POSITION, last=_POSITION, size=st.integers(0, 10))
def test_a_span_is_the_bytes_that_the_range_names(first: str, last: str, size: int) -> None:
    if first:
        named = {offset for offset in range(size) if int(first) <= offset <= int(last or size)}
        valid = not last or int(first) <= int(last)
    else:
        named = {offset for offset in range(size) if offset >= size - int(last or 0)}
        valid = bool(last)
    try:
        span = select_span([f"bytes={first}-{last}"], None, etag=ETAG, size=size)
    except UnsatisfiableError:
        assert valid
        assert not named
        return
    if span is None:
        assert not valid or not named
        return
    assert valid
    assert set(range(span.first, span.first + span.length)) == named
    assert span.content_range(size) == f"bytes {min(named)}-{max(named)}/{size}"
