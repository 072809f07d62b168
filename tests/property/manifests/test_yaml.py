"""What is written is what is read, for any JSON value; and lint never crashes."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from edgefleet.manifests.folder import read_files
from edgefleet.manifests.lint import lint
from edgefleet.manifests.yaml_documents import UnreadableError, read_documents
from edgefleet.manifests.yaml_writer import write_document
from support.fleets import make_classes, make_device, make_ring, make_version, to_yaml
from support.good_manifests import good_manifests
from support.mutations import mutate

text = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=20)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
tricky = st.sampled_from(["y", "on", "~", "010", "1e3", "0x1", "1_0", ".5", "12:30", "2026-01-01", "=", "<<", "null"])
values = st.recursive(
    scalars | text | tricky,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | tricky, inner, max_size=4),
    max_leaves=12,
)


def is_same(written: object, read: object) -> bool:
    """Equal and of one type; a whole float may come back as an integer, as Go writes it."""
    if isinstance(written, dict) and isinstance(read, dict):
        return written.keys() == read.keys() and all(is_same(value, read[key]) for key, value in written.items())
    if isinstance(written, list) and isinstance(read, list):
        return len(written) == len(read) and all(map(is_same, written, read))
    return written == read and isinstance(written, bool) is isinstance(read, bool)


@given(st.dictionaries(text | tricky, values, min_size=1, max_size=4))
def test_a_document_is_read_as_it_was_written(value: dict) -> None:
    (document,) = read_documents(write_document(value))
    assert is_same(value, document.value)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    lint(read_files({"x.yaml": raw}))


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(given_text: str) -> None:
    lines: list[int] = []
    try:
        lines.extend(document.line for document in read_documents(given_text))
    except UnreadableError as refusal:
        lines.append(refusal.line)
    assert all(line >= 1 for line in lines)


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_lint_of_a_bent_fleet_ends_in_findings_that_point_somewhere(seed: int) -> None:
    dice = random.Random(seed)
    fleet = [make_device("x"), make_ring("a"), make_ring("b", after=["a"]), make_version(), *good_manifests().values()]
    bent = [mutate(dice, entry) if entry["metadata"]["name"] != "x" else entry for entry in fleet]
    raw = to_yaml((make_classes(), *bent))
    report = lint(read_files({"fleet.yaml": raw}))
    lines = raw.count(b"\n") + 1
    for finding in report.findings:
        assert 1 <= finding.place.line <= lines
        assert finding.rule
        assert finding.message
