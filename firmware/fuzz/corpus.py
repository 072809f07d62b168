"""Inputs as text, a line each: git and people can read what a fuzzer found.

Printable ASCII stands for itself; everything else, and the backslash, is an escape of Python's.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


def spell(data: bytes) -> str:
    """Returns the line of an input."""
    text = "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in data)
    return text or '""'


def read(line: str) -> bytes:
    """Returns the input of a line."""
    return b"" if line == '""' else line.encode().decode("unicode_escape").encode("latin-1")


def load(target: str) -> list[bytes]:
    """Returns the checked-in inputs of a target."""
    path = FOLDER / f"{target}.txt"
    return [read(line) for line in path.read_text().splitlines()] if path.exists() else []


def save(target: str, inputs: Iterable[bytes]) -> None:
    """Writes the checked-in inputs of a target, in the order of their lines."""
    lines = sorted({spell(data) for data in inputs})
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.txt").write_text("".join(f"{line}\n" for line in lines))


def unpack(inputs: Iterable[bytes], folder: Path) -> int:
    """Writes each input to a file named after its content, as libFuzzer does; returns how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for data in inputs:
        count += 1
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    return count
