/* RFC 4648 base64, standard alphabet, padded, canonical: the unused bits of the last character are zero. */
#ifndef EDGEFLEET_BASE64_H
#define EDGEFLEET_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edgefleet/json.h"

/* Decodes a string. With `out` NULL it only counts. Returns false for text that is not canonical base64, or when more
 * than `capacity` bytes come out. */
bool ef_base64_decode(ef_text text, uint8_t *out, size_t capacity, size_t *length);

/* Decodes the next `capacity` bytes, which is a multiple of three, or what is left, and moves the cursor behind them;
 * returns how many came out. Only for text that ef_base64_decode has accepted. */
size_t ef_base64_read(ef_text *text, uint8_t *out, size_t capacity);

#endif
