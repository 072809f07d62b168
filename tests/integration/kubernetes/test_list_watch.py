"""Following a kind through everything that happens to a connection, on a real API server."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet.adapters.kubernetes import access
from edgefleet.adapters.kubernetes.client import EDGE_DEVICES, Kind, KubernetesClient, Limits
from edgefleet.adapters.kubernetes.list_watch import Gone, Listed, ListWatch, Put
from edgefleet.runtime.backoff import Backoff
from support.fleet_objects import IDLE, device
from support.tcp_proxy import TcpProxy, proxied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from support.controlplane import Kubectl
    from support.reach import Reach

Json = dict[str, Any]
SECONDS = 20.0
HASTY = Backoff(0.05, 0.2)


class Cache:
    """A consumer: what it knows is what the changes told it."""

    def __init__(self, watch: ListWatch[Any]) -> None:
        self.watch = watch
        self.objects: dict[tuple[str, str], Json] = {}
        self.lists = 0
        self.gone: list[Gone] = []
        self._changed = asyncio.Event()

    async def run(self) -> None:
        async with aclosing(self.watch.changes()) as changes:
            async for change in changes:
                match change:
                    case Listed(objects):
                        self.lists += 1
                        self.objects = {key_of(obj): obj for obj in objects}
                    case Put(obj):
                        self.objects[key_of(obj)] = obj
                    case Gone(namespace, name, _):
                        self.gone.append(change)
                        del self.objects[namespace, name]
                self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def names(self) -> list[str]:
        return sorted(name for _, name in self.objects)


def key_of(obj: Json) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


@asynccontextmanager
async def following(watch: ListWatch[Any]) -> AsyncIterator[Cache]:
    """A cache that is filled, and follows until the end."""
    cache = Cache(watch)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cache.run())
        await cache.until(lambda: cache.lists)
        yield cache
        task.cancel()


@asynccontextmanager
async def direct(reach: Reach) -> AsyncIterator[KubernetesClient]:
    async with await KubernetesClient.from_kubeconfig(reach.kubeconfig) as client:
        yield client


@asynccontextmanager
async def behind_proxy(reach: Reach) -> AsyncIterator[tuple[KubernetesClient, TcpProxy]]:
    limits = Limits(request=5.0, retry=0.5)
    async with proxied(reach.host, reach.port) as proxy:
        through = access.from_kubeconfig(reach.through(proxy.port))
        async with KubernetesClient(through, limits) as client:
            yield client, proxy


def test_all_is_listed_then_every_change_arrives(reach: Reach, namespace: str, other: str, kubectl: Kubectl) -> None:
    async def scenario() -> None:
        async with direct(reach) as client:
            await client.create(EDGE_DEVICES, other, device("elsewhere"))
            for number in range(3):
                await client.create(EDGE_DEVICES, namespace, device(f"d{number}"))
            async with following(ListWatch(client, EDGE_DEVICES, namespace)) as cache:
                assert cache.names() == ["d0", "d1", "d2"]
                made = await client.create(EDGE_DEVICES, namespace, device("d3"))
                uid = made["metadata"]["uid"]
                await client.replace_status(EDGE_DEVICES, namespace, "d3", uid, IDLE)
                await cache.until(lambda: cache.objects.get((namespace, "d3"), {}).get("status") == IDLE)
                await client.delete(EDGE_DEVICES, namespace, "d3")
                await cache.until(lambda: cache.gone)
                assert cache.gone == [Gone(namespace, "d3", uid)]
                assert (cache.lists, cache.names()) == (1, ["d0", "d1", "d2"])

    asyncio.run(scenario())
    kubectl("delete", "namespace", other, "--wait=false")


def test_a_selector_follows_objects_in_and_out(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with direct(reach) as client:
            await client.create(EDGE_DEVICES, namespace, device("in", site="plant-1"))
            await client.create(EDGE_DEVICES, namespace, device("out", site="plant-2"))
            async with following(ListWatch(client, EDGE_DEVICES, namespace, "site=plant-1")) as cache:
                assert cache.names() == ["in"]
                for name, site in (("out", "plant-1"), ("in", "plant-2")):
                    await client.patch(EDGE_DEVICES, namespace, name, {"metadata": {"labels": {"site": site}}})
                await cache.until(lambda: cache.names() == ["out"])

    asyncio.run(scenario())


def test_only_what_is_projected_is_kept(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with direct(reach) as client:
            await client.create(EDGE_DEVICES, namespace, device("d0"))
            watch = ListWatch(client, EDGE_DEVICES, namespace, project=lambda obj: obj["metadata"]["name"])
            async with aclosing(watch.changes()) as changes:
                assert await anext(changes) == Listed(("d0",))
                await client.create(EDGE_DEVICES, namespace, device("d1"))
                assert await anext(changes) == Put("d1")

    asyncio.run(scenario())


def test_a_cut_connection_goes_on_where_it_was(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with direct(reach) as client, behind_proxy(reach) as (far, proxy):
            await client.create(EDGE_DEVICES, namespace, device("stays"))
            await client.create(EDGE_DEVICES, namespace, device("goes"))
            async with following(ListWatch(far, EDGE_DEVICES, namespace, retry=HASTY)) as cache:
                proxy.open = False
                proxy.cut()
                await client.delete(EDGE_DEVICES, namespace, "goes")
                await client.create(EDGE_DEVICES, namespace, device("comes"))
                await asyncio.sleep(0.5)
                proxy.open = True
                await cache.until(lambda: cache.names() == ["comes", "stays"])
                assert cache.lists == 1
                assert len(cache.gone) == 1
                assert cache.watch.interruptions > 1

    asyncio.run(scenario())


def test_deletions_missed_while_the_server_forgot_are_found(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with direct(reach) as client, behind_proxy(reach) as (far, proxy):
            for number in range(20):
                await client.create(EDGE_DEVICES, namespace, device(f"d{number:02}"))
            watch = ListWatch(far, EDGE_DEVICES, namespace, retry=HASTY)
            async with following(watch) as cache:
                proxy.open = False
                proxy.cut()
                for number in range(10):
                    await client.delete(EDGE_DEVICES, namespace, f"d{number:02}")
                # As after a long absence: this version is from before anything that the server still remembers.
                watch._version = "1"
                proxy.open = True
                await cache.until(lambda: cache.lists == 2)
                assert cache.names() == [f"d{number:02}" for number in range(10, 20)]
                await client.create(EDGE_DEVICES, namespace, device("after"))
                await cache.until(lambda: "after" in cache.names())
                assert cache.gone == []

    asyncio.run(scenario())


def test_a_version_of_a_time_that_never_was_is_listed_anew(reach: Reach, namespace: str) -> None:
    """As after etcd was restored from a backup: the server says "too large" and would let the watch wait for ever."""

    async def scenario() -> None:
        async with direct(reach) as client:
            watch = ListWatch(client, EDGE_DEVICES, namespace, retry=HASTY)
            watch._version = str(10**12)
            async with following(watch) as cache:
                await client.create(EDGE_DEVICES, namespace, device("d0"))
                await cache.until(lambda: cache.names() == ["d0"])

    asyncio.run(scenario())


def test_a_silent_connection_is_given_up(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with direct(reach) as client, behind_proxy(reach) as (far, proxy):  # noqa: SIM117 - the second needs `far`
            async with following(ListWatch(far, EDGE_DEVICES, namespace, retry=HASTY, silence=1.0)) as cache:
                heard = cache.watch.last_heard
                connections = proxy.connections
                proxy.flowing.clear()
                await client.create(EDGE_DEVICES, namespace, device("unheard"))
                await asyncio.sleep(1.5)
                assert cache.names() == []
                assert cache.watch.last_heard == heard
                proxy.cut()  # the frozen ones stay frozen
                proxy.flowing.set()
                await cache.until(lambda: cache.names() == ["unheard"])
                assert proxy.connections > connections
                assert cache.watch.last_heard > heard

    asyncio.run(scenario())


def test_bookmarks_keep_it_current_and_are_no_changes(
    reach: Reach, namespace: str, other: str, kubectl: Kubectl
) -> None:
    async def scenario() -> None:
        async with direct(reach) as client:
            watch = ListWatch(client, EDGE_DEVICES, namespace)
            # A stream's end is announced by a bookmark some seconds before, so a short one brings it soon.
            listed = (await anext(aiter(client.pages(EDGE_DEVICES, namespace)))).version
            await client.create(EDGE_DEVICES, namespace, device("d0"))
            async with client.watch(
                EDGE_DEVICES, namespace, version=listed, label_selector="", seconds=5, silence=10.0
            ) as stream:
                await client.create(EDGE_DEVICES, other, device("elsewhere"))
                lines = [line async for line in watch._lines(stream)]
            kinds = [json.loads(line)["type"] for line in lines]
            assert kinds[0] == "ADDED"
            assert kinds[-1] == "BOOKMARK"
            for line in lines:
                change = watch._read(line)
                assert (change is None) == (b'"BOOKMARK"' in line[:30])
            assert watch.events == 1
            assert int(watch._version) > int(listed)

    asyncio.run(scenario())
    kubectl("delete", "namespace", other, "--wait=false")


def test_a_kind_that_is_not_there_yet_is_awaited(
    reach: Reach, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with direct(reach) as client:
            kind = Kind("edgefleet.io", "v1alpha1", "nonsense")
            watch = ListWatch(client, kind, namespace, retry=HASTY)

            async def follow() -> None:
                async with aclosing(watch.changes()) as changes:
                    await anext(changes)

            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await follow()
            assert 4 < watch.interruptions < 40

    asyncio.run(scenario())
    assert "nonsense.edgefleet.io: interrupted, goes on in" in caplog.text


def test_an_iterator_that_is_left_leaves_no_connection(reach: Reach, namespace: str) -> None:
    async def scenario() -> None:
        async with direct(reach) as client:
            watch = ListWatch(client, EDGE_DEVICES, namespace)
            async with aclosing(watch.changes()) as changes:
                assert await anext(changes) == Listed(())
                await client.create(EDGE_DEVICES, namespace, device("d0"))
                assert isinstance(await anext(changes), Put)
            connector = client._transport._session.connector
            assert connector is not None
            assert not connector._acquired  # pyright: ignore[reportAttributeAccessIssue]

    asyncio.run(scenario())
