#include "edgefleet/agent.h"

#include <string.h>

#include "edgefleet/pattern.h"
#include "edgefleet/topic.h"
#include "ef_keys.h"
#include "ef_provision.h"
#include "ef_report.h"
#include "ef_scratch.h"
#include "ef_sense.h"
#include "ef_slots.h"
#include "ef_update.h"

static const char token_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t ef_agent_size(void) {
    return sizeof(ef_agent);
}

uint32_t ef_agent_flash_bytes(uint32_t slot_bytes) {
    return ef_model_at(EF_SLOTS, slot_bytes);
}

static bool matches(ef_pattern kind, const char *text) {
    ef_text cursor = {(const uint8_t *)text, (const uint8_t *)text + strlen(text)};
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '\\') {
            return false; /* a cursor wants checked JSON text */
        }
    }
    return ef_pattern_matches(kind, cursor);
}

static bool config_makes_sense(const ef_agent_config *config) {
    return matches(EF_PATTERN_DNS_LABEL, config->device_id) && matches(EF_PATTERN_DNS_LABEL, config->device_class) &&
           matches(EF_PATTERN_SEMVER, config->firmware_version) && config->slot_bytes > 0 &&
           config->slot_bytes % EF_FLASH_SECTOR == 0 && config->slot_bytes <= INT32_MAX / 4 &&
           config->arena_bytes <= INT32_MAX && config->release_count <= EF_KEYS_MAX &&
           config->assignment_count <= EF_KEYS_MAX && config->scratch != NULL &&
           (config->sense_memory == NULL || config->sense_work != NULL);
}

/* Made once, when the board is new. */
static bool enrol(ef_agent *agent) {
    uint8_t random[EF_ENROLMENT_CHARS];
    if (ef_journal_get(&agent->journal, EF_RECORD_ENROLMENT, &agent->enrolment, sizeof agent->enrolment) &&
        ef_enrolment_makes_sense(&agent->enrolment)) {
        return true;
    }
    if (!agent->hal->random.fill(agent->hal->context, random, sizeof random)) {
        return false;
    }
    memset(&agent->enrolment, 0, sizeof agent->enrolment);
    for (size_t i = 0; i < EF_ENROLMENT_CHARS; i++) {
        agent->enrolment.token[i] = token_chars[random[i] % 64];
    }
    return ef_journal_put(&agent->journal, EF_RECORD_ENROLMENT, &agent->enrolment, sizeof agent->enrolment);
}

static bool count_boot(ef_agent *agent) {
    uint32_t boots = 0;
    (void)ef_journal_get(&agent->journal, EF_RECORD_BOOTS, &boots, sizeof boots);
    agent->boot_count = boots + 1;
    return ef_journal_put(&agent->journal, EF_RECORD_BOOTS, &agent->boot_count, sizeof agent->boot_count);
}

static void read_slots(ef_agent *agent) {
    uint32_t active = EF_SLOT_NONE;
    for (unsigned i = 0; i < EF_SLOTS; i++) {
        ef_slot *slot = &agent->slots[i];
        if (!ef_journal_get(&agent->journal, EF_RECORD_SLOTS + i, slot, sizeof *slot) ||
            !ef_slot_makes_sense(slot, agent->config->slot_bytes)) {
            memset(slot, 0, sizeof *slot);
        }
    }
    (void)ef_journal_get(&agent->journal, EF_RECORD_ACTIVE, &active, sizeof active);
    agent->active = active < EF_SLOTS && agent->slots[active].state != EF_SLOT_EMPTY ? active : EF_SLOT_NONE;
}

/* A floor whose record has rotted is at least what a model that passed its test raised it to. */
static void read_floor(ef_agent *agent) {
    int64_t floor = 0;
    if (!ef_journal_get(&agent->journal, EF_RECORD_FLOOR, &floor, sizeof floor) || floor < 0 || floor > INT32_MAX) {
        floor = 0;
    }
    for (unsigned i = 0; i < EF_SLOTS; i++) {
        const ef_slot *slot = &agent->slots[i];
        floor = slot->state == EF_SLOT_VALID && slot->security_version > floor ? slot->security_version : floor;
    }
    agent->security_floor = floor;
}

static void read_records(ef_agent *agent) {
    size_t length = 0;
    ef_journal *journal = &agent->journal;
    ef_workspace workspace = ef_scratch_take(agent);
    if (!ef_journal_get_some(journal, EF_RECORD_COMMAND, &agent->command, sizeof agent->command, &length) ||
        !ef_command_makes_sense(&agent->command, length, &workspace)) {
        memset(&agent->command, 0, sizeof agent->command);
    }
    if (!ef_journal_get(journal, EF_RECORD_OUTCOME, &agent->outcome, sizeof agent->outcome) ||
        !ef_outcome_makes_sense(&agent->outcome) || agent->outcome.generation != agent->command.generation) {
        memset(&agent->outcome, 0, sizeof agent->outcome);
        agent->outcome.generation = agent->command.generation;
    }
    read_slots(agent);
    read_floor(agent);
}

/* A slot that was being tested when power or patience ended is not tried again. */
static void judge_crash(ef_agent *agent) {
    for (unsigned i = 0; i < EF_SLOTS; i++) {
        if (agent->slots[i].state != EF_SLOT_TRYING) {
            continue;
        }
        if (!agent->outcome.final) {
            ef_report_end(agent, EF_PHASE_FAILED, EF_REASON_WATCHDOG_RESET, "restarted while the model was tested");
        }
        (void)ef_slot_set(agent, i, EF_SLOT_FAILED);
    }
}

static bool has_wanted(const ef_agent *agent) {
    return agent->command.manifest_bytes == 0 ||
           (agent->active != EF_SLOT_NONE && memcmp(agent->slots[agent->active].manifest_digest,
                                                    agent->command.manifest_digest, EF_SHA256_BYTES) == 0);
}

static void run_something(ef_agent *agent) {
    unsigned before = agent->active;
    ef_reason reason = ef_slot_run_best(agent);
    unsigned other = ef_slot_inactive(agent);
    if (reason != EF_REASON_OK && agent->active != EF_SLOT_NONE) {
        ef_report_end(agent, EF_PHASE_ROLLED_BACK, reason, "the active model did not hold at boot");
    } else if (reason != EF_REASON_OK) {
        ef_report_phase(agent, EF_PHASE_IDLE, reason, "no model in flash holds");
    }
    if (agent->outcome.phase == EF_PHASE_CONFIRMED && !has_wanted(agent)) {
        /* It ran once and is gone: the command counts as not obeyed yet, and what it wants is fetched again. */
        agent->outcome.final = false;
    }
    /* What is reported as `previous` was read back too. */
    if (agent->active != EF_SLOT_NONE && other != before && agent->slots[other].state == EF_SLOT_VALID &&
        !ef_slot_model_holds(agent, other)) {
        (void)ef_slot_set(agent, other, EF_SLOT_FAILED);
    }
}

bool ef_agent_is_activated(const ef_agent *agent) {
    return agent->activated;
}

/* A command that has not ended goes on where a restart interrupted it, or where activation lets it. */
static void take_up(ef_agent *agent) {
    if (ef_agent_is_activated(agent) && agent->command.generation > 0 && !agent->outcome.final) {
        ef_update_start(agent);
    }
}

ef_agent *ef_agent_start(void *memory, size_t size, const ef_agent_config *config, const ef_hal *hal) {
    ef_agent *agent = memory;
    if (memory == NULL || size < sizeof *agent || !config_makes_sense(config) ||
        (hal->stream.host[EF_PEER_DEVICE_REGISTRY] != NULL && config->provision == NULL)) {
        return NULL;
    }
    memset(agent, 0, sizeof *agent);
    agent->config = config;
    agent->hal = hal;
    agent->active = EF_SLOT_NONE;
    (void)ef_scratch_take(agent); /* whatever lay there, or an agent in this place before, left nothing */
    if (!ef_journal_open(&agent->journal, hal, EF_JOURNAL_AT) || !enrol(agent) || !count_boot(agent)) {
        return NULL;
    }
    read_records(agent);
    ef_keys_choose(&agent->keys, &agent->journal, config);
    judge_crash(agent);
    run_something(agent);
    ef_sense_start(agent);
    if (config->provision != NULL) {
        ef_provision_start(config->provision, hal, &agent->journal, config->device_id, agent->keys.release_count > 0);
    }
    agent->activated = config->provision == NULL || ef_provision_is_done(config->provision);
    take_up(agent);
    return agent;
}

static uint32_t poll_provision(ef_agent *agent) {
    ef_provision *provision = agent->config->provision;
    ef_workspace workspace = ef_scratch_take(agent);
    uint32_t wait = ef_provision_poll(provision, &workspace);
    if (provision->news) {
        provision->news = false;
        ef_keys_choose(&agent->keys, &agent->journal, agent->config);
        agent->must_report = true;
    }
    if (ef_provision_is_done(provision)) {
        agent->activated = true; /* from here on its memory is the caller's again */
        agent->must_subscribe = true;
        take_up(agent);
    }
    return wait;
}

uint32_t ef_agent_poll(ef_agent *agent) {
    bool activated = ef_agent_is_activated(agent);
    uint32_t wait = activated ? ef_update_poll(agent) : poll_provision(agent);
    ef_report_poll(agent);
    uint32_t sense = activated ? ef_sense_poll(agent) : wait;
    wait = sense < wait ? sense : wait;
    bool due = agent->connected && (agent->must_subscribe || agent->must_greet || agent->must_report);
    return due && wait > 20 ? 20 : wait;
}

bool ef_agent_will(const ef_agent *agent, char *topic, size_t topic_size, uint8_t *document, size_t capacity,
                   size_t *length) {
    *length = ef_presence_write(agent, false, (char *)document, capacity);
    return *length > 0 && ef_topic_build(&ef_topics[EF_TOPIC_PRESENCE], agent->config->device_id, topic, topic_size);
}

void ef_agent_connected(ef_agent *agent) {
    agent->connected = true;
    agent->must_subscribe = ef_agent_is_activated(agent);
    agent->must_greet = true;
    agent->must_report = true;
    ef_sense_connected(agent);
}

void ef_agent_disconnected(ef_agent *agent) {
    agent->connected = false;
}

/* Seen first, obeyed then: a command is not forgotten when it makes the device restart. */
static void obey(ef_agent *agent, const ef_command *command) {
    ef_fault none = {EF_REASON_OK, ""};
    ef_command_record *record = &agent->config->scratch->command;
    ef_command_fill(record, command);
    if (!ef_journal_put(&agent->journal, EF_RECORD_COMMAND, record, ef_command_length(record))) {
        ef_report_refusal(agent, "command", EF_REASON_FLASH_ERROR, &none);
        return;
    }
    agent->command = *record;
    ef_update_start(agent);
    ef_report_acceptance(agent);
}

static void hear_command(ef_agent *agent, const uint8_t *bytes, size_t length) {
    ef_command command;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_workspace workspace = ef_scratch_take(agent);
    ef_desired_context context = {
        .device_id = agent->config->device_id,
        .assignment_keys = {agent->keys.assignment_keys, agent->keys.assignment_count},
        .seen = {agent->command.generation, agent->command.generation > 0, {0}},
    };
    memcpy(context.seen.digest, agent->command.payload_digest, EF_SHA256_BYTES);
    ef_reason reason = ef_verify_desired(bytes, length, &context, &workspace, &command, &fault);
    /* The manifest's size is not signed: what someone made of it on the way must not outlast the true message. */
    bool resized = reason == EF_REASON_UNCHANGED && command.has_manifest && !agent->outcome.final &&
                   command.manifest_bytes != agent->command.manifest_bytes;
    if (reason == EF_REASON_OK || resized) {
        obey(agent, &command);
    } else if (reason == EF_REASON_UNCHANGED) {
        agent->must_report = true; /* what is under way goes on; whoever asks again gets the answer again */
    } else {
        ef_report_refusal(agent, "command", reason, &fault);
    }
}

/* Stored first, trusted then. What is under way was judged with the keys of before: it begins again. */
static void hear_keys(ef_agent *agent, const uint8_t *bytes, size_t length) {
    ef_fault fault = {EF_REASON_OK, ""};
    ef_workspace workspace = ef_scratch_take(agent);
    ef_key_bundle *bundle = &agent->config->scratch->keys;
    ef_keyring trusted = {agent->keys.release_keys, agent->keys.release_count};
    ef_reason reason = ef_verify_key_bundle(bytes, length, &trusted, &agent->keys.seen, &workspace, bundle, &fault);
    if (reason == EF_REASON_UNCHANGED) {
        return;
    }
    if (reason == EF_REASON_OK && !ef_keys_store(&agent->journal, bundle)) {
        reason = EF_REASON_FLASH_ERROR;
    }
    if (reason != EF_REASON_OK) {
        ef_report_refusal(agent, "key bundle", reason, &fault);
        return;
    }
    agent->keys = *bundle;
    ef_update_restart(agent);
    ef_report_acceptance(agent);
    /* A command of the new keys may have come before them: the broker gives it again to whom asks again. */
    agent->must_subscribe = true;
}

void ef_agent_message(ef_agent *agent, const char *topic, size_t topic_length, const uint8_t *bytes, size_t length) {
    char id[EF_DEVICE_ID_MAX + 1];
    const ef_topic *kind = ef_topic_parse(topic, topic_length, id);
    if (length == 0 || kind == NULL || !ef_agent_is_activated(agent)) {
        return; /* an empty payload says that what was retained was cleared: nothing to obey */
    }
    if (kind == &ef_topics[EF_TOPIC_KEYS]) {
        hear_keys(agent, bytes, length);
    } else if (kind == &ef_topics[EF_TOPIC_DESIRED] && strcmp(id, agent->config->device_id) == 0) {
        hear_command(agent, bytes, length);
    } else if (kind == &ef_topics[EF_TOPIC_TELEMETRY]) {
        ef_sense_message(agent, id, bytes, length);
    }
}
