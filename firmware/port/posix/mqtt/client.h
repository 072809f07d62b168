/* An MQTT 5 connection of a thread that has thousands: plain TCP, never blocking, QoS 0 and 1, clean start.
 *
 * While nothing is under way it holds a socket and this structure. Who owns it watches the socket, calls
 * mqtt_client_work, and connects again after `closed`. No message outlives its connection. */
#ifndef EDGEFLEET_POSIX_MQTT_CLIENT_H
#define EDGEFLEET_POSIX_MQTT_CLIENT_H

#include <sys/socket.h>

#include "mqtt/packet.h"

typedef enum { MQTT_CLOSED, MQTT_CONNECTING, MQTT_GREETING, MQTT_OPEN } mqtt_state;

/* What happened, said from mqtt_client_work alone. Every one may publish; none may close. */
typedef struct {
    void (*connected)(void *context);
    void (*message)(void *context, const mqtt_message *message);
    /* The broker's word on a publication or a subscription: refused from MQTT_REFUSED on. */
    void (*answered)(void *context, mqtt_type type, const mqtt_answer *answer);
    /* The last word of a connection that was not closed by its owner. */
    void (*closed)(void *context, const char *why);
} mqtt_events;

/* What the clients of one thread share. */
typedef struct {
    const mqtt_events *events;
    uint8_t *in; /* a packet has room in each */
    uint8_t *out;
    size_t capacity;
} mqtt_room;

typedef struct {
    int socket;
    uint8_t state;
    uint16_t last_id;
    uint16_t unacknowledged;
    uint16_t receive_maximum; /* of the broker */
    uint16_t keepalive_s;
    uint32_t packet_max; /* of the broker */
    int error;           /* of a write, to be told by the next mqtt_client_work */
    uint64_t heard_ms;   /* or began to connect */
    uint64_t said_ms;
    uint64_t asked_ms; /* when a ping went out that is not answered yet; 0 for none */
    uint8_t *part; /* the beginning of a packet whose rest is to come */
    uint32_t part_length;
    uint32_t queued; /* bytes that the socket did not take yet */
    uint8_t *queue;
} mqtt_client;

/* So long the broker may take to greet, and to answer a ping. */
#define MQTT_PATIENCE_MS 10000u
/* Bytes that may wait for a broker that does not read. */
#define MQTT_QUEUE_MAX 65536u

/* Before anything else; a closed client. */
void mqtt_client_init(mqtt_client *client);

/* Starts to connect; false, with `errno`, when that fails at once. `connect` is not needed afterwards. */
bool mqtt_client_open(mqtt_client *client, const mqtt_room *room, const struct sockaddr *address, socklen_t size,
                      const mqtt_connect *connect, uint64_t now);

/* Ends the connection at once and says nothing of it; the broker publishes the will. */
void mqtt_client_close(mqtt_client *client);

/* Says goodbye to the broker, which then forgets the will, and ends the connection. */
void mqtt_client_leave(mqtt_client *client, const mqtt_room *room, uint64_t now);

/* Reads, writes, keeps alive. Called when the socket is ready, and when it is due. */
void mqtt_client_work(mqtt_client *client, const mqtt_room *room, void *context, uint64_t now);

/* Whether the socket is to be watched for writing too. */
bool mqtt_client_wants_write(const mqtt_client *client);

/* When mqtt_client_work has something to do without its socket; UINT64_MAX for never. */
uint64_t mqtt_client_due(const mqtt_client *client);

/* False without a connection, and while the broker does not take more; try again. */
bool mqtt_client_subscribe(mqtt_client *client, const mqtt_room *room, const char *topic, int qos, uint64_t now);
bool mqtt_client_unsubscribe(mqtt_client *client, const mqtt_room *room, const char *topic, uint64_t now);
bool mqtt_client_publish(mqtt_client *client, const mqtt_room *room, const char *topic, const uint8_t *bytes,
                         size_t length, int qos, bool retain, uint64_t now);

#endif
