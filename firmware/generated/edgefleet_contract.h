/* Generated from operator/src/edgefleet/contracts by edgefleet.codegen.c_contract; do not edit. */

#ifndef EDGEFLEET_GENERATED_CONTRACT_H
#define EDGEFLEET_GENERATED_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes in bytes, counts, and characters in Unicode code points. */
#define EF_DESIRED_MAX 4096
#define EF_REPORTED_MAX 4096
#define EF_PRESENCE_MAX 256
#define EF_TELEMETRY_MAX 4096
#define EF_RESULT_MAX 1024
#define EF_CONTROL_MAX 1024
#define EF_LABELS_MAX 65536
#define EF_ENVELOPE_MAX 16384
#define EF_PROVISION_REQUEST_MAX 4096
#define EF_PROVISION_ANSWER_MAX 16384
#define EF_ACTIVATION_REQUEST_MAX 256
#define EF_ACTIVATION_ANSWER_MAX 256
#define EF_ASSIGNMENT_MAX 2048
#define EF_MANIFEST_MAX 8192
#define EF_KEY_BUNDLE_MAX 4096
#define EF_JSON_DEPTH_MAX 8
#define EF_JSON_TOKENS_MAX 512
#define EF_JSON_NUMBER_MAX 40
#define EF_SIGNATURES_MAX 4
#define EF_KEYS_MAX 4
#define EF_SOURCES_MAX 16
#define EF_OPS_MAX 64
#define EF_FEATURES_MAX 64
#define EF_TENSORS_MAX 4
#define EF_DIMENSIONS_MAX 4
#define EF_VECTORS_MAX 16
#define EF_MESSAGE_MAX 200
#define EF_CONTROL_PAYLOAD_MAX 256
#define EF_TENSOR_NAME_MAX 64
#define EF_CSR_MAX 2048
#define EF_CERTIFICATE_MAX 8192
#define EF_DEVICE_ID_MAX 63
#define EF_SEMVER_MAX 64
#define EF_INSTANT_MAX 27
#define EF_SCHEMA_VERSION 1
#define EF_PROVISION_PATH "/provisionDevice"
#define EF_ACTIVATION_PATH "/confirmActivation"
#define EF_CONTENT_TYPE "application/json"
#define EF_PATH_MAX 56

/* Numbers are part of the contract. */
typedef enum {
    EF_REASON_OK = 0,
    EF_REASON_UNCHANGED = 1,
    EF_REASON_TOO_LARGE = 2,
    EF_REASON_MALFORMED = 3,
    EF_REASON_TOO_DEEP = 4,
    EF_REASON_DUPLICATE_KEY = 5,
    EF_REASON_UNSUPPORTED_SCHEMA = 6,
    EF_REASON_MISSING_FIELD = 7,
    EF_REASON_WRONG_TYPE = 8,
    EF_REASON_OUT_OF_RANGE = 9,
    EF_REASON_BAD_ENVELOPE = 10,
    EF_REASON_UNKNOWN_KEY = 11,
    EF_REASON_BAD_SIGNATURE = 12,
    EF_REASON_WRONG_DEVICE = 13,
    EF_REASON_STALE_GENERATION = 14,
    EF_REASON_MANIFEST_MISMATCH = 15,
    EF_REASON_WRONG_CLASS = 16,
    EF_REASON_SECURITY_VERSION_TOO_LOW = 17,
    EF_REASON_FIRMWARE_TOO_OLD = 18,
    EF_REASON_DOES_NOT_FIT = 19,
    EF_REASON_ARENA_TOO_SMALL = 20,
    EF_REASON_OP_UNSUPPORTED = 21,
    EF_REASON_DOWNLOAD_FAILED = 22,
    EF_REASON_DIGEST_MISMATCH = 23,
    EF_REASON_FLASH_ERROR = 24,
    EF_REASON_MODEL_LOAD_FAILED = 25,
    EF_REASON_SELF_TEST_FAILED = 26,
    EF_REASON_WATCHDOG_RESET = 27,
    EF_REASON_NOT_ACTIVATED = 28,
    EF_REASON_REVOKED = 29,
    EF_REASON_DEFERRED = 30,
    EF_REASON_FEATURE_SCHEMA_UNKNOWN = 31
} ef_reason;

#define EF_REASON_COUNT 32

typedef enum {
    EF_DISPOSITION_NONE = 0,
    EF_DISPOSITION_REJECTION = 1,
    EF_DISPOSITION_FAILURE = 2,
    EF_DISPOSITION_DEFERRAL = 3
} ef_disposition;

typedef enum {
    EF_PHASE_IDLE = 0,
    EF_PHASE_DEFERRED = 1,
    EF_PHASE_DOWNLOADING = 2,
    EF_PHASE_VERIFYING = 3,
    EF_PHASE_TESTING = 4,
    EF_PHASE_CONFIRMED = 5,
    EF_PHASE_FAILED = 6,
    EF_PHASE_REJECTED = 7,
    EF_PHASE_ROLLED_BACK = 8,
    EF_PHASE_NOT_ACTIVATED = 9,
    EF_PHASE_REVOKED = 10
} ef_phase;

#define EF_PHASE_COUNT 11

typedef enum {
    EF_PATTERN_NONE = 0,
    EF_PATTERN_DNS_LABEL = 1,
    EF_PATTERN_SEMVER = 2,
    EF_PATTERN_SHA256 = 3,
    EF_PATTERN_KEY_ID = 4,
    EF_PATTERN_FILE_NAME = 5,
    EF_PATTERN_TOKEN = 6,
    EF_PATTERN_OP_NAME = 7,
    EF_PATTERN_BASE64 = 8,
    EF_PATTERN_SIGNATURE = 9,
    EF_PATTERN_POINT = 10,
    EF_PATTERN_INSTANT = 11,
    EF_PATTERN_PEM = 12
} ef_pattern;

typedef enum {
    EF_RULE_NONE = 0,
    EF_RULE_BOOT_WITH_SEQ = 1,
    EF_RULE_INTERVAL = 2
} ef_rule;

typedef enum {
    EF_VALUE_SCHEMA = 0,
    EF_VALUE_INTEGER = 1,
    EF_VALUE_NUMBER = 2,
    EF_VALUE_BOOLEAN = 3,
    EF_VALUE_TRUE = 4,
    EF_VALUE_TEXT = 5,
    EF_VALUE_CHOICE = 6,
    EF_VALUE_OBJECT = 7
} ef_value_type;

typedef enum {
    EF_DOCUMENT_DESIRED = 0,
    EF_DOCUMENT_ASSIGNMENT = 1,
    EF_DOCUMENT_ENVELOPE = 2,
    EF_DOCUMENT_MANIFEST = 3,
    EF_DOCUMENT_KEY_BUNDLE = 4,
    EF_DOCUMENT_REPORTED = 5,
    EF_DOCUMENT_PRESENCE = 6,
    EF_DOCUMENT_TELEMETRY = 7,
    EF_DOCUMENT_ANOMALY = 8,
    EF_DOCUMENT_ALERT = 9,
    EF_DOCUMENT_CONTROL = 10,
    EF_DOCUMENT_LABELS = 11,
    EF_DOCUMENT_PROVISION_REQUEST = 12,
    EF_DOCUMENT_PROVISION_ANSWER = 13,
    EF_DOCUMENT_ACTIVATION_REQUEST = 14,
    EF_DOCUMENT_ACTIVATION_ANSWER = 15
} ef_document_kind;

#define EF_DOCUMENT_COUNT 16

typedef enum {
    EF_PAYLOAD_MANIFEST = 0,
    EF_PAYLOAD_ASSIGNMENT = 1,
    EF_PAYLOAD_KEY_BUNDLE = 2
} ef_payload_kind;

typedef enum {
    EF_DIRECTION_TO_DEVICE = 0,
    EF_DIRECTION_FROM_DEVICE = 1,
    EF_DIRECTION_TO_SUBSCRIBERS = 2
} ef_direction;

typedef enum {
    EF_TOPIC_DESIRED = 0,
    EF_TOPIC_REPORTED = 1,
    EF_TOPIC_PRESENCE = 2,
    EF_TOPIC_TELEMETRY = 3,
    EF_TOPIC_ANOMALY = 4,
    EF_TOPIC_DEVICE_ALERT = 5,
    EF_TOPIC_ORIGINAL_TELEMETRY = 6,
    EF_TOPIC_ALERT = 7,
    EF_TOPIC_CONTROL = 8,
    EF_TOPIC_KEYS = 9
} ef_topic_kind;

#define EF_TOPIC_COUNT 10

struct ef_shape;

typedef struct {
    int64_t low;
    int64_t high;
} ef_integer_bounds;

typedef struct {
    double low;
    double high;
} ef_number_bounds;

typedef struct {
    uint16_t least;
    uint16_t most;
    ef_pattern pattern;
} ef_text_bounds;

typedef struct {
    const char *const *texts;
    size_t count;
} ef_choices;

/* One field; `as` holds the bounds that its type needs. Of an array, `type` and `as` are its items'. */
typedef struct {
    const char *name;
    ef_value_type type;
    bool required;
    bool array;
    uint16_t least_items;
    uint16_t most_items;
    union {
        ef_integer_bounds integer;
        ef_number_bounds number;
        ef_text_bounds text;
        ef_choices choices;
        const struct ef_shape *object;
    } as;
} ef_field;

/* One object; its fields are checked in this order. `value_fault` is the reason for a forbidden value. */
typedef struct ef_shape {
    const ef_field *fields;
    size_t count;
    ef_reason value_fault;
    ef_rule rule;
} ef_shape;

typedef struct {
    const char *name;
    size_t max_bytes;
    const ef_shape *shape;
} ef_document;

/* What an envelope may carry; `max_bytes` is after base64. */
typedef struct {
    const char *type;
    size_t max_bytes;
    const ef_document *document;
} ef_payload;

typedef struct {
    const char *name;
    const char *pattern;
    ef_direction direction;
    int qos;
    bool retain;
    ef_document_kind document;
    size_t max_bytes; /* of it */
} ef_topic;

/* All of them, for tests; a device names those that it reads, and the others' tables are not linked. */
extern const ef_document ef_documents[];
extern const ef_payload ef_payloads[];
extern const ef_topic ef_topics[];
extern const char *const ef_reason_names[];
extern const char *const ef_phase_names[];
extern const ef_disposition ef_reason_dispositions[];

extern const ef_document ef_document_desired;
extern const ef_document ef_document_assignment;
extern const ef_document ef_document_envelope;
extern const ef_document ef_document_manifest;
extern const ef_document ef_document_key_bundle;
extern const ef_document ef_document_reported;
extern const ef_document ef_document_presence;
extern const ef_document ef_document_telemetry;
extern const ef_document ef_document_anomaly;
extern const ef_document ef_document_alert;
extern const ef_document ef_document_control;
extern const ef_document ef_document_labels;
extern const ef_document ef_document_provision_request;
extern const ef_document ef_document_provision_answer;
extern const ef_document ef_document_activation_request;
extern const ef_document ef_document_activation_answer;

#endif /* EDGEFLEET_GENERATED_CONTRACT_H */
