"""The patterns: regular expressions in Python, written by hand in C, one language."""

import itertools
import json
import random

import pytest

from edgefleet.contracts.conformance import matches
from edgefleet.contracts.formats import PATTERN_KINDS
from edgefleet.contracts.semver import compare_versions
from support.contract_core import Question, sanitized_core

_ALPHABET = "abzAZQgwB09.-_+/=:TZé \n"
_SEEDS = {
    "DnsLabel": ("esp32-0001", "a", "a" * 63),
    "Semver": ("1.2.3", "1.2.3-rc.1+b.7", "0.0.0-0a", "10.20.30--", "999999999.0.0"),
    "Sha256": ("a" * 64, "0123456789abcdef" * 4),
    "KeyId": ("0123456789abcdef",),
    "FileName": ("", "model-1.2.tflite", "a" * 128),
    "Token": ("Zm9v_-1", "a" * 64),
    "OpName": ("CONV_2D", "edgetpu-custom-op", "_"),
    "Base64": ("", "QUJD", "QUI=", "QQ=="),
    "Signature": ("A" * 86 + "==", "A" * 85 + "Q==", "A" * 87 + "="),
    "Point": ("BA" + "A" * 84 + "A=", "BP" + "z" * 84 + "8=", "AA" + "A" * 84 + "A="),
    "Pem": ("-----BEGIN A-----\nQUJD\n-----END A-----\n", "-----BEGIN \n", "-----BEGIN A\n\n"),
    "Instant": ("2026-11-21T10:20:30Z", "2026-12-31T23:59:59.123456Z", "0000-01-01T00:00:00.1Z"),
}


def _escaped(text: str) -> bytes:
    """The text as it stands between the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


def _texts(kind: str) -> list[str]:
    """Good texts, and good texts with one to three places changed."""
    chance = random.Random(kind)
    texts = list(_SEEDS[kind])
    for _ in range(2000):
        text = chance.choice(_SEEDS[kind])
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text) + 1)
            text = (
                text[:at] + "".join(chance.choices(_ALPHABET, k=chance.randrange(3))) + text[at + chance.randrange(3) :]
            )
        texts.append(text[:128])
    return texts


@pytest.mark.parametrize("kind", PATTERN_KINDS)
def test_c_and_python_agree(kind: str) -> None:
    number = str(list(PATTERN_KINDS).index(kind) + 1).encode()
    texts = _texts(kind)
    answers = sanitized_core().ask(Question("p", (number, _escaped(text))) for text in texts)
    verdicts = [line == "1" for (line,) in answers]
    assert verdicts == [matches(kind, text) for text in texts]
    assert any(verdicts), "no text matched"
    assert not all(verdicts), "every text matched"


def test_a_newline_at_the_end_is_part_of_the_text() -> None:
    for kind, (first, *_) in _SEEDS.items():
        assert matches(kind, first + "\n") is (kind == "Pem")  # which may have empty lines


def _versions() -> list[str]:
    drawn: list[str] = []
    chance = random.Random(8)
    identifiers = ("0", "1", "9", "10", "a", "A", "a-b", "rc", "0a", "999999999999999999999", "1000000000000000000000")
    for _ in range(120):
        pre = ".".join(chance.choices(identifiers, k=chance.randrange(4)))
        core = ".".join(str(chance.choice((0, 1, 2, 10))) for _ in range(3))
        drawn.append((f"{core}-{pre}" if pre else core) + chance.choice(("", "+b", "+b-1.0")))
    return drawn


def test_versions_are_ordered_alike() -> None:
    versions = [version for version in _versions() if matches("Semver", version)]
    pairs = [(a, b) for a in versions for b in versions[::3]]
    answers = sanitized_core().ask(Question("c", (a.encode(), b.encode())) for a, b in pairs)
    assert [int(line) for (line,) in answers] == [compare_versions(a, b) for a, b in pairs]


def test_the_order_of_the_specification() -> None:
    # semver.org, section 11.
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    ordered += ["1.0.0-rc.1", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0"]
    for low, high in itertools.pairwise(ordered):
        assert (compare_versions(low, high), compare_versions(high, low)) == (-1, 1)
    assert compare_versions("1.0.0+a", "1.0.0+b") == 0
