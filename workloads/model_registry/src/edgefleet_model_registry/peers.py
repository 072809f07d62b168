"""What uvicorn does not do for a connection: tell who is at the other end, and not wait for ever to be asked."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_MAX: Final = 32 * 1024
HEADERS_SECONDS: Final = 10.0
# Each costs 0.3 MB, most of it asyncio's TLS buffer.
CONNECTIONS_MAX: Final = 1024


class PeerProtocol(HttpToolsProtocol):
    """Puts the peer's proven name into `request.state.peer`, None without one.

    Bounds the number of connections, and the time and size of headers, which httptools collects without a limit.
    """

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the name of the peer, whose certificate the TLS layer has verified."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
            return
        self.app_state = {**self.app_state, "peer": read_common_name(transport.get_extra_info("peercert"))}
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the headers are complete."""
        before = self._deadline
        super().data_received(data)
        if before is not None and self._deadline is before:
            self._header_bytes += len(data)
            if self._header_bytes > HEADERS_MAX:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Start the time for a request's headers."""
        super().on_message_begin()
        if self._deadline is None:
            self._expect_headers()

    def on_headers_complete(self) -> None:
        """Stop the time."""
        self._stop_deadline()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        self._header_bytes = 0
        self._deadline = self.loop.call_later(HEADERS_SECONDS, self.transport.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def read_common_name(certificate: Mapping[str, Any] | None) -> str | None:
    """Return the common name of a certificate as `ssl` describes it; None unless there is exactly one.

    Args:
        certificate: what `SSLSocket.getpeercert` returns: None or empty without a verified certificate.
    """
    subject = cast("tuple[tuple[tuple[str, str], ...], ...]", (certificate or {}).get("subject", ()))
    names = [value for part in subject for name, value in part if name == "commonName"]
    return names[0] if len(names) == 1 and names[0] else None
