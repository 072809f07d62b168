"""Writes manifests that every YAML reader understands alike. Must not know Kubernetes."""

from typing import Any

import yaml

from edgefleet.manifests.yaml_documents import resolve_scalar


class _Dumper(yaml.SafeDumper):
    """Block style; no aliases; quotes what some reader takes for a boolean, a number or a null."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's name
        return True


def _is_plain_elsewhere(text: str) -> bool:
    """Says whether Go reads the unquoted text as the same string; PyYAML alone leaves "y" and "1e3" unquoted."""
    try:
        return resolve_scalar(text) == text
    except ValueError:
        return False


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None if _is_plain_elsewhere(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def write_document(value: Any) -> str:
    """Returns `value`, a JSON value, as one YAML document; keys keep their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
