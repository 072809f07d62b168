"""An API server and its store that are stopped and started again, as at an upgrade of a single-node cluster."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from edgefleet.adapters.kubernetes.client import CONFIG_MAPS, KubernetesClient
from edgefleet.adapters.kubernetes.list_watch import Gone, Listed, ListWatch, Put
from edgefleet_devcluster.control_plane.plane import ControlPlane

if TYPE_CHECKING:
    from pathlib import Path


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_it_goes_on_after_a_restart_with_nothing_lost(tmp_path: Path) -> None:
    plane = ControlPlane("restarted", tmp_path / "plane", fsync=False, controllers=())
    with plane:
        asyncio.run(scenario(plane))
    plane.delete()


async def scenario(plane: ControlPlane) -> None:
    known: set[str] = set()
    changed = asyncio.Event()

    async def follow(watch: ListWatch[Any]) -> None:
        async with aclosing(watch.changes()) as changes:
            async for change in changes:
                match change:
                    case Listed(objects):
                        known.clear()
                        known.update(obj["metadata"]["name"] for obj in objects)
                    case Put(obj):
                        known.add(obj["metadata"]["name"])
                    case Gone(_, name, _):
                        known.remove(name)
                changed.set()

    async def until(names: set[str]) -> None:
        async with asyncio.timeout(20):
            while known != names:
                changed.clear()
                await changed.wait()

    async with await KubernetesClient.from_kubeconfig(plane.kubeconfig) as client:
        await client.create(CONFIG_MAPS, "default", config_map("before"))
        await client.create(CONFIG_MAPS, "default", config_map("doomed"))
        watch = ListWatch(client, CONFIG_MAPS, "default")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(follow(watch))
            await until({"before", "doomed"})
            plane.stop()
            plane.start()
            async with await KubernetesClient.from_kubeconfig(plane.kubeconfig) as other:
                await other.delete(CONFIG_MAPS, "default", "doomed")
                await other.create(CONFIG_MAPS, "default", config_map("after"))
            await until({"before", "after"})
            # Through the stream, not the list: cancelled while it connects, asyncio would lose the socket.
            await client.create(CONFIG_MAPS, "default", config_map("last"))
            await until({"before", "after", "last"})
            assert watch.interruptions > 0
            task.cancel()
