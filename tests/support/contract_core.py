"""The firmware's contract core, built here and asked over a pipe.

Built outside the tree, in the user's cache, and rebuilt by make when a source changes. No compiler or no Mbed TLS is a
failure with make's own words, never a skip.
"""

import fcntl
import functools
import hashlib
import os
import shutil
import struct
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
VECTORS = ROOT / "tests" / "golden" / "vectors"


@dataclass(frozen=True)
class Question:
    """One question of the batch protocol (firmware/tests/batch.c)."""

    letter: str
    arguments: tuple[bytes, ...]

    def frame(self) -> bytes:
        parts = [self.letter.encode(), bytes([len(self.arguments)])]
        parts += [struct.pack(">I", len(each)) + each for each in self.arguments]
        return b"".join(parts)


class ContractCore:
    """A built contract_check."""

    def __init__(self, executable: Path) -> None:
        self.executable = executable

    def ask(self, questions: Iterable[Question]) -> list[list[str]]:
        """Return the lines of each answer; a crash or a sanitizer's report raises."""
        asked = list(questions)
        done = subprocess.run(
            [self.executable, "--batch"],
            input=b"".join(question.frame() for question in asked),
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"contract_check ended with {done.returncode}:\n{done.stderr.decode()[-4000:]}")
        answers: list[list[str]] = [[]]
        for line in done.stdout.decode().splitlines():
            if line == ".":
                answers.append([])
            else:
                answers[-1].append(line)
        assert len(answers) == len(asked) + 1, "an answer is missing"
        return answers[:-1]

    def run_vectors(self, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.executable, folder], capture_output=True, text=True, check=False)


def build(firmware: Path, folder: Path, variables: Sequence[str] = ()) -> ContractCore:
    """Build contract_check from a firmware tree into a folder.

    Raises:
        AssertionError: make failed; its output says why.
    """
    assert shutil.which("make"), "make is missing: install a C compiler and make (Debian: build-essential)"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test runs of one user share the folder
        done = subprocess.run(
            ["make", "-C", firmware, "-j2", f"BUILD={folder}", *variables], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, f"the firmware does not build:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return ContractCore(folder / "contract_check")


@functools.cache
def sanitized_core() -> ContractCore:
    """The core with AddressSanitizer and UndefinedBehaviorSanitizer."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    checkout = hashlib.sha256(str(FIRMWARE).encode()).hexdigest()[:12]  # two checkouts share no objects
    return build(FIRMWARE, cache / "edgefleet" / "firmware" / checkout)
