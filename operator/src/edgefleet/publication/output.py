"""The file that holds a ModelVersion: written once, whole or not at all, never changed."""

import os
import tempfile
from pathlib import Path

from edgefleet.publication.release import NotPublishableError


def check_output(file: Path, text: str) -> None:
    """Makes sure that a file may become `text`, before anything is uploaded.

    Raises:
        NotPublishableError: it is something else already, or its folder does not exist.
    """
    if not file.parent.is_dir():
        raise NotPublishableError(f"{file.parent}: no such folder")
    try:
        there = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        raise NotPublishableError(f"{file}: exists and cannot be read") from None
    if there != text:
        rule = "a version never changes: publish the next one, or remove the file if it was never committed"
        raise NotPublishableError(f"{file}: exists with another content; {rule}")


def write_output(file: Path, text: str) -> bool:
    """Writes the file, atomically; tells whether anything changed.

    Raises:
        OSError: it cannot be written.
    """
    if file.exists():
        return False
    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(handle)
            os.fchmod(handle, 0o644)
        Path(temporary).replace(file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True
