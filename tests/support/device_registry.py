"""A device registry for tests: it binds claims to keys, signs what they ask for, and lets devices in or not.

Part F (`workloads/device_registry`) replaces it behind the same two routes and with the same rules, which are in
docs/provisioning.md. This one is real where a device can tell: HTTPS on a socket, the fleet's own CA, certificates over
the device's CSR, mutual TLS for the second route. It keeps nothing on disk, limits no rates, and misbehaves to order.

with DeviceRegistry(tmp_path, authority=authority, keys=bundle) as registry:
    claim = registry.enrol("press-07")
    ...
    registry.activate("press-07")
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edgefleet.contracts import limits
from edgefleet.contracts.codec import decode, encode
from edgefleet.contracts.enrolment import (
    ACTIVATION_PATH,
    CONTENT_TYPE,
    PROVISION_PATH,
    ActivationAnswer,
    ActivationRequest,
    ProvisionAnswer,
    ProvisionRequest,
)
from edgefleet.contracts.reasons import ContractError
from support.authority import Authority, Identity, make_key

if TYPE_CHECKING:
    from pathlib import Path

    from edgefleet.contracts.document import Document
    from edgefleet.contracts.keys import KeyBundle

_TIMEOUT: Final = 10
_PROBLEM: Final = "application/problem+json"


class RefusedError(Exception):
    """An answer other than 200: status, and why, for people."""

    def __init__(self, status: int, why: str, retry_after: str | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.retry_after = retry_after


@dataclass
class Claim:
    """A one-time token: for one device, and from its first use on for one key."""

    device_id: str
    key: bytes | None = None


@dataclass
class Misbehaviour:
    """What the next requests get instead of a good answer; each is used up by one.

    Attributes:
        refusals: status and Retry-After, before the request is looked at.
        lost: answers whose work is done and which are not sent.
        strange_keys: certificates for a key that the device does not have.
    """

    refusals: deque[tuple[int, str | None]] = field(default_factory=deque)
    lost: int = 0
    strange_keys: int = 0


class DeviceRegistry:
    """A registry on a free port of this machine.

    Attributes:
        address: `localhost:PORT`; its certificate is for localhost.
        keys: the bundle that it hands out.
        claims: by token.
        activated: ids of devices that may work.
        retry_after: what an answer says to who may not yet.
        issued: device ids, one for each certificate.
        requests: path and status of every request, 0 for an answer that was lost.
        valid: begin and end of certificates, from now.
        refusals: why, in words, of every request that was refused.
        misbehaviour: what goes wrong next.
    """

    def __init__(self, folder: Path, *, authority: Authority, keys: KeyBundle) -> None:
        """Prepare it; the context starts it."""
        self.authority = authority
        self.keys = keys
        self.claims: dict[str, Claim] = {}
        self.activated: set[str] = set()
        self.retry_after: int | None = 1
        self.issued: list[str] = []
        self.requests: list[tuple[str, int]] = []
        self.refusals: list[str] = []
        self.valid = (timedelta(minutes=-5), timedelta(days=1))
        self.misbehaviour = Misbehaviour()
        self._stranger = make_key(folder / "stranger.key")
        self._lock = threading.Lock()
        self._server = _Server(self, _context(authority, folder / "tls"))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"localhost:{self._server.server_address[1]}"

    def enrol(self, device_id: str) -> str:
        """Expect a device; return the claim to put on it."""
        token = secrets.token_urlsafe(48)  # as long as a claim may be
        self.claims[token] = Claim(device_id)
        return token

    def activate(self, device_id: str) -> None:
        """Let a device in."""
        self.activated.add(device_id)

    def count(self, path: str, status: int = 200) -> int:
        """How many requests to a path were answered so."""
        return self.requests.count((path, status))

    def ask(
        self, path: str, body: bytes, *, identity: Identity | None = None, content_type: str = CONTENT_TYPE
    ) -> tuple[int, dict[str, Any]]:
        """Send one request, as a test may; return status and document."""
        context = (
            identity.client_context()
            if identity
            else ssl.create_default_context(cadata=self.authority.pem.decode("ascii"))
        )
        connection = http.client.HTTPSConnection(
            "localhost", self._server.server_address[1], context=context, timeout=_TIMEOUT
        )
        try:
            connection.request("POST", path, body, {"Content-Type": content_type})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def answer(self, path: str, raw: bytes, peer: str | None) -> Document:
        """Do what a request asks.

        Args:
            path: of the URL.
            raw: the body.
            peer: the CN of the client's certificate, None without one.

        Raises:
            RefusedError: it is not done.
        """
        with self._lock:
            if self.misbehaviour.refusals:
                status, retry_after = self.misbehaviour.refusals.popleft()
                raise RefusedError(status, "not now", retry_after)
            try:
                if path == PROVISION_PATH:
                    return self._provision(decode(ProvisionRequest, raw))
                if path == ACTIVATION_PATH:
                    return self._confirm(decode(ActivationRequest, raw), peer)
            except ContractError as error:
                raise RefusedError(400, str(error)) from None
            raise RefusedError(404, "no such route")

    def loses_answer(self) -> bool:
        """Whether the next answer is not sent."""
        with self._lock:
            lost = self.misbehaviour.lost > 0
            self.misbehaviour.lost -= lost
            return lost

    def _provision(self, request: ProvisionRequest) -> ProvisionAnswer:
        key = _read_csr(request)
        claim = self.claims.get(request.claim)
        if claim is None or claim.device_id != request.device_id:
            raise RefusedError(403, "no such claim for this device")
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        # Whoever shows it first is the device, and may ask again: its answer may have been lost.
        if claim.key not in (None, spki):
            raise RefusedError(403, "the claim was used with another key")
        claim.key = spki
        if self.misbehaviour.strange_keys:
            self.misbehaviour.strange_keys -= 1
            strange = serialization.load_pem_public_key(self._stranger.read_bytes())
            assert isinstance(strange, ec.EllipticCurvePublicKey)
            key = strange
        self.issued.append(request.device_id)
        certificate = self._sign(request.device_id, key).public_bytes(serialization.Encoding.PEM)
        return ProvisionAnswer(certificate=certificate.decode("ascii"), keys=self.keys)

    def _confirm(self, request: ActivationRequest, peer: str | None) -> ActivationAnswer:
        if peer is None:
            raise RefusedError(401, "a certificate of this fleet is needed")
        if peer != request.device_id:
            raise RefusedError(403, "the certificate is another device's")
        if request.device_id in self.activated:
            return ActivationAnswer(activated=True)
        return ActivationAnswer(activated=False, retry_after_seconds=self.retry_after)

    def _sign(self, device_id: str, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        now = datetime.now(UTC)
        begin, end = self.valid
        own = self.authority.key
        usage = dict.fromkeys(
            ("key_cert_sign", "crl_sign", "content_commitment", "key_encipherment", "data_encipherment"), False
        )
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)]))
            .issuer_name(self.authority.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin)
            .not_valid_after(now + end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_agreement=False, encipher_only=False, decipher_only=False, **usage
                ),
                critical=True,
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
            .sign(own, hashes.SHA256())
        )


def _read_csr(request: ProvisionRequest) -> ec.EllipticCurvePublicKey:
    """Return the key of a CSR that is signed with it and asks for the device's own name, and for nothing else."""
    try:
        csr = x509.load_pem_x509_csr(request.csr.encode("ascii"))
        valid = csr.is_signature_valid
    except (ValueError, InvalidSignature) as error:
        raise RefusedError(400, f"csr: {error}") from None
    key = csr.public_key()
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RefusedError(400, "csr: not signed with a key of the curve P-256")
    names = [(each.oid, each.value) for each in csr.subject]
    if names != [(NameOID.COMMON_NAME, request.device_id)]:
        raise RefusedError(400, "csr: the subject is CN = deviceID and nothing else")
    return key


def _context(authority: Authority, folder: Path) -> ssl.SSLContext:
    identity = authority.issue("edgefleet:device-registry", folder, dns=["localhost"], client=False, server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.load_verify_locations(identity.ca)
    context.verify_mode = ssl.CERT_OPTIONAL  # a device that has none yet shows its claim
    return context


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, registry: DeviceRegistry, context: ssl.SSLContext) -> None:
        self.registry = registry
        super().__init__(("127.0.0.1", 0), _Handler)
        # The handshake is the handler's: it must not hold up the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who breaks off, or proves nothing, is gone; a test looks at what the device says."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    timeout = _TIMEOUT
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""

    def do_POST(self) -> None:
        registry = self.server.registry
        try:
            answer = registry.answer(self.path, self._read_body(), self._peer())
            status, body, kind, retry_after = 200, encode(answer), CONTENT_TYPE, None
        except RefusedError as refused:
            registry.refusals.append(refused.why)
            problem = {"type": "about:blank", "title": refused.why, "status": refused.status}
            status, body, kind = refused.status, json.dumps(problem).encode(), _PROBLEM
            retry_after = refused.retry_after
        self.close_connection = True
        if registry.loses_answer():
            registry.requests.append((self.path, 0))
            return
        registry.requests.append((self.path, status))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise RefusedError(411, "a Content-Length is needed")
        if int(length) > limits.PROVISION_REQUEST_MAX:
            raise RefusedError(413, f"at most {limits.PROVISION_REQUEST_MAX} bytes")
        if self.headers.get("Content-Type") != CONTENT_TYPE:
            raise RefusedError(415, f"the body is {CONTENT_TYPE}")
        return self.rfile.read(int(length))

    def _peer(self) -> str | None:
        assert isinstance(self.connection, ssl.SSLSocket)
        names = [
            value
            for part in (self.connection.getpeercert() or {}).get("subject", ())
            for name, value in part
            if name == "commonName"
        ]
        return names[0] if len(names) == 1 else None
