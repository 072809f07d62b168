"""Seeded damage to documents: of bytes, of structure, and of signed payloads that are signed again."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from edgefleet.codegen import vector_samples as samples
from edgefleet.contracts.catalog import DOCUMENTS
from edgefleet.contracts.document import Kind
from edgefleet.contracts.envelope import seal
from support.contract_verdicts import Context, Judgement, read_contexts

_BYTES = b'{}[],:"\\u0123456789abcdefDE+-.eE tfn\x00\x1f\x7f\x80\xbf\xc0\xc3\xe2\xed\xf0\xf4\xff'
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, -(2**63), 2**53 + 1),
    *(0.0, 1.0, -0.0, 0.5, 1.0000001, 1e308, 5e-324, 1e16, -1.5),
    *("", "a", "A", "é", "𝄞", "true", "online", "1.2.3", "1.2.3-01", "esp32-0001", "a" * 63, "a" * 64, "a" * 65),
    *("f" * 64, "F" * 64, "QUJD", "QUI=", "QUJ=", "Q===", "-", "a\n", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00Z"),
    *([[[[[[[]]]]]]], [[[[[[[[]]]]]]]], {"a": {"b": {"c": {"d": {"e": {"f": {}}}}}}}),
    *([], {}, [[]], [None], {"a": 1}, [1, 2, 3, 4, 5]),
)
# Where scanners go wrong: UTF-8 that is overlong, cut or a surrogate, and escapes that lead nowhere.
_FRAGMENTS = (
    *(b"\xc0\xaf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80"),
    *(b"\xc3\xa9", b"\xe2\x82", b"\xed\x9f\xbf", b"\xf0\x9d\x84\x9e", b"\xf4\x8f\xbf\xbf", b"\xff"),
    *(b"\\ud800", b"\\udd1e", b"\\ud834\\udd1e", b"\\u0000", b"\\u00", b"\\x", b"\\/", b"\\"),
    *(b"[[[[[[[[", b"]]]]]]]]", b'":{"', b",", b"//", b"1e999", b"0"),
)
_SIGNED = {
    Kind.ASSIGNMENT: (Kind.DESIRED, ("fresh", "older-seen", "same-seen", "newer-seen", "other-device")),
    Kind.MANIFEST: (Kind.ENVELOPE, ("manifest", "manifest-few-ops", "manifest-other-schema")),
    Kind.KEY_BUNDLE: (Kind.ENVELOPE, ("bundle", "bundle-same")),
}


def damaged(seed: int, count: int) -> Iterator[Judgement]:
    """Yield documents of every kind, most damaged in one to three places, the rest spelled unusually."""
    chance = random.Random(seed)
    contexts = read_contexts()
    kinds = list(DOCUMENTS)
    for _ in range(count):
        draw = chance.random()
        if draw < 0.15:
            yield _signed_again(chance, contexts)
            continue
        kind = chance.choice(kinds)
        tree = samples.full(kind) if chance.random() < 0.5 else samples.minimal(kind)
        if draw < 0.65:
            tree = _change_tree(chance, tree)
        raw = _spell(chance, tree) if draw > 0.4 else samples.to_json(tree)
        if 0.6 < draw < 0.85:
            raw = _change_bytes(chance, raw)
        yield Judgement(kind, raw, _some_context(chance, kind, contexts))


def _some_context(chance: random.Random, kind: Kind, contexts: dict[str, Context]) -> Context | None:
    checks = {Kind.DESIRED: ("desired",), Kind.ENVELOPE: ("manifest", "key-bundle")}.get(kind, ())
    fitting = [each for each in contexts.values() if each.columns["check"] in checks]
    return chance.choice(fitting) if fitting and chance.random() < 0.7 else None


def _signed_again(chance: random.Random, contexts: dict[str, Context]) -> Judgement:
    """A damaged payload under a good signature: what a careless signer might send."""
    inner = chance.choice(list(_SIGNED))
    outer, names = _SIGNED[inner]
    raw = _spell(chance, _change_tree(chance, samples.full(inner)))
    if chance.random() < 0.3:
        raw = _change_bytes(chance, raw)
    key = samples.ASSIGNMENT_A if inner is Kind.ASSIGNMENT else samples.RELEASE_A
    tree: Any = seal(inner, raw[: 2 * 4096], [key]).to_tree()
    if outer is Kind.DESIRED:
        tree = samples.full(outer) | {"assignment": tree}
    return Judgement(outer, samples.to_json(tree), contexts[chance.choice(names)])


def _change_bytes(chance: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed) + 1)
        end = min(len(changed), at + chance.randint(1, 6))
        action = chance.randrange(6)
        if action == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif action == 1:
            changed[at:at] = bytes([chance.choice(_BYTES)])
        elif action == 2:
            del changed[at:end]
        elif action == 3:
            changed[at:at] = changed[at:end]
        elif action == 4:
            changed[at:at] = chance.choice(_FRAGMENTS)
        else:
            changed[at:end] = bytes(chance.choices(_BYTES, k=chance.randint(1, 4)))
    return bytes(changed if chance.random() < 0.9 else changed[: chance.randrange(len(changed) + 1)])


def _change_tree(chance: random.Random, tree: Any) -> Any:
    for _ in range(chance.randint(1, 3)):
        places = list(_places(tree))
        if not places:
            break
        container, key = chance.choice(places)
        _change_place(chance, container, key)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)


def _change_place(chance: random.Random, container: Any, key: Any) -> None:
    action = chance.randrange(6)
    value = container[key]
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(value, str):
        container[key] = _change_text(chance, value)
    elif action == 2 and isinstance(value, int | float) and not isinstance(value, bool):
        container[key] = chance.choice((value + 1, value - 1, -value, value * 2, float(value), value + 0.5))
    elif action == 3 and isinstance(value, list):
        container[key] = value * chance.randint(0, 20)
    elif action == 4 and isinstance(container, dict):
        container[chance.choice(("x", "schema", key + " ", key.swapcase()))] = copy.deepcopy(chance.choice(_VALUES))
    else:
        container[key] = copy.deepcopy(chance.choice(_VALUES))


def _change_text(chance: random.Random, text: str) -> str:
    at = chance.randrange(len(text) + 1)
    inserted = chance.choice(("", "é", "/", "+", "=", "-", ".", "0", "A", "𝄞", "\x7f", " ", "\n", text))
    return text[:at] + inserted + text[at + chance.randrange(2) :]


def _spell(chance: random.Random, tree: Any) -> bytes:
    """Write JSON with spaces, escapes, number forms and now and then a duplicate key."""
    if isinstance(tree, dict):
        members = list(tree.items())
        if members and chance.random() < 0.02:
            members.append((chance.choice(members)[0], 1))
        inner = b",".join(_space(chance) + _text(chance, k) + b":" + _spell(chance, v) for k, v in members)
        return b"{" + inner + b"}"
    if isinstance(tree, list):
        return b"[" + b",".join(_spell(chance, each) for each in tree) + _space(chance) + b"]"
    if isinstance(tree, str):
        return _text(chance, tree)
    spelled = json.dumps(tree)
    if isinstance(tree, int) and not isinstance(tree, bool) and chance.random() < 0.05:
        spelled += chance.choice((".0", "e0", "E+1", ".", "e", "0"))
    return _space(chance) + spelled.encode()


def _space(chance: random.Random) -> bytes:
    return chance.choice((b"", b"", b"", b" ", b"\n\t"))


def _text(chance: random.Random, text: str) -> bytes:
    spelled = json.dumps(text, ensure_ascii=chance.random() < 0.5)
    if text and chance.random() < 0.1:
        at = chance.randrange(len(text))
        unit = ord(text[at])
        if unit < 0x10000:
            head, tail = (json.dumps(part)[1:-1] for part in (text[:at], text[at + 1 :]))
            spelled = f'"{head}\\u{unit:04x}{tail}"'
    return spelled.encode()
