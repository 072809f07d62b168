"""The table of rules in the docs is true: every test that it names exists, and every trap has one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "rollout-rules.md"
TRAPS = 28


@cache
def find_tests() -> frozenset[str]:
    found: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(node.name)
    return frozenset(found)


def rows() -> list[tuple[str, list[str]]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "`test_" in line]
    return [(line.split("|")[1].strip(), re.findall(r"`(test_\w+)`", line)) for line in lines]


def test_the_tables_name_tests_that_exist() -> None:
    named = {name for _, names in rows() for name in names}
    assert named - find_tests() == set()
    assert len(named) > 50


def test_every_trap_has_a_test() -> None:
    numbers = [int(rule.split()[0]) for rule, _ in rows() if rule.split()[0].isdigit()]
    assert numbers == list(range(1, TRAPS + 1))


def test_the_page_counts_the_seeded_bugs() -> None:
    from mutation.seeded_bugs import BUGS  # noqa: PLC0415 - beside the planner's tests

    assert f"and {len(BUGS)} seeded bugs" in PAGE.read_text().replace("\n", " ")
