"""The Git server as it runs in its pod, without a cluster: its own start script, lighttpd and git."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import edgefleet_devcluster
from edgefleet_devcluster.addons.gitserver import Credentials
from edgefleet_devcluster.network import LOOPBACK, held_port

if TYPE_CHECKING:
    from collections.abc import Iterator


FILES = Path(edgefleet_devcluster.__file__).parent / "images" / "files" / "git-server"
LIGHTTPD = shutil.which("lighttpd", path=f"{os.environ['PATH']}:/usr/sbin")
CREDENTIALS = Credentials("edgefleet", "s:cret=1")
IDENTITY = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.test",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.test",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
ENTITY_TOO_LARGE = 413


def git(*arguments: str, cwd: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env=os.environ | IDENTITY | environment,
        capture_output=True,
        text=True,
        check=check,
        timeout=60,
    )


@dataclass
class Server:
    root: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/fleet.git"

    @property
    def repository(self) -> Path:
        return self.root / "srv" / "fleet.git"

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def command_environment(self) -> dict[str, str]:
        return os.environ | {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "GIT_PROJECT_ROOT": str(self.root / "srv"),
            "SERVE_ADDRESS": LOOPBACK,
            "SERVE_PORT": str(self.port),
            "SERVE_TEMPORARY": str(self.root / "tmp"),
            "SERVE_USERS": str(self.root / "users"),
            **self.environment,
        }

    def start(self) -> None:
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(FILES / "serve"), "fleet"],
                env=self.command_environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while self.request("GET", "/fleet.git/info/refs?service=git-upload-pack") != http.HTTPStatus.OK:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGINT) -> None:
        if self.process:
            os.killpg(self.process.pid, number)
            self.process.wait(15)
            self.process = None

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            answer.read()
        except OSError:
            return 0
        else:
            return answer.status
        finally:
            connection.close()

    def push(self, clone: Path, *refs: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return git("push", self.url, *(refs or ("main",)), cwd=clone, check=check, **CREDENTIALS.environment(self.url))

    def tip(self, ref: str = "refs/heads/main") -> str:
        return git("rev-parse", "--verify", "--quiet", ref, cwd=self.repository, check=False).stdout.strip()

    def assert_sound(self) -> None:
        checked = git("fsck", "--full", "--strict", cwd=self.repository, check=False)
        assert checked.returncode == 0, checked.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    for name in ("srv", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "users").write_text(f"{CREDENTIALS.username}:{CREDENTIALS.password}\n")
    with held_port() as port:
        own = Server(tmp_path, port)
    own.start()
    yield own
    own.stop(signal.SIGKILL)


def commit(clone: Path, name: str, content: bytes = b"x\n") -> str:
    (clone / name).write_bytes(content)
    git("add", name, cwd=clone)
    git("commit", "--quiet", "--message", name, cwd=clone)
    return git("rev-parse", "HEAD", cwd=clone).stdout.strip()


def new_clone(server: Server, name: str) -> Path:
    git("clone", "--quiet", server.url, name, cwd=server.root)
    return server.root / name


@pytest.fixture
def clone(server: Server) -> Path:
    """A clone whose first commit is pushed."""
    made = new_clone(server, "clone")
    commit(made, "first")
    server.push(made)
    return made


def test_a_new_repository_is_empty_and_starts_on_main(server: Server) -> None:
    assert (server.repository / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert "created" in server.log
    made = new_clone(server, "empty")
    assert git("symbolic-ref", "HEAD", cwd=made).stdout == "refs/heads/main\n"


def test_who_knows_the_password_pushes_and_everybody_reads(server: Server, clone: Path) -> None:
    pushed = commit(clone, "second")
    done = server.push(clone)
    assert server.tip() == pushed
    assert "remote: Flux was not asked to reconcile (not in a cluster)" in done.stderr
    assert git("rev-parse", "HEAD", cwd=new_clone(server, "reader")).stdout.strip() == pushed
    reflog = (server.repository / "logs" / "refs" / "heads" / "main").read_text()
    assert "edgefleet <edgefleet@http.127.0.0.1>" in reflog, "who pushed is written down"


@pytest.mark.parametrize("credentials", [None, Credentials("edgefleet", "wrong"), Credentials("other", "s:cret=1")])
def test_who_does_not_know_it_pushes_nothing(server: Server, clone: Path, credentials: Credentials | None) -> None:
    before = server.tip()
    commit(clone, "intruder")
    environment = credentials.environment(server.url) if credentials else {}
    done = git("push", server.url, "main", cwd=clone, check=False, **environment)
    assert done.returncode != 0
    assert server.tip() == before


def packet(line: bytes) -> bytes:
    return f"{len(line) + 4:04x}".encode() + line


def head_of_a_push(server: Server, length: int) -> bytes:
    header = CREDENTIALS.environment(server.url)["GIT_CONFIG_VALUE_0"]
    lines = ["POST /fleet.git/git-receive-pack HTTP/1.1", "Host: x", header, f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def creation_of_a_branch(ref: str, commit_id: str) -> bytes:
    """Return the body of a push that makes a branch at a commit the server has."""
    empty_pack = b"PACK\0\0\0\x02\0\0\0\0"
    command = f"{'0' * 40} {commit_id} {ref}\0 report-status\n".encode()
    return packet(command) + b"0000" + empty_pack + hashlib.sha1(empty_pack).digest()  # noqa: S324 - git's format


@pytest.mark.parametrize(
    "path",
    [
        "/fleet.git/git-receive-pack",
        "/fleet.git/git-receive-pack?service=git-upload-pack",
        "/fleet.git//git-receive-pack",
        "/fleet.git/./git-receive-pack",
        "/fleet.git/git%2Dreceive-pack",
        "/fleet.git/git-receive-pack/",
        "/fleet.git/git-receive-pack%00",
        "/fleet.git/git-receive-pack%3f",
        "/x/../fleet.git/git-receive-pack",
        "//fleet.git/git-receive-pack",
        "/fleet.git/GIT-receive-pack",
    ],
)
def test_no_address_gets_around_the_password(server: Server, clone: Path, path: str) -> None:
    assert clone.is_dir()
    body = creation_of_a_branch("refs/heads/intruder", server.tip())
    kind = "application/x-git-receive-pack-request"
    spoofed = {"Remote_User": "edgefleet", "X_Remote_User": "edgefleet"}
    status = server.request("POST", path, body, Content_Type=kind, **spoofed)
    assert status in (400, 401, 403, 404)
    assert not server.tip("refs/heads/intruder")


def test_the_same_request_with_the_password_is_a_push(server: Server, clone: Path) -> None:
    """Else the test above would hold nothing."""
    assert clone.is_dir()
    header = CREDENTIALS.environment(server.url)["GIT_CONFIG_VALUE_0"].partition(": ")[2]
    body = creation_of_a_branch("refs/heads/made", server.tip())
    kind = "application/x-git-receive-pack-request"
    path = "/fleet.git/git-receive-pack"
    assert server.request("POST", path, body, Content_Type=kind, Authorization=header) == http.HTTPStatus.OK
    assert server.tip("refs/heads/made") == server.tip()


@pytest.mark.parametrize(
    "path",
    [
        "/fleet.git/config",
        "/fleet.git/HEAD",
        "/fleet.git/logs/refs/heads/main",
        "/../users",
        "/%2e%2e/users",
        "/",
        "/log",
    ],
)
def test_no_file_is_served_as_such(server: Server, clone: Path, path: str) -> None:
    assert clone.is_dir()
    assert server.request("GET", path) in (400, 403, 404)


def test_the_same_revision_again_is_no_push(server: Server, clone: Path) -> None:
    before = server.tip()
    done = server.push(clone)
    assert "Everything up-to-date" in done.stderr
    assert "remote:" not in done.stderr
    assert server.tip() == before


def test_history_can_be_replaced_but_the_branch_stays(server: Server, clone: Path) -> None:
    assert "refusing to delete the current branch" in server.push(clone, ":main", check=False).stderr
    git("commit", "--quiet", "--amend", "--message", "other", cwd=clone)
    server.push(clone, "+main")
    assert server.tip() == git("rev-parse", "HEAD", cwd=clone).stdout.strip()


def test_a_compressed_request_is_understood(server: Server, clone: Path) -> None:
    assert clone.is_dir()
    body = packet(b"command=ls-refs\n") + b"0001" + packet(b"ref-prefix refs/heads/\n") * 200 + b"0000"
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
    headers = {
        "Content-Type": "application/x-git-upload-pack-request",
        "Content-Encoding": "gzip",
        "Git-Protocol": "version=2",
    }
    connection.request("POST", "/fleet.git/git-upload-pack", gzip.compress(body), headers)
    answer = connection.getresponse()
    assert (answer.status, server.tip().encode() in answer.read()) == (200, True)
    connection.close()


def test_a_push_of_tens_of_megabytes(server: Server, clone: Path) -> None:
    """Above a megabyte git sends its request in chunks, of which the server does not know how many will come."""
    pushed = commit(clone, "model.bin", os.urandom(40 * 1024**2))
    server.push(clone)
    assert server.tip() == pushed
    assert not list((server.root / "tmp").iterdir()), "what was collected is gone"
    reader = new_clone(server, "reader")
    assert (reader / "model.bin").read_bytes() == (clone / "model.bin").read_bytes()


def test_a_push_that_would_fill_the_disk_is_refused(server: Server) -> None:
    connection = socket.create_connection((LOOPBACK, server.port), timeout=10)
    header = CREDENTIALS.environment(server.url)["GIT_CONFIG_VALUE_0"]
    request = (
        f"POST /fleet.git/git-receive-pack HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: {2 * 1024**3}\r\n\r\n"
    )
    connection.sendall(request.encode())
    assert str(ENTITY_TOO_LARGE).encode() in connection.recv(4096).split(b"\r\n")[0]
    connection.close()


def test_pushes_at_once_to_their_own_branches_all_arrive(server: Server, clone: Path) -> None:
    assert clone.is_dir()
    clones = [new_clone(server, f"c{number}") for number in range(6)]
    tips = [commit(made, made.name) for made in clones]
    with ThreadPoolExecutor(len(clones)) as pool:
        list(pool.map(lambda made: server.push(made, f"HEAD:refs/heads/{made.name}"), clones))
    assert [server.tip(f"refs/heads/{made.name}") for made in clones] == tips
    server.assert_sound()


def test_pushes_at_once_to_one_branch_lose_no_commit(server: Server, clone: Path) -> None:
    clones = [new_clone(server, f"c{number}") for number in range(4)]

    def publish(made: Path) -> None:
        commit(made, made.name)
        for _ in range(20):
            if server.push(made, check=False).returncode == 0:
                return
            git("pull", "--quiet", "--rebase", cwd=made)
        pytest.fail(f"{made.name} was never accepted")

    with ThreadPoolExecutor(len(clones)) as pool:
        list(pool.map(publish, clones))
    git("pull", "--quiet", cwd=clone)
    assert {f"c{number}" for number in range(4)} <= {found.name for found in clone.iterdir()}
    server.assert_sound()


def test_killed_in_mid_push_it_goes_on_with_what_it_had(server: Server, clone: Path) -> None:
    before = server.tip()
    pushed = commit(clone, "large.bin", os.urandom(60 * 1024**2))
    with ThreadPoolExecutor(1) as pool:
        push = pool.submit(server.push, clone, check=False)
        deadline = time.monotonic() + 30
        while not list(server.repository.glob("objects/*incoming*/pack/tmp_pack*")):
            assert not push.done(), "the push was over before it could be broken"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        server.stop(signal.SIGKILL)
        assert push.result().returncode != 0
    (server.repository / "refs" / "heads" / "main.lock").touch()
    server.start()
    assert server.tip() == before
    assert not [*server.repository.glob("objects/*incoming*"), *server.repository.rglob("*.lock")]
    server.assert_sound()
    server.push(clone)
    assert server.tip() == pushed


def test_a_client_that_goes_away_in_mid_upload_has_started_nothing(server: Server, clone: Path) -> None:
    before = sorted(server.repository.rglob("*"))
    body = creation_of_a_branch("refs/heads/half", server.tip())
    with socket.create_connection((LOOPBACK, server.port), timeout=10) as connection:
        connection.sendall(head_of_a_push(server, len(body) + 9) + body)
        time.sleep(0.2)
    commit(clone, "next")
    assert sorted(server.repository.rglob("*")) == before
    server.push(clone)
    assert not server.tip("refs/heads/half")
    assert not list((server.root / "tmp").iterdir())


def test_a_lock_that_a_dead_git_left_does_not_block_for_long(server: Server, clone: Path) -> None:
    lock = server.repository / "refs" / "heads" / "main.lock"
    lock.touch()
    pushed = commit(clone, "after")
    refused = server.push(clone, check=False)
    assert refused.returncode != 0, "a fresh lock may be a living process's"
    os.utime(lock, (time.time() - 120, time.time() - 120))
    server.push(clone)
    assert server.tip() == pushed


def test_told_to_stop_it_finishes_the_push(server: Server, clone: Path) -> None:
    pushed = commit(clone, "large.bin", os.urandom(40 * 1024**2))
    with ThreadPoolExecutor(1) as pool:
        push = pool.submit(server.push, clone)
        while not list(server.repository.glob("objects/*incoming*")):
            assert not push.done()
            time.sleep(0.002)
        assert server.process
        os.kill(server.process.pid, signal.SIGINT)
        push.result()
    assert server.process.wait(15) == 0
    assert server.tip() == pushed


@pytest.mark.parametrize("names", [[], ["../x"], ["a b"], [".hidden"], ["fleet.git"], [""], ["a", "B"]])
def test_a_name_that_is_none_is_refused(server: Server, names: list[str]) -> None:
    command = [str(FILES / "serve"), *names]
    done = subprocess.run(
        command, env=server.command_environment(), capture_output=True, text=True, check=False, timeout=10
    )
    assert done.returncode == 1
    assert done.stderr.startswith("git-server: ")


def test_without_users_it_does_not_start(server: Server) -> None:
    environment = server.command_environment() | {"SERVE_USERS": str(server.root / "nobody")}
    command = [str(FILES / "serve"), "fleet"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=10)
    assert (done.returncode, "nobody: lines of user:password" in done.stderr) == (1, True)
