#include <string.h>

#include "edgefleet/contract.h"

/* RFC 3339 in UTC with at most six digits of a second's fraction. */
enum { INSTANT_SIZE = EF_INSTANT_MAX + 1, WHOLE_SECONDS = 19, FRACTION_DIGITS = 6 };

static ef_reason check_boot_with_seq(const ef_json *json, uint16_t object, ef_fault *fault) {
    bool boot = ef_json_member(json, object, "boot") != EF_JSON_NONE;
    bool seq = ef_json_member(json, object, "seq") != EF_JSON_NONE;
    if (boot == seq) {
        return EF_REASON_OK;
    }
    return ef_fault_at(fault, EF_REASON_MISSING_FIELD, boot ? ".seq" : ".boot");
}

static int two_digits(const char *at) {
    return (at[0] - '0') * 10 + (at[1] - '0');
}

/* Whether the year exists and the month has the day. */
static bool is_in_calendar(const char *instant) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = two_digits(instant) * 100 + two_digits(instant + 2);
    int month = two_digits(instant + 5);
    int day = two_digits(instant + 8);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year > 0 && day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* "YYYY-MM-DDTHH:MM:SS" and six digits: fixed width, so that text order is time order. */
static void normalise(const char *instant, char out[WHOLE_SECONDS + FRACTION_DIGITS + 1]) {
    memcpy(out, instant, WHOLE_SECONDS);
    memset(out + WHOLE_SECONDS, '0', FRACTION_DIGITS);
    out[WHOLE_SECONDS + FRACTION_DIGITS] = '\0';
    if (instant[WHOLE_SECONDS] == '.') {
        const char *fraction = instant + WHOLE_SECONDS + 1;
        memcpy(out + WHOLE_SECONDS, fraction, strspn(fraction, "0123456789"));
    }
}

static ef_reason check_interval(const ef_json *json, uint16_t object, ef_fault *fault) {
    static const char *const names[] = {"from", "to"};
    static const char *const steps[] = {".from", ".to"};
    char text[INSTANT_SIZE];
    char times[2][WHOLE_SECONDS + FRACTION_DIGITS + 1];
    for (int i = 0; i < 2; i++) {
        uint16_t value = ef_json_member(json, object, names[i]);
        if (!ef_text_copy(ef_json_text(json, value), text, sizeof text) || !is_in_calendar(text)) {
            return ef_fault_at(fault, EF_REASON_OUT_OF_RANGE, steps[i]);
        }
        normalise(text, times[i]);
    }
    return strcmp(times[1], times[0]) > 0 ? EF_REASON_OK : ef_fault_at(fault, EF_REASON_OUT_OF_RANGE, ".to");
}

ef_reason ef_rule_check(ef_rule rule, const ef_json *json, uint16_t object, ef_fault *fault) {
    switch (rule) {
    case EF_RULE_BOOT_WITH_SEQ:
        return check_boot_with_seq(json, object, fault);
    case EF_RULE_INTERVAL:
        return check_interval(json, object, fault);
    default:
        return EF_REASON_OK;
    }
}
