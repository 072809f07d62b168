"""Passes with the real controllers: what is written, what devices are told, and what a crash in between leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet.contracts.reasons import Reason
from edgefleet.contracts.reported import Phase
from edgefleet.contracts.verdicts import Seen
from unit.controllers.fleet_world import FleetWorld, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

BROKEN = {"1.1.0": (Phase.FAILED, Reason.SELF_TEST_FAILED)}
ANY = [{"type": "Any", "percent": 0}]
MV = "motor-anomaly-1.1.0"


async def make_fleet(count: int = 3, *, rate: int | None = None, **ring: Any) -> FleetWorld:
    """Devices on 1.0.0, proved."""
    world = FleetWorld(rate=rate)
    await world.start()
    for number in range(1, count + 1):
        await world.declare_device(f"motor-{number}")
    world.declare_ring("all", **{"track": "^1.0", "abortWhen": ANY} | ring)
    world.declare_version("1.0.0")
    await world.settle()
    assert set(world.runs().values()) == {"1.0.0"}
    return world


def scenario(run: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs a coroutine as a test."""

    def test() -> None:
        asyncio.run(run())

    test.__name__, test.__doc__ = run.__name__, run.__doc__
    return test


@scenario
async def test_two_status_writes_a_device_and_rollout() -> None:
    world = await make_fleet(6, strategy={"maxConcurrency": 2})
    world.cluster.writes.clear()
    world.declare_version("1.1.0")
    await world.settle()
    assert set(world.runs().values()) == {"1.1.0"}
    written = Counter(name for plural, name in world.cluster.writes if plural == "edgedevices")
    assert written == dict.fromkeys(world.boards, 2)


@scenario
async def test_at_rest_nothing_is_written() -> None:
    world = await make_fleet()
    world.cluster.writes.clear()
    for _ in range(5):
        await world.step(30.0)
    assert world.cluster.writes == []


@scenario
async def test_what_a_device_returns_to_is_written_with_its_command() -> None:
    world = await make_fleet(1)
    assert "lastGood" not in world.status("edgedevices", "motor-1")
    world.declare_version("1.1.0")
    await world.settle()
    status = world.status("edgedevices", "motor-1")
    shown = {key: status["lastGood"][key] for key in ("model", "modelVersion", "digest")}
    assert shown == {"model": "motor-anomaly", "modelVersion": "1.0.0", "digest": digest_of("1.0.0")}
    assert (status["attempts"], status["desiredVersion"]) == (1, "1.1.0")


@scenario
async def test_a_version_that_fails_is_quarantined_and_its_devices_go_back() -> None:
    world = await make_fleet()
    world.boards["motor-1"].faults = BROKEN
    world.declare_version("1.1.0")
    await world.settle()
    quarantine = world.status("modelversions", MV)["quarantine"]
    assert (quarantine["ring"], quarantine["reasons"], quarantine["failed"]) == ("all", ["SelfTestFailed"], 1)
    ready, stalled = (world.condition("modelversions", MV, kind) for kind in ("Ready", "Stalled"))
    assert (ready["status"], ready["reason"]) == ("False", "Quarantined")
    assert (stalled["status"], stalled["reason"]) == ("True", "Quarantined")
    assert world.condition("modelversions", MV, "Verified")["status"] == "True"
    held = world.condition("modelversions", MV, "Quarantined")
    assert held["status"] == "True"
    assert "judged devices failed" in held["message"]
    assert set(world.runs().values()) == {"1.0.0"}
    ring = world.status("rolloutrings", "all")
    assert (ring["step"], ring["aborted"]["reason"], ring["aborted"]["blames"]) == ("Aborted", "TooManyFailures", True)
    assert (f"ModelVersion/{MV}", "Quarantined") in {(name, reason) for name, reason, _ in world.events}


@scenario
async def test_the_token_on_a_version_lifts_its_quarantine_once() -> None:
    world = await make_fleet()
    world.boards["motor-1"].faults = dict(BROKEN)
    world.declare_version("1.1.0")
    await world.settle()
    world.boards["motor-1"].faults.clear()
    await world.annotate("modelversions", MV, unquarantine="ada")
    await world.settle()
    status = world.status("modelversions", MV)
    assert "quarantine" not in status
    assert [(token["name"], token["value"]) for token in status["handledTokens"]] == [("unquarantine", "ada")]
    lifted = world.condition("modelversions", MV, "Quarantined")
    assert (lifted["status"], lifted["reason"]) == ("False", "QuarantineLifted")
    assert world.condition("modelversions", MV, "Ready")["status"] == "True"
    assert world.condition("modelversions", MV, "Stalled") == {}
    assert set(world.runs().values()) == {"1.1.0"}
    assert (f"ModelVersion/{MV}", "QuarantineLifted", "unquarantine ada") in world.events
    world.boards["motor-2"].faults = {"1.2.0": BROKEN["1.1.0"]}
    world.declare_version("1.2.0")
    await world.settle()
    assert "quarantine" in world.status("modelversions", "motor-anomaly-1.2.0")


@scenario
async def test_a_retry_of_the_ring_whose_evidence_it_was_lifts_it_too() -> None:
    world = await make_fleet()
    world.boards["motor-1"].faults = dict(BROKEN)
    world.declare_version("1.1.0")
    await world.settle()
    world.boards["motor-1"].faults.clear()
    await world.annotate("rolloutrings", "all", retry="1")
    await world.settle()
    assert "quarantine" not in world.status("modelversions", MV)
    assert set(world.runs().values()) == {"1.1.0"}
    assert (f"ModelVersion/{MV}", "QuarantineLifted", "ring all tries it again") in world.events


@scenario
async def test_a_crash_before_the_quarantine_is_written_loses_nothing() -> None:
    world = await make_fleet()
    world.boards["motor-1"].faults = dict(BROKEN)
    world.declare_version("1.1.0")
    await world.step()  # verified
    await world.step()  # told, and failed
    await world.passes.reconcile("fleet")  # the ring stops
    assert world.status("rolloutrings", "all")["step"] == "RollingBack"
    assert world.engine.asked
    assert "quarantine" not in world.status("modelversions", MV)
    await world.restart()
    await world.settle()
    assert world.status("modelversions", MV)["quarantine"]["ring"] == "all"
    assert set(world.runs().values()) == {"1.0.0"}


@scenario
async def test_an_open_command_for_what_nobody_wants_any_more_is_taken_back() -> None:
    world = await make_fleet()
    world.boards["motor-1"].faults = dict(BROKEN)
    world.boards["motor-2"].deaf = True
    world.declare_version("1.1.0")
    await world.step()
    await world.step()
    assert world.asks_for("motor-2") == "1.1.0"
    told = world.status("edgedevices", "motor-2")["desired"][0]["generation"]
    await world.come("motor-2", "offline")
    await world.settle()
    assert world.asks_for("motor-2") is None
    assert "desired" not in world.status("edgedevices", "motor-2")
    world.boards["motor-2"].deaf = False
    await world.come("motor-2")
    await world.settle()
    ((generation, digest),) = world.boards["motor-2"].told[1:]
    assert digest is None
    assert generation > told
    assert world.runs()["motor-2"] == "1.0.0"


@scenario
async def test_a_recall_that_the_broker_does_not_have_is_not_written_as_done() -> None:
    world = await make_fleet()
    world.boards["motor-1"].faults = dict(BROKEN)
    world.boards["motor-2"].deaf = True
    world.declare_version("1.1.0")
    await world.step()
    await world.step()
    await world.come("motor-2", "offline")
    world.broker.away = True
    await world.step()
    assert world.asks_for("motor-2") == "1.1.0"
    assert world.status("edgedevices", "motor-2")["desiredVersion"] == "1.1.0"
    world.broker.away = False
    await world.restart()
    await world.come("motor-2", "offline")
    await world.settle()
    assert world.asks_for("motor-2") is None
    assert "desiredVersion" not in world.status("edgedevices", "motor-2")


@scenario
async def test_a_restarted_operator_says_no_quarantined_version_again() -> None:
    world = await make_fleet(2, onAbort="hold")
    world.boards["motor-1"].faults = dict(BROKEN)
    world.boards["motor-2"].deaf = True
    world.declare_version("1.1.0")
    await world.step()
    await world.step()
    await world.come("motor-2", "offline")
    await world.restart()
    await world.settle()
    assert "quarantine" in world.status("modelversions", MV)
    assert {name: world.asks_for(name) for name in world.boards} == {"motor-1": "1.1.0", "motor-2": None}
    before = dict(world.broker.kept)
    await world.restart()
    await world.settle()
    assert world.broker.kept == before


@scenario
async def test_other_settings_do_not_bring_back_a_version_that_failed() -> None:
    world = await make_fleet(2, onAbort="hold")
    world.boards["motor-1"].faults = dict(BROKEN)
    world.declare_version("1.1.0")
    await world.settle()
    assert world.asks_for("motor-1") == "1.1.0"
    await world.declare_device("motor-1", settings={"anomalyThreshold": 0.5})
    await world.settle()
    assert world.asks_for("motor-1") is None
    report = world.boards["motor-1"].report
    assert report is not None
    assert report.settings is not None
    assert report.settings.anomaly_threshold == 0.5
    assert world.runs()["motor-1"] == "1.0.0"


@scenario
async def test_a_device_that_obeys_something_unknown_is_paused_until_a_token() -> None:
    world = await make_fleet()
    board = world.boards["motor-1"]
    assert board.active is not None
    assert board.report is not None
    stranger = board.active.model_copy(update={"digest": "f" * 64, "version": "9.9.9"})
    board.active = stranger
    board.seen = Seen(board.seen.number + 5)
    said = board.say(Phase.CONFIRMED, Reason.OK, board.seen.number)
    await world.engine.reported("motor-1", said)
    await world.settle()
    assert world.status("edgedevices", "motor-1")["phase"] == "Conflict"
    paused = world.condition("edgedevices", "motor-1", "ConflictPaused")
    assert (paused["status"], paused["reason"]) == ("True", "UnknownGeneration")
    assert world.condition("edgedevices", "motor-1", "Ready")["status"] == "True"
    counts = world.status("rolloutrings", "all")["counts"]
    assert (counts["conflict"], counts["updated"], counts["total"]) == (1, 2, 3)
    assert world.runs()["motor-1"] == "9.9.9"
    await world.annotate("edgedevices", "motor-1", resume="ada")
    await world.settle()
    assert world.runs()["motor-1"] == "1.0.0"
    status = world.status("edgedevices", "motor-1")
    assert status["phase"] == "UpToDate"
    assert [(token["name"], token["value"]) for token in status["handledTokens"]] == [("resume", "ada")]
    assert world.condition("edgedevices", "motor-1", "ConflictPaused") == {}


@scenario
async def test_a_device_that_fails_three_times_is_left_alone_until_a_token() -> None:
    world = await make_fleet(1, abortWhen=None)
    board = world.boards["motor-1"]
    versions = ["1.1.0", "1.2.0", "1.3.0", "1.4.0"]
    board.faults = dict.fromkeys(versions, BROKEN["1.1.0"])
    for attempt, version in enumerate(versions[:3], 1):
        world.declare_version(version)
        await world.settle()
        assert world.status("edgedevices", "motor-1")["attempts"] == attempt
    world.declare_version("1.4.0")
    await world.settle()
    status = world.status("edgedevices", "motor-1")
    assert (status["desiredVersion"], status["blockedReason"]) == ("1.3.0", "SelfTestFailed")
    assert world.condition("edgedevices", "motor-1", "UpToDate")["reason"] == "Blocked"
    assert world.status("rolloutrings", "all")["counts"]["excluded"] == 1
    until = status["blockedUntil"]
    world.now += 3600
    await world.restart()
    await world.settle()
    assert world.status("edgedevices", "motor-1")["blockedUntil"] == until
    board.faults.clear()
    await world.annotate("edgedevices", "motor-1", retry="ada")
    await world.settle()
    assert world.runs()["motor-1"] == "1.4.0"
    status = world.status("edgedevices", "motor-1")
    assert "blockedUntil" not in status
    assert status["attempts"] == 1


@pytest.mark.parametrize(("rate", "ring"), [(60, {}), (None, {"strategy": {"rate": {"perMinute": 60}}})])
def test_no_more_than_the_rate_is_commanded(rate: int | None, ring: dict[str, Any]) -> None:
    async def run() -> None:
        world = await make_fleet(12, rate=rate, **ring)
        world.now += 60
        await world.step()
        world.declare_version("1.1.0")
        await world.step()
        told: list[int] = []
        for _ in range(4):
            await world.step()
            told.append(sum(len(board.told) == 2 for board in world.boards.values()))
        assert told == [10, 11, 12, 12]  # ten seconds' worth at once, then one a second

    asyncio.run(run())


@scenario
async def test_a_restart_never_exceeds_the_rate() -> None:
    world = await make_fleet(3, rate=60)
    world.declare_version("1.1.0")
    await world.restart()
    await world.step()
    await world.step(0.0)
    await world.restart()
    await world.step(0.0)
    assert sum(len(board.told) == 2 for board in world.boards.values()) <= 1


@scenario
async def test_a_round_keeps_the_plan_that_it_began_with() -> None:
    world = await make_fleet(3, strategy={"maxConcurrency": 1})
    world.declare_version("1.1.0")
    await world.step()
    await world.step()
    size = len(b"the bytes of 1.1.0")
    begun = {"members": 3, "bytesOnAir": 3 * size}
    assert world.status("rolloutrings", "all")["plan"] == begun
    await world.settle()
    assert world.status("rolloutrings", "all")["plan"] == begun


@scenario
async def test_rings_that_share_devices_are_stalled_and_name_each_other() -> None:
    world = await make_fleet(2)
    world.declare_ring("other", track="^1.0")
    await world.settle()
    for name, other in (("all", "other"), ("other", "all")):
        stalled = world.condition("rolloutrings", name, "Stalled")
        assert (stalled["status"], stalled["reason"]) == ("True", "RingsOverlap")
        assert other in stalled["message"]
        assert world.condition("rolloutrings", name, "Reconciling") == {}


@scenario
async def test_a_metric_that_nobody_delivers_holds_the_ring_and_says_so() -> None:
    gates = {"metrics": [{"metric": "drift", "max": 0.2}]}
    world = FleetWorld()
    await world.start()
    await world.declare_device("motor-1")
    world.declare_ring("all", track="^1.0", promoteWhen=gates)
    world.declare_version("1.0.0")
    await world.settle()
    ring = world.status("rolloutrings", "all")
    assert (ring["step"], ring["waitingFor"]) == ("Gating", "its gate: nobody knows drift of all")
    assert world.condition("rolloutrings", "all", "Reconciling")["reason"] == "GateUnreachable"
    world.declare_ring("all", track="^1.0", promoteWhen={"metrics": [{"metric": "selfTestFailures", "max": 0}]})
    await world.settle()
    assert world.status("rolloutrings", "all")["step"] == "Proved"


@scenario
async def test_a_shadow_that_nobody_runs_holds_the_ring_and_says_so() -> None:
    world = FleetWorld()
    await world.start()
    await world.declare_device("motor-1")
    world.declare_ring("all", track="^1.0", shadow={"minWindows": 10, "maxDisagreementPercent": 2})
    world.declare_version("1.0.0")
    await world.settle()
    assert world.status("rolloutrings", "all")["step"] == "Pending"
    assert world.condition("rolloutrings", "all", "Reconciling")["reason"] == "ShadowUnreachable"
    assert world.runs() == {"motor-1": None}


@scenario
async def test_a_device_that_the_broker_does_not_know_of_counts_as_gone() -> None:
    world = await make_fleet(2)
    await world.engine.disconnected("lost")
    await world.come("motor-1")
    await world.engine.connected()
    assert [world.engine.twins.voice(name).online for name in ("motor-1", "motor-2")] == [True, False]


@scenario
async def test_an_epoch_is_written_down_before_anything_is_sent_under_it() -> None:
    world = await make_fleet(2)
    world.declare_ring("idle", track="^9.0", selector={"matchLabels": {"motor": "y"}})
    await world.declare_device("motor-3", pin={"model": "motor-anomaly", "modelVersion": "1.0.0", "reason": "test"})
    board = world.boards["motor-1"]
    board.seen = Seen(9 << 32)  # it has obeyed somebody who outranks us
    await world.engine.reported("motor-1", board.say(Phase.CONFIRMED, Reason.OK, 9 << 32))
    world.declare_version("1.1.0")
    for _ in range(4):
        before = dict(world.broker.kept)
        await world.step()
        sent = {name for name, payload in world.broker.kept.items() if payload != before.get(name)}
        epochs = {world.boards[name].told[-1][0] >> 32 for name in sent}
        assert epochs <= {world.status("rolloutrings", name)["epoch"] for name in ("all", "idle")}
    assert set(world.runs().values()) == {"1.0.0", "1.1.0"}
    assert world.status("rolloutrings", "idle")["epoch"] == 10
