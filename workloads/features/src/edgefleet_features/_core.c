/* The firmware's features for Python: buffers in, buffers out; what they mean is the package's matter.
 *
 * The firmware's sources are part of this translation unit, because they lie outside of the package's folder, where
 * setuptools would scatter their objects. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "ef_features.c"
#include "ef_fft.c"
#include "edgefleet_features.c"

_Static_assert(sizeof(ef_sensor_frame) == 3 * sizeof(int16_t), "frames are rows of three samples");

/* The features of each of `count` windows; returns the first that has none, or `count`. */
static Py_ssize_t measure_all(const ef_sensor_frame *frames, const float *celsius, Py_ssize_t count,
                              const ef_sensor_scales *scales, float *features) {
    float work[EF_FEATURES_WORK];
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!ef_features(frames + i * EF_WINDOW_SAMPLES, celsius[i], scales, work,
                         features + i * EF_MOTOR_LEVEL2_FEATURES)) {
            return i;
        }
    }
    return count;
}

static PyObject *measure_buffers(const Py_buffer *frames, const Py_buffer *celsius, const Py_buffer *out,
                                 const ef_sensor_scales *scales) {
    Py_ssize_t count = celsius->len / (Py_ssize_t)sizeof(float);
    Py_ssize_t measured = 0;
    if (frames->len != count * EF_WINDOW_SAMPLES * (Py_ssize_t)sizeof(ef_sensor_frame) ||
        out->len != count * EF_MOTOR_LEVEL2_FEATURES * (Py_ssize_t)sizeof(float)) {
        PyErr_SetString(PyExc_ValueError, "frames, temperatures and features are of different numbers of windows");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    measured = measure_all(frames->buf, celsius->buf, count, scales, out->buf);
    Py_END_ALLOW_THREADS
    if (measured < count) {
        PyErr_Format(PyExc_ValueError, "window %zd has a temperature or a scale that is no finite number", measured);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *measure_windows(PyObject *self, PyObject *arguments) {
    Py_buffer frames;
    Py_buffer celsius;
    Py_buffer out;
    ef_sensor_scales scales;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "y*y*w*fff", &frames, &celsius, &out, &scales.ampere,
                          &scales.metre_per_second2, &scales.pascal)) {
        return NULL;
    }
    PyObject *done = measure_buffers(&frames, &celsius, &out, &scales);
    PyBuffer_Release(&frames);
    PyBuffer_Release(&celsius);
    PyBuffer_Release(&out);
    return done;
}

static PyObject *transform(PyObject *self, PyObject *arguments) {
    Py_buffer values;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "w*", &values)) {
        return NULL;
    }
    size_t count = (size_t)values.len / sizeof(float);
    bool good = count >= 4 && count <= EF_FFT_MAX && (count & (count - 1)) == 0 &&
                count * sizeof(float) == (size_t)values.len;
    if (good) {
        ef_fft_real(values.buf, count);
    }
    PyBuffer_Release(&values);
    if (!good) {
        PyErr_Format(PyExc_ValueError, "a power of two from 4 to %u values", EF_FFT_MAX);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* (name, digest, ((name, unit, scale, nominal), ...)) */
static PyObject *describe_schema(const ef_feature_schema *schema) {
    PyObject *rows = PyTuple_New((Py_ssize_t)schema->count);
    for (size_t i = 0; rows != NULL && i < schema->count; i++) {
        PyObject *row = Py_BuildValue("(ssff)", schema->names[i], schema->units[i], schema->scales[i],
                                      schema->nominals[i]);
        if (row == NULL || PyTuple_SetItem(rows, (Py_ssize_t)i, row) != 0) {
            Py_CLEAR(rows);
        }
    }
    return rows == NULL ? NULL
                        : Py_BuildValue("(sy#N)", schema->name, (const char *)schema->digest,
                                        (Py_ssize_t)EF_FEATURE_DIGEST_BYTES, rows);
}

static PyObject *describe(PyObject *self, PyObject *unused) {
    PyObject *schemas = PyTuple_New(EF_FEATURE_SCHEMAS_COUNT);
    (void)self;
    (void)unused;
    for (Py_ssize_t i = 0; schemas != NULL && i < EF_FEATURE_SCHEMAS_COUNT; i++) {
        PyObject *schema = describe_schema(&ef_feature_schemas[i]);
        if (schema == NULL || PyTuple_SetItem(schemas, i, schema) != 0) {
            Py_CLEAR(schemas);
        }
    }
    return schemas;
}

static PyMethodDef methods[] = {
    {"measure_windows", measure_windows, METH_VARARGS,
     "Write the features of windows: frames, temperatures, features, steps of the three converters."},
    {"transform", transform, METH_VARARGS, "Transform real values in place into the bins of their spectrum."},
    {"describe", describe, METH_NOARGS, "Return the feature schemas."},
    {NULL, NULL, 0, NULL},
};

static int fill_module(PyObject *module) {
    return PyModule_AddIntConstant(module, "WINDOW_SAMPLES", EF_WINDOW_SAMPLES) == 0 &&
                   PyModule_AddIntConstant(module, "WINDOW_RATE_HZ", EF_WINDOW_RATE_HZ) == 0
               ? 0
               : -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_core", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&definition);
}
