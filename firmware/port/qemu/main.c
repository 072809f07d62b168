/* The device's way through good and bad bundles, on the processor that QEMU plays. A line a promise; exit status 1 when
 * one is not kept. */
#include <psa/crypto.h>
#include <string.h>

#include "board.h"
#include "console.h"
#include "measure.h"

/* What is sent, who spoils it, and what the device says in the end. */
typedef struct {
    const char *what;
    const char *order;  /* NULL: power off and on */
    const char *spoils; /* a part of the registry's path; NULL: nothing */
    const char *phase;
    const char *reason;
    const char *version; /* that runs */
    const char *message; /* a part of it; NULL: any */
} promise;

/* What comes to a device that is not meant for it, or was changed on the way. */
static const promise tampering[] = {
    {"a good bundle is confirmed", "first", NULL, "Confirmed", "Ok", "1.0.0", NULL},
    {"a tampered manifest is rejected", "second", "/manifests/", "Rejected", "BadSignature", "1.0.0", NULL},
    {"a tampered model does not run", "second-again", "/blobs/", "Failed", "DigestMismatch", "1.0.0", NULL},
    {"a good bundle after bad ones is confirmed", "third", NULL, "Confirmed", "Ok", "3.0.0", NULL},
    {"a restart keeps all of it", NULL, NULL, "Confirmed", "Ok", "3.0.0", NULL},
    {"a replayed generation is refused", "first", NULL, "Confirmed", "Ok", "3.0.0", "StaleGeneration"},
    {"another device's command is refused", "to-another", NULL, "Confirmed", "Ok", "3.0.0", "WrongDevice"},
    {"a stranger's command is refused", "of-a-stranger", NULL, "Confirmed", "Ok", "3.0.0", "UnknownKey"},
    {"the security floor holds", "back-below-the-floor", NULL, "Rejected", "SecurityVersionTooLow", "3.0.0", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

/* Signed and whole, and not fit for this device. */
static const promise unfit[] = {
    {"another good bundle is confirmed", "second", NULL, "Confirmed", "Ok", "2.0.0", NULL},
    {"wrong answers keep the old model", "wrong-answer", NULL, "Failed", "SelfTestFailed", "2.0.0", NULL},
    {"a crash under test keeps the old model", "fatal", NULL, "Failed", "WatchdogReset", "2.0.0", NULL},
    {"what the runtime refuses does not run", "refused-by-runtime", NULL, "Failed", "ModelLoadFailed", "2.0.0", NULL},
    {"a model too large is rejected", "too-large", NULL, "Rejected", "DoesNotFit", "2.0.0", NULL},
    {"another class's model is rejected", "other-class", NULL, "Rejected", "WrongClass", "2.0.0", NULL},
    {"a restart keeps the verdict", NULL, NULL, "Rejected", "WrongClass", "2.0.0", NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

static board device;
static unsigned broken;

static void keep(bool kept, const char *what) {
    print_text(kept ? "ok   " : "FAIL ");
    print_text(what);
    if (!kept) {
        print_text(": ");
        print_text(board_said(&device, "phase"));
        print_text(" ");
        print_text(board_said(&device, "reason"));
        print_text(" ");
        print_text(board_said(&device, "active.version"));
        print_text(" ");
        print_text(board_said(&device, "message"));
        broken++;
    }
    print_text("\n");
}

static bool says(const char *path, const char *wanted) {
    return strcmp(board_said(&device, path), wanted) == 0;
}

static void keep_promises(const promise *each) {
    bool made = board_make(&device) && board_boot(&device) == BOARD_RAN;
    keep(made && says("phase", "Idle"), "a new board starts");
    for (; made && each->what != NULL; each++) {
        device.server.spoils = each->spoils;
        bool kept = board_play(&device, each->order) == BOARD_RAN && says("phase", each->phase) &&
                    says("reason", each->reason) && says("active.version", each->version) &&
                    board_runs_what_it_says(&device);
        keep(kept && (each->message == NULL || strstr(board_said(&device, "message"), each->message) != NULL),
             each->what);
    }
    keep(device.flash.misuses == 0, "each byte of flash was programmed once");
}

/* After a cut: the device boots, runs a published model and says so, and the update can be finished. */
static bool converges(void) {
    device.flash.cut_at = 0;
    bool boots = board_play(&device, NULL) == BOARD_RAN && board_runs_what_it_says(&device) &&
                 board_said(&device, "active.version")[0] != '\0';
    bool good = boots && board_play(&device, "second") == BOARD_RAN && board_runs_what_it_says(&device);
    if (good && says("reason", "WatchdogReset")) { /* it was cut while it tested */
        good = board_play(&device, "second-last") == BOARD_RAN;
    }
    return good && says("phase", "Confirmed") && says("active.version", "2.0.0") && board_runs_what_it_says(&device) &&
           device.flash.misuses == 0;
}

static void cut_power(void) {
    static uint8_t before[sizeof device.flash.bytes];
    unsigned good = 0;
    bool ready = board_make(&device) && board_boot(&device) == BOARD_RAN && board_play(&device, "first") == BOARD_RAN;
    memcpy(before, device.flash.bytes, sizeof before);
    device.flash.operations = 0;
    ready = ready && board_play(&device, NULL) == BOARD_RAN && board_play(&device, "second") == BOARD_RAN;
    uint32_t operations = device.flash.operations;
    for (uint32_t cut = 1; ready && cut <= operations; cut++) {
        memcpy(device.flash.bytes, before, sizeof before);
        device.flash.operations = 0;
        device.flash.cut_at = cut;
        board_end end = board_boot(&device);
        end = end == BOARD_RAN ? board_obey(&device, "second") : end;
        good += end == BOARD_CUT && converges();
    }
    keep(operations > 20 && good == operations, "power fails in the middle of each flash operation of an update");
    print_text("     ");
    print_number(operations);
    print_text(" operations\n");
}

/* "promises" or "cuts" for one of the two, "measure" for numbers instead. */
int main(int argc, char **argv) {
    if (psa_crypto_init() != PSA_SUCCESS) {
        print_text("FAIL PSA Crypto does not start\n");
        return 1;
    }
    const char *part = argc > 1 ? argv[argc - 1] : ""; /* the kernel's name, where QEMU was given nothing */
    if (strcmp(part, "measure") == 0) {
        measure_memory(&device);
        measure_wear(&device);
        return 0;
    }
    if (strcmp(part, "cuts") != 0) {
        keep_promises(tampering);
        keep_promises(unfit);
    }
    if (strcmp(part, "promises") != 0) {
        cut_power();
    }
    return broken == 0 ? 0 : 1;
}
