"""A device's settings as Git declares them, as they travel, and as they come back. Mapping only."""

from edgefleet.api.scalars import seconds
from edgefleet.api.v1alpha1.edgedevice import EdgeDeviceSpec
from edgefleet.api.v1alpha1.edgedevice import Settings as ApiSettings
from edgefleet.contracts.desired import Settings


def to_wire(spec: EdgeDeviceSpec) -> Settings | None:
    """Returns what the device is told besides its model; None where everything is the firmware's default."""
    declared = spec.settings or ApiSettings()
    level2 = spec.role == "level2"
    settings = Settings(
        anomaly_threshold=declared.anomaly_threshold,
        hysteresis_windows=declared.hysteresis_windows,
        sample_period_ms=_to_milliseconds(declared.sample_period),
        telemetry_period_ms=_to_milliseconds(declared.telemetry_period),
        role="level2" if level2 else None,
        sources=spec.sources.devices if level2 and spec.sources is not None and spec.sources.devices else None,
    )
    return settings if settings != Settings() else None


def from_wire(settings: Settings | None) -> ApiSettings | None:
    """Returns reported settings as the API shows them."""
    if settings is None:
        return None
    shown = ApiSettings(
        anomaly_threshold=settings.anomaly_threshold,
        hysteresis_windows=settings.hysteresis_windows,
        sample_period=_to_duration(settings.sample_period_ms),
        telemetry_period=_to_duration(settings.telemetry_period_ms),
    )
    return shown if shown != ApiSettings() else None


def _to_milliseconds(duration: str | None) -> int | None:
    return seconds(duration) * 1000 if duration is not None else None


def _to_duration(milliseconds: int | None) -> str | None:
    """Whole seconds: what is shorter cannot be declared, and is not shown."""
    whole = (milliseconds or 0) // 1000
    return f"{whole}s" if whole else None
