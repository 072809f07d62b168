"""Files appear whole, checked and named by their digest, or not at all."""

import errno
import fcntl
import hashlib
import os
from pathlib import Path

import pytest

from edgefleet_model_registry.store import Kind, OutOfSpaceError, Store, StoreError

CONTENT = b"a model"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    made.prepare()
    return made


def put(store: Store, content: bytes, digest: str, *, replace: bool = True) -> bool:
    with store.begin() as incoming:
        incoming.write(content)
        return incoming.publish(Kind.BLOB, digest, replace=replace)


def read(store: Store, digest: str) -> bytes:
    found = store.open(Kind.BLOB, digest)
    assert found
    with found[0] as file:
        content = file.read()
    assert content is not None
    assert len(content) == found[1]
    return content


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_file_lies_in_a_folder_of_its_first_two_digits(store: Store, tmp_path: Path) -> None:
    assert put(store, CONTENT, DIGEST)
    assert files(tmp_path) == [f"blobs/sha256/{DIGEST[:2]}/{DIGEST}"]
    assert read(store, DIGEST) == CONTENT
    assert store.size(Kind.BLOB, DIGEST) == len(CONTENT)
    assert (tmp_path / files(tmp_path)[0]).stat().st_mode & 0o777 == 0o440


def test_kinds_do_not_mix(store: Store) -> None:
    put(store, CONTENT, DIGEST)
    assert store.open(Kind.MANIFEST, DIGEST) is None
    assert store.size(Kind.MANIFEST, DIGEST) is None


def test_a_second_file_of_a_name(store: Store, tmp_path: Path) -> None:
    put(store, CONTENT, DIGEST)
    assert not put(store, b"other", DIGEST, replace=False)
    assert read(store, DIGEST) == CONTENT
    assert not put(store, b"mended", DIGEST, replace=True)
    assert read(store, DIGEST) == b"mended"
    assert len(files(tmp_path)) == 1


def test_size_and_digest_are_of_all_that_was_written(store: Store) -> None:
    with store.begin() as incoming:
        for part in (b"a ", b"", b"model"):
            incoming.write(part)
        assert (incoming.size, incoming.digest) == (len(CONTENT), DIGEST)


def test_what_is_not_published_is_removed(store: Store, tmp_path: Path) -> None:
    incoming = store.begin()
    incoming.write(CONTENT)
    assert files(tmp_path)[0].startswith("incoming/")
    incoming.discard()
    incoming.discard()
    assert files(tmp_path) == []
    with pytest.raises(StoreError):
        incoming.write(CONTENT)
    with pytest.raises(StoreError):
        incoming.publish(Kind.BLOB, DIGEST, replace=True)


@pytest.mark.parametrize(
    "digest",
    ["", "abc", DIGEST.upper(), DIGEST + "\n", DIGEST + "0", DIGEST[:-1] + "g", "../" * 21 + "a", "\0" * 64, "é" * 64],
)
def test_only_a_digest_names_a_file(store: Store, tmp_path: Path, digest: str) -> None:
    for ask in (store.open, store.size, store.locate):
        with pytest.raises(ValueError, match="64 lower-case hexadecimal digits"):
            ask(Kind.BLOB, digest)
    with pytest.raises(ValueError, match="64 lower-case hexadecimal digits"):
        put(store, CONTENT, digest)
    assert files(tmp_path) == []


def test_a_start_removes_what_nobody_writes_any_more(store: Store, tmp_path: Path) -> None:
    left = tmp_path / "incoming" / "left.part"
    left.write_bytes(CONTENT)
    with (tmp_path / "incoming" / "held.part").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # another registry, about to end
        Store(tmp_path).prepare()
        assert files(tmp_path) == ["incoming/held.part"]
    store.prepare()
    assert files(tmp_path) == []


def test_it_is_on_the_disk_before_it_has_its_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        steps.append("sync " + str(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path)))
        sync(descriptor)

    def note_rename(source: Path, target: Path) -> None:
        steps.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    put(store, CONTENT, DIGEST)
    folder = f"blobs/sha256/{DIGEST[:2]}"
    assert steps[0].startswith("sync incoming/")
    # The new folders' names first, then the file's.
    assert steps[1:] == ["sync .", "sync blobs", "sync blobs/sha256", "rename", f"sync {folder}"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("call", ["write", "fsync", "replace", "mkdir"])
def test_a_full_disk_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutOfSpaceError) as refusal:
        put(store, CONTENT, DIGEST)
    assert str(tmp_path) not in str(refusal.value)
    assert files(tmp_path) == []


def test_a_failing_disk_is_told_without_paths(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(tmp_path))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(StoreError, match="Input/output error") as refusal:
        put(store, CONTENT, DIGEST)
    assert not isinstance(refusal.value, OutOfSpaceError)
    assert str(tmp_path) not in str(refusal.value)


def test_a_store_that_is_gone_is_not_writable(store: Store, tmp_path: Path) -> None:
    store.check_writable()
    assert files(tmp_path) == []
    (tmp_path / "incoming").rmdir()
    with pytest.raises(StoreError):
        store.check_writable()


def test_a_reader_keeps_what_it_opened(store: Store) -> None:
    put(store, CONTENT, DIGEST)
    found = store.open(Kind.BLOB, DIGEST)
    assert found
    put(store, b"mended!", DIGEST)
    with found[0] as file:
        assert file.read() == CONTENT
