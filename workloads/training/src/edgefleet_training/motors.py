"""Shaded-pole motors and what four sensors read of them, healthy and not. Must not know any network.

Quasi-steady equations instead of waveforms: one window is one operating point. Every machine has its own supply,
cooling, imbalance, sensor gains and background noise, so a model has to hold on machines that it has never seen.
Orders of magnitude are those of a small fan motor: 230 V, 50 Hz, two poles, 0.38 A, 2600 revolutions a minute.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEATURE_SCHEMA: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("feature_schemas.json").read_bytes())[
    "motor-level1"
]
"""What a model's inputs mean, from the wire contract: a device that computes another schema refuses the model.

The file beside this one is generated (`make generate`): this package's environment has nothing of EdgeFleet's.
"""
BASELINE_WINDOWS: Final[int] = FEATURE_SCHEMA["baselineWindows"]
"""Healthy windows that a machine is commissioned with; their mean is subtracted from all that follow."""
SCALES: Final[tuple[float, ...]] = tuple(each["scale"] for each in FEATURE_SCHEMA["features"])
"""The deviations from the machine's baseline that read as 1."""

_RATED_SLIP: Final = 0.13
_SUPPLY_HERTZ: Final = 50.0
_RATED_HERTZ: Final = _SUPPLY_HERTZ * (1 - _RATED_SLIP)
_MAGNETISING_AMPERES: Final = 0.30
_LOAD_AMPERES: Final = 0.233  # so that rated load draws 0.38 A
_OHMS: Final = 70.0
_COPPER_PER_KELVIN: Final = 0.00393
_IRON_WATTS: Final = 8.0
_ROTOR_WATTS: Final = 6.0  # at rated torque; grows with the slip
_KELVIN_PER_WATT: Final = 2.0
_FAULTS: Final = 4
_BEARING, _IMBALANCE, _BLOCKED_AIR, _OVERLOAD = range(_FAULTS)


@dataclass(frozen=True)
class Windows:
    """Windows of several machines."""

    features: Floats
    """(n, 4), relative to each machine's baseline, in the units of the feature schema's scales."""
    faulty: NDArray[np.bool_]
    """(n,) the truth."""


@dataclass(frozen=True)
class _Machine:
    """What distinguishes one machine; hidden from the model."""

    duty: float
    cooling: float
    imbalance: float
    gain: float
    hum: float
    background: float
    ambient: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Machine:
        return cls(
            duty=rng.uniform(0.4, 0.8),
            cooling=rng.lognormal(0.0, 0.12),
            imbalance=rng.lognormal(np.log(1.0), 0.4),
            gain=rng.lognormal(0.0, 0.25),
            hum=rng.lognormal(np.log(0.4), 0.2),
            background=rng.uniform(42.0, 54.0),
            ambient=rng.uniform(16.0, 28.0),
        )

    def read(self, rng: np.random.Generator, severities: Floats) -> Floats:
        """Return what the sensors read, (n, 4).

        Args:
            rng: The source of chance.
            severities: (n, faults), each from 0 (none) to 1 (about to fail).
        """
        count = len(severities)
        bearing, imbalance, blocked, overload = (severities[:, kind] for kind in range(_FAULTS))
        voltage = rng.normal(1.0, 0.02, count)
        load = self.duty * rng.beta(6.0, 2.5, count) / 0.7
        torque = load + 0.25 * bearing + 0.45 * overload
        slip = np.clip(_RATED_SLIP * torque / voltage**2, 0.005, 0.6)
        hertz = _SUPPLY_HERTZ * (1 - slip)
        # A shaded pole saturates early: the magnetising current rises faster than the voltage.
        current = np.hypot(_MAGNETISING_AMPERES * voltage**1.8, _LOAD_AMPERES * torque / voltage)

        # The frame forgets a window's load within an hour: the machine's duty counts more.
        lasting = 0.7 * self.duty + 0.3 * load + (torque - load)
        watts = _IRON_WATTS * voltage**2 + _ROTOR_WATTS * lasting * slip / _RATED_SLIP
        watts = watts + current**2 * _OHMS * (1 + _COPPER_PER_KELVIN * 35.0)
        cooling = self.cooling * (1 + 0.7 * blocked) * (_RATED_HERTZ / hertz) ** 0.6
        temperature = self.ambient + rng.normal(0.0, 2.0, count) + _KELVIN_PER_WATT * cooling * watts

        turning = self.imbalance * (1 + 2.2 * imbalance) * (hertz / _RATED_HERTZ) ** 2
        knocks = np.where(rng.random(count) < 0.15, rng.exponential(0.8, count), 0.0)
        rough = 2.4 * bearing * rng.lognormal(0.0, 0.25, count)
        velocity = np.sqrt(turning**2 + (self.hum * voltage**2) ** 2 + rough**2 + knocks**2)
        vibration = self.gain * velocity + rng.normal(0.0, 0.08, count)

        # Powers add: the room, the fan (less of it where no air moves), and what shakes.
        room = 10 ** ((self.background + rng.normal(0.0, 1.5, count)) / 10)
        fan = 10**5.2 * (hertz / _RATED_HERTZ) ** 5 * (1 - 0.5 * blocked)
        sound = 10 * np.log10(room + fan + 10**4.6 * velocity**2) + rng.normal(0.0, 0.4, count)
        return np.column_stack([current, temperature, vibration, sound])


def draw(seed: int, machines: int, windows: int) -> Windows:
    """Return windows of machines of their own, half of them of a machine that fails.

    Args:
        seed: Equal seeds give equal windows; machines of different seeds have nothing in common.
        machines: How many machines.
        windows: Windows a machine, healthy and faulty ones together.
    """
    rng = np.random.default_rng(seed)
    scales = np.array(SCALES)
    features, faulty = list[Floats](), list[NDArray[np.bool_]]()
    for number in range(machines):
        machine = _Machine.draw(rng)
        baseline = machine.read(rng, np.zeros((BASELINE_WINDOWS, _FAULTS))).mean(axis=0)
        severities = np.zeros((windows, _FAULTS))
        # Wear has no threshold: weak faults look healthy, and no model can tell all of them.
        severities[: windows // 2, number % _FAULTS] = rng.uniform(0.1, 1.0, windows // 2)
        features.append((machine.read(rng, severities) - baseline) / scales)
        faulty.append(severities.max(axis=1) > 0)
    return Windows(np.concatenate(features), np.concatenate(faulty))
