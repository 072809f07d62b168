"""The command line: `serve` for many devices, `child` for one."""

import argparse
import logging
import os
import sys
from pathlib import Path

from edgefleet_tflm import protocol
from edgefleet_tflm.server import ForkServer, limit_child

_USAGE = 64


def main() -> int:
    """Run what the arguments say and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m edgefleet_tflm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="listen on a Unix socket; a process for each connection")
    serve.add_argument("--socket", type=Path, required=True, metavar="PATH")
    commands.add_parser("child", help="answer on standard input and output until the input ends")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s[%(process)d] %(levelname)s %(message)s")
    if arguments.command == "serve":
        try:
            server = ForkServer(arguments.socket)
        except OSError as error:
            logging.getLogger("edgefleet_tflm").error("%s", error)  # noqa: TRY400 - for the person who typed the path
            return _USAGE
        server.serve()
        return 0
    return _answer_standard_streams()


def _answer_standard_streams() -> int:
    # Whatever prints to standard output from now on must not end up between two frames.
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    limit_child()
    try:
        protocol.converse(source, sink)
    except (protocol.ProtocolError, OSError) as error:
        logging.getLogger("edgefleet_tflm").error("%s", error)  # noqa: TRY400 - one line says it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
