/* From the scores of one machine's windows to a verdict that does not flutter. */
#ifndef EDGEFLEET_EF_LEVEL1_H
#define EDGEFLEET_EF_LEVEL1_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool settled;   /* there is a verdict; before the first one nothing is known of the machine */
    bool anomalous; /* the verdict; false before the first one */
    bool last;      /* what the last window's score says */
    uint32_t equal; /* windows in a row that say so */
} ef_level1;

/* Takes the score of the next window; returns whether `anomalous` flips. `windows` that say the same, in a row, are a
 * verdict. */
bool ef_level1_take(ef_level1 *level1, float score, float threshold, uint32_t windows);

#endif
