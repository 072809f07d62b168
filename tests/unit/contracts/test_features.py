"""Feature schemas: what their digest covers, and that firmware and training have the same figures."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgefleet.contracts import features
from edgefleet.contracts.features import MOTOR_LEVEL1, MOTOR_LEVEL2, SCHEMAS, Schema, canonical_json, digest_of
from support.contract_core import FIRMWARE, ROOT

# Devices in the field were built with these; another definition wants another name.
_DIGESTS = {
    "motor-level1": "741d48d641d7dfcf3a5b19d4559aa02abc7a5d1451d3c7767ce9eb9ae7ffd822",
    "motor-level2": "940d7d546922608d59e48643d8cc882ccc2b0384e313e475319377e76abd9710",
}
_PRINT_SCHEMAS = r"""
#include <stdio.h>
#include "edgefleet_features.h"
int main(void) {
    for (int i = 0; i < EF_FEATURE_SCHEMAS_COUNT; i++) {
        const ef_feature_schema *schema = &ef_feature_schemas[i];
        printf("%s ", schema->name);
        for (int k = 0; k < EF_FEATURE_DIGEST_BYTES; k++) {
            printf("%02x", schema->digest[k]);
        }
        printf("\n");
        for (size_t k = 0; k < schema->count; k++) {
            printf("%s %s %.9g %.9g\n", schema->names[k], schema->units[k], (double)schema->scales[k],
                   (double)schema->nominals[k]);
        }
    }
    return 0;
}
"""
_PRINT_TRAINING = """
import json, sys
from edgefleet_training import motors
assert not any(name.split(".")[0] == "edgefleet" for name in sys.modules), "training stands alone"
windows = motors.draw(7, 8, 200)
healthy = windows.features[~windows.faulty]
print(json.dumps([motors.FEATURE_SCHEMA, motors.BASELINE_WINDOWS, motors.SCALES, healthy.std(axis=0).tolist()]))
"""


def test_the_schemas_are_the_designs() -> None:
    assert list(SCHEMAS) == ["motor-level1", "motor-level2"]
    assert [each.name for each in MOTOR_LEVEL2.features] == [
        *("current", "temperature", "vibration", "sound", "acceleration", "kurtosis", "crest", "rotation", "order1"),
        *("order2", "order3", "lineDouble", "highBand", "envelope", "outerRace", "innerRace", "currentFundamental"),
        *("currentThd", "currentSideband", "currentCrest", "soundCrest"),
    ]
    assert MOTOR_LEVEL2.features[:4] == MOTOR_LEVEL1.features
    assert [each.scale for each in MOTOR_LEVEL1.features] == [0.02, 4.0, 0.6, 2.0]


def test_a_schema_keeps_its_digest() -> None:
    assert {name: schema.digest() for name, schema in SCHEMAS.items()} == _DIGESTS


def test_the_digest_is_over_what_is_said_not_over_its_spelling() -> None:
    spelled = json.dumps(dict(reversed(MOTOR_LEVEL1.to_tree().items())), indent=3)
    assert digest_of(json.loads(spelled)) == MOTOR_LEVEL1.digest()
    assert canonical_json({"b": [1, 0.5], "a": "\u00b5"}) == rb'{"a":"\u00b5","b":[1,0.5]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@pytest.mark.parametrize("field", ["name", "unit", "scale", "nominal"])
def test_every_figure_of_a_feature_is_in_the_digest(field: str) -> None:
    first, *rest = MOTOR_LEVEL1.features
    changed = replace(first, **{field: getattr(first, field) * 2})
    assert Schema(MOTOR_LEVEL1.name, (changed, *rest)).digest() != MOTOR_LEVEL1.digest()


@pytest.mark.parametrize("constant", [name for name in vars(features) if name.isupper() and name[0] not in "_M"])
def test_so_is_every_constant_that_features_are_computed_with(monkeypatch: pytest.MonkeyPatch, constant: str) -> None:
    if constant == "SCHEMAS":
        return
    before = MOTOR_LEVEL1.digest()
    monkeypatch.setattr(features, constant, getattr(features, constant) * 2)
    assert MOTOR_LEVEL1.digest() != before


def test_prose_is_not() -> None:
    first, *rest = MOTOR_LEVEL1.features
    reworded = replace(first, meaning="in other words", reason="for another reason")
    assert Schema(MOTOR_LEVEL1.name, (reworded, *rest)).digest() == MOTOR_LEVEL1.digest()


def test_the_figures_make_sense() -> None:
    for each in MOTOR_LEVEL2.features:
        assert each.scale > 0
        assert each.nominal > 0
    assert len({each.name for each in MOTOR_LEVEL2.features}) == len(MOTOR_LEVEL2.features)
    assert features.BAND_HIGH_HZ < features.WINDOW_RATE_HZ / 2, "sampling cannot see the band"
    assert features.WINDOW_SAMPLES.bit_count() == 1, "a transform wants a power of two"
    rotation = next(each.nominal for each in MOTOR_LEVEL2.features if each.name == "rotation")
    assert features.SPEED_LOW < rotation * features.POLE_PAIRS / features.LINE_HZ < features.SPEED_HIGH


def test_the_firmware_has_the_same_schemas(tmp_path: Path) -> None:
    program, source, generated = tmp_path / "print", tmp_path / "print.c", FIRMWARE / "generated"
    source.write_text(_PRINT_SCHEMAS)
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wpedantic", "-Wconversion", f"-I{generated}"]
    subprocess.run([*command, source, generated / "edgefleet_features.c", "-o", program], check=True)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    expected = [
        line
        for schema in SCHEMAS.values()
        for line in (
            f"{schema.name} {schema.digest()}",
            *(f"{each.name} {each.unit} {_single(each.scale)} {_single(each.nominal)}" for each in schema.features),
        )
    ]
    assert said.splitlines() == expected


def _single(value: float) -> str:
    """The nearest single-precision number, as printf writes it."""
    return f"{struct.unpack('<f', struct.pack('<f', value))[0]:.9g}"


def test_training_reads_what_the_contract_says() -> None:
    folder = ROOT / "workloads" / "training" / "src"
    generated = json.loads((folder / "edgefleet_training" / "feature_schemas.json").read_text())
    assert {name: digest_of(tree) for name, tree in generated.items()} == _DIGESTS
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", _PRINT_TRAINING]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    schema, windows, scales, spread = json.loads(done.stdout)
    assert digest_of(schema) == MOTOR_LEVEL1.digest()
    assert windows == features.BASELINE_WINDOWS
    assert scales == [each.scale for each in MOTOR_LEVEL1.features]
    # A healthy machine stays near its baseline in these units: that is what the scales are for.
    assert all(0.2 < each < 1.5 for each in spread)
