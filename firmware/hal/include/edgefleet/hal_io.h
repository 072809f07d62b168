/* How an operation on something slow ended. */
#ifndef EDGEFLEET_HAL_IO_H
#define EDGEFLEET_HAL_IO_H

typedef enum {
    EF_IO_OK = 0,
    EF_IO_AGAIN, /* nothing yet; poll again */
    EF_IO_END,   /* the peer closed in good order */
    EF_IO_FAILED /* for good; `ef_hal_log` has said why */
} ef_io;

#endif
