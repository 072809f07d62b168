/* A board: its parts, and the HAL table over them. */
#ifndef EDGEFLEET_POSIX_BOARD_H
#define EDGEFLEET_POSIX_BOARD_H

#include "edgefleet/hal.h"
#include "flash.h"
#include "inference.h"
#include "machine/sensors.h"
#include "session.h"
#include "stream.h"

typedef struct {
    px_flash flash;
    px_stream stream;
    px_session session;
    px_inference inference;
    px_sensors sensors;
    px_identity *identity;
    char hosts[EF_PEER_COUNT][HOST_MAX + 8];
    ef_hal hal;
} px_board;

/* Fills `hal`; it points into the board, which must not move. The identity is borrowed. */
void board_wire(px_board *board, const px_options *options, px_identity *identity);

#endif
