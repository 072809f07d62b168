#include "ef_unwrap.h"

#include <string.h>

#include "edgefleet/base64.h"
#include "ef_scratch.h"

/* Whole groups of base64, and what encrypted flash takes at a time. */
enum { STEP_BYTES = 3072 };

_Static_assert(STEP_BYTES % 3 == 0 && STEP_BYTES % 16 == 0 && STEP_BYTES < EF_FLASH_SECTOR, "see above");

static const uint8_t *find(const ef_agent *agent, const ef_wrapped *payload) {
    uint8_t digest[EF_SHA256_BYTES];
    const uint8_t *there = agent->hal->flash.map(agent->hal->context, EF_UNWRAPPED_AT, payload->length);
    bool holds = there != NULL && ef_sha256(there, payload->length, digest) &&
                 memcmp(digest, payload->sha256, sizeof digest) == 0;
    return holds ? there : NULL;
}

static bool write(const ef_agent *agent, const ef_wrapped *payload) {
    const ef_hal *hal = agent->hal;
    uint8_t *bytes = agent->config->scratch->bytes;
    ef_text text = payload->text;
    for (uint32_t at = 0; at < payload->length; at += EF_FLASH_SECTOR) {
        if (!hal->flash.erase(hal->context, EF_UNWRAPPED_AT + at)) {
            return false;
        }
    }
    for (uint32_t at = 0; at < payload->length;) {
        size_t step = ef_base64_read(&text, bytes, STEP_BYTES);
        if (step == 0 || !hal->flash.program(hal->context, EF_UNWRAPPED_AT + at, bytes, step)) {
            return false;
        }
        at += (uint32_t)step;
    }
    return true;
}

const uint8_t *ef_unwrap(void *agent, const ef_wrapped *payload) {
    const uint8_t *there = find(agent, payload);
    if (there != NULL || !write(agent, payload)) {
        return there;
    }
    return find(agent, payload);
}
