"""What the firmware's tests update with: commands, manifests and models as the device and its registry see them.

`python -m edgefleet.codegen.updates OUT_DIR` writes tests/golden/updates below OUT_DIR. The models are not TensorFlow
models: the tests' own runtime (firmware/tests/agent/runtime_double.c) adds up bytes, enough to be right, wrong,
refused or fatal. The keys are the TEST-ONLY keys of the golden vectors.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from edgefleet.codegen import vector_samples as samples
from edgefleet.codegen.emission import write_from_command_line
from edgefleet.codegen.vector_samples import ASSIGNMENT_A, ASSIGNMENT_B, RELEASE_A, RELEASE_B, STRANGER, to_json
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.commands import sign_command
from edgefleet.contracts.desired import Assignment, Settings
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import Envelope, seal
from edgefleet.contracts.features import MOTOR_LEVEL1, MOTOR_LEVEL2, Schema
from edgefleet.contracts.keys import BundledKey, KeyBundle, SigningKey

ROOT: Final = "tests/golden/updates"
_MAGIC: Final = b"EFMODEL1"
_TOLERANCE: Final = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """A model and what is wrong with it, if anything.

    Attributes:
        name: of the model's manifest version and of nothing else.
        bias: what the model adds.
        size: bytes.
        behaviour: of the tests' runtime: 0 works, 1 crashes when run, 2 is refused when loaded, 3 crashes when loaded,
            4 hangs when run, 5 hangs when loaded, 6 answers the feature that it watches.
        error: by how much the expected outputs are off.
        changes: to the manifest.
        blob: whether the registry has the right bytes (None), other bytes, or none (empty).
        blank: where the model has bytes that look like erased flash: from, to.
        key: that signs the manifest.
        schema: of the features that it reads.
        watches: the feature whose deviation behaviour 6 answers; two scales of it make a score of 1/2.
    """

    name: str
    bias: int
    size: int
    behaviour: int = 0
    error: int = 0
    changes: tuple[tuple[str, Any], ...] = ()
    blob: bytes | None = None
    blank: tuple[int, int] = (0, 0)
    key: SigningKey = RELEASE_A
    schema: Schema = MOTOR_LEVEL1
    watches: str = ""

    def model(self) -> bytes:
        """Return the model's bytes: what it does, then noise."""
        head = _MAGIC + bytes([self.bias, self.behaviour]) + self._watched()
        noise = b"".join(hashlib.sha256(f"{self.name} {i}".encode()).digest() for i in range(self.size // 32 + 1))
        start, end = self.blank
        whole = head + noise
        return (whole[:start] + b"\xff" * (end - start) + whole[end:])[: self.size]

    def answer(self, given: bytes) -> bytes:
        """Return what the tests' runtime answers."""
        if self.watches:
            return bytes([given[self._watched()[1]], 0])
        return bytes((given[2 * i] + given[2 * i + 1] + self.bias) % 256 for i in range(2))

    def manifest(self) -> bytes:
        """Return the manifest's envelope."""
        vectors = [
            {"input": _text(each), "output": _text(bytes((one + self.error) % 256 for one in self.answer(each)))}
            for each in self._inputs()
        ]
        tensor = {"name": "x", "shape": [1, len(self.schema.features)], "dtype": "int8"}
        output = tensor | {"shape": [1, 2]}
        if self.watches:
            tensor |= {"scale": 0.125, "zeroPoint": -3}
            output |= {"scale": 0.03125, "zeroPoint": -3}
        tree = samples.full(Kind.MANIFEST) | {
            "version": self.name,
            "sha256": hashlib.sha256(self.model()).hexdigest(),
            "sizeBytes": self.size,
            "inputs": [tensor],
            "outputs": [output],
            "vectors": vectors,
            "toleranceLsb": _TOLERANCE,
            "featureSchema": {"name": self.schema.name, "digest": self.schema.digest()},
        }
        return encode(seal(Kind.MANIFEST, to_json(tree | dict(self.changes)), [self.key]))

    def _watched(self) -> bytes:
        """How many features there are, and which of them is watched."""
        names = [feature.name for feature in self.schema.features]
        return bytes([len(names), names.index(self.watches)]) if self.watches else b""

    def _inputs(self) -> tuple[bytes, ...]:
        count = len(self.schema.features)
        return (bytes(count), bytes(range(1, count + 1)), bytes([127, 1, 128, 255] * count)[:count])


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


FIRST: Final = Sample("1.0.0", bias=1, size=5000)
SECOND: Final = Sample("2.0.0", bias=2, size=9000, error=_TOLERANCE)
THIRD: Final = Sample("3.0.0", bias=3, size=8192, changes=(("securityVersion", 4),))
WRONG: Final = Sample("4.0.0", bias=4, size=6000, error=_TOLERANCE + 1)
FATAL: Final = Sample("5.0.0", bias=5, size=6000, behaviour=1)
REFUSED: Final = Sample("6.0.0", bias=6, size=6000, behaviour=2)
LARGE: Final = Sample("7.0.0", bias=7, size=16385)
ALIEN: Final = Sample("8.0.0", bias=8, size=6000, changes=(("deviceClass", "coral-edgetpu"),))
SWAPPED: Final = Sample("9.0.0", bias=9, size=6000, blob=bytes(6000))
ABSENT: Final = Sample("10.0.0", bias=10, size=6000, blob=b"")
EXACT: Final = Sample(
    "11.0.0", bias=11, size=6000, error=1, changes=(("outputs", [{"name": "y", "shape": [1], "dtype": "int16"}]),)
)
NARROW: Final = Sample("12.0.0", bias=12, size=6000, changes=(("vectors", [{"input": "AAA=", "output": "AAA="}]),))
HANGING: Final = Sample("13.0.0", bias=13, size=6000, behaviour=4)
STUCK: Final = Sample("14.0.0", bias=14, size=6000, behaviour=5)
EXPLOSIVE: Final = Sample("15.0.0", bias=15, size=6000, behaviour=3)
BLANK: Final = Sample("16.0.0", bias=16, size=16384, blank=(4096, 12288))
GREEDY: Final = Sample("17.0.0", bias=17, size=6000, changes=(("arenaBytes", 20481),))
OTHER_KEY: Final = Sample("18.0.0", bias=18, size=9000, key=RELEASE_B)
FORGED: Final = Sample("19.0.0", bias=19, size=6000, key=STRANGER)
NEAR: Final = Sample("20.0.0", bias=20, size=5000, behaviour=6, watches="vibration")
FAR: Final = Sample("21.0.0", bias=21, size=5000, behaviour=6, schema=MOTOR_LEVEL2, watches="outerRace")
FOREIGN: Final = Sample(
    "22.0.0", bias=22, size=6000, changes=(("featureSchema", {"name": "motor-level1", "digest": "0" * 64}),)
)
SAMPLES: Final = (
    *(FIRST, SECOND, THIRD, WRONG, FATAL, REFUSED, LARGE, ALIEN, SWAPPED, ABSENT, EXACT, NARROW),
    *(HANGING, STUCK, EXPLOSIVE, BLANK, GREEDY, OTHER_KEY, FORGED, NEAR, FAR, FOREIGN),
)

_SETTINGS: Final = Settings(
    anomaly_threshold=0.75,
    hysteresis_windows=5,
    sample_period_ms=20,
    telemetry_period_ms=1000,
    role="level2",
    sources=(samples.OTHER_DEVICE, "esp32-0003"),
)
# As much as an assignment may carry: what it makes a report say must still fit.
_MOST_SETTINGS: Final = Settings(
    anomaly_threshold=0.123456789012345, sources=tuple(f"{i:x}".rjust(63, "a") for i in range(16))
)

_WATCH: Final = Settings(
    anomaly_threshold=0.25, hysteresis_windows=1, sample_period_ms=500, telemetry_period_ms=2000, role="level1"
)
_WATCH_BOTH: Final = Settings(role="level2", sources=(samples.OTHER_DEVICE, "esp32-0003"))
_WATCH_ONE: Final = Settings(role="level2", sources=("esp32-0003",), anomaly_threshold=0.9)


@dataclass(frozen=True, slots=True)
class Order:
    """A command, by the name of its file."""

    name: str
    generation: int
    sample: Sample | None = None
    settings: Settings | None = None
    jitter: int | None = None
    commission: str | None = None
    device: str = samples.DEVICE
    key: SigningKey = ASSIGNMENT_A

    def message(self) -> bytes:
        """Return the retained `desired` message."""
        envelope = self.sample.manifest() if self.sample else None
        assignment = Assignment(
            device_id=self.device,
            generation=self.generation,
            manifest_digest=_payload_digest(self.sample) if self.sample else None,
            settings=self.settings,
            jitter_seconds=self.jitter,
            commission=self.commission,
        )
        return sign_command(assignment, [self.key], manifest_bytes=len(envelope) if envelope else None)


_EPOCH: Final = 7 << 32
ORDERS: Final = (
    Order("first", _EPOCH | 1, FIRST),
    Order("first-other-bytes", _EPOCH | 1, SECOND),
    Order("second", _EPOCH | 2, SECOND, _SETTINGS),
    Order("second-again", _EPOCH | 3, SECOND, _SETTINGS),
    Order("back", _EPOCH | 4, FIRST),
    Order("third", _EPOCH | 5, THIRD),
    Order("back-below-the-floor", _EPOCH | 6, FIRST),
    Order("settings", _EPOCH | 7, None, _SETTINGS),
    Order("most-settings", _EPOCH | 8, None, _MOST_SETTINGS),
    Order("no-settings", _EPOCH | 9),
    Order("later", _EPOCH | 10, SECOND, jitter=60),
    Order("wrong-answer", _EPOCH | 11, WRONG),
    Order("fatal", _EPOCH | 12, FATAL),
    Order("refused-by-runtime", _EPOCH | 13, REFUSED),
    Order("too-large", _EPOCH | 14, LARGE),
    Order("other-class", _EPOCH | 15, ALIEN),
    Order("swapped-bytes", _EPOCH | 16, SWAPPED),
    Order("absent-model", _EPOCH | 17, ABSENT),
    Order("not-exact", _EPOCH | 18, EXACT),
    Order("narrow-vectors", _EPOCH | 19, NARROW),
    Order("second-last", _EPOCH | 20, SECOND),
    Order("hangs", _EPOCH | 21, HANGING),
    Order("hangs-when-loaded", _EPOCH | 22, STUCK),
    Order("crashes-when-loaded", _EPOCH | 23, EXPLOSIVE),
    Order("blank-sectors", _EPOCH | 24, BLANK),
    Order("greedy", _EPOCH | 25, GREEDY),
    Order("other-release-key", _EPOCH | 26, OTHER_KEY),
    Order("forged-manifest", _EPOCH | 27, FORGED),
    Order("other-assignment-key", _EPOCH | 28, SECOND, key=ASSIGNMENT_B),
    Order("other-keys", _EPOCH | 29, OTHER_KEY, key=ASSIGNMENT_B),
    Order("of-a-stranger", _EPOCH | 30, FIRST, key=STRANGER),
    Order("third-last", _EPOCH | 32, THIRD),
    Order("to-another", _EPOCH | 31, FIRST, device=samples.OTHER_DEVICE),
    Order("foreign-features", _EPOCH | 32, FOREIGN),
    # In the order in which the tests of sensing send them.
    Order("watch", _EPOCH | 40, NEAR),
    Order("watch-closely", _EPOCH | 41, None, _WATCH),
    Order("watch-as-before", _EPOCH | 42),
    Order("commission", _EPOCH | 43, None, commission="token-a"),
    Order("commission-again", _EPOCH | 44, None, _WATCH, commission="token-a"),
    Order("commission-anew", _EPOCH | 45, None, commission="token-b"),
    Order("watch-others", _EPOCH | 46, FAR, _WATCH_BOTH),
    Order("watch-one", _EPOCH | 47, None, _WATCH_ONE),
    Order("watch-others-by-level1", _EPOCH | 48, NEAR, _WATCH_BOTH),
    Order("watch-itself", _EPOCH | 49, None, _WATCH),
    Order("watch-next", _EPOCH | 50, SECOND),
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A key bundle, by the name of its file: which keys it hands out, and who signs it."""

    name: str
    version: int
    release: tuple[SigningKey, ...]
    assignment: tuple[SigningKey, ...]
    signer: SigningKey = RELEASE_A

    def message(self) -> bytes:
        """Return the retained message of the topic for keys."""
        bundle = KeyBundle(
            version=self.version, release_keys=_bundled(self.release), assignment_keys=_bundled(self.assignment)
        )
        return encode(seal(Kind.KEY_BUNDLE, encode(bundle), [self.signer]))


def _bundled(keys: tuple[SigningKey, ...]) -> tuple[BundledKey, ...]:
    return tuple(BundledKey.of(key.public) for key in keys)


# A device is made with keys a, which are version 1.
ROTATIONS: Final = (
    Rotation("made-with", 1, (RELEASE_A,), (ASSIGNMENT_A,)),
    Rotation("both", 2, (RELEASE_A, RELEASE_B), (ASSIGNMENT_A, ASSIGNMENT_B)),
    Rotation("rotated", 3, (RELEASE_B,), (ASSIGNMENT_B,)),
    Rotation("rotated-other-bytes", 3, (RELEASE_B, RELEASE_A), (ASSIGNMENT_B,)),
    Rotation("back", 4, (RELEASE_A,), (ASSIGNMENT_A,), RELEASE_B),
    Rotation("back-of-the-old-key", 5, (RELEASE_A,), (ASSIGNMENT_A,)),
    Rotation("fast-forward", (1 << 32) - 1, (RELEASE_B,), (ASSIGNMENT_B,)),
    Rotation("fast-forward-of-a-stranger", (1 << 32) - 1, (STRANGER,), (STRANGER,), STRANGER),
)


def _payload_digest(sample: Sample) -> str:
    return hashlib.sha256(decode(Envelope, sample.manifest()).payload_bytes()).hexdigest()


def _registry() -> Iterator[tuple[str, bytes]]:
    for sample in SAMPLES:
        model = sample.model()
        yield f"v1/manifests/sha256/{_payload_digest(sample)}", sample.manifest()
        if sample.blob != b"":
            yield f"v1/blobs/sha256/{hashlib.sha256(model).hexdigest()}", sample.blob or model


def generate() -> dict[str, bytes]:
    """Return the commands, the registry's files and the keys by path below the repository's root."""
    files = {f"{ROOT}/{path}": content for path, content in _registry()}
    files |= {f"{ROOT}/desired/{order.name}.json": order.message() for order in ORDERS}
    files |= {f"{ROOT}/keys/{rotation.name}.json": rotation.message() for rotation in ROTATIONS}
    keys = {"release": RELEASE_A, "assignment": ASSIGNMENT_A, "release-b": RELEASE_B, "assignment-b": ASSIGNMENT_B}
    rows = ("role\tpoint", *(f"{role}\t{key.public.point.hex()}" for role, key in keys.items()))
    files[f"{ROOT}/keys.tsv"] = ("\n".join(rows) + "\n").encode()
    return files


if __name__ == "__main__":
    write_from_command_line(generate)
