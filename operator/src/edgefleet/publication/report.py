"""What the preflight says of one file for one device class: its output, and what a manifest is written from."""

import hashlib
import json
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from edgefleet.contracts import limits
from edgefleet.contracts.document import Part
from edgefleet.contracts.fields import ModelFormat, Name, OpName, SchemaVersion, Semver, Sha256, SizeBytes
from edgefleet.contracts.manifest import GoldenVector, Tensor

Line = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(min_length=1, max_length=63)]


class Check(Part):
    """One check, in the order in which they ran; the first that fails is the last."""

    name: Word
    passed: bool
    detail: Line


class PreflightReport(Part):
    """The verdict and its figures. Two runs of the same preflight on the same file and class give the same bytes."""

    REPORT_MAX: ClassVar[int] = 262144
    """Most bytes of a report's JSON."""

    schema_version: SchemaVersion = 1
    tool: Name
    version: Semver
    passed: bool
    # `Ok`, or why not: a reason of the wire contract where it has one.
    reason: Word
    message: Line
    device_class: Name
    # SHA-256 of the class's content: another class, another verdict.
    class_hash: Sha256
    format: ModelFormat | None = None
    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0)]
    checks: Annotated[tuple[Check, ...], Field(strict=False, max_length=16)]
    warnings: Annotated[tuple[Line, ...], Field(strict=False, max_length=16)] = ()
    # What confined the parser, and what the figures were made with.
    sandbox: Annotated[tuple[Word, ...], Field(strict=False, max_length=16)] = ()
    engines: Annotated[dict[Word, Word], Field(max_length=8)]
    # The figures; all of them are present when it passed.
    ops: Annotated[tuple[OpName, ...], Field(strict=False, max_length=limits.OPS_MAX)] = ()
    arena_bytes: SizeBytes | None = None
    inputs: Annotated[tuple[Tensor, ...], Field(strict=False, max_length=limits.TENSORS_MAX)] = ()
    outputs: Annotated[tuple[Tensor, ...], Field(strict=False, max_length=limits.TENSORS_MAX)] = ()
    vectors: Annotated[tuple[GoldenVector, ...], Field(strict=False, max_length=limits.VECTORS_MAX)] = ()
    tolerance_lsb: Annotated[int, Field(ge=0, le=255)] = 0
    min_firmware: Semver | None = None
    # SHA-256 of everything above as canonical JSON.
    evidence: Sha256 | Literal[""] = ""

    def seal(self) -> Self:
        """Return the report with its evidence."""
        return self.model_copy(update={"evidence": self._digest()})

    def is_whole(self) -> bool:
        """Tell whether the evidence is the report's own."""
        return self.evidence == self._digest()

    def _digest(self) -> str:
        tree = {key: value for key, value in self.to_tree().items() if key != "evidence"}
        text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()
