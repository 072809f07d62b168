"""``devcluster control-plane``: an API server without nodes, for tests that need no more; no root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefleet_devcluster.binaries import build
from edgefleet_devcluster.cli.options import add_named, add_rest, become, port, rest
from edgefleet_devcluster.control_plane.plane import ControlPlane
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.kubectl import Kubectl
from edgefleet_devcluster.paths import control_plane_dir

if TYPE_CHECKING:
    import argparse

    from edgefleet_devcluster.cli.options import Commands

_MIB = 1024**2
_UP = "devcluster control-plane up"


def add_to(commands: Commands) -> None:
    """Add the commands."""
    plane = commands.add_parser("control-plane", help="etcd and kube-apiserver alone, without nodes and without root")
    actions = plane.add_subparsers(required=True, metavar="ACTION")
    up = add_named(actions, "up", "start it in the background, building what is missing", _up)
    up.add_argument("--port", type=port, default=0, help="the API server's port; default: the last one or any")
    down = add_named(actions, "down", "stop it; its data stays", _down)
    down.add_argument("--delete", action="store_true", help="remove its data as well")
    add_named(actions, "status", "tell what runs; fails if it does not serve", _status)
    add_named(actions, "kubeconfig", "print the path of the administrator's kubeconfig", _kubeconfig)
    add_rest(
        add_named(actions, "kubectl", "run kubectl on it: devcluster control-plane kubectl -- get ns", _kubectl),
        "ARGUMENTS",
    )


def _control_plane(options: argparse.Namespace, number: int = 0) -> ControlPlane:
    return ControlPlane(options.name, control_plane_dir(options.name), port=number)


def _existing(options: argparse.Namespace) -> ControlPlane:
    found = _control_plane(options)
    if not found.kubeconfig.exists():
        raise DevclusterError(f"no control plane {options.name!r}: start it with `{_UP} --name {options.name}`")
    return found


def _up(options: argparse.Namespace) -> int:
    plane = _control_plane(options, options.port)
    if not plane.start(detach=True):
        if options.port and not plane.server.endswith(f":{options.port}"):
            raise DevclusterError(
                f"{plane.name} already runs at {plane.server}: "
                f"`devcluster control-plane down --name {plane.name}` first to move it to port {options.port}"
            )
        print(f"{plane.name}: already running at {plane.server}")
    print(f"export KUBECONFIG={plane.kubeconfig}")
    return 0


def _down(options: argparse.Namespace) -> int:
    plane = _control_plane(options)
    print(f"{options.name}: stopped" if plane.stop() else f"{options.name}: was not running")
    if options.delete:
        plane.delete()
    return 0


def _status(options: argparse.Namespace) -> int:
    plane = _control_plane(options)
    status = plane.status()
    for name, identity in status.programs.items():
        state = f"process {identity.pid}, {identity.memory() / _MIB:.0f} MiB" if identity else "not running"
        print(f"{name}: {state}")
    if not status.running:
        raise DevclusterError(f"control plane {options.name!r} is not running: `{_UP} --name {options.name}` starts it")
    if not status.ready:
        raise DevclusterError(
            f"control plane {options.name!r} does not serve ({status.readiness.detail}); "
            f"its logs are in {plane.directory}/log, `{_UP} --name {options.name}` starts it afresh"
        )
    print(f"ready at {plane.server}")
    return 0


def _kubeconfig(options: argparse.Namespace) -> int:
    print(_existing(options).kubeconfig)
    return 0


def _kubectl(options: argparse.Namespace) -> int:
    found = _existing(options)
    kubectl = Kubectl(build.ensure(["kubectl"])["kubectl"], found.kubeconfig)
    return become([str(kubectl.binary), *rest(options)], kubectl.environment)
