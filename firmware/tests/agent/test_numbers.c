/* Numbers as a device writes them. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ef_writer.h"

static const char *text_of(float value) {
    static char text[64];
    ef_writer writer;
    ef_writer_begin(&writer, text, sizeof text);
    ef_json_put_float(&writer, NULL, value);
    CHECK(!writer.full);
    return text;
}

static void test_numbers_read_as_python_writes_them(const test_setting *setting) {
    static const struct {
        float value;
        const char *text;
    } rows[] = {
        {0.0f, "0.0"},
        {-0.0f, "0.0"},
        {1.0f, "1.0"},
        {-59.0f, "-59.0"},
        {0.38f, "0.38"},
        {0.1f, "0.1"},
        {100.0f, "100.0"},
        {1234.5f, "1234.5"},
        {9999999.6f, "10000000.0"},
        {16777216.0f, "16777220.0"}, /* seven digits */
        {0.0001f, "0.0001"},
        {0.00012345678f, "0.0001234568"},
        {0.00001f, "1e-05"},
        {1.5e-7f, "1.5e-07"},
        {1e15f, "1000000000000000.0"},
        {1e16f, "1e+16"},
        {-2.5e20f, "-2.5e+20"},
        {FLT_MAX, "3.402823e+38"},
        {FLT_MIN, "1.175494e-38"},
        {FLT_TRUE_MIN, "1.401298e-45"},
    };
    (void)setting;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_TEXT(text_of(rows[i].value), rows[i].text);
    }
}

static void test_numbers_keep_seven_digits(const test_setting *setting) {
    uint32_t random = 1;
    (void)setting;
    for (unsigned i = 0; i < 100000; i++) {
        float value = 0.0f;
        random = random * 1664525u + 1013904223u;
        memcpy(&value, &random, sizeof value);
        if (!isfinite(value) || fabsf(value) < FLT_MIN) {
            continue;
        }
        double read = strtod(text_of(value), NULL);
        CHECK(fabs(read / (double)value - 1.0) <= 5.1e-7);
    }
}

static void test_what_is_no_number_does_not_fit(const test_setting *setting) {
    static const float values[] = {NAN, INFINITY, -INFINITY};
    (void)setting;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[64];
        ef_writer writer;
        ef_writer_begin(&writer, text, sizeof text);
        ef_json_put_float(&writer, "x", values[i]);
        CHECK(writer.full);
    }
}

const named_test number_tests[] = {
    {"numbers-read-as-python-writes-them", test_numbers_read_as_python_writes_them},
    {"numbers-keep-seven-digits", test_numbers_keep_seven_digits},
    {"what-is-no-number-does-not-fit", test_what_is_no_number_does_not_fit},
    {NULL, NULL},
};
