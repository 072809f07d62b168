"""Selector overlap is exact: a witness is in both, and without one no labels are."""

from hypothesis import given
from hypothesis import strategies as st

from edgefleet.domain.device.selectors import Requirement, Selector, find_overlap

KEYS = ("a", "b")
VALUES = ("x", "y", "z")
requirements = st.builds(
    Requirement,
    key=st.sampled_from(KEYS),
    operator=st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    values=st.frozensets(st.sampled_from(VALUES), min_size=1),
)
selectors = st.builds(Selector, st.lists(requirements, max_size=4).map(tuple))
label_sets = st.dictionaries(st.sampled_from(KEYS), st.sampled_from([*VALUES, "other", ""]))


@given(selectors, selectors)
def test_a_witness_is_matched_by_both(first: Selector, second: Selector) -> None:
    witness = find_overlap(first, second)
    if witness is not None:
        assert first.matches(witness)
        assert second.matches(witness)


@given(selectors, selectors, label_sets)
def test_what_both_match_is_never_denied(first: Selector, second: Selector, labels: dict[str, str]) -> None:
    if first.matches(labels) and second.matches(labels):
        assert find_overlap(first, second) is not None


@given(selectors, selectors)
def test_the_order_of_selectors_and_requirements_is_irrelevant(first: Selector, second: Selector) -> None:
    swapped = find_overlap(Selector(second.requirements[::-1]), Selector(first.requirements[::-1]))
    assert find_overlap(first, second) == swapped
