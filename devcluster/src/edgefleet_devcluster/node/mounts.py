"""Mounts, made by the system call itself: the init of a node has no patience for a program per mount."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MS_BIND = 4096
MS_REC = 16384
MS_SHARED = 1 << 20
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0) -> None:
    """Mount ``source`` on ``target``.

    Raises:
        OSError: As mount(2) says, with the target.
    """
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), ctypes.c_void_p(None)
    )
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def share_everything() -> None:
    """Let mounts made here reach the containers that ask for them (mount propagation)."""
    mount("none", "/", flags=MS_REC | MS_SHARED)


def open_place(path: str) -> int:
    """Return a handle that still finds the place after something was mounted over its path."""
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def bind(handle: int, target: Path) -> None:
    """Show the place behind the handle, a folder or a file, at ``target`` too, which is made."""
    source = f"/proc/self/fd/{handle}"
    if Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(source, str(target), flags=MS_BIND | MS_REC)
