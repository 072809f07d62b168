"""Precedence of semantic versions (semver.org, 2.0.0, section 11). The firmware has the same in ef_semver.c."""

from typing import Final, TypeAlias

_Identifier: TypeAlias = tuple[int, int, str]
_RELEASE: Final = 1  # a version without a pre-release comes after all of its pre-releases


def precedence(version: str) -> tuple[tuple[int, ...], int, tuple[_Identifier, ...]]:
    """Return a key that sorts versions; build metadata does not count.

    Args:
        version: matches `formats.SEMVER_PATTERN`.
    """
    core, _, pre = version.partition("+")[0].partition("-")
    identifiers = tuple(_identifier(each) for each in pre.split(".")) if pre else ()
    return tuple(int(part) for part in core.split(".")), int(not pre) * _RELEASE, identifiers


def compare_versions(left: str, right: str) -> int:
    """Return -1, 0 or 1 as `left` precedes, equals or follows `right`."""
    a, b = precedence(left), precedence(right)
    return (a > b) - (a < b)


def _identifier(text: str) -> _Identifier:
    # Numbers come before words; words compare as ASCII.
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)
