"""Becomes another program: ``python -m edgefleet_devcluster.launch [OPTIONS] -- COMMAND...``.

A small program of its own, because what it does must happen between fork and exec, and running Python there in a
process with threads (`preexec_fn`) can deadlock. First it ties itself to its parent or leaves it, then it writes its
pid file, then it execs: the program never runs without a pid file, whenever whoever started it dies.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path

from edgefleet_devcluster.processes import Identity

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000


def _tie_to(parent: int) -> None:
    """Have the kernel kill us when the parent dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        # It died before the line above.
        raise SystemExit(1)


def _enter(namespace: Path) -> None:
    """Move to a network namespace; what we exec stays there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open("rb") as handle:
        if libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(namespace))


def _detach() -> None:
    """Go on in a grandchild of whoever started us; return there only, once it leads its own session."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        os.setsid()
        return  # the writer closes at exec, or at our death
    os.close(writer)
    # End of file: the program runs, or died, which its pid file tells.
    os.read(reader, 1)
    os._exit(0)


def main() -> None:
    """Tie or detach, write the pid file, exec."""
    parser = argparse.ArgumentParser(prog="edgefleet_devcluster.launch", description=__doc__)
    parser.add_argument("--pid-file", type=Path)
    parser.add_argument("--network", type=Path, help="the file that stands for a network namespace")
    tie = parser.add_mutually_exclusive_group(required=True)
    tie.add_argument("--parent", type=int)
    tie.add_argument("--detach", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.detach:
        _detach()
    else:
        _tie_to(options.parent)
    if options.network:
        _enter(options.network)
    program = options.command[0]
    if options.pid_file:
        Identity.of(os.getpid(), program).write(options.pid_file)
    try:
        os.execv(program, options.command)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.exit(f"cannot run {program}: {error}")


if __name__ == "__main__":
    main()
