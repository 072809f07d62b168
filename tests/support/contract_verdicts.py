"""What the Python side says to a document, in the words of firmware/tests/batch.c, to be compared line by line."""

import csv
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgefleet.contracts.catalog import DOCUMENTS
from edgefleet.contracts.codec import decode
from edgefleet.contracts.document import Document, Kind, Part
from edgefleet.contracts.keys import VerifyKey, trust
from edgefleet.contracts.reasons import ContractError, Disposition, Reason
from edgefleet.contracts.shapes import FieldShape, ObjectShape, ValueType, shape_of
from edgefleet.contracts.verdicts import (
    DesiredContext,
    ManifestContext,
    Seen,
    verify_desired,
    verify_key_bundle,
    verify_manifest,
)
from support.contract_core import VECTORS, Question


@dataclass(frozen=True)
class Context:
    """One row of contexts.tsv."""

    row: str
    columns: dict[str, str]

    def _optional(self, name: str) -> str | None:
        return None if self.columns[name] == "-" else self.columns[name]

    @property
    def keys(self) -> dict[str, VerifyKey]:
        return dict(trust(VerifyKey.from_point(bytes.fromhex(each)) for each in self.columns["keys"].split(",")))

    @property
    def seen(self) -> Seen:
        return Seen(int(self.columns["seenNumber"]), self._optional("seenDigest"))

    @property
    def manifest(self) -> ManifestContext:
        ops, schemas = self._optional("ops"), self._optional("schemas")
        return ManifestContext(
            release_keys=self.keys,
            digest=self.columns["manifestDigest"],
            device_class=self.columns["deviceClass"],
            security_floor=int(self.columns["securityFloor"]),
            slot_bytes=int(self.columns["slotBytes"]),
            arena_bytes=int(self.columns["arenaBytes"]),
            firmware=self.columns["firmware"],
            ops=None if ops is None else frozenset(ops.split(",")),
            schemas=None if schemas is None else dict(each.split(":") for each in schemas.split(",")),
        )


def read_table(name: str) -> list[dict[str, str]]:
    lines = (VECTORS / name).read_text().splitlines()
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def read_contexts() -> dict[str, Context]:
    lines = (VECTORS / "contexts.tsv").read_text().splitlines()[1:]
    rows = read_table("contexts.tsv")
    return {columns["name"]: Context(line, columns) for line, columns in zip(lines, rows, strict=True)}


@dataclass(frozen=True)
class Judgement:
    """A document to be judged by both sides."""

    kind: Kind
    raw: bytes
    context: Context | None = None

    def question(self) -> Question:
        row = self.context.row.encode() if self.context else b""
        return Question("j", (self.kind.value.encode(), row, self.raw))

    def answer(self) -> list[str]:
        """What the firmware must answer."""
        try:
            reason, lines = self._accept()
        except ContractError as error:
            return [_verdict_line(error.reason, error.path)]
        return [_verdict_line(reason, ""), *lines]

    def _accept(self) -> tuple[Reason, list[str]]:
        if self.context is None:
            return Reason.OK, list(_object_lines(decode(DOCUMENTS[self.kind], self.raw)))
        check = self.context.columns["check"]
        if check == "desired":
            return _judge_desired(self.raw, self.context)
        if check == "manifest":
            return _judge_manifest(self.raw, self.context)
        return _judge_bundle(self.raw, self.context)


def _verdict_line(reason: Reason, path: str) -> str:
    return f"{reason.value} {reason.code} {list(Disposition).index(reason.disposition)} {path}"


def _age(unchanged: bool) -> Reason:
    return Reason.UNCHANGED if unchanged else Reason.OK


def _judge_desired(raw: bytes, context: Context) -> tuple[Reason, list[str]]:
    known = DesiredContext(context.columns["deviceID"], context.keys, context.seen)
    accepted = verify_desired(raw, known)
    lines = [f"seen={accepted.seen.number}", f"digest={accepted.seen.digest}"]
    reference = accepted.desired.manifest
    if reference:
        lines += [f"manifest={reference.digest}", f"manifestBytes={reference.size_bytes}"]
    return _age(accepted.unchanged), lines + list(_object_lines(accepted.assignment))


def _judge_manifest(raw: bytes, context: Context) -> tuple[Reason, list[str]]:
    manifest = verify_manifest(raw, context.manifest)
    numbers = (manifest.security_version, manifest.size_bytes, manifest.arena_bytes, manifest.tolerance_lsb)
    return Reason.OK, [f"sha256={manifest.sha256}", " ".join(map(str, numbers)), *_object_lines(manifest)]


def _judge_bundle(raw: bytes, context: Context) -> tuple[Reason, list[str]]:
    accepted = verify_key_bundle(raw, context.keys, context.seen)
    lines = [f"seen={accepted.seen.number}", f"digest={accepted.seen.digest}"]
    lines += [f"release={keyid}" for keyid in accepted.release_keys]
    return _age(accepted.unchanged), lines + [f"assignment={keyid}" for keyid in accepted.assignment_keys]


def _object_lines(document: Document) -> Iterator[str]:
    yield from _part_lines(document, shape_of(type(document)), "")


def _part_lines(part: Part, shape: ObjectShape, path: str) -> Iterator[str]:
    for field in shape.fields:
        value = getattr(part, field.attribute)
        if value is None:
            continue
        where = f"{path}.{field.name}"
        if field.items is None:
            yield from _value_lines(field, value, where)
            continue
        yield f"{where}=#{len(value)}"
        for index, item in enumerate(value):
            yield from _value_lines(field, item, f"{where}[{index}]")


def _value_lines(field: FieldShape, value: Any, where: str) -> Iterator[str]:
    if field.shape:
        yield from _part_lines(value, field.shape, where)
    elif field.type is ValueType.NUMBER:
        yield f"{where}=n{struct.pack('>d', value).hex()}"
    elif isinstance(value, bool):
        yield f"{where}={str(value).lower()}"
    elif isinstance(value, int):
        yield f"{where}=i{value}"
    else:
        yield f"{where}=s{str(value).encode().hex()}"
