"""Device classes and files for the preflight, and a folder with everything that publishing needs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefleet.api.v1alpha1 import DeviceClass
from edgefleet.contracts.features import MOTOR_LEVEL1
from edgefleet.manifests.yaml_writer import write_document
from support import tinymodel
from support.authority import make_key

OPS = ("FULLY_CONNECTED", "LOGISTIC")


def make_class(**changes: Any) -> DeviceClass:
    """Return a class that takes `tinymodel`."""
    fields = {"runtime": "tflm", "transport": "device", "slotBytes": 65536, "arenaBytes": 16384, "ops": OPS}
    return DeviceClass.model_validate(fields | changes)


def change(edit: Callable[[Any], None]) -> bytes:
    """Return a tiny model after `edit` changed its ModelT."""
    model = tinymodel.parse(tinymodel.build())
    edit(model)
    return tinymodel.encode(model)


def write_classes(folder: Path, **classes: DeviceClass) -> Path:
    """Write a ConfigMap of classes; return its file."""
    data = {
        name.replace("_", "-"): write_document(each.model_dump(mode="json", by_alias=True))
        for name, each in classes.items()
    }
    metadata = {"name": "device-classes", "labels": {"edgefleet.io/config": "device-classes"}}
    file = folder / "device-classes.yaml"
    file.write_text(write_document({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
    return file


@dataclass(frozen=True)
class Workplace:
    """A folder with a model, classes esp32 and esp32-s3, a feature schema and a release key."""

    folder: Path
    model: Path
    classes: Path
    features: Path
    key: Path
    public: Path

    @classmethod
    def make(cls, folder: Path) -> "Workplace":
        model = folder / "motor.tflite"
        model.write_bytes(tinymodel.build())
        features = folder / "features.json"
        features.write_text(json.dumps(MOTOR_LEVEL1.to_tree(), indent=2))
        key = folder / "release.key"
        classes = write_classes(folder, esp32=make_class(), esp32_s3=make_class(slotBytes=524288))
        return cls(folder, model, classes, features, key, make_key(key))

    def publish(self, *more: str, version: str = "1.0.0") -> list[str]:
        """Return the arguments that publish the model; later options win."""
        options = {
            "--model": "motor-anomaly",
            "--version": version,
            "--classes": self.classes,
            "--feature-schema": self.features,
            "--key": self.key,
        }
        named = [str(part) for option in options.items() for part in option]
        return ["model", "publish", f"esp32={self.model}", *named, *more]
