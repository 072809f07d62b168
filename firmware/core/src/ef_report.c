#include "ef_report.h"

#include <string.h>

#include "edgefleet/topic.h"
#include "ef_provision.h"
#include "ef_scratch.h"
#include "ef_sense.h"
#include "ef_slots.h"

/* One more attempt is none: it is said with the next thing that is. */
static bool is_news(const ef_outcome *before, const ef_outcome *after) {
    return before->generation != after->generation || before->phase != after->phase ||
           before->reason != after->reason || strcmp(before->note, after->note) != 0;
}

static void set_outcome(ef_agent *agent, ef_phase phase, ef_reason reason, const char *note, bool final) {
    ef_outcome outcome = {.generation = agent->command.generation,
                          .attempts = agent->update.attempts,
                          .phase = (uint8_t)phase,
                          .reason = (uint8_t)reason,
                          .final = final};
    if (note != NULL) {
        ef_writer writer;
        ef_writer_begin(&writer, outcome.note, sizeof outcome.note);
        ef_put_text(&writer, note);
    }
    agent->must_report = agent->must_report || is_news(&agent->outcome, &outcome);
    agent->outcome = outcome;
}

void ef_report_phase(ef_agent *agent, ef_phase phase, ef_reason reason, const char *note) {
    set_outcome(agent, phase, reason, note, false);
}

void ef_report_end(ef_agent *agent, ef_phase phase, ef_reason reason, const char *note) {
    set_outcome(agent, phase, reason, note, true);
    if (!ef_journal_put(&agent->journal, EF_RECORD_OUTCOME, &agent->outcome, sizeof agent->outcome)) {
        agent->hal->log.write(agent->hal->context, "the outcome of the update cannot be stored");
    }
}

void ef_report_refusal(ef_agent *agent, const char *what, ef_reason reason, const ef_fault *fault) {
    ef_writer writer;
    if (agent->refused == reason && strcmp(agent->refused_what, what) == 0) {
        return; /* whoever repeats it does not make the device talk */
    }
    agent->refused = reason;
    agent->refused_what = what;
    ef_writer_begin(&writer, agent->refusal, sizeof agent->refusal);
    ef_put_text(&writer, "refused a ");
    ef_put_text(&writer, what);
    ef_put_text(&writer, ": ");
    ef_put_text(&writer, ef_reason_names[reason]);
    if (fault->path[0] != '\0') {
        ef_put_text(&writer, " at ");
        ef_put_text(&writer, fault->path);
    }
    agent->hal->log.write(agent->hal->context, agent->refusal);
    agent->must_report = true;
}

void ef_report_acceptance(ef_agent *agent) {
    agent->refused = EF_REASON_OK;
    agent->refusal[0] = '\0';
    agent->must_report = true;
}

static void put_message(const ef_agent *agent, ef_writer *writer) {
    char text[EF_MESSAGE_MAX + 1];
    ef_writer message;
    const char *note = ef_agent_is_activated(agent) ? agent->outcome.note : agent->config->provision->note;
    ef_writer_begin(&message, text, sizeof text);
    ef_put_text(&message, note);
    if (agent->refusal[0] != '\0') {
        ef_put_text(&message, note[0] != '\0' ? "; " : "");
        ef_put_text(&message, agent->refusal);
    }
    if (message.length > 0) {
        ef_json_put_text(writer, "message", text);
    }
}

static void put_installed(const ef_agent *agent, ef_writer *writer, const char *name, unsigned index) {
    const ef_slot *slot = &agent->slots[index];
    ef_json_open(writer, name, '{');
    ef_json_put_text(writer, "model", slot->model);
    ef_json_put_text(writer, "version", slot->version);
    ef_json_put_hex(writer, "digest", slot->sha256, EF_SHA256_BYTES);
    ef_json_put_hex(writer, "manifestDigest", slot->manifest_digest, EF_SHA256_BYTES);
    ef_json_put_text(writer, "slot", index == 0 ? "a" : "b");
    ef_json_close(writer, '}');
}

static void put_models(const ef_agent *agent, ef_writer *writer) {
    unsigned other = ef_slot_inactive(agent);
    if (agent->active != EF_SLOT_NONE) {
        put_installed(agent, writer, "active", agent->active);
        if (agent->slots[other].state == EF_SLOT_VALID) {
            put_installed(agent, writer, "previous", other);
        }
    }
}

static void put_capabilities(const ef_agent_config *config, bool with_ops, ef_writer *writer) {
    ef_json_open(writer, "capabilities", '{');
    ef_json_put_integer(writer, "ramBytes", config->ram_bytes);
    ef_json_put_integer(writer, "slotBytes", config->slot_bytes);
    ef_json_put_integer(writer, "arenaBytes", config->arena_bytes);
    ef_json_put_text(writer, "runtime", "tflm");
    ef_json_put_text(writer, "accelerator", "none");
    if (with_ops && config->ops != NULL && config->ops_count <= EF_OPS_MAX) {
        ef_json_open(writer, "ops", '[');
        for (size_t i = 0; i < config->ops_count; i++) {
            ef_json_put_text(writer, NULL, config->ops[i]);
        }
        ef_json_close(writer, ']');
    }
    ef_json_close(writer, '}');
}

static void put_key_ids(const ef_key_bundle *keys, ef_writer *writer) {
    ef_json_open(writer, "keyIds", '[');
    for (size_t i = 0; i < keys->release_count; i++) {
        ef_json_put_text(writer, NULL, keys->release_keys[i].keyid);
    }
    for (size_t i = 0; i < keys->assignment_count; i++) {
        ef_json_put_text(writer, NULL, keys->assignment_keys[i].keyid);
    }
    ef_json_close(writer, ']');
}

static void put_run(const ef_agent *agent, ef_writer *writer) {
    if (agent->loaded) {
        ef_json_put_integer(writer, "arenaUsedBytes", agent->arena_used);
    }
    if (agent->tested) {
        ef_json_open(writer, "selfTest", '{');
        ef_json_put_integer(writer, "passed", agent->test.passed);
        ef_json_put_integer(writer, "total", agent->test.total);
        ef_json_put_integer(writer, "maxLsb", agent->test.max_lsb);
        ef_json_close(writer, '}');
    }
}

static void put_statistics(ef_writer *writer, const char *name, const float values[EF_MOTOR_LEVEL2_FEATURES]) {
    ef_json_open(writer, name, '[');
    for (unsigned i = 0; i < EF_MOTOR_LEVEL2_FEATURES; i++) {
        ef_json_put_float(writer, NULL, values[i]);
    }
    ef_json_close(writer, ']');
}

static void put_baseline(const ef_agent *agent, ef_writer *writer) {
    const ef_baseline *baseline = ef_sense_baseline(agent);
    if (baseline != NULL) {
        ef_json_open(writer, "baseline", '{');
        ef_json_put_text(writer, "token", baseline->token);
        ef_json_put_integer(writer, "windows", baseline->windows);
        put_statistics(writer, "means", baseline->means);
        put_statistics(writer, "stds", baseline->stds);
        ef_json_close(writer, '}');
    }
}

static void begin_document(const ef_agent *agent, ef_writer *writer, char *text, size_t capacity) {
    ef_writer_begin(writer, text, capacity);
    ef_json_open(writer, NULL, '{');
    ef_json_put_integer(writer, "schema", EF_SCHEMA_VERSION);
    ef_json_put_text(writer, "deviceID", agent->config->device_id);
}

static size_t write_report(const ef_agent *agent, bool with_ops, char *text, size_t capacity) {
    ef_writer writer;
    const ef_outcome *outcome = &agent->outcome;
    bool activated = ef_agent_is_activated(agent);
    begin_document(agent, &writer, text, capacity);
    ef_json_put_text(&writer, "enrolmentId", agent->enrolment.token);
    ef_json_put_integer(&writer, "bootCount", agent->boot_count);
    ef_json_put_integer(&writer, "seq", agent->reports);
    ef_json_put_text(&writer, "firmwareVersion", agent->config->firmware_version);
    ef_json_put_integer(&writer, "observedGeneration", agent->command.generation);
    ef_json_put_text(&writer, "phase", ef_phase_names[activated ? outcome->phase : EF_PHASE_NOT_ACTIVATED]);
    ef_json_put_text(&writer, "reason", ef_reason_names[activated ? outcome->reason : EF_REASON_NOT_ACTIVATED]);
    put_message(agent, &writer);
    if (outcome->attempts > 0) {
        ef_json_put_integer(&writer, "attempts", outcome->attempts);
    }
    put_models(agent, &writer);
    ef_settings_put(&agent->command.settings, &writer);
    put_capabilities(agent->config, with_ops, &writer);
    put_run(agent, &writer);
    put_baseline(agent, &writer);
    put_key_ids(&agent->keys, &writer);
    ef_json_put_integer(&writer, "securityFloor", agent->security_floor);
    ef_json_close(&writer, '}');
    return writer.full ? 0 : writer.length;
}

size_t ef_report_write(const ef_agent *agent, char *text, size_t capacity) {
    size_t length = write_report(agent, true, text, capacity);
    /* Many operators with long names are the one part that can be too much. */
    return length > 0 ? length : write_report(agent, false, text, capacity);
}

size_t ef_presence_write(const ef_agent *agent, bool online, char *text, size_t capacity) {
    ef_writer writer;
    begin_document(agent, &writer, text, capacity);
    ef_json_put_text(&writer, "status", online ? "online" : "offline");
    ef_json_put_text(&writer, "enrolmentId", agent->enrolment.token);
    ef_json_put_integer(&writer, "bootCount", agent->boot_count);
    ef_json_close(&writer, '}');
    return writer.full ? 0 : writer.length;
}

static bool publish(const ef_agent *agent, ef_topic_kind kind, const char *text, size_t length) {
    char name[EF_TOPIC_NAME_MAX];
    const ef_topic *topic = &ef_topics[kind];
    return length > 0 && ef_topic_build(topic, agent->config->device_id, name, sizeof name) &&
           agent->hal->mqtt.publish(agent->hal->context, name, (const uint8_t *)text, length, topic->qos,
                                    topic->retain);
}

static bool subscribe_to(const ef_agent *agent, ef_topic_kind kind, const char *device_id) {
    char name[EF_TOPIC_NAME_MAX];
    const ef_topic *topic = &ef_topics[kind];
    return ef_topic_build(topic, device_id, name, sizeof name) &&
           agent->hal->mqtt.subscribe(agent->hal->context, name, topic->qos);
}

/* Keys first: the command that follows may be signed with new ones. */
static bool subscribe(const ef_agent *agent) {
    return subscribe_to(agent, EF_TOPIC_KEYS, NULL) &&
           subscribe_to(agent, EF_TOPIC_DESIRED, agent->config->device_id);
}

void ef_report_poll(ef_agent *agent) {
    char *text = (char *)agent->config->scratch->bytes;
    if (!agent->connected) {
        return;
    }
    agent->must_subscribe = agent->must_subscribe && !subscribe(agent);
    if (agent->must_greet) {
        size_t length = ef_presence_write(agent, true, text, EF_PRESENCE_MAX + 1);
        agent->must_greet = !publish(agent, EF_TOPIC_PRESENCE, text, length);
    }
    if (agent->must_report) {
        size_t length = ef_report_write(agent, text, EF_REPORTED_MAX + 1);
        if (publish(agent, EF_TOPIC_REPORTED, text, length)) {
            agent->must_report = false;
            agent->reports++;
        }
    }
}
