/* Where things lie in the device's own flash: docs/firmware.md draws it. */
#ifndef EDGEFLEET_EF_LAYOUT_H
#define EDGEFLEET_EF_LAYOUT_H

#include "edgefleet/hal.h"
#include "edgefleet_contract.h"

#define EF_JOURNAL_AT 0x0000u
#define EF_MANIFESTS_AT 0x2000u /* of slot a; slot b's follows */
#define EF_INBOX_AT 0xA000u     /* a manifest that is not accepted yet, so that a refused one costs no slot */
#define EF_UNWRAPPED_AT 0xE000u /* the payload of the manifest that was read last */
#define EF_MODELS_AT 0x10000u   /* of slot a; slot b's follows, one slot size further */

#define EF_SLOTS 2u
#define EF_SLOT_NONE 2u

static inline uint32_t ef_manifest_at(unsigned slot) {
    return EF_MANIFESTS_AT + slot * EF_ENVELOPE_MAX;
}

static inline uint32_t ef_model_at(unsigned slot, uint32_t slot_bytes) {
    return EF_MODELS_AT + slot * slot_bytes;
}

_Static_assert(EF_ENVELOPE_MAX % EF_FLASH_SECTOR == 0, "a manifest area is whole sectors");
_Static_assert(EF_MANIFESTS_AT + EF_SLOTS * EF_ENVELOPE_MAX <= EF_INBOX_AT, "the manifest areas end before the inbox");
_Static_assert(EF_INBOX_AT + EF_ENVELOPE_MAX <= EF_UNWRAPPED_AT, "the inbox ends before the payload");
_Static_assert(EF_UNWRAPPED_AT + EF_MANIFEST_MAX <= EF_MODELS_AT, "the payload ends before the models");

#endif
