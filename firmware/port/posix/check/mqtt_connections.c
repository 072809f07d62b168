/* The client's end of a connection; the other one is a socket in this process that says what a test wants. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "check/mqtt_check.h"
#include "mqtt/client.h"

enum { ROOM = 2048 };

typedef struct {
    int listener;
    int broker; /* the other end */
    struct sockaddr_in address;
    uint64_t now;
    mqtt_client client;
    /* What was heard. */
    int connected;
    int messages;
    int answers;
    uint8_t reason;
    char text[64];
    char closed[64];
} bench;

static uint8_t in[ROOM];
static uint8_t out[ROOM];

static void hear_connection(void *context) {
    ((bench *)context)->connected++;
}

static void hear_message(void *context, const mqtt_message *message) {
    bench *self = context;
    self->messages++;
    snprintf(self->text, sizeof self->text, "%.*s=%.*s", (int)message->topic_length, message->topic,
             (int)message->length, (const char *)message->payload);
}

static void hear_answer(void *context, mqtt_type type, const mqtt_answer *answer) {
    bench *self = context;
    self->answers++;
    self->reason = answer->reason;
    (void)type;
}

static void hear_end(void *context, const char *why) {
    snprintf(((bench *)context)->closed, sizeof ((bench *)context)->closed, "%s", why);
}

static const mqtt_events events = {hear_connection, hear_message, hear_answer, hear_end};
static const mqtt_room room = {&events, in, out, ROOM};

static void work(bench *self) {
    mqtt_client_work(&self->client, &room, self, self->now);
}

static void tell(bench *self, const void *bytes, size_t length) {
    struct pollfd socket = {.fd = self->client.socket, .events = POLLIN};
    expect(send(self->broker, bytes, length, 0) == (ssize_t)length && poll(&socket, 1, 10000) == 1, "the broker sends");
    work(self);
}

/* What the client said, exactly. */
static void expect_said(const bench *self, const void *bytes, size_t length, const char *what) {
    uint8_t got[512];
    struct timeval patience = {.tv_sec = 10};
    setsockopt(self->broker, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    expect(length <= sizeof got && recv(self->broker, got, length, MSG_WAITALL) == (ssize_t)length &&
               memcmp(got, bytes, length) == 0,
           what);
}

static void begin(bench *self) {
    int yes = 1;
    socklen_t size = sizeof self->address;
    memset(self, 0, sizeof *self);
    self->now = 1000;
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    self->address.sin_family = AF_INET;
    self->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    expect(bind(self->listener, (struct sockaddr *)&self->address, size) == 0 && listen(self->listener, 1) == 0 &&
               getsockname(self->listener, (struct sockaddr *)&self->address, &size) == 0,
           "a socket listens");
    mqtt_client_init(&self->client);
    expect(mqtt_client_open(&self->client, &room, (struct sockaddr *)&self->address, size, &connect_wish, self->now),
           "a connection begins");
    self->broker = accept(self->listener, NULL, NULL);
    setsockopt(self->broker, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* each byte on its own */
    expect(self->broker >= 0 && mqtt_client_wants_write(&self->client), "it is accepted");
    work(self);
    uint8_t wanted[128];
    size_t length = mqtt_write_connect(wanted, sizeof wanted, &connect_wish);
    expect_said(self, wanted, length, "CONNECT is sent");
}

static void begin_greeted(bench *self) {
    begin(self);
    tell(self, "\x20\6\0\0\3\x21\0\2", 8);
    expect(self->connected == 1 && self->closed[0] == '\0', "the broker's greeting is heard");
}

static void end(bench *self) {
    mqtt_client_close(&self->client);
    close(self->broker);
    close(self->listener);
}

static void check_talk(void) {
    bench self;
    begin_greeted(&self);
    expect(mqtt_client_subscribe(&self.client, &room, "a", 1, self.now), "subscribes");
    expect_said(&self, "\x82\x07\0\1\0\0\1a\1", 9, "SUBSCRIBE");
    tell(&self, "\x90\4\0\1\0\1", 6);
    expect(self.answers == 1 && self.reason == 1, "SUBACK is heard");
    tell(&self, "\x32\x07\0\1t\0\x09\0x\x30\x05\0\1t\0y", 16);
    expect(self.messages == 2 && strcmp(self.text, "t=y") == 0, "two messages in one piece");
    expect_said(&self, "\x40\2\0\x09", 4, "PUBACK");
    expect(mqtt_client_publish(&self.client, &room, "t", (const uint8_t *)"1", 1, 1, false, self.now) &&
               mqtt_client_publish(&self.client, &room, "t", (const uint8_t *)"2", 1, 1, false, self.now),
           "publishes");
    expect(!mqtt_client_publish(&self.client, &room, "t", (const uint8_t *)"3", 1, 1, false, self.now),
           "no more than the broker takes unacknowledged");
    expect(mqtt_client_publish(&self.client, &room, "t", (const uint8_t *)"0", 1, 0, false, self.now),
           "which QoS 0 does not count for");
    tell(&self, "\x40\3\0\2\x87", 5);
    expect(self.reason == 0x87, "a refusal is heard");
    expect(mqtt_client_publish(&self.client, &room, "t", (const uint8_t *)"3", 1, 1, false, self.now), "and counts");
    mqtt_client_leave(&self.client, &room, self.now);
    expect_said(&self,
                "\x32\x07\0\1t\0\2\0" "1" "\x32\x07\0\1t\0\3\0" "2" "\x30\x05\0\1t\0" "0" "\x32\x07\0\1t\0\4\0" "3"
                "\xE0\1\0",
                37, "all in order, and goodbye");
    expect(self.closed[0] == '\0', "who leaves needs no news of it");
    end(&self);
}

static void check_pieces(void) {
    bench self;
    begin(&self);
    for (size_t i = 0; i < CONNACK_BYTES; i++) {
        expect(self.connected == 0, "a part of a greeting is none");
        tell(&self, connack_bytes + i, 1);
    }
    expect(self.connected == 1, "a greeting may come byte by byte");
    for (size_t i = 0; i < 9; i++) {
        tell(&self, &"\x32\x07\0\1t\0\x09\0x"[i], 1);
    }
    expect(self.messages == 1 && strcmp(self.text, "t=x") == 0, "and so may a message");
    end(&self);
}

/* So many bytes, while the client works. */
static void drain(bench *self, uint8_t *got, size_t length) {
    for (size_t done = 0; done < length;) {
        struct pollfd socket = {.fd = self->broker, .events = POLLIN};
        work(self);
        expect(poll(&socket, 1, 10000) == 1, "what was queued arrives");
        ssize_t part = recv(self->broker, got + done, length - done, 0);
        expect(part > 0, "what was queued arrives");
        done += (size_t)part;
    }
}

/* A broker that does not read: what the socket does not take waits, and then arrives whole. */
static void check_slowness(void) {
    static uint8_t payload[1024];
    static uint8_t got[7 + sizeof payload];
    bench self;
    size_t sent = 0;
    begin_greeted(&self);
    while (mqtt_client_publish(&self.client, &room, "t", payload, sizeof payload, 0, false, self.now)) {
        payload[0] = (uint8_t)++sent;
    }
    expect(self.client.queued > MQTT_QUEUE_MAX / 2 && mqtt_client_wants_write(&self.client), "the rest is queued");
    for (size_t i = 0; i < sent; i++) {
        drain(&self, got, sizeof got);
        expect(got[0] == 0x30 && got[7] == (uint8_t)i, "every message arrives, once and in order");
    }
    expect(self.client.queued == 0 && self.client.queue == NULL && !mqtt_client_wants_write(&self.client),
           "and nothing is kept");
    end(&self);
}

static void check_silence(void) {
    bench self;
    begin_greeted(&self);
    expect(mqtt_client_due(&self.client) == self.now + 60000, "it is due when nothing was heard for its keepalive");
    self.now += 60000;
    expect(mqtt_client_publish(&self.client, &room, "t", NULL, 0, 0, false, self.now), "to talk is not to hear");
    work(&self);
    expect_said(&self, "\x30\x04\0\1t\0\xC0\0", 8, "PINGREQ");
    tell(&self, "\xD0\0", 2);
    expect(mqtt_client_due(&self.client) == self.now + 60000, "an answer counts");
    self.now += 60000;
    work(&self);
    self.now += MQTT_PATIENCE_MS;
    work(&self);
    expect(strcmp(self.closed, "the broker does not answer") == 0, "no answer ends the connection");
    end(&self);
    begin(&self);
    expect(mqtt_client_due(&self.client) == self.now + MQTT_PATIENCE_MS, "no greeting is waited for for ever");
    self.now += MQTT_PATIENCE_MS;
    work(&self);
    expect(strcmp(self.closed, "the broker does not answer") == 0, "it ends likewise");
    end(&self);
}

static void check_end(const void *bytes, size_t length, const char *why, const void *said, size_t said_length) {
    bench self;
    begin_greeted(&self);
    tell(&self, bytes, length);
    expect(strcmp(self.closed, why) == 0, why);
    expect_said(&self, said, said_length, "the reason is told to the broker");
    expect(self.client.state == MQTT_CLOSED && self.client.socket < 0, "it is closed");
    end(&self);
}

static void check_ends(void) {
    bench self;
    check_end("\x30\xFF\xFF\x03", 4, "a packet larger than any document", "\xE0\1\x95", 3);
    check_end("\x30\x80\x80\x80\x80\x01", 6, "the broker does not speak MQTT 5", "\xE0\1\x81", 3);
    check_end("\x20\3\0\0\0", 5, "the broker does not speak MQTT 5", "\xE0\1\x82", 3);
    check_end("\xF0\0", 2, "the broker does not speak MQTT 5", "\xE0\1\x82", 3);
    check_end("\x34\x07\0\1t\0\x09\0x", 9, "the broker does not speak MQTT 5", "\xE0\1\x82", 3);
    check_end("\xE0\1\x8E", 3, "the broker ends it, with reason 0x8e", "", 0);
    begin(&self);
    tell(&self, "\x20\3\0\x87\0", 5);
    expect(strcmp(self.closed, "the broker refuses, with reason 0x87") == 0 && self.connected == 0, "a refusal");
    end(&self);
    begin(&self);
    tell(&self, "\x30\x05\0\1t\0x", 7);
    expect(self.closed[0] != '\0' && self.messages == 0, "nothing is taken before the greeting");
    end(&self);
    begin_greeted(&self);
    shutdown(self.broker, SHUT_WR);
    work(&self);
    expect(strcmp(self.closed, "the broker closed the connection") == 0, "a broker may go");
    end(&self);
}

/* Nobody listens where there was a socket a moment ago. */
static void check_refusal(void) {
    bench self;
    begin(&self);
    end(&self);
    mqtt_client_init(&self.client);
    if (mqtt_client_open(&self.client, &room, (struct sockaddr *)&self.address, sizeof self.address, &connect_wish,
                         self.now)) {
        work(&self);
        expect(strcmp(self.closed, "Connection refused") == 0, "a connection that is refused is told so");
    }
    expect(self.client.state == MQTT_CLOSED, "and closed");
}

void check_connections(void) {
    check_talk();
    check_pieces();
    check_slowness();
    check_silence();
    check_ends();
    check_refusal();
}
