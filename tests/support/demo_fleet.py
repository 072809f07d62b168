"""The demo's fleet under test: a real cluster, real devices' programs, and what a user and a programmer see of them."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from edgefleet.manifests.yaml_writer import write_document
from edgefleet_demo import chapter_one, devices, steps
from edgefleet_demo.publishing import MODEL, publish
from edgefleet_demo.timeline import Timeline
from edgefleet_demo.training import TrainedModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgefleet_demo.publishing import Published
    from edgefleet_demo.repository import Push
    from edgefleet_demo.snapshots import Snapshot
    from edgefleet_demo.stage import Stage

BASE_STEPS = ("build", "train", "install", "declare", "connect")
"""The demo's own steps until its devices are connected."""
_POLL_SECONDS = 0.1
_CALM_SECONDS = 2.5
"""The operator plans once a second: what it has not begun after two plans it does not begin."""


class Quiet:
    """Tells the test's log how the demo's steps go."""

    def __init__(self) -> None:
        self._last = ""

    def begin(self, number: int, total: int, name: str, shows: str, /) -> None:
        print(f"[{number}/{total}] {name}: {shows}")  # noqa: T201 - shown with a failure

    def wait(self, lacking: str, /) -> None:
        if lacking != self._last:
            print(f"  {lacking}")  # noqa: T201 - shown with a failure
        self._last = lacking

    def finish(self, phase: steps.Phase, /) -> None:
        print(f"  {phase.seconds:.1f} s")  # noqa: T201 - shown with a failure


@dataclass(frozen=True)
class Board:
    """A device as it is: what it says it runs, and all of its flash."""

    reported: str
    boot_count: int
    flash: str
    """SHA-256 of the whole flash."""


@dataclass
class DemoFleet:
    """A fleet of the demo."""

    stage: Stage
    releases: int = 0

    def begin(self) -> None:
        """Run the demo's steps until its devices are connected."""
        chapter = [step for step in chapter_one.STEPS if step.name in BASE_STEPS]
        steps.run(chapter, self.stage, Quiet(), lambda: self.stage.ledger)

    def until(self, what: str, so: Callable[[Snapshot], object], seconds: float = 60.0) -> Snapshot:
        """Wait until a snapshot is as wanted, and return it."""
        end = time.monotonic() + seconds
        while not so(snapshot := self.stage.look()):
            assert time.monotonic() < end, f"after {seconds:.0f} s not: {what}\n{self.tell()}"
            time.sleep(_POLL_SECONDS)
        return snapshot

    def tell(self) -> str:
        """Return what a person would look at first."""
        kubectl = self.stage.target.kubectl
        told = [
            kubectl("get", "rollouts,ed,mv", "--namespace=fleet", "--output=wide", check=False).stdout,
            kubectl("get", "kustomizations", "--namespace=flux-system", check=False).stdout,
            kubectl("get", "pods", "--namespace=edgefleet-system", check=False).stdout,
        ]
        where = ("--namespace=edgefleet-system", "deployment/edgefleet-operator", "--tail=40")
        return "\n".join([*told, kubectl("logs", *where, check=False).stdout])

    def columns(self, kind: str) -> list[dict[str, str]]:
        """Return what `kubectl get` prints of a kind, a row an object, without its age."""
        lines = self.stage.target.kubectl("get", kind, "--namespace=fleet").stdout.splitlines()
        heads = list(re.finditer(r"\S+", lines[0]))
        names, starts = [head[0] for head in heads], [head.start() for head in heads]
        ends = [*starts[1:], None]
        return [
            {
                name: line[start:end].strip()
                for name, start, end in zip(names, starts, ends, strict=True)
                if name != "AGE"
            }
            for line in lines[1:]
        ]

    def boards(self) -> dict[str, Board]:
        """Return every device as it is."""
        found: dict[str, Board] = {}
        for device in self.stage.look().devices:
            file = self.stage.places.flash(device.name) / "flash.bin"
            flash = hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
            found[device.name] = Board(device.reported, device.boot_count, flash)
        return found

    def active_bytes(self, size: int) -> dict[str, str]:
        """Return SHA-256 of the first bytes of every device's active slot."""
        return {
            device.name: hashlib.sha256(
                devices.model_bytes(self.stage.places, device.name, device.slot, size)
            ).hexdigest()
            for device in self.stage.look().devices
            if device.slot
        }

    def publish(
        self, version: str, trained: TrainedModel, *, key: Path | None = None, upload: bool = True
    ) -> Published:
        """Publish a model as a version."""
        stage = self.stage
        classes = stage.places.clone / "classes" / "device-classes.yaml"
        return publish(stage.places, stage.endpoints, trained, version, classes=classes, key=key, upload=upload)

    def push(self, version: str, text: str) -> Push:
        """Commit a ModelVersion and push it; return the push."""
        name = f"{MODEL}-{version}"
        pushed = self.stage.repository.add_version(name, text, f"Roll out {name}", self._mark(version))
        assert pushed is not None
        self.stage.timeline = Timeline(
            pushed, version, self.stage.count, lambda snapshot: snapshot.version(version) is not None
        )
        return pushed

    def revert(self, version: str, back_to: str) -> Push:
        """Revert the commit that pushed a version."""
        mark = self._mark(version)
        pushed = self.stage.repository.revert(mark, f"{mark}-reverted")
        assert pushed is not None

        def arrived(snapshot: Snapshot) -> bool:
            found = snapshot.version(version)
            return found is None or found.going

        self.stage.timeline = Timeline(pushed, back_to, self.stage.count, arrived)
        return pushed

    def _mark(self, version: str) -> str:
        return f"test-{version}"

    def await_version(self, version: str, seconds: float = 60.0) -> Timeline:
        """Wait until every ring has proved a version and every device runs it; return how long what took."""

        def so(snapshot: Snapshot) -> bool:
            rings = all(ring.at_rest and ring.target == version for ring in snapshot.rings)
            return rings and len(snapshot.confirmed(version)) == self.stage.count

        self.until(f"all devices on {version}", so, seconds)
        timeline, self.stage.timeline = self.stage.timeline, None
        assert timeline is not None
        assert timeline.total is not None
        return timeline

    def await_refusal(self, version: str, seconds: float = 30.0) -> tuple[str, str]:
        """Wait until a version is stalled; return reason and message."""

        def stalled(snapshot: Snapshot) -> bool:
            found = snapshot.version(version)
            return found is not None and found.stalled.holds

        found = self.until(f"{version} refused", stalled, seconds).version(version)
        assert found is not None
        assert not found.ready.holds
        return found.stalled.reason, found.stalled.message

    def calm(self) -> None:
        """Give the operator the time in which it would begin something."""
        time.sleep(_CALM_SECONDS)


def variant(trained: TrainedModel, folder: Path, extra: bytes) -> TrainedModel:
    """Return a model that answers alike from a file of its own: the flatbuffer with bytes behind it."""
    shutil.copytree(trained.folder, folder)
    (folder / "model.tflite").write_bytes(trained.file.read_bytes() + extra)
    return TrainedModel(folder)


def edited(text: str, change: Callable[[dict[str, Any]], object]) -> str:
    """Return a ModelVersion that somebody edited after it was signed; ``change`` gets its only artifact."""
    document = yaml.safe_load(text)
    change(document["spec"]["artifacts"][0])
    return write_document(document)
