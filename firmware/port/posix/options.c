#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "edgefleet/hal.h"
#include "log.h"

static const char usage[] =
    "usage: edgefleet-device --identity DIR --state DIR --broker HOST:PORT --registry HOST:PORT\n"
    "                        (--inference-socket PATH | --inference-command COMMAND)\n"
    "\n"
    "A virtual ESP32: the fleet's firmware core on this machine.\n"
    "\n"
    "  --identity DIR             ca.crt, device.crt, device.key and keys.json, as provisioning writes them; with a\n"
    "                             claim, ca.crt is enough\n"
    "  --state DIR                the board's flash; made at the first start\n"
    "  --registry-name NAME       what the registry's certificate must prove (default: its HOST)\n"
    "  --device-registry HOST:PORT  asked for leave to work, and for a certificate if there is a claim\n"
    "  --device-registry-name NAME  what its certificate must prove (default: its HOST)\n"
    "  --claim FILE               the one-time token that a certificate is given for\n"
    "  --device-id ID             who this is, while there is no certificate to say so\n"
    "  --inference-socket PATH    of `python -m edgefleet_tflm serve`\n"
    "  --inference-command TEXT   or a command that speaks its protocol, such as `python -m edgefleet_tflm child`\n"
    "  --class NAME               device class (default: esp32)\n"
    "  --firmware-version SEMVER  (default: 1.0.0)\n"
    "  --slot-bytes N             of a model slot, a multiple of 4096 (default: 65536)\n"
    "  --arena-bytes N            for tensors (default: 16384)\n"
    "  --ram-bytes N              of the board (default: 327680)\n"
    "  --ops A,B,C                operators of this firmware (default: all that the runtime has)\n"
    "  --faults FILE              what is wrong with the simulated machine; read again when it changes\n"
    "\n"
    "Exit status: 0 told to stop, 64 something that you must mend, 70 a panic: start it again.\n";

enum {
    OPTION_HELP = 1,
    OPTION_IDENTITY,
    OPTION_STATE,
    OPTION_BROKER,
    OPTION_REGISTRY,
    OPTION_REGISTRY_NAME,
    OPTION_DEVICE_REGISTRY,
    OPTION_DEVICE_REGISTRY_NAME,
    OPTION_CLAIM,
    OPTION_DEVICE_ID,
    OPTION_CLASS,
    OPTION_FIRMWARE_VERSION,
    OPTION_SLOT_BYTES,
    OPTION_ARENA_BYTES,
    OPTION_RAM_BYTES,
    OPTION_OPS,
    OPTION_FAULTS,
    OPTION_INFERENCE_SOCKET,
    OPTION_INFERENCE_COMMAND
};

static const struct option table[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"identity", required_argument, NULL, OPTION_IDENTITY},
    {"state", required_argument, NULL, OPTION_STATE},
    {"broker", required_argument, NULL, OPTION_BROKER},
    {"registry", required_argument, NULL, OPTION_REGISTRY},
    {"registry-name", required_argument, NULL, OPTION_REGISTRY_NAME},
    {"device-registry", required_argument, NULL, OPTION_DEVICE_REGISTRY},
    {"device-registry-name", required_argument, NULL, OPTION_DEVICE_REGISTRY_NAME},
    {"claim", required_argument, NULL, OPTION_CLAIM},
    {"device-id", required_argument, NULL, OPTION_DEVICE_ID},
    {"class", required_argument, NULL, OPTION_CLASS},
    {"firmware-version", required_argument, NULL, OPTION_FIRMWARE_VERSION},
    {"slot-bytes", required_argument, NULL, OPTION_SLOT_BYTES},
    {"arena-bytes", required_argument, NULL, OPTION_ARENA_BYTES},
    {"ram-bytes", required_argument, NULL, OPTION_RAM_BYTES},
    {"ops", required_argument, NULL, OPTION_OPS},
    {"faults", required_argument, NULL, OPTION_FAULTS},
    {"inference-socket", required_argument, NULL, OPTION_INFERENCE_SOCKET},
    {"inference-command", required_argument, NULL, OPTION_INFERENCE_COMMAND},
    {NULL, 0, NULL, 0},
};

static bool read_ops(px_options *options, char *text) {
    options->has_ops = true;
    for (char *op = strtok(text, ","); op != NULL; op = strtok(NULL, ",")) {
        if (options->ops_count == EF_OPS_MAX || !argument_matches(EF_PATTERN_OP_NAME, op)) {
            say(LEVEL_ERROR, "--ops: at most %d operators such as FULLY_CONNECTED, not '%s'", EF_OPS_MAX, op);
            return false;
        }
        options->ops[options->ops_count++] = op;
    }
    return true;
}

/* What a device that is not born yet needs. */
static bool read_birth_option(px_options *options, int which, char *text) {
    switch (which) {
    case OPTION_DEVICE_REGISTRY:
        return argument_read_endpoint(&options->device_registry, "device-registry", text);
    case OPTION_DEVICE_REGISTRY_NAME:
        options->device_registry_name = text;
        return true;
    case OPTION_CLAIM:
        options->claim = text;
        return true;
    case OPTION_DEVICE_ID:
        return argument_read_matching(&options->device_id, "device-id", EF_PATTERN_DNS_LABEL, text);
    default: /* getopt_long has said it */
        return false;
    }
}

static bool read_option(px_options *options, int which, char *text) {
    switch (which) {
    case OPTION_IDENTITY:
        options->identity = text;
        return true;
    case OPTION_STATE:
        options->state = text;
        return true;
    case OPTION_BROKER:
        return argument_read_endpoint(&options->broker, "broker", text);
    case OPTION_REGISTRY:
        return argument_read_endpoint(&options->registry, "registry", text);
    case OPTION_REGISTRY_NAME:
        options->registry_name = text;
        return true;
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
    case OPTION_OPS:
        return read_ops(options, text);
    case OPTION_FAULTS:
        options->faults = text;
        return true;
    case OPTION_INFERENCE_SOCKET:
        options->inference_socket = text;
        return true;
    case OPTION_INFERENCE_COMMAND:
        options->inference_command = text;
        return true;
    default:
        return read_birth_option(options, which, text);
    }
}

static bool check(px_options *options) {
    const char *missing = options->identity == NULL           ? "--identity"
                          : options->state == NULL            ? "--state"
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
    /* Two slots and what lies before them stay below 1 GiB: offsets are 32 bits. */
    if (options->slot_bytes % EF_FLASH_SECTOR != 0 || options->slot_bytes > 256u * 1024 * 1024) {
        say(LEVEL_ERROR, "--slot-bytes: a multiple of %u up to 256 MiB", EF_FLASH_SECTOR);
        return false;
    }
    if (options->claim != NULL && options->device_registry.host[0] == '\0') {
        say(LEVEL_ERROR, "--claim needs a --device-registry to show it to");
        return false;
    }
    if (options->registry_name == NULL) {
        options->registry_name = options->registry.host;
    }
    if (options->device_registry_name == NULL) {
        options->device_registry_name = options->device_registry.host;
    }
    return true;
}

options_outcome options_read(px_options *options, int count, char **arguments) {
    int which;
    memset(options, 0, sizeof *options);
    options->device_class = "esp32";
    options->firmware_version = "1.0.0";
    options->slot_bytes = 65536;
    options->arena_bytes = 16384;
    options->ram_bytes = 327680;
    while ((which = getopt_long(count, arguments, "", table, NULL)) != -1) {
        if (which == OPTION_HELP) {
            fputs(usage, stdout);
            return OPTIONS_HELP;
        }
        if (!read_option(options, which, optarg)) {
            return OPTIONS_WRONG;
        }
    }
    if (optind < count) {
        say(LEVEL_ERROR, "'%s' is no option; --help lists them", arguments[optind]);
        return OPTIONS_WRONG;
    }
    return check(options) ? OPTIONS_RUN : OPTIONS_WRONG;
}
