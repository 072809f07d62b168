"""The simulated motor: its signals are a motor's, and each fault shows where that fault shows on a machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support.device import build_check, build_port

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RATE = 4096
SECONDS = 4
BPFO = 3.5848


@dataclass(frozen=True)
class Statistics:
    """What a measurement says, computed here and not by the firmware.

    Attributes:
        amperes: root mean square.
        velocity: mm/s, 10 to 1000 Hz, root mean square.
        rotation: Hz, the strongest line where the shaft can turn.
        first_order: mm/s there.
        high_band: m/s2, 900 to 1800 Hz, root mean square.
        outer_race: m/s2, line of that band's envelope at BPFO.
        kurtosis: of the acceleration.
        decibels: re 20 uPa.
        celsius: an hour later.
    """

    amperes: float
    velocity: float
    rotation: float
    first_order: float
    high_band: float
    outer_race: float
    kurtosis: float
    decibels: float
    celsius: float


def measure(folder: Path, seed: int = 3, faults: str = "", *, closed: bool = False) -> Statistics:
    path = folder / "faults"
    path.write_text(faults)
    command = [
        build_port("motor-frames") / "motor_frames",
        str(seed),
        str(SECONDS),
        path,
        *(["closed"] if closed else []),
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    frames = np.frombuffer(done.stdout, np.float32).reshape(-1, 3).astype(np.float64)
    assert len(frames) == RATE * SECONDS
    return analyse(frames[:, 0], frames[:, 1], frames[:, 2], float(done.stderr.split()[-1]))


def analyse(current: Floats, vibration: Floats, sound: Floats, celsius: float) -> Statistics:
    count = len(vibration)
    hertz = np.fft.rfftfreq(count, 1 / RATE)[1:]
    lines = np.abs(np.fft.rfft(vibration))[1:] * np.sqrt(2) / count  # each one's root mean square
    velocities = 1000 * lines / (2 * np.pi * hertz)
    turning = (hertz >= 35) & (hertz <= 49.8)
    rotation = float(hertz[turning][np.argmax(lines[turning])])
    ringing = (hertz >= 900) & (hertz <= 1800)
    spectrum = np.fft.fft(vibration)
    where = np.fft.fftfreq(count, 1 / RATE)
    envelope = np.abs(np.fft.ifft(2 * np.where((where >= 900) & (where <= 1800), spectrum, 0)))
    knocks = np.abs(np.fft.rfft(envelope - envelope.mean()))[1:] * 2 / count
    return Statistics(
        amperes=float(np.sqrt(np.mean(current**2))),
        velocity=power(velocities[(hertz >= 10) & (hertz <= 1000)]),
        rotation=rotation,
        first_order=power(velocities[np.abs(hertz - rotation) < 2]),
        high_band=power(lines[ringing]),
        outer_race=float(knocks[np.abs(hertz - BPFO * rotation) < 2.5].max()),
        kurtosis=float(np.mean((vibration - vibration.mean()) ** 4) / vibration.var() ** 2),
        decibels=float(20 * np.log10(np.sqrt(np.mean(sound**2)) / 20e-6)),
        celsius=celsius,
    )


def power(lines: Floats) -> float:
    return float(np.sqrt(np.sum(lines**2)))


@pytest.mark.parametrize("seed", range(6))
def test_a_sound_motor_is_an_ordinary_one(tmp_path: Path, seed: int) -> None:
    found = measure(tmp_path, seed)
    assert 0.30 < found.amperes < 0.38
    assert 0.4 < found.velocity < 5.0
    assert 43.5 < found.rotation < 48.5  # it slips, less than when rated
    assert found.first_order > 0.6 * found.velocity
    assert 0.17 < found.high_band < 0.23
    assert found.outer_race < 0.02
    assert found.kurtosis < 3.2
    assert 48 < found.decibels < 62
    assert 40 < found.celsius < 80


def test_each_seed_is_a_motor_and_always_the_same_one(tmp_path: Path) -> None:
    assert measure(tmp_path, 1) == measure(tmp_path, 1)
    assert measure(tmp_path, 1) != measure(tmp_path, 2)


def test_the_current_has_the_lines_frequency_and_a_third_harmonic(tmp_path: Path) -> None:
    (tmp_path / "faults").write_text("")
    command = [build_port("motor-frames") / "motor_frames", "3", str(SECONDS), tmp_path / "faults"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    current = np.frombuffer(done.stdout, np.float32).reshape(-1, 3)[:, 0]
    lines = np.abs(np.fft.rfft(current))
    fundamental = lines[50 * SECONDS]
    assert np.argmax(lines) == 50 * SECONDS
    assert 0.08 < lines[150 * SECONDS] / fundamental < 0.12
    slip = 1 - measure(tmp_path, 3).rotation / 50
    sideband = lines[int(50 * (1 - 2 * slip) * SECONDS) - 8 : int(50 * (1 - 2 * slip) * SECONDS) + 9].max()
    assert 0.001 < sideband / fundamental < 0.01


def test_a_bearing_knocks(tmp_path: Path) -> None:
    sound, found = measure(tmp_path), measure(tmp_path, faults="bearing 0.6\n")
    assert found.outer_race > 20 * sound.outer_race
    assert found.high_band > 5 * sound.high_band
    assert found.kurtosis > sound.kurtosis + 0.5
    assert found.velocity > 1.15 * sound.velocity
    assert found.decibels > sound.decibels
    weak = measure(tmp_path, faults="bearing 0.1")
    assert sound.outer_race * 3 < weak.outer_race < found.outer_race / 3


def test_an_imbalance_turns_with_the_shaft(tmp_path: Path) -> None:
    sound, found = measure(tmp_path), measure(tmp_path, faults="imbalance 0.5")
    assert found.first_order == pytest.approx(2.1 * sound.first_order, rel=0.05)
    assert found.high_band == pytest.approx(sound.high_band, rel=0.02)
    assert found.amperes == sound.amperes


def test_blocked_air_heats_and_is_quieter(tmp_path: Path) -> None:
    sound, found = measure(tmp_path), measure(tmp_path, faults="blocked-air 1")
    assert found.celsius > sound.celsius + 15
    assert found.decibels < sound.decibels - 0.5
    assert (found.amperes, found.velocity) == (sound.amperes, sound.velocity)


def test_overload_draws_current_and_slips(tmp_path: Path) -> None:
    sound, found = measure(tmp_path), measure(tmp_path, faults="overload 0.4")
    assert found.amperes > sound.amperes + 0.02
    assert found.rotation < sound.rotation - 0.7
    assert found.celsius > sound.celsius + 3
    assert found.outer_race < 0.02


def test_sensors_that_lie_change_nothing_else(tmp_path: Path) -> None:
    sound = measure(tmp_path)
    warm = measure(tmp_path, faults="temperature-offset 5")
    assert warm.celsius == pytest.approx(sound.celsius + 5, abs=0.01)
    assert warm.velocity == sound.velocity
    loud = measure(tmp_path, faults="vibration-gain 1.3")
    assert loud.velocity == pytest.approx(1.3 * sound.velocity, rel=0.01)
    assert loud.high_band == pytest.approx(1.3 * sound.high_band, rel=0.01)
    assert (loud.amperes, loud.celsius) == (sound.amperes, sound.celsius)


def test_a_closed_valve_takes_the_load_off(tmp_path: Path) -> None:
    faults = "overload 0.5\nbearing 0.3\n"
    open_, closed = measure(tmp_path, faults=faults), measure(tmp_path, faults=faults, closed=True)
    assert closed.amperes < open_.amperes - 0.02
    assert closed.rotation > open_.rotation + 1
    assert closed.celsius < open_.celsius - 5


@pytest.mark.parametrize("line", ["bearing", "bearing x", "bearing 1.1", "bearing 0.5 0.5", "rust 0.5", "bearing -0.1"])
def test_a_line_that_names_no_fault_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "faults"
    path.write_text(f"imbalance 0.5\n{line}\n")
    command = [build_port("motor-frames") / "motor_frames", "1", "1", path]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert b"line 2 is none: a fault and its severity, such as 'bearing 0.6'" in done.stderr


def test_sensors_work_in_real_time(tmp_path: Path) -> None:
    command = [build_check("sensors"), tmp_path / "faults"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "valve: closed" in done.stderr
