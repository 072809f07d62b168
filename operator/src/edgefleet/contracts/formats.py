"""The shapes of names that travel: through topics, file names, URLs and flash.

Each pattern is RE2, anchored at both ends and ASCII only, so that Python, the API server (Go) and the firmware
agree on it. This module must not know Kubernetes or any payload.
"""

from typing import Final

# An RFC 1123 label: safe as a Kubernetes name, an MQTT topic level, a file name and an X.509 common name.
DEVICE_ID_MAX: Final = 63
DEVICE_ID_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"

# Models, device classes and rings share the device id's shape.
NAME_MAX: Final = 63
NAME_PATTERN: Final = DEVICE_ID_PATTERN

# SemVer 2.0.0 (semver.org), without leading zeros; 64 characters are enough for a pre-release and a build.
SEMVER_MAX: Final = 64
SEMVER_PATTERN: Final = (
    r"^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})"
    r"(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$"
)

# A SHA-256 digest, lower-case hexadecimal, without a prefix.
SHA256_HEX: Final = 64
SHA256_PATTERN: Final = r"^[a-f0-9]{64}$"

# A key id: the first 16 hexadecimal digits of SHA-256 over the key's SubjectPublicKeyInfo (DER). A hint, never trust.
KEY_ID_HEX: Final = 16
KEY_ID_PATTERN: Final = r"^[a-f0-9]{16}$"
