#include "sense_bench.h"

#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "edgefleet/topic.h"

static bool is_tested(const sense_bench *s) {
    ef_step step = s->b.agent != NULL ? s->b.agent->update.step : EF_STEP_REST;
    return step == EF_STEP_CHECK || step == EF_STEP_COMMIT;
}

static bool start(void *context, uint32_t rate_hz) {
    sense_bench *s = context;
    s->b.broken += rate_hz != EF_WINDOW_RATE_HZ || s->running;
    s->starts++;
    s->running = !s->do_not_start;
    s->started_ms = s->b.now_ms;
    s->read_frames = 0;
    return s->running;
}

static void stop(void *context) {
    sense_bench *s = context;
    s->b.broken += !s->running;
    s->running = false;
}

static ef_io read_frames(void *context, ef_sensor_frame *frames, size_t capacity, size_t *got) {
    sense_bench *s = context;
    uint64_t there = (s->b.now_ms - s->started_ms) * EF_WINDOW_RATE_HZ / 1000 - s->read_frames;
    s->b.broken += !s->running;
    s->reads_while_tested += is_tested(s);
    if (s->do_not_read) {
        return EF_IO_FAILED;
    }
    if (s->lose > 0 && --s->lose == 0) {
        s->machine.seconds += 0.107; /* no whole number of turns of anything */
        return EF_IO_END;
    }
    *got = there < capacity ? (size_t)there : capacity;
    machine_sample(&s->machine, frames, *got);
    s->read_frames += *got;
    return *got > 0 ? EF_IO_OK : EF_IO_AGAIN;
}

static bool temperature(void *context, float *celsius) {
    sense_bench *s = context;
    *celsius = s->machine.celsius;
    return !s->no_temperature;
}

static bool set_valve(void *context, bool open) {
    sense_bench *s = context;
    size_t length = strlen(s->moves);
    if (!s->valve_sticks && length + 1 < sizeof s->moves) {
        s->moves[length] = open ? 'o' : 'c';
        s->moves[length + 1] = '\0';
    }
    return !s->valve_sticks;
}

static const uint8_t *invoke(void *context, size_t *bytes) {
    sense_bench *s = context;
    s->inferences_unwatched += s->b.watchdog_ms == 0 && !is_tested(s); /* golden vectors are the trial's matter */
    return s->base.inference.invoke(context, bytes);
}

/* Telemetry topics are this file's, all others the bench's. */
static bool is_telemetry(const char *topic) {
    char id[EF_DEVICE_ID_MAX + 1];
    return ef_topic_parse(topic, strlen(topic), id) == &ef_topics[EF_TOPIC_TELEMETRY];
}

static char *find_topic(sense_bench *s, const char *topic) {
    for (unsigned i = 0; i < SENSE_TOPICS_MAX; i++) {
        if (strcmp(s->topics[i], topic) == 0) {
            return s->topics[i];
        }
    }
    return NULL;
}

static bool subscribe(void *context, const char *topic, int qos) {
    sense_bench *s = context;
    if (!is_telemetry(topic)) {
        return s->base.mqtt.subscribe(context, topic, qos);
    }
    if (s->b.broker_refuses) {
        return false;
    }
    s->b.broken += find_topic(s, topic) != NULL || qos != 1;
    (void)snprintf(find_topic(s, ""), SENSE_TOPIC_MAX, "%s", topic);
    return true;
}

static bool unsubscribe(void *context, const char *topic) {
    sense_bench *s = context;
    char *found = find_topic(s, topic);
    s->b.broken += found == NULL;
    if (found != NULL) {
        found[0] = '\0';
    }
    return true;
}

static bool publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    sense_bench *s = context;
    char id[EF_DEVICE_ID_MAX + 1];
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_json_token tokens[EF_JSON_TOKENS_MAX];
    const ef_topic *kind = ef_topic_parse(topic, strlen(topic), id);
    sense_said *said = kind == &ef_topics[EF_TOPIC_TELEMETRY] ? &s->telemetry
                       : kind == &ef_topics[EF_TOPIC_ANOMALY] ? &s->anomaly
                       : kind == &ef_topics[EF_TOPIC_DEVICE_ALERT] ? &s->alert : NULL;
    if (said == NULL) {
        return s->base.mqtt.publish(context, topic, bytes, length, qos, retain);
    }
    if (s->b.broker_refuses) {
        return false;
    }
    if (strcmp(id, s->b.config.device_id) != 0 || qos != kind->qos || retain != kind->retain ||
        ef_contract_read(&ef_documents[kind->document], bytes, length, tokens, EF_JSON_TOKENS_MAX, &json, &fault) != EF_REASON_OK) {
        printf("    no contract allows, at %s: %s %.*s\n", fault.path, topic, (int)length, (const char *)bytes);
        s->b.broken++;
        return true;
    }
    said->count++;
    (void)snprintf(said->last, sizeof said->last, "%.*s", (int)length, (const char *)bytes);
    if (s->b.documents != NULL) {
        fprintf(s->b.documents, "%s\t%.*s\n", topic, (int)length, (const char *)bytes);
    }
    return true;
}

bench_end sense_boot(sense_bench *s) {
    memset(s->b.config.sense_memory, 0xA5, ef_sense_size());
    memset(s->topics, 0, sizeof s->topics);
    s->running = false;
    s->b.watchdog_ms = 0;
    return bench_boot(&s->b);
}

void sense_make(sense_bench *s, const test_setting *setting) {
    memset(s, 0, sizeof *s);
    bench_make(&s->b, setting->updates, setting->documents);
    machine_make(&s->machine, 3);
    s->base = s->b.hal;
    s->b.config.sense_memory = malloc(ef_sense_size());
    s->b.config.sense_work = malloc(EF_FEATURES_WORK * sizeof(float));
    if (s->b.config.sense_memory == NULL || s->b.config.sense_work == NULL) {
        give_up("no memory", "sense");
    }
    ef_hal *hal = &s->b.hal;
    hal->sensors = (ef_hal_sensors){s->machine.scales.ampere, s->machine.scales.metre_per_second2,
                                    s->machine.scales.pascal, start, stop, read_frames, temperature};
    hal->actuator.set_valve = set_valve;
    hal->inference.invoke = invoke;
    hal->mqtt.publish = publish;
    hal->mqtt.subscribe = subscribe;
    hal->mqtt.unsubscribe = unsubscribe;
    CHECK(sense_boot(s) == BENCH_RAN);
}

void sense_end(sense_bench *s) {
    CHECK(s->b.broken == 0);
    CHECK(s->reads_while_tested == 0);
    CHECK(s->inferences_unwatched == 0);
    free(s->b.config.sense_memory);
    free(s->b.config.sense_work);
    bench_free(&s->b);
}

void sense_obey(sense_bench *s, const char *name) {
    CHECK(bench_send(&s->b, name) == BENCH_RAN);
    CHECK(bench_settle(&s->b) == BENCH_RAN);
}

void sense_windows(sense_bench *s, unsigned count) {
    uint32_t period = s->b.agent->command.settings.sample_period_ms;
    CHECK(bench_run(&s->b, (uint64_t)count * (period > 0 ? period : 1000)) == BENCH_RAN);
}

void sense_forget(sense_bench *s) {
    memset(&s->telemetry, 0, sizeof s->telemetry);
    memset(&s->anomaly, 0, sizeof s->anomaly);
    memset(&s->alert, 0, sizeof s->alert);
    s->moves[0] = '\0';
    s->starts = 0;
}

const char *sense_text(const sense_said *said, const char *path) {
    static char texts[4][EF_TELEMETRY_MAX + 1];
    static unsigned turn;
    char *text = texts[turn++ % 4]; /* several of them in one expression */
    char name[64];
    ef_json json;
    ef_json_token tokens[EF_JSON_TOKENS_MAX];
    text[0] = '\0';
    if (ef_json_parse((const uint8_t *)said->last, strlen(said->last), tokens, EF_JSON_TOKENS_MAX, &json) !=
        EF_REASON_OK) {
        return text;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "."), path);
    uint16_t token = ef_json_member(&json, 0, name);
    if (token != EF_JSON_NONE && strchr(path, '.') != NULL) {
        token = (uint16_t)(token + 1 + atoi(strchr(path, '.') + 1));
    }
    if (token != EF_JSON_NONE) {
        const ef_json_token *found = &json.tokens[token];
        (void)snprintf(text, EF_TELEMETRY_MAX, "%.*s", (int)(found->end - found->start), said->last + found->start);
        if (found->type == EF_JSON_TRUE || found->type == EF_JSON_FALSE) {
            strcpy(text, found->type == EF_JSON_TRUE ? "true" : "false"); /* a literal has no text in its token */
        }
    }
    return text;
}

void sense_hear(sense_bench *s, const char *id, const char *document) {
    char topic[SENSE_TOPIC_MAX];
    CHECK(ef_topic_build(&ef_topics[EF_TOPIC_TELEMETRY], id, topic, sizeof topic));
    ef_agent_message(s->b.agent, topic, strlen(topic), (const uint8_t *)document, strlen(document));
}

bool sense_is_subscribed(const sense_bench *s, const char *id) {
    char topic[SENSE_TOPIC_MAX];
    (void)snprintf(topic, sizeof topic, "fleet/v1/tele/%s", id);
    return find_topic((sense_bench *)(uintptr_t)s, topic) != NULL;
}
