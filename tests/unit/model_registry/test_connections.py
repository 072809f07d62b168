"""Names of peers; bodies that do not come, are not read, or cannot be sent."""

import asyncio
import io
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from edgefleet_model_registry import bodies, downloads
from edgefleet_model_registry.bodies import LingeringClose, read_body
from edgefleet_model_registry.peers import read_common_name
from edgefleet_model_registry.ranges import Span
from edgefleet_model_registry.refusals import RefusedError


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (None, None),
        ({}, None),
        ({"subject": ((("commonName", "press-07"),),)}, "press-07"),
        ({"subject": ((("organizationName", "acme"),), (("commonName", "press-07"),))}, "press-07"),
        ({"subject": ((("organizationName", "acme"),),)}, None),
        ({"subject": ((("commonName", "a"),), (("commonName", "b"),))}, None),
        ({"subject": ((("commonName", ""),),)}, None),
    ],
)
def test_a_peer_is_its_one_common_name(certificate: dict[str, Any] | None, name: str | None) -> None:
    assert read_common_name(certificate) == name


def scope(*headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "method": "PUT", "path": "/", "headers": list(headers)}


def a_part(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": content, "more_body": more}


class Client:
    """Sends the given parts, then nothing more; keeps what it is answered."""

    def __init__(self, parts: list[Message]) -> None:
        self.parts = iter(parts)
        self.taken = 0
        self.answered: list[Message] = []

    async def receive(self) -> Message:
        for part in self.parts:
            self.taken += 1
            return part
        await asyncio.sleep(60)
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.answered.append(message)


def test_a_body_of_which_nothing_comes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.05)
    client = Client([a_part(b"abc")])
    with pytest.raises(RefusedError) as refusal:
        asyncio.run(read_body(Request(scope(), client.receive), most=10))
    assert (refusal.value.status, refusal.value.reason) == (408, "BodyTimeout")


def test_a_body_of_just_the_limit_is_read() -> None:
    client = Client([a_part(b"abc"), a_part(b"defg", more=False)])
    assert asyncio.run(read_body(Request(scope(), client.receive), most=7)) == b"abcdefg"


@pytest.mark.parametrize("announced", [True, False])
def test_a_larger_body_is_refused_as_soon_as_it_shows(announced: bool) -> None:
    client = Client([a_part(b"abcd")] * 1000)
    headers = [(b"content-length", b"4000")] if announced else []
    with pytest.raises(RefusedError) as refusal:
        asyncio.run(read_body(Request(scope(*headers), client.receive), most=7))
    assert (refusal.value.status, refusal.value.reason) == (413, "TooLarge")
    assert client.taken == (0 if announced else 2)


async def answer_at_once(inner: Scope, receive: Receive, send: Send) -> None:
    await Response(b"no", status_code=413)(inner, receive, send)


def closes(client: Client) -> bool:
    return (b"connection", b"close") in client.answered[0]["headers"]


def test_an_unread_body_is_taken_within_bounds_and_the_connection_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LINGER_BYTES", 100)
    client = Client([a_part(b"x" * 10)] * 1000)
    asyncio.run(LingeringClose(answer_at_once)(scope((b"content-length", b"10000")), client.receive, client.send))
    assert closes(client)
    assert client.taken == 10
    # The whole answer is sent before the rest is taken; the end of it is what closes the connection.
    assert [message.get("body") for message in client.answered[1:]] == [b"no", b""]
    assert [message["more_body"] for message in client.answered[1:]] == [True, False]


def test_a_client_that_stops_sending_does_not_hold_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 0.05)
    client = Client([a_part(b"x")])
    asyncio.run(LingeringClose(answer_at_once)(scope((b"transfer-encoding", b"chunked")), client.receive, client.send))
    assert closes(client)
    assert client.answered[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_body_that_was_read_keeps_the_connection() -> None:
    async def read_first(inner: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        await answer_at_once(inner, receive, send)

    client = Client([a_part(b"a"), a_part(b"b", more=False)])
    asyncio.run(LingeringClose(read_first)(scope((b"content-length", b"2")), client.receive, client.send))
    assert not closes(client)
    assert len(client.answered) == 2


def test_a_client_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "STALL_SECONDS", 0.05)
    file = io.BytesIO(b"x" * 1000)
    response = downloads.SpanResponse(file, Span(0, 1000), downloads.HTTPStatus.OK, {}, "x/y")
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            await asyncio.sleep(60)

    client = Client([a_part(b"", more=False)])
    asyncio.run(response({**scope(), "asgi": {"spec_version": "2.3"}}, client.receive, send))
    assert sent == ["http.response.start", "http.response.body"]
    assert file.closed
