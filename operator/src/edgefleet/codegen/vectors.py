"""The golden vectors: bytes as on the wire, and the verdict that every implementation must give.

`python -m edgefleet.codegen.vectors OUT_DIR` writes tests/golden/vectors below OUT_DIR. Expected verdicts follow from
how a case is made; nothing here asks the code under test.
"""

from collections.abc import Iterator

from edgefleet.codegen.emission import write_from_command_line
from edgefleet.codegen.vector_cases import Case, dialect_cases, enrolment_cases, name_cases, rule_cases, shared_cases
from edgefleet.codegen.vector_signed import CONTEXT_COLUMNS, CONTEXTS, signed_cases
from edgefleet.contracts.catalog import DOCUMENTS

ROOT = "tests/golden/vectors"
INDEX_COLUMNS = ("file", "document", "context", "reason", "path")


def all_cases() -> Iterator[Case]:
    """Yield every golden case."""
    for kind in DOCUMENTS:
        yield from shared_cases(kind)
    yield from rule_cases()
    yield from name_cases()
    yield from enrolment_cases()
    yield from dialect_cases()
    yield from signed_cases()


def generate() -> dict[str, bytes]:
    """Return the vectors, their index and their contexts by path below the repository's root; always the same bytes.

    Raises:
        ValueError: two cases have one name.
    """
    files: dict[str, bytes] = {}
    rows = ["\t".join(INDEX_COLUMNS)]
    for case in sorted(all_cases(), key=lambda case: (case.kind.value, case.name)):
        relative = f"{case.kind.value}/{case.name}.json"
        if f"{ROOT}/{relative}" in files:
            raise ValueError(f"{relative}: two cases of one name")
        files[f"{ROOT}/{relative}"] = case.raw
        rows.append("\t".join((relative, case.kind.value, case.context or "-", case.reason.value, case.path or "-")))
    files[f"{ROOT}/index.tsv"] = _table(rows)
    files[f"{ROOT}/contexts.tsv"] = _table(["\t".join(CONTEXT_COLUMNS), *(each.row() for each in CONTEXTS)])
    return files


def _table(rows: list[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()


if __name__ == "__main__":
    write_from_command_line(generate)
