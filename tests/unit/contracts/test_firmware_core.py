"""What the core promises to a port: no allocation, no operating system, no state of its own."""

import re
import subprocess
from pathlib import Path

import pytest

from support.contract_core import FIRMWARE, build

_MEMORY_AND_TEXT = {"memcmp", "memcpy", "memset", "memchr", "strchr", "strcmp", "strcpy", "strcspn", "strlen"} | {
    *("strspn", "strstr", "strtod")
}
_OF_FLOATS = {"sqrtf", "log10f", "fminf", "fmaxf"}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("size")
    build(FIRMWARE, folder, ("SANITIZE=", "OPTIMISE=-Os"))
    return sorted([*(folder / "core").rglob("*.o"), *(folder / "generated").rglob("*.o")])


def _symbols(path: Path) -> list[tuple[str, str]]:
    listing = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    return [(line.split()[-2], line.split()[-1]) for line in listing.splitlines()]


def test_the_core_calls_nothing_but_memory_text_and_psa(objects: list[Path]) -> None:
    sources = sorted(path.stem for folder in ("core/src", "generated") for path in (FIRMWARE / folder).glob("*.c"))
    assert sorted(path.stem for path in objects) == sources
    assert {"ef_journal", "ef_http", "ef_fetch", "ef_update", "ef_agent"} <= set(sources)
    called = {name for path in objects for kind, name in _symbols(path) if kind == "U"}
    foreign = {name for name in called if not re.match(r"ef_|psa_|_GLOBAL_OFFSET_TABLE_", name)}
    assert not foreign - _MEMORY_AND_TEXT - _OF_FLOATS


def test_the_core_has_no_state(objects: list[Path]) -> None:
    # d: relocated constants of position-independent code, which the loader makes read-only (.data.rel.ro).
    writable = {
        name
        for path in objects
        for kind, name in _symbols(path)
        if kind in "bBcCdDgGsS" and not _is_constant(path, name)
    }
    assert not writable


def _is_constant(path: Path, name: str) -> bool:
    listing = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True).stdout
    line = next(line for line in listing.splitlines() if line.endswith(f" {name}"))
    return ".data.rel.ro" in line or ".rodata" in line


def test_a_missing_mbed_tls_is_named(tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    with pytest.raises(AssertionError, match="libmbedtls-dev"):
        build(FIRMWARE, tmp_path / "build", (f"CC={compiler}",))
