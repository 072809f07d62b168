"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no other name for it
    Handler = Callable[[argparse.Namespace], int]


def add_command(commands: Commands, name: str, text: str, handler: Handler) -> argparse.ArgumentParser:
    """Add a command."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(handler=handler)
    return parser


def add_named(commands: Commands, name: str, text: str, handler: Handler) -> argparse.ArgumentParser:
    """Add a command on one of several clusters."""
    parser = add_command(commands, name, text, handler)
    parser.add_argument("--name", default="default", help="which one, if there are several (default: %(default)s)")
    return parser


def add_rest(parser: argparse.ArgumentParser, what: str) -> None:
    """Take all that follows as the arguments of another program; `rest` returns them."""
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar=f"-- {what}")


def rest(options: argparse.Namespace) -> list[str]:
    """Return what follows ``--``."""
    given: list[str] = options.arguments
    return given[1:] if given[:1] == ["--"] else given


def become(command: list[str], environment: dict[str, str] | None = None) -> NoReturn:
    """Replace this process by another program: its terminal, its exit status."""
    sys.stdout.flush()
    os.execvpe(command[0], command, os.environ if environment is None else environment)  # noqa: S606 - no shell is the point


def port(text: str) -> int:
    """Return the number of a TCP port."""
    if text.isdigit() and 0 < int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
