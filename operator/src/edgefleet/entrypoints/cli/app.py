"""The command line's verbs. Must not decide anything: each verb reads, calls one function and prints."""

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from edgefleet.entrypoints.cli.device import device_app, registry_app
from edgefleet.entrypoints.cli.explain import explain
from edgefleet.entrypoints.cli.keys import keys_app
from edgefleet.entrypoints.cli.lint import lint
from edgefleet.entrypoints.cli.model import model_app
from edgefleet.entrypoints.cli.plan import plan
from edgefleet.entrypoints.cli.simulate import simulate

app = typer.Typer(
    name="edgefleet",
    help="GitOps for edge-AI fleets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.command()(lint)
app.command()(plan)
app.command()(explain)
app.command()(simulate)
app.add_typer(device_app)
app.add_typer(registry_app)
app.add_typer(model_app)
app.add_typer(keys_app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgefleet {installed_version('edgefleet')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """GitOps for edge-AI fleets."""


def main() -> None:
    """Runs the command line; the entry point of `edgefleet` and `kubectl-edgefleet`."""
    app()
