"""Bugs in how a device is born, each found by the device test that is there for it."""

from pathlib import Path

import pytest

from support.seeded_bugs import Bug, find_bug

BUGS = (
    Bug(
        "any-answer-activates",
        "ef_provision.c",
        "].type != EF_JSON_TRUE) {",
        "].type == EF_JSON_NULL) {",
        "who-is-not-activated-obeys-nothing",
    ),
    Bug(
        "activation-is-not-stored",
        "ef_provision.c",
        "if (!ef_journal_put(provision->journal, EF_RECORD_ACTIVATION, &activation, sizeof activation)) {",
        "if (provision == NULL) {",
        "a-device-is-born",
    ),
    Bug(
        "anybody-s-activation",
        "ef_provision.c",
        "strcmp(activation.device_id, device_id) == 0;",
        "true;",
        "an-activation-is-of-one-name",
    ),
    Bug(
        "activated-without-asking",
        "ef_provision.c",
        "} else if (!is_activated(journal, device_id)) {",
        "} else if (journal == NULL) {",
        "power-fails-at-every-operation-of-a-birth",
    ),
    Bug(
        "obeys-before-activation",
        "ef_agent.c",
        "kind == NULL || !ef_agent_is_activated(agent)) {",
        "kind == NULL) {",
        "who-is-not-activated-obeys-nothing",
    ),
    Bug(
        "subscribes-before-activation",
        "ef_agent.c",
        "agent->must_subscribe = ef_agent_is_activated(agent);",
        "agent->must_subscribe = true;",
        "who-is-not-activated-obeys-nothing",
    ),
    Bug(
        "the-new-keys-are-not-trusted",
        "ef_agent.c",
        "        ef_keys_choose(&agent->keys, &agent->journal, agent->config);\n        agent->must_report",
        "        agent->must_report",
        "a-device-is-born",
    ),
    Bug(
        "no-memory-is-noticed-late",
        "ef_agent.c",
        "(hal->stream.host[EF_PEER_DEVICE_REGISTRY] != NULL && config->provision == NULL)",
        "false",
        "a-device-registry-needs-memory",
    ),
    Bug(
        "a-certificate-is-enough",
        "ef_provision.c",
        "return !provision->has_keys || ",
        "return ",
        "a-flashed-board-starts-again",
    ),
    Bug(
        "keys-go-back",
        "ef_provision.c",
        "stored.seen.number > bundle.seen.number;",
        "stored.seen.number < 0;",
        "keys-never-go-back",
    ),
    Bug(
        "keys-are-not-stored",
        "ef_provision.c",
        "if (!newer_is_there && !ef_keys_store(provision->journal, &bundle)) {",
        "if (newer_is_there && provision == NULL) {",
        "a-device-is-born",
    ),
    Bug(
        "a-refused-certificate-counts",
        "ef_provision.c",
        "if (!hal->identity.install(hal->context,",
        "if (length == 0 && !hal->identity.install(hal->context,",
        "a-certificate-for-another-key-is-not-taken",
    ),
    Bug(
        "any-claim",
        "ef_provision.c",
        "return ef_pattern_matches(EF_PATTERN_TOKEN, text);",
        "return true;",
        "no-claim-is-not-asked-with",
    ),
    Bug(
        "secrets-stay-in-memory",
        "ef_provision.c",
        "    memset(provision->document, 0, sizeof provision->document);\n",
        "",
        "a-device-is-born",
    ),
    Bug(
        "it-says-the-same-again",
        "ef_provision.c",
        "if (strcmp(text, provision->note) == 0) {",
        "if (text[0] == '\\0') {",
        "every-trouble-of-an-exchange-is-said",
    ),
    Bug(
        "pauses-in-step",
        "ef_provision.c",
        "pause - pause / 4 + random_below(provision, pause / 4);",
        "pause;",
        "pauses-double-and-differ",
    ),
    Bug(
        "pauses-stay-short",
        "ef_provision.c",
        "EF_PROVISION_PAUSE_MS << doublings;",
        "EF_PROVISION_PAUSE_MS;",
        "pauses-double-and-differ",
    ),
    Bug(
        "pauses-have-no-end",
        "ef_provision.c",
        "pause = pause < EF_PROVISION_PAUSE_MAX_MS ? pause : EF_PROVISION_PAUSE_MAX_MS;",
        "",
        "pauses-double-and-differ",
    ),
    Bug(
        "a-refusal-is-asked-again-at-once",
        "ef_provision.c",
        "good ? back_off_longest(provision, note) : back_off(provision, note);",
        "back_off(provision, note);",
        "a-used-claim-is-refused",
    ),
    Bug("busy-is-for-good", "ef_provision.c", " && status != 429;", ";", "every-trouble-of-an-exchange-passes"),
    Bug(
        "retry-after-is-not-heard",
        "ef_provision.c",
        "provision->until_ms > told ? provision->until_ms : told;",
        "provision->until_ms;",
        "retry-after-is-honoured",
    ),
    Bug(
        "retry-after-hurries",
        "ef_provision.c",
        "provision->until_ms > told ? provision->until_ms : told;",
        "told;",
        "retry-after-is-honoured",
    ),
    Bug(
        "the-answer-s-pause-is-not-heard",
        "ef_provision.c",
        "if (after != EF_JSON_NONE) {",
        "if (after == 0) {",
        "an-answer-says-when-to-ask-again",
    ),
    Bug(
        "asks-the-model-registry",
        "ef_provision.c",
        "provision->hal, EF_PEER_DEVICE_REGISTRY, path",
        "provision->hal, EF_PEER_MODEL_REGISTRY, path",
        "a-device-is-born",
    ),
    Bug(
        "any-status-is-an-answer",
        "ef_request.c",
        "if (http->status != 200 && http->status != 201) {",
        "if (http->status < 200) {",
        "every-trouble-of-an-exchange-passes",
    ),
    Bug(
        "any-length",
        "ef_request.c",
        "if (http->length > request->capacity) {",
        "if (http->length == 0) {",
        "every-trouble-of-an-exchange-passes",
    ),
    Bug(
        "more-than-announced",
        "ef_request.c",
        "if (length > request->http.length - request->got) {",
        "if (length > request->capacity - request->got) {",
        "every-trouble-of-an-exchange-passes",
    ),
    Bug(
        "silence-is-patience",
        "ef_request.c",
        "if (now - request->heard_ms > EF_REQUEST_SILENCE_MS) {",
        "if (now < request->heard_ms) {",
        "every-trouble-of-an-exchange-is-said",
    ),
    Bug(
        "a-trickle-never-ends",
        "ef_request.c",
        "if (now - request->began_ms > EF_REQUEST_TOTAL_MS) {",
        "if (now < request->began_ms) {",
        "an-answer-that-trickles-ends",
    ),
    Bug(
        "the-stream-stays-open",
        "ef_request.c",
        "        request->hal->stream.close(request->hal->context);\n",
        "",
        "a-device-is-born",
    ),
    Bug(
        "lines-run-together",
        "ef_writer.c",
        "put(writer, feed ? 'n' : printable",
        "put(writer, printable",
        "a-device-is-born",
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, tmp_path: Path, pristine: Path) -> None:
    find_bug(bug, pristine, tmp_path)
