"""Runs one check in a process of its own and believes nothing that comes out of it.

The child is a fork: it has the model in memory, so no path and no descriptor travels, and its libraries are loaded
before it gives up the file system. It answers with one JSON value on a pipe; the parent bounds and validates it. What
it prints is kept for the person who asks why, printable characters only.
"""

import faulthandler
import fcntl
import json
import os
import selectors
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefleet_preflight.confinement import MANDATORY, OPTIONAL, Limits, confine
from edgefleet_preflight.verdicts import Reason, Refused, to_line

AnswerT = TypeVar("AnswerT", bound=BaseModel)

_ANSWER: Final = 3  # the child's descriptors: nothing to read, two for words, one for the answer
_DESCRIPTORS: Final = 4
_UNCONFINED: Final = 97  # exit status of a child that could not be confined
_CHUNK: Final = 65536


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Refusal(_Strict):
    reason: str = Field(max_length=64)
    message: str = Field(max_length=4096)


class _Message(_Strict):
    """What a check sends: its answer, a refusal of the model, or the exception that it did not expect."""

    answer: Any = None
    refusal: _Refusal | None = None
    failure: str | None = Field(default=None, max_length=4096)


@dataclass(slots=True)
class Sandbox:
    """Where checks run.

    Attributes:
        limits: of every check.
        deadline: instant of `time.monotonic()` after which nothing runs any more.
        held: what confined the children so far, names of `confinement`.
    """

    limits: Limits = field(default_factory=Limits)
    deadline: float = float("inf")
    held: tuple[str, ...] = ()

    def run(self, check: Callable[[], Any], answer: type[AnswerT]) -> AnswerT:
        """Run a check and return its answer.

        Args:
            check: returns a JSON value, or raises `Refused`; sees this process's memory as it is now.
            answer: what a valid answer is.

        Raises:
            Refused: the check's own refusal; PreflightCrashed, PreflightTimeout, or SandboxUnavailable.
        """
        patience = min(self.limits.wall_seconds, self.deadline - time.monotonic())
        if patience <= 0:
            raise Refused(Reason.PREFLIGHT_TIMEOUT, "the whole preflight took too long")
        with tempfile.TemporaryDirectory(prefix="preflight-") as empty:
            end = _run_child(check, self.limits, Path(empty), patience)
        self.held = _read_confinement(end)
        message = _read_message(end, self.limits)
        if message.refusal is not None:
            raise Refused(_read_reason(message.refusal.reason), to_line(message.refusal.message))
        if message.failure is not None:
            raise Refused(Reason.PREFLIGHT_CRASHED, _join(f"the check failed: {to_line(message.failure)}", end.words))
        try:
            return answer.model_validate(message.answer)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the answer"
            text = f"the check answered what no check may: {where}: {first['msg']}"
            raise Refused(Reason.PREFLIGHT_CRASHED, to_line(text)) from None


@dataclass(frozen=True, slots=True)
class _End:
    """How a child ended: its exit status as `os.waitstatus_to_exitcode` gives it."""

    status: int
    answer: bytes
    words: str
    late: bool


def _run_child(check: Callable[[], Any], limits: Limits, empty: Path, patience: float) -> _End:
    answer_read, answer_write = os.pipe2(os.O_CLOEXEC)
    words_read, words_write = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        _become_child(check, limits, empty, words_write, answer_write)
    os.close(answer_write)
    os.close(words_write)
    try:
        return _listen(child, answer_read, words_read, limits, patience)
    finally:
        os.close(answer_read)
        os.close(words_read)


def _become_child(check: Callable[[], Any], limits: Limits, empty: Path, words: int, answer: int) -> None:
    """Never returns, whatever happens: the parent's code must not run twice."""
    status = 1
    try:
        faulthandler.disable()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(each, signal.SIG_DFL)
        _arrange_descriptors(words, answer)
        try:
            held = confine(limits, empty, _DESCRIPTORS)
        except Exception as problem:  # noqa: BLE001 - whatever it is, nothing may run
            os.write(2, str(problem).encode())
            os._exit(_UNCONFINED)
        # Before the check runs: afterwards nothing that comes from here is sure to be true.
        _send(held)
        _send(_attempt(check))
        status = 0
    finally:
        os._exit(status)


def _arrange_descriptors(words: int, answer: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    # Out of the way of 0 to 3 first, wherever they are now.
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, _DESCRIPTORS) for each in (nothing, words, words, answer)]
    for number, each in enumerate(moved):
        os.dup2(each, number)
    os.closerange(_DESCRIPTORS, os.sysconf("SC_OPEN_MAX"))


def _attempt(check: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"answer": check()}
    except Refused as refused:
        return {"refusal": {"reason": refused.reason.value, "message": refused.message[:4000]}}
    except Exception as problem:  # noqa: BLE001 - a parser on hostile bytes raises anything
        return {"failure": f"{type(problem).__name__}: {problem}"[:4000]}


def _send(message: Any) -> None:
    rest = memoryview(json.dumps(message).encode() + b"\n")
    while rest:
        rest = rest[os.write(_ANSWER, rest) :]


class _Ear:
    """One end of a pipe, and so many bytes of what was said: of an answer the first, of words the last."""

    def __init__(self, end: int, most: int, *, last: bool) -> None:
        self.end = end
        self.heard = b""
        self._most = most
        self._last = last

    @property
    def is_full(self) -> bool:
        return len(self.heard) > self._most

    def hear(self) -> bool:
        """Waits for the next bytes; says whether more may come."""
        chunk = os.read(self.end, _CHUNK)
        said = self.heard + chunk
        self.heard = said[-self._most :] if self._last else said[: self._most + 1]
        return bool(chunk)


def _listen(child: int, answer: int, words: int, limits: Limits, patience: float) -> _End:
    """Returns how the child ended; kills it when it takes or answers too much."""
    ears = {answer: _Ear(answer, limits.answer_bytes, last=False), words: _Ear(words, limits.words_bytes, last=True)}
    end = time.monotonic() + patience
    late = False
    handle = os.pidfd_open(child)
    try:
        with selectors.DefaultSelector() as selector:
            for each in (*ears, handle):
                selector.register(each, selectors.EVENT_READ)
            while handle not in (ready := {key.fd for key, _ in selector.select(max(0.0, end - time.monotonic()))}):
                for each in ready:
                    if not ears[each].hear():
                        selector.unregister(each)
                late = time.monotonic() >= end
                if late or ears[answer].is_full:
                    break
    finally:
        os.kill(child, signal.SIGKILL)  # not yet waited for, so the number is still its own
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(handle)
    # It is dead, so the pipes end with what is in them.
    for ear in ears.values():
        while ear.hear():
            pass
    return _End(status, ears[answer].heard, ears[words].heard.decode("ascii", "replace"), late)


def _read_confinement(end: _End) -> tuple[str, ...]:
    """Returns what confined the child.

    Raises:
        Refused: SandboxUnavailable, it said nothing of the kind.
    """
    try:
        held = tuple(json.loads(end.answer.partition(b"\n")[0]))
    except (ValueError, RecursionError, TypeError):
        held = ()
    if end.status == _UNCONFINED or not set(MANDATORY) <= set(held) <= {*MANDATORY, *OPTIONAL}:
        raise Refused(Reason.SANDBOX_UNAVAILABLE, _join("the check cannot be confined on this machine", end.words))
    return held


def _read_message(end: _End, limits: Limits) -> _Message:
    """Returns what the child said.

    Raises:
        Refused: it died, was killed, or said something else.
    """
    if end.late or end.status == -signal.SIGXCPU:
        what = f"{limits.wall_seconds:g} s" if end.late else f"{limits.cpu_seconds} s of processor time"
        raise Refused(Reason.PREFLIGHT_TIMEOUT, _join(f"the check was not done after {what}", end.words))
    if len(end.answer) > limits.answer_bytes:
        raise Refused(Reason.PREFLIGHT_CRASHED, f"the check answered more than {limits.answer_bytes} bytes")
    if end.status < 0:
        name = signal.Signals(-end.status).name
        raise Refused(Reason.PREFLIGHT_CRASHED, _join(f"the check died of {name}", end.words))
    try:
        return _Message.model_validate(json.loads(end.answer.partition(b"\n")[2]))
    except (ValueError, RecursionError):
        text = f"the check ended with status {end.status} and no answer"
        raise Refused(Reason.PREFLIGHT_CRASHED, _join(text, end.words)) from None


def _read_reason(text: str) -> Reason:
    """Returns a reason to refuse: nothing that a child says makes a model pass."""
    try:
        reason = Reason(text)
    except ValueError:
        return Reason.PREFLIGHT_CRASHED
    return reason if reason is not Reason.OK else Reason.PREFLIGHT_CRASHED


def _join(text: str, words: str) -> str:
    said = to_line(words, 400)
    return f"{text}: {said}" if said else text
