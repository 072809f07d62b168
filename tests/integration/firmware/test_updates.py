"""A device gets a model, another one, and the first one back; and it keeps what runs when what comes is bad."""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Any, Literal

import pytest

from edgefleet.contracts.manifest import GoldenVector
from support import tinymodel
from support.device import PANIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.firmware.conftest import Board, Model, Platform

    Making = Callable[..., Board]


@pytest.fixture(scope="module")
def first(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=1))


@pytest.fixture(scope="module")
def second(platform: Platform) -> Model:
    return platform.publish(tinymodel.build(seed=2, hidden=(16,)))


def start_with(board: Board, model: Model) -> Board:
    board.start()
    board.confirm(model)
    return board


def test_the_first_model_is_confirmed_and_lies_in_slot_a(make_board: Making, first: Model) -> None:
    board = make_board()
    board.start()
    report = board.confirm(first)
    board.assert_runs(report, first)
    assert report.active.slot == "a"
    assert report.reason == "Ok"
    assert (report.self_test.passed, report.self_test.total, report.self_test.max_lsb) == (3, 3, 0)
    assert 500 < report.arena_used_bytes < 8192
    assert (report.capabilities.slot_bytes, report.capabilities.arena_bytes) == (65536, 16384)
    assert report.previous is None
    phases = [each.phase for each in board.platform.operator.reports[board.device_id]]
    assert list(dict.fromkeys(phases)) == ["Idle", "Downloading", "Verifying", "Testing", "Confirmed"]


def test_the_second_model_goes_to_slot_b_and_the_first_stays(make_board: Making, first: Model, second: Model) -> None:
    board = start_with(make_board(), first)
    report = board.confirm(second)
    board.assert_runs(report, second)
    assert report.active.slot == "b"
    assert report.previous
    assert report.previous.digest == first.digest
    assert board.slot("a", len(first.content)) == first.content


def test_going_back_to_the_first_needs_no_download(make_board: Making, first: Model, second: Model) -> None:
    board = start_with(make_board(), first)
    board.confirm(second)
    board.link.unplug()
    before = board.link.connections
    report = board.confirm(first)
    board.assert_runs(report, first)
    assert report.active.slot == "a"
    assert report.self_test
    assert report.self_test.passed == 3
    assert board.link.connections == before


def test_a_model_survives_being_switched_off(make_board: Making, first: Model) -> None:
    board = start_with(make_board(), first)
    assert board.stop() == 0
    board.link.unplug()
    seen = board.platform.operator.count(board.device_id)
    board.start()
    report = board.report("Confirmed", after=seen)
    board.assert_runs(report, first)
    assert report.boot_count == 2


def test_settings_change_without_a_download(make_board: Making, first: Model) -> None:
    board = start_with(make_board(), first)
    before = board.link.connections
    report = board.confirm(first, settings={"sample_period_ms": 250})
    assert report.settings
    assert report.settings.sample_period_ms == 250
    assert board.link.connections == before


def test_a_model_whose_bytes_were_changed_on_the_way(make_board: Making, first: Model, platform: Platform) -> None:
    board = start_with(make_board(), first)
    model = platform.publish(tinymodel.build(seed=31))
    stored = platform.registry.store / "blobs" / "sha256" / model.digest[:2] / model.digest
    raw = bytearray(stored.read_bytes())
    raw[700] ^= 1
    stored.chmod(0o600)
    stored.write_bytes(raw)
    board.assign(model)
    report = board.report("Failed")
    assert report.reason == "DigestMismatch"
    board.assert_runs(report, first)


def test_a_release_key_that_the_device_does_not_know(make_board: Making, first: Model, platform: Platform) -> None:
    board = start_with(make_board(), first)
    model = platform.publish(tinymodel.build(seed=32), key=platform.strange_key)
    board.assign(model)
    report = board.report("Rejected")
    assert report.reason == "UnknownKey"
    board.assert_runs(report, first)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"device_class": "esp32-s3"}, "WrongClass"),
        ({"arena_bytes": 16385}, "ArenaTooSmall"),
        ({"min_firmware": "1.0.1"}, "FirmwareTooOld"),
        ({"ops": ("FULLY_CONNECTED", "SVDF")}, "OpUnsupported"),
    ],
)
def test_a_model_that_is_not_for_this_device(
    make_board: Making, first: Model, platform: Platform, fields: dict[str, Any], reason: str
) -> None:
    board = start_with(make_board(ops="FULLY_CONNECTED,LOGISTIC"), first)
    board.assign(platform.publish(tinymodel.build(seed=33), **fields))
    report = board.report("Rejected")
    assert report.reason == reason
    board.assert_runs(report, first)


def test_a_model_below_the_security_floor(make_board: Making, platform: Platform) -> None:
    newer = platform.publish(tinymodel.build(seed=34), security_version=3)
    older = platform.publish(tinymodel.build(seed=35), security_version=2)
    board = start_with(make_board(), newer)
    board.assign(older)
    report = board.report("Rejected")
    assert (report.reason, report.security_floor) == ("SecurityVersionTooLow", 3)
    board.assert_runs(report, newer)


def test_a_model_that_answers_other_than_it_should(make_board: Making, first: Model, platform: Platform) -> None:
    board = start_with(make_board(), first)
    wrong = GoldenVector(input=base64.b64encode(bytes(4)).decode(), output=base64.b64encode(b"\x55").decode())
    model = platform.publish(tinymodel.build(seed=36), vectors=(wrong,), tolerance_lsb=2)
    board.assign(model)
    report = board.report("Failed")
    assert report.reason == "SelfTestFailed"
    board.assert_runs(report, first)


def test_a_model_that_the_runtime_cannot_load(make_board: Making, first: Model, platform: Platform) -> None:
    board = start_with(make_board(), first)
    parsed = tinymodel.parse(tinymodel.build(seed=37))
    parsed.operatorCodes[1].builtinCode = 150
    parsed.operatorCodes[1].deprecatedBuiltinCode = 127
    vectors = (GoldenVector(input="AAAAAA==", output="AA=="),)
    board.assign(platform.publish(tinymodel.encode(parsed), vectors=vectors))
    report = board.report("Failed")
    assert report.reason == "ModelLoadFailed"
    assert report.message
    assert "GELU" in report.message
    board.assert_runs(report, first)


@pytest.mark.parametrize("when", ["load", "run"])
def test_a_model_that_crashes_the_runtime_is_tried_once(
    make_board: Making, first: Model, platform: Platform, when: Literal["load", "run"]
) -> None:
    board = start_with(make_board(), first)
    vectors = (GoldenVector(input="AAAAAA==", output="AA=="),)
    board.assign(platform.publish(tinymodel.build_crashing(when, seed=38), vectors=vectors))
    assert board.await_end() == PANIC
    assert "panic: the model runtime ended" in board.said()
    board.start()
    report = board.report("Failed")
    assert report.reason == "WatchdogReset"
    assert report.boot_count == 2
    board.assert_runs(report, first)
    later = platform.publish(tinymodel.build(seed=39))
    board.assert_runs(board.confirm(later), later)


def test_a_model_on_a_runtime_of_its_own(make_board: Making, first: Model) -> None:
    board = make_board()
    del board.options["inference-socket"]
    board.options["inference-command"] = f"exec {sys.executable} -m edgefleet_tflm child"
    board.start()
    board.assert_runs(board.confirm(first), first)


def test_a_newer_command_supersedes_the_one_under_way(make_board: Making, first: Model, platform: Platform) -> None:
    board = make_board()
    board.start()
    big = platform.publish(tinymodel.build(seed=40, hidden=(120, 440)), arena_bytes=16000)
    board.link.hold_after(40000)  # two records of TLS, and what comes before them
    board.assign(big)
    board.await_programmed("a", 8192)
    board.link.release()
    report = board.confirm(first)
    board.assert_runs(report, first)


def test_the_flash_layout_is_the_documented_one(make_board: Making, first: Model, second: Model) -> None:
    board = start_with(make_board(), first)
    board.confirm(second)
    raw = (board.state / "flash.bin").read_bytes()
    assert len(raw) == 0x10000 + 2 * 65536
    assert raw[:0x2000] != b"\xff" * 0x2000  # the journal
    for offset in (0x2000, 0x6000):  # a manifest before each model
        assert b"payloadType" in raw[offset : offset + 0x4000]
    assert set(raw[0x10000 + len(first.content) : 0x20000]) == {0xFF}
