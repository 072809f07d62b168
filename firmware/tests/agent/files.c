#include "files.h"

#include <stdio.h>
#include <stdlib.h>

#include "context.h"

enum { FILE_BYTES_MAX = 1 << 17, PATH_BYTES = 4096 };

uint8_t *file_read_if_there(const char *folder, const char *name, size_t *length) {
    char path[PATH_BYTES];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) {
        give_up("path too long", name);
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    uint8_t *content = malloc(FILE_BYTES_MAX + 1);
    if (content == NULL) {
        give_up("no memory", name);
    }
    *length = fread(content, 1, FILE_BYTES_MAX, file);
    content[*length] = '\0';
    fclose(file);
    return content;
}

uint8_t *file_read(const char *folder, const char *name, size_t *length) {
    uint8_t *content = file_read_if_there(folder, name, length);
    if (content == NULL) {
        give_up("cannot read", name);
    }
    return content;
}
