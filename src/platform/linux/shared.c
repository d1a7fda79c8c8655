/* SPDX-License-Identifier: MIT */
/*
 * mmap(MAP_SHARED) of a file, claimed by an open-file-description lock (flock), or of a memfd that
 * is sealed against resizing: a reader that mapped it is never hit by SIGBUS. Disk space of a file
 * is reserved at once, so that a full disk is an error here and not a SIGBUS at some later store.
 */
#define _GNU_SOURCE
#include "platform/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

enum { SHARED_MODE = 0600, SHARED_NAME_BYTES = 128 };

static plim_status shared_fail(plim_error *err, const char *doing, int code)
{
    plim_status status = code == ENOENT || code == ENOTDIR ? PLIM_ERR_NOT_FOUND
                         : code == EACCES || code == EPERM || code == EROFS || code == EISDIR
                             ? PLIM_ERR_ACCESS
                         : code == ENOSPC || code == EDQUOT || code == EFBIG ? PLIM_ERR_NO_SPACE
                         : code == ENOMEM                                    ? PLIM_ERR_NO_MEMORY
                                                                             : PLIM_ERR_IO;
    return plim_error_set(err, status, "cannot %s: %s", doing, strerror(code));
}

static plim_status shared_map(plim__shared *shared, size_t bytes, plim_error *err)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared->descriptor, 0);
    if (memory == MAP_FAILED)
        return shared_fail(err, "map the memory", errno);
    shared->memory = memory;
    shared->bytes = bytes;
    return PLIM_OK;
}

/* To read only, with a page of zeros behind it: whoever looks for the end of a text in memory that
   somebody else changes meanwhile finds one there at the latest. */
static plim_status shared_map_view(plim__shared *shared, size_t bytes, plim_error *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (bytes + page - 1) / page * page + page;
    void *room = mmap(NULL, whole, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return shared_fail(err, "map the memory", errno);
    void *memory = mmap(room, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, shared->descriptor, 0);
    if (memory == MAP_FAILED) {
        plim_status status = shared_fail(err, "map the memory", errno);
        (void)munmap(room, whole);
        return status;
    }
    shared->memory = memory;
    shared->bytes = bytes;
    shared->tail_bytes = whole - bytes;
    return PLIM_OK;
}

plim_status plim__shared_view(const char *path, plim__shared *out_shared, plim_error *err)
{
    struct stat facts = {0}; /* clang-14's MemorySanitizer does not know this fstat() */
    plim__shared shared = {.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    plim_status status = PLIM_OK;
    if (shared.descriptor < 0)
        return shared_fail(err, "open it", errno);
    if (fstat(shared.descriptor, &facts) != 0)
        status = shared_fail(err, "look at it", errno);
    else if (!S_ISREG(facts.st_mode))
        status = plim_error_set(err, PLIM_ERR_USAGE, "it is no regular file");
    else if (facts.st_size == 0)
        status = plim_error_set(err, PLIM_ERR_DAMAGED, "it is empty");
    else
        status = shared_map_view(&shared, (size_t)facts.st_size, err);
    if (status == PLIM_OK)
        *out_shared = shared;
    else
        plim__shared_close(&shared);
    return status;
}

plim_status plim__shared_open(const char *path, plim__shared *out_shared, bool *out_is_new,
                              plim_error *err)
{
    struct stat facts = {0};
    plim__shared shared = {.descriptor =
                               open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, SHARED_MODE)};
    plim_status status = PLIM_OK;
    if (shared.descriptor < 0)
        return shared_fail(err, "open it", errno);
    if (flock(shared.descriptor, LOCK_EX | LOCK_NB) != 0)
        status = errno == EWOULDBLOCK
                     ? plim_error_set(err, PLIM_ERR_BUSY, "another process writes it")
                     : shared_fail(err, "claim it", errno);
    else if (fstat(shared.descriptor, &facts) != 0)
        status = shared_fail(err, "look at it", errno);
    else if (!S_ISREG(facts.st_mode))
        status = plim_error_set(err, PLIM_ERR_USAGE, "it is no regular file");
    else if (facts.st_size > 0)
        status = shared_map(&shared, (size_t)facts.st_size, err);
    if (status != PLIM_OK) {
        plim__shared_close(&shared);
        return status;
    }
    *out_is_new = shared.memory == NULL;
    *out_shared = shared;
    return PLIM_OK;
}

static plim_status shared_anonymous(const char *whole, size_t bytes, plim__shared *out_shared,
                                    plim_error *err)
{
    plim__shared shared = {.descriptor = memfd_create(whole, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    plim_status status = PLIM_OK;
    if (shared.descriptor < 0)
        return shared_fail(err, "make anonymous memory", errno);
    if (ftruncate(shared.descriptor, (off_t)bytes) != 0 ||
        fcntl(shared.descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
        status = shared_fail(err, "size anonymous memory", errno);
    if (status == PLIM_OK)
        status = shared_map(&shared, bytes, err);
    if (status == PLIM_OK)
        *out_shared = shared;
    else
        plim__shared_close(&shared);
    return status;
}

plim_status plim__shared_anonymous(const char *name, size_t bytes, plim__shared *out_shared,
                                   plim_error *err)
{
    char whole[SHARED_NAME_BYTES];
    (void)snprintf(whole, sizeof whole, "plimsoll-%s", name);
    return shared_anonymous(whole, bytes, out_shared, err);
}

plim_status plim__shared_nameless(size_t bytes, plim__shared *out_shared, plim_error *err)
{
    return shared_anonymous("copy", bytes, out_shared, err);
}

plim_status plim__shared_adopt(int descriptor, size_t bytes, plim__shared *out_shared,
                               plim_error *err)
{
    struct stat facts;
    plim__shared shared = {.descriptor = descriptor};
    if (fstat(descriptor, &facts) != 0 || fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
        return shared_fail(err, "look at shared memory", errno);
    if (!S_ISREG(facts.st_mode) || (uint64_t)facts.st_size != bytes)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "shared memory of another size");
    plim_status status = shared_map(&shared, bytes, err);
    if (status == PLIM_OK)
        *out_shared = shared;
    return status;
}

plim_status plim__shared_size(plim__shared *shared, size_t bytes, plim_error *err)
{
    PLIM_CHECK(shared->memory == NULL && bytes > 0);
    int code = posix_fallocate(shared->descriptor, 0, (off_t)bytes);
    if (code != 0)
        return shared_fail(err, "reserve the disk's space", code);
    return shared_map(shared, bytes, err);
}

plim_status plim__shared_copy(const plim__shared *shared, void *out_zeroed, size_t bytes,
                              plim_error *err)
{
    off_t end = (off_t)bytes;
    for (off_t at = 0; at < end;) {
        off_t data = lseek(shared->descriptor, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* a hole to the end */
        off_t hole = data < 0 ? -1 : lseek(shared->descriptor, data, SEEK_HOLE);
        if (data < 0 || hole <= data) {
            data = at; /* a file system that knows no holes */
            hole = end;
        }
        if (hole > end)
            hole = end;
        for (at = data; at < hole;) {
            ssize_t count =
                pread(shared->descriptor, (char *)out_zeroed + at, (size_t)(hole - at), at);
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                return shared_fail(err, "read it", count < 0 ? errno : EIO);
            at += count;
        }
        at = hole;
    }
    return PLIM_OK;
}

plim_status plim__shared_sync(plim__shared *shared, plim_error *err)
{
    if (msync(shared->memory, shared->bytes, MS_SYNC) != 0)
        return shared_fail(err, "write to the disk", errno);
    return PLIM_OK;
}

void plim__shared_close(plim__shared *shared)
{
    if (shared->memory != NULL)
        (void)munmap(shared->memory, shared->bytes + shared->tail_bytes);
    if (shared->descriptor >= 0)
        (void)close(shared->descriptor);
    *shared = (plim__shared){.descriptor = -1};
}

plim_status plim__shared_put(const char *path, uint64_t offset_bytes, uint64_t word,
                             plim_error *err)
{
    plim_status status = PLIM_OK;
    int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0)
        return shared_fail(err, "write to it", errno);
    /* The kernel copies an aligned word of a mapped page in one piece. */
    if (pwrite(descriptor, &word, sizeof word, (off_t)offset_bytes) != (ssize_t)sizeof word)
        status = shared_fail(err, "write to it", errno);
    (void)close(descriptor);
    return status;
}

void plim__shared_pause(uint64_t nanoseconds)
{
    const uint64_t second = 1000000000;
    (void)nanosleep(&(struct timespec){.tv_sec = (time_t)(nanoseconds / second),
                                       .tv_nsec = (long)(nanoseconds % second)},
                    NULL);
}

uint64_t plim__shared_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t plim__shared_spent(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 1;
}

int64_t plim__shared_process(void)
{
    return getpid();
}
