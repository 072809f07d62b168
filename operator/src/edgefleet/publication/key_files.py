"""Release keys in files: PEM, private ones as PKCS #8 for their owner alone, public ones as SubjectPublicKeyInfo."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgefleet.contracts.keys import SigningKey, TrustedKeys, VerifyKey, trust

PUBLIC_SUFFIX: Final = ".pub"
_PRIVATE_MODE: Final = 0o600
_PUBLIC_MODE: Final = 0o644


class KeyFileError(Exception):
    """A key file cannot be read or written; the text names it, and holds nothing of its content."""


def generate_key(private: Path) -> VerifyKey:
    """Writes a new P-256 key: `private`, and its public half beside it with `PUBLIC_SUFFIX`.

    Raises:
        KeyFileError: one of them exists, or cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = private.with_name(private.name + PUBLIC_SUFFIX)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    spki = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if public.exists():
        raise KeyFileError(f"{public} exists: a key is never overwritten")
    _create(private, pkcs8, _PRIVATE_MODE)
    try:
        _create(public, spki, _PUBLIC_MODE)
    except KeyFileError:
        private.unlink()
        raise
    return VerifyKey(key.public_key())


def read_signing_key(file: Path) -> SigningKey:
    """Returns the private key in a file.

    Raises:
        KeyFileError: no such file, or no unencrypted P-256 private key in PEM.
    """
    try:
        return SigningKey.from_pem(_read(file))
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        raise KeyFileError(f"{file}: not an unencrypted P-256 private key in PEM") from None


def read_verify_key(file: Path) -> VerifyKey:
    """Returns the public key in a file, or the public half of the private key in it.

    Raises:
        KeyFileError: no such file, or no P-256 key in PEM.
    """
    pem = _read(file)
    if b"PRIVATE KEY" in pem:
        return read_signing_key(file).public
    try:
        key = serialization.load_pem_public_key(pem)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("another kind of key")  # noqa: TRY004, TRY301 - the content is at fault
        return VerifyKey(key)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{file}: not a P-256 public key in PEM") from None


def read_trusted_keys(files: Iterable[Path]) -> TrustedKeys:
    """Returns the public keys in files, by key id.

    Raises:
        KeyFileError: one of them is none.
    """
    return trust([read_verify_key(file) for file in files])


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise KeyFileError(f"{file}: {problem.strerror}") from None


def _create(file: Path, content: bytes, mode: int) -> None:
    try:
        # Never a file that somebody else made, and private from its first byte.
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise KeyFileError(f"{file} exists: a key is never overwritten") from None
    except OSError as problem:
        raise KeyFileError(f"{file}: {problem.strerror}") from None
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(handle)
