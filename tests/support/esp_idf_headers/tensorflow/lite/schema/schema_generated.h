/* Source: espressif/esp-tflite-micro 1.4.0, tensorflow/lite/schema/schema_generated.h */
#pragma once

#include <cstdint>

namespace tflite {
struct Model {
    uint32_t version() const;
};
const Model *GetModel(const void *buf);
}  // namespace tflite
