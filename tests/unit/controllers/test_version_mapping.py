"""Versions as the planner reads them, and what becomes of their quarantine."""

from __future__ import annotations

import base64
import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefleet.api.v1alpha1.modelversion import ModelVersion
from edgefleet.controllers.quarantine import Asked, settle_custody
from edgefleet.controllers.times import format_time
from edgefleet.controllers.verification import Finding
from edgefleet.controllers.version_facts import read_version
from edgefleet.controllers.version_status import show_version
from edgefleet.domain.device.compatibility import Needs
from edgefleet.domain.rollout.facts import Quarantine
from support.fleets import make_payload, make_version

NOW = 1_700_000_000.0
EVIDENCE = Quarantine("canary", 3, NOW - 50, 2, 3, ("SelfTestFailed",), "2 failures among 3 judged devices")
FINE = (Finding("esp32"),)


def parse(token: str = "", status: dict[str, Any] | None = None, **artifact: Any) -> ModelVersion:
    document = make_version(**artifact)
    document["metadata"]["annotations"] = {"edgefleet.io/unquarantine": token} if token else {}
    return ModelVersion.model_validate(document | ({"status": status} if status else {}))


def held(since: float = NOW - 50, **other: Any) -> dict[str, Any]:
    quarantine = {"since": format_time(since), "ring": "canary", "round": 3, "failed": 2, "judged": 3, "message": "so"}
    return {"observedGeneration": 0, "quarantine": quarantine} | other


def handled(value: str, at: float) -> dict[str, Any]:
    return {"handledTokens": [{"name": "unquarantine", "value": value, "at": format_time(at)}]}


def test_what_a_device_must_have_is_what_was_signed() -> None:
    (artifact,) = read_version(parse()).artifacts.values()
    signed = make_payload()
    assert artifact.needs == Needs(
        size_bytes=signed["sizeBytes"],
        arena_bytes=signed["arenaBytes"],
        security_version=signed["securityVersion"],
        ops=frozenset(signed["ops"]),
        min_firmware=None,
    )


def test_a_manifest_that_nobody_can_read_keeps_the_size() -> None:
    document = make_version()
    document["spec"]["artifacts"][0]["envelope"]["payload"] = base64.b64encode(b"{}").decode()
    (artifact,) = read_version(ModelVersion.model_validate(document)).artifacts.values()
    assert artifact.needs == Needs(size_bytes=5832)


def test_an_artifact_that_is_read_again_is_the_same_one() -> None:
    first, again = (read_version(parse()).artifacts["esp32"] for _ in range(2))
    assert first is again


def test_a_quarantine_comes_back_as_it_was_stored() -> None:
    custody = settle_custody(parse(), Asked(EVIDENCE, NOW), NOW)
    status = show_version(parse(), FINE, custody, None, NOW).to_json_object()
    assert read_version(parse(status=status)).quarantine == EVIDENCE


ASKED = st.none() | st.builds(
    Asked,
    st.none() | st.floats(NOW - 100, NOW).map(lambda at: replace(EVIDENCE, at=round(at, 6))),
    st.floats(NOW - 100, NOW).map(lambda at: round(at, 6)),
)
HELD = st.just({}) | st.floats(NOW - 100, NOW).map(lambda at: held(round(at, 6)))
HANDLED = st.just({}) | st.floats(NOW - 200, NOW).map(lambda at: handled("old", round(at, 6)))


@given(HELD, HANDLED, ASKED, st.sampled_from(["", "old", "new"]))
def test_the_latest_word_on_a_quarantine_counts(
    before: dict[str, Any], lifted: dict[str, Any], asked: Asked | None, token: str
) -> None:
    version = parse(token, {"observedGeneration": 0} | before | lifted)
    custody = settle_custody(version, asked, NOW)
    after = read_version(parse(token, show_version(version, FINE, custody, None, NOW).to_json_object()))
    was = read_version(version)
    known = {each.value for each in version.status.handled_tokens}
    if token and token not in known:
        assert (after.quarantine, after.lifted_at) == (None, NOW)
    elif asked is None or (asked.quarantine is not None and was.quarantine is not None):
        assert after.quarantine == was.quarantine
    elif asked.quarantine is not None:
        assert (after.quarantine is not None) is (asked.quarantine.at > was.lifted_at)
    elif was.quarantine is not None:
        assert (after.quarantine is None) is (was.quarantine.at <= asked.at)
        assert after.quarantine is not None or after.lifted_at == NOW
    # Whatever happened, looking again without a new word changes nothing.
    again = settle_custody(
        parse(token, show_version(version, FINE, custody, None, NOW).to_json_object()), None, NOW + 9
    )
    assert (again.quarantine, again.handled_tokens, again.lifted) == (custody.quarantine, custody.handled_tokens, "")


def test_a_token_that_comes_too_early_is_used_up() -> None:
    custody = settle_custody(parse("ada"), None, NOW)
    assert [(token.value, custody.lifted) for token in custody.handled_tokens] == [("ada", "")]
    later = parse("ada", {"observedGeneration": 0} | handled("ada", NOW))
    asked = Asked(replace(EVIDENCE, at=NOW + 5), NOW + 6)
    assert settle_custody(later, asked, NOW + 6).quarantine is not None


def test_a_retry_does_not_make_an_old_token_new() -> None:
    version = parse("ada", held() | handled("ada", NOW - 90))
    custody = settle_custody(version, Asked(None, NOW), NOW)
    assert custody.quarantine is None
    assert [(token.value, token.at) for token in custody.handled_tokens] == [("ada", format_time(NOW))]


@pytest.mark.parametrize(("quarantined", "bad", "passing"), list(itertools.product([False, True], repeat=3)))
def test_conditions_keep_the_rules_of_kstatus(quarantined: bool, bad: bool, passing: bool) -> None:
    findings = (Finding("esp32", "ArtifactUnavailable", "is away", passing=passing),) if bad else FINE
    version = parse(status=held() if quarantined else None)
    shown = show_version(version, findings, settle_custody(version, None, NOW), None, NOW)
    conditions = {each.type: each for each in shown.conditions}
    assert not {"Reconciling", "Stalled"} <= set(conditions)
    assert (conditions["Ready"].status == "True") is not (quarantined or bad)
    assert ("Stalled" in conditions) is (quarantined or bad)
    assert (conditions["Verified"].status == "True") is not bad
    if quarantined:
        assert conditions["Ready"].reason == conditions["Stalled"].reason == conditions["Quarantined"].reason
        assert conditions["Quarantined"].status == "True"
    else:
        assert "Quarantined" not in conditions
