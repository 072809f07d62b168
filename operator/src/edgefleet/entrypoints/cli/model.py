"""`edgefleet model`: from .tflite files to a signed ModelVersion, and whether one still says what was signed."""

import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from edgefleet.publication.attestation import RefusedError, attest
from edgefleet.publication.comparison import compare_store
from edgefleet.publication.declaration import write_version
from edgefleet.publication.key_files import KeyFileError, read_signing_key, read_trusted_keys
from edgefleet.publication.output import check_output, write_output
from edgefleet.publication.release import NotPublishableError, Release, read_feature_schema
from edgefleet.publication.sealing import SealedArtifact, seal_artifact
from edgefleet.publication.uploading import upload
from edgefleet.publication.verification import Fault, Proven, read_version, verify_version
from edgefleet.runtime.errors import RegistryError, RegistryRefused

if TYPE_CHECKING:
    from edgefleet.entrypoints.cli.registry_access import RegistryAccess

model_app = typer.Typer(name="model", help="Publish models and verify what was published.", no_args_is_help=True)

_PREFLIGHT_MODULE = "edgefleet_preflight"
_PREFLIGHT = "edgefleet-preflight"

_Registry = Annotated[str | None, typer.Option(metavar="URL", help="The model registry, https://host:port.")]
_Ca = Annotated[Path | None, typer.Option(metavar="FILE", help="The fleet's CA, which the registry must prove.")]
_TokenFile = Annotated[Path | None, typer.Option(metavar="FILE", help="File that holds the upload token.")]


@model_app.command()
def publish(  # noqa: PLR0913, PLR0917 - one parameter an option
    files: Annotated[list[str], typer.Argument(metavar="CLASS=FILE...", help="A .tflite file for each device class.")],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    version: Annotated[str, typer.Option(help="Its semantic version.")],
    classes: Annotated[Path, typer.Option(metavar="PATH", help="File or folder that declares the device classes.")],
    feature_schema: Annotated[
        Path, typer.Option(metavar="FILE|NAME", help="The features behind the inputs: JSON, or such as motor-level1.")
    ],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The release key, private.")],
    registry: _Registry = None,
    ca: _Ca = None,
    token_file: _TokenFile = None,
    security_version: Annotated[int, typer.Option(help="Rises when older versions must never run again.")] = 0,
    metric: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A figure measured before.")] = None,
    commit: Annotated[str | None, typer.Option(help="Commit of the training code.")] = None,
    namespace: Annotated[str, typer.Option(help="Of the ModelVersion.")] = "fleet",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of standard output.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and sign, upload nothing.")] = False,
) -> None:
    """Check models in the preflight, sign them, upload them, and write the ModelVersion to commit.

    Publishing the same again changes nothing. Exit status: 0 published, 1 refused, 2 not run.
    """
    access = None if dry_run else _open_registry("publish", registry, ca, token_file)
    try:
        release = Release.of(
            {
                "model": model,
                "version": version,
                "securityVersion": security_version,
                "namespace": namespace,
                "featureSchema": read_feature_schema(feature_schema),
                "metrics": tuple(_read_metric(each) for each in metric or ()),
                "lineage": {"commit": commit} if commit else None,
            }
        )
        signing_key = read_signing_key(key)
        artifacts = [
            seal_artifact(release, attest(_find_preflight(), file, name, classes), signing_key)
            for name, file in _pair(files).items()
        ]
        text = write_version(release, artifacts)
        if output is not None:
            check_output(output, text)
    except RefusedError as problem:
        _fail("publish", problem, status=1)
    except (NotPublishableError, KeyFileError) as problem:
        _fail("publish", problem)
    if access is not None:
        _upload(artifacts, access)
    for artifact in artifacts:
        manifest = artifact.manifest
        said = f"{manifest.size_bytes} bytes, arena {manifest.arena_bytes}, {len(manifest.vectors)} golden vectors"
        typer.echo(f"{manifest.device_class}: {said}, manifest {artifact.digest}", err=True)
    _write(text, output)


@model_app.command()
def verify(  # noqa: PLR0913, PLR0917 - one parameter an option
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A ModelVersion, YAML.")],
    release_key: Annotated[list[Path], typer.Option(metavar="FILE", help="A public key to trust; may be repeated.")],
    registry: _Registry = None,
    ca: _Ca = None,
    token_file: _TokenFile = None,
    client_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of the token.")] = None,
    client_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Of the client certificate.")] = None,
) -> None:
    """Check that a release key signed a ModelVersion, and that it shows what was signed.

    With --registry, also that the registry holds just that. Exit status: 0 all of it holds, 1 something does not, 2 not
    run.
    """
    access = _open_registry("verify", registry, ca, token_file, client_cert, client_key) if registry else None
    try:
        version = read_version(file)
        results = list(verify_version(version, read_trusted_keys(release_key)))
    except (NotPublishableError, KeyFileError) as problem:
        _fail("verify", problem)
    faults = [each for each in results if isinstance(each, Fault)]
    proven = [each for each in results if isinstance(each, Proven)]
    if access is not None:
        faults += _compare(proven, access)
    for fault in faults:
        typer.echo(f"{file}: {fault.field}: {fault.message}", err=True)
    if faults:
        raise typer.Exit(1)
    for each in proven:
        typer.echo(f"{each.manifest.device_class}: manifest {each.digest} holds")


def _pair(files: list[str]) -> dict[str, Path]:
    paired: dict[str, Path] = {}
    for each in files:
        name, equals, file = each.partition("=")
        if not (name and equals and file):
            raise NotPublishableError(f"{each}: a file is given as CLASS=FILE")
        if name in paired:
            raise NotPublishableError(f"{each}: class {name} has a file already")
        paired[name] = Path(file)
    return paired


def _read_metric(text: str) -> dict[str, object]:
    name, _, value = text.partition("=")
    try:
        return {"name": name, "value": float(value)}
    except ValueError:
        raise NotPublishableError(f"--metric {text}: a metric is given as NAME=VALUE, such as aucInt8=0.913") from None


def _find_preflight() -> list[str]:
    """Returns the command of the preflight beside this program, or of the one on the PATH."""
    if find_spec(_PREFLIGHT_MODULE) is not None:
        return [sys.executable, "-m", _PREFLIGHT_MODULE]
    found = which(_PREFLIGHT)
    if found is None:
        raise NotPublishableError(f"{_PREFLIGHT} is not installed: pip install {_PREFLIGHT} (x86-64 Linux)")
    return [found]


def _open_registry(  # noqa: PLR0913, PLR0917 - the options as they are given
    verb: str,
    url: str | None,
    ca: Path | None,
    token_file: Path | None,
    certificate: Path | None = None,
    key: Path | None = None,
) -> "RegistryAccess":
    # The client brings a library that takes longer to load than a lint takes.
    from edgefleet.entrypoints.cli.registry_access import RegistryAccess  # noqa: PLC0415

    if url is None or ca is None or (token_file is None and (certificate is None or key is None)):
        or_cert = " or --client-cert and --client-key" if verb == "verify" else ", or --dry-run"
        _fail(verb, f"--registry goes with --ca and --token-file{or_cert}")
    access = RegistryAccess(url, ca, token_file, certificate, key)
    try:
        access.check()
    except RegistryError as problem:
        _fail(verb, problem)
    return access


def _upload(artifacts: list[SealedArtifact], access: "RegistryAccess") -> None:
    try:
        access.use(lambda registry: upload(artifacts, registry))
    except RegistryRefused as problem:
        _fail("publish", f"{access.url}: {problem}", status=1)
    except RegistryError as problem:
        _fail("publish", f"{access.url}: {problem}")


def _compare(proven: list[Proven], access: "RegistryAccess") -> list[Fault]:
    try:
        return access.use(lambda registry: compare_store(proven, registry))
    except RegistryError as problem:
        _fail("verify", f"{access.url}: {problem}")


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        changed = write_output(output, text)
    except OSError as problem:
        _fail("publish", f"{output}: {problem.strerror}")
    typer.echo(f"{output}: {'written; commit it' if changed else 'unchanged'}", err=True)


def _fail(verb: str, problem: object, status: int = 2) -> NoReturn:
    typer.echo(f"edgefleet model {verb}: {problem}", err=True)
    raise typer.Exit(status)
