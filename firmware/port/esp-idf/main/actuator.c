/* A hobby servo turns the valve: a pulse every 20 ms, whose length is the position. */
#include <driver/ledc.h>
#include <esp_log.h>

#include "board.h"

#define PERIOD_US 20000u
#define STEPS (1u << 14)

static uint32_t duty_of(uint32_t pulse_us) {
    return pulse_us * STEPS / PERIOD_US;
}

static bool is_done(esp_err_t error) {
    if (error != ESP_OK) {
        ESP_LOGE("valve", "%s", esp_err_to_name(error));
    }
    return error == ESP_OK;
}

/* Closed until the core says otherwise. */
bool actuator_open(void) {
    const ledc_timer_config_t timer = {
        .speed_mode = LEDC_LOW_SPEED_MODE,
        .duty_resolution = LEDC_TIMER_14_BIT,
        .timer_num = LEDC_TIMER_0,
        .freq_hz = 1000000u / PERIOD_US,
        .clk_cfg = LEDC_AUTO_CLK,
    };
    const ledc_channel_config_t channel = {
        .gpio_num = CONFIG_EDGEFLEET_SERVO_GPIO,
        .speed_mode = LEDC_LOW_SPEED_MODE,
        .channel = LEDC_CHANNEL_0,
        .timer_sel = LEDC_TIMER_0,
        .duty = duty_of(CONFIG_EDGEFLEET_SERVO_CLOSED_US),
    };
    return is_done(ledc_timer_config(&timer)) && is_done(ledc_channel_config(&channel));
}

static bool set_valve(void *context, bool open) {
    (void)context;
    uint32_t pulse_us = open ? CONFIG_EDGEFLEET_SERVO_OPEN_US : CONFIG_EDGEFLEET_SERVO_CLOSED_US;
    return is_done(ledc_set_duty(LEDC_LOW_SPEED_MODE, LEDC_CHANNEL_0, duty_of(pulse_us))) &&
           is_done(ledc_update_duty(LEDC_LOW_SPEED_MODE, LEDC_CHANNEL_0));
}

void actuator_wire(ef_hal *hal) {
    hal->actuator = (ef_hal_actuator){.set_valve = set_valve};
}
