"""Every word that an operator can give as a reason is in the lists, and the documentation explains it."""

import ast
import re
from pathlib import Path
from typing import get_args

import edgefleet.domain
from edgefleet.api.v1alpha1.conditions import ConditionReason
from edgefleet.contracts.reasons import Reason
from edgefleet.domain.rollout.facts import Outcome
from edgefleet.domain.rollout.passes import _COMMANDING
from edgefleet.domain.rollout.rounds import Verb
from edgefleet.domain.rollout.standing import FAILURES, UNASSIGNED
from edgefleet.domain.rollout.transitions import Step

DOMAIN = Path(edgefleet.domain.__file__).parent
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "operator.md"
# Here words are defined that are no reasons: steps, causes, standings, progress, weekdays, operators.
VOCABULARIES = {"transitions.py", "standing.py", "facts.py", "windows.py", "selectors.py"}
ABORT_TYPES = {"Failed", "TimedOut", "RolledBack", "Any"}
KNOWN = {reason.value for reason in ConditionReason} | {reason.value for reason in Reason}


def find_words() -> set[str]:
    """Returns every CamelCase word that the planner's code can say, but for those that decisions and classes have."""
    words: set[str] = set()
    classes: set[str] = set()
    for path in [*DOMAIN.glob("rollout/*.py"), *DOMAIN.glob("device/*.py")]:
        if path.name in VOCABULARIES:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                classes.add(node.name)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words |= set(re.findall(r"\A(?:[A-Z][a-z]+)+\Z", node.value))
    return words - classes - set(get_args(Verb)) - set(get_args(Outcome)) - ABORT_TYPES


def test_every_word_of_the_planner_is_a_reason_of_the_api() -> None:
    found = find_words()
    assert {"TooManyFailures", "RateReached", "NotMoved", "ArenaTooSmall", "AckTimeout"} <= found  # it does find them
    assert found - KNOWN == set()


def test_the_words_that_the_planner_takes_from_its_own_tables_are_reasons_too() -> None:
    standing = {each.value for each in FAILURES} | {UNASSIGNED.reason}
    assert standing - KNOWN == set()
    assert {step.value for step in Step if step not in _COMMANDING} - KNOWN == set()


def test_the_documentation_explains_every_word_of_the_operator() -> None:
    explained = set(re.findall(r"`([A-Z][A-Za-z]+)`", DOCUMENTATION.read_text()))
    assert find_words() - explained == set()
    gone = {word for word in explained - KNOWN if re.fullmatch(r"\w+(Missing|Reached|Spent|Closed|Supported)", word)}
    assert gone == set()
