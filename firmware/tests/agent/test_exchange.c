/* A device registry and a network that do not keep their promises. */
#include <stdlib.h>
#include <string.h>

#include "newborn.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MS = 86400000 };

typedef struct {
    enrolment_manner manner;
    unsigned status;
    const char *said;
} trouble;

static const trouble troubles[] = {
    {ENROLMENT_UNREACHABLE, 0, "device registry: it does not answer or does not prove its name"},
    {ENROLMENT_HANGS_UP, 0, "device registry: the connection broke while asking"},
    {ENROLMENT_SILENT, 0, "device registry: it was silent for too long"},
    {ENROLMENT_STATUS, 500, "the device registry cannot answer now: HTTP 500"},
    {ENROLMENT_STATUS, 302, "the device registry cannot answer now: HTTP 302"},
    {ENROLMENT_STATUS, 429, "the device registry cannot answer now: HTTP 429"},
    {ENROLMENT_STATUS, 408, "the device registry cannot answer now: HTTP 408"},
    {ENROLMENT_STATUS, 425, "the device registry cannot answer now: HTTP 425"},
    {ENROLMENT_STATUS, 100, "the device registry cannot answer now: HTTP 100"},
    {ENROLMENT_STATUS, 204, "the device registry cannot answer now: HTTP 204"},
    {ENROLMENT_CUTS, 0, "device registry: the answer is shorter than announced"},
    {ENROLMENT_RESETS, 0, "device registry: the connection broke"},
    {ENROLMENT_LOSES, 0, "device registry: the connection closed before the answer's end"},
    {ENROLMENT_LONGER, 0, "device registry: the answer is shorter than announced"},
    {ENROLMENT_EXTRA, 0, "device registry: more bytes came than were announced"},
    {ENROLMENT_ENDLESS, 0, "device registry: the answer does not say how long it is"},
    {ENROLMENT_HUGE, 0, "device registry: the answer is longer than any document"},
    {ENROLMENT_CHUNKED, 0, "device registry: it comes in a transfer coding"},
    {ENROLMENT_GARBAGE, 0, "device registry: it is not HTTP"},
};

static const char *const paths[] = {EF_PROVISION_PATH, EF_ACTIVATION_PATH};

static void begin(newborn *n, const test_setting *setting) {
    newborn_make(n, setting);
    CHECK(newborn_boot(n) == BENCH_RAN);
}

static void end(newborn *n) {
    CHECK(n->b.broken == 0);
    CHECK(n->registry.broken == 0);
    CHECK(!n->registry.open);
    CHECK(n->identity.keys_made == 1);
    newborn_free(n);
}

static void make_trouble(newborn *n, const trouble *each, const char *path, unsigned times) {
    n->registry.status = each->status;
    newborn_misbehave(n, each->manner, path, times);
}

/* Once: the next attempt does it. A head that ends before the body counts as one more. */
static void test_every_trouble_passes(const test_setting *setting) {
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        for (size_t path = 0; path < 2; path++) {
            newborn n;
            begin(&n, setting);
            make_trouble(&n, &troubles[i], paths[path], 1);
            n.registry.after = 5;
            CHECK(newborn_grow_up(&n, MINUTE_MS));
            CHECK(n.registry.opened == 3);
            CHECK(strstr(n.logged, troubles[i].said) != NULL);
            end(&n);
        }
    }
}

/* For ever: said once, tried on less and less often, and got over without anybody's help. */
static void test_every_trouble_is_said_and_tried_on(const test_setting *setting) {
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        newborn n;
        begin(&n, setting);
        n.registry.activates = false;
        CHECK(newborn_run(&n, MINUTE_MS) == BENCH_RAN);
        make_trouble(&n, &troubles[i], NULL, 1000000);
        unsigned reports = n.b.reports;
        CHECK(newborn_run(&n, 60 * MINUTE_MS) == BENCH_RAN);
        CHECK_SAID(&n.b, "phase", "NotActivated");
        CHECK_SAID(&n.b, "message", troubles[i].said);
        CHECK(n.b.reports == reports + 1);
        n.registry.opened = 0;
        CHECK(newborn_run(&n, 60 * MINUTE_MS) == BENCH_RAN);
        CHECK(n.registry.opened >= 11 && n.registry.opened <= 17);
        n.registry.times = 0;
        n.registry.activates = true;
        CHECK(newborn_grow_up(&n, 6 * MINUTE_MS));
        end(&n);
    }
}

/* Milliseconds from now until the next connection. */
static uint64_t until_next(newborn *n) {
    unsigned opened = n->registry.opened;
    uint64_t from = n->b.now_ms;
    while (n->registry.opened == opened && n->b.now_ms < from + 2 * (uint64_t)DAY_MS) {
        CHECK(newborn_run(n, 1) == BENCH_RAN);
    }
    return n->registry.opened_ms - from;
}

static void test_pauses_double_and_differ(const test_setting *setting) {
    uint64_t waits[2][14];
    for (unsigned device = 0; device < 2; device++) {
        newborn n;
        begin(&n, setting);
        newborn_misbehave(&n, ENROLMENT_UNREACHABLE, NULL, 1000);
        n.b.random = 7 + device;
        CHECK(newborn_run(&n, 1) == BENCH_RAN);
        (void)until_next(&n);
        for (size_t i = 0; i < 14; i++) {
            uint64_t whole = (uint64_t)EF_PROVISION_PAUSE_MS << i;
            whole = whole < EF_PROVISION_PAUSE_MAX_MS ? whole : EF_PROVISION_PAUSE_MAX_MS;
            waits[device][i] = until_next(&n);
            CHECK(waits[device][i] + 10 >= whole - whole / 4 && waits[device][i] <= whole + 10);
            CHECK(i < 10 || waits[device][i] >= EF_PROVISION_PAUSE_MAX_MS / 4 * 3);
        }
        newborn_free(&n);
    }
    CHECK(memcmp(waits[0], waits[1], sizeof waits[0]) != 0);
}

typedef struct {
    const char *retry_after;
    unsigned status;
    uint64_t least_ms;
    uint64_t most_ms;
} pause_case;

static void test_retry_after_is_honoured(const test_setting *setting) {
    static const pause_case cases[] = {
        {"120", 503, 120000, 150100},
        {" 120 ", 429, 120000, 150100},
        {"900", 403, 900000, 1125100},
        {"1", 403, 225000, 300100}, /* not sooner than what it is worth */
        {"99999999", 503, HOUR_MS, HOUR_MS / 4 * 5 + 100},
        {"99999999999999999999", 503, HOUR_MS, HOUR_MS / 4 * 5 + 100},
        {"-1", 503, 0, 1100},
        {"0", 503, 0, 1100},
        {"Sun, 22 Nov 2026 00:19:24 GMT", 503, 0, 1100},
        {"120 bananas", 503, 0, 1100},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t path = 0; path < 2; path++) {
            newborn n;
            begin(&n, setting);
            newborn_misbehave(&n, ENROLMENT_STATUS, paths[path], 1);
            n.registry.status = cases[i].status;
            n.registry.retry_after = cases[i].retry_after;
            while (n.registry.times > 0) {
                CHECK(newborn_run(&n, 1) == BENCH_RAN);
            }
            uint64_t wait = until_next(&n);
            CHECK(wait >= cases[i].least_ms && wait <= cases[i].most_ms);
            CHECK(newborn_grow_up(&n, MINUTE_MS));
            end(&n);
        }
    }
}

static void test_an_answer_says_when_to_ask_again(const test_setting *setting) {
    static const unsigned seconds[] = {1, 600, 86400};
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        newborn n;
        begin(&n, setting);
        n.registry.activates = false;
        n.registry.retry_after_seconds = seconds[i];
        CHECK(newborn_run(&n, 500) == BENCH_RAN);
        for (unsigned times = 0; times < 12; times++) {
            uint64_t wait = until_next(&n);
            CHECK(wait <= seconds[i] * 1250ull + 100);
            CHECK(times == 0 || wait >= seconds[i] * 1000ull - 100);
        }
        n.registry.activates = true;
        CHECK(newborn_grow_up(&n, 2 * (uint64_t)DAY_MS));
        end(&n);
    }
}

typedef struct {
    const char *path;
    const char *says;
    const char *said;
} document_case;

#define KEYS "\"keys\":{\"schema\":1,\"version\":1,\"releaseKeys\":[],\"assignmentKeys\":[]}"
#define PEM "-----BEGIN CERTIFICATE-----\\nkey 1\\nserial 1\\n-----END CERTIFICATE-----\\n"

static const document_case documents[] = {
    {EF_PROVISION_PATH, "", "Malformed"},
    {EF_PROVISION_PATH, "{", "Malformed"},
    {EF_PROVISION_PATH, "<html></html>", "Malformed"},
    {EF_PROVISION_PATH, "{}", "MissingField at schema"},
    {EF_PROVISION_PATH, "{\"schema\":2}", "UnsupportedSchema at schema"},
    {EF_PROVISION_PATH, "{\"schema\":1,\"certificate\":1}", "WrongType at certificate"},
    {EF_PROVISION_PATH, "{\"schema\":1,\"certificate\":\"x\"," KEYS "}", "OutOfRange at certificate"},
    {EF_PROVISION_PATH, "{\"schema\":1,\"certificate\":\"-----BEGIN \\u0000\\n\"," KEYS "}", "Malformed"},
    {EF_PROVISION_PATH, "{\"schema\":1,\"certificate\":\"-----BEGIN \\u00e9\\n\"," KEYS "}",
     "OutOfRange at certificate"},
    {EF_PROVISION_PATH, "{\"schema\":1,\"certificate\":\"" PEM "\"}", "MissingField at keys"},
    {EF_PROVISION_PATH, "{\"schema\":1,\"certificate\":\"" PEM "\",\"keys\":{}}", "MissingField at keys.schema"},
    {EF_PROVISION_PATH, "{\"schema\":1,\"certificate\":\"" PEM "\"," KEYS "}", "OutOfRange at keys.releaseKeys"},
    {EF_ACTIVATION_PATH, "", "Malformed"},
    {EF_ACTIVATION_PATH, "TRUE", "Malformed"},
    {EF_ACTIVATION_PATH, "true", "WrongType"},
    {EF_ACTIVATION_PATH, "{\"schema\":1}", "MissingField at activated"},
    {EF_ACTIVATION_PATH, "{\"schema\":1,\"activated\":\"true\"}", "WrongType at activated"},
    {EF_ACTIVATION_PATH, "{\"schema\":1,\"activated\":false,\"activated\":true}", "DuplicateKey"},
    {EF_ACTIVATION_PATH, "{\"schema\":1,\"activated\":false,\"retryAfterSeconds\":0}",
     "OutOfRange at retryAfterSeconds"},
};

static void test_only_documents_of_the_contract_count(const test_setting *setting) {
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        char line[256];
        newborn n;
        begin(&n, setting);
        newborn_misbehave(&n, ENROLMENT_SAYS, documents[i].path, 3);
        n.registry.says = documents[i].says;
        (void)snprintf(line, sizeof line, "\nthe device registry's answer: %s", documents[i].said);
        CHECK(newborn_grow_up(&n, MINUTE_MS));
        if (strstr(n.logged, line) == NULL) {
            check_failed(__FILE__, __LINE__, line + 1, n.logged);
        }
        CHECK(n.registry.opened == 5);
        end(&n);
    }
}

/* Two keys under one id, and a point off the curve, are no keys. */
static void test_keys_that_are_none_are_refused(const test_setting *setting) {
    newborn n;
    ef_key wrong[2];
    begin(&n, setting);
    memcpy(wrong, n.b.keys, sizeof wrong);
    wrong[0].keyid[0] = wrong[0].keyid[0] == '0' ? '1' : '0';
    n.registry.keys = wrong;
    CHECK(newborn_run(&n, 5000) == BENCH_RAN);
    CHECK(strstr(n.logged, "the device registry's keys: OutOfRange at releaseKeys[0].keyid\n") != NULL);
    memcpy(wrong, n.b.keys, sizeof wrong);
    wrong[1].point[40] ^= 1;
    CHECK(newborn_run(&n, 5000) == BENCH_RAN);
    CHECK(strstr(n.logged, "the device registry's keys: OutOfRange at assignmentKeys[0].publicKey\n") != NULL);
    CHECK(!n.identity.installed);
    n.registry.keys = n.b.keys;
    CHECK(newborn_grow_up(&n, MINUTE_MS));
    end(&n);
}

static void test_an_answer_that_trickles_ends(const test_setting *setting) {
    for (size_t path = 0; path < 2; path++) {
        newborn n;
        begin(&n, setting);
        newborn_misbehave(&n, ENROLMENT_TRICKLES, paths[path], 1);
        CHECK(newborn_run(&n, EF_REQUEST_TOTAL_MS - 1000) == BENCH_RAN);
        CHECK(n.registry.open);
        CHECK(newborn_grow_up(&n, 10000));
        CHECK(strstr(n.logged, "\ndevice registry: its answer took too long\n") != NULL);
        end(&n);
    }
}

const named_test exchange_tests[] = {
    {"every-trouble-of-an-exchange-passes", test_every_trouble_passes},
    {"every-trouble-of-an-exchange-is-said", test_every_trouble_is_said_and_tried_on},
    {"pauses-double-and-differ", test_pauses_double_and_differ},
    {"retry-after-is-honoured", test_retry_after_is_honoured},
    {"an-answer-says-when-to-ask-again", test_an_answer_says_when_to_ask_again},
    {"only-documents-of-the-contract-count", test_only_documents_of_the_contract_count},
    {"keys-that-are-none-are-refused", test_keys_that_are_none_are_refused},
    {"an-answer-that-trickles-ends", test_an_answer_that_trickles_ends},
    {NULL, NULL},
};
