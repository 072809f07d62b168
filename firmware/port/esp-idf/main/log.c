#include <esp_log.h>

#include "board.h"

static void write_log(void *context, const char *text) {
    (void)context;
    ESP_LOGI("agent", "%s", text);
}

void log_wire(ef_hal *hal) {
    hal->log = (ef_hal_log){.write = write_log};
}
