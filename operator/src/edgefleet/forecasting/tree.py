"""A tree as lines of text: glyphs, wrapping, and styles that whoever prints may turn into colours. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Style = Literal["plain", "strong", "good", "warn", "bad", "faint"]
Paint = Callable[[str, Style], str]
LEAST_WIDTH: Final = 40


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in one style."""

    text: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of a tree.

    Attributes:
        label: what it says.
        children: below it.
        hang: columns by which further lines of the label are indented.
    """

    label: tuple[Span, ...]
    children: tuple["Node", ...] = ()
    hang: int = 2


def say(text: str, style: Style = "plain", *children: Node, hang: int = 2) -> Node:
    """Returns a node with a label of one style."""
    return Node((Span(text, style),), children, hang)


def leave_plain(text: str, _: Style) -> str:
    """Returns the text as it is: no colours."""
    return text


def draw(nodes: Sequence[Node], width: int, paint: Paint = leave_plain) -> str:
    """Returns the trees below each other, one line each, wrapped at `width` columns, with a final newline.

    Args:
        nodes: roots; they have no glyphs of their own.
        width: columns; what cannot be broken stands out over it.
        paint: turns a text and its style into what is printed.
    """
    lines = [line for node in nodes for line in _draw(node, "", "", max(width, LEAST_WIDTH), paint)]
    return "".join(f"{line}\n" for line in lines)


def _draw(node: Node, first: str, rest: str, width: int, paint: Paint) -> Iterator[str]:
    stem = "│ " if node.children else "  "
    for number, line in enumerate(_wrap(node, width - len(first))):
        indent = "" if number == 0 else f"{stem}{' ' * (node.hang - 2)}"
        guide = first if number == 0 else rest + indent
        yield (paint(guide, "faint") + "".join(paint(span.text, span.style) for span in line)).rstrip()
    for child in node.children:
        last = child is node.children[-1]
        yield from _draw(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "), width, paint)


def _wrap(node: Node, room: int) -> Iterator[list[Span]]:
    """Yields the label's lines; a line breaks at spaces only, and spaces inside a line are kept."""
    line: list[Span] = []
    used = 0
    for word in _words(node.label):
        length = sum(len(span.text) for span in word)
        shown = length - (len(word[-1].text) - len(word[-1].text.rstrip(" ")))
        if line and used + shown > room:
            yield line
            line, used = [], node.hang
        line.extend(word)
        used += length
    yield line


def _words(label: Sequence[Span]) -> Iterator[list[Span]]:
    """Yields unbreakable pieces, each with the spaces behind it; a piece may have several styles."""
    word: list[Span] = []
    for span in label:
        text = span.text
        while text:
            end = _find_end(text)
            piece, text = text[:end], text[end:]
            word.append(Span(piece, span.style))
            if piece.endswith(" "):
                yield word
                word = []
    if word:
        yield word


def _find_end(text: str) -> int:
    """Returns where the first word and the spaces behind it end."""
    space = text.find(" ", len(text) - len(text.lstrip(" ")))
    if space < 0:
        return len(text)
    return len(text) - len(text[space:].lstrip(" "))
