#include "enrolment_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "ef_writer.h"

enum { READ_MAX = 300, WRITE_MAX = 90, TRICKLE_MS = 5000 };

ef_io enrolment_open(enrolment_double *registry) {
    if (registry->open) {
        give_up("the core opens a stream twice", "stream");
    }
    registry->opened++;
    registry->opened_ms = *registry->now_ms;
    if (registry->manner == ENROLMENT_UNREACHABLE && registry->times > 0) {
        registry->times--;
        return EF_IO_FAILED;
    }
    registry->open = true;
    registry->mutual = registry->has_certificate(registry->context);
    registry->request_length = 0;
    registry->answered = false;
    registry->length = 0;
    registry->at = 0;
    registry->next_ms = 0;
    registry->now = ENROLMENT_GOOD;
    return EF_IO_OK;
}

void enrolment_close(enrolment_double *registry) {
    registry->open = false;
}

static void say(enrolment_double *registry, const char *text) {
    size_t length = strlen(text);
    if (registry->length + length > sizeof registry->answer) {
        give_up("an answer is too long", text);
    }
    memcpy(registry->answer + registry->length, text, length);
    registry->length += length;
}

static void put_base64(ef_writer *writer, const uint8_t *bytes, size_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        uint32_t three = 0;
        char four[5] = "====";
        size_t count = length - i < 3 ? length - i : 3;
        for (size_t each = 0; each < 3; each++) {
            three = three << 8 | (each < count ? bytes[i + each] : 0u);
        }
        for (size_t each = 0; each <= count; each++) {
            four[each] = digits[three >> (18 - 6 * each) & 63];
        }
        ef_put_text(writer, four);
    }
}

static void put_keys(ef_writer *writer, const char *name, const ef_key *key) {
    char text[128];
    ef_writer point;
    ef_writer_begin(&point, text, sizeof text);
    put_base64(&point, key->point, sizeof key->point);
    ef_json_open(writer, name, '[');
    ef_json_open(writer, NULL, '{');
    ef_json_put_text(writer, "keyid", key->keyid);
    ef_json_put_text(writer, "publicKey", text);
    ef_json_close(writer, '}');
    ef_json_close(writer, ']');
}

static void write_certificate(enrolment_double *registry, unsigned key, char *out, size_t capacity) {
    char certificate[128];
    ef_writer writer;
    (void)snprintf(certificate, sizeof certificate,
                   "-----BEGIN CERTIFICATE-----\nkey %u\nserial %u\n-----END CERTIFICATE-----\n", key,
                   registry->issued);
    ef_writer_begin(&writer, out, capacity);
    ef_json_open(&writer, NULL, '{');
    ef_json_put_integer(&writer, "schema", 1);
    ef_json_put_lines(&writer, "certificate", certificate);
    ef_json_open(&writer, "keys", '{');
    ef_json_put_integer(&writer, "schema", 1);
    ef_json_put_integer(&writer, "version", registry->version);
    put_keys(&writer, "releaseKeys", &registry->keys[0]);
    put_keys(&writer, "assignmentKeys", &registry->keys[1]);
    ef_json_close(&writer, '}');
    ef_json_close(&writer, '}');
}

/* The rule of the device registry: whoever shows the claim first is the device, and may ask again with the same key. */
static unsigned issue(enrolment_double *registry, const ef_json *json, char *body, size_t capacity) {
    unsigned key = 0;
    char csr[EF_CSR_MAX + 1];
    ef_text text = ef_json_text(json, ef_json_member(json, 0, "csr"));
    size_t length = 0;
    for (int32_t c = ef_text_next(&text); c != EF_TEXT_END; c = ef_text_next(&text)) {
        csr[length++] = (char)c;
    }
    csr[length] = '\0';
    if (sscanf(csr, "-----BEGIN CERTIFICATE REQUEST-----\nkey %u\n", &key) != 1) {
        return 400;
    }
    if (!ef_json_text_is(json, ef_json_member(json, 0, "claim"), registry->claim) ||
        (registry->key != 0 && registry->key != key)) {
        registry->refused++;
        return 403;
    }
    registry->key = key;
    registry->issued++;
    bool wrong = registry->wrong_key > 0;
    registry->wrong_key -= wrong ? 1 : 0;
    write_certificate(registry, wrong ? key + 100 : key, body, capacity);
    return 200;
}

static unsigned confirm(enrolment_double *registry, char *body, size_t capacity) {
    char after[64] = "";
    if (!registry->mutual) {
        return 401;
    }
    registry->let_in += registry->activates ? 1 : 0;
    if (registry->retry_after_seconds > 0 && !registry->activates) {
        (void)snprintf(after, sizeof after, ",\"retryAfterSeconds\":%u", registry->retry_after_seconds);
    }
    (void)snprintf(body, capacity, "{\"schema\":1,\"activated\":%s%s}", registry->activates ? "true" : "false", after);
    return 200;
}

static unsigned serve(enrolment_double *registry, const char *path, const char *question, char *body, size_t capacity) {
    ef_json json;
    ef_fault fault = {EF_REASON_OK, ""};
    ef_json_token tokens[EF_JSON_TOKENS_MAX];
    bool provision = strcmp(path, EF_PROVISION_PATH) == 0;
    const ef_document *document =
        &ef_documents[provision ? EF_DOCUMENT_PROVISION_REQUEST : EF_DOCUMENT_ACTIVATION_REQUEST];
    if (ef_contract_read(document, (const uint8_t *)question, strlen(question), tokens, EF_JSON_TOKENS_MAX, &json,
                         &fault) != EF_REASON_OK ||
        !ef_json_text_is(&json, ef_json_member(&json, 0, "deviceID"), "esp32-0001")) {
        printf("    no contract allows, at %s: %s\n", fault.path, question);
        registry->broken++;
        return 400;
    }
    return provision ? issue(registry, &json, body, capacity) : confirm(registry, body, capacity);
}

static void say_head(enrolment_double *registry, unsigned status, size_t length) {
    char head[256];
    (void)snprintf(head, sizeof head, "HTTP/1.1 %u Whatever\r\nContent-Type: application/json\r\n", status);
    say(registry, head);
    if (status >= 400 && registry->retry_after != NULL) {
        (void)snprintf(head, sizeof head, "retry-after: %s\r\n", registry->retry_after);
        say(registry, head);
    }
    if (registry->now == ENROLMENT_CHUNKED) {
        say(registry, "Transfer-Encoding: chunked\r\n");
    } else if (registry->now != ENROLMENT_ENDLESS) {
        length = registry->now == ENROLMENT_HUGE ? EF_PROVISION_ANSWER_MAX + 1 : length;
        (void)snprintf(head, sizeof head, "Content-Length: %zu\r\n",
                       length + (registry->now == ENROLMENT_LONGER ? 1 : 0));
        say(registry, head);
    }
    say(registry, "\r\n");
}

static void say_answer(enrolment_double *registry, const char *path, const char *question) {
    static char body[ENROLMENT_ANSWER_MAX / 2];
    unsigned status = registry->status;
    body[0] = '\0';
    if (registry->now == ENROLMENT_SAYS) {
        status = 200;
        (void)snprintf(body, sizeof body, "%s", registry->says);
    } else if (registry->now != ENROLMENT_STATUS) {
        status = serve(registry, path, question, body, sizeof body);
    }
    say_head(registry, status, strlen(body));
    if (registry->now == ENROLMENT_CUTS || registry->now == ENROLMENT_RESETS) {
        body[registry->after < strlen(body) ? registry->after : strlen(body) - 1] = '\0';
    }
    say(registry, body);
    say(registry, registry->now == ENROLMENT_EXTRA ? "x" : "");
    if (registry->now == ENROLMENT_LOSES) {
        registry->length = 0;
    }
}

/* The whole request is there: head, and as many bytes as it announced. */
static void answer(enrolment_double *registry, const char *question) {
    char path[64];
    registry->answered = true;
    if (sscanf(registry->request, "POST %63s HTTP/1.1\r\nHost: devices.test\r\n", path) != 1 ||
        strstr(registry->request, "\r\nContent-Type: application/json\r\n") == NULL ||
        (strcmp(path, EF_PROVISION_PATH) != 0 && strcmp(path, EF_ACTIVATION_PATH) != 0)) {
        give_up("not a request", registry->request);
    }
    if (registry->times > 0 && (registry->only == NULL || strstr(path, registry->only) != NULL)) {
        registry->times--;
        registry->now = registry->manner;
    }
    if (registry->now == ENROLMENT_GARBAGE) {
        say(registry, "\x16\x03\x01\nSSH-2.0-x\r\n\r\n");
    } else if (registry->now != ENROLMENT_SILENT) {
        say_answer(registry, path, question);
    }
}

ef_io enrolment_write(enrolment_double *registry, const uint8_t *bytes, size_t length, size_t *put) {
    *put = length < WRITE_MAX ? length : WRITE_MAX;
    if (registry->answered || registry->request_length + *put >= sizeof registry->request) {
        give_up("the request is too long", "request");
    }
    if (registry->manner == ENROLMENT_HANGS_UP && registry->times > 0) {
        registry->times--;
        return EF_IO_FAILED;
    }
    memcpy(registry->request + registry->request_length, bytes, *put);
    registry->request_length += *put;
    registry->request[registry->request_length] = '\0';
    const char *end = strstr(registry->request, "\r\n\r\n");
    const char *announced = strstr(registry->request, "\r\nContent-Length: ");
    if (end != NULL && announced != NULL && strlen(end + 4) >= strtoul(announced + 18, NULL, 10)) {
        answer(registry, end + 4);
    }
    return EF_IO_OK;
}

ef_io enrolment_read(enrolment_double *registry, uint8_t *out, size_t capacity, size_t *got) {
    size_t most = capacity < READ_MAX ? capacity : READ_MAX;
    *got = 0;
    if (registry->now == ENROLMENT_SILENT || *registry->now_ms < registry->next_ms) {
        return EF_IO_AGAIN;
    }
    if (registry->now == ENROLMENT_TRICKLES) {
        most = 1;
        registry->next_ms = *registry->now_ms + TRICKLE_MS;
    }
    if (registry->at == registry->length && registry->now == ENROLMENT_ENDLESS) {
        memset(out, 'x', most);
        *got = most;
        return EF_IO_OK;
    }
    if (registry->at == registry->length) {
        return registry->now == ENROLMENT_RESETS ? EF_IO_FAILED : EF_IO_END;
    }
    *got = registry->length - registry->at < most ? registry->length - registry->at : most;
    memcpy(out, registry->answer + registry->at, *got);
    registry->at += *got;
    return EF_IO_OK;
}
