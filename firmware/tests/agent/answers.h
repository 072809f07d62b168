/* Questions from other programs, answered by the firmware's own code. */
#ifndef EDGEFLEET_TESTS_ANSWERS_H
#define EDGEFLEET_TESTS_ANSWERS_H

#include <stdio.h>

/* Writes the features of each window: 21 floats for the temperature, the three scales (floats) and the frames that come
 * in, all as this machine keeps them. Returns the program's exit status. */
int answer_features(FILE *windows, FILE *out);

#endif
