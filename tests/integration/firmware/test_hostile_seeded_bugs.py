"""Mistakes in the firmware that only bad company shows: a hostile registry, and commands in the wrong order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from support import tinymodel
from support.command_story import Story
from support.hostile_cases import ANSWERS, CERTIFICATES, PASSING, Scene, play
from support.hostile_registry import HostileRegistry
from support.seeded_devices import Bug, build_pristine, build_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from integration.firmware.conftest import Board, Platform

    Building = Callable[..., Board]

_CASES: Final = {case.name: case for case in (*ANSWERS, *CERTIFICATES, *PASSING)}
# Each with the case that finds it.
BUGS: Final = (
    (
        Bug(
            "retry-after-is-ignored",
            "core/src/ef_download.c",
            "(asked > pause ? asked + spread : own)",
            "own",
        ),
        "busy",
    ),
    (
        Bug(
            "any-length-will-do",
            "core/src/ef_fetch.c",
            "http->length != fetch->size - fetch->done + fetch->skip",
            "false",
        ),
        "shorter",
    ),
    (
        Bug(
            "any-part-will-do",
            "core/src/ef_fetch.c",
            "http->range_first != fetch->done ||",
            "",
        ),
        "range-too-late",
    ),
    (
        Bug(
            "a-416-has-a-range",
            "core/src/ef_http.c",
            " && http->status != 416 ?",
            " ?",
        ),
        "no-rest",
    ),
    (
        Bug(
            "anybody-is-the-registry",
            "port/posix/stream.c",
            "MBEDTLS_SSL_VERIFY_REQUIRED",
            "MBEDTLS_SSL_VERIFY_OPTIONAL",
        ),
        "of-another-fleet",
    ),
    (
        Bug(
            "a-flood-is-read-to-its-end",
            "port/posix/stream.c",
            "    stream->allowance -= got > 0 ? (size_t)got : 0;\n",
            "",
        ),
        "flooded",
    ),
)

OLD_COMMANDS: Final = Bug("old-commands-count", "core/src/ef_verify.c", "offered->number < seen->number ||", "")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_pristine(tmp_path_factory.mktemp("pristine"))


@pytest.fixture(scope="module")
def meet(
    build_board: Building, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Path], None]:
    """Play a case with a program."""
    first = platform.publish(tinymodel.build(seed=1))
    wanted = platform.publish(tinymodel.build(seed=51, hidden=(100, 200)), arena_bytes=16000)

    def run(name: str, program: Path) -> None:
        server = HostileRegistry(platform.registry)
        board = build_board(server.address)
        board.program = program
        play(_CASES[name], Scene(board, server, first, wanted, tmp_path_factory.mktemp("scene")))

    return run


@pytest.fixture(scope="module")
def outcomes(
    meet: Callable[[str, Path], None], pristine: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Future[None], Future[None]]]]:
    """Of each bug: its case without it, and with it. All at once, because devices mostly wait."""
    folder = tmp_path_factory.mktemp("bugs")
    with ThreadPoolExecutor(2 * len(BUGS)) as pool:
        yield {
            bug.name: (
                pool.submit(meet, name, pristine),
                pool.submit(meet, name, build_with(bug, pristine, folder / bug.name)),
            )
            for bug, name in BUGS
        }


@pytest.mark.parametrize("bug", [bug for bug, _ in BUGS], ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, outcomes: dict[str, tuple[Future[None], Future[None]]]) -> None:
    without, having = outcomes[bug.name]
    without.result()
    with pytest.raises(AssertionError):
        having.result()


def test_a_device_that_goes_back_is_found(
    build_board: Building, platform: Platform, pristine: Path, tmp_path: Path
) -> None:
    models = [platform.publish(tinymodel.build(seed=70 + each)) for each in range(2)]

    def tell(program: Path) -> None:
        board = build_board(platform.registry.address)
        board.program = program
        with board:
            story = Story(board, models)
            for generation in (1, 2, 1, 3):
                story.send(story.command(generation))
                story.await_newest(generation)
            story.assert_never_went_back()

    tell(pristine)
    with pytest.raises(AssertionError):
        tell(build_with(OLD_COMMANDS, pristine, tmp_path / "bug"))
