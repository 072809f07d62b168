"""The fork server: a process for each device, and one device's crash is nobody else's."""

import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from support import tinymodel
from support.tflm import Client, Server, run_server

OK, REFUSED = 0, 1
RUN, UNLOAD = 2, 3
LOAD_NUMBERED, RUN_NUMBERED, UNLOAD_NUMBERED = 4, 5, 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(tmp_path_factory.mktemp("tflm") / "socket") as running:
        yield running


def test_a_model_is_loaded_run_and_unloaded(server: Server) -> None:
    with server.connect() as client:
        status, body = client.load(tinymodel.build(inputs=4, outputs=2))
        arena_used, input_bytes, output_bytes = struct.unpack("<III", body)
        assert (status, input_bytes, output_bytes) == (OK, 4, 2)
        assert 500 < arena_used < 16384
        status, output = client.ask(RUN, bytes([1, 2, 3, 4]))
        assert (status, len(output)) == (OK, 2)
        assert client.ask(UNLOAD) == (OK, b"")
        assert client.ask(RUN, bytes(4)) == (REFUSED, b"no model is loaded")


def test_devices_do_not_see_each_other(server: Server) -> None:
    with server.connect() as one, server.connect() as two:
        assert one.load(tinymodel.build(seed=1))[0] == OK
        assert two.load(tinymodel.build(seed=2))[0] == OK
        assert one.ask(RUN, bytes(4)) != two.ask(RUN, bytes(4))
    server.wait_for_children(0)


def test_a_refusal_says_why_and_the_connection_goes_on(server: Server) -> None:
    with server.connect() as client:
        status, text = client.load(tinymodel.build(), arena_bytes=1500)
        assert status == REFUSED
        assert b"Requested: " in text
        status, text = client.load(b"no model")
        assert status == REFUSED
        assert client.load(tinymodel.build())[0] == OK
        assert client.ask(RUN, bytes(3)) == (REFUSED, b"the input has 4 bytes, not 3")
        assert client.ask(RUN, bytes(4))[0] == OK


def number(number: int, rest: bytes = b"") -> bytes:
    return struct.pack("<I", number) + rest


def test_one_connection_holds_several_models(server: Server) -> None:
    models = {7: tinymodel.build(seed=1), 8: tinymodel.build(seed=2, outputs=3)}
    answers = {}
    with server.connect() as client:
        for which, model in models.items():
            status, body = client.ask(LOAD_NUMBERED, number(which, struct.pack("<I", 16384) + model))
            assert (status, len(body)) == (OK, 12)
            assert client.load(model)[0] == OK
            answers[which] = client.ask(RUN, bytes(4))
        for which, answer in answers.items():
            assert client.ask(RUN_NUMBERED, number(which, bytes(4))) == answer
        assert client.ask(RUN_NUMBERED, number(9, bytes(4))) == (REFUSED, b"no model is loaded")
        assert client.ask(UNLOAD_NUMBERED, number(7)) == (OK, b"")
        assert client.ask(RUN_NUMBERED, number(7, bytes(4))) == (REFUSED, b"no model is loaded")
        assert client.ask(RUN_NUMBERED, number(8, bytes(4))) == answers[8]
        assert client.ask(LOAD_NUMBERED, number(8, struct.pack("<I", 16384) + models[7]))[0] == OK
        assert client.ask(RUN_NUMBERED, number(8, bytes(4))) == answers[7]


def test_a_numbered_model_keeps_nothing_of_one_run_for_the_next(server: Server) -> None:
    model = tinymodel.build_remembering()
    with server.connect() as client:
        assert client.load(model)[0] == OK
        first, second = (client.ask(RUN, bytes([10, 20, 30, 40])) for _ in range(2))
        assert first != second  # a device's own model remembers
        assert client.ask(LOAD_NUMBERED, number(1, struct.pack("<I", 16384) + model))[0] == OK
        assert client.ask(RUN_NUMBERED, number(1, bytes([10, 20, 30, 40]))) == first
        assert client.ask(RUN_NUMBERED, number(1, bytes([10, 20, 30, 40]))) == first


def test_a_connection_holds_no_more_models_than_it_may(server: Server) -> None:
    load = struct.pack("<I", 16384) + tinymodel.build()
    with server.connect() as client:
        assert all(client.ask(LOAD_NUMBERED, number(each, load))[0] == OK for each in range(256))
        assert client.ask(LOAD_NUMBERED, number(256, load)) == (
            REFUSED,
            b"load: 256 models are loaded, that is all there may be",
        )
        assert client.ask(LOAD_NUMBERED, number(0, load))[0] == OK  # instead of the one under this number
        assert client.ask(RUN_NUMBERED, number(255, bytes(4)))[0] == OK


def test_an_absurd_arena_is_refused(server: Server) -> None:
    with server.connect() as client:
        status, text = client.load(tinymodel.build(), arena_bytes=2**32 - 1)
    assert (status, b"at most" in text) == (REFUSED, True)


@pytest.mark.parametrize("when", ["load", "run"])
def test_a_crash_ends_its_own_connection_only(server: Server, when: Literal["load", "run"]) -> None:
    with server.connect() as bystander, server.connect() as victim:
        assert bystander.load(tinymodel.build())[0] == OK
        if when == "load":
            with pytest.raises(EOFError):
                victim.load(tinymodel.build_crashing("load"))
        else:
            assert victim.load(tinymodel.build_crashing("run"))[0] == OK
            with pytest.raises(EOFError):
                victim.ask(RUN, bytes(4))
        assert bystander.ask(RUN, bytes(4))[0] == OK
        with server.connect() as later:
            assert later.load(tinymodel.build())[0] == OK
    server.wait_for_children(0)  # the crashed one was reaped too
    assert server.process.poll() is None


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("<BI", 9, 0),  # no such operation
        struct.pack("<BI", 1, 2) + b"xx",  # a LOAD without its arena
        struct.pack("<BI", 1, 2**32 - 1),  # longer than anything
        struct.pack("<BI", RUN_NUMBERED, 3) + b"xxx",  # a number without its end
    ],
)
def test_who_does_not_speak_the_protocol_is_cut_off(server: Server, raw: bytes) -> None:
    with server.connect() as client:
        client.send(raw)
        with pytest.raises(EOFError):
            client.read(1)


def test_a_request_may_arrive_in_pieces(server: Server) -> None:
    model = tinymodel.build()
    frame = struct.pack("<BII", 1, len(model) + 4, 16384) + model
    with server.connect() as client:
        for part in (frame[:3], frame[3:9], frame[9:600], frame[600:]):
            client.send(part)
            time.sleep(0.01)
        status, length = struct.unpack("<BI", client.read(5))
        assert (status, length) == (OK, 12)


def test_thirty_devices_at_once(server: Server) -> None:
    clients = [server.connect() for _ in range(30)]
    try:
        assert all(client.load(tinymodel.build(seed))[0] == OK for seed, client in enumerate(clients))
        assert all(client.ask(RUN, bytes(4))[0] == OK for client in clients)
        assert len(server.children()) == 30
    finally:
        for client in clients:
            client.__exit__(None, None, None)
    server.wait_for_children(0)


def test_sigterm_ends_the_children_and_removes_the_socket(tmp_path: Path) -> None:
    with run_server(tmp_path / "socket") as server, server.connect() as client:
        assert client.load(tinymodel.build())[0] == OK
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(EOFError):
            client.read(1)
        assert server.process.wait(timeout=10) == 0
        assert not server.path.exists()


def test_children_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    with run_server(tmp_path / "socket") as server, server.connect() as client:
        assert client.load(tinymodel.build())[0] == OK
        server.process.kill()
        with pytest.raises(EOFError):
            client.read(1)
    with run_server(tmp_path / "socket") as again, again.connect() as client:  # over the dead one's socket
        assert client.load(tinymodel.build())[0] == OK


def test_a_second_server_on_the_socket_is_refused(server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgefleet_tflm", "serve", "--socket", server.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 64
    assert "another server answers there" in done.stderr
    with server.connect() as client:
        assert client.load(tinymodel.build())[0] == OK


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "socket").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "edgefleet_tflm", "serve", "--socket", tmp_path / "socket"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 64
    assert (tmp_path / "socket").read_text() == "mine"


def test_a_child_speaks_on_its_standard_streams() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        end = theirs.fileno()
        process = subprocess.Popen([sys.executable, "-m", "edgefleet_tflm", "child"], stdin=end, stdout=end)
    with Client(ours) as client:
        assert client.load(tinymodel.build())[0] == OK
        assert client.ask(RUN, bytes(4))[0] == OK
    assert process.wait(timeout=10) == 0
