"""Writing generated files, the same way for every generator."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path


def write_files(files: Mapping[str, bytes], root: Path) -> None:
    """Write files below a folder.

    Args:
        files: contents by relative path.
        root: the folder; created if need be.
    """
    for relative, content in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_from_command_line(generate: Callable[[], Mapping[str, bytes]]) -> None:
    """Run a generator as `python -m <module> OUT_DIR`."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m <generator> OUT_DIR (the repository's root)")
    write_files(generate(), Path(sys.argv[1]))
