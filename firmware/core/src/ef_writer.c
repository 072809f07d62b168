#include "ef_writer.h"

static void put(ef_writer *writer, char c) {
    if (writer->length + 1 >= writer->capacity) {
        writer->full = true;
        return;
    }
    writer->text[writer->length++] = c;
    writer->text[writer->length] = '\0';
}

void ef_writer_begin(ef_writer *writer, char *text, size_t capacity) {
    writer->text = text;
    writer->capacity = capacity;
    writer->length = 0;
    writer->full = capacity == 0;
    writer->first = true;
    if (capacity > 0) {
        text[0] = '\0';
    }
}

void ef_put_text(ef_writer *writer, const char *text) {
    for (; *text != '\0'; text++) {
        put(writer, *text);
    }
}

void ef_put_number(ef_writer *writer, int64_t value) {
    char digits[20];
    size_t count = 0;
    if (value < 0) {
        put(writer, '-');
    }
    do {
        /* Digit by digit, because -2^63 has no positive twin. */
        digits[count++] = (char)('0' + (value < 0 ? -(value % 10) : value % 10));
        value /= 10;
    } while (value != 0);
    while (count > 0) {
        put(writer, digits[--count]);
    }
}

void ef_put_hex(ef_writer *writer, const uint8_t *bytes, size_t length) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        put(writer, digits[bytes[i] >> 4]);
        put(writer, digits[bytes[i] & 15]);
    }
}

static void put_quoted(ef_writer *writer, const char *text, bool lines) {
    put(writer, '"');
    for (; *text != '\0'; text++) {
        bool printable = *text >= ' ' && *text <= '~';
        bool feed = lines && *text == '\n';
        if (*text == '"' || *text == '\\' || feed) {
            put(writer, '\\');
        }
        put(writer, feed ? 'n' : printable ? *text : '?');
    }
    put(writer, '"');
}

/* The comma and the name before a value. */
static void begin_value(ef_writer *writer, const char *name) {
    if (!writer->first) {
        put(writer, ',');
    }
    writer->first = false;
    if (name != NULL) {
        put_quoted(writer, name, false);
        put(writer, ':');
    }
}

void ef_json_open(ef_writer *writer, const char *name, char bracket) {
    begin_value(writer, name);
    put(writer, bracket);
    writer->first = true;
}

void ef_json_close(ef_writer *writer, char bracket) {
    put(writer, bracket);
    writer->first = false;
}

void ef_json_put_integer(ef_writer *writer, const char *name, int64_t value) {
    begin_value(writer, name);
    ef_put_number(writer, value);
}

void ef_json_put_hex(ef_writer *writer, const char *name, const uint8_t *bytes, size_t length) {
    begin_value(writer, name);
    put(writer, '"');
    ef_put_hex(writer, bytes, length);
    put(writer, '"');
}

void ef_json_put_raw(ef_writer *writer, const char *name, const char *value) {
    begin_value(writer, name);
    ef_put_text(writer, value);
}

void ef_json_put_text(ef_writer *writer, const char *name, const char *text) {
    begin_value(writer, name);
    put_quoted(writer, text, false);
}

void ef_json_put_lines(ef_writer *writer, const char *name, const char *text) {
    begin_value(writer, name);
    put_quoted(writer, text, true);
}
