"""What surrounds every request: a line in the log, and an end to how many are served at once."""

import json
import logging
import time
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgefleet_model_registry.refusals import Reason, RefusedError

_log: Final = logging.getLogger(__name__)


class AccessLog:
    """Logs one line a request, when it is over."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status, sent, complete = 0, 0, False

        async def send_counted(message: Message) -> None:
            nonlocal status, sent, complete
            await send(message)
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
                complete = not message.get("more_body")

        try:
            await self._app(scope, receive, send_counted)
        finally:
            state = scope["state"]
            line = {
                "method": scope["method"],
                "path": scope["raw_path"].decode("ascii", "replace"),
                "status": status,
                "bytes": sent,
                "peer": state.get("caller") or state.get("peer"),
                "ms": round((time.perf_counter() - began) * 1000, 1),
            }
            _log.info("request", extra={"fields": line if complete else {**line, "incomplete": True}})


class RequestLimit:
    """Answers 503 to requests beyond what may be in progress at once; probes always pass."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        """Wrap an application."""
        self._app = app
        self._most = most
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, or refuse."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        if self._running >= self._most:
            message = f"{self._most} requests are in progress; try again"
            busy = RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, Reason.BUSY, message, {"Retry-After": "1"})
            await busy.response()(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1


class LineFormatter(logging.Formatter):
    """Writes each record as one line of JSON, so that nothing a client sends can begin a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: time, level and message, then the record's `fields`."""
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)
