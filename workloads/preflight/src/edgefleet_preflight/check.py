"""The preflight: every check in its order, until one fails. Must not know files or command lines."""

import hashlib
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from typing import Final, TypeVar

from edgefleet.api.v1alpha1 import DeviceClass
from edgefleet.api.v1alpha1.classhash import hash_class
from edgefleet.api.v1alpha1.deviceclass import FORMATS
from edgefleet.contracts import formats
from edgefleet.contracts.manifest import GoldenVector, Tensor
from edgefleet.publication.report import Check, PreflightReport
from edgefleet_preflight import arena, vectors
from edgefleet_preflight.confinement import Limits
from edgefleet_preflight.graph import Graph, read_graph
from edgefleet_preflight.sandbox import Sandbox
from edgefleet_preflight.structure import judge_operators, judge_structure
from edgefleet_preflight.verdicts import Reason, Refused, to_line

TOOL: Final = "edgefleet-preflight"
FILE_MAX: Final = 64 * 1024 * 1024
"""The registry takes no larger file."""
VECTORS_DEFAULT: Final = 8
DEADLINE_SECONDS: Final = 120.0
_RUNTIME: Final = "tflm"
_SEMVER: Final = re.compile(formats.SEMVER_PATTERN[:-1] + r"\Z")

_Result = TypeVar("_Result")


def check_model(
    model: bytes,
    name: str,
    device_class: DeviceClass,
    *,
    vector_count: int = VECTORS_DEFAULT,
    limits: Limits | None = None,
) -> PreflightReport:
    """Return the verdict on a file.

    Args:
        model: the file's bytes, at most `FILE_MAX` + 1: what is longer need not be read to be refused.
        name: of the device class.
        device_class: what it can hold and run.
        vector_count: golden vectors to make, 1 to 16; fewer where the manifest has no room.
        limits: of each check.
    """
    sandbox = Sandbox(limits or Limits(), deadline=time.monotonic() + DEADLINE_SECONDS)
    course = _Course(model, device_class, vector_count, sandbox)
    passed, reason, message = False, Reason.OK, ""
    try:
        course.run()
        passed, message = True, course.summary()
    except Refused as refused:
        reason, message = refused.reason, refused.message
    return PreflightReport(
        tool=TOOL,
        version=installed_version(TOOL),
        passed=passed,
        reason=reason.value,
        message=to_line(message),
        device_class=name,
        class_hash=hash_class(device_class),
        format="tflite" if FORMATS[device_class.runtime] == "tflite" else None,
        sha256=course.digest,
        size_bytes=len(model),
        checks=tuple(course.checks),
        warnings=tuple(course.warnings),
        sandbox=sandbox.held,
        engines={each: installed_version(each) for each in ("ai-edge-litert", "tflite-micro")},
        ops=course.ops,
        arena_bytes=course.arena_bytes,
        inputs=course.tensors[:1],
        outputs=course.tensors[1:],
        vectors=tuple(course.vectors),
        tolerance_lsb=device_class.tolerance_lsb or 0,
        min_firmware=course.min_firmware,
    ).seal()


@dataclass(slots=True)
class _Course:
    """The checks on one file, and what they have found so far."""

    model: bytes
    device_class: DeviceClass
    vector_count: int
    sandbox: Sandbox
    digest: str = ""
    checks: list[Check] = field(default_factory=list[Check])
    warnings: list[str] = field(default_factory=list[str])
    min_firmware: str | None = None
    graph: Graph | None = None
    tensors: tuple[Tensor, ...] = ()
    ops: tuple[str, ...] = ()
    arena_bytes: int | None = None
    vectors: list[GoldenVector] = field(default_factory=list[GoldenVector])

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256(self.model).hexdigest()

    def run(self) -> None:
        """Runs the checks; `Refused` comes from the one that failed."""
        self._check("class", self._check_class)
        self._check("size", self._check_size)
        self._check("structure", self._check_structure)
        self._check("operators", self._check_operators)
        self._check("arena", self._check_arena)
        self._check("vectors", self._check_vectors)

    def summary(self) -> str:
        return f"{len(self.model)} bytes, an arena of {self.arena_bytes} bytes, {len(self.vectors)} golden vectors"

    def _check(self, name: str, check: Callable[[], str]) -> None:
        try:
            detail = check()
        except Refused as refused:
            self.checks.append(Check(name=name, passed=False, detail=to_line(f"{refused.reason}: {refused.message}")))
            raise
        self.checks.append(Check(name=name, passed=True, detail=to_line(detail)))

    def _check_class(self) -> str:
        runtime = self.device_class.runtime
        if runtime != _RUNTIME:
            raise Refused(Reason.UNSUPPORTED, f"runtime: {runtime}, this preflight knows {_RUNTIME}")
        oldest = self.device_class.min_firmware
        if oldest is not None and _SEMVER.match(oldest) is None:
            raise Refused(
                Reason.UNSUPPORTED, f"minFirmware: {oldest}, a device compares semantic versions such as 1.4.0"
            )
        self.min_firmware = oldest
        return f"runtime {runtime}"

    def _check_size(self) -> str:
        size, slot = len(self.model), self.device_class.slot_bytes
        if size > FILE_MAX:
            raise Refused(Reason.TOO_LARGE, f"more than {FILE_MAX} bytes, which no registry takes")
        if size > slot:
            raise Refused(Reason.DOES_NOT_FIT, f"{size} bytes do not fit into the class's slot of {slot} bytes")
        if size == 0:
            raise Refused(Reason.MODEL_LOAD_FAILED, "the file is empty")
        return f"{size} of {slot} bytes"

    def _check_structure(self) -> str:
        self.graph = self.sandbox.run(lambda: read_graph(self.model), Graph)
        self.tensors = judge_structure(self.graph)
        return " to ".join(f"{each.dtype}[{'x'.join(map(str, each.shape))}]" for each in self.tensors)

    def _check_operators(self) -> str:
        graph = _given(self.graph)
        self.ops = judge_operators(graph, self.device_class.ops)
        return ", ".join(f"{each.name} v{each.version}" for each in graph.operators)

    def _check_arena(self) -> str:
        has = _given(self.device_class.arena_bytes)
        smallest = arena.find_smallest_arena(self.sandbox, self.model, has)
        needs, why = arena.add_margin(smallest, self.ops)
        explained = f" ({why})" if why else ""
        if needs > has:
            text = f"the model needs an arena of {needs} bytes{explained}, the class has {has} bytes"
            raise Refused(Reason.ARENA_TOO_SMALL, text)
        self.arena_bytes = needs
        return f"{needs} of {has} bytes{explained}"

    def _check_vectors(self) -> str:
        (source, sink), arena_bytes = self.tensors, _given(self.arena_bytes)
        inputs = vectors.make_inputs(self.digest, math.prod(source.shape), source.dtype, self.vector_count)
        made = vectors.make_vectors(self.sandbox, self.model, arena_bytes, inputs, math.prod(sink.shape))
        self.vectors = vectors.fit_vectors(made, (source, sink), self.ops)
        if len({each.output for each in self.vectors}) == 1 < len(self.vectors):
            self.warnings.append("every golden vector has the same output: does the model depend on its input?")
        return f"{len(self.vectors)} of {self.vector_count}, the same in two runs"


def _given(value: _Result | None) -> _Result:
    """Returns what an earlier check, or a rule of the class, has made sure of."""
    if value is None:
        raise AssertionError("the checks run in their order")
    return value
