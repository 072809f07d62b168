/* The table that the core calls, for one device of many. */
#include <psa/crypto.h>
#include <stdio.h>
#include <time.h>

#include "log.h"
#include "swarm/swarm.h"

/* Ends the call that this device is in: member_work goes on from there. */
_Noreturn static void leave_call(px_member *member, const char *why) {
    say(LEVEL_WARNING, "%s: restarts: %s", member->id, why);
    longjmp(member->swarm->way_out, 1);
}

static uint64_t read_clock(void *context) {
    const px_member *member = context;
    uint64_t now = member->registry_turn.state == TURN_WAITING ? member->waits_since_ms : now_ms();
    return now - member->waited_ms;
}

static int64_t read_calendar(void *context) {
    struct timespec now;
    (void)context;
    return clock_gettime(CLOCK_REALTIME, &now) == 0 ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 : 0;
}

static bool fill_random(void *context, void *out, size_t length) {
    (void)context;
    return psa_generate_random(out, length) == PSA_SUCCESS;
}

static void write_log(void *context, const char *text) {
    say(LEVEL_INFO, "%s: %s", ((px_member *)context)->id, text);
}

static void arm_watchdog(void *context, uint32_t ms) {
    ((px_member *)context)->watchdog_ms = now_ms() + ms;
}

static void disarm_watchdog(void *context) {
    px_member *member = context;
    if (member->watchdog_ms > 0 && now_ms() >= member->watchdog_ms) {
        leave_call(member, "watchdog"); /* one thread: a hang shows when it is over */
    }
    member->watchdog_ms = 0;
}

static void restart(void *context, const char *why) {
    leave_call(context, why);
}

static bool read_flash(void *context, uint32_t offset, void *out, size_t length) {
    return memory_flash_read(&((px_member *)context)->flash, offset, out, length);
}

static bool program_flash(void *context, uint32_t offset, const void *bytes, size_t length) {
    return memory_flash_program(&((px_member *)context)->flash, offset, bytes, length);
}

static bool erase_flash(void *context, uint32_t offset) {
    return memory_flash_erase(&((px_member *)context)->flash, offset);
}

static const uint8_t *map_flash(void *context, uint32_t offset, size_t length) {
    return memory_flash_map(&((px_member *)context)->flash, offset, length);
}

static void take_stream(px_member *member) {
    px_swarm *swarm = member->swarm;
    uint32_t index = 0;
    while (swarm->users[index] != NULL) {
        index++; /* there is one: no more are inside than there are streams */
    }
    swarm->users[index] = member;
    member->stream = &swarm->streams[index];
    swarm->census.downloads++;
}

static ef_io open_stream(void *context, ef_peer peer) {
    px_member *member = context;
    if (member->registry_turn.state == TURN_NONE) {
        member->waits_since_ms = now_ms();
    }
    if (!turnstile_enter(&member->swarm->registry_turnstile, &member->registry_turn)) {
        return EF_IO_AGAIN;
    }
    if (member->stream == NULL) {
        take_stream(member);
    }
    return stream_open(member->stream, peer);
}

static ef_io read_stream(void *context, uint8_t *out, size_t capacity, size_t *got) {
    px_member *member = context;
    *got = 0;
    return member->stream != NULL ? stream_read(member->stream, out, capacity, got) : EF_IO_FAILED;
}

static ef_io write_stream(void *context, const uint8_t *bytes, size_t length, size_t *put) {
    px_member *member = context;
    *put = 0;
    return member->stream != NULL ? stream_write(member->stream, bytes, length, put) : EF_IO_FAILED;
}

static void close_stream(void *context) {
    px_member *member = context;
    px_swarm *swarm = member->swarm;
    if (member->registry_turn.state == TURN_WAITING) {
        member->waited_ms += now_ms() - member->waits_since_ms;
    }
    if (member->stream != NULL) {
        stream_close(member->stream);
        swarm->users[member->stream - swarm->streams] = NULL;
        member->stream = NULL;
    }
    turnstile_leave(&swarm->registry_turnstile, &member->registry_turn);
    swarm_admit(swarm, &swarm->registry_turnstile);
}

static bool subscribe(void *context, const char *topic, int qos) {
    px_member *member = context;
    return mqtt_client_subscribe(&member->client, &member->swarm->room, topic, qos, now_ms());
}

static bool unsubscribe(void *context, const char *topic) {
    px_member *member = context;
    return mqtt_client_unsubscribe(&member->client, &member->swarm->room, topic, now_ms());
}

static bool publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    px_member *member = context;
    if (!mqtt_client_publish(&member->client, &member->swarm->room, topic, bytes, length, qos, retain, now_ms())) {
        return false;
    }
    census_note(member, topic, bytes, length);
    return true;
}

static bool load_model(void *context, const uint8_t *model, size_t length, uint32_t arena_bytes,
                       ef_inference_info *info) {
    px_member *member = context;
    px_models_result result =
        models_load(&member->swarm->models, &member->loaded, model, length, arena_bytes, info);
    if (result == MODELS_CRASHED) {
        leave_call(member, "the model crashed");
    }
    return result == MODELS_DONE;
}

static uint8_t *model_input(void *context, size_t *bytes) {
    px_member *member = context;
    return models_input(&member->swarm->models, &member->loaded, bytes);
}

static const uint8_t *invoke_model(void *context, size_t *bytes) {
    px_member *member = context;
    const uint8_t *output = NULL;
    px_models_result result = models_invoke(&member->swarm->models, &member->loaded, &output, bytes);
    if (result == MODELS_CRASHED) {
        leave_call(member, "the model crashed");
    }
    return output;
}

static void unload_model(void *context) {
    px_member *member = context;
    models_unload(&member->swarm->models, &member->loaded);
}

void member_wire(px_member *member) {
    /* No sensors: five thousand times 4096 samples a second would measure this machine, not a fleet. */
    member->hal = (ef_hal){
        .context = member,
        .clock = {read_clock, read_calendar},
        .random = {fill_random},
        .log = {write_log},
        .watchdog = {arm_watchdog, disarm_watchdog, restart},
        .flash = {read_flash, program_flash, erase_flash, map_flash},
        .stream = {open_stream, read_stream, write_stream, close_stream, {member->swarm->host, NULL}},
        .mqtt = {subscribe, publish, unsubscribe},
        .inference = {load_model, model_input, invoke_model, unload_model},
    };
}
