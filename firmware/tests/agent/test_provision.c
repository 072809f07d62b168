/* A device is born: from a claim to an activated device that obeys. */
#include <stdlib.h>
#include <string.h>

#include "ef_keys.h"
#include "newborn.h"

enum { MINUTE_MS = 60000 };

static void begin(newborn *n, const test_setting *setting) {
    newborn_make(n, setting);
    CHECK(newborn_boot(n) == BENCH_RAN);
    CHECK(n->b.agent != NULL);
}

static void end(newborn *n) {
    CHECK(n->b.broken == 0);
    CHECK(n->registry.broken == 0);
    CHECK(!n->registry.open);
    CHECK(n->identity.keys_made <= 1);
    newborn_free(n);
}

static bool has_logged(const newborn *n, const char *text) {
    return strstr(n->logged, text) != NULL;
}

static void obeys(newborn *n) {
    CHECK(bench_send(&n->b, "first") == BENCH_RAN);
    CHECK(bench_settle(&n->b) == BENCH_RAN);
    CHECK_SAID(&n->b, "phase", "Confirmed");
    CHECK_SAID(&n->b, "active.version", "1.0.0");
    CHECK(bench_runs_what_it_says(&n->b));
}

static void test_a_device_is_born(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    CHECK(n.registry.issued == 1 && n.registry.opened == 2);
    CHECK(n.connections == 1 && n.b.subscriptions == 1);
    CHECK_TEXT(n.logged, "waits for a certificate\nwaits to be activated\nactivated\n");
    CHECK_SAID(&n.b, "phase", "Idle");
    CHECK_SAID(&n.b, "message", "");
    CHECK(strstr(n.b.said, n.b.keys[0].keyid) != NULL && strstr(n.b.said, n.b.keys[1].keyid) != NULL);
    obeys(&n);
    /* Nothing secret is left in the memory that it borrowed. */
    for (size_t i = 0; i < sizeof n.b.config.provision->document; i++) {
        CHECK(n.b.config.provision->document[i] == 0);
    }
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(ef_agent_is_activated(n.b.agent));
    memset(n.b.config.provision, 0xA5, ef_provision_size()); /* nobody looks there any more */
    CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "phase", "Confirmed");
    CHECK(n.registry.opened == 2);
    end(&n);
}

static void test_who_is_not_activated_obeys_nothing(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    n.registry.activates = false;
    CHECK(newborn_run(&n, 10 * MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "phase", "NotActivated");
    CHECK_SAID(&n.b, "reason", "NotActivated");
    CHECK_SAID(&n.b, "message", "waits to be activated");
    CHECK(strstr(n.b.presence, "\"online\"") != NULL);
    CHECK(n.b.subscriptions == 0);
    CHECK(n.b.reports == 1);
    CHECK(bench_send(&n.b, "first") == BENCH_RAN);
    CHECK(newborn_run(&n, 10 * MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "observedGeneration", "0");
    CHECK(n.b.registry.opened == 0 && n.b.subscriptions == 0 && n.b.reports == 1);
    /* A restart does not let it in either. */
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(bench_send(&n.b, "first") == BENCH_RAN);
    CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "phase", "NotActivated");
    CHECK(n.b.registry.opened == 0 && n.registry.issued == 1);
    n.registry.activates = true;
    CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
    CHECK(n.b.subscriptions == 1);
    CHECK_TEXT(n.b.phases, "NotActivated Idle");
    obeys(&n);
    end(&n);
}

static void test_without_a_certificate_it_is_silent(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    newborn_misbehave(&n, ENROLMENT_UNREACHABLE, NULL, 1000);
    CHECK(newborn_run(&n, 10 * MINUTE_MS) == BENCH_RAN);
    CHECK(n.connections == 0 && n.b.reports == 0 && n.b.presence[0] == '\0');
    n.registry.times = 0;
    CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
    end(&n);
}

/* A command was accepted before a device registry was: it waits for activation, and goes on then. */
static void test_a_command_under_way_waits_for_activation(const test_setting *setting) {
    newborn n;
    newborn_make(&n, setting);
    n.b.config.release_count = 1;
    n.b.config.assignment_count = 1;
    n.b.hal.stream.host[EF_PEER_DEVICE_REGISTRY] = NULL;
    n.identity.key = 1;
    n.identity.installed = true;
    n.registry.activates = false;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    n.b.registry.manner = REGISTRY_UNREACHABLE;
    n.b.registry.times = 1;
    CHECK(bench_send(&n.b, "first") == BENCH_RAN);
    CHECK(newborn_run(&n, 5) == BENCH_RAN);
    n.b.hal.stream.host[EF_PEER_DEVICE_REGISTRY] = "devices.test";
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "phase", "NotActivated");
    CHECK(n.b.registry.requests == 0);
    n.registry.activates = true;
    CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
    CHECK(bench_settle(&n.b) == BENCH_RAN);
    CHECK_SAID(&n.b, "active.version", "1.0.0");
    end(&n);
}

static void test_without_a_device_registry_it_counts_as_activated(const test_setting *setting) {
    newborn n;
    newborn_make(&n, setting);
    n.b.config.release_count = 1;
    n.b.config.assignment_count = 1;
    n.b.hal.stream.host[EF_PEER_DEVICE_REGISTRY] = NULL;
    n.identity.installed = true;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(ef_agent_is_activated(n.b.agent));
    obeys(&n);
    end(&n);
}

/* There is a registry to ask and no memory to ask with: said at the start, not at the first exchange. */
static void test_a_device_registry_needs_memory(const test_setting *setting) {
    newborn n;
    newborn_make(&n, setting);
    ef_provision *memory = n.b.config.provision;
    n.b.config.provision = NULL;
    CHECK(bench_boot(&n.b) == BENCH_RAN);
    CHECK(n.b.agent == NULL);
    n.b.config.provision = memory;
    end(&n);
}

/* An identity from elsewhere: only leave to work is asked for. */
static void test_a_device_with_an_identity_only_confirms(const test_setting *setting) {
    newborn n;
    newborn_make(&n, setting);
    n.b.config.release_count = 1;
    n.b.config.assignment_count = 1;
    n.b.hal.identity = (ef_hal_identity){NULL, NULL, NULL, NULL};
    n.identity.installed = true;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    CHECK(n.registry.issued == 0 && n.registry.opened == 1);
    obeys(&n);
    end(&n);
}

/* Flash was erased; key and certificate, which lie elsewhere, are still there. */
static void test_a_flashed_board_starts_again(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    memset(n.b.flash.bytes, 0xFF, n.b.flash.size);
    n.registry.activates = false;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "phase", "NotActivated");
    CHECK(n.registry.issued == 2 && n.identity.keys_made == 1);
    n.registry.activates = true;
    CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
    obeys(&n);
    end(&n);
}

static void test_an_activation_is_of_one_name(const test_setting *setting) {
    newborn n;
    ef_activation other = {"esp32-0002"};
    begin(&n, setting);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    CHECK(ef_journal_put(&n.b.agent->journal, EF_RECORD_ACTIVATION, &other, sizeof other));
    n.registry.activates = false;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(!ef_agent_is_activated(n.b.agent));
    memset(other.device_id, 'a', sizeof other.device_id); /* no NUL: flash may hold anything */
    CHECK(ef_journal_put(&n.b.agent->journal, EF_RECORD_ACTIVATION, &other, sizeof other));
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(!ef_agent_is_activated(n.b.agent));
    end(&n);
}

/* The certificate is gone: it is asked for again, with the same key, and so is leave to work. */
static void test_a_lost_certificate_is_asked_for_again(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    n.identity.installed = false;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(!ef_agent_is_activated(n.b.agent));
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    CHECK(n.registry.issued == 2 && n.registry.opened == 4);
    end(&n);
}

static void test_a_certificate_for_another_key_is_not_taken(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    n.registry.wrong_key = 2;
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    CHECK(n.identity.refused == 2 && n.registry.issued == 3);
    CHECK(has_logged(&n, "the certificate is not one for this device's key, or cannot be kept\n"));
    obeys(&n);
    end(&n);
}

static void test_a_lost_answer_is_asked_for_again(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    newborn_misbehave(&n, ENROLMENT_LOSES, NULL, 3);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    CHECK(n.registry.issued == 4 && n.registry.key == n.identity.key);
    end(&n);
}

static void test_a_used_claim_is_refused(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    n.registry.key = 77; /* another device was first */
    CHECK(newborn_run(&n, 20 * MINUTE_MS) == BENCH_RAN);
    CHECK(!ef_agent_is_activated(n.b.agent) && !n.identity.installed);
    CHECK(n.registry.refused >= 4 && n.registry.refused <= 6); /* only the longest pauses */
    CHECK_TEXT(n.logged, "waits for a certificate\nthe device registry refuses the claim: HTTP 403\n");
    n.registry.key = 0; /* a person mended it */
    CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
    end(&n);
}

/* It has a certificate, so that it can say what is wrong. */
static void test_a_refusal_is_said(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    newborn_misbehave(&n, ENROLMENT_STATUS, "Activation", 1000);
    n.registry.status = 403;
    CHECK(newborn_run(&n, 20 * MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "phase", "NotActivated");
    CHECK_SAID(&n.b, "message", "the device registry refuses this device: HTTP 403");
    CHECK(n.registry.opened <= 7);
    memset(n.b.flash.bytes, 0xFF, n.b.flash.size);
    n.registry.times = 0;
    n.registry.key = 77;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "message", "the device registry refuses the claim: HTTP 403");
    end(&n);
}

static void test_no_claim_is_not_asked_with(const test_setting *setting) {
    static const char *const claims[] = {NULL,          "",      "a claim", "claim\n", "claim\\u0041", "cl\xc3\xa4im",
                                         "claim\r\nX:", "a\"b\\"};
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        newborn n;
        newborn_make(&n, setting);
        n.identity.claim = claims[i];
        CHECK(newborn_boot(&n) == BENCH_RAN);
        CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
        CHECK(n.registry.opened == 0);
        CHECK(has_logged(&n, "there is no certificate, and no claim to ask for one\n"));
        n.identity.claim = "claim-0001"; /* somebody puts it there */
        CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
        end(&n);
    }
}

static void test_a_key_that_cannot_be_made_is_said(const test_setting *setting) {
    newborn n;
    newborn_make(&n, setting);
    n.identity.fails = true;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
    CHECK(n.registry.opened == 0);
    CHECK(has_logged(&n, "the device's key cannot be made or used\n"));
    end(&n);
}

static void test_worn_flash_is_said(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    n.b.flash.fails = true;
    CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
    CHECK(has_logged(&n, "the fleet's keys cannot be stored\n"));
    CHECK(!n.identity.installed);
    n.b.flash.fails = false;
    n.registry.activates = false;
    CHECK(newborn_run(&n, 6 * MINUTE_MS) == BENCH_RAN);
    n.registry.activates = true;
    n.b.flash.fails = true;
    CHECK(newborn_run(&n, 6 * MINUTE_MS) == BENCH_RAN);
    CHECK_SAID(&n.b, "message", "the activation cannot be stored");
    CHECK(!ef_agent_is_activated(n.b.agent));
    n.b.flash.fails = false;
    CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
    end(&n);
}

static int64_t stored_version(const newborn *n) {
    ef_key_bundle keys;
    return ef_keys_load(&n->b.agent->journal, &keys) ? keys.seen.number : -1;
}

/* Keys that rotated over the air outlive a new certificate, unless the registry's are newer still. */
static void test_keys_never_go_back(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    CHECK(stored_version(&n) == 3);
    static const int versions[][2] = {{2, 3}, {3, 3}, {4, 4}, {1, 4}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        n.registry.version = versions[i][0];
        n.identity.installed = false;
        CHECK(newborn_boot(&n) == BENCH_RAN);
        CHECK(newborn_grow_up(&n, MINUTE_MS));
        CHECK(stored_version(&n) == versions[i][1]);
    }
    end(&n);
}

static void test_the_newer_keys_count(const test_setting *setting) {
    newborn n;
    begin(&n, setting);
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    /* The configuration has others, one version older, then newer. */
    n.b.config.release_keys = &n.b.keys[1];
    n.b.config.release_count = 1;
    n.b.config.assignment_keys = &n.b.keys[0];
    n.b.config.assignment_count = 1;
    n.b.config.keys_version = 2;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(strcmp(n.b.agent->keys.release_keys[0].keyid, n.b.keys[0].keyid) == 0);
    n.b.config.keys_version = 4;
    CHECK(newborn_boot(&n) == BENCH_RAN);
    CHECK(strcmp(n.b.agent->keys.release_keys[0].keyid, n.b.keys[1].keyid) == 0);
    end(&n);
}

const named_test provision_tests[] = {
    {"a-device-is-born", test_a_device_is_born},
    {"who-is-not-activated-obeys-nothing", test_who_is_not_activated_obeys_nothing},
    {"without-a-certificate-it-is-silent", test_without_a_certificate_it_is_silent},
    {"a-command-under-way-waits-for-activation", test_a_command_under_way_waits_for_activation},
    {"without-a-device-registry-it-counts-as-activated", test_without_a_device_registry_it_counts_as_activated},
    {"a-device-registry-needs-memory", test_a_device_registry_needs_memory},
    {"a-device-with-an-identity-only-confirms", test_a_device_with_an_identity_only_confirms},
    {"a-flashed-board-starts-again", test_a_flashed_board_starts_again},
    {"an-activation-is-of-one-name", test_an_activation_is_of_one_name},
    {"a-lost-certificate-is-asked-for-again", test_a_lost_certificate_is_asked_for_again},
    {"a-certificate-for-another-key-is-not-taken", test_a_certificate_for_another_key_is_not_taken},
    {"a-lost-answer-is-asked-for-again", test_a_lost_answer_is_asked_for_again},
    {"a-used-claim-is-refused", test_a_used_claim_is_refused},
    {"a-refusal-is-said", test_a_refusal_is_said},
    {"no-claim-is-not-asked-with", test_no_claim_is_not_asked_with},
    {"a-key-that-cannot-be-made-is-said", test_a_key_that_cannot_be_made_is_said},
    {"worn-flash-is-said", test_worn_flash_is_said},
    {"keys-never-go-back", test_keys_never_go_back},
    {"the-newer-keys-count", test_the_newer_keys_count},
    {NULL, NULL},
};
