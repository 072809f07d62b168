/* Current, vibration and sound through ADC1 and DMA. Each sample of a frame is the sum of four conversions: the classic
 * ESP32 converts at 20 kHz or more, which three channels at 4096 Hz are not, and the mean of four is less noisy. */
#include <esp_attr.h>
#include <esp_log.h>
#include <soc/soc_caps.h>
#include <string.h>

#include "board.h"

#define OVERSAMPLE 4u
#define FRAME_RESULTS (CHANNEL_COUNT * OVERSAMPLE)
#define FRAME_BYTES (FRAME_RESULTS * SOC_ADC_DIGI_RESULT_BYTES)
#define FRAMES_A_READ 8u
#define FRAMES_STORED 512u /* 125 ms at 4096 Hz: as long as the agent may be busy elsewhere */
#define MIDDLE 2048        /* signals swing around half of the supply */

#if CONFIG_IDF_TARGET_ESP32 || CONFIG_IDF_TARGET_ESP32S2
#define RESULT_CHANNEL(result) ((result)->type1.channel)
#define RESULT_VALUE(result) ((result)->type1.data)
#define RESULT_FORMAT ADC_DIGI_OUTPUT_FORMAT_TYPE1
#else
#define RESULT_CHANNEL(result) ((result)->type2.channel)
#define RESULT_VALUE(result) ((result)->type2.data)
#define RESULT_FORMAT ADC_DIGI_OUTPUT_FORMAT_TYPE2
#endif

_Static_assert(sizeof(adc_digi_output_data_t) == SOC_ADC_DIGI_RESULT_BYTES, "a result is one element");

static const char tag[] = "sensors";

static const int pads[CHANNEL_COUNT] = {
    [CHANNEL_CURRENT] = CONFIG_EDGEFLEET_CURRENT_GPIO,
    [CHANNEL_VIBRATION] = CONFIG_EDGEFLEET_VIBRATION_GPIO,
    [CHANNEL_SOUND] = CONFIG_EDGEFLEET_SOUND_GPIO,
};

static bool is_done(esp_err_t error, const char *what) {
    if (error != ESP_OK) {
        ESP_LOGE(tag, "%s: %s", what, esp_err_to_name(error));
    }
    return error == ESP_OK;
}

static void begin_frame(ei_sensors *sensors) {
    memset(sensors->sums, 0, sizeof sensors->sums);
    memset(sensors->counts, 0, sizeof sensors->counts);
}

/* In an interrupt, which runs on while flash is written and code in flash cannot be read. */
static bool IRAM_ATTR note_overflow(adc_continuous_handle_t adc, const adc_continuous_evt_data_t *data,
                                    void *argument) {
    (void)adc;
    (void)data;
    atomic_store(&((ei_sensors *)argument)->overflowed, true);
    return false;
}

static bool configure(ei_sensors *sensors, uint32_t rate_hz) {
    adc_digi_pattern_config_t pattern[CHANNEL_COUNT];
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        adc_unit_t unit;
        if (!is_done(adc_continuous_io_to_channel(pads[i], &unit, &sensors->channels[i]), "no ADC pad")) {
            return false;
        }
        pattern[i] = (adc_digi_pattern_config_t){
            .atten = ADC_ATTEN_DB_12,
            .channel = (uint8_t)sensors->channels[i],
            .unit = (uint8_t)unit, /* a pad of ADC2 is refused below: Wi-Fi has that unit */
            .bit_width = SOC_ADC_DIGI_MAX_BITWIDTH,
        };
    }
    const adc_continuous_config_t config = {
        .pattern_num = CHANNEL_COUNT,
        .adc_pattern = pattern,
        .sample_freq_hz = rate_hz * FRAME_RESULTS,
        .conv_mode = ADC_CONV_SINGLE_UNIT_1,
        .format = RESULT_FORMAT,
    };
    const adc_continuous_evt_cbs_t callbacks = {.on_pool_ovf = note_overflow};
    return is_done(adc_continuous_config(sensors->adc, &config), "settings") &&
           is_done(adc_continuous_register_event_callbacks(sensors->adc, &callbacks, sensors), "callbacks");
}

static void stop(void *context) {
    ei_sensors *sensors = &((ei_board *)context)->sensors;
    if (sensors->adc != NULL) {
        (void)adc_continuous_stop(sensors->adc); /* ESP_ERR_INVALID_STATE: it did not run */
        (void)adc_continuous_deinit(sensors->adc);
        sensors->adc = NULL;
    }
}

static bool start(void *context, uint32_t rate_hz) {
    ei_sensors *sensors = &((ei_board *)context)->sensors;
    const adc_continuous_handle_cfg_t memory = {
        .max_store_buf_size = FRAMES_STORED * FRAME_BYTES,
        .conv_frame_size = FRAMES_A_READ * FRAME_BYTES,
    };
    stop(context);
    begin_frame(sensors);
    atomic_store(&sensors->overflowed, false);
    if (!is_done(adc_continuous_new_handle(&memory, &sensors->adc), "memory")) {
        sensors->adc = NULL;
        return false;
    }
    if (!configure(sensors, rate_hz) || !is_done(adc_continuous_start(sensors->adc), "start")) {
        stop(context);
        return false;
    }
    return true;
}

/* What is in the pool is from before and after the gap: all of it goes. */
static ef_io begin_again(ei_sensors *sensors) {
    begin_frame(sensors);
    bool good = is_done(adc_continuous_stop(sensors->adc), "stop") &&
                is_done(adc_continuous_flush_pool(sensors->adc), "flush");
    atomic_store(&sensors->overflowed, false);
    return good && is_done(adc_continuous_start(sensors->adc), "start") ? EF_IO_END : EF_IO_FAILED;
}

static int16_t level_of(uint32_t sum) {
    return (int16_t)((int32_t)sum - (int32_t)OVERSAMPLE * MIDDLE);
}

/* Adds a conversion; true when it completes a frame. */
static bool add_result(ei_sensors *sensors, const adc_digi_output_data_t *result, ef_sensor_frame *frame) {
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (RESULT_CHANNEL(result) == (uint32_t)sensors->channels[i]) {
            sensors->sums[i] += RESULT_VALUE(result);
            sensors->counts[i]++;
        }
    }
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (sensors->counts[i] < OVERSAMPLE) {
            return false;
        }
    }
    *frame = (ef_sensor_frame){
        .current = level_of(sensors->sums[CHANNEL_CURRENT]),
        .vibration = level_of(sensors->sums[CHANNEL_VIBRATION]),
        .sound = level_of(sensors->sums[CHANNEL_SOUND]),
    };
    begin_frame(sensors);
    return true;
}

/* A channel that is ahead of the others by more than one frame's worth: conversions are missing. */
static bool is_out_of_step(const ei_sensors *sensors) {
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (sensors->counts[i] > OVERSAMPLE) {
            return true;
        }
    }
    return false;
}

static ef_io read_frames(void *context, ef_sensor_frame *frames, size_t capacity, size_t *got) {
    ei_sensors *sensors = &((ei_board *)context)->sensors;
    adc_digi_output_data_t results[FRAMES_A_READ * FRAME_RESULTS];
    *got = 0;
    if (sensors->adc == NULL) {
        return EF_IO_FAILED;
    }
    while (*got < capacity) {
        uint32_t length = 0;
        size_t wanted = capacity - *got < FRAMES_A_READ ? capacity - *got : FRAMES_A_READ;
        if (atomic_load(&sensors->overflowed)) {
            *got = 0;
            return begin_again(sensors);
        }
        /* So many results never complete more frames than are wanted: what is under way is less than one. */
        esp_err_t error = adc_continuous_read(sensors->adc, (uint8_t *)results, (uint32_t)(wanted * FRAME_BYTES),
                                              &length, 0);
        if (error == ESP_ERR_TIMEOUT) {
            break;
        }
        if (!is_done(error, "read")) {
            return EF_IO_FAILED;
        }
        for (size_t i = 0; i < length / SOC_ADC_DIGI_RESULT_BYTES; i++) {
            *got += add_result(sensors, &results[i], &frames[*got]) ? 1u : 0u;
            if (is_out_of_step(sensors)) {
                *got = 0;
                return begin_again(sensors);
            }
        }
    }
    return *got > 0 ? EF_IO_OK : EF_IO_AGAIN;
}

/* The DS18B20 takes most of a second; thermometer.c waits for it elsewhere. */
static bool read_temperature(void *context, float *celsius) {
    int millicelsius = atomic_load(&((ei_board *)context)->millicelsius);
    *celsius = (float)millicelsius / 1000.0f;
    return millicelsius != TEMPERATURE_UNKNOWN;
}

void sensors_wire(ef_hal *hal) {
    /* A step of a frame is a quarter of the ADC's: four conversions were added. */
    const float step = 1e-6f / (float)OVERSAMPLE;
    hal->sensors = (ef_hal_sensors){
        .ampere_per_lsb = (float)CONFIG_EDGEFLEET_CURRENT_MICROAMPERE * step,
        .metre_per_second2_per_lsb = (float)CONFIG_EDGEFLEET_VIBRATION_MICRO * step,
        .pascal_per_lsb = (float)CONFIG_EDGEFLEET_SOUND_MICROPASCAL * step,
        .start = start,
        .stop = stop,
        .read = read_frames,
        .temperature = read_temperature,
    };
}
