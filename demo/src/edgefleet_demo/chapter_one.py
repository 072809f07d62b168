"""Chapter one: a signed model from `git push` to devices that verified it, back again, and a forged one kept out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from edgefleet_demo import devices, platform, target
from edgefleet_demo.places import REPOSITORY
from edgefleet_demo.publishing import MODEL, VERSIONS, make_release_key
from edgefleet_demo.steps import Step
from edgefleet_demo.timeline import Timeline
from edgefleet_demo.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgefleet_demo.repository import Push
    from edgefleet_demo.snapshots import Snapshot
    from edgefleet_demo.stage import Stage

FIRST: Final = "1.0.0"
SECOND: Final = "1.1.0"
FORGED: Final = "1.2.0"
_CALM_SECONDS: Final = 3.0
"""The operator plans once a second: what it has not begun by then it does not begin."""
_DEVICES: Final = 12
_TEMPLATE: Final = REPOSITORY / "fleet-manifests"


def _start_cluster(stage: Stage) -> None:
    stage.settle(target.start(stage.name, stage.places.root, stage.say))


def _cluster_lacks(stage: Stage) -> str:
    return "" if stage.running else "the cluster does not run"


def _build(stage: Stage) -> None:
    devices.build()
    found = platform.build_images(stage.say)
    stage.target.load(found.values(), stage.say)
    stage.images = found


def _build_lacks(stage: Stage) -> str:
    return "" if stage.images else "the images are not on the nodes"


def _train(stage: Stage) -> None:
    for version, recipe in VERSIONS.items():
        model = train(recipe, say=stage.say)
        stage.trained[version] = model
        stage.say(f"{version}: AUC {model.metrics['aucInt8']} as int8, {model.metrics['sizeBytes']} bytes")


def _train_lacks(stage: Stage) -> str:
    return "" if stage.trained else "the models are not trained"


def _settings(stage: Stage) -> dict[str, Any]:
    key = stage.places.release_key
    return platform.values(stage.target, stage.images, key.with_name(f"{key.name}.pub"))


def _install(stage: Stage) -> None:
    make_release_key(stage.places.release_key)
    platform.install(stage.target, _settings(stage), stage.places.platform)


def _install_lacks(stage: Stage) -> str:
    if not stage.places.release_key.exists():
        return "there is no release key"
    if not platform.is_installed(_settings(stage), stage.places.platform):
        return "the charts are not installed as they are now"
    return platform.unready(stage.target, stage.images)


def _declare(stage: Stage) -> None:
    stage.repository.declare(_TEMPLATE, stage.wanted or _DEVICES, "declare")
    stage.target.watch_repository()


def _declare_lacks(stage: Stage) -> str:
    if not stage.device_names:
        names = stage.repository.devices()
        if not names or len(names) != (stage.wanted or len(names)):
            return f"Git declares {len(names)} devices"
        stage.device_names = names
    snapshot = stage.look()
    accepted = {device.name for device in snapshot.devices if device.accepted} & {*stage.device_names}
    if len(accepted) < stage.count:
        return f"{len(accepted)} of {stage.count} EdgeDevices are accepted{_flux_trouble(snapshot)}"
    if not snapshot.rings:
        return f"Flux has not applied the rings{_flux_trouble(snapshot)}"
    return ""


def _connect(stage: Stage) -> None:
    stage.target.edgefleet("registry", "access", f"--out={stage.places.credentials}")
    devices.provision(stage.target, stage.places, stage.device_names)
    stage.plant.start(stage.device_commands())


def _connect_lacks(stage: Stage) -> str:
    if not stage.plant.runs(stage.device_commands()):
        return "nobody keeps these devices running"
    given_up = [name for name, state in stage.plant.states().items() if state.given_up]
    if given_up:
        return f"{', '.join(given_up)} will not start"
    online = [device for device in stage.look().devices if device.online]
    return "" if len(online) >= stage.count else f"{len(online)} of {stage.count} devices are connected"


def _release(version: str, mark: str) -> Callable[[Stage], None]:
    def do(stage: Stage) -> None:
        published = stage.publish(version)
        stage.say(f"published {published.name}: {published.size} bytes, sha256 {published.digest[:12]}…, signed")
        text = published.file.read_text()
        pushed = stage.repository.add_version(published.name, text, f"Roll out {MODEL} {version}", mark)
        _follow(stage, pushed, version, lambda snapshot: snapshot.version(version) is not None)

    return do


def _go_back(stage: Stage) -> None:
    pushed = stage.repository.revert("second", "revert")
    _follow(stage, pushed, FIRST, lambda snapshot: (found := snapshot.version(SECOND)) is None or found.going)


def _forge(stage: Stage) -> None:
    """Commit the second version under a third name: its signature is real, what it stands beside is not."""
    signed = stage.repository.read(f"models/{MODEL}-{SECOND}.yaml", "second")
    forged = signed.replace(SECOND, FORGED)
    subject = f"Roll out {MODEL} {FORGED}, edited by hand"
    stage.repository.add_version(f"{MODEL}-{FORGED}", forged, subject, "forged")


def _clean_up(stage: Stage) -> None:
    stage.repository.revert("forged", "removed")


def _follow(stage: Stage, pushed: Push | None, version: str, arrived: Callable[[Snapshot], bool]) -> None:
    if pushed is None:
        return  # by an earlier run, which nobody can measure any more
    stage.say(f"pushed {pushed.commit[:7]} in {pushed.ended - pushed.began:.1f} s")
    stage.timeline = Timeline(pushed, version, stage.count, arrived)


def _fleet_lacks(version: str, label: str) -> Callable[[Stage], str]:
    """Return what tells how far the fleet is from running a version, all rings proved."""

    def lacking(stage: Stage) -> str:
        snapshot = stage.look()
        if fault := _version_fault(snapshot, version):
            return f"{fault}{_flux_trouble(snapshot)}"
        confirmed = snapshot.confirmed(version)
        if len(confirmed) < stage.count:
            waits = "; ".join(f"{ring.name}: {ring.waiting_for}" for ring in snapshot.rings if ring.waiting_for)
            return f"{len(confirmed)} of {stage.count} devices run {version}" + (f" ({waits})" if waits else "")
        for ring in snapshot.rings:
            if not ring.at_rest or ring.target != version:
                return f"{ring.name} is {ring.step} at {ring.target}, not Proved at {version}"
        if stage.timeline is not None and stage.timeline.version == version:
            stage.figures[label] = stage.timeline.describe()
            stage.timeline = None
        return ""

    return lacking


def _version_fault(snapshot: Snapshot, version: str) -> str:
    found = snapshot.version(version)
    if found is None:
        return f"{MODEL}-{version} is not in the cluster"
    if found.stalled.holds:
        return f"{found.name} is refused: {found.stalled.reason}: {found.stalled.message}"
    return ""


def _forged_lacks(stage: Stage) -> str:
    snapshot = stage.look()
    found = snapshot.version(FORGED)
    if found is None:
        return f"{MODEL}-{FORGED} is not in the cluster{_flux_trouble(snapshot)}"
    if not found.stalled.holds:
        return f"{found.name} is not refused yet"
    moved = [device.name for device in snapshot.devices if FORGED in (device.desired, device.reported)]
    if moved:
        return f"{', '.join(moved)} took a forged version"
    since = stage.refused.setdefault(found.name, time.monotonic())
    if time.monotonic() - since < _CALM_SECONDS:
        return f"{found.name} is refused ({found.stalled.reason}); watching that no motor moves"
    stage.figures["refused"] = f"{found.name}: {found.stalled.reason}: {found.stalled.message}"
    return ""


def _removed_lacks(stage: Stage) -> str:
    if stage.look().version(FORGED) is not None:
        return f"{MODEL}-{FORGED} is still in the cluster"
    return _fleet_lacks(FIRST, "removed")(stage)


def _flux_trouble(snapshot: Snapshot) -> str:
    faults = [f"{sync.name}: {sync.ready.message}" for sync in snapshot.syncs if sync.ready.status == "False"]
    return f"; Flux says: {'; '.join(faults)}" if faults else ""


_FLEET: Final = "kubectl get rollouts,ed,mv -n fleet; kubectl logs -n edgefleet-system deployment/edgefleet-operator"
_FLUX: Final = "kubectl get kustomizations,gitrepositories -n flux-system"

STEPS: Final[tuple[Step[Stage], ...]] = (
    Step("cluster", "a Kubernetes of four nodes with Flux and a Git server", _start_cluster, _cluster_lacks, 1, ""),
    Step("build", "the device's firmware and the platform's images", _build, _build_lacks, 1, ""),
    Step(
        "train",
        "two models, each trained and quantized once, in an environment of its own",
        _train,
        _train_lacks,
        1,
        "",
    ),
    Step(
        "install",
        "operator, broker and model registry, from the chart",
        _install,
        _install_lacks,
        120,
        "kubectl get pods,events -n edgefleet-system",
    ),
    Step("declare", "a fleet in Git, applied by Flux", _declare, _declare_lacks, 90, f"{_FLUX}; {_FLEET}"),
    Step(
        "connect",
        "virtual ESP32s with certificates of their own, connected over mTLS",
        _connect,
        _connect_lacks,
        60,
        "the devices' logs (edgefleet-demo status names the folder)",
    ),
    Step(
        "first",
        f"{MODEL} {FIRST}: checked, signed, uploaded, pushed; three motors first, then the rest",
        _release(FIRST, "first"),
        _fleet_lacks(FIRST, f"{FIRST} by git push"),
        120,
        f"{_FLEET}; {_FLUX}",
        once=True,
    ),
    Step(
        "second",
        f"{MODEL} {SECOND}: a better one, the same way",
        _release(SECOND, "second"),
        _fleet_lacks(SECOND, f"{SECOND} by git push"),
        120,
        f"{_FLEET}; {_FLUX}",
        once=True,
    ),
    Step(
        "revert",
        f"git revert of {SECOND}: every motor goes back to {FIRST}",
        _go_back,
        _fleet_lacks(FIRST, f"back to {FIRST} by git revert"),
        120,
        f"{_FLEET}; {_FLUX}",
        once=True,
    ),
    Step(
        "forged",
        f"a version edited after signing is committed as {FORGED}: refused, no motor touched",
        _forge,
        _forged_lacks,
        60,
        f"{_FLEET}; {_FLUX}",
        once=True,
    ),
    Step(
        "removed",
        "the forged version reverted; the fleet is as it was",
        _clean_up,
        _removed_lacks,
        60,
        f"{_FLEET}; {_FLUX}",
        once=True,
    ),
)
