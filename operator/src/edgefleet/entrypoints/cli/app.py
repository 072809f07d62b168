"""The command line's verbs. Must not decide anything: each verb reads, calls one function and prints."""

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from edgefleet.entrypoints.cli.lint import lint

app = typer.Typer(
    name="edgefleet",
    help="GitOps for edge-AI fleets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.command()(lint)


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
