/* SPDX-License-Identifier: MIT */
/* Memory files of other processes: their descriptors are links to "/memfd:NAME (deleted)". */
#define _GNU_SOURCE
#include "platform/peer_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "platform/linux/procfs.h"

static const char peer_link[] = "/memfd:";

/* Whether the descriptor `name` of an open fd directory leads to such a file. */
static bool peer_matches(const plim__descriptors *all, const char *name, const char *prefix)
{
    char target[512];
    plim__descriptors_target(all, name, target, sizeof target);
    size_t skip = sizeof peer_link - 1;
    return strncmp(target, peer_link, skip) == 0 &&
           strncmp(target + skip, prefix, strlen(prefix)) == 0;
}

plim_status plim__peer_memory_next(int64_t pid, const char *prefix, uint32_t *position,
                                   plim__peer_memory *out_memory, plim_error *err)
{
    plim__descriptors all;
    plim_status status = plim__descriptors_open(&all, pid);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "the descriptors of process %lld cannot be seen",
                              (long long)pid);
    int found = -1;
    const char *entry;
    while (found < 0 && (entry = plim__descriptors_next(&all)) != NULL) {
        if (all.seen > *position && peer_matches(&all, entry, prefix))
            found = openat(all.fd, entry, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    int open_error = errno;
    *position = all.seen;
    plim__descriptors_close(&all);
    if (found < 0)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND,
                              "process %lld has no memory named %s… that can be opened (%d)",
                              (long long)pid, prefix, open_error);
    out_memory->descriptor = found;
    return PLIM_OK;
}

plim_status plim__peer_memory_read(plim__peer_memory memory, uint64_t offset, void *out, size_t cap,
                                   size_t *out_bytes)
{
    size_t done = 0;
    ssize_t got = 1;
    while (done < cap && got > 0) {
        got = pread(memory.descriptor, (char *)out + done, cap - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            done += (size_t)got;
    }
    *out_bytes = done;
    return got < 0 ? PLIM_ERR_IO : PLIM_OK;
}

void plim__peer_memory_close(plim__peer_memory *memory)
{
    if (memory->descriptor >= 0)
        (void)close(memory->descriptor);
    memory->descriptor = -1;
}
