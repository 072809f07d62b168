"""What a person sees and what lies in flash, from an applied manifest to confirmed devices."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from integration.operator.conftest import make_edge_device, make_ring
from support import tinymodel

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration.operator.conftest import Site

CANARY = {"track": "^1.0", "limit": 1, "promoteWhen": {"minSample": 1}, "abortWhen": [{"type": "Any", "percent": 0}]}


def test_a_version_goes_through_the_canary_to_all_and_back(make_site: Callable[..., Site]) -> None:
    site = make_site(4)
    site.apply(make_ring("canary", **CANARY), make_ring("rest", after=["canary"], strategy={"maxConcurrency": 2}))
    waits = "a version of motor-anomaly in ^1.0 to be declared"
    site.wait(lambda: waits in site.table("rollouts"), "saying what it waits for")
    first, second = tinymodel.build(seed=1), tinymodel.build(seed=2)
    site.apply(site.publish("1.0.0", first))
    site.await_step("rest", "Proved", "1.0.0")
    site.wait(lambda: set(site.runs().values()) == {"1.0.0"}, "all devices on 1.0.0")
    assert all(site.flash(name, first) for name in site.boards)
    assert site.condition("mv", "motor-anomaly-1.0.0", "Ready")["status"] == "True"
    site.apply(site.publish("1.1.0", second))
    site.await_step("rest", "Proved", "1.1.0")
    site.wait(lambda: set(site.runs().values()) == {"1.1.0"}, "all devices on 1.1.0")
    assert all(site.flash(name, second) for name in site.boards)
    site.delete("mv", "motor-anomaly-1.1.0")
    site.await_step("rest", "Proved", "1.0.0")
    site.wait(lambda: set(site.runs().values()) == {"1.0.0"}, "all devices back on 1.0.0")
    assert all(site.flash(name, first) for name in site.boards)
    assert site.operator.probe() == 200


def test_killed_at_random_it_ends_where_it_would_have(make_site: Callable[..., Site]) -> None:
    site = make_site(4)
    content = tinymodel.build(seed=3)
    site.apply(make_ring("canary", **CANARY), make_ring("rest", after=["canary"], strategy={"maxConcurrency": 1}))
    site.apply(site.publish("1.0.0", content))
    for pause in (0.9, 1.4, 2.3):
        time.sleep(pause)
        site.operator.kill()
        site.operator.start()
    site.await_step("rest", "Proved", "1.0.0")
    site.wait(lambda: set(site.runs().values()) == {"1.0.0"}, "all devices on 1.0.0")
    assert all(site.flash(name, content) for name in site.boards)


def test_settings_reach_devices_and_come_back(make_site: Callable[..., Site]) -> None:
    site = make_site(1)
    name = next(iter(site.boards))
    site.apply(make_ring("all", modelVersion="1.0.0"), site.publish("1.0.0", tinymodel.build(seed=1)))
    site.await_step("all", "Proved", "1.0.0")
    site.apply(make_edge_device(name, settings={"anomalyThreshold": 0.75, "samplePeriod": "2s"}))

    def settled() -> bool:
        # The ring may be stored as proved before the device's own status is.
        reported = site.get("ed", name)["status"].get("reported", [{}])
        return reported[0].get("settings") == {"anomalyThreshold": 0.75, "samplePeriod": "2s"}

    site.wait(settled, "the settings in the device's report")


def test_nothing_is_written_when_nothing_changes(make_site: Callable[..., Site]) -> None:
    site = make_site(2)
    site.apply(make_ring("all", modelVersion="1.0.0"), site.publish("1.0.0", tinymodel.build(seed=1)))
    site.await_step("all", "Proved", "1.0.0")

    def stored() -> dict[str, Any]:
        done = site.kubectl("get", "ed,rollouts,mv", f"--namespace={site.namespace}", "-o", "json")
        return {
            each["metadata"]["name"]: (each["metadata"]["resourceVersion"], each["status"])
            for each in json.loads(done.stdout)["items"]
        }

    def settle() -> dict[str, Any] | None:
        earlier = stored()
        time.sleep(3)
        return earlier if stored() == earlier else None

    before = site.wait(settle, "coming to rest")
    name = next(iter(site.boards))
    site.boards[name].stop()
    site.boards[name].start()
    time.sleep(4)
    after = stored()
    assert {name: after[name] for name in before if after[name] != before[name]} == {}


def test_a_broker_that_forgot_everything_is_told_again(make_site: Callable[..., Site]) -> None:
    site = make_site(2)
    site.apply(make_ring("all", modelVersion="1.0.0"), site.publish("1.0.0", tinymodel.build(seed=1)))
    site.await_step("all", "Proved", "1.0.0")
    site.broker.stop()
    site.broker.forget()
    site.broker.start()
    site.apply(make_ring("all", modelVersion="1.1.0"), site.publish("1.1.0", tinymodel.build(seed=2)))
    site.await_step("all", "Proved", "1.1.0")


def test_a_deleted_device_is_commanded_no_more(make_site: Callable[..., Site]) -> None:
    site = make_site(1)
    name = next(iter(site.boards))
    site.apply(make_ring("all", modelVersion="1.0.0"), site.publish("1.0.0", tinymodel.build(seed=1)))
    site.await_step("all", "Proved", "1.0.0")
    site.delete("ed", name)
    site.apply(make_ring("all", modelVersion="1.1.0"), site.publish("1.1.0", tinymodel.build(seed=2)))
    waits = "a device that can be judged: the ring has 0 devices"
    site.wait(lambda: site.get("rollouts", "all")["status"].get("waitingFor") == waits, "the ring without devices")
    site.apply(make_edge_device(name))
    site.await_step("all", "Proved", "1.1.0")
