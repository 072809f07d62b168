#include "swarm/swarm.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "log.h"
#include "status.h"

#define EVENTS_MAX 64
/* Devices that have something to do are looked at for so long, then sockets again. */
#define PASS_MS 5u
#define FAREWELL_MS 5000u
#define PROGRESS_MS 1000u
/* Descriptors beside one a device and one a connection to the registry. */
#define DESCRIPTORS 32u
/* The largest packet either way, with room for the topic. */
#define PACKET_ROOM 65536u

extern const mqtt_events member_events;

static bool has_descriptors(const px_swarm_options *options) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)options->count + options->registry_connections + DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return false;
    }
    if (wanted > limit.rlim_cur) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (wanted > limit.rlim_cur) {
        say(LEVEL_ERROR, "-n: so many devices need %llu file descriptors, a process gets %llu here",
            (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
    }
    return wanted <= limit.rlim_cur;
}

static bool resolve_broker(px_swarm *swarm) {
    const px_endpoint *broker = &swarm->options.broker;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(broker->host, broker->port, &hints, &found);
    if (result != 0) {
        say(LEVEL_ERROR, "broker: %s: %s", broker->host, gai_strerror(result));
        return false;
    }
    memcpy(&swarm->broker, found->ai_addr, found->ai_addrlen);
    swarm->broker_size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool allocate(px_swarm *swarm) {
    const px_swarm_options *options = &swarm->options;
    size_t count = options->count;
    swarm->agent_bytes = (ef_agent_size() + 15) / 16 * 16;
    swarm->scratch = malloc(ef_scratch_size());
    swarm->streams = calloc(options->registry_connections, sizeof *swarm->streams);
    swarm->users = calloc(options->registry_connections, sizeof(px_member *));
    swarm->members = calloc(count, sizeof *swarm->members);
    swarm->agents = calloc(count, swarm->agent_bytes);
    swarm->due = calloc(count, sizeof *swarm->due);
    swarm->room = (mqtt_room){&member_events, malloc(PACKET_ROOM), malloc(PACKET_ROOM), PACKET_ROOM};
    swarm->erased = memory_flash_make_erased(ef_agent_flash_bytes(options->slot_bytes));
    swarm->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (swarm->scratch == NULL || swarm->streams == NULL || swarm->users == NULL || swarm->members == NULL ||
        swarm->agents == NULL || swarm->due == NULL || swarm->room.in == NULL || swarm->room.out == NULL ||
        swarm->erased < 0 || swarm->epoll < 0) {
        say(LEVEL_ERROR, "no memory for %zu devices: %s", count, strerror(errno));
        return false;
    }
    return true;
}

/* All of them are in use since long. */
static const px_endpoint no_server;

bool swarm_prepare(px_swarm *swarm) {
    const px_swarm_options *options = &swarm->options;
    census_begin(&swarm->census);
    turnstile_init(&swarm->registry_turnstile, options->registry_connections);
    turnstile_init(&swarm->broker_turnstile, options->broker_handshakes);
    if (!has_descriptors(options) || !resolve_broker(swarm) || !allocate(swarm)) {
        return false;
    }
    const px_server servers[EF_PEER_COUNT] = {
        [EF_PEER_MODEL_REGISTRY] = {&options->registry, options->registry_name, "registry"},
        [EF_PEER_DEVICE_REGISTRY] = {&no_server, NULL, NULL},
    };
    for (uint32_t i = 0; i < options->registry_connections; i++) {
        if (!stream_prepare(&swarm->streams[i], servers, &swarm->identity)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < options->count; i++) {
        if (!member_prepare(&swarm->members[i], swarm, i)) {
            return false;
        }
    }
    return true;
}

void swarm_finish(px_swarm *swarm) {
    for (uint32_t i = 0; swarm->members != NULL && i < swarm->options.count; i++) {
        if (swarm->members[i].swarm != NULL) {
            member_finish(&swarm->members[i]);
        }
    }
    for (uint32_t i = 0; swarm->streams != NULL && i < swarm->options.registry_connections; i++) {
        stream_finish(&swarm->streams[i]);
    }
    models_close(&swarm->models);
    free(swarm->room.out);
    free(swarm->room.in);
    free(swarm->due);
    free(swarm->agents);
    free(swarm->members);
    free((void *)swarm->users);
    free(swarm->streams);
    free(swarm->scratch);
}

void swarm_admit(px_swarm *swarm, px_turnstile *turnstile) {
    const px_turn *next;
    while ((next = turnstile_admit(turnstile)) != NULL) {
        px_member *member = &swarm->members[next->who];
        swarm->due[next->who] = 0;
        if (turnstile == &swarm->broker_turnstile) {
            member->connect_ms = 0;
            continue;
        }
        member->poll_ms = 0;
        member->waited_ms += now_ms() - member->waits_since_ms;
    }
}

static void hear_signal(px_swarm *swarm, int signals) {
    struct signalfd_siginfo about;
    while (read(signals, &about, sizeof about) == (ssize_t)sizeof about) {
        if (about.ssi_signo == SIGUSR1) {
            census_print(swarm);
        } else {
            swarm->is_leaving = true;
        }
    }
}

static void hear(px_swarm *swarm, const struct epoll_event *event, int signals) {
    uint32_t index = (uint32_t)event->data.u64;
    switch (event->data.u64 >> 32) {
    case EVENT_CLIENT:
        member_work(&swarm->members[index], true);
        break;
    case EVENT_STREAM:
        if (swarm->users[index] != NULL) { /* else it was closed since */
            stream_wake(&swarm->streams[index]);
            swarm->users[index]->poll_ms = 0;
            member_work(swarm->users[index], false);
        }
        break;
    default:
        hear_signal(swarm, signals);
    }
}

/* Waits for sockets, not longer than until `due`, and serves those that are ready. */
static void serve_sockets(px_swarm *swarm, uint64_t due, int signals) {
    struct epoll_event events[EVENTS_MAX];
    uint64_t now = now_ms();
    int timeout = due <= now ? 0 : due - now < PROGRESS_MS ? (int)(due - now) : (int)PROGRESS_MS;
    int count = epoll_wait(swarm->epoll, events, EVENTS_MAX, timeout);
    for (int i = 0; i < count; i++) {
        hear(swarm, &events[i], signals);
    }
}

/* Lets devices work that are due, each once, in turn; returns when the next one is. */
static uint64_t serve_devices(px_swarm *swarm) {
    static uint32_t from;
    uint64_t began = now_ms();
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < swarm->options.count; i++) {
        uint32_t index = (from + i) % swarm->options.count;
        if (swarm->due[index] <= began) {
            member_work(&swarm->members[index], false);
            if (now_ms() >= began + PASS_MS) {
                from = index + 1;
                return 0;
            }
        }
        next = swarm->due[index] < next ? swarm->due[index] : next;
    }
    return next;
}

/* All are offline when the broker has said so. */
static bool has_left(const px_swarm *swarm) {
    for (uint32_t i = 0; i < swarm->options.count; i++) {
        const mqtt_client *client = &swarm->members[i].client;
        if (client->state == MQTT_OPEN && client->unacknowledged > 0) {
            return false;
        }
    }
    return true;
}

static void leave(px_swarm *swarm, int signals) {
    uint64_t end = now_ms() + FAREWELL_MS;
    swarm->is_leaving = true;
    for (uint32_t i = 0; i < swarm->options.count; i++) {
        member_leave(&swarm->members[i]);
        if (i % EVENTS_MAX == 0) {
            serve_sockets(swarm, 0, signals);
        }
    }
    while (!has_left(swarm) && now_ms() < end) {
        serve_sockets(swarm, now_ms() + 10, signals);
    }
}

int swarm_run(px_swarm *swarm, int signals) {
    const px_swarm_options *options = &swarm->options;
    struct epoll_event wish = {.events = EPOLLIN, .data.u64 = swarm_tag(EVENT_SIGNAL, 0)};
    uint64_t end = options->timeout_s > 0 ? swarm->census.began_ms + options->timeout_s * UINT64_C(1000) : UINT64_MAX;
    uint64_t progress = swarm->census.began_ms + PROGRESS_MS;
    int status = STATUS_OK;
    if (epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, signals, &wish) != 0) {
        panic("epoll: %s", strerror(errno));
    }
    while (!swarm->is_leaving && !(options->has_goal && swarm->census.reached == options->count)) {
        serve_sockets(swarm, serve_devices(swarm), signals);
        if (now_ms() >= end) {
            status = STATUS_LATE;
            break;
        }
        if (now_ms() >= progress && !options->quiet) {
            census_say(swarm);
            progress += PROGRESS_MS;
        }
    }
    census_print(swarm);
    leave(swarm, signals);
    return options->timeout_s > 0 && !options->has_goal && status == STATUS_LATE ? STATUS_OK : status;
}
