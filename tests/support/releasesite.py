"""A release site on this machine that misbehaves to order, and sources that need no Go."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from edgefleet_devcluster.binaries.components import Component, ComponentSet
    from edgefleet_devcluster.binaries.sources import Progress


class Whole:
    """A source that is done at once."""

    def offers(self, _component: Component, /) -> bool:
        return True

    def key(self, _components: ComponentSet, /) -> str:
        return "key"

    def produce(self, _component: Component, destination: Path, _log: Path, _progress: Progress, /) -> None:
        destination.write_text("whole")


@dataclass(frozen=True)
class Fault:
    """What one answer does instead of bringing the file."""

    status: int = 200
    location: str = ""
    after: int | None = None
    """Bytes of the body before the connection ends."""
    hang: bool = False
    """Falls silent instead of ending."""


@dataclass
class Site:
    """What the site has, what it does wrong, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """One is used up by each request."""
    ranges: bool = True
    lengths: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path, and Range header or nothing."""
    headers: list[dict[str, str]] = field(default_factory=list)
    tunnels: list[str] = field(default_factory=list)
    """What clients wanted tunnels to; each leads to this very site."""
    inner: ssl.SSLContext | None = None
    """How this site speaks at the end of a tunnel."""
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    """Ends what hangs."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        pass

    def do_GET(self) -> None:
        site = self.site
        wanted = self.headers.get("Range", "")
        site.requests.append((self.path, wanted))
        site.headers.append(dict(self.headers))
        fault = site.faults.pop(0) if site.faults else Fault()
        # As a proxy it is asked for whole addresses.
        body = site.files.get(self.path.removeprefix(site.url), b"")
        status = fault.status if fault.status != 200 or body else 404
        start = 0
        if status == 200 and site.ranges and wanted:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(body) else 416
        self.send_response(status)
        if fault.location:
            self.send_header("Location", fault.location)
        sent = body[start:] if status in (200, 206) else b""
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if site.lengths:
            self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(sent[: fault.after])
            if fault.hang:
                self.wfile.flush()
                site.released.wait(30)

    def do_CONNECT(self) -> None:
        self.site.tunnels.append(self.path)
        self.site.headers.append(dict(self.headers))
        fault = self.site.faults.pop(0) if self.site.faults else Fault()
        self.send_response(fault.status)
        self.end_headers()
        if fault.status == 200 and self.site.inner:
            with self.site.inner.wrap_socket(self.connection, server_side=True) as inside:
                self.rfile = inside.makefile("rb")
                self.wfile = inside.makefile("wb")
                self.handle_one_request()


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Serve a new site on a free port of this machine, with TLS if a context is given."""
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        site.port = server.server_address[1]
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            site.released.set()
            server.shutdown()
            thread.join()


def digest(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def archive(members: dict[str, bytes]) -> bytes:
    """Return a .tar.gz as `tar` makes it of the folder it is in."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        folder = tarfile.TarInfo("./bin")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()
