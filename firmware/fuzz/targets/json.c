/* Bytes as JSON: every token holds what the parser promises, and what is written again reads the same. */
#include <stdlib.h>

#include "edgefleet/json.h"
#include "input.h"
#include "promise.h"
#include "rewrite.h"

static bool is_json_fault(ef_reason reason) {
    return reason == EF_REASON_MALFORMED || reason == EF_REASON_TOO_DEEP || reason == EF_REASON_DUPLICATE_KEY ||
           reason == EF_REASON_TOO_LARGE;
}

/* Fewer tokens than are needed is a fault of its own; otherwise their number changes nothing. */
static void check_capacity(const uint8_t *data, size_t size, ef_reason reason, uint16_t count) {
    ef_json json;
    size_t few = reason == EF_REASON_OK ? (size_t)count - 1 : size % 8;
    ef_json_token *tokens = malloc(few * sizeof *tokens + 1);
    PROMISE(tokens != NULL);
    ef_reason limited = ef_json_parse(data, size, tokens, few, &json);
    PROMISE(limited == EF_REASON_TOO_LARGE || (reason != EF_REASON_OK && limited == reason));
    free(tokens);
}

static void check_document(const ef_json *json, size_t size) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    ef_json again;
    json_walk(json, size);
    uint8_t *text = malloc(size);
    PROMISE(text != NULL);
    size_t length = json_rewrite(json, text, size);
    PROMISE(ef_json_parse(text, length, tokens, EF_JSON_TOKENS_MAX, &again) == EF_REASON_OK);
    PROMISE(json_equals(json, &again));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    ef_json json = {NULL, NULL, 0};
    uint8_t *exact = copy_exactly(data, size);
    ef_reason reason = ef_json_parse(exact, size, tokens, EF_JSON_TOKENS_MAX, &json);
    PROMISE(reason == EF_REASON_OK || is_json_fault(reason));
    check_capacity(exact, size, reason, json.count);
    if (reason == EF_REASON_OK) {
        check_document(&json, size);
    }
    free(exact);
    return 0;
}
