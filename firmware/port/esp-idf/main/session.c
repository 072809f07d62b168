/* esp-mqtt runs in a task of its own, and the agent in one: events go over in a queue, and only the agent's task calls
 * the client. Nothing in the client's task waits for the agent, which may itself be waiting for the client's lock. */
#include <esp_log.h>
#include <esp_random.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

#define QUEUE_LENGTH 16
/* The largest document of any topic that a device hears, and around it topic and properties. */
#define MESSAGE_MAX EF_ENVELOPE_MAX
#define PACKET_MAX (MESSAGE_MAX + 512)
/* A report with its topic goes out in one piece. */
#define OUT_MAX (EF_REPORTED_MAX + 512)
#define BACKOFF_LEAST_MS 200u
#define BACKOFF_MOST_MS 30000u
#define CONNECT_US (30 * 1000 * 1000)

_Static_assert(EF_TELEMETRY_MAX <= EF_REPORTED_MAX, "the outgoing buffer fits telemetry");

typedef enum { EVENT_CONNECTED, EVENT_DISCONNECTED, EVENT_MESSAGE } ei_event_kind;

typedef struct {
    ei_event_kind kind;
    uint8_t *block; /* of a message: topic, then bytes, in one block of the heap that goes with the event */
    size_t topic_length;
    size_t length;
} ei_event;

static const char tag[] = "session";

/* What does not fit is not waited for: the agent drops the connection, and the broker says what it retains again. */
static void post(ei_session *session, const ei_event *event) {
    if (xQueueSend(session->events, event, 0) != pdTRUE) {
        free(event->block);
        atomic_store(&session->overflowed, true);
    }
}

static void begin_message(ei_session *session, const esp_mqtt_event_t *event) {
    size_t total = (size_t)event->total_data_len;
    free(session->message.block);
    memset(&session->message, 0, sizeof session->message);
    if (event->topic == NULL || event->total_data_len < 0 || total > MESSAGE_MAX) {
        ESP_LOGW(tag, "a message of %d bytes is dropped", event->total_data_len);
        return;
    }
    session->message.topic_length = (size_t)event->topic_len;
    session->message.length = total;
    session->message.block = malloc(session->message.topic_length + total);
    if (session->message.block == NULL) {
        ESP_LOGE(tag, "no memory for a message of %d bytes", event->total_data_len);
        atomic_store(&session->overflowed, true);
        return;
    }
    memcpy(session->message.block, event->topic, session->message.topic_length);
}

/* A message longer than the client's buffer comes in parts; only the first one names the topic. */
static void take_part(ei_session *session, const esp_mqtt_event_t *event) {
    if (event->current_data_offset == 0) {
        begin_message(session, event);
    }
    size_t part = (size_t)event->data_len;
    if (session->message.block == NULL || (size_t)event->current_data_offset != session->message.filled ||
        part > session->message.length - session->message.filled) {
        return;
    }
    if (part > 0) {
        memcpy(session->message.block + session->message.topic_length + session->message.filled, event->data, part);
        session->message.filled += part;
    }
    if (session->message.filled == session->message.length) {
        post(session, &(ei_event){EVENT_MESSAGE, session->message.block, session->message.topic_length,
                                  session->message.length});
        session->message.block = NULL;
    }
}

static void note_error(const esp_mqtt_error_codes_t *error) {
    if (error->error_type == MQTT_ERROR_TYPE_CONNECTION_REFUSED) {
        ESP_LOGW(tag, "the broker refuses: 0x%02x", (unsigned)error->connect_return_code);
    } else {
        ESP_LOGW(tag, "%s, TLS -0x%04x, socket %d", esp_err_to_name(error->esp_tls_last_esp_err),
                 (unsigned)-error->esp_tls_stack_err, error->esp_transport_sock_errno);
    }
}

/* In the client's task. */
static void note_event(void *argument, esp_event_base_t base, int32_t id, void *data) {
    ei_session *session = argument;
    const esp_mqtt_event_t *event = data;
    (void)base;
    switch ((esp_mqtt_event_id_t)id) {
    case MQTT_EVENT_CONNECTED:
        post(session, &(ei_event){.kind = EVENT_CONNECTED});
        break;
    case MQTT_EVENT_DISCONNECTED:
        post(session, &(ei_event){.kind = EVENT_DISCONNECTED});
        break;
    case MQTT_EVENT_DATA:
        take_part(session, event);
        break;
    case MQTT_EVENT_ERROR:
        note_error(event->error_handle);
        break;
    default:
        break;
    }
}

static void forget_events(ei_session *session) {
    ei_event event;
    while (xQueueReceive(session->events, &event, 0) == pdTRUE) {
        free(event.block);
    }
    free(session->message.block);
    memset(&session->message, 0, sizeof session->message);
    atomic_store(&session->overflowed, false);
}

/* Ends the client and its task; tries again after a wait that doubles, minus a random half at most. */
static void drop(ei_session *session, const char *why) {
    ESP_LOGW(tag, "broker: %s", why);
    if (session->client != NULL) {
        esp_mqtt_client_destroy(session->client);
        session->client = NULL;
    }
    forget_events(session);
    if (session->is_connected) {
        session->is_connected = false;
        ef_agent_disconnected(session->agent);
    }
    uint32_t wait_ms = session->backoff_ms - esp_random() % (session->backoff_ms / 2u);
    session->deadline = esp_timer_get_time() + (int64_t)wait_ms * 1000;
    session->backoff_ms = session->backoff_ms < BACKOFF_MOST_MS / 2u ? session->backoff_ms * 2u : BACKOFF_MOST_MS;
}

static esp_mqtt_client_handle_t make_client(const ei_session *session) {
    const ei_identity *identity = session->identity;
    const esp_mqtt_client_config_t config = {
        .broker.address = {.hostname = CONFIG_EDGEFLEET_BROKER_HOST,
                           .transport = MQTT_TRANSPORT_OVER_SSL,
                           .port = CONFIG_EDGEFLEET_BROKER_PORT},
        .broker.verification.certificate = identity->ca,
        .credentials.client_id = identity->device_id,
        .credentials.authentication = {.certificate = identity->certificate,
                                       .key = (const char *)identity->key,
                                       .key_len = identity->key_length},
        .session.last_will = {.topic = session->will_topic,
                              .msg = (const char *)session->will,
                              .msg_len = (int)session->will_length,
                              .qos = 1,
                              .retain = 1},
        .session.keepalive = 60,
        .session.protocol_ver = MQTT_PROTOCOL_V_5,
        /* The backoff is ours; the short pause only lets the client's task notice sooner that it shall end. */
        .network.disable_auto_reconnect = true,
        .network.reconnect_timeout_ms = 200,
        .network.timeout_ms = 10000,
        .buffer = {.size = 2048, .out_size = OUT_MAX},
        .outbox.limit = 4 * OUT_MAX,
    };
    return esp_mqtt_client_init(&config);
}

static void connect_now(ei_session *session) {
    /* Without a maximum of its own the client names its buffer's size, and the broker withholds what is longer. */
    const esp_mqtt5_connection_property_config_t properties = {.maximum_packet_size = PACKET_MAX};
    session->deadline = esp_timer_get_time() + CONNECT_US;
    session->client = make_client(session);
    if (session->client == NULL || esp_mqtt5_client_set_connect_property(session->client, &properties) != ESP_OK ||
        esp_mqtt_client_register_event(session->client, MQTT_EVENT_ANY, note_event, session) != ESP_OK ||
        esp_mqtt_client_start(session->client) != ESP_OK) {
        drop(session, "the client does not start");
    }
}

/* In the agent's task, which alone calls the agent. */
static void handle(ei_session *session, const ei_event *event) {
    switch (event->kind) {
    case EVENT_CONNECTED:
        ESP_LOGI(tag, "broker: connected as %s", session->identity->device_id);
        session->is_connected = true;
        session->backoff_ms = BACKOFF_LEAST_MS;
        ef_agent_connected(session->agent);
        break;
    case EVENT_DISCONNECTED:
        drop(session, "the connection is closed");
        break;
    case EVENT_MESSAGE:
        ef_agent_message(session->agent, (const char *)event->block, event->topic_length,
                         event->block + event->topic_length, event->length);
        free(event->block);
        break;
    }
}

bool session_open(ei_session *session, const ei_identity *identity, ef_agent *agent) {
    session->identity = identity;
    session->agent = agent;
    session->backoff_ms = BACKOFF_LEAST_MS;
    session->events = xQueueCreate(QUEUE_LENGTH, sizeof(ei_event));
    return session->events != NULL && ef_agent_will(agent, session->will_topic, sizeof session->will_topic,
                                                    session->will, sizeof session->will, &session->will_length);
}

void session_work(ei_session *session, uint32_t wait_ms) {
    ei_event event;
    TickType_t ticks = pdMS_TO_TICKS(wait_ms);
    while (xQueueReceive(session->events, &event, ticks) == pdTRUE) {
        handle(session, &event);
        ticks = 0;
    }
    if (session->client == NULL) {
        if (esp_timer_get_time() >= session->deadline && network_is_up() && session->identity->certificate != NULL) {
            connect_now(session);
        }
    } else if (atomic_load(&session->overflowed)) {
        drop(session, "messages were lost");
    } else if (!session->is_connected && esp_timer_get_time() >= session->deadline) {
        drop(session, "no answer");
    }
}

static bool subscribe(void *context, const char *topic, int qos) {
    ei_session *session = &((ei_board *)context)->session;
    return session->is_connected && esp_mqtt_client_subscribe_single(session->client, topic, qos) >= 0;
}

static bool unsubscribe(void *context, const char *topic) {
    ei_session *session = &((ei_board *)context)->session;
    return session->is_connected && esp_mqtt_client_unsubscribe(session->client, topic) >= 0;
}

/* Into the client's outbox; its task sends. Without bytes it takes no pointer either, or it would look for a NUL. */
static bool publish(void *context, const char *topic, const uint8_t *bytes, size_t length, int qos, bool retain) {
    ei_session *session = &((ei_board *)context)->session;
    const char *data = length > 0 ? (const char *)bytes : NULL;
    return session->is_connected &&
           esp_mqtt_client_enqueue(session->client, topic, data, (int)length, qos, retain, true) >= 0;
}

void session_wire(ef_hal *hal) {
    hal->mqtt = (ef_hal_mqtt){.subscribe = subscribe, .publish = publish, .unsubscribe = unsubscribe};
}
