"""What applying a folder would do to the plant: by ring, wave and device."""

import pytest

from edgefleet.forecasting.forecast import Left
from edgefleet.forecasting.pace import Pace
from support.fleets import make_classes, make_envelope, make_payload
from support.forecasts import forecast, only, ring, told
from support.good_manifests import Json
from support.live_fleet import (
    MODEL,
    canary,
    condition,
    device,
    device_status,
    digest,
    live,
    placed,
    plant,
    rest,
    target,
    version,
)

NIGHT = {"timeZone": "UTC", "periods": [{"start": "22:00", "end": "23:00"}]}


def edit(objects: list[Json], name: str, **changes: Json) -> list[Json]:
    """Returns the objects with parts of one of them changed."""
    return [each | changes if each["metadata"]["name"] == name else each for each in objects]


def test_a_new_version_goes_to_three_first_and_then_to_the_rest_in_waves() -> None:
    found = forecast(plant("1.0.0", "1.1.0"), live(plant("1.0.0")))
    first, second = ring(found, "canary"), ring(found, "rest")
    assert (first.changed, len(first.waves), first.starts_at) == (3, 1, 0)
    assert (second.changed, [len(wave.moves) for wave in second.waves]) == (9, [3, 3, 3])
    assert sorted(told(first) + told(second)) == [f"motor-{number:02}" for number in range(1, 13)]
    assert first.running == (("1.0.0", 3),)
    assert (first.before, first.target, first.step) == ("1.0.0", "1.1.0", "Proved")
    assert {(move.before, move.version) for move in second.moves} == {("1.0.0", "1.1.0")}
    assert first.proved_at is not None
    assert second.starts_at is not None
    assert second.starts_at == pytest.approx(first.proved_at, abs=1)


def test_bytes_flash_and_time_are_those_of_the_artifact() -> None:
    found = forecast(plant("1.0.0", "1.1.0"), live(plant("1.0.0")), Pace(bandwidth=1_000, update_seconds=2))
    totals = found.totals
    manifest = totals.manifest_bytes // 12
    assert totals.model_bytes == 12 * 5_832
    assert 500 < manifest < 4_096
    assert (totals.sectors_max, totals.sectors) == (5, 60)
    update = (5_832 + manifest) / 1_000 + 2
    assert totals.seconds == pytest.approx(update + 60 + 3 * update, abs=0.5)


def test_nothing_to_do_is_nothing() -> None:
    found = forecast(plant("1.0.0"), live(plant("1.0.0")))
    assert not found.changes
    assert found.totals.devices == 0
    assert found.totals.seconds is None


def test_a_revert_goes_back_at_once() -> None:
    objects = live(plant("1.0.0", "1.1.0"), "1.1.0")
    for each in objects:
        if each["kind"] == "RolloutRing":
            older = {**target("1.0.0"), "round": 1, "at": "2026-11-19T06:00:00Z"}
            each["status"] = each["status"] | {"round": 2, "proven": [*each["status"]["proven"], older]}
    found = forecast(plant("1.0.0"), objects)
    assert (ring(found, "canary").target, ring(found, "rest").target) == ("1.0.0", "1.0.0")
    assert ring(found, "canary").proved_at == pytest.approx(10, abs=1)
    assert only(found).blasts == ()  # both have proved it before


def test_an_approval_is_taken_for_granted_and_said() -> None:
    rings = (canary(), rest(approval="required"))
    found = forecast(plant("1.0.0", "1.1.0", rings=rings), live(plant("1.0.0", rings=rings)))
    (block,) = ring(found, "rest").blocks
    assert (block.reason, block.granted, block.needs_person) == ("ApprovalMissing", True, True)
    assert ring(found, "rest").proved_at is not None
    assert [(each.reason, each.names) for each in only(found).assumptions if each.reason == "ApprovalGranted"] == [
        ("ApprovalGranted", ("rest",))
    ]


def test_a_closed_window_is_waited_for_until_it_opens() -> None:
    rings = (canary(), rest(window=NIGHT))
    found = forecast(plant("1.0.0", "1.1.0", rings=rings), live(plant("1.0.0", rings=rings)))
    (block,) = ring(found, "rest").blocks
    assert (block.reason, block.end) == ("WindowClosed", pytest.approx(16 * 3_600, abs=1))
    assert ring(found, "rest").starts_at == pytest.approx(16 * 3_600, abs=1)


def test_a_rollout_longer_than_its_window_goes_on_in_the_next_one() -> None:
    rings = (rest(after=[], track="^1.0", strategy={"maxConcurrency": 1}, window=NIGHT),)
    del rings[0]["spec"]["after"]
    found = forecast(plant("1.0.0", rings=rings), None, Pace(update_seconds=600))
    starts = [wave.at for wave in ring(found, "rest").waves]
    assert len(starts) == 12
    assert starts[5] < 17 * 3_600
    assert starts[6] == pytest.approx((16 + 24) * 3_600, abs=1)
    assert [block.reason for block in ring(found, "rest").blocks] == ["WindowClosed", "WindowClosed"]


def test_a_ring_without_a_version_says_what_it_waits_for() -> None:
    found = forecast(plant())
    (block,) = ring(found, "canary").blocks
    assert (block.reason, block.end, block.needs_person) == ("VersionMissing", None, True)
    assert not found.changes


def test_a_version_that_is_refused_or_quarantined_blocks() -> None:
    declared = plant("1.0.0", "1.1.0")
    pinned = canary(modelVersion="1.1.0")
    del pinned["spec"]["track"]
    declared = [pinned if each["metadata"]["name"] == "canary" else each for each in declared]
    objects = live(declared)
    refusal = condition("Ready", "BadSignature", status="False") | {"message": "signed by nobody known"}
    refused = {"observedGeneration": 1, "verified": False, "conditions": [refusal]}
    (block,) = ring(forecast(declared, edit(objects, "motor-anomaly-1.1.0", status=refused)), "canary").blocks
    assert block.reason == "VersionNotVerified"
    assert "signed by nobody known" in block.waits
    evidence = {
        "since": "2026-11-20T06:00:00Z",
        "ring": "canary",
        "round": 2,
        "failed": 2,
        "judged": 3,
        "message": "no",
    }
    held = {"observedGeneration": 1, "verified": True, "quarantine": evidence}
    found = forecast(declared, edit(objects, "motor-anomaly-1.1.0", status=held))
    assert "Quarantined" in {block.reason for block in ring(found, "canary").blocks}
    assert told(ring(found, "canary")) == []


def test_who_is_left_out_is_named_with_the_planners_own_reason() -> None:
    declared = plant("1.0.0", "1.1.0", rings=(rest(track="^1.0"),))
    del declared[13]["spec"]["after"]
    declared[2] = device("motor-02", pin={"modelVersion": "1.0.0", "reason": "bearing test"})
    declared[3] = device("motor-03", updatesEnabled=False)
    declared[4] = device("motor-04", revoked=True)
    objects = live(declared, offline=("motor-05",))
    small = device_status("1.0.0") | {"capabilities": {"slotBytes": 4096, "arenaBytes": 16384, "runtime": "tflm"}}
    found = ring(forecast(declared, edit(objects, "motor-06", status=small)), "rest")
    left = {each.reason: each for each in found.left}
    assert left.keys() == {"Pinned", "UpdatesDisabled", "Revoked", "Offline", "DoesNotFit"}
    assert left["Pinned"] == Left("Excluded", "Pinned", "is pinned to 1.0.0", ("motor-02",))
    assert left["DoesNotFit"].message == "the file has 5832 bytes, a slot 4096"
    assert len(told(found)) == 7


def test_devices_in_no_ring_and_in_two_are_shown() -> None:
    both = (canary(), placed(canary(selector={"matchLabels": {"line": "press"}})))
    both[1]["metadata"]["name"] = "second"
    declared = [*plant("1.0.0"), placed(device("lab-01") | {})]
    declared[-1]["metadata"] = declared[-1]["metadata"] | {"labels": {"motor": "none"}}
    (stray,) = only(forecast(declared)).strays
    assert (stray.standing, stray.devices) == ("Unassigned", ("lab-01",))
    live_both = live(plant("1.0.0", rings=both))
    overlapping = only(forecast([], live_both))
    assert any(block.reason == "RingsOverlap" for each in overlapping.rings for block in each.blocks)


def test_pins_move_their_device_beside_the_rings() -> None:
    declared = plant("1.0.0", "1.1.0", rings=(canary(suspend=True),))
    declared[1] = device("motor-01", pin={"model": MODEL, "modelVersion": "1.1.0", "reason": "first look"})
    (move,) = only(forecast(declared, live(plant("1.0.0", rings=(canary(),))))).pinned
    assert (move.device, move.before, move.version, move.at) == ("motor-01", "1.0.0", "1.1.0", 0)


def test_how_many_devices_a_bad_version_reaches() -> None:
    (blast,) = only(forecast(plant("1.0.0", "1.1.0"), live(plant("1.0.0")))).blasts
    assert (blast.model, blast.version, blast.ring) == (MODEL, "1.1.0", "canary")
    assert len(blast.failing) == 3
    assert blast.stops_at == pytest.approx(10, abs=1)
    assert blast.silent == 3
    assert blast.silent_until == pytest.approx(70, abs=1)


def test_a_ring_that_nothing_stops_gives_a_bad_version_to_all_of_its_devices() -> None:
    rings = (canary(limit=8), rest())
    del rings[0]["spec"]["abortWhen"]
    (blast,) = only(forecast(plant("1.0.0", rings=rings))).blasts
    assert (blast.ring, blast.stops_at, len(blast.failing)) == (None, None, 8)


def test_gates_on_figures_are_taken_for_granted_and_said() -> None:
    gate = {"minSample": 3, "metrics": [{"metric": "latency", "max": 5000}, {"metric": "drift", "max": 0.2}]}
    found = forecast(plant("1.0.0", rings=(canary(promoteWhen=gate), rest())))
    assert ring(found, "canary").proved_at is not None
    assert ring(found, "canary").gate.figures == ("latency at most 5000", "drift at most 0.2")
    assert [each.sentence for each in only(found).assumptions if each.reason == "FiguresGood"] == [
        "its gate is passed: latency at most 5000",
        "its gate is passed: drift at most 0.2",
    ]


def test_pods_have_no_flash() -> None:
    pod = {"image": f"example.com/pod@sha256:{'0' * 64}"}
    coral = {"runtime": "edgetpu", "transport": "pod", "slotBytes": 9_000_000, "pod": pod}
    shown = {"deviceClass": "coral", "format": "edgetpu", "sha256": digest("1.0.0", "coral"), "sizeBytes": 90_000}
    both = version("1.0.0")
    both["spec"]["artifacts"].append({**shown, "envelope": make_envelope(make_payload("1.0.0", MODEL, **shown))})
    declared = [placed(make_classes(coral=coral)), *plant()[1:], both, device("pod-01", deviceClass="coral")]
    sectors = {move.device: move.cost.sectors for move in only(forecast(declared)).moves}
    assert len(sectors) == 13
    assert sectors.pop("pod-01") == 0
    assert all(sectors.values())


def test_a_rollout_that_is_under_way_is_planned_on_from_where_it_is() -> None:
    declared = plant("1.0.0", "1.1.0")
    objects = live(declared, canaries=("motor-01", "motor-02", "motor-03"))
    rolling = {
        "observedGeneration": 1,
        "step": "Rolling",
        "since": "2026-11-21T05:59:00Z",
        "startedAt": "2026-11-21T05:59:00Z",
        "round": 2,
        "target": target("1.1.0"),
        "stable": target("1.0.0"),
        "proven": [{**target("1.0.0"), "round": 1, "at": "2026-11-20T06:00:00Z"}],
    }
    objects = edit(objects, "canary", status=rolling)
    done = device_status("1.1.0", ring="canary")
    busy = device_status("1.1.0", ring="canary", phase="Commanded")
    busy["desired"][0] |= {"at": "2026-11-21T05:59:50Z"}
    busy["reported"][0] |= {"digest": digest("1.0.0"), "modelVersion": "1.0.0"}
    objects = edit(edit(objects, "motor-01", status=done), "motor-02", status=busy)
    found = forecast(declared, objects)
    assert told(ring(found, "canary")) == ["motor-03"]
    assert ring(found, "canary").proved_at == pytest.approx(70, abs=2)
    assert "motor-02" not in told(ring(found, "rest"))
    assert ring(found, "canary").running == (("1.0.0", 2), ("1.1.0", 1))


def test_a_command_that_nobody_wants_any_more_is_taken_back() -> None:
    declared = plant("1.0.0", rings=(rest(track="^1.0"),))
    del declared[13]["spec"]["after"]
    objects = live(declared, offline=("motor-12",))
    told_newer = device_status("1.1.0", online=False, phase="Held")
    told_newer["reported"][0] |= {"digest": digest("1.0.0"), "modelVersion": "1.0.0"}
    found = forecast(declared, edit(objects, "motor-12", status=told_newer))
    assert [(each.device, each.ring) for each in only(found).recalls] == [("motor-12", "rest")]
    assert found.changes


def test_a_large_fleet_is_planned_in_few_looks() -> None:
    rings = (canary(), rest(strategy={"maxConcurrency": 2, "rate": {"perMinute": 6}}))
    declared = [*plant("1.0.0", rings=rings), *(device(f"more-{number:04}") for number in range(600))]
    found = forecast(declared)
    last = ring(found, "rest")
    assert last.drawn_together > 1
    assert len(last.waves) <= 62
    assert last.changed == 609
    assert last.ends_at == pytest.approx(71 + 609 / 6 * 60, rel=0.05)
    assert any(each.reason == "WavesDrawnTogether" for each in only(found).assumptions)
