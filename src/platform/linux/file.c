/* SPDX-License-Identifier: MIT */
/*
 * Files on Linux. A sink to a regular name writes to NAME.XXXXXX beside it (mkstemp(3): mode 0600)
 * and renames on commit; without overwrite by renameat2(2), else link(2), which refuse an existing
 * name atomically. Devices, pipes and "-" are written to directly: no final name is to protect.
 * Invariant F1: `temporary` is empty exactly when the sink writes directly.
 */
#define _GNU_SOURCE
#include <plimsoll/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/assert.h"

enum { PLIM__FILE_SOURCE_MAGIC = 0x0f11e001, PLIM__FILE_SINK_MAGIC = 0x0f11e002 };

/* How much is handed to the disk at a time, so that the fsync(2) of a commit finds little to do. */
enum { FILE_WRITE_BACK_BYTES = 8 << 20 };

struct plim_file_source {
    uint32_t magic;
    int fd;
    const plim_allocator *allocator;
    uint64_t total_bytes;
    char path[PATH_MAX];
};

struct plim_file_sink {
    uint32_t magic;
    int fd;
    bool overwrite;
    const plim_allocator *allocator;
    uint64_t written_bytes;
    uint64_t started_bytes; /* of those, the disk was told of */
    char path[PATH_MAX];
    char temporary[PATH_MAX];
};

static plim_status file_status_of_errno(int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return PLIM_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return PLIM_ERR_ACCESS;
    case EEXIST:
        return PLIM_ERR_EXISTS;
    case EISDIR:
        return PLIM_ERR_USAGE;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return PLIM_ERR_NO_SPACE;
    default:
        return PLIM_ERR_IO;
    }
}

static plim_status file_fail(plim_error *err, const char *verb, const char *path, int code)
{
    plim_status status = plim_error_set(err, file_status_of_errno(code), "cannot %s %s: %s", verb,
                                        path, strerror(code));
    plim_error_where(err, "%s", path);
    if (status == PLIM_ERR_NO_SPACE)
        plim_error_hint(err, "free space there, or write elsewhere with -o FILE");
    return status;
}

static bool file_copy_path(char *out, const char *path)
{
    int wanted = snprintf(out, PATH_MAX, "%s", path);
    return wanted >= 0 && wanted < PATH_MAX;
}

static plim_status file_source_read(void *ctx, void *buffer, size_t cap, size_t *out_len,
                                    plim_error *err)
{
    plim_file_source *file = ctx;
    PLIM_CHECK_OBJ(file, PLIM__FILE_SOURCE_MAGIC);
    for (;;) {
        ssize_t got = read(file->fd, buffer, cap);
        if (got >= 0) {
            *out_len = (size_t)got;
            return PLIM_OK;
        }
        if (errno != EINTR)
            return file_fail(err, "read", file->path, errno);
    }
}

plim_status plim_file_source_open(const char *path, const plim_allocator *allocator,
                                  plim_file_source **out_file, plim_error *err)
{
    PLIM_CHECK(path != NULL && out_file != NULL);
    allocator = plim__allocator_or_system(allocator);
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        plim_status status = file_fail(err, "open", path, errno);
        if (status == PLIM_ERR_NOT_FOUND)
            plim_error_hint(err, "check the name; `plim ps` lists live targets");
        return status;
    }
    struct stat info = {0}; /* stays so if fstat() fails: then nothing is known of the size */
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        if (!is_stdin)
            (void)close(fd);
        plim_status status =
            plim_error_set(err, PLIM_ERR_USAGE, "%s is a directory, not a file", path);
        plim_error_where(err, "%s", path);
        plim_error_hint(err, "name a file in it, e.g. %s/NAME.heapsnapshot", path);
        return status;
    }
    plim_file_source *file = plim__array_new_zero(allocator, 1, sizeof *file);
    if (file == NULL || !file_copy_path(file->path, path)) {
        plim__array_free(allocator, file, 1, sizeof *file);
        if (!is_stdin)
            (void)close(fd);
        return plim__no_memory(err, "an open file");
    }
    file->magic = PLIM__FILE_SOURCE_MAGIC;
    file->fd = fd;
    file->allocator = allocator;
    file->total_bytes = S_ISREG(info.st_mode) && info.st_size > 0 ? (uint64_t)info.st_size : 0;
    *out_file = file;
    return PLIM_OK;
}

plim_source plim_file_source_view(plim_file_source *file)
{
    PLIM_CHECK_OBJ(file, PLIM__FILE_SOURCE_MAGIC);
    plim_source source = {file, file_source_read, file->total_bytes};
    return source;
}

void plim_file_source_close(plim_file_source **file)
{
    if (file == NULL || *file == NULL)
        return;
    plim_file_source *dying = *file;
    PLIM_CHECK_OBJ(dying, PLIM__FILE_SOURCE_MAGIC);
    if (dying->fd != STDIN_FILENO)
        (void)close(dying->fd);
    dying->magic = 0;
    const plim_allocator *allocator = dying->allocator;
    plim__array_free(allocator, dying, 1, sizeof *dying);
    *file = NULL;
}

static plim_status file_sink_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim_file_sink *file = ctx;
    PLIM_CHECK_OBJ(file, PLIM__FILE_SINK_MAGIC);
    const char *at = data;
    while (len > 0) {
        ssize_t put = write(file->fd, at, len);
        if (put < 0) {
            if (errno == EINTR)
                continue;
            return file_fail(err, "write", file->path, errno);
        }
        at += put;
        len -= (size_t)put;
        file->written_bytes += (uint64_t)put;
    }
    uint64_t pending = file->written_bytes - file->started_bytes;
    if (file->temporary[0] != '\0' && pending >= FILE_WRITE_BACK_BYTES) {
        /* Advice: where it is not taken, the commit takes longer. */
        (void)sync_file_range(file->fd, (off_t)file->started_bytes, (off_t)pending,
                              SYNC_FILE_RANGE_WRITE);
        file->started_bytes = file->written_bytes;
    }
    return PLIM_OK;
}

static plim_status file_sink_open(plim_file_sink *file, plim_error *err)
{
    if (strcmp(file->path, "-") == 0) {
        file->fd = STDOUT_FILENO;
        return PLIM_OK;
    }
    struct stat info = {0};
    bool exists = stat(file->path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return file_fail(err, "write", file->path, EISDIR);
    if (exists && !S_ISREG(info.st_mode)) {
        file->fd = open(file->path, O_WRONLY | O_CLOEXEC);
        return file->fd < 0 ? file_fail(err, "open", file->path, errno) : PLIM_OK;
    }
    if (exists && !file->overwrite) {
        plim_status status = file_fail(err, "create", file->path, EEXIST);
        plim_error_hint(err, "-f overwrites it; -o NAME writes elsewhere");
        return status;
    }
    int wanted = snprintf(file->temporary, sizeof file->temporary, "%s.XXXXXX", file->path);
    if (wanted < 0 || wanted >= PATH_MAX)
        return file_fail(err, "create", file->path, ENAMETOOLONG);
    file->fd = mkostemp(file->temporary, O_CLOEXEC);
    if (file->fd < 0) {
        file->temporary[0] = '\0';
        return file_fail(err, "create", file->path, errno);
    }
    return PLIM_OK;
}

plim_status plim_file_sink_create(const char *path, bool overwrite, const plim_allocator *allocator,
                                  plim_file_sink **out_file, plim_error *err)
{
    PLIM_CHECK(path != NULL && out_file != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_file_sink *file = plim__array_new_zero(allocator, 1, sizeof *file);
    if (file == NULL)
        return plim__no_memory(err, "an output file");
    file->magic = PLIM__FILE_SINK_MAGIC;
    file->allocator = allocator;
    file->overwrite = overwrite;
    plim_status status = file_copy_path(file->path, path)
                             ? file_sink_open(file, err)
                             : file_fail(err, "create", path, ENAMETOOLONG);
    if (status != PLIM_OK) {
        plim__array_free(allocator, file, 1, sizeof *file);
        return status;
    }
    *out_file = file;
    return PLIM_OK;
}

plim_sink plim_file_sink_view(plim_file_sink *file)
{
    PLIM_CHECK_OBJ(file, PLIM__FILE_SINK_MAGIC);
    plim_sink sink = {file, file_sink_write};
    return sink;
}

/* Closes the descriptor, makes the bytes durable first, and frees the sink. */
static plim_status file_sink_end(plim_file_sink **file, plim_status status, plim_error *err)
{
    plim_file_sink *dying = *file;
    if (dying->temporary[0] != '\0')
        (void)unlink(dying->temporary);
    if (dying->fd >= 0 && dying->fd != STDOUT_FILENO && close(dying->fd) != 0 && status == PLIM_OK)
        status = file_fail(err, "close", dying->path, errno);
    dying->magic = 0;
    const plim_allocator *allocator = dying->allocator;
    plim__array_free(allocator, dying, 1, sizeof *dying);
    *file = NULL;
    return status;
}

/* Gives the temporary file its final name; false, with errno, if it cannot have it. */
static bool file_sink_publish(plim_file_sink *sink)
{
    int failed = sink->overwrite
                     ? rename(sink->temporary, sink->path)
                     : renameat2(AT_FDCWD, sink->temporary, AT_FDCWD, sink->path, RENAME_NOREPLACE);
    if (failed == 0) {
        sink->temporary[0] = '\0';
        return true;
    }
    /* NFS and old kernels know no RENAME_NOREPLACE; link(2) refuses an existing name as well. */
    return !sink->overwrite && (errno == EINVAL || errno == ENOSYS) &&
           link(sink->temporary, sink->path) == 0;
}

/* The temporary file becomes PATH.partial; false, with errno, if it cannot. */
static bool file_sink_keep(plim_file_sink *sink)
{
    char partial[PATH_MAX + sizeof ".partial"];
    (void)snprintf(partial, sizeof partial, "%s.partial", sink->path);
    if (rename(sink->temporary, partial) != 0)
        return false;
    sink->temporary[0] = '\0';
    return true;
}

plim_status plim_file_sink_commit(plim_file_sink **file, plim_error *err)
{
    PLIM_CHECK(file != NULL);
    plim_file_sink *sink = *file;
    PLIM_CHECK_OBJ(sink, PLIM__FILE_SINK_MAGIC);
    plim_status status = PLIM_OK;
    if (sink->temporary[0] == '\0')
        return file_sink_end(file, status, err);
    if (fsync(sink->fd) != 0 && errno != EINVAL && errno != EROFS)
        status = file_fail(err, "write", sink->path, errno);
    else if (!file_sink_publish(sink))
        status = file_fail(err, "create", sink->path, errno);
    /* The bytes are whole and may have cost minutes: they are kept beside the one that is there. */
    if (status == PLIM_ERR_EXISTS && file_sink_keep(sink))
        plim_error_hint(err, "somebody made it meanwhile; what was written is in %s.partial",
                        sink->path);
    return file_sink_end(file, status, err);
}

plim_status plim_file_sink_keep_partial(plim_file_sink **file, plim_error *err)
{
    PLIM_CHECK(file != NULL);
    plim_file_sink *sink = *file;
    PLIM_CHECK_OBJ(sink, PLIM__FILE_SINK_MAGIC);
    plim_status status = PLIM_OK;
    if (sink->temporary[0] != '\0' && !file_sink_keep(sink))
        status = file_fail(err, "keep", sink->path, errno);
    return file_sink_end(file, status, err);
}

void plim_file_sink_abandon(plim_file_sink **file)
{
    if (file == NULL || *file == NULL)
        return;
    PLIM_CHECK_OBJ(*file, PLIM__FILE_SINK_MAGIC);
    (void)file_sink_end(file, PLIM_OK, NULL);
}
