"""A real Mosquitto with the chart's own configuration and access list; only paths, port and address are the test's."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from support.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.authority import Identity

PROGRAM = "/usr/sbin/mosquitto"
CHART = Path(__file__).parents[2] / "deploy" / "charts" / "edgefleet"
_SECONDS = 20.0


class Broker:
    """A broker process, started and ended as a context.

    Attributes:
        authority: signs the identities of those who connect.
        port: the same over restarts.
        address: `localhost:PORT`; its certificate is for localhost and 127.0.0.1.
        plain_address: the same of a second listener without TLS, if there is one: who connects there says who it is.
        log: what it says.
        process: None while it does not run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        authority: Authority | None = None,
        changes: Mapping[str, str] | None = None,
        plain: bool = False,
    ) -> None:
        """Prepare a broker.

        Args:
            folder: its own; made if need be.
            authority: another broker's or registry's, to share; by default a new one.
            changes: settings that are to have another value, to show what the chart's does; "" takes one away.
            plain: whether there is a listener without TLS too.
        """
        self.authority = authority or Authority()
        self.port = _free_port()
        self.address = f"localhost:{self.port}"
        self.plain_address = f"localhost:{_free_port()}" if plain else ""
        self.log = folder / "broker.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._configuration = folder / "mosquitto.conf"
        self._prepare(folder, {**({"allow_anonymous": "true"} if plain else {}), **(changes or {})})

    def _prepare(self, folder: Path, changes: Mapping[str, str]) -> None:
        state, tls, acl = folder / "state", folder / "tls", folder / "acl"
        self._state = state
        state.mkdir(parents=True, exist_ok=True)
        self.authority.issue(
            "edgefleet:broker", tls, dns=["localhost", "edgefleet-broker"], ips=["127.0.0.1"], client=False, server=True
        )
        acl.write_bytes((CHART / "generated" / "broker.acl").read_bytes())
        text = (CHART / "files" / "mosquitto.conf").read_text()
        for there, here in (
            ("/etc/edgefleet/tls", tls),
            ("/etc/edgefleet/broker/acl", acl),
            ("/var/lib/mosquitto/", f"{state}/"),
            ("listener 8883", f"listener {self.port} 127.0.0.1"),
        ):
            assert there in text
            text = text.replace(there, str(here))
        for setting, value in changes.items():
            text, count = re.subn(rf"(?m)^{setting} .*\n", f"{setting} {value}\n" if value else "", text)
            assert count == 1, setting
        if self.plain_address:
            text += f"listener {self.plain_address.partition(':')[2]} 127.0.0.1\n"
        # Else, started as root, it becomes a user who may not read what is only root's.
        self._configuration.write_text(f"{text}user root\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, "-c", str(self._configuration)], stdout=log, stderr=log)
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=_SECONDS).close()
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        """End it as a pod is ended: it writes its state."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def forget(self) -> None:
        """Lose everything it kept, as a broker without its disk does; only while it does not run."""
        assert self.process is None, "it runs"
        for path in self._state.iterdir():
            path.unlink()

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(_SECONDS)
            self.process = None

    def device(self, device_id: str, folder: Path) -> Identity:
        """Write a device's identity: ca.crt, device.crt, device.key."""
        return self.authority.issue(device_id, folder, stem="device")

    def operator(self, folder: Path) -> Identity:
        """Write the operator's identity: ca.crt, tls.crt, tls.key."""
        return self.authority.issue("edgefleet:operator", folder)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
