"""A model registry that misbehaves to order: real TLS on a real socket, and the real registry's files.

with HostileRegistry(registry) as server:
    server.misbehave("blobs", repeat(cut(in_body)))
    ...
    server.behave()

What a device asks for and gets nothing special for is answered as the real registry answers it.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.authority import Identity
    from support.registry import Registry

_SECONDS: Final = 20.0
_REQUEST_MAX: Final = 4096
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
        raw.recv(_REQUEST_MAX)
        raw.sendall(bytes_)
        _await_end(raw)
        return False

    return greet


def flood(bytes_: bytes) -> Greeting:
    """Say something for ever."""

    def greet(raw: socket.socket) -> bool:
        raw.recv(_REQUEST_MAX)
        while True:
            raw.sendall(bytes_)

    return greet


def hang_up(raw: socket.socket) -> bool:
    """Break the connection off at once."""
    _break_off(raw)
    return False


class HostileRegistry:
    """A server on a free port of this machine that keeps its port.

    Attributes:
        identity: the certificate of the next connections; the real registry's unless changed.
        asks: whether it wants a certificate from devices.
        connections: how many were accepted.
        requests: in order of arrival.
    """

    def __init__(self, registry: Registry) -> None:
        """Prepare it; the context starts it."""
        self.identity: Identity = registry.tls
        self.asks = True
        self.connections = 0
        self.requests: list[Request] = []
        self._registry = registry
        self._answers: dict[str, Iterator[Answer]] = {}
        self._greetings: Iterator[Greeting] = iter(())
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                _shut(each)
        for thread in self._threads:
            thread.join(_SECONDS)

    def misbehave(self, kind: str, answers: Iterable[Answer]) -> None:
        """Answer the next requests for `blobs` or `manifests` so, one each."""
        with self._lock:
            self._answers[kind] = iter(answers)

    def greet(self, greetings: Iterable[Greeting]) -> None:
        """Begin the next connections so, one each."""
        with self._lock:
            self._greetings = iter(greetings)

    def behave(self) -> None:
        """Be a good registry from the next connection on."""
        with self._lock:
            self.identity = self._registry.tls
            self._answers = {}
            self._greetings = iter(())

    def asked(self, kind: str) -> list[Request]:
        """The requests for `blobs` or `manifests`."""
        return [each for each in self.requests if each.kind == kind]

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, raw)

    def _serve(self, raw: socket.socket) -> None:
        with self._lock:
            self._open.add(raw)
            greeting, context = next(self._greetings, None), self._make_context()
        # The device goes away in the middle, because it has had enough: that is what is tested.
        with contextlib.suppress(OSError):
            if greeting is None or greeting(raw):
                with context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as tls:
                    with self._lock:
                        self._open.add(tls)
                    tls.do_handshake()
                    self._answer(tls)
        raw.close()

    def _make_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.identity.certificate, self.identity.key)
        if self.asks:
            context.load_verify_locations(self._registry.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _answer(self, tls: ssl.SSLSocket) -> None:
        request = _read_request(tls)
        kind, _, digest = request.path.removeprefix("/v1/").partition("/sha256/")
        whole = (self._registry.store / kind / "sha256" / digest[:2] / digest).read_bytes()
        with self._lock:
            self.requests.append(request)
            answer = next(self._answers.get(kind, iter(())), answer_well)
        answer(tls, Draft.of(request, whole))
        tls.unwrap()


def _read_request(tls: ssl.SSLSocket) -> Request:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = tls.recv(_REQUEST_MAX)
        if not data or len(head) > _REQUEST_MAX:
            raise ConnectionError("no request")
        head += data
    line, *lines = head.decode("ascii").split("\r\n")[:-2]
    method, path, version = line.split(" ")
    assert (method, version) == ("GET", "HTTP/1.1"), line
    headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
    certificate = tls.getpeercert() or {}
    names = {name: value for each in certificate.get("subject", ()) for name, value in each}
    return Request(time.monotonic(), path, headers, str(names.get("commonName", "")))


def _send_raw(tls: ssl.SSLSocket, bytes_: bytes) -> None:
    with socket.socket(fileno=tls.fileno()) as raw:
        try:
            raw.sendall(bytes_)
        finally:
            raw.detach()


def _await_end(connection: socket.socket) -> None:
    while connection.recv(_REQUEST_MAX):
        pass


def _break_off(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
