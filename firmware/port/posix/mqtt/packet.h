/* MQTT 5 packets as bytes: what a client writes and what it reads. No sockets, no memory of its own.
 *
 * Writers return the packet's length, 0 when it does not fit. Readers take a packet's body and stay inside it whatever
 * it says; false means that it is malformed. Text and payloads borrow the body. */
#ifndef EDGEFLEET_POSIX_MQTT_PACKET_H
#define EDGEFLEET_POSIX_MQTT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    MQTT_CONNECT = 1,
    MQTT_CONNACK = 2,
    MQTT_PUBLISH = 3,
    MQTT_PUBACK = 4,
    MQTT_SUBSCRIBE = 8,
    MQTT_SUBACK = 9,
    MQTT_UNSUBSCRIBE = 10,
    MQTT_UNSUBACK = 11,
    MQTT_PINGREQ = 12,
    MQTT_PINGRESP = 13,
    MQTT_DISCONNECT = 14
} mqtt_type;

/* Reason codes that a client says itself. */
enum {
    MQTT_REASON_NORMAL = 0x00,
    MQTT_REASON_MALFORMED = 0x81,
    MQTT_REASON_PROTOCOL_ERROR = 0x82,
    MQTT_REASON_TOO_LARGE = 0x95
};

#define MQTT_REFUSED 0x80u /* reason codes from here on are refusals */

/* The longest head of a PUBLISH that is written: its payload follows it on the wire. */
#define MQTT_PUBLISH_HEAD_MAX(topic_length) ((topic_length) + 10u)

typedef struct {
    const char *client_id;
    const char *username; /* NULL for none */
    uint16_t keepalive_s;
    uint32_t packet_max; /* the largest packet that the client takes */
    const char *will_topic; /* QoS 1, retained */
    const uint8_t *will;
    size_t will_length;
} mqtt_connect;

/* Clean start, no session afterwards. */
size_t mqtt_write_connect(uint8_t *out, size_t capacity, const mqtt_connect *connect);

/* Everything but the payload, whose `length` bytes follow. `id` counts only with QoS 1. */
size_t mqtt_write_publish(uint8_t *out, size_t capacity, const char *topic, size_t length, int qos, bool retain,
                          uint16_t id);

size_t mqtt_write_subscribe(uint8_t *out, size_t capacity, uint16_t id, const char *topic, int qos);
size_t mqtt_write_unsubscribe(uint8_t *out, size_t capacity, uint16_t id, const char *topic);
size_t mqtt_write_puback(uint8_t *out, size_t capacity, uint16_t id);
size_t mqtt_write_ping(uint8_t *out, size_t capacity);
size_t mqtt_write_disconnect(uint8_t *out, size_t capacity, uint8_t reason);

typedef enum {
    MQTT_WHOLE,     /* `frame` is a packet */
    MQTT_PART,      /* more bytes are to come; `frame->whole` is its length, 0 while that is unknown */
    MQTT_TOO_LARGE, /* longer than `most` */
    MQTT_MALFORMED
} mqtt_found;

typedef struct {
    mqtt_type type;
    uint8_t flags;
    const uint8_t *body;
    size_t length; /* of the body */
    size_t whole;  /* with its header */
} mqtt_frame;

/* The packet at the start of what came. */
mqtt_found mqtt_find(const uint8_t *bytes, size_t length, size_t most, mqtt_frame *frame);

typedef struct {
    uint8_t reason;
    uint16_t receive_maximum; /* publications with QoS 1 that the server takes unacknowledged */
    uint16_t keepalive_s;     /* that the server wants; the client's own where it says nothing */
    uint32_t packet_max;      /* that the server takes */
    bool takes_retained;
} mqtt_connack;

/* `connack->keepalive_s` is what was asked for, on entry. */
bool mqtt_read_connack(const mqtt_frame *frame, mqtt_connack *connack);

typedef struct {
    const char *topic; /* not ended by a NUL */
    size_t topic_length;
    const uint8_t *payload;
    size_t length;
    uint16_t id; /* 0 with QoS 0 */
} mqtt_message;

/* False also for a topic with a wildcard or a NUL in it, for QoS 2 and for topic aliases, which a client that never asked for them is not sent. */
bool mqtt_read_publish(const mqtt_frame *frame, mqtt_message *message);

typedef struct {
    uint16_t id;
    uint8_t reason; /* of several, the worst */
} mqtt_answer;

/* PUBACK, SUBACK and UNSUBACK. */
bool mqtt_read_answer(const mqtt_frame *frame, mqtt_answer *answer);

/* DISCONNECT. */
bool mqtt_read_disconnect(const mqtt_frame *frame, uint8_t *reason);

#endif
