"""Named manifests, good and bad: a valid one and what was done to it. Shared by unit and integration tests."""

import re
from dataclasses import dataclass
from typing import Any, Final

from support.good_manifests import Json, good_manifests
from support.mutations import Path, replaced, value_at

GONE: Final = ...
"""As a new value: the field is removed."""


@dataclass(frozen=True)
class Case:
    """One manifest.

    `base` names the valid manifest, `edits` the new values by path. `rule` and `field` are what a refusal must name;
    without a rule the manifest is good.
    """

    name: str
    base: str
    edits: dict[str, Any]
    rule: str = ""
    field: str = ""

    @property
    def is_good(self) -> bool:
        """Whether everybody must accept it."""
        return not self.rule

    def build(self) -> Json:
        """Returns the manifest."""
        manifest = good_manifests()[self.base]
        for path, value in self.edits.items():
            manifest = set_at(manifest, parse_path(path), value)
        return manifest


def parse_path(text: str) -> Path:
    """Reads spec.after[0] and metadata.labels['a.b']."""
    found = re.findall(r"\['([^']+)'\]|\[(\d+)\]|([^.\[\]]+)", text)
    return tuple(quoted or (int(index) if index else plain) for quoted, index, plain in found)


def set_at(manifest: Json, path: Path, value: Any) -> Json:
    """Returns a copy with another value at `path`; missing objects around it are made."""
    for length in range(1, len(path)):
        try:
            value_at(manifest, path[:length])
        except KeyError:
            manifest = replaced(manifest, path[:length], {})
    return replaced(manifest, path, value)


def _good(name: str, base: str, **edits: Any) -> Case:
    return Case(name, base, {path.replace("__", "."): value for path, value in edits.items()})


_R, _D, _V, _T = "ring-everything", "device-everything", "version-everything", "run-everything"
_A64 = "a" * 64

GOOD: Final = (
    *(Case(name, name, {}) for name in good_manifests()),
    Case("name-of-63-characters", "device-least", {"metadata.name": "a" * 63}),
    Case("name-of-digits", "device-least", {"metadata.name": "0"}),
    Case("null-is-absent", _R, {"spec.limit": None, "spec.strategy.rate": None}),
    Case("null-takes-the-default", _R, {"spec.suspend": None, "spec.onEmpty": None}),
    Case("null-entry-is-no-entry", _R, {"spec.selector.matchLabels.line": None}),
    Case("whole-float-is-an-integer", _R, {"spec.promoteWhen.minSample": 3.0}),
    Case("integer-is-a-number", _D, {"spec.settings.anomalyThreshold": 1}),
    Case("share-of-100-percent", _R, {"spec.limit": "100%"}),
    Case("share-of-a-million", _R, {"spec.limit": 1000000}),
    Case("range-with-alternatives", _R, {"spec.track": ">=1.2.0 <1.5.0 || ~2.1, !=2.1.3 || *"}),
    Case("range-with-prerelease", _R, {"spec.track": "^1.4.0-0"}),
    Case("longest-duration", _R, {"spec.promoteWhen.soak": "9999h99999m99999s"}),
    Case("zone-of-three-parts", _R, {"spec.window.timeZone": "America/Argentina/Buenos_Aires"}),
    Case("zone-utc", _R, {"spec.window.timeZone": "UTC"}),
    Case("window-over-midnight", _R, {"spec.window.periods[0].start": "23:59", "spec.window.periods[0].end": "00:00"}),
    Case("leap-day", _D, {"spec.pin.until": "2028-02-29T23:59:59.123456789-11:30"}),
    Case("unicode-in-text", _D, {"spec.pin.reason": "Lager prüfen 軸受 \U0001f600"}),
    Case("text-of-1024-characters", _D, {"spec.pin.reason": "ü" * 1024}),
    Case("every-taint-tolerated", _D, {"spec.placement.tolerations": [{"operator": "Exists"}]}),
    Case("sources-by-topic-only", _D, {"spec.sources": {"inputTopic": "t"}}),
    Case("metadata-labels", "device-least", {"metadata.labels": {"a.b/c-D_e.f": "", "x": "A.b_c-9"}}),
    Case("annotation-with-any-text", "device-least", {"metadata.annotations": {"Note/x": "a b\nc ü"}}),
    Case("unsigned-version", _V, {"spec.artifacts[0].envelope": GONE}),
    Case("four-signatures", _V, {"spec.artifacts[0].envelope.signatures": [
        {"keyid": f"{index:016x}", "sig": "A" * 86 + "=="} for index in range(4)]}),
    Case("git-with-defaults", _T, {"spec.publish": {"git": {"repository": "https://git.example.com/fleet"}}}),
    Case("quantities", _T, {"spec.stages.train.resources.limits": {"cpu": 2, "memory": "512Mi", "gpu": "1"}}),
    Case("free-form-hyperparameters", _T, {"spec.pipeline.hyperparameters": {"a": [{"b": None}], "": 1e308}}),
)  # fmt: skip

_SHAPE = (
    Case("missing-required", _R, {"spec.model": GONE}, "required", "spec.model"),
    Case("null-for-required", _R, {"spec.model": None}, "required", "spec.model"),
    Case("no-spec", _R, {"spec": GONE}, "required", "spec"),
    Case("unknown-field", _R, {"spec.maxUnavailable": 1}, "unknown-field", "spec.maxUnavailable"),
    Case("unknown-field-deep", _R, {"spec.strategy.budget.maxUnavailible": 1}, "unknown-field",
         "spec.strategy.budget.maxUnavailible"),
    Case("unknown-field-null", _R, {"spec.extra": None}, "unknown-field", "spec.extra"),
    Case("unknown-field-at-the-top", _R, {"data": {}}, "unknown-field", "data"),
    Case("unknown-field-in-metadata", _R, {"metadata.label": {}}, "unknown-field", "metadata.label"),
    Case("field-in-the-wrong-case", _R, {"spec.onabort": "hold"}, "unknown-field", "spec.onabort"),
    Case("string-for-integer", _R, {"spec.promoteWhen.minSample": "3"}, "type", "spec.promoteWhen.minSample"),
    Case("fraction-for-integer", _R, {"spec.promoteWhen.minSample": 3.5}, "type", "spec.promoteWhen.minSample"),
    Case("boolean-for-integer", _R, {"spec.promoteWhen.minSample": True}, "type", "spec.promoteWhen.minSample"),
    Case("string-for-boolean", _R, {"spec.suspend": "true"}, "type", "spec.suspend"),
    Case("integer-for-boolean", _R, {"spec.suspend": 1}, "type", "spec.suspend"),
    Case("integer-for-string", _R, {"spec.model": 1}, "type", "spec.model"),
    Case("string-for-list", _R, {"spec.abortWhen": "Any"}, "type", "spec.abortWhen"),
    Case("list-for-object", _R, {"spec.strategy": []}, "type", "spec.strategy"),
    Case("object-for-list", _R, {"spec.abortWhen": {}}, "type", "spec.abortWhen"),
    Case("null-in-list", _R, {"spec.abortWhen": [None]}, "type", "spec.abortWhen[0]"),
    Case("empty-list", _R, {"spec.abortWhen": []}, "bounds", "spec.abortWhen"),
    Case("too-many-entries", "ring-after", {"spec.after": [f"r{index}" for index in range(9)]}, "bounds", "spec.after"),
    Case("twice-in-a-set", "ring-after", {"spec.after": ["canary", "canary"]}, "unique", "spec.after"),
    Case("twice-by-key", _R, {"spec.abortWhen": [{"type": "Any", "percent": 1}, {"type": "Any", "percent": 2}]},
         "unique", "spec.abortWhen"),
    Case("not-in-the-enumeration", _R, {"spec.onAbort": "Rollback"}, "enum", "spec.onAbort"),
    Case("empty-string", _R, {"spec.model": ""}, "bounds", "spec.model"),
    Case("too-long", _R, {"spec.model": "m" * 41}, "bounds", "spec.model"),
    Case("too-large", _R, {"spec.promoteWhen.successPercent": 101}, "bounds", "spec.promoteWhen.successPercent"),
    Case("too-small", _R, {"spec.promoteWhen.successPercent": 0}, "bounds", "spec.promoteWhen.successPercent"),
    Case("beyond-int64", _R, {"spec.promoteWhen.minSample": 2**70}, "bounds", "spec.promoteWhen.minSample"),
    Case("threshold-above-one", _D, {"spec.settings.anomalyThreshold": 1.01}, "bounds",
         "spec.settings.anomalyThreshold"),
    Case("drift-threshold-of-zero", _T, {"spec.drift.threshold": 0}, "bounds", "spec.drift.threshold"),
    Case("empty-map", _D, {"spec.placement.nodeSelector": {}}, "bounds", "spec.placement.nodeSelector"),
)  # fmt: skip

_RULES = (
    Case("device-id-with-a-dot", "device-least", {"metadata.name": "plant.press"}, "device-id", "metadata.name"),
    Case("device-id-too-long", "device-least", {"metadata.name": "a" * 64}, "device-id", "metadata.name"),
    Case("ring-name-too-long", "ring-least", {"metadata.name": "a" * 64}, "name-length", "metadata.name"),
    Case("run-name-too-long", "run-scheduled", {"metadata.name": "a" * 41}, "name-length", "metadata.name"),
    Case("version-under-another-name", _V, {"metadata.name": "motor-anomaly-1.4.1"}, "name-is-model-and-version",
         "metadata.name"),
    Case("two-sources", _R, {"spec.modelVersion": "1.4.0"}, "one-source", "spec"),
    Case("three-sources", _R, {"spec.modelVersion": "1.4.0", "spec.after": ["x"]}, "one-source", "spec"),
    Case("no-source", _R, {"spec.track": GONE}, "one-source", "spec"),
    Case("ring-after-itself", "ring-after", {"spec.after[1]": "rest"}, "not-after-itself", "spec.after"),
    Case("ring-its-own-control", _R, {"spec.promoteWhen.metrics[1].control": "canary"}, "not-its-own-control",
         "spec.promoteWhen"),
    Case("share-of-zero", _R, {"spec.limit": 0}, "int-or-percent", "spec.limit"),
    Case("share-below-zero", _R, {"spec.limit": -1}, "int-or-percent", "spec.limit"),
    Case("share-too-large", _R, {"spec.limit": 1000001}, "int-or-percent", "spec.limit"),
    Case("share-of-zero-percent", _R, {"spec.limit": "0%"}, "int-or-percent", "spec.limit"),
    Case("share-above-100-percent", _R, {"spec.limit": "101%"}, "int-or-percent", "spec.limit"),
    Case("share-as-plain-string", _R, {"spec.limit": "10"}, "int-or-percent", "spec.limit"),
    Case("share-as-fraction", _R, {"spec.limit": 0.1}, "type", "spec.limit"),
    Case("share-with-newline", _R, {"spec.limit": "10%\n"}, "int-or-percent", "spec.limit"),
    Case("version-with-v", "ring-pinned", {"spec.modelVersion": "v1.4.0"}, "semver", "spec.modelVersion"),
    Case("version-of-two-numbers", "ring-pinned", {"spec.modelVersion": "1.4-x"}, "semver", "spec.modelVersion"),
    Case("version-with-leading-zero", "ring-pinned", {"spec.modelVersion": "1.04.0"}, "semver", "spec.modelVersion"),
    Case("version-with-build", "ring-pinned", {"spec.modelVersion": "1.4.0+7"}, "semver", "spec.modelVersion"),
    Case("version-in-upper-case", "ring-pinned", {"spec.modelVersion": "1.4.0-RC1"}, "semver", "spec.modelVersion"),
    Case("version-with-newline", "ring-pinned", {"spec.modelVersion": "1.4.0\n"}, "semver", "spec.modelVersion"),
    Case("range-without-space", _R, {"spec.track": "^1||^2"}, "semver-range", "spec.track"),
    Case("range-of-words", _R, {"spec.track": "latest"}, "semver-range", "spec.track"),
    Case("digest-in-upper-case", _V, {"spec.artifacts[0].sha256": "A" * 64}, "sha256", "spec.artifacts[0].sha256"),
    Case("digest-too-short", _V, {"spec.artifacts[0].sha256": "a" * 63}, "bounds", "spec.artifacts[0].sha256"),
    Case("class-with-slash", "device-least", {"spec.deviceClass": "esp32/s3"}, "safe-name", "spec.deviceClass"),
    Case("class-with-plus", "device-least", {"spec.deviceClass": "esp32+"}, "safe-name", "spec.deviceClass"),
    Case("class-with-unicode", "device-least", {"spec.deviceClass": "münchen"}, "safe-name", "spec.deviceClass"),
    Case("ring-name-with-dots-up", "ring-after", {"spec.after[0]": "../x"}, "safe-name", "spec.after[0]"),
    Case("empty-selector", _R, {"spec.selector": {}}, "selector-not-empty", "spec.selector"),
    Case("in-without-values", _R, {"spec.selector.matchExpressions[0].values": GONE}, "selector-values",
         "spec.selector.matchExpressions[0]"),
    Case("exists-with-values", _R, {"spec.selector.matchExpressions[1].values": ["x"]}, "selector-values",
         "spec.selector.matchExpressions[1]"),
    Case("label-key-with-space", _R, {"spec.selector.matchLabels['a b']": "x"}, "label-keys",
         "spec.selector.matchLabels"),
    Case("label-value-with-space", _R, {"spec.selector.matchLabels.site": "a b"}, "label-value",
         "spec.selector.matchLabels.site"),
    Case("duration-in-days", _R, {"spec.promoteWhen.soak": "7d"}, "duration", "spec.promoteWhen.soak"),
    Case("duration-as-number", _R, {"spec.promoteWhen.soak": 30}, "type", "spec.promoteWhen.soak"),
    Case("deadline-longer-than-ring", _R, {"spec.deadlines.ack": "5h"}, "deadlines-fit-ring", "spec.deadlines"),
    Case("zone-that-does-not-exist", _R, {"spec.window.timeZone": "Mars/Olympus"}, "time-zone", "spec.window.timeZone"),
    Case("zone-in-lower-case", _R, {"spec.window.timeZone": "europe/berlin"}, "time-zone-name", "spec.window.timeZone"),
    Case("zone-as-offset", _R, {"spec.window.timeZone": "+02:00"}, "time-zone-name", "spec.window.timeZone"),
    Case("zone-local", _R, {"spec.window.timeZone": "Local"}, "time-zone-name", "spec.window.timeZone"),
    Case("clock-of-one-digit", _R, {"spec.window.periods[0].start": "9:00"}, "clock", "spec.window.periods[0].start"),
    Case("clock-beyond-the-day", _R, {"spec.window.periods[0].end": "24:01"}, "clock-end",
         "spec.window.periods[0].end"),
    Case("period-without-length", _R, {"spec.window.periods[0].end": "22:00"}, "period-not-empty",
         "spec.window.periods[0]"),
    Case("day-in-full", _R, {"spec.window.periods[0].days": ["Saturday"]}, "enum", "spec.window.periods[0].days[0]"),
    Case("gate-without-bound", _R, {"spec.promoteWhen.metrics[0].max": GONE}, "gate-needs-a-bound",
         "spec.promoteWhen.metrics[0]"),
    Case("ratio-without-control", _R, {"spec.promoteWhen.metrics[1].control": GONE}, "ratio-needs-control",
         "spec.promoteWhen.metrics[1]"),
    Case("telemetry-faster-than-sampling", _D, {"spec.settings.samplePeriod": "2m"},
         "telemetry-not-faster-than-sampling", "spec.settings.telemetryPeriod"),
    Case("sampling-without-a-pause", _D, {"spec.settings.samplePeriod": "0s"}, "duration-range",
         "spec.settings.samplePeriod"),
    Case("telemetry-once-a-week", _D, {"spec.settings.telemetryPeriod": "168h"}, "duration-range",
         "spec.settings.telemetryPeriod"),
    Case("sources-for-level-1", _D, {"spec.role": "level1"}, "sources-need-level2", "spec.sources"),
    Case("sources-of-nothing", _D, {"spec.sources": {}}, "sources-named", "spec.sources"),
    Case("topic-with-slash", _D, {"spec.sources.inputTopic": "a/b"}, "kafka-topic", "spec.sources.inputTopic"),
    Case("toleration-without-key", _D, {"spec.placement.tolerations[0].key": GONE}, "toleration-value",
         "spec.placement.tolerations[0]"),
    Case("toleration-of-two-minds", _D, {"spec.placement.tolerations[1].value": "x"}, "toleration-value",
         "spec.placement.tolerations[1]"),
    Case("day-that-never-was", _D, {"spec.pin.until": "2026-02-30T00:00:00Z"}, "instant-exists", "spec.pin.until"),
    Case("date-without-time", _D, {"spec.pin.until": "2026-11-21 at six o'clock"}, "instant", "spec.pin.until"),
    Case("pin-without-reason", _D, {"spec.pin.reason": GONE}, "required", "spec.pin.reason"),
    Case("address-without-tls", _V, {"spec.artifacts[0].uri": "http://example.com/m"}, "artifact-uri",
         "spec.artifacts[0].uri"),
    Case("image-by-tag", _V, {"spec.artifacts[1].uri": "oci://example.com/m:latest"}, "artifact-uri",
         "spec.artifacts[1].uri"),
    Case("payload-not-base64", _V, {"spec.artifacts[0].envelope.payload": "e30!"}, "base64",
         "spec.artifacts[0].envelope.payload"),
    Case("signature-in-asn1", _V, {"spec.artifacts[0].envelope.signatures[0].sig": "MEUCIQ=="}, "raw-signature",
         "spec.artifacts[0].envelope.signatures[0].sig"),
    Case("key-id-too-short", _V, {"spec.artifacts[0].envelope.signatures[0].keyid": "abc"}, "key-id",
         "spec.artifacts[0].envelope.signatures[0].keyid"),
    Case("two-artifacts-for-a-class", _V, {"spec.artifacts[1].deviceClass": "esp32"}, "unique", "spec.artifacts"),
    Case("commit-abbreviated", _V, {"spec.lineage.commit": "a1b2c3d"}, "git-commit", "spec.lineage.commit"),
    Case("window-and-all", _T, {"spec.dataset.all": True}, "window-or-all", "spec.dataset"),
    Case("all-is-false", "run-scheduled", {"spec.dataset.all": False}, "all-is-true", "spec.dataset.all"),
    Case("schedule-without-type", _T, {"spec.trigger.schedule": "0 3 * * 1"}, "schedule-with-type",
         "spec.trigger.schedule"),
    Case("type-without-schedule", _T, {"spec.trigger.type": "schedule"}, "schedule-with-type",
         "spec.trigger.schedule"),
    Case("schedule-of-six-fields", "run-scheduled", {"spec.trigger.schedule": "0 0 3 * * 1"}, "cron",
         "spec.trigger.schedule"),
    Case("zone-without-schedule", _T, {"spec.trigger.timeZone": "UTC"}, "time-zone-with-schedule",
         "spec.trigger.timeZone"),
    Case("accuracy-without-bound", "run-on-accuracy", {"spec.trigger.minAccuracy": GONE}, "accuracy-with-type",
         "spec.trigger.minAccuracy"),
    Case("drift-trigger-without-drift", _T, {"spec.drift": GONE}, "drift-trigger-needs-drift", "spec.drift"),
    Case("quality-without-bound", _T, {"spec.gates[1].max": GONE}, "quality-needs-a-bound", "spec.gates[1]"),
    Case("quality-upside-down", _T, {"spec.gates[0].max": 0.5}, "quality-min-below-max", "spec.gates[0]"),
    Case("git-and-cluster", _T, {"spec.publish.cluster": {}}, "git-or-cluster", "spec.publish"),
    Case("published-nowhere", _T, {"spec.publish": {}}, "git-or-cluster", "spec.publish"),
    Case("repository-without-scheme", _T, {"spec.publish.git.repository": "git@example.com:x.git"}, "git-address",
         "spec.publish.git.repository"),
    Case("path-that-climbs", _T, {"spec.publish.git.path": "models/../.."}, "repository-path", "spec.publish.git.path"),
    Case("branch-with-dots", _T, {"spec.publish.git.branch": "a..b"}, "git-branch", "spec.publish.git.branch"),
    Case("image-with-space", _T, {"spec.stages.train.image": "a b"}, "image-reference", "spec.stages.train.image"),
    Case("quantity-of-words", _T, {"spec.stages.train.resources.limits.memory": "lots"}, "quantity",
         "spec.stages.train.resources.limits.memory"),
    Case("metadata-name-in-upper-case", "ring-least", {"metadata.name": "Canary"}, "metadata-name", "metadata.name"),
    Case("metadata-label-with-space", _D, {"metadata.labels.site": "plant 1"}, "label", "metadata.labels"),
)  # fmt: skip

BAD: Final = (*_SHAPE, *_RULES)
CASES: Final = (*GOOD, *BAD)
