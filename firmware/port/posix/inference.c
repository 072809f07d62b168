#include "inference.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define PATIENCE_MS 10000u
#define START_MS 5000u
#define HEADER_BYTES 5u
#define ANSWER_MAX (1024u * 1024u)

enum { OP_LOAD = 1, OP_RUN = 2, OP_UNLOAD = 3 };
enum { ANSWER_OK = 0, ANSWER_REFUSED = 1 };

typedef struct {
    uint8_t status;
    uint32_t length; /* as sent; what did not fit was dropped */
} px_answer;

static bool connect_socket(px_inference *inference, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        say(LEVEL_ERROR, "inference: a socket's path has at most %zu bytes: %s", sizeof address.sun_path - 1, path);
        return false;
    }
    strcpy(address.sun_path, path);
    uint64_t end = now_ms() + START_MS;
    for (;;) {
        inference->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (inference->socket >= 0 &&
            connect(inference->socket, (const struct sockaddr *)&address, sizeof address) == 0) {
            return true;
        }
        int error = errno;
        inference_close(inference);
        if (now_ms() >= end || (error != ENOENT && error != ECONNREFUSED && error != EAGAIN)) {
            say(LEVEL_ERROR, "inference: %s: %s", path, strerror(error));
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    }
}

/* In the child: the command on standard input and output, in a group of its own, so that a terminal's Ctrl-C reaches
 * the device, which ends it. */
static void become_command(int end, const char *command) {
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL); /* what is ignored here would stay ignored there */
    signal(SIGCHLD, SIG_DFL);
    if (dup2(end, STDIN_FILENO) >= 0 && dup2(end, STDOUT_FILENO) >= 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    }
    _exit(127);
}

static bool start_command(px_inference *inference, const char *command) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        say(LEVEL_ERROR, "inference: %s", strerror(errno));
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        become_command(ends[1], command);
    }
    close(ends[1]);
    inference->socket = ends[0];
    if (child < 0) {
        say(LEVEL_ERROR, "inference: %s", strerror(errno));
        inference_close(inference);
        return false;
    }
    return true;
}

bool inference_open(px_inference *inference, const px_options *options) {
    inference->socket = -1;
    bool good = options->inference_socket != NULL ? connect_socket(inference, options->inference_socket)
                                                  : start_command(inference, options->inference_command);
    return good && fcntl(inference->socket, F_SETFL, O_NONBLOCK) == 0;
}

void inference_close(px_inference *inference) {
    if (inference->socket >= 0) {
        close(inference->socket);
        inference->socket = -1;
    }
}

/* Waits for the socket; ends the process rather than wait longer than the deadline. */
static void wait_for(const px_inference *inference, short events, uint64_t deadline) {
    struct pollfd socket = {.fd = inference->socket, .events = events};
    uint64_t now = now_ms();
    if (now >= deadline) {
        panic("the model runtime did not answer within %u s", PATIENCE_MS / 1000u);
    }
    if (poll(&socket, 1, (int)(deadline - now)) < 0 && errno != EINTR) {
        panic("the model runtime: %s", strerror(errno));
    }
}

static void send_all(const px_inference *inference, const void *bytes, size_t length, uint64_t deadline) {
    const uint8_t *rest = bytes;
    while (length > 0) {
        ssize_t sent = send(inference->socket, rest, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            rest += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            wait_for(inference, POLLOUT, deadline);
        } else if (errno != EINTR) {
            panic("the model runtime ended: %s", strerror(errno));
        }
    }
}

static void receive_all(const px_inference *inference, void *out, size_t length, uint64_t deadline) {
    uint8_t *next = out;
    while (length > 0) {
        ssize_t got = recv(inference->socket, next, length, 0);
        if (got > 0) {
            next += got;
            length -= (size_t)got;
        } else if (got == 0) {
            panic("the model runtime ended, as the board would have: the model crashed it");
        } else if (errno == EAGAIN) {
            wait_for(inference, POLLIN, deadline);
        } else if (errno != EINTR) {
            panic("the model runtime ended: %s", strerror(errno));
        }
    }
}

static void put_u32(uint8_t *out, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* One request, in two parts so that a model is sent from where it lies, and its answer. */
static px_answer ask(const px_inference *inference, uint8_t op, const void *head, size_t head_length, const void *body,
                  size_t body_length, void *out, size_t capacity) {
    uint8_t frame[HEADER_BYTES];
    uint8_t dropped[256];
    uint64_t deadline = now_ms() + PATIENCE_MS;
    frame[0] = op;
    put_u32(frame + 1, (uint32_t)(head_length + body_length));
    send_all(inference, frame, sizeof frame, deadline);
    send_all(inference, head, head_length, deadline);
    send_all(inference, body, body_length, deadline);
    receive_all(inference, frame, sizeof frame, deadline);
    px_answer answer = {frame[0], get_u32(frame + 1)};
    if (answer.status > ANSWER_REFUSED || answer.length > ANSWER_MAX) {
        panic("the model runtime answers what no runtime answers");
    }
    size_t kept = answer.length < capacity ? answer.length : capacity;
    receive_all(inference, out, kept, deadline);
    for (size_t rest = answer.length - kept; rest > 0;) {
        size_t part = rest < sizeof dropped ? rest : sizeof dropped;
        receive_all(inference, dropped, part, deadline);
        rest -= part;
    }
    return answer;
}

/* For people and for JSON: printable ASCII, whatever the runtime said. */
static void copy_text(char *out, size_t size, const char *text, size_t length) {
    size_t count = length < size - 1 ? length : size - 1;
    for (size_t i = 0; i < count; i++) {
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    }
    out[count] = '\0';
}

bool inference_load(px_inference *inference, const uint8_t *model, size_t length, uint32_t arena_bytes,
                    ef_inference_info *info) {
    uint8_t head[4];
    char out[EF_INFERENCE_ERROR_MAX];
    memset(info, 0, sizeof *info);
    put_u32(head, arena_bytes);
    px_answer answer = ask(inference, OP_LOAD, head, sizeof head, model, length, out, sizeof out);
    if (answer.status == ANSWER_REFUSED) {
        copy_text(info->error, sizeof info->error, out, answer.length < sizeof out ? answer.length : sizeof out);
        say(LEVEL_WARNING, "inference: %s", info->error);
        return false;
    }
    if (answer.length != 12) {
        panic("the model runtime answers what no runtime answers");
    }
    info->arena_used = get_u32((const uint8_t *)out);
    info->input_bytes = get_u32((const uint8_t *)out + 4);
    info->output_bytes = get_u32((const uint8_t *)out + 8);
    return true;
}

bool inference_run(px_inference *inference, const uint8_t *input, size_t length, uint8_t *output, size_t capacity,
                   size_t *got) {
    char text[EF_INFERENCE_ERROR_MAX];
    px_answer answer = ask(inference, OP_RUN, NULL, 0, input, length, output, capacity);
    *got = 0;
    if (answer.status == ANSWER_REFUSED) {
        size_t kept = answer.length < capacity ? answer.length : capacity;
        copy_text(text, sizeof text, (const char *)output, kept);
        say(LEVEL_WARNING, "inference: %s", text);
        return false;
    }
    if (answer.length > capacity) {
        say(LEVEL_WARNING, "inference: an output of %u bytes, there is room for %zu", (unsigned)answer.length, capacity);
        return false;
    }
    *got = answer.length;
    return true;
}

void inference_unload(px_inference *inference) {
    ask(inference, OP_UNLOAD, NULL, 0, NULL, 0, NULL, 0);
}

void inference_check(const px_inference *inference) {
    uint8_t byte;
    ssize_t got = recv(inference->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        panic("the model runtime ended");
    }
    if (got > 0) {
        panic("the model runtime says what nobody asked");
    }
}
