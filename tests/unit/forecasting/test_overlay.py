"""Live objects under declared ones: what the API server would hold once the folder is applied."""

from typing import Any

import pytest

from edgefleet.forecasting.loading import RefusedError
from edgefleet.forecasting.overlay import LiveError, ObjectChange, read_live
from support.fleets import make_config
from support.forecasts import load
from support.good_manifests import Json
from support.live_fleet import canary, device, live, placed, plant, rest, ring_status, version


def changes(declared: list[Json], objects: list[Json], **options: Any) -> list[ObjectChange]:
    return list(load(declared, objects, **options).namespaces["fleet"].objects)


def test_what_is_as_it_was_is_no_change() -> None:
    assert changes(plant("1.0.0"), live(plant("1.0.0"))) == []


def test_new_edited_and_missing_objects_are_told_apart() -> None:
    declared = [
        *(each for each in plant("1.0.0", "1.1.0") if each["metadata"]["name"] not in {"motor-11", "motor-02", "rest"}),
        device("motor-02", settings={"anomalyThreshold": 0.7}, updatesEnabled=False),
        rest(strategy={"maxConcurrency": 1}, approval="required"),
    ]
    assert changes(declared, live(plant("1.0.0"))) == [
        ObjectChange("removes", "EdgeDevice", "motor-11"),
        ObjectChange("adds", "ModelVersion", "motor-anomaly-1.1.0"),
        ObjectChange("changes", "EdgeDevice", "motor-02", ("spec.settings", "spec.updatesEnabled")),
        ObjectChange("changes", "RolloutRing", "rest", ("spec.approval", "spec.strategy.maxConcurrency")),
    ]


def test_labels_and_tokens_are_changes_and_what_flux_adds_is_none() -> None:
    declared = plant("1.0.0")
    declared[1] = device("motor-01", "conveyor")
    declared[-3]["metadata"]["annotations"] = {"edgefleet.io/retry": "two", "note": "mine"}
    assert changes(declared, live(plant("1.0.0"))) == [
        ObjectChange("changes", "EdgeDevice", "motor-01", ("labels.line",)),
        ObjectChange("changes", "RolloutRing", "canary", ("edgefleet.io/retry",)),
    ]


def test_lists_that_are_sets_have_no_order() -> None:
    rings = (canary(), rest(after=["canary", "second"]), placed(canary(selector={"matchLabels": {"a": "b"}})))
    rings[2]["metadata"]["name"] = "second"
    turned = (rings[0], rest(after=["second", "canary"]), rings[2])
    assert changes(plant("1.0.0", rings=turned), live(plant("1.0.0", rings=rings))) == []


def test_only_what_the_same_kustomization_applied_leaves_with_it() -> None:
    three = ("motor-01", "motor-02", "motor-03")
    declared = [each for each in plant("1.0.0") if each["metadata"]["name"] not in three]
    objects = live(plant("1.0.0"))
    enrolled, elsewhere, kept = (
        next(each for each in objects if each["metadata"]["name"] == f"motor-0{n}") for n in (1, 2, 3)
    )
    enrolled["metadata"]["labels"] = {"motor": "shaded-pole"}
    elsewhere["metadata"]["labels"] |= {"kustomize.toolkit.fluxcd.io/name": "another"}
    kept["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    assert {(each.verb, each.name) for each in changes(declared, objects)} == {
        ("keeps", "motor-01"),
        ("keeps", "motor-02"),
        ("keeps", "motor-03"),
    }
    assert {each.verb for each in changes(declared, objects, prune=True)} == {"removes"}
    (said,) = [each for each in load(declared, objects).namespaces["fleet"].assumptions if each.reason == "NotDeclared"]
    assert said.names == ("motor-01", "motor-02", "motor-03")


def test_argo_prunes_what_its_application_applied() -> None:
    objects = live(plant("1.0.0"))
    for each in objects:
        each["metadata"]["labels"].pop("kustomize.toolkit.fluxcd.io/name")
        each["metadata"]["annotations"] = {
            "argocd.argoproj.io/tracking-id": f"plant:x/y:fleet/{each['metadata']['name']}"
        }
    declared = [each for each in plant("1.0.0") if each["metadata"]["name"] != "motor-09"]
    assert changes(declared, objects) == [ObjectChange("removes", "EdgeDevice", "motor-09")]


def test_a_namespace_that_nothing_is_declared_in_is_left_alone() -> None:
    other = [placed(each, "elsewhere") for each in live(plant("1.0.0"))]
    loading = load(plant("1.0.0"), [*live(plant("1.0.0")), *other])
    assert list(loading.namespaces) == ["fleet"]


def test_an_edited_ring_has_a_new_generation_and_keeps_its_state_and_tokens() -> None:
    objects = live(plant("1.0.0"))
    ring = next(each for each in objects if each["metadata"]["name"] == "rest")
    ring["metadata"] |= {"generation": 4, "annotations": {"edgefleet.io/approve": "somebody"}}
    edited = load(plant("1.0.0", rings=(canary(), rest(limit=5))), objects).namespaces["fleet"].facts
    same = load(plant("1.0.0"), objects).namespaces["fleet"].facts
    assert [each.generation for each in (*same.rings, *edited.rings) if each.name == "rest"] == [4, 5]
    (found,) = (each for each in edited.rings if each.name == "rest")
    assert found.tokens == {"approve": "somebody"}
    assert found.state.round == 1
    assert found.state.stable is not None


def test_a_version_that_would_be_edited_is_refused_as_the_api_server_does() -> None:
    with pytest.raises(RefusedError, match=r"spec: a model version never changes.*\[immutable\]"):
        load([*plant(), version("1.0.0", size=6000)], live([*plant(), version("1.0.0")]))


def test_a_live_object_of_another_version_of_the_api_is_named() -> None:
    objects = live(plant("1.0.0"))
    objects[-1]["status"]["colour"] = "blue"
    with pytest.raises(LiveError, match=r"live ModelVersion motor-anomaly-1.0.0: status.colour: unknown field"):
        load(plant("1.0.0"), objects)


def test_objects_of_others_are_passed_over() -> None:
    strangers = [
        {"apiVersion": "apps/v1", "kind": "EdgeDevice", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "y"}},
        {"apiVersion": "edgefleet.io/v1alpha1", "kind": "TrainingRun", "metadata": {"name": "z"}},
    ]
    assert read_live(strangers) == {}


def test_live_classes_count_where_the_folder_declares_none() -> None:
    without = [each for each in plant("1.0.0") if each["kind"] != "ConfigMap"]
    loaded = load(without, live(plant("1.0.0"))).namespaces["fleet"]
    assert all(each.class_known for each in loaded.facts.devices)
    broken = live([placed(make_config("device-classes", {"esp32": "runtime: steam"})), *without])
    assert not any(each.class_known for each in load(without, broken).namespaces["fleet"].facts.devices)


def test_live_objects_alone_are_the_cluster_as_it_is() -> None:
    loading = load([], live(plant("1.0.0")))
    facts = loading.namespaces["fleet"].facts
    assert (len(facts.devices), len(facts.rings), loading.namespaces["fleet"].objects) == (12, 2, ())
    assert {each.state.step.value for each in facts.rings} == {ring_status("1.0.0")["step"]}
