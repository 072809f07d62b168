"""The firmware's features from Python: against NumPy, against the C program bit for bit, and what is refused."""

import subprocess

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefleet.contracts import features as contract
from edgefleet_features import (
    CHANNELS,
    FEATURE_NAMES,
    SCHEMAS,
    WINDOW_RATE_HZ,
    WINDOW_SAMPLES,
    SensorScales,
    batch,
    features,
    spectrum,
)
from support.agent_core import sanitized_agent_check
from support.feature_reference import Scales, compute, find_rotation

SCALES = SensorScales(ampere=2 / 32768, metre_per_second2=0.005, pascal=0.0005)
SEEDS = range(40)


def draw_window(seed: int) -> NDArray[np.int16]:
    """A machine of its own: any speed, imbalance, hum, bearing and noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(WINDOW_SAMPLES) / WINDOW_RATE_HZ
    turn = 2 * np.pi * rng.uniform(36, 49)
    knocks = (np.sin(turn * rng.choice([3.5848, 5.4152]) * time + rng.uniform(0, 6)) > 0.98).astype(float)
    ringing = np.exp(-400 * time[:60]) * np.sin(2 * np.pi * 1300 * time[:60])
    line = 2 * np.pi * rng.normal(50, 0.03) * time
    columns = (
        rng.uniform(0.2, 0.5) * (np.sin(line) + 0.1 * np.sin(3 * line) + 0.01 * np.sin(0.7 * line)) / SCALES.ampere,
        (
            rng.uniform(0.2, 1.5) * np.sin(turn * time + rng.uniform(0, 6))
            + rng.uniform(0, 0.4) * np.sin(2 * turn * time)
            + rng.uniform(0.1, 0.5) * np.sin(2 * line)
            + rng.uniform(0, 5) * np.convolve(knocks, ringing)[:WINDOW_SAMPLES]
            + rng.normal(0, rng.uniform(0.05, 0.5), WINDOW_SAMPLES)
        )
        / SCALES.metre_per_second2,
        rng.normal(0, rng.uniform(0.005, 0.2), WINDOW_SAMPLES) / SCALES.pascal,
    )
    offsets = rng.uniform(-300, 300, 3)
    return np.clip(np.round(np.column_stack(columns) + offsets), -32768, 32767).astype(np.int16)


def draw_noise(seed: int) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    return rng.integers(-32768, 32768, (WINDOW_SAMPLES, 3)).astype(np.int16)


@pytest.mark.parametrize("seed", SEEDS)
def test_features_are_what_numpy_makes_of_the_formulas(seed: int) -> None:
    window = draw_window(seed) if seed % 4 else draw_noise(seed)
    computed = dict(zip(FEATURE_NAMES, features(window, 40.5, SCALES).tolist(), strict=True))
    rotation = computed["rotation"]
    if seed % 4:
        assert rotation == pytest.approx(find_rotation(window[:, 1].astype(np.float64)), abs=0.15)
    expected = compute(window, 40.5, Scales(SCALES.ampere, SCALES.metre_per_second2, SCALES.pascal), rotation)
    assert list(computed) == list(expected)
    for name, value in expected.items():
        assert computed[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_the_program_and_the_binding_agree_bit_for_bit() -> None:
    windows = np.stack([draw(seed) for seed in SEEDS for draw in (draw_window, draw_noise)])
    temperatures = np.linspace(-20, 90, len(windows), dtype=np.float32)
    steps = np.array([SCALES.ampere, SCALES.metre_per_second2, SCALES.pascal], dtype=np.float32)
    questions = b"".join(
        celsius.tobytes() + steps.tobytes() + window.tobytes()
        for celsius, window in zip(temperatures, windows, strict=True)
    )
    done = subprocess.run([sanitized_agent_check(), "--features"], input=questions, capture_output=True, check=True)
    assert batch(windows, temperatures, SCALES).tobytes() == done.stdout


@pytest.mark.parametrize("count", [4, 8, 64, 512, 1024, 2048])
def test_the_transform_is_numpys(count: int) -> None:
    for seed in SEEDS:
        values = np.random.default_rng(seed).normal(0, 1000, count).astype(np.float32)
        exact = np.fft.rfft(values.astype(np.float64))
        # Single precision through log2(count) stages.
        assert np.max(np.abs(spectrum(values) - exact)) < 4e-7 * np.log2(count) * np.linalg.norm(values)


def test_a_window_in_a_batch_is_a_window_alone() -> None:
    windows = np.stack([draw_window(seed) for seed in range(5)])
    together = batch(windows, range(5), SCALES)
    alone = [features(window, float(celsius), SCALES) for celsius, window in enumerate(windows)]
    assert together.dtype == np.float32
    assert together.shape == (5, len(FEATURE_NAMES))
    np.testing.assert_array_equal(together, np.stack(alone))
    np.testing.assert_array_equal(batch(windows[:, ::-1][:, ::-1], range(5), SCALES), together)  # any strides
    assert batch(windows[:0], [], SCALES).shape == (0, len(FEATURE_NAMES))


def test_schemas_are_the_contracts() -> None:
    assert list(SCHEMAS) == list(contract.SCHEMAS)
    assert len(CHANNELS) == 3
    for name, schema in SCHEMAS.items():
        wanted = contract.SCHEMAS[name]
        assert schema.digest == wanted.digest()
        assert schema.names == tuple(each.name for each in wanted.features)
        assert schema.units == tuple(each.unit for each in wanted.features)
        np.testing.assert_allclose(schema.scales, [each.scale for each in wanted.features], rtol=1e-7)
        np.testing.assert_allclose(schema.nominals, [each.nominal for each in wanted.features], rtol=1e-7)
    assert (WINDOW_SAMPLES, WINDOW_RATE_HZ) == (contract.WINDOW_SAMPLES, contract.WINDOW_RATE_HZ)


def test_inputs_are_deviations_in_scales() -> None:
    level1 = SCHEMAS["motor-level1"]
    computed = np.array([[0.35, 63.0, 1.4, 50.0, *[9.0] * 17]])
    np.testing.assert_allclose(level1.inputs(computed), [[1.0, 1.0, 0.0, -3.0]], atol=1e-5)
    means = [0.33, 59.0, 0.8, 50.0, *[1.0] * 17]
    np.testing.assert_allclose(level1.inputs(computed, means), [[1.0, 1.0, 1.0, 0.0]], atol=1e-5)


@pytest.mark.parametrize(
    "windows",
    [
        np.zeros((1, WINDOW_SAMPLES, 2), np.int16),
        np.zeros((1, WINDOW_SAMPLES - 1, 3), np.int16),
        np.zeros((WINDOW_SAMPLES, 3), np.int16),
        np.zeros((1, WINDOW_SAMPLES, 3), np.int32),
        np.zeros((1, WINDOW_SAMPLES, 3), np.float64),
    ],
)
def test_other_shapes_and_types_are_refused(windows: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="windows: "):
        batch(windows, [20.0], SCALES)


def test_numbers_that_are_none_are_refused() -> None:
    windows = np.stack([draw_window(1), draw_window(2)])
    with pytest.raises(ValueError, match="window 1 has a temperature"):
        batch(windows, [20.0, np.nan], SCALES)
    with pytest.raises(ValueError, match="temperatures: 2 are expected"):
        batch(windows, [20.0], SCALES)
    with pytest.raises(ValueError, match="window 0 has"):
        batch(windows, [20.0, 20.0], SensorScales(float("inf"), 1.0, 1.0))
    with pytest.raises(ValueError, match="a power of two"):
        spectrum(np.zeros(100))
