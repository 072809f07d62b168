/* A device: it hears what it shall run, fetches, verifies, tests, switches, and says what it runs.
 *
 * The port calls ef_agent_start once, then ef_agent_poll for ever, and the four events as they happen; all from one
 * thread. Nothing here blocks, allocates or keeps a pointer to the caller's bytes. */
#ifndef EDGEFLEET_AGENT_H
#define EDGEFLEET_AGENT_H

#include "edgefleet/features.h"
#include "edgefleet/hal.h"
#include "edgefleet/verify.h"

/* Memory for one verification, and for one step of anything else; borrowed inside a call only, so that all agents of a
 * thread share one. Aligned as malloc aligns; it needs no beginning and no end. */
typedef struct ef_scratch ef_scratch;

size_t ef_scratch_size(void);

/* Memory for asking the device registry for a certificate and for leave to work. Borrowed until the device is activated
 * (ef_agent_is_activated); each start that finds it not activated needs it again. Aligned as malloc aligns. */
typedef struct ef_provision ef_provision;

size_t ef_provision_size(void);

/* What a device that senses keeps: its window of samples and what it makes of them. Aligned as malloc aligns. */
typedef struct ef_sense ef_sense;

size_t ef_sense_size(void);

/* What this board and this firmware are. Borrowed for as long as the agent lives. */
typedef struct {
    const char *device_id;
    const char *device_class;
    const char *firmware_version; /* semver */
    uint32_t ram_bytes;
    uint32_t slot_bytes; /* of the model part of one slot, a multiple of EF_FLASH_SECTOR */
    uint32_t arena_bytes;
    const char *const *ops; /* NULL where the runtime has them all */
    size_t ops_count;
    /* The keys that provisioning wrote; a stored bundle that is newer outranks them. */
    const ef_key *release_keys;
    size_t release_count;
    const ef_key *assignment_keys;
    size_t assignment_count;
    int64_t keys_version; /* of the bundle that they are from */
    ef_scratch *scratch;
    ef_provision *provision; /* NULL where the HAL has no device registry: the device counts as activated */
    ef_sense *sense_memory; /* the agent's own, ef_sense_size() bytes; NULL: this device does not sense */
    float *sense_work;      /* EF_FEATURES_WORK of them, which the agents of a thread share; for who senses */
} ef_agent_config;

typedef struct ef_agent ef_agent;

/* Bytes that an agent needs, for the caller to give; aligned as malloc aligns. */
size_t ef_agent_size(void);

/* Flash that an agent of this slot size needs, journal and manifests included. */
uint32_t ef_agent_flash_bytes(uint32_t slot_bytes);

/* Boots: recovers the journal, counts the boot, hashes the active slot and loads it, or falls back to the other one.
 * `config` and `hal` are borrowed. NULL when flash, memory or randomness cannot be used, or the configuration makes no
 * sense. */
ef_agent *ef_agent_start(void *memory, size_t size, const ef_agent_config *config, const ef_hal *hal);

/* Does what can be done now; returns milliseconds until it wants to be polled again at the latest (0: at once). */
uint32_t ef_agent_poll(ef_agent *agent);

/* The will to register with the broker before connecting: topic, document, QoS 1, retained. */
bool ef_agent_will(const ef_agent *agent, char *topic, size_t topic_size, uint8_t *document, size_t capacity,
                   size_t *length);

/* Whether the device may work. Until then it says who it is and why it waits, and obeys nothing. */
bool ef_agent_is_activated(const ef_agent *agent);

void ef_agent_connected(ef_agent *agent);
void ef_agent_disconnected(ef_agent *agent);
void ef_agent_message(ef_agent *agent, const char *topic, size_t topic_length, const uint8_t *bytes, size_t length);

#endif
