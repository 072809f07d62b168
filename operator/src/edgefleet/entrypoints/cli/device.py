"""`edgefleet device` and `edgefleet registry`: what an administrator hands out, read from the cluster."""

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edgefleet.adapters.kubernetes.kubeconfig import ClusterError, UserCluster
from edgefleet.contracts.keys import KeyBundle
from edgefleet.provisioning import identities, inventory
from edgefleet.provisioning.authority import Authority
from edgefleet.provisioning.identities import IdentityError
from edgefleet.provisioning.inventory import BrokenSecretError

device_app = typer.Typer(name="device", help="Devices' identities.", no_args_is_help=True)
registry_app = typer.Typer(name="registry", help="The model registry.", no_args_is_help=True)

_PRIVATE = frozenset({identities.KEY_FILE, inventory.TOKEN})

Context = Annotated[
    str | None,
    typer.Option(help="Context of the kubeconfig; default: the selected one.", envvar="EDGEFLEET_CONTEXT"),
]
Kubeconfig = Annotated[Path | None, typer.Option(help="Default: $KUBECONFIG, else the one in your home.")]
Namespace = Annotated[str, typer.Option("--platform-namespace", help="Where EdgeFleet is installed.")]


@device_app.callback()
def _devices() -> None:
    """Devices' identities."""


@registry_app.callback()
def _registry() -> None:
    """The model registry."""


@device_app.command()
def provision(  # noqa: PLR0913, PLR0917 - options of a command line
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Device ids: names of EdgeDevices.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Gets a folder for each device.")],
    renew: Annotated[bool, typer.Option("--renew", help="A new certificate for the key that is there.")] = False,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The bundle of the last `keys rotate`, where there was one.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = inventory.PLATFORM_NAMESPACE,
) -> None:
    """Make the files by which a device is one of this fleet: ca.crt, device.crt, device.key, keys.json.

    Reads the fleet's authority, so it is for administrators. A device that has its files keeps them.
    """
    now = datetime.now(UTC)
    try:
        cluster = UserCluster(kubeconfig, context)
        authority = inventory.read_authority(cluster.read_secret(namespace, inventory.AUTHORITY), now)
        bundle = _read_bundle(cluster, namespace, keys)
        for device_id in ids:
            typer.echo(f"{device_id}: {_provision(device_id, out / device_id, authority, bundle, now, renew=renew)}")
    except (ClusterError, BrokenSecretError, IdentityError) as error:
        _fail("device provision", str(error))
    except OSError as error:
        _fail("device provision", f"{error.filename}: {error.strerror}")


@registry_app.command()
def access(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Gets ca.crt and token.")],
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = inventory.PLATFORM_NAMESPACE,
) -> None:
    """Write what uploads to the model registry need: the fleet's CA certificate and the upload token."""
    try:
        cluster = UserCluster(kubeconfig, context)
        upload = cluster.read_secret(namespace, inventory.UPLOAD_TOKEN)
        inventory.check_token(upload)
        # The registry's own Secret has the authority's certificate without its key.
        ca = cluster.read_secret(namespace, f"{inventory.MODEL_REGISTRY}-tls").get(inventory.CA_CERTIFICATE, b"")
        out.mkdir(parents=True, exist_ok=True)
        _write(out, {inventory.CA_CERTIFICATE: ca, inventory.TOKEN: upload[inventory.TOKEN]})
    except (ClusterError, BrokenSecretError) as error:
        _fail("registry access", str(error))
    except OSError as error:
        _fail("registry access", f"{error.filename}: {error.strerror}")
    typer.echo(f"{out}: {inventory.CA_CERTIFICATE} and {inventory.TOKEN}")


def _read_bundle(cluster: UserCluster, namespace: str, rotated: Path | None) -> KeyBundle:
    """Return what new devices are to trust: the rotated bundle, or the first one, of the cluster's own keys."""
    assignment = cluster.read_secret(namespace, inventory.ASSIGNMENT_KEY)
    inventory.check_assignment_key(assignment)
    if rotated is not None:
        try:
            return identities.check_bundle(rotated.read_bytes(), assignment[inventory.ASSIGNMENT_PUBLIC])
        except IdentityError as error:
            raise IdentityError(f"{rotated}: {error}") from None
    released = cluster.read_config_map(namespace, inventory.RELEASE_KEYS)
    keys = {name: pem.encode() for name, pem in released.items()}
    try:
        return identities.read_bundle(keys, [assignment[inventory.ASSIGNMENT_PUBLIC]])
    except IdentityError as error:
        raise IdentityError(f"ConfigMap {inventory.RELEASE_KEYS}: {error}: set the chart's `releaseKeys`") from None


def _provision(  # noqa: PLR0913 - all of them make the identity
    device_id: str, folder: Path, authority: Authority, bundle: KeyBundle, now: datetime, *, renew: bool
) -> str:
    """Make one device's folder, unless it is there; return what was done."""
    there = {name: (folder / name).read_bytes() for name in identities.FILES if (folder / name).is_file()}
    if there and not renew:
        try:
            identities.check_identity(device_id, there, authority, now)
        except IdentityError as error:
            raise IdentityError(f"{folder}: {error}; mend it with --renew, or remove the folder") from None
        return f"kept in {folder}"
    key = there.get(identities.KEY_FILE)
    try:
        files = identities.make_identity(device_id, authority, bundle, now, key=key)
    except IdentityError as error:
        raise IdentityError(f"{folder}: {error}" if key else str(error)) from None
    if there:
        _write(folder, files)
        return f"renewed in {folder}"
    # All files or none: a device is never started with half an identity.
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    _write(partial, files)
    partial.rename(folder)
    return f"made in {folder}"


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        partial = folder / f".{name}.partial"
        partial.unlink(missing_ok=True)
        mode = 0o600 if name in _PRIVATE else 0o644
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        partial.replace(folder / name)


def _fail(verb: str, message: str) -> NoReturn:
    typer.echo(f"edgefleet {verb}: {message}", err=True)
    raise typer.Exit(1)
