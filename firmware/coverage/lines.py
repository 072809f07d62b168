"""Says which lines of the core its tests have run: a line per file, then the lines that no test has run.

Reads what gcov makes of an instrumented build (`make -C firmware coverage`). Exit status 1 when fewer lines were run
than are wanted, or when a source file was not even compiled.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "core" / "src"


@dataclass
class Lines:
    """How often each line of a file was run."""

    counts: dict[int, int] = field(default_factory=dict)

    @property
    def run(self) -> int:
        """How many lines were run."""
        return sum(1 for count in self.counts.values() if count)

    def missing(self) -> str:
        """Returns the lines that were not run, runs of neighbours as one."""
        spans: list[list[int]] = []
        for number in sorted(self.counts):
            if self.counts[number]:
                spans.append([])
            elif spans and spans[-1]:
                spans[-1].append(number)
            else:
                spans.append([number])
        return " ".join(f"{each[0]}-{each[-1]}" if each[0] < each[-1] else f"{each[0]}" for each in spans if each)


def percent(run: int, of: int) -> float:
    """Returns a share; all of nothing is all."""
    return 100.0 * run / of if of else 100.0


def read(objects: Path) -> dict[str, Lines]:
    """Returns the lines of each source file, by name; headers count with the file that has them first."""
    data = sorted(objects.glob("*.gcda"))
    command = ["gcov", "--json-format", "--stdout", *map(str, data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    files: dict[str, Lines] = {path.name: Lines() for path in SOURCES.glob("*.c")}
    for text in done.stdout.splitlines():
        for entry in json.loads(text)["files"]:
            name = Path(entry["file"]).name
            if (SOURCES / name).is_file():
                counts = files.setdefault(name, Lines()).counts
                for line in entry["lines"]:
                    number = line["line_number"]
                    counts[number] = counts.get(number, 0) + line["count"]
    return files


def report(files: dict[str, Lines]) -> Iterable[str]:
    """Yields a line per file, worst first, and the lines that no test has run."""
    ranked = sorted(files.items(), key=lambda item: (percent(item[1].run, len(item[1].counts)), item[0]))
    for name, lines in ranked:
        share = percent(lines.run, len(lines.counts))
        yield f"{share:6.1f} %  {lines.run:>4} of {len(lines.counts):>4}  {name:<20} {lines.missing()}".rstrip()


def main() -> int:
    """Reports; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--least", type=float, required=True, help="percent of the core's lines")
    parser.add_argument("objects", type=Path, help="where the instrumented objects lie")
    given = parser.parse_args()
    files = read(given.objects)
    for line in report(files):
        print(line)
    unknown = sorted(name for name, lines in files.items() if not lines.counts and name.endswith(".c"))
    run = sum(lines.run for lines in files.values())
    total = sum(len(lines.counts) for lines in files.values())
    good = not unknown and percent(run, total) >= given.least
    print(f"{percent(run, total):6.1f} %  {run:>4} of {total:>4}  all; {given.least:g} % wanted")
    if unknown:
        print(f"not compiled or never run: {', '.join(unknown)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
