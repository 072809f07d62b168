/* A journal on any two sectors, then writes, power cuts and restarts: what was stored is there, and a record is the old
 * one or the new one, whatever happens. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "ef_journal.h"
#include "input.h"
#include "promise.h"

enum { SECTORS_BYTES = EF_JOURNAL_SECTORS * EF_FLASH_SECTOR, OPERATIONS_MAX = 64 };

/* What the latest records should say. */
typedef struct {
    bool is_there;
    uint16_t length;
    uint8_t bytes[EF_JOURNAL_RECORD_MAX];
} expected_record;

typedef struct {
    fuzz_board *board;
    ef_journal journal;
    expected_record records[EF_JOURNAL_KEYS];
    expected_record offered;
    unsigned key;   /* of a write that power interrupted; EF_JOURNAL_KEYS: none */
    uint8_t *exact; /* what was offered, in a block of its size */
    uint32_t base;
} session;

/* Not the core's: bit by bit, from the polynomial. */
static uint32_t crc32_of(const uint8_t *bytes, size_t length, uint32_t crc) {
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
        }
    }
    return ~crc;
}

static void put32(uint8_t *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

/* A header or a record with a good checksum, which a fuzzer would never hit. */
static void forge(uint8_t *sector, fuzz_input *input, bool header) {
    uint8_t record[12 + 256];
    size_t length = 0;
    size_t at = header ? 0 : input_u16(input) % (EF_FLASH_SECTOR / 4) * 4;
    memset(record, 0xFF, sizeof record);
    if (header) {
        put32(record, 0x314A4645);
        put32(record + 4, input_u32(input) >> 1); /* no device lives to see the numbers end */
        put32(record + 8, crc32_of(record, 8, 0));
        memcpy(sector, record, 16);
        return;
    }
    uint16_t key = input_byte(input);
    put32(record + 4, input_u16(input));
    const uint8_t *content = input_bytes(input, 256, &length);
    memcpy(record, &key, 2);
    uint16_t said = (uint16_t)length;
    memcpy(record + 2, &said, 2);
    memcpy(record + 12, content, length);
    put32(record + 8, crc32_of(record + 12, length, crc32_of(record, 8, 0)));
    length = 12 + length < EF_FLASH_SECTOR - at ? 12 + length : EF_FLASH_SECTOR - at;
    memcpy(sector + at, record, length);
}

/* What lies beside the two sectors is somebody else's; the double refuses to program it, too. */
static void fill_surroundings(session *s) {
    flash_double *flash = &s->board->flash;
    memset(flash->bytes, 0x5A, s->base);
    memset(flash->bytes + s->base + SECTORS_BYTES, 0x5A, flash->size - s->base - SECTORS_BYTES);
}

static void check_surroundings(const session *s) {
    const flash_double *flash = &s->board->flash;
    for (uint32_t i = 0; i < s->base + SECTORS_BYTES + EF_FLASH_SECTOR; i++) {
        bool inside = i >= s->base && i < s->base + SECTORS_BYTES;
        PROMISE(inside || flash->bytes[i] == 0x5A);
    }
}

/* Two sectors of anything. */
static void fill_flash(session *s, fuzz_input *input) {
    uint8_t *flash = s->board->flash.bytes + s->base;
    unsigned parts = input_byte(input) % 24;
    for (unsigned i = 0; i < parts; i++) {
        unsigned kind = input_byte(input);
        uint8_t *sector = flash + (kind & 1) * EF_FLASH_SECTOR;
        size_t length = 0;
        if ((kind & 2) != 0) {
            forge(sector, input, (kind & 4) != 0);
            continue;
        }
        size_t at = input_u16(input) % EF_FLASH_SECTOR;
        const uint8_t *bytes = input_bytes(input, EF_FLASH_SECTOR - at, &length);
        memcpy(sector + at, bytes, length);
    }
}

static bool is_record(const session *s, unsigned key, const expected_record *expected) {
    uint8_t bytes[EF_JOURNAL_RECORD_MAX];
    size_t length = 0;
    bool found = ef_journal_get_some(&s->journal, key, bytes, sizeof bytes, &length);
    return found == expected->is_there &&
           (!found || (length == expected->length && memcmp(bytes, expected->bytes, length) == 0));
}

static void check_all(session *s) {
    for (unsigned key = 0; key < EF_JOURNAL_KEYS; key++) {
        bool may_be_new = key == s->key && is_record(s, key, &s->offered);
        if (may_be_new) {
            s->records[key] = s->offered;
        }
        PROMISE(may_be_new || is_record(s, key, &s->records[key]));
        PROMISE(!ef_journal_get(&s->journal, key, NULL, s->records[key].length + 1u));
    }
    s->key = EF_JOURNAL_KEYS;
}

static void reopen(session *s) {
    s->board->flash.cut_at = 0;
    s->board->flash.fails = false;
    PROMISE(ef_journal_open(&s->journal, &s->board->hal, s->base));
    check_all(s);
}

/* What is found at first counts. */
static void learn(session *s) {
    for (unsigned key = 0; key < EF_JOURNAL_KEYS; key++) {
        size_t length = 0;
        expected_record *record = &s->records[key];
        record->is_there = ef_journal_get_some(&s->journal, key, record->bytes, sizeof record->bytes, &length);
        record->length = (uint16_t)length;
    }
}

static void offer(session *s, fuzz_input *input) {
    size_t length = 0;
    unsigned key = input_byte(input) % (EF_JOURNAL_KEYS + 1);
    uint16_t repeated = input_u16(input);
    const uint8_t *bytes = input_bytes(input, 64, &length);
    memset(&s->offered, 0, sizeof s->offered);
    s->offered.is_there = true;
    s->offered.length = (uint16_t)(length + repeated % (EF_JOURNAL_RECORD_MAX + 8));
    bool fits = s->offered.length <= EF_JOURNAL_RECORD_MAX && key < EF_JOURNAL_KEYS;
    s->offered.length = fits ? s->offered.length : 0;
    memset(s->offered.bytes, repeated & 0xFF, s->offered.length);
    memcpy(s->offered.bytes, bytes, fits ? length : 0);
    if (!fits) {
        PROMISE(!ef_journal_put(&s->journal, EF_JOURNAL_KEYS, bytes, 0));
        PROMISE(!ef_journal_put(&s->journal, 0, s->offered.bytes, EF_JOURNAL_RECORD_MAX + 1));
        return;
    }
    s->key = key;
    free(s->exact); /* here, because power may fail below */
    s->exact = copy_exactly(s->offered.bytes, s->offered.length);
    bool stored = ef_journal_put(&s->journal, key, s->exact, s->offered.length);
    if (stored) {
        s->records[key] = s->offered;
        check_all(s);
    } else {
        PROMISE(is_record(s, key, &s->records[key])); /* what did not get there does not count until a restart */
    }
}

static void operate(session *s, fuzz_input *input) {
    for (unsigned i = 0; i < OPERATIONS_MAX && input->left > 0; i++) {
        switch (input_byte(input) % 5) {
        case 0:
            reopen(s);
            break;
        case 1:
            s->board->flash.work = 0;
            s->board->flash.cut_at = 1 + input_u16(input) % 4096;
            break;
        case 2:
            s->board->flash.fails = !s->board->flash.fails;
            break;
        default:
            offer(s, input);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static session s;
    static fuzz_input input;
    memset(&s, 0, sizeof s);
    input = (fuzz_input){data, size};
    s.board = board_new();
    s.base = EF_FLASH_SECTOR + (input_byte(&input) & 1) * 3 * EF_FLASH_SECTOR;
    fill_surroundings(&s);
    s.key = EF_JOURNAL_KEYS;
    fill_flash(&s, &input);
    PROMISE(ef_journal_open(&s.journal, &s.board->hal, s.base));
    learn(&s);
    if (setjmp(s.board->out) == 0) {
        operate(&s, &input);
    }
    if (s.board->flash.cut_at > 0) {
        reopen(&s); /* after a power cut */
        if (setjmp(s.board->out) == 0) {
            operate(&s, &input);
        }
    }
    reopen(&s);
    check_surroundings(&s);
    free(s.exact);
    return 0;
}
