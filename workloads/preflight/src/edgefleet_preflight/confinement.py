"""What a process gives up before it reads a model: memory, time, files, the network, other processes.

Runs in the child, after the fork and before the first byte of the model is parsed. Everything in `MANDATORY` holds or
the child says so and does nothing else; the rest depends on what the kernel lets this user do, and is reported.
"""

import ctypes
import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgefleet_preflight.system_calls import install_filter

MANDATORY: Final = ("limits", "no-new-privileges", "system-calls")
"""Without these nothing is run."""
OPTIONAL: Final = ("empty-root", "no-network", "no-user")
"""An empty root folder, a network without interfaces, a user that owns nothing: second walls behind the first."""

_DESCRIPTORS_FREE: Final = 8  # pipes of the code under test, for what it says on standard error
_NOBODY: Final = 65534
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_SIGKILL: Final = 9
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_CAPABILITY_VERSION_3: Final = 0x20080522

# Loaded before the fork: the child can open no library any more.
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_LIBC.unshare.argtypes = [ctypes.c_int]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a check may take.

    Attributes:
        memory_bytes: address space beyond what the process has mapped when the check begins.
        cpu_seconds: of processor time.
        wall_seconds: until the parent kills it.
        answer_bytes: of its answer's JSON.
        words_bytes: of its standard output and error that are kept, the last ones.
    """

    memory_bytes: int = 256 * 1024 * 1024
    cpu_seconds: int = 5
    wall_seconds: float = 10
    answer_bytes: int = 65536
    words_bytes: int = 4096


def confine(limits: Limits, empty: Path, descriptors: int) -> tuple[str, ...]:
    """Give up everything that a check does not need.

    Args:
        limits: how much it may take.
        empty: an empty folder.
        descriptors: how many descriptors are open, numbered from 0.

    Returns:
        What holds from now on, names of `MANDATORY` and `OPTIONAL`.

    Raises:
        OSError: something mandatory is not to be had.
    """
    mapped = _mapped_bytes()
    os.chdir(empty)
    held = _leave() if os.geteuid() == 0 else _leave_as_user()
    # After a change of user, which resets it.
    _control(_PR_SET_PDEATHSIG, _SIGKILL)
    _control(_PR_SET_DUMPABLE, 0)
    _limit(limits, mapped, descriptors)
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    install_filter(_LIBC)
    return tuple(sorted((*held, *MANDATORY)))


def _control(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def _leave() -> list[str]:
    """Root gives up the network, the file system and itself, as far as its capabilities reach."""
    held: list[str] = []
    if _LIBC.unshare(_CLONE_NEWNET | _CLONE_NEWIPC) == 0:
        held.append("no-network")
    with suppress(OSError):
        os.chroot(".")
        held.append("empty-root")
    with suppress(OSError):
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        held.append("no-user")
    return held


def _leave_as_user() -> list[str]:
    """Anybody else does it in a user namespace of its own, where that is allowed."""
    held: list[str] = []
    if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0:
        held += ["no-network", "no-user"]
        with suppress(OSError):
            os.chroot(".")
            held.append("empty-root")
        # The namespace gave every capability inside it.
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        if _LIBC.capset(header, (ctypes.c_uint32 * 6)()):
            code = ctypes.get_errno()
            raise OSError(code, f"capset: {os.strerror(code)}")
    return held


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    return pages * resource.getpagesize()


def _limit(limits: Limits, mapped: int, descriptors: int) -> None:
    bounds = {
        resource.RLIMIT_AS: mapped + limits.memory_bytes,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: descriptors + _DESCRIPTORS_FREE,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for which, bound in bounds.items():
        resource.setrlimit(which, (bound, bound))
    # SIGXCPU, which says why, one second before SIGKILL, which nobody can ignore.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
