"""Power cuts, networks that go away, servers that restart: a device converges all the same."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support import tinymodel
from support.device import PANIC, USAGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from integration.firmware.conftest import Board, Model, Platform

    Making = Callable[..., Board]


@pytest.fixture(scope="module")
def first(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=1))


@pytest.fixture(scope="module")
def big(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=3, hidden=(120, 440)), arena_bytes=16000)


# Of bytes to the device: two records of TLS with model bytes, and what comes before them.
HALF_A_MODEL = 40000


def test_a_power_cut_in_the_middle_of_a_download(make_board: Making, first: Model, big: Model) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    board.link.hold_after(HALF_A_MODEL)
    board.assign(big)
    board.await_programmed("b", 8192)
    board.kill()
    assert board.slot("b", len(big.content)) != big.content
    board.link.release()
    seen = board.platform.operator.count(board.device_id)
    board.start()
    report = board.report("Confirmed", after=seen)
    assert report.active.digest == big.digest
    assert board.slot("b", len(big.content)) == big.content
    assert board.slot("a", len(first.content)) == first.content


def test_a_transfer_that_breaks_goes_on_where_it_was(make_board: Making, big: Model, platform: Platform) -> None:
    board = make_board()
    board.start()
    board.link.hold_after(HALF_A_MODEL)
    board.assign(big)
    board.await_programmed("a", 8192)
    seen = platform.registry.log.stat().st_size
    board.link.unplug()
    board.link.release()
    board.link.plug()
    report = board.report("Confirmed")
    assert report.active.digest == big.digest
    assert report.attempts >= 1
    asked = [each for each in platform.registry.lines(seen) if big.digest in str(each)]
    assert any(each.get("status") == 206 for each in asked), asked


def test_a_registry_that_is_down_and_comes_back(make_board: Making, first: Model) -> None:
    board = make_board()
    board.link.unplug()
    board.start()
    board.assign(first)
    board.await_said("registry: localhost:")
    board.link.plug()
    assert board.report("Confirmed").active.digest == first.digest


def test_a_registry_that_stays_away_is_reported(make_board: Making, first: Model) -> None:
    board = make_board()
    board.link.unplug()
    board.start()
    board.assign(first)
    assert board.report("Failed").reason == "DownloadFailed"
    board.link.plug()
    assert board.confirm(first).active.digest == first.digest  # a new command does not wait for the next attempt


@pytest.mark.slow
def test_a_registry_that_accepts_and_says_nothing(make_board: Making, first: Model) -> None:
    board = make_board()
    board.link.hold_after(0)
    board.start()
    board.assign(first)
    board.await_said("says nothing for 10 s")
    board.link.release()
    assert board.report("Confirmed").active.digest == first.digest


def test_a_device_at_rest_uses_no_processor(make_board: Making, first: Model) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    before = board.cpu_seconds()
    time.sleep(1)
    assert board.cpu_seconds() - before < 0.1
    assert board.is_running()


def test_a_broker_that_restarts(make_board: Making, first: Model, platform: Platform) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    seen, presences = platform.operator.count(board.device_id), len(platform.operator.presences[board.device_id])
    platform.broker.kill()
    board.await_said("broker: no connection to localhost")
    platform.broker.start()
    report = board.report("Confirmed", after=seen)
    assert report.boot_count == 1
    platform.operator.await_presence(board.device_id, "online", presences)
    later = platform.publish(tinymodel.build(seed=41))
    assert board.confirm(later).active.digest == later.digest


def test_a_device_that_starts_before_its_broker(make_board: Making, first: Model, platform: Platform) -> None:
    platform.broker.stop()
    board = make_board()
    board.start()
    board.await_said("broker: no connection to localhost")
    platform.broker.start()
    assert board.confirm(first).active.digest == first.digest


def test_the_broker_speaks_for_a_device_without_power(make_board: Making, platform: Platform) -> None:
    board = make_board()
    board.start()
    online = platform.operator.await_presence(board.device_id, "online")
    board.kill()
    offline = platform.operator.await_presence(board.device_id, "offline")
    assert (offline.boot_count, offline.enrolment_id) == (online.boot_count, online.enrolment_id)


def test_a_device_that_is_told_to_stop_says_so(make_board: Making, platform: Platform) -> None:
    board = make_board()
    board.start()
    platform.operator.await_presence(board.device_id, "online")
    assert board.stop() == 0
    platform.operator.await_presence(board.device_id, "offline")
    assert board.said().splitlines()[-1].endswith("told to stop")


def test_a_second_process_cannot_be_the_same_board(make_board: Making, first: Model) -> None:
    board = make_board()
    board.start()
    board.confirm(first)
    twin = make_board()
    twin.options["state"] = board.state
    twin.start()
    assert twin.await_end() == USAGE
    assert "another process is this board" in twin.said()
    assert board.is_running()


def test_a_runtime_that_ends_takes_the_board_with_it(make_board: Making, first: Model, tmp_path: Path) -> None:
    board = make_board()
    del board.options["inference-socket"]
    note = tmp_path / "pid"
    board.options["inference-command"] = f"echo $$ >{note}; exec {sys.executable} -m edgefleet_tflm child"
    board.start()
    board.confirm(first)
    os.kill(int(note.read_text()), signal.SIGKILL)
    assert board.await_end() == PANIC
    assert board.said().splitlines()[-1].endswith("panic: the model runtime ended")
