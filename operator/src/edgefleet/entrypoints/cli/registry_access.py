"""How the command line reaches a model registry: its address, the CA that it must prove, and a credential."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLError
from typing import TypeVar

from edgefleet.adapters.model_registry.client import ModelRegistry
from edgefleet.runtime.errors import RegistryError

_Result = TypeVar("_Result")


class CredentialError(RegistryError):
    """A credential is missing or cannot be read; the text names the option or the file."""


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """A registry and who asks it: the holder of the upload token, or of a client certificate.

    Attributes:
        url: such as https://registry.example.com:8443.
        ca: the fleet's CA, PEM.
        token_file: holds the upload token.
        certificate: of a client, PEM.
        key: its private key, PEM.
    """

    url: str
    ca: Path
    token_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def check(self) -> None:
        """Make sure that everything given can be used, before any work is done.

        Raises:
            CredentialError: the address is none, or a file cannot be read.
        """
        for file in (self.ca, self.certificate, self.key):
            if file is not None and not file.is_file():
                raise CredentialError(f"{file}: no such file")
        self._make_client()

    def use(self, work: Callable[[ModelRegistry], Awaitable[_Result]]) -> _Result:
        """Return what `work` returns, with a connected client.

        Raises:
            CredentialError: the CA, the certificate or its key cannot be used.
            RegistryError: whatever `work` raises.
        """
        try:
            return asyncio.run(self._use(work))
        except SSLError as problem:  # connections that fail are the client's RegistryUnavailable
            raise CredentialError(f"the CA, the certificate or its key cannot be used: {problem}") from None

    async def _use(self, work: Callable[[ModelRegistry], Awaitable[_Result]]) -> _Result:
        async with self._make_client() as registry:
            return await work(registry)

    def _make_client(self) -> ModelRegistry:
        token = self._read_token()
        try:
            return ModelRegistry(self.url, ca=self.ca, token=token, client_cert=self.certificate, client_key=self.key)
        except ValueError as problem:
            raise CredentialError(str(problem)) from None

    def _read_token(self) -> str | None:
        if self.token_file is None:
            return None
        try:
            token = self.token_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise CredentialError(f"{self.token_file}: no token can be read there") from None
        if not token:
            raise CredentialError(f"{self.token_file}: is empty")
        return token
