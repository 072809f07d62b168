"""Evidence outranks Git: a version that failed is given to nobody and taken back, until a person says otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefleet.domain.device.selectors import Requirement, Selector
from edgefleet.domain.rollout.effects import LiftQuarantine, QuarantineVersion, SaveRing, SendCommand
from edgefleet.domain.rollout.facts import AbortRule, Pin, Progress, Quarantine, RingFacts
from edgefleet.domain.rollout.transitions import Step
from support.fleet_facts import Fleet, make_device, make_devices, make_ring, make_version

ZERO = (AbortRule("Any", 0),)


def select(line: str) -> Selector:
    return Selector((Requirement("line", "In", frozenset({line})),))


def make_rings(**other: object) -> dict[str, RingFacts]:
    return {
        "canary": make_ring("canary", track="^1.0", limit=3, abort_when=ZERO, **other),
        "rest": make_ring("rest", after=("canary",), abort_when=ZERO),
    }


def make_bad_fleet(fault: str = "SelfTestFailed", **other: object) -> Fleet:
    """A fleet that runs 1.0.0 everywhere; 1.1.0 fails on every device."""
    fleet = Fleet(make_rings(**other), [make_version("1.0.0")], make_devices(9))
    fleet.settle()
    fleet.versions.append(make_version("1.1.0"))
    bad = make_version("1.1.0").artifacts["esp32"]
    fleet.behave = lambda _device, artifact: Progress.FAILED if artifact == bad else Progress.DONE
    fleet.fault = fault
    return fleet


def quarantine_of(fleet: Fleet, version: str) -> Quarantine | None:
    return next(each.quarantine for each in fleet.versions if each.version == version)


def test_a_bad_version_stops_in_the_first_ring_goes_back_and_is_quarantined() -> None:
    fleet = make_bad_fleet()
    shown = fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    assert fleet.state("canary").step is Step.ABORTED
    quarantine = quarantine_of(fleet, "1.1.0")
    assert quarantine is not None
    assert (quarantine.ring, quarantine.failed, quarantine.reasons) == ("canary", 3, ("SelfTestFailed",))
    assert "edgefleet.io/retry" in shown.rings["canary"].waits
    assert fleet.state("rest").step is Step.PROVED
    assert fleet.plan().effects == ()


@pytest.mark.parametrize("fault", ["DownloadFailed", "FlashError"])
def test_a_registry_that_is_away_says_nothing_against_the_version(fault: str) -> None:
    fleet = make_bad_fleet(fault)
    fleet.settle()
    assert fleet.state("canary").step is Step.ABORTED
    assert quarantine_of(fleet, "1.1.0") is None


def test_evidence_counts_before_anybody_has_written_it_down() -> None:
    fleet = make_bad_fleet()
    while fleet.state("canary").step is not Step.ROLLING_BACK:
        for effect in fleet.plan().effects:
            if isinstance(effect, SaveRing):
                fleet.run(effect)  # and a crash before anything else of the pass
        fleet.now += 1
        if fleet.state("canary").step is Step.ROLLING:
            fleet.step()
    fleet.rings["other"] = make_ring("other", track="^1.0", selector=select("press"))
    fleet.devices["odd"] = make_device("odd", labels={"line": "press"})
    shown = fleet.plan()
    assert [type(effect) for effect in shown.effects].count(QuarantineVersion) == 1
    assert shown.rings["other"].turn.state.target is not None
    assert shown.rings["other"].turn.state.target.version == "1.0.0"


def test_quarantine_blocks_a_digest_under_every_name_and_in_every_ring_and_pin() -> None:
    fleet = make_bad_fleet()
    fleet.versions.append(replace(make_version("1.1.0"), version="1.1.1"))  # the same bytes
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)
    fleet.rings["pinned"] = make_ring("pinned", pin="1.1.1", selector=select("press"))
    fleet.devices["odd"] = make_device("odd", labels={"line": "press"})
    fleet.devices["motor-05"] = replace(fleet.devices["motor-05"], pin=Pin("1.1.0"))
    sent = len(fleet.commands)
    shown = fleet.settle()
    assert len(fleet.commands) == sent
    assert shown.rings["pinned"].reason == "Quarantined"
    assert "canary: 3 of 3 judged devices failed" in shown.rings["pinned"].waits


@pytest.mark.parametrize("on_abort", ["rollback", "hold"])
def test_other_rings_that_run_it_go_back_unless_they_are_to_hold(on_abort: str) -> None:
    first, second = make_version("1.0.0"), make_version("1.1.0")
    rings = {
        "one": make_ring("one", track="^1.0", selector=select("one"), on_abort=on_abort),
        "two": make_ring("two", track="^1.0", selector=select("two"), abort_when=ZERO, soak=100.0),
    }
    devices = {f"{line}-{n}": make_device(f"{line}-{n}", labels={"line": line}) for line in rings for n in range(3)}
    fleet = Fleet(rings, [first], devices)
    for _ in range(5):
        fleet.step(60.0)
    fleet.versions.append(second)
    for _ in range(3):
        fleet.step()
    assert fleet.state("one").step is Step.PROVED
    assert len(fleet.runs("1.1.0")) == 6
    bad = fleet.devices["two-0"].report
    assert bad is not None
    digest = first.artifacts["esp32"].digest
    fleet.devices["two-0"] = replace(
        fleet.devices["two-0"],
        report=replace(bad, progress=Progress.ROLLED_BACK, reason="WatchdogReset", digest=digest),
    )
    fleet.settle()
    stays = {"one-0", "one-1", "one-2"} if on_abort == "hold" else set()
    assert fleet.runs("1.1.0") == stays
    abort = fleet.state("one").abort
    assert abort is not None
    assert abort.reason == "Quarantined"
    assert fleet.state("one").step is Step.ABORTED


def test_a_retry_token_on_the_ring_whose_evidence_it_was_lifts_it() -> None:
    fleet = make_bad_fleet()
    fleet.settle()
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.rings["canary"] = replace(fleet.rings["canary"], tokens={"retry": "anna looked at it"})
    lifted = [effect for effect in fleet.plan().effects if isinstance(effect, LiftQuarantine)]
    assert [effect.version for effect in lifted] == ["1.1.0"]
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)
    assert quarantine_of(fleet, "1.1.0") is None


def test_a_retry_that_was_stored_but_not_lifted_yet_is_no_new_quarantine() -> None:
    fleet = make_bad_fleet()
    fleet.settle()
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.rings["canary"] = replace(fleet.rings["canary"], tokens={"retry": "again"})
    for _ in range(8):
        for effect in fleet.plan().effects:
            if not isinstance(effect, LiftQuarantine):  # the writer of versions is away
                fleet.run(effect)
        fleet.now += 1
        fleet.act()
    assert fleet.state("canary").step is Step.PROVED
    assert any(isinstance(effect, LiftQuarantine) for effect in fleet.plan().effects)


def test_a_retry_token_on_another_ring_does_not_lift_it() -> None:
    fleet = make_bad_fleet()
    fleet.settle()
    fleet.rings["rest"] = replace(fleet.rings["rest"], tokens={"retry": "please"})
    fleet.settle()
    assert quarantine_of(fleet, "1.1.0") is not None
    assert fleet.runs("1.1.0") == set()


def test_lifting_the_quarantine_by_hand_starts_the_stopped_ring_again() -> None:
    fleet = make_bad_fleet()
    fleet.settle()
    fleet.behave = lambda _device, _artifact: Progress.DONE
    fleet.now += 10
    fleet._change("1.1.0", quarantine=None, lifted_at=fleet.now)
    fleet.settle()
    assert fleet.runs("1.1.0") == set(fleet.devices)


def test_committing_a_fix_goes_on_without_anybody() -> None:
    fleet = make_bad_fleet()
    fleet.settle()
    fleet.versions.append(make_version("1.2.0"))
    fleet.settle()
    assert fleet.runs("1.2.0") == set(fleet.devices)
    assert quarantine_of(fleet, "1.1.0") is not None


def test_reverting_the_bad_version_ends_the_stop() -> None:
    fleet = make_bad_fleet()
    fleet.settle()
    fleet.versions = [each for each in fleet.versions if each.version != "1.1.0"]
    fleet.settle()
    assert fleet.state("canary").step is Step.PROVED
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_an_edit_of_the_ring_does_not_outrank_evidence() -> None:
    fleet = make_bad_fleet()
    fleet.settle()
    fleet.rings["canary"] = replace(fleet.rings["canary"], generation=2)
    fleet.settle()
    assert fleet.runs("1.1.0") == set()
    assert fleet.state("canary").step is Step.PROVED
    target = fleet.state("canary").target
    assert target is not None
    assert target.version == "1.0.0"


def test_a_stale_retry_token_does_not_undo_the_next_abort() -> None:
    fleet = Fleet(make_rings(), [make_version("1.0.0")], make_devices(9))
    fleet.rings["canary"] = replace(fleet.rings["canary"], tokens={"retry": "left over"})
    fleet.settle()
    fleet.versions.append(make_version("1.1.0"))
    bad = make_version("1.1.0").artifacts["esp32"]
    fleet.behave = lambda _device, artifact: Progress.FAILED if artifact == bad else Progress.DONE
    fleet.settle()
    assert fleet.state("canary").step is Step.ABORTED
    assert fleet.state("canary").round == 2  # and there was no other try


def test_a_version_without_a_way_back_stops_and_says_so() -> None:
    fleet = Fleet(make_rings(), [make_version("1.0.0")], make_devices(9))
    fleet.behave = lambda _device, _artifact: Progress.ROLLED_BACK
    shown = fleet.settle()
    assert fleet.state("canary").step is Step.ABORTED
    assert fleet.state("canary").history[0].outcome == "Aborted"
    assert shown.rings["rest"].waits == "canary to prove a version"


def test_what_a_later_ring_finds_out_holds_the_rings_before_it_in_the_same_pass() -> None:
    rings = {
        "canary": make_ring("canary", track="^1.0", limit=2, on_abort="hold", success_percent=50),
        "rest": make_ring("rest", after=("canary",), abort_when=ZERO),
    }
    fleet = Fleet(rings, [make_version("1.0.0")], make_devices(6))
    fleet.settle()
    bad = make_version("1.1.0")
    fleet.versions.append(bad)
    fleet.behave = lambda device, artifact: (
        Progress.FAILED if artifact in bad.artifacts.values() and device.ring == "rest" else Progress.DONE
    )
    fleet.rings["canary"] = replace(fleet.rings["canary"], limit=3)
    for _ in range(20):
        # One that joins the canary in every pass, so that one is there in the pass that matters.
        fleet.devices["late"] = make_device("late", ring="canary")
        shown = fleet.step()
        if any(isinstance(effect, QuarantineVersion) for effect in shown.effects):
            break
    else:
        pytest.fail("no ring has quarantined the version")
    assert not [effect for effect in shown.effects if isinstance(effect, SendCommand) and effect.device == "late"]
    assert shown.devices["late"].reason == "Quarantined"


def test_a_suspended_ring_stops_with_the_others_and_goes_back_when_it_is_resumed() -> None:
    first, second = make_version("1.0.0"), make_version("1.1.0")
    rings = {"one": make_ring("one", track="^1.0", max_concurrency=1)}
    fleet = Fleet(rings, [first], make_devices(4))
    fleet.settle()
    fleet.versions.append(second)
    fleet.step()
    fleet.rings["one"] = replace(fleet.rings["one"], suspend=True)
    fleet.step()
    fleet._change("1.1.0", quarantine=Quarantine("elsewhere", 1, fleet.now, 2, 3))
    fleet.settle()
    assert fleet.state("one").step is Step.ROLLING_BACK
    assert len(fleet.runs("1.1.0")) == 1
    fleet.rings["one"] = replace(fleet.rings["one"], suspend=False)
    fleet.settle()
    assert fleet.runs("1.0.0") == set(fleet.devices)


def test_a_device_that_may_not_be_updated_is_not_taken_back_either() -> None:
    fleet = make_bad_fleet()
    name = next(iter(fleet.plan().rings["canary"].devices)).name
    good = make_version("1.1.0").artifacts["esp32"]
    fleet.behave = lambda device, artifact: (
        Progress.FAILED if artifact == good and device.name != name else Progress.DONE
    )
    fleet.step()
    fleet.devices[name] = replace(fleet.devices[name], updates_enabled=False)
    shown = fleet.settle()
    assert fleet.runs("1.1.0") == {name}
    assert shown.devices[name].reason == "UpdatesDisabled"
