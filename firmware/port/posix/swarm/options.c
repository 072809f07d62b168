#include "swarm/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgefleet/hal.h"
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

enum {
    OPTION_HELP = 1,
    OPTION_FIRST,
    OPTION_PATTERN,
    OPTION_IDENTITY,
    OPTION_BROKER,
    OPTION_USERNAME_LESS,
    OPTION_REGISTRY,
    OPTION_REGISTRY_NAME,
    OPTION_REGISTRY_CONNECTIONS,
    OPTION_BROKER_HANDSHAKES,
    OPTION_INFERENCE_SOCKET,
    OPTION_INFERENCE_COMMAND,
    OPTION_CLASS,
    OPTION_FIRMWARE_VERSION,
    OPTION_SLOT_BYTES,
    OPTION_ARENA_BYTES,
    OPTION_RAM_BYTES,
    OPTION_UNTIL,
    OPTION_TIMEOUT,
    OPTION_QUIET
};

static const struct option table[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"count", required_argument, NULL, 'n'},
    {"first-id", required_argument, NULL, OPTION_FIRST},
    {"id-pattern", required_argument, NULL, OPTION_PATTERN},
    {"identity", required_argument, NULL, OPTION_IDENTITY},
    {"broker", required_argument, NULL, OPTION_BROKER},
    {"username-less", no_argument, NULL, OPTION_USERNAME_LESS},
    {"registry", required_argument, NULL, OPTION_REGISTRY},
    {"registry-name", required_argument, NULL, OPTION_REGISTRY_NAME},
    {"registry-connections", required_argument, NULL, OPTION_REGISTRY_CONNECTIONS},
    {"broker-handshakes", required_argument, NULL, OPTION_BROKER_HANDSHAKES},
    {"inference-socket", required_argument, NULL, OPTION_INFERENCE_SOCKET},
    {"inference-command", required_argument, NULL, OPTION_INFERENCE_COMMAND},
    {"class", required_argument, NULL, OPTION_CLASS},
    {"firmware-version", required_argument, NULL, OPTION_FIRMWARE_VERSION},
    {"slot-bytes", required_argument, NULL, OPTION_SLOT_BYTES},
    {"arena-bytes", required_argument, NULL, OPTION_ARENA_BYTES},
    {"ram-bytes", required_argument, NULL, OPTION_RAM_BYTES},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {NULL, 0, NULL, 0},
};

/* Text with one place for a number. */
static bool read_pattern(px_swarm_options *options, const char *text) {
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
        say(LEVEL_ERROR, "--id-pattern: one %%d or %%0Nd in a device's id, not '%s'", text);
        return false;
    }
    memcpy(options->before, text, before);
    options->before[before] = '\0';
    strcpy(options->after, at + 1);
    return true;
}

static bool read_goal(px_swarm_options *options, const char *text) {
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
    say(LEVEL_ERROR, "--until: confirmed:GENERATION or confirmed:SHA256, not '%s'", text);
    return false;
}

static bool read_first(uint32_t *out, const char *text) {
    *out = 0;
    return strcmp(text, "0") == 0 || argument_read_count(out, "first-id", text);
}

static bool read_device_option(px_swarm_options *options, int which, const char *text) {
    switch (which) {
    case OPTION_CLASS:
        return argument_read_matching(&options->device_class, "class", EF_PATTERN_DNS_LABEL, text);
    case OPTION_FIRMWARE_VERSION:
        return argument_read_matching(&options->firmware_version, "firmware-version", EF_PATTERN_SEMVER, text);
    case OPTION_SLOT_BYTES:
        return argument_read_count(&options->slot_bytes, "slot-bytes", text);
    case OPTION_ARENA_BYTES:
        return argument_read_count(&options->arena_bytes, "arena-bytes", text);
    case OPTION_RAM_BYTES:
        return argument_read_count(&options->ram_bytes, "ram-bytes", text);
    default: /* getopt_long has said it */
        return false;
    }
}

static bool read_option(px_swarm_options *options, int which, const char *text) {
    switch (which) {
    case 'n':
        return argument_read_count(&options->count, "count", text);
    case OPTION_FIRST:
        return read_first(&options->first, text);
    case OPTION_PATTERN:
        return read_pattern(options, text);
    case OPTION_IDENTITY:
        options->identity = text;
        return true;
    case OPTION_BROKER:
        return argument_read_endpoint(&options->broker, "broker", text);
    case OPTION_USERNAME_LESS:
        options->no_username = true;
        return true;
    case OPTION_REGISTRY:
        return argument_read_endpoint(&options->registry, "registry", text);
    case OPTION_REGISTRY_NAME:
        options->registry_name = text;
        return true;
    case OPTION_REGISTRY_CONNECTIONS:
        return argument_read_count(&options->registry_connections, "registry-connections", text);
    case OPTION_BROKER_HANDSHAKES:
        return argument_read_count(&options->broker_handshakes, "broker-handshakes", text);
    case OPTION_INFERENCE_SOCKET:
        options->inference_socket = text;
        return true;
    case OPTION_INFERENCE_COMMAND:
        options->inference_command = text;
        return true;
    case OPTION_UNTIL:
        return read_goal(options, text);
    case OPTION_TIMEOUT:
        return argument_read_count(&options->timeout_s, "timeout", text);
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    default:
        return read_device_option(options, which, text);
    }
}

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
    const char *missing = options->count == 0                 ? "-n"
                          : options->identity == NULL         ? "--identity"
                          : options->broker.host[0] == '\0'   ? "--broker"
                          : options->registry.host[0] == '\0' ? "--registry"
                                                              : NULL;
    if (missing != NULL) {
        say(LEVEL_ERROR, "%s is missing; --help lists all options", missing);
        return false;
    }
    if ((options->inference_socket == NULL) == (options->inference_command == NULL)) {
        say(LEVEL_ERROR, "exactly one of --inference-socket and --inference-command is needed");
        return false;
    }
    if (options->slot_bytes % EF_FLASH_SECTOR != 0 || options->slot_bytes > 256u * 1024 * 1024) {
        say(LEVEL_ERROR, "--slot-bytes: a multiple of %u up to 256 MiB", EF_FLASH_SECTOR);
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

px_swarm_outcome swarm_options_read(px_swarm_options *options, int count, char **arguments) {
    int which;
    *options = (px_swarm_options){.before = "press-",
                                  .digits = 5,
                                  .device_class = "esp32",
                                  .firmware_version = "1.0.0",
                                  .ram_bytes = 327680,
                                  .slot_bytes = 65536,
                                  .arena_bytes = 16384,
                                  .registry_connections = 32,
                                  .broker_handshakes = 64};
    while ((which = getopt_long(count, arguments, "n:", table, NULL)) != -1) {
        if (which == OPTION_HELP) {
            fputs(usage, stdout);
            return SWARM_HELP;
        }
        if (!read_option(options, which, optarg)) {
            return SWARM_WRONG;
        }
    }
    if (optind < count) {
        say(LEVEL_ERROR, "'%s' is no option; --help lists them", arguments[optind]);
        return SWARM_WRONG;
    }
    return check(options) ? SWARM_RUN : SWARM_WRONG;
}
