/* edgefleet-swarm: thousands of virtual devices, each the firmware core, in one thread around one epoll loop. */
#include <psa/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "log.h"
#include "status.h"
#include "swarm/swarm.h"

#define LINES_PER_SECOND 20u

static int watch_signals(void) {
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGUSR1);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    return sigprocmask(SIG_BLOCK, &watched, NULL) == 0 ? signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
}

int main(int count, char **arguments) {
    static px_swarm swarm;
    options_outcome outcome = swarm_options_read(&swarm.options, count, arguments);
    const px_swarm_options *options = &swarm.options;
    if (outcome != OPTIONS_RUN) {
        return outcome == OPTIONS_HELP ? STATUS_OK : STATUS_USAGE;
    }
    if (psa_crypto_init() != PSA_SUCCESS) {
        panic("the crypto provider does not start");
    }
    if (!identity_load(&swarm.identity, options->identity, NULL, NULL)) {
        return STATUS_USAGE;
    }
    int signals = watch_signals();
    log_limit(LINES_PER_SECOND);
    snprintf(swarm.host, sizeof swarm.host, "%s:%s", options->registry_name, options->registry.port);
    int status = STATUS_USAGE;
    if (signals >= 0 && models_open(&swarm.models, options->inference_socket, options->inference_command) &&
        swarm_prepare(&swarm)) {
        say(LEVEL_INFO, "%u devices, %s to %s", (unsigned)options->count, swarm.members[0].id,
            swarm.members[options->count - 1].id);
        status = swarm_run(&swarm, signals);
    }
    swarm_finish(&swarm);
    mbedtls_psa_crypto_free();
    return status;
}
