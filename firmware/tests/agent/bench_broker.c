#include "bench_broker.h"

#include <stdlib.h>
#include <string.h>

#include "edgefleet/topic.h"
#include "files.h"

bool hal_subscribe(void *context, const char *topic, int qos) {
    bench *b = context;
    bool keys = strcmp(topic, "fleet/v1/keys") == 0;
    b->broken += (!keys && strcmp(topic, "fleet/v1/dev/esp32-0001/desired") != 0) || qos != 1;
    *(keys ? &b->key_subscriptions : &b->subscriptions) += 1;
    return !b->broker_refuses;
}

static void note_phase(bench *b) {
    const char *phase = bench_said(b, "phase");
    size_t length = strlen(b->phases);
    const char *last = strrchr(b->phases, ' ');
    if (strcmp(last != NULL ? last + 1 : b->phases, phase) != 0 && length + strlen(phase) + 2 < sizeof b->phases) {
        (void)snprintf(b->phases + length, sizeof b->phases - length, "%s%s", length > 0 ? " " : "", phase);
    }
}

bool hal_publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    bench *b = context;
    char id[EF_DEVICE_ID_MAX + 1];
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_json_token tokens[EF_JSON_TOKENS_MAX];
    const ef_topic *kind = ef_topic_parse(topic, strlen(topic), id);
    bool report = kind == &ef_topics[EF_TOPIC_REPORTED];
    if (b->broker_refuses) {
        return false;
    }
    if (kind == NULL || strcmp(id, b->config.device_id) != 0 || qos != 1 || !retain ||
        ef_contract_read(&ef_documents[kind->document], bytes, length, tokens, EF_JSON_TOKENS_MAX, &json, &fault) !=
            EF_REASON_OK) {
        printf("    no contract allows, at %s: %s %.*s\n", fault.path, topic, (int)length, (const char *)bytes);
        b->broken++;
        return true;
    }
    (void)snprintf(report ? b->said : b->presence, length + 1, "%.*s", (int)length, (const char *)bytes);
    if (b->documents != NULL) {
        fprintf(b->documents, "%s\t%.*s\n", topic, (int)length, (const char *)bytes);
    }
    if (report) {
        b->reports++;
        note_phase(b);
    }
    return true;
}

bool hal_unsubscribe(void *context, const char *topic) {
    (void)topic;
    return !((bench *)context)->broker_refuses;
}

static bench_end tell(bench *b, const char *topic, const uint8_t *bytes, size_t length) {
    int end = setjmp(b->out);
    if (end != 0) {
        return (bench_end)end;
    }
    ef_agent_message(b->agent, topic, strlen(topic), bytes, length);
    return BENCH_RAN;
}

bench_end bench_send_bytes(bench *b, const uint8_t *bytes, size_t length) {
    return tell(b, "fleet/v1/dev/esp32-0001/desired", bytes, length);
}

bench_end bench_send_key_bytes(bench *b, const uint8_t *bytes, size_t length) {
    return tell(b, "fleet/v1/keys", bytes, length);
}

bench_end bench_send_keys(bench *b, const char *name) {
    char path[128];
    size_t length = 0;
    (void)snprintf(path, sizeof path, "keys/%s.json", name);
    uint8_t *bytes = file_read(b->updates, path, &length);
    bench_end end = bench_send_key_bytes(b, bytes, length);
    free(bytes);
    return end;
}

bench_end bench_send(bench *b, const char *name) {
    char path[128];
    size_t length = 0;
    (void)snprintf(path, sizeof path, "desired/%s.json", name);
    uint8_t *bytes = file_read(b->updates, path, &length);
    bench_end end = bench_send_bytes(b, bytes, length);
    free(bytes);
    return end;
}

const char *bench_said(bench *b, const char *path) {
    static char text[EF_REPORTED_MAX + 1];
    char name[64];
    ef_json json;
    ef_json_token tokens[EF_JSON_TOKENS_MAX];
    uint16_t token = 0;
    text[0] = '\0';
    if (ef_json_parse((const uint8_t *)b->said, strlen(b->said), tokens, EF_JSON_TOKENS_MAX, &json) != EF_REASON_OK) {
        return text;
    }
    for (const char *step = path; step != NULL; step = strchr(step, '.') != NULL ? strchr(step, '.') + 1 : NULL) {
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(step, "."), step);
        token = json.tokens[token].type == EF_JSON_OBJECT ? ef_json_member(&json, token, name) : EF_JSON_NONE;
        if (token == EF_JSON_NONE) {
            return text;
        }
    }
    const ef_json_token *found = &json.tokens[token];
    (void)snprintf(text, sizeof text, "%.*s", (int)(found->end - found->start), b->said + found->start);
    return text;
}
