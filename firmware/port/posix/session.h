/* The MQTT session: libmosquitto, MQTT 5, the device's certificate as soon as there is one, clean start, reconnecting
 * for ever. */
#ifndef EDGEFLEET_POSIX_SESSION_H
#define EDGEFLEET_POSIX_SESSION_H

#include <mosquitto.h>
#include <poll.h>

#include "edgefleet/agent.h"
#include "identity.h"
#include "options.h"

typedef struct {
    const px_endpoint *broker;
    const px_identity *identity;
    ef_agent *agent;
    char will_topic[128];
    uint8_t will[EF_PRESENCE_MAX];
    size_t will_length;
    struct mosquitto *client; /* one a connection: nothing of an earlier one can be sent again */
    bool is_connected;
    int answer;               /* of the broker to CONNECT, -1 before it */
    int acknowledged;         /* message id of the last PUBACK */
    uint64_t deadline;        /* to be connected by, or to try again at */
    uint64_t upkeep;          /* when libmosquitto is due to look at its keepalive */
    uint32_t backoff_ms;
    bool is_failing;          /* this spell of failures has been logged */
} px_session;

/* Takes the will from the agent; false, and has said why, when there is none. */
bool session_prepare(px_session *session, const px_endpoint *broker, const px_identity *identity, ef_agent *agent);

/* Says goodbye if it can: publishes the will itself, waits for the broker's word on it, disconnects. */
void session_finish(px_session *session);

/* What to poll for; `fd` is negative between connections. */
struct pollfd session_wish(const px_session *session);

/* Milliseconds until session_work has something to do without being asked; -1 while there is no certificate. */
int session_patience(const px_session *session);

/* Connects, reads, writes, and tells the agent what happened; never called by the agent. */
void session_work(px_session *session, short events);

/* The HAL's calls. All queue; false without a connection. */
bool session_subscribe(px_session *session, const char *topic, int qos);
bool session_unsubscribe(px_session *session, const char *topic);
bool session_publish(px_session *session, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain);

#endif
