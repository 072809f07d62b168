#include "console.h"

#include <semihost.h>

void print_text(const char *text) {
    sys_semihost_write0(text);
}

void print_number(uint32_t number) {
    char digits[11];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    print_text(at);
}

size_t read_file(const char *path, uint8_t *out, size_t capacity) {
    enum { READ_BINARY = 1 };
    int file = (int)sys_semihost_open(path, READ_BINARY);
    if (file < 0) {
        return 0;
    }
    uintptr_t length = sys_semihost_flen(file);
    /* The answer counts what was NOT read. */
    size_t got = length <= capacity && sys_semihost_read(file, out, length) == 0 ? length : 0;
    (void)sys_semihost_close(file);
    return got;
}
