/* What the core needs of a board, one contract a header. A port fills these tables; the core calls nothing else of the
 * outside world.
 *
 * Every function gets the port's own `context`. Nothing blocks for longer than a flash operation or one inference:
 * a stream answers EF_IO_AGAIN, and the core comes back when it is polled. One thread calls all of it. */
#ifndef EDGEFLEET_HAL_H
#define EDGEFLEET_HAL_H

#include "edgefleet/hal_actuator.h"
#include "edgefleet/hal_clock.h"
#include "edgefleet/hal_flash.h"
#include "edgefleet/hal_identity.h"
#include "edgefleet/hal_inference.h"
#include "edgefleet/hal_io.h"
#include "edgefleet/hal_log.h"
#include "edgefleet/hal_mqtt.h"
#include "edgefleet/hal_random.h"
#include "edgefleet/hal_sensors.h"
#include "edgefleet/hal_stream.h"
#include "edgefleet/hal_watchdog.h"

typedef struct {
    void *context;
    ef_hal_clock clock;
    ef_hal_random random;
    ef_hal_log log;
    ef_hal_watchdog watchdog;
    ef_hal_flash flash;
    ef_hal_stream stream;
    ef_hal_mqtt mqtt;
    ef_hal_inference inference;
    ef_hal_identity identity;
    ef_hal_sensors sensors;
    ef_hal_actuator actuator;
} ef_hal;

#endif
