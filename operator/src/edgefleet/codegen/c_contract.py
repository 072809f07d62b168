"""The wire contract as C: limits, reasons, topics and one constant table per document.

`python -m edgefleet.codegen.c_contract OUT_DIR` writes firmware/generated/edgefleet_contract.{h,c} below OUT_DIR.
"""

import math
import re
from collections.abc import Iterable, Iterator

from edgefleet.codegen.c_text import HEADER_TYPES
from edgefleet.codegen.emission import write_from_command_line
from edgefleet.contracts import enrolment, formats, limits
from edgefleet.contracts.catalog import DOCUMENTS
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import PAYLOAD_MAX, PAYLOAD_TYPES
from edgefleet.contracts.reasons import Disposition, Reason
from edgefleet.contracts.reported import Phase
from edgefleet.contracts.rules import Rule
from edgefleet.contracts.shapes import SCHEMA_VERSION, FieldShape, ObjectShape, ValueType, shape_of
from edgefleet.contracts.topics import TOPICS, Direction, Topic

_NOTICE = "/* Generated from operator/src/edgefleet/contracts by edgefleet.codegen.c_contract; do not edit. */\n"
_HEADER = "firmware/generated/edgefleet_contract.h"
_SOURCE = "firmware/generated/edgefleet_contract.c"
_FORMAT_LIMITS = ("DEVICE_ID_MAX", "SEMVER_MAX", "INSTANT_MAX")
_HTTP = ("PROVISION_PATH", "ACTIVATION_PATH", "CONTENT_TYPE")
# The deepest place a document's own paths are seen from.
_PATH_PREFIX = "assignment.payload."


def generate() -> dict[str, bytes]:
    """Return the header and the source by path below the repository's root.

    Raises:
        UnsupportedConstructError: a model says what no table can.
    """
    return {_HEADER: _header().encode(), _SOURCE: _source().encode()}


def _constant(name: str) -> str:
    """DnsLabel, key-bundle -> DNS_LABEL, KEY_BUNDLE."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").upper()


def _enumeration(type_name: str, prefix: str, names: Iterable[str]) -> str:
    members = ",\n".join(f"    {prefix}_{name} = {code}" for code, name in enumerate(names))
    return f"typedef enum {{\n{members}\n}} {type_name};\n"


def _limits() -> Iterator[str]:
    for name, value in vars(limits).items():
        if name.isupper() and name.endswith("_MAX") and not name.startswith(("INT", "UINT")):
            yield f"#define EF_{name} {value}"
    for name in _FORMAT_LIMITS:
        yield f"#define EF_{name} {getattr(formats, name)}"
    yield f"#define EF_SCHEMA_VERSION {SCHEMA_VERSION}"
    for name in _HTTP:
        yield f'#define EF_{name} "{getattr(enrolment, name)}"'
    yield f"#define EF_PATH_MAX {_path_max()}"


def _path_max() -> int:
    longest = max(len(path) for model in DOCUMENTS.values() for path in _paths(shape_of(model)))
    return (len(_PATH_PREFIX) + longest + 1 + 7) // 8 * 8


def _paths(shape: ObjectShape) -> Iterator[str]:
    for field in shape.fields:
        own = field.name + (f"[{field.items[1] - 1}]" if field.items else "")
        yield own
        if field.shape:
            yield from (f"{own}.{below}" for below in _paths(field.shape))


def _header() -> str:
    guard = "EDGEFLEET_GENERATED_CONTRACT_H"
    parts = [
        _NOTICE,
        f"#ifndef {guard}\n#define {guard}\n",
        "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n",
        "/* Sizes in bytes, counts, and characters in Unicode code points. */\n" + "\n".join(_limits()) + "\n",
        "/* Numbers are part of the contract. */\n" + _enumeration("ef_reason", "EF_REASON", (r.name for r in Reason)),
        f"#define EF_REASON_COUNT {len(Reason)}\n",
        _enumeration("ef_disposition", "EF_DISPOSITION", (each.name for each in Disposition)),
        _enumeration("ef_phase", "EF_PHASE", (phase.name for phase in Phase)),
        f"#define EF_PHASE_COUNT {len(Phase)}\n",
        _enumeration("ef_pattern", "EF_PATTERN", ["NONE", *map(_constant, formats.PATTERN_KINDS)]),
        _enumeration("ef_rule", "EF_RULE", ["NONE", *(rule.name for rule in Rule)]),
        _enumeration("ef_value_type", "EF_VALUE", (each.name for each in ValueType)),
        _enumeration("ef_document_kind", "EF_DOCUMENT", (kind.name for kind in DOCUMENTS)),
        f"#define EF_DOCUMENT_COUNT {len(DOCUMENTS)}\n",
        _enumeration("ef_payload_kind", "EF_PAYLOAD", (kind.name for kind in PAYLOAD_TYPES)),
        _enumeration("ef_direction", "EF_DIRECTION", (each.name for each in Direction)),
        _enumeration("ef_topic_kind", "EF_TOPIC", map(_constant, TOPICS)),
        f"#define EF_TOPIC_COUNT {len(TOPICS)}\n",
        HEADER_TYPES,
        "".join(f"extern const ef_document {_document(kind)};\n" for kind in DOCUMENTS),
        f"#endif /* {guard} */\n",
    ]
    return "\n".join(parts)


def _source() -> str:
    shapes: dict[str, ObjectShape] = {}
    for model in DOCUMENTS.values():
        _collect(shape_of(model), shapes)
    parts = [_NOTICE, '#include "edgefleet_contract.h"\n\n#include <float.h>\n']
    parts += [_shape(shape) for shape in shapes.values()]
    parts.append(_documents())
    parts.append(_payloads())
    parts.append(_topics())
    parts.append(_texts("ef_reason_names", "EF_REASON_COUNT", (reason.value for reason in Reason)))
    parts.append(_texts("ef_phase_names", "EF_PHASE_COUNT", (phase.value for phase in Phase)))
    dispositions = ",\n".join(f"    EF_DISPOSITION_{reason.disposition.name}" for reason in Reason)
    parts.append(f"const ef_disposition ef_reason_dispositions[EF_REASON_COUNT] = {{\n{dispositions}}};\n")
    return "\n".join(parts)


def _collect(shape: ObjectShape, shapes: dict[str, ObjectShape]) -> None:
    """Put nested shapes first, each once."""
    for field in shape.fields:
        if field.shape:
            _collect(field.shape, shapes)
    if shapes.setdefault(shape.name, shape) != shape:
        raise ValueError(f"{shape.name}: two different objects of one name")


def _shape(shape: ObjectShape) -> str:
    choices = [_texts(_choices_name(shape, f), "", f.choices, "static ") for f in shape.fields if f.choices]
    fields = ",\n".join(_field(shape, field) for field in shape.fields)
    rule = shape.rule.name if shape.rule else "NONE"
    return (
        "".join(choices)
        + f"static const ef_field fields_{shape.name}[] = {{\n{fields}}};\n"
        + f"static const ef_shape shape_{shape.name} = {{fields_{shape.name}, {len(shape.fields)}, "
        + f"EF_REASON_{shape.value_fault.name}, EF_RULE_{rule}}};\n"
    )


def _choices_name(shape: ObjectShape, field: FieldShape) -> str:
    return f"choices_{shape.name}_{field.attribute}"


def _field(shape: ObjectShape, field: FieldShape) -> str:
    least, most = field.items or (0, 0)
    flags = f"{str(field.required).lower()}, {str(field.items is not None).lower()}"
    head = f'    {{"{field.name}", EF_VALUE_{field.type.name}, {flags}, {least}, {most}'
    return f"{head}, {{{_bounds(shape, field)}}}}}"


def _bounds(shape: ObjectShape, field: FieldShape) -> str:
    if field.type is ValueType.NUMBER:
        return f".number = {{{_double(field.low)}, {_double(field.high)}}}"
    if field.type is ValueType.TEXT:
        pattern = _constant(field.pattern) if field.pattern else "NONE"
        return f".text = {{{field.length[0]}, {field.length[1]}, EF_PATTERN_{pattern}}}"
    if field.type is ValueType.CHOICE:
        return f".choices = {{{_choices_name(shape, field)}, {len(field.choices)}}}"
    if field.shape:
        return f".object = &shape_{field.shape.name}"
    return f".integer = {{{_int64(int(field.low))}, {_int64(int(field.high))}}}"


def _double(value: float) -> str:
    if math.isinf(value):
        return "DBL_MAX" if value > 0 else "-DBL_MAX"
    return repr(float(value))


def _int64(value: int) -> str:
    return f"INT64_C({value})"


def _texts(name: str, size: str, texts: Iterable[str], storage: str = "") -> str:
    items = ",\n".join(f'    "{text}"' for text in texts)
    return f"{storage}const char *const {name}[{size}] = {{\n{items}}};\n"


def _documents() -> str:
    """Return each document on its own, so that what a device never reads is not linked, and all of them for tests."""
    rows = {
        kind: f'{{"{kind.value}", {model.max_bytes}, &shape_{shape_of(model).name}}}'
        for kind, model in DOCUMENTS.items()
    }
    named = "".join(f"const ef_document {_document(kind)} = {row};\n" for kind, row in rows.items())
    all_rows = ",\n".join(f"    {row}" for row in rows.values())
    return f"{named}\nconst ef_document ef_documents[EF_DOCUMENT_COUNT] = {{\n{all_rows}}};\n"


def _document(kind: Kind) -> str:
    return f"ef_document_{kind.name.lower()}"


def _payloads() -> str:
    rows = ",\n".join(_payload(kind) for kind in PAYLOAD_TYPES)
    return f"const ef_payload ef_payloads[{len(PAYLOAD_TYPES)}] = {{\n{rows}}};\n"


def _payload(kind: Kind) -> str:
    return f'    {{"{PAYLOAD_TYPES[kind]}", {PAYLOAD_MAX[kind]}, &{_document(kind)}}}'


def _topics() -> str:
    rows = ",\n".join(_topic(topic) for topic in TOPICS.values())
    return f"const ef_topic ef_topics[EF_TOPIC_COUNT] = {{\n{rows}}};\n"


def _topic(topic: Topic) -> str:
    retain = str(topic.retain).lower()
    document = f"EF_DOCUMENT_{topic.kind.name}, {DOCUMENTS[topic.kind].max_bytes}"
    flow = f"EF_DIRECTION_{topic.direction.name}, {topic.qos}, {retain}"
    return f'    {{"{topic.name}", "{topic.template}", {flow}, {document}}}'


if __name__ == "__main__":
    write_from_command_line(generate)
