#include "ef_provision.h"

#include <string.h>

#include "edgefleet/pattern.h"
#include "ef_keys.h"

enum { WAIT_MS = 20, LOOK_MS = 1000, CLAIM_CHARS = 64 };

const ef_provision_transition ef_provision_transitions[] = {
    {EF_PROVISION_CLAIM, EF_PROVISION_NEXT, EF_PROVISION_ASK},
    {EF_PROVISION_CLAIM, EF_PROVISION_AGAIN, EF_PROVISION_PAUSE},
    {EF_PROVISION_ASK, EF_PROVISION_NEXT, EF_PROVISION_INSTALL},
    {EF_PROVISION_ASK, EF_PROVISION_AGAIN, EF_PROVISION_PAUSE},
    {EF_PROVISION_INSTALL, EF_PROVISION_NEXT, EF_PROVISION_CONFIRM},
    {EF_PROVISION_INSTALL, EF_PROVISION_AGAIN, EF_PROVISION_PAUSE},
    {EF_PROVISION_CONFIRM, EF_PROVISION_NEXT, EF_PROVISION_AWAIT},
    {EF_PROVISION_AWAIT, EF_PROVISION_NEXT, EF_PROVISION_ACTIVATE},
    {EF_PROVISION_AWAIT, EF_PROVISION_AGAIN, EF_PROVISION_PAUSE},
    {EF_PROVISION_ACTIVATE, EF_PROVISION_NEXT, EF_PROVISION_REST},
    {EF_PROVISION_ACTIVATE, EF_PROVISION_AGAIN, EF_PROVISION_PAUSE},
    {EF_PROVISION_PAUSE, EF_PROVISION_NEXT, EF_PROVISION_CLAIM},
    {EF_PROVISION_PAUSE, EF_PROVISION_RESUME, EF_PROVISION_CONFIRM},
};
const size_t ef_provision_transition_count = sizeof ef_provision_transitions / sizeof ef_provision_transitions[0];

const char *const ef_provision_step_names[EF_PROVISION_STEP_COUNT] = {"Rest",    "Claim", "Ask",      "Install",
                                                                      "Confirm", "Await", "Activate", "Pause"};
const char *const ef_provision_event_names[EF_PROVISION_EVENT_COUNT] = {"stay", "more", "next", "again", "resume"};

static const char waits_for_activation[] = "waits to be activated";

static uint64_t now_ms(const ef_provision *provision) {
    return provision->hal->clock.monotonic_ms(provision->hal->context);
}

/* A random number below `bound`; without randomness the middle, which is as good as any. */
static uint32_t random_below(const ef_provision *provision, uint32_t bound) {
    uint32_t random = 0;
    if (bound == 0 || !provision->hal->random.fill(provision->hal->context, &random, sizeof random)) {
        return bound / 2;
    }
    return random % bound;
}

/* Said once, not at each attempt. */
static void set_note(ef_provision *provision, const char *note) {
    char text[EF_NOTE_MAX];
    ef_writer writer;
    ef_writer_begin(&writer, text, sizeof text);
    ef_put_text(&writer, note);
    if (strcmp(text, provision->note) == 0) {
        return;
    }
    memcpy(provision->note, text, sizeof text);
    provision->news = true;
    provision->hal->log.write(provision->hal->context, provision->note);
}

/* Pauses of 1, 2, 4 s and so on, minus a random quarter at most: a fleet that lost its registry at one moment must not
 * come back at one moment. */
static ef_provision_event back_off(ef_provision *provision, const char *note) {
    uint32_t doublings = provision->failures < 9 ? provision->failures : 9;
    uint32_t pause = EF_PROVISION_PAUSE_MS << doublings;
    pause = pause < EF_PROVISION_PAUSE_MAX_MS ? pause : EF_PROVISION_PAUSE_MAX_MS;
    provision->failures++;
    provision->until_ms = now_ms(provision) + pause - pause / 4 + random_below(provision, pause / 4);
    set_note(provision, note);
    return EF_PROVISION_AGAIN;
}

/* What trying again soon does not mend. */
static ef_provision_event back_off_longest(ef_provision *provision, const char *note) {
    provision->failures = 9;
    return back_off(provision, note);
}

/* When the peer wants to be asked again, and not by all at that moment; contract and parser know a day at most. */
static uint64_t told_ms(const ef_provision *provision, uint32_t seconds) {
    uint32_t pause = seconds * 1000u;
    return now_ms(provision) + pause + random_below(provision, pause / 4);
}

static ef_provision_event back_off_saying(ef_provision *provision, const char *what, const char *more) {
    char note[EF_NOTE_MAX];
    ef_writer writer;
    ef_writer_begin(&writer, note, sizeof note);
    ef_put_text(&writer, what);
    ef_put_text(&writer, more);
    return back_off(provision, note);
}

static ef_provision_event back_off_fault(ef_provision *provision, const char *what, ef_reason reason,
                                         const ef_fault *fault) {
    char more[EF_NOTE_MAX];
    ef_writer writer;
    ef_writer_begin(&writer, more, sizeof more);
    ef_put_text(&writer, ef_reason_names[reason]);
    ef_put_text(&writer, fault->path[0] != '\0' ? " at " : "");
    ef_put_text(&writer, fault->path);
    return back_off_saying(provision, what, more);
}

static bool is_for_good(uint16_t status) {
    return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

static ef_provision_event judge_status(ef_provision *provision, const char *refused, const char *failed) {
    char note[EF_NOTE_MAX];
    ef_writer writer;
    uint16_t status = provision->request.http.status;
    bool good = is_for_good(status);
    ef_writer_begin(&writer, note, sizeof note);
    ef_put_text(&writer, good ? refused : failed);
    ef_put_text(&writer, ": HTTP ");
    ef_put_number(&writer, status);
    ef_provision_event event = good ? back_off_longest(provision, note) : back_off(provision, note);
    uint64_t told = told_ms(provision, provision->request.http.retry_after);
    provision->until_ms = provision->until_ms > told ? provision->until_ms : told;
    return event;
}

static ef_provision_event poll_request(ef_provision *provision, const ef_workspace *workspace, const char *refused) {
    switch (ef_request_poll(&provision->request, workspace->payload, workspace->payload_capacity)) {
    case EF_REQUEST_WAITING:
        return EF_PROVISION_STAY;
    case EF_REQUEST_MOVING:
        return EF_PROVISION_MORE;
    case EF_REQUEST_DONE:
        return EF_PROVISION_NEXT;
    case EF_REQUEST_REFUSED:
        return judge_status(provision, refused, "the device registry cannot answer now");
    default:
        return back_off_saying(provision, "device registry: ", provision->request.error);
    }
}

static void begin_request(ef_provision *provision, const char *path, size_t length) {
    ef_request_begin(&provision->request, provision->hal, EF_PEER_DEVICE_REGISTRY, path, provision->document,
                     EF_PROVISION_ANSWER_MAX, (uint32_t)length);
}

static bool read_claim(const ef_provision *provision, char *out, size_t capacity) {
    const ef_hal *hal = provision->hal;
    if (hal->identity.claim == NULL || !hal->identity.claim(hal->context, out, capacity)) {
        return false;
    }
    for (const char *c = out; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || *c == '\\') {
            return false; /* a cursor wants checked JSON text */
        }
    }
    ef_text text = {(const uint8_t *)out, (const uint8_t *)out + strlen(out)};
    return ef_pattern_matches(EF_PATTERN_TOKEN, text);
}

static void open_document(const ef_provision *provision, ef_writer *writer, size_t most) {
    ef_writer_begin(writer, (char *)provision->document, most + 1);
    ef_json_open(writer, NULL, '{');
    ef_json_put_integer(writer, "schema", EF_SCHEMA_VERSION);
    ef_json_put_text(writer, "deviceID", provision->device_id);
}

static ef_provision_event step_claim(ef_provision *provision, const ef_workspace *workspace) {
    char claim[CLAIM_CHARS + 1];
    ef_writer writer;
    size_t length = 0;
    char *csr = (char *)workspace->payload;
    const ef_hal *hal = provision->hal;
    if (!read_claim(provision, claim, sizeof claim)) {
        return back_off_longest(provision, "there is no certificate, and no claim to ask for one");
    }
    if (!hal->identity.request(hal->context, csr, workspace->payload_capacity, &length) || length > EF_CSR_MAX) {
        return back_off_longest(provision, "the device's key cannot be made or used");
    }
    open_document(provision, &writer, EF_PROVISION_REQUEST_MAX);
    ef_json_put_text(&writer, "claim", claim);
    ef_json_put_lines(&writer, "csr", csr);
    ef_json_close(&writer, '}');
    if (writer.full) {
        return back_off_longest(provision, "the certificate request is too long");
    }
    begin_request(provision, EF_PROVISION_PATH, writer.length);
    return EF_PROVISION_NEXT;
}

static ef_provision_event step_ask(ef_provision *provision, const ef_workspace *workspace) {
    return poll_request(provision, workspace, "the device registry refuses the claim");
}

/* A bundle from provisioning is trusted for where it came from, and never takes back a newer one. */
static ef_provision_event keep_keys(ef_provision *provision, const uint8_t *bytes, size_t length,
                                    const ef_workspace *workspace) {
    ef_key_bundle bundle;
    ef_key_bundle stored;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_reason reason = ef_read_key_bundle(bytes, length, workspace, &bundle, &fault);
    if (reason != EF_REASON_OK) {
        return back_off_fault(provision, "the device registry's keys: ", reason, &fault);
    }
    bool newer_is_there = ef_keys_load(provision->journal, &stored) && stored.seen.number > bundle.seen.number;
    if (!newer_is_there && !ef_keys_store(provision->journal, &bundle)) {
        return back_off(provision, "the fleet's keys cannot be stored");
    }
    provision->has_keys = true;
    provision->news = true;
    return EF_PROVISION_NEXT;
}

/* Writes the text of a JSON string over itself, which is never shorter, with a NUL where its quote was at the
 * latest. */
static size_t unescape(uint8_t *from, const uint8_t *end) {
    ef_text text = {from, end};
    size_t length = 0;
    for (int32_t c = ef_text_next(&text); c != EF_TEXT_END; c = ef_text_next(&text)) {
        from[length++] = (uint8_t)c; /* the contract allows ASCII only */
    }
    from[length] = '\0';
    return length;
}

/* Keys first, certificate then: with a certificate, a start asks for nothing more. */
static ef_provision_event step_install(ef_provision *provision, const ef_workspace *workspace) {
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    uint8_t *document = provision->document;
    const ef_hal *hal = provision->hal;
    ef_reason reason = ef_contract_read(&ef_document_provision_answer, document,
                                        provision->request.answered, workspace->tokens, workspace->capacity, &json,
                                        &fault);
    if (reason != EF_REASON_OK) {
        return back_off_fault(provision, "the device registry's answer: ", reason, &fault);
    }
    ef_json_token certificate = json.tokens[ef_json_member(&json, 0, "certificate")];
    ef_json_token keys = json.tokens[ef_json_member(&json, 0, "keys")];
    ef_provision_event event = keep_keys(provision, document + keys.start, keys.end - keys.start, workspace);
    if (event != EF_PROVISION_NEXT) {
        return event;
    }
    size_t length = unescape(document + certificate.start, document + certificate.end);
    if (!hal->identity.install(hal->context, (const char *)document + certificate.start, length)) {
        return back_off(provision, "the certificate is not one for this device's key, or cannot be kept");
    }
    provision->failures = 0;
    set_note(provision, waits_for_activation);
    return EF_PROVISION_NEXT;
}

static ef_provision_event step_confirm(ef_provision *provision, const ef_workspace *workspace) {
    ef_writer writer;
    (void)workspace;
    open_document(provision, &writer, EF_ACTIVATION_REQUEST_MAX);
    ef_json_close(&writer, '}');
    begin_request(provision, EF_ACTIVATION_PATH, writer.length);
    return EF_PROVISION_NEXT;
}

static ef_provision_event step_await(ef_provision *provision, const ef_workspace *workspace) {
    return poll_request(provision, workspace, "the device registry refuses this device");
}

static ef_provision_event step_activate(ef_provision *provision, const ef_workspace *workspace) {
    ef_json json;
    ef_activation activation;
    ef_writer writer;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_reason reason = ef_contract_read(&ef_document_activation_answer, provision->document,
                                        provision->request.answered, workspace->tokens, workspace->capacity, &json,
                                        &fault);
    if (reason != EF_REASON_OK) {
        return back_off_fault(provision, "the device registry's answer: ", reason, &fault);
    }
    if (json.tokens[ef_json_member(&json, 0, "activated")].type != EF_JSON_TRUE) {
        uint16_t after = ef_json_member(&json, 0, "retryAfterSeconds");
        ef_provision_event event = back_off(provision, waits_for_activation);
        if (after != EF_JSON_NONE) {
            provision->until_ms = told_ms(provision, (uint32_t)ef_json_integer(&json, after));
        }
        return event;
    }
    memset(&activation, 0, sizeof activation);
    ef_writer_begin(&writer, activation.device_id, sizeof activation.device_id);
    ef_put_text(&writer, provision->device_id);
    if (!ef_journal_put(provision->journal, EF_RECORD_ACTIVATION, &activation, sizeof activation)) {
        return back_off(provision, "the activation cannot be stored");
    }
    return EF_PROVISION_NEXT;
}

/* Whether the registry must be asked for a certificate, or for the keys that come with one. */
static bool must_claim(const ef_provision *provision) {
    const ef_hal_identity *identity = &provision->hal->identity;
    if (identity->has_certificate == NULL || identity->request == NULL || identity->install == NULL) {
        return false; /* provisioned by other means */
    }
    return !provision->has_keys || !identity->has_certificate(provision->hal->context);
}

static ef_provision_event step_pause(ef_provision *provision, const ef_workspace *workspace) {
    (void)workspace;
    if (now_ms(provision) < provision->until_ms) {
        return EF_PROVISION_STAY;
    }
    return must_claim(provision) ? EF_PROVISION_NEXT : EF_PROVISION_RESUME;
}

static ef_provision_event (*const steps[EF_PROVISION_STEP_COUNT])(ef_provision *, const ef_workspace *) = {
    [EF_PROVISION_CLAIM] = step_claim,     [EF_PROVISION_ASK] = step_ask,
    [EF_PROVISION_INSTALL] = step_install, [EF_PROVISION_CONFIRM] = step_confirm,
    [EF_PROVISION_AWAIT] = step_await,     [EF_PROVISION_ACTIVATE] = step_activate,
    [EF_PROVISION_PAUSE] = step_pause,
};

/* Milliseconds to the end of a pause, but no more than a caller should sleep. */
static uint32_t pause_left(const ef_provision *provision) {
    uint64_t now = now_ms(provision);
    uint64_t left = provision->until_ms > now ? provision->until_ms - now : 0;
    return left < LOOK_MS ? (uint32_t)left : LOOK_MS;
}

static bool is_activated(const ef_journal *journal, const char *device_id) {
    ef_activation activation;
    return ef_journal_get(journal, EF_RECORD_ACTIVATION, &activation, sizeof activation) &&
           memchr(activation.device_id, '\0', sizeof activation.device_id) != NULL &&
           strcmp(activation.device_id, device_id) == 0;
}

void ef_provision_start(ef_provision *provision, const ef_hal *hal, ef_journal *journal, const char *device_id,
                        bool has_keys) {
    memset(provision, 0, sizeof *provision);
    provision->hal = hal;
    provision->journal = journal;
    provision->device_id = device_id;
    provision->has_keys = has_keys;
    if (hal->stream.host[EF_PEER_DEVICE_REGISTRY] == NULL) {
        return;
    }
    if (must_claim(provision)) {
        provision->step = EF_PROVISION_CLAIM;
        set_note(provision, "waits for a certificate");
    } else if (!is_activated(journal, device_id)) {
        provision->step = EF_PROVISION_CONFIRM;
        set_note(provision, waits_for_activation);
    }
}

static ef_provision_step follow(ef_provision_step from, ef_provision_event event) {
    for (size_t i = 0; i < ef_provision_transition_count; i++) {
        if (ef_provision_transitions[i].from == from && ef_provision_transitions[i].event == event) {
            return ef_provision_transitions[i].to;
        }
    }
    return EF_PROVISION_PAUSE;
}

/* Nothing secret stays in memory longer than it is needed. */
static void rest(ef_provision *provision) {
    memset(provision->document, 0, sizeof provision->document);
    set_note(provision, "activated");
    provision->note[0] = '\0';
    provision->news = true;
}

uint32_t ef_provision_poll(ef_provision *provision, const ef_workspace *workspace) {
    if (ef_provision_is_done(provision)) {
        return LOOK_MS;
    }
    ef_provision_event event = steps[provision->step](provision, workspace);
    if (event == EF_PROVISION_STAY) {
        return provision->step == EF_PROVISION_PAUSE ? pause_left(provision) : WAIT_MS;
    }
    if (event != EF_PROVISION_MORE) {
        provision->step = follow(provision->step, event);
    }
    if (ef_provision_is_done(provision)) {
        rest(provision);
    }
    return 0;
}

size_t ef_provision_size(void) {
    return sizeof(ef_provision);
}

bool ef_provision_is_done(const ef_provision *provision) {
    return provision->step == EF_PROVISION_REST;
}
