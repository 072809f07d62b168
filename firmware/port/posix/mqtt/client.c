#include "mqtt/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mqtt_client_init(mqtt_client *client) {
    *client = (mqtt_client){.socket = -1};
}

void mqtt_client_close(mqtt_client *client) {
    if (client->socket >= 0) {
        close(client->socket);
    }
    free(client->part);
    free(client->queue);
    mqtt_client_init(client);
}

bool mqtt_client_wants_write(const mqtt_client *client) {
    return client->state == MQTT_CONNECTING || client->queued > 0;
}

/* Keeps what the socket did not take. */
static bool keep_for_later(mqtt_client *client, const uint8_t *bytes, size_t length) {
    if (length == 0) {
        return true;
    }
    uint8_t *queue = realloc(client->queue, client->queued + length);
    if (queue == NULL) {
        client->error = ENOMEM; /* half a packet may be out: nothing can follow it */
        return false;
    }
    memcpy(queue + client->queued, bytes, length);
    client->queue = queue;
    client->queued += (uint32_t)length;
    return true;
}

/* As much as the socket takes; -1 for an error, which is noted. */
static ssize_t push(mqtt_client *client, const uint8_t *bytes, size_t length) {
    ssize_t sent = -1;
    do {
        sent = send(client->socket, bytes, length, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
        return 0;
    }
    if (sent < 0) {
        client->error = errno;
    }
    return sent;
}

/* Sends a packet, or queues it: a packet is never half forgotten. */
static bool transmit(mqtt_client *client, const uint8_t *bytes, size_t length, uint64_t now) {
    if (length == 0 || client->error != 0 || client->queued + length > MQTT_QUEUE_MAX) {
        return false;
    }
    size_t sent = 0;
    if (client->queued == 0 && client->state != MQTT_CONNECTING) {
        ssize_t put = push(client, bytes, length);
        if (put < 0) {
            return false;
        }
        sent = (size_t)put;
    }
    client->said_ms = now;
    return keep_for_later(client, bytes + sent, length - sent);
}

static bool flush(mqtt_client *client) {
    if (client->queued == 0) {
        return true;
    }
    ssize_t sent = push(client, client->queue, client->queued);
    if (sent < 0) {
        return false;
    }
    client->queued -= (uint32_t)sent;
    memmove(client->queue, client->queue + sent, client->queued);
    if (client->queued == 0) {
        free(client->queue);
        client->queue = NULL;
    }
    return true;
}

bool mqtt_client_open(mqtt_client *client, const mqtt_room *room, const struct sockaddr *address, socklen_t size,
                      const mqtt_connect *connect_as, uint64_t now) {
    int yes = 1;
    mqtt_client_close(client);
    client->socket = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->socket < 0) {
        return false;
    }
    (void)setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    client->state = MQTT_CONNECTING;
    client->heard_ms = now;
    client->keepalive_s = connect_as->keepalive_s;
    client->packet_max = UINT32_MAX;
    size_t length = mqtt_write_connect(room->out, room->capacity, connect_as);
    int result = connect(client->socket, address, size) == 0 || errno == EINPROGRESS ? 0 : errno;
    if (result != 0 || !transmit(client, room->out, length, now)) {
        mqtt_client_close(client);
        errno = result != 0 ? result : EMSGSIZE;
        return false;
    }
    return true;
}

void mqtt_client_leave(mqtt_client *client, const mqtt_room *room, uint64_t now) {
    if (client->state == MQTT_OPEN) {
        (void)transmit(client, room->out, mqtt_write_disconnect(room->out, room->capacity, MQTT_REASON_NORMAL), now);
    }
    mqtt_client_close(client);
}

static void end(mqtt_client *client, const mqtt_room *room, void *context, const char *why) {
    mqtt_client_close(client);
    room->events->closed(context, why);
}

/* The broker said what no broker says: tells it so. */
static void refuse(mqtt_client *client, const mqtt_room *room, void *context, uint8_t reason, const char *why,
                   uint64_t now) {
    (void)transmit(client, room->out, mqtt_write_disconnect(room->out, room->capacity, reason), now);
    end(client, room, context, why);
}

static void end_with(mqtt_client *client, const mqtt_room *room, void *context, const char *what, uint8_t reason) {
    char why[64];
    snprintf(why, sizeof why, "%s 0x%02x", what, reason);
    end(client, room, context, why);
}

static bool take_connack(mqtt_client *client, const mqtt_room *room, void *context, const mqtt_frame *frame) {
    mqtt_connack connack = {.keepalive_s = client->keepalive_s};
    if (!mqtt_read_connack(frame, &connack)) {
        return false;
    }
    if (connack.reason != 0) {
        end_with(client, room, context, "the broker refuses, with reason", connack.reason);
        return true;
    }
    client->state = MQTT_OPEN;
    client->receive_maximum = connack.receive_maximum;
    client->keepalive_s = connack.keepalive_s;
    client->packet_max = connack.packet_max;
    room->events->connected(context);
    return true;
}

static bool take_publish(mqtt_client *client, const mqtt_room *room, void *context, const mqtt_frame *frame,
                         uint64_t now) {
    mqtt_message message;
    if (!mqtt_read_publish(frame, &message)) {
        return false;
    }
    room->events->message(context, &message);
    return message.id == 0 ||
           transmit(client, room->out, mqtt_write_puback(room->out, room->capacity, message.id), now) ||
           client->error != 0; /* which is told in its turn */
}

static bool take_answer(mqtt_client *client, const mqtt_room *room, void *context, const mqtt_frame *frame) {
    mqtt_answer answer;
    if (!mqtt_read_answer(frame, &answer)) {
        return false;
    }
    if (frame->type == MQTT_PUBACK && client->unacknowledged > 0) {
        client->unacknowledged--;
    }
    room->events->answered(context, frame->type, &answer);
    return true;
}

/* False for a packet that may not come. */
static bool take(mqtt_client *client, const mqtt_room *room, void *context, const mqtt_frame *frame, uint64_t now) {
    uint8_t reason = 0;
    if ((frame->type == MQTT_CONNACK) != (client->state == MQTT_GREETING)) {
        return false;
    }
    switch (frame->type) {
    case MQTT_CONNACK:
        return take_connack(client, room, context, frame);
    case MQTT_PUBLISH:
        return take_publish(client, room, context, frame, now);
    case MQTT_PUBACK:
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        return take_answer(client, room, context, frame);
    case MQTT_PINGRESP:
        client->asked_ms = 0;
        return frame->flags == 0 && frame->length == 0;
    case MQTT_DISCONNECT:
        if (!mqtt_read_disconnect(frame, &reason)) {
            return false;
        }
        end_with(client, room, context, "the broker ends it, with reason", reason);
        return true;
    default:
        return false;
    }
}

/* Keeps the beginning of a packet until its rest comes. */
static bool keep_part(mqtt_client *client, const uint8_t *bytes, size_t length) {
    free(client->part);
    client->part = NULL;
    client->part_length = (uint32_t)length;
    if (length == 0) {
        return true;
    }
    client->part = malloc(length);
    if (client->part == NULL) {
        client->error = ENOMEM;
        return false;
    }
    memcpy(client->part, bytes, length);
    return true;
}

/* Takes every whole packet of what lies in room->in; the connection may be closed afterwards. */
static void take_all(mqtt_client *client, const mqtt_room *room, void *context, size_t length, uint64_t now) {
    mqtt_frame frame;
    size_t at = 0;
    for (;;) {
        mqtt_found found = mqtt_find(room->in + at, length - at, room->capacity, &frame);
        if (found == MQTT_PART) {
            (void)keep_part(client, room->in + at, length - at);
            return;
        }
        if (found == MQTT_TOO_LARGE) {
            refuse(client, room, context, MQTT_REASON_TOO_LARGE, "a packet larger than any document", now);
            return;
        }
        if (found == MQTT_MALFORMED || !take(client, room, context, &frame, now)) {
            refuse(client, room, context, found == MQTT_MALFORMED ? MQTT_REASON_MALFORMED : MQTT_REASON_PROTOCOL_ERROR,
                   "the broker does not speak MQTT 5", now);
            return;
        }
        if (client->state == MQTT_CLOSED) {
            return;
        }
        at += frame.whole;
    }
}

/* Reads once: a socket that has more says so again. */
static void read_some(mqtt_client *client, const mqtt_room *room, void *context, uint64_t now) {
    size_t before = client->part_length; /* less than a packet, so there is room */
    if (before > 0) {
        memcpy(room->in, client->part, before);
    }
    ssize_t got = recv(client->socket, room->in + before, room->capacity - before, 0);
    if (got > 0) {
        client->heard_ms = now;
        take_all(client, room, context, before + (size_t)got, now);
    } else if (got == 0) {
        end(client, room, context, "the broker closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        client->error = errno;
    }
}

static void finish_connecting(mqtt_client *client) {
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    socklen_t size = sizeof client->error;
    if (getsockopt(client->socket, SOL_SOCKET, SO_ERROR, &client->error, &size) != 0) {
        client->error = errno;
    }
    if (client->error == 0 && getpeername(client->socket, (struct sockaddr *)&peer, &peer_size) == 0) {
        client->state = MQTT_GREETING;
    }
}

/* A broker that is gone shows only when it is asked: also a client that talks asks, when it hears nothing. */
uint64_t mqtt_client_due(const mqtt_client *client) {
    uint64_t quiet_since = client->said_ms < client->heard_ms ? client->said_ms : client->heard_ms;
    switch (client->state) {
    case MQTT_CLOSED:
        return UINT64_MAX;
    case MQTT_OPEN:
        break;
    default:
        return client->error != 0 ? 0 : client->heard_ms + MQTT_PATIENCE_MS;
    }
    if (client->error != 0) {
        return 0;
    }
    if (client->asked_ms > 0) {
        return client->asked_ms + MQTT_PATIENCE_MS;
    }
    return client->keepalive_s > 0 ? quiet_since + (uint64_t)client->keepalive_s * 1000u : UINT64_MAX;
}

static void keep_alive(mqtt_client *client, const mqtt_room *room, void *context, uint64_t now) {
    if (now < mqtt_client_due(client)) {
        return;
    }
    if (client->state != MQTT_OPEN || client->asked_ms > 0) {
        end(client, room, context, "the broker does not answer");
        return;
    }
    (void)transmit(client, room->out, mqtt_write_ping(room->out, room->capacity), now);
    client->asked_ms = now; /* a ping that found no room is one that is not answered */
}

void mqtt_client_work(mqtt_client *client, const mqtt_room *room, void *context, uint64_t now) {
    if (client->state == MQTT_CLOSED) {
        return;
    }
    if (client->state == MQTT_CONNECTING) {
        finish_connecting(client);
    }
    if (client->error == 0 && client->state != MQTT_CONNECTING && flush(client)) {
        read_some(client, room, context, now);
    }
    if (client->state != MQTT_CLOSED && client->error == 0) {
        keep_alive(client, room, context, now);
    }
    if (client->state != MQTT_CLOSED && client->error != 0) {
        end(client, room, context, strerror(client->error));
    }
}

/* Never zero, which is no packet's name. */
static uint16_t next_id(mqtt_client *client) {
    client->last_id = client->last_id == UINT16_MAX ? 1 : (uint16_t)(client->last_id + 1);
    return client->last_id;
}

bool mqtt_client_subscribe(mqtt_client *client, const mqtt_room *room, const char *topic, int qos, uint64_t now) {
    return client->state == MQTT_OPEN &&
           transmit(client, room->out, mqtt_write_subscribe(room->out, room->capacity, next_id(client), topic, qos),
                    now);
}

bool mqtt_client_unsubscribe(mqtt_client *client, const mqtt_room *room, const char *topic, uint64_t now) {
    return client->state == MQTT_OPEN &&
           transmit(client, room->out, mqtt_write_unsubscribe(room->out, room->capacity, next_id(client), topic), now);
}

bool mqtt_client_publish(mqtt_client *client, const mqtt_room *room, const char *topic, const uint8_t *bytes,
                         size_t length, int qos, bool retain, uint64_t now) {
    if (client->state != MQTT_OPEN || (qos > 0 && client->unacknowledged >= client->receive_maximum)) {
        return false;
    }
    uint16_t id = qos > 0 ? next_id(client) : 0;
    size_t head = mqtt_write_publish(room->out, room->capacity, topic, length, qos, retain, id);
    if (head == 0 || length > room->capacity - head || head + length > client->packet_max) {
        return false;
    }
    if (length > 0) {
        memcpy(room->out + head, bytes, length);
    }
    if (!transmit(client, room->out, head + length, now)) {
        return false;
    }
    client->unacknowledged = (uint16_t)(client->unacknowledged + (qos > 0 ? 1 : 0));
    return true;
}
