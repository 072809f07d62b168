"""What the API lets through fits the wire, and what devices report fits status."""

from typing import Any, get_args

import pytest

from edgefleet.api import scalars
from edgefleet.api.v1alpha1 import deviceclass, edgedevice, modelversion
from edgefleet.contracts import fields, formats, limits
from edgefleet.contracts.desired import Settings as WireSettings
from edgefleet.contracts.manifest import Manifest
from edgefleet.contracts.reported import Capabilities as WireCapabilities
from edgefleet.contracts.reported import InstalledModel, SelfTest


def literals(model: Any, field: str) -> set[str]:
    """Returns the values of a Literal field, an optional one included."""
    annotation = model.model_fields[field].annotation
    found = {value for value in get_args(annotation) if isinstance(value, str)}
    return found or {value for part in get_args(annotation) for value in get_args(part)}


@pytest.mark.parametrize(
    ("api", "wire"),
    [
        (literals(deviceclass.DeviceClass, "runtime"), fields.Runtime),
        (literals(edgedevice.Capabilities, "runtime"), fields.Runtime),
        (literals(edgedevice.Capabilities, "accelerator"), fields.Accelerator),
        (literals(edgedevice.EdgeDeviceSpec, "role"), fields.Role),
        (literals(edgedevice.ReportedModel, "slot"), fields.Slot),
        (literals(modelversion.Artifact, "format"), fields.ModelFormat),
        (literals(modelversion.Tensor, "dtype"), fields.DType),
        (set(deviceclass.FORMATS), fields.Runtime),
    ],
)
def test_words_are_the_same_in_git_and_on_the_wire(api: set[str], wire: Any) -> None:
    assert api == set(get_args(wire))


@pytest.mark.parametrize("low_high", [("samplePeriod", "1s", "1h"), ("telemetryPeriod", "1s", "24h")])
def test_periods_that_git_may_set_fit_the_signed_settings(low_high: tuple[str, str, str]) -> None:
    name, *ends = low_high
    for end in ends:
        edgedevice.Settings.model_validate({name: end})
        WireSettings.model_validate({f"{name}Ms": scalars.seconds(end) * 1000}, by_alias=True, by_name=False)


def test_every_setting_of_a_device_travels() -> None:
    in_git = set(edgedevice.Settings.model_fields)
    on_wire = {name.removesuffix("_ms") for name in WireSettings.model_fields}
    assert in_git <= on_wire
    assert on_wire - in_git == {"role", "sources"}  # they stand beside settings in the spec


def test_status_has_a_place_for_what_a_device_reports() -> None:
    reported = {name.removeprefix("model_") for name in edgedevice.ReportedModel.model_fields}
    assert set(InstalledModel.model_fields) - {"manifest_digest"} <= reported
    assert set(WireCapabilities.model_fields) <= set(edgedevice.Capabilities.model_fields)
    assert set(SelfTest.model_fields) == set(edgedevice.SelfTest.model_fields)


def test_an_envelope_in_git_holds_the_largest_manifest() -> None:
    (bound,) = [
        mark.max_length
        for mark in modelversion.Envelope.model_fields["payload"].metadata
        if hasattr(mark, "max_length")
    ]
    assert bound == 4 * ((limits.MANIFEST_MAX + 2) // 3)
    assert Manifest.max_bytes == limits.MANIFEST_MAX


def test_names_and_versions_of_the_api_are_names_and_versions_on_the_wire() -> None:
    assert scalars.MODEL_MAX <= formats.NAME_MAX
    assert scalars.VERSION_MAX <= formats.SEMVER_MAX
    assert scalars.INT64_EXACT <= limits.INT64_MAX
