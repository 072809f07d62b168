"""The golden vectors, judged by Python and by the firmware's core; and the vectors themselves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edgefleet.codegen import c_contract, c_features, feature_reference, vectors, wire_reference
from edgefleet.codegen.vector_samples import full
from edgefleet.contracts.catalog import DOCUMENTS
from edgefleet.contracts.document import Kind
from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.shapes import ObjectShape, shape_of
from support.contract_core import ROOT, VECTORS, ContractCore, Question, sanitized_core
from support.contract_verdicts import Judgement, read_contexts, read_table

_INDEX = read_table("index.tsv")
_CONTEXTS = read_contexts()
_DECIDED_BEFORE_DOWNLOAD = [*list(Reason)[: Reason.OP_UNSUPPORTED.code + 1], Reason.FEATURE_SCHEMA_UNKNOWN]
_GENERATORS = (
    *(vectors.generate, c_contract.generate, c_features.generate),
    *(wire_reference.generate, feature_reference.generate),
)


def _judgement(row: dict[str, str]) -> Judgement:
    context = None if row["context"] == "-" else _CONTEXTS[row["context"]]
    return Judgement(Kind(row["document"]), (VECTORS / row["file"]).read_bytes(), context)


@pytest.mark.parametrize("row", _INDEX, ids=lambda row: row["file"].removesuffix(".json"))
def test_python_gives_the_expected_verdict(row: dict[str, str]) -> None:
    verdict, *_ = _judgement(row).answer()
    reason, _, _, path = verdict.split(" ")
    assert (reason, path or "-") == (row["reason"], row["path"])


def test_the_firmware_gives_the_expected_verdicts() -> None:
    done = sanitized_core().run_vectors(VECTORS)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout == f"{len(_INDEX)} vectors, 0 failed\n"


def test_both_sides_read_the_same_content() -> None:
    judgements = [_judgement(row) for row in _INDEX]
    answers = sanitized_core().ask(judgement.question() for judgement in judgements)
    assert answers == [judgement.answer() for judgement in judgements]


@pytest.mark.parametrize("column", ["reason", "path"])
def test_the_firmware_run_fails_on_a_wrong_expectation(column: str, tmp_path: Path) -> None:
    row = next(row for row in _INDEX if row["reason"] == "MissingField") | {column: "Ok"}
    (tmp_path / "index.tsv").write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    (tmp_path / "contexts.tsv").write_text((VECTORS / "contexts.tsv").read_text())
    target = tmp_path / row["file"]
    target.parent.mkdir()
    target.write_bytes((VECTORS / row["file"]).read_bytes())
    done = sanitized_core().run_vectors(tmp_path)
    assert done.returncode == 1
    assert f"FAIL {row['file']}" in done.stdout


def test_the_firmware_run_fails_without_vectors(tmp_path: Path) -> None:
    for name in ("index.tsv", "contexts.tsv"):
        (tmp_path / name).write_text("heading\n")
    assert sanitized_core().run_vectors(tmp_path).returncode == 1


@pytest.mark.parametrize("generate", _GENERATORS)
def test_the_tree_holds_what_the_generators_write(generate: Callable[[], dict[str, bytes]]) -> None:
    files = generate()
    assert files == generate(), "a generator writes other bytes on its second run"
    stale = [path for path, content in files.items() if not _holds(ROOT / path, content)]
    assert not stale, "run `make generate`"


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def test_no_vector_is_left_over() -> None:
    present = {path.relative_to(ROOT).as_posix() for path in VECTORS.rglob("*") if path.is_file()}
    assert present == set(vectors.generate())


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.value)
def test_every_document_has_every_sort_of_case(kind: Kind) -> None:
    names = {Path(row["file"]).stem for row in _INDEX if row["document"] == kind.value}
    needed = {
        *("minimal", "full", "at-limit", "oversized", "empty", "truncated-half", "trailing-bytes", "not-an-object"),
        *("unknown-fields", "unicode-good", "unicode-overlong", "unicode-lone-surrogate", "byte-order-mark"),
        *("duplicate-key", "duplicate-key-escaped", "depth-8", "depth-9"),
    }
    assert needed <= names
    for sort in ("missing-", "wrong-type-", "out-of-range-"):
        assert any(name.startswith(sort) for name in names), sort


def test_every_verdict_before_a_download_has_a_vector() -> None:
    seen = {row["reason"] for row in _INDEX}
    assert seen == {reason.value for reason in _DECIDED_BEFORE_DOWNLOAD}


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.value)
def test_the_full_example_has_every_field(kind: Kind) -> None:
    _assert_full(shape_of(DOCUMENTS[kind]), full(kind))


def _assert_full(shape: ObjectShape, tree: dict[str, object]) -> None:
    assert list(tree) == [field.name for field in shape.fields]
    for field in shape.fields:
        value = tree[field.name]
        if field.shape:
            first = value[0] if isinstance(value, list) else value
            assert isinstance(first, dict)
            _assert_full(field.shape, first)


def test_a_batch_that_is_cut_off_is_an_error() -> None:
    core = sanitized_core()
    with pytest.raises(AssertionError, match="contract_check ended with 2"):
        core.ask([Question("?", (b"",))])
    assert isinstance(core, ContractCore)
