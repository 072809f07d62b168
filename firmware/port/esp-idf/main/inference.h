/* TensorFlow Lite Micro behind the HAL's contract; C++ inside. */
#ifndef EDGEFLEET_ESP_IDF_INFERENCE_H
#define EDGEFLEET_ESP_IDF_INFERENCE_H

#include "edgefleet/hal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the resolver knows, by the names that manifests use. */
extern const char *const inference_ops[];
extern const size_t inference_ops_count;

void inference_wire(ef_hal *hal);

#ifdef __cplusplus
}
#endif

#endif
