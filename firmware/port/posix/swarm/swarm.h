/* A swarm: what its devices share, and the devices. */
#ifndef EDGEFLEET_POSIX_SWARM_H
#define EDGEFLEET_POSIX_SWARM_H

#include <setjmp.h>

#include "edgefleet/agent.h"
#include "identity.h"
#include "mqtt/client.h"
#include "stream.h"
#include "swarm/memory_flash.h"
#include "swarm/models.h"
#include "swarm/options.h"
#include "swarm/turnstile.h"

typedef struct px_swarm px_swarm;

/* One device. */
typedef struct {
    px_swarm *swarm;
    char id[EF_DEVICE_ID_MAX + 1];
    ef_agent *agent; /* NULL while it is down */
    ef_agent_config config;
    ef_hal hal;
    px_memory_flash flash;
    mqtt_client client;
    bool is_connected; /* and the agent knows it */
    uint32_t watched; /* epoll events of the client's socket */
    uint32_t backoff_ms;
    px_stream *stream; /* NULL: no connection to the registry */
    px_loaded loaded;
    px_turn registry_turn;
    /* The registry's turnstile is of this machine and no part of a device's world: its clock stands still meanwhile. */
    uint64_t waits_since_ms;
    uint64_t waited_ms; /* in sum */
    px_turn broker_turn;
    uint64_t poll_ms;     /* when the agent wants to be polled, or the device to be started */
    uint64_t connect_ms;  /* when to try the broker again */
    uint64_t watchdog_ms; /* 0: not armed */
    /* What it last reported. */
    uint8_t phase;
    bool reported;
    bool reached; /* Confirmed, and what the goal says */
} px_member;

/* How many say what. */
typedef struct {
    uint64_t began_ms;
    uint64_t all_connected_ms; /* 0: not yet */
    uint32_t connected;
    uint32_t reached;
    uint32_t phases[EF_PHASE_COUNT];
    uint64_t restarts;
    uint64_t downloads; /* connections to the registry that were opened */
    size_t pss_before;  /* bytes */
} px_census;

struct px_swarm {
    px_swarm_options options;
    px_identity identity;
    char host[HOST_MAX + 8];
    struct sockaddr_storage broker;
    socklen_t broker_size;
    ef_scratch *scratch;
    px_models models;
    px_turnstile registry_turnstile;
    px_turnstile broker_turnstile;
    px_stream *streams; /* options.registry_connections of them */
    px_member **users;  /* of each, NULL for nobody */
    mqtt_room room;
    px_member *members;
    uint8_t *agents;
    size_t agent_bytes; /* from one to the next */
    uint64_t *due;      /* when each member has something to do, beside the others' for a quick look */
    int epoll;
    int erased;
    bool is_leaving;
    bool must_print;
    px_census census;
    jmp_buf way_out; /* of a device that restarts in the middle of a call */
};

/* What an epoll event is about. */
enum { EVENT_CLIENT, EVENT_STREAM, EVENT_SIGNAL };

static inline uint64_t swarm_tag(unsigned kind, uint32_t index) {
    return (uint64_t)kind << 32 | index;
}

/* Makes the devices; false, and has said why. */
bool swarm_prepare(px_swarm *swarm);
void swarm_finish(px_swarm *swarm);

/* Runs until it is told to stop, the goal is reached or the time is over; the exit status. */
int swarm_run(px_swarm *swarm, int signals);

/* Lets those who are next into a turnstile, and has them work. */
void swarm_admit(px_swarm *swarm, px_turnstile *turnstile);

/* Makes a device ready to be started. */
bool member_prepare(px_member *member, px_swarm *swarm, uint32_t index);
void member_finish(px_member *member);

/* Does what this device has to do now. */
void member_work(px_member *member, bool client_is_ready);

/* Fills the table that the core calls. */
void member_wire(px_member *member);

/* Publishes that it is offline; the connection stays until the broker's word on it has come. */
void member_leave(px_member *member);

/* What a device publishes is looked at on its way. */
void census_note(px_member *member, const char *topic, const uint8_t *bytes, size_t length);
void census_begin(px_census *census);
void census_say(const px_swarm *swarm);
void census_print(const px_swarm *swarm);

static inline uint32_t member_index(const px_member *member) {
    return (uint32_t)(member - member->swarm->members);
}

#endif
