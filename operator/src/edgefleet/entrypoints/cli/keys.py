"""`edgefleet keys`: release keys in files, and the bundles of keys that devices trust."""

from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from edgefleet.contracts.topics import KEYS
from edgefleet.publication.key_files import (
    PUBLIC_SUFFIX,
    KeyFileError,
    generate_key,
    read_signing_key,
    read_verify_key,
)
from edgefleet.publication.key_rotation import KeyChange, KeyRotationError, NextBundle, read_bundle, rotate

keys_app = typer.Typer(name="keys", help="Make and show release keys; change what devices trust.", no_args_is_help=True)

BUNDLE: Final = "keys.json"
MESSAGE: Final = "keys.signed.json"

_Added = Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A public key in PEM. May be repeated.")]
_Removed = Annotated[list[str] | None, typer.Option(metavar="KEYID", help="A key's id. May be repeated.")]


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


@keys_app.command(name="rotate")
def rotate_keys(  # noqa: PLR0913, PLR0917 - options of a command line
    current: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What devices trust now: the last keys.json.")],
    key: Annotated[list[Path], typer.Option(metavar="FILE", help="A release key, private. May be repeated.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help=f"Gets {BUNDLE} and {MESSAGE}.")],
    add_release: _Added = None,
    remove_release: _Removed = None,
    add_assignment: _Added = None,
    remove_assignment: _Removed = None,
) -> None:
    """Make the next bundle of keys that devices trust, signed by a key that they trust now.

    Exit status: 0 made, 2 not made.
    """
    try:
        following = rotate(
            read_bundle(_read(current)),
            KeyChange("release", [read_verify_key(each) for each in add_release or ()], remove_release or ()),
            KeyChange("assignment", [read_verify_key(each) for each in add_assignment or ()], remove_assignment or ()),
            [read_signing_key(each) for each in key],
        )
        _write(out, following)
    except (KeyFileError, KeyRotationError) as problem:
        _fail("rotate", problem)
    except OSError as problem:
        _fail("rotate", f"{problem.filename}: {problem.strerror}")
    typer.echo(f"version {following.bundle.version}")
    for role, trusted in zip(("release", "assignment"), following.bundle.trusted(), strict=True):
        typer.echo(f"{role} {' '.join(trusted)}")
    says = (
        f"publish {out / MESSAGE} retained on {KEYS.build()}; {out / BUNDLE} is for new devices and the next rotation"
    )
    typer.echo(says, err=True)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise KeyRotationError(f"{file}: {problem.strerror}") from None


def _write(folder: Path, following: NextBundle) -> None:
    """Write both files; what is there already stays, and must be the same."""
    contents = {folder / BUNDLE: following.document, folder / MESSAGE: following.message}
    for file, content in contents.items():
        if file.exists() and file.read_bytes() != content:
            raise KeyRotationError(f"{file}: exists with another content; each rotation has a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        partial = file.with_name(f".{file.name}.partial")
        partial.write_bytes(content)
        partial.replace(file)


def _fail(verb: str, problem: Exception | str) -> NoReturn:
    typer.echo(f"edgefleet keys {verb}: {problem}", err=True)
    raise typer.Exit(2)
