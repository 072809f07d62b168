"""What a hostile registry does to a device, case by case, and how the device must take it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any, Final

from support.authority import Authority
from support.hostile_answers import (
    Draft,
    at_start,
    behind_head,
    changed,
    cut,
    drip,
    flood,
    garble,
    hang_up,
    hold_record,
    hush,
    in_body,
    in_head,
    pour,
    refuse,
    reset,
    spoil_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.firmware.conftest import Board, Model
    from support.hostile_registry import HostileRegistry

    Building = Callable[..., Board]

# The fourth attempt is the first that is reported as a failure, and the pauses before it are these, less a quarter.
PAUSES: Final = (1.0, 2.0, 4.0)
_NOBODY: Final = "manifest: the model registry does not answer or does not prove its name"


@dataclass(frozen=True)
class Scene:
    """One device, one server, and the two models that there are.

    Attributes:
        first: runs when the server begins to misbehave.
        wanted: what is commanded then.
        folder: for what a case makes.
    """

    board: Board
    server: HostileRegistry
    first: Model
    wanted: Model
    folder: Path

    def misbehave(self, *answers: Any) -> None:
        """Answer the next requests for the model so."""
        self.server.misbehave("blobs", answers)

    def misbehave_always(self, answer: Any) -> None:
        """Answer every request for the model so."""
        self.server.misbehave("blobs", repeat(answer))

    def gaps(self, kind: str = "blobs") -> list[float]:
        """Seconds between the requests for the wanted model."""
        return [after.at - before.at for before, after in pairwise(self.server.asked(kind)[1:])]


@dataclass(frozen=True)
class Case:
    """A misbehaviour.

    Attributes:
        arrange: begins it.
        said: the beginning of what is reported, or for a passing case a part of the device's log.
        log: a part of the device's log.
        lasts: whether it goes on until the server behaves.
        check: what else must be true in the end.
    """

    name: str
    arrange: Callable[[Scene], object]
    said: str = ""
    log: str = ""
    lasts: bool = True
    check: Callable[[Scene], object] | None = None


def give(name: str, change: Callable[[Draft], object], said: str) -> Case:
    """Every answer about the model is changed so."""
    return Case(name, lambda scene: scene.misbehave_always(changed(change)), said)


def give_part(name: str, change: Callable[[Draft], object], said: str) -> Case:
    """The first answer breaks off in the middle, and every answer to who asks for the rest is changed so."""
    answer = changed(change, first=cut(in_body))
    return Case(name, lambda scene: scene.misbehave_always(answer), said, check=has_resumed)


def has_resumed(scene: Scene) -> None:
    """What had come was not fetched again."""
    assert scene.server.asked("blobs")[-1].first > 0


def asked_for_parts(*parts: bool) -> Callable[[Scene], None]:
    """Whether each of the last requests was for a part: what had come was not erased for an answer that is all."""

    def check(scene: Scene) -> None:
        assert tuple(each.first > 0 for each in scene.server.asked("blobs")[-len(parts) :]) == parts

    return check


def stayed_away(scene: Scene) -> None:
    """Nobody fetched the model from the registry that is not this device's."""
    log = list(scene.board.platform.registry.lines())
    assert any(scene.wanted.digest in str(each) and "PUT" in str(each) for each in log)
    assert not any(scene.wanted.digest in str(each) and "GET" in str(each) for each in log)


def has_begun_again(scene: Scene) -> None:
    assert scene.server.asked("blobs")[-1].first == 0


def make_range(draft: Draft, first: int = 0, last: int = 0, whole: int = 0) -> None:
    """Say that the answer is another part than it is, by so many bytes."""
    total = len(draft.whole)
    draft.set("Content-Range", f"bytes {draft.request.first + first}-{total - 1 + last}/{total + whole}")


def make_multipart(draft: Draft) -> None:
    draft.set("Content-Range")
    draft.set("Content-Type", "multipart/byteranges; boundary=x")
    span = f"bytes {draft.request.first}-{len(draft.whole) - 1}/{len(draft.whole)}"
    draft.body = f"--x\r\nContent-Range: {span}\r\n\r\n".encode() + draft.body + b"\r\n--x--\r\n"
    draft.set("Content-Length", str(len(draft.body)))


def make_chunks(draft: Draft) -> None:
    draft.set("Content-Length")
    draft.set("Transfer-Encoding", "chunked")
    draft.body = f"{len(draft.body):x}\r\n".encode() + draft.body + b"\r\n0\r\n\r\n"


def make_partial(draft: Draft) -> None:
    draft.status = 206
    draft.set("Content-Range", f"bytes 0-{len(draft.whole) - 1}/{len(draft.whole)}")


def make_whole(draft: Draft) -> None:
    """Send all to who asked for the rest, as a server without ranges does."""
    draft.status, draft.body = 200, draft.whole
    draft.set("Content-Range")
    draft.set("Content-Length", str(len(draft.whole)))


def make_unsatisfiable(draft: Draft) -> None:
    draft.status, draft.body = 416, b""
    draft.set("Content-Range", f"bytes */{len(draft.whole)}")
    draft.set("Content-Length", "0")


def set_size(draft: Draft, more: int) -> None:
    """Send, and announce, more or fewer bytes than there are."""
    draft.body = (draft.body + bytes(max(more, 0)))[: len(draft.body) + more]
    draft.set("Content-Length", str(len(draft.body)))


def set_head(name: str, *values: str) -> Callable[[Draft], None]:
    return lambda draft: draft.set(name, *values)


def flip(draft: Draft) -> None:
    draft.body = draft.body[:-9] + bytes([draft.body[-9] ^ 1]) + draft.body[-8:]


def double_length(draft: Draft, more: int) -> None:
    draft.set("Content-Length", str(len(draft.body)), str(len(draft.body) + more))


def show(**options: Any) -> Callable[[Scene], None]:
    """Prove itself with another certificate."""

    def arrange(scene: Scene) -> None:
        authority = options.get("authority") or scene.board.platform.authority
        terms: dict[str, Any] = {"dns": ["localhost"], "client": False, "server": True}
        terms |= {name: value for name, value in options.items() if name not in {"authority", "name"}}
        scene.server.identity = authority.issue(options.get("name", "edgefleet:model-registry"), scene.folder, **terms)

    return arrange


_OTHER_LENGTH: Final = "model: the answer has another length than was signed"
_OTHER_PART: Final = "model: the answer is another part than was asked for"
_CLOSED: Final = "model: the connection broke"
# Of TLS, which lets them pass before anyone has proved anything.
WARNINGS: Final = b"\x15\x03\x03\x00\x02\x01\x5a" * 4096
_PAD: Final = b"X-Pad: " + b"a" * 9000 + b"\r\n"


ANSWERS: Final = (
    Case("truncated", lambda scene: scene.misbehave_always(cut(behind_head)), "model: the body is"),
    Case("truncated-in-the-head", lambda scene: scene.misbehave_always(cut(in_head)), "model: the connection closed"),
    Case("reset", lambda scene: scene.misbehave_always(reset(behind_head)), _CLOSED),
    Case("reset-in-the-head", lambda scene: scene.misbehave_always(reset(in_head)), _CLOSED),
    Case("no-tls-in-the-body", lambda scene: scene.misbehave_always(spoil_record(behind_head)), _CLOSED),
    Case("endless-head", lambda scene: scene.misbehave_always(pour(_PAD, in_head)), "model: its head is too long"),
    Case("endless-body", lambda scene: scene.misbehave_always(pour(bytes(4096))), "model: more bytes came"),
    give("endless-and-says-so", set_head("Content-Length", "4294967295"), _OTHER_LENGTH),
    give("longer-than-32-bits", set_head("Content-Length", "4294988224"), "model: its Content-Length is not a number"),
    give("longer", lambda draft: set_size(draft, 1), _OTHER_LENGTH),
    give("shorter", lambda draft: set_size(draft, -1), _OTHER_LENGTH),
    give("empty", lambda draft: set_size(draft, -len(draft.body)), _OTHER_LENGTH),
    give("no-length", set_head("Content-Length"), "model: the answer does not say how long it is"),
    give("negative-length", set_head("Content-Length", "-1"), "model: its Content-Length is not a number"),
    give("two-lengths", lambda draft: double_length(draft, 1), "model: it has two lengths"),
    give("chunks", make_chunks, "model: it comes in a transfer coding"),
    give("chunks-besides-a-length", set_head("Transfer-Encoding", "chunked"), "model: it comes in a transfer coding"),
    give("packed", set_head("Content-Encoding", "gzip"), "model: it comes in a content coding"),
    give("part-of-nothing-asked", make_partial, _OTHER_PART),
    give("not-http", lambda draft: setattr(draft, "version", "ICY"), "model: it is not HTTP"),
    give_part("range-too-early", lambda draft: make_range(draft, first=-1), _OTHER_PART),
    give_part("range-too-late", lambda draft: make_range(draft, first=1), _OTHER_PART),
    give_part("range-too-short", lambda draft: make_range(draft, last=-1), _OTHER_PART),
    give_part("range-of-another-whole", lambda draft: make_range(draft, whole=1), _OTHER_PART),
    give_part("range-of-who-knows-what", set_head("Content-Range", "bytes 1-2/*"), "model: its Content-Range is not"),
    give_part("range-missing", set_head("Content-Range"), _OTHER_PART),
    give_part("two-ranges", make_multipart, _OTHER_PART),
    give_part("range-and-a-longer-body", lambda draft: set_size(draft, 1), _OTHER_LENGTH),
    Case(
        "moved",
        lambda scene: scene.misbehave_always(refuse(302, location=f"https://{scene.board.platform.registry.address}/")),
        "model: HTTP 302: redirects are not followed",
        check=stayed_away,
    ),
    Case("gone", lambda scene: scene.misbehave_always(refuse(404)), "model: HTTP 404: the model registry does not"),
    Case("forbidden", lambda scene: scene.misbehave_always(refuse(403)), "model: HTTP 403"),
    Case("out-of-order", lambda scene: scene.misbehave_always(refuse(500)), "model: HTTP 500"),
    Case(
        "manifest-longer",
        lambda scene: scene.server.misbehave("manifests", repeat(changed(lambda draft: set_size(draft, 1)))),
        _OTHER_LENGTH.replace("model", "manifest"),
    ),
    Case(
        "manifest-truncated",
        lambda scene: scene.server.misbehave("manifests", repeat(cut(behind_head))),
        "manifest: the body is shorter than announced",
    ),
)

CERTIFICATES: Final = (
    Case("expired", show(expired=True), _NOBODY, log="The certificate validity has expired"),
    Case("not-valid-yet", show(early=True), _NOBODY, log="The certificate validity starts in the future"),
    Case("of-another-name", show(dns=["registry.example"]), _NOBODY, log="does not match with the expected CN"),
    Case("of-another-fleet", show(authority=Authority()), _NOBODY, log="not correctly signed by the trusted CA"),
    # A device may be called what the registry's host is called: its certificate is a client's all the same.
    Case(
        "of-a-device",
        show(name="localhost", dns=(), client=True, server=False),
        _NOBODY,
        log="Processing of the Certificate handshake message failed",
    ),
    Case("tls-garbage", lambda scene: scene.server.greet(repeat(garble(bytes(range(256))))), _NOBODY),
    Case("plain-http", lambda scene: scene.server.greet(repeat(garble(b"HTTP/1.1 400 Bad Request\r\n\r\n"))), _NOBODY),
    Case("hangs-up", lambda scene: scene.server.greet(repeat(hang_up)), _NOBODY),
)


def waits(least: float, most: float, kind: str = "blobs") -> Callable[[Scene], None]:
    """No request came before its time, and the next one soon after."""

    def check(scene: Scene) -> None:
        assert least <= scene.gaps(kind)[0] < most, scene.gaps(kind)

    return check


def once(name: str, *answers: Any, said: str = "", check: Callable[[Scene], object] | None = None) -> Case:
    """The first requests for the model are answered so, and all others well."""
    return Case(name, lambda scene: scene.misbehave(*answers), said, lasts=False, check=check)


def is_anonymous(scene: Scene) -> None:
    assert [each.device for each in scene.server.asked("blobs")] == [scene.board.device_id, ""]


def lower_names(draft: Draft) -> None:
    draft.version, draft.headers = "HTTP/1.0", [(name.lower(), value) for name, value in draft.headers]


PASSING: Final = (
    once("truncated-once", cut(in_body), said="the body is shorter than announced", check=has_resumed),
    once("reset-once", reset(in_body), said="the connection broke", check=has_resumed),
    once("no-tls-once", spoil_record(in_body), said="the connection broke", check=has_resumed),
    once("truncated-thrice", *[cut(in_body)] * 3, said="the body is shorter than announced", check=has_resumed),
    once("silent-in-the-head", hush(in_head), said="says nothing for 10 s", check=has_begun_again),
    once("silent-in-the-body", hush(in_body), said="says nothing for 10 s", check=has_resumed),
    once("slow-record", hold_record(in_body), said="says nothing for 10 s", check=has_resumed),
    Case(
        "silent-before-tls",
        lambda scene: scene.server.greet([garble(b"\x16\x03\x03\x40\x00")]),
        "says nothing for 10 s",
        lasts=False,
    ),
    once("all-for-the-rest", cut(in_body), changed(make_whole), check=asked_for_parts(False, True)),
    once(
        "no-rest", cut(in_body), changed(make_unsatisfiable), said="HTTP 416", check=asked_for_parts(False, True, False)
    ),
    once("wrong-bytes-once", changed(flip), said="the bytes are not the ones signed", check=has_begun_again),
    once("wrong-rest", cut(in_body), changed(flip), said="the bytes are not the ones signed", check=has_begun_again),
    once("busy", refuse(503, "5"), said="HTTP 503", check=waits(5, 9)),
    once("too-many-requests", refuse(429, "4"), said="HTTP 429", check=waits(4, 8)),
    once("busy-in-the-middle", cut(in_body), refuse(503, "6"), said="HTTP 503", check=has_resumed),
    once("busy-for-less-than-nothing", refuse(503, "-5"), said="HTTP 503", check=waits(0.75, 4)),
    once("busy-until-a-date", refuse(503, "Fri, 31 Dec 2100 23:59:59 GMT"), said="HTTP 503", check=waits(0.75, 4)),
    once("not-busy-but-gone", refuse(404, "60"), said="HTTP 404", check=waits(0.75, 4)),
    Case(
        "manifest-busy",
        lambda scene: scene.server.misbehave("manifests", [refuse(503, "5")]),
        "HTTP 503",
        lasts=False,
        check=waits(5, 9, "manifests"),
    ),
    Case(
        "flooded",
        lambda scene: scene.server.greet([flood(WARNINGS)]),
        "says nothing for 10 s",
        lasts=False,
    ),
    Case(
        "no-interest-in-who-asks", lambda scene: setattr(scene.server, "asks", False), lasts=False, check=is_anonymous
    ),
    once("the-same-length-twice", changed(lambda draft: double_length(draft, 0))),
    once("an-older-http", changed(lower_names)),
    once("byte-by-byte", drip(at_start, 1, 0)),
    once("slow-body", drip(in_body, 512, 0.05)),
)


def play(case: Case, scene: Scene) -> None:
    """Let a device meet a server that misbehaves, and then, if it does not by itself, behaves again."""
    board, server = scene.board, scene.server
    with server, board:
        board.confirm(scene.first)
        seen = board.platform.operator.count(board.device_id)
        case.arrange(scene)
        board.assign(scene.wanted)
        if case.lasts:
            report = board.report("Failed")
            assert report.reason == "DownloadFailed"
            assert (report.message or "").startswith(case.said), report.message
            board.assert_runs(report, scene.first)
            assert all(gap > 0.75 * pause for gap, pause in zip(scene.gaps(), PAUSES, strict=False)), scene.gaps()
            server.behave()
        report = board.report("Confirmed")
        board.assert_runs(report, scene.wanted)
        assert board.slot("a", len(scene.first.content)) == scene.first.content
        assert (case.log or case.said) in board.said(), board.said()
        if case.check is not None:
            case.check(scene)
        assert_history(scene, seen)


def assert_history(scene: Scene, seen: int) -> None:
    """Until the wanted model was confirmed, the first one ran; nothing else was ever said."""
    for each in scene.board.platform.operator.reports[scene.board.device_id][seen:]:
        done = (each.phase, each.observed_generation) == ("Confirmed", scene.board.generation)
        assert each.active
        # The record of the slot is a moment older than that of the outcome.
        possible = {scene.wanted.digest} if done else {scene.first.digest, scene.wanted.digest}
        assert each.active.digest in possible, each
        assert each.phase not in {"Rejected", "RolledBack", "Idle"}, each
