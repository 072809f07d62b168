#include "ef_request.h"

#include <string.h>

/* Bytes taken from the stream at a time. */
enum { STEP_BYTES = 1024 };

typedef enum { STAGE_CLOSED, STAGE_OPEN, STAGE_SEND, STAGE_HEAD, STAGE_BODY } stage;

void ef_request_stop(ef_request *request) {
    if (request->stage != STAGE_CLOSED) {
        request->hal->stream.close(request->hal->context);
        request->stage = STAGE_CLOSED;
    }
}

static uint64_t now_ms(const ef_request *request) {
    return request->hal->clock.monotonic_ms(request->hal->context);
}

static ef_request_result break_off(ef_request *request, const char *error) {
    ef_writer writer;
    ef_request_stop(request);
    ef_writer_begin(&writer, request->error, sizeof request->error);
    ef_put_text(&writer, error);
    return EF_REQUEST_BROKEN;
}

void ef_request_begin(ef_request *request, const ef_hal *hal, ef_peer peer, const char *path, uint8_t *memory,
                      uint32_t capacity, uint32_t asked) {
    ef_request_stop(request);
    memset(request, 0, sizeof *request);
    request->hal = hal;
    request->peer = peer;
    request->path = path;
    request->memory = memory;
    request->capacity = capacity;
    request->asked = asked;
    request->stage = STAGE_OPEN;
    request->began_ms = now_ms(request);
    request->heard_ms = request->began_ms;
    ef_http_begin(&request->http);
}

static ef_request_result open_stream(ef_request *request) {
    switch (request->hal->stream.open(request->hal->context, request->peer)) {
    case EF_IO_OK:
        request->stage = STAGE_SEND;
        request->heard_ms = now_ms(request);
        return EF_REQUEST_MOVING;
    case EF_IO_AGAIN:
        return EF_REQUEST_WAITING;
    default:
        return break_off(request, "it does not answer or does not prove its name");
    }
}

/* The same text at each call, so that only the place in it is kept. */
static void write_head(const ef_request *request, ef_writer *writer) {
    ef_put_text(writer, "POST ");
    ef_put_text(writer, request->path);
    ef_put_text(writer, " HTTP/1.1\r\nHost: ");
    ef_put_text(writer, request->hal->stream.host[request->peer]);
    ef_put_text(writer, "\r\nUser-Agent: edgefleet-device\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
                        "Connection: close\r\nContent-Type: application/json\r\nContent-Length: ");
    ef_put_number(writer, request->asked);
    ef_put_text(writer, "\r\n\r\n");
}

static ef_request_result ask(ef_request *request, uint8_t *scratch, size_t capacity) {
    ef_writer writer;
    size_t put = 0;
    ef_writer_begin(&writer, (char *)scratch, capacity < EF_REQUEST_HEAD_MAX ? capacity : EF_REQUEST_HEAD_MAX);
    write_head(request, &writer);
    if (writer.full) {
        return break_off(request, "its name is too long");
    }
    bool head = request->sent < writer.length;
    const uint8_t *bytes = head ? scratch + request->sent : request->memory + (request->sent - writer.length);
    size_t left = (head ? writer.length : writer.length + request->asked) - request->sent;
    switch (request->hal->stream.write(request->hal->context, bytes, left, &put)) {
    case EF_IO_OK:
        break;
    case EF_IO_AGAIN:
        return EF_REQUEST_WAITING;
    default:
        return break_off(request, "the connection broke while asking");
    }
    request->sent += (uint32_t)(put < left ? put : left);
    if (request->sent >= writer.length + request->asked) {
        request->stage = STAGE_HEAD;
    }
    if (put > 0) {
        request->heard_ms = now_ms(request);
    }
    return put > 0 ? EF_REQUEST_MOVING : EF_REQUEST_WAITING;
}

/* Judges the answer before a byte of its body counts. */
static ef_request_result judge_head(ef_request *request) {
    const ef_http *http = &request->http;
    if (http->status != 200 && http->status != 201) {
        ef_request_stop(request); /* what it says further is for people, who find it in the peer's log */
        return EF_REQUEST_REFUSED;
    }
    if (!http->has_length) {
        return break_off(request, "the answer does not say how long it is");
    }
    if (http->length > request->capacity) {
        return break_off(request, "the answer is longer than any document");
    }
    request->stage = STAGE_BODY;
    return EF_REQUEST_MOVING;
}

static ef_request_result take_body(ef_request *request, const uint8_t *bytes, size_t length) {
    if (length > request->http.length - request->got) {
        return break_off(request, "more bytes came than were announced");
    }
    memcpy(request->memory + request->got, bytes, length);
    request->got += (uint32_t)length;
    if (request->got < request->http.length) {
        return EF_REQUEST_MOVING;
    }
    request->answered = request->got;
    ef_request_stop(request);
    return EF_REQUEST_DONE;
}

static ef_request_result take(ef_request *request, const uint8_t *bytes, size_t length) {
    size_t used = 0;
    if (request->stage == STAGE_HEAD) {
        switch (ef_http_read(&request->http, bytes, length, &used)) {
        case EF_HTTP_MORE:
            return EF_REQUEST_MOVING;
        case EF_HTTP_BAD:
            return break_off(request, request->http.fault);
        default:
            break;
        }
        ef_request_result judged = judge_head(request);
        if (judged != EF_REQUEST_MOVING) {
            return judged;
        }
    }
    return take_body(request, bytes + used, length - used);
}

static ef_request_result receive(ef_request *request, uint8_t *scratch, size_t capacity) {
    size_t got = 0;
    size_t most = capacity < STEP_BYTES ? capacity : STEP_BYTES;
    switch (request->hal->stream.read(request->hal->context, scratch, most, &got)) {
    case EF_IO_OK:
        break;
    case EF_IO_AGAIN:
        return EF_REQUEST_WAITING;
    case EF_IO_END:
        return break_off(request, request->stage == STAGE_HEAD ? "the connection closed before the answer's end"
                                                               : "the answer is shorter than announced");
    default:
        return break_off(request, "the connection broke");
    }
    if (got == 0) {
        return EF_REQUEST_WAITING; /* not a byte: the clock of silence goes on */
    }
    request->heard_ms = now_ms(request);
    return take(request, scratch, got < most ? got : most);
}

ef_request_result ef_request_poll(ef_request *request, uint8_t *scratch, size_t capacity) {
    uint64_t now = now_ms(request);
    if (now - request->heard_ms > EF_REQUEST_SILENCE_MS) {
        return break_off(request, "it was silent for too long");
    }
    if (now - request->began_ms > EF_REQUEST_TOTAL_MS) {
        return break_off(request, "its answer took too long");
    }
    switch (request->stage) {
    case STAGE_OPEN:
        return open_stream(request);
    case STAGE_SEND:
        return ask(request, scratch, capacity);
    case STAGE_HEAD:
    case STAGE_BODY:
        return receive(request, scratch, capacity);
    default:
        return break_off(request, "no request is under way");
    }
}
