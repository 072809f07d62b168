/* Source: ESP-IDF v5.5.5 and v6.0.2, components/soc/esp32/include/soc/soc_caps.h and soc/esp32s3/include/soc/soc_caps.h */
#pragma once

#include "sdkconfig.h"

#define SOC_ADC_DIGI_MAX_BITWIDTH (12)
#if CONFIG_IDF_TARGET_ESP32
#define SOC_ADC_DIGI_RESULT_BYTES (2)
#define SOC_ADC_SAMPLE_FREQ_THRES_LOW 20000
#define SOC_ADC_SAMPLE_FREQ_THRES_HIGH 2000000
#else
#define SOC_ADC_DIGI_RESULT_BYTES (4)
#define SOC_ADC_SAMPLE_FREQ_THRES_LOW 611
#define SOC_ADC_SAMPLE_FREQ_THRES_HIGH 83333
#endif
