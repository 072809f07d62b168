#include "promise.h"

#include <stdio.h>
#include <stdlib.h>

void promise_broken(const char *file, int line, const char *what) {
    fprintf(stderr, "broken promise at %s:%d: %s\n", file, line, what);
    abort();
}
