"""Device classes in ConfigMaps: a broken one keeps its last good text."""

from __future__ import annotations

from typing import Any

from edgefleet.controllers.classes import ClassBook, KnownClass

GOOD = "runtime: tflm\ntransport: device\nslotBytes: 65536\narenaBytes: 16384\nops: [RELU]\n"


def make_map(**data: str) -> list[dict[str, Any]]:
    return [{"metadata": {"name": "classes"}, "data": data}]


def test_a_broken_class_keeps_its_last_good_text_and_names_the_field() -> None:
    book = ClassBook()
    before = book.read("fleet", make_map(esp32=GOOD))["esp32"]
    after = book.read("fleet", make_map(esp32=GOOD.replace("65536", "many")))["esp32"]
    assert isinstance(before, KnownClass)
    assert isinstance(after, KnownClass)
    assert after.spec == before.spec
    assert "esp32: slotBytes" in after.problem


def test_a_class_that_was_never_good_is_told_in_a_sentence() -> None:
    assert "runtime" in str(ClassBook().read("fleet", make_map(esp32="transport: device\n"))["esp32"])
    assert "is not YAML" in str(ClassBook().read("fleet", make_map(esp32="a: [1"))["esp32"])


def test_a_class_that_was_removed_is_forgotten() -> None:
    book = ClassBook()
    book.read("fleet", make_map(esp32=GOOD))
    assert book.read("fleet", make_map()) == {}
    assert isinstance(book.read("fleet", make_map(esp32="transport: device\n"))["esp32"], str)


def test_a_class_means_the_same_however_it_is_written() -> None:
    first = ClassBook().read("fleet", make_map(esp32=GOOD))["esp32"]
    second = ClassBook().read("fleet", make_map(esp32="# a board\n" + GOOD.replace("[RELU]", "\n- RELU")))["esp32"]
    assert isinstance(first, KnownClass)
    assert isinstance(second, KnownClass)
    assert first.hash == second.hash
