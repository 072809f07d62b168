"""A single board and its broker, in virtual time: what docs/firmware.md says of the real one."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from edgefleet.domain.device.compatibility import Abilities
from edgefleet.simulation import flash
from edgefleet.simulation.agenda import Agenda
from edgefleet.simulation.behaviour import SELF_TEST_FAILED, Behaviour, Profile, Sleep
from edgefleet.simulation.broker import IDEAL_WIRE, Broker
from edgefleet.simulation.device import Device
from edgefleet.simulation.environment import Environment
from edgefleet.simulation.messages import Desired, Phase, Presence, Reported
from edgefleet.simulation.twins import Twin
from simulation.worlds import CLASS, V1, V2, V3, digest_of

ONE, TWO, THREE = (digest_of(version) for version in (V1, V2, V3))


class Ear:
    """Hears everything a broker tells a leader."""

    def __init__(self) -> None:
        self.reports: list[Reported] = []
        self.presences: list[Presence] = []

    def hear_report(self, name: str, report: Reported) -> None:
        assert name == "press-07"
        self.reports.append(report)

    def hear_presence(self, name: str, presence: Presence) -> None:
        assert name == "press-07"
        self.presences.append(presence)

    def connected(self) -> None:
        pass

    def disconnected(self) -> None:
        pass

    def phases(self) -> list[Phase]:
        return [report.words.phase for report in self.reports]


class Bench:
    """A board on a table."""

    def __init__(self, behaviour: Behaviour | None = None, **other: object) -> None:
        self.agenda = Agenda(1_000.0)
        environment = Environment(self.agenda, Random(1))
        for version in (V1, V2, V3):
            environment.artifacts.update({each.digest: each for each in version.artifacts.values()})
        self.broker = Broker(environment, IDEAL_WIRE)
        self.ear = Ear()
        self.broker.subscribe(self.ear)
        self.wait(1.0)
        self.board = Device("press-07", behaviour or Behaviour(spread=0.0), environment, self.broker, active=ONE)
        for name, value in other.items():
            setattr(self.board, name, value)
        self.board.start()
        self.wait(1.0)

    def wait(self, seconds: float) -> None:
        end = self.agenda.now + seconds
        while self.agenda.next_at is not None and self.agenda.next_at <= end:
            self.agenda.step()
        self.agenda.now = end

    def tell(self, generation: int, digest: str | None, seconds: float = 60.0) -> None:
        self.broker.publish_desired("press-07", Desired(generation, digest))
        self.wait(seconds)


def test_an_update_runs_through_its_phases_and_ends_confirmed() -> None:
    bench = Bench()
    bench.tell(7, TWO)
    assert bench.ear.phases() == [Phase.IDLE, *(Phase.DOWNLOADING, Phase.VERIFYING, Phase.TESTING), Phase.CONFIRMED]
    last = bench.ear.reports[-1]
    assert (last.words.digest, last.words.previous, last.words.generation, last.tested) == (TWO, ONE, 7, True)
    assert [report.moment.seq for report in bench.ear.reports] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("generation", [6, 7])
def test_an_older_or_the_same_generation_is_not_obeyed(generation: int) -> None:
    bench = Bench()
    bench.tell(7, TWO)
    bench.tell(generation, THREE)
    assert (bench.board.active, bench.board.seen) == (TWO, 7)
    assert bench.board.refused == (generation < 7)


def test_the_generation_outlives_a_restart_and_not_a_flashing() -> None:
    bench = Bench()
    bench.tell(7, TWO)
    bench.board.lose_power(10.0)
    bench.wait(60.0)
    assert (bench.board.seen, bench.board.boot_count, bench.board.active) == (7, 2, TWO)
    bench.tell(5, THREE)
    assert bench.board.active == TWO
    bench.broker.publish_desired("press-07", None)
    bench.board.flash_anew()
    bench.wait(60.0)
    assert (bench.board.seen, bench.board.boot_count, bench.board.active) == (0, 1, None)
    assert bench.ear.reports[-1].moment.enrolment_id != bench.ear.reports[0].moment.enrolment_id


def test_going_back_to_the_other_slot_needs_no_download() -> None:
    bench = Bench()
    bench.tell(7, TWO)
    loaded = bench.board.wear.air_bytes
    bench.tell(8, ONE)
    assert (bench.board.active, bench.board.wear.air_bytes) == (ONE, loaded)
    assert Phase.DOWNLOADING not in bench.ear.phases()[5:]


def test_a_model_that_fails_its_test_leaves_the_old_one_running_and_the_other_slot_empty() -> None:
    bench = Bench(Behaviour(faults={TWO: SELF_TEST_FAILED}, spread=0.0))
    bench.tell(7, TWO)
    words = bench.ear.reports[-1].words
    assert (words.digest, words.phase, words.reason, words.previous) == (ONE, Phase.FAILED, "SelfTestFailed", None)


def test_a_newer_command_drops_what_is_under_way_unless_it_wants_the_same() -> None:
    bench = Bench()
    bench.tell(7, TWO, 1.0)
    bench.tell(8, TWO, 0.2)
    assert bench.ear.phases()[1:] == [Phase.DOWNLOADING, Phase.DOWNLOADING], "it went on"
    bench.tell(9, THREE)
    assert (bench.board.active, bench.board.seen) == (THREE, 9)


def test_no_model_asked_for_ends_what_is_under_way() -> None:
    bench = Bench()
    bench.tell(7, TWO, 1.0)
    bench.tell(8, None)
    assert (bench.board.active, bench.board.seen, bench.ear.phases()[-1]) == (ONE, 8, Phase.CONFIRMED)


def test_a_restart_in_the_test_is_a_watchdog_reset_and_one_in_a_download_is_not() -> None:
    bench = Bench(Behaviour(crashes_in=Phase.TESTING, spread=0.0))
    bench.tell(7, TWO)
    words = bench.ear.reports[-1].words
    assert (words.phase, words.reason, words.digest) == (Phase.FAILED, "WatchdogReset", ONE)
    other = Bench(Behaviour(crashes_in=Phase.DOWNLOADING, spread=0.0))
    other.tell(7, TWO)
    assert (other.board.active, other.board.boot_count) == (TWO, 2)


def test_what_a_device_cannot_hold_it_refuses_at_the_cost_of_no_slot() -> None:
    bench = Bench(abilities=Abilities(slot_bytes=4_096, arena_bytes=65_536))
    bench.tell(7, TWO)
    words = bench.ear.reports[-1].words
    assert (words.phase, words.reason) == (Phase.REJECTED, "DoesNotFit")
    assert bench.board.wear.erases == 0


def test_below_the_security_floor_it_accepts_nothing() -> None:
    bench = Bench(floor=3)
    bench.tell(7, TWO)
    assert bench.ear.reports[-1].words.reason == "SecurityVersionTooLow"


def test_a_device_that_vanishes_is_missed_after_its_keep_alive_and_not_if_it_is_back_before() -> None:
    bench = Bench()
    bench.board.vanish(1_000.0)
    bench.wait(100.0)
    assert bench.ear.presences[-1].online
    bench.wait(100.0)
    assert not bench.ear.presences[-1].online
    short = Bench()
    short.board.vanish(20.0)
    short.wait(600.0)
    assert [presence.online for presence in short.ear.presences] == [True, True]


def test_a_sleeper_obeys_what_it_finds_when_it_wakes() -> None:
    bench = Bench(Behaviour(sleep=Sleep(asleep=600.0, awake=60.0, offset=5.0), spread=0.0))
    bench.wait(10.0)
    assert not bench.board.online
    bench.tell(7, TWO, 500.0)
    assert bench.board.active == ONE
    bench.wait(200.0)
    assert bench.board.active == TWO
    assert bench.ear.reports[-1].moment.boot_count == 2


def test_a_sleeper_stays_awake_until_its_update_has_ended() -> None:
    slow = Behaviour(sleep=Sleep(asleep=600.0, awake=60.0, offset=30.0), bandwidth=500.0, spread=0.0)
    bench = Bench(slow)
    bench.tell(7, TWO, 140.0)
    assert bench.board.active == TWO
    bench.wait(30.0)
    assert not bench.board.online


def test_a_report_that_was_overtaken_is_not_believed() -> None:
    bench = Bench()
    bench.tell(7, TWO)
    twin = Twin()
    for report in reversed(bench.ear.reports):
        twin.hear_report(report, 0.0)
    assert twin.report is not None
    assert twin.report.digest == TWO
    assert not twin.hear_report(bench.ear.reports[-1], 9.0), "the same again is no news"


def test_a_last_will_of_an_earlier_boot_says_nothing() -> None:
    twin = Twin()
    assert twin.hear_presence(Presence("a", 2, online=True), 1.0)
    assert not twin.hear_presence(Presence("a", 1, online=False), 2.0)
    assert twin.online


def test_flash_and_air_are_counted_as_the_firmware_spends_them() -> None:
    bench = Bench()
    artifact = V2.artifacts[CLASS]
    bench.tell(7, TWO)
    # 60,000 bytes are 15 sectors; 3,000 bytes of manifest are one in inbox and slot each, and one, decoded, to be read.
    assert flash.count_erases(artifact) == 18
    assert (bench.board.wear.erases, bench.board.wear.air_bytes) == (18, 63_000)
    for generation in range(8, 48):
        bench.tell(generation, ONE if generation % 2 == 0 else TWO)
    # Each switch reads the other manifest, whose payload is decoded into its sector.
    journal = bench.board.wear.erases - 18 - 40
    # Forty switches, each some 800 bytes of records, on a journal that holds 3 kB beside what lives.
    assert 5 <= journal <= 20


def test_a_profile_draws_the_same_device_whoever_else_there_is() -> None:
    profile = Profile(failing=0.3, asleep=0.3, crashing=0.2, lying=0.1, deferring=0.2, mute=0.1)
    drawn = {name: profile.draw(7, name) for name in (f"press-{number}" for number in range(500))}
    assert all(profile.draw(7, name) == behaviour for name, behaviour in drawn.items())
    failing = sum(bool(behaviour.faults) for behaviour in drawn.values())
    assert 110 <= failing <= 190
    more = replace(profile, asleep=0.0)
    assert all(bool(more.draw(7, name).faults) == bool(behaviour.faults) for name, behaviour in drawn.items())
    assert Profile().draw(7, "press-1") is Profile().draw(7, "press-2") or Profile().base == Profile().draw(7, "x")
