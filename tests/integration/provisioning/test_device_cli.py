"""`edgefleet device provision` and `edgefleet registry access`, as an administrator types them."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgefleet.adapters.kubernetes.client import KubernetesClient
from edgefleet.adapters.kubernetes.installation import Installation as Store
from edgefleet.contracts.codec import decode
from edgefleet.contracts.keys import KeyBundle
from edgefleet.provisioning import bootstrap, inventory
from edgefleet.provisioning.bootstrap import Installation
from support.authority import make_key

if TYPE_CHECKING:
    from support.controlplane import Cluster, Kubectl

PROGRAM = Path(sys.executable).with_name("edgefleet")


@dataclass(frozen=True)
class Administrator:
    """Types commands at an installed platform."""

    cluster: Cluster
    namespace: str
    folder: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = [f"--kubeconfig={self.cluster.kubeconfig}", f"--platform-namespace={self.namespace}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EDGEFLEET_")}
        command = [PROGRAM, *arguments, *where]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def administrator(control_plane: Cluster, kubectl: Kubectl, namespace: str, tmp_path: Path) -> Administrator:
    """An administrator of a platform whose Secrets are there, and one release key."""

    async def complete() -> None:
        async with await KubernetesClient.from_kubeconfig(control_plane.kubeconfig) as client:
            wanted = Installation(namespace)
            await bootstrap.run(Store(client, namespace), wanted, datetime.now(UTC), lambda _line: None)

    asyncio.run(complete())
    public = make_key(tmp_path / "release.key")
    keys = f"--from-file=main.pem={public}"
    kubectl("create", "configmap", inventory.RELEASE_KEYS, "-n", namespace, keys)
    return Administrator(control_plane, namespace, tmp_path)


def test_devices_get_their_files_and_keep_them(administrator: Administrator) -> None:
    done = administrator("device", "provision", "press-07", "press-08", "--out", "identities")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "press-07: made in identities/press-07\npress-08: made in identities/press-08\n"
    folder = administrator.folder / "identities" / "press-07"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(files) == {"ca.crt", "device.crt", "device.key", "keys.json"}
    assert stat.S_IMODE((folder / "device.key").stat().st_mode) == 0o600
    released, assigning = decode(KeyBundle, files["keys.json"]).trusted()
    assert (len(released), len(assigning)) == (1, 1)

    again = administrator("device", "provision", "press-07", "--out", "identities")
    assert again.stdout == "press-07: kept in identities/press-07\n"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files

    renewed = administrator("device", "provision", "press-07", "--renew", "--out", "identities")
    assert renewed.stdout == "press-07: renewed in identities/press-07\n"
    assert (folder / "device.key").read_bytes() == files["device.key"]
    assert (folder / "device.crt").read_bytes() != files["device.crt"]


def test_a_folder_with_half_an_identity_is_named_and_mended_on_demand(administrator: Administrator) -> None:
    administrator("device", "provision", "press-07", "--out", "identities")
    folder = administrator.folder / "identities" / "press-07"
    (folder / "device.crt").unlink()
    done = administrator("device", "provision", "press-07", "--out", "identities")
    assert done.returncode == 1
    assert done.stderr == (
        "edgefleet device provision: identities/press-07: device.crt missing; "
        "mend it with --renew, or remove the folder\n"
    )
    assert administrator("device", "provision", "press-07", "--renew", "--out", "identities").returncode == 0
    assert administrator("device", "provision", "press-07", "--out", "identities").stdout.startswith("press-07: kept")


def test_new_devices_get_the_bundle_of_the_last_rotation(administrator: Administrator) -> None:
    administrator("device", "provision", "press-07", "--out", "identities")
    current, key = "identities/press-07/keys.json", "release.key"
    make_key(administrator.folder / "next.key")
    command = [str(PROGRAM), "keys", "rotate", current, f"--key={key}", "--add-release=next.key.pub", "--out=rotated"]
    subprocess.run(command, cwd=administrator.folder, check=True, capture_output=True)
    done = administrator("device", "provision", "press-08", "--keys=rotated/keys.json", "--out", "identities")
    assert done.returncode == 0, done.stderr
    given = decode(KeyBundle, (administrator.folder / "identities" / "press-08" / "keys.json").read_bytes())
    assert (given.version, len(given.release_keys), len(given.assignment_keys)) == (2, 2, 1)
    other = administrator("device", "provision", "press-09", "--keys=release.key", "--out", "identities")
    assert other.returncode == 1
    assert other.stderr.startswith("edgefleet device provision: release.key: key-bundle: ")


def test_what_a_killed_run_left_is_in_nobodys_way(administrator: Administrator) -> None:
    left = administrator.folder / "identities" / ".press-07.partial"
    left.mkdir(parents=True)
    (left / "device.key").write_text("half")
    done = administrator("device", "provision", "press-07", "--out", "identities")
    assert done.stdout == "press-07: made in identities/press-07\n"
    assert not left.exists()


def test_no_id_leads_out_of_the_folder(administrator: Administrator) -> None:
    done = administrator("device", "provision", "../press-07", "--out", "identities")
    assert done.returncode == 1
    assert "'../press-07' is not a device id" in done.stderr
    assert not (administrator.folder / "press-07").exists()


def test_without_a_release_key_no_device_is_made(administrator: Administrator, kubectl: Kubectl) -> None:
    here = f"--namespace={administrator.namespace}"
    kubectl("delete", "configmap", inventory.RELEASE_KEYS, here)
    done = administrator("device", "provision", "press-07", "--out", "identities")
    assert done.returncode == 1
    assert f"ConfigMap {administrator.namespace}/edgefleet-release-keys is not there" in done.stderr
    kubectl("create", "configmap", inventory.RELEASE_KEYS, here)
    done = administrator("device", "provision", "press-07", "--out", "identities")
    assert "0 release keys, where 1 to 4 are expected: set the chart's `releaseKeys`" in done.stderr


def test_whoever_uploads_gets_the_token_and_the_authoritys_certificate_only(
    administrator: Administrator, kubectl: Kubectl
) -> None:
    done = administrator("registry", "access", "--out", "access")
    assert done.returncode == 0, done.stderr
    folder = administrator.folder / "access"
    assert {path.name for path in folder.iterdir()} == {"ca.crt", "token"}
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert len((folder / "token").read_text()) == 43
    assert "PRIVATE" not in (folder / "ca.crt").read_text()
    kubectl("delete", "secret", inventory.UPLOAD_TOKEN, f"--namespace={administrator.namespace}")
    missing = administrator("registry", "access", "--out", "access")
    assert missing.returncode == 1
    assert "edgefleet-model-registry-upload is not there: is EdgeFleet installed" in missing.stderr


@pytest.mark.parametrize("option", ["--context=other", "--kubeconfig=missing"])
def test_a_cluster_that_cannot_be_chosen_is_one_line(administrator: Administrator, option: str) -> None:
    arguments = ["device", "provision", "press-07", "--out", "identities", option]
    command = [PROGRAM, *arguments]
    environment = os.environ | {"KUBECONFIG": str(administrator.cluster.kubeconfig)}
    done = subprocess.run(
        command, cwd=administrator.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("edgefleet device provision: kubeconfig: ")
    assert done.stderr.count("\n") == 1
