"""A model registry that misbehaves to order: real TLS on a real socket, and the real registry's files.

with HostileRegistry(registry) as server:
    server.misbehave("blobs", repeat(cut(in_body)))
    ...
    server.behave()

What a device asks for and gets nothing special for is answered as the real registry answers it; wrong answers are in
`hostile_answers`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from support.hostile_answers import Draft, Request, answer_well

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from support.authority import Identity
    from support.hostile_answers import Answer, Greeting
    from support.registry import Registry

_SECONDS: Final = 20.0
_REQUEST_MAX: Final = 4096


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


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
