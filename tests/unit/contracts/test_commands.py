"""What the operator signs is what the device accepts, on both sides of the wire."""

import pytest

from edgefleet.codegen import vector_samples as samples
from edgefleet.contracts.codec import decode
from edgefleet.contracts.commands import sign_command
from edgefleet.contracts.desired import Assignment
from edgefleet.contracts.document import Kind
from edgefleet.contracts.keys import trust
from edgefleet.contracts.reasons import ContractError, Reason
from edgefleet.contracts.verdicts import DesiredContext, Seen, verify_desired
from support.contract_core import sanitized_core
from support.contract_verdicts import Judgement, read_contexts

_KEYS = (samples.ASSIGNMENT_A, samples.ASSIGNMENT_B)
_TRUSTED = trust(key.public for key in _KEYS)


def _assignment(**changes: object) -> Assignment:
    return decode(Assignment, samples.to_json(samples.full(Kind.ASSIGNMENT))).model_copy(update=changes)


def test_a_signed_command_is_obeyed_by_both_sides() -> None:
    raw = sign_command(_assignment(), _KEYS, file_name="m.tflite", manifest_bytes=1432)
    accepted = verify_desired(raw, DesiredContext(samples.DEVICE, _TRUSTED))
    assert accepted.assignment == _assignment()
    assert (accepted.seen.number, accepted.unchanged) == (samples.GENERATION, False)
    judgement = Judgement(Kind.DESIRED, raw, read_contexts()["fresh"])
    (answer,) = sanitized_core().ask([judgement.question()])
    assert answer == judgement.answer()
    assert answer[0].startswith("Ok ")


def test_signing_again_gives_the_same_bytes_which_are_unchanged() -> None:
    raw = sign_command(_assignment(), _KEYS, manifest_bytes=1432)
    assert raw == sign_command(_assignment(), _KEYS, manifest_bytes=1432)
    seen = verify_desired(raw, DesiredContext(samples.DEVICE, _TRUSTED)).seen
    assert verify_desired(raw, DesiredContext(samples.DEVICE, _TRUSTED, seen)).unchanged


def test_no_order_of_delivery_lets_an_older_command_win() -> None:
    """Duplicates, reordering and replay: the generation a device holds never falls."""
    commands = [sign_command(_assignment(generation=n), _KEYS, manifest_bytes=1) for n in (3, 1, 2, 3, 2, 4, 1, 4)]
    seen = Seen()
    held: list[int] = []
    for raw in commands:
        try:
            seen = verify_desired(raw, DesiredContext(samples.DEVICE, _TRUSTED, seen)).seen
        except ContractError as error:
            assert error.reason is Reason.STALE_GENERATION  # noqa: PT017 - the loop goes on
        held.append(seen.number)
    assert held == [3, 3, 3, 3, 3, 4, 4, 4]


def test_settings_alone_need_no_manifest() -> None:
    raw = sign_command(_assignment(manifest_digest=None), _KEYS)
    assert verify_desired(raw, DesiredContext(samples.DEVICE, _TRUSTED)).desired.manifest is None


@pytest.mark.parametrize(("digest", "size"), [(None, 5), (samples.digest_of("m"), None)])
def test_a_digest_and_a_size_come_together(digest: str | None, size: int | None) -> None:
    with pytest.raises(ValueError, match="come together"):
        sign_command(_assignment(manifest_digest=digest), _KEYS, manifest_bytes=size)
