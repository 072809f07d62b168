"""Commands that come twice, late, or in the wrong order, over a real broker: a device ends with the newest, always."""

from __future__ import annotations

import itertools
import random
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from support import tinymodel
from support.command_story import Story
from support.hostile_answers import cut, drip, in_body, in_head, refuse
from support.hostile_registry import HostileRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.firmware.conftest import Board, Model, Platform

    Building = Callable[..., Board]
    Making = Callable[..., Board]

_COMMANDS: Final = 4
_ORDERS: Final = tuple(itertools.permutations(range(1, _COMMANDS + 1)))
_BOARDS: Final = 6
_POWER_CUTS: Final = 0.1


def shuffle(order: tuple[int, ...], draw: random.Random) -> list[int]:
    """Put each command's duplicates, one or two, somewhere behind it."""
    messages = list(order)
    for each in order:
        for _ in range(draw.randrange(1, 3)):
            messages.insert(draw.randrange(messages.index(each) + 1, len(messages) + 1), each)
    return messages


def play(seed: int, story: Story, server: HostileRegistry) -> None:
    """Tell a device its share of all orders, each in generations above the last; servers and power are seeded too."""
    draw = random.Random(seed)
    board = story.board
    trouble = (cut(in_body), drip(in_head, 1, 0.01), refuse(503, "1"), drip(in_body, 256, 0.02))
    newest = 0
    with server, board:
        for order in _ORDERS[seed::_BOARDS]:
            server.misbehave("blobs", draw.choices(trouble, k=2))
            messages = [story.command(newest + each) for each in shuffle(order, draw)]
            newest += _COMMANDS
            for message in messages:
                story.send(message)
                time.sleep(draw.choice((0, 0, 0.05, 0.4)))
                if draw.random() < _POWER_CUTS:
                    board.kill()
                    board.start()
            # A device without power may have missed it, because the broker keeps the last one and not the newest.
            story.send(story.command(newest))
            if story.was_tested_without_power(newest):
                newest += 1
                story.send(story.command(newest))
            story.await_newest(newest)
            for each in draw.sample(messages, 3):
                story.send(each)
        story.send(story.command(newest + 1))
        story.await_newest(newest + 1)
        story.assert_never_went_back()


@pytest.fixture(scope="module")
def models(platform: Platform) -> list[Model]:
    return [platform.publish(tinymodel.build(seed=60 + each, hidden=(16 + each,))) for each in range(3)]


@pytest.fixture(scope="module")
def outcomes(build_board: Building, platform: Platform, models: list[Model]) -> Iterator[list[Future[None]]]:
    """A device for each seed, all at once: what they do most of the time is to wait."""
    with ThreadPoolExecutor(_BOARDS) as pool:
        servers = [HostileRegistry(platform.registry) for _ in range(_BOARDS)]
        stories = [Story(build_board(each.address), models) for each in servers]
        yield [pool.submit(play, seed, *each) for seed, each in enumerate(zip(stories, servers, strict=True))]


@pytest.mark.parametrize("seed", range(_BOARDS))
def test_every_order_ends_in_the_newest(seed: int, outcomes: list[Future[None]]) -> None:
    outcomes[seed].result()


def test_a_twin_of_a_command_changes_nothing(make_board: Making, models: list[Model]) -> None:
    board = make_board()
    story = Story(board, models)
    board.start()
    for generation in (1, 2):
        story.send(story.command(generation))
        story.await_newest(generation)
        seen, connections = board.platform.operator.count(board.device_id), board.link.connections
        story.send(story.command(generation, model=story.model(generation + 1)))
        report = board.platform.operator.await_report(
            board.device_id, lambda each: bool(each.message and "StaleGeneration" in each.message), seen
        )
        assert (report.phase, report.observed_generation) == ("Confirmed", generation)
        board.assert_runs(report, story.model(generation))
        assert board.link.connections == connections
    story.assert_never_went_back()


def test_a_retained_command_that_is_old_meets_a_device_that_starts(make_board: Making, models: list[Model]) -> None:
    board = make_board()
    story = Story(board, models)
    board.start()
    for generation in (1, 2, 3):
        story.send(story.command(generation))
        story.await_newest(generation)
    for boots, generation in enumerate((1, 2), 2):
        board.kill()
        story.send(story.command(generation))
        seen = board.platform.operator.count(board.device_id)
        board.start()
        report = board.platform.operator.await_report(
            board.device_id, lambda each: bool(each.message and "StaleGeneration" in each.message), seen
        )
        assert (report.phase, report.observed_generation, report.boot_count) == ("Confirmed", 3, boots)
        board.assert_runs(report, story.model(3))
    story.send(story.command(4))
    story.await_newest(4)
    story.assert_never_went_back()


def test_a_broker_that_was_restored_from_an_old_backup(
    make_board: Making, models: list[Model], platform: Platform, tmp_path: Path
) -> None:
    board = make_board()
    story = Story(board, models)
    board.start()
    story.send(story.command(1))
    story.await_newest(1)
    platform.broker.stop()
    shutil.copytree(platform.broker._state, tmp_path / "backup")
    platform.broker.start()
    story.send(story.command(2))
    story.await_newest(2)
    connections, seen = board.link.connections, platform.operator.count(board.device_id)
    platform.broker.stop()
    platform.broker.forget()
    shutil.copytree(tmp_path / "backup", platform.broker._state, dirs_exist_ok=True)
    platform.broker.start()
    report = platform.operator.await_report(
        board.device_id, lambda each: bool(each.message and "StaleGeneration" in each.message), seen
    )
    assert (report.phase, report.observed_generation) == ("Confirmed", 2)
    board.assert_runs(report, story.model(2))
    assert board.link.connections == connections
    story.send(story.command(3))
    story.await_newest(3)
    # The retained report of before came again from the backup; what the device itself says never goes back.
    assert [each.observed_generation for each in platform.operator.reports[board.device_id]][-1] == 3
