#include "swarm/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const char usage[] =
    "usage: edgefleet-swarm -n COUNT --identity DIR --broker HOST:PORT --registry HOST:PORT\n"
    "                       (--inference-socket PATH | --inference-command COMMAND)\n"
    "\n"
    "Thousands of virtual devices in one process and one thread: the fleet's firmware core, once a device.\n"
    "\n"
    "  -n, --count N               devices\n"
    "  --first-id N                number of the first one (default: 0)\n"
    "  --id-pattern TEXT           their ids, with one %d or %0Nd for the number (default: press-%05d)\n"
    "  --identity DIR              ca.crt, device.crt, device.key and keys.json: one identity for all of them\n"
    "  --broker HOST:PORT          without TLS; a device's username is its id\n"
    "  --username-less             they say no username\n"
    "  --registry-name NAME        what the registry's certificate must prove (default: its HOST)\n"
    "  --registry-connections N    at once; whoever comes later waits (default: 32)\n"
    "  --broker-handshakes N       at once (default: 64)\n"
    "  --inference-socket PATH     of `python -m edgefleet_tflm serve`\n"
    "  --inference-command TEXT    or a command that speaks its protocol\n"
    "  --class NAME                device class (default: esp32)\n"
    "  --firmware-version SEMVER   (default: 1.0.0)\n"
    "  --slot-bytes N              of a model slot, a multiple of 4096 (default: 65536)\n"
    "  --arena-bytes N             for tensors (default: 16384)\n"
    "  --ram-bytes N               of a board (default: 327680)\n"
    "  --until confirmed:GOAL      end when all have confirmed a generation, or the model of a SHA-256\n"
    "  --timeout SECONDS           end without it\n"
    "  --quiet                     no progress\n"
    "\n"
    "SIGUSR1 prints a line of JSON, and so does the end. Exit status: 0 told to stop, or the goal is reached;\n"
    "64 something that you must mend; 70 a panic; 75 the timeout came first.\n";

/* Text with one place for a number. */
static bool read_pattern(void *out, const char *name, char *text) {
    px_swarm_options *options = out;
    const char *percent = strchr(text, '%');
    const char *at = percent != NULL ? percent + 1 : text;
    size_t before = percent != NULL ? (size_t)(percent - text) : 0;
    options->digits = 1;
    if (at[0] == '0' && at[1] >= '1' && at[1] <= '9') {
        options->digits = at[1] - '0';
        at += 2;
    }
    if (percent == NULL || *at != 'd' || strchr(at, '%') != NULL || before > EF_DEVICE_ID_MAX ||
        strlen(at + 1) > EF_DEVICE_ID_MAX) {
        say(LEVEL_ERROR, "--%s: one %%d or %%0Nd in a device's id, not '%s'", name, text);
        return false;
    }
    memcpy(options->before, text, before);
    options->before[before] = '\0';
    strcpy(options->after, at + 1);
    return true;
}

static bool read_goal(void *out, const char *name, char *text) {
    px_swarm_options *options = out;
    static const char word[] = "confirmed:";
    const char *goal = text + sizeof word - 1;
    options->has_goal = true;
    options->goal_generation = -1;
    if (strncmp(text, word, sizeof word - 1) == 0 && strlen(goal) == 64 &&
        strspn(goal, "0123456789abcdef") == 64) {
        strcpy(options->goal_digest, goal);
        return true;
    }
    if (strncmp(text, word, sizeof word - 1) == 0 && *goal != '\0' && strlen(goal) < 16 &&
        strspn(goal, "0123456789") == strlen(goal)) {
        options->goal_generation = strtoll(goal, NULL, 10);
        return true;
    }
    say(LEVEL_ERROR, "--%s: confirmed:GENERATION or confirmed:SHA256, not '%s'", name, text);
    return false;
}

/* A number, or none. */
static bool read_first(void *out, const char *name, char *text) {
    *(uint32_t *)out = 0;
    return strcmp(text, "0") == 0 || argument_read_count(out, name, text);
}

#define AT(member) offsetof(px_swarm_options, member)

static const px_argument table[] = {
    {"count", argument_read_count, AT(count), true, 'n'},
    {"identity", argument_read_text, AT(identity), true, 0},
    {"broker", argument_read_endpoint, AT(broker), true, 0},
    {"registry", argument_read_endpoint, AT(registry), true, 0},
    {"first-id", read_first, AT(first), false, 0},
    {"id-pattern", read_pattern, 0, false, 0},
    {"username-less", argument_read_flag, AT(no_username), false, 0},
    {"registry-name", argument_read_text, AT(registry_name), false, 0},
    {"registry-connections", argument_read_count, AT(registry_connections), false, 0},
    {"broker-handshakes", argument_read_count, AT(broker_handshakes), false, 0},
    {"inference-socket", argument_read_text, AT(inference_socket), false, 0},
    {"inference-command", argument_read_text, AT(inference_command), false, 0},
    {"class", argument_read_label, AT(device_class), false, 0},
    {"firmware-version", argument_read_semver, AT(firmware_version), false, 0},
    {"slot-bytes", argument_read_count, AT(slot_bytes), false, 0},
    {"arena-bytes", argument_read_count, AT(arena_bytes), false, 0},
    {"ram-bytes", argument_read_count, AT(ram_bytes), false, 0},
    {"until", read_goal, 0, false, 0},
    {"timeout", argument_read_count, AT(timeout_s), false, 0},
    {"quiet", argument_read_flag, AT(quiet), false, 0},
    {NULL, NULL, 0, false, 0},
};
_Static_assert(sizeof table / sizeof table[0] <= ARGUMENTS_MAX + 1, "the table has too many rows");

bool swarm_options_name(const px_swarm_options *options, uint32_t index, char id[EF_DEVICE_ID_MAX + 1]) {
    char text[3 * EF_DEVICE_ID_MAX];
    uint64_t number = (uint64_t)options->first + index;
    snprintf(text, sizeof text, "%s%0*llu%s", options->before, options->digits, (unsigned long long)number,
             options->after);
    if (strlen(text) > EF_DEVICE_ID_MAX || !argument_matches(EF_PATTERN_DNS_LABEL, text)) {
        return false;
    }
    strcpy(id, text);
    return true;
}

static bool check(px_swarm_options *options) {
    char id[EF_DEVICE_ID_MAX + 1];
    if (!argument_check_inference(options->inference_socket, options->inference_command) ||
        !argument_check_slot(options->slot_bytes)) {
        return false;
    }
    if (!swarm_options_name(options, 0, id) || !swarm_options_name(options, options->count - 1, id)) {
        say(LEVEL_ERROR, "--id-pattern: the first or the last id is none of a device");
        return false;
    }
    if (options->registry_name == NULL) {
        options->registry_name = options->registry.host;
    }
    return true;
}

options_outcome swarm_options_read(px_swarm_options *options, int count, char **arguments) {
    *options = (px_swarm_options){.before = "press-",
                                  .digits = 5,
                                  .device_class = "esp32",
                                  .firmware_version = "1.0.0",
                                  .ram_bytes = 327680,
                                  .slot_bytes = 65536,
                                  .arena_bytes = 16384,
                                  .registry_connections = 32,
                                  .broker_handshakes = 64};
    options_outcome outcome = arguments_read(options, table, usage, count, arguments);
    return outcome == OPTIONS_RUN && !check(options) ? OPTIONS_WRONG : outcome;
}
