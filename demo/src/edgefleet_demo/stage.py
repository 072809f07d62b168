"""What a chapter's steps work on: the places, the cluster once it runs, and what is known by now."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from edgefleet_demo import devices, platform
from edgefleet_demo.errors import DemoError
from edgefleet_demo.plant import Plant
from edgefleet_demo.publishing import publish
from edgefleet_demo.repository import FleetRepository
from edgefleet_demo.snapshots import Snapshot
from edgefleet_demo.steps import Ledger
from edgefleet_demo.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgefleet_demo.places import Places
    from edgefleet_demo.publishing import Published
    from edgefleet_demo.target import Target
    from edgefleet_demo.timeline import Timeline
    from edgefleet_demo.training import TrainedModel
    from edgefleet_devcluster.images import Image
    from edgefleet_devcluster.progress import Say

_KEPT: Final = ("keys",)
"""What outlives the cluster that it was made for."""


@dataclass
class Stage:
    """The demo on one cluster.

    Args:
        name: Of the cluster.
        places: Where the demo keeps its state.
        wanted: How many devices; None for as many as are declared, or twelve.
        say: Where progress goes.
        show: Who draws the fleet.
    """

    name: str
    places: Places
    wanted: int | None
    say: Say = field(repr=False)
    show: Callable[[Snapshot], None] = field(repr=False)
    running: Target | None = None
    device_names: list[str] = field(default_factory=list)
    """The devices' ids, once they are declared."""
    images: Mapping[str, Image] = field(default_factory=dict)
    trained: dict[str, TrainedModel] = field(default_factory=dict)
    """By version."""
    timeline: Timeline | None = None
    refused: dict[str, float] = field(default_factory=dict)
    """Since when a version has been seen to be refused, monotonic seconds."""
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> Target:
        """The cluster.

        Raises:
            DemoError: It does not run yet.
        """
        if self.running is None:
            raise DemoError("the cluster does not run yet")
        return self.running

    @cached_property
    def endpoints(self) -> platform.Endpoints:
        """Where the platform is reached."""
        return platform.endpoints(self.target)

    @cached_property
    def plant(self) -> Plant:
        """The devices' processes."""
        return Plant(self.places.plant)

    @property
    def count(self) -> int:
        """How many devices there are."""
        return len(self.device_names)

    @cached_property
    def repository(self) -> FleetRepository:
        """The fleet's repository on the cluster's Git server."""
        remote, credentials = self.target.git_server()
        return FleetRepository(self.places.clone, remote, credentials)

    @cached_property
    def _watch(self) -> Watch:
        return Watch(self.target.kubeconfig, self.target.context)

    @property
    def ledger(self) -> Ledger:
        """Which steps were finished."""
        return Ledger(self.places.root / "finished.json")

    def device_commands(self) -> dict[str, list[str]]:
        """Return what runs each device."""
        return {name: devices.command(self.places, name, self.endpoints) for name in self.device_names}

    def publish(self, version: str) -> Published:
        """Publish one of the trained models, as far as that is not done."""
        self.repository.update()
        classes = self.places.clone / "classes" / "device-classes.yaml"
        return publish(self.places, self.endpoints, self.trained[version], version, classes=classes)

    def look(self) -> Snapshot:
        """Look at the fleet, and draw it; one that cannot be seen for a moment looks empty."""
        try:
            snapshot = self._watch.look()
        except ConnectionError as error:
            self.say(str(error))
            return Snapshot()
        if self.timeline is not None:
            self.timeline.observe(snapshot, time.monotonic())
        self.show(snapshot)
        return snapshot

    def settle(self, target: Target) -> None:
        """Work on this cluster from now on; what was made for another one of its name is put aside.

        The user's commits are kept under another name, as the cluster that held them is gone.
        """
        self.running = target
        file, root = self.places.cluster, self.places.root
        if file.exists() and file.read_text() != target.identity:
            self.say(f"{self.name} is a new cluster: beginning anew")
            self.plant.stop()
            aside = root.with_name(f"{root.name}.{time.strftime('%Y%m%d-%H%M%S')}")
            root.rename(aside)
            root.mkdir(parents=True)
            for name in _KEPT:
                if (aside / name).exists():
                    shutil.move(aside / name, root / name)
            for folder in ("identities", "flash", "plant", "credentials", "clone"):
                shutil.rmtree(aside / folder, ignore_errors=True)
            self.say(f"the old working copy is in {aside}")
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(target.identity)
