"""Generations: never reused with another content, always above what a device has seen."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.desired import Settings
from edgefleet.contracts.keys import SigningKey, trust
from edgefleet.contracts.verdicts import DesiredContext, Seen, verify_desired
from edgefleet.controllers.fleet.commands import CommandBook, Content
from edgefleet.domain.rollout.facts import Artifact, Command

KEY = SigningKey(ec.generate_private_key(ec.SECP256R1()))
ARTIFACT = Artifact("a" * 64, "b" * 64, 900)
CONTENT = Content(ARTIFACT, Settings(anomaly_threshold=0.5), "anomaly-1.0.0.tflite")
COMMAND = Command("anomaly", "1.0.0", "a" * 64, 0, 5.0, "canary")


@pytest.fixture
def book() -> CommandBook:
    book = CommandBook([KEY])
    book.open_epoch(highest_generation=7 << 32 | 12, highest_epoch=3)
    return book


def test_an_epoch_is_above_everything_seen(book: CommandBook) -> None:
    assert book.epoch == 8
    book.open_epoch(0, 20)
    assert book.epoch == 21


def test_every_command_has_a_generation_of_its_own(book: CommandBook) -> None:
    issued = [book.issue(f"motor-{number}", CONTENT, COMMAND, above=0) for number in range(50)]
    assert len({each.generation for each in issued}) == 50
    assert {each.generation >> 32 for each in issued} == {8}


def test_a_device_that_has_seen_more_gets_a_higher_generation(book: CommandBook) -> None:
    issued = book.issue("motor-1", CONTENT, COMMAND, above=9 << 32 | 4)
    assert issued.generation > 9 << 32 | 4
    assert book.epoch == 10


def test_the_payload_is_what_a_device_accepts(book: CommandBook) -> None:
    issued = book.issue("motor-1", CONTENT, COMMAND, above=0)
    context = DesiredContext("motor-1", trust([KEY.public]), Seen(issued.generation - 1))
    accepted = verify_desired(issued.payload, context)
    assert accepted.assignment.manifest_digest == ARTIFACT.manifest_digest
    assert accepted.assignment.settings == CONTENT.settings
    assert accepted.desired.payload == "anomaly-1.0.0.tflite"
    assert issued.command is not None
    assert issued.command.generation == issued.generation


def test_what_the_broker_lost_is_sent_again_and_only_once(book: CommandBook) -> None:
    issued = book.issue("motor-1", CONTENT, COMMAND, above=0)
    assert [name for name, _ in book.unsent()] == ["motor-1"]
    book.mark_sent("motor-1", issued)
    assert book.unsent() == []
    book.unsend()
    assert [each.payload for _, each in book.unsent()] == [issued.payload]


def test_a_command_that_was_replaced_meanwhile_is_not_marked_as_sent(book: CommandBook) -> None:
    first = book.issue("motor-1", CONTENT, COMMAND, above=0)
    second = book.issue("motor-1", Content(None, CONTENT.settings), None, above=0)
    book.mark_sent("motor-1", first)
    assert [each for _, each in book.unsent()] == [second]


def test_what_an_earlier_process_said_is_not_said_again(book: CommandBook) -> None:
    book.restore("motor-1", COMMAND)
    assert book.unsent() == []
    book.adopt("motor-1", CONTENT)
    book.unsend()
    assert book.unsent() == []
