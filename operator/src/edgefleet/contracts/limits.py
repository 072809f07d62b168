"""How much of anything a party must be ready to hold: bytes, tokens and levels, the same in Python and in C.

A device sizes its static buffers by these numbers, so raising one is a firmware change.
"""

from typing import Final

# Documents, in bytes as sent.
DESIRED_MAX: Final = 4096
REPORTED_MAX: Final = 4096
PRESENCE_MAX: Final = 256
TELEMETRY_MAX: Final = 4096
RESULT_MAX: Final = 1024
CONTROL_MAX: Final = 1024
LABELS_MAX: Final = 65536
ENVELOPE_MAX: Final = 16384
PROVISION_REQUEST_MAX: Final = 4096
PROVISION_ANSWER_MAX: Final = 16384
ACTIVATION_REQUEST_MAX: Final = 256
ACTIVATION_ANSWER_MAX: Final = 256

# Signed payloads, in bytes after base64.
ASSIGNMENT_MAX: Final = 2048
MANIFEST_MAX: Final = 8192
KEY_BUNDLE_MAX: Final = 4096

# JSON: nested containers, keys plus values, and the characters of one number.
JSON_DEPTH_MAX: Final = 8
JSON_TOKENS_MAX: Final = 512
JSON_NUMBER_MAX: Final = 40

# Repetition inside documents.
SIGNATURES_MAX: Final = 4
KEYS_MAX: Final = 4
SOURCES_MAX: Final = 16
OPS_MAX: Final = 64
FEATURES_MAX: Final = 64
TENSORS_MAX: Final = 4
DIMENSIONS_MAX: Final = 4
VECTORS_MAX: Final = 16

# Free text, in Unicode code points.
MESSAGE_MAX: Final = 200
CONTROL_PAYLOAD_MAX: Final = 256
TENSOR_NAME_MAX: Final = 64

# PEM, in characters before JSON escapes its line feeds.
CSR_MAX: Final = 2048
CERTIFICATE_MAX: Final = 8192

# Integers.
INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)
UINT32_MAX: Final = 2**32 - 1
INT31_MAX: Final = 2**31 - 1
