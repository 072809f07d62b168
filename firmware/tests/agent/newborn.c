#include "newborn.h"

#include <stdlib.h>
#include <string.h>

#include "context.h"

static bool taken[EF_PROVISION_STEP_COUNT][EF_PROVISION_STEP_COUNT];

/* Everything that provisioning does is a unit of work too, so that power can fail there. */
static void spend(newborn *n) {
    flash_double *flash = &n->b.flash;
    if (flash->operations < FLASH_OPERATIONS_MAX) {
        flash->began[flash->operations] = flash->work;
    }
    flash->operations++;
    flash->work++;
    if (flash->cut_at != 0 && flash->work >= flash->cut_at) {
        flash->power_off(flash->context);
    }
}

static ef_io hal_open(void *context, ef_peer peer) {
    newborn *n = context;
    spend(n);
    n->asks_models = peer == EF_PEER_MODEL_REGISTRY;
    return n->asks_models ? n->models.open(context, peer) : enrolment_open(&n->registry);
}

static ef_io hal_read(void *context, uint8_t *out, size_t capacity, size_t *got) {
    newborn *n = context;
    spend(n);
    return n->asks_models ? n->models.read(context, out, capacity, got)
                          : enrolment_read(&n->registry, out, capacity, got);
}

static ef_io hal_write(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    newborn *n = context;
    spend(n);
    return n->asks_models ? n->models.write(context, bytes, length, put)
                          : enrolment_write(&n->registry, bytes, length, put);
}

static void hal_close(void *context) {
    newborn *n = context;
    if (n->asks_models) {
        n->models.close(context);
    }
    enrolment_close(&n->registry);
}

static void hal_log(void *context, const char *text) {
    newborn *n = context;
    size_t length = strlen(n->logged);
    (void)snprintf(n->logged + length, sizeof n->logged - length, "%s\n", text);
    (void)snprintf(n->b.logged, sizeof n->b.logged, "%s", text);
}

static bool hal_claim(void *context, char *out, size_t capacity) {
    return identity_claim(&((newborn *)context)->identity, out, capacity);
}

static bool hal_has_certificate(void *context) {
    return ((newborn *)context)->identity.installed;
}

static bool hal_request(void *context, char *pem, size_t capacity, size_t *length) {
    newborn *n = context;
    spend(n); /* before there is a key */
    bool done = identity_request(&n->identity, pem, capacity, length);
    spend(n);
    return done;
}

static bool hal_install(void *context, const char *pem, size_t length) {
    newborn *n = context;
    spend(n);
    if (!identity_fits(&n->identity, pem, length)) {
        return false;
    }
    identity_keep(&n->identity, pem, length);
    spend(n); /* it is there, and nobody was told */
    return true;
}

static void wire(newborn *n) {
    ef_hal *hal = &n->b.hal;
    n->models = hal->stream;
    hal->stream = (ef_hal_stream){hal_open, hal_read, hal_write, hal_close, {"registry.test", "devices.test"}};
    hal->identity = (ef_hal_identity){hal_claim, hal_has_certificate, hal_request, hal_install};
    hal->log = (ef_hal_log){hal_log};
}

void newborn_make(newborn *n, const test_setting *setting) {
    memset(n, 0, sizeof *n);
    bench_make(&n->b, setting->updates, setting->documents);
    wire(n);
    n->b.config.release_count = 0;
    n->b.config.assignment_count = 0;
    n->b.config.provision = malloc(ef_provision_size());
    if (n->b.config.provision == NULL) {
        give_up("no memory", "provision");
    }
    n->identity.claim = "claim-0001";
    n->registry.claim = "claim-0001";
    n->registry.keys = n->b.keys;
    n->registry.version = 3;
    n->registry.activates = true;
    n->registry.now_ms = &n->b.now_ms;
    n->registry.has_certificate = hal_has_certificate;
    n->registry.context = n;
}

void newborn_free(newborn *n) {
    free(n->b.config.provision);
    bench_free(&n->b);
}

void newborn_forget(newborn *n) {
    n->logged[0] = '\0';
    bench_forget(&n->b);
}

/* The broker lets in who has a certificate. */
static void connect(newborn *n) {
    if (n->identity.installed && !n->b.agent->connected) {
        n->connections++;
        ef_agent_connected(n->b.agent);
    }
}

bench_end newborn_boot(newborn *n) {
    memset(n->b.config.provision, 0xA5, ef_provision_size());
    enrolment_close(&n->registry);
    n->asks_models = false;
    bench_end end = bench_boot(&n->b);
    if (end == BENCH_RAN && n->b.agent != NULL) {
        ef_agent_disconnected(n->b.agent); /* a bench connects at once */
        connect(n);
    }
    return end;
}

static void poll_once(newborn *n) {
    const ef_provision *provision = n->b.config.provision;
    bool is_born = ef_agent_is_activated(n->b.agent);
    ef_provision_step before = is_born ? EF_PROVISION_REST : provision->step;
    uint32_t wait = ef_agent_poll(n->b.agent);
    taken[before][is_born ? EF_PROVISION_REST : provision->step] = true;
    n->b.now_ms += wait > 0 ? wait : 1;
    connect(n);
}

bench_end newborn_run(newborn *n, uint64_t ms) {
    uint64_t until = n->b.now_ms + ms;
    int end = setjmp(n->b.out);
    if (end != 0) {
        return (bench_end)end;
    }
    while (n->b.now_ms < until) {
        poll_once(n);
    }
    return BENCH_RAN;
}

bool newborn_grow_up(newborn *n, uint64_t ms) {
    uint64_t until = n->b.now_ms + ms;
    if (setjmp(n->b.out) != 0) {
        return false;
    }
    while (n->b.now_ms < until && (!ef_agent_is_activated(n->b.agent) || n->b.agent->must_report)) {
        poll_once(n);
    }
    return ef_agent_is_activated(n->b.agent);
}

void newborn_misbehave(newborn *n, enrolment_manner manner, const char *only, unsigned times) {
    n->registry.manner = manner;
    n->registry.only = only;
    n->registry.times = times;
}

bool newborn_took(ef_provision_step from, ef_provision_step to) {
    return taken[from][to];
}
