/* Questions from another process, so that it can compare verdicts and contents with its own.
 *
 * A question is a letter, the number of its arguments (one byte), and each argument as a big-endian 32-bit length and
 * its bytes. An answer is lines of text, ended by a line with a single dot. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "contract_check.h"
#include "edgefleet/base64.h"
#include "edgefleet/pattern.h"
#include "edgefleet/semver.h"
#include "edgefleet/topic.h"
#include "verdict.h"

enum { ARGUMENTS_MAX = 3, ARGUMENT_BYTES_MAX = 1 << 20 };

/* `text` has a final NUL that `length` does not count. */
typedef struct {
    char *text;
    size_t length;
} argument;

static void read_exactly(void *out, size_t length) {
    if (fread(out, 1, length, stdin) != length) {
        give_up("the question is cut off", "standard input");
    }
}

static argument read_argument(void) {
    uint8_t head[4];
    read_exactly(head, sizeof head);
    size_t length = ((size_t)head[0] << 24) | ((size_t)head[1] << 16) | ((size_t)head[2] << 8) | head[3];
    argument read = {malloc(length + 1), length};
    if (length > ARGUMENT_BYTES_MAX || read.text == NULL) {
        give_up("argument too long", "standard input");
    }
    read_exactly(read.text, length);
    read.text[length] = '\0';
    return read;
}

/* A context is read once: checking that its keys lie on the curve takes longer than a verdict. */
static const test_context *find_context(const argument *row) {
    static test_context contexts[CONTEXTS_MAX];
    static char *rows[CONTEXTS_MAX];
    size_t i = 0;
    while (i < CONTEXTS_MAX && rows[i] != NULL && strcmp(rows[i], row->text) != 0) {
        i++;
    }
    if (i == CONTEXTS_MAX) {
        give_up("too many contexts", row->text);
    }
    if (rows[i] == NULL) {
        rows[i] = strdup(row->text);
        char *cut = strdup(row->text);
        if (rows[i] == NULL || cut == NULL) {
            give_up("no memory", row->text);
        }
        read_context(cut, &contexts[i]);
        /* The context borrows the row that was cut; both live as long as the program. */
        contexts[i].row = cut;
    }
    return &contexts[i];
}

/* document, context row (or empty), bytes */
static void answer_judge(argument *arguments) {
    ef_fault fault;
    char *content = NULL;
    size_t content_length = 0;
    const test_context *context = arguments[1].length > 0 ? find_context(&arguments[1]) : NULL;
    FILE *out = open_memstream(&content, &content_length);
    if (out == NULL) {
        give_up("no memory", "standard input");
    }
    ef_reason reason = judge(arguments[0].text, context, (const uint8_t *)arguments[2].text, arguments[2].length, out,
                             &fault);
    fclose(out);
    printf("%s %d %d %s\n%s", ef_reason_names[reason], (int)reason, (int)ef_reason_dispositions[reason], fault.path,
           content);
    free(content);
}

/* A string token, quoted and checked as JSON, so that the cursor meets only what a document may hold. */
static bool quote(const argument *text, ef_json *json, ef_json_token *token, uint8_t **quoted) {
    *quoted = malloc(text->length + 2);
    if (*quoted == NULL) {
        give_up("no memory", "standard input");
    }
    (*quoted)[0] = '"';
    memcpy(*quoted + 1, text->text, text->length);
    (*quoted)[text->length + 1] = '"';
    return ef_json_parse(*quoted, text->length + 2, token, 1, json) == EF_REASON_OK;
}

/* number of the pattern, JSON text without its quotes */
static void answer_pattern(const argument *arguments) {
    ef_json json;
    ef_json_token token;
    uint8_t *quoted = NULL;
    if (!quote(&arguments[1], &json, &token, &quoted)) {
        printf("not a string\n");
    } else {
        ef_pattern kind = (ef_pattern)atoi(arguments[0].text);
        printf("%d\n", (int)ef_pattern_matches(kind, ef_json_text(&json, 0)));
    }
    free(quoted);
}

/* JSON text without its quotes */
static void answer_base64(const argument *arguments) {
    ef_json json;
    ef_json_token token;
    uint8_t *quoted = NULL;
    uint8_t *out = malloc(arguments[0].length + 1);
    size_t length = 0;
    if (out == NULL || !quote(&arguments[0], &json, &token, &quoted)) {
        give_up("not a string", arguments[0].text);
    }
    if (ef_base64_decode(ef_json_text(&json, 0), out, arguments[0].length, &length)) {
        printf("=");
        for (size_t i = 0; i < length; i++) {
            printf("%02x", out[i]);
        }
        printf("\n");
    } else {
        printf("refused\n");
    }
    free(out);
    free(quoted);
}

/* topic */
static void answer_topic(const argument *arguments) {
    char id[EF_DEVICE_ID_MAX + 1];
    uint8_t *exact = malloc(arguments[0].length + 1);
    if (exact == NULL) {
        give_up("no memory", "standard input");
    }
    memcpy(exact, arguments[0].text, arguments[0].length);
    const ef_topic *topic = ef_topic_parse((const char *)exact, arguments[0].length, id);
    if (topic == NULL) {
        printf("none\n");
    } else {
        printf("%s %d %d %d %s %s\n", topic->name, (int)topic->direction, topic->qos, (int)topic->retain,
               ef_documents[topic->document].name, id);
    }
    free(exact);
}

/* number of the topic, device id or empty for none */
static void answer_build(const argument *arguments) {
    char out[128];
    const ef_topic *topic = &ef_topics[atoi(arguments[0].text)];
    const char *id = arguments[1].length > 0 ? arguments[1].text : NULL;
    printf("%s\n", ef_topic_build(topic, id, out, sizeof out) ? out : "refused");
}

/* two versions */
static void answer_compare(const argument *arguments) {
    printf("%d\n", ef_semver_compare(arguments[0].text, arguments[1].text));
}

/* payload type, payload */
static void answer_digest(const argument *arguments) {
    uint8_t digest[EF_SHA256_BYTES];
    if (!ef_dsse_digest(arguments[0].text, (const uint8_t *)arguments[1].text, arguments[1].length, digest)) {
        give_up("no digest", arguments[0].text);
    }
    for (size_t i = 0; i < sizeof digest; i++) {
        printf("%02x", digest[i]);
    }
    printf("\n");
}

static void answer(int question, argument *arguments) {
    switch (question) {
    case 'j':
        answer_judge(arguments);
        break;
    case 'p':
        answer_pattern(arguments);
        break;
    case 'b':
        answer_base64(arguments);
        break;
    case 't':
        answer_topic(arguments);
        break;
    case 'u':
        answer_build(arguments);
        break;
    case 'c':
        answer_compare(arguments);
        break;
    case 'e':
        answer_digest(arguments);
        break;
    default:
        give_up("unknown question", "standard input");
    }
    printf(".\n");
}

int run_batch(void) {
    argument arguments[ARGUMENTS_MAX];
    for (int question = getchar(); question != EOF; question = getchar()) {
        int count = getchar();
        if (count < 1 || count > ARGUMENTS_MAX) {
            give_up("wrong number of arguments", "standard input");
        }
        for (int i = 0; i < count; i++) {
            arguments[i] = read_argument();
        }
        answer(question, arguments);
        for (int i = 0; i < count; i++) {
            free(arguments[i].text);
        }
    }
    return fflush(stdout) == 0 ? 0 : 2;
}
