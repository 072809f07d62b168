"""Lint reads YAML as kubectl does, and what it writes kubectl reads alike."""

import json
from pathlib import Path

from edgefleet.manifests.yaml_documents import read_documents
from edgefleet.manifests.yaml_writer import write_document
from support.controlplane import Kubectl

# Every plain scalar that YAML's dialects disagree about.
SCALARS = """
    yes no on off y n Y N true True TRUE tRUE null Null ~ NULL nUll 1 -1 +1 0 00 010 0777 089 0o17 0x1F 0X1f
    0b101 0B1 1_000 _1 1_ 0_1 12:30 12:30:45 1.0 1. .5 -.5 +.5 1e3 1E3 1e-3 1.5e+3 1e400x 0.1 1,5 1.2.3 2026-11-21
    2026-11-21T06:00:00Z 1e20 1e21 1e22 9223372036854775807 -9223372036854775808 9223372036854775808
    18446744073709551615 5s 10% a:b -x <x Infinity nan 0x 0xG 1__0 -0 -0.0 +0 0.0 1.50 -0x10 +0x10 0o 0o8
""".split()  # noqa: SIM905 - a list of these would be unreadable

MANIFEST = """apiVersion: edgefleet.io/v1alpha1
kind: TrainingRun
metadata: {name: scalars}
spec:
  model: m
  pipeline:
    family: f
    deviceClasses: [c]
    hyperparameters:
"""


def as_kubectl_reads(kubectl: Kubectl, text: str) -> dict[str, object]:
    """Returns the hyper-parameters, a free-form object, after kubectl turned the YAML into JSON."""
    shown = kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", stdin=text).stdout
    return json.loads(shown)["spec"]["pipeline"]["hyperparameters"]


def is_same(theirs: object, ours: object) -> bool:
    """Equal and of one JSON type; numbers compare as a JSON reader holds them."""
    if isinstance(theirs, int | float) and isinstance(ours, int | float):
        return isinstance(theirs, bool) is isinstance(ours, bool) and float(theirs) == float(ours)
    return theirs == ours


def test_plain_scalars_mean_the_same(kubectl: Kubectl, crds: Path) -> None:
    assert crds.is_dir()
    text = MANIFEST + "".join(f"      k{index}: {scalar}\n" for index, scalar in enumerate(SCALARS))
    theirs = as_kubectl_reads(kubectl, text)
    ours = next(read_documents(text)).value["spec"]["pipeline"]["hyperparameters"]
    assert theirs.keys() == ours.keys()
    differ = [
        (scalar, theirs[f"k{index}"], ours[f"k{index}"])
        for index, scalar in enumerate(SCALARS)
        if not is_same(theirs[f"k{index}"], ours[f"k{index}"])
    ]
    assert not differ, "(scalar, kubectl, lint)"


def test_strings_that_look_like_something_else_stay_strings(kubectl: Kubectl, crds: Path) -> None:
    assert crds.is_dir()
    strings = [
        *SCALARS,
        "",
        " ",
        "a\nb\n",
        "# x",
        "- x",
        "a: b",
        "'",
        '"',
        "\u00e9\u8ef8",
        "\t",
        "{x}",
        "[x]",
        "*x",
        "&x",
        "!x",
    ]
    value = {f"k{index}": text for index, text in enumerate(strings)}
    manifest = {
        "apiVersion": "edgefleet.io/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": "strings"},
        "spec": {"pipeline": {"hyperparameters": value}},
    }
    text = write_document(manifest)
    assert as_kubectl_reads(kubectl, text) == value
    assert next(read_documents(text)).value == manifest
