#include "ef_level2.h"

#include <string.h>

#include "edgefleet/topic.h"
#include "ef_result.h"
#include "ef_scratch.h"

static bool topic_of(const char *id, char name[EF_TOPIC_NAME_MAX]) {
    return ef_topic_build(&ef_topics[EF_TOPIC_TELEMETRY], id, name, EF_TOPIC_NAME_MAX);
}

static ef_source *find(ef_source *sources, unsigned count, const char *id) {
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(sources[i].id, id) == 0) {
            return &sources[i];
        }
    }
    return NULL;
}

static bool is_named(const ef_settings *settings, const char *id) {
    for (size_t at = 0; at < settings->sources_length; at += strlen(settings->sources + at) + 1) {
        if (settings->role == EF_ROLE_LEVEL2 && strcmp(settings->sources + at, id) == 0) {
            return true;
        }
    }
    return false;
}

static void drop_unnamed(ef_level2 *level2, const ef_settings *settings, const ef_hal *hal) {
    char name[EF_TOPIC_NAME_MAX];
    unsigned kept = 0;
    for (unsigned i = 0; i < level2->count; i++) {
        ef_source *source = &level2->sources[i];
        if (is_named(settings, source->id)) {
            level2->sources[kept++] = *source;
        } else if (source->subscribed && topic_of(source->id, name)) {
            (void)hal->mqtt.unsubscribe(hal->context, name); /* what still comes is of nobody that is named */
        }
    }
    level2->count = kept;
}

void ef_level2_assign(ef_level2 *level2, const ef_settings *settings, const ef_hal *hal) {
    drop_unnamed(level2, settings, hal);
    for (size_t at = 0; at < settings->sources_length; at += strlen(settings->sources + at) + 1) {
        const char *id = settings->sources + at;
        if (settings->role != EF_ROLE_LEVEL2 || level2->count == EF_SOURCES_MAX ||
            find(level2->sources, level2->count, id) != NULL) {
            continue;
        }
        ef_source *source = &level2->sources[level2->count++];
        memset(source, 0, sizeof *source);
        strcpy(source->id, id);
    }
}

void ef_level2_connected(ef_level2 *level2) {
    for (unsigned i = 0; i < level2->count; i++) {
        level2->sources[i].subscribed = false;
    }
}

bool ef_level2_subscribe(ef_level2 *level2, const ef_hal *hal) {
    char name[EF_TOPIC_NAME_MAX];
    bool all = true;
    for (unsigned i = 0; i < level2->count; i++) {
        ef_source *source = &level2->sources[i];
        source->subscribed = source->subscribed ||
                             (topic_of(source->id, name) &&
                              hal->mqtt.subscribe(hal->context, name, ef_topics[EF_TOPIC_TELEMETRY].qos));
        all = all && source->subscribed;
    }
    return all;
}

/* Whether telemetry is newer than all that its source said before, and its turn. Notes it. */
static bool is_due(ef_source *source, const ef_sample *sample, uint64_t now) {
    bool forgotten = source->heard && now - source->heard_ms >= EF_LEVEL2_FORGET_MS;
    bool newer = sample->boot > source->boot || (sample->boot == source->boot && sample->seq > source->seq);
    if (source->heard && !forgotten && !newer) {
        return false;
    }
    source->heard = true;
    source->boot = sample->boot;
    source->seq = sample->seq;
    source->heard_ms = now;
    return !source->judged || now - source->judged_ms >= EF_LEVEL2_PERIOD_MS;
}

/* Reads what a judge of this schema needs. Telemetry of the original protocol, without order or features, is no use. */
static bool read_sample(ef_agent *agent, const char *id, const uint8_t *bytes, size_t length, size_t count,
                        ef_sample *sample) {
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_workspace workspace = ef_scratch_take(agent);
    if (ef_contract_read(&ef_document_telemetry, bytes, length, workspace.tokens, workspace.capacity,
                         &json, &fault) != EF_REASON_OK ||
        !ef_json_text_is(&json, ef_json_member(&json, 0, "deviceID"), id)) {
        return false;
    }
    uint16_t boot = ef_json_member(&json, 0, "boot");
    uint16_t seq = ef_json_member(&json, 0, "seq");
    uint16_t ts = ef_json_member(&json, 0, "ts");
    uint16_t features = ef_json_member(&json, 0, "features");
    if (boot == EF_JSON_NONE || seq == EF_JSON_NONE || features == EF_JSON_NONE ||
        ef_json_size(&json, features) < count) {
        return false;
    }
    sample->device_id = id;
    sample->boot = (uint32_t)ef_json_integer(&json, boot);
    sample->seq = ef_json_integer(&json, seq);
    sample->ts = ts == EF_JSON_NONE ? 0 : ef_json_integer(&json, ts);
    for (size_t i = 0; i < count; i++) {
        double value = ef_json_number(&json, (uint16_t)(features + 1 + i));
        sample->features[i] = (float)(value < -1e30 ? -1e30 : value > 1e30 ? 1e30 : value);
    }
    return true;
}

void ef_level2_message(ef_level2 *level2, ef_judge *judge, ef_agent *agent, const char *id, const uint8_t *bytes,
                       size_t length) {
    ef_sample sample = {0};
    float score = 0.0f;
    uint64_t now = agent->hal->clock.monotonic_ms(agent->hal->context);
    ef_source *source = find(level2->sources, level2->count, id);
    if (source == NULL) {
        return;
    }
    if (!ef_judge_is_ready(judge, agent) ||
        !read_sample(agent, id, bytes, length, judge->schema->count, &sample) || !is_due(source, &sample, now) ||
        !ef_judge_score(judge, agent, sample.features, NULL, &score)) {
        level2->ignored++;
        return;
    }
    source->judged = true;
    source->judged_ms = now;
    ef_result result = {.sample = &sample, .score = score,
                        .anomalous = score > ef_setting_threshold(&agent->command.settings)};
    (void)ef_alert_publish(agent, &result);
}
