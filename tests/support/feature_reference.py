"""The formulas of docs/features.md once more, in double precision with NumPy, written from the definitions.

The firmware shares one buffer, shifts bands and halves rates; nothing of that is here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefleet.contracts import features as contract

Floats = NDArray[np.float64]

N = contract.WINDOW_SAMPLES
RATE = contract.WINDOW_RATE_HZ
BIN = RATE / N
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N) / N)


@dataclass(frozen=True)
class Scales:
    ampere: float
    metre_per_second2: float
    pascal: float


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _crest(values: Floats) -> float:
    return float(np.max(np.abs(values)) / _rms(values))


def _powers(values: Floats) -> Floats:
    """Mean square of each bin, one-sided, corrected for the window."""
    bins = np.fft.rfft(values * HANN)
    return 2 * np.abs(bins) ** 2 / N**2 / np.mean(HANN**2)


def _nearest(hertz: float) -> int:
    return int(np.floor(hertz / BIN + 0.5))


def _line(powers: Floats, hertz: float, reach: int) -> float:
    middle = _nearest(hertz)
    return float(np.sqrt(powers[middle - reach : middle + reach + 1].sum()))


def find_rotation(vibration: Floats) -> float:
    """The frequency at which the windowed signal's transform is largest, on a fine grid."""
    low = contract.SPEED_LOW * contract.LINE_HZ / contract.POLE_PAIRS
    high = contract.SPEED_HIGH * contract.LINE_HZ / contract.POLE_PAIRS
    grid = np.arange(low, high + 0.001, 0.01)
    time = np.arange(N) / RATE
    transform = np.exp(-2j * np.pi * grid[:, None] * time[None, :]) @ ((vibration - vibration.mean()) * HANN)
    return float(grid[np.argmax(np.abs(transform))])


def _envelope(vibration: Floats) -> Floats:
    """Of the high band, under the window, every second sample, without its mean."""
    bins = np.fft.fft(vibration * HANN)
    hertz = np.fft.fftfreq(N, 1 / RATE)
    bins[(hertz < contract.BAND_LOW_HZ) | (hertz > contract.BAND_HIGH_HZ)] = 0
    envelope = np.abs(np.fft.ifft(2 * bins))[::2]
    return envelope - envelope.sum() / HANN[::2].sum() * HANN[::2]


def compute(window: NDArray[np.int16], temperature: float, scales: Scales, rotation: float) -> dict[str, float]:
    """Return the features by name, at a rotation that was found before."""
    current, vibration, sound = (
        (window[:, column] - window[:, column].astype(np.float64).mean()) * scale
        for column, scale in enumerate((scales.ampere, scales.metre_per_second2, scales.pascal))
    )
    powers = _powers(vibration)
    hertz = np.arange(len(powers)) * BIN
    velocities = np.zeros_like(powers)
    velocities[1:] = powers[1:] * (1000 / (2 * np.pi * hertz[1:])) ** 2
    band = (hertz >= contract.VELOCITY_LOW_HZ) & (hertz <= contract.VELOCITY_HIGH_HZ)
    high = (hertz >= contract.BAND_LOW_HZ) & (hertz <= contract.BAND_HIGH_HZ)
    envelope = _envelope(vibration)
    envelope_powers = 2 * np.abs(np.fft.rfft(envelope)) ** 2 / len(envelope) ** 2 / np.mean(HANN**2)
    currents = _powers(current)
    fundamental = _line(currents, contract.LINE_HZ, 2)
    harmonics = [_line(currents, order * contract.LINE_HZ, 2) for order in range(2, 11)]
    slip = 1 - rotation * contract.POLE_PAIRS / contract.LINE_HZ
    sideband_hertz = contract.LINE_HZ * (1 - 2 * slip)
    apart = _nearest(sideband_hertz) + 3 < _nearest(contract.LINE_HZ)
    races = [
        max(_line(envelope_powers, rotation * order + near * BIN, 1) for near in range(-2, 3))
        for order in (contract.BPFO, contract.BPFI)
    ]
    return {
        "current": _rms(current),
        "temperature": temperature,
        "vibration": float(np.sqrt(velocities[band].sum())),
        "sound": 20 * np.log10(_rms(sound) / contract.SOUND_REFERENCE_PASCAL),
        "acceleration": _rms(vibration),
        "kurtosis": float(np.mean(vibration**4) / np.mean(vibration**2) ** 2),
        "crest": _crest(vibration),
        "rotation": rotation,
        "order1": _line(velocities, rotation, 2),
        "order2": _line(velocities, 2 * rotation, 2),
        "order3": _line(velocities, 3 * rotation, 2),
        "lineDouble": _line(velocities, 2 * contract.LINE_HZ, 2),
        "highBand": float(np.sqrt(powers[high].sum())),
        "envelope": float(np.sqrt((envelope**2).sum() / (HANN[::2] ** 2).sum())),
        "outerRace": races[0],
        "innerRace": races[1],
        "currentFundamental": fundamental,
        "currentThd": float(np.linalg.norm(harmonics)) / fundamental,
        "currentSideband": _line(currents, sideband_hertz, 1) / fundamental if apart else 0.0,
        "currentCrest": _crest(current),
        "soundCrest": _crest(sound),
    }
