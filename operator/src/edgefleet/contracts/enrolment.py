"""How a device gets its certificate and the fleet's keys, and learns that it may work: requests over HTTP.

The device registry answers both with a JSON document. The first request has no certificate, the claim is its secret;
the second one goes over mutual TLS.
"""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from edgefleet.contracts import limits
from edgefleet.contracts.document import Document, Kind
from edgefleet.contracts.fields import Certificate, Csr, DeviceID, SchemaVersion, Token
from edgefleet.contracts.keys import KeyBundle

PROVISION_PATH: Final = "/provisionDevice"
ACTIVATION_PATH: Final = "/confirmActivation"
CONTENT_TYPE: Final = "application/json"


class ProvisionRequest(Document):
    """The body of `POST /provisionDevice`: a claim, once, for a certificate over the device's own key."""

    kind: ClassVar[Kind] = Kind.PROVISION_REQUEST
    max_bytes: ClassVar[int] = limits.PROVISION_REQUEST_MAX

    schema_version: SchemaVersion = 1
    device_id: DeviceID
    # Handed out with the device; whoever shows it first is the device.
    claim: Token
    # PKCS #10 in PEM, whose CN is the device id.
    csr: Csr


class ProvisionAnswer(Document):
    """What a claim is good for: the device's certificate with its chain, and the keys that it trusts."""

    kind: ClassVar[Kind] = Kind.PROVISION_ANSWER
    max_bytes: ClassVar[int] = limits.PROVISION_ANSWER_MAX

    schema_version: SchemaVersion = 1
    # PEM, the device's own certificate first.
    certificate: Certificate
    keys: KeyBundle


class ActivationRequest(Document):
    """The body of `POST /confirmActivation`: a device with a certificate asks whether somebody let it in."""

    kind: ClassVar[Kind] = Kind.ACTIVATION_REQUEST
    max_bytes: ClassVar[int] = limits.ACTIVATION_REQUEST_MAX

    schema_version: SchemaVersion = 1
    device_id: DeviceID


class ActivationAnswer(Document):
    """Whether the device may work; until then it asks again."""

    kind: ClassVar[Kind] = Kind.ACTIVATION_ANSWER
    max_bytes: ClassVar[int] = limits.ACTIVATION_ANSWER_MAX

    schema_version: SchemaVersion = 1
    activated: bool
    # Not before that many seconds; without it, the device's own backoff.
    retry_after_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
