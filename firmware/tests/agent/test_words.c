/* The small grammars where no document leads: precedence of versions, escapes, names of topics, bundles at rest. */
#include <string.h>

#include "check.h"
#include "edgefleet/pattern.h"
#include "edgefleet/semver.h"
#include "edgefleet/topic.h"
#include "edgefleet/verify.h"

/* From semver.org, section 11, and numbers that text order gets wrong. */
static const char *const rising[] = {
    "0.0.1",      "0.9.0",        "0.10.0",       "1.0.0-0",    "1.0.0-9",      "1.0.0-10",    "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1",       "1.1.0",
    "2.0.0",      "10.0.0",
};

static void test_versions_rise(const test_setting *setting) {
    enum { COUNT = sizeof rising / sizeof rising[0] };
    (void)setting;
    for (int left = 0; left < COUNT; left++) {
        for (int right = 0; right < COUNT; right++) {
            int wanted = (left > right) - (left < right);
            if (ef_semver_compare(rising[left], rising[right]) != wanted) {
                check_failed(__FILE__, __LINE__, rising[left], rising[right]);
            }
        }
    }
    CHECK(ef_semver_compare("1.0.0+a", "1.0.0+b.2") == 0);
    CHECK(ef_semver_compare("1.0.0-rc.1+a", "1.0.0-rc.1") == 0);
}

static void test_escapes_are_read(const test_setting *setting) {
    static const char document[] = "\"\\b\\f\\n\\r\\t\\/\\\\\\\"\\u00e9\\ud83d\\ude00x\xe2\x82\xac\"";
    static const int32_t wanted[] = {'\b', '\f', '\n', '\r', '\t', '/', '\\', '"', 0xE9, 0x1F600, 'x', 0x20AC};
    ef_json json;
    ef_json_token token;
    (void)setting;
    CHECK(ef_json_parse((const uint8_t *)document, sizeof document - 1, &token, 1, &json) == EF_REASON_OK);
    ef_text text = ef_json_text(&json, 0);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        CHECK(ef_text_next(&text) == wanted[i]);
    }
    CHECK(ef_text_next(&text) == EF_TEXT_END);
    CHECK(!ef_pattern_matches(EF_PATTERN_TOKEN, ef_json_text(&json, 0)));
}

static void test_text_is_copied_whole_or_not_at_all(const test_setting *setting) {
    static const char word[] = "abcd";
    const ef_text text = {(const uint8_t *)word, (const uint8_t *)word + 4};
    char out[5];
    (void)setting;
    CHECK(ef_text_copy(text, out, 5) && strcmp(out, word) == 0);
    CHECK(!ef_text_copy(text, out, 4));
    CHECK(!ef_pattern_matches((ef_pattern)99, text));
}

static void test_topics_are_built_for_ids_alone(const test_setting *setting) {
    char name[EF_TOPIC_NAME_MAX];
    char id[EF_DEVICE_ID_MAX + 1];
    const ef_topic *desired = &ef_topics[EF_TOPIC_DESIRED];
    (void)setting;
    CHECK(ef_topic_build(desired, "a-1", name, sizeof name));
    CHECK(ef_topic_parse(name, strlen(name), id) == desired);
    CHECK_TEXT(id, "a-1");
    CHECK(!ef_topic_build(desired, "a-1", name, strlen(name)));
    CHECK(!ef_topic_build(desired, NULL, name, sizeof name));
    CHECK(!ef_topic_build(desired, "a/b", name, sizeof name));
    CHECK(!ef_topic_build(desired, "+", name, sizeof name));
    CHECK(!ef_topic_build(desired, "a\\u0061", name, sizeof name));
    CHECK(!ef_topic_build(desired, "\xc3\xa9", name, sizeof name));
    CHECK(ef_topic_parse("fleet/v1/dev/\\u0061/desired", 28, id) == NULL);
}

/* A long path is cut, and says where it began. */
static void test_a_path_stays_in_its_memory(const test_setting *setting) {
    ef_fault fault = {EF_REASON_OK, ""};
    (void)setting;
    for (int i = 0; i < 20; i++) {
        ef_path_append(&fault, ".abcdefg");
    }
    CHECK(strlen(fault.path) == EF_PATH_MAX - 1);
    CHECK(strncmp(fault.path, "abcdefg.abcdefg.", 16) == 0);
}

/* The point is P-256's generator; the second key has another id than its point. */
#define POINT "BGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU="
#define KEY "{\"keyid\":\"5cd252fb0ce89324\",\"publicKey\":\"" POINT "\"}"
#define OTHER "{\"keyid\":\"5cd252fb0ce89325\",\"publicKey\":\"" POINT "\"}"
#define BUNDLE(keys) "{\"schema\":1,\"version\":7,\"releaseKeys\":[" KEY "],\"assignmentKeys\":[" keys "]}"

static ef_reason read_bundle(const char *text, ef_key_bundle *bundle, ef_fault *fault) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    const ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, NULL, 0};
    *fault = (ef_fault){EF_REASON_OK, ""};
    return ef_read_key_bundle((const uint8_t *)text, strlen(text), &workspace, bundle, fault);
}

static void test_a_bundle_at_rest_is_read(const test_setting *setting) {
    ef_key_bundle bundle;
    ef_fault fault;
    (void)setting;
    CHECK(read_bundle(BUNDLE(KEY), &bundle, &fault) == EF_REASON_OK);
    CHECK(bundle.seen.number == 7 && bundle.seen.has_digest);
    CHECK(bundle.release_count == 1 && bundle.assignment_count == 1);
    CHECK_TEXT(bundle.release_keys[0].keyid, "5cd252fb0ce89324");
    CHECK_TEXT(fault.path, "");
    CHECK(read_bundle(BUNDLE(OTHER), &bundle, &fault) == EF_REASON_OUT_OF_RANGE);
    CHECK_TEXT(fault.path, "assignmentKeys[0].keyid");
    CHECK(read_bundle(BUNDLE(KEY "," KEY), &bundle, &fault) == EF_REASON_OUT_OF_RANGE);
    CHECK_TEXT(fault.path, "assignmentKeys[1].keyid");
    CHECK(read_bundle("{}", &bundle, &fault) == EF_REASON_MISSING_FIELD);
}

const named_test word_tests[] = {
    {"versions-rise", test_versions_rise},
    {"escapes-are-read", test_escapes_are_read},
    {"text-is-copied-whole-or-not-at-all", test_text_is_copied_whole_or_not_at_all},
    {"topics-are-built-for-ids-alone", test_topics_are_built_for_ids_alone},
    {"a-path-stays-in-its-memory", test_a_path_stays_in_its_memory},
    {"a-bundle-at-rest-is-read", test_a_bundle_at_rest_is_read},
    {NULL, NULL},
};
