"""EnrolmentClaim: which boards may enrol themselves, and as what. Stands in a ConfigMap, one document a key.

The ConfigMap carries the label `edgefleet.io/config: enrolment-claims`; the key is the claim's name. Only digests of
tokens are kept, and their use is recorded in the device registry, never here.
"""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from edgefleet.api.labels import LabelMap, LabelValue
from edgefleet.api.rules import Rule, matches
from edgefleet.api.scalars import Instant, Name, PositiveCount, Sha256
from edgefleet.api.structure import ListKind, Section, items

CONFIG_VALUE: Final = "enrolment-claims"


class EnrolmentClaim(Section):
    """Which boards may enrol themselves, and as what."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            id="tokens-for-all",
            cel="!has(self.maxDevices) || self.maxDevices >= self.tokenSha256.size()",
            message="maxDevices must not be smaller than the number of tokens",
            check=lambda self: self.max_devices is None or self.max_devices >= len(self.token_sha256),
            field=".maxDevices",
        ),
    )

    device_class: Name
    """Class of the devices that enrol."""
    labels: LabelMap | None = None
    """Labels that they get."""
    site: LabelValue | None = None
    """Their site: the label `site`."""
    name_pattern: Annotated[
        str,
        Field(min_length=1, max_length=63),
        matches(
            r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?-\*$",
            "must be a prefix that ends in '-*', such as press-*",
            "name-pattern",
        ),
    ]
    """Which device ids may enrol: a prefix and '*'."""
    token_sha256: Annotated[tuple[Sha256, ...], items(1024), ListKind("set")]
    """SHA-256 of each one-time token."""
    max_devices: PositiveCount | None = None
    """How many may enrol in all."""
    expires: Instant | None = None
    """When the claim ends; never when absent."""
