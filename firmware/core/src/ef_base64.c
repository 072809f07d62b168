#include "edgefleet/base64.h"

/* The six bits of a character, or -1. */
static int32_t sextet(int32_t c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* After the last data character: the padding that completes the group, and nothing more. */
static bool ends_well(ef_text text, int32_t c, unsigned pending_bits, uint32_t pending) {
    if ((pending & ((1U << pending_bits) - 1U)) != 0) {
        return false;
    }
    for (unsigned bits = pending_bits; bits > 0; bits -= 2) {
        if (c != '=') {
            return false;
        }
        c = ef_text_next(&text);
    }
    return c == EF_TEXT_END;
}

bool ef_base64_decode(ef_text text, uint8_t *out, size_t capacity, size_t *length) {
    uint32_t pending = 0;
    unsigned pending_bits = 0;
    size_t characters = 0;
    *length = 0;
    int32_t c = ef_text_next(&text);
    for (int32_t value = sextet(c); value >= 0; value = sextet(c)) {
        pending = (pending << 6) | (uint32_t)value;
        pending_bits += 6;
        characters++;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            if (out != NULL) {
                if (*length == capacity) {
                    return false;
                }
                out[*length] = (uint8_t)(pending >> pending_bits);
            }
            (*length)++;
        }
        c = ef_text_next(&text);
    }
    /* One character of a group carries no byte: it cannot stand alone. */
    return characters % 4 != 1 && ends_well(text, c, pending_bits, pending);
}

size_t ef_base64_read(ef_text *text, uint8_t *out, size_t capacity) {
    uint32_t pending = 0;
    unsigned pending_bits = 0;
    size_t length = 0;
    while (length < capacity) {
        int32_t value = sextet(ef_text_next(text));
        if (value < 0) {
            break;
        }
        pending = (pending << 6) | (uint32_t)value;
        pending_bits += 6;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            out[length++] = (uint8_t)(pending >> pending_bits);
        }
    }
    return length;
}
