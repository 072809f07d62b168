"""The way to a web server: TLS, proxies, name servers and hosts that do not answer."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster.binaries.web import Client, DownloadError, Patience, SiteError, shown
from edgefleet_devcluster.pki import Authority, Subject
from support.releasesite import Fault, Site, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read(url: str, client: Client | None = None) -> bytes:
    with (client or Client(Patience())).ask(url, {}) as response:
        return response.read()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """What a server at 127.0.0.1 needs, from an authority that nobody trusts yet."""
    pair = Authority(tmp_path / "pki").issue("server", Subject("server", hosts=("127.0.0.1",)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


@pytest.fixture
def trusted(tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pki" / "ca.crt"))
    return tls


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_https(trusted: ssl.SSLContext, site: Site) -> None:
    with serving(trusted) as secure:
        secure.files["/file"] = b"content"
        site.faults = [Fault(status=302, location=f"https://127.0.0.1:{secure.port}/file")]
        assert read(f"{site.url}/file") == b"content"
        assert secure.headers[0]["Host"] == f"127.0.0.1:{secure.port}"


@pytest.mark.usefixtures("site")
def test_a_certificate_that_nobody_vouches_for(tls: ssl.SSLContext) -> None:
    with serving(tls) as secure, pytest.raises(SiteError, match=r"^127.0.0.1 cannot be reached \(.*certificate"):
        read(f"https://127.0.0.1:{secure.port}/file")


def test_a_proxy_is_asked_for_whole_addresses(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://us%40er:pass@127.0.0.1:{site.port}")
    site.files = {"http://releases.test:81/file?a=b": b"content"}
    assert read("http://releases.test:81/file?a=b#c") == b"content"
    assert site.headers[0]["Host"] == "releases.test:81"
    assert site.headers[0]["Proxy-Authorization"] == "Basic dXNAZXI6cGFzcw=="


def test_a_proxy_gives_a_tunnel_to_https(trusted: ssl.SSLContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"user@127.0.0.1:{site.port}")
    site.inner = trusted
    site.files["/file"] = b"content"
    assert read("https://127.0.0.1:1/file") == b"content"
    assert site.tunnels == ["127.0.0.1:1"]
    assert site.headers[0]["Proxy-Authorization"] == "Basic dXNlcjo="
    assert "Proxy-Authorization" not in site.headers[1]


def test_a_proxy_that_refuses(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", site.url)
    site.faults = [Fault(status=407)]
    message = r"^releases.test cannot be reached through the proxy 127.0.0.1 \(it answers 407 Proxy Authentication"
    with pytest.raises(SiteError, match=message):
        read("https://releases.test/file")


def test_no_proxy_for_some_hosts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site.files["/file"] = b"content"
    assert read(f"{site.url}/file") == b"content"


@pytest.mark.usefixtures("site")
def test_silence_during_the_handshake_uses_up_the_patience_of_all_sites(silent: int) -> None:
    client = Client(Patience(connect=0.3))
    started = time.monotonic()
    with pytest.raises(SiteError, match=r"^127.0.0.1 cannot be reached \(.*timed out\)$"):
        read(f"https://127.0.0.1:{silent}/file", client)
    with pytest.raises(SiteError, match=r"^releases.test is not tried: connecting to others took too long$"):
        read("https://releases.test/file", client)
    assert 0.2 < time.monotonic() - started < 3


@pytest.mark.usefixtures("site")
def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def wait(*_args: object, **_options: object) -> list[object]:
        released.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    started = time.monotonic()
    with pytest.raises(SiteError, match=r"^releases.test cannot be reached \(the name server does not answer\)$"):
        read("http://releases.test/file", Client(Patience(connect=0.2)))
    assert time.monotonic() - started < 3
    released.set()


def test_an_address_that_swallows_packets_leaves_time_for_the_next(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files["/file"] = b"content"
    first = socket.create_server(("127.0.0.1", 0), backlog=0)
    # A full backlog: the kernel drops what comes then.
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(first.getsockname())
    addresses = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", first.getsockname()),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", site.port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    try:
        assert read("http://releases.test/file", Client(Patience(connect=0.6))) == b"content"
    finally:
        for one in (first, *waiting):
            one.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:secret@releases.test/file",
        "http:///file",
        "https://releases.test:port/",
        "https://[::1/file",
        "file",
    ],
)
def test_addresses_that_cannot_be_asked(url: str) -> None:
    with pytest.raises(DownloadError, match=r"is no http or https address$") as caught:
        read(url)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("host", ["a..b", "x" * 70, "name.invalid"])
def test_names_that_cannot_be_looked_up(host: str) -> None:
    with pytest.raises(SiteError, match="cannot be reached"):
        read(f"http://{host}/file")


def test_a_password_is_not_shown() -> None:
    assert shown("https://user:secret@releases.test:81/file?a=b") == "https://releases.test:81/file?a=b"
