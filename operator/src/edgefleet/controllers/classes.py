"""Device classes from their ConfigMaps. An invalid class keeps its last good one. Must not fetch anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from pydantic import ValidationError

from edgefleet.api.v1alpha1.classhash import hash_class
from edgefleet.api.v1alpha1.deviceclass import CONFIG_LABEL, CONFIG_VALUE, DeviceClass
from edgefleet.runtime.ports import Object

CLASS_SELECTOR: Final = f"{CONFIG_LABEL}={CONFIG_VALUE}"


@dataclass(frozen=True, slots=True)
class KnownClass:
    """A device class in force.

    Attributes:
        spec: what devices of the class can hold and run.
        hash: of its content: verdicts are keyed by it.
        problem: why a newer text of it is not in force; empty when there is none.
    """

    spec: DeviceClass
    hash: str
    problem: str = ""


@dataclass(slots=True)
class ClassBook:
    """The classes of every namespace, with the last good one of each."""

    _good: dict[tuple[str, str], KnownClass] = field(default_factory=dict[tuple[str, str], KnownClass])

    def read(self, namespace: str, config_maps: Iterable[Object]) -> Mapping[str, KnownClass | str]:
        """Returns the namespace's classes by name; one that was never valid is the sentence that says why not.

        Args:
            namespace: whose.
            config_maps: its ConfigMaps with the label of device classes.
        """
        found: dict[str, KnownClass | str] = {}
        for config_map in sorted(config_maps, key=lambda each: str(each["metadata"]["name"])):
            for name, text in sorted((config_map.get("data") or {}).items()):
                found.setdefault(name, self._read_one(namespace, name, text))
        for key in [key for key in self._good if key[0] == namespace and key[1] not in found]:
            del self._good[key]
        return found

    def _read_one(self, namespace: str, name: str, text: str) -> KnownClass | str:
        parsed = parse_class(text)
        before = self._good.get((namespace, name))
        if isinstance(parsed, DeviceClass):
            known = KnownClass(parsed, hash_class(parsed))
            self._good[namespace, name] = known
            return known
        problem = f"device class {name}: {parsed}"
        return problem if before is None else KnownClass(before.spec, before.hash, problem)


def parse_class(text: str) -> DeviceClass | str:
    """Returns the class that a document describes, or a sentence that names the field at fault."""
    try:
        document: Any = yaml.safe_load(text)
        return DeviceClass.model_validate(document)
    except yaml.YAMLError as problem:
        return f"is not YAML: {str(problem).splitlines()[0]}"
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "document"
        return f"{where}: {first['msg']}"
