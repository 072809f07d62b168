"""The routes: what is asked of whom. See docs/model-registry.md."""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from edgefleet.contracts.limits import ENVELOPE_MAX
from edgefleet.contracts.reasons import Reason as ContractReason
from edgefleet_model_registry.authentication import Guard
from edgefleet_model_registry.bodies import copy_body, read_body
from edgefleet_model_registry.downloads import answer_file
from edgefleet_model_registry.manifests import ManifestDesk
from edgefleet_model_registry.refusals import Reason, RefusedError
from edgefleet_model_registry.store import Kind, OutOfSpaceError, Store, StoreError

_log: Final = logging.getLogger(__name__)
# What a client gets that has left; nobody reads it but the log.
_CLIENT_CLOSED_REQUEST: Final = 499


@dataclass(frozen=True)
class Rooms:
    """What the routes stand on."""

    store: Store
    manifests: ManifestDesk
    guard: Guard
    blob_max_bytes: int


def _rooms(request: Request) -> Rooms:
    return request.app.state.rooms


_Rooms = Annotated[Rooms, Depends(_rooms)]


async def _read_access(request: Request, rooms: _Rooms) -> None:
    await rooms.guard.reader(request)


async def _write_access(request: Request, rooms: _Rooms) -> None:
    await rooms.guard.writer(request)


def _checked_digest(digest: str, rooms: _Rooms) -> str:
    try:
        rooms.store.locate(Kind.BLOB, digest)
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, ContractReason.MALFORMED, f"path: {error}") from None
    return digest


_Digest = Annotated[str, Depends(_checked_digest)]
# Access is decided before anything else of a request is looked at.
_reading = APIRouter(prefix="/v1", dependencies=[Depends(_read_access)])
_writing = APIRouter(prefix="/v1", dependencies=[Depends(_write_access)])
_probes = APIRouter()


def create_app(rooms: Rooms) -> FastAPI:
    """Return the application; `scope["state"]["peer"]` must be the verified name of the peer or None."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.rooms = rooms
    for router in (_reading, _writing, _probes):
        app.include_router(router)
    app.add_exception_handler(RefusedError, _answer_refusal)
    app.add_exception_handler(StoreError, _answer_store_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)
    app.add_exception_handler(Exception, _answer_bug)
    return app


@_reading.api_route("/blobs/sha256/{digest}", methods=["GET", "HEAD"])
async def get_blob(request: Request, digest: _Digest, rooms: _Rooms) -> Response:
    """Return a blob."""
    return await answer_file(request, rooms.store, Kind.BLOB, digest, "application/octet-stream")


@_writing.put("/blobs/sha256/{digest}")
async def put_blob(request: Request, digest: _Digest, rooms: _Rooms) -> Response:
    """Store a blob whose SHA-256 is the digest."""
    incoming = await anyio.to_thread.run_sync(rooms.store.begin)
    try:
        await copy_body(request, incoming.write, most=rooms.blob_max_bytes)
        if incoming.digest != digest:
            message = f"body: its SHA-256 is {incoming.digest}, not the digest in the path"
            raise RefusedError(HTTPStatus.BAD_REQUEST, ContractReason.DIGEST_MISMATCH, message)
        # Also over a file of that name: publishing again mends what a disk has damaged.
        created = await anyio.to_thread.run_sync(lambda: incoming.publish(Kind.BLOB, digest, replace=True))
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(incoming.discard)
    return _stored(digest, created=created)


@_reading.api_route("/manifests/sha256/{digest}", methods=["GET", "HEAD"])
async def get_manifest(request: Request, digest: _Digest, rooms: _Rooms) -> Response:
    """Return a manifest's envelope, byte for byte as it was signed."""
    return await answer_file(request, rooms.store, Kind.MANIFEST, digest, "application/json")


@_writing.put("/manifests/sha256/{digest}")
async def put_manifest(request: Request, digest: _Digest, rooms: _Rooms) -> Response:
    """Store an envelope whose payload's SHA-256 is the digest."""
    raw = await read_body(request, most=ENVELOPE_MAX)
    created = await anyio.to_thread.run_sync(rooms.manifests.admit, raw, digest)
    return _stored(digest, created=created)


@_probes.get("/healthz")
async def tell_alive() -> Response:
    """Tell that the process answers."""
    return JSONResponse({"status": "ok"})


@_probes.get("/readyz")
async def tell_ready(rooms: _Rooms) -> Response:
    """Tell whether files can be made. A full disk is no reason to stop serving what is there."""
    try:
        await anyio.to_thread.run_sync(rooms.store.check_writable)
    except OutOfSpaceError:
        pass
    except StoreError as error:
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, Reason.NOT_READY, str(error)) from None
    return JSONResponse({"status": "ok"})


def _stored(digest: str, *, created: bool) -> Response:
    status = HTTPStatus.CREATED if created else HTTPStatus.OK
    return JSONResponse({"digest": digest, "created": created}, status_code=status)


def _answer_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101 - registered for it
    return error.response()


def _answer_store_error(_: Request, error: Exception) -> Response:
    if isinstance(error, OutOfSpaceError):
        return RefusedError(HTTPStatus.INSUFFICIENT_STORAGE, Reason.OUT_OF_SPACE, str(error)).response()
    return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, Reason.STORE_FAILED, str(error)).response()


def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        reason, message = Reason.METHOD_NOT_ALLOWED, f"{request.method} is not known here"
    elif error.status_code == HTTPStatus.NOT_FOUND:
        reason, message = Reason.NOT_FOUND, "no such route"
    else:
        reason, message = Reason.INTERNAL, str(error.detail)
    return RefusedError(HTTPStatus(error.status_code), reason, message, error.headers).response()


def _answer_nobody(_: Request, error: Exception) -> Response:
    _log.debug("the client left: %r", error)
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


def _answer_bug(_: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    message = "the model registry failed; its log says why"
    return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, Reason.INTERNAL, message).response()
