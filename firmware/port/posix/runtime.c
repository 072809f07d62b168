#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define START_MS 5000u
#define HEADER_BYTES 5u
#define ANSWER_MAX (1024u * 1024u)

enum { ANSWER_OK = 0, ANSWER_REFUSED = 1 };

static int connect_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        say(LEVEL_ERROR, "inference: a socket's path has at most %zu bytes: %s", sizeof address.sun_path - 1, path);
        return -1;
    }
    strcpy(address.sun_path, path);
    uint64_t end = now_ms() + START_MS;
    for (;;) {
        int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (made >= 0 && connect(made, (const struct sockaddr *)&address, sizeof address) == 0) {
            return made;
        }
        int error = errno;
        if (made >= 0) {
            close(made);
        }
        if (now_ms() >= end || (error != ENOENT && error != ECONNREFUSED && error != EAGAIN)) {
            say(LEVEL_ERROR, "inference: %s: %s", path, strerror(error));
            return -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    }
}

/* In the child: the command on standard input and output, in a group of its own, so that a terminal's Ctrl-C reaches
 * the device, which ends it. */
static void become_command(int end, const char *command) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL); /* what is ignored here would stay ignored there */
    signal(SIGCHLD, SIG_DFL);
    if (dup2(end, STDIN_FILENO) >= 0 && dup2(end, STDOUT_FILENO) >= 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    }
    _exit(127);
}

static int start_command(const char *command) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        say(LEVEL_ERROR, "inference: %s", strerror(errno));
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        become_command(ends[1], command);
    }
    close(ends[1]);
    if (child < 0) {
        say(LEVEL_ERROR, "inference: %s", strerror(errno));
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

int runtime_open(const char *path, const char *command) {
    int made = path != NULL ? connect_socket(path) : start_command(command);
    if (made >= 0 && fcntl(made, F_SETFL, O_NONBLOCK) != 0) {
        close(made);
        return -1;
    }
    return made;
}

/* A conversation of one question: the first thing that went wrong is its end. */
typedef struct {
    int socket;
    uint64_t deadline;
    runtime_result result;
} conversation;

static bool wait_for(conversation *talk, short events) {
    struct pollfd socket = {.fd = talk->socket, .events = events};
    uint64_t now = now_ms();
    if (now >= talk->deadline) {
        talk->result = RUNTIME_SILENT;
        return false;
    }
    if (poll(&socket, 1, (int)(talk->deadline - now)) < 0 && errno != EINTR) {
        talk->result = RUNTIME_ENDED;
        return false;
    }
    return true;
}

/* Whether a call that moved nothing can be made again. */
static bool may_go_on(conversation *talk, short events) {
    if (errno == EINTR) {
        return true;
    }
    if (errno == EAGAIN) {
        return wait_for(talk, events);
    }
    talk->result = RUNTIME_ENDED;
    return false;
}

static bool send_all(conversation *talk, const void *bytes, size_t length) {
    const uint8_t *rest = bytes;
    while (length > 0) {
        ssize_t sent = send(talk->socket, rest, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            rest += sent;
            length -= (size_t)sent;
        } else if (!may_go_on(talk, POLLOUT)) {
            return false;
        }
    }
    return true;
}

static bool receive_all(conversation *talk, void *out, size_t length) {
    uint8_t *next = out;
    while (length > 0) {
        ssize_t got = recv(talk->socket, next, length, 0);
        if (got > 0) {
            next += got;
            length -= (size_t)got;
        } else if (got == 0) {
            talk->result = RUNTIME_ENDED;
            return false;
        } else if (!may_go_on(talk, POLLIN)) {
            return false;
        }
    }
    return true;
}

static bool receive_answer(conversation *talk, void *out, size_t capacity, size_t *length) {
    uint8_t head[HEADER_BYTES];
    uint8_t dropped[256];
    if (!receive_all(talk, head, sizeof head)) {
        return false;
    }
    *length = runtime_get_u32(head + 1);
    if (head[0] > ANSWER_REFUSED || *length > ANSWER_MAX) {
        talk->result = RUNTIME_WRONG;
        return false;
    }
    size_t kept = *length < capacity ? *length : capacity;
    if (!receive_all(talk, out, kept)) {
        return false;
    }
    for (size_t rest = *length - kept; rest > 0;) {
        size_t part = rest < sizeof dropped ? rest : sizeof dropped;
        if (!receive_all(talk, dropped, part)) {
            return false;
        }
        rest -= part;
    }
    talk->result = head[0] == ANSWER_OK ? RUNTIME_DONE : RUNTIME_REFUSED;
    return true;
}

runtime_result runtime_ask(int socket, uint8_t op, const runtime_piece *pieces, size_t count, void *out,
                           size_t capacity, size_t *length) {
    conversation talk = {socket, now_ms() + RUNTIME_PATIENCE_MS, RUNTIME_DONE};
    uint8_t head[HEADER_BYTES] = {op};
    size_t whole = 0;
    for (size_t i = 0; i < count; i++) {
        whole += pieces[i].length;
    }
    *length = 0;
    runtime_put_u32(head + 1, (uint32_t)whole);
    bool sent = send_all(&talk, head, sizeof head);
    for (size_t i = 0; sent && i < count; i++) {
        sent = send_all(&talk, pieces[i].bytes, pieces[i].length);
    }
    if (sent) {
        (void)receive_answer(&talk, out, capacity, length);
    }
    return talk.result;
}

const char *runtime_explain(runtime_result result) {
    switch (result) {
    case RUNTIME_ENDED:
        return "the model runtime ended, as the board would have: the model crashed it";
    case RUNTIME_SILENT:
        return "the model runtime did not answer within 10 s";
    default:
        return "the model runtime answers what no runtime answers";
    }
}

void runtime_copy_text(char *out, size_t size, const void *text, size_t length) {
    const char *from = text;
    size_t count = length < size - 1 ? length : size - 1;
    for (size_t i = 0; i < count; i++) {
        out[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
    }
    out[count] = '\0';
}

void runtime_put_u32(uint8_t *out, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

uint32_t runtime_get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}
