"""The device class that a model is for, read from the fleet's own manifests."""

from pathlib import Path

from edgefleet.api.v1alpha1 import DeviceClass
from edgefleet.manifests.folder import read_files, read_folder
from edgefleet.manifests.objects import declare


class ClassUnreadableError(Exception):
    """There is no such class, or what declares it is wrong; the text says where."""


def read_class(place: Path, name: str) -> DeviceClass:
    """Return a device class.

    Args:
        place: a file or a folder of manifests with the ConfigMap of device classes.
        name: of the class, the ConfigMap's key.

    Raises:
        ClassUnreadableError: one line a fault.
    """
    try:
        reading = read_files({place.name: place.read_bytes()}) if place.is_file() else read_folder(place)
    except OSError as problem:
        raise ClassUnreadableError(f"{place}: {problem.strerror}") from None
    declared = declare(reading.manifests)
    found = {each.name: each.spec for each in declared.classes}
    if name in found:
        return found[name]
    # Only what concerns classes: a folder holds much that is nobody's business here.
    faults = [
        str(each)
        for each in (*reading.findings, *declared.findings)
        if not each.where or each.where.startswith("ConfigMap")
    ]
    known = ", ".join(sorted(found)) or "none"
    raise ClassUnreadableError("\n".join([f"{place} declares no valid device class {name} (it has: {known})", *faults]))
