#include "ef_writer.h"

#include <math.h>

enum { FLOAT_DIGITS = 7 };

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
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0) {
        put(writer, '-');
    }
    do {
        /* One division, not two: small processors do it in software. */
        uint64_t tenth = left / 10;
        digits[count++] = (char)('0' + (left - tenth * 10));
        left = tenth;
    } while (left != 0);
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

void ef_json_put_boolean(ef_writer *writer, const char *name, bool value) {
    ef_json_put_raw(writer, name, value ? "true" : "false");
}

/* Digits with the point behind so many of them; it may lie outside, then zeros fill the way. */
static void put_fixed(ef_writer *writer, const char *digits, int count, int point) {
    for (int i = point < 1 ? point - 1 : 0; i < count || i <= point; i++) {
        if (i == point) {
            put(writer, '.');
        }
        put(writer, i >= 0 && i < count ? digits[i] : '0');
    }
}

static void put_scientific(ef_writer *writer, const char *digits, int count, int exponent) {
    put(writer, digits[0]);
    ef_put_text(writer, count > 1 ? "." : "");
    for (int i = 1; i < count; i++) {
        put(writer, digits[i]);
    }
    ef_put_text(writer, exponent < 0 ? "e-" : "e+");
    exponent = exponent < 0 ? -exponent : exponent;
    put(writer, (char)('0' + exponent / 10));
    put(writer, (char)('0' + exponent % 10));
}

/* The significant digits of a positive number, without zeros at their end, and the exponent of the first. */
static int find_digits(double value, char digits[FLOAT_DIGITS], int *exponent) {
    int count = FLOAT_DIGITS;
    *exponent = FLOAT_DIGITS - 1;
    for (; value >= 1e7; (*exponent)++) {
        value /= 10.0;
    }
    for (; value < 1e6; (*exponent)--) {
        value *= 10.0;
    }
    uint32_t whole = (uint32_t)(value + 0.5);
    if (whole == 10000000u) {
        whole = 1000000u;
        (*exponent)++;
    }
    for (int i = FLOAT_DIGITS - 1; i >= 0; i--, whole /= 10) {
        digits[i] = (char)('0' + whole % 10);
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    return count;
}

void ef_json_put_float(ef_writer *writer, const char *name, float value) {
    char digits[FLOAT_DIGITS] = {'0'};
    int count = 1;
    int exponent = 0;
    begin_value(writer, name);
    if (!isfinite(value)) {
        writer->full = true;
        return;
    }
    if (value < 0.0f) {
        put(writer, '-');
    }
    if (value != 0.0f) {
        count = find_digits(fabs((double)value), digits, &exponent);
    }
    if (exponent < -4 || exponent >= 16) {
        put_scientific(writer, digits, count, exponent);
    } else {
        put_fixed(writer, digits, count, exponent + 1);
    }
}
