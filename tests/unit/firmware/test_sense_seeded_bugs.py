"""Bugs of the sensing half: each is seeded into a copy of the firmware, and the test that is there for it must fail."""

from pathlib import Path

import pytest

from support.seeded_bugs import Bug, build_pristine, find_bug

SIGNALS = (
    Bug(
        "power-without-the-windows",
        "ef_fft.c",
        "sum * (16.0f / 3.0f)",
        "sum * 8.0f",
        "a-windowed-sine-has-its-power-anywhere",
    ),
    Bug(
        "bins-in-the-wrong-half",
        "ef_fft.c",
        "        high[1] = imaginary - even_imaginary;",
        "        high[1] = even_imaginary - imaginary;",
        "every-length-is-the-sum-that-defines-it",
    ),
    Bug(
        "the-offset-of-a-sensor-counts",
        "ef_features.c",
        "(float)sample(&window[i], which) - mean;",
        "(float)sample(&window[i], which);",
        "nothing-moves-and-nothing-is-said",
    ),
    Bug(
        "acceleration-for-velocity",
        "ef_features.c",
        "/ (rate * rate);",
        "/ rate;",
        "sines-read-what-they-are",
    ),
    Bug(
        "the-speed-is-a-bin",
        "ef_features.c",
        "(above > below ? offset : -offset)",
        "0.0f",
        "the-speed-is-found-between-two-bins",
    ),
    Bug(
        "an-envelope-with-its-mean",
        "ef_features.c",
        "work[i] -= mean * ef_fft_hann_at(i, ENVELOPE_SAMPLES);",
        "(void)mean;",
        "a-steady-tone-has-no-envelope",
    ),
    Bug(
        "one-race-for-the-other",
        "ef_features.c",
        "race_line(work, EF_BPFO * rotation)",
        "race_line(work, EF_BPFI * rotation)",
        "a-bearing-raises-its-race-and-its-envelope",
    ),
    Bug(
        "a-sideband-inside-the-fundamental",
        "ef_features.c",
        "return bin + NEAR + LOBE < nearest_bin(EF_LINE_HZ) ?",
        "return bin > 0 ?",
        "a-broken-bar-raises-the-sideband",
    ),
    Bug(
        "a-gap-inside-a-window",
        "ef_window.c",
        "            window->count = 0;\n            return EF_WINDOW_WAITS;",
        "            return EF_WINDOW_WAITS;",
        "lost-samples-begin-the-window-again",
    ),
    Bug("cut-not-rounded", "ef_writer.c", "(uint32_t)(value + 0.5)", "(uint32_t)value", "numbers-keep-seven-digits"),
)

VERDICTS = (
    Bug("no-hysteresis", "ef_level1.c", "level1->equal < windows", "false", "single-windows-flip-nothing"),
    Bug(
        "doubts-add-up",
        "ef_level1.c",
        "says != level1->last ? 1 :",
        "says != level1->last ? level1->equal :",
        "single-windows-flip-nothing",
    ),
    Bug(
        "a-valve-that-hammers",
        "ef_valve.c",
        " || (wanted == EF_VALVE_OPEN && rests)",
        "",
        "a-verdict-flips-after-three-windows",
    ),
    Bug(
        "a-restart-opens",
        "ef_sense.c",
        "if (sense->judged && sense->level1.settled) {",
        "if (sense->judged) {",
        "a-restart-does-not-open-the-valve",
    ),
    Bug(
        "no-zero-point",
        "ef_judge.c",
        "value / tensor->scale + (float)tensor->zero_point",
        "value / tensor->scale",
        "a-healthy-machine-is-told-about",
    ),
    Bug(
        "an-inference-that-nobody-watches",
        "ef_judge.c",
        "    hal->watchdog.arm(hal->context, INFERENCE_LIMIT_MS);\n",
        "",
        "a-healthy-machine-is-told-about",
    ),
    Bug(
        "any-features",
        "ef_slots.c",
        "        .schemas = ef_feature_schemas,\n",
        "",
        "features-that-nobody-computes-are-refused",
    ),
    Bug(
        "the-machine-is-not-subtracted",
        "ef_sense.c",
        "sense->baseline.token[0] != '\\0' ? sense->baseline.means : NULL;",
        "NULL;",
        "commissioning-subtracts-the-machine",
    ),
    Bug(
        "a-baseline-that-is-not-stored",
        "ef_sense.c",
        "if (!ef_journal_put(&agent->journal, EF_RECORD_BASELINE, baseline, sizeof *baseline)) {",
        "if (baseline == NULL) {",
        "the-same-token-is-answered-once",
    ),
    Bug(
        "statistics-of-two-requests",
        "ef_sense.c",
        "        strcpy(sense->commission, wanted);\n        ef_commissioning_begin(&sense->commissioning);\n",
        "        strcpy(sense->commission, wanted);\n",
        "a-newer-token-begins-again",
    ),
    Bug(
        "a-baseline-of-other-features",
        "ef_baseline.c",
        "           memcmp(baseline->schema, ef_feature_schemas[EF_SCHEMA_MOTOR_LEVEL2].digest, "
        "sizeof baseline->schema) == 0;",
        "           true;",
        "a-stored-baseline-of-other-features-is-none",
    ),
    Bug(
        "sampling-while-testing",
        "ef_sense.c",
        "        ef_window_stop(&sense->window, agent->hal);\n        return REST_MS;\n",
        "",
        "nothing-is-sampled-while-a-model-is-tested",
    ),
    Bug(
        "no-gap-where-nobody-listened",
        "ef_sense.c",
        "    sense->sample.seq++;",
        "    sense->sample.seq += agent->connected ? 1 : 0;",
        "results-offline-are-counted",
    ),
    Bug(
        "old-telemetry-is-news",
        "ef_level2.c",
        "if (source->heard && !forgotten && !newer) {",
        "if (forgotten && !newer) {",
        "old-telemetry-is-no-news",
    ),
    Bug(
        "as-often-as-it-talks",
        "ef_level2.c",
        "return !source->judged || now - source->judged_ms >= EF_LEVEL2_PERIOD_MS;",
        "return true;",
        "one-source-cannot-take-all-the-time",
    ),
    Bug(
        "anyone-speaks-for-anyone",
        "ef_level2.c",
        '!ef_json_text_is(&json, ef_json_member(&json, 0, "deviceID"), id)',
        "id == NULL",
        "strangers-and-nonsense-are-not-judged",
    ),
    Bug(
        "still-subscribed",
        "ef_level2.c",
        "            (void)hal->mqtt.unsubscribe(hal->context, name); "
        "/* what still comes is of nobody that is named */\n",
        "",
        "subscriptions-follow-the-settings",
    ),
    Bug(
        "latency-of-the-future",
        "ef_result.c",
        "then > 0 && now >= then && now - then <= UINT32_MAX",
        "then > 0",
        "latency-needs-two-clocks-that-agree",
    ),
)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_pristine(tmp_path_factory.mktemp("pristine"))


@pytest.mark.parametrize("bug", SIGNALS + VERDICTS, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug: Bug, tmp_path: Path, pristine: Path) -> None:
    find_bug(bug, pristine, tmp_path)
