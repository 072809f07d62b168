"""`edgefleet keys`: release keys in files."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edgefleet.publication.key_files import PUBLIC_SUFFIX, KeyFileError, generate_key, read_verify_key

keys_app = typer.Typer(name="keys", help="Make and show release keys.", no_args_is_help=True)


@keys_app.command()
def generate(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the private key goes; FILE.pub is the public one.")
    ],
) -> None:
    """Make a release key: FILE for you alone, FILE.pub for everybody. Nothing is overwritten.

    Exit status: 0 made, 2 not made.
    """
    try:
        key = generate_key(file)
    except KeyFileError as problem:
        _fail("generate", problem)
    typer.echo(key.keyid)
    typer.echo(f"keep {file} secret and back it up; {file}{PUBLIC_SUFFIX} is what devices come to trust", err=True)


@keys_app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private or a public key in PEM.")],
) -> None:
    """Print a key's id, the same for both halves.

    Exit status: 0 printed, 2 no such key.
    """
    try:
        key = read_verify_key(file)
    except KeyFileError as problem:
        _fail("show", problem)
    typer.echo(key.keyid)


def _fail(verb: str, problem: KeyFileError) -> NoReturn:
    typer.echo(f"edgefleet keys {verb}: {problem}", err=True)
    raise typer.Exit(2)
