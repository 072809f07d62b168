"""Conditional and partial requests (RFC 9110, sections 8.8.3, 13 and 14): pure functions of header values.

Whatever the RFC lets a server ignore is ignored: other units, malformed and multiple ranges get the whole file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Longer values are no honest request for one range of a file of at most 2 GiB.
_LONGEST: Final = 64
_SINGLE_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.ASCII | re.IGNORECASE)
_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class UnsatisfiableError(ValueError):
    """A well-formed range that has no byte in common with the file."""


@dataclass(frozen=True)
class Span:
    """Some of a file's bytes: `length` of them from offset `first`."""

    first: int
    length: int

    def content_range(self, size: int) -> str:
        """Return the value of Content-Range for a file of `size` bytes."""
        return f"bytes {self.first}-{self.first + self.length - 1}/{size}"


def select_span(ranges: Sequence[str], if_range: str | None, *, etag: str, size: int) -> Span | None:
    """Return what to send of a file; None is all of it.

    Args:
        ranges: the values of all Range fields of the request.
        if_range: the value of If-Range.
        etag: the file's entity tag, quotes included.
        size: the file's bytes.

    Raises:
        UnsatisfiableError: 416 is due.
    """
    if len(ranges) != 1 or len(ranges[0]) > _LONGEST:
        return None
    # A date never holds: no Last-Modified is ever sent. Neither does a weak tag (RFC 9110, 13.1.5).
    if if_range is not None and if_range.strip() != etag:
        return None
    found = _SINGLE_RANGE.fullmatch(ranges[0].strip())
    if not found:
        return None
    first, last = found.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableError
    return Span(start, stop - start)


def _suffix(last: str, size: int) -> Span | None:
    if not last:
        return None
    length = min(int(last), size)
    if int(last) == 0:
        raise UnsatisfiableError
    # The last bytes of nothing are nothing, for which there is no Content-Range.
    return Span(size - length, length) if size else None


def matches(if_none_match: Sequence[str], etag: str) -> bool:
    """Tell whether If-None-Match names the entity tag, so that 304 is due; the comparison is weak.

    Args:
        if_none_match: the values of all If-None-Match fields of the request.
        etag: the file's entity tag, quotes included.
    """
    return any(each.strip() == "*" or etag in _ENTITY_TAG.findall(each) for each in if_none_match)
