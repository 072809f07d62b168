"""Manifests bent at random, with a seed: what a slip of the hand, or a hostile one, makes of a valid manifest."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from support.good_manifests import Json

Path = tuple[str | int, ...]
Mutation = Callable[[random.Random, Json, Path], None]

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 100, 101, 1.0, 1.5, -0.5, 0.1, 1e3, 2**31, 2**31 - 1, 2**53, 1e16, -1e16,
    "", " ", "a", "A", "x y", "-a", "a-", "a.b", "1", "0", "true", "1.2.3", "v1.2.3", "1.2", "01.2.3", "1.2.3-rc.1",
    "1.2.3+build", "^1.2", ">=1.0.0 <2.0.0", "1.x || 2.x", "10%", "0%", "100%", "101%", "%", "5s", "1h30m", "5", "1d",
    "0s", "UTC", "Europe/Berlin", "Mars/Base", "europe/berlin", "Local", "24:00", "25:00", "9:00", "23:59",
    "2026-11-21T06:00:00Z", "2026-02-30T00:00:00Z", "2026-11-21", "2026-11-21T06:00:00", "0" * 64, "f" * 64, "F" * 64,
    "a" * 63, "a" * 64, "a" * 254, "a" * 1025, "ü", "日本", "\U0001f600", "a\n", "a\u0000b", "../x", "a/b", "#", "+",
    "example.com/site", "https://example.com/x", "ssh://git@example.com/x", "oci://r/x@sha256:" + "0" * 64,
    "500m", "1Gi", "1.5", "* * * * *", "0 3 * * 1", "main", "a..b", "/abs", [], {}, [1], ["a", "a"], ["a", "b"],
    {"a": "b"}, {"a": None}, [None], [[]], [{}],
)  # fmt: skip


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yields the path of every value inside `value`."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield (*path, key)
            yield from paths_of(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield (*path, index)
            yield from paths_of(child, (*path, index))


def value_at(manifest: Any, path: Path) -> Any:
    """Returns the value at `path`."""
    for part in path:
        manifest = manifest[part]
    return manifest


def replaced(manifest: Json, path: Path, value: Any) -> Json:
    """Returns a copy of the manifest with another value at `path`; `...` removes it."""
    changed = copy.deepcopy(manifest)
    parent = value_at(changed, path[:-1])
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return changed


def _replace(dice: random.Random, manifest: Json, path: Path) -> None:
    value_at(manifest, path[:-1])[path[-1]] = copy.deepcopy(dice.choice(_VALUES))


def _remove(_dice: random.Random, manifest: Json, path: Path) -> None:
    del value_at(manifest, path[:-1])[path[-1]]


def _rename(dice: random.Random, manifest: Json, path: Path) -> None:
    parent = value_at(manifest, path[:-1])
    if isinstance(parent, dict):
        key = str(path[-1])
        parent[dice.choice([key.upper(), key + "s", key[:-1] or "x", key.capitalize(), " " + key])] = parent.pop(key)


def _repeat(dice: random.Random, manifest: Json, path: Path) -> None:
    value = value_at(manifest, path)
    if isinstance(value, list) and value:
        value.extend(copy.deepcopy(dice.choice(value)) for _ in range(dice.choice([1, 1, 8, 40])))


def _nudge(dice: random.Random, manifest: Json, path: Path) -> None:
    value, parent = value_at(manifest, path), value_at(manifest, path[:-1])
    if isinstance(value, bool):
        parent[path[-1]] = dice.choice([not value, str(value), int(value)])
    elif isinstance(value, int | float):
        parent[path[-1]] = dice.choice([value + 1, value - 1, -value, value * 1000, float(value), str(value)])
    elif isinstance(value, str) and value:
        at = dice.randrange(len(value))
        letter = dice.choice("aZ09-._/:@ %é\t")
        parent[path[-1]] = dice.choice([value[:at] + letter + value[at:], value[:at] + value[at + 1 :], value * 2])


def _move(dice: random.Random, manifest: Json, path: Path) -> None:
    """Puts the value of another field here: a line pasted one row too low."""
    other = dice.choice([found for found in paths_of(manifest) if found[0] in ("spec", "metadata")])
    value_at(manifest, path[:-1])[path[-1]] = copy.deepcopy(value_at(manifest, other))


def _add(dice: random.Random, manifest: Json, path: Path) -> None:
    value = value_at(manifest, path)
    if isinstance(value, dict):
        value[dice.choice(["extra", "model", "track", "after", "max", "x-y", "suspend"])] = dice.choice(_VALUES)


_MUTATIONS: tuple[Mutation, ...] = (_replace, _replace, _remove, _rename, _repeat, _nudge, _nudge, _move, _add)


def mutate(dice: random.Random, manifest: Json) -> Json:
    """Returns the manifest with one to three mutations in spec, labels, annotations or at the top."""
    changed = copy.deepcopy(manifest)
    changed.pop("status", None)
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        paths = [path for path in paths_of(changed) if _is_ours(path)]
        if paths:
            dice.choice(_MUTATIONS)(dice, changed, dice.choice(paths))
    return changed


def _is_ours(path: Path) -> bool:
    """apiVersion and kind choose the URL, and the machinery's own metadata is no manifest's business."""
    return path[0] == "spec" or (len(path) >= 2 and path[1] in ("name", "labels", "annotations"))
