#include <esp_log.h>
#include <esp_system.h>

#include "board.h"

static const char tag[] = "watchdog";

/* In the timer's task, which outranks the agent's: a model that never comes back does not stop it. A panic says where
 * the agent was, then restarts. */
static void bark(void *argument) {
    (void)argument;
    esp_system_abort("the agent did not come back in time");
}

bool watchdog_open(ei_board *board) {
    const esp_timer_create_args_t arguments = {
        .callback = bark,
        .dispatch_method = ESP_TIMER_TASK,
        .name = "watchdog",
    };
    return esp_timer_create(&arguments, &board->watchdog) == ESP_OK;
}

static void disarm(void *context) {
    /* ESP_ERR_INVALID_STATE says that it was not armed. */
    (void)esp_timer_stop(((ei_board *)context)->watchdog);
}

static void restart(void *context, const char *why) {
    (void)context;
    ESP_LOGE(tag, "restart: %s", why);
    esp_restart();
}

static void arm(void *context, uint32_t ms) {
    disarm(context);
    if (esp_timer_start_once(((ei_board *)context)->watchdog, (uint64_t)ms * 1000u) != ESP_OK) {
        restart(context, "the watchdog cannot be armed");
    }
}

void watchdog_wire(ef_hal *hal) {
    hal->watchdog = (ef_hal_watchdog){.arm = arm, .disarm = disarm, .restart = restart};
}
