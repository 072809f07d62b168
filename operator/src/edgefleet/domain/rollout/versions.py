"""Semantic versions and the ranges that rings track. Must not know where versions come from.

Versions after SemVer 2.0.0. Ranges as Flux users know them (Masterminds semver): comparators joined by ' ' or ','
must all hold, ' || ' separates alternatives, x or * stands for any number. A pre-release is in a range only where a
comparator names a pre-release itself, so that `^1.4` never picks up 1.5.0-rc.1.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from typing import Final

_VERSION: Final = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\Z", re.ASCII
)
_COMPARATOR: Final = re.compile(
    r"(=|!=|>=|<=|>|<|~|\^)?([0-9]+|[xX*])(?:\.([0-9]+|[xX*]))?(?:\.([0-9]+|[xX*]))?(?:-([0-9A-Za-z.-]+))?\Z",
    re.ASCII,
)
_ANY: Final = frozenset({"x", "X", "*", None})


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version. Build metadata is dropped, as it takes no part in the order."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Returns the version that `text` names.

        Raises:
            ValueError: `text` is not a semantic version.
        """
        found = _VERSION.match(text)
        if found is None:
            raise ValueError(f"{text!r} is not a semantic version")
        major, minor, patch, prerelease = found.groups()
        return cls(int(major), int(minor), int(patch), tuple(prerelease.split(".")) if prerelease else ())

    @property
    def core(self) -> tuple[int, int, int]:
        """The three numbers."""
        return (self.major, self.minor, self.patch)

    def __lt__(self, other: "Version") -> bool:
        """Orders by SemVer 2.0.0 section 11."""
        return self._rank() < other._rank()

    def __str__(self) -> str:
        """Returns the version as it is written."""
        text = f"{self.major}.{self.minor}.{self.patch}"
        return f"{text}-{'.'.join(self.prerelease)}" if self.prerelease else text

    def _rank(self) -> tuple[tuple[int, int, int], int, tuple[tuple[int, int, str], ...]]:
        # No pre-release ranks above any; numbers rank below words, and numerically among themselves.
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease)
        return (self.core, 0 if self.prerelease else 1, parts)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """One comparator: versions in [low, high), or with `negated` all others."""

    low: Version
    high: Version | None
    negated: bool
    names_prerelease: bool

    def contains(self, version: Version) -> bool:
        inside = version >= self.low and (self.high is None or version < self.high)
        return inside != self.negated


_LOWEST: Final = ("0",)
"""The lowest pre-release: below every other of the same numbers."""


def _next(major: int, minor: int | None = None, patch: int | None = None) -> Version:
    """Returns the bound just above everything that starts with the given numbers."""
    if minor is None:
        return Version(major + 1, 0, 0, _LOWEST)
    if patch is None:
        return Version(major, minor + 1, 0, _LOWEST)
    return Version(major, minor, patch + 1, _LOWEST)


def _number(text: str | None) -> int | None:
    return None if text in _ANY else int(text or "0")


def _caret_end(low: Version, minor: int | None, patch: int | None) -> Version:
    """Returns the end of ^low: the left-most number that is not zero stays."""
    if low.major or minor is None:
        return _next(low.major)
    if low.minor or patch is None:
        return _next(low.major, low.minor)
    return _next(low.major, low.minor, low.patch)


def _parse_comparator(text: str) -> _Bounds:
    found = _COMPARATOR.match(text)
    if found is None:
        raise ValueError(f"{text!r} is not a comparator such as >=1.2.0 or ^1.4")
    sign, *parts, prerelease = found.groups()
    major, minor, patch = (_number(part) for part in parts)
    minor = None if major is None else minor
    patch = None if minor is None else patch
    words = tuple(prerelease.split(".")) if prerelease and patch is not None else ()
    low = Version(major or 0, minor or 0, patch or 0, words)
    named = bool(words)
    bottom, above = Version(0, 0, 0, _LOWEST), None if major is None else _next(major, minor, patch)
    if patch is not None:
        above = (
            Version(*low.core, (*low.prerelease, "0"))
            if named
            else Version(low.major, low.minor, low.patch + 1, _LOWEST)
        )
    # Nothing is above any number at all: the empty span.
    over = (bottom, bottom, False) if above is None else (above, None, False)
    spans: dict[str | None, tuple[Version, Version | None, bool]] = {
        None: (low, above, False),
        "=": (low, above, False),
        "!=": (low, above, True),
        ">": over,
        ">=": (low, None, False),
        "<": (bottom, low, False),
        "<=": (bottom, above, False),
        "~": (low, None if major is None else _next(major, minor), False),
        "^": (low, None if major is None else _caret_end(low, minor, patch), False),
    }
    return _Bounds(*spans[sign], names_prerelease=named)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A range of versions: alternatives, each a conjunction of comparators."""

    text: str
    _alternatives: tuple[tuple[_Bounds, ...], ...]

    @classmethod
    def parse(cls, text: str) -> "VersionRange":
        """Returns the range that `text` describes.

        Raises:
            ValueError: `text` is not a range; names the comparator.
        """
        return cls(
            text,
            tuple(
                tuple(_parse_comparator(part) for part in re.split(r"[, ]+", alternative.strip()))
                for alternative in text.split("||")
            ),
        )

    def contains(self, version: Version) -> bool:
        """Says whether `version` is in the range. Pure."""
        return any(
            all(bounds.contains(version) for bounds in alternative)
            and (not version.prerelease or any(bounds.names_prerelease for bounds in alternative))
            for alternative in self._alternatives
        )

    def pick(self, versions: Iterable[Version]) -> Version | None:
        """Returns the highest of `versions` in the range, or None. Pure; the order of `versions` is irrelevant."""
        return max((version for version in versions if self.contains(version)), default=None)
