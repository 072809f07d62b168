#include "ef_http.h"

#include <string.h>

void ef_http_begin(ef_http *http) {
    memset(http, 0, sizeof *http);
}

static ef_http_state refuse(ef_http *http, const char *fault) {
    http->fault = fault;
    return EF_HTTP_BAD;
}

static bool take_digits(const char **at, uint32_t *value) {
    uint64_t read = 0;
    const char *start = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        read = read * 10 + (uint64_t)(**at - '0');
        if (read > UINT32_MAX) {
            return false;
        }
    }
    *value = (uint32_t)read;
    return *at != start;
}

static bool take_text(const char **at, const char *text) {
    const char *next = *at;
    for (; *text != '\0'; text++, next++) {
        if (*next != *text) {
            return false;
        }
    }
    *at = next;
    return true;
}

static bool read_status(ef_http *http) {
    const char *at = http->line;
    uint32_t status = 0;
    if (http->line_cut || !take_text(&at, "HTTP/1.") || (*at != '0' && *at != '1')) {
        return false;
    }
    at++;
    if (!take_text(&at, " ") || !take_digits(&at, &status) || (*at != ' ' && *at != '\0')) {
        return false;
    }
    http->status = (uint16_t)status;
    return status >= 100 && status <= 599;
}

/* The value of a header line if the line has that name, without spaces around it. */
static const char *value_of(const char *line, const char *name) {
    for (; *name != '\0'; name++, line++) {
        char lower = *line >= 'A' && *line <= 'Z' ? (char)(*line - 'A' + 'a') : *line;
        if (lower != *name) {
            return NULL;
        }
    }
    if (*line++ != ':') {
        return NULL;
    }
    while (*line == ' ' || *line == '\t') {
        line++;
    }
    return line;
}

static bool ends(const char *at) {
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    return *at == '\0';
}

static ef_http_state read_length(ef_http *http, const char *value) {
    uint32_t length = 0;
    if (!take_digits(&value, &length) || !ends(value)) {
        return refuse(http, "its Content-Length is not a number of bytes");
    }
    if (http->has_length && length != http->length) {
        return refuse(http, "it has two lengths");
    }
    http->has_length = true;
    http->length = length;
    return EF_HTTP_MORE;
}

static ef_http_state read_range(ef_http *http, const char *value) {
    bool good = !http->has_range && take_text(&value, "bytes ") && take_digits(&value, &http->range_first) &&
                take_text(&value, "-") && take_digits(&value, &http->range_last) && take_text(&value, "/") &&
                take_digits(&value, &http->range_whole) && ends(value);
    http->has_range = true;
    return good ? EF_HTTP_MORE : refuse(http, "its Content-Range is not one range");
}

/* A date is ignored: a device need not know the time. Of several the longest counts. */
static void read_retry(ef_http *http, const char *value) {
    uint32_t seconds = 0;
    for (; *value >= '0' && *value <= '9'; value++) {
        seconds = seconds < EF_HTTP_RETRY_MAX_S ? seconds * 10 + (uint32_t)(*value - '0') : seconds;
    }
    seconds = seconds < EF_HTTP_RETRY_MAX_S ? seconds : EF_HTTP_RETRY_MAX_S;
    if (ends(value) && seconds > http->retry_after) {
        http->retry_after = seconds;
    }
}

static ef_http_state read_header(ef_http *http) {
    if (http->line[0] == ' ' || http->line[0] == '\t') {
        return refuse(http, "a header goes on in the next line");
    }
    if (value_of(http->line, "transfer-encoding") != NULL) {
        return refuse(http, "it comes in a transfer coding");
    }
    const char *value = value_of(http->line, "content-encoding");
    if (value != NULL && strcmp(value, "identity") != 0) {
        return refuse(http, "it comes in a content coding");
    }
    const char *retry = value_of(http->line, "retry-after");
    if (retry != NULL && !http->line_cut) {
        read_retry(http, retry);
    }
    const char *length = value_of(http->line, "content-length");
    const char *range = value_of(http->line, "content-range");
    if (http->line_cut && (length != NULL || range != NULL)) {
        return refuse(http, "its length or range is too long to read");
    }
    if (length != NULL) {
        return read_length(http, length);
    }
    /* With a 416 it says how long the whole is, of which there is no such part. */
    return range != NULL && http->status != 416 ? read_range(http, range) : EF_HTTP_MORE;
}

static ef_http_state end_line(ef_http *http) {
    bool empty = http->line_length == 0;
    http->line[http->line_length] = '\0';
    http->line_length = 0;
    if (http->status == 0) {
        return read_status(http) ? EF_HTTP_MORE : refuse(http, "it is not HTTP");
    }
    return empty ? EF_HTTP_DONE : read_header(http);
}

ef_http_state ef_http_read(ef_http *http, const uint8_t *bytes, size_t length, size_t *used) {
    for (*used = 0; *used < length;) {
        char c = (char)bytes[(*used)++];
        if (++http->used > EF_HTTP_HEAD_MAX) {
            return refuse(http, "its head is too long");
        }
        if (c == '\0') {
            return refuse(http, "its head has a NUL");
        }
        if (c == '\n') {
            if (http->line_length > 0 && http->line[http->line_length - 1] == '\r') {
                http->line_length--;
            }
            ef_http_state state = end_line(http);
            http->line_cut = false;
            if (state != EF_HTTP_MORE) {
                return state;
            }
        } else if (http->line_length + 1u < EF_HTTP_LINE_MAX) {
            http->line[http->line_length++] = c;
        } else {
            http->line_cut = true;
        }
    }
    return EF_HTTP_MORE;
}
