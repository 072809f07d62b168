"""Who may read and who may write, over real TLS."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from support.authority import Authority
from support.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from support.authority import Identity

CONTENT = b"for those who may"


@pytest.fixture(scope="module")
def path(registry: Registry) -> str:
    return f"/v1/blobs/sha256/{registry.put_blob(CONTENT)}"


def ask_with(registry: Registry, path: str, authorization: str) -> tuple[int, dict[str, str], str | None]:
    connection = registry.connect()
    connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    told = json.loads(body) if response.status != 200 else {"reason": "", "message": ""}
    return response.status, told, response.headers["WWW-Authenticate"]


def test_the_token_reads_too(registry: Registry, path: str) -> None:
    assert registry.ask("GET", path).body == CONTENT


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer {token} x",
        "Bearer é",
    ],
)
def test_without_a_certificate_the_token_must_be_right(registry: Registry, path: str, authorization: str) -> None:
    status, told, challenge = ask_with(registry, path, authorization.format(token=registry.token))
    assert (status, told["reason"], challenge) == (401, "Unauthenticated", "Bearer")
    assert registry.token not in told["message"]


def test_a_scheme_is_spelt_as_one_likes(registry: Registry, path: str) -> None:
    assert ask_with(registry, path, f"bearer  {registry.token}")[0] == 200


@pytest.mark.parametrize("kind", ["blobs", "manifests"])
def test_a_device_cannot_write(registry: Registry, device: Identity, kind: str) -> None:
    before = registry.files()
    for token in (None, "wrong"):
        answer = registry.ask("PUT", f"/v1/{kind}/sha256/{'0' * 64}", b"x", identity=device, token=token)
        assert (answer.status, answer.reason) == (401, "Unauthenticated")
    assert registry.files() == before


def test_access_comes_before_what_is_there(registry: Registry) -> None:
    for name in ("0" * 64, "no digest", "%2e%2e"):
        for method in ("GET", "HEAD", "PUT"):
            answer = registry.ask(method, f"/v1/blobs/sha256/{name.replace(' ', '')}", token="wrong")  # noqa: S106
            assert answer.status == 401


def test_probes_need_nothing(registry: Registry) -> None:
    for probe in ("/healthz", "/readyz"):
        connection = registry.connect()
        connection.request("GET", probe)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"status":"ok"}')
        connection.close()


def test_a_service_of_the_fleet_reads(registry: Registry, path: str, tmp_path: Path) -> None:
    operator = registry.authority.issue("edgefleet:operator", tmp_path)
    assert registry.ask("GET", path, identity=operator).body == CONTENT


def _ask_as(registry: Registry, identity: Identity, path: str) -> int:
    context = identity.client_context()
    # Refusals come with the first answer: in TLS 1.3 the client has finished before the server has looked.
    context.load_verify_locations(str(registry.ca))
    connection = http.client.HTTPSConnection("localhost", registry.port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_certificate_of_another_fleet_is_refused_by_tls(registry: Registry, path: str, tmp_path: Path) -> None:
    # Even of the same names.
    stranger = Authority().issue("press-07", tmp_path)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _ask_as(registry, stranger, path)


def test_a_certificate_that_has_ended_is_refused_by_tls(registry: Registry, path: str, tmp_path: Path) -> None:
    ended = registry.authority.issue("press-07", tmp_path, expired=True)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _ask_as(registry, ended, path)


def test_a_server_proves_no_client(registry: Registry, path: str) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _ask_as(registry, registry.tls, path)


def test_microcontrollers_may_speak_tls_1_2(registry: Registry, device: Identity, path: str) -> None:
    context = device.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection("localhost", registry.port, context=context, timeout=10)
    connection.request("GET", path)
    assert connection.getresponse().read() == CONTENT
    assert isinstance(connection.sock, ssl.SSLSocket)
    assert connection.sock.version() == "TLSv1.2"
    connection.close()


def test_an_answer_does_not_wait_for_acknowledgements(registry: Registry, device: Identity, path: str) -> None:
    def ask() -> float:
        began = time.perf_counter()
        connection.request("GET", path)
        assert connection.getresponse().read() == CONTENT
        return time.perf_counter() - began

    # The fastest of many: a busy machine is slow at times, Nagle's algorithm every time.
    with closing(registry.connect(device)) as connection:
        assert min(ask() for _ in range(20)) < 0.03


def test_a_new_token_replaces_the_old_one(registry: Registry, path: str) -> None:
    old = registry.token
    new = old[::-1]
    registry.token_file.write_text(new)
    try:
        assert ask_with(registry, path, f"Bearer {old}")[0] == 401
        assert ask_with(registry, path, f"Bearer {new}")[0] == 200
    finally:
        registry.token_file.write_text(old)
    assert ask_with(registry, path, f"Bearer {old}")[0] == 200


def test_the_log_has_a_line_a_request_and_no_secrets(registry: Registry, device: Identity, path: str) -> None:
    before = registry.log.stat().st_size
    registry.ask("GET", path, identity=device, headers={"Range": "bytes=0-4"})
    registry.ask("GET", path)
    ask_with(registry, f"{path}?x=%0a%22", "Bearer wrong")
    lines: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    # A line is written when the request is over, which the client may know first.
    while len(lines) < 3:
        assert time.monotonic() < deadline
        lines = [line for line in registry.lines(before) if line["message"] == "request"]
    # Connections end in any order.
    told = {line["status"]: (line["method"], line["path"], line["bytes"], line["peer"]) for line in lines}
    assert told[206] == ("GET", path, 5, "press-07")
    assert told[200] == ("GET", path, len(CONTENT), "upload-token")
    assert told[401][:2] == ("GET", path)
    assert all(line["ms"] >= 0 for line in lines)
    assert registry.token not in registry.log.read_text()


def test_an_unusable_configuration_is_one_line(registry: Registry, tmp_path: Path) -> None:
    broken = Registry(tmp_path, authority=registry.authority)
    broken.tls.key.unlink()
    with pytest.raises(AssertionError, match=r"cannot start: .*tls\.key: no such file"):
        broken.start()
    assert broken.end() == 78
    assert broken.log.read_text().count("\n") == 1
