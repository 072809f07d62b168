#include "session.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <psa/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define KEEPALIVE_S 15
#define CONNECT_MS 10000u
#define BACKOFF_LEAST_MS 200u
#define BACKOFF_MOST_MS 30000u
#define UPKEEP_MS 1000u
#define FAREWELL_MS 2000u
/* Whatever the broker sends at most: the largest document, twice, with its topic. Larger ones are the broker's to drop. */
#define PACKET_MAX (2 * EF_DESIRED_MAX)

static void hear_answer(struct mosquitto *client, void *context, int answer, int flags, const mosquitto_property *all) {
    (void)client;
    (void)flags;
    (void)all;
    ((px_session *)context)->answer = answer;
}

static void hear_message(struct mosquitto *client, void *context, const struct mosquitto_message *message,
                         const mosquitto_property *all) {
    (void)client;
    (void)all;
    px_session *self = context;
    if (message->payloadlen >= 0 && message->topic != NULL) {
        ef_agent_message(self->agent, message->topic, strlen(message->topic), message->payload,
                         (size_t)message->payloadlen);
    }
}

static void hear_subscription(struct mosquitto *client, void *context, int id, int count, const int *granted,
                              const mosquitto_property *all) {
    (void)client;
    (void)context;
    (void)all;
    for (int i = 0; i < count; i++) {
        if (granted[i] >= 0x80) {
            say(LEVEL_ERROR, "broker: subscription %d is refused: %s", id, mosquitto_reason_string(granted[i]));
        }
    }
}

static void hear_acknowledgement(struct mosquitto *client, void *context, int id, int reason,
                                 const mosquitto_property *all) {
    (void)client;
    (void)all;
    ((px_session *)context)->acknowledged = id;
    if (reason >= 0x80) {
        say(LEVEL_ERROR, "broker: message %d is refused: %s", id, mosquitto_reason_string(reason));
    }
}

static void hear_library(struct mosquitto *client, void *context, int level, const char *text) {
    (void)client;
    px_session *self = context;
    if (level == MOSQ_LOG_ERR && !self->is_failing) {
        say(LEVEL_WARNING, "broker: %s", text);
    }
}

/* Uniform in [most / 2, most): devices of a fleet must not come back in step. */
static uint32_t jitter(uint32_t most) {
    uint32_t value = 0;
    if (psa_generate_random((uint8_t *)&value, sizeof value) != PSA_SUCCESS) {
        return most;
    }
    return most / 2 + value % (most / 2);
}

static void drop(px_session *self, const char *why) {
    bool was_connected = self->is_connected;
    uint32_t delay = jitter(self->backoff_ms);
    int length = (int)strcspn(why, "."); /* of a sentence of the library's, too */
    if (!self->is_failing || was_connected) {
        say(LEVEL_WARNING, "broker: no connection to %s:%s: %.*s; again in %u ms%s", self->broker->host,
            self->broker->port, length, why, (unsigned)delay, was_connected ? "" : ", then less often and quietly");
    }
    self->is_failing = !was_connected;
    mosquitto_destroy(self->client);
    self->client = NULL;
    self->is_connected = false;
    self->deadline = now_ms() + delay;
    self->backoff_ms = self->backoff_ms * 2 < BACKOFF_MOST_MS ? self->backoff_ms * 2 : BACKOFF_MOST_MS;
    if (was_connected) {
        ef_agent_disconnected(self->agent);
    }
}

static int limit_packets(struct mosquitto *client, const char *host, int port) {
    mosquitto_property *properties = NULL;
    int result = mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, PACKET_MAX);
    /* Only the blocking call takes properties for CONNECT. It keeps them and then refuses this keepalive, so that the
     * connection itself is made by the call that does not block. */
    if (result == MOSQ_ERR_SUCCESS) {
        result = mosquitto_connect_bind_v5(client, host, port, 1, NULL, properties);
        result = result == MOSQ_ERR_INVAL ? MOSQ_ERR_SUCCESS : MOSQ_ERR_UNKNOWN;
    }
    mosquitto_property_free_all(&properties);
    return result;
}

static int start(px_session *self) {
    const px_identity *who = self->identity;
    int port = atoi(self->broker->port);
    self->client = mosquitto_new(who->device_id, true, self);
    if (self->client == NULL) {
        return MOSQ_ERR_NOMEM;
    }
    mosquitto_connect_v5_callback_set(self->client, hear_answer);
    mosquitto_message_v5_callback_set(self->client, hear_message);
    mosquitto_subscribe_v5_callback_set(self->client, hear_subscription);
    mosquitto_publish_v5_callback_set(self->client, hear_acknowledgement);
    mosquitto_log_callback_set(self->client, hear_library);
    int result = mosquitto_int_option(self->client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (result == MOSQ_ERR_SUCCESS) {
        result = mosquitto_int_option(self->client, MOSQ_OPT_TCP_NODELAY, 1);
    }
    if (result == MOSQ_ERR_SUCCESS) {
        result = mosquitto_tls_set(self->client, who->ca_path, NULL, who->certificate_path, who->key_path,
                                   NULL);
    }
    if (result == MOSQ_ERR_SUCCESS) {
        result = mosquitto_will_set_v5(self->client, self->will_topic, (int)self->will_length, self->will, 1, true,
                                       NULL);
    }
    if (result == MOSQ_ERR_SUCCESS) {
        result = limit_packets(self->client, self->broker->host, port);
    }
    if (result == MOSQ_ERR_SUCCESS) {
        result = mosquitto_connect_async(self->client, self->broker->host, port, KEEPALIVE_S);
    }
    return result;
}

static const char *name_error(int result) {
    return result == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(result);
}

static void connect_now(px_session *self) {
    self->answer = -1;
    self->deadline = now_ms() + CONNECT_MS;
    self->upkeep = now_ms() + UPKEEP_MS;
    int result = start(self);
    if (result != MOSQ_ERR_SUCCESS) {
        drop(self, name_error(result));
    }
}

static void note_answer(px_session *self) {
    if (self->answer != 0) {
        drop(self, mosquitto_reason_string(self->answer));
        return;
    }
    say(LEVEL_INFO, "broker: connected to %s:%s as %s", self->broker->host, self->broker->port,
        self->identity->device_id);
    self->is_connected = true;
    self->is_failing = false;
    self->backoff_ms = BACKOFF_LEAST_MS;
    ef_agent_connected(self->agent);
}

bool session_prepare(px_session *session, const px_endpoint *broker, const px_identity *identity, ef_agent *agent) {
    memset(session, 0, sizeof *session);
    session->broker = broker;
    session->identity = identity;
    session->agent = agent;
    session->backoff_ms = BACKOFF_LEAST_MS;
    session->deadline = now_ms();
    mosquitto_lib_init();
    if (!ef_agent_will(agent, session->will_topic, sizeof session->will_topic, session->will, sizeof session->will,
                       &session->will_length)) {
        say(LEVEL_ERROR, "broker: the agent has no will");
        return false;
    }
    return true;
}

struct pollfd session_wish(const px_session *session) {
    struct pollfd wish = {.fd = -1, .events = POLLIN};
    if (session->client != NULL) {
        wish.fd = mosquitto_socket(session->client);
        wish.events = (short)(mosquitto_want_write(session->client) ? POLLIN | POLLOUT : POLLIN);
    }
    return wish;
}

int session_patience(const px_session *session) {
    uint64_t now = now_ms();
    uint64_t due = session->client != NULL ? session->upkeep : session->deadline;
    if (session->client == NULL && !session->identity->has_certificate) {
        return -1; /* nobody to be, yet */
    }
    return due <= now ? 0 : (int)(due - now);
}

void session_work(px_session *session, short events) {
    int result = MOSQ_ERR_SUCCESS;
    if (session->client == NULL) {
        if (session->identity->has_certificate && now_ms() >= session->deadline) {
            connect_now(session);
        }
        return;
    }
    if ((events & (POLLIN | POLLERR | POLLHUP)) != 0) {
        result = mosquitto_loop_read(session->client, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && (events & POLLOUT) != 0) {
        result = mosquitto_loop_write(session->client, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && now_ms() >= session->upkeep) {
        session->upkeep = now_ms() + UPKEEP_MS;
        result = mosquitto_loop_misc(session->client);
    }
    if (!session->is_connected && session->answer >= 0) {
        note_answer(session);
    } else if (result != MOSQ_ERR_SUCCESS) {
        drop(session, name_error(result));
    } else if (mosquitto_socket(session->client) < 0) {
        drop(session, "the connection was closed");
    } else if (!session->is_connected && (events & (POLLHUP | POLLERR)) != 0) {
        /* libmosquitto, having used up the socket's error, would go on waiting. */
        drop(session, "the connection is refused");
    } else if (!session->is_connected && now_ms() >= session->deadline) {
        drop(session, "no answer");
    }
}

bool session_subscribe(px_session *session, const char *topic, int qos) {
    return session->is_connected &&
           mosquitto_subscribe_v5(session->client, NULL, topic, qos, 0, NULL) == MOSQ_ERR_SUCCESS;
}

bool session_unsubscribe(px_session *session, const char *topic) {
    return session->is_connected &&
           mosquitto_unsubscribe_v5(session->client, NULL, topic, NULL) == MOSQ_ERR_SUCCESS;
}

bool session_publish(px_session *session, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    return session->is_connected && mosquitto_publish_v5(session->client, NULL, topic, (int)length, bytes, qos, retain,
                                                         NULL) == MOSQ_ERR_SUCCESS;
}

/* Runs the client until a message is acknowledged, or with -1 until the socket closes; not for ever. */
static void linger(px_session *self, int message) {
    uint64_t end = now_ms() + FAREWELL_MS;
    while (now_ms() < end && (message < 0 || self->acknowledged != message)) {
        struct pollfd wish = session_wish(self);
        if (wish.fd < 0 || poll(&wish, 1, 100) < 0) {
            return;
        }
        if (((wish.revents & ~POLLOUT) != 0 && mosquitto_loop_read(self->client, 1) != MOSQ_ERR_SUCCESS) ||
            ((wish.revents & POLLOUT) != 0 && mosquitto_loop_write(self->client, 1) != MOSQ_ERR_SUCCESS)) {
            return;
        }
    }
}

void session_finish(px_session *session) {
    int message = 0;
    if (session->is_connected) {
        /* Messages that arrive from here on must not start anything. */
        mosquitto_message_v5_callback_set(session->client, NULL);
        if (mosquitto_publish_v5(session->client, &message, session->will_topic, (int)session->will_length,
                                 session->will, 1, true, NULL) == MOSQ_ERR_SUCCESS) {
            linger(session, message);
        }
        mosquitto_disconnect_v5(session->client, MQTT_RC_NORMAL_DISCONNECTION, NULL);
        linger(session, -1);
    }
    if (session->client != NULL) {
        mosquitto_destroy(session->client);
        session->client = NULL;
    }
    mosquitto_lib_cleanup();
}
