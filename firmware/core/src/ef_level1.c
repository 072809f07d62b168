#include "ef_level1.h"

bool ef_level1_take(ef_level1 *level1, float score, float threshold, uint32_t windows) {
    bool says = score > threshold;
    level1->opposing = says != level1->anomalous ? level1->opposing + 1 : 0;
    if (level1->opposing < windows || level1->opposing == 0) {
        return false;
    }
    level1->anomalous = says;
    level1->opposing = 0;
    return true;
}
