/* The payload of a manifest, decoded into flash: the largest would not fit into the memory of a small device.
 *
 * Its area is no record of anything. It holds what was read last, and its digest says whether that is what is wanted now:
 * a device that runs one model for a year writes it once. */
#ifndef EDGEFLEET_EF_UNWRAP_H
#define EDGEFLEET_EF_UNWRAP_H

#include "ef_state.h"

/* For ef_manifest_context; `agent` is the place. Uses the scratch's bytes. */
const uint8_t *ef_unwrap(void *agent, const ef_wrapped *payload);

#endif
