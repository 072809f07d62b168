/* The motor's samples for a test to judge: `motor_frames SEED SECONDS [FAULTS [closed]]`.
 *
 * Writes current, vibration and sound as 32-bit floats in ampere, m/s2 and pascal, at 4096 Hz, and to standard error
 * the temperature an hour later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/faults.h"

#define RATE_HZ 4096u

static bool write_second(px_motor *motor, const px_faults *faults) {
    static ef_sensor_frame frames[RATE_HZ];
    motor_sample(motor, faults, RATE_HZ, frames, RATE_HZ);
    for (size_t i = 0; i < RATE_HZ; i++) {
        float values[] = {MOTOR_AMPERE_PER_LSB * frames[i].current,
                          MOTOR_METRE_PER_SECOND2_PER_LSB * frames[i].vibration,
                          MOTOR_PASCAL_PER_LSB * frames[i].sound};
        if (fwrite(values, sizeof values, 1, stdout) != 1) {
            return false;
        }
    }
    return true;
}

int main(int count, char **arguments) {
    px_motor motor;
    px_fault_file faults;
    bool good = count >= 3;
    if (!good) {
        return 64;
    }
    motor_make(&motor, strtoull(arguments[1], NULL, 10));
    motor.is_loaded = count < 5 || strcmp(arguments[4], "closed") != 0;
    faults_watch(&faults, count > 3 ? arguments[3] : NULL);
    faults_read(&faults);
    for (long left = strtol(arguments[2], NULL, 10); good && left > 0; left--) {
        good = write_second(&motor, &faults.now);
    }
    motor_pass(&motor, &faults.now, 3600);
    fprintf(stderr, "%.2f\n", motor_celsius(&motor, &faults.now));
    return good ? 0 : 1;
}
