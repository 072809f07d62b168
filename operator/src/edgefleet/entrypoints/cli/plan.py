"""`edgefleet plan`: what a folder of manifests would do to the fleet."""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from edgefleet.entrypoints.cli.fleet_source import (
    Source,
    SourceError,
    fail,
    find_paint,
    find_width,
    load_or_exit,
    parse_now,
)
from edgefleet.forecasting.foresight import foresee
from edgefleet.forecasting.json_form import render_json
from edgefleet.forecasting.markdown import render_markdown
from edgefleet.forecasting.pace import BANDWIDTH, UPDATE_SECONDS, Pace
from edgefleet.forecasting.text import render_text

COMMANDS_PER_MINUTE = 6_000
"""The chart's own."""
_UNITS = {"": 1, "k": 1_000, "M": 1_000_000}
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(k|M|)B?\Z")


class Format(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def plan(  # noqa: PLR0913, PLR0917 - one parameter an option
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of manifests, or - for standard input.")],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="CONTEXT|FILE|-|git:REV",
            help="What is live: a context of the kubeconfig, what `kubectl get rollouts,mv,ed,cm -o yaml` printed, or"
            " this folder at a Git revision, as if that had been rolled out.",
        ),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Of objects that name none, as kubectl has it.")
    ] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print it.")] = Format.TEXT,
    now: Annotated[str | None, typer.Option(metavar="TIME", help="Plan from then on, not from now.")] = None,
    bandwidth: Annotated[str, typer.Option(metavar="BYTES", help="A second, each device.")] = f"{BANDWIDTH // 1000}k",
    update_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="That an update takes besides its download.")
    ] = UPDATE_SECONDS,
    commands_per_minute: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, help="As the chart's operator.commandsPerMinute.")
    ] = COMMANDS_PER_MINUTE,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if a device would change.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="What is live and not declared leaves, whoever applied it.")
    ] = False,
    kubeconfig: Annotated[Path | None, typer.Option(help="Default: $KUBECONFIG, else the one in your home.")] = None,
) -> None:
    """Show what would happen if these manifests were applied: which devices, when, at what cost, and what waits.

    Runs the operator's own planner ahead in virtual time; changes nothing. What is not known is taken for granted, and
    listed. Exit status: 0 planned, 2 not run; with --exit-code 1 if a device would be told something else.
    """
    try:
        source = Source(folder, against, namespace, kubeconfig, parse_now(now), prune, commands_per_minute)
        pace = Pace(_parse_amount(bandwidth), update_seconds)
    except SourceError as problem:
        fail("plan", str(problem))
    forecast = foresee(load_or_exit("plan", source.load), source.now, pace)
    match output:
        case Format.TEXT:
            typer.echo(render_text(forecast, find_width(), find_paint()), nl=False)
        case Format.JSON:
            typer.echo(json.dumps(render_json(forecast), indent=2, ensure_ascii=False))
        case Format.MARKDOWN:
            typer.echo(render_markdown(forecast), nl=False)
    if exit_code and forecast.changes:
        raise typer.Exit(1)


def _parse_amount(text: str) -> int:
    found = _AMOUNT.match(text)
    amount = int(float(found[1]) * _UNITS[found[2]]) if found is not None else 0
    if amount < 1:
        raise SourceError(f"--bandwidth {text}: give bytes a second, such as 32k or 1.5M")
    return amount
