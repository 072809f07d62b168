/* Source: espressif/esp-tflite-micro 1.4.0, tensorflow/lite/micro/micro_interpreter.h, core/c/common.h */
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

#define TFLITE_SCHEMA_VERSION (3)
union TfLitePtrUnion {
    char *raw;
};
struct TfLiteTensor {
    TfLitePtrUnion data;
    size_t bytes;
};

namespace tflite {
class MicroInterpreter {
  public:
    MicroInterpreter(const Model *model, const MicroOpResolver &op_resolver, uint8_t *tensor_arena,
                     size_t tensor_arena_size);
    ~MicroInterpreter();
    TfLiteStatus AllocateTensors();
    TfLiteStatus Invoke();
    TfLiteTensor *input(size_t index);
    TfLiteTensor *output(size_t index);
    size_t inputs_size() const;
    size_t outputs_size() const;
    size_t arena_used_bytes() const;
};
}  // namespace tflite
