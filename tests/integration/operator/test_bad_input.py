"""Each bad input ends in a condition that names it, and no device changes."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.keys import SigningKey
from integration.operator.conftest import CLASSES, make_edge_device, make_ring
from support import tinymodel

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.operator.conftest import Site

GOOD, NEXT = tinymodel.build(seed=1), tinymodel.build(seed=2)


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    """Two devices on 1.0.0, which would take any 1.x; what is refused in one test stays there in the next."""
    site = make_site(2)
    site.apply(make_ring("all", track="^1.0"), site.publish("1.0.0", GOOD))
    site.await_step("all", "Proved", "1.0.0")
    site.wait(lambda: set(site.runs().values()) == {"1.0.0"}, "both devices on 1.0.0")
    return site


def assert_refused(site: Site, version: str, reason: str, says: str) -> None:
    """The version is stalled for this reason, the ring stays where it is, and so does every byte in flash."""

    def stalled() -> dict[str, Any]:
        return site.condition("mv", f"motor-anomaly-{version}", "Stalled")

    condition = site.wait(stalled, f"Stalled/{reason}")
    assert (condition["status"], condition["reason"]) == ("True", reason), condition
    assert says in condition["message"]
    assert site.condition("mv", f"motor-anomaly-{version}", "Ready")["status"] == "False"
    ring = site.get("rollouts", "all")["status"]
    assert (ring["step"], ring["target"]["version"]) == ("Proved", "1.0.0")
    assert set(site.runs().values()) == {"1.0.0"}
    assert all(site.flash(name, GOOD) for name in site.boards)


def changed(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    """A manifest that somebody edited after it was signed."""
    document = yaml.safe_load(text)
    change(document["spec"]["artifacts"][0])
    return json.dumps(document)


def test_a_digest_edited_after_signing(site: Site) -> None:
    other = hashlib.sha256(b"other bytes").hexdigest()
    site.apply(changed(site.publish("1.2.0", NEXT), lambda artifact: artifact.update(sha256=other)))
    assert_refused(site, "1.2.0", "ManifestMismatch", "sha256")


def test_a_signature_of_a_key_that_nobody_trusts(site: Site) -> None:
    stranger = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    site.apply(site.publish("1.3.0", NEXT, key=stranger, upload=False))
    assert_refused(site, "1.3.0", "UnknownKey", "esp32")


def test_a_payload_edited_under_its_signature(site: Site) -> None:
    def swap(artifact: dict[str, Any]) -> None:
        artifact["envelope"]["payload"] = yaml.safe_load(site.publish("1.99.0", GOOD, upload=False))["spec"][
            "artifacts"
        ][0]["envelope"]["payload"]

    site.apply(changed(site.publish("1.4.0", NEXT), swap))
    assert_refused(site, "1.4.0", "BadSignature", "esp32")


def test_an_unsigned_version(site: Site) -> None:
    site.apply(changed(site.publish("1.5.0", NEXT), lambda artifact: artifact.pop("envelope")))
    assert_refused(site, "1.5.0", "Unsigned", "not signed")


def test_a_file_that_the_registry_does_not_have_and_then_has(site: Site) -> None:
    text = site.publish("1.6.0", NEXT + b"\0", upload=False)
    site.apply(text)
    assert_refused(site, "1.6.0", "ArtifactUnavailable", "does not hold")
    site.publish("1.6.0", NEXT + b"\0")
    site.await_step("all", "Proved", "1.6.0")
    site.delete("mv", "motor-anomaly-1.6.0")
    site.await_step("all", "Proved", "1.0.0")


def test_tampered_bytes_in_the_registry(site: Site) -> None:
    text = site.publish("1.7.0", NEXT)
    stored = next(site.registry.store.rglob(hashlib.sha256(NEXT).hexdigest() + "*"))
    stored.chmod(0o600)
    stored.write_bytes(bytes([NEXT[0] ^ 1]) + NEXT[1:])
    site.apply(text)
    assert_refused(site, "1.7.0", "DigestMismatch", "other bytes")


def test_a_version_for_a_class_that_cannot_hold_it(site: Site) -> None:
    def shrink() -> None:
        text = "runtime: tflm\ntransport: device\nslotBytes: 4096\narenaBytes: 1024\nops: [FULLY_CONNECTED, LOGISTIC]\n"
        site.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "device-classes", "labels": {"edgefleet.io/config": "device-classes"}},
                "data": {"esp32": text},
            }
        )

    shrink()
    site.apply(site.publish("1.8.0", NEXT))
    assert_refused(site, "1.8.0", "ArenaTooSmall", "needs an arena of 8192 bytes, class esp32 has 1024")
    site.delete("mv", "motor-anomaly-1.8.0")
    site.apply(CLASSES.read_text())


def test_a_device_of_another_class_is_left_out_and_told_why(site: Site) -> None:
    site.apply(make_edge_device("other-board", deviceClass="esp32-s3"))
    condition = site.wait(
        lambda: (
            site.condition("ed", "other-board", "Compatible").get("status") == "False"
            and site.condition("ed", "other-board", "Compatible")
        ),
        "Compatible=False",
    )
    assert condition["reason"] == "NoArtifact"
    assert "esp32-s3" in condition["message"]
    assert site.get("ed", "other-board")["status"]["phase"] == "Rejected"
    assert site.condition("ed", "other-board", "Ready")["status"] == "True"
    site.apply(make_edge_device("no-board", deviceClass="esp33"))
    site.wait(lambda: site.condition("ed", "no-board", "Stalled").get("reason") == "ClassUnknown", "ClassUnknown")


def test_a_class_that_somebody_broke_keeps_working_and_says_so(site: Site) -> None:
    site.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "device-classes", "labels": {"edgefleet.io/config": "device-classes"}},
            "data": {"esp32": "runtime: tflm\ntransport: device\nslotBytes: many\n"},
        }
    )
    name = next(iter(site.boards))
    condition = site.wait(lambda: site.condition("ed", name, "Stalled"), "Stalled")
    assert condition["reason"] == "ClassInvalid"
    assert "slotBytes" in condition["message"]
    site.apply(site.publish("1.10.0", NEXT))
    site.await_step("all", "Proved", "1.10.0")


def test_a_device_id_that_another_namespace_has_is_told_whose_it_is(site: Site) -> None:
    name = next(iter(site.boards))
    namespace = f"{site.namespace}-2"
    site.kubectl("create", "namespace", namespace)
    document = make_edge_device(name)
    document["metadata"]["namespace"] = namespace
    site.kubectl("apply", "-f", "-", stdin=json.dumps(document))

    def stalled() -> dict[str, Any]:
        found: Any = site.kubectl.json("get", "ed", name, f"--namespace={namespace}")
        conditions = found.get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Stalled"), {})

    condition = site.wait(stalled, "Stalled/NameTaken")
    site.kubectl("delete", "namespace", namespace, "--wait=false")
    assert condition["reason"] == "NameTaken"
    assert site.namespace in condition["message"]
    assert site.condition("ed", name, "Ready")["reason"] != "NameTaken"
