"""Finds the manifests of a folder. Must not know what stands in them beyond `kind`."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final, cast

from edgefleet.manifests.findings import Finding, Place
from edgefleet.manifests.yaml_documents import Document, UnreadableError, read_documents

SUFFIXES: Final = frozenset([".yaml", ".yml", ".json"])
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_KUSTOMIZATIONS: Final = frozenset(["kustomization.yaml", "kustomization.yml", "Kustomization"])


@dataclass(frozen=True, slots=True)
class Manifest:
    """One document that claims to be a Kubernetes object.

    Attributes:
        file: Its file, relative to the folder; "-" for standard input.
        document: The document it stands in.
        value: The object as JSON.
        path: Where in the document it stands; not the root for the members of a List.
    """

    file: str
    document: Document
    value: dict[str, Any]
    path: tuple[str | int, ...] = ()

    def place(self, field: tuple[str | int, ...] = ()) -> Place:
        """Returns where a field of the object stands."""
        return Place(self.file, self.document.line_of((*self.path, *field)))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder holds: its manifests, and what could not be read."""

    manifests: tuple[Manifest, ...]
    findings: tuple[Finding, ...]
    files: int


def read_folder(folder: Path) -> Reading:
    """Reads every manifest below `folder`, hidden folders and kustomize patches left out.

    A patch is a fragment: lint what kustomize makes of it (`kubectl kustomize DIR | edgefleet lint -`).
    """
    files = sorted(path for path in folder.rglob("*") if is_read(path.relative_to(folder)) and path.is_file())
    return read_files(
        {path.relative_to(folder).as_posix(): (path.read_bytes() if _is_small(path) else None) for path in files}
    )


def is_read(path: PurePath) -> bool:
    """Says whether a file is a manifest by its name, relative to the folder: hidden files and folders are not."""
    return path.suffix in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _is_small(path: Path) -> bool:
    return path.stat().st_size <= FILE_BYTES_MAX


def read_files(files: dict[str, bytes | None]) -> Reading:
    """Reads manifests from file contents by relative path; None stands for a file that is too large."""
    manifests: list[Manifest] = []
    findings: list[Finding] = []
    for name, raw in files.items():
        try:
            manifests.extend(_read_file(name, raw))
        except UnreadableError as problem:
            findings.append(Finding("error", Place(name, problem.line), "", "", "readable", str(problem)))
    patches = _patches_of(manifests)
    kept = tuple(manifest for manifest in manifests if manifest.file not in patches)
    return Reading(kept, tuple(findings), len(files))


def _read_file(name: str, raw: bytes | None) -> list[Manifest]:
    if raw is None:
        raise UnreadableError(f"larger than {FILE_BYTES_MAX} bytes", 1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UnreadableError(f"not UTF-8: {problem.reason}", raw[: problem.start].count(b"\n") + 1) from None
    documents = [_read_json(text)] if name.endswith(".json") else list(read_documents(text))
    return [found for document in documents for found in _objects(name, document)]


def _read_json(text: str) -> Document:
    """Returns the document of a JSON file; its lines where YAML reads the text too, as it mostly does.

    Not read as YAML for its values: YAML rounds 5.0 to 5 and takes no surrogate pairs.
    """

    def refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(keys) != len(set(keys)):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UnreadableError(f"the key {twice!r} stands twice in the same mapping", 1)
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=refuse_twice)
    except json.JSONDecodeError as problem:
        raise UnreadableError(f"no JSON: {problem.msg}", problem.lineno) from None
    except RecursionError:
        raise UnreadableError("nested too deeply", 1) from None
    try:
        (document,) = read_documents(text)
    except (UnreadableError, ValueError):
        return Document(value, 1)
    return replace(document, value=value)


def _objects(name: str, document: Document) -> Iterator[Manifest]:
    value = document.value
    if not isinstance(value, dict):
        return
    given = cast("dict[str, Any]", value)
    if given.get("kind") == "List" and isinstance(given.get("items"), list):
        for index, item in enumerate(cast("list[Any]", given["items"])):
            if isinstance(item, dict):
                yield Manifest(name, document, cast("dict[str, Any]", item), ("items", index))
        return
    yield Manifest(name, document, given)


def _patches_of(manifests: Iterable[Manifest]) -> frozenset[str]:
    """Returns the files that a kustomization uses as patches."""
    patches: set[str] = set()
    for manifest in manifests:
        file = PurePosixPath(manifest.file)
        if file.name not in _KUSTOMIZATIONS:
            continue
        listed = (manifest.value.get("patches"), manifest.value.get("patchesStrategicMerge"))
        for patch in [entry for entries in listed if isinstance(entries, list) for entry in cast("list[Any]", entries)]:
            path = cast("dict[str, Any]", patch).get("path") if isinstance(patch, dict) else patch
            if isinstance(path, str) and "\n" not in path:
                patches.add(_normalize(file.parent / path))
    return frozenset(patches)


def _normalize(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
