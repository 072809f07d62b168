"""How a simulated device behaves, and fleets of such devices: drawn from a seed and the device's name. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, Literal

from edgefleet.simulation.messages import Phase

ANY: Final = "*"
"""Stands for every digest."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How an update ends badly.

    Attributes:
        phase: the phase it ends in: FAILED, REJECTED, or ROLLED_BACK some time after it was confirmed.
        reason: the device's own word for it.
        during: the phase in which it shows.
        after: seconds until a device that had confirmed falls back, or until a download that failed is whole after all;
            0 for never.
    """

    phase: Phase
    reason: str
    during: Phase = Phase.TESTING
    after: float = 0.0


SELF_TEST_FAILED: Final = Fault(Phase.FAILED, "SelfTestFailed")
MODEL_LOAD_FAILED: Final = Fault(Phase.FAILED, "ModelLoadFailed")
DOWNLOAD_FAILED: Final = Fault(Phase.FAILED, "DownloadFailed", Phase.DOWNLOADING)
FLAKY_DOWNLOAD: Final = Fault(Phase.FAILED, "DownloadFailed", Phase.DOWNLOADING, after=120.0)
WATCHDOG_RESET: Final = Fault(Phase.FAILED, "WatchdogReset")
DOES_NOT_FIT: Final = Fault(Phase.REJECTED, "DoesNotFit", Phase.DOWNLOADING)
FALLS_BACK: Final = Fault(Phase.ROLLED_BACK, "DigestMismatch", after=90.0)


@dataclass(frozen=True, slots=True)
class Sleep:
    """A pattern of being there and not.

    Attributes:
        asleep: seconds.
        awake: seconds; prolonged until an update that is under way has ended.
        offset: seconds until it first falls asleep.
        polite: whether it says goodbye; otherwise the broker notices by its keep-alive.
    """

    asleep: float
    awake: float
    offset: float = 0.0
    polite: bool = True


Lie = Literal["OtherDigest", "UnheardGeneration", "StaleReport", "FalseConfirmation"]
"""What a device claims that is not so. StaleReport repeats an old report after each new one."""
LIES: Final[tuple[Lie, ...]] = ("OtherDigest", "UnheardGeneration", "StaleReport", "FalseConfirmation")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One device's ways.

    Attributes:
        bandwidth: bytes a second.
        verify_seconds: to hash what came.
        test_seconds: to run the golden vectors.
        boot_seconds: from power to the broker.
        latency_us: of one inference.
        spread: how much each duration varies, as a share of it.
        faults: by artifact digest, or ANY.
        sleep: None for always there.
        crashes_in: a phase in which it restarts, once in its life.
        lie: what it claims.
        defers: seconds that it puts a download off.
        mute: connected, and never answers a command.
    """

    bandwidth: float = 40_000.0
    verify_seconds: float = 0.5
    test_seconds: float = 2.0
    boot_seconds: float = 3.0
    latency_us: int = 4_000
    spread: float = 0.3
    faults: Mapping[str, Fault] = field(default_factory=dict[str, Fault])
    sleep: Sleep | None = None
    crashes_in: Phase | None = None
    lie: Lie | None = None
    defers: float = 0.0
    mute: bool = False

    def find_fault(self, digest: str) -> Fault | None:
        """Returns what goes wrong with an artifact."""
        return (self.faults.get(digest) or self.faults.get(ANY)) if self.faults else None

    @property
    def sound(self) -> bool:
        """Whether it does what it is told, and says so."""
        return self.lie is None and not self.mute


IDEAL: Final = Behaviour(spread=0.0)
"""Nothing ever goes wrong, and everything takes its time exactly."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares of a fleet that behave in some way, 0 to 1 each; who does is drawn from the seed and the names.

    Attributes:
        base: everybody else.
        failing: devices at which `failing_digests` fail (every digest where none are named).
        failing_digests: those artifacts.
        bad_digests: artifacts that fail everywhere.
        fault: how they fail.
        asleep: devices that come and go.
        sleep: their pattern; each has an offset of its own.
        crashing: devices that restart in the middle of an update.
        lying: devices that claim what is not so.
        deferring: devices that put downloads off, by `defers` seconds.
        defers: seconds.
        mute: devices that never answer.
    """

    base: Behaviour = Behaviour()
    failing: float = 0.0
    failing_digests: frozenset[str] = frozenset()
    bad_digests: frozenset[str] = frozenset()
    fault: Fault = SELF_TEST_FAILED
    asleep: float = 0.0
    sleep: Sleep = Sleep(asleep=1_200.0, awake=180.0)
    crashing: float = 0.0
    lying: float = 0.0
    deferring: float = 0.0
    defers: float = 60.0
    mute: float = 0.0

    def draw(self, seed: int, name: str) -> Behaviour:
        """Returns a device's behaviour: the same for the same seed and name, whoever else there is."""
        base = self.base
        random = Random(f"{seed}/{name}")  # noqa: S311 - a simulation, to be repeated
        # Every draw is made, so that a share that changes moves nobody else.
        failing, asleep, crashing, lying, deferring, mute = (random.random() for _ in range(6))
        sleep, phase, lie = random.random(), random.choice((Phase.DOWNLOADING, Phase.TESTING)), random.choice(LIES)
        faults = dict.fromkeys(self.bad_digests, self.fault)
        if failing < self.failing:
            faults |= dict.fromkeys(self.failing_digests or {ANY}, self.fault)
        ways = {
            "faults": faults or base.faults,
            "sleep": self._offset(sleep) if asleep < self.asleep else base.sleep,
            "crashes_in": phase if crashing < self.crashing else base.crashes_in,
            "lie": lie if lying < self.lying else base.lie,
            "defers": self.defers if deferring < self.deferring else base.defers,
            "mute": base.mute or mute < self.mute,
        }
        # Shared where it can be: ten thousand devices need not have ten thousand behaviours.
        return base if all(getattr(base, way) is value for way, value in ways.items()) else replace(base, **ways)

    def _offset(self, share: float) -> Sleep:
        pattern = self.sleep
        return replace(pattern, offset=share * (pattern.asleep + pattern.awake))
