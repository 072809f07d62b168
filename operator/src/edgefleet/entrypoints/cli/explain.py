"""`edgefleet explain`: why a ring or a device is where it is, in one sentence."""

from pathlib import Path
from typing import Annotated

import typer

from edgefleet.entrypoints.cli.fleet_source import (
    Source,
    SourceError,
    fail,
    find_paint,
    find_width,
    load_or_exit,
    parse_now,
)
from edgefleet.forecasting.evidence import Explanation, Kind, UnknownError
from edgefleet.forecasting.evidence import explain as find_explanation
from edgefleet.forecasting.foresight import describe_gate
from edgefleet.forecasting.loading import Loaded, Loading
from edgefleet.forecasting.tree import Node, Span, draw, say

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("device", "ed", "edgedevice", "edgedevices"), "device"),
    **dict.fromkeys(("ring", "rings", "rollout", "rollouts", "rolloutring", "rolloutrings"), "ring"),
}
"""The words that kubectl takes, and their singulars."""
_GROUP = ".edgefleet.io"
_KEY_WIDTH = 14


def explain(  # noqa: PLR0913, PLR0917 - one parameter an option
    target: Annotated[str, typer.Argument(metavar="device/NAME|ring/NAME", help="As kubectl names it, too.")],
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="As these manifests would have it; else as it is live.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="CONTEXT|FILE|-",
            help="What is live: a context of the kubeconfig, or what `kubectl get rollouts,mv,ed,cm -o yaml` printed.",
        ),
    ] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Where to look.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="The figures behind it too.")] = False,
    now: Annotated[str | None, typer.Option(metavar="TIME", help="As if it were then.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Default: $KUBECONFIG, else the one in your home.")] = None,
) -> None:
    """Say in one sentence why a ring or a device is where it is; with -v, show the evidence.

    The sentence is the operator's own: the same planner looks at the same objects. Exit status: 0 said, 2 not run.
    """
    if folder is None and against is None:
        fail("explain", "give --against CONTEXT for what is live, or a folder of manifests, or both")
    try:
        kind, name = _parse_target(target)
        source = Source(folder, against, namespace, kubeconfig, parse_now(now))
    except SourceError as problem:
        fail("explain", str(problem))
    loading = load_or_exit("explain", source.load)
    try:
        loaded = _find_namespace(loading, kind, name, namespace)
        ring = next((each for each in loaded.facts.rings if kind == "ring" and each.name == name), None)
        gate = describe_gate(ring) if ring is not None else None
        found = find_explanation(loaded, kind, name, gate, source.now)
    except UnknownError as problem:
        fail("explain", str(problem))
    typer.echo(draw([_show(found, verbose=verbose)], find_width(), find_paint()), nl=False)


def _parse_target(text: str) -> tuple[Kind, str]:
    word, slash, name = text.partition("/")
    kind = _KINDS.get(word.lower().removesuffix(_GROUP))
    if not slash or not name or kind is None:
        raise SourceError(f"{text}: give device/NAME or ring/NAME")
    return kind, name


def _find_namespace(loading: Loading, kind: Kind, name: str, namespace: str | None) -> Loaded:
    """Return the namespace that has it; where several have, -n has to say which."""
    if namespace is not None and namespace in loading.namespaces:
        return loading.namespaces[namespace]
    having = [
        where
        for where, loaded in loading.namespaces.items()
        if any(each.name == name for each in (loaded.facts.rings if kind == "ring" else loaded.facts.devices))
    ]
    if len(having) > 1:
        raise UnknownError(f"{kind} {name} is in {', '.join(having)}: name one with -n")
    if having:
        return loading.namespaces[having[0]]
    known = list(loading.namespaces.values())
    if len(known) == 1:
        return known[0]
    raise UnknownError(f"there is no {kind} {name} in {', '.join(loading.namespaces) or 'what was given'}")


def _show(found: Explanation, *, verbose: bool) -> Node:
    rows = [Node((Span(f"{key:<{_KEY_WIDTH}}", "faint"), Span(value)), (), _KEY_WIDTH) for key, value in found.evidence]
    return say(found.sentence, "strong", *(rows if verbose else ()))
