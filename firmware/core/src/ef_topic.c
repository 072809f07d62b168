#include "edgefleet/topic.h"

#include <string.h>

#include "edgefleet/pattern.h"

static const char placeholder[] = "{deviceID}";

static bool is_device_id(const char *id, size_t length) {
    ef_text text = {(const uint8_t *)id, (const uint8_t *)id + length};
    /* A text is checked JSON; a topic's bytes are not, so escapes and multi-byte characters must not reach the cursor. */
    for (size_t i = 0; i < length; i++) {
        if (text.at[i] >= 0x80 || text.at[i] == '\\') {
            return false;
        }
    }
    return ef_pattern_matches(EF_PATTERN_DNS_LABEL, text);
}

bool ef_topic_build(const ef_topic *topic, const char *device_id, char *out, size_t size) {
    const char *hole = strstr(topic->pattern, placeholder);
    if ((hole != NULL) != (device_id != NULL)) {
        return false;
    }
    size_t head = hole != NULL ? (size_t)(hole - topic->pattern) : strlen(topic->pattern);
    const char *tail = hole != NULL ? hole + sizeof placeholder - 1 : "";
    size_t id_length = device_id != NULL ? strlen(device_id) : 0;
    if (device_id != NULL && !is_device_id(device_id, id_length)) {
        return false;
    }
    if (head + id_length + strlen(tail) + 1 > size) {
        return false;
    }
    memcpy(out, topic->pattern, head);
    if (device_id != NULL) {
        memcpy(out + head, device_id, id_length);
    }
    memcpy(out + head + id_length, tail, strlen(tail) + 1);
    return true;
}

static bool is_topic(const ef_topic *topic, const char *name, size_t length, char id[EF_DEVICE_ID_MAX + 1]) {
    const char *hole = strstr(topic->pattern, placeholder);
    if (hole == NULL) {
        id[0] = '\0';
        return strlen(topic->pattern) == length && memcmp(topic->pattern, name, length) == 0;
    }
    size_t head = (size_t)(hole - topic->pattern);
    const char *tail = hole + sizeof placeholder - 1;
    size_t tail_length = strlen(tail);
    if (length <= head + tail_length || length - head - tail_length > EF_DEVICE_ID_MAX) {
        return false;
    }
    size_t id_length = length - head - tail_length;
    if (memcmp(name, topic->pattern, head) != 0 || memcmp(name + length - tail_length, tail, tail_length) != 0 ||
        !is_device_id(name + head, id_length)) {
        return false;
    }
    memcpy(id, name + head, id_length);
    id[id_length] = '\0';
    return true;
}

const ef_topic *ef_topic_parse(const char *name, size_t length, char id[EF_DEVICE_ID_MAX + 1]) {
    for (size_t i = 0; i < EF_TOPIC_COUNT; i++) {
        if (is_topic(&ef_topics[i], name, length, id)) {
            return &ef_topics[i];
        }
    }
    return NULL;
}
