"""The operator's front door: kopf watches the few objects, wakes the controllers, and answers the liveness probe.

Registration only. Handlers say "look again" and never what happened; devices do not go through kopf (docs/adr/0006).
Run as `python -m edgefleet.entrypoints.kopf_app`.
"""

import asyncio
import logging
import os
import sys
from typing import Any, Final

import kopf

from edgefleet.api.v1alpha1.deviceclass import CONFIG_LABEL, CONFIG_VALUE
from edgefleet.entrypoints.assembly import Operator, Settings

_LOG: Final = logging.getLogger(__name__)
_GROUP: Final = "edgefleet.io"
_VERSION: Final = "v1alpha1"
_FAILED: Final = 70  # EX_SOFTWARE
_CONFIGURATION: Final = 78  # EX_CONFIG


def make_settings() -> kopf.OperatorSettings:
    """Returns kopf's settings: timeouts on everything, no peering, no scanning, our own names."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.queueing.idle_timeout = 0.5
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660
    settings.watching.reconnect_backoff = 2.0
    settings.networking.request_timeout = 30
    settings.networking.enforce_retry_after = True
    settings.persistence.finalizer = f"{_GROUP}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=_GROUP, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=_GROUP, v1=False)
    settings.execution.max_workers = 4
    return settings


def register(operator: Operator) -> kopf.OperatorRegistry:
    """Returns the registrations of an operator."""
    registry = kopf.OperatorRegistry()
    tasks: list[asyncio.Task[None]] = []

    async def start(**_: Any) -> None:
        tasks.append(asyncio.create_task(_guard(operator), name="operator"))

    async def stop(**_: Any) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def see_ring(namespace: str | None, **_: Any) -> None:
        operator.wake_fleet(namespace or "")

    async def see_version(namespace: str | None, name: str | None, **_: Any) -> None:
        operator.wake_version(namespace or "", name or "")
        operator.wake_fleet(namespace or "")

    async def see_classes(namespace: str | None, **_: Any) -> None:
        operator.wake_namespace(namespace or "")

    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    async def probe(**_: Any) -> str:
        stale = operator.find_stale()
        if stale:
            raise kopf.PermanentError(stale)
        return "ok"

    kopf.on.login(registry=registry)(login)
    kopf.on.startup(registry=registry)(start)
    kopf.on.cleanup(registry=registry)(stop)
    kopf.on.probe(registry=registry, id="fleet")(probe)
    kopf.on.event(_GROUP, _VERSION, "rolloutrings", registry=registry)(see_ring)
    kopf.on.event(_GROUP, _VERSION, "modelversions", registry=registry)(see_version)
    kopf.on.event("v1", "configmaps", labels={CONFIG_LABEL: CONFIG_VALUE}, registry=registry)(see_classes)
    return registry


async def _guard(operator: Operator) -> None:
    """Runs the operator; without it the process has nothing left to live for."""
    try:
        await operator.run()
    except asyncio.CancelledError:
        raise
    except BaseException:  # noqa: BLE001 - whatever it is, it ends the process
        _LOG.exception("the operator cannot go on")
    logging.shutdown()
    os._exit(_FAILED)


def main() -> int:
    """Runs the operator until it is told to stop; returns the exit status."""
    kopf.configure(verbose=False)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # a line for every event says nothing
    try:
        settings = Settings.read()
    except ValueError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - before logging begins
        return _CONFIGURATION
    kopf.run(
        registry=register(Operator(settings)),
        settings=make_settings(),
        standalone=True,
        clusterwide=True,
        liveness_endpoint=f"http://0.0.0.0:{settings.probe_port}/healthz",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
