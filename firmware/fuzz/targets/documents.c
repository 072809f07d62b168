/* Every kind of document, by the first byte: the verdict is the same for the same bytes, and for the same content. */
#include <stdlib.h>
#include <string.h>

#include "edgefleet/contract.h"
#include "input.h"
#include "promise.h"
#include "rewrite.h"

static ef_reason read(const ef_document *document, const uint8_t *bytes, size_t length, ef_json_token *tokens,
                      ef_json *json, ef_fault *fault) {
    memset(fault, 0, sizeof *fault);
    ef_reason reason = ef_contract_read(document, bytes, length, tokens, EF_JSON_TOKENS_MAX, json, fault);
    PROMISE(reason == fault->reason);
    PROMISE(memchr(fault->path, '\0', sizeof fault->path) != NULL);
    PROMISE(reason != EF_REASON_OK || fault->path[0] == '\0');
    PROMISE(length <= document->max_bytes || reason == EF_REASON_TOO_LARGE);
    return reason;
}

/* Members that nobody asked for make no difference: a newer sender may say more. */
static void check_more(const ef_document *document, const uint8_t *text, size_t length) {
    static const char more[] = "{\"zzz\":[{\"schema\":null}],";
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    ef_json json;
    ef_fault fault;
    size_t added = sizeof more - 2; /* instead of the brace */
    if (length + added > document->max_bytes || text[1] == '}') {
        return;
    }
    uint8_t *longer = malloc(length + added);
    PROMISE(longer != NULL);
    memcpy(longer, more, sizeof more - 1);
    memcpy(longer + sizeof more - 1, text + 1, length - 1);
    ef_reason reason = read(document, longer, length + added, tokens, &json, &fault);
    /* TooLarge: the tokens that were added; DuplicateKey: it was there already. */
    PROMISE(reason == EF_REASON_OK || reason == EF_REASON_TOO_LARGE || reason == EF_REASON_DUPLICATE_KEY);
    free(longer);
}

static void check_accepted(const ef_document *document, const ef_json *json, size_t size) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    ef_json again;
    ef_fault fault;
    json_walk(json, size);
    uint8_t *text = malloc(size);
    PROMISE(text != NULL);
    size_t length = json_rewrite(json, text, size);
    PROMISE(read(document, text, length, tokens, &again, &fault) == EF_REASON_OK);
    PROMISE(json_equals(json, &again));
    check_more(document, text, length);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    fuzz_input input = {data, size};
    ef_json json;
    ef_fault first;
    ef_fault second;
    const ef_document *document = &ef_documents[input_byte(&input) % EF_DOCUMENT_COUNT];
    uint8_t *exact = copy_exactly(input.at, input.left);
    ef_reason reason = read(document, exact, input.left, tokens, &json, &first);
    PROMISE(read(document, exact, input.left, tokens, &json, &second) == reason);
    PROMISE(strcmp(first.path, second.path) == 0);
    if (reason == EF_REASON_OK) {
        check_accepted(document, &json, input.left);
    }
    free(exact);
    return 0;
}
