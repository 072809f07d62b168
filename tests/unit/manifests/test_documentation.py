"""docs/lint.md names every rule that compares objects, and no rule that is gone."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
SOURCES = REPOSITORY / "operator" / "src" / "edgefleet" / "manifests"


# A finding about objects is made by .find(rule, ...), or yielded (field, rule, ...) or (rule, ...) to who calls it.
MADE = re.compile(r'(?:\.find\(\s*|yield (?:"[a-zA-Z]+", )?)"([a-z0-9-]+)",')


def test_the_page_and_the_code_name_the_same_rules() -> None:
    page = (REPOSITORY / "docs" / "lint.md").read_text()
    cells = re.findall(r"^\| (`[^|]+)\|", page, re.MULTILINE)
    listed = {name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)}
    made = {name for path in SOURCES.glob("*.py") for name in MADE.findall(path.read_text())}
    assert listed == made | {"immutable"}  # which is a rule of the model
