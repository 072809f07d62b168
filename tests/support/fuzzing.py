"""The firmware's fuzz targets, built from a copy of the sources: see firmware/fuzz."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.contract_core import FIRMWARE, ROOT


@dataclass(frozen=True)
class FuzzTree:
    """A copy of the firmware that a test may damage."""

    folder: Path

    @classmethod
    def copy(cls, folder: Path) -> "FuzzTree":
        shutil.copytree(FIRMWARE, folder / "firmware", ignore=shutil.ignore_patterns("build"))
        (folder / "tests").mkdir()
        (folder / "tests" / "golden").symlink_to(ROOT / "tests" / "golden")
        return cls(folder)

    def seed_bug(self, file: str, good: str, bad: str) -> None:
        """Put a mistake into a source file of the firmware."""
        source = self.folder / "firmware" / file
        text = source.read_text()
        assert text.count(good) == 1, "the seeded bug no longer fits the source"
        source.write_text(text.replace(good, bad))

    def make(self, *arguments: str, limit: float = 550) -> subprocess.CompletedProcess[str]:
        """Run make in the copy; objects that are there already are not built again."""
        return subprocess.run(
            ["make", "-C", self.folder / "firmware", "-j2", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )
