"""Each device's twin: its object, its last words, and whether it is there. In memory, rebuilt from what is observed."""

from dataclasses import dataclass, field
from typing import Self

from edgefleet.api.v1alpha1.edgedevice import EdgeDevice, EdgeDeviceSpec, EdgeDeviceStatus
from edgefleet.contracts.reported import Presence, Reported
from edgefleet.domain.device.ordering import Moment, follows
from edgefleet.runtime.ports import Object


@dataclass(frozen=True, slots=True)
class Declared:
    """What the API server holds of a device, as far as the fleet needs it."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: EdgeDeviceSpec
    status: EdgeDeviceStatus
    stored: Object | None
    """The status as it was read, for comparison."""

    @classmethod
    def read(cls, obj: Object) -> Self:
        """Projects an object."""
        device = EdgeDevice.model_validate(obj)
        meta = obj["metadata"]
        return cls(
            namespace=str(meta.get("namespace", "")),
            name=device.metadata.name,
            uid=str(meta["uid"]),
            generation=int(meta.get("generation", 0)),
            resource_version=str(meta.get("resourceVersion", "")),
            labels=device.metadata.labels,
            annotations=device.metadata.annotations,
            spec=device.spec,
            status=device.status,
            stored=obj.get("status"),
        )


@dataclass(slots=True)
class Voice:
    """What a device says over MQTT. It may speak before it is declared."""

    report: Reported | None = None
    changed_at: float = 0.0
    """When the report last said something else than before."""
    presence: Presence | None = None
    online: bool = False
    since: float = 0.0
    """Since when it is on- or offline."""

    def hear_report(self, report: Reported, now: float) -> bool:
        """Takes a report that no later one of the same enrolment has overtaken. Says whether it is news."""
        last = self.report
        if not follows(_find_moment(report), _find_moment(last) if last is not None else None):
            return False
        again = last is not None and _essence(last) == _essence(report)
        self.report = report
        if again:
            return False
        self.changed_at = now
        return True

    def hear_presence(self, presence: Presence, now: float) -> bool:
        """Takes a device's coming or going; a last will of an earlier boot says nothing. Says whether it is news."""
        last = self.presence
        if not follows(_find_moment(presence), _find_moment(last) if last is not None else None):
            return False
        self.presence = presence
        online = presence.status == "online"
        if online == self.online and self.since:
            return False
        self.online, self.since = online, now
        return True

    def doubt(self, now: float) -> None:
        """Takes a device for gone until it is heard again: the broker has forgotten that it was there."""
        if self.online:
            self.online, self.since = False, now


def _find_moment(said: Reported | Presence) -> Moment:
    """Returns when a device said something; a presence lasts from boot to boot."""
    return Moment(said.enrolment_id, said.boot_count, said.seq if isinstance(said, Reported) else 0)


def _essence(report: Reported) -> Reported:
    """Returns the report without what changes by itself."""
    return report.model_copy(update={"boot_count": 0, "seq": 0, "latency_us": None})


@dataclass(slots=True)
class Twins:
    """Every device by name: a device id is unique in the cluster, so MQTT topics name it without a namespace."""

    declared: dict[str, Declared] = field(default_factory=dict[str, Declared])
    voices: dict[str, Voice] = field(default_factory=dict[str, Voice])
    doubles: dict[str, Declared] = field(default_factory=dict[str, Declared])
    """Devices whose name another namespace had first, by uid."""

    def voice(self, name: str) -> Voice:
        """Returns the voice of a device, an unheard one for a new name."""
        return self.voices.setdefault(name, Voice())

    def put(self, device: Declared) -> None:
        """Takes a new or changed object."""
        owner = self.declared.get(device.name)
        if owner is not None and owner.namespace != device.namespace:
            self.doubles[device.uid] = device
            return
        self.doubles.pop(device.uid, None)
        self.declared[device.name] = device

    def drop(self, namespace: str, name: str, uid: str) -> Declared | None:
        """Forgets a deleted object; returns it if it was the one that owned the name."""
        self.doubles.pop(uid, None)
        owner = self.declared.get(name)
        if owner is None or owner.namespace != namespace:
            return None
        del self.declared[name]
        for double in [each for each in self.doubles.values() if each.name == name]:
            self.put(double)
            break
        return owner

    def in_namespace(self, namespace: str) -> list[Declared]:
        """Returns a namespace's devices in the order of their names."""
        return sorted((each for each in self.declared.values() if each.namespace == namespace), key=lambda d: d.name)

    def namespaces(self) -> set[str]:
        """Returns every namespace with devices."""
        return {device.namespace for device in self.declared.values()}
