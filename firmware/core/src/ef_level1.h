/* From the scores of one machine's windows to a verdict that does not flutter. */
#ifndef EDGEFLEET_EF_LEVEL1_H
#define EDGEFLEET_EF_LEVEL1_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool anomalous;    /* the verdict */
    uint32_t opposing; /* windows in a row whose score says otherwise */
} ef_level1;

/* Takes the score of the next window; returns whether the verdict flips. `windows` equal scores in a row flip it. */
bool ef_level1_take(ef_level1 *level1, float score, float threshold, uint32_t windows);

#endif
