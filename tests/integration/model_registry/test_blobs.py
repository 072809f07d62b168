"""Blobs over HTTPS: what goes in, what comes out, and what does not."""

from __future__ import annotations

import hashlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from edgefleet_model_registry.bodies import LINGER_BYTES
from support.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.authority import Identity

CONTENT = bytes(range(256)) * 1024
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH = f"/v1/blobs/sha256/{DIGEST}"
ETAG = f'"sha256:{DIGEST}"'


@pytest.fixture(autouse=True, scope="module")
def stored(registry: Registry) -> None:
    registry.put_blob(CONTENT)


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_device_gets_what_was_stored(registry: Registry, device: Identity) -> None:
    answer = registry.ask("GET", PATH, identity=device)
    assert (answer.status, answer.body) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_head_is_get_without_the_bytes(registry: Registry, device: Identity) -> None:
    whole = registry.ask("GET", PATH, identity=device)
    # A range is for GET alone (RFC 9110, 14.2).
    head = registry.ask("HEAD", PATH, identity=device, headers={"Range": "bytes=0-1"})
    assert (head.status, head.body) == (200, b"")
    assert {**dict(head.headers), "date": ""} == {**dict(whole.headers), "date": ""}


@pytest.mark.parametrize(
    ("asked", "first", "length"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=1000-1999", 1000, 1000),
        ("bytes=65535-131073", 65535, 65539),
        ("bytes=100-", 100, len(CONTENT) - 100),
        ("bytes=-7", len(CONTENT) - 7, 7),
        (f"bytes={len(CONTENT) - 1}-99999999", len(CONTENT) - 1, 1),
    ],
)
def test_a_device_resumes(registry: Registry, device: Identity, asked: str, first: int, length: int) -> None:
    answer = registry.ask("GET", PATH, identity=device, headers={"Range": asked, "If-Range": ETAG})
    assert (answer.status, answer.body) == (206, CONTENT[first : first + length])
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + length - 1}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(length)
    assert answer.headers["ETag"] == ETAG


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-1", "If-Range": '"sha256:other"'},
        {"Range": "bytes=0-1", "If-Range": f"W/{ETAG}"},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=9-1"},
        {"Range": "chunks=1-2"},
        {"Range": "bytes=999999999-", "If-Range": '"sha256:other"'},
    ],
)
def test_what_is_no_range_of_this_file_gets_all_of_it(
    registry: Registry, device: Identity, headers: dict[str, str]
) -> None:
    answer = registry.ask("GET", PATH, identity=device, headers=headers)
    assert (answer.status, answer.body) == (200, CONTENT)
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("asked", [f"bytes={len(CONTENT)}-", "bytes=-0"])
def test_a_range_beyond_the_end(registry: Registry, device: Identity, asked: str) -> None:
    answer = registry.ask("GET", PATH, identity=device, headers={"Range": asked})
    assert (answer.status, answer.reason) == (416, "RangeNotSatisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_a_client_has_is_not_sent_again(registry: Registry, device: Identity, method: str) -> None:
    held = {"If-None-Match": f'"x", {ETAG}', "Range": "bytes=0-1"}
    answer = registry.ask(method, PATH, identity=device, headers=held)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == ETAG
    assert registry.ask("GET", PATH, identity=device, headers={"If-None-Match": '"x"'}).status == 200


def test_an_upload_is_new_once(registry: Registry) -> None:
    content = b"stored twice"
    path = f"/v1/blobs/sha256/{digest_of(content)}"
    first, second = (registry.ask("PUT", path, content) for _ in range(2))
    assert (first.status, second.status) == (201, 200)
    assert registry.ask("GET", path).body == content


def test_uploading_again_mends_a_damaged_blob(registry: Registry) -> None:
    digest = registry.put_blob(b"about to be damaged")
    file = registry.store / "blobs" / "sha256" / digest[:2] / digest
    file.chmod(0o600)
    file.write_bytes(b"about to be DAMAGED")
    assert registry.put_blob(b"about to be damaged") == digest
    assert registry.ask("GET", f"/v1/blobs/sha256/{digest}").body == b"about to be damaged"


def test_tampered_bytes_are_refused(registry: Registry) -> None:
    before = registry.files()
    digest = digest_of(b"what was trained")
    path = f"/v1/blobs/sha256/{digest}"
    for content in (b"what was trained!", b"What was trained", b""):
        answer = registry.ask("PUT", path, content)
        assert (answer.status, answer.reason) == (400, "DigestMismatch")
    answer = registry.ask("GET", path)
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert registry.files() == before


def test_one_blob_from_many_at_once(registry: Registry) -> None:
    content = b"many at once" * 50_000
    path = f"/v1/blobs/sha256/{digest_of(content)}"
    bodies = [content, content, content[:-1] + b"!", content, content, content]
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(lambda body: registry.ask("PUT", path, body), bodies))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201, 400]
    assert registry.ask("GET", path).body == content
    assert not [name for name in registry.files() if name.startswith("incoming/")]


@pytest.mark.parametrize(
    "name",
    [
        DIGEST.upper(),
        DIGEST[:-1],
        DIGEST + "0",
        DIGEST[:-1] + "g",
        "a" * 4000,
        DIGEST + "%0a",
        "%00" * 64,
        DIGEST[:-1] + "%00",
        "..",
        ".",
        "%2e%2e",
        f"sha256:{DIGEST}",
        "%C3%A9" * 64,
        f"{DIGEST};x=1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_is_no_digest_names_nothing(registry: Registry, method: str, name: str) -> None:
    answer = registry.ask(method, f"/v1/blobs/sha256/{name}", b"x" if method == "PUT" else None)
    assert (answer.status, answer.reason) == (400, "Malformed")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/blobs/sha256/..%2f..%2f..%2fupload%2ftoken",
        "/v1/blobs/sha256/../../../../upload/token",
        "/v1/blobs/sha256/%2e%2e%2f%2e%2e%2fincoming",
        "/v1/blobs/sha256//etc/passwd",
        f"/v1/blobs/sha256/{DIGEST}/",
        f"/v1/blobs/sha256/{DIGEST[:2]}/{DIGEST}",
        f"/v1/blobs/sha512/{DIGEST}",
        f"/V1/blobs/sha256/{DIGEST}",
        "/v1/blobs/sha256/",
        "/v1/blobs",
        "/",
        "/docs",
        "/openapi.json",
        "/healthz/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_path_that_is_no_route(registry: Registry, method: str, path: str) -> None:
    before = registry.files()
    answer = registry.ask(method, path, b"x" if method == "PUT" else None)
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert registry.files() == before


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_else_can_be_done_to_a_blob(registry: Registry, method: str) -> None:
    answer = registry.ask(method, PATH)
    assert (answer.status, answer.reason) == (405, "MethodNotAllowed")
    assert answer.headers["Allow"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("small")
    with Registry(folder, environment={"EDGEFLEET_BLOB_MAX_BYTES": "100000"}) as running:
        yield running


def test_a_blob_of_just_the_limit(small: Registry) -> None:
    small.put_blob(b"x" * 100_000)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(small: Registry) -> None:
    connection = small.connect()
    connection.putrequest("PUT", PATH)
    connection.putheader("Authorization", f"Bearer {small.token}")
    connection.putheader("Content-Length", "100001")
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b'"TooLarge"' in answer.read()
    assert answer.headers["Connection"] == "close"
    connection.close()


def test_an_endless_body_is_refused_without_reading_all_of_it(small: Registry) -> None:
    before = small.files()
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {small.token}\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent = 0
    with _raw(small) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            while sent < 100 * 2**20:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        else:
            pytest.fail("all of it was read")
        answer = _read_all(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"TooLarge"' in answer
    # What the kernels on the way hold comes on top.
    assert sent < 2 * LINGER_BYTES + 16 * 2**20
    assert small.files() == before


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/blobs/sha256/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"PUT " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01 nonsense\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_by_the_parser(registry: Registry, head: bytes) -> None:
    with _raw(registry) as connection:
        connection.sendall(head)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Traceback" not in answer


def test_headers_without_an_end_are_cut_off(registry: Registry) -> None:
    with _raw(registry) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with pytest.raises(OSError, match=r"."):  # noqa: PT012 - the send or the answer may be what fails
            for _ in range(1000):
                connection.sendall(b"x" * 65536)
            if not connection.recv(1):
                raise ConnectionResetError
    assert registry.ask("GET", "/healthz").status == 200


def _raw(registry: Registry) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(registry.ca))
    plain = socket.create_connection(("localhost", registry.port), timeout=10)
    return context.wrap_socket(plain, server_hostname="localhost")


def _read_all(connection: ssl.SSLSocket) -> bytes:
    answer = b""
    with suppress(OSError):
        while part := connection.recv(65536):
            answer += part
    return answer
