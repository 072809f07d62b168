"""A folder to facts: what is refused, and what is taken for granted and named."""

import random
from typing import Any

import pytest

from edgefleet.forecasting.loading import Assumption, RefusedError
from edgefleet.manifests.folder import Reading
from support.fleets import make_version
from support.forecasts import forecast, load
from support.good_manifests import Json
from support.live_fleet import MODEL, canary, condition, device, live, placed, plant, version


def assumed(declared: list[Json], objects: list[Json] | None = None, **options: Any) -> dict[str, Assumption]:
    return {each.reason: each for each in load(declared, objects, **options).namespaces["fleet"].assumptions}


def test_what_lint_calls_an_error_is_refused_in_its_words() -> None:
    with pytest.raises(RefusedError, match=r"fleet.yaml:\d+: error: EdgeDevice fleet/x: .*\[class-exists\]") as refused:
        load([*plant("1.0.0"), device("x", deviceClass="toaster")])
    assert len(refused.value.findings) == 1


def test_warnings_are_counted_and_do_not_refuse() -> None:
    assert load(plant()).warnings == 1


def test_without_a_cluster_everything_is_a_guess_and_every_guess_is_named() -> None:
    found = assumed(plant("1.0.0", "1.1.0"))
    assert found.keys() == {"NotVerifiedYet", "NeverSeen"}
    assert found["NotVerifiedYet"].names == ("motor-anomaly-1.0.0", "motor-anomaly-1.1.0")
    assert len(found["NeverSeen"].names) == 12


def test_against_a_cluster_only_what_is_new_is_guessed() -> None:
    found = assumed([*plant("1.0.0", "1.1.0"), device("motor-13")], live(plant("1.0.0")))
    assert found["NotVerifiedYet"].names == ("motor-anomaly-1.1.0",)
    assert found["NeverSeen"].names == ("motor-13",)
    assert assumed(plant("1.0.0"), live(plant("1.0.0"))) == {}


def test_a_declared_device_that_never_connected_is_named() -> None:
    objects = live(plant("1.0.0"))
    objects[1]["status"] = {
        "observedGeneration": 1,
        "conditions": [condition("Connected", "NeverSeen", status="Unknown")],
    }
    found = assumed(plant("1.0.0"), objects)
    assert found["NeverConnected"].names == ("motor-01",)


def test_a_version_that_the_cluster_has_refused_is_not_taken_as_verified() -> None:
    objects = live(plant("1.0.0"))
    refusal = condition("Ready", "BadSignature", status="False") | {"message": "signed by nobody known"}
    objects[-1]["status"] = {"observedGeneration": 1, "verified": False, "conditions": [refusal]}
    loading = load(plant("1.0.0"), objects)
    (found,) = loading.namespaces["fleet"].facts.versions
    assert (found.verified, found.problem) == (False, "signed by nobody known")


def test_a_version_without_a_signature_is_not_taken_as_verified() -> None:
    unsigned = placed(make_version("1.0.0", MODEL, envelope=None))
    (found,) = load([*plant(), unsigned]).namespaces["fleet"].facts.versions
    assert (found.verified, found.problem) == (False, "the artifact for esp32 is not signed")


def test_classes_that_no_file_declares_are_taken_as_declared_elsewhere() -> None:
    found = assumed([each for each in plant("1.0.0") if each["kind"] != "ConfigMap"])
    assert len(found["ClassElsewhere"].names) == 12


def test_namespaces_are_kept_apart_and_the_given_one_is_of_those_that_name_none() -> None:
    bare = [each | {"metadata": {k: v for k, v in each["metadata"].items() if k != "namespace"}} for each in plant()]
    assert list(load(bare).namespaces) == [""]
    assert list(load(bare, namespace="mine").namespaces) == ["mine"]
    other = [placed(each, "b") for each in (canary(), version("1.0.0"))]
    assert list(load([*plant("1.0.0"), *other]).namespaces) == ["b", "fleet"]


def test_nothing_is_no_fleet() -> None:
    loading = load([])
    assert (dict(loading.namespaces), loading.against) == ({}, "nothing")
    assert Reading((), (), 0).manifests == ()


def test_the_order_of_files_and_of_live_objects_changes_nothing() -> None:
    declared, objects = plant("1.0.0", "1.1.0"), live(plant("1.0.0"), offline=("motor-12",))
    expected = forecast(declared, objects)
    for seed in range(5):
        shuffle = random.Random(seed).sample
        assert forecast(shuffle(declared, len(declared)), shuffle(objects, len(objects))) == expected
