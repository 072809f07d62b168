/* The golden vectors, judged by the firmware's core alone. */
#include <stdlib.h>
#include <string.h>

#include "contract_check.h"
#include "verdict.h"

enum { INDEX_COLUMNS = 5 };

typedef struct {
    char *text;
    size_t length;
} file_content;

static file_content read_file(const char *folder, const char *name) {
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) {
        give_up("path too long", name);
    }
    FILE *file = fopen(path, "rb");
    file_content content = {malloc(1 << 20), 0};
    if (file == NULL || content.text == NULL) {
        give_up("cannot read", path);
    }
    content.length = fread(content.text, 1, (1 << 20) - 1, file);
    content.text[content.length] = '\0';
    fclose(file);
    return content;
}

/* The next line of a table, without its end; NULL after the last. The first line of a table is its heading. */
static char *next_line(char **rest) {
    char *line = *rest;
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    *rest = end + 1;
    return line;
}

static const test_context *find_context(const test_context *contexts, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(contexts[i].name, name) == 0) {
            return &contexts[i];
        }
    }
    give_up("no such context", name);
}

static bool run_vector(const char *folder, char *row, const test_context *contexts, size_t count) {
    char *columns[INDEX_COLUMNS];
    ef_fault fault;
    if (split_line(row, '\t', columns, INDEX_COLUMNS) != INDEX_COLUMNS) {
        give_up("a vector has another number of columns", row);
    }
    bool plain = strcmp(columns[2], "-") == 0;
    const test_context *context = plain ? NULL : find_context(contexts, count, columns[2]);
    file_content content = read_file(folder, columns[0]);
    ef_reason reason = judge(columns[1], context, (const uint8_t *)content.text, content.length, NULL, &fault);
    const char *path = fault.path[0] != '\0' ? fault.path : "-";
    bool good = strcmp(ef_reason_names[reason], columns[3]) == 0 && strcmp(path, columns[4]) == 0;
    if (!good) {
        printf("FAIL %s: expected %s at %s, got %s at %s\n", columns[0], columns[3], columns[4],
               ef_reason_names[reason], path);
    }
    free(content.text);
    return good;
}

int run_vectors(const char *folder) {
    test_context *contexts = malloc(CONTEXTS_MAX * sizeof *contexts);
    file_content context_table = read_file(folder, "contexts.tsv");
    file_content index = read_file(folder, "index.tsv");
    if (contexts == NULL) {
        give_up("no memory", folder);
    }
    size_t context_count = 0;
    char *rest = context_table.text;
    (void)next_line(&rest);
    for (char *row = next_line(&rest); row != NULL && context_count < CONTEXTS_MAX; row = next_line(&rest)) {
        read_context(row, &contexts[context_count++]);
    }
    size_t total = 0;
    size_t failed = 0;
    rest = index.text;
    (void)next_line(&rest);
    for (char *row = next_line(&rest); row != NULL; row = next_line(&rest), total++) {
        failed += run_vector(folder, row, contexts, context_count) ? 0 : 1;
    }
    printf("%zu vectors, %zu failed\n", total, failed);
    free(index.text);
    free(context_table.text);
    free(contexts);
    return failed == 0 && total > 0 ? 0 : 1;
}
