"""Wrong answers, for a hostile registry to give: what becomes of a connection, or of the right answer on its way."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

_READ_MAX: Final = 4096
# So that what was sent has been read before a reset throws away what was not.
_A_MOMENT: Final = 0.3


@dataclass(frozen=True)
class Request:
    """What a device asked.

    Attributes:
        at: when its last byte came, in seconds of `time.monotonic`.
        path: of the URL.
        headers: by their names in lower case.
        device: the CN of the certificate that it proved itself with; empty for none.
    """

    at: float
    path: str
    headers: dict[str, str]
    device: str

    @property
    def kind(self) -> str:
        """`blobs` or `manifests`."""
        return self.path.split("/")[2]

    @property
    def first(self) -> int:
        """Of the bytes that it asks for."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


@dataclass
class Draft:
    """The right answer to a request, for whoever makes a wrong one of it; `whole` is what it is a part of."""

    request: Request
    whole: bytes
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    version: str = "HTTP/1.1"

    @classmethod
    def of(cls, request: Request, whole: bytes) -> Self:
        """The rest, to who asks for it, else all."""
        draft = cls(request, whole, body=whole[request.first :])
        draft.set("Content-Length", str(len(draft.body)))
        if request.first:
            draft.status = 206
            draft.set("Content-Range", f"bytes {request.first}-{len(whole) - 1}/{len(whole)}")
        return draft

    def set(self, name: str, *values: str) -> None:
        """Give a header these values, a line each; none takes it away."""
        self.headers = [each for each in self.headers if each[0] != name] + [(name, value) for value in values]

    @property
    def head(self) -> bytes:
        lines = [f"{self.version} {self.status} Told", *(f"{name}: {value}" for name, value in self.headers)]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


# How a request is answered; the connection is closed in good order afterwards.
Answer = Callable[[ssl.SSLSocket, Draft], None]
# What happens to a connection before TLS; the answer is whether TLS is to follow.
Greeting = Callable[[socket.socket], bool]
# A place in an answer: how many bytes of it come before.
Place = Callable[[Draft], int]


def at_start(_: Draft) -> int:
    """Before the first byte."""
    return 0


def in_head(_: Draft) -> int:
    """In the middle of a header's name."""
    return len("HTTP/1.1 200 Told\r\nConte")


def behind_head(draft: Draft) -> int:
    """Before the first byte of the body."""
    return len(draft.head)


def in_body(draft: Draft) -> int:
    """In the middle of the body."""
    return len(draft.head) + len(draft.body) // 2


def answer_well(tls: ssl.SSLSocket, draft: Draft) -> None:
    """Answer as a registry does."""
    tls.sendall(draft.head + draft.body)


def changed(change: Callable[[Draft], object], *, first: Answer | None = None, send: Answer = answer_well) -> Answer:
    """Send an answer that someone changed; with `first`, only to who asks for the rest, and to all others that."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        if first is not None and not draft.request.first:
            first(tls, draft)
            return
        change(draft)
        send(tls, draft)

    return answer


def cut(place: Place) -> Answer:
    """End the answer there, in good order for TLS."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        tls.sendall((draft.head + draft.body)[: place(draft)])

    return answer


def reset(place: Place) -> Answer:
    """Break the connection off there."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        cut(place)(tls, draft)
        time.sleep(_A_MOMENT)
        _break_off(tls)
        raise ConnectionResetError

    return answer


def hush(place: Place) -> Answer:
    """Say nothing more from there on, for as long as the device stays."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        cut(place)(tls, draft)
        _await_end(tls)

    return answer


def drip(place: Place, size: int, pause: float) -> Answer:
    """From there on send so many bytes at a time, and wait in between."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        rest = draft.head + draft.body
        tls.sendall(rest[: place(draft)])
        rest = rest[place(draft) :]
        while rest:
            tls.sendall(rest[:size])
            rest = rest[size:]
            time.sleep(pause)

    return answer


def pour(bytes_: bytes, place: Place | None = None) -> Answer:
    """Send these for ever, from a place on or behind the whole answer."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        message = draft.head + draft.body
        tls.sendall(message[: place(draft)] + bytes_ if place else message + bytes_)
        while True:
            tls.sendall(bytes_)

    return answer


def spoil_record(place: Place) -> Answer:
    """Send there what is no record of this session."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        cut(place)(tls, draft)
        _send_raw(tls, b"\x17\x03\x03\x00\x40" + bytes(64))
        _await_end(tls)

    return answer


def hold_record(place: Place) -> Answer:
    """Begin a record there, and send the rest of it a byte a second."""

    def answer(tls: ssl.SSLSocket, draft: Draft) -> None:
        cut(place)(tls, draft)
        _send_raw(tls, b"\x17\x03\x03\x40\x00")
        while True:
            _send_raw(tls, b"\x00")
            time.sleep(1)

    return answer


def refuse(status: int, retry_after: str = "", location: str = "") -> Answer:
    """Answer with a status and no model."""

    def change(draft: Draft) -> None:
        draft.status = status
        draft.body = b'{"reason":"Busy","message":"not now"}'
        draft.headers = [("Content-Length", str(len(draft.body)))]
        draft.headers += [("Retry-After", retry_after)] if retry_after else []
        draft.headers += [("Location", location)] if location else []

    return changed(change)


def garble(bytes_: bytes) -> Greeting:
    """Say something that is not TLS, and wait."""

    def greet(raw: socket.socket) -> bool:
        raw.recv(_READ_MAX)
        raw.sendall(bytes_)
        _await_end(raw)
        return False

    return greet


def flood(bytes_: bytes) -> Greeting:
    """Say something for ever."""

    def greet(raw: socket.socket) -> bool:
        raw.recv(_READ_MAX)
        while True:
            raw.sendall(bytes_)

    return greet


def hang_up(raw: socket.socket) -> bool:
    """Break the connection off at once."""
    _break_off(raw)
    return False


def _send_raw(tls: ssl.SSLSocket, bytes_: bytes) -> None:
    with socket.socket(fileno=tls.fileno()) as raw:
        try:
            raw.sendall(bytes_)
        finally:
            raw.detach()


def _await_end(connection: socket.socket) -> None:
    while connection.recv(_READ_MAX):
        pass


def _break_off(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
