"""`edgefleet simulate`: a rollout in virtual time, with devices that fail, sleep, restart and keep silent."""

import json
import re
import secrets
from dataclasses import dataclass
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
from edgefleet.entrypoints.cli.simulation_form import render_json, render_markdown, render_text
from edgefleet.simulation.scenario import Ills, Story, UnknownVersionError, simulate_declared, simulate_synthetic
from edgefleet.simulation.world import START

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]+)([smhd])\Z")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%?\Z")
_SEEDS = 1_000_000


class Format(StrEnum):
    """How a simulation is told."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def simulate(  # noqa: PLR0913, PLR0917 - one parameter an option
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Folder of manifests, or - for standard input.")
    ] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Instead of a folder: a made-up fleet of so many devices.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="CONTEXT|FILE|-",
            help="What is live: a context of the kubeconfig, or what `kubectl get rollouts,mv,ed,cm -o yaml` printed.",
        ),
    ] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Of objects that name none.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the dice; the same seed tells the same. [random]")] = None,
    failing: Annotated[str, typer.Option(metavar="PERCENT", help="Devices that fail what they are given.")] = "0%",
    bad_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="A version that every device fails.")
    ] = None,
    asleep: Annotated[str, typer.Option(metavar="PERCENT", help="Devices that sleep, and wake for a while.")] = "0%",
    crashing: Annotated[str, typer.Option(metavar="PERCENT", help="Devices that restart during the update.")] = "0%",
    silent: Annotated[str, typer.Option(metavar="PERCENT", help="Devices that never answer a command.")] = "0%",
    reordered: Annotated[
        str, typer.Option(metavar="PERCENT", help="Reports that come twice, and as many late.")
    ] = "0%",
    leader_change: Annotated[bool, typer.Option("--leader-change", help="The leader dies in the middle.")] = False,
    until: Annotated[str, typer.Option(metavar="DURATION", help="Virtual time at most, such as 90m or 7d.")] = "30d",
    now: Annotated[str | None, typer.Option(metavar="TIME", help="Virtual time to begin at.")] = None,
    output: Annotated[Format, typer.Option("--output", "-o", help="How to tell it.")] = Format.TEXT,
    kubeconfig: Annotated[Path | None, typer.Option(help="Default: $KUBECONFIG, else the one in your home.")] = None,
) -> None:
    """Play a rollout through in virtual time, with the operator's own planner, and watch that every promise is kept.

    The fleet is the one that manifests declare, or made up with --devices. Changes nothing. Exit status: 0 it came to
    rest with every promise kept, 1 it did not, 2 not run.
    """
    if (folder is None) == (devices is None):
        fail("simulate", "give a folder of manifests, or --devices for a made-up fleet")
    shares = {"failing": failing, "asleep": asleep, "crashing": crashing, "silent": silent, "reordered": reordered}
    try:
        ills = Ills(**_parse_shares(shares), leader_change=leader_change, bad_version=bad_version)
        began = START if now is None and against is None else parse_now(now)
        limits = Limits(secrets.randbelow(_SEEDS) if seed is None else seed, began, _parse_duration(until))
        source = Source(folder, against, namespace, kubeconfig, began)
        stories = _simulate_source(source, ills, limits) if devices is None else [_make_up(devices, ills, limits)]
    except (SourceError, UnknownVersionError) as problem:
        fail("simulate", str(problem))
    _print(stories, output)
    raise typer.Exit(0 if all(story.good for story in stories) else 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What everything is drawn from, when it begins, and how long it may take.

    Attributes:
        seed: of the dice.
        now: POSIX seconds.
        seconds: of virtual time.
    """

    seed: int
    now: float
    seconds: float


def _make_up(devices: int, ills: Ills, limits: Limits) -> Story:
    return simulate_synthetic(devices, ills, seed=limits.seed, now=limits.now, seconds=limits.seconds)


def _simulate_source(source: Source, ills: Ills, limits: Limits) -> list[Story]:
    loading = load_or_exit("simulate", source.load)
    stories: list[Story] = []
    for name, loaded in loading.namespaces.items():
        facts = loaded.facts
        where = f"namespace {name}" if name else "the manifests"
        fleet = f"{len(facts.devices):,} devices and {len(facts.rings)} rings of {where}"
        story = simulate_declared(facts, fleet, ills, seed=limits.seed, now=limits.now, seconds=limits.seconds)
        taken = tuple(assumption.sentence for assumption in loaded.assumptions)
        stories.append(story.with_assumptions(taken))
    if not stories:
        fail("simulate", "nothing to simulate: no ring, version or device is declared")
    return stories


def _print(stories: list[Story], output: Format) -> None:
    match output:
        case Format.TEXT:
            width, paint = find_width(), find_paint()
            typer.echo("\n".join(render_text(story, width, paint) for story in stories), nl=False)
        case Format.JSON:
            told = [render_json(story) for story in stories]
            typer.echo(json.dumps(told[0] if len(told) == 1 else told, indent=2, ensure_ascii=False))
        case Format.MARKDOWN:
            typer.echo(render_markdown(stories), nl=False)


def _parse_shares(given: dict[str, str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for option, text in given.items():
        found = _SHARE.match(text)
        percent = float(found[1]) if found is not None else -1.0
        if not 0.0 <= percent <= 100.0:
            raise SourceError(f"--{option} {text}: give a percentage such as 5%")
        shares[option] = percent / 100
    return shares


def _parse_duration(text: str) -> float:
    found = _DURATION.match(text)
    if found is None or int(found[1]) == 0:
        raise SourceError(f"--until {text}: give a duration such as 90m, 12h or 7d")
    return float(int(found[1]) * _SECONDS[found[2]])
