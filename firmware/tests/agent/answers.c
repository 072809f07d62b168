#include "answers.h"

#include "edgefleet/features.h"

int answer_features(FILE *windows, FILE *out) {
    ef_sensor_frame window[EF_WINDOW_SAMPLES];
    float work[EF_FEATURES_WORK];
    float features[EF_MOTOR_LEVEL2_FEATURES];
    struct {
        float celsius;
        ef_sensor_scales scales;
    } head;
    while (fread(&head, sizeof head, 1, windows) == 1 &&
           fread(window, sizeof window[0], EF_WINDOW_SAMPLES, windows) == EF_WINDOW_SAMPLES) {
        if (!ef_features(window, head.celsius, &head.scales, work, features) ||
            fwrite(features, sizeof features, 1, out) != 1) {
            return 1;
        }
    }
    return feof(windows) && fflush(out) == 0 ? 0 : 1;
}
