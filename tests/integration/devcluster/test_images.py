"""Images built for real, brought into a containerd of the tests' own, and run by it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgefleet_devcluster import images
from edgefleet_devcluster.errors import DevclusterError
from edgefleet_devcluster.images import store
from edgefleet_devcluster.images.catalogue import OWN, Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgefleet_devcluster.images import Image
    from edgefleet_devcluster.progress import Say

_SECONDS = 60.0
_NUMBERS = itertools.count()
CATALOGUE = """\
[images.probe]
dockerfile = "probe/Dockerfile"
base = "base"
load-on = "all"

[images.probe.artifacts.made]
command = ["sh", "-c", "cat word >{output}"]
inputs = ["word"]

[images.tiny]
dockerfile = "tiny/Dockerfile"
load-on = "all"
"""
TINY = """\
FROM scratch
COPY word /
ENTRYPOINT ["/word"]
"""
DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY made /probe/
RUN python3 -c 'import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 100)' >/probe/run
USER 65532:65532
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["id -un; cat /probe/*; touch /tmp/x"]
"""
# Builds the probe image in the cache of the first argument, and says its lines at once.
BUILD = """
import sys
from pathlib import Path
from edgefleet_devcluster import images
images.ensure(["probe"], catalogue=Path(sys.argv[1]), cache=Path(sys.argv[2]), say=lambda line: print(line, flush=True))
"""


def quiet(_line: str) -> None:
    pass


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of these tests, with the base from the user's: making that takes a minute."""
    folder = tmp_path_factory.mktemp("images")
    base = images.ensure(["base"])["base"].archive
    shutil.copy2(base, folder / base.name)
    return folder


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    for name, dockerfile in (("probe", DOCKERFILE), ("tiny", TINY)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(dockerfile)
        (tmp_path / name / "word").write_text("hello\n")
    (tmp_path / "images.toml").write_text(CATALOGUE)
    return tmp_path / "images.toml"


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A containerd with nothing in it."""
    folder = tmp_path_factory.mktemp("containerd")
    settings = folder / "config.toml"
    settings.write_text(
        f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
        f'[grpc]\naddress = "{folder}/c.sock"\n'
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["containerd", "--config", str(settings)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _SECONDS
        while subprocess.run(ctr(folder / "c.sock", "version"), capture_output=True, check=False).returncode != 0:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield folder / "c.sock"
    finally:
        process.terminate()
        process.wait()


def ctr(socket: Path, *arguments: str) -> list[str]:
    return ["ctr", f"--address={socket}", f"--namespace={store.NAMESPACE}", *arguments]


def run(socket: Path, image: Image, *command: str) -> str:
    name = f"probe-{next(_NUMBERS)}"
    done = subprocess.run(
        # Without a control group: what a test needs none of, it cannot leave behind.
        ctr(socket, "run", "--rm", "--read-only", "--cgroup=", image.reference, name, *command),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    return done.stdout + done.stderr


def configuration(socket: Path, reference: str) -> dict[str, object]:
    rows = subprocess.run(ctr(socket, "images", "list"), capture_output=True, text=True, check=True).stdout
    digest = next(row.split()[2] for row in rows.splitlines() if row.startswith(reference + " "))

    def content(digest: str) -> dict[str, dict[str, str]]:
        return json.loads(subprocess.run(ctr(socket, "content", "get", digest), capture_output=True, check=True).stdout)

    return dict(content(content(digest)["config"]["digest"])["config"])


def probe(catalogue: Path, cache: Path, say: Say = quiet) -> Image:
    return images.ensure(["probe"], catalogue=catalogue, cache=cache, say=say)["probe"]


def tiny(catalogue: Path, cache: Path, word: str) -> Image:
    """An image of one file with this content; built in a moment, and nothing to run."""
    (catalogue.parent / "tiny" / "word").write_text(word)
    return images.ensure(["tiny"], catalogue=catalogue, cache=cache, say=quiet)["tiny"]


def mounts_below(folder: Path) -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if f" {folder}/" in line]


def processes_in(folder: Path) -> list[str]:
    listed = subprocess.run(["ps", "-e", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if f"{folder}/" in line]


def test_pause_is_one_file_that_runs_as_nobody_and_ends_when_told(cache: Path, socket: Path) -> None:
    pause = images.ensure(["pause"], cache=cache, say=quiet)["pause"]
    assert pause.archive.stat().st_size < 1e6
    store.load(pause, socket)
    settings = configuration(socket, pause.reference)
    assert (settings["User"], settings["Entrypoint"]) == ("65532:65532", ["/pause"])

    running = ctr(socket, "run", "--rm", "--read-only", "--cgroup=", pause.reference, "pause")
    with subprocess.Popen(running, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + _SECONDS
        while True:
            rows = subprocess.run(ctr(socket, "task", "list"), capture_output=True, text=True, check=True).stdout
            if "RUNNING" in rows:
                break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        number = next(line.split()[1] for line in rows.splitlines() if line.startswith("pause"))
        assert "\nUid:\t65532\t65532\t" in Path(f"/proc/{number}/status").read_text()
        assert [path.name for path in Path(f"/proc/{number}/root").iterdir() if path.is_file()] == ["pause"]
        subprocess.run(ctr(socket, "task", "kill", "--signal=SIGTERM", "pause"), check=True)
        assert process.wait(_SECONDS) == 0


def test_pause_reaps_what_others_leave(tmp_path: Path) -> None:
    recipe = Catalogue.read(OWN).recipe("pause")
    subprocess.run(recipe.artifacts[0].command_line(tmp_path / "pause"), cwd=recipe.context, check=True)
    # The shell, process 1, becomes pause; the subshell's child is an orphan and dies under it.
    script = f"(sleep 0.1 & echo $! >{tmp_path}/orphan); exec {tmp_path}/pause"
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script]
    with subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + _SECONDS
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while not (first := children.read_text().split()) or (
                Path(f"/proc/{first[0]}/cmdline").read_bytes() != f"{tmp_path}/pause\0".encode()
            ):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            pause = Path(f"/proc/{first[0]}/task/{first[0]}/children")
            while pause.read_text().split():
                assert time.monotonic() < deadline, "the orphan is still there"
                time.sleep(0.02)
            os.kill(int(first[0]), signal.SIGTERM)
            assert process.wait(_SECONDS) == 0
        finally:
            process.kill()


def test_a_dockerfile_on_the_base_is_built_loaded_and_run(cache: Path, socket: Path, catalogue: Path) -> None:
    said: list[str] = []
    image = probe(catalogue, cache, say=said.append)
    assert said[0].startswith("[1/1] image probe: building with ")
    assert store.load(image, socket)
    assert run(socket, image) == "edgefleet\nhello\nTrue\ntouch: cannot touch '/tmp/x': Read-only file system\n"
    assert configuration(socket, image.reference)["User"] == "65532:65532"

    # The layers are kept unpacked only, and that is enough.
    root = socket.with_name("root") / "io.containerd.content.v1.content"
    assert max(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 1e5
    assert not store.load(image, socket)

    before = image.archive.stat()
    assert probe(catalogue, cache, say=said.append) == image
    assert len(said) == 2
    assert (image.archive.stat().st_ino, image.archive.stat().st_size) == (before.st_ino, before.st_size)


def test_the_base_has_nothing_of_the_machine_that_built_it(cache: Path, socket: Path) -> None:
    base = images.ensure(["base"], cache=cache, say=quiet)["base"]
    store.load(base, socket)
    script = (
        "getent passwd edgefleet; cd /etc; ls apt/apt.conf.d; cat apt/apt.conf; ls hostname resolv.conf 2>/dev/null; "
        "find / -xdev -perm /6000 -type f; find /var/lib/apt/lists /var/cache/apt /var/log -type f ! -name lock"
    )
    assert run(socket, base, "/bin/sh", "-c", script).splitlines() == [
        "edgefleet:x:65532:65532:EdgeFleet:/nonexistent:/usr/sbin/nologin",
        "01autoremove",
        "70debconf",
        "lean",
    ]


def test_a_change_makes_another_image_and_no_heap_of_old_ones(cache: Path, catalogue: Path) -> None:
    def kept() -> list[str]:
        environment = os.environ | {"CONTAINERS_STORAGE_CONF": str(cache / "storage" / "storage.conf")}
        driver = next(name for name in ("overlay", "vfs") if (cache / "storage" / name).exists())
        storage = [f"--root={cache}/storage/{driver}", f"--runroot={cache}/storage/state", f"--storage-driver={driver}"]
        command = ["buildah", *storage, "images", "--all", "--quiet"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()

    if not shutil.which("buildah") or not (cache / "storage").exists():
        pytest.skip("built by docker")
    first = tiny(catalogue, cache, "first")
    number = len(kept())
    second = tiny(catalogue, cache, "second")
    assert second.reference != first.reference
    assert len(kept()) == number


def test_a_build_killed_in_the_middle_leaves_nothing_and_the_next_one_works(cache: Path, catalogue: Path) -> None:
    dockerfile = catalogue.parent / "probe" / "Dockerfile"
    dockerfile.write_text(DOCKERFILE.replace("RUN python3", "RUN echo here && sleep 600\nRUN python3"))
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, str(catalogue), str(cache)], stdout=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + _SECONDS
        while not (log := cache / "probe.log").exists() or "\nhere\n" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + _SECONDS
    while processes_in(cache) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_in(cache) == []
    assert mounts_below(cache) == []

    assert tiny(catalogue, cache, "after the kill").archive.exists()
    assert not (cache / "work").exists()
    assert not list(cache.glob("*.partial"))


def test_an_import_that_was_cut_short_is_done_again(cache: Path, socket: Path, catalogue: Path) -> None:
    image = tiny(catalogue, cache, "cut short")
    with image.archive.open("rb") as content:
        subprocess.run(ctr(socket, "images", "import", "--no-unpack", "-"), stdin=content, check=True)
    assert store.load(image, socket)
    # Found, so it was unpacked; that it is no program does not matter.
    assert 'exec: "/word": permission denied' in run(socket, image)


def test_an_archive_of_the_user_is_loaded_under_its_own_name(socket: Path, tmp_path: Path, catalogue: Path) -> None:
    storage = tmp_path / "storage"
    buildah = ["buildah", f"--root={storage}/root", f"--runroot={storage}/state", "--storage-driver=vfs"]
    build = [*buildah, "bud", "--quiet", "--isolation=chroot", "--tag=mine/tool:1", str(catalogue.parent / "tiny")]
    subprocess.run(build, check=True, capture_output=True)
    for transport in ("docker-archive", "oci-archive"):
        archive, name = tmp_path / transport, f"docker.io/mine/{transport}:1"
        subprocess.run([*buildah, "push", "--quiet", "mine/tool:1", f"{transport}:{archive}:{name}"], check=True)
        assert name in store.load_archive(archive, socket)
        assert configuration(socket, name)["Entrypoint"] == ["/word"]

    nameless = tmp_path / "nameless.tar"
    subprocess.run([*buildah, "push", "--quiet", "mine/tool:1", f"oci-archive:{nameless}"], check=True)
    with pytest.raises(DevclusterError, match="names no image"):
        store.load_archive(nameless, socket)


def test_old_images_are_removed_and_others_stay(cache: Path, socket: Path, catalogue: Path) -> None:
    made = [tiny(catalogue, cache, word) for word in ("old", "used", "new")]
    for image in made:
        store.load(image, socket)
    old, used, new = (image.reference for image in made)
    # As the kubelet's side does: the image's id as a second name.
    subprocess.run(ctr(socket, "images", "tag", old, "sha256:" + "0" * 64), check=True, capture_output=True)
    subprocess.run(ctr(socket, "container", "create", used, "user"), check=True)
    try:
        gone = store.prune([new], socket)
        assert old in gone
        assert used not in gone
        rows = subprocess.run(ctr(socket, "images", "list", "--quiet"), capture_output=True, text=True, check=True)
        left = rows.stdout.split()
        assert used in left
        assert new in left
        assert not any(name.startswith("sha256:") for name in left)
    finally:
        subprocess.run(ctr(socket, "container", "remove", "user"), check=True)
    assert used in store.prune([new], socket)
    assert store.prune([new], socket) == []


def test_a_containerd_that_does_not_answer_is_named(cache: Path, tmp_path: Path) -> None:
    pause = images.ensure(["pause"], cache=cache, say=quiet)["pause"]
    with pytest.raises(DevclusterError, match=r"^no containerd listens at .*/none\.sock: start the node first$"):
        store.load(pause, tmp_path / "none.sock")


@pytest.mark.slow
def test_a_dockerfile_installs_packages_as_this_machine_does(cache: Path, socket: Path, catalogue: Path) -> None:
    install = "RUN apt-get update -qq && apt-get install --yes -qq --no-install-recommends tini >/dev/null\nRUN python3"
    (catalogue.parent / "probe" / "Dockerfile").write_text(DOCKERFILE.replace("RUN python3", install))
    image = probe(catalogue, cache)
    store.load(image, socket)
    script = "tini --version; cd /usr/share; find man doc/tini /var/cache/apt/*.bin -type f; wc -c /etc/apt/apt.conf"
    text = run(socket, image, "/bin/sh", "-c", script)
    assert "tini version" in text
    assert "\ndoc/tini/copyright\n0 /etc/apt/apt.conf\n" in text
