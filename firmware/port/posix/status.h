/* Exit statuses, for a supervisor. */
#ifndef EDGEFLEET_POSIX_STATUS_H
#define EDGEFLEET_POSIX_STATUS_H

enum {
    STATUS_OK = 0,     /* told to stop */
    STATUS_USAGE = 64, /* options, identity or state that a person must mend */
    STATUS_PANIC = 70, /* start it again: a reboot */
    STATUS_LATE = 75   /* the goal was not reached in time */
};

#endif
