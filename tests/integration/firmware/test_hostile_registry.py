"""A registry that lies, stalls, breaks off or is somebody else: the device says so, keeps what runs, and gets over it.

Each case has a device and a server of its own, and all run at once, because most of what a device does about a bad
server is to wait.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from support import tinymodel
from support.hostile_answers import changed, drip, flood, in_body, in_head, refuse
from support.hostile_cases import ANSWERS, CERTIFICATES, PASSING, PAUSES, WARNINGS, Case, Scene, flip, play, set_head
from support.hostile_registry import HostileRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.firmware.conftest import Board, Model, Platform
    from support.hostile_answers import Place

    Building = Callable[..., Board]

# More than these would make a slow machine so slow that a device's patience ends.
_AT_ONCE: Final = 16


@pytest.fixture(scope="module")
def first(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=1))


@pytest.fixture(scope="module")
def wanted(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=50, hidden=(100, 200)), arena_bytes=16000)


@pytest.fixture(scope="module")
def make_scene(
    build_board: Building, platform: Platform, first: Model, wanted: Model, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Scene]:
    def make() -> Scene:
        server = HostileRegistry(platform.registry)
        return Scene(build_board(server.address), server, first, wanted, tmp_path_factory.mktemp("scene"))

    return make


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, make_scene: Callable[[], Scene]) -> Iterator[dict[str, Future[None]]]:
    """Every case that was selected, under way."""
    calls = [getattr(each, "callspec", None) for each in request.session.items if each.path == request.path]
    cases = [each.params["case"] for each in calls if each is not None and "case" in each.params]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {case.name: pool.submit(play, case, make_scene()) for case in cases}


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_an_answer_that_is_not_taken(case: Case, outcomes: dict[str, Future[None]]) -> None:
    outcomes[case.name].result()


@pytest.mark.parametrize("case", CERTIFICATES, ids=lambda case: case.name)
def test_a_server_that_is_not_the_registry(case: Case, outcomes: dict[str, Future[None]]) -> None:
    outcomes[case.name].result()


@pytest.mark.parametrize("case", PASSING, ids=lambda case: case.name)
def test_what_a_device_gets_over_by_itself(case: Case, outcomes: dict[str, Future[None]]) -> None:
    outcomes[case.name].result()


def test_bytes_that_stay_wrong_end_the_update(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    with scene.server as server, scene.board as board:
        board.confirm(scene.first)
        scene.misbehave_always(changed(flip))
        board.assign(scene.wanted)
        report = board.report("Failed")
        assert (report.reason, report.message) == ("DigestMismatch", "model: the bytes are not the ones signed")
        board.assert_runs(report, scene.first)
        server.behave()
        assert len(scene.gaps()) == len(PAUSES)  # four attempts, each of which costs erases
        time.sleep(2)
        assert len(scene.gaps()) == len(PAUSES)
        board.assert_runs(board.confirm(scene.wanted), scene.wanted)


@pytest.mark.parametrize("name", ["changed", "garbage"])
def test_a_manifest_that_stays_another_than_the_one_commanded(name: str, make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    # As long as it should be, or it would not be read at all.
    changes: dict[str, tuple[Callable[[bytes], bytes], str]] = {
        "changed": (lambda whole: whole.replace(payload_of(whole), twist(payload_of(whole))), "BadSignature"),
        "garbage": (lambda whole: bytes(len(whole)), "Malformed"),
    }
    change, reason = changes[name]
    with scene.server as server, scene.board as board:
        board.confirm(scene.first)
        spoil = changed(lambda draft: setattr(draft, "body", change(draft.whole)))
        server.misbehave("manifests", [spoil] * (1 + len(PAUSES)))
        board.assign(scene.wanted)
        report = board.report("Rejected")
        assert report.reason == reason
        assert len(server.asked("manifests")) == 2 + len(PAUSES)
        board.assert_runs(report, scene.first)
        assert len(server.asked("blobs")) == 1  # nothing was fetched for it, and no slot was touched
        assert board.slot("b", len(scene.wanted.content)) == b"\xff" * len(scene.wanted.content)
        board.assert_runs(board.confirm(scene.wanted), scene.wanted)


def test_a_manifest_that_is_spoiled_once(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    with scene.server as server, scene.board as board:
        board.confirm(scene.first)
        server.misbehave("manifests", [changed(lambda draft: setattr(draft, "body", bytes(len(draft.whole))))])
        board.assert_runs(board.confirm(scene.wanted), scene.wanted)
        assert len(server.asked("manifests")) == 3


def payload_of(envelope: bytes) -> bytes:
    return json.loads(envelope)["payload"].encode()


def twist(payload: bytes) -> bytes:
    """The same claims under another version, as long as before."""
    return base64.b64encode(base64.b64decode(payload).replace(b'"version":"1.', b'"version":"7.'))


def test_a_registry_that_is_busy_for_a_century(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    with scene.server as server, scene.board as board:
        board.confirm(scene.first)
        scene.misbehave(refuse(503, "99999999999999999999"))
        board.assign(scene.wanted)
        board.await_said("HTTP 503")
        time.sleep(3)  # in which it would have asked twice
        assert len(server.asked("blobs")) == 2
        assert board.report("Downloading").active.digest == scene.first.digest
        board.assert_runs(board.confirm(scene.first), scene.first)  # it hears, and a new command counts at once
        board.assert_runs(board.confirm(scene.wanted), scene.wanted)


@pytest.mark.parametrize("place", [in_head, in_body])
def test_a_device_that_is_held_up_hears(place: Place, make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    with scene.server, scene.board as board:
        board.confirm(scene.first)
        scene.misbehave(drip(place, 1, 0.5))
        board.assign(scene.wanted)
        board.await_condition(lambda: len(scene.server.asked("blobs")) == 2, "request")
        time.sleep(1)
        assert board.report("Downloading").active.digest == scene.first.digest
        began = time.monotonic()
        board.assert_runs(board.confirm(scene.first), scene.first)
        assert time.monotonic() - began < 5
        board.assert_runs(board.confirm(scene.wanted), scene.wanted)


def test_a_device_that_is_flooded_hears(make_scene: Callable[[], Scene]) -> None:
    scene = make_scene()
    with scene.server as server, scene.board as board:
        board.confirm(scene.first)
        server.greet([flood(WARNINGS)] * 2)
        board.assign(scene.wanted)
        board.report("Downloading")
        board.assert_runs(board.confirm(scene.first), scene.first)
        board.assign(scene.wanted)
        board.await_said("says nothing for 10 s")
        board.assert_runs(board.report("Confirmed"), scene.wanted)


@pytest.mark.slow
def test_a_download_that_trickles_ends(make_scene: Callable[[], Scene]) -> None:
    scenes = {place: make_scene() for place in (in_head, in_body)}
    with contextlib.ExitStack() as ends:
        for place, scene in scenes.items():
            ends.enter_context(scene.server)
            ends.enter_context(scene.board).confirm(scene.first)
            scene.misbehave(changed(set_head("X-Pad", "a" * 400), send=drip(place, 1, 2)))
            scene.board.assign(scene.wanted)
        time.sleep(590)
        assert not any("took too long" in scene.board.said() for scene in scenes.values())
        for place, scene in scenes.items():
            scene.board.await_said("model: the download took too long")
            scene.board.assert_runs(scene.board.report("Confirmed"), scene.wanted)
            assert (scene.server.asked("blobs")[-1].first > 0) == (place is in_body)
