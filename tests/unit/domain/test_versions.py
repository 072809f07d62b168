"""Versions order and ranges contain as SemVer and Flux's users expect."""

from itertools import pairwise

import pytest

from edgefleet.domain.rollout.versions import Version, VersionRange


def test_the_example_order_of_semver_section_11_holds() -> None:
    texts = (
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 "
        "1.0.0 1.0.1 1.1.0 2.0.0"
    )
    versions = [Version.parse(text) for text in texts.split()]
    assert all(low < high for low, high in pairwise(versions))
    assert [str(version) for version in versions] == texts.split()


def test_build_metadata_takes_no_part() -> None:
    assert Version.parse("1.0.0+a") == Version.parse("1.0.0+b")


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.3-", "1.2.3\n", "\u0661.2.3"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a semantic version"):
        Version.parse(text)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.4", "1.4.0 1.4.9 1.99.0", "1.3.9 2.0.0 1.5.0-rc.1 2.0.0-rc.1"),
        ("^1.4.2", "1.4.2 1.5.0", "1.4.1 2.0.0"),
        ("^1", "1.0.0 1.9.9", "0.9.9 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
        ("^0.2", "0.2.0 0.2.7", "0.3.0"),
        ("^0", "0.0.1 0.9.9", "1.0.0"),
        ("^1.4.0-0", "1.4.0 1.5.0-rc.1 1.4.0-alpha", "2.0.0 2.0.0-rc.1 1.3.0"),
        ("~1.4.2", "1.4.2 1.4.9", "1.5.0 1.4.1"),
        ("~1.4", "1.4.0 1.4.9", "1.5.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("1.x", "1.0.0 1.7.3", "2.0.0 0.9.0 1.7.3-rc.1"),
        ("1.4.X", "1.4.0 1.4.7", "1.5.0"),
        ("*", "0.0.0 3.2.1", "1.0.0-rc.1"),
        ("1.4", "1.4.0 1.4.7", "1.5.0"),
        ("=1.4.2", "1.4.2", "1.4.3 1.4.2-rc.1"),
        ("1.4.2-rc.1", "1.4.2-rc.1", "1.4.2 1.4.2-rc.2 1.4.2-rc.1.0"),
        ("!=1.4.2", "1.4.1 1.4.3", "1.4.2"),
        ("!=1.4", "1.3.0 1.5.0", "1.4.0 1.4.9"),
        (">1.4", "1.5.0", "1.4.0 1.4.9"),
        (">1.4.2", "1.4.3 2.0.0", "1.4.2 1.4.2-rc.1"),
        (">=1.4", "1.4.0 2.0.0", "1.3.9"),
        ("<1.4", "1.3.9 0.0.0", "1.4.0 1.4.0-rc.1"),
        ("<=1.4", "1.4.9 0.1.0", "1.5.0"),
        ("<=1.4.2", "1.4.2", "1.4.3"),
        (">*", "", "0.0.0 9.9.9"),
        (">=1.2.0 <2.0.0", "1.2.0 1.9.9", "2.0.0 1.1.9 2.0.0-rc.1"),
        (">=1.2.0,<2.0.0", "1.2.0 1.9.9", "2.0.0"),
        (">=1.2.0, <2.0.0, !=1.3.0", "1.2.0 1.4.0", "1.3.0"),
        ("1.2.x || >=3.0.0", "1.2.5 3.0.0 4.0.0", "1.3.0 2.0.0"),
    ],
)
def test_a_range_contains_what_it_says(text: str, inside: str, outside: str) -> None:
    found = VersionRange.parse(text)
    assert [version for version in inside.split() if not found.contains(Version.parse(version))] == []
    assert [version for version in outside.split() if found.contains(Version.parse(version))] == []


def test_the_highest_version_in_the_range_is_picked_whatever_the_order() -> None:
    versions = [Version.parse(text) for text in ("1.10.0", "1.9.0", "2.0.0", "1.11.0-rc.1")]
    assert VersionRange.parse("^1.0").pick(versions) == Version.parse("1.10.0")
    assert VersionRange.parse("^1.0").pick(versions[::-1]) == Version.parse("1.10.0")
    assert VersionRange.parse("^3.0").pick(versions) is None


@pytest.mark.parametrize("text", ["", "latest", ">= 1.2", "1.2.3.4", "^", "1..2"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a comparator"):
        VersionRange.parse(text)
