"""Secrets and ConfigMaps change under a running process; what is unusable does not take the place of what works."""

import logging
import os
from pathlib import Path

import pytest

from edgefleet.contracts.keys import SigningKey
from edgefleet_model_registry.authentication import watch_upload_token
from edgefleet_model_registry.trust import watch_release_keys
from support.authority import Authority, make_key


class Mount:
    """A folder as the kubelet makes it: names that point through ..data, which is swapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.round = 0

    def put(self, files: dict[str, bytes]) -> None:
        self.round += 1
        content = self.folder / f"..{self.round}"
        content.mkdir(parents=True)
        for name, data in files.items():
            (content / name).write_bytes(data)
        link = self.folder / "..data_tmp"
        link.symlink_to(content.name)
        link.rename(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        for path in self.folder.iterdir():
            if not path.name.startswith("..") and path.name not in files:
                path.unlink()


def new_key(folder: Path, name: str) -> tuple[str, bytes]:
    public = make_key(folder / name)
    return SigningKey.from_pem((folder / name).read_bytes()).public.keyid, public.read_bytes()


def test_keys_follow_the_config_map(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "mount")
    (one, one_pem), (two, two_pem) = new_key(tmp_path, "one"), new_key(tmp_path, "two")
    mount.put({"one.pem": one_pem, "notes.txt": b"no key"})
    keys = watch_release_keys(mount.folder)
    assert set(keys.get()) == {one}
    mount.put({"one.pem": one_pem, "two.pem": two_pem})
    assert set(keys.get()) == {one, two}
    mount.put({"two.pem": two_pem})
    assert set(keys.get()) == {two}
    mount.put({})
    assert set(keys.get()) == set()


def test_a_file_that_is_no_p256_key_is_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one, one_pem = new_key(tmp_path, "one")
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "one.pem").write_bytes(one_pem)
    (folder / "noise.pem").write_bytes(b"-----BEGIN PUBLIC KEY-----\nnone\n-----END PUBLIC KEY-----\n")
    (folder / "private.pem").write_bytes((tmp_path / "one").read_bytes())
    (folder / "certificate.pem").write_bytes(Authority().pem)
    (folder / "ed25519.pem").write_bytes(
        b"-----BEGIN PUBLIC KEY-----\n"
        b"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
        b"-----END PUBLIC KEY-----\n"
    )
    assert set(watch_release_keys(folder).get()) == {one}
    for name in ("noise", "private", "certificate", "ed25519"):
        assert f"{name}.pem is not trusted" in caplog.text


def test_a_folder_that_is_not_there_trusts_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert watch_release_keys(tmp_path / "none").get() == {}
    assert "no release key is trusted" in caplog.text


def test_a_new_token_takes_over_and_an_unusable_one_does_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mount = Mount(tmp_path)
    mount.put({"token": b"a" * 43 + b"\n"})
    token = watch_upload_token(tmp_path / "token")
    first = token.get()
    assert token.get() == first
    mount.put({"token": b"b" * 43})
    second = token.get()
    assert second != first
    mount.put({"token": b"short"})
    assert token.get() == second
    assert token.get() == second
    assert caplog.text.count("unusable") == 1
    os.unlink(tmp_path / "token")  # noqa: PTH108 - the link, not what it points to
    assert token.get() == second
    assert "b" * 43 not in caplog.text


@pytest.mark.parametrize("content", [b"", b"\n", b"a" * 31])
def test_a_token_that_could_be_guessed_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ValueError, match="token has at least 32 characters"):
        watch_upload_token(tmp_path / "token")
