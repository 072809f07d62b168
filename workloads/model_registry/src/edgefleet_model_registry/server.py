"""The process: settings, rooms, TLS, uvicorn, and an orderly end."""

import logging
import os
import signal
import socket
import sys
from typing import Final

import uvicorn

from edgefleet_model_registry.access import AccessLog, LineFormatter, RequestLimit
from edgefleet_model_registry.app import Rooms, create_app
from edgefleet_model_registry.authentication import Guard, watch_upload_token
from edgefleet_model_registry.bodies import LingeringClose
from edgefleet_model_registry.certificates import Certificates
from edgefleet_model_registry.manifests import ManifestDesk
from edgefleet_model_registry.peers import PeerProtocol
from edgefleet_model_registry.settings import Settings
from edgefleet_model_registry.store import Store, StoreError
from edgefleet_model_registry.trust import watch_release_keys

_log: Final = logging.getLogger(__name__)
_CONFIGURATION_ERROR: Final = 78  # sysexits.h
# Below the 30 s after which Kubernetes kills.
_GRACE_SECONDS: Final = 20
_KEEP_ALIVE_SECONDS: Final = 15
_BACKLOG: Final = 1024


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    _log_to_stdout()
    try:
        settings = Settings.read(os.environ)
        certificates = Certificates(settings.tls)
        store = Store(settings.store)
        store.prepare()
        rooms = Rooms(
            store,
            ManifestDesk(store, watch_release_keys(settings.release_keys)),
            Guard(watch_upload_token(settings.upload_token_file)),
            settings.blob_max_bytes,
        )
        listener = _listen(settings.host, settings.port)
    except (OSError, ValueError, StoreError) as error:
        _log.error("cannot start: %s", error)
        return _CONFIGURATION_ERROR
    _log.info("listening", extra={"fields": {"port": listener.getsockname()[1]}})
    _serve(rooms, certificates, listener, settings.requests_max)
    _log.info("ended")
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # asyncio would set it on each connection, but not on those of a socket made this way. Without it every answer waits
    # 40 ms for the acknowledgement of its own headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _serve(rooms: Rooms, certificates: Certificates, listener: socket.socket, requests_max: int) -> None:
    async def refresh() -> None:
        # In the loop's own thread: no handshake may use the context while it changes.
        certificates.refresh()

    app = AccessLog(LingeringClose(RequestLimit(create_app(rooms), requests_max)))
    config = uvicorn.Config(
        app,
        http=PeerProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        ssl_context_factory=lambda *_: certificates.context,
        callback_notify=refresh,
        timeout_notify=1,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # uvicorn ends in good order and then raises the signal again; for us the end was the answer to it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listener])


def _log_to_stdout() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Says what the lines of this module say, and warns of each malformed request.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
