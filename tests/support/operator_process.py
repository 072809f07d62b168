"""The operator as a process of its own, outside of the cluster: it can be killed, and it logs to a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS: Final = 30.0


class OperatorProcess:
    """Runs `python -m edgefleet.entrypoints.kopf_app`.

    Attributes:
        log: what it says, over all its starts.
        process: None while it does not run.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.log = folder / "operator.log"
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.stop()

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "edgefleet.entrypoints.kopf_app"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)

    def kill(self) -> None:
        """End it without any chance to tidy up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self) -> int:
        """Tell it to end; return its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it does not end:\n{self.said()}") from None
        finally:
            self.process = None

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def await_said(self, text: str) -> None:
        """Wait until the log has a text."""
        deadline = time.monotonic() + _SECONDS
        while text not in self.said():
            assert self.process is not None
            assert self.process.poll() is None, f"it ended:\n{self.said()}"
            assert time.monotonic() < deadline, f"it never said {text!r}:\n{self.said()}"
            time.sleep(0.05)

    def probe(self) -> int:
        """The status of its liveness probe."""
        url = f"http://127.0.0.1:{self._environment['EDGEFLEET_PROBE_PORT']}/healthz"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            return answer.code
