/* A device's whole verdict on what it is sent; operator/src/edgefleet/contracts/verdicts.py gives the same one. */
#ifndef EDGEFLEET_VERIFY_H
#define EDGEFLEET_VERIFY_H

#include "edgefleet/dsse.h"
#include "edgefleet_features.h"

/* Memory for one verification. The payload buffer holds the signed payload, which the outcome borrows; a manifest's is put
 * elsewhere where the context says so. */
typedef struct {
    ef_json_token *tokens;
    size_t capacity;
    uint8_t *payload;
    size_t payload_capacity;
} ef_workspace;

/* The highest number accepted so far, 0 for none, and SHA-256 of the payload that carried it, if it was kept. */
typedef struct {
    int64_t number;
    bool has_digest;
    uint8_t digest[EF_SHA256_BYTES];
} ef_seen;

typedef struct {
    const char *device_id;
    ef_keyring assignment_keys;
    ef_seen seen;
} ef_desired_context;

/* A command to obey. `seen` must be stored before it is acted on; `assignment` borrows the workspace. */
typedef struct {
    ef_seen seen;
    bool has_manifest;
    uint8_t manifest_digest[EF_SHA256_BYTES];
    uint32_t manifest_bytes;
    ef_json assignment;
} ef_command;

/* EF_REASON_OK, EF_REASON_UNCHANGED for the command already being obeyed (resume it after a restart), or a fault. */
ef_reason ef_verify_desired(const uint8_t *bytes, size_t length, const ef_desired_context *context,
                            const ef_workspace *workspace, ef_command *command, ef_fault *fault);

typedef struct {
    ef_keyring release_keys;
    uint8_t digest[EF_SHA256_BYTES];
    const char *device_class;
    int64_t security_floor;
    int64_t slot_bytes;
    int64_t arena_bytes;
    const char *firmware;
    /* The operators of this firmware; NULL where the runtime has them all. */
    const char *const *ops;
    size_t ops_count;
    /* What this firmware computes from its sensors; NULL: any, the port feeds the model by other means. */
    const ef_feature_schema *schemas;
    size_t schemas_count;
    /* Puts an accepted payload, decoded, where it stays readable; NULL for flash that cannot be written. Without such a
     * place it goes into the workspace. */
    const uint8_t *(*unwrap)(void *place, const ef_wrapped *payload);
    void *place;
} ef_manifest_context;

/* What the device needs of a manifest it accepted; the rest is in `document`, which borrows the workspace. */
typedef struct {
    int64_t security_version;
    uint8_t sha256[EF_SHA256_BYTES];
    uint32_t size_bytes;
    uint32_t arena_bytes;
    uint8_t tolerance_lsb;
    ef_json document;
} ef_manifest;

/* Judges a manifest envelope before any byte of its model is fetched. */
ef_reason ef_verify_manifest(const uint8_t *bytes, size_t length, const ef_manifest_context *context,
                             const ef_workspace *workspace, ef_manifest *manifest, ef_fault *fault);

typedef struct {
    ef_seen seen;
    ef_key release_keys[EF_KEYS_MAX];
    size_t release_count;
    ef_key assignment_keys[EF_KEYS_MAX];
    size_t assignment_count;
} ef_key_bundle;

/* Judges a key bundle: a current release key signs it and its version rises. EF_REASON_UNCHANGED for the same again. */
ef_reason ef_verify_key_bundle(const uint8_t *bytes, size_t length, const ef_keyring *release_keys,
                               const ef_seen *seen, const ef_workspace *workspace, ef_key_bundle *bundle,
                               ef_fault *fault);

/* Reads a bundle that nobody signed: provisioning put it on the device, and it is trusted for where it lies. */
ef_reason ef_read_key_bundle(const uint8_t *bytes, size_t length, const ef_workspace *workspace, ef_key_bundle *bundle,
                             ef_fault *fault);

#endif
