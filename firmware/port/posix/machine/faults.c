#include "machine/faults.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

typedef struct {
    const char *name;
    double least;
    double most;
    size_t offset;
} fault_line;

static const fault_line lines[] = {
    {"bearing", 0, 1, offsetof(px_faults, bearing)},
    {"imbalance", 0, 1, offsetof(px_faults, imbalance)},
    {"blocked-air", 0, 1, offsetof(px_faults, blocked_air)},
    {"overload", 0, 1, offsetof(px_faults, overload)},
    {"temperature-offset", -50, 50, offsetof(px_faults, temperature_offset)},
    {"vibration-gain", 0, 10, offsetof(px_faults, vibration_gain)},
};

static bool read_line(px_faults *faults, char *line) {
    char *rest = NULL;
    char *end = NULL;
    line[strcspn(line, "#\n")] = '\0';
    const char *name = strtok_r(line, " \t", &rest);
    if (name == NULL) {
        return true;
    }
    const char *text = strtok_r(NULL, " \t", &rest);
    for (size_t i = 0; text != NULL && i < sizeof lines / sizeof lines[0]; i++) {
        double value = strtod(text, &end);
        bool good = end != text && *end == '\0' && value >= lines[i].least && value <= lines[i].most &&
                    strtok_r(NULL, " \t", &rest) == NULL;
        if (strcmp(name, lines[i].name) == 0) {
            *(double *)(void *)((char *)faults + lines[i].offset) = value;
            return good;
        }
    }
    return false;
}

static bool read_lines(px_faults *faults, const char *path) {
    char line[128];
    unsigned number = 0;
    FILE *file = fopen(path, "re");
    bool good = file != NULL;
    *faults = motor_faultless();
    while (good && fgets(line, sizeof line, file) != NULL) {
        number++;
        good = read_line(faults, line);
    }
    if (file == NULL) {
        say(LEVEL_WARNING, "faults: %s: %s", path, strerror(errno));
    } else if (!good) {
        say(LEVEL_WARNING, "faults: %s: line %u is none: a fault and its severity, such as 'bearing 0.6'", path,
            number);
    }
    if (file != NULL) {
        fclose(file);
    }
    return good;
}

void faults_watch(px_fault_file *file, const char *path) {
    *file = (px_fault_file){.path = path, .now = motor_faultless()};
}

static bool is_same(const struct stat *one, const struct stat *other) {
    return one->st_ino == other->st_ino && one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

void faults_read(px_fault_file *file) {
    struct stat about = {0};
    px_faults faults = motor_faultless();
    if (file->path == NULL || (stat(file->path, &about) != 0 && errno != ENOENT) || is_same(&about, &file->seen)) {
        return;
    }
    file->seen = about;
    if (about.st_ino == 0 || read_lines(&faults, file->path)) {
        file->now = faults;
        say(LEVEL_INFO, "machine: bearing %g, imbalance %g, blocked air %g, overload %g; sensors: %+g K, times %g",
            faults.bearing, faults.imbalance, faults.blocked_air, faults.overload, faults.temperature_offset,
            faults.vibration_gain);
    }
}
