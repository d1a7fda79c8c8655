/* SPDX-License-Identifier: MIT */
/*
 * A source file's text. Names of sources come out of a heap, that is, from whoever wrote to its
 * memory; so only what looks like a source and is a plain file is read.
 */
#include <plimsoll/file.h>
#include <plimsoll/serve.h>

#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "inspect/server/utf8.h"

enum { SOURCE_READ_BYTES = 4096, SOURCE_KIND_MASK = 0170000, SOURCE_KIND_FILE = 0100000 };

static bool source_has_a_name(const char *path)
{
    static const char *const ENDS[] = {".c",   ".h",   ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".inl",
                                       ".inc", ".def", ".S",  ".y",   ".l",   ".re",  ".rl"};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof ENDS / sizeof ENDS[0]; i++) {
        size_t end = strlen(ENDS[i]);
        if (length > end && strcmp(path + length - end, ENDS[i]) == 0)
            return true;
    }
    return false;
}

static bool source_is_plain(const char *path)
{
    uv_fs_t request;
    bool is_plain = uv_fs_stat(NULL, &request, path, NULL) != 0 ||
                    (request.statbuf.st_mode & SOURCE_KIND_MASK) == SOURCE_KIND_FILE;
    uv_fs_req_cleanup(&request);
    return is_plain; /* what is not there is for the opening to say */
}

static plim_status source_copy(plim_source from, plim_sink sink, plim_error *err)
{
    plim__utf8 utf8 = {{0}, 0, 0};
    char in[SOURCE_READ_BYTES], out[SOURCE_READ_BYTES * 4];
    uint64_t total = 0;
    for (;;) {
        size_t length = 0, used = 0;
        plim_status status = from.read(from.ctx, in, sizeof in, &length, err);
        if (status != PLIM_OK)
            return status;
        for (size_t i = 0; i < length; i++)
            used += plim__utf8_take(&utf8, (unsigned char)in[i], out + used);
        if (length == 0)
            used = plim__utf8_end(&utf8, out);
        total += used;
        if (total > PLIM_SERVER_SOURCE_BYTES_MAX)
            return plim_error_set(err, PLIM_ERR_LIMIT, "a source of more than %u bytes",
                                  PLIM_SERVER_SOURCE_BYTES_MAX);
        status = used == 0 ? PLIM_OK : sink.write(sink.ctx, out, used, err);
        if (status != PLIM_OK || length == 0)
            return status;
    }
}

plim_status plim_serve_source(const char *path, plim_sink sink, plim_error *err)
{
    plim_file_source *file = NULL;
    PLIM_CHECK(path != NULL);
    if (!source_has_a_name(path) || !source_is_plain(path))
        return plim_error_set(err, PLIM_ERR_USAGE, "%s is no source file", path);
    plim_status status = plim_file_source_open(path, NULL, &file, err);
    if (status == PLIM_OK)
        status = source_copy(plim_file_source_view(file), sink, err);
    plim_file_source_close(&file);
    return status;
}
