"""`edgefleet-demo`: up, down, status."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from edgefleet_demo import chapter_one, steps, target, view
from edgefleet_demo.errors import DemoError
from edgefleet_demo.places import Places, state_dir
from edgefleet_demo.plant import Plant
from edgefleet_demo.stage import Stage
from edgefleet_demo.watching import Watch
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.locks import exclusive
from edgefleet_devcluster.progress import to_stderr

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
app = typer.Typer(
    name="edgefleet-demo",
    help="A fleet on one machine, from git push to devices that verified their model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_Name = Annotated[str, typer.Option("--name", help="The cluster: devcluster's own of this name.")]
_INTERRUPTED = 130
_LOCK_SECONDS = 2.0


def _told(command: Callable[P, None]) -> Callable[P, None]:
    """Have a command end with one line about what the user can mend, instead of a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (DemoError, DevclusterError) as error:
            typer.echo(f"edgefleet-demo: {error}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            typer.echo("interrupted; what was done stays: the same command goes on from there", err=True)
            raise typer.Exit(_INTERRUPTED) from error

    return run


@app.command()
@_told
def up(
    name: _Name = "default",
    stop_after: Annotated[str, typer.Option(envvar="STOP_AFTER", help="Stop after this step.")] = "",
    devices: Annotated[
        int | None, typer.Option(envvar="DEVICES", min=3, max=500, help="How many motors; 12 in a new fleet.")
    ] = None,
) -> None:
    """Run chapter one, from where an earlier run stopped."""
    places = Places(state_dir(name))
    shown = view.choose()
    stage = Stage(name, places, devices, shown.say, shown.show)
    phases: list[steps.Phase] = []
    with exclusive(places.lock, purpose="edgefleet-demo up", say=to_stderr, timeout=_LOCK_SECONDS), shown:
        phases += steps.run(chapter_one.STEPS, stage, shown, lambda: stage.ledger, stop_after=stop_after)
    if any(phase.step == "declare" for phase in phases) and (left := stage.repository.refresh(places.working_copy)):
        typer.echo(left)
    _print_phases(phases, stage)
    _print_next(stage, stop_after)


@app.command()
@_told
def down(
    name: _Name = "default",
    delete: Annotated[bool, typer.Option("--delete", help="Remove all data of demo and cluster as well.")] = False,
) -> None:
    """Stop the devices and the cluster; a later `up` goes on from there."""
    places = Places(state_dir(name))
    with exclusive(places.lock, purpose="edgefleet-demo down", say=to_stderr, timeout=_LOCK_SECONDS):
        typer.echo("devices: stopped" if Plant(places.plant).stop() else "devices: did not run")
        if target.is_own():
            cluster = target.own(name)
            typer.echo(f"cluster {name}: stopped" if cluster.stop() else f"cluster {name}: did not run")
            if delete:
                cluster.delete()
        else:
            typer.echo(
                "the cluster of EDGEFLEET_CONTEXT is left as it is: `helm uninstall edgefleet` removes EdgeFleet"
            )
        if delete:
            shutil.rmtree(places.root, ignore_errors=True)
            typer.echo(f"removed {places.root}")


@app.command()
@_told
def status(name: _Name = "default") -> None:
    """Show the fleet, once; fails unless devices and cluster run."""
    places = Places(state_dir(name))
    plant, cluster = Plant(places.plant), target.own(name)
    kubeconfig = cluster.kubeconfig if target.is_own() else places.root / "kubeconfig"
    if not kubeconfig.exists():
        raise DemoError(f"there is no demo on {name!r}: `edgefleet-demo up` starts one")
    context = cluster.control_plane.context if target.is_own() else os.environ["EDGEFLEET_CONTEXT"]
    try:
        Console(highlight=False).print(view.draw(Watch(kubeconfig, context).look()))
    except ConnectionError as error:
        raise DemoError(f"{error}: `edgefleet-demo up` starts what does not run") from error
    states = plant.states() if plant.running else {}
    running = [device for device, state in states.items() if state.pid is not None]
    typer.echo(f"devices: {len(running)} of {len(states)} processes run; their logs: {plant.logs}")
    for device, state in states.items():
        if state.given_up:
            typer.echo(f"{device} ended with exit status {state.status} and is not started again")
    if not running:
        raise DemoError("no device runs: `edgefleet-demo up` starts them")


def _print_phases(phases: list[steps.Phase], stage: Stage) -> None:
    table = Table("step", "seconds", "", title="What took how long", title_justify="left", box=None, pad_edge=False)
    for phase in phases:
        table.add_row(phase.step, f"{phase.seconds:.1f}", "already so" if phase.skipped else "")
    table.add_row("all", f"{sum(phase.seconds for phase in phases):.1f}", "")
    console = Console(highlight=False)
    console.print(table)
    for label, figure in stage.figures.items():
        console.print(f"{label}: {figure}", soft_wrap=True)


def _print_next(stage: Stage, stop_after: str) -> None:
    names = [step.name for step in chapter_one.STEPS]
    left = names[names.index(stop_after) + 1 :] if stop_after else []
    programs = os.path.relpath(Path(sys.executable).parent)
    kubectl, git = f"{programs}/devcluster kubectl", f"{programs}/devcluster git"
    named = "" if stage.name == "default" else f" --name {stage.name}"
    pushing = f"{git}{named} -- -C {stage.places.working_copy}" if target.is_own() else "git"
    lines = [
        f"Stopped after {stop_after!r} as asked; without STOP_AFTER it goes on with {left[0]!r}. Meanwhile:"
        if left
        else "The motors run on. What next:",
        f"  {kubectl}{named} -- get rollouts,ed,mv -n {target.FLEET}",
        f"  export KUBECONFIG={stage.target.kubeconfig}    # for a kubectl of your own",
        f"  $EDITOR {stage.places.working_copy}    # the fleet's repository; commit there, then",
        f"  {pushing} push origin main",
        f"  {programs}/edgefleet-demo status{named}; {programs}/edgefleet-demo down{named}",
    ]
    for line in lines:
        typer.echo(line)


def main() -> None:
    """Run the command line."""
    app()
