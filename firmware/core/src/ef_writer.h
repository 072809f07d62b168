/* Writing text and JSON into memory that the caller gives. What does not fit is left out and sets `full`. */
#ifndef EDGEFLEET_EF_WRITER_H
#define EDGEFLEET_EF_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *text; /* always ends in NUL */
    size_t capacity;
    size_t length;
    bool full;
    bool first; /* no comma before the next value */
} ef_writer;

/* `capacity` counts the final NUL. */
void ef_writer_begin(ef_writer *writer, char *text, size_t capacity);

/* Plain text. */
void ef_put_text(ef_writer *writer, const char *text);
void ef_put_number(ef_writer *writer, int64_t value);
void ef_put_hex(ef_writer *writer, const uint8_t *bytes, size_t length);

/* JSON. `name` is NULL for an item of an array and for the document itself. */
void ef_json_open(ef_writer *writer, const char *name, char bracket);
void ef_json_close(ef_writer *writer, char bracket);
void ef_json_put_integer(ef_writer *writer, const char *name, int64_t value);
void ef_json_put_boolean(ef_writer *writer, const char *name, bool value);
void ef_json_put_hex(ef_writer *writer, const char *name, const uint8_t *bytes, size_t length);

/* A number of seven significant digits at most, in the spelling that Python's repr gives it, whatever the locale. One
 * that is not finite does not fit into JSON and sets `full`. */
void ef_json_put_float(ef_writer *writer, const char *name, float value);

/* A value whose text is JSON already. */
void ef_json_put_raw(ef_writer *writer, const char *name, const char *value);

/* A string. Characters other than printable ASCII become '?': what a device says is ASCII. */
void ef_json_put_text(ef_writer *writer, const char *name, const char *text);

/* A string of several lines, such as PEM: line feeds are kept. */
void ef_json_put_lines(ef_writer *writer, const char *name, const char *text);

#endif
