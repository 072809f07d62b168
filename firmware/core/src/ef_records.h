/* What the journal keeps, key by key. A record of another layout than this firmware's counts as absent. */
#ifndef EDGEFLEET_EF_RECORDS_H
#define EDGEFLEET_EF_RECORDS_H

#include "edgefleet/verify.h"
#include "ef_baseline.h"
#include "ef_journal.h"
#include "ef_layout.h"
#include "ef_writer.h"

/* Numbers are in flash: never reuse one. */
enum {
    EF_RECORD_ENROLMENT = 0,
    EF_RECORD_BOOTS = 1,
    EF_RECORD_COMMAND = 2,
    EF_RECORD_OUTCOME = 3,
    EF_RECORD_FLOOR = 4,
    EF_RECORD_ACTIVE = 5,
    EF_RECORD_SLOTS = 6, /* of slot a; slot b's follows */
    EF_RECORD_KEYS = 8,
    EF_RECORD_ACTIVATION = 9,
    EF_RECORD_BASELINE = 10
};

#define EF_ENROLMENT_CHARS 24u
#define EF_NOTE_MAX 120u /* of a message; shorter than on the wire */

typedef struct {
    char token[EF_ENROLMENT_CHARS + 4]; /* NUL to the end */
} ef_enrolment;

enum { EF_ROLE_LEVEL1 = 1, EF_ROLE_LEVEL2 = 2 };

/* Settings in force. Zero and empty mean absent: the firmware's default holds. */
typedef struct {
    char threshold[EF_JSON_NUMBER_MAX + 4]; /* a JSON number, as it was signed */
    uint32_t hysteresis_windows;
    uint32_t sample_period_ms;
    uint32_t telemetry_period_ms;
    uint8_t role; /* 0, EF_ROLE_LEVEL1 or EF_ROLE_LEVEL2 */
    uint8_t has_sources;
    uint16_t sources_length;
    /* Names, each ended by a NUL. Last, so that a record ends where they do. */
    char sources[EF_SOURCES_MAX * (EF_DEVICE_ID_MAX + 1)];
} ef_settings;

/* The command being obeyed. One record, so that what was seen and what is to be done about it are stored at once. */
typedef struct {
    int64_t generation; /* 0: none yet */
    uint8_t payload_digest[EF_SHA256_BYTES];
    uint8_t manifest_digest[EF_SHA256_BYTES];
    uint32_t manifest_bytes; /* of the envelope; 0: keep the model */
    uint32_t jitter_seconds;
    char commission[EF_COMMISSION_MAX + 4]; /* the token, NUL to the end; empty: no baseline is asked for */
    ef_settings settings;
} ef_command_record;

/* How the command ended; of another generation, or not final, it has not ended yet. */
typedef struct {
    int64_t generation;
    uint32_t attempts;
    uint8_t phase;
    uint8_t reason;
    uint8_t final;
    uint8_t reserved;
    char note[EF_NOTE_MAX]; /* NUL to the end */
} ef_outcome;

typedef enum {
    EF_SLOT_EMPTY = 0,  /* nothing that counts */
    EF_SLOT_STAGED = 1, /* whole and of the right digest, not tried */
    EF_SLOT_TRYING = 2, /* being tested: who boots and finds this crashed */
    EF_SLOT_VALID = 3,
    EF_SLOT_FAILED = 4,
    /* Its manifest is accepted and in its area, its sectors were erased, its bytes are arriving in order. */
    EF_SLOT_FILLING = 5
} ef_slot_state;

typedef struct {
    uint8_t state;
    uint8_t reserved[3];
    uint32_t size_bytes;
    uint32_t arena_bytes;
    uint32_t manifest_bytes; /* of the envelope in the slot's manifest area */
    int64_t security_version;
    uint8_t manifest_digest[EF_SHA256_BYTES];
    uint8_t sha256[EF_SHA256_BYTES];
    char model[64];   /* NUL to the end */
    char version[72]; /* likewise */
} ef_slot;

/* The accepted key bundle. Key ids are the keys' own, so only points are kept: release keys, then assignment keys. */
typedef struct {
    int64_t version;
    uint8_t digest[EF_SHA256_BYTES]; /* of the payload, if `has_digest` */
    uint8_t has_digest;
    uint8_t release_count;
    uint8_t assignment_count;
    uint8_t reserved[5];
    uint8_t points[2 * EF_KEYS_MAX][EF_POINT_BYTES];
} ef_keys_record;

/* Somebody let this device into the fleet, under this name. */
typedef struct {
    char device_id[EF_DEVICE_ID_MAX + 1]; /* NUL to the end */
} ef_activation;

_Static_assert(sizeof(ef_keys_record) == 16 + EF_SHA256_BYTES + 2 * EF_KEYS_MAX * EF_POINT_BYTES,
               "no padding in flash");
_Static_assert(sizeof(ef_slot) == 24 + 2 * EF_SHA256_BYTES + 64 + 72, "no padding in flash");
_Static_assert(sizeof(ef_outcome) == 16 + EF_NOTE_MAX, "no padding in flash");
_Static_assert(sizeof(ef_command_record) <= EF_JOURNAL_RECORD_MAX, "the largest command fits into a record");
_Static_assert(sizeof(ef_command_record) + 2 * sizeof(ef_slot) + sizeof(ef_outcome) + sizeof(ef_keys_record) +
                       sizeof(ef_activation) + sizeof(ef_baseline) + 256 <
                   EF_FLASH_SECTOR,
               "all live records fit into one sector");

/* Bytes of a command's record: its last field ends early. */
size_t ef_command_length(const ef_command_record *command);

/* Fills a record from an accepted command. */
void ef_command_fill(ef_command_record *record, const ef_command *command);

/* Writes the member `settings`, unless all are absent. They have to make sense. */
void ef_settings_put(const ef_settings *settings, ef_writer *writer);

/* Whether what a record says makes sense; flash may hold anything. A command must be one that the contract allows to be
 * signed: it is written down as an assignment, in the workspace, and read again. */
bool ef_command_makes_sense(const ef_command_record *record, size_t length, const ef_workspace *workspace);
bool ef_slot_makes_sense(const ef_slot *slot, uint32_t slot_bytes);
bool ef_outcome_makes_sense(const ef_outcome *outcome);
bool ef_enrolment_makes_sense(const ef_enrolment *enrolment);

#endif
