"""The Git server's post-receive hook against an API server of a few lines, which notes what it is asked."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import edgefleet_devcluster
from edgefleet_devcluster.addons import gitserver
from edgefleet_devcluster.network import LOOPBACK
from edgefleet_devcluster.pki import Authority, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = Path(edgefleet_devcluster.__file__).parent / "images" / "files" / "git-server"
PATH = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories"
MAIN = "0" * 40 + " " + "1" * 40 + " refs/heads/main\n"
LONGEST_PUSH = 8.0
"""Seconds that whoever pushes may be kept waiting by a cluster that does not answer."""


def repository(name: str, url: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"url": url, "ref": {"branch": "main"}} | spec}


@dataclass
class Recorder:
    """An API server that holds GitRepositories and notes each request."""

    items: list[dict[str, Any]] = field(default_factory=list)
    refuse: int = 0
    delay: float = 0.0
    requests: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(json.dumps({"items": recorder.items}))

            def do_PATCH(self) -> None:
                assert self.headers["Content-Type"] == "application/merge-patch+json"
                self._answer("{}")

            def _answer(self, content: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                recorder.requests.append((self.command, self.path, self.headers["Authorization"], body))
                time.sleep(recorder.delay)
                self.send_response(recorder.refuse or 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Keep quiet."""

        return Handler

    @property
    def patched(self) -> list[str]:
        return [path for method, path, _, _ in self.requests if method == "PATCH"]


@dataclass
class Hook:
    environment: dict[str, str]
    directory: Path

    def __call__(self, pushed: str = MAIN) -> str:
        done = subprocess.run(
            [str(FILES / "hooks" / "post-receive")],
            input=pushed,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1
        return done.stdout.strip()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[Recorder, int]]:
    (tmp_path / "pki").mkdir()
    pair = Authority(tmp_path / "pki").issue("api", Subject("kube-apiserver", hosts=(LOOPBACK,)))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    recorder = Recorder()
    server = ThreadingHTTPServer((LOOPBACK, 0), recorder.handler())
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield recorder, server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook(api: tuple[Recorder, int], tmp_path: Path) -> Hook:
    directory = tmp_path / "fleet.git"
    directory.mkdir()
    (tmp_path / "token").write_text("the-token\n")
    (tmp_path / "ca.crt").write_bytes((tmp_path / "pki" / "ca.crt").read_bytes())
    return Hook(
        {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SERVE_HOME": str(FILES),
            "SERVE_HOST": "git-server.git",
            "SERVE_FLUX_NAMESPACE": "flux-system",
            "SERVE_SERVICE_ACCOUNT": str(tmp_path),
            "KUBERNETES_SERVICE_HOST": LOOPBACK,
            "KUBERNETES_SERVICE_PORT": str(api[1]),
            # What a client may set with a header; the hook must ask the API server itself.
            "HTTP_PROXY": "http://192.0.2.1:3128",
            "https_proxy": "http://192.0.2.1:3128",
        },
        directory,
    )


def test_it_annotates_what_watches_the_repository(api: tuple[Recorder, int], hook: Hook) -> None:
    recorder = api[0]
    recorder.items = [
        repository("fleet", gitserver.address("fleet")),
        repository("other", gitserver.address("other")),
        repository("elsewhere", "https://git.example.test/fleet.git"),
        repository("short", "http://git-server.git/fleet.git"),
        repository("staging", gitserver.address("fleet"), ref={"branch": "staging"}),
    ]
    assert hook() == "Flux asked to reconcile fleet, short"
    assert recorder.patched == [f"{PATH}/{name}?fieldManager=git-server" for name in ("fleet", "short")]
    method, path, token, body = recorder.requests[1]
    assert (method, path, token) == ("PATCH", f"{PATH}/fleet?fieldManager=git-server", "Bearer the-token")
    annotations = json.loads(body)["metadata"]["annotations"]
    assert list(annotations) == ["reconcile.fluxcd.io/requestedAt"]


def test_each_push_asks_with_a_new_value(api: tuple[Recorder, int], hook: Hook) -> None:
    api[0].items = [repository("fleet", gitserver.address("fleet"))]
    hook()
    hook()
    bodies = [body for method, _, _, body in api[0].requests if method == "PATCH"]
    assert len(set(bodies)) == len(bodies) == 2


@pytest.mark.parametrize(
    ("spec", "pushed", "asked"),
    [
        ({}, "refs/heads/main", True),
        ({}, "refs/heads/other", False),
        ({"ref": None}, "refs/heads/master", True),
        ({"ref": None}, "refs/heads/main", False),
        ({"ref": {"name": "refs/heads/x"}}, "refs/heads/x", True),
        ({"ref": {"name": "refs/heads/x"}}, "refs/heads/main", False),
        ({"ref": {"semver": ">=1"}}, "refs/tags/v1.0.0", True),
        ({"ref": {"tag": "v1"}}, "refs/heads/main", False),
        ({"ref": {"commit": "0" * 40}}, "refs/heads/main", False),
        ({"ref": {"commit": "0" * 40, "branch": "main"}}, "refs/heads/main", True),
    ],
)
def test_it_asks_only_for_what_follows_the_branch(
    api: tuple[Recorder, int], hook: Hook, spec: dict[str, Any], pushed: str, asked: bool
) -> None:
    api[0].items = [repository("fleet", gitserver.address("fleet"), **spec)]
    line = hook(MAIN.replace("refs/heads/main", pushed))
    assert line == ("Flux asked to reconcile fleet" if asked else f"Flux watches no {pushed} of fleet.git")


def test_several_branches_in_one_push(api: tuple[Recorder, int], hook: Hook) -> None:
    api[0].items = [repository("fleet", gitserver.address("fleet"))]
    assert hook(MAIN.replace("main", "a") + MAIN) == "Flux asked to reconcile fleet"


def test_it_says_that_flux_is_told_not_to_look(api: tuple[Recorder, int], hook: Hook) -> None:
    api[0].items = [repository("fleet", gitserver.address("fleet"), suspend=True)]
    assert hook() == "Flux asked to reconcile fleet (suspended)"


def test_a_refusal_is_told_and_no_failure(api: tuple[Recorder, int], hook: Hook) -> None:
    api[0].refuse = 403
    line = hook()
    assert line.startswith("Flux was not asked to reconcile (the API server answered 403 Forbidden to GET")
    assert line.endswith("it looks by itself at its next interval")


def test_a_cluster_that_does_not_answer_keeps_nobody_waiting(api: tuple[Recorder, int], hook: Hook) -> None:
    api[0].delay = 30.0
    begin = time.monotonic()
    assert "not asked to reconcile (" in hook()
    assert time.monotonic() - begin < LONGEST_PUSH


@pytest.mark.slow
def test_a_cluster_that_answers_drop_by_drop_keeps_nobody_waiting_either(api: tuple[Recorder, int], hook: Hook) -> None:
    api[0].items = [repository(f"fleet-{number}", gitserver.address("fleet")) for number in range(40)]
    api[0].delay = 0.5
    begin = time.monotonic()
    assert "no answer within 4 s" in hook()
    assert time.monotonic() - begin < LONGEST_PUSH


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"KUBERNETES_SERVICE_PORT": "1"}, "refused"),
        ({"KUBERNETES_SERVICE_HOST": ""}, "not in a cluster"),
        ({"SERVE_SERVICE_ACCOUNT": "/nonexistent"}, "No such file"),
        ({"KUBERNETES_SERVICE_PORT": "none"}, "invalid literal"),
    ],
)
def test_what_is_missing_is_told_and_no_failure(hook: Hook, change: dict[str, str], word: str) -> None:
    hook.environment |= change
    assert word in hook()


def test_it_trusts_only_its_own_cluster(hook: Hook, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    other.issue("api", Subject("x", hosts=(LOOPBACK,)))
    (tmp_path / "ca.crt").write_bytes((tmp_path / "other" / "ca.crt").read_bytes())
    assert "CERTIFICATE_VERIFY_FAILED" in hook()


@pytest.mark.parametrize("items", [None, [{}], [{"spec": {}}], [{"spec": {"url": 7}}]])
def test_an_answer_that_makes_no_sense_is_no_failure(api: tuple[Recorder, int], hook: Hook, items: Any) -> None:
    api[0].items = items
    assert "not asked to reconcile" in hook()
