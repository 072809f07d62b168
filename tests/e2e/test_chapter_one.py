"""Chapter one of the demo: from `git push` to devices that verified what they run, back again, and what stays out.

A story in the order of the file, on one fleet. Each test says what it needs to be so and sees to it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet.publication.key_files import generate_key
from edgefleet_demo import platform
from edgefleet_demo.publishing import MODEL
from support.demo_fleet import edited, variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgefleet_demo.publishing import Published
    from edgefleet_demo.snapshots import Snapshot
    from edgefleet_demo.timeline import Timeline
    from edgefleet_demo.training import TrainedModel
    from support.demo_fleet import DemoFleet

ALL = 12
WARM_SECONDS = 15.0
"""From `git push` to the last of twelve devices, on a platform that runs already, without soak."""


def test_a_pushed_version_reaches_every_device(fleet: DemoFleet, tell: Callable[[str], None]) -> None:
    given_no_device_has_a_model(fleet)
    published = fleet.publish("1.0.0", fleet.stage.trained["1.0.0"])
    fleet.push("1.0.0", published.file.read_text())
    canary_first = watch_for(fleet, lambda snapshot: 0 < len(snapshot.confirmed("1.0.0")) < ALL)
    tell(f"first version: {fleet.await_version('1.0.0').describe()}")

    assert {device.ring for device in canary_first.devices if device.reported} == {"motor-anomaly-canary"}
    assert fleet.columns("rollouts") == [
        {"NAME": "motor-anomaly-canary"} | proved("1.0.0", 3),
        {"NAME": "motor-anomaly-rest"} | proved("1.0.0", 9),
    ]
    then_users_see_every_device_on(fleet, "1.0.0")
    counted = {"NAME": "motor-anomaly-1.0.0", "MODEL": MODEL, "VERSION": "1.0.0", "VERIFIED": "True"}
    counted |= {"DEPLOYED": str(ALL), "QUARANTINED": ""}
    fleet.until("the devices are counted", lambda _: fleet.columns("mv") == [counted], 10.0)
    then_flash_holds(fleet, published, fleet.stage.trained["1.0.0"])


def test_the_second_version_arrives_within_the_limit(fleet: DemoFleet, tell: Callable[[str], None]) -> None:
    given_all_run(fleet, "1.0.0")
    booted = {name: board.boot_count for name, board in fleet.boards().items()}
    published = fleet.publish("1.1.0", fleet.stage.trained["1.1.0"])
    fleet.push("1.1.0", published.file.read_text())
    timeline = fleet.await_version("1.1.0")
    tell(f"second version: {timeline.describe()}")

    then_users_see_every_device_on(fleet, "1.1.0")
    then_flash_holds(fleet, published, fleet.stage.trained["1.1.0"])
    assert {name: board.boot_count for name, board in fleet.boards().items()} == booted, "an update is no reboot"
    then_it_took_at_most(timeline, WARM_SECONDS)


def test_git_revert_brings_every_device_back(fleet: DemoFleet, tell: Callable[[str], None]) -> None:
    given_all_run(fleet, "1.1.0")
    fleet.revert("1.1.0", back_to="1.0.0")
    timeline = fleet.await_version("1.0.0")
    tell(f"git revert: {timeline.describe()}")

    then_users_see_every_device_on(fleet, "1.0.0")
    first = fleet.stage.trained["1.0.0"]
    assert set(fleet.active_bytes(first.file.stat().st_size).values()) == {first.digest}
    then_it_took_at_most(timeline, WARM_SECONDS)
    fleet.until("the reverted version is gone", lambda snapshot: snapshot.version("1.1.0") is None)


def test_an_operator_that_is_killed_in_the_middle_loses_nothing(fleet: DemoFleet, tell: Callable[[str], None]) -> None:
    given_all_run(fleet, "1.0.0")
    trained = fleet.stage.trained["1.1.0"]
    published = fleet.publish("1.2.0", trained)
    fleet.push("1.2.0", published.file.read_text())
    begun = fleet.until("the rollout begins", lambda snapshot: any(ring.step == "Rolling" for ring in snapshot.rings))
    assert len(begun.confirmed("1.2.0")) < ALL
    platform.kill_operator(fleet.stage.target)
    killed_at = len(fleet.stage.look().confirmed("1.2.0"))
    tell(f"operator killed with -9, ready again with {killed_at} of {ALL} devices shown on the new version")

    fleet.await_version("1.2.0")
    then_users_see_every_device_on(fleet, "1.2.0")
    then_flash_holds(fleet, published, trained)


def forge_digest(published: Published) -> str:
    other = hashlib.sha256(b"other bytes").hexdigest()
    return edited(published.file.read_text(), lambda artifact: artifact.update(sha256=other))


def drop_envelope(published: Published) -> str:
    return edited(published.file.read_text(), lambda artifact: artifact.pop("envelope"))


@pytest.mark.parametrize(
    ("version", "change", "reason", "says"),
    [
        ("1.3.0", forge_digest, "ManifestMismatch", "sha256 of the artifact for esp32 shows"),
        ("1.4.0", drop_envelope, "Unsigned", "the artifact for esp32 is not signed"),
    ],
    ids=["edited after signing", "unsigned"],
)
def test_a_version_that_was_edited_is_refused(
    fleet: DemoFleet, version: str, change: Callable[[Published], str], reason: str, says: str
) -> None:
    then_it_is_refused(fleet, version, change(fleet.publish(version, fleet.stage.trained["1.0.0"])), reason, says)


def test_a_version_that_a_stranger_signed_is_refused(fleet: DemoFleet, tmp_path: Path) -> None:
    generate_key(tmp_path / "stranger.key")
    trained = fleet.stage.trained["1.0.0"]
    published = fleet.publish("1.5.0", trained, key=tmp_path / "stranger.key", upload=False)
    then_it_is_refused(fleet, "1.5.0", published.file.read_text(), "UnknownKey", "a trusted key signs")


def test_a_file_that_the_registry_does_not_have_is_refused(fleet: DemoFleet, tmp_path: Path) -> None:
    trained = variant(fleet.stage.trained["1.0.0"], tmp_path / "variant", b"\0" * 16)
    published = fleet.publish("1.6.0", trained, upload=False)
    then_it_is_refused(
        fleet, "1.6.0", published.file.read_text(), "ArtifactUnavailable", f"does not hold sha256:{trained.digest}"
    )


def test_bytes_that_somebody_changed_in_the_registry_are_refused(fleet: DemoFleet, tmp_path: Path) -> None:
    trained = variant(fleet.stage.trained["1.0.0"], tmp_path / "variant", b"\0" * 32)
    published = fleet.publish("1.7.0", trained)
    tamper_in_store(fleet, trained.digest)
    then_it_is_refused(
        fleet,
        "1.7.0",
        published.file.read_text(),
        "DigestMismatch",
        f"other bytes under the name of sha256:{trained.digest}",
    )


def test_a_board_of_another_class_than_declared_refuses_by_itself(fleet: DemoFleet) -> None:
    given_all_run(fleet, "1.2.0")
    name = fleet.stage.device_names[-1]
    plain = fleet.stage.device_commands()
    fleet.stage.plant.start(plain | {name: [*plain[name], "--class=esp32-s3", "--slot-bytes=65536"]})
    try:
        fleet.until("all are back", lambda snapshot: all(device.online for device in snapshot.devices))
        published = fleet.publish("1.8.0", fleet.stage.trained["1.0.0"])
        before = fleet.boards()[name]
        fleet.push("1.8.0", published.file.read_text())
        fleet.until(
            f"{name} Rejected",
            lambda snapshot: any(each.name == name and each.phase == "Rejected" for each in snapshot.devices),
        )
        assert condition_of(fleet, name, "UpToDate")["reason"] == "WrongClass"
        assert fleet.boards()[name].reported == before.reported
    finally:
        fleet.stage.plant.start(plain)
        fleet.revert("1.8.0", back_to="1.2.0")
        fleet.await_version("1.2.0")


def test_a_malformed_commit_is_refused_by_flux_with_the_files_name(fleet: DemoFleet) -> None:
    given_all_run(fleet, "1.2.0")
    before = fleet.boards()
    repository = fleet.stage.repository
    text = fleet.publish("1.9.0", fleet.stage.trained["1.0.0"]).file.read_text()
    assert repository.add_version(f"{MODEL}-1.9.0", text.replace("spec:", "spec: ["), "Malformed", "malformed")

    def refused(snapshot: Snapshot) -> bool:
        sync = snapshot.sync("fleet")
        return sync is not None and sync.ready.status == "False" and f"{MODEL}-1.9.0" in sync.ready.message

    try:
        fleet.until("Flux names the file", refused)
        fleet.calm()
        assert fleet.boards() == before
    finally:
        assert repository.revert("malformed", "mended")
        fleet.until("Flux is ready again", lambda found: all(sync.ready.holds for sync in found.syncs))


def watch_for(fleet: DemoFleet, so: Callable[[Snapshot], bool]) -> Snapshot:
    return fleet.until("a device of the first ring", so, 60.0)


def given_no_device_has_a_model(fleet: DemoFleet) -> None:
    assert [board.reported for board in fleet.boards().values()] == [""] * ALL


def given_all_run(fleet: DemoFleet, version: str) -> None:
    """All devices run a version, brought about if it is not so; the tests before may not have run."""
    snapshot = fleet.stage.look()
    if snapshot.version(version) is None:
        trained = fleet.stage.trained["1.0.0" if version == "1.0.0" else "1.1.0"]
        fleet.push(version, fleet.publish(version, trained).file.read_text())
        fleet.await_version(version)
    fleet.until(f"all devices on {version}", lambda found: len(found.confirmed(version)) == ALL)


def proved(version: str, count: int) -> dict[str, Any]:
    return {
        "TARGET": version,
        "STEP": "Proved",
        "UPDATED": str(count),
        "TOTAL": str(count),
        "FAILED": "0",
        "WAITING-FOR": "",
    }


def then_users_see_every_device_on(fleet: DemoFleet, version: str) -> None:
    shown = [(row["DESIRED"], row["REPORTED"], row["ONLINE"], row["PHASE"]) for row in fleet.columns("ed")]
    assert shown == [(version, version, "True", "UpToDate")] * ALL


def then_flash_holds(fleet: DemoFleet, published: Published, trained: TrainedModel) -> None:
    """The published file's bytes lie in every device's flash."""
    content = trained.file.read_bytes()
    assert hashlib.sha256(content).hexdigest() == published.digest
    assert fleet.active_bytes(len(content)) == dict.fromkeys(fleet.stage.device_names, published.digest)


def then_it_took_at_most(timeline: Timeline, seconds: float) -> None:
    assert timeline.total is not None
    assert timeline.total < seconds, timeline.describe()


def then_it_is_refused(fleet: DemoFleet, version: str, text: str, reason: str, says: str) -> None:
    """The version is stalled with that reason and message, and not one byte of any device changes."""
    given_all_run(fleet, "1.2.0")
    before = fleet.boards()
    fleet.push(version, text)
    try:
        found, message = fleet.await_refusal(version)
        assert (found, says in message) == (reason, True), message
        assert [row["VERIFIED"] for row in fleet.columns("mv") if row["VERSION"] == version] == ["False"]
        fleet.calm()
        assert fleet.boards() == before
        assert {row["TARGET"] for row in fleet.columns("rollouts")} == {"1.2.0"}
    finally:
        fleet.revert(version, back_to="1.2.0")
        fleet.until(f"{version} is gone", lambda snapshot: snapshot.version(version) is None)


def condition_of(fleet: DemoFleet, name: str, kind: str) -> dict[str, Any]:
    form = f'--output=jsonpath={{.status.conditions[?(@.type=="{kind}")]}}'
    return json.loads(fleet.stage.target.kubectl("get", "ed", name, "--namespace=fleet", form).stdout)


def tamper_in_store(fleet: DemoFleet, digest: str) -> None:
    """Flip a bit of a blob on the registry's volume, as who has broken into it would."""
    code = (
        "import os, pathlib, sys\n"
        f"found = [file for file in pathlib.Path('/var/lib/model-registry').rglob('*{digest}*') if file.is_file()]\n"
        "assert found, 'no such blob'\n"
        "for file in found:\n"
        "    content = bytearray(file.read_bytes())\n"
        "    content[100] ^= 1\n"
        "    file.chmod(0o600)\n"
        "    file.write_bytes(content)\n"
    )
    where = ("--namespace=edgefleet-system", "deployment/edgefleet-model-registry")
    fleet.stage.target.kubectl("exec", *where, "--", "python3", "-c", code)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a figure that `make test` shows."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n    {line}")  # noqa: T201 - figures are for people

    return say
