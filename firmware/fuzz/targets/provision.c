/* A device that is born while a device registry says what the input wants: it installs and trusts nothing that an answer
 * did not carry, works only after it was told so, and is born in the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "ef_keys.h"
#include "ef_provision.h"
#include "envelope.h"
#include "input.h"
#include "promise.h"

enum { EXCHANGES_MAX = 12, POLLS_MAX = 4000, DAY_MS = 86400000, BODY_MAX = EF_PROVISION_ANSWER_MAX + 64 };

static const char device_id[] = "esp32-0001";

/* The registry's side, and what it has said. */
static struct {
    fuzz_board *board;
    ef_provision provision;
    ef_journal journal;
    bool has_certificate;
    bool has_claim;
    bool refuses_certificate;
    unsigned status;
    const uint8_t *body; /* NULL: the good answer to what was asked */
    size_t body_length;
    bool activated; /* a good answer of the registry said so */
    unsigned bundles; /* answers that carried keys */
} world;

static ef_json_token tokens[EF_JSON_TOKENS_MAX];
static uint8_t payload[EF_MANIFEST_MAX];
static const ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, payload, sizeof payload};

static bool claim(void *context, char *out, size_t capacity) {
    (void)context;
    return world.has_claim && snprintf(out, capacity, "claim-1") < (int)capacity;
}

static bool has_certificate(void *context) {
    (void)context;
    return world.has_certificate;
}

static bool request(void *context, char *pem, size_t capacity, size_t *length) {
    static const char csr[] = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
    (void)context;
    PROMISE(capacity >= sizeof csr);
    memcpy(pem, csr, sizeof csr);
    *length = sizeof csr - 1;
    return true;
}

/* What is installed is PEM's letters and lines, ended by a NUL, and came in an answer. */
static bool install(void *context, const char *pem, size_t length) {
    (void)context;
    PROMISE(strlen(pem) == length && length > 0 && world.bundles > 0);
    for (size_t i = 0; i < length; i++) {
        PROMISE((pem[i] >= ' ' && pem[i] <= '~') || pem[i] == '\n' || pem[i] == '\r');
    }
    world.has_certificate = !world.refuses_certificate;
    return world.has_certificate;
}

/* What the registry is about to say, read by the contract's tables. */
static void note_answer(const uint8_t *body, size_t length) {
    static ef_json_token own[EF_JSON_TOKENS_MAX];
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    if (ef_contract_read(&ef_documents[EF_DOCUMENT_ACTIVATION_ANSWER], body, length, own, EF_JSON_TOKENS_MAX, &json,
                         &fault) == EF_REASON_OK) {
        world.activated = world.activated || json.tokens[ef_json_member(&json, 0, "activated")].type == EF_JSON_TRUE;
    }
    fault = (ef_fault){EF_REASON_OK, ""};
    if (ef_contract_read(&ef_documents[EF_DOCUMENT_PROVISION_ANSWER], body, length, own, EF_JSON_TOKENS_MAX, &json,
                         &fault) == EF_REASON_OK) {
        world.bundles++;
    }
}

static size_t good_answer(char *out, size_t capacity) {
    char point[96];
    const ef_key *key = trusted_key();
    if (strncmp(world.board->request, "POST " EF_ACTIVATION_PATH " ", sizeof "POST " EF_ACTIVATION_PATH) == 0) {
        return (size_t)snprintf(out, capacity, "{\"schema\":1,\"activated\":true}");
    }
    (void)base64_write(key->point, EF_POINT_BYTES, point);
    return (size_t)snprintf(out, capacity,
                            "{\"schema\":1,\"certificate\":\"-----BEGIN CERTIFICATE-----\\nMIIB\\n"
                            "-----END CERTIFICATE-----\\n\",\"keys\":{\"schema\":1,\"version\":3,"
                            "\"releaseKeys\":[{\"keyid\":\"%s\",\"publicKey\":\"%s\"}],"
                            "\"assignmentKeys\":[{\"keyid\":\"%s\",\"publicKey\":\"%s\"}]}}",
                            key->keyid, point, key->keyid, point);
}

static void serve(void *context) {
    static char good[BODY_MAX];
    char head[128];
    fuzz_board *board = context;
    size_t length = world.body != NULL ? world.body_length : good_answer(good, sizeof good);
    const uint8_t *body = world.body != NULL ? world.body : (const uint8_t *)good;
    PROMISE(strstr(board->request, "Content-Type: application/json\r\n") != NULL);
    (void)snprintf(head, sizeof head, "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n%s\r\n", world.status, length,
                   world.status == 503 ? "Retry-After: 5\r\n" : "");
    board->answer_length = 0; /* the question comes in pieces; its last one decides */
    board_say(board, head, strlen(head));
    board_say(board, body, length);
    if (world.status == 200 || world.status == 201) {
        note_answer(body, length);
    }
}

static void check(void) {
    ef_key_bundle bundle;
    const ef_provision *provision = &world.provision;
    PROMISE(provision->step < EF_PROVISION_STEP_COUNT);
    PROMISE(memchr(provision->note, '\0', sizeof provision->note) != NULL);
    PROMISE(provision->until_ms <= world.board->now_ms + DAY_MS + DAY_MS / 4 + 1000);
    PROMISE(!ef_provision_is_done(provision) || world.activated);
    PROMISE(world.bundles > 0 || !ef_keys_load(&world.journal, &bundle));
}

/* From flash alone, as after a power cut. False: power failed again. */
static bool start(void) {
    ef_key_bundle bundle;
    board_power_down(world.board);
    if (setjmp(world.board->out) != 0) {
        return false;
    }
    PROMISE(ef_journal_open(&world.journal, &world.board->hal, 0));
    bool has_keys = ef_keys_load(&world.journal, &bundle);
    ef_provision_start(&world.provision, &world.board->hal, &world.journal, device_id, has_keys);
    check();
    return true;
}

static bool run(unsigned polls) {
    if (setjmp(world.board->out) != 0) {
        return false;
    }
    for (unsigned i = 0; i < polls && !ef_provision_is_done(&world.provision); i++) {
        uint32_t wait = ef_provision_poll(&world.provision, &workspace);
        check();
        world.board->now_ms += wait > 0 ? (uint64_t)wait * 25 : 1;
    }
    return true;
}

static void choose(fuzz_input *input) {
    static const unsigned statuses[] = {200, 201, 400, 403, 404, 409, 429, 500, 503, 302};
    fuzz_board *board = world.board;
    unsigned flags = input_byte(input);
    board->manner = (stream_manner)input_below(input, STREAM_MANNERS);
    board->at_byte = input_u16(input);
    board->piece = (uint16_t)(input_byte(input) * 8);
    world.status = statuses[input_below(input, sizeof statuses / sizeof statuses[0])];
    world.has_claim = (flags & 1) == 0;
    world.refuses_certificate = (flags & 2) != 0;
    world.body = (flags & 4) != 0 ? input_bytes(input, EF_PROVISION_ANSWER_MAX + 16, &world.body_length) : NULL;
    board->raw = input->at;
    board->raw_length = board->manner == STREAM_RAW ? input->left : 0;
    board->random_fails = (flags & 8) != 0;
    board->flash_fails_after = (flags & 16) != 0 ? 1 + input_byte(input) % 16 : 0;
    board->flash.fails = false;
    board->flash.work = 0;
    board->flash.cut_at = (flags & 32) != 0 ? 1 + input_u16(input) % 1024 : 0;
    world.activated = world.activated || board->manner == STREAM_RAW; /* who knows what it says */
    world.bundles += board->manner == STREAM_RAW ? 1 : 0;
}

static void choose_good(void) {
    fuzz_input nothing = {NULL, 0};
    choose(&nothing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    fuzz_board *board = board_new();
    memset(&world, 0, sizeof world);
    (void)trusted_key();
    world.board = board;
    board->serve = serve;
    board->hal.stream.host[EF_PEER_DEVICE_REGISTRY] = "devices.test";
    board->hal.identity = (ef_hal_identity){claim, has_certificate, request, install};
    PROMISE(start());
    for (unsigned i = 0; i < EXCHANGES_MAX && input.left > 0; i++) {
        choose(&input);
        if (!run(1 + input_byte(&input) * 2u)) {
            PROMISE(start());
        }
    }
    choose_good();
    PROMISE(start());
    PROMISE(run(POLLS_MAX) && ef_provision_is_done(&world.provision));
    return 0;
}
