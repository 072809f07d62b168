/* Keys that are exchanged in the field. A device is made with keys a; "rotated" hands out keys b in their place. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "files.h"

static void begin(bench *b, const test_setting *setting) {
    bench_make(b, setting->updates, setting->documents);
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(bench_send(b, "first") == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
    bench_forget(b);
}

static void rotate(bench *b, const char *name) {
    CHECK(bench_send_keys(b, name) == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
}

static void obey(bench *b, const char *name) {
    CHECK(bench_send(b, name) == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
}

static void boot(bench *b) {
    CHECK(bench_boot(b) == BENCH_RAN);
    CHECK(bench_settle(b) == BENCH_RAN);
}

static void end(bench *b) {
    CHECK(bench_runs_what_it_says(b));
    CHECK(b->broken == 0);
    bench_free(b);
}

/* Whether the report names these keys, of the bench's four by number, and no others. */
static void check_key_ids(bench *b, const char *numbers) {
    char wanted[128] = "[";
    for (const char *each = numbers; *each != '\0'; each++) {
        size_t length = strlen(wanted);
        (void)snprintf(wanted + length, sizeof wanted - length, "%s\"%s\"", each == numbers ? "" : ",",
                       b->keys[*each - '0'].keyid);
    }
    strcat(wanted, "]");
    CHECK_SAID(b, "keyIds", wanted);
}

#define MADE_WITH "01"
#define ROTATED "23"
#define BOTH "0213"

static void test_new_keys_command_and_the_old_ones_no_more(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    obey(&b, "other-assignment-key");
    CHECK_SAID(&b, "message", "refused a command: UnknownKey at assignment.signatures");
    unsigned asked = b.subscriptions;
    rotate(&b, "rotated");
    check_key_ids(&b, ROTATED);
    CHECK_SAID(&b, "message", "");
    CHECK_SAID(&b, "active.version", "1.0.0");
    /* Asked again, the broker gives the command again that came too early. */
    CHECK(b.subscriptions == asked + 1);
    obey(&b, "second");
    CHECK_SAID(&b, "message", "refused a command: UnknownKey at assignment.signatures");
    CHECK_SAID(&b, "active.version", "1.0.0");
    obey(&b, "other-assignment-key");
    CHECK_SAID(&b, "phase", "Rejected");
    CHECK_SAID(&b, "reason", "UnknownKey"); /* its manifest is signed with the old release key */
    obey(&b, "other-keys");
    CHECK_SAID(&b, "phase", "Confirmed");
    CHECK_SAID(&b, "active.version", "18.0.0");
    end(&b);
}

static void test_rotated_keys_outlast_restarts(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    rotate(&b, "rotated");
    for (unsigned i = 0; i < 3; i++) {
        boot(&b);
        check_key_ids(&b, ROTATED);
        obey(&b, "second");
        CHECK_SAID(&b, "active.version", "1.0.0");
        CHECK_SAID(&b, "observedGeneration", "30064771073");
    }
    obey(&b, "other-keys");
    CHECK_SAID(&b, "active.version", "18.0.0");
    end(&b);
}

static void test_both_generations_of_keys_may_overlap(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    rotate(&b, "both");
    check_key_ids(&b, BOTH);
    obey(&b, "second");
    CHECK_SAID(&b, "active.version", "2.0.0");
    rotate(&b, "rotated");
    check_key_ids(&b, ROTATED);
    obey(&b, "other-keys");
    CHECK_SAID(&b, "active.version", "18.0.0");
    rotate(&b, "back");
    check_key_ids(&b, MADE_WITH);
    end(&b);
}

static void refuse(const test_setting *setting, const char *before, const char *bundle, const char *ids,
                   const char *message) {
    bench b;
    begin(&b, setting);
    if (before != NULL) {
        rotate(&b, before);
    }
    for (unsigned i = 0; i < 2; i++) {
        uint64_t work = b.flash.work;
        rotate(&b, bundle);
        CHECK_SAID(&b, "message", message);
        check_key_ids(&b, ids);
        CHECK(b.flash.work == work);
        boot(&b);
        check_key_ids(&b, ids);
    }
    end(&b);
}

static void test_an_old_bundle_is_refused(const test_setting *setting) {
    refuse(setting, "both", "made-with", BOTH, "refused a key bundle: StaleGeneration at payload.version");
    refuse(setting, "rotated", "both", ROTATED, "refused a key bundle: UnknownKey at signatures");
}

static void test_other_keys_under_the_same_version_are_refused(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    rotate(&b, "both");
    rotate(&b, "rotated");
    rotate(&b, "rotated-other-bytes");
    check_key_ids(&b, ROTATED);
    CHECK_SAID(&b, "message", "refused a key bundle: UnknownKey at signatures");
    end(&b);
}

static void test_a_key_that_was_rotated_away_signs_no_bundle(const test_setting *setting) {
    refuse(setting, "rotated", "back-of-the-old-key", ROTATED, "refused a key bundle: UnknownKey at signatures");
}

static void test_the_same_bundle_again_is_nothing(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    rotate(&b, "made-with"); /* what is in the configuration */
    CHECK_SAID(&b, "message", "");
    rotate(&b, "both");
    uint64_t work = b.flash.work;
    unsigned reports = b.reports;
    for (unsigned i = 0; i < 5; i++) {
        rotate(&b, "both");
    }
    CHECK(b.flash.work == work);
    CHECK(b.reports == reports);
    check_key_ids(&b, BOTH);
    end(&b);
}

static void test_each_byte_of_a_bundle_counts(const test_setting *setting) {
    bench b;
    size_t length = 0;
    begin(&b, setting);
    uint8_t *bytes = file_read(setting->updates, "keys/rotated.json", &length);
    uint64_t work = b.flash.work;
    for (size_t i = 0; i < length; i++) {
        bytes[i] ^= 1;
        CHECK(bench_send_key_bytes(&b, bytes, length) == BENCH_RAN);
        CHECK(bench_send_key_bytes(&b, bytes, i) == BENCH_RAN);
        bytes[i] ^= 1;
    }
    CHECK(bench_settle(&b) == BENCH_RAN);
    check_key_ids(&b, MADE_WITH);
    CHECK(b.flash.work == work);
    free(bytes);
    end(&b);
}

/* At every step of an update: its manifest was judged with keys that count no more. */
static void test_a_rotation_in_an_update_judges_it_again(const test_setting *setting) {
    for (ef_step step = EF_STEP_MANIFEST; step <= EF_STEP_COMMIT; step++) {
        bench b;
        if (step == EF_STEP_PAUSE || step == EF_STEP_RECALL) {
            continue;
        }
        begin(&b, setting);
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        while (b.agent->update.step != step) {
            CHECK(bench_poll(&b) == BENCH_RAN);
        }
        rotate(&b, "rotated");
        CHECK_SAID(&b, "phase", "Rejected");
        CHECK_SAID(&b, "reason", "UnknownKey");
        CHECK_SAID(&b, "active.version", "1.0.0");
        end(&b);
    }
}

/* And with keys that still count it ends well. */
static void test_a_rotation_in_an_update_does_not_lose_it(const test_setting *setting) {
    for (ef_step step = EF_STEP_MANIFEST; step <= EF_STEP_COMMIT; step++) {
        bench b;
        if (step == EF_STEP_PAUSE || step == EF_STEP_RECALL) {
            continue;
        }
        begin(&b, setting);
        CHECK(bench_send(&b, "second") == BENCH_RAN);
        while (b.agent->update.step != step) {
            CHECK(bench_poll(&b) == BENCH_RAN);
        }
        rotate(&b, "both");
        CHECK_SAID(&b, "phase", "Confirmed");
        CHECK_SAID(&b, "active.version", "2.0.0");
        check_key_ids(&b, BOTH);
        end(&b);
    }
}

/* A slot whose model was released with a key that counts no more is not switched back to. */
static void test_the_previous_model_of_a_retired_key_is_not_run(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    rotate(&b, "both");
    obey(&b, "other-keys");
    CHECK_SAID(&b, "previous.version", "1.0.0");
    rotate(&b, "rotated");
    obey(&b, "other-assignment-key");
    CHECK_SAID(&b, "active.version", "18.0.0");
    boot(&b);
    CHECK_SAID(&b, "active.version", "18.0.0");
    end(&b);
}

static void test_keys_that_cannot_be_stored_are_not_used(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    b.flash.fails = true;
    rotate(&b, "rotated");
    check_key_ids(&b, MADE_WITH);
    CHECK_SAID(&b, "message", "refused a key bundle: FlashError");
    b.flash.fails = false;
    rotate(&b, "rotated");
    check_key_ids(&b, ROTATED);
    end(&b);
}

static void test_newer_keys_of_a_new_configuration_count(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    rotate(&b, "both");
    b.config.keys_version = 9;
    b.config.release_keys = &b.keys[2];
    b.config.assignment_keys = &b.keys[3];
    boot(&b);
    check_key_ids(&b, ROTATED);
    rotate(&b, "rotated");
    CHECK_SAID(&b, "message", "refused a key bundle: UnknownKey at signatures");
    end(&b);
}

/* Power fails at every unit of work of a rotation: the keys are the old ones or the new ones. */
static void test_power_fails_at_every_byte_of_a_rotation(const test_setting *setting) {
    bench b;
    begin(&b, setting);
    uint8_t *before = malloc(b.flash.size);
    memcpy(before, b.flash.bytes, b.flash.size);
    uint64_t cut = 1;
    for (bool done = false; !done; cut++) {
        memcpy(b.flash.bytes, before, b.flash.size);
        boot(&b);
        bench_cut_at(&b, cut);
        b.flash.random = (uint32_t)cut;
        done = bench_send_keys(&b, "rotated") == BENCH_RAN;
        bench_cut_at(&b, 0);
        boot(&b);
        bool rotated = strstr(bench_said(&b, "keyIds"), b.keys[2].keyid) != NULL;
        check_key_ids(&b, rotated ? ROTATED : MADE_WITH);
        CHECK(!done || rotated);
        rotate(&b, "rotated");
        check_key_ids(&b, ROTATED);
        CHECK(bench_runs_what_it_says(&b));
    }
    CHECK(cut > 500);
    free(before);
    end(&b);
}

const named_test key_tests[] = {
    {"new-keys-command-and-the-old-ones-no-more", test_new_keys_command_and_the_old_ones_no_more},
    {"rotated-keys-outlast-restarts", test_rotated_keys_outlast_restarts},
    {"both-generations-of-keys-may-overlap", test_both_generations_of_keys_may_overlap},
    {"an-old-bundle-is-refused", test_an_old_bundle_is_refused},
    {"other-keys-under-the-same-version-are-refused", test_other_keys_under_the_same_version_are_refused},
    {"a-key-that-was-rotated-away-signs-no-bundle", test_a_key_that_was_rotated_away_signs_no_bundle},
    {"the-same-bundle-again-is-nothing", test_the_same_bundle_again_is_nothing},
    {"each-byte-of-a-bundle-counts", test_each_byte_of_a_bundle_counts},
    {"a-rotation-in-an-update-judges-it-again", test_a_rotation_in_an_update_judges_it_again},
    {"a-rotation-in-an-update-does-not-lose-it", test_a_rotation_in_an_update_does_not_lose_it},
    {"the-previous-model-of-a-retired-key-is-not-run", test_the_previous_model_of_a_retired_key_is_not_run},
    {"keys-that-cannot-be-stored-are-not-used", test_keys_that_cannot_be_stored_are_not_used},
    {"newer-keys-of-a-new-configuration-count", test_newer_keys_of_a_new_configuration_count},
    {"power-fails-at-every-byte-of-a-rotation", test_power_fails_at_every_byte_of_a_rotation},
    {NULL, NULL},
};
