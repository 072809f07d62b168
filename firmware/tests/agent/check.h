/* Named tests and what they hold. */
#ifndef EDGEFLEET_TESTS_CHECK_H
#define EDGEFLEET_TESTS_CHECK_H

#include "bench.h"

typedef struct {
    const char *updates;
    FILE *documents;
} test_setting;

typedef struct {
    const char *name;
    void (*run)(const test_setting *setting);
} named_test;

/* Each file's tests, ended by an empty one. */
extern const named_test word_tests[];
extern const named_test fetch_tests[];
extern const named_test journal_tests[];
extern const named_test http_tests[];
extern const named_test update_tests[];
extern const named_test download_tests[];
extern const named_test message_tests[];
extern const named_test boot_tests[];
extern const named_test sharing_tests[];
extern const named_test resume_tests[];
extern const named_test key_tests[];
extern const named_test threat_tests[];
extern const named_test provision_tests[];
extern const named_test exchange_tests[];
extern const named_test birth_power_tests[];
extern const named_test fft_tests[];
extern const named_test window_tests[];
extern const named_test feature_tests[];
extern const named_test sense_tests[];
extern const named_test level2_tests[];
extern const named_test number_tests[];
extern const named_test power_tests[];
extern const named_test slow_tests[]; /* only when named */

/* Notes that a promise does not hold; the test goes on. */
void check_failed(const char *file, int line, const char *what, const char *seen);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, ""))
#define CHECK_TEXT(seen, wanted) check_text(__FILE__, __LINE__, #seen, (seen), (wanted))
#define CHECK_SAID(b, path, wanted) check_text(__FILE__, __LINE__, path, bench_said((b), (path)), (wanted))

void check_text(const char *file, int line, const char *what, const char *seen, const char *wanted);

#endif
