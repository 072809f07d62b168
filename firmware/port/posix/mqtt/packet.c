#include "mqtt/packet.h"

#include <string.h>

enum { LENGTH_BYTES_MAX = 4, BODY_MAX = 268435455 };

enum {
    PROPERTY_SUBSCRIPTION = 0x0B,
    PROPERTY_SERVER_KEEP_ALIVE = 0x13,
    PROPERTY_RECEIVE_MAXIMUM = 0x21,
    PROPERTY_TOPIC_ALIAS = 0x23,
    PROPERTY_RETAIN_AVAILABLE = 0x25,
    PROPERTY_USER = 0x26,
    PROPERTY_MAXIMUM_PACKET_SIZE = 0x27
};

/* Writing: `full` once something did not fit. */
typedef struct {
    uint8_t *out;
    size_t capacity;
    size_t length;
    bool full;
} packet_writer;

static void put(packet_writer *writer, const void *bytes, size_t length) {
    if (writer->full || length > writer->capacity - writer->length) {
        writer->full = true;
        return;
    }
    if (length > 0) {
        memcpy(writer->out + writer->length, bytes, length);
    }
    writer->length += length;
}

static void put_u8(packet_writer *writer, uint8_t value) {
    put(writer, &value, 1);
}

static void put_u16(packet_writer *writer, uint16_t value) {
    uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(writer, bytes, sizeof bytes);
}

static void put_u32(packet_writer *writer, uint32_t value) {
    put_u16(writer, (uint16_t)(value >> 16));
    put_u16(writer, (uint16_t)value);
}

static void put_binary(packet_writer *writer, const void *bytes, size_t length) {
    writer->full = writer->full || length > UINT16_MAX;
    put_u16(writer, (uint16_t)length);
    put(writer, bytes, length);
}

static void put_text(packet_writer *writer, const char *text) {
    put_binary(writer, text, strlen(text));
}

static void put_length(packet_writer *writer, size_t length) {
    writer->full = writer->full || length > BODY_MAX;
    do {
        uint8_t low = (uint8_t)(length & 0x7Fu);
        length >>= 7;
        put_u8(writer, (uint8_t)(length > 0 ? low | 0x80u : low));
    } while (length > 0);
}

static packet_writer begin(uint8_t *out, size_t capacity, mqtt_type type, unsigned flags, size_t length) {
    packet_writer writer = {out, capacity, 0, false};
    put_u8(&writer, (uint8_t)((unsigned)type << 4 | flags));
    put_length(&writer, length);
    return writer;
}

static size_t finish(const packet_writer *writer) {
    return writer->full ? 0 : writer->length;
}

static size_t binary_size(size_t length) {
    return 2 + length;
}

static size_t text_size(const char *text) {
    return binary_size(strlen(text));
}

size_t mqtt_write_connect(uint8_t *out, size_t capacity, const mqtt_connect *connect) {
    enum { CLEAN_START = 0x02, WILL = 0x04, WILL_QOS_1 = 0x08, WILL_RETAIN = 0x20, USERNAME = 0x80 };
    /* Protocol name and version, flags, keepalive, one property of five bytes; then the payload's fields. */
    size_t length = 6 + 1 + 1 + 2 + 1 + 5 + text_size(connect->client_id) + 1 + text_size(connect->will_topic) +
                    binary_size(connect->will_length);
    unsigned flags = CLEAN_START | WILL | WILL_QOS_1 | WILL_RETAIN;
    if (connect->username != NULL) {
        flags |= USERNAME;
        length += text_size(connect->username);
    }
    packet_writer writer = begin(out, capacity, MQTT_CONNECT, 0, length);
    put_text(&writer, "MQTT");
    put_u8(&writer, 5);
    put_u8(&writer, (uint8_t)flags);
    put_u16(&writer, connect->keepalive_s);
    put_length(&writer, 5);
    put_u8(&writer, PROPERTY_MAXIMUM_PACKET_SIZE);
    put_u32(&writer, connect->packet_max);
    put_text(&writer, connect->client_id);
    put_length(&writer, 0);
    put_text(&writer, connect->will_topic);
    put_binary(&writer, connect->will, connect->will_length);
    if (connect->username != NULL) {
        put_text(&writer, connect->username);
    }
    return finish(&writer);
}

size_t mqtt_write_publish(uint8_t *out, size_t capacity, const char *topic, size_t length, int qos, bool retain,
                          uint16_t id) {
    size_t body = text_size(topic) + (qos > 0 ? 2u : 0u) + 1 + length;
    packet_writer writer = begin(out, capacity, MQTT_PUBLISH, (qos > 0 ? 2u : 0u) | (retain ? 1u : 0u), body);
    put_text(&writer, topic);
    if (qos > 0) {
        put_u16(&writer, id);
    }
    put_length(&writer, 0);
    return finish(&writer);
}

size_t mqtt_write_subscribe(uint8_t *out, size_t capacity, uint16_t id, const char *topic, int qos) {
    packet_writer writer = begin(out, capacity, MQTT_SUBSCRIBE, 2, 2 + 1 + text_size(topic) + 1);
    put_u16(&writer, id);
    put_length(&writer, 0);
    put_text(&writer, topic);
    put_u8(&writer, qos > 0 ? 1 : 0);
    return finish(&writer);
}

size_t mqtt_write_unsubscribe(uint8_t *out, size_t capacity, uint16_t id, const char *topic) {
    packet_writer writer = begin(out, capacity, MQTT_UNSUBSCRIBE, 2, 2 + 1 + text_size(topic));
    put_u16(&writer, id);
    put_length(&writer, 0);
    put_text(&writer, topic);
    return finish(&writer);
}

size_t mqtt_write_puback(uint8_t *out, size_t capacity, uint16_t id) {
    packet_writer writer = begin(out, capacity, MQTT_PUBACK, 0, 2);
    put_u16(&writer, id);
    return finish(&writer);
}

size_t mqtt_write_ping(uint8_t *out, size_t capacity) {
    packet_writer writer = begin(out, capacity, MQTT_PINGREQ, 0, 0);
    return finish(&writer);
}

size_t mqtt_write_disconnect(uint8_t *out, size_t capacity, uint8_t reason) {
    packet_writer writer = begin(out, capacity, MQTT_DISCONNECT, 0, 1);
    put_u8(&writer, reason);
    return finish(&writer);
}

/* Reading: `bad` once something lay behind the end; from then on everything is 0. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
} packet_reader;

static packet_reader open_body(const mqtt_frame *frame) {
    return (packet_reader){frame->body, frame->body + frame->length, false};
}

static size_t left(const packet_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

static const uint8_t *get(packet_reader *reader, size_t length) {
    const uint8_t *start = reader->at;
    if (reader->bad || length > left(reader)) {
        reader->bad = true;
        return NULL;
    }
    reader->at += length;
    return start;
}

static uint32_t get_number(packet_reader *reader, size_t bytes) {
    const uint8_t *from = get(reader, bytes);
    uint32_t value = 0;
    for (size_t i = 0; from != NULL && i < bytes; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

static uint32_t get_length(packet_reader *reader) {
    uint32_t value = 0;
    for (unsigned i = 0; i < LENGTH_BYTES_MAX; i++) {
        uint32_t byte = get_number(reader, 1);
        value |= (byte & 0x7Fu) << (7 * i);
        if (byte < 0x80) {
            /* In as few bytes as it takes. */
            reader->bad = reader->bad || (i > 0 && byte == 0);
            return reader->bad ? 0 : value;
        }
    }
    reader->bad = true;
    return 0;
}

static const uint8_t *get_binary(packet_reader *reader, size_t *length) {
    *length = get_number(reader, 2);
    return get(reader, *length);
}

/* How the value of each property is written: bytes of a number, or one of the others. Zero: no such property. */
enum { KIND_VARIABLE = 5, KIND_BINARY = 6, KIND_PAIR = 7 };
static const uint8_t property_kinds[] = {
    [0x01] = 1,           [0x02] = 4,           [0x03] = KIND_BINARY, [0x08] = KIND_BINARY, [0x09] = KIND_BINARY,
    [0x0B] = KIND_VARIABLE, [0x11] = 4,         [0x12] = KIND_BINARY, [0x13] = 2,           [0x15] = KIND_BINARY,
    [0x16] = KIND_BINARY, [0x17] = 1,           [0x18] = 4,           [0x19] = 1,           [0x1A] = KIND_BINARY,
    [0x1C] = KIND_BINARY, [0x1F] = KIND_BINARY, [0x21] = 2,           [0x22] = 2,           [0x23] = 2,
    [0x24] = 1,           [0x25] = 1,           [0x26] = KIND_PAIR,   [0x27] = 4,           [0x28] = 1,
    [0x29] = 1,           [0x2A] = 1,
};

typedef struct {
    uint32_t id;
    uint32_t number; /* of those that are one */
} property;

static property get_property(packet_reader *reader) {
    property found = {get_length(reader), 0};
    size_t length = 0;
    uint8_t kind = found.id < sizeof property_kinds ? property_kinds[found.id] : 0;
    switch (kind) {
    case 0:
        reader->bad = true;
        break;
    case KIND_VARIABLE:
        found.number = get_length(reader);
        break;
    case KIND_PAIR:
        (void)get_binary(reader, &length);
        (void)get_binary(reader, &length);
        break;
    case KIND_BINARY:
        (void)get_binary(reader, &length);
        break;
    default:
        found.number = get_number(reader, kind);
    }
    return found;
}

/* The properties of a packet, read one after the other. */
typedef struct {
    packet_reader reader;
    uint64_t seen; /* a bit for each that came */
} property_list;

static property_list get_properties(packet_reader *reader) {
    size_t length = get_length(reader);
    const uint8_t *start = get(reader, length);
    return (property_list){start != NULL ? (packet_reader){start, start + length, false}
                                         : (packet_reader){NULL, NULL, true}, 0};
}

/* False at their end, and from the first on that is not as it must be. */
static bool next_property(property_list *list, property *found) {
    const uint64_t repeatable = (uint64_t)1 << PROPERTY_USER | (uint64_t)1 << PROPERTY_SUBSCRIPTION;
    if (list->reader.bad || left(&list->reader) == 0) {
        return false;
    }
    *found = get_property(&list->reader);
    if (list->reader.bad) {
        return false;
    }
    /* Which of two would count, every reader would decide for itself. */
    uint64_t bit = (uint64_t)1 << found->id;
    list->reader.bad = (list->seen & bit & ~repeatable) != 0;
    list->seen |= bit;
    return !list->reader.bad;
}

/* Reads over properties that say nothing to us; false when one of them is not as it must be, or is `forbidden`. */
static bool pass_properties(packet_reader *reader, uint32_t forbidden) {
    property_list list = get_properties(reader);
    property each;
    while (next_property(&list, &each)) {
        if (each.id == forbidden) {
            return false;
        }
    }
    return !list.reader.bad;
}

/* Whether the length behind a packet's first byte has come, or as many bytes as it may have. */
static bool has_length(const uint8_t *bytes, size_t length) {
    size_t last = 1;
    while (last < length && last < LENGTH_BYTES_MAX && bytes[last] >= 0x80) {
        last++;
    }
    return last < length;
}

mqtt_found mqtt_find(const uint8_t *bytes, size_t length, size_t most, mqtt_frame *frame) {
    packet_reader reader = {bytes, bytes + length, false};
    *frame = (mqtt_frame){0};
    if (!has_length(bytes, length)) {
        return MQTT_PART;
    }
    uint32_t first = get_number(&reader, 1);
    frame->length = get_length(&reader);
    if (reader.bad) {
        return MQTT_MALFORMED;
    }
    frame->type = (mqtt_type)(first >> 4);
    frame->flags = (uint8_t)(first & 0x0Fu);
    frame->body = reader.at;
    frame->whole = (size_t)(reader.at - bytes) + frame->length;
    if (frame->whole > most) {
        return MQTT_TOO_LARGE;
    }
    return frame->whole <= length ? MQTT_WHOLE : MQTT_PART;
}

bool mqtt_read_connack(const mqtt_frame *frame, mqtt_connack *connack) {
    packet_reader reader = open_body(frame);
    *connack = (mqtt_connack){0, UINT16_MAX, connack->keepalive_s, UINT32_MAX, true};
    uint32_t flags = get_number(&reader, 1);
    connack->reason = (uint8_t)get_number(&reader, 1);
    property_list properties = get_properties(&reader);
    property each;
    while (next_property(&properties, &each)) {
        if (each.id == PROPERTY_RECEIVE_MAXIMUM) {
            connack->receive_maximum = (uint16_t)each.number;
        } else if (each.id == PROPERTY_SERVER_KEEP_ALIVE) {
            connack->keepalive_s = (uint16_t)each.number;
        } else if (each.id == PROPERTY_MAXIMUM_PACKET_SIZE) {
            connack->packet_max = each.number;
        } else if (each.id == PROPERTY_RETAIN_AVAILABLE) {
            connack->takes_retained = each.number != 0;
        }
    }
    /* Who starts clean has no session that could be present. */
    return frame->flags == 0 && flags == 0 && !reader.bad && !properties.reader.bad && left(&reader) == 0 &&
           connack->receive_maximum > 0 && connack->packet_max > 0;
}

/* The name of one topic: no filter of many, and no NUL, which would end it early for whoever copies it. */
static bool is_topic_name(const char *topic, size_t length) {
    return length > 0 && memchr(topic, '\0', length) == NULL && memchr(topic, '+', length) == NULL &&
           memchr(topic, '#', length) == NULL;
}

bool mqtt_read_publish(const mqtt_frame *frame, mqtt_message *message) {
    packet_reader reader = open_body(frame);
    unsigned qos = frame->flags >> 1 & 3u;
    *message = (mqtt_message){0};
    message->topic = (const char *)get_binary(&reader, &message->topic_length);
    if (qos > 0) {
        message->id = (uint16_t)get_number(&reader, 2);
    }
    if (qos > 1 || !pass_properties(&reader, PROPERTY_TOPIC_ALIAS) || reader.bad ||
        !is_topic_name(message->topic, message->topic_length) || (qos > 0 && message->id == 0)) {
        return false;
    }
    message->length = left(&reader);
    message->payload = reader.at;
    return true;
}

bool mqtt_read_answer(const mqtt_frame *frame, mqtt_answer *answer) {
    packet_reader reader = open_body(frame);
    *answer = (mqtt_answer){(uint16_t)get_number(&reader, 2), 0};
    if (frame->type == MQTT_PUBACK) {
        /* What is zero, or empty, may be left out. */
        answer->reason = left(&reader) > 0 ? (uint8_t)get_number(&reader, 1) : 0;
        bool good = left(&reader) == 0 || pass_properties(&reader, 0);
        return good && frame->flags == 0 && !reader.bad && left(&reader) == 0 && answer->id > 0;
    }
    bool good = pass_properties(&reader, 0) && left(&reader) > 0;
    while (good && left(&reader) > 0) {
        uint8_t reason = (uint8_t)get_number(&reader, 1);
        answer->reason = reason > answer->reason ? reason : answer->reason;
    }
    return good && frame->flags == 0 && !reader.bad && answer->id > 0;
}

bool mqtt_read_disconnect(const mqtt_frame *frame, uint8_t *reason) {
    packet_reader reader = open_body(frame);
    *reason = left(&reader) > 0 ? (uint8_t)get_number(&reader, 1) : MQTT_REASON_NORMAL;
    return frame->flags == 0 && (left(&reader) == 0 || pass_properties(&reader, 0)) && !reader.bad &&
           left(&reader) == 0;
}
