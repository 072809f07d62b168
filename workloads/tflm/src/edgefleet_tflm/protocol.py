"""What a device says to its interpreter: frames over a stream, little endian. It knows no sockets and no processes.

A request is an operation (u8), a length (u32) and a payload; an answer is a status (u8), a length (u32) and a payload.
One answer to each request, in order. The end of the stream is the interpreter's death, as a panic is a device's.

A device has one model: LOAD, RUN, UNLOAD. Whoever speaks for many devices numbers its models and says the number first:
LOAD_NUMBERED, RUN_NUMBERED, UNLOAD_NUMBERED. Devices that run the same bytes then share one number, and nothing of one
device's run is left for another's: a numbered model forgets its variable tensors before each run.
"""

import os
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from edgefleet_tflm.interpreter import Interpreter, ModelRefused, load

PAYLOAD_MAX: Final = 32 * 1024 * 1024
ARENA_MAX: Final = 64 * 1024 * 1024

HEADER: Final = struct.Struct("<BI")
LOAD_HEAD: Final = struct.Struct("<I")  # arena bytes; the model follows
NUMBER: Final = struct.Struct("<I")
NUMBERED_MAX: Final = 256  # models of one connection
LOADED: Final = struct.Struct("<III")  # arena used, bytes of the first input, bytes of the first output


class Op(IntEnum):
    """What is asked."""

    LOAD = 1
    RUN = 2
    UNLOAD = 3
    LOAD_NUMBERED = 4
    RUN_NUMBERED = 5
    UNLOAD_NUMBERED = 6


class Status(IntEnum):
    """What became of it; the payload of a refusal is UTF-8 text for people."""

    OK = 0
    REFUSED = 1


class ProtocolError(Exception):
    """The other side does not speak this protocol; the connection cannot go on."""


class Desk:
    """Answers the requests of one connection; holds its models."""

    def __init__(self) -> None:
        """Start without a model."""
        self._only: Interpreter | None = None
        self._numbered: dict[int, Interpreter] = {}

    def answer(self, op: int, payload: bytes) -> tuple[Status, bytes]:
        """Do what is asked.

        Raises:
            ProtocolError: no such operation, or a request that is no request.
        """
        try:
            match op:
                case Op.LOAD:
                    self._only = None
                    self._only = _load(payload)
                    return Status.OK, _describe(self._only)
                case Op.RUN:
                    return Status.OK, _loaded(self._only).run(payload)
                case Op.UNLOAD:
                    self._only = None
                    return Status.OK, b""
                case Op.LOAD_NUMBERED | Op.RUN_NUMBERED | Op.UNLOAD_NUMBERED:
                    return Status.OK, self._answer_numbered(op, payload)
                case _:
                    raise ProtocolError(f"there is no operation {op}")
        except ModelRefused as refusal:
            return Status.REFUSED, str(refusal).encode()

    def _answer_numbered(self, op: int, payload: bytes) -> bytes:
        if len(payload) < NUMBER.size:
            raise ProtocolError("a numbered request is shorter than its number")
        (number,) = NUMBER.unpack_from(payload)
        rest = payload[NUMBER.size :]
        if op == Op.RUN_NUMBERED:
            interpreter = _loaded(self._numbered.get(number))
            interpreter.forget()
            return interpreter.run(rest)
        self._numbered.pop(number, None)
        if op == Op.UNLOAD_NUMBERED:
            return b""
        if len(self._numbered) >= NUMBERED_MAX:
            raise ModelRefused(f"load: {NUMBERED_MAX} models are loaded, that is all there may be")
        self._numbered[number] = _load(rest)
        return _describe(self._numbered[number])


def _load(payload: bytes) -> Interpreter:
    if len(payload) < LOAD_HEAD.size:
        raise ProtocolError("a LOAD is shorter than its head")
    (arena_bytes,) = LOAD_HEAD.unpack_from(payload)
    if arena_bytes > ARENA_MAX:
        raise ModelRefused(f"load: an arena of {arena_bytes} bytes, at most {ARENA_MAX} are given")
    return load(payload[LOAD_HEAD.size :], arena_bytes)


def _loaded(interpreter: Interpreter | None) -> Interpreter:
    if interpreter is None:
        raise ModelRefused("no model is loaded")
    return interpreter


def _describe(interpreter: Interpreter) -> bytes:
    first_input, first_output = interpreter.inputs[0], interpreter.outputs[0]
    return LOADED.pack(interpreter.arena_used, first_input.size_bytes, first_output.size_bytes)


def converse(source: int, sink: int, wait: Callable[[], bool] = lambda: True) -> None:
    """Answer requests until the stream ends.

    Args:
        source: file descriptor to read.
        sink: file descriptor to write.
        wait: blocks until there is something to read; False ends the conversation.

    Raises:
        ProtocolError: see `Desk.answer`; also a frame that is cut or longer than `PAYLOAD_MAX`.
    """
    desk = Desk()
    while wait():
        head = _read(source, HEADER.size)
        if not head:
            return
        op, length = HEADER.unpack(head)
        if length > PAYLOAD_MAX:
            raise ProtocolError(f"a request of {length} bytes, at most {PAYLOAD_MAX} are read")
        payload = _read(source, length)
        if len(payload) < length:
            raise ProtocolError("the stream ends in a request")
        status, body = desk.answer(op, payload)
        _write(sink, HEADER.pack(status, len(body)) + body)


def _read(source: int, length: int) -> bytes:
    """Read exactly so many bytes, or nothing at the end of the stream."""
    parts = bytearray()
    while len(parts) < length:
        part = os.read(source, length - len(parts))
        if not part:
            if parts and length == HEADER.size:
                raise ProtocolError("the stream ends in a header")
            break
        parts += part
    return bytes(parts)


def _write(sink: int, frame: bytes) -> None:
    rest = memoryview(frame)
    while rest:
        rest = rest[os.write(sink, rest) :]
