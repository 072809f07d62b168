"""Power cuts, full disks, clients that leave, renewed certificates: what stays, and what does not."""

from __future__ import annotations

import hashlib
import shutil
import signal
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from support.registry import PROGRAM, Registry
from support.signed_manifests import make_manifest, seal_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT: Final = b"half of it and then the other half" * 40_000
DIGEST: Final = hashlib.sha256(CONTENT).hexdigest()
PATH: Final = f"/v1/blobs/sha256/{DIGEST}"
HALF: Final = len(CONTENT) // 2

# The real program, on a machine that loses its power at the call named last.
_POWER_CUT: Final = """
import os, signal, sys
def cut(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, sys.argv[1], cut)
from edgefleet_model_registry.server import main
main()
"""


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def begin_upload(registry: Registry) -> ssl.SSLSocket:
    """Send the first half of an upload, and return the connection when it is on the disk."""
    context = ssl.create_default_context(cafile=str(registry.ca))
    connection = context.wrap_socket(
        socket.create_connection(("localhost", registry.port), timeout=10), server_hostname="localhost"
    )
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {registry.token}\r\n"
    connection.sendall(f"{head}Content-Length: {len(CONTENT)}\r\n\r\n".encode() + CONTENT[:HALF])
    wait_for(lambda: any((registry.store / name).stat().st_size for name in incoming(registry)))
    return connection


def incoming(registry: Registry) -> list[str]:
    return [name for name in registry.files() if name.startswith("incoming/")]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that serves one request at a time, for tests that put back what they take."""
    folder = tmp_path_factory.mktemp("own")
    with Registry(folder, environment={"EDGEFLEET_REQUESTS_MAX": "1"}) as running:
        yield running


def test_a_client_that_leaves_leaves_nothing(own: Registry) -> None:
    before = own.log.stat().st_size
    begin_upload(own).close()
    wait_for(lambda: not own.files())
    with begin_upload(own) as connection:
        connection.shutdown(socket.SHUT_RDWR)
        wait_for(lambda: not own.files())
    wait_for(lambda: [line["status"] for line in own.lines(before)] == [499, 499])
    assert own.ask("GET", PATH).status == 404
    assert "Traceback" not in own.log.read_text()


def test_beyond_its_limit_it_asks_to_come_again(own: Registry) -> None:
    with begin_upload(own):
        answer = own.ask("GET", PATH)
        assert (answer.status, answer.reason) == (503, "Busy")
        assert answer.headers["Retry-After"] == "1"
        assert own.ask("GET", "/readyz").status == 200
    wait_for(lambda: own.ask("GET", PATH).status == 404)


def test_a_store_that_is_gone_is_not_ready(own: Registry) -> None:
    wait_for(lambda: not own.files())
    folder = own.store / "incoming"
    folder.rmdir()
    try:
        answer = own.ask("GET", "/readyz")
        assert (answer.status, answer.reason) == (503, "NotReady")
        assert str(own.store) not in answer.body.decode()
        answer = own.ask("PUT", PATH, CONTENT)
        assert (answer.status, answer.reason) == (500, "StoreFailed")
        assert own.ask("GET", "/healthz").status == 200
    finally:
        folder.mkdir()
    assert own.ask("GET", "/readyz").status == 200


def test_a_renewed_certificate_is_taken_up(own: Registry, tmp_path: Path) -> None:
    def serve() -> str:
        connection = own.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        certificate = connection.sock.getpeercert()
        connection.close()
        assert certificate
        return str(certificate["serialNumber"])

    first = serve()
    renewed = own.authority.issue("edgefleet:model-registry", tmp_path, dns=["localhost"], client=False, server=True)
    # A certificate without its key serves nobody: the old pair stays until both are there.
    own.tls.certificate.write_bytes(renewed.certificate.read_bytes())
    wait_for(lambda: any("unusable" in line["message"] for line in own.lines()))
    assert serve() == first
    own.tls.key.write_bytes(renewed.key.read_bytes())
    wait_for(lambda: serve() != first)
    assert own.ask("GET", PATH).status == 404


def test_power_cuts(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        kept = registry.put_blob(b"kept")
        digest, envelope = seal_manifest(make_manifest(b"kept"), [registry.signing_key])
        registry.put_manifest(envelope, digest)
        whole = registry.files()
        with begin_upload(registry):
            registry.kill()
        # All that came has no name yet: on its way to the disk, then on the disk.
        for call in ("fsync", "replace"):
            assert len(registry.files()) == len(whole) + 1
            registry.command = [sys.executable, "-c", _POWER_CUT, call]
            registry.start()
            assert registry.files() == whole
            with pytest.raises(OSError, match=r"."):
                registry.ask("PUT", PATH, CONTENT)
            assert registry.end() == -signal.SIGKILL
        assert len(registry.files()) == len(whole) + 1
        registry.command = PROGRAM
        registry.start()
        assert registry.files() == whole
        assert registry.ask("GET", PATH).status == 404
        assert registry.ask("GET", f"/v1/blobs/sha256/{kept}").body == b"kept"
        assert registry.ask("GET", f"/v1/manifests/sha256/{digest}").body == envelope
        assert registry.put_blob(CONTENT) == DIGEST


def test_it_ends_in_good_order_when_told(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        with begin_upload(registry) as connection:
            registry.signal(signal.SIGTERM)
            wait_for(lambda: _refuses_connections(registry))
            connection.sendall(CONTENT[HALF:])
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert b"connection: close" in answer
        assert registry.end() == 0
        assert list(registry.lines())[-1]["message"] == "ended"
        (stored,) = registry.files()
        assert (registry.store / stored).read_bytes() == CONTENT


def _refuses_connections(registry: Registry) -> bool:
    try:
        socket.create_connection(("127.0.0.1", registry.port), timeout=10).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_full_disk(tmp_path: Path) -> None:
    if not shutil.which("unshare"):
        pytest.fail("unshare (util-linux) is needed")
    script = 'mount -t tmpfs -o size=1m tmpfs "$EDGEFLEET_STORE" && exec "$@"'
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *PROGRAM]
    registry = Registry(tmp_path, command=command)
    registry.store.mkdir()
    with registry:
        small = registry.put_blob(b"small")
        answer = registry.ask("PUT", PATH, CONTENT)
        assert (answer.status, answer.reason) == (507, "OutOfSpace")
        assert registry.ask("GET", PATH).status == 404
        # Nothing of it is left: what fits, fits again.
        registry.put_blob(b"x" * 900_000)
        assert registry.ask("GET", f"/v1/blobs/sha256/{small}").body == b"small"
        assert registry.ask("GET", "/readyz").status == 200
