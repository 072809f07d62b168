/* Source: ESP-IDF v5.5.5 and v6.0.2, components/esp_system/include/esp_system.h */
#pragma once

void esp_restart(void) __attribute__((__noreturn__));
void __attribute__((__noreturn__)) esp_system_abort(const char *details);
