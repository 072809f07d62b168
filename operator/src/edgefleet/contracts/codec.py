"""Bytes to documents and back. The only way in, so that every party refuses the same bytes for the same reason."""

import json
from typing import TypeVar

from pydantic import ValidationError

from edgefleet.contracts import strict_json
from edgefleet.contracts.conformance import first_fault
from edgefleet.contracts.document import Document
from edgefleet.contracts.reasons import ContractError, Reason
from edgefleet.contracts.shapes import shape_of

DocumentT = TypeVar("DocumentT", bound=Document)


def decode(model: type[DocumentT], raw: bytes) -> DocumentT:
    """Read a document.

    Args:
        model: one of `catalog.DOCUMENTS`.
        raw: the bytes as received.

    Returns:
        The document; unknown fields are gone.

    Raises:
        ContractError: size first, then the JSON dialect over the whole text in byte order, then the fields in declared
            order, depth first.
    """
    kind = model.kind.value
    if len(raw) > model.max_bytes:
        raise ContractError(Reason.TOO_LARGE, "", kind, f"at most {model.max_bytes} bytes, not {len(raw)}")
    try:
        tree = strict_json.parse(raw)
    except strict_json.DialectError as error:
        raise ContractError(error.reason, "", kind, str(error)) from None
    fault = first_fault(shape_of(model), tree)
    if fault:
        raise ContractError(fault.reason, fault.path, kind, fault.rule)
    try:
        return model.model_validate(tree, by_alias=True, by_name=False)
    except ValidationError as error:
        # The table is at least as strict as the model (tests/property/contracts); if it ever is not, refuse.
        first = error.errors()[0]
        path = ".".join(str(step) for step in first["loc"])
        raise ContractError(model.value_fault, path, kind, first["msg"]) from error


def encode(document: Document) -> bytes:
    """Write a document, compact, fields in declared order, absent fields left out.

    Raises:
        ContractError: no receiver would accept it: too large, or text that the dialect forbids.
    """
    text = json.dumps(document.to_tree(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        raise ContractError(Reason.MALFORMED, "", document.kind.value, "text without lone surrogates") from None
    decode(type(document), raw)
    return raw
