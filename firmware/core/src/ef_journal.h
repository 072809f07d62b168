/* What a device must not forget: a log of small records in two flash sectors.
 *
 * The latest record of a key counts. A record is there or it is not: its CRC covers all of it. When the sector is
 * full, the live records are copied to the other sector, and then the new one is written there. Every record has a
 * number, and they rise: the sector with the highest is the one to read, it has all the others, and power may fail
 * between any two bits. */
#ifndef EDGEFLEET_EF_JOURNAL_H
#define EDGEFLEET_EF_JOURNAL_H

#include "edgefleet/hal.h"

#define EF_JOURNAL_KEYS 16u
#define EF_JOURNAL_SECTORS 2u
/* Every key's largest record must fit into one sector together. */
#define EF_JOURNAL_RECORD_MAX 1536u

typedef struct {
    const ef_hal *hal;
    uint32_t base;                    /* where the first of the two sectors begins */
    uint32_t sector;                  /* the one in use: 0 or 1 */
    uint32_t number;                  /* of the last record; higher is newer */
    uint32_t next;                    /* where the next record goes; EF_FLASH_SECTOR when none may be appended */
    uint16_t at[EF_JOURNAL_KEYS];     /* where the latest record of each key lies; 0 for none */
    uint16_t length[EF_JOURNAL_KEYS]; /* of its content */
} ef_journal;

/* Recovers the journal, or begins an empty one where neither sector holds one. False when flash fails. */
bool ef_journal_open(ef_journal *journal, const ef_hal *hal, uint32_t base);

/* The content of the latest record of a key; false when there is none of exactly `length` bytes. */
bool ef_journal_get(const ef_journal *journal, unsigned key, void *out, size_t length);

/* The same for records of changing length: at most `capacity` bytes. */
bool ef_journal_get_some(const ef_journal *journal, unsigned key, void *out, size_t capacity, size_t *length);

/* Makes `bytes` the latest record of a key. False: flash failed, and the record before it still counts. Content that is
 * there already costs no flash. */
bool ef_journal_put(ef_journal *journal, unsigned key, const void *bytes, size_t length);

#endif
