from __future__ import annotations

from typing import Any

import pytest

from edgefleet_devcluster.addons import rollouts

Object = dict[str, Any]


def deployment(wanted: int = 1, generation: int = 1, **status: Any) -> Object:
    return {
        "kind": "Deployment",
        "metadata": {"namespace": "git", "name": "git-server", "generation": generation},
        "spec": {"replicas": wanted, "selector": {"matchLabels": {"app": "git-server"}}},
        "status": status,
    }


RUNNING = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


def pod(name: str = "git-server-1", *, created: str = "2026-01-01T00:00:00Z", **status: Any) -> Object:
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": "git",
            "name": name,
            "creationTimestamp": created,
            "labels": {"app": "git-server", "other": "x"},
        },
        "status": status,
    }


def container(**state: Any) -> Object:
    return {"name": "git-server", "ready": False, "restartCount": 3} | state


def explanation(*objects: Object) -> str:
    (trouble,) = rollouts.troubles(["git/git-server"], objects)
    return str(trouble)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (deployment(**RUNNING), True),
        (deployment(), False),
        (deployment(generation=2, **RUNNING), False),
        (deployment(wanted=2, **RUNNING), False),
        (deployment(**(RUNNING | {"updatedReplicas": 0})), False),
        (deployment(**(RUNNING | {"availableReplicas": 0})), False),
        (deployment(**(RUNNING | {"replicas": 2})), False),
        (deployment(wanted=0, observedGeneration=1), True),
    ],
)
def test_available_is_all_replicas_of_the_newest_template(found: Object, expected: bool) -> None:
    assert rollouts.available(found) is expected
    assert bool(rollouts.troubles(["git/git-server"], [found])) is not expected


def test_what_is_not_there_is_trouble() -> None:
    assert explanation() == "git/git-server: there is no such Deployment"
    assert explanation(deployment()) == "git/git-server: no pod yet"


def test_a_pod_that_is_refused_is_told_by_the_deployment() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": 'violates PodSecurity "restricted:latest"'}
    assert explanation(deployment(conditions=[refused])).endswith('no pod: violates PodSecurity "restricted:latest"')


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({}, "not seen by a node yet"),
        ({"phase": "Pending"}, "Pending"),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/4 nodes"}
                ],
            },
            "Unschedulable: 0/4 nodes",
        ),
        ({"containerStatuses": [container(state={"waiting": {"reason": "ContainerCreating"}})]}, "ContainerCreating"),
        (
            {
                "containerStatuses": [
                    container(state={"waiting": {"reason": "ErrImageNeverPull", "message": "image x is not present"}})
                ]
            },
            "ErrImageNeverPull: image x is not present",
        ),
        ({"containerStatuses": [container(state={"running": {}})]}, "runs, but is not ready"),
        (
            {
                "containerStatuses": [
                    container(
                        state={"waiting": {"reason": "CrashLoopBackOff"}},
                        lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
                    )
                ]
            },
            "CrashLoopBackOff, exit status 1, 3 restarts",
        ),
        (
            {"containerStatuses": [container(state={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})]},
            "OOMKilled, exit status 137, 3 restarts",
        ),
        ({"phase": "Failed", "message": "node was low on memory"}, "node was low on memory"),
    ],
)
def test_a_pod_s_reason(status: Object, reason: str) -> None:
    assert explanation(deployment(), pod(**status)) == f"git/git-server (pod git-server-1): {reason}"


def test_only_what_crashed_has_last_words() -> None:
    crashed = pod(containerStatuses=[container(state={"terminated": {"exitCode": 1}})])
    waiting = pod(containerStatuses=[container(state={"waiting": {"reason": "ContainerCreating"}})])
    for found, expected in ((crashed, True), (waiting, False)):
        (trouble,) = rollouts.troubles(["git/git-server"], [deployment(), found])
        assert (trouble.crashed, trouble.namespace) == (expected, "git")


def test_the_newest_pod_is_looked_at_and_strangers_are_not() -> None:
    newest = pod("git-server-2", created="2026-01-02T00:00:00Z", phase="Pending")
    stranger = pod("other", created="2026-01-03T00:00:00Z")
    stranger["metadata"]["labels"] = {"app": "other"}
    elsewhere = pod("elsewhere", created="2026-01-03T00:00:00Z")
    elsewhere["metadata"]["namespace"] = "default"
    assert "git-server-2" in explanation(deployment(), pod(), newest, stranger, elsewhere)


def test_an_ending_pod_is_told() -> None:
    ending = pod()
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert explanation(deployment(), ending).endswith("the pod before it still ends")


def test_definitions_that_are_not_served() -> None:
    def definition(name: str, *conditions: Object) -> Object:
        return {"metadata": {"name": name}, "status": {"conditions": list(conditions)}}

    served = definition("a", {"type": "Established", "status": "True"})
    refused = definition("b", {"type": "Established", "status": "False"})
    new: Object = {"metadata": {"name": "c"}}
    assert rollouts.not_established([served, refused, new]) == ["b", "c"]
