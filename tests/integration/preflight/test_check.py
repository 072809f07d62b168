"""The preflight on files, good and bad: each verdict with the numbers that a person needs."""

import base64
import hashlib
import json
import os
import random
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edgefleet.publication.report import PreflightReport
from edgefleet_preflight import arena
from edgefleet_preflight.check import check_model
from edgefleet_preflight.confinement import MANDATORY, OPTIONAL
from edgefleet_preflight.sandbox import Sandbox
from edgefleet_preflight.verdicts import Reason
from edgefleet_tflm import interpreter
from support import tinymodel
from support.preflights import change, make_class, write_classes

CHECKS = ["class", "size", "structure", "operators", "arena", "vectors"]


def check(model: bytes, **changes: Any) -> PreflightReport:
    return check_model(model, "esp32", make_class(**changes))


@pytest.fixture(scope="module")
def good() -> PreflightReport:
    return check(tinymodel.build())


def test_a_good_model_passes_with_all_its_figures(good: PreflightReport) -> None:
    model = tinymodel.build()
    assert (good.passed, good.reason) == (True, "Ok")
    assert [each.name for each in good.checks if each.passed] == CHECKS
    assert (good.sha256, good.size_bytes) == (hashlib.sha256(model).hexdigest(), len(model))
    assert good.ops == ("FULLY_CONNECTED", "LOGISTIC")
    assert (good.inputs[0].shape, good.outputs[0].shape) == ((1, 4), (1, 1))
    assert len(good.vectors) == 8
    assert good.warnings == ()
    assert set(good.engines) == {"ai-edge-litert", "tflite-micro"}
    assert set(MANDATORY) <= set(good.sandbox) <= {*MANDATORY, *OPTIONAL}
    assert good.is_whole()


def test_the_arena_is_the_smallest_that_runs(good: PreflightReport) -> None:
    assert good.arena_bytes is not None
    assert good.arena_bytes % arena.ALIGNMENT == 0
    loaded = interpreter.load(tinymodel.build(), good.arena_bytes)
    # What TFLM says it uses is less than what it needs: the reason for trying.
    assert loaded.arena_used < good.arena_bytes
    with pytest.raises(interpreter.ModelRefused):
        interpreter.load(tinymodel.build(), good.arena_bytes - arena.ALIGNMENT)


def test_the_arena_does_not_depend_on_where_the_search_begins(good: PreflightReport) -> None:
    for likely in (0, 1712, 1728, 2 * arena.LARGEST):
        assert arena.find_smallest_arena(Sandbox(), tinymodel.build(), likely) == good.arena_bytes


def test_the_vectors_are_what_tflm_answers_in_that_arena(good: PreflightReport) -> None:
    loaded = interpreter.load(tinymodel.build(), good.arena_bytes or 0)
    for vector in good.vectors:
        assert loaded.run(base64.b64decode(vector.input)) == base64.b64decode(vector.output)
    assert len({vector.output for vector in good.vectors}) > 1


def test_two_runs_give_the_same_bytes(good: PreflightReport) -> None:
    again = check(tinymodel.build())
    assert again.model_dump_json() == good.model_dump_json()
    assert again.evidence == good.evidence


def test_the_evidence_covers_everything(good: PreflightReport) -> None:
    for field, value in {"arena_bytes": 16, "vectors": good.vectors[:1], "sandbox": (), "message": "x"}.items():
        assert not good.model_copy(update={field: value}).is_whole()


def test_another_class_is_another_verdict(good: PreflightReport) -> None:
    other = check(tinymodel.build(), slotBytes=70000)
    assert other.class_hash != good.class_hash
    assert other.evidence != good.evidence


def test_tolerance_and_oldest_firmware_are_the_class_s() -> None:
    report = check(tinymodel.build(), toleranceLsb=2, minFirmware="1.4.0")
    assert (report.tolerance_lsb, report.min_firmware) == (2, "1.4.0")
    assert check(tinymodel.build(), minFirmware="one").message.startswith("minFirmware: one")


def test_a_constant_answer_is_a_warning() -> None:
    def silence(model: Any) -> None:
        for index in (1, 2, 4, 5):  # weights and biases
            buffer = model.buffers[model.subgraphs[0].tensors[index].buffer]
            buffer.data = bytes(len(buffer.data))

    report = check(change(silence))
    assert report.passed
    assert "same output" in report.warnings[0]


def refused(report: PreflightReport, reason: Reason, at: str) -> str:
    """Assert a refusal; return its message."""
    assert (report.passed, report.reason) == (False, reason), report.message
    assert (report.checks[-1].name, report.checks[-1].passed) == (at, False)
    assert report.is_whole()
    assert report.vectors == ()
    return report.message


def test_an_operator_outside_the_class() -> None:
    message = refused(check(tinymodel.build(), ops=["FULLY_CONNECTED"]), Reason.OP_UNSUPPORTED, "operators")
    assert message == "operator LOGISTIC is not in the class, which has FULLY_CONNECTED"


def test_too_large_for_the_slot() -> None:
    message = refused(check(tinymodel.build(), slotBytes=1311), Reason.DOES_NOT_FIT, "size")
    assert message == "1312 bytes do not fit into the class's slot of 1311 bytes"
    assert check(tinymodel.build(), slotBytes=1312).passed


def test_too_large_for_anything() -> None:
    report = check(bytes(64 * 1024 * 1024 + 1), slotBytes=2**31 - 1)
    refused(report, Reason.TOO_LARGE, "size")


def test_arena_too_small_names_both_numbers(good: PreflightReport) -> None:
    needs = good.arena_bytes or 0
    assert check(tinymodel.build(), arenaBytes=needs).passed
    message = refused(check(tinymodel.build(), arenaBytes=needs - 1), Reason.ARENA_TOO_SMALL, "arena")
    assert message == f"the model needs an arena of {needs} bytes, the class has {needs - 1} bytes"


def test_another_runtime_is_not_guessed_at() -> None:
    message = refused(check(tinymodel.build(), runtime="edgetpu"), Reason.UNSUPPORTED, "class")
    assert message == "runtime: edgetpu, this preflight knows tflm"


def test_a_model_that_reads_what_it_never_wrote_is_refused() -> None:
    def forget_weights(model: Any) -> None:
        model.subgraphs[0].tensors[1].buffer = 0

    message = refused(check(change(forget_weights)), Reason.SELF_TEST_FAILED, "vectors")
    assert "memory that it never wrote" in message
    reversed_order = change(lambda model: model.subgraphs[0].operators.reverse())
    refused(check(reversed_order), Reason.SELF_TEST_FAILED, "vectors")


def test_tflm_s_own_words_are_handed_on() -> None:
    def unplug(model: Any) -> None:
        model.subgraphs[0].operators[0].inputs = [0]

    message = refused(check(change(unplug)), Reason.MODEL_LOAD_FAILED, "arena")
    assert "filter != nullptr was not true" in message


BROKEN = {
    "empty": b"",
    "JSON": b'{"model": "motor"}',
    "zeros": bytes(4096),
    "text that begins like a model": b"\x1c\x00\x00\x00TFL3 and then something else",
    **{f"random {seed}": random.Random(seed).randbytes(2000) for seed in range(4)},
    **{f"first {size} bytes": tinymodel.build()[:size] for size in (1, 8, 100, 700, 1311)},
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_model_is_refused_in_the_sandbox(what: str) -> None:
    report = check(BROKEN[what])
    assert report.reason == Reason.MODEL_LOAD_FAILED
    assert report.message.isprintable()


def mutate(seed: int, most: int) -> bytes:
    """Return the tiny model with one to `most` bytes changed."""
    draw = random.Random(seed)
    model = bytearray(tinymodel.build())
    for _ in range(draw.randint(1, most)):
        model[draw.randrange(len(model))] = draw.randrange(256)
    return bytes(model)


def judge(seeds: range, most: int) -> Counter[str]:
    """Check mutants; what passes must run on TFLM as its report says, what does not has a reason and a message."""
    verdicts: Counter[str] = Counter()
    for seed in seeds:
        model = mutate(seed, most)
        report = check(model)
        verdicts[report.reason] += 1
        assert Reason(report.reason)
        assert report.message
        assert report.message.isprintable()
        assert report.is_whole()
        assert (
            report.passed
            == (report.reason == Reason.OK)
            == (len(report.checks) == len(CHECKS) and report.checks[-1].passed)
        )
    return verdicts


def test_mutants_each_get_a_verdict() -> None:
    verdicts = judge(range(120), 3)
    assert verdicts[Reason.OK] > 3
    assert verdicts[Reason.MODEL_LOAD_FAILED] > 50


@pytest.mark.slow
def test_two_thousand_mutants_each_get_a_verdict() -> None:
    verdicts = judge(range(2000), 8)
    assert verdicts.total() == 2000
    assert verdicts[Reason.PREFLIGHT_CRASHED] > 0


def test_a_model_that_kills_tflm_is_named_with_its_signal() -> None:
    crashed = next(
        (
            report
            for report in (check(mutate(seed, 1)) for seed in range(200))
            if report.reason == Reason.PREFLIGHT_CRASHED
        ),
        None,
    )
    assert crashed, "no mutant crashes TFLM any more: look for another one"
    message = refused(crashed, Reason.PREFLIGHT_CRASHED, "arena")
    assert re.match(r"the check died of SIG(SEGV|ABRT|BUS|FPE)", message)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgefleet_preflight", *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True, env={**os.environ, **environment})


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    model = tmp_path / "motor.tflite"
    model.write_bytes(tinymodel.build())
    return str(model), str(write_classes(tmp_path, esp32=make_class(), tiny=make_class(arenaBytes=512)))


def count_seconds() -> float:
    """Return the processor time of all children so far: unlike the wall's it does not depend on who else works here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_command_passes_in_under_three_seconds(files: tuple[str, str], good: PreflightReport) -> None:
    model, classes = files
    begun = count_seconds()
    done = run("check", model, "--device-class", "esp32", "--classes", classes)
    assert (done.returncode, done.stderr) == (0, "")
    assert count_seconds() - begun < 3
    assert done.stdout.splitlines()[-1].startswith(f"esp32 {good.sha256[:12]} passed: 1312 bytes")


def test_the_command_writes_the_report_and_counts_vectors(files: tuple[str, str], good: PreflightReport) -> None:
    model, classes = files
    done = run("check", model, "--device-class", "esp32", "--classes", classes, "--json", "--vectors", "3")
    report = PreflightReport.model_validate_json(done.stdout)
    assert report.is_whole()
    assert report.vectors == good.vectors[:3]
    assert set(json.loads(done.stdout)) > {"passed", "reason", "arenaBytes", "evidence", "sha256", "inputs", "tool"}


def test_the_command_refuses_with_1(files: tuple[str, str]) -> None:
    model, classes = files
    done = run("check", model, "--device-class", "tiny", "--classes", classes)
    assert done.returncode == 1
    assert "FAIL arena" in done.stdout
    assert "bytes, the class has 512 bytes" in done.stdout


def test_the_command_says_what_it_could_not_read(files: tuple[str, str], tmp_path: Path) -> None:
    model, classes = files
    done = run("check", model, "--device-class", "esp33", "--classes", classes)
    assert (done.returncode, done.stdout) == (2, "")
    assert "declares no valid device class esp33 (it has: esp32, tiny)" in done.stderr
    assert run("check", str(tmp_path / "none"), "--device-class", "esp32", "--classes", classes).returncode == 2
    assert run("check", model, "--device-class", "esp32", "--classes", str(tmp_path / "none")).returncode == 2
    assert run("check", model, "--device-class", "esp32", "--classes", classes, "--vectors", "17").returncode == 2


def test_a_class_with_a_fault_is_shown_with_it(files: tuple[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    text = Path(files[1]).read_text().replace("slotBytes: 65536", "slotBytes: many")
    (broken / "classes.yaml").write_text(text)
    done = run("check", files[0], "--device-class", "esp32", "--classes", str(broken))
    assert done.returncode == 2
    assert "slotBytes" in done.stderr
    assert "classes.yaml:" in done.stderr
