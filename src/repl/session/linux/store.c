/* SPDX-License-Identifier: MIT */
/* Units' images in a file; where the worker's program is. */
#include "repl/session/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Address space for images: 262,144 units (as many as areas have pages for) of 256 KiB. */
#define STORE_SPACE (UINT64_C(64) << 30)
/* The file grows by so much. */
#define STORE_STEP (UINT64_C(1) << 20)

plim_status plim__store_open(plim__store *store, const char *folder, plim_error *err)
{
    *store = (plim__store){.file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (store->file < 0) { /* a file system that has no such files */
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/imagesXXXXXX", folder);
        store->file = mkostemp(path, O_CLOEXEC);
        if (store->file >= 0)
            (void)unlink(path);
    }
    if (store->file < 0)
        return plim_error_set(err, PLIM_ERR_IO, "%s: %s", folder, strerror(errno));
    void *at =
        mmap(NULL, STORE_SPACE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, store->file, 0);
    if (at == MAP_FAILED) {
        (void)close(store->file);
        store->file = -1;
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "address space for units: %s",
                              strerror(errno));
    }
    store->memory = at;
    return PLIM_OK;
}

void plim__store_close(plim__store *store)
{
    if (store->memory != NULL)
        (void)munmap(store->memory, STORE_SPACE);
    if (store->file >= 0)
        (void)close(store->file);
    *store = (plim__store){.file = -1};
}

/* On the disk, for a store must not find it full. */
static plim_status store_hold(plim__store *store, uint64_t end, plim_error *err)
{
    if (end > STORE_SPACE)
        return plim_error_set(err, PLIM_ERR_LIMIT, "the units of a session take 64 GiB at most");
    if (end <= store->held)
        return PLIM_OK;
    uint64_t held = (end + STORE_STEP - 1) & ~(STORE_STEP - 1);
    int failed = posix_fallocate(store->file, 0, (off_t)held);
    if (failed != 0)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "room for a unit's image: %s",
                              strerror(failed));
    store->held = held;
    return PLIM_OK;
}

plim_status plim__store_fill(plim__store *store, uint64_t bytes, plim_error *err)
{
    plim_status status = store_hold(store, bytes, err);
    if (status == PLIM_OK)
        store->used = bytes;
    return status;
}

plim_status plim__store_add(plim__store *store, const void *bytes, size_t count, uint64_t *out_at,
                            plim_error *err)
{
    uint64_t end = store->used + count + 1;
    plim_status status = store_hold(store, end, err);
    if (status != PLIM_OK)
        return status;
    *out_at = store->used;
    if (count > 0)
        memcpy(store->memory + store->used, bytes, count);
    store->memory[store->used + count] = 0;
    store->used = (end + 15) & ~UINT64_C(15);
    return PLIM_OK;
}

void plim__store_cut(plim__store *store, uint64_t at)
{
    if (at < store->used)
        store->used = at;
}

/* --- folders ------------------------------------------------------------------------------- */

static bool store_has_worker(const char *folder)
{
    char path[1100];
    (void)snprintf(path, sizeof path, "%s/plim-repl-worker", folder);
    return access(path, X_OK) == 0;
}

plim_status plim__libexec_find(const char *asked, char *out_folder, size_t cap, plim_error *err)
{
    static const char *const BESIDE[] = {"/../repl", "/../libexec/plimsoll", "/../src/repl"};
    char program[768];
    const char *given = asked != NULL ? asked : secure_getenv("PLIM_LIBEXEC");
    if (given != NULL) {
        (void)snprintf(out_folder, cap, "%s", given);
        if (store_has_worker(out_folder))
            return PLIM_OK;
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "%s holds no plim-repl-worker", given);
    }
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *slash = strrchr(program, '/');
    if (slash != NULL)
        *slash = 0;
    for (size_t i = 0; i < sizeof BESIDE / sizeof *BESIDE; i++) {
        (void)snprintf(out_folder, cap, "%s%s", program, BESIDE[i]);
        if (store_has_worker(out_folder))
            return PLIM_OK;
    }
    (void)snprintf(out_folder, cap, "%s", PLIM__LIBEXEC);
    if (store_has_worker(out_folder))
        return PLIM_OK;
    plim_status status =
        plim_error_set(err, PLIM_ERR_NOT_FOUND, "plim-repl-worker is not in %s", PLIM__LIBEXEC);
    plim_error_hint(err, "PLIM_LIBEXEC names its folder");
    return status;
}
