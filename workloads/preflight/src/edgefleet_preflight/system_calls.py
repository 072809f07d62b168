"""Which system calls a confined process may make: a seccomp filter. Must not know what runs under it.

An allow-list: computing, memory, and the descriptors that are open already. Nothing opens a file or a socket, starts or
signals another process, or maps memory as code. What is not listed fails with EPERM, so that a library that merely asks
goes on without.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from typing import Final

MACHINE: Final = "x86_64"
"""The one architecture: tflite-micro's wheels exist for no other."""

_AUDIT_ARCH_X86_64: Final = 0xC000003E
_X32_BIT: Final = 0x40000000  # the same numbers under another calling convention

# Numbers of arch/x86/entry/syscalls/syscall_64.tbl.
_ALLOWED: Final = {
    "read": 0,
    "write": 1,
    "close": 3,
    "lseek": 8,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "sched_yield": 24,
    "mremap": 25,
    "madvise": 28,
    "dup": 32,
    "dup2": 33,
    "nanosleep": 35,
    "getpid": 39,
    "exit": 60,
    "getrusage": 98,
    "times": 100,
    "sigaltstack": 131,
    "gettid": 186,
    "futex": 202,
    "sched_getaffinity": 204,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "clock_nanosleep": 230,
    "exit_group": 231,
    "set_robust_list": 273,
    "dup3": 292,
    "pipe2": 293,
    "getrandom": 318,
    "rseq": 334,
}
_MMAP: Final = 9
_MPROTECT: Final = 10
_FCNTL: Final = 72
_TGKILL: Final = 234
_PROT_EXEC: Final = 0x4
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: none names another process or file.
_FCNTL_COMMANDS: Final = (0, 1, 2, 3, 4, 1030)

# Offsets in struct seccomp_data; each argument is eight bytes, its low half first.
_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_FIRST_ARGUMENT: Final = 16
_SECOND_ARGUMENT: Final = 24
_THIRD_ARGUMENT: Final = 32

# Classic BPF: load a word, jump on a comparison, return.
_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_KILL_PROCESS: Final = 0x80000000

_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2


def build_filter(process: int) -> bytes:
    """Return the filter's program.

    Args:
        process: id of the process that it will confine, which may signal itself, as abort() does.
    """
    steps: list[bytes] = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_IF_EQUAL, _AUDIT_ARCH_X86_64, then=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
        _step(_IF_AT_LEAST, _X32_BIT, otherwise=1),
        _step(_RETURN, _KILL_PROCESS),
    ]
    for number in _ALLOWED.values():
        steps += [_step(_IF_EQUAL, number, otherwise=1), _step(_RETURN, _ALLOW)]
    for number in (_MMAP, _MPROTECT):
        steps += _only_if(number, _THIRD_ARGUMENT, [_step(_IF_ANY_BIT, _PROT_EXEC, then=1)])
    steps += _only_if(_TGKILL, _FIRST_ARGUMENT, [_step(_IF_EQUAL, process, otherwise=1)])
    last = len(_FCNTL_COMMANDS) - 1
    tests = [
        _step(_IF_EQUAL, command, then=last - index, otherwise=int(index == last))
        for index, command in enumerate(_FCNTL_COMMANDS)
    ]
    steps += _only_if(_FCNTL, _SECOND_ARGUMENT, tests)
    steps.append(_step(_RETURN, _REFUSE))
    return b"".join(steps)


def install_filter(libc: ctypes.CDLL) -> None:
    """Confine this process from now on; `PR_SET_NO_NEW_PRIVS` must be set.

    Raises:
        OSError: the kernel has no seccomp filters, or the machine is of another architecture.
    """
    if platform.machine() != MACHINE:
        raise OSError(errno.ENOSYS, f"the filter is written for {MACHINE}, this machine is {platform.machine()}")
    program = build_filter(os.getpid())
    instructions = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count and, after padding, a pointer.
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions)))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header), 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, f"seccomp: {os.strerror(code)}")


def _only_if(number: int, argument: int, tests: Iterable[bytes]) -> list[bytes]:
    """Returns steps that allow a call if the tests fall through, and go on after them otherwise.

    A test that fails jumps over the tests behind it and one step more.
    """
    checks = list(tests)
    return [
        _step(_IF_EQUAL, number, otherwise=len(checks) + 3),
        _step(_LOAD, argument),
        *checks,
        _step(_RETURN, _ALLOW),
        _step(_LOAD, _NUMBER),
    ]


def _step(code: int, operand: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, operand)
