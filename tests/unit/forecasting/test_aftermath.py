"""Another revision of the folder, as if it had been rolled out."""

from typing import Any

import pytest

from edgefleet.forecasting.aftermath import load_after
from edgefleet.forecasting.forecast import Forecast
from edgefleet.forecasting.foresight import foresee
from edgefleet.forecasting.loading import RefusedError
from edgefleet.forecasting.pace import Pace
from edgefleet.manifests.folder import Reading, read_files
from support.fleets import to_yaml
from support.forecasts import AT, only, ring, told
from support.good_manifests import Json
from support.live_fleet import canary, device, plant, rest, version


def read(objects: list[Json]) -> Reading:
    return read_files({"fleet.yaml": to_yaml(tuple(objects))})


def after(declared: list[Json], before: list[Json], **options: Any) -> Forecast:
    loading = load_after(read(declared), read(before), name="git:main", now=AT, **options)
    return foresee(loading, AT, Pace())


def test_a_commit_of_a_version_changes_what_runs_the_one_before() -> None:
    found = after(plant("1.0.0", "1.1.0"), plant("1.0.0"))
    assert found.against == "revision"
    assert ring(found, "canary").running == (("1.0.0", 3),)
    assert (ring(found, "canary").before, ring(found, "canary").target) == ("1.0.0", "1.1.0")
    assert found.totals.devices == 12
    assert [(each.verb, each.name) for each in only(found).objects] == [("adds", "motor-anomaly-1.1.0")]


def test_a_revert_goes_back_without_soak_and_without_a_download() -> None:
    before = plant("1.0.0")
    both = after(plant("1.0.0", "1.1.0"), before)
    assert both.changes
    back = after(before, plant("1.0.0", "1.1.0"))
    assert {move.version for move in only(back).moves} == {"1.0.0"}
    assert [(each.verb, each.name) for each in only(back).objects] == [("removes", "motor-anomaly-1.1.0")]


def test_the_same_again_is_nothing() -> None:
    assert not after(plant("1.0.0"), plant("1.0.0")).changes


def test_an_edit_of_a_gate_moves_nobody() -> None:
    found = after(plant("1.0.0", rings=(canary(limit=3, promoteWhen={"minSample": 1}), rest())), plant("1.0.0"))
    assert not found.changes
    assert [each.fields for each in only(found).objects] == [("spec.promoteWhen.minSample", "spec.promoteWhen.soak")]


def test_a_new_device_gets_what_its_ring_has_proved() -> None:
    found = after([*plant("1.0.0"), device("motor-13")], plant("1.0.0"))
    assert sorted(told(ring(found, "canary")) + told(ring(found, "rest"))) == ["motor-13"]


def test_what_it_stands_on_is_said() -> None:
    said = {each.reason: each.names for each in only(after(plant("1.0.0", "1.1.0"), plant("1.0.0"))).assumptions}
    assert said == {"RolledOut": ("git:main",), "NotVerifiedYet": ("motor-anomaly-1.1.0",)}


def test_a_first_commit_stands_on_nothing() -> None:
    found = after(plant("1.0.0"), [])
    assert found.totals.devices == 12
    assert ring(found, "canary").before is None


def test_a_version_that_was_edited_is_refused() -> None:
    with pytest.raises(RefusedError, match="a model version never changes"):
        after([*plant(), version("1.0.0", size=6000)], plant("1.0.0"))
