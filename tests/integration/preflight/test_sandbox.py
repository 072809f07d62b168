"""What a check that has been taken over can still do: next to nothing, and nothing that the parent believes."""

# ruff: noqa: PTH102, PTH108, PTH116, PTH208, S606 - what is tested is the system call

import contextlib
import ctypes
import errno
import gc
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from edgefleet_preflight import confinement, sandbox
from edgefleet_preflight.confinement import MANDATORY, OPTIONAL, Limits
from edgefleet_preflight.sandbox import Sandbox
from edgefleet_preflight.verdicts import Reason, Refused

LIBC = ctypes.CDLL(None, use_errno=True)


class Told(BaseModel):
    """What these checks answer."""

    text: str


def tell(check: Callable[[], Any], **limits: Any) -> str:
    """Run a check and return what it told, or the errno of what it was not allowed to do."""

    def attempt() -> dict[str, str]:
        try:
            return {"text": str(check())}
        except OSError as problem:
            return {"text": errno.errorcode[problem.errno or 0]}

    return Sandbox(Limits(**limits)).run(attempt, Told).text


def refuse(check: Callable[[], Any], **limits: Any) -> Refused:
    """Run a check that must not come through; return the refusal."""
    with pytest.raises(Refused) as caught:
        Sandbox(Limits(**limits)).run(check, Told)
    assert caught.value.message.isprintable()
    return caught.value


def call(number: int, *arguments: int) -> int:
    """Make a system call, without glibc's opinion."""
    result = LIBC.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


FORBIDDEN: dict[str, Callable[[], Any]] = {
    "internet socket": socket.socket,
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "socket pair": socket.socketpair,
    "read a file": lambda: Path("/etc/passwd").read_text(),
    "read its environment": lambda: Path("/proc/self/environ").read_bytes(),
    "read its own program": lambda: Path(sys.executable).read_bytes(),
    "write a file": lambda: Path("found").write_text("x"),
    "write a device": lambda: Path("/dev/null").write_text("x"),
    "list a folder": lambda: os.listdir("."),
    "make a folder": lambda: os.mkdir("x"),
    "remove a file": lambda: os.unlink("x"),
    "look at a file": lambda: os.stat("/"),
    "change the folder": lambda: os.chdir("/"),
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "execute another way": lambda: subprocess.run(["true"], check=False),
    "fork": os.fork,
    "vfork": lambda: call(58),
    "clone3": lambda: call(435, 0, 0),
    "signal its parent": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "signal a thread of another": lambda: call(234, 1, 1, 9),
    "trace": lambda: call(101, 16, os.getppid(), 0, 0),
    "read another's memory": lambda: call(310, os.getppid(), 0, 0, 0, 0, 0),
    "ask for its limits": lambda: call(302, 0, 4, 0, 0),
    "map code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "become root": lambda: os.setuid(0),
    "get namespaces": lambda: LIBC.unshare(0x10000000) and (_ for _ in ()).throw(OSError(ctypes.get_errno(), "")),
    "mount": lambda: call(165, 0, 0, 0, 0, 0),
    "ask io_uring": lambda: call(425, 1, 0),
    "load a BPF program": lambda: call(321, 0, 0, 0),
    "make a memory file": lambda: os.memfd_create("x"),
    "take descriptors of another": lambda: call(438, 0, 0, 0),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_check_may_not(what: str) -> None:
    assert tell(FORBIDDEN[what]) == "EPERM"


def test_the_same_things_work_outside() -> None:
    """The checks above could also fail for another reason."""
    socket.socket().close()
    assert Path("/proc/self/environ").read_bytes() is not None
    os.close(os.memfd_create("x"))
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()


def test_a_thread_cannot_be_started() -> None:
    refused = refuse(lambda: threading.Thread(target=print).start())
    assert refused.reason is Reason.PREFLIGHT_CRASHED
    assert "can't start new thread" in refused.message


def test_another_calling_convention_is_death() -> None:
    refused = refuse(lambda: call(0x40000000 + 39))
    assert refused.reason is Reason.PREFLIGHT_CRASHED
    assert "SIGSYS" in refused.message


def test_it_has_three_descriptors_and_none_of_its_parents(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w+b") as secret, socket.socket() as connection:
        for each in (secret, connection):
            assert tell(lambda each=each: os.read(each.fileno(), 1)) == "EBADF"

        def count() -> int:
            found = 0
            for number in range(1024):
                with contextlib.suppress(OSError):
                    os.close(os.dup(number))
                    found += 1
            return found

        assert tell(count) == "4"  # nothing, words twice, the answer
    assert tell(lambda: os.read(0, 1)) == "b''"


def test_memory_is_limited() -> None:
    refused = refuse(lambda: bytearray(512 * 1024 * 1024), memory_bytes=64 * 1024 * 1024)
    assert refused.reason is Reason.PREFLIGHT_CRASHED
    assert "MemoryError" in refused.message


def test_memory_that_is_eaten_in_pieces_is_limited() -> None:
    def eat() -> None:
        held = []
        while True:
            held.append(bytearray(1024 * 1024))

    assert "MemoryError" in refuse(eat, memory_bytes=64 * 1024 * 1024).message


def spin() -> None:
    while True:
        gc.isenabled()


def test_processor_time_is_limited() -> None:
    begun = time.monotonic()
    refused = refuse(spin, cpu_seconds=1, wall_seconds=30)
    assert refused.reason is Reason.PREFLIGHT_TIMEOUT
    assert "1 s of processor time" in refused.message
    assert time.monotonic() - begun < 10


def test_processor_time_is_limited_also_for_who_ignores_the_signal() -> None:
    def deaf() -> None:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        spin()

    refused = refuse(deaf, cpu_seconds=1, wall_seconds=30)
    assert "SIGKILL" in refused.message


def test_sleeping_is_limited() -> None:
    refused = refuse(lambda: time.sleep(60), wall_seconds=0.2)
    assert refused.reason is Reason.PREFLIGHT_TIMEOUT
    assert "0.2 s" in refused.message


def test_nothing_runs_after_the_deadline_of_the_whole() -> None:
    with pytest.raises(Refused, match="the whole preflight took too long"):
        Sandbox(deadline=time.monotonic()).run(lambda: {"text": "x"}, Told)


def test_closing_its_pipes_does_not_let_it_live_on() -> None:
    def vanish() -> None:
        os.closerange(0, 16)
        time.sleep(60)

    assert refuse(vanish, wall_seconds=0.3).reason is Reason.PREFLIGHT_TIMEOUT


def test_an_answer_is_bounded() -> None:
    refused = refuse(lambda: {"text": "x" * 200_000})
    assert refused.reason is Reason.PREFLIGHT_CRASHED
    assert "more than 65536 bytes" in refused.message


def test_an_answer_without_end_is_bounded() -> None:
    def pour() -> None:
        while True:
            os.write(3, b"x" * 65536)

    assert "more than 65536 bytes" in refuse(pour).message


def test_words_are_kept_short_printable_and_the_last_ones() -> None:
    def shout() -> None:
        for _ in range(2000):
            os.write(1, b"noise \x1b[31m\r\n" * 100)
        os.write(2, b"\x1b]0;gotcha\x07last words\n")
        os.abort()

    refused = refuse(shout)
    assert refused.reason is Reason.PREFLIGHT_CRASHED
    assert "SIGABRT" in refused.message
    assert refused.message.endswith("last words")
    assert len(refused.message) < 600


LIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "another shape": b'{"text": "passed"}\n',
    "a list": b"[1]\n",
    "deep nesting": b"[" * 30_000,
    "a long number": b'{"answer": ' + b"9" * 20_000 + b"}\n",
    "not a number": b'{"answer": NaN}\n',
    "two answers": b'{"answer": {"text": "x"}}\n{"answer": {"text": "y"}}\n',
    "a refusal that is a pass": b'{"refusal": {"reason": "Ok", "message": "all is well"}}\n',
    "an unknown reason": b'{"refusal": {"reason": "Fine", "message": ""}}\n',
    "more than is asked": b'{"answer": {"text": "x"}, "passed": true}\n',
    "wrong types": b'{"answer": {"text": 1}}\n',
}


@pytest.mark.parametrize("what", LIES)
def test_a_lie_is_a_crash(what: str) -> None:
    def lie() -> None:
        with contextlib.suppress(OSError):
            os.write(3, LIES[what])
        os._exit(0)

    assert refuse(lie).reason is Reason.PREFLIGHT_CRASHED


def test_what_confined_it_is_told_before_it_runs() -> None:
    def lie() -> None:
        os.write(3, json.dumps(["everything"]).encode() + b"\n")
        os._exit(0)

    box = Sandbox()
    with pytest.raises(Refused):
        box.run(lie, Told)
    assert set(MANDATORY) <= set(box.held) <= {*MANDATORY, *OPTIONAL}


def test_every_exit_status_is_a_crash() -> None:
    for status in (0, 1, 97, 255):
        assert refuse(lambda status=status: os._exit(status)).reason in (
            Reason.PREFLIGHT_CRASHED,
            Reason.SANDBOX_UNAVAILABLE,
        )


def find_children() -> set[str]:
    """Return this process's children, those of other tests' fixtures among them."""
    return {child for file in Path("/proc/self/task").glob("*/children") for child in file.read_text().split()}


def test_it_leaves_no_process_and_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    open_before, children_before = os.listdir("/proc/self/fd"), find_children()
    tell(lambda: "x")
    refuse(lambda: time.sleep(60), wall_seconds=0.1)
    refuse(os.abort)
    assert list(tmp_path.iterdir()) == []
    assert os.listdir("/proc/self/fd") == open_before
    assert find_children() <= children_before


def test_without_a_filter_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OSError(errno.EINVAL, "seccomp: Invalid argument")

    monkeypatch.setattr(confinement, "install_filter", fail)
    refused = refuse(lambda: {"text": "ran"})
    assert refused.reason is Reason.SANDBOX_UNAVAILABLE
    assert refused.message.endswith("seccomp: Invalid argument")


def test_without_limits_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not allowed")

    monkeypatch.setattr(confinement, "_limit", fail)
    assert refuse(lambda: {"text": "ran"}).reason is Reason.SANDBOX_UNAVAILABLE


@pytest.mark.skipif(os.geteuid() != 0, reason="what root gives up")
class TestBehindTheFilter:
    """The second wall, with the first one taken away."""

    @pytest.fixture(autouse=True)
    def no_filter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(confinement, "install_filter", lambda _: None)

    def test_the_root_folder_is_empty(self) -> None:
        assert tell(lambda: os.listdir("/")) in ("[]", "EACCES")
        assert tell(lambda: Path("/etc/passwd").read_text()) in ("ENOENT", "EACCES")
        assert tell(lambda: Path("/x").write_text("x")) in ("EACCES", "EFBIG")

    def test_it_is_nobody(self) -> None:
        assert tell(lambda: (os.getresuid(), os.getresgid(), os.getgroups())) == str(((65534,) * 3, (65534,) * 3, []))
        assert tell(lambda: os.setuid(0)) == "EPERM"

    def test_the_network_is_empty(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert tell(lambda: socket.create_connection(("127.0.0.1", port), 1)) == "ENETUNREACH"

    def test_no_process_can_be_started(self) -> None:
        assert tell(os.fork) == "EAGAIN"


def test_somebody_who_is_not_root_is_confined_too() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):  # whoever runs the tests may be nobody already
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        box = Sandbox()
        try:
            text = box.run(lambda: {"text": "ran"}, Told).text
            refused = tell(lambda: Path("/etc/passwd").read_text())
            os.write(writer, json.dumps([text, refused, box.held]).encode())
        except BaseException as problem:  # noqa: BLE001 - pytest runs in the parent only
            os.write(writer, json.dumps(repr(problem)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        said = json.load(told)
    os.waitpid(child, 0)
    assert isinstance(said, list), said
    text, refused, held = said
    assert (text, refused) == ("ran", "EPERM")
    assert set(MANDATORY) <= set(held)


def test_the_words_are_bounded_while_they_come() -> None:
    """A flood costs the parent no memory: it keeps the last bytes only."""
    ear = sandbox._Ear(os.memfd_create("flood"), 10, last=True)
    try:
        os.write(ear.end, b"x" * 1000 + b"the end")
        os.lseek(ear.end, 0, os.SEEK_SET)
        while ear.hear():
            pass
        assert ear.heard == b"xxxthe end"
    finally:
        os.close(ear.end)
