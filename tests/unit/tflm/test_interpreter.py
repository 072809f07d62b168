"""TensorFlow Lite Micro itself, on models that are good, too big, foreign or no models."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from edgefleet_tflm.interpreter import ModelRefused, load
from support import tinymodel

ARENA = 16384
SAMPLES = [bytes([0, 0, 0, 0]), bytes([10, 246, 30, 200]), bytes([127, 128, 127, 128])]


def answers(model: bytes) -> list[int]:
    interpreter = load(model, ARENA)
    return [int.from_bytes(interpreter.run(each), "little", signed=True) for each in SAMPLES]


def open_files() -> dict[str, str]:
    opened = (each for each in Path("/proc/self/fd").iterdir() if each.exists())
    return {each.name: str(each.readlink()) for each in opened}


def test_a_model_computes() -> None:
    assert answers(tinymodel.build(seed=1)) == [6, -33, -46]  # LiteRT says the same
    assert answers(tinymodel.build(seed=2)) != answers(tinymodel.build(seed=1))


def test_the_same_model_answers_the_same_every_time() -> None:
    interpreter = load(tinymodel.build(), ARENA)
    assert len({interpreter.run(SAMPLES[1]) for _ in range(100)}) == 1


def test_inputs_and_outputs_are_described() -> None:
    interpreter = load(tinymodel.build(inputs=5, outputs=3), ARENA)
    (given,), (made,) = interpreter.inputs, interpreter.outputs
    assert (given.name, given.shape, given.dtype, given.size_bytes) == ("input", (1, 5), "int8", 5)
    assert (given.scale, given.zero_point) == (tinymodel.INPUT_SCALE, 0)
    assert (made.name, made.shape, made.scale, made.zero_point) == ("sigmoid", (1, 3), 1 / 256, -128)
    assert 500 < interpreter.arena_used < ARENA


def test_an_operator_that_tflm_lacks_is_named() -> None:
    model = tinymodel.parse(tinymodel.build())
    model.operatorCodes[1].builtinCode = 150
    model.operatorCodes[1].deprecatedBuiltinCode = 127
    with pytest.raises(ModelRefused, match="op for builtin opcode 'GELU'"):
        load(tinymodel.encode(model), ARENA)


def test_an_arena_that_is_too_small_is_refused_with_the_size() -> None:
    with pytest.raises(ModelRefused, match=r"Requested: \d+, available \d+"):
        load(tinymodel.build(), 1500)


def test_tflm_may_speak_for_itself(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelRefused, match=r"^load: RuntimeError"):
        load(tinymodel.build(), 1500, listen=False)
    assert "Requested: " in capfd.readouterr().err


@pytest.mark.parametrize("raw", [b"", b"TFL3" * 50, tinymodel.build()[:700], bytes(2000)])
def test_what_is_no_model_is_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(ModelRefused) as refused:
        load(raw, ARENA)
    assert "\n" not in str(refused.value)


def test_an_input_of_another_size_is_refused() -> None:
    interpreter = load(tinymodel.build(), ARENA)
    with pytest.raises(ModelRefused, match="the input has 4 bytes, not 5"):
        interpreter.run(bytes(5))
    assert interpreter.run(bytes(4))


def test_standard_error_and_descriptors_are_as_before() -> None:
    before = open_files()
    with pytest.raises(ModelRefused):
        load(tinymodel.build(), 700)
    load(tinymodel.build(), ARENA).run(bytes(4))
    assert open_files() == before


@pytest.mark.parametrize("when", ["load", "run"])
def test_a_model_can_take_the_process_with_it(when: Literal["load", "run"]) -> None:
    # The premise of the fork server: were this ever a clean refusal, its crash tests would prove nothing.
    program = """
import sys
from edgefleet_tflm.interpreter import load
interpreter = load(sys.stdin.buffer.read(), 16384)
print("loaded", flush=True)
interpreter.run(bytes(4))
"""
    model = tinymodel.build_crashing(when)
    done = subprocess.run([sys.executable, "-c", program], input=model, capture_output=True, check=False)
    assert done.returncode < 0, done.stderr
    assert (b"loaded" in done.stdout) == (when == "run")
