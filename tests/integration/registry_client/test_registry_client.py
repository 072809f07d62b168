"""The client of the model registry, on the real one."""

from __future__ import annotations

import asyncio
import hashlib
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from edgefleet.adapters.model_registry.client import BlobState, ModelRegistry, RegistryRefused, RegistryUnavailable
from support.authority import Authority
from support.registry import Registry
from support.signed_manifests import make_manifest, seal_manifest
from support.tcp_proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = bytes(range(256)) * 100


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def publisher(registry: Registry, **settings: Any) -> ModelRegistry:
    return ModelRegistry(registry.url, **{"ca": registry.ca, "token": registry.token, **settings})


def operator(registry: Registry, folder: Path) -> ModelRegistry:
    identity = registry.authority.issue("edgefleet:operator", folder / "operator")
    return ModelRegistry(registry.url, ca=identity.ca, client_cert=identity.certificate, client_key=identity.key)


def blob_file(registry: Registry, digest: str) -> Path:
    return registry.store / "blobs" / "sha256" / digest[:2] / digest


def unique(text: str) -> bytes:
    """A model of one test's own: the registry is shared."""
    return text.encode() + MODEL


def test_a_model_and_its_manifest_are_stored_and_found_whole(registry: Registry, tmp_path: Path) -> None:
    model = unique("whole")
    file = tmp_path / "model.tflite"
    file.write_bytes(model)
    digest, envelope = seal_manifest(make_manifest(model), [registry.signing_key])

    async def scenario() -> None:
        async with publisher(registry) as registry_client:
            blob = await registry_client.put_blob(file)
            assert blob == hashlib.sha256(model).hexdigest()
            assert await registry_client.put_blob(model) == blob
            await registry_client.put_manifest(envelope, digest)
            await registry_client.put_manifest(envelope, digest)
        async with operator(registry, tmp_path) as reader:
            assert await reader.check_blob(blob, len(model)) is BlobState.OK
            assert await reader.check_manifest(digest, envelope) is BlobState.OK
            assert await reader.get_manifest(digest) == envelope

    asyncio.run(scenario())


def test_what_is_not_there_is_missing(registry: Registry, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with operator(registry, tmp_path) as reader:
            assert await reader.check_blob("0" * 64, 10) is BlobState.MISSING
            assert await reader.check_manifest("0" * 64, b"{}") is BlobState.MISSING
            assert await reader.get_manifest("0" * 64) is None

    asyncio.run(scenario())


@pytest.mark.parametrize("damage", ["changed", "shorter", "longer", "empty"])
def test_a_file_that_was_tampered_with_on_the_disk_is_found(registry: Registry, tmp_path: Path, damage: str) -> None:
    model = unique(damage)
    digest = registry.put_blob(model)
    file = blob_file(registry, digest)
    file.chmod(0o600)
    file.write_bytes(
        {"changed": b"\0" + model[1:], "shorter": model[:-1], "longer": model + b"\0", "empty": b""}[damage]
    )

    async def scenario() -> None:
        async with operator(registry, tmp_path) as reader:
            assert await reader.check_blob(digest, len(model)) is BlobState.DIGEST_MISMATCH

    asyncio.run(scenario())


def test_a_manifest_that_was_tampered_with_is_found(registry: Registry, tmp_path: Path) -> None:
    model = unique("manifest")
    registry.put_blob(model)
    digest, envelope = seal_manifest(make_manifest(model), [registry.signing_key])
    assert registry.put_manifest(envelope, digest).status == 201
    file = next(path for path in registry.store.rglob(digest) if path.is_file())
    file.chmod(0o600)

    async def scenario() -> None:
        async with operator(registry, tmp_path) as reader:
            for content in (envelope + b" ", envelope[:-1], envelope.replace(b"A", b"B", 1), b""):
                file.write_bytes(content)
                assert await reader.check_manifest(digest, envelope) is BlobState.DIGEST_MISMATCH

    asyncio.run(scenario())


def test_a_large_file_is_streamed(registry: Registry, tmp_path: Path) -> None:
    size = 32 << 20
    file = tmp_path / "large"
    with file.open("wb") as out:
        out.truncate(size)
    tracemalloc.start()

    async def scenario() -> None:
        async with publisher(registry) as registry_client:
            digest = await registry_client.put_blob(file)
            assert await registry_client.check_blob(digest, size) is BlobState.OK

    try:
        asyncio.run(scenario())
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_refusal_comes_with_the_registrys_own_words(registry: Registry) -> None:
    model = unique("refused")
    digest, envelope = seal_manifest(make_manifest(model), [registry.signing_key])

    async def refusal(settings: dict[str, Any], what: str) -> RegistryRefused:
        async with publisher(registry, **settings) as registry_client:
            address = digest if what == "manifest" else "0" * 64
            asked = (
                registry_client.put_blob(MODEL) if what == "blob" else registry_client.put_manifest(envelope, address)
            )
            with pytest.raises(RegistryRefused) as refused:
                await asked
            return refused.value

    assert asyncio.run(refusal({}, "manifest")).reason == "BlobMissing"
    assert asyncio.run(refusal({}, "another digest")).reason == "DigestMismatch"
    assert asyncio.run(refusal({"token": "wrong"}, "blob")).reason == "Unauthenticated"
    assert asyncio.run(refusal({"token": None}, "blob")).message
    assert "Unauthenticated" in str(asyncio.run(refusal({"token": None}, "blob")))


def test_reading_without_any_proof_is_refused_and_is_no_finding(registry: Registry) -> None:
    async def scenario() -> None:
        async with publisher(registry, token=None) as stranger:
            with pytest.raises(RegistryRefused, match="Unauthenticated"):
                await stranger.check_blob("0" * 64, 10)

    asyncio.run(scenario())


def test_a_registry_that_is_down_says_nothing_about_models(tmp_path: Path) -> None:
    with Registry(tmp_path) as registry:
        digest = registry.put_blob(MODEL)

        async def scenario() -> None:
            async with publisher(registry) as registry_client:
                assert await registry_client.check_blob(digest, len(MODEL)) is BlobState.OK
                await asyncio.to_thread(registry.stop)
                for call in (
                    registry_client.check_blob(digest, len(MODEL)),
                    registry_client.check_manifest(digest, b"{}"),
                    registry_client.get_manifest(digest),
                    registry_client.put_blob(MODEL),
                ):
                    with pytest.raises(RegistryUnavailable, match="https://localhost:"):
                        await call

        asyncio.run(scenario())


def test_a_registry_of_another_fleet_is_unavailable(registry: Registry, tmp_path: Path) -> None:
    stranger = Authority().issue("edgefleet:operator", tmp_path / "stranger")

    async def scenario() -> None:
        async with publisher(registry, ca=stranger.ca) as registry_client:
            with pytest.raises(RegistryUnavailable, match="certificate verify failed"):
                await registry_client.check_blob("0" * 64, 10)

    asyncio.run(scenario())


def test_an_answer_that_stops_in_the_middle_is_no_finding(registry: Registry) -> None:
    model = b"\0" * (8 << 20)
    digest = registry.put_blob(model)

    async def scenario() -> None:
        async with proxied("127.0.0.1", registry.port) as proxy:
            url = f"https://localhost:{proxy.port}"
            async with ModelRegistry(url, ca=registry.ca, token=registry.token, silence=0.5) as registry_client:
                assert await registry_client.check_blob(digest, len(model)) is BlobState.OK
                proxy.flowing.clear()
                began = time.monotonic()
                with pytest.raises(RegistryUnavailable):
                    await registry_client.check_blob(digest, len(model))
                assert time.monotonic() - began < 3

                async def cut() -> None:
                    while True:
                        await asyncio.sleep(0.02)
                        proxy.cut()

                proxy.flowing.set()
                async with asyncio.TaskGroup() as group:
                    cutting = group.create_task(cut())
                    with pytest.raises(RegistryUnavailable):
                        await registry_client.check_blob(digest, len(model))
                    cutting.cancel()

    asyncio.run(scenario())


def test_a_renewed_certificate_is_used_without_a_restart(registry: Registry, tmp_path: Path) -> None:
    digest = registry.put_blob(MODEL)
    folder = tmp_path / "operator"
    identity = registry.authority.issue("edgefleet:operator", folder, expired=True)

    async def scenario() -> None:
        async with ModelRegistry(
            registry.url, ca=identity.ca, client_cert=identity.certificate, client_key=identity.key
        ) as reader:
            with pytest.raises((RegistryUnavailable, RegistryRefused)):
                await reader.check_blob(digest, len(MODEL))
            registry.authority.issue("edgefleet:operator", folder)
            assert await reader.check_blob(digest, len(MODEL)) is BlobState.OK

    asyncio.run(scenario())


def test_settings_that_cannot_work_are_named(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="over https:// only"):
        ModelRegistry("http://registry:8443", ca=registry.ca)

    async def scenario() -> None:
        async with ModelRegistry(registry.url, ca=tmp_path / "missing.crt") as registry_client:
            with pytest.raises(RegistryUnavailable, match=r"missing\.crt"):
                await registry_client.check_blob("0" * 64, 1)

    asyncio.run(scenario())
