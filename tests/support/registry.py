"""The real model registry as a process of its own, with TLS, for every test that needs one.

with Registry(tmp_path) as registry:
    digest = registry.put_blob(model)
    device = registry.authority.issue("press-07", tmp_path / "press-07")
    registry.ask("GET", f"/v1/blobs/sha256/{digest}", identity=device)
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from edgefleet.contracts.keys import SigningKey
from support.authority import Authority, Identity, make_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 15
PROGRAM: Final = (sys.executable, "-m", "edgefleet_model_registry")


@dataclass(frozen=True)
class Answer:
    """What the registry answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def reason(self) -> str:
        """The reason of a refusal, whose body must be as the API says."""
        told = json.loads(self.body)
        assert set(told) == {"reason", "message"}, told
        assert told["message"]
        assert "\n" not in told["message"]
        assert "Traceback" not in told["message"]
        return told["reason"]


class Registry:
    """A registry in a folder: its files survive `stop`, `kill` and the next `start`.

    Attributes:
        authority: the fleet's CA; issue devices' certificates with it.
        token: the upload token; also in `token_file`.
        release_key: PEM (PKCS #8) of a key whose manifests are let in.
        release_keys: the folder of trusted public keys, *.pem.
        tls: the server's identity, for localhost and 127.0.0.1.
        store: where the files are.
        port: changes with every start.
        command: what the next start runs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        authority: Authority | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = PROGRAM,
    ) -> None:
        self.folder = folder
        self.authority = authority or Authority()
        self.tls: Identity = self.authority.issue(
            "edgefleet:model-registry",
            folder / "tls",
            dns=["localhost", "edgefleet-model-registry"],
            ips=["127.0.0.1"],
            client=False,
            server=True,
        )
        self.ca = self.tls.ca
        self.token = secrets.token_urlsafe(32)
        self.token_file = folder / "upload" / "token"
        self.token_file.parent.mkdir()
        self.token_file.write_text(self.token)
        self.release_key = folder / "release.key"
        self.release_keys = folder / "release-keys"
        self.release_keys.mkdir()
        make_key(self.release_key).rename(self.release_keys / "release.pem")
        self.store = folder / "store"
        self.log = folder / "registry.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.command = command
        self._environment = dict(environment or {})

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    @property
    def signing_key(self) -> SigningKey:
        return SigningKey.from_pem(self.release_key.read_bytes())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        environment = {
            **os.environ,
            "EDGEFLEET_TLS": str(self.tls.folder),
            "EDGEFLEET_UPLOAD_TOKEN_FILE": str(self.token_file),
            "EDGEFLEET_RELEASE_KEYS": str(self.release_keys),
            "EDGEFLEET_STORE": str(self.store),
            "EDGEFLEET_HOST": "127.0.0.1",
            "EDGEFLEET_PORT": "0",
            **self._environment,
        }
        seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while not (ports := [line["port"] for line in self.lines(seen) if line.get("message") == "listening"]):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.port = ports[0]

    def stop(self) -> int:
        """End it in good order, if it runs; return the exit status."""
        if self.process is None:
            return 0
        self.signal(signal.SIGTERM)
        return self.end()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        self.end()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait until it has ended; return the exit status."""
        assert self.process
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def lines(self, offset: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the lines of the log, from a byte offset."""
        for line in self.log.read_bytes()[offset:].splitlines():
            if line.startswith(b"{"):
                yield json.loads(line)

    def connect(self, identity: Identity | None = None) -> http.client.HTTPSConnection:
        """Open a connection, as `identity` or without a certificate."""
        context = identity.client_context() if identity else ssl.create_default_context(cafile=str(self.ca))
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=10)
        connection.connect()
        return connection

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        identity: Identity | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send one request; with neither an identity nor a token, it uses the upload token."""
        if token is None and identity is None:
            token = self.token
        credentials = {"Authorization": f"Bearer {token}"} if token else {}
        connection = self.connect(identity)
        try:
            connection.request(method, path, body, {**credentials, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def put_blob(self, content: bytes) -> str:
        """Upload a blob and return its digest."""
        digest = hashlib.sha256(content).hexdigest()
        answer = self.ask("PUT", f"/v1/blobs/sha256/{digest}", content)
        assert answer.status in (200, 201), answer
        return digest

    def put_manifest(self, envelope: bytes, digest: str) -> Answer:
        """Upload an envelope."""
        return self.ask("PUT", f"/v1/manifests/sha256/{digest}", envelope)

    def files(self) -> list[str]:
        """Return what is in the store."""
        return sorted(str(path.relative_to(self.store)) for path in self.store.rglob("*") if path.is_file())
