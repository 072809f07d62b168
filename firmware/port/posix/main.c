/* edgefleet-device: a virtual ESP32. One thread, one poll loop around the firmware core. */
#include <fcntl.h>
#include <psa/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "log.h"
#include "status.h"

static volatile sig_atomic_t is_stopping;
static int wake_end = -1;

static void stop(int signal) {
    (void)signal;
    is_stopping = 1;
    /* A full pipe wakes as well. */
    if (write(wake_end, "", 1) < 0) {
        return;
    }
}

/* Returns the end of a pipe that can be read when a signal asked to stop, or -1. */
static int watch_signals(void) {
    int ends[2];
    struct sigaction action = {.sa_handler = stop};
    if (pipe(ends) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    wake_end = ends[1];
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    /* A runtime that is gone shows on its socket; nobody waits for its exit status. */
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    return ends[0];
}

static int shorter(int one, int other) {
    if (one < 0 || other < 0) {
        return one < 0 ? other : one;
    }
    return one < other ? one : other;
}

static void run(px_board *board, ef_agent *agent, int stop_end) {
    while (!is_stopping) {
        uint32_t wait = ef_agent_poll(agent);
        struct pollfd wishes[] = {
            session_wish(&board->session),
            stream_wish(&board->stream),
            {.fd = board->inference.socket, .events = POLLIN},
            {.fd = stop_end, .events = POLLIN},
        };
        int timeout = wait > 60000u ? 60000 : (int)wait;
        timeout = shorter(timeout, session_patience(&board->session));
        timeout = shorter(timeout, stream_patience(&board->stream));
        if (poll(wishes, sizeof wishes / sizeof wishes[0], timeout) < 0) {
            continue; /* a signal */
        }
        if (wishes[2].revents != 0) {
            inference_check(&board->inference);
        }
        if (wishes[1].revents != 0 || stream_patience(&board->stream) == 0) {
            stream_wake(&board->stream);
        }
        session_work(&board->session, wishes[0].revents);
    }
    say(LEVEL_INFO, "told to stop");
}

static ef_agent_config describe(const px_options *options, const px_identity *identity) {
    return (ef_agent_config){
        .device_id = identity->device_id,
        .device_class = options->device_class,
        .firmware_version = options->firmware_version,
        .ram_bytes = options->ram_bytes,
        .slot_bytes = options->slot_bytes,
        .arena_bytes = options->arena_bytes,
        .ops = options->has_ops ? options->ops : NULL,
        .ops_count = options->ops_count,
        .release_keys = identity->keys.release_keys,
        .release_count = identity->keys.release_count,
        .assignment_keys = identity->keys.assignment_keys,
        .assignment_count = identity->keys.assignment_count,
        .keys_version = identity->keys.seen.number,
    };
}

/* The agent and its life; the parts are open. */
static int live(px_board *board, const px_options *options, const px_identity *identity, int stop_end) {
    bool is_asked = board->hal.stream.host[EF_PEER_DEVICE_REGISTRY] != NULL;
    size_t size = ef_agent_size();
    void *memory = malloc(size);
    ef_agent_config config = describe(options, identity);
    config.scratch = malloc(ef_scratch_size());
    config.provision = is_asked ? malloc(ef_provision_size()) : NULL;
    config.sense_memory = malloc(ef_sense_size());
    config.sense_work = malloc(EF_FEATURES_WORK * sizeof *config.sense_work);
    bool good = memory != NULL && config.scratch != NULL && config.sense_memory != NULL && config.sense_work != NULL;
    ef_agent *agent = good ? ef_agent_start(memory, size, &config, &board->hal) : NULL;
    if (agent == NULL) {
        panic("the agent does not start");
    }
    int status = STATUS_USAGE;
    if (session_prepare(&board->session, &options->broker, identity, agent)) {
        run(board, agent, stop_end);
        status = STATUS_OK;
    }
    session_finish(&board->session);
    free(memory);
    free(config.scratch);
    free(config.provision);
    free(config.sense_memory);
    free(config.sense_work);
    return status;
}

static bool open_stream(px_board *board, const px_options *options, const px_identity *identity) {
    const px_server servers[EF_PEER_COUNT] = {
        [EF_PEER_MODEL_REGISTRY] = {&options->registry, options->registry_name, "registry"},
        [EF_PEER_DEVICE_REGISTRY] = {&options->device_registry, options->device_registry_name, "device registry"},
    };
    return stream_prepare(&board->stream, servers, identity);
}

int main(int count, char **arguments) {
    static px_options options;
    static px_identity identity;
    static px_board board;
    options_outcome outcome = options_read(&options, count, arguments);
    if (outcome != OPTIONS_RUN) {
        return outcome == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    }
    if (psa_crypto_init() != PSA_SUCCESS) {
        panic("the crypto provider does not start");
    }
    if (!identity_load(&identity, options.identity, options.device_id, options.claim) ||
        !flash_open(&board.flash, options.state, ef_agent_flash_bytes(options.slot_bytes))) {
        return STATUS_USAGE;
    }
    int status = STATUS_USAGE;
    int stop_end = watch_signals();
    say(LEVEL_INFO, "%s, a virtual %s with firmware %s", identity.device_id, options.device_class,
        options.firmware_version);
    if (stop_end >= 0 && open_stream(&board, &options, &identity)) {
        if (!inference_open(&board.inference, &options)) {
            panic("no model runtime");
        }
        sensors_prepare(&board.sensors, identity.device_id, options.faults);
        board_wire(&board, &options, &identity);
        status = live(&board, &options, &identity, stop_end);
        inference_close(&board.inference);
    }
    stream_finish(&board.stream);
    flash_close(&board.flash);
    mbedtls_psa_crypto_free();
    return status;
}
