"""What kubectl printed, back to objects."""

import json

import pytest

from edgefleet.forecasting.snapshot import SnapshotError, read_snapshot
from support.live_fleet import live, plant, to_snapshot

YAML = """\
apiVersion: v1
items:
- apiVersion: edgefleet.io/v1alpha1
  kind: EdgeDevice
  metadata:
    creationTimestamp: "2026-11-20T06:00:00Z"
    name: motor-01
  status:
    desired:
    - at: 2026-11-20T06:00:00Z
      digest: "0123456789"
kind: List
metadata:
  resourceVersion: ""
"""


def test_a_list_is_opened_in_json_and_in_yaml() -> None:
    objects = live(plant("1.0.0"))
    assert read_snapshot(to_snapshot(objects)) == objects
    (device,) = read_snapshot(YAML)
    assert device["metadata"]["name"] == "motor-01"


def test_times_and_digests_of_digits_stay_strings() -> None:
    (device,) = read_snapshot(YAML)
    assert device["status"]["desired"] == [{"at": "2026-11-20T06:00:00Z", "digest": "0123456789"}]


def test_several_documents_and_single_objects_are_read_too() -> None:
    one = {"kind": "EdgeDevice", "metadata": {"name": "a"}}
    assert read_snapshot(json.dumps(one)) == [one]
    assert len(read_snapshot("kind: EdgeDevice\n---\nkind: EdgeDeviceList\nitems: [{kind: EdgeDevice}]\n---\n")) == 2
    assert read_snapshot("") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("a: [", "no YAML"),
        ("[1, 2]", "no Kubernetes object"),
        ("NAME   STEP\ncanary Proved\n", "no Kubernetes object"),
        ("a: !!python/object/apply:os.system [id]", "no YAML"),
    ],
)
def test_anything_else_is_refused(text: str, said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        read_snapshot(text)
