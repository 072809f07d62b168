#include "ef_sense.h"

#include <string.h>

#include "ef_scratch.h"
#include "ef_update.h"

enum { GATHER_MS = 20, REST_MS = 1000, RETRY_MS = 10000 };
enum { SAMPLE_PERIOD_MS = 1000, TELEMETRY_PERIOD_MS = 10000, HYSTERESIS_WINDOWS = 3 };

size_t ef_sense_size(void) {
    return sizeof(ef_sense);
}

static ef_sense *sense_of(const ef_agent *agent) {
    return agent->config->sense_memory;
}

static uint64_t now_ms(const ef_agent *agent) {
    return agent->hal->clock.monotonic_ms(agent->hal->context);
}

static uint32_t setting(uint32_t value, uint32_t otherwise) {
    return value > 0 ? value : otherwise;
}

void ef_sense_start(ef_agent *agent) {
    ef_sense *sense = sense_of(agent);
    if (sense == NULL) {
        return;
    }
    memset(sense, 0, sizeof *sense);
    sense->assigned = -1;
    ef_window_make(&sense->window);
    if (!ef_journal_get(&agent->journal, EF_RECORD_BASELINE, &sense->baseline, sizeof sense->baseline) ||
        !ef_baseline_makes_sense(&sense->baseline)) {
        memset(&sense->baseline, 0, sizeof sense->baseline);
    }
}

const ef_baseline *ef_sense_baseline(const ef_agent *agent) {
    const ef_sense *sense = sense_of(agent);
    return sense != NULL && sense->baseline.token[0] != '\0' ? &sense->baseline : NULL;
}

void ef_sense_connected(ef_agent *agent) {
    if (sense_of(agent) != NULL) {
        ef_level2_connected(&sense_of(agent)->level2);
    }
}

/* The runtime and the processor are the tested model's, and nothing is judged by a model that is not accepted. */
static bool is_testing(const ef_agent *agent) {
    return ef_step_phases[agent->update.step] == EF_PHASE_TESTING;
}

void ef_sense_message(ef_agent *agent, const char *id, const uint8_t *bytes, size_t length) {
    ef_sense *sense = sense_of(agent);
    if (sense != NULL && !is_testing(agent)) {
        ef_level2_message(&sense->level2, &sense->judge, agent, id, bytes, length);
    }
}

/* Said once, until the sensors work again. */
static void complain(ef_sense *sense, const ef_agent *agent, const char *what) {
    if (!sense->ails) {
        agent->hal->log.write(agent->hal->context, what);
    }
    sense->ails = true;
    sense->failed++;
    sense->window_ms = now_ms(agent) + RETRY_MS;
}

/* A token that no baseline answers yet asks for one; whatever it takes, power cuts included. */
static void commission(ef_sense *sense, ef_agent *agent) {
    const char *wanted = agent->command.commission;
    if (strcmp(sense->commission, wanted) != 0) {
        strcpy(sense->commission, wanted);
        ef_commissioning_begin(&sense->commissioning);
    }
    if (wanted[0] == '\0' || strcmp(wanted, sense->baseline.token) == 0) {
        return;
    }
    ef_commissioning_add(&sense->commissioning, sense->sample.features);
    if (sense->commissioning.windows < EF_BASELINE_WINDOWS) {
        return;
    }
    ef_baseline *baseline = &agent->config->scratch->baseline;
    ef_commissioning_end(&sense->commissioning, wanted, baseline);
    ef_commissioning_begin(&sense->commissioning);
    /* Used once it is stored: what is reported is there after a restart. */
    if (!ef_journal_put(&agent->journal, EF_RECORD_BASELINE, baseline, sizeof *baseline)) {
        agent->hal->log.write(agent->hal->context, "the baseline cannot be stored; commissioning begins again");
        return;
    }
    sense->baseline = *baseline;
    agent->must_report = true;
}

/* Gives the window to the model; returns whether the verdict flips. */
static bool judge(ef_sense *sense, ef_agent *agent) {
    const ef_settings *settings = &agent->command.settings;
    const float *means = sense->baseline.token[0] != '\0' ? sense->baseline.means : NULL;
    sense->judged = false;
    if (settings->role == EF_ROLE_LEVEL2 || !ef_judge_is_ready(&sense->judge, agent)) {
        return false;
    }
    if (!ef_judge_score(&sense->judge, agent, sense->sample.features, means, &sense->score)) {
        sense->failed++;
        return false;
    }
    sense->judged = true;
    return ef_level1_take(&sense->level1, sense->score, ef_setting_threshold(settings),
                          setting(settings->hysteresis_windows, HYSTERESIS_WINDOWS));
}

/* Telemetry and verdict share their numbers. One that is not taken is counted, and missing in the sequence. */
static void tell(ef_sense *sense, const ef_agent *agent) {
    ef_result result = {.sample = &sense->sample,
                        .score = sense->score,
                        .anomalous = sense->level1.anomalous,
                        .valve = sense->valve.position};
    sense->dropped += ef_telemetry_publish(agent, &sense->sample) ? 0 : 1;
    if (sense->judged) {
        sense->dropped += ef_anomaly_publish(agent, &result) ? 0 : 1;
    }
    sense->sample.seq++;
}

static void take_window(ef_sense *sense, ef_agent *agent) {
    const ef_hal_sensors *sensors = &agent->hal->sensors;
    ef_sensor_scales scales = {sensors->ampere_per_lsb, sensors->metre_per_second2_per_lsb, sensors->pascal_per_lsb};
    float celsius = 0.0f;
    if (!sensors->temperature(agent->hal->context, &celsius) ||
        !ef_features(sense->window.frames, celsius, &scales, agent->config->sense_work, sense->sample.features)) {
        complain(sense, agent, "a window has no features: no temperature, or a scale of the sensors is no number");
        return;
    }
    sense->ails = false;
    sense->sample.device_id = agent->config->device_id;
    sense->sample.boot = agent->boot_count;
    sense->sample.ts = agent->hal->clock.unix_ms(agent->hal->context);
    commission(sense, agent);
    bool flips = judge(sense, agent);
    /* A restart must not open what an anomaly closed: who knows nothing yet moves nothing. */
    if (sense->judged && sense->level1.settled) {
        ef_valve_follow(&sense->valve, sense->level1.anomalous, agent->hal);
    }
    uint64_t period = setting(agent->command.settings.telemetry_period_ms, TELEMETRY_PERIOD_MS);
    if (flips || !sense->told || now_ms(agent) - sense->telemetry_ms >= period) {
        sense->told = true;
        sense->telemetry_ms = now_ms(agent);
        tell(sense, agent);
    }
}

static uint32_t wait_for(const ef_sense *sense, const ef_agent *agent) {
    uint64_t now = now_ms(agent);
    if (sense->window.sampling) {
        return GATHER_MS;
    }
    return sense->window_ms <= now ? 0 : sense->window_ms - now < REST_MS ? (uint32_t)(sense->window_ms - now) : REST_MS;
}

/* Windows begin one period after another, or one after the other where a window takes longer. */
static void begin_window(ef_sense *sense, const ef_agent *agent) {
    sense->window_ms = now_ms(agent) + setting(agent->command.settings.sample_period_ms, SAMPLE_PERIOD_MS);
    if (!ef_window_start(&sense->window, agent->hal)) {
        complain(sense, agent, "the sensors do not start");
    }
}

static uint32_t sample(ef_sense *sense, ef_agent *agent) {
    if (!sense->window.sampling) {
        if (now_ms(agent) >= sense->window_ms) {
            begin_window(sense, agent);
        }
        return wait_for(sense, agent);
    }
    ef_window_state state = ef_window_gather(&sense->window, agent->hal);
    if (state == EF_WINDOW_FAILED) {
        complain(sense, agent, "the sensors cannot be read");
    } else if (state == EF_WINDOW_WHOLE) {
        take_window(sense, agent);
    }
    return wait_for(sense, agent);
}

uint32_t ef_sense_poll(ef_agent *agent) {
    ef_sense *sense = sense_of(agent);
    if (sense == NULL) {
        return REST_MS;
    }
    if (sense->assigned != agent->command.generation) {
        sense->assigned = agent->command.generation;
        ef_level2_assign(&sense->level2, &agent->command.settings, agent->hal);
    }
    bool heard = !agent->connected || ef_level2_subscribe(&sense->level2, agent->hal);
    if (is_testing(agent)) {
        ef_window_stop(&sense->window, agent->hal);
        return REST_MS;
    }
    uint32_t wait = agent->hal->sensors.start != NULL ? sample(sense, agent) : REST_MS;
    return heard || wait < GATHER_MS ? wait : GATHER_MS;
}
