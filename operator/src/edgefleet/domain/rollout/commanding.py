"""Commands of a pass: to a ring's devices, to pinned ones, and those that are taken back. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from edgefleet.domain.rollout.activity import active_pin, is_unanswered, next_attempt
from edgefleet.domain.rollout.catalogue import Catalogue, Home, is_usable
from edgefleet.domain.rollout.effects import HandleToken, RecallCommand, SendCommand
from edgefleet.domain.rollout.facts import DeviceFacts
from edgefleet.domain.rollout.passes import RingPass
from edgefleet.domain.rollout.selection import Meter
from edgefleet.domain.rollout.standing import Stand, Standing

_WAITING = frozenset({Standing.HELD, Standing.OFFLINE, Standing.EXCLUDED, Standing.CONFLICT, Standing.UNASSIGNED})


def send_to_ring(each: RingPass, chosen: Mapping[int, DeviceFacts], catalogue: Catalogue) -> Iterator[SendCommand]:
    """Yields the commands to a ring's chosen devices, by their places in its list."""
    for place, device in chosen.items():
        artifact = each.stands[place].artifact
        home = each.homes.get(device.name)
        version = home.version if home is not None else each.aim
        if artifact is None or version is None:
            continue
        command = device.command
        yield SendCommand(
            device=device.name,
            model=version.model,
            version=version.version,
            artifact=artifact,
            ring=each.ring.name,
            renew=command is not None and command.digest == artifact.digest,
            attempt=next_attempt(device) if home is None else 1,
            last_good=device.last_good if home is not None else _find_last_good(device, artifact.digest, catalogue),
        )


def _find_last_good(device: DeviceFacts, digest: str, catalogue: Catalogue) -> str | None:
    """Returns what the device returns to after this command: what it runs now, unless nobody may be given that."""
    runs = device.report.digest if device.report is not None else None
    if runs is None or runs == digest:
        return device.last_good
    known = [
        version
        for version in catalogue.versions
        if (artifact := version.artifacts.get(device.device_class)) is not None and artifact.digest == runs
    ]
    return device.last_good if known and not any(is_usable(version) for version in known) else runs


def find_recalls(each: RingPass, commanded: Collection[str]) -> Iterator[RecallCommand]:
    """Yields a recall for every open command of a ring's devices that asks for something nobody wants any more.

    Args:
        each: the ring.
        commanded: devices that are told something else in this pass anyway.
    """
    if each.aim is None:
        return
    everybody = each.returning
    for device, stand in zip(each.devices, each.stands, strict=True):
        # An updated device was told what it runs, unless that is to be taken back.
        if device.command is None or (stand.standing is Standing.UPDATED and not everybody):
            continue
        report = device.report
        if report is not None and report.generation >= device.command.generation:
            continue
        if not device.revoked and device.name not in commanded:
            recall = _recall(device, each.wanted(device, stand))
            if recall is not None:
                yield recall


def find_stray_recalls(devices: Iterable[DeviceFacts]) -> Iterator[RecallCommand]:
    """Yields a recall for every open command of devices that have left their ring."""
    for device in devices:
        if is_unanswered(device) and not device.revoked:
            recall = _recall(device, None)
            if recall is not None:
                yield recall


def _recall(device: DeviceFacts, wanted: str | None) -> RecallCommand | None:
    command = device.command
    if command is None or command.ring is None or command.digest == wanted:
        return None
    return RecallCommand(device.name, command.ring, command.digest)


def send_to_pinned(
    devices: Iterable[DeviceFacts], passes: Mapping[str, RingPass], catalogue: Catalogue, meter: Meter
) -> Iterator[SendCommand]:
    """Yields the commands of pins: they act beside the rings, at once, one device each."""
    pinned = [device for device in devices if device.pin is not None and active_pin(device, meter.now) is not None]
    models = {device.name: each.ring.model for each in passes.values() for device in each.devices} if pinned else {}
    for device in sorted(pinned, key=lambda each: each.name):
        pin = active_pin(device, meter.now)
        if pin is None or device.revoked or not device.online or not device.class_known:
            continue
        model = pin.model or models.get(device.name)
        found = _find_pinned(model, pin.version, device.device_class, catalogue)
        if found is None:
            continue
        runs = device.report.digest if device.report is not None else None
        told = device.command.digest if device.command is not None else runs
        if told != found.artifact.digest and meter.draw(None):
            version, last_good = found.version, _find_last_good(device, found.artifact.digest, catalogue)
            yield SendCommand(device.name, version.model, version.version, found.artifact, None, last_good=last_good)


def _find_pinned(model: str | None, name: str, device_class: str, catalogue: Catalogue) -> Home | None:
    for version in catalogue.versions:
        artifact = version.artifacts.get(device_class)
        if version.model == model and version.version == name and is_usable(version) and artifact is not None:
            return Home(version, artifact)
    return None


def settle_tokens(
    devices: Iterable[DeviceFacts], stands: Mapping[str, Stand], commanded: Collection[str]
) -> Iterator[HandleToken]:
    """Yields the tokens of devices that were acted on, or that there is nothing to act on for."""
    for device in devices:
        if not device.tokens:
            continue
        if device.name in commanded or stands[device.name].standing not in _WAITING:
            for name, value in sorted(device.tokens.items()):
                yield HandleToken(device.name, name, value)
