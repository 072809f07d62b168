#include "ef_journal.h"

#include <string.h>

enum { COPY_BYTES = 64 };

/* In flash as in memory: a journal never leaves its device. */
typedef struct {
    uint16_t key;
    uint16_t length;
    uint32_t number;
    uint32_t crc; /* over the fields above and the content */
} record_header;

enum { CHECKED_BYTES = 8 };
_Static_assert(sizeof(record_header) == CHECKED_BYTES + sizeof(uint32_t), "no padding in a record's header");

/* Where the first record of a sector lies: not at 0, which says that there is none. */
static const uint32_t first_record = 4;

static uint32_t crc32_extend(uint32_t crc, const void *bytes, size_t length) {
    /* Half a byte at a time: a table of 64 bytes. */
    static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
                                       0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    const uint8_t *at = bytes;
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc = (crc >> 4) ^ table[(crc ^ at[i]) & 15];
        crc = (crc >> 4) ^ table[(crc ^ ((uint32_t)at[i] >> 4)) & 15];
    }
    return ~crc;
}

static uint32_t space_of(size_t length) {
    return (uint32_t)((sizeof(record_header) + length + 3) & ~(size_t)3);
}

static uint32_t flash_at(const ef_journal *journal, uint32_t sector, uint32_t offset) {
    return journal->base + sector * EF_FLASH_SECTOR + offset;
}

static bool read_at(const ef_journal *journal, uint32_t sector, uint32_t offset, void *out, size_t length) {
    return journal->hal->flash.read(journal->hal->context, flash_at(journal, sector, offset), out, length);
}

static bool program_at(const ef_journal *journal, uint32_t sector, uint32_t offset, const void *bytes, size_t length) {
    return length == 0 ||
           journal->hal->flash.program(journal->hal->context, flash_at(journal, sector, offset), bytes, length);
}

/* Whether a whole record lies there. */
static bool read_record(const ef_journal *journal, uint32_t sector, uint32_t offset, record_header *header) {
    uint8_t bytes[COPY_BYTES];
    if (!read_at(journal, sector, offset, header, sizeof *header) || header->key >= EF_JOURNAL_KEYS ||
        header->length > EF_JOURNAL_RECORD_MAX || offset + space_of(header->length) > EF_FLASH_SECTOR) {
        return false;
    }
    uint32_t crc = crc32_extend(0, header, CHECKED_BYTES);
    for (uint32_t done = 0; done < header->length;) {
        uint32_t step = header->length - done < COPY_BYTES ? header->length - done : COPY_BYTES;
        if (!read_at(journal, sector, offset + (uint32_t)sizeof *header + done, bytes, step)) {
            return false;
        }
        crc = crc32_extend(crc, bytes, step);
        done += step;
    }
    return crc == header->crc;
}

static bool is_erased(const ef_journal *journal, uint32_t sector, uint32_t from) {
    uint8_t bytes[COPY_BYTES];
    for (uint32_t at = from; at < EF_FLASH_SECTOR;) {
        uint32_t step = EF_FLASH_SECTOR - at < COPY_BYTES ? EF_FLASH_SECTOR - at : COPY_BYTES;
        if (!read_at(journal, sector, at, bytes, step)) {
            return false;
        }
        for (uint32_t i = 0; i < step; i++) {
            if (bytes[i] != 0xFF) {
                return false;
            }
        }
        at += step;
    }
    return true;
}

/* Finds the latest record of each key. What lies between two whole records was torn or has rotted: it is stepped over,
 * and what follows still counts. */
static void scan(ef_journal *journal) {
    record_header header;
    uint32_t at = first_record;
    uint32_t end = at;
    while (at + sizeof header <= EF_FLASH_SECTOR) {
        /* Numbers rise: stale bytes inside a torn record cannot pass for a newer one. */
        if (!read_record(journal, journal->sector, at, &header) || header.number <= journal->number) {
            at += 4;
            continue;
        }
        journal->at[header.key] = (uint16_t)at;
        journal->length[header.key] = header.length;
        journal->number = header.number;
        at += space_of(header.length);
        end = at;
    }
    /* Behind a torn record nothing is appended: the next one goes to the other sector. */
    journal->next = is_erased(journal, journal->sector, end) ? end : EF_FLASH_SECTOR;
}

static bool write_record(const ef_journal *journal, uint32_t sector, uint32_t offset, const record_header *header,
                         const void *bytes) {
    record_header read_back;
    return program_at(journal, sector, offset, header, sizeof *header) &&
           program_at(journal, sector, offset + (uint32_t)sizeof *header, bytes, header->length) &&
           read_record(journal, sector, offset, &read_back) && read_back.number == header->number;
}

static bool copy_record(const ef_journal *journal, unsigned key, uint32_t sector, uint32_t offset) {
    uint8_t bytes[COPY_BYTES];
    record_header read_back;
    uint32_t space = (uint32_t)sizeof(record_header) + journal->length[key];
    for (uint32_t done = 0; done < space;) {
        uint32_t step = space - done < COPY_BYTES ? space - done : COPY_BYTES;
        if (!read_at(journal, journal->sector, journal->at[key] + done, bytes, step) ||
            !program_at(journal, sector, offset + done, bytes, step)) {
            return false;
        }
        done += step;
    }
    return read_record(journal, sector, offset, &read_back);
}

static unsigned count_keys(const ef_journal *journal) {
    unsigned count = 0;
    for (unsigned key = 0; key < EF_JOURNAL_KEYS; key++) {
        count += journal->at[key] != 0;
    }
    return count;
}

/* Numbers rise, and a move writes its new record last: who has the highest has everything. Before that record, both
 * sectors may have the same highest number, and the one that is moved from has more keys. No header says which sector
 * counts: a bit of it that rots would bring back what the other one remembers. */
static bool is_newer(const ef_journal *one, const ef_journal *other) {
    return one->number != other->number ? one->number > other->number : count_keys(one) > count_keys(other);
}

bool ef_journal_open(ef_journal *journal, const ef_hal *hal, uint32_t base) {
    ef_journal sectors[EF_JOURNAL_SECTORS];
    memset(sectors, 0, sizeof sectors);
    for (uint32_t i = 0; i < EF_JOURNAL_SECTORS; i++) {
        sectors[i].hal = hal;
        sectors[i].base = base;
        sectors[i].sector = i;
        scan(&sectors[i]);
    }
    *journal = sectors[is_newer(&sectors[1], &sectors[0]) ? 1 : 0];
    if (journal->number == 0) {
        journal->next = first_record;
        return hal->flash.erase(hal->context, flash_at(journal, journal->sector, 0));
    }
    return true;
}

bool ef_journal_get_some(const ef_journal *journal, unsigned key, void *out, size_t capacity, size_t *length) {
    if (key >= EF_JOURNAL_KEYS || journal->at[key] == 0 || journal->length[key] > capacity) {
        return false;
    }
    *length = journal->length[key];
    return read_at(journal, journal->sector, journal->at[key] + (uint32_t)sizeof(record_header), out, *length);
}

bool ef_journal_get(const ef_journal *journal, unsigned key, void *out, size_t length) {
    size_t found = 0;
    return key < EF_JOURNAL_KEYS && journal->length[key] == length &&
           ef_journal_get_some(journal, key, out, length, &found);
}

static bool is_there_already(const ef_journal *journal, unsigned key, const uint8_t *bytes, size_t length) {
    uint8_t there[COPY_BYTES];
    if (journal->at[key] == 0 || journal->length[key] != length) {
        return false;
    }
    for (size_t done = 0; done < length;) {
        size_t step = length - done < COPY_BYTES ? length - done : COPY_BYTES;
        uint32_t at = journal->at[key] + (uint32_t)(sizeof(record_header) + done);
        if (!read_at(journal, journal->sector, at, there, step) || memcmp(there, bytes + done, step) != 0) {
            return false;
        }
        done += step;
    }
    return true;
}

/* Writes the live records to the other sector, then the new one: only that makes them count. */
static bool move_with(ef_journal *journal, const record_header *header, const void *bytes) {
    ef_journal moved = *journal;
    uint32_t at = first_record;
    moved.sector = 1 - journal->sector;
    if (!journal->hal->flash.erase(journal->hal->context, flash_at(journal, moved.sector, 0))) {
        return false;
    }
    /* In the order of their numbers, as a scan wants them; the new record has the highest. */
    for (uint32_t from = first_record; from < EF_FLASH_SECTOR; from += 4) {
        for (unsigned key = 0; key < EF_JOURNAL_KEYS; key++) {
            if (journal->at[key] != from || key == header->key) {
                continue;
            }
            if (at + space_of(journal->length[key]) > EF_FLASH_SECTOR ||
                !copy_record(journal, key, moved.sector, at)) {
                return false;
            }
            moved.at[key] = (uint16_t)at;
            at += space_of(journal->length[key]);
        }
    }
    if (at + space_of(header->length) > EF_FLASH_SECTOR || !write_record(journal, moved.sector, at, header, bytes)) {
        return false;
    }
    moved.at[header->key] = (uint16_t)at;
    moved.length[header->key] = header->length;
    moved.number = header->number;
    moved.next = at + space_of(header->length);
    *journal = moved;
    return true;
}

bool ef_journal_put(ef_journal *journal, unsigned key, const void *bytes, size_t length) {
    if (key >= EF_JOURNAL_KEYS || length > EF_JOURNAL_RECORD_MAX) {
        return false;
    }
    if (is_there_already(journal, key, bytes, length)) {
        return true;
    }
    record_header header = {(uint16_t)key, (uint16_t)length, journal->number + 1, 0};
    header.crc = crc32_extend(crc32_extend(0, &header, CHECKED_BYTES), bytes, length);
    if (journal->next + space_of(length) <= EF_FLASH_SECTOR) {
        if (write_record(journal, journal->sector, journal->next, &header, bytes)) {
            journal->at[key] = (uint16_t)journal->next;
            journal->length[key] = (uint16_t)length;
            journal->number = header.number;
            journal->next += space_of(length);
            return true;
        }
        journal->next = EF_FLASH_SECTOR;
        header.number++; /* what did get there must not pass for this record */
        header.crc = crc32_extend(crc32_extend(0, &header, CHECKED_BYTES), bytes, length);
    }
    return move_with(journal, &header, bytes);
}
