"""Whether an artifact fits a device, before the device is told: the verdicts are the device's own. Pure."""

from dataclasses import dataclass

from edgefleet.domain.rollout.versions import Version


@dataclass(frozen=True, slots=True)
class Needs:
    """What an artifact needs of a device.

    Attributes:
        size_bytes: of the file.
        arena_bytes: smallest tensor arena that allocates.
        security_version: as signed.
        ops: operators that it uses.
        min_firmware: oldest firmware that runs it, None for any.
    """

    size_bytes: int = 0
    arena_bytes: int = 0
    security_version: int = 0
    ops: frozenset[str] = frozenset()
    min_firmware: str | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a device says it can hold and run.

    Attributes:
        slot_bytes: size of a model slot.
        arena_bytes: size of the tensor arena.
        security_floor: highest securityVersion it has accepted.
        firmware: version of its firmware.
        ops: operators that are linked in; None where it names a profile instead.
    """

    slot_bytes: int
    arena_bytes: int
    security_floor: int = 0
    firmware: str = ""
    ops: frozenset[str] | None = None


def find_misfit(needs: Needs, has: Abilities) -> tuple[str, str] | None:
    """Returns (reason, sentence) of the first thing that does not fit, in the order in which devices check; or None."""
    if needs.security_version < has.security_floor:
        said = f"securityVersion {needs.security_version} is below {has.security_floor}, which it has accepted"
        return "SecurityVersionTooLow", said
    if needs.min_firmware and has.firmware and Version.parse(has.firmware) < Version.parse(needs.min_firmware):
        return "FirmwareTooOld", f"needs firmware {needs.min_firmware}, the device has {has.firmware}"
    if needs.size_bytes > has.slot_bytes:
        return "DoesNotFit", f"the file has {needs.size_bytes} bytes, a slot {has.slot_bytes}"
    if needs.arena_bytes > has.arena_bytes:
        return "ArenaTooSmall", f"needs an arena of {needs.arena_bytes} bytes, the device has {has.arena_bytes}"
    missing = needs.ops - has.ops if has.ops is not None else frozenset[str]()
    if missing:
        return "OpUnsupported", f"uses {', '.join(sorted(missing))}, which the firmware lacks"
    return None
