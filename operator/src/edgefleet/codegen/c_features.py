"""The feature schemas as C, and as the JSON that training reads.

`python -m edgefleet.codegen.c_features OUT_DIR` writes them below OUT_DIR.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from edgefleet.codegen.emission import write_from_command_line
from edgefleet.contracts import features
from edgefleet.contracts.features import SCHEMAS, Schema

_NOTICE: Final = "/* Generated from operator/src/edgefleet/contracts by edgefleet.codegen.c_features; do not edit. */\n"
_HEADER: Final = "firmware/generated/edgefleet_features.h"
_SOURCE: Final = "firmware/generated/edgefleet_features.c"
# Training has an environment of its own, without this package, and reads the definitions from a file beside it.
_TRAINING: Final = "workloads/training/src/edgefleet_training/feature_schemas.json"
_DIGEST_BYTES: Final = 32
_BYTES_A_LINE: Final = 16
_INTEGERS: Final = ("WINDOW_SAMPLES", "WINDOW_RATE_HZ", "BASELINE_WINDOWS", "POLE_PAIRS")
_NUMBERS: Final = (
    *("LINE_HZ", "BPFO", "BPFI", "SPEED_LOW", "SPEED_HIGH", "VELOCITY_LOW_HZ", "VELOCITY_HIGH_HZ"),
    *("BAND_LOW_HZ", "BAND_HIGH_HZ", "SOUND_REFERENCE_PASCAL"),
)
_TYPES: Final = """\
/* Features of one window, in the order of a model's inputs. `nominals` stand for the means of a baseline until there is
 * one; a model's input is (value - mean) / scale. */
typedef struct {
    const char *name;
    uint8_t digest[EF_FEATURE_DIGEST_BYTES];
    size_t count;
    const char *const *names;
    const char *const *units;
    const float *scales;
    const float *nominals;
} ef_feature_schema;

extern const ef_feature_schema ef_feature_schemas[];
"""


def generate() -> dict[str, bytes]:
    """Return header, source and training's definitions by path below the repository's root.

    Raises:
        ValueError: a schema does not begin with the features of the one before it.
    """
    for smaller, larger in itertools.pairwise(_schemas()):
        if larger.features[: len(smaller.features)] != smaller.features:
            raise ValueError(f"{larger.name} does not begin with {smaller.name}: one list of indexes serves both")
    trees = {name: schema.to_tree() for name, schema in SCHEMAS.items()}
    return {
        _HEADER: _header().encode(),
        _SOURCE: _source().encode(),
        _TRAINING: (json.dumps(trees, indent=2) + "\n").encode(),
    }


def _schemas() -> list[Schema]:
    return list(SCHEMAS.values())


def _constant(name: str) -> str:
    """motor-level1, lineDouble -> MOTOR_LEVEL1, LINE_DOUBLE."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").upper()


def _enumeration(type_name: str, prefix: str, names: Iterable[str]) -> str:
    members = ",\n".join(f"    {prefix}_{_constant(name)} = {code}" for code, name in enumerate(names))
    return f"typedef enum {{\n{members}\n}} {type_name};\n"


def _float(value: float) -> str:
    return f"{float(value)!r}f"


def _constants() -> Iterator[str]:
    for name in _INTEGERS:
        yield f"#define EF_{name} {getattr(features, name)}"
    for name in _NUMBERS:
        yield f"#define EF_{name} {_float(getattr(features, name))}"
    yield f"#define EF_FEATURE_DIGEST_BYTES {_DIGEST_BYTES}"


def _header() -> str:
    guard = "EDGEFLEET_GENERATED_FEATURES_H"
    parts = [
        _NOTICE,
        f"#ifndef {guard}\n#define {guard}\n",
        "#include <stddef.h>\n#include <stdint.h>\n",
        "/* Windows, the machine they are of, and the bands that features look at; in samples, Hz and pascal. */\n"
        + "\n".join(_constants())
        + "\n",
        "/* Indexes into ef_feature_schemas. */\n" + _enumeration("ef_feature_schema_kind", "EF_SCHEMA", SCHEMAS),
        f"#define EF_FEATURE_SCHEMAS_COUNT {len(SCHEMAS)}\n",
        "/* Indexes of the features; every schema is a beginning of this list. */\n"
        + _enumeration("ef_feature", "EF_FEATURE", (each.name for each in _schemas()[-1].features)),
        *(f"#define EF_{_constant(each.name)}_FEATURES {len(each.features)}" for each in _schemas()),
        "",
        _TYPES,
        f"#endif /* {guard} */\n",
    ]
    return "\n".join(parts)


def _source() -> str:
    parts = [_NOTICE, '#include "edgefleet_features.h"\n']
    longest = _schemas()[-1].features
    parts.append(_array("const char *const", "names", (f'"{each.name}"' for each in longest)))
    parts.append(_array("const char *const", "units", (f'"{each.unit}"' for each in longest)))
    parts.append(_array("const float", "scales", (_float(each.scale) for each in longest)))
    parts.append(_array("const float", "nominals", (_float(each.nominal) for each in longest)))
    rows = ",\n".join(_row(schema) for schema in _schemas())
    parts.append(f"const ef_feature_schema ef_feature_schemas[EF_FEATURE_SCHEMAS_COUNT] = {{\n{rows}}};\n")
    return "\n".join(parts)


def _array(kind: str, name: str, items: Iterable[str]) -> str:
    body = ",\n".join(f"    {item}" for item in items)
    return f"static {kind} {name}[] = {{\n{body}}};\n"


def _row(schema: Schema) -> str:
    octets = [f"0x{octet:02x}" for octet in bytes.fromhex(schema.digest())]
    lines = (", ".join(octets[at : at + _BYTES_A_LINE]) for at in range(0, _DIGEST_BYTES, _BYTES_A_LINE))
    digest = ",\n      ".join(lines)
    return f'    {{"{schema.name}",\n     {{{digest}}},\n     {len(schema.features)}, names, units, scales, nominals}}'


if __name__ == "__main__":
    write_from_command_line(generate)
