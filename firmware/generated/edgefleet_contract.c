/* Generated from operator/src/edgefleet/contracts by edgefleet.codegen.c_contract; do not edit. */

#include "edgefleet_contract.h"

#include <float.h>

static const ef_field fields_ManifestReference[] = {
    {"digest", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}},
    {"sizeBytes", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(1), INT64_C(16384)}}}};
static const ef_shape shape_ManifestReference = {fields_ManifestReference, 2, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_Signature[] = {
    {"keyid", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 16, EF_PATTERN_KEY_ID}}},
    {"sig", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 88, EF_PATTERN_SIGNATURE}}}};
static const ef_shape shape_Signature = {fields_Signature, 2, EF_REASON_BAD_ENVELOPE, EF_RULE_NONE};

static const ef_field fields_Envelope[] = {
    {"payloadType", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_NONE}}},
    {"payload", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 10924, EF_PATTERN_BASE64}}},
    {"signatures", EF_VALUE_OBJECT, true, true, 1, 4, {.object = &shape_Signature}}};
static const ef_shape shape_Envelope = {fields_Envelope, 3, EF_REASON_BAD_ENVELOPE, EF_RULE_NONE};

static const char *const choices_Desired_command[] = {
    "download-model"};
static const ef_field fields_Desired[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"command", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Desired_command, 1}}},
    {"payload", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 128, EF_PATTERN_FILE_NAME}}},
    {"manifest", EF_VALUE_OBJECT, false, false, 0, 0, {.object = &shape_ManifestReference}},
    {"assignment", EF_VALUE_OBJECT, true, false, 0, 0, {.object = &shape_Envelope}}};
static const ef_shape shape_Desired = {fields_Desired, 5, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_Settings_role[] = {
    "level1",
    "level2"};
static const ef_field fields_Settings[] = {
    {"anomalyThreshold", EF_VALUE_NUMBER, false, false, 0, 0, {.number = {0.0, 1.0}}},
    {"hysteresisWindows", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(1), INT64_C(1000)}}},
    {"samplePeriodMs", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(1), INT64_C(3600000)}}},
    {"telemetryPeriodMs", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(10), INT64_C(86400000)}}},
    {"role", EF_VALUE_CHOICE, false, false, 0, 0, {.choices = {choices_Settings_role, 2}}},
    {"sources", EF_VALUE_TEXT, false, true, 0, 16, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}}};
static const ef_shape shape_Settings = {fields_Settings, 6, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_Assignment[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"generation", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(1), INT64_C(9223372036854775807)}}},
    {"manifestDigest", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}},
    {"settings", EF_VALUE_OBJECT, false, false, 0, 0, {.object = &shape_Settings}},
    {"jitterSeconds", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(86400)}}},
    {"commission", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 64, EF_PATTERN_TOKEN}}}};
static const ef_shape shape_Assignment = {fields_Assignment, 7, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_FeatureSchema[] = {
    {"name", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"digest", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}}};
static const ef_shape shape_FeatureSchema = {fields_FeatureSchema, 2, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_Tensor_dtype[] = {
    "int8",
    "uint8",
    "int16",
    "int32",
    "float32"};
static const ef_field fields_Tensor[] = {
    {"name", EF_VALUE_TEXT, true, false, 0, 0, {.text = {1, 64, EF_PATTERN_NONE}}},
    {"shape", EF_VALUE_INTEGER, true, true, 1, 4, {.integer = {INT64_C(1), INT64_C(2147483647)}}},
    {"dtype", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Tensor_dtype, 5}}},
    {"scale", EF_VALUE_NUMBER, false, false, 0, 0, {.number = {1e-30, 1e+30}}},
    {"zeroPoint", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(-2147483648), INT64_C(2147483647)}}}};
static const ef_shape shape_Tensor = {fields_Tensor, 5, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_GoldenVector[] = {
    {"input", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 8192, EF_PATTERN_BASE64}}},
    {"output", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 8192, EF_PATTERN_BASE64}}}};
static const ef_shape shape_GoldenVector = {fields_GoldenVector, 2, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_Preflight[] = {
    {"tool", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"version", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SEMVER}}},
    {"passed", EF_VALUE_TRUE, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"evidence", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}}};
static const ef_shape shape_Preflight = {fields_Preflight, 4, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_Manifest_format[] = {
    "tflite",
    "edgetpu",
    "savedmodel"};
static const ef_field fields_Manifest[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"model", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"version", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SEMVER}}},
    {"securityVersion", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(2147483647)}}},
    {"deviceClass", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"format", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Manifest_format, 3}}},
    {"sha256", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}},
    {"sizeBytes", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(1), INT64_C(2147483647)}}},
    {"arenaBytes", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(2147483647)}}},
    {"ops", EF_VALUE_TEXT, true, true, 0, 64, {.text = {0, 64, EF_PATTERN_OP_NAME}}},
    {"featureSchema", EF_VALUE_OBJECT, true, false, 0, 0, {.object = &shape_FeatureSchema}},
    {"inputs", EF_VALUE_OBJECT, true, true, 1, 4, {.object = &shape_Tensor}},
    {"outputs", EF_VALUE_OBJECT, true, true, 1, 4, {.object = &shape_Tensor}},
    {"vectors", EF_VALUE_OBJECT, true, true, 1, 16, {.object = &shape_GoldenVector}},
    {"toleranceLsb", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(255)}}},
    {"minFirmware", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 64, EF_PATTERN_SEMVER}}},
    {"preflight", EF_VALUE_OBJECT, true, false, 0, 0, {.object = &shape_Preflight}}};
static const ef_shape shape_Manifest = {fields_Manifest, 17, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_BundledKey[] = {
    {"keyid", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 16, EF_PATTERN_KEY_ID}}},
    {"publicKey", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 88, EF_PATTERN_POINT}}}};
static const ef_shape shape_BundledKey = {fields_BundledKey, 2, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_KeyBundle[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"version", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"releaseKeys", EF_VALUE_OBJECT, true, true, 1, 4, {.object = &shape_BundledKey}},
    {"assignmentKeys", EF_VALUE_OBJECT, true, true, 1, 4, {.object = &shape_BundledKey}}};
static const ef_shape shape_KeyBundle = {fields_KeyBundle, 4, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_InstalledModel_slot[] = {
    "a",
    "b"};
static const ef_field fields_InstalledModel[] = {
    {"model", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"version", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SEMVER}}},
    {"digest", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}},
    {"manifestDigest", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}},
    {"slot", EF_VALUE_CHOICE, false, false, 0, 0, {.choices = {choices_InstalledModel_slot, 2}}}};
static const ef_shape shape_InstalledModel = {fields_InstalledModel, 5, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_Capabilities_runtime[] = {
    "tflm",
    "litert",
    "edgetpu",
    "savedmodel"};
static const char *const choices_Capabilities_accelerator[] = {
    "none",
    "edgetpu",
    "gpu"};
static const ef_field fields_Capabilities[] = {
    {"ramBytes", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"slotBytes", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(2147483647)}}},
    {"arenaBytes", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(2147483647)}}},
    {"runtime", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Capabilities_runtime, 4}}},
    {"accelerator", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Capabilities_accelerator, 3}}},
    {"opsProfile", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"ops", EF_VALUE_TEXT, false, true, 0, 64, {.text = {0, 64, EF_PATTERN_OP_NAME}}}};
static const ef_shape shape_Capabilities = {fields_Capabilities, 7, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_SelfTest[] = {
    {"passed", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(16)}}},
    {"total", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(16)}}},
    {"maxLsb", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(2147483647)}}}};
static const ef_shape shape_SelfTest = {fields_SelfTest, 3, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_Baseline[] = {
    {"token", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_TOKEN}}},
    {"windows", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"means", EF_VALUE_NUMBER, true, true, 0, 64, {.number = {-DBL_MAX, DBL_MAX}}},
    {"stds", EF_VALUE_NUMBER, true, true, 0, 64, {.number = {-DBL_MAX, DBL_MAX}}}};
static const ef_shape shape_Baseline = {fields_Baseline, 4, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_Reported_phase[] = {
    "Idle",
    "Deferred",
    "Downloading",
    "Verifying",
    "Testing",
    "Confirmed",
    "Failed",
    "Rejected",
    "RolledBack",
    "NotActivated",
    "Revoked"};
static const char *const choices_Reported_reason[] = {
    "Ok",
    "Unchanged",
    "TooLarge",
    "Malformed",
    "TooDeep",
    "DuplicateKey",
    "UnsupportedSchema",
    "MissingField",
    "WrongType",
    "OutOfRange",
    "BadEnvelope",
    "UnknownKey",
    "BadSignature",
    "WrongDevice",
    "StaleGeneration",
    "ManifestMismatch",
    "WrongClass",
    "SecurityVersionTooLow",
    "FirmwareTooOld",
    "DoesNotFit",
    "ArenaTooSmall",
    "OpUnsupported",
    "DownloadFailed",
    "DigestMismatch",
    "FlashError",
    "ModelLoadFailed",
    "SelfTestFailed",
    "WatchdogReset",
    "NotActivated",
    "Revoked",
    "Deferred",
    "FeatureSchemaUnknown"};
static const ef_field fields_Reported[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"enrolmentId", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_TOKEN}}},
    {"bootCount", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"seq", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"firmwareVersion", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SEMVER}}},
    {"observedGeneration", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"phase", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Reported_phase, 11}}},
    {"reason", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Reported_reason, 32}}},
    {"message", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 200, EF_PATTERN_NONE}}},
    {"attempts", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"active", EF_VALUE_OBJECT, false, false, 0, 0, {.object = &shape_InstalledModel}},
    {"previous", EF_VALUE_OBJECT, false, false, 0, 0, {.object = &shape_InstalledModel}},
    {"settings", EF_VALUE_OBJECT, false, false, 0, 0, {.object = &shape_Settings}},
    {"capabilities", EF_VALUE_OBJECT, true, false, 0, 0, {.object = &shape_Capabilities}},
    {"fallback", EF_VALUE_BOOLEAN, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"arenaUsedBytes", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(2147483647)}}},
    {"selfTest", EF_VALUE_OBJECT, false, false, 0, 0, {.object = &shape_SelfTest}},
    {"latencyUs", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"baseline", EF_VALUE_OBJECT, false, false, 0, 0, {.object = &shape_Baseline}},
    {"keyIds", EF_VALUE_TEXT, true, true, 0, 8, {.text = {0, 16, EF_PATTERN_KEY_ID}}},
    {"securityFloor", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(2147483647)}}}};
static const ef_shape shape_Reported = {fields_Reported, 22, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_Presence_status[] = {
    "online",
    "offline"};
static const ef_field fields_Presence[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"status", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_Presence_status, 2}}},
    {"enrolmentId", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_TOKEN}}},
    {"bootCount", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}}};
static const ef_shape shape_Presence = {fields_Presence, 5, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_Telemetry_fft_data[] = {
    "true",
    "false"};
static const ef_field fields_Telemetry[] = {
    {"schema", EF_VALUE_SCHEMA, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"current", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {-DBL_MAX, DBL_MAX}}},
    {"temperature", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {-DBL_MAX, DBL_MAX}}},
    {"vibration", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {-DBL_MAX, DBL_MAX}}},
    {"sound", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {-DBL_MAX, DBL_MAX}}},
    {"fft_data", EF_VALUE_CHOICE, false, false, 0, 0, {.choices = {choices_Telemetry_fft_data, 2}}},
    {"boot", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"seq", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"ts", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"messageId", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 64, EF_PATTERN_TOKEN}}},
    {"features", EF_VALUE_NUMBER, false, true, 0, 64, {.number = {-DBL_MAX, DBL_MAX}}}};
static const ef_shape shape_Telemetry = {fields_Telemetry, 12, EF_REASON_OUT_OF_RANGE, EF_RULE_BOOT_WITH_SEQ};

static const char *const choices_Anomaly_valve[] = {
    "open",
    "closed"};
static const ef_field fields_Anomaly[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"reporter", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"boot", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"seq", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"ts", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"model", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"version", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SEMVER}}},
    {"digest", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}},
    {"score", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {-DBL_MAX, DBL_MAX}}},
    {"threshold", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {0.0, 1.0}}},
    {"anomalous", EF_VALUE_BOOLEAN, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"valve", EF_VALUE_CHOICE, false, false, 0, 0, {.choices = {choices_Anomaly_valve, 2}}}};
static const ef_shape shape_Anomaly = {fields_Anomaly, 13, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_Alert[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"reporter", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"boot", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}},
    {"seq", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"ts", EF_VALUE_INTEGER, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(9223372036854775807)}}},
    {"model", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"version", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SEMVER}}},
    {"digest", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_SHA256}}},
    {"score", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {-DBL_MAX, DBL_MAX}}},
    {"threshold", EF_VALUE_NUMBER, true, false, 0, 0, {.number = {0.0, 1.0}}},
    {"anomalous", EF_VALUE_BOOLEAN, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"latencyMs", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(4294967295)}}}};
static const ef_shape shape_Alert = {fields_Alert, 13, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const char *const choices_ControlMessage_command[] = {
    "extract-data",
    "train-model",
    "download-model"};
static const ef_field fields_ControlMessage[] = {
    {"schema", EF_VALUE_SCHEMA, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"command", EF_VALUE_CHOICE, true, false, 0, 0, {.choices = {choices_ControlMessage_command, 3}}},
    {"payload", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 256, EF_PATTERN_NONE}}},
    {"model", EF_VALUE_TEXT, false, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}}};
static const ef_shape shape_ControlMessage = {fields_ControlMessage, 4, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_Label[] = {
    {"schema", EF_VALUE_SCHEMA, false, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"from", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 27, EF_PATTERN_INSTANT}}},
    {"to", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 27, EF_PATTERN_INSTANT}}},
    {"state", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"source", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}}};
static const ef_shape shape_Label = {fields_Label, 6, EF_REASON_OUT_OF_RANGE, EF_RULE_INTERVAL};

static const ef_field fields_ProvisionRequest[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}},
    {"claim", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 64, EF_PATTERN_TOKEN}}},
    {"csr", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 2048, EF_PATTERN_PEM}}}};
static const ef_shape shape_ProvisionRequest = {fields_ProvisionRequest, 4, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_ProvisionAnswer[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"certificate", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 8192, EF_PATTERN_PEM}}},
    {"keys", EF_VALUE_OBJECT, true, false, 0, 0, {.object = &shape_KeyBundle}}};
static const ef_shape shape_ProvisionAnswer = {fields_ProvisionAnswer, 3, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_ActivationRequest[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"deviceID", EF_VALUE_TEXT, true, false, 0, 0, {.text = {0, 63, EF_PATTERN_DNS_LABEL}}}};
static const ef_shape shape_ActivationRequest = {fields_ActivationRequest, 2, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

static const ef_field fields_ActivationAnswer[] = {
    {"schema", EF_VALUE_SCHEMA, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"activated", EF_VALUE_BOOLEAN, true, false, 0, 0, {.integer = {INT64_C(0), INT64_C(0)}}},
    {"retryAfterSeconds", EF_VALUE_INTEGER, false, false, 0, 0, {.integer = {INT64_C(1), INT64_C(86400)}}}};
static const ef_shape shape_ActivationAnswer = {fields_ActivationAnswer, 3, EF_REASON_OUT_OF_RANGE, EF_RULE_NONE};

const ef_document ef_document_desired = {"desired", 4096, &shape_Desired};
const ef_document ef_document_assignment = {"assignment", 2048, &shape_Assignment};
const ef_document ef_document_envelope = {"envelope", 16384, &shape_Envelope};
const ef_document ef_document_manifest = {"manifest", 8192, &shape_Manifest};
const ef_document ef_document_key_bundle = {"key-bundle", 4096, &shape_KeyBundle};
const ef_document ef_document_reported = {"reported", 4096, &shape_Reported};
const ef_document ef_document_presence = {"presence", 256, &shape_Presence};
const ef_document ef_document_telemetry = {"telemetry", 4096, &shape_Telemetry};
const ef_document ef_document_anomaly = {"anomaly", 1024, &shape_Anomaly};
const ef_document ef_document_alert = {"alert", 1024, &shape_Alert};
const ef_document ef_document_control = {"control", 1024, &shape_ControlMessage};
const ef_document ef_document_labels = {"labels", 65536, &shape_Label};
const ef_document ef_document_provision_request = {"provision-request", 4096, &shape_ProvisionRequest};
const ef_document ef_document_provision_answer = {"provision-answer", 16384, &shape_ProvisionAnswer};
const ef_document ef_document_activation_request = {"activation-request", 256, &shape_ActivationRequest};
const ef_document ef_document_activation_answer = {"activation-answer", 256, &shape_ActivationAnswer};

const ef_document ef_documents[EF_DOCUMENT_COUNT] = {
    {"desired", 4096, &shape_Desired},
    {"assignment", 2048, &shape_Assignment},
    {"envelope", 16384, &shape_Envelope},
    {"manifest", 8192, &shape_Manifest},
    {"key-bundle", 4096, &shape_KeyBundle},
    {"reported", 4096, &shape_Reported},
    {"presence", 256, &shape_Presence},
    {"telemetry", 4096, &shape_Telemetry},
    {"anomaly", 1024, &shape_Anomaly},
    {"alert", 1024, &shape_Alert},
    {"control", 1024, &shape_ControlMessage},
    {"labels", 65536, &shape_Label},
    {"provision-request", 4096, &shape_ProvisionRequest},
    {"provision-answer", 16384, &shape_ProvisionAnswer},
    {"activation-request", 256, &shape_ActivationRequest},
    {"activation-answer", 256, &shape_ActivationAnswer}};

const ef_payload ef_payloads[3] = {
    {"application/vnd.edgefleet.manifest.v1+json", 8192, &ef_document_manifest},
    {"application/vnd.edgefleet.assignment.v1+json", 2048, &ef_document_assignment},
    {"application/vnd.edgefleet.key-bundle.v1+json", 4096, &ef_document_key_bundle}};

const ef_topic ef_topics[EF_TOPIC_COUNT] = {
    {"Desired", "fleet/v1/dev/{deviceID}/desired", EF_DIRECTION_TO_DEVICE, 1, true, EF_DOCUMENT_DESIRED, 4096},
    {"Reported", "fleet/v1/dev/{deviceID}/reported", EF_DIRECTION_FROM_DEVICE, 1, true, EF_DOCUMENT_REPORTED, 4096},
    {"Presence", "fleet/v1/dev/{deviceID}/presence", EF_DIRECTION_FROM_DEVICE, 1, true, EF_DOCUMENT_PRESENCE, 256},
    {"Telemetry", "fleet/v1/tele/{deviceID}", EF_DIRECTION_FROM_DEVICE, 1, false, EF_DOCUMENT_TELEMETRY, 4096},
    {"Anomaly", "fleet/v1/anomaly/{deviceID}", EF_DIRECTION_FROM_DEVICE, 1, false, EF_DOCUMENT_ANOMALY, 1024},
    {"DeviceAlert", "fleet/v1/alert/{deviceID}", EF_DIRECTION_FROM_DEVICE, 1, false, EF_DOCUMENT_ALERT, 1024},
    {"OriginalTelemetry", "shaded-pole-motor-sensor_data", EF_DIRECTION_FROM_DEVICE, 0, false, EF_DOCUMENT_TELEMETRY, 4096},
    {"Alert", "motor-failure-alert-level2-inference", EF_DIRECTION_TO_SUBSCRIBERS, 1, false, EF_DOCUMENT_ALERT, 1024},
    {"Control", "control-message", EF_DIRECTION_TO_SUBSCRIBERS, 1, false, EF_DOCUMENT_CONTROL, 1024},
    {"Keys", "fleet/v1/keys", EF_DIRECTION_TO_SUBSCRIBERS, 1, true, EF_DOCUMENT_ENVELOPE, 16384}};

const char *const ef_reason_names[EF_REASON_COUNT] = {
    "Ok",
    "Unchanged",
    "TooLarge",
    "Malformed",
    "TooDeep",
    "DuplicateKey",
    "UnsupportedSchema",
    "MissingField",
    "WrongType",
    "OutOfRange",
    "BadEnvelope",
    "UnknownKey",
    "BadSignature",
    "WrongDevice",
    "StaleGeneration",
    "ManifestMismatch",
    "WrongClass",
    "SecurityVersionTooLow",
    "FirmwareTooOld",
    "DoesNotFit",
    "ArenaTooSmall",
    "OpUnsupported",
    "DownloadFailed",
    "DigestMismatch",
    "FlashError",
    "ModelLoadFailed",
    "SelfTestFailed",
    "WatchdogReset",
    "NotActivated",
    "Revoked",
    "Deferred",
    "FeatureSchemaUnknown"};

const char *const ef_phase_names[EF_PHASE_COUNT] = {
    "Idle",
    "Deferred",
    "Downloading",
    "Verifying",
    "Testing",
    "Confirmed",
    "Failed",
    "Rejected",
    "RolledBack",
    "NotActivated",
    "Revoked"};

const ef_disposition ef_reason_dispositions[EF_REASON_COUNT] = {
    EF_DISPOSITION_NONE,
    EF_DISPOSITION_NONE,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_REJECTION,
    EF_DISPOSITION_FAILURE,
    EF_DISPOSITION_FAILURE,
    EF_DISPOSITION_FAILURE,
    EF_DISPOSITION_FAILURE,
    EF_DISPOSITION_FAILURE,
    EF_DISPOSITION_FAILURE,
    EF_DISPOSITION_DEFERRAL,
    EF_DISPOSITION_DEFERRAL,
    EF_DISPOSITION_DEFERRAL,
    EF_DISPOSITION_REJECTION};
