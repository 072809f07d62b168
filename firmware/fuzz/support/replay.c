/* Runs a target over files, or folders of them, without a fuzzer: any compiler can build it. A finding ends the
 * program; campaign.py then finds out whose it is. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "input.h"
#include "promise.h"

enum { FILE_MAX = 1 << 20, PATH_BYTES = 4096 };

static size_t replay_file(const char *path) {
    static uint8_t bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    PROMISE(file != NULL);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    uint8_t *exact = copy_exactly(bytes, length);
    (void)LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    return 1;
}

static size_t replay(const char *path) {
    char below[PATH_BYTES];
    size_t count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return replay_file(path);
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            PROMISE((size_t)snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < sizeof below);
            count += replay_file(below);
        }
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        count += replay(argv[i]);
    }
    printf("%zu inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
