"""The device as a program: what it refuses to start with, and how it says so."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey
from support.authority import Authority
from support.device import PANIC, STOPPED, USAGE, Device, build_check, build_device

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = f"exec {sys.executable} -m edgefleet_tflm child"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def board(tmp_path: Path, authority: Authority) -> Device:
    key = BundledKey.of(SigningKey(ec.generate_private_key(ec.SECP256R1())).public)
    keys = KeyBundle(version=1, release_keys=(key,), assignment_keys=(key,))
    options = {"broker": "localhost:1", "registry": "localhost:1", "inference-command": RUNTIME}
    return Device(tmp_path, "press-07", authority=authority, keys=keys, options=options)


def refuse(board: Device) -> str:
    """Start a device that must not start; return its only line, without time and level."""
    done = subprocess.run(board.command(), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == USAGE, done.stderr
    assert "Sanitizer" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0].split(maxsplit=2)[2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"identity": None}, "--identity is missing; --help lists all options"),
        ({"broker": None}, "--broker is missing; --help lists all options"),
        ({"inference-command": None}, "exactly one of --inference-socket and --inference-command is needed"),
        ({"inference-socket": "x"}, "exactly one of --inference-socket and --inference-command is needed"),
        ({"broker": "localhost"}, "--broker: HOST:PORT, not 'localhost'"),
        ({"registry": ":8443"}, "--registry: HOST:PORT, not ':8443'"),
        ({"registry": "h:x"}, "--registry: the port is a number from 1 to 65535, not 'x'"),
        ({"registry": "h:65536"}, "--registry: the port is a number from 1 to 65535, not '65536'"),
        ({"class": "ESP32"}, "--class: 'ESP32' is none"),
        ({"firmware-version": "1.0"}, "--firmware-version: '1.0' is none"),
        ({"slot-bytes": "5000"}, "--slot-bytes: a multiple of 4096 up to 256 MiB"),
        ({"arena-bytes": "0"}, "--arena-bytes: a number from 1 to 2147483647, not '0'"),
        ({"ops": "FULLY CONNECTED"}, "--ops: at most 64 operators such as FULLY_CONNECTED, not 'FULLY CONNECTED'"),
    ],
)
def test_a_wrong_option_is_named(board: Device, changes: dict[str, Any], said: str) -> None:
    board.options = {name: value for name, value in {**board.options, **changes}.items() if value is not None}
    assert refuse(board) == said


def test_an_unknown_option_is_refused(board: Device) -> None:
    done = subprocess.run([*board.command(), "--colour"], capture_output=True, text=True, check=False)
    assert done.returncode == USAGE
    assert "--colour" in done.stderr


def test_help_lists_every_option(board: Device) -> None:
    done = subprocess.run([build_device(), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == STOPPED
    assert all(f"--{name} " in done.stdout for name in board.options)


@pytest.mark.parametrize("name", ["ca.crt", "device.crt", "device.key", "keys.json"])
@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_a_broken_identity_is_named(board: Device, name: str, how: str) -> None:
    if how == "missing":
        (board.identity / name).unlink()
    else:
        (board.identity / name).write_bytes(b"garbage\n")
    assert f"identity/{name}: " in refuse(board)


def test_the_key_of_another_certificate(board: Device, authority: Authority, tmp_path: Path) -> None:
    other = authority.issue("press-08", tmp_path / "other", stem="device")
    other.key.replace(board.identity / "device.key")
    assert "device.key is not the key of " in refuse(board)


def test_a_services_certificate_is_no_device(board: Device, authority: Authority) -> None:
    authority.issue("edgefleet:operator", board.identity, stem="device")
    assert refuse(board).endswith("the certificate's CN, 'edgefleet:operator', is no device id")


def test_a_key_under_another_keys_id(board: Device) -> None:
    path = board.identity / "keys.json"
    text = path.read_text()
    start = text.index('"keyid":"') + len('"keyid":"')
    path.write_text(f"{text[:start]}{'0' * 16}{text[start + 16 :]}")
    assert refuse(board).endswith("keys.json: OutOfRange: releaseKeys[0].keyid")


def test_the_file_behaves_as_nor_flash_does(tmp_path: Path) -> None:
    done = subprocess.run([build_check("flash"), tmp_path / "flash"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "programming would set bits at 0x1001; erase it first" in done.stderr


def test_the_watchdog_ends_what_hangs() -> None:
    done = subprocess.run([build_check("watchdog"), "hang"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (PANIC, "panic: watchdog: the device hung\n")


def test_the_watchdog_leaves_alone_what_works() -> None:
    done = subprocess.run([build_check("watchdog"), "work"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_flash_of_another_size(board: Device) -> None:
    board.state.mkdir()
    (board.state / "flash.bin").write_bytes(b"\xff" * 8192)
    assert "has 8192 bytes, a board with these options has 196608 (another --slot-bytes?)" in refuse(board)


def test_a_start_that_was_killed_while_making_flash(board: Device) -> None:
    board.state.mkdir()
    (board.state / "flash.bin.new").write_bytes(b"\xff" * 100)
    with board:
        board.await_said("broker: no connection")
        assert (board.state / "flash.bin").stat().st_size == 0x10000 + 2 * 65536
    assert sorted(each.name for each in board.state.iterdir()) == ["flash.bin"]


def test_without_a_broker_it_tries_less_and_less_and_still_stops(board: Device) -> None:
    with board:
        board.await_said("no connection to localhost:1: the connection is refused; again in ")
        before = board.cpu_seconds()
        time.sleep(1)
        assert board.cpu_seconds() - before < 0.2  # it waits, it does not spin
    assert board.said().count("no connection") == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exit 1", "the model runtime ended"),
        ("cat", "the model runtime answers what no runtime answers"),
        pytest.param("sleep 60", "the model runtime did not answer within 10 s", marks=pytest.mark.slow),
    ],
)
def test_no_runtime_is_a_panic(board: Device, command: str, said: str) -> None:
    board.options["inference-command"] = command
    board.start()
    assert board.await_end() == PANIC
    assert f"panic: {said}" in board.said().splitlines()[-1]
