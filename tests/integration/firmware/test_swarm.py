"""Thousands of real cores in one process: each fetches, verifies and tests for itself, and a crash is one device's."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts import topics
from edgefleet.contracts.codec import decode
from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey
from edgefleet.contracts.reported import Presence, Reported
from integration.firmware.conftest import Model, Platform, make_vectors
from support import tflm, tinymodel
from support.authority import Authority, make_key
from support.broker import Broker
from support.device import build_check
from support.mqtt import Client
from support.operator_client import OperatorClient, make_desired
from support.registry import Registry
from support.swarm import LATE, PANIC, STOPPED, USAGE, Swarm, build_swarm, read_cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Making = Callable[..., Swarm]

FEW = 24
MANY = 5000
PAGE = 4096
# Beside its slots a device takes no more than this, everything included.
BYTES_MOST = 16 * 1024


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Platform]:
    """A platform whose broker listens without TLS too, and whose operator is not connected yet."""
    authority = Authority()
    registry = Registry(folder, authority=authority)
    strange = folder / "strange.key"
    make_key(strange).rename(registry.release_keys / "strange.pem")
    broker = Broker(folder / "broker", authority=authority, plain=True)
    with registry, broker, tflm.run_server(folder / "tflm.socket") as runtime:
        yield Platform(
            authority=authority,
            broker=broker,
            registry=registry,
            operator=OperatorClient(broker, broker.operator(folder / "operator")),
            runtime=runtime,
            assignment_key=SigningKey(ec.generate_private_key(ec.SECP256R1())),
            strange_key=SigningKey.from_pem(strange.read_bytes()),
            versions=itertools.count(),
        )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with serve(tmp_path_factory.mktemp("fleet")) as platform, platform.operator:
        yield platform


def prepare_swarm(fleet: Platform, folder: Path, *, sanitized: bool = True, **options: object) -> Swarm:
    keys = KeyBundle(
        version=1,
        release_keys=(BundledKey.of(fleet.registry.signing_key.public),),
        assignment_keys=(BundledKey.of(fleet.assignment_key.public),),
    )
    ways = {
        "count": FEW,
        "broker": fleet.broker.plain_address,
        "registry": fleet.registry.address,
        "inference-socket": fleet.runtime.path,
    }
    return Swarm(folder, authority=fleet.authority, keys=keys, options=ways | options, sanitized=sanitized)


@pytest.fixture
def make_swarm(fleet: Platform, tmp_path: Path, request: pytest.FixtureRequest) -> Making:
    """Make swarms, whose devices are named after the test."""

    def make(**options: object) -> Swarm:
        return prepare_swarm(fleet, tmp_path, **{"id-pattern": f"{name_devices(request)}-%05d", **options})

    return make


def name_devices(request: pytest.FixtureRequest) -> str:
    return f"p{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def names(request: pytest.FixtureRequest) -> list[str]:
    return [f"{name_devices(request)}-{index:05d}" for index in range(FEW)]


def assign(fleet: Platform, devices: list[str], model: Model, generation: int = 1, **fields: Any) -> None:
    for each in devices:
        fleet.operator.send(each, make_desired(fleet.assignment_key, each, generation, model.manifest, **fields))


def await_phase(fleet: Platform, device: str, phase: str, generation: int = 1) -> Reported:
    return fleet.operator.await_report(
        device, lambda each: (each.phase, each.observed_generation) == (phase, generation)
    )


def test_each_device_obeys_its_own_command(fleet: Platform, make_swarm: Making, names: list[str]) -> None:
    first, second = (fleet.publish(tinymodel.build(seed=each)) for each in (1, 2))
    assign(fleet, names[::2], first)
    assign(fleet, names[1::2], second)
    with make_swarm() as swarm:
        census = swarm.await_census(lambda each: each["confirmed"] == FEW)
        assert census["registryConnections"] == 2 * FEW  # each fetches its manifest and its model
        for index, each in enumerate(names):
            report = await_phase(fleet, each, "Confirmed")
            assert report.active
            assert report.active.digest == (first, second)[index % 2].digest
            assert report.self_test
            assert (report.self_test.passed, report.self_test.total) == (3, 3)
        assert len({fleet.operator.reports[each][-1].enrolment_id for each in names}) == FEW
    assert all(fleet.operator.await_presence(each, "offline") for each in names)


def test_each_device_judges_both_signatures(fleet: Platform, make_swarm: Making, names: list[str]) -> None:
    good = fleet.publish(tinymodel.build(seed=3))
    strange = fleet.publish(tinymodel.build(seed=4), key=fleet.strange_key)
    forger = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    assign(fleet, names[2:], good)
    assign(fleet, names[:1], strange)
    fleet.operator.send(names[1], make_desired(forger, names[1], 1, good.manifest))
    with make_swarm() as swarm:
        swarm.await_census(lambda each: (each["confirmed"], each["failed"]) == (FEW - 2, 1))
        assert await_phase(fleet, names[0], "Rejected").reason == "UnknownKey"
        refused = await_phase(fleet, names[1], "Idle", 0)
        assert refused.active is None
        fleet.operator.await_report(names[1], lambda each: "UnknownKey" in (each.message or ""))


@pytest.mark.parametrize("when", ["load", "run"])
def test_a_model_that_crashes_restarts_its_own_device(
    fleet: Platform, make_swarm: Making, names: list[str], when: Any
) -> None:
    good = fleet.publish(tinymodel.build(seed=5))
    crashing = fleet.publish(tinymodel.build_crashing(when), vectors=make_vectors(good.content))
    other = fleet.publish(tinymodel.build(seed=6))
    assign(fleet, names[1:], good)
    assign(fleet, names[:1], crashing)
    with make_swarm() as swarm:
        swarm.await_census(lambda each: (each["confirmed"], each["failed"]) == (FEW - 1, 1))
        report = await_phase(fleet, names[0], "Failed")
        assert (report.reason, report.boot_count, report.active) == ("WatchdogReset", 2, None)
        assert fleet.operator.await_presence(names[0], "offline")
        assign(fleet, names, other, 2)
        census = swarm.await_census(lambda each: each["confirmed"] == FEW and each["failed"] == 0)
        assert all(await_phase(fleet, each, "Confirmed", 2).boot_count == 1 for each in names[1:])
        assert (census["restarts"], census["modelCrashes"]) == (1, 1)


def test_a_fleet_outlives_its_broker(fleet: Platform, make_swarm: Making, names: list[str]) -> None:
    with make_swarm() as swarm:
        swarm.await_census(lambda each: each["connected"] == FEW)
        fleet.broker.stop()
        swarm.await_census(lambda each: each["connected"] == 0)
        fleet.broker.start()
        assign(fleet, names, fleet.publish(tinymodel.build(seed=7)))
        census = swarm.await_census(lambda each: (each["connected"], each["confirmed"]) == (FEW, FEW))
        assert census["restarts"] == 0


def test_what_is_killed_says_nothing_and_its_will_does(fleet: Platform, make_swarm: Making, names: list[str]) -> None:
    swarm = make_swarm()
    swarm.start()
    swarm.await_census(lambda each: each["connected"] == FEW)
    assert swarm.process
    swarm.process.kill()
    swarm.await_end()
    assert all(fleet.operator.await_presence(each, "offline") for each in names)


def test_a_swarm_ends_at_its_goal_or_at_its_time(fleet: Platform, make_swarm: Making, names: list[str]) -> None:
    model = fleet.publish(tinymodel.build(seed=8))
    assign(fleet, names, model, 5)
    swarm = make_swarm(until="confirmed:5", timeout=60, quiet=None)
    swarm.start()
    assert swarm.await_end(60) == STOPPED
    assert swarm.last_census()["confirmed"] == FEW
    assert "connected" not in swarm.said()
    swarm.options |= {"until": f"confirmed:{'0' * 64}", "timeout": 3}
    swarm.start()
    assert swarm.await_end(60) == LATE
    assert (swarm.last_census()["connected"], swarm.last_census()["confirmed"]) == (FEW, 0)


def test_no_more_connections_than_allowed(fleet: Platform, make_swarm: Making, names: list[str]) -> None:
    assign(fleet, names, fleet.publish(tinymodel.build(seed=9)))
    with make_swarm(**{"registry-connections": 1, "broker-handshakes": 1}) as swarm:
        census = swarm.await_census(lambda each: each["confirmed"] == FEW)
        assert (census["failed"], census["registryConnections"]) == (0, 2 * FEW)


def test_a_registry_of_another_fleet_gives_nothing(
    fleet: Platform, make_swarm: Making, names: list[str], tmp_path: Path
) -> None:
    assign(fleet, names[:1], fleet.publish(tinymodel.build(seed=10)))
    (tmp_path / "other").mkdir()
    with Registry(tmp_path / "other") as other, make_swarm(registry=other.address) as swarm:
        swarm.await_said("of this fleet: ")
        assert swarm.take_census()["confirmed"] == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"count": "0"}, "--count: a number from 1 to 2147483647, not '0'"),
        ({"count": "19999999"}, "-n: so many devices need"),
        ({"broker": "localhost"}, "--broker: HOST:PORT, not 'localhost'"),
        ({"id-pattern": "press"}, "--id-pattern: one %d or %0Nd in a device's id, not 'press'"),
        ({"id-pattern": "%s%d"}, "--id-pattern: one %d or %0Nd in a device's id, not '%s%d'"),
        ({"id-pattern": "%d-%d"}, "--id-pattern: one %d or %0Nd in a device's id, not '%d-%d'"),
        ({"id-pattern": "Press-%d"}, "--id-pattern: the first or the last id is none of a device"),
        ({"until": "confirmed:latest"}, "--until: confirmed:GENERATION or confirmed:SHA256, not 'confirmed:latest'"),
        ({"inference-command": "true"}, "exactly one of --inference-socket and --inference-command is needed"),
        ({"slot-bytes": "5000"}, "--slot-bytes: a multiple of 4096 up to 256 MiB"),
    ],
)
def test_a_wrong_option_is_named(make_swarm: Making, changes: dict[str, str], said: str) -> None:
    done = subprocess.run(make_swarm(**changes).command(), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == USAGE
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_lists_every_option(make_swarm: Making) -> None:
    done = subprocess.run([build_swarm(), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == STOPPED
    assert all(f"--{name} " in done.stdout for name in make_swarm().options)


@pytest.mark.parametrize("part", ["mqtt", "swarm"])
def test_the_parts_hold(part: str) -> None:
    done = subprocess.run([build_check(part)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_models_are_shared_and_crash_alone(tmp_path: Path) -> None:
    models = {"good": tinymodel.build(seed=1), "crashing": tinymodel.build_crashing("run")}
    for name, model in models.items():
        (tmp_path / name).write_bytes(model)
    runtime = f"exec {sys.executable} -m edgefleet_tflm child"
    command = [build_check("models"), runtime, *(tmp_path / name for name in models)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_flash_in_memory_takes_each_bit_once() -> None:
    done = subprocess.run([build_check("swarm"), "set-a-bit"], capture_output=True, text=True, check=False)
    assert done.returncode == PANIC
    assert "flash: programming would set bits at 0x0" in done.stderr


def test_five_thousand_devices_take_an_update(tmp_path: Path) -> None:
    with serve(tmp_path) as fleet:
        model = fleet.publish(tinymodel.build(seed=11, hidden=(100, 90)))
        devices = [f"press-{index:05d}" for index in range(MANY)]
        commands = [
            (topics.DESIRED.build(each), make_desired(fleet.assignment_key, each, 1, model.manifest))
            for each in devices
        ]
        operator = fleet.broker.operator(tmp_path / "operator").client_context()
        with Client(fleet.broker.port, operator) as client:
            client.publish_all(commands)
        goal = {"count": MANY, "until": f"confirmed:{model.digest}", "timeout": 500}
        swarm = prepare_swarm(fleet, tmp_path / "swarm", sanitized=False, **goal)
        before = read_costs(fleet)
        swarm.start()
        status = swarm.await_end(520)
        costs = {name: round(seconds - before[name], 1) for name, seconds in read_costs(fleet).items()}
        census = swarm.last_census()
        print(json.dumps({**census, "cpuSecondsOf": costs, "modelBytes": len(model.content)}))  # noqa: T201 - with -s
        assert status == STOPPED, swarm.said()[-4000:]
        assert (census["n"], census["connected"], census["confirmed"]) == (MANY, MANY, MANY)
        assert census["registryConnections"] >= 2 * MANY
        check_memory(census, model)
        with Client(fleet.broker.port, operator) as client:
            client.subscribe(topics.REPORTED.filter(), topics.PRESENCE.filter())
            check_words(client, set(devices), model)


def read_costs(fleet: Platform) -> dict[str, float]:
    """Processor time of what the swarm talks to."""
    processes = {"broker": fleet.broker.process, "registry": fleet.registry.process}
    return {name: read_cpu_seconds(each.pid) for name, each in processes.items() if each}


def check_memory(census: dict[str, Any], model: Model) -> None:
    pages = -(-len(model.content) // PAGE) + 1  # the model's and its manifest's
    assert census["slotBytesPerDevice"] == pages * PAGE
    assert census["rssBytesPerDevice"] - census["slotBytesPerDevice"] < BYTES_MOST


def check_words(client: Client, devices: set[str], model: Model) -> None:
    """What the broker holds of each device, for whoever subscribes now."""
    confirmed: set[str] = set()
    offline: set[str] = set()
    deadline = time.monotonic() + 60
    while not (confirmed >= devices and offline >= devices):
        assert time.monotonic() < deadline, (len(confirmed), len(offline))
        for message in client.take():
            found = topics.parse_topic(message.topic)
            assert found
            if found[1] not in devices:
                continue
            if found[0] is topics.PRESENCE:
                assert decode(Presence, message.payload).status == "offline"
                offline.add(found[1])
                continue
            report = decode(Reported, message.payload)
            assert (report.phase, report.observed_generation) == ("Confirmed", 1)
            assert report.active
            assert report.active.digest == model.digest
            assert report.self_test
            assert report.self_test.passed == report.self_test.total == 3
            confirmed.add(found[1])
