"""Trained models become signed versions: `edgefleet model publish`, as a person runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edgefleet_demo.target import run_edgefleet
from edgefleet_demo.training import Recipe, TrainedModel

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet_demo.places import Places
    from edgefleet_demo.platform import Endpoints

MODEL: Final = "motor-anomaly"
DEVICE_CLASS: Final = "esp32"
VERSIONS: Final = {
    "1.0.0": Recipe(seed=1, machines=40, epochs=6),
    "1.1.0": Recipe(seed=2, machines=100, epochs=6),
}
"""How each version is trained: the second one has seen more machines."""


@dataclass(frozen=True)
class Published:
    """A version in the registry, and the file to commit."""

    name: str
    version: str
    file: Path
    digest: str
    """SHA-256 of the model's bytes."""
    size: int
    """Of the model, bytes."""


def make_release_key(key: Path) -> None:
    """Make the pair of keys that signs models, unless it is there."""
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        run_edgefleet("keys", "generate", str(key))


def publish(  # noqa: PLR0913 - what, where, with what: all of it differs in tests
    places: Places,
    endpoints: Endpoints,
    trained: TrainedModel,
    version: str,
    *,
    classes: Path,
    key: Path | None = None,
    upload: bool = True,
) -> Published:
    """Check and sign a trained model as a version and upload it, as far as that is not done.

    Args:
        places: Where keys and credentials are, and where the file goes.
        endpoints: Where the registry is.
        trained: The model.
        version: The version.
        classes: The file that declares the device classes.
        key: What signs; by default the release key.
        upload: Whether the registry gets it.

    Raises:
        DemoError: Preflight or the registry refused, with their words.
    """
    places.models.mkdir(parents=True, exist_ok=True)
    name = f"{MODEL}-{version}"
    output = places.models / f"{name}.yaml"
    run_edgefleet(
        *("model", "publish", f"{DEVICE_CLASS}={trained.file}"),
        *(f"--model={MODEL}", f"--version={version}", f"--classes={classes}"),
        f"--feature-schema={trained.feature_schema}",
        *(f"--metric={figure}={trained.metrics[figure]}" for figure in ("auc", "aucInt8")),
        f"--key={key or places.release_key}",
        *(f"--registry=https://{endpoints.registry}", f"--ca={places.credentials / 'ca.crt'}"),
        f"--token-file={places.credentials / 'token'}",
        f"--output={output}",
        *(() if upload else ("--dry-run",)),
    )
    return Published(name, version, output, trained.digest, trained.file.stat().st_size)
