"""The command line: ``devcluster build | control-plane | kubectl | doctor``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from edgefleet_devcluster import build, doctor
from edgefleet_devcluster.components import COMPONENTS
from edgefleet_devcluster.controlplane import ControlPlane, default_directory
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Handler = Callable[[argparse.Namespace], int]

_MIB = 1024**2
_INTERRUPTED = 130
_UP = "devcluster control-plane up"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    handler: Handler = options.handler
    # So that a `kill` of ours ends what we started, as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return handler(options)
    except DevclusterError as error:
        print(f"devcluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("devcluster: interrupted; the same command again goes on from here", file=sys.stderr)
        return _INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="devcluster", description="A real Kubernetes on this machine, from packages.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    building = commands.add_parser("build", help="compile the components that are missing")
    building.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(COMPONENTS)}; default: all")
    building.set_defaults(handler=_build)

    plane = commands.add_parser("control-plane", help="etcd and kube-apiserver, without nodes")
    actions = plane.add_subparsers(required=True, metavar="ACTION")
    up = _action(actions, "up", "start it in the background, building what is missing", _up)
    up.add_argument("--port", type=_port, default=0, help="the API server's port; default: the last one or any")
    down = _action(actions, "down", "stop it; its data stays", _down)
    down.add_argument("--delete", action="store_true", help="remove its data as well")
    _action(actions, "status", "tell what runs; fails if it does not serve", _status)
    _action(actions, "kubeconfig", "print the path of the administrator's kubeconfig", _kubeconfig)

    kubectl = _action(commands, "kubectl", "run kubectl on a control plane: devcluster kubectl -- get ns", _kubectl)
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- ARGUMENTS")

    examination = commands.add_parser("doctor", help="tell what is missing on this machine")
    examination.set_defaults(handler=_doctor)
    return parser


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, handler: Handler
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text)
    parser.add_argument("--name", default="default", help="which one, if there are several (default: %(default)s)")
    parser.set_defaults(handler=handler)
    return parser


def _port(text: str) -> int:
    if text.isdigit() and 0 < int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")


def _control_plane(options: argparse.Namespace, port: int = 0) -> ControlPlane:
    return ControlPlane(options.name, default_directory(options.name), port=port)


def _existing(options: argparse.Namespace) -> ControlPlane:
    found = _control_plane(options)
    if not found.kubeconfig.exists():
        raise DevclusterError(f"no control plane {options.name!r}: start it with `{_UP} --name {options.name}`")
    return found


def _build(options: argparse.Namespace) -> int:
    for path in build.ensure(options.names or list(COMPONENTS)).values():
        print(path)
    return 0


def _up(options: argparse.Namespace) -> int:
    control_plane = _control_plane(options, options.port)
    if not control_plane.start(detach=True):
        if options.port and not control_plane.server.endswith(f":{options.port}"):
            raise DevclusterError(
                f"{control_plane.name} already runs at {control_plane.server}: "
                f"`devcluster control-plane down --name {control_plane.name}` first to move it to port {options.port}"
            )
        print(f"{control_plane.name}: already running at {control_plane.server}")
    print(f"export KUBECONFIG={control_plane.kubeconfig}")
    return 0


def _down(options: argparse.Namespace) -> int:
    control_plane = _control_plane(options)
    print(f"{options.name}: stopped" if control_plane.stop() else f"{options.name}: was not running")
    if options.delete:
        control_plane.delete()
    return 0


def _status(options: argparse.Namespace) -> int:
    control_plane = _control_plane(options)
    status = control_plane.status()
    for name, identity in status.programs.items():
        state = f"process {identity.pid}, {identity.resident_bytes() / _MIB:.0f} MiB" if identity else "not running"
        print(f"{name}: {state}")
    if not status.running:
        raise DevclusterError(f"control plane {options.name!r} is not running: `{_UP} --name {options.name}` starts it")
    if not status.ready:
        raise DevclusterError(
            f"control plane {options.name!r} does not serve ({status.readiness.detail}); "
            f"its logs are in {control_plane.directory}/log, `{_UP} --name {options.name}` starts it afresh"
        )
    print(f"ready at {control_plane.server}")
    return 0


def _kubeconfig(options: argparse.Namespace) -> int:
    print(_existing(options).kubeconfig)
    return 0


def _kubectl(options: argparse.Namespace) -> int:
    control_plane = _existing(options)
    binary = build.ensure(["kubectl"])["kubectl"]
    given: list[str] = options.arguments
    arguments = given[1:] if given[:1] == ["--"] else given
    environment = os.environ | {"KUBECONFIG": str(control_plane.kubeconfig)}
    sys.stdout.flush()
    os.execve(binary, ["kubectl", *arguments], environment)  # noqa: S606 - becomes kubectl: its terminal, its exit status


def _doctor(_: argparse.Namespace) -> int:
    findings = doctor.examine()
    for finding in findings:
        print(finding)
    return 0 if all(finding.fine for finding in findings) else 1
