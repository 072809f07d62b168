"""Lint finds what is named and not there."""

from support.fleets import lint_objects, make_classes, make_device, make_object, make_ring, make_version, said


def test_a_fleet_in_order_has_no_findings() -> None:
    report = lint_objects(make_classes(), make_device("a"), make_ring("canary"), make_version())
    assert said(report) == []
    assert (report.objects, report.files) == (4, 1)


def test_a_missing_version_is_a_warning_as_it_may_come_later() -> None:
    report = lint_objects(make_classes(), make_device("a"), make_ring("canary"))
    assert said(report) == ["warning version-exists RolloutRing canary spec.track"]
    pinned = make_ring("canary", modelVersion="2.0.0")
    report = lint_objects(make_classes(), make_device("a"), pinned, make_version())
    assert said(report) == ["warning version-exists RolloutRing canary spec.modelVersion"]
    assert "declared are 1.0.0" in report.findings[0].message


def test_a_tracked_range_ignores_pre_releases() -> None:
    report = lint_objects(make_classes(), make_device("a"), make_ring("canary"), make_version("1.1.0-rc.1"))
    assert said(report) == ["warning version-exists RolloutRing canary spec.track"]


def test_a_missing_class_is_an_error_where_classes_are_declared_and_a_warning_elsewhere() -> None:
    device = make_device("a", "esp23")
    report = lint_objects(make_classes(), device)
    assert said(report) == ["error class-exists EdgeDevice a spec.deviceClass"]
    assert "declared are esp32" in report.findings[0].message
    assert said(lint_objects(device)) == ["warning class-exists EdgeDevice a spec.deviceClass"]


def test_a_missing_pin_is_waited_for() -> None:
    device = make_device("a", pin={"modelVersion": "3.0.0", "reason": "test"})
    report = lint_objects(make_classes(), device, make_ring("canary"), make_version())
    assert said(report) == ["warning version-exists EdgeDevice a spec.pin.modelVersion"]
    assert "motor 3.0.0 is not declared here" in report.findings[0].message
    there = make_device("a", pin={"modelVersion": "1.0.0", "reason": "test"})
    assert said(lint_objects(make_classes(), there, make_ring("canary"), make_version())) == []


def test_a_pin_of_a_device_in_no_ring_must_name_its_model() -> None:
    pin = {"modelVersion": "1.0.0", "reason": "test"}
    ringed, alone = make_device("x"), make_device("a", pin=pin, labels={"site": "two"})
    report = lint_objects(make_classes(), ringed, alone, make_ring("canary"), make_version())
    assert "error pin-has-model EdgeDevice a spec.pin" in said(report)
    alone["spec"]["pin"]["model"] = "motor"
    report = lint_objects(make_classes(), ringed, alone, make_ring("canary"), make_version())
    assert "error pin-has-model EdgeDevice a spec.pin" not in said(report)


def test_a_missing_predecessor_is_an_error_that_names_the_others() -> None:
    report = lint_objects(make_classes(), make_device("a"), make_ring("rest", after=["canry"]), make_ring("canary"))
    assert "error ring-exists RolloutRing rest spec.after[0]" in said(report)
    assert any("declared are canary" in found.message for found in report.findings)


def test_a_predecessor_in_another_namespace_does_not_count() -> None:
    elsewhere = make_ring("canary")
    elsewhere["metadata"]["namespace"] = "other"
    report = lint_objects(make_classes(), make_device("a"), make_ring("rest", after=["canary"]), elsewhere)
    assert "error ring-exists RolloutRing rest spec.after[0]" in said(report)


def test_a_predecessor_of_another_model_can_prove_nothing() -> None:
    other = make_ring("canary")
    other["spec"]["model"] = "pump"
    report = lint_objects(make_classes(), make_device("a"), make_ring("rest", after=["canary"]), other)
    assert "error same-model RolloutRing rest spec.after[0]" in said(report)


def test_a_cycle_is_reported_once_with_its_way() -> None:
    rings = [make_ring(name, after=[before]) for name, before in (("a", "c"), ("b", "a"), ("c", "b"))]
    report = lint_objects(make_classes(), make_device("x"), *rings, make_ring("d", after=["a"]))
    cycles = [found for found in report.findings if found.rule == "no-cycle"]
    assert len(cycles) == 1
    assert cycles[0].where == "RolloutRing a"
    assert "a -> b -> c -> a" in cycles[0].message or "a -> c -> b -> a" in cycles[0].message


def test_two_cycles_through_one_ring_are_both_reported() -> None:
    rings = [make_ring("a", after=["b", "c"]), make_ring("b", after=["a"]), make_ring("c", after=["a"])]
    report = lint_objects(make_classes(), make_device("x"), *rings)
    cycles = [found.message.partition(": ")[2] for found in report.findings if found.rule == "no-cycle"]
    assert sorted(sorted({*cycle.split(" -> ")}) for cycle in cycles) == [["a", "b"], ["a", "c"]]


def test_a_diamond_is_no_cycle() -> None:
    rings = [
        make_ring("top"),
        make_ring("left", after=["top"]),
        make_ring("right", after=["top"]),
        make_ring("bottom", after=["left", "right"]),
    ]
    report = lint_objects(make_classes(), make_device("x"), *rings, make_version())
    assert said(report) == []


def test_the_same_object_twice_is_an_error_with_both_places() -> None:
    report = lint_objects(make_classes(), make_device("a"), make_device("a"))
    assert said(report) == ["error declared-once EdgeDevice a metadata.name"]
    assert "first at fleet.yaml:" in report.findings[0].message


def test_a_device_id_is_unique_in_the_cluster() -> None:
    elsewhere = make_device("a")
    elsewhere["metadata"]["namespace"] = "other"
    report = lint_objects(make_classes(), make_device("a"), elsewhere)
    assert said(report) == ["error device-id-unique EdgeDevice other/a metadata.name"]


def test_a_training_run_for_a_missing_class_is_an_error() -> None:
    spec = {
        "model": "motor",
        "pipeline": {"family": "motor", "deviceClasses": ["esp32", "esp99"]},
        "dataset": {"all": True},
        "trigger": {"type": "once"},
        "publish": {"cluster": {}},
    }
    report = lint_objects(make_classes(), make_object("TrainingRun", "weekly", spec))
    assert said(report) == ["error class-exists TrainingRun weekly spec.pipeline.deviceClasses[1]"]
