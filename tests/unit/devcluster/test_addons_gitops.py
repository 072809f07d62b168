from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest
import yaml

from edgefleet_devcluster.addons import gitops, gitserver
from edgefleet_devcluster.addons.gitserver import Credentials
from edgefleet_devcluster.errors import DevclusterError


def answers(returncode: int, stdout: str = "", stderr: str = "") -> Any:
    def kubectl(*arguments: str, **_: Any) -> subprocess.CompletedProcess[str]:
        assert "git-server-push" in arguments
        return subprocess.CompletedProcess(arguments, returncode, stdout, stderr)

    return kubectl


def test_a_folder_of_a_repository_is_watched() -> None:
    source, kustomization = yaml.safe_load_all(gitops.watch("fleet", "./clusters/demo", name="demo", wait=True))
    assert source["metadata"] == {"name": "fleet", "namespace": "flux-system"}
    assert source["spec"]["url"] == "http://git-server.git.svc.cluster.local/fleet.git"
    assert source["spec"]["ref"] == {"branch": "main"}
    assert kustomization["metadata"] == {"name": "demo", "namespace": "flux-system"}
    spec = kustomization["spec"]
    assert spec["sourceRef"] == {"kind": "GitRepository", "name": "fleet"}
    assert (spec["path"], spec["prune"], spec["wait"]) == ("./clusters/demo", True, True)


def test_a_kustomization_is_called_like_its_repository() -> None:
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(gitops.watch("plant", "."))] == ["plant", "plant"]


def test_new_credentials_differ_and_hide() -> None:
    first, second = Credentials.generate(), Credentials.generate()
    assert first.password != second.password
    assert len(first.password) >= 32
    assert first.password not in repr(first)
    assert ":" not in first.password, "the Git server's file of users is split there"


def test_the_secret_holds_what_it_was_made_of() -> None:
    made = Credentials.generate()
    secret = made.secret()
    assert Credentials.find(answers(0, json.dumps(secret))) == made
    users = base64.b64decode(secret["data"]["users"]).decode()
    assert users == f"{made.username}:{made.password}\n"


@pytest.mark.parametrize("data", [{}, {"username": "eA=="}, {"username": "eA==", "password": "!"}, None])
def test_a_damaged_secret_counts_as_none(data: Any) -> None:
    assert Credentials.find(answers(0, json.dumps({"data": data}))) is None


def test_no_secret_is_none_and_no_cluster_is_an_error() -> None:
    assert Credentials.find(answers(0)) is None
    with pytest.raises(DevclusterError, match="cannot read the Git server's Secret: refused"):
        Credentials.find(answers(1, stderr="refused\n"))


def test_git_gets_the_password_by_environment() -> None:
    remote = gitserver.remote("192.0.2.7", "fleet")
    assert remote == "http://192.0.2.7:30080/fleet.git"
    environment = Credentials("user", "secret").environment(remote)
    assert environment["GIT_CONFIG_KEY_0"] == f"http.{remote}.extraHeader"
    assert environment["GIT_CONFIG_VALUE_0"] == "Authorization: Basic dXNlcjpzZWNyZXQ="
