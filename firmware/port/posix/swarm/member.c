/* One device of the swarm: its life between a start and the next. */
#include <errno.h>
#include <psa/crypto.h>
#include <string.h>
#include <sys/epoll.h>

#include "edgefleet/topic.h"
#include "log.h"
#include "swarm/swarm.h"

#define KEEPALIVE_S 60
#define BACKOFF_LEAST_MS 200u
#define BACKOFF_MOST_MS 30000u
#define RESTART_MS 1000u
/* Polls in a row: others are waiting too. */
#define POLLS_MAX 8u
/* What the broker sends at most: the largest document, twice, with its topic. */
#define PACKET_MAX (2 * EF_DESIRED_MAX)

bool member_prepare(px_member *member, px_swarm *swarm, uint32_t index) {
    const px_swarm_options *options = &swarm->options;
    *member = (px_member){.swarm = swarm, .backoff_ms = BACKOFF_LEAST_MS};
    member->registry_turn.who = index;
    member->broker_turn.who = index;
    mqtt_client_init(&member->client);
    if (!swarm_options_name(options, index, member->id) ||
        !memory_flash_open(&member->flash, swarm->erased, ef_agent_flash_bytes(options->slot_bytes))) {
        say(LEVEL_ERROR, "device %u: %s", (unsigned)index, strerror(errno));
        return false;
    }
    member->config = (ef_agent_config){
        .device_id = member->id,
        .device_class = options->device_class,
        .firmware_version = options->firmware_version,
        .ram_bytes = options->ram_bytes,
        .slot_bytes = options->slot_bytes,
        .arena_bytes = options->arena_bytes,
        .release_keys = swarm->identity.keys.release_keys,
        .release_count = swarm->identity.keys.release_count,
        .assignment_keys = swarm->identity.keys.assignment_keys,
        .assignment_count = swarm->identity.keys.assignment_count,
        .keys_version = swarm->identity.keys.seen.number,
        .scratch = swarm->scratch,
    };
    member_wire(member);
    return true;
}

void member_finish(px_member *member) {
    mqtt_client_leave(&member->client, &member->swarm->room, now_ms());
    memory_flash_close(&member->flash);
}

/* Uniform in [most / 2, most): a fleet must not come back in step. */
static uint32_t jitter(uint32_t most) {
    uint32_t value = 0;
    if (psa_generate_random((uint8_t *)&value, sizeof value) != PSA_SUCCESS) {
        return most;
    }
    return most / 2 + value % (most / 2);
}

/* The connection is gone, or was never made: tries again later. */
static void lose_broker(px_member *member) {
    px_swarm *swarm = member->swarm;
    swarm->census.connected -= member->is_connected ? 1 : 0;
    member->is_connected = false;
    turnstile_leave(&swarm->broker_turnstile, &member->broker_turn);
    swarm_admit(swarm, &swarm->broker_turnstile);
    member->watched = 0;
    member->connect_ms = now_ms() + jitter(member->backoff_ms);
    member->backoff_ms = member->backoff_ms * 2 < BACKOFF_MOST_MS ? member->backoff_ms * 2 : BACKOFF_MOST_MS;
}

static void hear_connection(void *context) {
    px_member *member = context;
    px_swarm *swarm = member->swarm;
    turnstile_leave(&swarm->broker_turnstile, &member->broker_turn);
    swarm_admit(swarm, &swarm->broker_turnstile);
    member->backoff_ms = BACKOFF_LEAST_MS;
    member->is_connected = true;
    swarm->census.connected++;
    if (swarm->census.connected == swarm->options.count && swarm->census.all_connected_ms == 0) {
        swarm->census.all_connected_ms = now_ms();
    }
    ef_agent_connected(member->agent);
}

static void hear_message(void *context, const mqtt_message *message) {
    px_member *member = context;
    if (member->agent != NULL && !member->swarm->is_leaving) {
        ef_agent_message(member->agent, message->topic, message->topic_length, message->payload, message->length);
    }
}

static void hear_answer(void *context, mqtt_type type, const mqtt_answer *answer) {
    if (answer->reason >= MQTT_REFUSED) {
        say(LEVEL_ERROR, "%s: the broker refuses a %s, with reason 0x%02x", ((px_member *)context)->id,
            type == MQTT_PUBACK ? "message" : "subscription", answer->reason);
    }
}

static void hear_end(void *context, const char *why) {
    px_member *member = context;
    bool was_connected = member->is_connected;
    say(LEVEL_WARNING, "%s: no connection to the broker: %s", member->id, why);
    lose_broker(member);
    if (was_connected) {
        ef_agent_disconnected(member->agent);
    }
}

const mqtt_events member_events = {hear_connection, hear_message, hear_answer, hear_end};

static void connect_broker(px_member *member, uint64_t now) {
    px_swarm *swarm = member->swarm;
    char topic[128];
    uint8_t will[EF_PRESENCE_MAX];
    size_t length = 0;
    if (!turnstile_enter(&swarm->broker_turnstile, &member->broker_turn)) {
        return;
    }
    if (!ef_agent_will(member->agent, topic, sizeof topic, will, sizeof will, &length)) {
        panic("%s has no will", member->id);
    }
    mqtt_connect wish = {.client_id = member->id,
                         .username = swarm->options.no_username ? NULL : member->id,
                         .keepalive_s = KEEPALIVE_S,
                         .packet_max = PACKET_MAX,
                         .will_topic = topic,
                         .will = will,
                         .will_length = length};
    if (!mqtt_client_open(&member->client, &swarm->room, (const struct sockaddr *)&swarm->broker, swarm->broker_size,
                          &wish, now)) {
        say(LEVEL_WARNING, "%s: no connection to the broker: %s", member->id, strerror(errno));
        lose_broker(member);
    }
}

static void start(px_member *member) {
    px_swarm *swarm = member->swarm;
    uint8_t *memory = swarm->agents + swarm->agent_bytes * member_index(member);
    member->agent = ef_agent_start(memory, swarm->agent_bytes, &member->config, &member->hal);
    if (member->agent == NULL) {
        panic("%s does not start", member->id);
    }
}

/* What a panic leaves of a board: its flash. The broker tells of it by the will. */
static void restart(px_member *member) {
    px_swarm *swarm = member->swarm;
    mqtt_client_close(&member->client);
    member->hal.stream.close(member);
    lose_broker(member);
    models_unload(&swarm->models, &member->loaded);
    swarm->census.restarts++;
    member->agent = NULL;
    member->watchdog_ms = 0;
    member->poll_ms = now_ms() + RESTART_MS;
    member->connect_ms = 0;
}

static void poll_agent(px_member *member) {
    uint32_t wait = 0;
    for (unsigned i = 0; wait == 0 && i < POLLS_MAX; i++) {
        wait = ef_agent_poll(member->agent);
    }
    int patience = member->stream != NULL ? stream_patience(member->stream) : -1;
    if (wait > 0 && patience > 0) {
        wait = (uint32_t)patience; /* its socket says when there is something */
    }
    member->poll_ms = member->registry_turn.state == TURN_WAITING ? UINT64_MAX : now_ms() + wait;
}

static void work(px_member *member, bool client_is_ready) {
    uint64_t now = now_ms();
    if (member->agent == NULL) {
        if (now < member->poll_ms) {
            return;
        }
        start(member);
    }
    if (member->client.state == MQTT_CLOSED) {
        if (now >= member->connect_ms && member->broker_turn.state != TURN_WAITING && !member->swarm->is_leaving) {
            connect_broker(member, now);
        }
    } else if (client_is_ready || now >= mqtt_client_due(&member->client)) {
        mqtt_client_work(&member->client, &member->swarm->room, member, now);
        member->poll_ms = 0;
    }
    if (now >= member->poll_ms && !member->swarm->is_leaving) {
        poll_agent(member);
    }
}

/* Has the kernel tell when a socket is ready: of a new one, or for something else than before. */
static void watch(const px_swarm *swarm, int socket, uint32_t events, uint64_t tag) {
    struct epoll_event wish = {.events = events, .data.u64 = tag};
    if (epoll_ctl(swarm->epoll, EPOLL_CTL_MOD, socket, &wish) != 0 &&
        (errno != ENOENT || epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, socket, &wish) != 0)) {
        panic("epoll: %s", strerror(errno));
    }
}

static void watch_sockets(px_member *member) {
    px_swarm *swarm = member->swarm;
    uint32_t events = EPOLLIN | (mqtt_client_wants_write(&member->client) ? (uint32_t)EPOLLOUT : 0u);
    if (member->client.socket >= 0 && events != member->watched) {
        watch(swarm, member->client.socket, events, swarm_tag(EVENT_CLIENT, member_index(member)));
        member->watched = events;
    }
    if (member->stream != NULL) {
        struct pollfd wish = stream_wish(member->stream);
        if (wish.fd >= 0) {
            /* Of poll and epoll the bits are the same. Once: after that the stream says what it wants next. */
            watch(swarm, wish.fd, (uint32_t)wish.events | EPOLLONESHOT,
                  swarm_tag(EVENT_STREAM, (uint32_t)(member->stream - swarm->streams)));
        }
    }
}

static uint64_t next_work(const px_member *member) {
    uint64_t due = member->poll_ms;
    if (member->agent == NULL) {
        return due;
    }
    uint64_t link = mqtt_client_due(&member->client);
    if (member->client.state == MQTT_CLOSED) {
        link = member->broker_turn.state == TURN_WAITING ? UINT64_MAX : member->connect_ms;
    }
    return link < due ? link : due;
}

void member_work(px_member *member, bool client_is_ready) {
    if (setjmp(member->swarm->way_out) == 0) {
        work(member, client_is_ready);
    } else {
        restart(member);
    }
    watch_sockets(member);
    member->swarm->due[member_index(member)] = next_work(member);
}

void member_leave(px_member *member) {
    char topic[128];
    uint8_t document[EF_PRESENCE_MAX];
    size_t length = 0;
    if (member->client.state == MQTT_OPEN && member->agent != NULL &&
        ef_agent_will(member->agent, topic, sizeof topic, document, sizeof document, &length)) {
        (void)mqtt_client_publish(&member->client, &member->swarm->room, topic, document, length, 1, true, now_ms());
        watch_sockets(member);
    }
}
