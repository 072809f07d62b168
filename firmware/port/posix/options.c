#include "options.h"

#include <string.h>

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

static bool read_ops(void *out, const char *name, char *text) {
    px_options *options = out;
    options->has_ops = true;
    for (char *op = strtok(text, ","); op != NULL; op = strtok(NULL, ",")) {
        if (options->ops_count == EF_OPS_MAX || !argument_matches(EF_PATTERN_OP_NAME, op)) {
            say(LEVEL_ERROR, "--%s: at most %d operators such as FULLY_CONNECTED, not '%s'", name, EF_OPS_MAX, op);
            return false;
        }
        options->ops[options->ops_count++] = op;
    }
    return true;
}

#define AT(member) offsetof(px_options, member)

static const px_argument table[] = {
    {"identity", argument_read_text, AT(identity), true, 0},
    {"state", argument_read_text, AT(state), true, 0},
    {"broker", argument_read_endpoint, AT(broker), true, 0},
    {"registry", argument_read_endpoint, AT(registry), true, 0},
    {"registry-name", argument_read_text, AT(registry_name), false, 0},
    {"device-registry", argument_read_endpoint, AT(device_registry), false, 0},
    {"device-registry-name", argument_read_text, AT(device_registry_name), false, 0},
    {"claim", argument_read_text, AT(claim), false, 0},
    {"device-id", argument_read_label, AT(device_id), false, 0},
    {"class", argument_read_label, AT(device_class), false, 0},
    {"firmware-version", argument_read_semver, AT(firmware_version), false, 0},
    {"slot-bytes", argument_read_count, AT(slot_bytes), false, 0},
    {"arena-bytes", argument_read_count, AT(arena_bytes), false, 0},
    {"ram-bytes", argument_read_count, AT(ram_bytes), false, 0},
    {"ops", read_ops, 0, false, 0},
    {"faults", argument_read_text, AT(faults), false, 0},
    {"inference-socket", argument_read_text, AT(inference_socket), false, 0},
    {"inference-command", argument_read_text, AT(inference_command), false, 0},
    {NULL, NULL, 0, false, 0},
};
_Static_assert(sizeof table / sizeof table[0] <= ARGUMENTS_MAX + 1, "the table has too many rows");

static bool check(px_options *options) {
    if (!argument_check_inference(options->inference_socket, options->inference_command) ||
        !argument_check_slot(options->slot_bytes)) {
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
    memset(options, 0, sizeof *options);
    options->device_class = "esp32";
    options->firmware_version = "1.0.0";
    options->slot_bytes = 65536;
    options->arena_bytes = 16384;
    options->ram_bytes = 327680;
    options_outcome outcome = arguments_read(options, table, usage, count, arguments);
    return outcome == OPTIONS_RUN && !check(options) ? OPTIONS_WRONG : outcome;
}
