/* The shapes of names, matched by hand: no regular expressions on the device.
 *
 * Each kind is the pattern of the same name in operator/src/edgefleet/contracts/formats.py. */
#ifndef EDGEFLEET_PATTERN_H
#define EDGEFLEET_PATTERN_H

#include <stdbool.h>

#include "edgefleet/json.h"

/* The longest text that a pattern other than base64 and PEM may match. */
#define EF_PATTERN_TEXT_MAX 128

/* Whether the whole text is of the kind. */
bool ef_pattern_matches(ef_pattern kind, ef_text text);

#endif
