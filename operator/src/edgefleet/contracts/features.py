"""What devices compute from their sensors and models read: feature schemas, each known by name and digest.

A model was trained on one schema and refuses to mean anything under another; so the digest covers every figure that an
extractor depends on, and no prose. The firmware has the same figures as C (firmware/generated/edgefleet_features.h).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

# One window: half a second, whose spectrum has a line every 2 Hz.
WINDOW_SAMPLES: Final = 2048
WINDOW_RATE_HZ: Final = 4096
# Healthy windows that a machine is commissioned with.
BASELINE_WINDOWS: Final = 10
# Rises when the same figures are computed in another way.
REVISION: Final = 1
FORMULA: Final = "(value - mean of the machine's healthy baseline) / scale"

# What orders, bearing lines and the line frequency refer to: a two-pole shaded-pole motor on bearings of nine
# balls (the geometry of type 6205, on which public bearing data was measured).
LINE_HZ: Final = 50.0
POLE_PAIRS: Final = 1
BPFO: Final = 3.5848
BPFI: Final = 5.4152
# Where the speed is looked for, as shares of the synchronous speed.
SPEED_LOW: Final = 0.70
SPEED_HIGH: Final = 1.0
# Velocity as ISO 10816 measures it, and the band in which bearings ring.
VELOCITY_LOW_HZ: Final = 10.0
VELOCITY_HIGH_HZ: Final = 1000.0
BAND_LOW_HZ: Final = 900.0
BAND_HIGH_HZ: Final = 1800.0
SOUND_REFERENCE_PASCAL: Final = 20e-6


@dataclass(frozen=True, slots=True)
class Feature:
    """One number of a window.

    Attributes:
        name: in the schema, in C and in training data.
        unit: UCUM; `1` for a ratio.
        scale: the deviation from the baseline that a model reads as 1.
        nominal: stands for the baseline's mean until the machine has one.
        meaning: for a person.
        reason: where scale and nominal come from, for a person.
    """

    name: str
    unit: str
    scale: float
    nominal: float
    meaning: str
    reason: str


@dataclass(frozen=True, slots=True)
class Schema:
    """The features behind a model's inputs, in the order of the inputs."""

    name: str
    features: tuple[Feature, ...]

    def to_tree(self) -> dict[str, Any]:
        """Return the definition: everything that a value depends on."""
        return {
            "name": self.name,
            "revision": REVISION,
            "window": {"samples": WINDOW_SAMPLES, "rateHz": WINDOW_RATE_HZ},
            "baselineWindows": BASELINE_WINDOWS,
            "formula": FORMULA,
            "machine": {
                "lineHz": LINE_HZ,
                "polePairs": POLE_PAIRS,
                "bpfo": BPFO,
                "bpfi": BPFI,
                "speedSearch": [SPEED_LOW, SPEED_HIGH],
            },
            "bands": {
                "velocityHz": [VELOCITY_LOW_HZ, VELOCITY_HIGH_HZ],
                "highHz": [BAND_LOW_HZ, BAND_HIGH_HZ],
                "soundReferencePascal": SOUND_REFERENCE_PASCAL,
            },
            "features": [
                {"name": each.name, "unit": each.unit, "scale": each.scale, "nominal": each.nominal}
                for each in self.features
            ],
        }

    def digest(self) -> str:
        """Return SHA-256 of the definition, hexadecimal: what a manifest names."""
        return digest_of(self.to_tree())


def canonical_json(tree: Any) -> bytes:
    """Return the one spelling of a definition that its digest is taken over: sorted keys, no spaces, ASCII."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest_of(tree: Any) -> str:
    """Return SHA-256 over a definition's canonical JSON, hexadecimal, however its file spells it."""
    return hashlib.sha256(canonical_json(tree)).hexdigest()


# The typical machine is that of workloads/training (motors.py): 230 V, 50 Hz, rated 0.38 A at 2600 revolutions a
# minute, on average at 60 % of its rated load. A scale is one to three times what a healthy machine varies from window
# to window, so that 1 is a deviation worth looking at.
_LEVEL1: Final = (
    Feature(
        *("current", "A", 0.02, 0.33),
        "root mean square of the motor's current",
        "typical machine, a duty of 0.6; a healthy window varies by 0.015",
    ),
    Feature(
        *("temperature", "Cel", 4.0, 59.0),
        "of the frame",
        "typical machine in a room of 22 Cel; a healthy window varies by 3.8",
    ),
    Feature(
        *("vibration", "mm/s", 0.6, 1.4),
        "velocity of the frame, root mean square, 10 to 1000 Hz",
        "typical machine; ISO 10816 calls up to 1.8 mm/s fit for small machines; a healthy window varies by 0.26",
    ),
    Feature(
        *("sound", "dB", 2.0, 56.0),
        "sound pressure level, re 20 uPa",
        "typical machine in a quiet room; a healthy window varies by 0.7",
    ),
)
_LEVEL2: Final = (
    Feature(
        *("acceleration", "m/s2", 0.2, 0.5),
        "of the frame, root mean square",
        "1.2 mm/s at 46 Hz is 0.35, 0.4 mm/s at 100 Hz is 0.25; air and bearings add 0.3",
    ),
    Feature(
        *("kurtosis", "1", 0.5, 2.7),
        "of the acceleration: fourth moment over the square of the second, not in excess of 3",
        "1.5 for a sine, 3 for noise; the mixture above has 2.7",
    ),
    Feature(
        *("crest", "1", 0.6, 3.2),
        "peak over root mean square of the acceleration",
        "1.4 for a sine, 3.5 for 2048 samples of noise; impacts lift it first",
    ),
    Feature(
        *("rotation", "Hz", 1.0, 46.0),
        "of the shaft, found between 0.70 and 1.0 of the synchronous speed",
        "a slip of 0.08 at a duty of 0.6 (0.13 and 43.5 Hz when rated); load moves it by 0.8 from window to window",
    ),
    Feature(
        *("order1", "mm/s", 0.6, 1.2),
        "velocity at the rotation",
        "imbalance: what the hum at 100 Hz and knocks leave of 1.4 mm/s; as wide as vibration",
    ),
    Feature(
        *("order2", "mm/s", 0.15, 0.15),
        "velocity at twice the rotation",
        "an eighth of the first order where nothing is misaligned",
    ),
    Feature(
        *("order3", "mm/s", 0.1, 0.1),
        "velocity at three times the rotation",
        "a twelfth of the first order where nothing is loose",
    ),
    Feature(
        *("lineDouble", "mm/s", 0.15, 0.4),
        "velocity at twice the line frequency",
        "the pull of a pulsating field, 0.4 mm/s on the typical machine and a fifth more or less on others",
    ),
    Feature(
        *("highBand", "m/s2", 0.1, 0.2),
        "acceleration from 900 to 1800 Hz, root mean square",
        "noise of 0.3 m/s2 up to 2048 Hz has 0.2 in this band",
    ),
    Feature(
        *("envelope", "m/s2", 0.08, 0.13),
        "envelope of the acceleration from 900 to 1800 Hz, root mean square about its mean",
        "of noise, 0.66 of its high band; with its mean it would be 1.41 of any signal's, which says nothing new",
    ),
    Feature(
        *("outerRace", "m/s2", 0.02, 0.02),
        "line of the envelope at 3.5848 times the rotation",
        "the envelope's noise has 0.01 a line, and the strongest of the few lines near by is taken",
    ),
    Feature(
        *("innerRace", "m/s2", 0.02, 0.02),
        "line of the envelope at 5.4152 times the rotation",
        "as outerRace, for the inner race",
    ),
    Feature(
        *("currentFundamental", "A", 0.02, 0.33),
        "current at the line frequency, root mean square",
        "as current: a tenth of harmonics adds half a percent",
    ),
    Feature(
        *("currentThd", "1", 0.03, 0.1),
        "harmonics of the current over its fundamental",
        "a shaded pole saturates: about a tenth, nearly all of it the third",
    ),
    Feature(
        *("currentSideband", "1", 0.005, 0.005),
        "current at (1 - 2 slip) of the line frequency over the fundamental",
        "-46 dB is a sound rotor, -40 dB a broken bar (twice the nominal, one scale away)",
    ),
    Feature(
        *("currentCrest", "1", 0.05, 1.45),
        "peak over root mean square of the current",
        "1.414 for a sine, a little more where it saturates",
    ),
    Feature(
        *("soundCrest", "1", 0.5, 3.5),
        "peak over root mean square of the sound",
        "noise over 2048 samples; knocks and clicks lift it",
    ),
)

MOTOR_LEVEL1: Final = Schema("motor-level1", _LEVEL1)
MOTOR_LEVEL2: Final = Schema("motor-level2", _LEVEL1 + _LEVEL2)
SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType({each.name: each for each in (MOTOR_LEVEL1, MOTOR_LEVEL2)})
