/* A key bundle: raw bytes, a payload that the target signs, or one that provisioning left. */
#include <stdlib.h>
#include <string.h>

#include "edgefleet/verify.h"
#include "envelope.h"
#include "input.h"
#include "promise.h"

enum { COMPOSED = 1, UNSIGNED = 2, BAD_SIGNATURE = 4, STRANGER = 8, SEEN_MANY = 16 };

static ef_json_token tokens[EF_JSON_TOKENS_MAX];
static uint8_t payload[EF_KEY_BUNDLE_MAX];
static const ef_workspace workspace = {tokens, EF_JSON_TOKENS_MAX, payload, sizeof payload};

static ef_reason verify(const uint8_t *bytes, size_t length, const ef_seen *seen, ef_key_bundle *bundle) {
    ef_fault fault = {EF_REASON_OK, ""};
    const ef_keyring keys = {trusted_key(), 1};
    memset(bundle, 0x5A, sizeof *bundle);
    ef_reason reason = ef_verify_key_bundle(bytes, length, &keys, seen, &workspace, bundle, &fault);
    PROMISE(memchr(fault.path, '\0', sizeof fault.path) != NULL);
    return reason;
}

static void check_keys(const ef_key *keys, size_t count) {
    PROMISE(count <= EF_KEYS_MAX);
    for (size_t i = 0; i < count; i++) {
        ef_key again;
        PROMISE(keys[i].point[0] == 4 && ef_key_load(&again, keys[i].point));
        PROMISE(strcmp(again.keyid, keys[i].keyid) == 0);
        for (size_t other = 0; other < i; other++) {
            PROMISE(strcmp(keys[other].keyid, keys[i].keyid) != 0);
        }
    }
}

static void check_accepted(const uint8_t *bytes, size_t length, const ef_key_bundle *first) {
    ef_key_bundle bundle;
    ef_seen seen = first->seen;
    PROMISE(verify(bytes, length, &seen, &bundle) == EF_REASON_UNCHANGED);
    PROMISE(bundle.release_count == first->release_count);
    seen.digest[0] ^= 1;
    PROMISE(verify(bytes, length, &seen, &bundle) == EF_REASON_STALE_GENERATION);
    if (first->seen.number < INT64_MAX) {
        seen = (ef_seen){first->seen.number + 1, false, {0}};
        PROMISE(verify(bytes, length, &seen, &bundle) == EF_REASON_STALE_GENERATION);
    }
}

static void read_signed(unsigned flags, fuzz_input *input) {
    static char text[EF_ENVELOPE_MAX];
    bool composed = (flags & COMPOSED) != 0;
    envelope_signature how = (flags & BAD_SIGNATURE) != 0 ? SIGNED_BADLY
                             : (flags & STRANGER) != 0    ? SIGNED_BY_A_STRANGER
                                                          : SIGNED_WELL;
    ef_key_bundle bundle;
    ef_seen seen = {(flags & SEEN_MANY) != 0 ? (int64_t)input_u32(input) : 0, false, {0}};
    size_t length = input->left;
    if (composed) {
        length = envelope_write(text, sizeof text, EF_PAYLOAD_KEY_BUNDLE, input->at, input->left, how);
    }
    uint8_t *exact = copy_exactly(composed ? (const uint8_t *)text : input->at, length);
    signatures_forget();
    ef_reason reason = verify(exact, length, &seen, &bundle);
    bool accepted = reason == EF_REASON_OK || reason == EF_REASON_UNCHANGED;
    PROMISE(!accepted || signatures_good() == 1);
    PROMISE(!composed || how == SIGNED_WELL || signatures_good() == 0);
    if (accepted) {
        check_keys(bundle.release_keys, bundle.release_count);
        check_keys(bundle.assignment_keys, bundle.assignment_count);
    }
    if (reason == EF_REASON_OK) {
        PROMISE(bundle.seen.number > seen.number);
        check_accepted(exact, length, &bundle);
    }
    free(exact);
}

static void read_unsigned(fuzz_input *input) {
    ef_fault fault = {EF_REASON_OK, ""};
    ef_key_bundle bundle;
    uint8_t *exact = copy_exactly(input->at, input->left);
    signatures_forget();
    if (ef_read_key_bundle(exact, input->left, &workspace, &bundle, &fault) == EF_REASON_OK) {
        PROMISE(fault.path[0] == '\0' && bundle.seen.has_digest);
        check_keys(bundle.release_keys, bundle.release_count);
        check_keys(bundle.assignment_keys, bundle.assignment_count);
    }
    PROMISE(signatures_good() == 0);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    unsigned flags = input_byte(&input);
    if ((flags & UNSIGNED) != 0) {
        read_unsigned(&input);
    } else {
        read_signed(flags, &input);
    }
    return 0;
}
