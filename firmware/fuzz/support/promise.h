/* What must hold whatever the input is. A promise that is broken ends the run, as a sanitizer's finding does. */
#ifndef EDGEFLEET_FUZZ_PROMISE_H
#define EDGEFLEET_FUZZ_PROMISE_H

_Noreturn void promise_broken(const char *file, int line, const char *what);

#define PROMISE(condition) ((condition) ? (void)0 : promise_broken(__FILE__, __LINE__, #condition))

#endif
