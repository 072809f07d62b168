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

# A device's or model's file on a store: no separator, no leading dot. The empty name means "no file".
FILE_NAME_MAX: Final = 128
FILE_NAME_PATTERN: Final = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,127})?$"

# An opaque token or identifier that someone else made up: enrolment ids, message ids, commissioning tokens.
TOKEN_MAX: Final = 64
TOKEN_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"  # noqa: S105 - a pattern

# An operator name of a model: the built-in codes of TensorFlow Lite and the names of custom operators.
OP_NAME_MAX: Final = 64
OP_NAME_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"

# RFC 4648 base64: standard alphabet, padded, unused bits of the last character zero, so that bytes have one spelling.
_B64: Final = "[A-Za-z0-9+/]"
_B64_LAST_OF_1: Final = "[AQgw]"
_B64_LAST_OF_2: Final = "[AEIMQUYcgkosw048]"
BASE64_PATTERN: Final = rf"^({_B64}{{4}})*({_B64}{_B64_LAST_OF_1}==|{_B64}{{2}}{_B64_LAST_OF_2}=)?$"

# Base64 of exactly 64 bytes: the two halves r || s of an ECDSA P-256 signature, without ASN.1.
SIGNATURE_CHARS: Final = 88
SIGNATURE_PATTERN: Final = rf"^{_B64}{{85}}{_B64_LAST_OF_1}==$"

# Base64 of exactly 65 bytes that begin with 4: an uncompressed P-256 point.
POINT_CHARS: Final = 88
POINT_PATTERN: Final = rf"^B[A-P]{_B64}{{84}}{_B64_LAST_OF_2}=$"

# RFC 3339 in UTC, written with Z, at most microseconds. Days that a month lacks are refused where instants compare.
INSTANT_MAX: Final = 27
INSTANT_PATTERN: Final = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
)

# PEM as this fleet writes it: printable ASCII in lines that end with a line feed, so that a device copies it as it is.
# What stands between the lines is for whoever parses the certificate.
PEM_PATTERN: Final = r"^-----BEGIN [ -~\n]*\n$"

# Every pattern that a document may use, by the kind's name in C. The firmware matches each kind by hand.
PATTERN_KINDS: Final = {
    "DnsLabel": DEVICE_ID_PATTERN,
    "Semver": SEMVER_PATTERN,
    "Sha256": SHA256_PATTERN,
    "KeyId": KEY_ID_PATTERN,
    "FileName": FILE_NAME_PATTERN,
    "Token": TOKEN_PATTERN,
    "OpName": OP_NAME_PATTERN,
    "Base64": BASE64_PATTERN,
    "Signature": SIGNATURE_PATTERN,
    "Point": POINT_PATTERN,
    "Instant": INSTANT_PATTERN,
    "Pem": PEM_PATTERN,
}
