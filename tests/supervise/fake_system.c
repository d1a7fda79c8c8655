/* SPDX-License-Identifier: MIT */
#include "fake_system.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/process.h"
#include "temporary.h"

enum { FAKE_PATH_BYTES = 600 };

static char fake_root[128];

int fake_system_begin(void **state)
{
    (void)state;
    if (!temporary_path(fake_root, sizeof fake_root, "plim-fake-XXXXXX") ||
        mkdtemp(fake_root) == NULL)
        return -1;
    plim__process_set_root(fake_root);
    return 0;
}

static int fake_remove(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

int fake_system_end(void **state)
{
    (void)state;
    plim__process_set_root("");
    return nftw(fake_root, fake_remove, 8, FTW_DEPTH | FTW_PHYS);
}

void fake_system_write(const char *path, const char *format, ...)
{
    char whole[FAKE_PATH_BYTES];
    assert_true((size_t)snprintf(whole, sizeof whole, "%s/%s", fake_root, path) < sizeof whole);
    for (char *at = whole + strlen(fake_root) + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
        *at = '\0';
        assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
    }
    FILE *file = fopen(whole, "we");
    assert_non_null(file);
    va_list arguments;
    va_start(arguments, format);
    assert_true(vfprintf(file, format, arguments) >= 0);
    va_end(arguments);
    assert_int_equal(fclose(file), 0);
}

const char *fake_system_read(const char *path)
{
    static char text[256];
    char whole[FAKE_PATH_BYTES];
    (void)snprintf(whole, sizeof whole, "%s/%s", fake_root, path);
    FILE *file = fopen(whole, "re");
    size_t got = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    text[got] = '\0';
    if (file != NULL)
        (void)fclose(file);
    return text;
}

void fake_system_statm(int64_t pid, uint64_t resident, uint64_t shared)
{
    char path[64];
    (void)snprintf(path, sizeof path, "proc/%lld/statm", (long long)pid);
    fake_system_write(path, "%llu %llu %llu 1 0 9 0\n", (unsigned long long)resident * 4,
                      (unsigned long long)resident, (unsigned long long)shared);
}
