/* The small grammars, by the first byte: base64, patterns, versions and topics, each against a second opinion. */
#include <stdlib.h>
#include <string.h>

#include "edgefleet/base64.h"
#include "edgefleet/pattern.h"
#include "edgefleet/semver.h"
#include "edgefleet/topic.h"
#include "envelope.h"
#include "input.h"
#include "promise.h"

enum { WORD_MAX = 1024 };

/* A string of a document: what a cursor may meet. */
typedef struct {
    uint8_t quoted[WORD_MAX + 2];
    ef_json json;
    ef_json_token token;
    char plain[WORD_MAX + 1]; /* the same, where it is ASCII; else empty */
} word;

static bool read_word(word *w, const uint8_t *bytes, size_t length) {
    if (length > WORD_MAX) {
        return false;
    }
    w->quoted[0] = '"';
    if (length > 0) {
        memcpy(w->quoted + 1, bytes, length);
    }
    w->quoted[length + 1] = '"';
    if (ef_json_parse(w->quoted, length + 2, &w->token, 1, &w->json) != EF_REASON_OK) {
        return false;
    }
    if (!ef_text_copy(ef_json_text(&w->json, 0), w->plain, sizeof w->plain)) {
        w->plain[0] = '\0';
    }
    return true;
}

/* What decodes is what encoding gives: there is one spelling of each byte string. */
static void check_base64(const word *w) {
    static char again[WORD_MAX + 4];
    uint8_t out[WORD_MAX];
    size_t counted = 0;
    size_t length = 0;
    bool good = ef_base64_decode(ef_json_text(&w->json, 0), NULL, 0, &counted);
    PROMISE(good == ef_pattern_matches(EF_PATTERN_BASE64, ef_json_text(&w->json, 0)));
    if (!good) {
        return;
    }
    uint8_t *exact = malloc(counted + 1);
    PROMISE(exact != NULL && ef_base64_decode(ef_json_text(&w->json, 0), exact, counted, &length));
    PROMISE(length == counted && length <= sizeof out);
    PROMISE(counted == 0 || !ef_base64_decode(ef_json_text(&w->json, 0), out, counted - 1, &length));
    (void)base64_write(exact, counted, again);
    PROMISE(strcmp(again, w->plain) == 0);
    free(exact);
}

static bool is_of(const char *text, const char *characters, size_t least, size_t most) {
    size_t length = strlen(text);
    return length >= least && length <= most && strspn(text, characters) == length;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* The patterns that are simple enough to say twice. */
static bool second_opinion(ef_pattern kind, const char *text) {
    size_t length = strlen(text);
    switch (kind) {
    case EF_PATTERN_DNS_LABEL:
        return is_of(text, LOWER DIGITS "-", 1, 63) && text[0] != '-' && text[length - 1] != '-';
    case EF_PATTERN_SHA256:
        return is_of(text, "abcdef" DIGITS, 64, 64);
    case EF_PATTERN_KEY_ID:
        return is_of(text, "abcdef" DIGITS, 16, 16);
    case EF_PATTERN_FILE_NAME:
        return length == 0 || (is_of(text, LOWER UPPER DIGITS "._-", 1, 128) && strchr("._-", text[0]) == NULL);
    case EF_PATTERN_TOKEN:
        return is_of(text, LOWER UPPER DIGITS "_-", 1, 64);
    case EF_PATTERN_OP_NAME:
        return is_of(text, LOWER UPPER DIGITS "_.-", 1, 64) && strchr(".-", text[0]) == NULL;
    default:
        return false;
    }
}

static void check_patterns(const word *w) {
    bool ascii = w->plain[0] != '\0' || w->json.tokens[0].start == w->json.tokens[0].end;
    for (ef_pattern kind = EF_PATTERN_DNS_LABEL; kind <= EF_PATTERN_INSTANT; kind++) {
        bool matches = ef_pattern_matches(kind, ef_json_text(&w->json, 0));
        bool is_simple = kind != EF_PATTERN_SEMVER && kind < EF_PATTERN_BASE64;
        PROMISE(!matches || ascii);
        PROMISE(!is_simple || !ascii || matches == second_opinion(kind, w->plain));
        PROMISE(kind != EF_PATTERN_INSTANT || !matches || strspn(w->plain, DIGITS "-:.TZ") == strlen(w->plain));
    }
}

/* Precedence is an order: reflexive, antisymmetric, transitive. */
static void check_versions(fuzz_input *input) {
    static word versions[3];
    for (size_t i = 0; i < 3; i++) {
        size_t length = 0;
        const uint8_t *bytes = input_bytes(input, EF_SEMVER_MAX, &length);
        if (!read_word(&versions[i], bytes, length) ||
            !ef_pattern_matches(EF_PATTERN_SEMVER, ef_json_text(&versions[i].json, 0))) {
            return;
        }
    }
    int ab = ef_semver_compare(versions[0].plain, versions[1].plain);
    int bc = ef_semver_compare(versions[1].plain, versions[2].plain);
    int ac = ef_semver_compare(versions[0].plain, versions[2].plain);
    PROMISE(ef_semver_compare(versions[0].plain, versions[0].plain) == 0);
    PROMISE(ef_semver_compare(versions[1].plain, versions[0].plain) == -ab);
    PROMISE(!(ab <= 0 && bc <= 0) || ac <= 0);
    PROMISE(!(ab >= 0 && bc >= 0) || ac >= 0);
    PROMISE(ab != 0 || ac == bc);
}

/* A name that belongs to a topic is the one that the topic and its device id give. */
static void check_topic(const uint8_t *bytes, size_t length) {
    char id[EF_DEVICE_ID_MAX + 1];
    char built[256];
    uint8_t *exact = copy_exactly(bytes, length);
    const ef_topic *topic = ef_topic_parse((const char *)exact, length, id);
    if (topic != NULL) {
        PROMISE(ef_topic_build(topic, id[0] != '\0' ? id : NULL, built, sizeof built));
        PROMISE(strlen(built) == length && memcmp(built, exact, length) == 0);
        PROMISE(!ef_topic_build(topic, id[0] != '\0' ? id : NULL, built, length));
    }
    free(exact);
}

/* Any text is refused or is an id. */
static void check_build(fuzz_input *input) {
    char id[128];
    char built[256];
    char parsed[EF_DEVICE_ID_MAX + 1];
    size_t length = 0;
    const ef_topic *topic = &ef_topics[input_below(input, EF_TOPIC_COUNT)];
    const uint8_t *bytes = input_bytes(input, sizeof id - 1, &length);
    if (length > 0) {
        memcpy(id, bytes, length);
    }
    id[length] = '\0';
    if (ef_topic_build(topic, id, built, sizeof built)) {
        PROMISE(ef_topic_parse(built, strlen(built), parsed) == topic && strcmp(parsed, id) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static word w;
    fuzz_input input = {data, size};
    switch (input_byte(&input) % 5) {
    case 0:
        if (read_word(&w, input.at, input.left)) {
            check_base64(&w);
        }
        break;
    case 1:
        if (read_word(&w, input.at, input.left)) {
            check_patterns(&w);
        }
        break;
    case 2:
        check_versions(&input);
        break;
    case 3:
        check_topic(input.at, input.left);
        break;
    default:
        check_build(&input);
    }
    return 0;
}
