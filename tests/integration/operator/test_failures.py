"""What goes wrong in a fleet, and who ends it: bad versions, silent devices, restored stores, and rates."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from integration.operator.conftest import make_ring
from support import tinymodel

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.operator.conftest import Site

GOOD, OTHER, NEXT = (tinymodel.build(seed=seed) for seed in (1, 2, 3))
ANY = {"abortWhen": [{"type": "Any", "percent": 0}]}
VERSION = "motor-anomaly-1.1.0"


def make_settled(make_site: Callable[..., Site], count: int, *rings: dict[str, Any]) -> Site:
    """All boards on 1.0.0, proved by every ring."""
    site = make_site(count)
    site.apply(*rings, site.publish("1.0.0", GOOD))
    for ring in rings:
        site.await_step(ring["metadata"]["name"], "Proved", "1.0.0")
    site.wait(lambda: set(site.runs().values()) == {"1.0.0"}, "all on 1.0.0")
    return site


def await_quarantine(site: Site, round_: int) -> dict[str, Any]:
    """Wait until the canary's round has put 1.1.0 into quarantine and its devices are back; return the evidence."""

    def found() -> dict[str, Any] | None:
        quarantine = site.get("mv", VERSION)["status"].get("quarantine", {})
        ring = site.get("rollouts", "canary")["status"]
        over = ring["step"] == "Aborted" and ring["round"] == round_
        return quarantine if over and quarantine.get("round") == round_ else None

    quarantine = site.wait(found, f"the quarantine of round {round_}")
    site.wait(lambda: set(site.runs().values()) == {"1.0.0"}, "all on 1.0.0")
    assert all(site.flash(name, GOOD) for name in site.boards)
    return quarantine


def test_a_bad_version_is_quarantined_by_the_canary_until_somebody_lifts_it(make_site: Callable[..., Site]) -> None:
    canary, rest = make_ring("canary", track="^1.0", limit=1, **ANY), make_ring("rest", after=["canary"], **ANY)
    site = make_settled(make_site, 3, canary, rest)
    site.apply(site.publish("1.1.0", NEXT, answers=OTHER))
    evidence = await_quarantine(site, 2)
    assert (evidence["ring"], evidence["reasons"], evidence["failed"]) == ("canary", ["SelfTestFailed"], 1)
    for kind in ("Ready", "Stalled", "Quarantined"):
        assert site.condition("mv", VERSION, kind)["reason"] == "Quarantined"
    assert "True" in site.table("mv").splitlines()[2]
    ring = site.get("rollouts", "rest")["status"]
    assert (ring["step"], ring["round"], ring["target"]["version"]) == ("Proved", 1, "1.0.0")
    (tried,) = [name for name in site.boards if "lastGood" in site.get("ed", name)["status"]]
    assert site.get("ed", tried)["status"]["attempts"] == 1
    assert site.get("ed", tried)["status"]["phase"] == "Failed"

    # It is as bad as before: whoever lifts the quarantine sees that for themselves, once a value.
    site.annotate("mv", VERSION, "unquarantine", "ada")
    await_quarantine(site, 3)
    assert site.condition("mv", VERSION, "Quarantined")["status"] == "True"
    site.annotate("rollouts", "canary", "retry", "ada")
    await_quarantine(site, 4)
    for name, reasons in {
        "RolloutRing/canary": {"TooManyFailures", "QuarantineLifted", "RetryRequested"},
        f"ModelVersion/{VERSION}": {"Quarantined", "QuarantineLifted"},
    }.items():
        assert reasons <= {reason for said, reason in site.told() if said == name}

    # The same bytes under another name are no other version; what is mended goes through.
    site.apply(site.publish("1.2.0", NEXT))
    site.wait(lambda: site.condition("mv", "motor-anomaly-1.2.0", "Quarantined") != {}, "1.2.0 quarantined too")
    site.apply(site.publish("1.3.0", OTHER))
    site.wait(lambda: "blockedUntil" in site.get("ed", tried)["status"], "the board left alone after three failures")
    site.annotate("ed", tried, "retry", "ada")
    site.await_step("rest", "Proved", "1.3.0")
    site.wait(lambda: set(site.runs().values()) == {"1.3.0"}, "all on 1.3.0")


def test_a_command_that_nobody_answered_is_taken_back(make_site: Callable[..., Site]) -> None:
    site = make_settled(make_site, 2, make_ring("all", track="^1.0", **ANY))
    silent = min(site.boards)
    process = site.boards[silent].process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)  # its session stands, and it reads nothing
    site.apply(site.publish("1.1.0", NEXT, answers=OTHER))
    site.wait(lambda: site.get("ed", silent)["status"].get("desiredVersion") == "1.1.0", "the silent board told")
    site.await_step("all", "Aborted", "1.1.0")
    site.wait(lambda: "desiredVersion" not in site.get("ed", silent)["status"], "the command taken back")
    # What it had received dies with it; what the broker keeps asks for no model.
    site.boards[silent].kill()
    site.boards[silent].start()
    site.wait(lambda: site.boards[silent].said().count("connected") == 2, "the silent board back")
    site.wait(lambda: site.condition("ed", silent, "UpToDate") != {}, "its status")
    assert site.runs()[silent] == "1.0.0"
    assert site.flash(silent, GOOD)
    site.apply(site.publish("1.2.0", OTHER))
    site.await_step("all", "Proved", "1.2.0")
    site.wait(lambda: set(site.runs().values()) == {"1.2.0"}, "all on 1.2.0")


def test_a_device_that_obeyed_what_a_restored_store_does_not_know_waits_for_a_person(
    make_site: Callable[..., Site],
) -> None:
    site = make_settled(make_site, 1, make_ring("all", track="^1.0", **ANY))
    (name,) = site.boards
    backup = [site.get("rollouts", "all"), site.get("ed", name)]
    site.apply(site.publish("1.1.0", NEXT))
    site.await_step("all", "Proved", "1.1.0")
    site.operator.kill()
    site.delete("mv", VERSION)
    for document in backup:
        del document["metadata"]["resourceVersion"]
        site.kubectl("replace", "--subresource=status", "-f", "-", stdin=json.dumps(document))
    site.operator.start()
    site.wait(lambda: site.get("ed", name)["status"]["phase"] == "Conflict", "the conflict")
    paused = site.condition("ed", name, "ConflictPaused")
    assert (paused["status"], paused["reason"]) == ("True", "UnknownGeneration")
    assert site.get("rollouts", "all")["status"]["counts"]["conflict"] == 1
    assert site.flash(name, NEXT)
    site.annotate("ed", name, "resume", "ada")
    site.wait(lambda: site.runs() == {name: "1.0.0"}, "the device back on 1.0.0")
    assert site.flash(name, GOOD)
    status = site.get("ed", name)["status"]
    assert [(token["name"], token["value"]) for token in status["handledTokens"]] == [("resume", "ada")]
    assert site.condition("ed", name, "ConflictPaused") == {}


def test_commands_go_out_at_the_rings_rate(make_site: Callable[..., Site]) -> None:
    site = make_site(3)
    site.apply(make_ring("all", track="^1.0", strategy={"rate": {"perMinute": 20}}), site.publish("1.0.0", GOOD))
    site.wait(lambda: "the rate is used up" in site.table("rollouts"), "waiting for its turn")
    site.await_step("all", "Proved", "1.0.0")
    told = sorted(
        datetime.fromisoformat(site.get("ed", name)["status"]["desired"][0]["at"]).timestamp() for name in site.boards
    )
    pauses = [later - earlier for earlier, later in pairwise(told)]
    assert min(pauses) > 2.5, "20 a minute is one in three seconds"
