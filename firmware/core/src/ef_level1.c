#include "ef_level1.h"

bool ef_level1_take(ef_level1 *level1, float score, float threshold, uint32_t windows) {
    bool says = score > threshold;
    level1->equal = says != level1->last ? 1 : level1->equal < UINT32_MAX ? level1->equal + 1 : level1->equal;
    level1->last = says;
    if (level1->equal < windows) {
        return false;
    }
    bool flips = says != level1->anomalous;
    level1->settled = true;
    level1->anomalous = says;
    return flips;
}
