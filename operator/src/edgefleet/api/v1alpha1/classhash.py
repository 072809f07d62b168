"""The content hash of a device class: what a verdict on a model was made for."""

import hashlib
import json

from edgefleet.api.v1alpha1.deviceclass import DeviceClass


def hash_class(device_class: DeviceClass) -> str:
    """Returns SHA-256 of the class's content, the same however its YAML is written."""
    tree = device_class.model_dump(mode="json", by_alias=True)
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
