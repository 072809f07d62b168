"""``devcluster COMMAND``: its commands, and what they have in common."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from edgefleet_devcluster.cli import clusters, content, machine, planes
from edgefleet_devcluster.errors import DevclusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Handler = Callable[[argparse.Namespace], int]

_INTERRUPTED = 130


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
    clusters.add_to(commands)
    content.add_to(commands)
    machine.add_to(commands)
    planes.add_to(commands)
    return parser
