"""The order of versions is total, and ranges are consistent with it."""

from hypothesis import given
from hypothesis import strategies as st

from edgefleet.contracts.semver import compare_versions
from edgefleet.domain.rollout.versions import Version, VersionRange

numbers = st.integers(0, 4)
words = st.lists(st.sampled_from(["0", "1", "10", "a", "rc", "0a"]), max_size=3).map(tuple)
versions = st.builds(Version, numbers, numbers, numbers, words)


@given(versions, versions, versions)
def test_the_order_is_total_and_transitive(a: Version, b: Version, c: Version) -> None:
    assert (a < b) + (a == b) + (a > b) == 1
    if a <= b <= c:
        assert a <= c


@given(versions)
def test_a_version_is_read_as_it_is_written(version: Version) -> None:
    assert Version.parse(str(version)) == version


@given(versions, versions)
def test_comparators_agree_with_the_order(bound: Version, version: Version) -> None:
    """Pre-releases are let in by naming one, so both sides name one here or neither does."""
    if version.prerelease and not bound.prerelease:
        return
    inside = {
        sign: VersionRange.parse(f"{sign}{bound}").contains(version) for sign in (">=", "<=", ">", "<", "=", "!=")
    }
    assert inside == {
        ">=": version >= bound,
        "<=": version <= bound,
        ">": version > bound,
        "<": version < bound,
        "=": version == bound,
        "!=": version != bound,
    }


@given(versions, versions)
def test_caret_and_tilde_are_inside_at_least(bound: Version, version: Version) -> None:
    for sign in ("^", "~"):
        if VersionRange.parse(f"{sign}{bound}").contains(version):
            assert version >= bound


@given(versions, versions)
def test_git_and_the_wire_order_versions_alike(a: Version, b: Version) -> None:
    """domain and contracts may not import each other, so each has its own order (and the firmware a third)."""
    assert compare_versions(str(a), str(b)) == (a > b) - (a < b)
