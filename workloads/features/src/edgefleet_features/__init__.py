"""What a window of samples says about a machine, as a device computes it: the firmware's own code, compiled for Python.

There is no second implementation that could differ. Formulas and their sources are in docs/features.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgefleet_features import _core

WINDOW_SAMPLES: Final = _core.WINDOW_SAMPLES
WINDOW_RATE_HZ: Final = _core.WINDOW_RATE_HZ
CHANNELS: Final = ("current", "vibration", "sound")
"""Of a frame, in this order."""


@dataclass(frozen=True, slots=True)
class SensorScales:
    """What one step of the converters is."""

    ampere: float
    metre_per_second2: float
    pascal: float


@dataclass(frozen=True, slots=True)
class FeatureSchema:
    """The features that a model reads.

    Attributes:
        name: as manifests name it.
        digest: SHA-256 of its definition, hexadecimal.
        names: of the features, in the order of a model's inputs.
        units: UCUM.
        scales: the deviations that a model reads as 1.
        nominals: what stands for a machine's means until it has a baseline.
    """

    name: str
    digest: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    scales: tuple[float, ...]
    nominals: tuple[float, ...]

    def inputs(self, features: ArrayLike, means: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return a model's inputs before quantisation: deviations from the machine's means, in scales.

        Args:
            features: (..., at least as many as this schema has).
            means: of the machine's baseline, in the same order; None for a machine without one.
        """
        count = len(self.names)
        values = np.asarray(features, dtype=np.float32)[..., :count]
        subtracted = np.asarray(self.nominals if means is None else means, dtype=np.float32)[..., :count]
        return (values - subtracted) / np.asarray(self.scales, dtype=np.float32)


def _read_schemas() -> Mapping[str, FeatureSchema]:
    schemas = {}
    for name, digest, rows in _core.describe():
        names, units, scales, nominals = zip(*rows, strict=True)
        schemas[name] = FeatureSchema(name, digest.hex(), names, units, scales, nominals)
    return MappingProxyType(schemas)


SCHEMAS: Final = _read_schemas()
"""By name, the smallest first; each is the beginning of the next."""
FEATURE_NAMES: Final = tuple(SCHEMAS.values())[-1].names
"""Of all that is computed."""


def features(window: ArrayLike, temperature: float, scales: SensorScales) -> NDArray[np.float32]:
    """Return the features of one window, in the order of FEATURE_NAMES.

    Args:
        window: (WINDOW_SAMPLES, 3) samples as the converters give them, 16 bits, a column for each of CHANNELS.
        temperature: of the machine's frame, Celsius.
        scales: of the converters.

    Raises:
        ValueError: another shape, or a temperature or scale that is no finite number.
    """
    return batch(np.asarray(window)[np.newaxis], [temperature], scales)[0]


def batch(windows: ArrayLike, temperatures: ArrayLike, scales: SensorScales) -> NDArray[np.float32]:
    """Return the features of n windows, (n, len(FEATURE_NAMES)); other threads run meanwhile.

    Args:
        windows: (n, WINDOW_SAMPLES, 3), as for `features`.
        temperatures: (n,), Celsius.
        scales: of the converters.

    Raises:
        ValueError: as for `features`.
    """
    frames = _as_frames(windows)
    celsius = np.ascontiguousarray(temperatures, dtype=np.float32)
    if celsius.shape != frames.shape[:1]:
        raise ValueError(f"temperatures: {frames.shape[0]} are expected, not {celsius.shape}")
    computed = np.empty((len(frames), len(FEATURE_NAMES)), dtype=np.float32)
    _core.measure_windows(frames, celsius, computed, scales.ampere, scales.metre_per_second2, scales.pascal)
    return computed


def _as_frames(windows: ArrayLike) -> NDArray[np.int16]:
    given = np.asarray(windows)
    if given.ndim != 3 or given.shape[1:] != (WINDOW_SAMPLES, len(CHANNELS)):
        raise ValueError(f"windows: (n, {WINDOW_SAMPLES}, {len(CHANNELS)}) is expected, not {given.shape}")
    if given.dtype != np.int16:
        # A sample that does not fit would come out as another one.
        raise ValueError(f"windows: samples of 16 bits are expected, not {given.dtype}")
    return np.ascontiguousarray(given)


def spectrum(values: ArrayLike) -> NDArray[np.complex64]:
    """Return the bins 0 to n/2 of real values as the firmware's own transform computes them, without scaling.

    Args:
        values: n of them, a power of two from 4 to 2048.

    Raises:
        ValueError: another number of values.
    """
    work = np.array(values, dtype=np.float32)
    if work.ndim != 1:
        raise ValueError("values: one signal is expected")
    _core.transform(work)
    bins = np.empty(len(work) // 2 + 1, dtype=np.complex64)
    bins[1:-1] = work[2:].view(np.complex64)
    bins[0], bins[-1] = work[0], work[1]
    return bins
