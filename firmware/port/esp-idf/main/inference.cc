// One model at a time, in one static arena. The interpreter is built anew for every load: nothing of the model before
// is left in it.
#include "inference.h"

#include <esp_log.h>
#include <sdkconfig.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

// The manifest's name of an operator, and the resolver's.
#define EACH_OP(X)                         \
    X(ADD, Add)                            \
    X(AVERAGE_POOL_2D, AveragePool2D)      \
    X(CONCATENATION, Concatenation)        \
    X(CONV_2D, Conv2D)                     \
    X(DEPTHWISE_CONV_2D, DepthwiseConv2D)  \
    X(DEQUANTIZE, Dequantize)              \
    X(EXPAND_DIMS, ExpandDims)             \
    X(FULLY_CONNECTED, FullyConnected)     \
    X(LOGISTIC, Logistic)                  \
    X(MAX_POOL_2D, MaxPool2D)              \
    X(MEAN, Mean)                          \
    X(MUL, Mul)                            \
    X(PAD, Pad)                            \
    X(QUANTIZE, Quantize)                  \
    X(RELU, Relu)                          \
    X(RELU6, Relu6)                        \
    X(RESHAPE, Reshape)                    \
    X(SOFTMAX, Softmax)                    \
    X(SUB, Sub)                            \
    X(TANH, Tanh)

#define COUNT_OP(name, method) +1
#define NAME_OP(name, method) #name,
#define ADD_OP(name, method) good = good && resolver.Add##method() == kTfLiteOk;

namespace {

constexpr unsigned kOps = 0 EACH_OP(COUNT_OP);
const char *const tag = "inference";

alignas(16) uint8_t arena[CONFIG_EDGEFLEET_ARENA_BYTES];
tflite::MicroMutableOpResolver<kOps> resolver;
bool is_resolver_filled = false;
alignas(tflite::MicroInterpreter) uint8_t place[sizeof(tflite::MicroInterpreter)];
tflite::MicroInterpreter *interpreter = nullptr;

// What TensorFlow Lite Micro printed since the last call, as one line of printable text.
char said[EF_INFERENCE_ERROR_MAX];
size_t said_length = 0;

bool fill_resolver() {
    bool good = true;
    if (!is_resolver_filled) {
        EACH_OP(ADD_OP)
        is_resolver_filled = good;
    }
    return good;
}

bool refuse(ef_inference_info *info, const char *why) {
    std::snprintf(info->error, sizeof info->error, "%s", said_length > 0 ? said : why);
    ESP_LOGW(tag, "%s", info->error);
    return false;
}

void unload(void *context) {
    (void)context;
    if (interpreter != nullptr) {
        interpreter->~MicroInterpreter();
        interpreter = nullptr;
    }
}

bool load(void *context, const uint8_t *model, size_t length, uint32_t arena_bytes, ef_inference_info *info) {
    unload(context);
    std::memset(info, 0, sizeof *info);
    said_length = 0;
    if (length < 8 || arena_bytes > sizeof arena || !fill_resolver()) {
        return refuse(info, "the model or its arena has a size that cannot be");
    }
    const tflite::Model *flatbuffer = tflite::GetModel(model);
    if (flatbuffer->version() != TFLITE_SCHEMA_VERSION) {
        return refuse(info, "the model has another schema version");
    }
    interpreter = new (place) tflite::MicroInterpreter(flatbuffer, resolver, arena, arena_bytes);
    if (interpreter->AllocateTensors() != kTfLiteOk) {
        unload(context);
        return refuse(info, "its tensors cannot be allocated");
    }
    if (interpreter->inputs_size() != 1 || interpreter->outputs_size() < 1) {
        unload(context);
        return refuse(info, "it has more than one input, or no output");
    }
    info->arena_used = static_cast<uint32_t>(interpreter->arena_used_bytes());
    info->input_bytes = static_cast<uint32_t>(interpreter->input(0)->bytes);
    info->output_bytes = static_cast<uint32_t>(interpreter->output(0)->bytes);
    return true;
}

uint8_t *input(void *context, size_t *bytes) {
    (void)context;
    *bytes = interpreter != nullptr ? interpreter->input(0)->bytes : 0;
    return interpreter != nullptr ? reinterpret_cast<uint8_t *>(interpreter->input(0)->data.raw) : nullptr;
}

const uint8_t *invoke(void *context, size_t *bytes) {
    (void)context;
    said_length = 0;
    if (interpreter == nullptr) {
        return nullptr;
    }
    if (interpreter->Invoke() != kTfLiteOk) {
        ESP_LOGW(tag, "%s", said_length > 0 ? said : "the model does not run");
        return nullptr;
    }
    *bytes = interpreter->output(0)->bytes;
    return reinterpret_cast<const uint8_t *>(interpreter->output(0)->data.raw);
}

}  // namespace

// The linker puts this in place of TensorFlow Lite Micro's own, which prints (main/CMakeLists.txt).
extern "C" void __wrap_DebugLog(const char *format, va_list arguments) {
    char text[EF_INFERENCE_ERROR_MAX];
    std::vsnprintf(text, sizeof text, format, arguments);
    for (const char *c = text; *c != '\0' && said_length + 1 < sizeof said; c++) {
        if (*c != '\r' && *c != '\n') {
            said[said_length++] = *c >= ' ' && *c <= '~' ? *c : '?';
        }
    }
    said[said_length] = '\0';
}

const char *const inference_ops[] = {EACH_OP(NAME_OP)};
const size_t inference_ops_count = kOps;

void inference_wire(ef_hal *hal) {
    hal->inference.load = load;
    hal->inference.input = input;
    hal->inference.invoke = invoke;
    hal->inference.unload = unload;
}
