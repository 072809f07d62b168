"""The model registry's client: puts models and manifests there, and finds out whether they are still what they were.

Must not know what a model contains.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final, Self

import aiohttp

from edgefleet.adapters.tls import CurrentContext
from edgefleet.contracts import limits
from edgefleet.runtime.errors import RegistryError, RegistryRefused, RegistryUnavailable
from edgefleet.runtime.ports import BlobState

__all__ = ["BlobState", "ModelRegistry", "RegistryError", "RegistryRefused", "RegistryUnavailable"]

_CONNECT_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 30.0
_WHOLE_SECONDS: Final = 600.0
_CONNECTIONS: Final = 8
_PIECE: Final = 1 << 16
_ERROR_MAX: Final = 4096
_MESSAGE_MAX: Final = 300


class ModelRegistry:
    """A session with one registry; use it as a context.

    Every method raises RegistryUnavailable where no usable answer came, which says nothing on what is stored, and
    RegistryRefused where the registry said no.
    """

    def __init__(  # noqa: PLR0913 - settings by name
        self,
        url: str,
        *,
        ca: Path,
        token: str | None = None,
        client_cert: Path | None = None,
        client_key: Path | None = None,
        silence: float = _SILENCE_SECONDS,
    ) -> None:
        """Connect nothing yet.

        Args:
            url: `https://host:port`.
            ca: the authority (PEM) that the registry's certificate has to come from.
            token: the upload token; needed for writing, enough for reading.
            client_cert: a certificate of the fleet (PEM), enough for reading. It is read again when it was renewed.
            client_key: its private key.
            silence: seconds without a byte after which an answer counts as missing.

        Raises:
            ValueError: the URL is not one of HTTPS.
        """
        if not url.startswith("https://"):
            raise ValueError(f"{url}: the model registry is asked over https:// only")
        self._url = url.rstrip("/")
        self._context = CurrentContext(ca, client_cert, client_key)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=_WHOLE_SECONDS, sock_connect=_CONNECT_SECONDS, sock_read=silence)
        self._open: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
        # As sent: what is stored is hashed.
        self._open = aiohttp.ClientSession(connector=connector, timeout=self._timeout, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        session, self._open = self._open, None
        if session is not None:
            if isinstance(session.connector, aiohttp.TCPConnector):
                # What was asked is answered: nobody waits for the server's goodbye.
                await session.connector.close(abort_ssl=True)
            await session.close()
            await asyncio.sleep(0)  # the loop closes aborted sockets in its next round

    async def put_blob(self, content: Path | bytes) -> str:
        """Store a model's bytes; storing them again changes nothing.

        Args:
            content: the bytes, or a file of them, which is streamed.

        Returns:
            Their SHA-256.
        """
        if isinstance(content, bytes):
            digest = hashlib.sha256(content).hexdigest()
            await self._put(_blob(digest), content, "application/octet-stream")
            return digest
        file = await asyncio.to_thread(content.open, "rb")
        with file:
            digest = await asyncio.to_thread(_digest_of, file)
            file.seek(0)
            await self._put(_blob(digest), file, "application/octet-stream")
        return digest

    async def put_manifest(self, envelope: bytes, digest: str) -> None:
        """Store a signed manifest; its blob has to be there.

        Args:
            envelope: the DSSE envelope, stored byte for byte.
            digest: the SHA-256 of its payload.
        """
        await self._put(_manifest(digest), envelope, "application/json")

    async def get_manifest(self, digest: str) -> bytes | None:
        """Return the envelope of a manifest, or None where the registry has none.

        Args:
            digest: the SHA-256 of the payload; the caller verifies that the envelope carries it.
        """
        async with self._asked("GET", _manifest(digest)) as response:
            if response.status == 404:
                return None
            return await _read(response, limits.ENVELOPE_MAX)

    async def check_blob(self, digest: str, size: int) -> BlobState:
        """Fetch a blob and hash it.

        Args:
            digest: its SHA-256.
            size: its length in bytes; nothing beyond it is read.
        """
        async with self._asked("GET", _blob(digest)) as response:
            if response.status == 404:
                return BlobState.MISSING
            if response.content_length is not None and response.content_length != size:
                return BlobState.DIGEST_MISMATCH
            found, read = hashlib.sha256(), 0
            async for piece in response.content.iter_chunked(_PIECE):
                read += len(piece)
                if read > size:
                    return BlobState.DIGEST_MISMATCH
                found.update(piece)
        return BlobState.OK if found.hexdigest() == digest else BlobState.DIGEST_MISMATCH

    async def check_manifest(self, digest: str, envelope: bytes) -> BlobState:
        """Fetch a manifest and compare it.

        Args:
            digest: the SHA-256 of the payload.
            envelope: what has to be there, byte for byte.
        """
        async with self._asked("GET", _manifest(digest)) as response:
            if response.status == 404:
                return BlobState.MISSING
            found = await _read(response, len(envelope))
        return BlobState.OK if found == envelope else BlobState.DIGEST_MISMATCH

    async def _put(self, path: str, body: bytes | IO[bytes], content_type: str) -> None:
        headers = {"Content-Type": content_type}
        # Nothing is sent before the registry has looked at the token.
        async with self._asked("PUT", path, headers=headers, data=body, expect100=True) as response:
            if response.status == 404:
                raise await _refusal(response)
            await response.read()

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | IO[bytes] | None = None,
        expect100: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, and hand out an answer of success or the one that says 404."""
        if self._open is None:
            raise RuntimeError("the model registry's client is not open: use it as a context")
        try:
            async with self._open.request(
                method,
                self._url + path,
                data=data,
                headers={**self._headers, **(headers or {}), "Accept-Encoding": "identity"},
                expect100=expect100,
                allow_redirects=False,
                ssl=self._context(),
            ) as response:
                if response.status >= 500:
                    raise RegistryUnavailable(f"{self._url}: {await _refusal(response)}")
                if response.status >= 300 and response.status != 404:
                    raise await _refusal(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RegistryUnavailable(f"{self._url}: {str(error) or type(error).__name__}") from None


def _blob(digest: str) -> str:
    return f"/v1/blobs/sha256/{digest}"


def _manifest(digest: str) -> str:
    return f"/v1/manifests/sha256/{digest}"


def _digest_of(file: IO[bytes]) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType] - any binary file


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body, or one byte more than is wanted of a longer one."""
    content = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        content += piece
        if len(content) > most:
            return bytes(content[: most + 1])
    return bytes(content)


async def _refusal(response: aiohttp.ClientResponse) -> RegistryRefused:
    """Return what the registry says, or what HTTP says where something else answered."""
    content = await _read(response, _ERROR_MAX)
    try:
        told = json.loads(content)
        return RegistryRefused(str(told["reason"]), str(told["message"])[:_MESSAGE_MAX])
    except (ValueError, KeyError, TypeError):
        return RegistryRefused(str(response.status), response.reason or "no reason given")
