"""Fleets whose devices sleep, fail, lie, restart or are flashed, and brokers that forget."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edgefleet.domain.rollout.facts import AbortRule
from edgefleet.simulation.behaviour import (
    DOES_NOT_FIT,
    DOWNLOAD_FAILED,
    FALLS_BACK,
    FLAKY_DOWNLOAD,
    SELF_TEST_FAILED,
    WATCHDOG_RESET,
    Behaviour,
    Fault,
    Profile,
    Sleep,
)
from edgefleet.simulation.broker import Wire
from edgefleet.simulation.messages import Phase
from edgefleet.simulation.moves import AddVersion, EditDevice, SetToken
from simulation.worlds import CHAIN, MODEL, V1, V2, V3, Watched, digest_of, draw_by_name, make_fleet, make_ring, watch

if TYPE_CHECKING:
    from edgefleet.simulation.behaviour import Lie

ALL = {f"motor-{number:03}" for number in range(12)}
ONE = (make_ring("all", track="^1"),)
WATCHFUL = (make_ring("all", track="^1", abort_when=(AbortRule("Any", 30, 4),), success_percent=70),)


def roll(watched: Watched) -> Watched:
    watched.world.push(60.0, AddVersion(V2))
    watched.run()
    return watched


def standing(watched: Watched, name: str) -> tuple[str, str]:
    run = watched.world.run()
    return next((each.standing, each.reason) for each in run.outcomes if each.device == name)


@pytest.mark.parametrize("polite", [True, False])
@pytest.mark.parametrize("policy", ["exclude", "wait", "count"])
def test_sleepers_obey_what_they_find_when_they_wake(policy: str, *, polite: bool) -> None:
    sleep = Sleep(asleep=1_500.0, awake=120.0, polite=polite)
    ways = {
        f"motor-{number:03}": Behaviour(sleep=replace(sleep, offset=number * 70.0), spread=0.0) for number in range(6)
    }
    ring = make_ring("all", track="^1", offline_policy=policy, success_percent=50)
    watched = roll(watch(make_fleet((ring,)), draw=draw_by_name(ways)))
    assert watched.runs(V2) == ALL
    assert watched.step("all") == "Proved"


def test_a_canary_that_is_asleep_altogether_proves_nothing() -> None:
    facts = make_fleet(CHAIN)
    asleep = tuple(replace(device, online=False) for device in facts.devices)
    watched = roll(watch(replace(facts, devices=asleep)))
    assert watched.runs(V1) == ALL
    assert watched.step("canary") == "Rolling"
    assert watched.world.store.rings["rest"].state.round == 1


@pytest.mark.parametrize("fault", [SELF_TEST_FAILED, WATCHDOG_RESET, DOWNLOAD_FAILED])
def test_one_in_twelve_fails_and_the_others_go_on(fault: Fault) -> None:
    ways = {"motor-003": Behaviour(faults={digest_of(V2): fault}, spread=0.0)}
    watched = roll(watch(make_fleet(WATCHFUL), draw=draw_by_name(ways)))
    assert watched.runs(V2) == ALL - {"motor-003"}
    assert watched.step("all") == "Proved"
    assert standing(watched, "motor-003") == ("Failed", fault.reason)


def test_a_registry_that_is_away_stops_the_round_and_does_not_quarantine_the_version() -> None:
    away = Behaviour(faults={digest_of(V2): DOWNLOAD_FAILED}, spread=0.0)
    watched = roll(watch(make_fleet(WATCHFUL), draw=draw_by_name({}, away)))
    assert watched.step("all") == "Aborted"
    assert watched.world.store.versions[MODEL, V2.version].quarantine is None


def test_a_download_that_ends_well_after_it_was_called_failed_counts_as_updated() -> None:
    ways = {"motor-003": Behaviour(faults={digest_of(V2): FLAKY_DOWNLOAD}, spread=0.0)}
    watched = roll(watch(make_fleet(WATCHFUL), draw=draw_by_name(ways)))
    assert watched.runs(V2) == ALL
    assert standing(watched, "motor-003")[0] == "Updated"


def test_devices_that_fall_back_by_themselves_count_as_failed() -> None:
    ring = replace(WATCHFUL[0], soak=600.0)
    ways = {name: Behaviour(faults={digest_of(V2): FALLS_BACK}, spread=0.0) for name in sorted(ALL)[:6]}
    watched = roll(watch(make_fleet((ring,)), draw=draw_by_name(ways)))
    assert watched.step("all") == "Aborted"
    assert watched.runs(V1) == ALL


def test_a_device_that_refuses_is_no_failure() -> None:
    ways = {name: Behaviour(faults={digest_of(V2): DOES_NOT_FIT}, spread=0.0) for name in sorted(ALL)[:6]}
    watched = roll(watch(make_fleet(WATCHFUL), draw=draw_by_name(ways)))
    assert watched.step("all") == "Proved"
    assert watched.runs(V2) == ALL - set(ways)


def test_a_device_that_restarts_in_a_download_takes_it_up_again() -> None:
    ways = {name: Behaviour(crashes_in=Phase.DOWNLOADING, spread=0.0) for name in sorted(ALL)[:3]}
    watched = roll(watch(make_fleet(WATCHFUL), draw=draw_by_name(ways)))
    assert watched.runs(V2) == ALL
    assert {watched.world.devices[name].boot_count for name in ways} == {2}


def test_silent_devices_time_out_and_hold_no_slot() -> None:
    ring = replace(WATCHFUL[0], max_concurrency=1, ack_deadline=60.0, abort_when=())
    ways = {"motor-002": Behaviour(mute=True), "motor-007": Behaviour(mute=True)}
    watched = roll(watch(make_fleet((ring,)), draw=draw_by_name(ways)))
    assert watched.runs(V2) == ALL - set(ways)
    assert standing(watched, "motor-002") == ("TimedOut", "AckTimeout")


@pytest.mark.parametrize("lie", ["OtherDigest", "UnheardGeneration", "StaleReport", "FalseConfirmation"])
def test_a_device_that_lies_harms_nobody_else(lie: Lie) -> None:
    watched = roll(watch(make_fleet(WATCHFUL), draw=draw_by_name({"motor-004": Behaviour(lie=lie, spread=0.0)})))
    assert watched.runs(V2) >= ALL - {"motor-004"}
    assert watched.step("all") == "Proved"
    watched.world.push(watched.world.agenda.now - watched.world.run().started + 10.0, AddVersion(V3))
    watched.run()
    assert watched.runs(V3) >= ALL - {"motor-004"}


def test_who_claims_another_digest_is_a_failure_and_not_a_success() -> None:
    watched = roll(watch(make_fleet(WATCHFUL), draw=draw_by_name({"motor-004": Behaviour(lie="OtherDigest")})))
    assert standing(watched, "motor-004") == ("Failed", "WrongDigest")


def test_a_device_that_defers_is_waited_for_and_is_no_failure() -> None:
    ways = {"motor-004": Behaviour(defers=900.0, spread=0.0)}
    ring = replace(WATCHFUL[0], abort_when=(AbortRule("Any", 0),), success_percent=100)
    watched = roll(watch(make_fleet((ring,)), draw=draw_by_name(ways)))
    assert watched.runs(V2) == ALL
    assert watched.step("all") == "Proved"


@pytest.mark.parametrize("seconds", [30.0, 61.5, 400.0])
def test_a_board_that_is_flashed_anew_gets_its_model_back(seconds: float) -> None:
    watched = watch(make_fleet(WATCHFUL))
    watched.world.happen(seconds, "motor-006", lambda board: board.flash_anew())
    roll(watched)
    assert watched.runs(V2) == ALL
    assert watched.world.devices["motor-006"].enrolment == 2


@pytest.mark.parametrize("what", ["power", "link"])
def test_a_device_that_is_away_in_mid_update_ends_it_when_it_is_back(what: str) -> None:
    watched = watch(make_fleet((make_ring("all", track="^1", offline_policy="wait"),)))
    watched.world.happen(
        61.5, "motor-006", lambda board: board.lose_power(5_000.0) if what == "power" else board.vanish(5_000.0)
    )
    roll(watched)
    assert watched.runs(V2) == ALL
    assert watched.step("all") == "Proved"


@pytest.mark.parametrize("forget", [True, False])
@pytest.mark.parametrize("seconds", [55.0, 60.2, 62.0, 64.0])
def test_a_broker_that_is_away_delays_and_breaks_nothing(seconds: float, *, forget: bool) -> None:
    watched = watch(make_fleet((replace(ONE[0], max_concurrency=4),)))
    watched.world.break_broker(seconds, 300.0, forget=forget)
    roll(watched)
    assert watched.runs(V2) == ALL
    assert watched.step("all") == "Proved"


def test_a_broker_that_forgot_who_is_there_blames_no_one_for_silence() -> None:
    watched = watch(make_fleet((replace(ONE[0], max_concurrency=4, ack_deadline=60.0),)))
    watched.world.break_broker(50.0, 30.0)
    watched.world.happen(40.0, "motor-006", lambda board: board.lose_power(1e6))
    watched.world.push(60.0, AddVersion(V2))
    run = watched.world.run(seconds=5_000.0)
    assert next(each.standing for each in run.outcomes if each.device == "motor-006") == "Offline"
    assert watched.step("all") == "Proved"
    watched.run()
    assert watched.runs(V2) == ALL, "it follows when its power is back"


def test_reports_that_come_twice_or_late_change_nothing_in_the_end() -> None:
    watched = roll(watch(make_fleet(CHAIN), wire=Wire(duplicated=0.5, reordered=0.5, delay=(1.0, 300.0)), seed=5))
    assert watched.runs(V2) == ALL
    assert watched.step("rest") == "Proved"


def test_a_bad_batch_of_boards_stops_the_second_ring_and_the_first_keeps_what_it_proved() -> None:
    rings = (replace(CHAIN[0], on_abort="hold"), replace(CHAIN[1], abort_when=(AbortRule("Any", 30, 4),)))
    facts = make_fleet(rings)
    probe = watch(facts)
    probe.world.run(seconds=10.0)
    canary = {name for name in ALL if probe.stand(name).ring == "canary"}
    ways = {name: Behaviour(faults={digest_of(V2): SELF_TEST_FAILED}) for name in ALL - canary}
    watched = roll(watch(facts, draw=draw_by_name(ways)))
    assert watched.runs(V2) == canary
    assert (watched.step("canary"), watched.step("rest")) == ("Aborted", "Aborted")
    held = watched.world.store.versions[MODEL, V2.version].quarantine
    assert held is not None
    assert held.ring == "rest"


def test_a_device_that_failed_three_times_in_a_row_is_left_alone_until_somebody_asks() -> None:
    never = Profile(failing=1.0).draw(0, "motor-004")
    watched = watch(make_fleet(WATCHFUL), draw=draw_by_name({"motor-004": never}))
    for number, version in enumerate((V2, V3, V2, V3)):
        watched.world.push(60.0 + 2_000.0 * number, AddVersion(version), SetToken("all", "retry", str(number)))
    watched.world.push(20_000.0, EditDevice("motor-004", {"tokens": {"retry": "please"}}))
    watched.run()
    told = [each for each in watched.world.record.commands if each.device == "motor-004"]
    assert 1 <= len(told) <= 4
