#include "ef_result.h"

#include <stdlib.h>

#include "edgefleet/topic.h"
#include "ef_scratch.h"
#include "ef_writer.h"

static const char default_threshold[] = "0.5";

float ef_setting_threshold(const ef_settings *settings) {
    return (float)strtod(settings->threshold[0] != '\0' ? settings->threshold : default_threshold, NULL);
}

static void begin_document(const char *device_id, ef_writer *writer, const ef_agent *agent) {
    ef_scratch *scratch = agent->config->scratch;
    ef_writer_begin(writer, (char *)scratch->bytes, sizeof scratch->bytes);
    ef_json_open(writer, NULL, '{');
    ef_json_put_integer(writer, "schema", EF_SCHEMA_VERSION);
    ef_json_put_text(writer, "deviceID", device_id);
}

static bool publish(const ef_agent *agent, ef_topic_kind kind, const ef_writer *writer) {
    char name[EF_TOPIC_NAME_MAX];
    const ef_topic *topic = &ef_topics[kind];
    return agent->connected && !writer->full && writer->length <= topic->max_bytes &&
           ef_topic_build(topic, agent->config->device_id, name, sizeof name) &&
           agent->hal->mqtt.publish(agent->hal->context, name, (const uint8_t *)writer->text, writer->length,
                                    topic->qos, topic->retain);
}

static void put_order(const ef_sample *sample, ef_writer *writer) {
    ef_json_put_integer(writer, "boot", sample->boot);
    ef_json_put_integer(writer, "seq", sample->seq);
}

static void put_message_id(const ef_sample *sample, ef_writer *writer) {
    char id[48];
    ef_writer text;
    ef_writer_begin(&text, id, sizeof id);
    ef_put_number(&text, sample->boot);
    ef_put_text(&text, "-");
    ef_put_number(&text, sample->seq);
    ef_json_put_text(writer, "messageId", id);
}

bool ef_telemetry_publish(const ef_agent *agent, const ef_sample *sample) {
    ef_writer writer;
    begin_document(sample->device_id, &writer, agent);
    for (unsigned i = 0; i < EF_MOTOR_LEVEL1_FEATURES; i++) {
        /* The original protocol's four numbers have the names of the first four features. */
        ef_json_put_float(&writer, ef_feature_schemas[EF_SCHEMA_MOTOR_LEVEL1].names[i], sample->features[i]);
    }
    put_order(sample, &writer);
    if (sample->ts > 0) {
        ef_json_put_integer(&writer, "ts", sample->ts);
    }
    put_message_id(sample, &writer);
    ef_json_open(&writer, "features", '[');
    for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
        ef_json_put_float(&writer, NULL, sample->features[i]);
    }
    ef_json_close(&writer, ']');
    ef_json_close(&writer, '}');
    return publish(agent, EF_TOPIC_TELEMETRY, &writer);
}

/* What the two kinds of results share, after their first fields. */
static void put_result(const ef_agent *agent, const ef_result *result, ef_writer *writer) {
    const ef_slot *slot = &agent->slots[agent->active];
    const char *threshold = agent->command.settings.threshold;
    put_order(result->sample, writer);
    ef_json_put_integer(writer, "ts", result->sample->ts);
    ef_json_put_text(writer, "model", slot->model);
    ef_json_put_text(writer, "version", slot->version);
    ef_json_put_hex(writer, "digest", slot->sha256, EF_SHA256_BYTES);
    ef_json_put_float(writer, "score", result->score);
    ef_json_put_raw(writer, "threshold", threshold[0] != '\0' ? threshold : default_threshold);
    ef_json_put_boolean(writer, "anomalous", result->anomalous);
}

bool ef_anomaly_publish(const ef_agent *agent, const ef_result *result) {
    ef_writer writer;
    begin_document(result->sample->device_id, &writer, agent);
    put_result(agent, result, &writer);
    if (result->valve != EF_VALVE_UNKNOWN) {
        ef_json_put_text(&writer, "valve", result->valve == EF_VALVE_OPEN ? "open" : "closed");
    }
    ef_json_close(&writer, '}');
    return publish(agent, EF_TOPIC_ANOMALY, &writer);
}

bool ef_alert_publish(const ef_agent *agent, const ef_result *result) {
    ef_writer writer;
    int64_t now = agent->hal->clock.unix_ms(agent->hal->context);
    int64_t then = result->sample->ts;
    begin_document(result->sample->device_id, &writer, agent);
    ef_json_put_text(&writer, "reporter", agent->config->device_id);
    put_result(agent, result, &writer);
    /* Two clocks: a sample from the future has no latency that anyone could use. */
    if (then > 0 && now >= then && now - then <= UINT32_MAX) {
        ef_json_put_integer(&writer, "latencyMs", now - then);
    }
    ef_json_close(&writer, '}');
    return publish(agent, EF_TOPIC_DEVICE_ALERT, &writer);
}
