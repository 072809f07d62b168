"""What `kubectl get ... -o yaml|json` printed, back to objects. Must not judge them."""

import json
from typing import Any, Final, cast

import yaml

from edgefleet.runtime.ports import Object


class SnapshotError(ValueError):
    """The text is no object and no list of objects; says what it is."""


class _Loader(yaml.CSafeLoader):
    """YAML as kubectl writes it: it quotes whatever is a string and could be read as something else, except dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_SPACE: Final = " \t\r\n"


def read_snapshot(text: str) -> list[Object]:
    """Returns the objects of one or several documents; Lists are opened.

    Raises:
        SnapshotError: the text is not what kubectl prints.
    """
    try:
        json_text = text.lstrip(_SPACE).startswith("{")
        documents: list[Any] = [json.loads(text)] if json_text else list(yaml.load_all(text, _Loader))
    except json.JSONDecodeError as problem:
        raise SnapshotError(f"no JSON: {problem.msg} in line {problem.lineno}") from None
    except yaml.YAMLError as problem:
        raise SnapshotError(f"no YAML: {' '.join(str(problem).split())}") from None
    return [found for document in documents if document is not None for found in _open(document)]


def _open(document: Any) -> list[Object]:
    if not isinstance(document, dict) or "kind" not in document:
        raise SnapshotError("holds something that is no Kubernetes object: expected what `kubectl get -o yaml` prints")
    value = cast("Object", document)
    if not (str(value["kind"]).endswith("List") and isinstance(value.get("items"), list)):
        return [value]
    return [found for item in cast("list[Any]", value["items"]) for found in _open(item)]
