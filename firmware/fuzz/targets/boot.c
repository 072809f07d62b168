/* A device that boots from any flash: two models it had, any bytes, records with good checksums that say anything. It
 * never crashes, and never runs what is not what it says. */
#include <string.h>

#include "device.h"
#include "ef_journal.h"
#include "envelope.h"
#include "promise.h"
#include "world.h"

enum { PATCHES_MAX = 24, POLLS = 3000, REST_MS = 999, RESTARTS_MAX = 4, BASES = 4 };

/* Flash after so many updates, made once: nothing, one model, two, and one that crashed. */
static uint8_t *bases[BASES];

static void update_to(fuzz_device *device, const world_model *model, int64_t generation) {
    static char text[EF_DESIRED_MAX];
    size_t length = world_command(text, sizeof text, generation, model, "");
    PROMISE(device_hear(device, NULL, 0, (const uint8_t *)text, length));
    (void)device_run(device, POLLS, REST_MS);
}

static void make_bases(fuzz_device *device) {
    static const unsigned commanded[BASES] = {0, 0, 1, 4};
    for (unsigned i = 0; i < BASES; i++) {
        uint32_t size = device->board->flash.size;
        if (i > 0) {
            PROMISE(device_boot(device));
            update_to(device, &world_models()[commanded[i]], i);
        }
        bases[i] = copy_exactly(device->board->flash.bytes, size);
    }
}

/* A record that the journal itself writes: its checksum is good, whatever it says. */
static void put_record(fuzz_device *device, fuzz_input *input) {
    static uint8_t record[EF_JOURNAL_RECORD_MAX];
    ef_journal journal;
    size_t length = 0;
    size_t there = 0;
    unsigned key = input_byte(input) % EF_JOURNAL_KEYS;
    size_t at = input_u16(input) % 256;
    const uint8_t *bytes = input_bytes(input, 256, &length);
    if (!ef_journal_open(&journal, &device->board->hal, EF_JOURNAL_AT)) {
        return;
    }
    memset(record, 0, sizeof record);
    /* What is there, with some bytes changed, or something new. */
    (void)ef_journal_get_some(&journal, key, record, sizeof record, &there);
    memcpy(record + at, bytes, length);
    there = there > 0 && (at & 1) == 0 ? there : at + length;
    (void)ef_journal_put(&journal, key, record, there);
}

static void patch(fuzz_device *device, fuzz_input *input) {
    flash_double *flash = &device->board->flash;
    size_t length = 0;
    unsigned kind = input_byte(input) % 4;
    if (kind == 0) {
        put_record(device, input);
        return;
    }
    /* Anywhere, or where a manifest or a model begins. */
    static const uint32_t places[] = {EF_JOURNAL_AT, EF_MANIFESTS_AT, EF_MANIFESTS_AT + EF_ENVELOPE_MAX, EF_INBOX_AT,
                                      EF_MODELS_AT, EF_MODELS_AT + BOARD_SLOT_BYTES};
    uint32_t at = places[input_below(input, sizeof places / sizeof places[0])] + input_u16(input) % EF_ENVELOPE_MAX;
    if (kind == 1) {
        flash->bytes[at] ^= (uint8_t)(1 + input_byte(input) % 255);
    } else if (kind == 2) {
        const uint8_t *bytes = input_bytes(input, 1024, &length);
        length = length < flash->size - at ? length : flash->size - at;
        memcpy(flash->bytes + at, bytes, length);
    } else {
        memset(flash->bytes + at / EF_FLASH_SECTOR * EF_FLASH_SECTOR, input_byte(input), EF_FLASH_SECTOR);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    signatures_forget();
    fuzz_device *device = device_new();
    if (bases[0] == NULL) {
        make_bases(device);
        device = device_new();
    }
    memcpy(device->board->flash.bytes, bases[input_byte(&input) % BASES], device->board->flash.size);
    unsigned patches = input_byte(&input) % PATCHES_MAX;
    uint32_t fails_after = input_byte(&input);
    device->tampered = true;
    for (unsigned i = 0; i < patches && input.left > 0; i++) {
        patch(device, &input);
    }
    for (unsigned i = 0; i < RESTARTS_MAX; i++) {
        device->fails_after = i == 0 ? fails_after : 0;
        if (device_boot(device)) {
            (void)device_run(device, 200, REST_MS);
        }
    }
    return 0;
}
