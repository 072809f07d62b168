"""The client's requests, on a real API server."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet.adapters.kubernetes import access
from edgefleet.adapters.kubernetes.client import (
    CONFIG_MAPS,
    EDGE_DEVICES,
    EVENTS,
    LEASES,
    SECRETS,
    AccessError,
    ApiError,
    Kind,
    KubernetesClient,
    Limits,
)
from edgefleet.runtime.events import EventRecorder, Subject
from edgefleet.runtime.status_writer import StatusWriter, Target
from support.fleet_objects import IDLE, device
from support.tcp_proxy import proxied
from support.virtual_time import beside

if TYPE_CHECKING:
    from support.controlplane import Cluster, Kubectl
    from support.reach import Reach

Json = dict[str, Any]


def test_objects_are_created_read_changed_and_deleted(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            assert await client.get(EDGE_DEVICES, namespace, "press-07") is None
            made = await client.create(EDGE_DEVICES, namespace, device("press-07"))
            with pytest.raises(ApiError, match="409 AlreadyExists"):
                await client.create(EDGE_DEVICES, namespace, device("press-07"))
            labelled = {"metadata": {"labels": {"site": "plant-1"}}}
            patched = await client.patch(EDGE_DEVICES, namespace, "press-07", labelled)
            assert patched["metadata"]["labels"] == {"site": "plant-1"}
            found = await client.list(EDGE_DEVICES, namespace, label_selector="site=plant-1")
            assert [obj["metadata"]["uid"] for obj in found] == [made["metadata"]["uid"]]
            assert await client.list(EDGE_DEVICES, namespace, label_selector="site=plant-2") == []
            assert not await client.delete(EDGE_DEVICES, namespace, "press-07", uid="another")
            assert await client.delete(EDGE_DEVICES, namespace, "press-07", uid=made["metadata"]["uid"])
            assert not await client.delete(EDGE_DEVICES, namespace, "press-07")

    asyncio.run(scenario())


def test_replacing_with_a_version_is_a_compare_and_swap(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            lease = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": {"name": "operator"}}
            made = await client.create(LEASES, namespace, {**lease, "spec": {"holderIdentity": "a"}})
            await client.replace(LEASES, namespace, "operator", {**made, "spec": {"holderIdentity": "b"}})
            with pytest.raises(ApiError, match="409 Conflict"):
                await client.replace(LEASES, namespace, "operator", {**made, "spec": {"holderIdentity": "c"}})

    asyncio.run(scenario())


def test_applying_creates_and_keeps_to_its_own_fields(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keys"}, "data": {"a": "1"}}
            await client.apply(CONFIG_MAPS, namespace, "keys", body, manager="one")
            await client.patch(CONFIG_MAPS, namespace, "keys", {"data": {"b": "2"}})
            applied = await client.apply(CONFIG_MAPS, namespace, "keys", body, manager="one")
            assert applied["data"] == {"a": "1", "b": "2"}
            with pytest.raises(ApiError, match="409 Conflict"):
                await client.apply(CONFIG_MAPS, namespace, "keys", {**body, "data": {"a": "2"}}, manager="two")
            forced = await client.apply(
                CONFIG_MAPS, namespace, "keys", {**body, "data": {"a": "2"}}, manager="two", force=True
            )
            assert forced["data"]["a"] == "2"

    asyncio.run(scenario())


def test_a_list_of_many_comes_in_parts_and_only_from_its_namespace(
    reach: Reach, namespace: str, other: str, kubectl: Kubectl
) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            names = [f"d{number:04}" for number in range(1201)]
            await create_all(client, namespace, names)
            await client.create(EDGE_DEVICES, other, device("elsewhere"))
            sizes = [len(page.objects) async for page in client.pages(EDGE_DEVICES, namespace)]
            assert sizes == [500, 500, 201]
            assert [obj["metadata"]["name"] for obj in await client.list(EDGE_DEVICES, namespace)] == names
            everywhere = {obj["metadata"]["name"] for obj in await client.list(EDGE_DEVICES)}
            assert everywhere >= {*names, "elsewhere"}

    asyncio.run(scenario())
    kubectl("delete", "namespace", other, "--wait=false")


def test_a_status_is_replaced_as_a_whole(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            uid = (await client.create(EDGE_DEVICES, namespace, device("press-07")))["metadata"]["uid"]
            first = {**IDLE, "ring": "canary"}
            stored = await client.replace_status(EDGE_DEVICES, namespace, "press-07", uid, first)
            assert stored is not None
            assert stored["status"] == first
            stored = await client.replace_status(EDGE_DEVICES, namespace, "press-07", uid, IDLE)
            assert stored is not None
            assert stored["status"] == IDLE

    asyncio.run(scenario())


def test_a_status_is_not_written_to_an_object_that_is_gone_or_was_made_anew(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            first = await client.create(EDGE_DEVICES, namespace, device("press-07"))
            uid = first["metadata"]["uid"]
            await client.delete(EDGE_DEVICES, namespace, "press-07")
            assert await client.replace_status(EDGE_DEVICES, namespace, "press-07", uid, IDLE) is None
            second = await client.create(EDGE_DEVICES, namespace, device("press-07"))
            assert await client.replace_status(EDGE_DEVICES, namespace, "press-07", uid, IDLE) is None
            untouched = await client.get(EDGE_DEVICES, namespace, "press-07")
            assert untouched is not None
            assert untouched["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]

    asyncio.run(scenario())


def test_a_status_that_the_schema_forbids_is_told_from_one_of_a_gone_object(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            uid = (await client.create(EDGE_DEVICES, namespace, device("press-07")))["metadata"]["uid"]
            with pytest.raises(ApiError, match=r"422 Invalid: .*status\.phase") as refusal:
                await client.replace_status(EDGE_DEVICES, namespace, "press-07", uid, {**IDLE, "phase": "Nonsense"})
            assert refusal.value.permanent

    asyncio.run(scenario())


def test_the_writer_leaves_alone_what_is_stored_already(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            writer = StatusWriter(client.replace_status, delay=0.01)

            async def version_after(status: Json, observed: Json | None, version: str) -> str:
                writer.submit(target, status, observed, version=version)
                await writer.flush()
                found = await client.get(EDGE_DEVICES, namespace, "press-07")
                assert found is not None
                return found["metadata"]["resourceVersion"]

            made = await client.create(EDGE_DEVICES, namespace, device("press-07"))
            target = Target(EDGE_DEVICES, namespace, "press-07", made["metadata"]["uid"])
            made_at = made["metadata"]["resourceVersion"]

            async def drive() -> None:
                first = await version_after(IDLE, made.get("status"), made_at)
                assert first != made_at
                # The cache has not heard of it, then it has; a third writer takes a hand; the object is deleted.
                assert await version_after(IDLE, made.get("status"), made_at) == first
                assert await version_after(IDLE, IDLE, first) == first
                assert writer.counters.written == 1
                foreign = await client.patch(
                    EDGE_DEVICES, namespace, "press-07", {"status": {"ring": "canary"}}, subresource="status"
                )
                seen = foreign["metadata"]["resourceVersion"]
                assert await version_after(IDLE, foreign["status"], seen) != seen
                await client.delete(EDGE_DEVICES, namespace, "press-07")
                writer.submit(target, {**IDLE, "ring": "gone"}, None)
                await writer.flush()

            await beside(writer.run, drive)
            assert (writer.counters.written, writer.counters.suppressed, writer.counters.gone) == (2, 2, 1)

    asyncio.run(scenario())


def test_events_are_taken_by_the_api_server(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            made = await client.create(EDGE_DEVICES, namespace, device("press-07"))
            recorder = EventRecorder(client.create, instance="pod-1")

            async def drive() -> None:
                for _ in range(3):
                    recorder.record(Subject.of(made), "UpdateFailed", "self-test failed: 3 of 8", warning=True)
                while not recorder.written:  # noqa: ASYNC110 - the recorder has nothing to wait for
                    await asyncio.sleep(0.01)

            await beside(recorder.run, drive)
            events = await client.list(EVENTS, namespace)
            assert [(event["reason"], event["regarding"]["name"]) for event in events] == [("UpdateFailed", "press-07")]

    asyncio.run(scenario())


def test_a_service_account_comes_in_with_its_token(
    reach: Reach, namespace: str, kubectl: Kubectl, tmp_path: Any
) -> None:
    kubectl("create", "serviceaccount", "operator", "--namespace", namespace)
    token = kubectl("create", "token", "operator", "--namespace", namespace).stdout
    (tmp_path / "token").write_text(token)
    authority = kubectl.json("get", "configmap", "kube-root-ca.crt", "--namespace", namespace)
    (tmp_path / "ca.crt").write_text(authority["data"]["ca.crt"])  # pyright: ignore[reportIndexIssue]
    environment = {"KUBERNETES_SERVICE_HOST": reach.host, "KUBERNETES_SERVICE_PORT": str(reach.port)}

    async def scenario() -> None:
        async with KubernetesClient(access.in_cluster(tmp_path, environment)) as client:
            with pytest.raises(ApiError, match=f"403 Forbidden: .*{namespace}:operator"):
                await client.list(SECRETS, namespace)

    asyncio.run(scenario())


def test_an_outage_is_waited_out(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with (
            proxied(reach.host, reach.port) as proxy,
            await KubernetesClient.from_kubeconfig(reach.through(proxy.port)) as client,
        ):
            await client.create(EDGE_DEVICES, namespace, device("press-07"))
            proxy.open = False
            proxy.cut()

            async def mend() -> None:
                await asyncio.sleep(0.7)
                proxy.open = True

            async with asyncio.TaskGroup() as group:
                group.create_task(mend())
                assert await client.get(EDGE_DEVICES, namespace, "press-07") is not None

    asyncio.run(scenario())


def test_an_outage_that_does_not_end_is_an_error_in_time(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with proxied(reach.host, reach.port) as proxy:
            path = reach.through(proxy.port)
            access_of_proxy = access.from_kubeconfig(path)
            async with KubernetesClient(access_of_proxy, Limits(request=0.5, retry=1.0)) as client:
                await client.get(EDGE_DEVICES, namespace, "press-07")
                proxy.flowing.clear()  # connected, and nothing comes any more
                began = time.monotonic()
                with pytest.raises(ApiError) as silence:
                    await client.get(EDGE_DEVICES, namespace, "press-07")
                assert (silence.value.status, silence.value.reason) == (0, "Unreachable")
                assert not silence.value.permanent
                assert time.monotonic() - began < 3.0

    asyncio.run(scenario())


def test_an_unknown_kind_is_no_empty_list(reach: Reach) -> None:
    async def scenario() -> None:
        async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
            with pytest.raises(ApiError, match="404"):
                await client.list(Kind("edgefleet.io", "v1alpha1", "nonsense"))

    asyncio.run(scenario())


def test_a_kubeconfig_that_lacks_something_says_what(control_plane: Cluster, tmp_path: Any) -> None:
    good = control_plane.kubeconfig.read_text()
    path = tmp_path / "kubeconfig"
    for pattern, replacement, complaint in (
        (r'"current-context": "[^"]*"', '"current-context": "nowhere"', "contexts has no entry 'nowhere'"),
        ("client-certificate-data", "client-certificate-date", "neither a client certificate nor a token"),
        ('"certificate-authority-data"', '"insecure-skip-tls-verify": true, "x"', "insecure-skip-tls-verify"),
    ):
        path.write_text(re.sub(pattern, replacement, good))
        with pytest.raises(AccessError, match=complaint):
            access.from_kubeconfig(path)
    with pytest.raises(AccessError, match="this is no pod"):
        access.in_cluster(tmp_path, {})


async def create_all(client: KubernetesClient, namespace: str, names: list[str]) -> None:
    places = asyncio.Semaphore(32)

    async def create(name: str) -> None:
        async with places:
            await client.create(EDGE_DEVICES, namespace, device(name))

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(create(name))
