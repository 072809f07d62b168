/* What is wrong with the machine, from a file that may change while the device runs. */
#ifndef EDGEFLEET_POSIX_MACHINE_FAULTS_H
#define EDGEFLEET_POSIX_MACHINE_FAULTS_H

#include <sys/stat.h>

#include "machine/motor.h"

typedef struct {
    const char *path; /* NULL: nothing ever is */
    struct stat seen;
    px_faults now;
} px_fault_file;

void faults_watch(px_fault_file *file, const char *path);

/* Looks whether the file has changed. Lines `bearing 0.6`, `imbalance 0.5`, `blocked-air 1`, `overload 0.4`,
 * `temperature-offset 5` and `vibration-gain 1.3`; # begins a comment, and what is not named is not wrong. A file that
 * cannot be understood changes nothing, and the log says why; none at all is a sound machine. */
void faults_read(px_fault_file *file);

#endif
