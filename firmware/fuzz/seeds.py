"""First inputs for each target, made of the golden files: what the contract's own vectors know, a fuzzer need not find.

A signature of zeros is a good one to the targets (support/envelope.c), so the golden signatures are replaced.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Of the one key that the targets trust: SHA-256 of its SubjectPublicKeyInfo, the first eight bytes.
KEY_ID = "5cd252fb0ce89324"
GOOD = base64.b64encode(bytes(64)).decode()
LARGEST = 4096

# Of the targets that sign what they are given.
COMPOSED = 1
WITH_MANIFEST = 2
UNSIGNED = 2
BADLY_SIGNED = {"desired": 16, "manifest": 4, "keys": 4}
BY_A_STRANGER = {"desired": 32, "manifest": 8, "keys": 8}


def _vectors(golden: Path, *kinds: str) -> Iterator[bytes]:
    for kind in kinds or ("*",):
        for path in sorted((golden / "vectors").glob(f"{kind}/*.json")):
            raw = path.read_bytes()
            if len(raw) <= LARGEST:
                yield raw


def _kinds(golden: Path) -> dict[str, int]:
    header = (golden.parents[1] / "firmware" / "generated" / "edgefleet_contract.h").read_text()
    found = re.findall(r"\bEF_DOCUMENT_(\w+) = (\d+)", header)
    return {name.lower().replace("_", "-"): int(number) for name, number in found}


def _sign(raw: bytes) -> bytes:
    """Returns the document with a good signature for each that has the right shape."""
    raw = re.sub(rb'"sig":"[A-Za-z0-9+/]{86}=="', b'"sig":"' + GOOD.encode() + b'"', raw)
    return re.sub(rb'"keyid":"[0-9a-f]{16}","sig"', b'"keyid":"' + KEY_ID.encode() + b'","sig"', raw, count=1)


def _payload(raw: bytes) -> bytes | None:
    """Returns what an envelope carries, wherever it lies in the document."""
    try:
        document: Any = json.loads(raw)
        envelope = document.get("assignment", document)
        return base64.b64decode(envelope["payload"], validate=True)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def _json(golden: Path) -> Iterator[bytes]:
    yield from _vectors(golden)


def _documents(golden: Path) -> Iterator[bytes]:
    for kind, number in _kinds(golden).items():
        for raw in _vectors(golden, kind):
            yield bytes([number]) + raw


def _unsigned(golden: Path, target: str, kind: str, between: bytes = b"") -> Iterator[bytes]:
    """Yields a good document that nobody signed, or somebody else."""
    raw = (golden / "vectors" / kind / "full.json").read_bytes()
    for flag in (BADLY_SIGNED[target], BY_A_STRANGER[target]):
        yield bytes([COMPOSED | flag]) + between + raw


def _desired(golden: Path) -> Iterator[bytes]:
    yield from _unsigned(golden, "desired", "assignment", b"\0\4")
    for raw in _vectors(golden, "desired"):
        yield b"\0" + _sign(raw)
        payload = _payload(raw)
        if payload is not None:
            yield bytes([COMPOSED | WITH_MANIFEST, 0, 4]) + payload
    for raw in _vectors(golden, "assignment"):
        yield bytes([COMPOSED | WITH_MANIFEST, 0, 4]) + raw
        yield bytes([COMPOSED, 0, 4]) + raw


def _manifest(golden: Path) -> Iterator[bytes]:
    yield from _unsigned(golden, "manifest", "manifest")
    for raw in _vectors(golden, "envelope"):
        yield b"\0" + _sign(raw)
        yield bytes([COMPOSED]) + (_payload(raw) or raw)
    for raw in _vectors(golden, "manifest"):
        yield bytes([COMPOSED]) + raw


def _keys(golden: Path) -> Iterator[bytes]:
    yield from _unsigned(golden, "keys", "key-bundle")
    for raw in _vectors(golden, "envelope"):
        yield b"\0" + _sign(raw)
        yield bytes([COMPOSED]) + (_payload(raw) or raw)
    for raw in _vectors(golden, "key-bundle"):
        yield bytes([COMPOSED]) + raw
        yield bytes([UNSIGNED]) + raw


_HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/3\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.0 404 Not Found\nTransfer-Encoding: chunked\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nX: y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n",
)


def _http(_golden: Path) -> Iterator[bytes]:
    for head in _HEADS:
        yield bytes(range(16)) + head


# Of MQTT 5, as a broker sends them: type and flags, then the body.
_CONNACK, _PUBACK, _SUBACK, _UNSUBACK, _PINGRESP, _DISCONNECT = 0x20, 0x40, 0x90, 0xB0, 0xD0, 0xE0
_PUBLISH, _PUBLISH_ONCE_AT_LEAST = 0x30, 0x32
_MQTT_PROPERTIES = (
    b"\x21\0\x14"  # receive maximum
    b"\x12\0\1x"  # assigned client id
    b"\x13\1\x2c"  # server keep alive
    b"\x26\0\1a\0\2bc"  # user property
    b"\x27\0\0\x13\x88"  # maximum packet size
    b"\x0b\xff\x7f"  # subscription identifier
    b"\x25\0"  # retain available
)
_PACKETS = (
    (_CONNACK, b"\0\0\0"),
    (_CONNACK, b"\0\0" + bytes([len(_MQTT_PROPERTIES)]) + _MQTT_PROPERTIES),
    (_CONNACK, b"\0\x87\0"),
    (_CONNACK, b"\1\0\0"),
    (_CONNACK, b"\0\0\6\x21\0\1\x21\0\2"),
    (_PUBLISH, b"\0\3t/x\0hi"),
    (_PUBLISH_ONCE_AT_LEAST, b"\0\1t\0\x09\5\2\0\0\0\1hi"),
    (_PUBLISH, b"\0\1t\3\x23\0\1hi"),
    (_PUBLISH, b"\0\3t\0x\0hi"),
    (_PUBLISH, b"\0\3t/#\0hi"),
    (_PUBACK, b"\1\2"),
    (_PUBACK, b"\1\2\x87\4\x1f\0\1x"),
    (_SUBACK, b"\0\1\0\1\x87\2"),
    (_UNSUBACK, b"\0\1\0\x11"),
    (_PINGRESP, b""),
    (_DISCONNECT, b"\x8e"),
    (_DISCONNECT, b"\x8e\7\x1c\0\4else"),
)


def _packet(_golden: Path) -> Iterator[bytes]:
    wires = [bytes([first, len(body)]) + body for first, body in _PACKETS]
    for wire in wires:
        yield _u16(LARGEST) + wire
        yield _u16(len(wire) - 1) + wire
    yield _u16(LARGEST) + b"".join(wires)
    # Lengths of two bytes and of five, and one byte's in two.
    for length in (b"\xac\2", b"\xff\xff\xff\xff\1", b"\x88\0"):
        yield _u16(LARGEST) + bytes([_PUBLISH]) + length + b"\0\3t/x\0" + bytes(294)


def _words(_golden: Path) -> Iterator[bytes]:
    yield from (b"\0" + base64.b64encode(bytes(range(length))) for length in range(6))
    for text in (b"a-b", b"0" * 64, b"file.json", b"1.2.3-rc.1+x", b"2024-02-29T23:59:59.123456Z", b"CONV_2D"):
        yield b"\1" + text
    versions = (b"1.0.0", b"1.0.0-rc.1", b"1.0.0-rc.1.x")
    yield b"\2" + b"".join(len(each).to_bytes(2, "little") + each for each in versions)
    yield b"\3fleet/v1/dev/esp32-0001/desired"
    yield b"\3fleet/v1/tele/esp32-0001"
    yield b"\4\0\x0a\0esp32-0001"


# Of support/board.h and world.h.
_MANNERS = 8
_MODELS = 8
_COMMAND, _ROTATE, _STREAM, _BOARD, _RUN = 0, 1, 4, 5, 7


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def _fetch(_golden: Path) -> Iterator[bytes]:
    for manner in range(_MANNERS):
        raw = _u16(len(_HEADS[0])) + _HEADS[0] if manner == _MANNERS - 3 else b""
        broken = bytes([manner, 40]) + _u16(500) + raw + b"\0"
        whole = b"\0\x80\0\0\0"
        for start in range(3):
            yield _u16(5000) + bytes([64, start]) + broken + whole


def _telemetry(golden: Path) -> Iterator[bytes]:
    for raw in _vectors(golden, "telemetry"):
        yield b"\0\0" + _u16(len(raw)) + raw.replace(b"esp32-0001", b"esp32-0002")
    numbers = bytes([4, 0, 1, 1, 21, 5, 0]) + bytes(range(21))
    later = bytes([4, 0, 1, 2, 4, 5, 0]) + bytes(range(4))
    pause = b"\3\0\1\0\0\1\0"
    yield numbers + pause + later + later
    for which in range(4):
        yield bytes([1, 0, which]) + numbers + bytes([1, 1, 0]) + pause + later
    scale = b',"scale":1e30'
    inputs = b'"inputs":[{"name":"x","shape":[1,4],"dtype":"int8"'
    for tensors, length in ((1, len(inputs)), (0, len(inputs) + 1)):
        yield bytes([2, length * 2 + tensors, 0]) + _u16(len(scale)) + scale + pause + numbers


def _journal(_golden: Path) -> Iterator[bytes]:
    put = bytes([3, 2]) + _u16(40) + _u16(3) + b"abc"
    for between in (b"\0", b"\1" + _u16(100), b"\2"):
        yield b"\0\0" + put * 3 + between + put + b"\0"
    header = b"\x06" + (8).to_bytes(4, "little")
    record = b"\2" + _u16(4) + b"\5" + _u16(9) + _u16(4) + b"wxyz"
    yield b"\0\2" + header + record + put


def _agent(_golden: Path) -> Iterator[bytes]:
    run = bytes([_RUN, 255, 0])
    for model in range(_MODELS + 1):
        yield bytes([_COMMAND, model, model % 6, 3]) + run
        yield bytes([_COMMAND, 0, 0, 3]) + run + bytes([_COMMAND, model, 0, 3]) + run + bytes([_COMMAND, 0, 1, 3]) + run
    for manner in range(_MANNERS):
        yield bytes([_STREAM, manner]) + _u16(300) + b"\x10" + bytes([_COMMAND, 1, 0, 3]) + run * 2
    for cut in (1, 100, 2000, 6000):
        yield bytes([_COMMAND, 1, 0, 3, _BOARD, 3]) + _u16(cut) + run * 2
    yield bytes([_ROTATE, 1, 0, 0]) + run + bytes([_ROTATE, 2, 0, 0]) + run
    odd = bytes([_COMMAND, _MODELS + 1, 0, 3]) + _u16(700) + bytes([4, 0]) + _u16(4) + b"null"
    yield odd + run


def _boot(_golden: Path) -> Iterator[bytes]:
    for base in range(4):
        yield bytes([base, 0, 0])
        for key in range(8):
            yield bytes([base, 1, 0, 0, key]) + _u16(0) + _u16(4) + b"\5\0\0\0"
        for place in range(6):
            yield bytes([base, 1, 0, 1, place]) + _u16(20) + b"\1"
            yield bytes([base, 1, 0, 3, place]) + _u16(0) + b"\xff"


def _provision(golden: Path) -> Iterator[bytes]:
    run = b"\x80"
    good = bytes(6) + run
    for raw in _vectors(golden, "provision-answer", "activation-answer", "provision-request"):
        yield bytes([4, 0, 0, 0, 0, 0]) + _u16(len(raw)) + raw + run
        yield good + bytes([4, 0, 0, 0, 0, 0]) + _u16(len(raw)) + raw + run
    for manner in range(_MANNERS):
        yield bytes([0, manner]) + _u16(120) + b"\4\0" + run + good
    for status in range(10):
        yield bytes([0, 0, 0, 0, 0, status]) + run + good
    for flags in (1, 2, 8):
        yield bytes([flags, 0, 0, 0, 0, 0]) + run + good
    yield bytes([16, 0, 0, 0, 0, 0, 3]) + run + good
    yield bytes([32, 0, 0, 0, 0, 0, 20, 0]) + run + good


SEEDS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    "json": _json,
    "documents": _documents,
    "desired": _desired,
    "manifest": _manifest,
    "keys": _keys,
    "http": _http,
    "packet": _packet,
    "words": _words,
    "telemetry": _telemetry,
    "fetch": _fetch,
    "journal": _journal,
    "agent": _agent,
    "boot": _boot,
    "provision": _provision,
}


def seeds_of(target: str, golden: Path) -> Iterator[bytes]:
    """Yields the first inputs of a target; some have none but those in the tree."""
    if target in SEEDS:
        yield from SEEDS[target](golden)
