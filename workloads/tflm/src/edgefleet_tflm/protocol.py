"""What a device says to its interpreter: frames over a stream, little endian. It knows no sockets and no processes.

A request is an operation (u8), a length (u32) and a payload; an answer is a status (u8), a length (u32) and a payload.
One answer to each request, in order. The end of the stream is the interpreter's death, as a panic is a device's.
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
LOADED: Final = struct.Struct("<III")  # arena used, bytes of the first input, bytes of the first output


class Op(IntEnum):
    """What is asked."""

    LOAD = 1
    RUN = 2
    UNLOAD = 3


class Status(IntEnum):
    """What became of it; the payload of a refusal is UTF-8 text for people."""

    OK = 0
    REFUSED = 1


class ProtocolError(Exception):
    """The other side does not speak this protocol; the connection cannot go on."""


class Desk:
    """Answers the requests of one connection; holds at most one loaded model."""

    def __init__(self) -> None:
        """Start without a model."""
        self._interpreter: Interpreter | None = None

    def answer(self, op: int, payload: bytes) -> tuple[Status, bytes]:
        """Do what is asked.

        Raises:
            ProtocolError: no such operation, or a request that is no request.
        """
        try:
            match op:
                case Op.LOAD:
                    return Status.OK, self._load(payload)
                case Op.RUN:
                    return Status.OK, self._run(payload)
                case Op.UNLOAD:
                    self._interpreter = None
                    return Status.OK, b""
                case _:
                    raise ProtocolError(f"there is no operation {op}")
        except ModelRefused as refusal:
            return Status.REFUSED, str(refusal).encode()

    def _load(self, payload: bytes) -> bytes:
        if len(payload) < LOAD_HEAD.size:
            raise ProtocolError("a LOAD is shorter than its head")
        (arena_bytes,) = LOAD_HEAD.unpack_from(payload)
        if arena_bytes > ARENA_MAX:
            raise ModelRefused(f"load: an arena of {arena_bytes} bytes, at most {ARENA_MAX} are given")
        self._interpreter = None
        self._interpreter = load(payload[LOAD_HEAD.size :], arena_bytes)
        first_input, first_output = self._interpreter.inputs[0], self._interpreter.outputs[0]
        return LOADED.pack(self._interpreter.arena_used, first_input.size_bytes, first_output.size_bytes)

    def _run(self, payload: bytes) -> bytes:
        if self._interpreter is None:
            raise ModelRefused("no model is loaded")
        return self._interpreter.run(payload)


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
