#include "ef_fetch.h"

#include <string.h>

/* Bytes taken from the stream at a time. */
enum { STEP_BYTES = 2048 };

typedef enum { STAGE_CLOSED, STAGE_OPEN, STAGE_SEND, STAGE_HEAD, STAGE_BODY } stage;

static void close_stream(ef_fetch *fetch) {
    if (fetch->stage != STAGE_CLOSED) {
        fetch->hal->stream.close(fetch->hal->context);
        fetch->stage = STAGE_CLOSED;
    }
}

static ef_fetch_result end_with(ef_fetch *fetch, ef_fetch_result result, const char *error) {
    ef_writer writer;
    close_stream(fetch);
    if (error != NULL) {
        ef_writer_begin(&writer, fetch->error, sizeof fetch->error);
        ef_put_text(&writer, error);
    }
    return result;
}

static ef_fetch_result break_off(ef_fetch *fetch, const char *error) {
    return end_with(fetch, EF_FETCH_BROKEN, error);
}

/* Forgets what is in flash. */
static bool start_over(ef_fetch *fetch) {
    (void)psa_hash_abort(&fetch->hash);
    fetch->hash = psa_hash_operation_init();
    fetch->done = 0;
    return psa_hash_setup(&fetch->hash, PSA_ALG_SHA_256) == PSA_SUCCESS;
}

void ef_fetch_prepare(ef_fetch *fetch, const ef_hal *hal, const ef_fetch_order *order) {
    ef_fetch_stop(fetch);
    fetch->hal = hal;
    fetch->folder = order->folder;
    memcpy(fetch->digest, order->digest, EF_SHA256_BYTES);
    fetch->size = order->size;
    fetch->area = order->area;
    fetch->dirty = order->dirty;
    (void)start_over(fetch); /* without a hash the first byte fails */
}

bool ef_fetch_recall(ef_fetch *fetch) {
    const ef_hal *hal = fetch->hal;
    const uint8_t *sector = hal->flash.map(hal->context, fetch->area + fetch->done, EF_FLASH_SECTOR);
    if (sector == NULL || psa_hash_update(&fetch->hash, sector, EF_FLASH_SECTOR) != PSA_SUCCESS) {
        return false;
    }
    fetch->done += EF_FLASH_SECTOR;
    return true;
}

void ef_fetch_connect(ef_fetch *fetch) {
    fetch->stage = STAGE_OPEN;
    fetch->sent = 0;
    fetch->retry_ms = 0;
    fetch->error[0] = '\0';
    fetch->began_ms = fetch->hal->clock.monotonic_ms(fetch->hal->context);
    fetch->heard_ms = fetch->began_ms;
    ef_http_begin(&fetch->http);
}

void ef_fetch_stop(ef_fetch *fetch) {
    close_stream(fetch);
    (void)psa_hash_abort(&fetch->hash);
    memset(fetch, 0, sizeof *fetch);
}

bool ef_fetch_digest(ef_fetch *fetch, uint8_t digest[EF_SHA256_BYTES]) {
    size_t length = 0;
    return psa_hash_finish(&fetch->hash, digest, EF_SHA256_BYTES, &length) == PSA_SUCCESS && length == EF_SHA256_BYTES;
}

static ef_fetch_result open_stream(ef_fetch *fetch) {
    switch (fetch->hal->stream.open(fetch->hal->context, EF_PEER_MODEL_REGISTRY)) {
    case EF_IO_OK:
        fetch->stage = STAGE_SEND;
        fetch->heard_ms = fetch->hal->clock.monotonic_ms(fetch->hal->context);
        return EF_FETCH_MOVING;
    case EF_IO_AGAIN:
        return EF_FETCH_WAITING;
    default:
        return break_off(fetch, "the model registry does not answer or does not prove its name");
    }
}

/* The same text at each call, so that only the place in it is kept. */
static void write_request(const ef_fetch *fetch, ef_writer *writer) {
    ef_put_text(writer, "GET ");
    ef_put_text(writer, fetch->folder);
    ef_put_hex(writer, fetch->digest, EF_SHA256_BYTES);
    ef_put_text(writer, " HTTP/1.1\r\nHost: ");
    ef_put_text(writer, fetch->hal->stream.host[EF_PEER_MODEL_REGISTRY]);
    ef_put_text(writer, "\r\nUser-Agent: edgefleet-device\r\nAccept-Encoding: identity\r\nConnection: close\r\n");
    if (fetch->done > 0 && !fetch->whole) {
        ef_put_text(writer, "Range: bytes=");
        ef_put_number(writer, fetch->done);
        ef_put_text(writer, "-\r\nIf-Range: \"sha256:");
        ef_put_hex(writer, fetch->digest, EF_SHA256_BYTES);
        ef_put_text(writer, "\"\r\n");
    }
    ef_put_text(writer, "\r\n");
}

static ef_fetch_result send_request(ef_fetch *fetch, uint8_t *scratch, size_t capacity) {
    ef_writer writer;
    size_t put = 0;
    ef_writer_begin(&writer, (char *)scratch, capacity);
    write_request(fetch, &writer);
    if (writer.full) {
        return break_off(fetch, "the model registry's name is too long");
    }
    switch (fetch->hal->stream.write(fetch->hal->context, scratch + fetch->sent, writer.length - fetch->sent, &put)) {
    case EF_IO_OK:
        break;
    case EF_IO_AGAIN:
        return EF_FETCH_WAITING;
    default:
        return break_off(fetch, "the connection broke while asking");
    }
    fetch->sent = (uint16_t)(fetch->sent + put);
    if (fetch->sent >= writer.length) {
        fetch->stage = STAGE_HEAD;
    }
    fetch->heard_ms = fetch->hal->clock.monotonic_ms(fetch->hal->context);
    return EF_FETCH_MOVING;
}

static ef_fetch_result refuse_status(ef_fetch *fetch) {
    ef_writer writer;
    close_stream(fetch);
    if (fetch->http.status == 429 || fetch->http.status == 503) {
        fetch->retry_ms = fetch->http.retry_after * 1000u;
    }
    ef_writer_begin(&writer, fetch->error, sizeof fetch->error);
    ef_put_text(&writer, "HTTP ");
    ef_put_number(&writer, fetch->http.status);
    if (fetch->http.status == 404) {
        ef_put_text(&writer, ": the model registry does not have it");
    } else if (fetch->http.status >= 300 && fetch->http.status < 400) {
        ef_put_text(&writer, ": redirects are not followed");
    }
    return EF_FETCH_BROKEN;
}

/* Judges the answer before a byte of its body counts. */
static ef_fetch_result judge_head(ef_fetch *fetch) {
    const ef_http *http = &fetch->http;
    fetch->whole = fetch->whole || http->status == 416;
    if (http->status != 200 && http->status != 206) {
        return refuse_status(fetch);
    }
    if (!http->has_length) {
        return break_off(fetch, "the answer does not say how long it is");
    }
    if (http->status == 206) {
        if (fetch->done == 0 || fetch->whole || !http->has_range || http->range_first != fetch->done ||
            http->range_last != fetch->size - 1 || http->range_whole != fetch->size) {
            return break_off(fetch, "the answer is another part than was asked for");
        }
    }
    /* Who is given all when the rest is missing lets the beginning pass: to write it again would cost its erases. */
    fetch->skip = http->status == 200 ? fetch->done : 0;
    if (http->length != fetch->size - fetch->done + fetch->skip) {
        return break_off(fetch, "the answer has another length than was signed");
    }
    fetch->left = http->length;
    fetch->stage = STAGE_BODY;
    return EF_FETCH_MOVING;
}

/* Programs the next bytes, erasing each sector that needs it as it is entered. */
static bool store(ef_fetch *fetch, const uint8_t *bytes, size_t length) {
    const ef_hal_flash *flash = &fetch->hal->flash;
    while (length > 0) {
        uint32_t into = fetch->done % EF_FLASH_SECTOR;
        size_t step = length < EF_FLASH_SECTOR - into ? length : EF_FLASH_SECTOR - into;
        bool must_erase = into == 0 && fetch->done < fetch->dirty;
        if ((must_erase && !flash->erase(fetch->hal->context, fetch->area + fetch->done)) ||
            !flash->program(fetch->hal->context, fetch->area + fetch->done, bytes, step) ||
            psa_hash_update(&fetch->hash, bytes, step) != PSA_SUCCESS) {
            return false;
        }
        fetch->done += (uint32_t)step;
        bytes += step;
        length -= step;
    }
    return true;
}

static ef_fetch_result take_body(ef_fetch *fetch, const uint8_t *bytes, size_t length) {
    if (length > fetch->left) {
        return break_off(fetch, "more bytes came than were announced");
    }
    uint32_t past = length < fetch->skip ? (uint32_t)length : fetch->skip;
    fetch->skip -= past;
    if (!store(fetch, bytes + past, length - past)) {
        (void)start_over(fetch);
        return end_with(fetch, EF_FETCH_FLASH, "flash cannot be written");
    }
    fetch->left -= (uint32_t)length;
    return fetch->left == 0 ? end_with(fetch, EF_FETCH_DONE, NULL) : EF_FETCH_MOVING;
}

static ef_fetch_result take(ef_fetch *fetch, const uint8_t *bytes, size_t length) {
    size_t used = 0;
    if (fetch->stage == STAGE_HEAD) {
        switch (ef_http_read(&fetch->http, bytes, length, &used)) {
        case EF_HTTP_MORE:
            return EF_FETCH_MOVING;
        case EF_HTTP_BAD:
            return break_off(fetch, fetch->http.fault);
        default:
            break;
        }
        ef_fetch_result judged = judge_head(fetch);
        if (judged != EF_FETCH_MOVING) {
            return judged;
        }
    }
    return take_body(fetch, bytes + used, length - used);
}

static ef_fetch_result receive(ef_fetch *fetch, uint8_t *scratch, size_t capacity) {
    size_t got = 0;
    size_t most = capacity < STEP_BYTES ? capacity : STEP_BYTES;
    switch (fetch->hal->stream.read(fetch->hal->context, scratch, most, &got)) {
    case EF_IO_OK:
        break;
    case EF_IO_AGAIN:
        return EF_FETCH_WAITING;
    case EF_IO_END:
        return break_off(fetch, fetch->stage == STAGE_HEAD ? "the connection closed before the answer's end"
                                                           : "the body is shorter than announced");
    default:
        return break_off(fetch, "the connection broke");
    }
    if (got == 0) {
        return EF_FETCH_WAITING; /* not a byte: the clock of silence goes on */
    }
    fetch->heard_ms = fetch->hal->clock.monotonic_ms(fetch->hal->context);
    return take(fetch, scratch, got < most ? got : most);
}

ef_fetch_result ef_fetch_poll(ef_fetch *fetch, uint8_t *scratch, size_t capacity) {
    uint64_t now = fetch->hal->clock.monotonic_ms(fetch->hal->context);
    if (now - fetch->heard_ms > EF_FETCH_SILENCE_MS) {
        return break_off(fetch, "the model registry was silent for too long");
    }
    if (now - fetch->began_ms > EF_FETCH_TOTAL_MS) {
        return break_off(fetch, "the download took too long");
    }
    switch (fetch->stage) {
    case STAGE_OPEN:
        return open_stream(fetch);
    case STAGE_SEND:
        return send_request(fetch, scratch, capacity);
    case STAGE_HEAD:
    case STAGE_BODY:
        return receive(fetch, scratch, capacity);
    default:
        return break_off(fetch, "no download is under way");
    }
}
