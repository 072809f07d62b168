#include "ef_keys.h"

#include <string.h>

#include "ef_records.h"

static void put_points(ef_keys_record *record, size_t from, const ef_key *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        memcpy(record->points[from + i], keys[i].point, EF_POINT_BYTES);
    }
}

bool ef_keys_store(ef_journal *journal, const ef_key_bundle *bundle) {
    ef_keys_record record;
    memset(&record, 0, sizeof record);
    record.version = bundle->seen.number;
    record.has_digest = bundle->seen.has_digest;
    memcpy(record.digest, bundle->seen.digest, EF_SHA256_BYTES);
    record.release_count = (uint8_t)bundle->release_count;
    record.assignment_count = (uint8_t)bundle->assignment_count;
    put_points(&record, 0, bundle->release_keys, bundle->release_count);
    put_points(&record, EF_KEYS_MAX, bundle->assignment_keys, bundle->assignment_count);
    return ef_journal_put(journal, EF_RECORD_KEYS, &record, sizeof record);
}

static bool load_points(const ef_keys_record *record, size_t from, ef_key *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!ef_key_load(&keys[i], record->points[from + i])) {
            return false;
        }
    }
    return true;
}

bool ef_keys_load(const ef_journal *journal, ef_key_bundle *bundle) {
    ef_keys_record record;
    memset(bundle, 0, sizeof *bundle);
    if (!ef_journal_get(journal, EF_RECORD_KEYS, &record, sizeof record) || record.version < 0 ||
        record.release_count == 0 || record.release_count > EF_KEYS_MAX || record.assignment_count == 0 ||
        record.assignment_count > EF_KEYS_MAX) {
        return false;
    }
    bundle->seen.number = record.version;
    bundle->seen.has_digest = record.has_digest != 0;
    memcpy(bundle->seen.digest, record.digest, EF_SHA256_BYTES);
    bundle->release_count = record.release_count;
    bundle->assignment_count = record.assignment_count;
    return load_points(&record, 0, bundle->release_keys, bundle->release_count) &&
           load_points(&record, EF_KEYS_MAX, bundle->assignment_keys, bundle->assignment_count);
}

void ef_keys_choose(ef_key_bundle *keys, const ef_journal *journal, const ef_agent_config *config) {
    if (ef_keys_load(journal, keys) && (keys->seen.number > config->keys_version || config->release_count == 0)) {
        return;
    }
    memset(keys, 0, sizeof *keys);
    keys->seen.number = config->keys_version;
    keys->release_count = config->release_count;
    keys->assignment_count = config->assignment_count;
    for (size_t i = 0; i < config->release_count; i++) {
        keys->release_keys[i] = config->release_keys[i];
    }
    for (size_t i = 0; i < config->assignment_count; i++) {
        keys->assignment_keys[i] = config->assignment_keys[i];
    }
}
