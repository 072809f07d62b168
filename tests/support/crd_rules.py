"""Every CEL rule of the generated CRDs, and a value that breaks it while the schema around it holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from support.good_manifests import Json, good_manifests
from support.mutations import Path as FieldPath
from support.mutations import paths_of, replaced, value_at

# What breaks a rule on a scalar: right in type and length, wrong in content.
_WRONG: Final = {
    "int-or-percent": "x%",
    "quantity": "lots",
    "duration-range": "9999h",
    "time-zone": "Mars/Olympus",
    "instant-exists": "2026-02-30T00:00:00Z",
    "instant": "2026-11-21 06:00:00Z",
    "sha256": "g" * 64,
    "raw-signature": "*" * 88,
}

# The same for sections that stand in many places.
_WRONG_SECTIONS: Final = {
    "period-not-empty": {"start": "06:00", "end": "06:00"},
    "toleration-value": {"operator": "Exists", "value": "true"},
}


@dataclass(frozen=True)
class PlacedRule:
    """One rule where it stands; in `path`, "[]" is any entry of a list and "*" any entry of a map."""

    kind: str
    path: tuple[str, ...]
    rule_id: str
    transition: bool

    def __str__(self) -> str:
        """Names the rule in a test's id."""
        return f"{self.kind}.{'.'.join(self.path)}:{self.rule_id}"


def placed_rules(folder: Path) -> list[PlacedRule]:
    """Returns every rule of every CRD in `folder`."""
    found: list[PlacedRule] = []
    for file in sorted(folder.glob("*.yaml")):
        crd = yaml.safe_load(file.read_text())
        kind = crd["spec"]["names"]["kind"]
        found.extend(_walk(kind, crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], ()))
    return found


def _walk(kind: str, node: dict[str, Any], path: tuple[str, ...]) -> Iterator[PlacedRule]:
    for rule in node.get("x-kubernetes-validations", ()):
        rule_id = rule["message"].rpartition("[")[2].rstrip("]")
        yield PlacedRule(kind, path, rule_id, "oldSelf" in rule["rule"])
    for name, child in node.get("properties", {}).items():
        yield from _walk(kind, child, (*path, name))
    if "items" in node:
        yield from _walk(kind, node["items"], (*path, "[]"))
    if isinstance(node.get("additionalProperties"), dict):
        yield from _walk(kind, node["additionalProperties"], (*path, "*"))


def _fits(path: FieldPath, pattern: tuple[str, ...]) -> bool:
    return len(path) == len(pattern) and all(
        isinstance(part, int) if wanted == "[]" else wanted in ("*", part)
        for part, wanted in zip(path, pattern, strict=True)
    )


def passing(rule: PlacedRule) -> list[tuple[Json, FieldPath]]:
    """Returns the valid manifests in which the rule is evaluated, and where."""
    return [
        (manifest, path)
        for manifest in good_manifests().values()
        if manifest["kind"] == rule.kind
        for path in ((), *paths_of(manifest))
        if _fits(path, rule.path)
    ]


def failing(rule: PlacedRule) -> Json | None:
    """Returns a manifest that breaks the rule; None for most rules on objects, which need a case of their own."""
    for manifest, path in passing(rule):
        if rule.rule_id in _WRONG_SECTIONS:
            return replaced(manifest, path, _WRONG_SECTIONS[rule.rule_id])
        value = value_at(manifest, path)
        if isinstance(value, str):
            return replaced(manifest, path, _WRONG.get(rule.rule_id, "!" * len(value)))
        if isinstance(value, int):
            return replaced(manifest, path, _WRONG[rule.rule_id])
    return None
