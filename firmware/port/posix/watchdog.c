#include "watchdog.h"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "log.h"
#include "status.h"

/* Only what a signal handler may do: the thread may be in the middle of anything. */
static void bite(int signal) {
    static const char line[] = "panic: watchdog: the device hung\n";
    (void)signal;
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0) {
        _exit(STATUS_PANIC); /* nobody could be told */
    }
    _exit(STATUS_PANIC);
}

static void set_timer(uint32_t ms) {
    struct itimerval timer = {.it_value = {.tv_sec = ms / 1000u, .tv_usec = (suseconds_t)(ms % 1000u) * 1000}};
    if (setitimer(ITIMER_REAL, &timer, NULL) != 0) {
        panic("the watchdog cannot be set");
    }
}

void watchdog_arm(uint32_t ms) {
    struct sigaction action = {.sa_handler = bite};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGALRM, &action, NULL) != 0) {
        panic("the watchdog cannot be set");
    }
    set_timer(ms > 0 ? ms : 1);
}

void watchdog_disarm(void) {
    set_timer(0);
}
