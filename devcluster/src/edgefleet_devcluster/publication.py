"""Gives files their final names: whole or not at all, even at a power cut."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def publish(partial: Path, path: Path) -> None:
    """Give a complete file its final name.

    Args:
        partial: The file, on the same file system.
        path: Its final name; what has it is replaced.
    """
    fd = os.open(partial, os.O_RDONLY)
    try:
        # Written through to the disk: after a power cut the final name must not hold an empty file.
        os.fsync(fd)
    finally:
        os.close(fd)
    partial.rename(path)
