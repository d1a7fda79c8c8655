/* SPDX-License-Identifier: MIT */
#include "heap/formats/pull.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/allocator.h"
#include "base/text.h"

enum { PULL_BUFFER_BYTES = 1 << 16 };

bool plim__pull_init(plim__pull *pull, plim_source source, plim_progress progress,
                     const plim_allocator *allocator, plim_error *err)
{
    *pull =
        (plim__pull){.source = source, .progress = progress, .allocator = allocator, .err = err};
    pull->buffer = plim__array_new(allocator, PULL_BUFFER_BYTES, 1);
    return pull->buffer != NULL;
}

void plim__pull_fini(plim__pull *pull)
{
    if (pull->buffer != NULL)
        plim__array_free(pull->allocator, pull->buffer, PULL_BUFFER_BYTES, 1);
    pull->buffer = NULL;
}

bool plim__pull_more(plim__pull *pull)
{
    if (pull->status != PLIM_OK || pull->ended)
        return false;
    pull->before += pull->end;
    pull->at = pull->end = 0;
    if (pull->progress.step != NULL &&
        !pull->progress.step(pull->progress.ctx, "reading", pull->before,
                             pull->source.total_bytes)) {
        (void)plim__pull_fail(pull, PLIM_ERR_INTERRUPTED, "stopped on request");
        return false;
    }
    pull->status =
        pull->source.read(pull->source.ctx, pull->buffer, PULL_BUFFER_BYTES, &pull->end, pull->err);
    if (pull->status != PLIM_OK)
        pull->end = 0;
    pull->ended = pull->end == 0;
    return !pull->ended;
}

size_t plim__pull_bytes(plim__pull *pull, void *out, size_t bytes)
{
    size_t done = 0;
    while (done < bytes && plim__pull_peek(pull) >= 0) {
        size_t piece = pull->end - pull->at;
        piece = piece < bytes - done ? piece : bytes - done;
        memcpy((unsigned char *)out + done, pull->buffer + pull->at, piece);
        pull->at += piece;
        done += piece;
    }
    return done;
}

plim_status plim__pull_fail(plim__pull *pull, plim_status status, const char *format, ...)
{
    if (pull->status != PLIM_OK)
        return pull->status;
    char what[PLIM_ERROR_WHAT_BYTES];
    plim__text text;
    va_list arguments;
    plim__text_init(&text, what, sizeof what);
    va_start(arguments, format);
    plim__text_vformat(&text, format, arguments);
    va_end(arguments);
    (void)plim_error_set(pull->err, status, "%s", what);
    plim_error_where(pull->err, "byte %" PRIu64, plim__pull_offset(pull));
    pull->status = status;
    return status;
}
