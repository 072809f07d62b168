/* What the devices say of themselves, counted, and what they cost. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "edgefleet/json.h"
#include "log.h"
#include "swarm/swarm.h"

static bool is_reported(const char *topic) {
    static const char end[] = "/reported";
    size_t length = strlen(topic);
    return length >= sizeof end - 1 && strcmp(topic + length - (sizeof end - 1), end) == 0;
}

static bool has_digest(const ef_json *json, const char *digest) {
    uint16_t active = ef_json_member(json, 0, "active");
    return active != EF_JSON_NONE && ef_json_text_is(json, ef_json_member(json, active, "digest"), digest);
}

/* Whether a report of phase Confirmed says what the swarm is run for. */
static bool reaches_goal(const px_swarm_options *options, const ef_json *json) {
    if (!options->has_goal) {
        return true;
    }
    if (options->goal_generation < 0) {
        return has_digest(json, options->goal_digest);
    }
    return ef_json_integer(json, ef_json_member(json, 0, "observedGeneration")) >= options->goal_generation;
}

void census_note(px_member *member, const char *topic, const uint8_t *bytes, size_t length) {
    static ef_json_token tokens[EF_JSON_TOKENS_MAX];
    px_census *census = &member->swarm->census;
    ef_json json;
    if (!is_reported(topic) || ef_json_parse(bytes, length, tokens, EF_JSON_TOKENS_MAX, &json) != EF_REASON_OK) {
        return;
    }
    uint16_t said = ef_json_member(&json, 0, "phase");
    uint8_t phase = 0;
    while (phase < EF_PHASE_COUNT - 1 && !ef_json_text_is(&json, said, ef_phase_names[phase])) {
        phase++;
    }
    if (member->reported) {
        census->phases[member->phase]--;
        census->reached -= member->reached ? 1 : 0;
    }
    member->reported = true;
    member->phase = phase;
    member->reached = phase == EF_PHASE_CONFIRMED && reaches_goal(&member->swarm->options, &json);
    census->phases[phase]++;
    census->reached += member->reached ? 1 : 0;
}

/* This process's share of memory: its own pages, and of shared ones its part. */
static size_t read_pss(void) {
    char line[256];
    size_t kilobytes = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %zu", &kilobytes) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kilobytes * 1024u;
}

static double read_cpu(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void census_begin(px_census *census) {
    *census = (px_census){.began_ms = now_ms(), .pss_before = read_pss()};
}

static uint32_t count_failed(const px_census *census) {
    return census->phases[EF_PHASE_FAILED] + census->phases[EF_PHASE_REJECTED] + census->phases[EF_PHASE_ROLLED_BACK];
}

void census_say(const px_swarm *swarm) {
    const px_census *census = &swarm->census;
    say(LEVEL_INFO, "%u of %u connected, %u confirmed, %u failed; %u at the registry, %u wait for it",
        (unsigned)census->connected, (unsigned)swarm->options.count, (unsigned)census->reached,
        (unsigned)count_failed(census), (unsigned)swarm->registry_turnstile.inside,
        (unsigned)swarm->registry_turnstile.waiting);
}

/* Flash in memory: all of it, and what the slots hold, manifests and models (docs/firmware.md, "Flash"). */
static void measure_flash(const px_swarm *swarm, size_t *all, size_t *slots) {
    enum { MANIFESTS_AT = 0x2000, MANIFESTS_END = 0xA000 };
    *all = 0;
    *slots = 0;
    for (uint32_t i = 0; i < swarm->options.count; i++) {
        const px_memory_flash *flash = &swarm->members[i].flash;
        uint32_t models_at = flash->size - 2 * swarm->options.slot_bytes;
        *all += memory_flash_resident(flash, 0, flash->size);
        *slots += memory_flash_resident(flash, MANIFESTS_AT, MANIFESTS_END) +
                  memory_flash_resident(flash, models_at, flash->size);
    }
}

void census_print(const px_swarm *swarm) {
    const px_census *census = &swarm->census;
    size_t count = swarm->options.count;
    size_t flash = 0;
    size_t slots = 0;
    uint64_t connected = census->all_connected_ms > 0 ? census->all_connected_ms - census->began_ms : 0;
    measure_flash(swarm, &flash, &slots);
    size_t grown = read_pss() - census->pss_before;
    printf("{\"n\":%zu,\"connected\":%u,\"confirmed\":%u,\"failed\":%u,\"seconds\":%.3f,\"secondsToConnect\":%.3f,"
           "\"restarts\":%llu,\"modelCrashes\":%llu,\"registryConnections\":%llu,\"cpuSeconds\":%.3f,"
           "\"rssBytesPerDevice\":%zu,\"slotBytesPerDevice\":%zu,\"flashBytesPerDevice\":%zu,\"agentBytes\":%zu}\n",
           count, (unsigned)census->connected, (unsigned)census->reached, (unsigned)count_failed(census),
           (double)(now_ms() - census->began_ms) / 1e3, (double)connected / 1e3,
           (unsigned long long)census->restarts, (unsigned long long)swarm->models.crashes,
           (unsigned long long)census->downloads, read_cpu(), grown / count, slots / count, flash / count,
           ef_agent_size());
    fflush(stdout);
}
