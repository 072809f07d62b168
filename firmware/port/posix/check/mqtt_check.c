/* Whether the MQTT client speaks MQTT 5 and survives what does not: `mqtt_check`. Says what is wrong and exits 1. */
#include "check/mqtt_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt/packet.h"

void expect(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "mqtt_check: not so: %s\n", what);
        exit(1);
    }
}

/* Every kind of property; the values that count are 300, 20, 5000 and "no retained messages". */
const uint8_t connack_bytes[CONNACK_BYTES] = {
    0x20, CONNACK_BYTES - 2, 0, 0, CONNACK_BYTES - 5, /* header, flags, reason, length of the properties */
    0x21, 0, 20,                                      /* receive maximum */
    0x12, 0, 1, 'x',                                  /* assigned client id */
    0x13, 1, 44,                                      /* server keep alive */
    0x26, 0, 1, 'a', 0, 2, 'b', 'c',                  /* user property */
    0x27, 0, 0, 0x13, 0x88,                           /* maximum packet size */
    0x0B, 0xFF, 0x7F,                                 /* a variable number */
    0x25, 0};                                         /* retain available */

static const uint8_t connect_bytes[] = {
    0x10, 0x2F,                                     /* header */
    0, 4, 'M', 'Q', 'T', 'T', 5, 0xAE, 0, 60,       /* user, will retained with QoS 1, clean start; keepalive */
    5, 0x27, 0, 0, 0x20, 0,                         /* maximum packet size */
    0, 8, 'p', 'r', 'e', 's', 's', '-', '0', '7',   /* client id */
    0, 0, 4, 'g', 'o', 'n', 'e', 0, 3, 'b', 'y', 'e', /* will */
    0, 7, 'p', 'e', 'r', 's', 'o', 'n', 's'};       /* user */

const mqtt_connect connect_wish = {.client_id = "press-07",
                                   .username = "persons",
                                   .keepalive_s = 60,
                                   .packet_max = 8192,
                                   .will_topic = "gone",
                                   .will = (const uint8_t *)"bye",
                                   .will_length = 3};

static void check_writing(void) {
    uint8_t out[300];
    expect(mqtt_write_connect(out, sizeof out, &connect_wish) == sizeof connect_bytes &&
               memcmp(out, connect_bytes, sizeof connect_bytes) == 0,
           "CONNECT is written as the standard says");
    for (size_t room = 0; room < sizeof connect_bytes; room++) {
        expect(mqtt_write_connect(out, room, &connect_wish) == 0, "no packet is cut to the room there is");
    }
    size_t length = mqtt_write_publish(out, sizeof out, "t/x", 200, 1, true, 0x0102);
    expect(length == 11 && memcmp(out, "\x33\xD0\x01\0\3t/x\1\2\0", 11) == 0, "PUBLISH with QoS 1, retained");
    expect(mqtt_write_publish(out, sizeof out, "t/x", 2, 0, false, 0) == 8 && memcmp(out, "\x30\x08\0\3t/x\0", 8) == 0,
           "PUBLISH with QoS 0");
    expect(mqtt_write_subscribe(out, sizeof out, 7, "a", 1) == 9 && memcmp(out, "\x82\x07\0\7\0\0\1a\1", 9) == 0,
           "SUBSCRIBE");
    expect(mqtt_write_unsubscribe(out, sizeof out, 7, "a") == 8 && memcmp(out, "\xA2\x06\0\7\0\0\1a", 8) == 0,
           "UNSUBSCRIBE");
    expect(mqtt_write_puback(out, sizeof out, 513) == 4 && memcmp(out, "\x40\2\2\1", 4) == 0, "PUBACK");
    expect(mqtt_write_ping(out, sizeof out) == 2 && memcmp(out, "\xC0\0", 2) == 0, "PINGREQ");
    expect(mqtt_write_disconnect(out, sizeof out, 0x82) == 3 && memcmp(out, "\xE0\1\x82", 3) == 0, "DISCONNECT");
}

static mqtt_found find(const char *bytes, size_t length, size_t most) {
    mqtt_frame frame;
    return mqtt_find((const uint8_t *)bytes, length, most, &frame);
}

static void check_finding(void) {
    mqtt_frame frame;
    for (size_t length = 0; length < sizeof connack_bytes; length++) {
        expect(mqtt_find(connack_bytes, length, 100, &frame) == MQTT_PART, "the beginning of a packet is a part");
    }
    expect(mqtt_find(connack_bytes, sizeof connack_bytes, 100, &frame) == MQTT_WHOLE && frame.type == MQTT_CONNACK &&
               frame.length == CONNACK_BYTES - 2 && frame.whole == CONNACK_BYTES,
           "a packet is found");
    expect(find("\xC0\0more", 6, 100) == MQTT_WHOLE, "what follows it is left alone");
    expect(find("\x30\x80", 2, 100) == MQTT_PART, "a length may come in pieces");
    expect(find("\x30\xFF\xFF\x03", 4, 100) == MQTT_TOO_LARGE, "a packet that is too large is seen from its header");
    expect(find("\x30\x80\x80\x80\x80\x01", 6, 100) == MQTT_MALFORMED, "a length has four bytes at most");
    expect(find("\x30\x80\x80\x80\x80", 5, 100) == MQTT_MALFORMED, "and no fifth is waited for");
    expect(find("\x30\x80\0", 3, 100) == MQTT_MALFORMED, "a length has no more bytes than it takes");
}

static bool read_connack(const uint8_t *bytes, size_t length, mqtt_connack *connack) {
    mqtt_frame frame;
    connack->keepalive_s = 60;
    return mqtt_find(bytes, length, 1000, &frame) == MQTT_WHOLE && mqtt_read_connack(&frame, connack);
}

static void check_connack(void) {
    mqtt_connack connack;
    uint8_t bytes[CONNACK_BYTES];
    expect(read_connack((const uint8_t *)"\x20\3\0\0\0", 5, &connack) && connack.reason == 0 &&
               connack.receive_maximum == UINT16_MAX && connack.keepalive_s == 60 && connack.packet_max == UINT32_MAX &&
               connack.takes_retained,
           "a CONNACK without properties means the defaults");
    expect(read_connack(connack_bytes, sizeof connack_bytes, &connack) && connack.receive_maximum == 20 &&
               connack.keepalive_s == 300 && connack.packet_max == 5000 && !connack.takes_retained,
           "properties are read among others");
    memcpy(bytes, connack_bytes, sizeof bytes);
    for (uint8_t shorter = 5; shorter < CONNACK_BYTES; shorter++) {
        bytes[1] = (uint8_t)(shorter - 2);
        expect(!read_connack(bytes, shorter, &connack), "properties end with the packet");
    }
    memcpy(bytes, connack_bytes, sizeof bytes);
    bytes[5] = 0x2B;
    expect(!read_connack(bytes, sizeof bytes, &connack), "there is no such property");
    expect(!read_connack((const uint8_t *)"\x20\6\0\0\3\x21\0\0", 8, &connack), "a receive maximum is not zero");
    expect(!read_connack((const uint8_t *)"\x20\x09\0\0\6\x21\0\1\x21\0\2", 11, &connack),
           "a property that counts comes once");
    expect(read_connack((const uint8_t *)"\x20\x0D\0\0\x0A\x26\0\0\0\0\x26\0\0\0\0", 15, &connack),
           "what users say may come again");
    expect(!read_connack((const uint8_t *)"\x20\3\1\0\0", 5, &connack), "who starts clean has no session");
}

static bool read_publish(const char *bytes, size_t length, mqtt_message *message) {
    mqtt_frame frame;
    return mqtt_find((const uint8_t *)bytes, length, 1000, &frame) == MQTT_WHOLE && mqtt_read_publish(&frame, message);
}

static void check_messages(void) {
    mqtt_message message;
    mqtt_frame frame;
    uint8_t reason = 1;
    expect(read_publish("\x31\x08\0\3t/x\0hi", 10, &message) && message.topic_length == 3 &&
               memcmp(message.topic, "t/x", 3) == 0 && message.length == 2 && memcmp(message.payload, "hi", 2) == 0 &&
               message.id == 0,
           "a message with QoS 0");
    expect(read_publish("\x3B\x0B\0\1t\0\x09\5\x02\0\0\0\1", 13, &message) && message.id == 9 && message.length == 0,
           "an empty message with QoS 1 that expires");
    expect(!read_publish("\x35\x07\0\1t\0\x09\0x", 9, &message), "nothing comes with QoS 2");
    expect(!read_publish("\x33\x07\0\1t\0\0\0x", 9, &message), "an id is not zero");
    expect(!read_publish("\x30\x08\0\0\3\x23\0\1hi", 10, &message), "topics have no aliases");
    expect(!read_publish("\x30\x04\0\x09tx", 6, &message), "a topic ends with the packet");
    expect(!read_publish("\x30\x06\0\3t\0x\0", 8, &message), "a topic has no end before its end");
    expect(!read_publish("\x30\x06\0\3t/#\0", 8, &message) && !read_publish("\x30\x06\0\3+/x\0", 8, &message),
           "a message has one topic, not all that match");
    expect(mqtt_find((const uint8_t *)"\xE0\0", 2, 10, &frame) == MQTT_WHOLE && mqtt_read_disconnect(&frame, &reason) &&
               reason == 0,
           "a DISCONNECT that says nothing is a normal one");
    expect(mqtt_find((const uint8_t *)"\xE0\1\x8E", 3, 10, &frame) == MQTT_WHOLE &&
               mqtt_read_disconnect(&frame, &reason) && reason == 0x8E,
           "a DISCONNECT says why");
}

static bool read_answer(const char *bytes, size_t length, mqtt_answer *answer) {
    mqtt_frame frame;
    return mqtt_find((const uint8_t *)bytes, length, 1000, &frame) == MQTT_WHOLE && mqtt_read_answer(&frame, answer);
}

static void check_answers(void) {
    mqtt_answer answer;
    expect(read_answer("\x40\2\1\2", 4, &answer) && answer.id == 258 && answer.reason == 0, "a short PUBACK");
    expect(read_answer("\x40\3\1\2\x87", 5, &answer) && answer.reason == 0x87, "a PUBACK that refuses");
    expect(read_answer("\x40\x08\1\2\x87\4\x1F\0\1x", 10, &answer) && answer.reason == 0x87, "and says why");
    expect(!read_answer("\x40\x08\1\2\x87\4\x1F\0\2x", 10, &answer), "a property ends with the properties");
    expect(!read_answer("\x40\2\0\0", 4, &answer), "an answer has an id");
    expect(read_answer("\x90\5\0\1\0\x87\1", 7, &answer) && answer.reason == 0x87, "the worst of two subscriptions");
    expect(!read_answer("\x90\3\0\1\0", 5, &answer), "a SUBACK has a reason");
}

/* Each packet with one byte changed, in memory that ends where it ends: what is read stays inside. */
static void check_damage(const uint8_t *packet, size_t length) {
    mqtt_frame frame;
    mqtt_connack connack = {0};
    mqtt_message message;
    mqtt_answer answer;
    uint8_t reason;
    for (size_t at = 0; at < length; at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t *copy = malloc(length);
            expect(copy != NULL, "there is memory");
            memcpy(copy, packet, length);
            copy[at] = (uint8_t)value;
            if (mqtt_find(copy, length, 1000, &frame) == MQTT_WHOLE) {
                (void)mqtt_read_connack(&frame, &connack);
                (void)mqtt_read_answer(&frame, &answer);
                (void)mqtt_read_disconnect(&frame, &reason);
                if (mqtt_read_publish(&frame, &message)) {
                    expect(message.payload + message.length == frame.body + frame.length, "a payload ends its packet");
                }
            }
            free(copy);
        }
    }
}

int main(void) {
    check_writing();
    check_finding();
    check_connack();
    check_messages();
    check_answers();
    check_damage(connack_bytes, sizeof connack_bytes);
    check_damage((const uint8_t *)"\x3B\x0D\0\1t\0\x09\5\x02\0\0\0\1hi", 15);
    check_damage((const uint8_t *)"\x40\x08\1\2\x87\4\x1F\0\1x", 10);
    check_connections();
    return 0;
}
