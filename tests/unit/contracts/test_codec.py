"""Encoding, what errors say, and the reasons as a closed, numbered list."""

import json

import pytest

from edgefleet.codegen.vector_samples import full, to_json
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.control import ControlMessage
from edgefleet.contracts.document import Kind
from edgefleet.contracts.labels import Label
from edgefleet.contracts.reasons import ContractError, Disposition, Reason
from edgefleet.contracts.reported import Reported
from edgefleet.contracts.telemetry import Telemetry
from support.contract_core import ROOT


def test_encoding_is_compact_and_in_declared_order() -> None:
    message = ControlMessage(command="train-model", payload="é.csv")
    assert encode(message) == '{"command":"train-model","payload":"é.csv"}'.encode()


def test_what_nobody_would_accept_is_not_sent() -> None:
    with pytest.raises(ContractError) as nul:
        encode(ControlMessage(command="train-model", payload="a\x00b"))
    assert nul.value.reason is Reason.MALFORMED
    report = decode(Reported, to_json(full(Kind.REPORTED)))
    assert report.capabilities.ops
    huge = report.model_copy(
        update={
            "capabilities": report.capabilities.model_copy(update={"ops": ("A" * 64,) * 64}),
            "message": "𝄞" * 200,
        }
    )
    with pytest.raises(ContractError) as large:
        encode(huge)
    assert large.value.reason is Reason.TOO_LARGE


def test_python_names_are_no_wire_names() -> None:
    tree = full(Kind.TELEMETRY)
    tree["message_id"] = tree.pop("messageId")
    assert decode(Telemetry, to_json(tree)).message_id is None
    tree["device_id"] = tree.pop("deviceID")
    with pytest.raises(ContractError) as caught:
        decode(Telemetry, to_json(tree))
    assert (caught.value.reason, caught.value.path) == (Reason.MISSING_FIELD, "deviceID")


def test_an_error_names_document_field_and_rule() -> None:
    with pytest.raises(ContractError) as caught:
        decode(Reported, to_json(full(Kind.REPORTED) | {"bootCount": -1}))
    assert str(caught.value) == "reported: bootCount: 0 to 4294967295 (OutOfRange)"
    assert caught.value.within("inner", "outer").path == "inner.bootCount"


def test_a_model_obeys_its_rule_when_built_in_python() -> None:
    with pytest.raises(ValueError, match="the end is later than the start"):
        Label.model_validate(
            {
                "deviceID": "a",
                "from": "2026-01-02T00:00:00Z",
                "to": "2026-01-01T00:00:00Z",
                "state": "ok",
                "source": "s",
            }
        )


def test_the_original_protocol_is_understood() -> None:
    raw = json.dumps(
        {
            "deviceID": "esp32-7",
            "current": 1,
            "temperature": 20.5,
            "vibration": 0,
            "sound": -1,
            "fft_data": "true",
        },
        indent=1,
    ).encode()
    sample = decode(Telemetry, raw)
    assert (sample.device_id, sample.current, sample.fft_data, sample.boot) == ("esp32-7", 1.0, "true", None)


# Numbers that devices in the field were built with.
_NUMBERED = (
    *("Ok", "Unchanged", "TooLarge", "Malformed", "TooDeep", "DuplicateKey", "UnsupportedSchema", "MissingField"),
    *("WrongType", "OutOfRange", "BadEnvelope", "UnknownKey", "BadSignature", "WrongDevice", "StaleGeneration"),
    *("ManifestMismatch", "WrongClass", "SecurityVersionTooLow", "FirmwareTooOld", "DoesNotFit", "ArenaTooSmall"),
    *("OpUnsupported", "DownloadFailed", "DigestMismatch", "FlashError", "ModelLoadFailed", "SelfTestFailed"),
    *("WatchdogReset", "NotActivated", "Revoked", "Deferred", "FeatureSchemaUnknown"),
)


def test_reasons_keep_their_numbers() -> None:
    assert tuple(reason.value for reason in Reason)[: len(_NUMBERED)] == _NUMBERED
    assert [reason.code for reason in Reason] == list(range(len(Reason)))


def test_the_generated_header_numbers_reasons_alike() -> None:
    header = (ROOT / "firmware/generated/edgefleet_contract.h").read_text()
    for reason in Reason:
        assert f"EF_REASON_{reason.name} = {reason.code}" in header


@pytest.mark.parametrize(
    ("disposition", "members"),
    [
        (Disposition.NONE, {"Ok", "Unchanged"}),
        (Disposition.DEFERRAL, {"NotActivated", "Revoked", "Deferred"}),
        (
            Disposition.FAILURE,
            {"DownloadFailed", "DigestMismatch", "FlashError", "ModelLoadFailed", "SelfTestFailed", "WatchdogReset"},
        ),
    ],
)
def test_everything_else_is_a_rejection(disposition: Disposition, members: set[str]) -> None:
    assert {reason.value for reason in Reason if reason.disposition is disposition} == members
