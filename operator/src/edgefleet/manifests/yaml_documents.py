"""YAML as kubectl and Flux read it, with the line of every field.

Both turn YAML into JSON with a Go library that follows YAML 1.1 for booleans and octal numbers, keeps dates and
sexagesimals as strings, refuses keys that repeat and writes keys as strings. PyYAML differs in each of these, so its
parser is used and its resolver is not. Must not know Kubernetes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from edgefleet.manifests.findings import FieldPath

NODES_MAX: Final = 200_000
"""Values a document may have after aliases are expanded: ends a "billion laughs" early."""

DEPTH_MAX: Final = 100
"""Levels of nesting a document may have; an object of ours has ten."""

_STRING: Final = "tag:yaml.org,2002:str"
_PLAIN: Final = "tag:yaml.org,2002:plain"
_VERBATIM: Final = frozenset([_STRING, "tag:yaml.org,2002:timestamp"])
_RESOLVED: Final = frozenset([_PLAIN, *(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))])
_TRUE: Final = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE: Final = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_NULL: Final = frozenset(["", "~", "null", "Null", "NULL"])
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL),
} | dict.fromkeys(_NULL)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", re.ASCII)
_INTEGERS: Final = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+\Z"), 16),
    (re.compile(r"[-+]?0[bB][01]+\Z"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+\Z"), 8),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)\Z"), 10),
)


class UnreadableError(Exception):
    """A document cannot be read; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        """`message` says what is wrong at `line`."""
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document.

    Attributes:
        value: The document as JSON.
        line: Where it begins, counted from 1.
        lines: The line of every field, by path.
        texts: First line of the text of each block scalar, by path: where a document inside it begins.
    """

    value: Any
    line: int
    lines: dict[FieldPath, int] = field(default_factory=dict[FieldPath, int])
    texts: dict[FieldPath, int] = field(default_factory=dict[FieldPath, int])

    def line_of(self, path: FieldPath) -> int:
        """Returns the line of a field, or of the nearest field around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return self.line


def resolve_scalar(text: str) -> Any:
    """Returns what an unquoted scalar stands for.

    Raises:
        ValueError: infinity and not-a-number, which JSON has no form for.
    """
    if text in _WORDS:
        return _WORDS[text]
    return _resolve_number(text) if text[0] in "+-.0123456789" else text


def _resolve_number(text: str) -> Any:
    plain = text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.match(plain):
            number = int(re.sub(r"0[oO]", "0", plain), base) if base == 8 else int(plain, base)
            # Go reads what is beyond int64 as a float, and what is beyond uint64 as one anyway.
            return number if -(2**63) <= number < 2**63 else float(number)
    if _FLOAT.match(plain):
        number = float(plain)
        # Go writes a whole float as an integer when it turns YAML into JSON.
        return int(number) if number.is_integer() and abs(number) < 1e21 else number
    if _NOT_FINITE.match(plain):
        raise ValueError(f"{text} has no form in JSON")
    return text


class _Reader:
    """Turns one composed document into JSON, noting lines."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def read(self, node: yaml.Node, path: FieldPath, inside: tuple[int, ...]) -> Any:
        self.nodes += 1
        line = node.start_mark.line + 1
        if self.nodes > NODES_MAX:
            raise UnreadableError(f"more than {NODES_MAX} values once its aliases are expanded", line)
        if id(node) in inside:
            raise UnreadableError("an alias contains itself", line)
        inside = (*inside, id(node))
        self.document.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*path, index), inside) for index, child in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            raise UnreadableError("neither a mapping nor a list nor a scalar", line)
        return self._scalar(node, path, line)

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath, line: int) -> Any:
        text: str = node.value
        if node.style in ("|", ">"):
            self.document.texts[path] = line + 1
        if node.tag not in _RESOLVED and node.tag not in _VERBATIM:
            raise UnreadableError(f"the tag {node.tag} means nothing in a manifest", line)
        if node.tag in _VERBATIM:
            return text
        try:
            return resolve_scalar(text)
        except ValueError as problem:
            raise UnreadableError(str(problem), line) from None

    def _mapping(self, node: yaml.MappingNode, path: FieldPath, inside: tuple[int, ...]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.value == "<<" and key_node.tag == _PLAIN:
                for source in self._merged(value_node):
                    merged = self.read(source, path, inside) | merged
                continue
            key = self._key(key_node, line)
            if key in out:
                raise UnreadableError(f"the key {key!r} stands twice in the same mapping", line)
            self.document.lines[(*path, key)] = line
            out[key] = self.read(value_node, (*path, key), inside)
        return merged | out

    def _merged(self, node: yaml.Node) -> Iterator[yaml.Node]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                raise UnreadableError("<< takes a mapping, or a list of them", node.start_mark.line + 1)
            yield source

    def _key(self, node: yaml.Node, line: int) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise UnreadableError("a key must be a string", line)
        value = self._scalar(node, (), line)
        if value is None:
            return "null"
        return str(value).lower() if isinstance(value, bool) else str(value)


# libyaml parses some eight times faster than PyYAML alone; PyYAML's wheels bring it.
_Parser: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Composer:
    """Events to nodes, without recursion: PyYAML's composer, in C, takes the process down on deep nesting."""

    def __init__(self) -> None:
        self.open: list[tuple[yaml.CollectionNode, list[yaml.Node]]] = []
        self.anchors: dict[str, yaml.Node] = {}
        self.root: yaml.Node | None = None

    def feed(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        if isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            node, children = self.open.pop()
            pairs = zip(children[::2], children[1::2], strict=True)
            node.value = list(pairs) if isinstance(node, yaml.MappingNode) else children
        elif isinstance(event, yaml.ScalarEvent):
            tag = event.tag or (_PLAIN if event.implicit[0] else _STRING)
            self._add(yaml.ScalarNode(tag, event.value, start, end, event.style), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise UnreadableError(f"no YAML: no anchor {event.anchor} before its alias", _line(event))
            self._add(self.anchors[event.anchor], None)

    def _begin(self, event: Any) -> None:
        if len(self.open) >= DEPTH_MAX:
            raise UnreadableError(f"nested more than {DEPTH_MAX} levels deep", _line(event))
        parts = (event.tag or "", [], event.start_mark, event.end_mark)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node = yaml.MappingNode(*parts) if is_mapping else yaml.SequenceNode(*parts)
        self._add(node, event.anchor)
        self.open.append((node, []))

    def _add(self, node: yaml.Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if self.open:
            self.open[-1][1].append(node)
        else:
            self.root = node


def _line(event: Any) -> int:
    return event.start_mark.line + 1


def _compose(text: str) -> Iterator[yaml.Node]:
    """Yields the root node of each document."""
    composer = _Composer()
    for event in yaml.parse(text, Loader=_Parser):
        if isinstance(event, yaml.DocumentStartEvent):
            composer = _Composer()
        elif isinstance(event, yaml.DocumentEndEvent):
            if composer.root is not None:
                yield composer.root
        else:
            composer.feed(event)


def read_documents(text: str) -> Iterator[Document]:
    """Yields the documents of `text`, empty ones left out.

    Raises:
        UnreadableError: no YAML, a repeated key, an alias gone wild, a tag or number without a form in JSON.
    """
    try:
        for node in _compose(text):
            lines: dict[FieldPath, int] = {}
            document = Document(None, node.start_mark.line + 1, lines)
            value = _Reader(document).read(node, (), ())
            if value is not None:
                yield Document(value, document.line, lines, document.texts)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = " ".join(part for part in (problem.context, problem.problem) if part)
        raise UnreadableError(f"no YAML: {said}", mark.line + 1 if mark else 1) from None
    except yaml.YAMLError as problem:
        raise UnreadableError(f"no YAML: {problem}", 1) from None
    except RecursionError:
        raise UnreadableError("nested too deeply", 1) from None
