"""Valid manifests that together use every field of the four kinds: what the other manifests are bent from."""

import copy
from typing import Any, Final

from edgefleet.contracts.features import MOTOR_LEVEL1

Json = dict[str, Any]

_DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_TIME: Final = "2026-11-21T06:00:00Z"
_WINDOW: Final = {
    "timeZone": "Europe/Berlin",
    "periods": [{"days": ["Sat", "Sun"], "start": "22:00", "end": "06:00"}, {"start": "00:00", "end": "24:00"}],
}
_PLACEMENT_PARTS: Final = {
    "nodeSelector": {"tpuAccelerator": "true"},
    "tolerations": [
        {"key": "gpuAccelerator", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
    ],
    "affinity": {"nodeAffinity": {"anything": [1, 2.5, None, {"deep": True}]}},
}
_SETTINGS: Final = {
    "anomalyThreshold": 0.8,
    "hysteresisWindows": 3,
    "samplePeriod": "1s",
    "telemetryPeriod": "1m30s",
}


def _object(kind: str, name: str, spec: Json, status: Json | None = None, **metadata: Any) -> Json:
    whole: Json = {
        "apiVersion": "edgefleet.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }
    return whole | ({"status": status} if status else {})


def _conditions(*types: str) -> list[Json]:
    return [
        {
            "type": name,
            "status": "True",
            "observedGeneration": 1,
            "lastTransitionTime": _TIME,
            "reason": "Tested",
            "message": "as the test says",
        }
        for name in types
    ]


_TOKENS: Final = [{"name": "retry", "value": "2026-11-21", "at": _TIME}]

_DEVICE: Final = _object(
    "EdgeDevice",
    "press-07",
    {
        "deviceClass": "esp32",
        "role": "level2",
        "sources": {"inputTopic": "shaded-pole-motor-sensor_data", "devices": ["press-01", "press-02"]},
        "pin": {
            "model": "motor-anomaly",
            "modelVersion": "1.4.0",
            "reason": "bearing test",
            "until": "2026-12-01T00:00:00+01:00",
        },
        "updatesEnabled": False,
        "revoked": True,
        "window": _WINDOW,
        "settings": _SETTINGS,
        "placement": {**_PLACEMENT_PARTS, "runtimeClassName": "nvidia", "allowFallback": True},
    },
    {
        "observedGeneration": 1,
        "phase": "UpToDate",
        "ring": "canary",
        "desiredVersion": "1.4.0",
        "reportedVersion": "1.4.0",
        "desired": [
            {
                "model": "motor-anomaly",
                "modelVersion": "1.4.0",
                "digest": _DIGEST,
                "generation": 4294967297,
                "ring": "canary",
                "at": _TIME,
            }
        ],
        "reported": [
            {
                "model": "motor-anomaly",
                "modelVersion": "1.4.0",
                "digest": _DIGEST,
                "slot": "a",
                "firmwareVersion": "2.0.1",
                "settings": _SETTINGS,
                "arenaUsedBytes": 1920,
                "selfTest": {"passed": 8, "total": 8, "maxLsb": 0},
                "enrolmentId": "e-1",
                "bootCount": 3,
                "seq": 17,
            }
        ],
        "capabilities": {
            "ramBytes": 327680,
            "slotBytes": 65536,
            "arenaBytes": 16384,
            "opsProfile": "motor",
            "ops": ["FULLY_CONNECTED"],
            "accelerator": "none",
            "runtime": "tflm",
        },
        "baseline": {"token": "t1", "windows": 600, "features": [0.1, 2, -3.5], "at": _TIME},
        "lastGood": {"model": "motor-anomaly", "modelVersion": "1.3.0", "digest": _DIGEST, "at": _TIME},
        "attempts": 1,
        "blockedUntil": _TIME,
        "blockedReason": "SelfTestFailed",
        "handledTokens": _TOKENS,
        "conditions": _conditions("Ready", "Connected"),
    },
    labels={"site": "plant-1", "example.com/line": "press"},
    annotations={"edgefleet.io/retry": "2026-11-21"},
)

_VERSION: Final = _object(
    "ModelVersion",
    "motor-anomaly-1.4.0",
    {
        "model": "motor-anomaly",
        "version": "1.4.0",
        "contract": {
            "inputs": [{"name": "features", "shape": [1, 4], "dtype": "int8", "scale": 0.5, "zeroPoint": -3}],
            "outputs": [{"name": "score", "shape": [1, 1], "dtype": "int8", "scale": 0.00390625, "zeroPoint": -128}],
            "featureSchema": {"name": MOTOR_LEVEL1.name, "digest": MOTOR_LEVEL1.digest()},
        },
        "metrics": [{"name": "aucInt8", "value": 0.879, "dataset": "plant-1 unseen machines"}],
        "lineage": {"trainingRun": "motor-anomaly", "round": 3, "datasetDigest": _DIGEST, "commit": "a" * 40},
        "artifacts": [
            {
                "deviceClass": "esp32",
                "format": "tflite",
                "sha256": _DIGEST,
                "sizeBytes": 5832,
                "uri": "https://models.example.com/motor/1.4.0.tflite",
                "envelope": {
                    "payloadType": "application/vnd.edgefleet.manifest.v1+json",
                    "payload": "e30=",
                    "signatures": [{"keyid": "0123456789abcdef", "sig": "A" * 86 + "=="}],
                },
            },
            {
                "deviceClass": "coral",
                "format": "edgetpu",
                "sha256": _DIGEST,
                "sizeBytes": 90000,
                "uri": f"oci://registry.example.com/models/motor@sha256:{_DIGEST}",
            },
        ],
    },
    {
        "observedGeneration": 1,
        "verified": True,
        "verdicts": [
            {
                "deviceClass": "esp32",
                "verdict": "Refused",
                "reason": "ArenaTooSmall",
                "message": "needs 20000 bytes, has 16384",
                "classHash": _DIGEST,
                "arenaBytes": 20000,
                "at": _TIME,
            }
        ],
        "deployed": {"assigned": 12, "running": 11, "failed": 1},
        "quarantine": {
            "since": _TIME,
            "ring": "canary",
            "round": 2,
            "failed": 2,
            "judged": 3,
            "reasons": ["SelfTestFailed"],
            "message": "2 of 3 failed their golden vectors",
        },
        "usedBy": ["ring canary"],
        "handledTokens": _TOKENS,
        "conditions": _conditions("Ready", "Verified"),
    },
)

_RING_SPEC: Final[Json] = {
    "model": "motor-anomaly",
    "track": "^1.4",
    "selector": {
        "matchLabels": {"site": "plant-1", "example.com/line": ""},
        "matchExpressions": [
            {"key": "tier", "operator": "NotIn", "values": ["lab", "spare"]},
            {"key": "motor", "operator": "Exists"},
        ],
    },
    "limit": 3,
    "stratifyBy": ["site", "example.com/line"],
    "strategy": {
        "maxConcurrency": "25%",
        "rate": {"perMinute": 60},
        "budget": {"groupBy": "site", "maxUnavailable": 2, "countOffline": False},
    },
    "promoteWhen": {
        "successPercent": 95,
        "minSample": 3,
        "soak": "30m",
        "metrics": [
            {"metric": "latency", "max": 5000},
            {"metric": "drift", "maxRatio": 1.2, "control": "reference"},
        ],
    },
    "abortWhen": [{"type": "Any", "percent": 10, "minSample": 2}, {"type": "TimedOut", "percent": 0}],
    "deadlines": {"ack": "2m", "progress": "10m", "ring": "4h"},
    "offlinePolicy": "wait",
    "onEmpty": "skip",
    "onAbort": "hold",
    "approval": "required",
    "shadow": {"minWindows": 1000, "maxDisagreementPercent": 2},
    "suspend": True,
    "window": _WINDOW,
}
_TARGET: Final = {"version": "1.4.0", "digest": _DIGEST}
_RING_STATUS: Final[Json] = {
    "observedGeneration": 1,
    "step": "Rolling",
    "since": _TIME,
    "round": 2,
    "startedAt": _TIME,
    "rollingSince": _TIME,
    "epoch": 7,
    "target": _TARGET,
    "stable": {"version": "1.3.0", "digest": _DIGEST},
    "counts": {
        "total": 12,
        "updated": 3,
        "held": 2,
        "commanded": 1,
        "inProgress": 2,
        "failed": 1,
        "rejected": 1,
        "rolledBack": 0,
        "deferred": 1,
        "offline": 1,
        "excluded": 0,
        "conflict": 0,
    },
    "plan": {"members": 12, "bytesOnAir": 69984, "expectedSeconds": 120},
    "decision": {"verb": "Hold", "reason": "BudgetSpent", "evidence": "2 of 2 in plant-1 are at it", "at": _TIME},
    "aborted": {
        "at": _TIME,
        "generation": 1,
        "reason": "TooManyFailures",
        "evidence": "2 of 3 judged devices failed, more than 10 %",
        "failed": 2,
        "judged": 3,
        "reasons": ["SelfTestFailed", "AckTimeout"],
        "blames": True,
    },
    "waitingFor": "a slot in plant-1",
    "topFailures": [{"device": "press-07", "reason": "SelfTestFailed", "message": "3 of 8 vectors"}],
    "proven": [{"digest": _DIGEST, "version": "1.3.0", "round": 1, "at": _TIME}],
    "history": [
        {
            "round": 1,
            "version": "1.3.0",
            "outcome": "Proved",
            "startedAt": _TIME,
            "finishedAt": _TIME,
            "updated": 12,
            "failed": 0,
        }
    ],
    "handledTokens": _TOKENS,
    "conditions": _conditions("Ready", "Reconciling"),
}

_RUN_STAGE: Final[Json] = {
    **_PLACEMENT_PARTS,
    "image": f"example/train@sha256:{_DIGEST}",
    "resources": {"requests": {"cpu": "500m", "nvidia.com/gpu": 1}, "limits": {"memory": "1.5Gi"}},
    "deadline": "15m",
    "retries": 0,
}
_RUN_SPEC: Final[Json] = {
    "model": "motor-anomaly",
    "pipeline": {
        "family": "motor-anomaly",
        "hyperparameters": {"epochs": 20, "rate": 0.001, "layers": [60, 30, 10, 1], "note": "n"},
        "deviceClasses": ["esp32", "coral"],
    },
    "dataset": {"window": "168h", "minNewRows": 1000, "labels": "required"},
    "trigger": {"type": "onDrift", "cooldown": "6h"},
    "drift": {"metric": "ks", "threshold": 0.2, "reference": "firstRound"},
    "gates": [{"metric": "aucInt8", "min": 0.87, "max": 1}, {"metric": "flips", "max": 0.02}],
    "stages": dict.fromkeys(("data", "train", "preflight", "release"), _RUN_STAGE),
    "publish": {
        "git": {
            "repository": "ssh://git@git.example.com:2222/fleet.git",
            "branch": "release/1.x",
            "path": "fleet/models",
            "mode": "branch",
            "secret": "deploy-key",
        }
    },
    "deadline": "1h",
    "ttl": "24h",
    "suspend": True,
}
_RUN_STATUS: Final[Json] = {
    "observedGeneration": 1,
    "round": 3,
    "stage": "train",
    "trigger": "onDrift",
    "stages": [
        {
            "name": "train",
            "state": "Running",
            "job": "motor-anomaly-3-train",
            "startedAt": _TIME,
            "finishedAt": _TIME,
            "attempts": 1,
            "progress": {"epoch": 4, "epochs": 20, "loss": 0.3},
            "message": "epoch 4 of 20",
        }
    ],
    "drift": {"metric": "ks", "value": 0.31, "threshold": 0.2, "feature": "vibration", "at": _TIME},
    "metrics": [{"name": "aucInt8", "value": 0.88}],
    "produced": {"name": "motor-anomaly-1.4.0", "version": "1.4.0", "digest": _DIGEST, "commit": "b" * 40},
    "startedAt": _TIME,
    "durationSeconds": 58,
    "dataCursor": "batch-000017",
    "history": [
        {
            "round": 2,
            "trigger": "onData",
            "outcome": "NoDrift",
            "version": "1.3.0",
            "startedAt": _TIME,
            "durationSeconds": 12,
        }
    ],
    "handledTokens": _TOKENS,
    "conditions": _conditions("Ready"),
}


def _with(spec: Json, *without: str, **more: Any) -> Json:
    return {key: value for key, value in spec.items() if key not in without} | more


_GOOD: Final[dict[str, Json]] = {
    "device-everything": _DEVICE,
    "device-least": _object("EdgeDevice", "14333616", {"deviceClass": "esp32"}),
    "version-everything": _VERSION,
    "version-prerelease": _object(
        "ModelVersion",
        "motor-anomaly-1.5.0-rc.1",
        {
            "model": "motor-anomaly",
            "version": "1.5.0-rc.1",
            "contract": {
                "inputs": [{"name": "x", "shape": [1, 4], "dtype": "float32"}],
                "outputs": [{"name": "y", "shape": [1, 1], "dtype": "float32"}],
            },
            "artifacts": [{"deviceClass": "esp32", "format": "tflite", "sha256": _DIGEST, "sizeBytes": 1}],
        },
    ),
    "ring-everything": _object("RolloutRing", "canary", _RING_SPEC, _RING_STATUS),
    "ring-pinned": _object("RolloutRing", "pinned", _with(_RING_SPEC, "track", modelVersion="1.4.0", limit="10%")),
    "ring-after": _object("RolloutRing", "rest", _with(_RING_SPEC, "track", after=["canary", "pinned"])),
    "ring-least": _object(
        "RolloutRing", "least", {"model": "m", "track": "*", "selector": {"matchLabels": {"site": "plant-1"}}}
    ),
    "run-everything": _object("TrainingRun", "motor-anomaly", _RUN_SPEC, _RUN_STATUS),
    "run-scheduled": _object(
        "TrainingRun",
        "weekly",
        _with(
            _RUN_SPEC,
            "drift",
            "stages",
            dataset={"all": True},
            trigger={"type": "schedule", "schedule": "*/15 3 1,15 * 1-5", "timeZone": "America/New_York"},
            publish={"cluster": {"namespace": "fleet"}},
        ),
    ),
    "run-on-accuracy": _object(
        "TrainingRun",
        "accuracy",
        _with(_RUN_SPEC, "stages", trigger={"type": "onAccuracy", "minAccuracy": 0.9}, publish={"cluster": {}}),
    ),
}


def good_manifests() -> dict[str, Json]:
    """Returns the manifests by case name, for the caller to change."""
    return copy.deepcopy(_GOOD)
