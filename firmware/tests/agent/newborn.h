/* A board on the bench that has a claim and nothing else, and a device registry to show it to. */
#ifndef EDGEFLEET_TESTS_NEWBORN_H
#define EDGEFLEET_TESTS_NEWBORN_H

#include "check.h"
#include "ef_provision.h"
#include "enrolment_double.h"
#include "identity_double.h"

typedef struct {
    bench b; /* first: the HAL's context is both */
    enrolment_double registry;
    identity_double identity;
    ef_hal_stream models; /* the bench's own stream */
    bool asks_models;     /* the open stream is one to the model registry */
    /* Kept over boots. */
    unsigned connections; /* to the broker */
    char logged[2048];    /* every line since newborn_forget */
} newborn;

/* A new board with erased flash and no key, before its first boot. */
void newborn_make(newborn *n, const test_setting *setting);
void newborn_free(newborn *n);

/* Powers up; connects to the broker if there is a certificate. */
bench_end newborn_boot(newborn *n);

/* Lets time pass. A device that gets a certificate connects to the broker. */
bench_end newborn_run(newborn *n, uint64_t ms);

/* Lets time pass until it is activated and at rest, at most so long; false when it is not. */
bool newborn_grow_up(newborn *n, uint64_t ms);

void newborn_misbehave(newborn *n, enrolment_manner manner, const char *only, unsigned times);
void newborn_forget(newborn *n);

/* Whether a poll of any of them has led from one step to the other. */
bool newborn_took(ef_provision_step from, ef_provision_step to);

#endif
