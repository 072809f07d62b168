/* What a broker sends, in MQTT 5: a second, simple reading of the standard agrees on every packet; one that has not all
 * come asks for more; what is read lies inside its packet, and written again it reads the same. */
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "mqtt/packet.h"
#include "promise.h"

enum { PROPERTIES = 0x2B, KEEPALIVE_S = 60 };

/* How often each property came, and its number if it is one. */
typedef struct {
    unsigned count[PROPERTIES];
    uint32_t number[PROPERTIES];
} properties;

/* Section 1.5.5, a variable byte integer: the bytes it takes; 0 for none, and for one that takes more than it needs. */
static size_t judge_variable(const uint8_t *at, size_t length, uint32_t *value) {
    *value = 0;
    for (size_t i = 0; i < length && i < 4; i++) {
        *value |= (uint32_t)(at[i] & 0x7F) << 7 * i;
        if (at[i] < 0x80) {
            return i > 0 && at[i] == 0 ? 0 : i + 1;
        }
    }
    return 0;
}

static size_t judge_text(const uint8_t *at, size_t length) {
    return length < 2 ? 0 : 2 + (size_t)(at[0] << 8 | at[1]);
}

/* Section 2.2.2.2: the bytes that a property's value takes; 0 if there is no such property, or not enough of it. */
static size_t judge_value(uint8_t id, const uint8_t *at, size_t length) {
    uint32_t ignored = 0;
    size_t name = 0;
    switch (id) {
    case 0x01: case 0x17: case 0x19: case 0x24: case 0x25: case 0x28: case 0x29: case 0x2A:
        return 1;
    case 0x13: case 0x21: case 0x22: case 0x23:
        return 2;
    case 0x02: case 0x11: case 0x18: case 0x27:
        return 4;
    case 0x0B:
        return judge_variable(at, length, &ignored);
    case 0x03: case 0x08: case 0x09: case 0x12: case 0x15: case 0x16: case 0x1A: case 0x1C: case 0x1F:
        return judge_text(at, length);
    case 0x26:
        name = judge_text(at, length);
        return name == 0 || name > length || length - name < 2 ? 0 : name + judge_text(at + name, length - name);
    default:
        return 0;
    }
}

/* All properties of a packet, and the bytes they take; 0 if they are not as they must be. */
static size_t judge_properties(const uint8_t *at, size_t length, properties *found) {
    uint32_t size = 0;
    size_t head = judge_variable(at, length, &size);
    memset(found, 0, sizeof *found);
    if (head == 0 || size > length - head) {
        return 0;
    }
    for (size_t i = head; i < head + size;) {
        uint8_t id = at[i++];
        size_t room = head + size - i;
        size_t takes = judge_value(id, at + i, room);
        if (takes == 0 || takes > room || (found->count[id]++ > 0 && id != 0x26 && id != 0x0B)) {
            return 0; /* only what users make up, and names of subscriptions, come again */
        }
        for (size_t digit = 0; takes <= 4 && digit < takes; digit++) {
            found->number[id] = found->number[id] << 8 | at[i + digit];
        }
        i += takes;
    }
    return head + size;
}

static bool judge_connack(const mqtt_frame *frame, mqtt_connack *connack) {
    properties found;
    const uint8_t *body = frame->body;
    size_t length = frame->length;
    /* No flag: there is no session, for it starts clean. */
    if (frame->flags != 0 || length < 3 || body[0] != 0 ||
        judge_properties(body + 2, length - 2, &found) != length - 2) {
        return false;
    }
    *connack = (mqtt_connack){
        .reason = body[1],
        .receive_maximum = found.count[0x21] > 0 ? (uint16_t)found.number[0x21] : UINT16_MAX,
        .keepalive_s = found.count[0x13] > 0 ? (uint16_t)found.number[0x13] : KEEPALIVE_S,
        .packet_max = found.count[0x27] > 0 ? found.number[0x27] : UINT32_MAX,
        .takes_retained = found.count[0x25] == 0 || found.number[0x25] != 0,
    };
    return connack->receive_maximum > 0 && connack->packet_max > 0;
}

static bool judge_publish(const mqtt_frame *frame, mqtt_message *message) {
    properties found;
    const uint8_t *body = frame->body;
    size_t length = frame->length;
    size_t at = judge_text(body, length);
    unsigned qos = frame->flags >> 1 & 3;
    if (qos > 1 || at <= 2 || at + 2 * qos > length || memchr(body + 2, '\0', at - 2) != NULL ||
        memchr(body + 2, '+', at - 2) != NULL || memchr(body + 2, '#', at - 2) != NULL) {
        return false;
    }
    *message = (mqtt_message){.topic = (const char *)body + 2, .topic_length = at - 2};
    if (qos == 1) {
        message->id = (uint16_t)(body[at] << 8 | body[at + 1]);
        at += 2;
    }
    size_t takes = judge_properties(body + at, length - at, &found);
    message->payload = body + at + takes;
    message->length = length - at - takes;
    return takes > 0 && found.count[0x23] == 0 && (qos == 0 || message->id > 0);
}

static bool judge_answer(const mqtt_frame *frame, mqtt_answer *answer) {
    properties found;
    const uint8_t *body = frame->body;
    size_t length = frame->length;
    if (frame->flags != 0 || length < 2 || (body[0] | body[1]) == 0) {
        return false;
    }
    *answer = (mqtt_answer){(uint16_t)(body[0] << 8 | body[1]), 0};
    if (frame->type == MQTT_PUBACK) {
        answer->reason = length > 2 ? body[2] : 0;
        return length <= 3 || judge_properties(body + 3, length - 3, &found) == length - 3;
    }
    size_t takes = judge_properties(body + 2, length - 2, &found);
    for (size_t i = 2 + takes; i < length; i++) {
        answer->reason = body[i] > answer->reason ? body[i] : answer->reason;
    }
    return takes > 0 && 2 + takes < length;
}

static bool judge_disconnect(const mqtt_frame *frame, uint8_t *reason) {
    properties found;
    *reason = frame->length > 0 ? frame->body[0] : 0;
    return frame->flags == 0 && (frame->length <= 1 || judge_properties(frame->body + 1, frame->length - 1, &found) ==
                                                           frame->length - 1);
}

/* What there is to say about the beginning of a packet. */
static mqtt_found judge_beginning(const uint8_t *bytes, size_t length, size_t most, size_t *whole) {
    uint32_t body = 0;
    size_t digits = 0;
    *whole = 0;
    while (digits < 4 && 1 + digits < length && bytes[1 + digits] >= 0x80) {
        digits++;
    }
    if (digits < 4 && 1 + digits >= length) {
        return MQTT_PART;
    }
    size_t takes = judge_variable(bytes + 1, length - 1, &body);
    if (takes == 0) {
        return MQTT_MALFORMED;
    }
    *whole = 1 + takes + body;
    return *whole > most ? MQTT_TOO_LARGE : *whole > length ? MQTT_PART : MQTT_WHOLE;
}

/* In a block of its own, as if no more had come. */
static mqtt_found check_beginning(const uint8_t *bytes, size_t length, size_t most) {
    mqtt_frame frame;
    size_t whole = 0;
    uint8_t *exact = copy_exactly(bytes, length);
    mqtt_found found = mqtt_find(exact, length, most, &frame);
    PROMISE(found == judge_beginning(exact, length, most, &whole));
    PROMISE(frame.whole == whole);
    /* A client that waits for the rest has room for it. */
    PROMISE(found != MQTT_PART || (length <= 4 && whole == 0) || (length < whole && whole <= most));
    free(exact);
    return found;
}

/* However little has come of a packet, it is asked for more until the answer is known, and that then stays. */
static mqtt_found check_pieces(const uint8_t *bytes, size_t length, size_t most) {
    enum { HEAD_MAX = 5 };
    size_t whole = 0;
    mqtt_found found = judge_beginning(bytes, length, most, &whole);
    bool is_known = false;
    for (size_t piece = 0; piece <= HEAD_MAX && piece <= length; piece++) {
        mqtt_found early = check_beginning(bytes, piece, most);
        PROMISE(early == MQTT_PART ? !is_known : early == found);
        is_known = is_known || early != MQTT_PART;
    }
    if (found == MQTT_WHOLE) {
        PROMISE(check_beginning(bytes, whole - 1, most) == MQTT_PART);
    }
    return check_beginning(bytes, length, most);
}

static bool equal_messages(const mqtt_message *one, const mqtt_message *other) {
    return one->topic_length == other->topic_length && memcmp(one->topic, other->topic, one->topic_length) == 0 &&
           one->length == other->length && memcmp(one->payload, other->payload, one->length) == 0 &&
           one->id == other->id;
}

/* As this client publishes it. */
static void rewrite_publish(const mqtt_frame *frame, const mqtt_message *message) {
    mqtt_frame again;
    mqtt_message reread;
    int qos = message->id > 0 ? 1 : 0;
    bool retain = (frame->flags & 1) != 0;
    char *topic = calloc(1, message->topic_length + 1);
    uint8_t *bytes = malloc(MQTT_PUBLISH_HEAD_MAX(message->topic_length) + message->length);
    PROMISE(topic != NULL && bytes != NULL);
    memcpy(topic, message->topic, message->topic_length);
    size_t head = mqtt_write_publish(bytes, MQTT_PUBLISH_HEAD_MAX(message->topic_length), topic, message->length, qos,
                                     retain, message->id);
    PROMISE(head > 0 && mqtt_write_publish(bytes, head - 1, topic, message->length, qos, retain, message->id) == 0);
    PROMISE(mqtt_write_publish(bytes, head, topic, message->length, qos, retain, message->id) == head);
    memcpy(bytes + head, message->payload, message->length);
    PROMISE(mqtt_find(bytes, head + message->length, SIZE_MAX, &again) == MQTT_WHOLE);
    PROMISE(again.type == MQTT_PUBLISH && again.whole == head + message->length);
    PROMISE(again.flags == (frame->flags & ~8u)); /* not as one that comes again */
    PROMISE(mqtt_read_publish(&again, &reread) && equal_messages(message, &reread));
    free(topic);
    free(bytes);
}

static void check_publish(const mqtt_frame *frame) {
    mqtt_message message;
    mqtt_message judged;
    bool good = mqtt_read_publish(frame, &message);
    PROMISE(good == judge_publish(frame, &judged));
    if (good) {
        /* Both borrow the packet: the same places in it. */
        PROMISE(message.topic == judged.topic && message.topic_length == judged.topic_length);
        PROMISE(message.payload == judged.payload && message.length == judged.length && message.id == judged.id);
        PROMISE(message.payload + message.length == frame->body + frame->length);
        rewrite_publish(frame, &message);
    }
}

static void check_answer(const mqtt_frame *frame) {
    mqtt_answer answer;
    mqtt_answer judged;
    mqtt_frame again;
    uint8_t bytes[4];
    bool good = mqtt_read_answer(frame, &answer);
    PROMISE(good == judge_answer(frame, &judged));
    if (good) {
        PROMISE(answer.id == judged.id && answer.reason == judged.reason);
        PROMISE(mqtt_write_puback(bytes, sizeof bytes, answer.id) == sizeof bytes);
        PROMISE(mqtt_find(bytes, sizeof bytes, sizeof bytes, &again) == MQTT_WHOLE && again.type == MQTT_PUBACK);
        PROMISE(mqtt_read_answer(&again, &judged) && judged.id == answer.id && judged.reason == 0);
    }
}

static void check_disconnect(const mqtt_frame *frame) {
    uint8_t reason = 1;
    uint8_t judged = 2;
    mqtt_frame again;
    uint8_t bytes[3];
    bool good = mqtt_read_disconnect(frame, &reason);
    PROMISE(good == judge_disconnect(frame, &judged));
    if (good) {
        PROMISE(reason == judged && mqtt_write_disconnect(bytes, sizeof bytes, reason) == sizeof bytes);
        PROMISE(mqtt_find(bytes, sizeof bytes, sizeof bytes, &again) == MQTT_WHOLE && again.type == MQTT_DISCONNECT);
        PROMISE(mqtt_read_disconnect(&again, &judged) && reason == judged);
    }
}

static void check_connack(const mqtt_frame *frame) {
    mqtt_connack connack = {.keepalive_s = KEEPALIVE_S};
    mqtt_connack judged;
    bool good = mqtt_read_connack(frame, &connack);
    PROMISE(good == judge_connack(frame, &judged));
    if (good) {
        PROMISE(connack.reason == judged.reason && connack.receive_maximum == judged.receive_maximum);
        PROMISE(connack.keepalive_s == judged.keepalive_s && connack.packet_max == judged.packet_max);
        PROMISE(connack.takes_retained == judged.takes_retained);
    }
}

/* A packet alone, in a block that ends where it ends: nothing behind it is looked at. */
static void check_packet(const uint8_t *bytes, size_t whole) {
    mqtt_frame frame;
    uint8_t *exact = copy_exactly(bytes, whole);
    PROMISE(mqtt_find(exact, whole, whole, &frame) == MQTT_WHOLE);
    PROMISE(frame.whole == whole && frame.body + frame.length == exact + whole && frame.body > exact);
    PROMISE((unsigned)frame.type == exact[0] >> 4 && frame.flags == (exact[0] & 0x0F));
    switch (frame.type) {
    case MQTT_CONNACK:
        check_connack(&frame);
        break;
    case MQTT_PUBLISH:
        check_publish(&frame);
        break;
    case MQTT_PUBACK:
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        check_answer(&frame);
        break;
    case MQTT_DISCONNECT:
        check_disconnect(&frame);
        break;
    default:
        break;
    }
    free(exact);
}

/* Packet for packet, as a client takes them from what has come. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    mqtt_frame frame;
    size_t most = input_u16(&input);
    uint8_t *stream = copy_exactly(input.at, input.left);
    size_t at = 0;
    while (check_pieces(stream + at, input.left - at, most) == MQTT_WHOLE) {
        PROMISE(mqtt_find(stream + at, input.left - at, most, &frame) == MQTT_WHOLE);
        PROMISE(frame.whole >= 2 && frame.whole <= input.left - at && frame.whole <= most);
        check_packet(stream + at, frame.whole);
        at += frame.whole;
    }
    free(stream);
    return 0;
}
