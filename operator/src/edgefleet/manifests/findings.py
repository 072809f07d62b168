"""What is wrong with a manifest, said so that the person who can mend it finds the place."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: a file (or "-" for standard input) and a line, counted from 1."""

    file: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend.

    Attributes:
        severity: An error fails the lint; a warning does so only with --strict.
        where: The object as a person names it, such as "RolloutRing plant-1/canary"; empty for a bad file.
        field: Path of the field, such as "spec.after[0]"; empty for the object as a whole.
        rule: Name of the broken rule; kebab-case.
        message: What must hold, or what is wrong.
    """

    severity: Severity
    place: Place
    where: str
    field: str
    rule: str
    message: str

    def __str__(self) -> str:
        """Returns "file:line: severity: object: field: message [rule]"."""
        named = [part for part in (self.where, self.field) if part]
        return (
            f"{self.place.file}:{self.place.line}: {self.severity}: {': '.join([*named, self.message])} [{self.rule}]"
        )

    @property
    def sort_key(self) -> tuple[Place, str, str, str]:
        """Orders findings as a person reads the files."""
        return (self.place, self.where, self.field, self.rule)


FieldPath = tuple[str | int, ...]


def format_path(path: FieldPath) -> str:
    """Returns a path as Kubernetes writes it: spec.after[0]."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
