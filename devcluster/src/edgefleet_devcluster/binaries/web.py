"""Asks web servers, with an upper limit on the time that is lost where there is no network."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REDIRECTS = 6
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)

Address = tuple[int, int, int, str, tuple[object, ...]]
"""What ``socket.getaddrinfo`` returns: family, type, protocol, canonical name, address."""


class DownloadError(Exception):
    """A file could not be got; the message says why."""


class SiteError(DownloadError):
    """Its site is of no use at the moment, so there is no need to ask it for other files."""


class CutError(Exception):
    """A connection ended or fell silent in the middle; asking again may help."""

    @classmethod
    def of(cls, error: Exception) -> CutError:
        """Return the one that was caused by ``error``."""
        return cls(_reason(error))


@dataclass(frozen=True)
class Patience:
    """How long the network is waited for."""

    connect: float = 5.0
    """Seconds, of all sites together, that may be lost on those that cannot be reached."""
    stall: float = 30.0
    """Seconds without a byte."""


class Client:
    """Sends requests; remembers how long it has waited in vain."""

    def __init__(self, patience: Patience) -> None:
        """Start with all of the patience."""
        self._stall = patience.stall
        self._connect = patience.connect

    @contextmanager
    def ask(
        self, url: str, headers: Mapping[str, str], redirects: int = _REDIRECTS
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a GET request, follow where the site sends us, and give the answer, whatever its status.

        Raises:
            SiteError: The site cannot be reached.
            DownloadError: The address or one that the site redirects to cannot be asked.
            CutError: The connection ended before the answer.
        """
        with self._ask(_split(url), headers) as response:
            location = response.getheader("Location")
            if response.status not in _MOVED or not location:
                yield response
                return
        if not redirects:
            raise DownloadError(f"{shown(url)} redirects without end")
        with self.ask(_join(url, location), headers, redirects - 1) as response:
            yield response

    @contextmanager
    def _ask(self, parts: SplitResult, headers: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        proxy = _proxy(parts)
        connection = http.client.HTTPConnection(parts.hostname or "")
        connection.sock = self._open(parts, proxy)
        # Without the default port: some sites sign the host name as it is in their links.
        sent = {"Host": _without_user(parts.netloc), "User-Agent": "edgefleet-devcluster", **headers}
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        if proxy and parts.scheme == "http":
            target = parts._replace(netloc=_without_user(parts.netloc), fragment="").geturl()
            sent |= _authorization(proxy)
        with closing(connection):
            try:
                connection.request("GET", target, headers=sent)
                response = connection.getresponse()
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise CutError.of(error) from error
            with response:
                yield response

    def _open(self, parts: SplitResult, proxy: SplitResult | None) -> socket.socket:
        """Return a connection to the site that is ready for a request, within what is left of the patience."""
        if self._connect <= 0:
            raise SiteError(f"{parts.hostname} is not tried: connecting to others took too long")
        started = time.monotonic()
        try:
            opened = _open_way(parts, proxy, started + self._connect)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._connect -= time.monotonic() - started
            way = f" through the proxy {proxy.hostname}" if proxy else ""
            raise SiteError(f"{parts.hostname} cannot be reached{way} ({_reason(error)})") from error
        opened.settimeout(self._stall)
        return opened


def shown(url: str) -> str:
    """Return the URL as it may be printed: without a password."""
    parts = urlsplit(url)
    return parts._replace(netloc=_without_user(parts.netloc)).geturl()


def _without_user(netloc: str) -> str:
    return netloc.rpartition("@")[2]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in _PORTS and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass  # a port that is no number, half a pair of brackets
    raise DownloadError(f"{_without_user(url)} is no http or https address")


def _join(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise DownloadError(f"{shown(url)} redirects to {location!r}, which is no http or https address") from error


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _proxy(parts: SplitResult) -> SplitResult | None:
    """Return the proxy that the environment gives for this address."""
    value = urllib.request.getproxies().get(parts.scheme)
    if not value or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urlsplit(value if "://" in value else f"http://{value}")


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def _open_way(parts: SplitResult, proxy: SplitResult | None, deadline: float) -> socket.socket:
    host = parts.hostname or ""
    opened = _dial((proxy or parts).hostname or "", _port(proxy or parts), deadline)
    try:
        if parts.scheme == "https":
            if proxy:
                _tunnel(opened, f"[{host}]" if ":" in host else host, _port(parts), proxy)
            opened = ssl.create_default_context().wrap_socket(opened, server_hostname=host)
    except BaseException:
        opened.close()
        raise
    return opened


def _tunnel(opened: socket.socket, host: str, port: int, proxy: SplitResult) -> None:
    headers = {"Host": f"{host}:{port}"} | _authorization(proxy)
    lines = [f"CONNECT {host}:{port} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    opened.sendall("\r\n".join(lines).encode())
    with http.client.HTTPResponse(opened, method="CONNECT") as response:
        response.begin()
        if response.status != HTTPStatus.OK:
            raise ConnectionError(f"it answers {response.status} {response.reason}")


def _dial(host: str, port: int, deadline: float) -> socket.socket:
    """Return a TCP connection, trying the host's addresses in turn until the deadline."""
    addresses = _resolve(host, port, deadline)
    last: OSError = TimeoutError("timed out")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        opened = socket.socket(family, kind, protocol)
        try:
            # A share for each: the first may be one that swallows packets, like IPv6 on many networks.
            opened.settimeout(left / (len(addresses) - number))
            opened.connect(address)
        except OSError as error:
            opened.close()
            last = error
        else:
            opened.settimeout(max(deadline - time.monotonic(), 0.1))
            return opened
    raise last


def _resolve(host: str, port: int, deadline: float) -> list[Address]:
    """Return the host's addresses; the system's own call has no timeout, so it runs in a thread that may be left."""
    answers: list[list[Address] | Exception] = []

    def look_up() -> None:
        try:
            answers.append(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0.0))
    if not answers:
        raise TimeoutError("the name server does not answer")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _reason(error: Exception) -> str:
    """Return in a few words what went wrong."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or str(error) or type(error).__name__
