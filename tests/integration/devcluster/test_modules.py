from __future__ import annotations

from edgefleet_devcluster.binaries import modules
from edgefleet_devcluster.binaries.components import component


def test_the_source_of_a_component_is_at_hand() -> None:
    wanted = component("local-path-provisioner").set
    found = modules.fetch(wanted)
    assert found.name == f"local-path-provisioner@{wanted.version}"
    assert "kind: StorageClass" in (found / "deploy" / "local-path-storage.yaml").read_text()
