/* The agent against doubles of a board: see firmware/README.md. */
#include <psa/crypto.h>
#include <string.h>

#include "answers.h"
#include "check.h"
#include "context.h"
#include "ef_provision.h"
#include "ef_update.h"

typedef struct {
    unsigned run;
    unsigned bad;
} tally;

static unsigned failures;
static const char *running;

void check_failed(const char *file, int line, const char *what, const char *seen) {
    const char *name = strrchr(file, '/');
    printf("FAIL %s: %s:%d: %s%s%s\n", running, name != NULL ? name + 1 : file, line, what, seen[0] != '\0' ? ": " : "",
           seen);
    failures++;
}

void check_text(const char *file, int line, const char *what, const char *seen, const char *wanted) {
    char text[512];
    if (strcmp(seen, wanted) != 0) {
        (void)snprintf(text, sizeof text, "\"%s\", expected \"%s\"", seen, wanted);
        check_failed(file, line, what, text);
    }
}

/* The table of the update, as docs/firmware.md draws it. */
static int print_diagram(void) {
    printf("stateDiagram-v2\n    [*] --> Rest\n");
    for (size_t i = 0; i < EF_STEP_COUNT; i++) {
        printf("    %s: %s<br/>%s\n", ef_step_names[i], ef_step_names[i],
               i == EF_STEP_REST ? "as the command ended" : ef_phase_names[ef_step_phases[i]]);
    }
    printf("    Rest --> Choose: command\n");
    for (size_t i = 0; i < ef_transition_count; i++) {
        const ef_transition *each = &ef_transitions[i];
        printf("    %s --> %s: %s\n", ef_step_names[each->from], ef_step_names[each->to], ef_event_names[each->event]);
    }
    return 0;
}

/* The table of a birth, as docs/provisioning.md draws it. */
static int print_birth_diagram(void) {
    printf("stateDiagram-v2\n    [*] --> Claim: no certificate\n    [*] --> Confirm: a certificate\n"
           "    [*] --> Rest: activated before\n");
    for (size_t i = 0; i < ef_provision_transition_count; i++) {
        const ef_provision_transition *each = &ef_provision_transitions[i];
        printf("    %s --> %s: %s\n", ef_provision_step_names[each->from], ef_provision_step_names[each->to],
               ef_provision_event_names[each->event]);
    }
    return 0;
}

static void run_group(const named_test *test, const test_setting *setting, const char *only, tally *count) {
    for (; test->name != NULL; test++) {
        unsigned before = failures;
        if (only != NULL && strcmp(only, test->name) != 0) {
            continue;
        }
        running = test->name;
        test->run(setting);
        count->run++;
        count->bad += failures > before ? 1 : 0;
    }
}

static int run_tests(const test_setting *setting, const char *only) {
    const named_test *const groups[] = {journal_tests, http_tests, update_tests, download_tests, message_tests,
                                        resume_tests,  boot_tests, key_tests,    sharing_tests,
                                        provision_tests, exchange_tests, threat_tests,
                                        fft_tests, window_tests, feature_tests, sense_tests, level2_tests, number_tests};
    tally count = {0, 0};
    for (size_t group = 0; group < sizeof groups / sizeof groups[0]; group++) {
        run_group(groups[group], setting, only, &count);
    }
    /* Power that fails makes no documents of its own, and takes longest. */
    if (setting->documents == NULL) {
        run_group(power_tests, setting, only, &count);
        run_group(birth_power_tests, setting, only, &count);
    }
    if (only != NULL) {
        run_group(slow_tests, setting, only, &count);
    }
    run_group(word_tests, setting, only, &count);
    run_group(fetch_tests, setting, only, &count);
    printf("%u device tests, %u failed\n", count.run, count.bad);
    return count.bad == 0 && count.run > 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    test_setting setting = {argc > 1 ? argv[1] : NULL, NULL};
    if (psa_crypto_init() != PSA_SUCCESS) {
        give_up("PSA Crypto", "does not start");
    }
    if (argc == 2 && strcmp(argv[1], "--diagram") == 0) {
        return print_diagram();
    }
    if (argc == 2 && strcmp(argv[1], "--birth-diagram") == 0) {
        return print_birth_diagram();
    }
    if (argc == 2 && strcmp(argv[1], "--features") == 0) {
        return answer_features(stdin, stdout);
    }
    if (argc == 4 && strcmp(argv[2], "--documents") == 0) {
        setting.documents = fopen(argv[3], "w");
        if (setting.documents == NULL) {
            give_up("cannot write", argv[3]);
        }
        int status = run_tests(&setting, NULL);
        return fclose(setting.documents) == 0 ? status : 2;
    }
    if (argc == 2 || argc == 3) {
        return run_tests(&setting, argc == 3 ? argv[2] : NULL);
    }
    fprintf(stderr, "usage: agent_check UPDATES_FOLDER [TEST | --documents FILE] | agent_check --diagram\n"
                    "       agent_check --birth-diagram | agent_check --features\n");
    return 2;
}
