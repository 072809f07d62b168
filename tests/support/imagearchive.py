"""A container image of one static program, written as `docker save` writes it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_image(archive: Path, reference: str, text: str) -> None:
    """Write an image whose program prints ``text``.

    Args:
        archive: The file.
        reference: The image's full name.
        text: Letters, digits and spaces.
    """
    source = archive.with_suffix(".c")
    source.write_text(f'#include <stdio.h>\nint main(void) {{ return puts("{text}") < 0; }}\n')
    program = archive.with_suffix(".program")
    subprocess.run(["gcc", "-static", "-o", program, source], check=True)
    layer = _tar({"program": program.read_bytes()}, mode=0o755)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/program"], "User": "65532"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}]).encode()
    archive.write_bytes(_tar({"layer.tar": layer, name: config, "manifest.json": manifest}))


def _tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()
