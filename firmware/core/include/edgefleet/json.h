/* Strict JSON over memory that the caller gives: no allocation, no recursion, no copy of the text.
 *
 * The dialect is the wire contract's (docs/reference/wire-contract.md); operator/src/edgefleet/contracts/strict_json.py
 * is its twin. A token array of EF_JSON_TOKENS_MAX entries holds any document that the contract accepts.
 *
 * Numbers go through strtod: a port must leave LC_NUMERIC at "C".
 */
#ifndef EDGEFLEET_JSON_H
#define EDGEFLEET_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edgefleet_contract.h"

typedef enum {
    EF_JSON_NULL,
    EF_JSON_FALSE,
    EF_JSON_TRUE,
    EF_JSON_INTEGER,
    EF_JSON_FLOAT,
    EF_JSON_STRING,
    EF_JSON_ARRAY,
    EF_JSON_OBJECT
} ef_json_type;

/* One key or value. `start` and `end` bound its text, without the quotes of a string; `next` is the token after it and
 * everything inside it. A key is a string token; its value follows it. */
typedef struct {
    uint32_t start : 20;
    uint32_t type : 4;
    uint32_t : 8;
    uint32_t end : 20;
    uint32_t next : 12;
} ef_json_token;

/* What a token can count. */
#define EF_JSON_BYTES_MAX ((1u << 20) - 1)

_Static_assert(sizeof(ef_json_token) == 8, "thousands of tokens' worth of memory is what a device does not have");
_Static_assert(EF_JSON_TOKENS_MAX < 1u << 12, "a token can name any other");

/* A parsed document; token 0 is its value. It borrows the bytes and the tokens. */
typedef struct {
    const uint8_t *bytes;
    const ef_json_token *tokens;
    uint16_t count;
} ef_json;

/* Where a string is being read. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} ef_text;

/* "No such token." */
#define EF_JSON_NONE UINT16_MAX
/* "No more characters." */
#define EF_TEXT_END (-1)

/* Reads one document. Returns EF_REASON_OK, or the first fault in byte order: EF_REASON_MALFORMED, _TOO_DEEP,
 * _DUPLICATE_KEY, or _TOO_LARGE for more tokens than `capacity` or the contract allows, or for more bytes than
 * EF_JSON_BYTES_MAX. */
ef_reason ef_json_parse(const uint8_t *bytes, size_t length, ef_json_token *tokens, size_t capacity, ef_json *json);

/* The value of a member, or EF_JSON_NONE. `object` is an object's token. */
uint16_t ef_json_member(const ef_json *json, uint16_t object, const char *name);

/* How many members or items a container has. */
uint16_t ef_json_size(const ef_json *json, uint16_t container);

/* The value of an integer token. */
int64_t ef_json_integer(const ef_json *json, uint16_t token);

/* The value of an integer or float token. */
double ef_json_number(const ef_json *json, uint16_t token);

/* A cursor at the start of a string token. */
ef_text ef_json_text(const ef_json *json, uint16_t token);

/* The next Unicode code point, unescaped, or EF_TEXT_END. Only for text that ef_json_parse has accepted. */
int32_t ef_text_next(ef_text *text);

/* Whether a string token says exactly `expected`, which is ASCII. */
bool ef_json_text_is(const ef_json *json, uint16_t token, const char *expected);

/* Copies ASCII text with a final NUL; false when it has other characters or does not fit. */
bool ef_text_copy(ef_text text, char *out, size_t size);

#endif
