/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include <plimsoll/file.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static plim_status source_read(void *ctx, void *buffer, size_t cap, size_t *out_len,
                               plim_error *err)
{
    test_source *source = ctx;
    size_t len = source->len - source->at;
    if (source->chunk != 0 && len > source->chunk)
        len = source->chunk;
    if (len > cap)
        len = cap;
    if (source->fail_status != PLIM_OK && source->at + len >= source->fail_at)
        return plim_error_set(err, source->fail_status, "the test's source fails");
    memcpy(buffer, source->data + source->at, len);
    source->at += len;
    *out_len = len;
    return PLIM_OK;
}

plim_source test_source_view(test_source *source)
{
    return (plim_source){source, source_read, source->hide_size ? 0 : source->len};
}

static plim_status sink_write(void *ctx, const void *data, size_t len, plim_error *err)
{
    test_sink *sink = ctx;
    if (sink->limit != 0 && sink->len + len > sink->limit)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "the test's sink is full");
    if (sink->len + len > sink->capacity) {
        size_t capacity = (sink->len + len) * 2;
        const plim_allocator *system = plim_allocator_system();
        char *grown = system->resize(system->ctx, sink->data, sink->capacity, capacity);
        if (grown == NULL)
            abort();
        sink->data = grown;
        sink->capacity = capacity;
    }
    memcpy(sink->data + sink->len, data, len);
    sink->len += len;
    return PLIM_OK;
}

plim_sink test_sink_view(test_sink *sink)
{
    return (plim_sink){sink, sink_write};
}

void test_sink_fini(test_sink *sink)
{
    const plim_allocator *system = plim_allocator_system();
    if (sink->data != NULL)
        (void)system->resize(system->ctx, sink->data, sink->capacity, 0);
    *sink = (test_sink){0};
}

void test_put(test_sink *sink, const char *format, ...)
{
    char line[1001];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof line ||
        sink_write(sink, line, (size_t)len, NULL) != PLIM_OK)
        abort();
}

plim_status test_copy(plim_source from, test_sink *to, size_t cap, plim_error *err)
{
    static char buffer[1 << 16];
    if (cap == 0 || cap > sizeof buffer)
        cap = sizeof buffer;
    for (;;) {
        size_t len = 0;
        plim_status status = from.read(from.ctx, buffer, cap, &len, err);
        if (status != PLIM_OK || len == 0)
            return status;
        status = sink_write(to, buffer, len, err);
        if (status != PLIM_OK)
            return status;
    }
}

void test_read_file(const char *path, test_sink *out)
{
    plim_file_source *file = NULL;
    plim_error err = {0};
    plim_status status = plim_file_source_open(path, NULL, &file, &err);
    if (status == PLIM_OK)
        status = test_copy(plim_file_source_view(file), out, 0, &err);
    plim_file_source_close(&file);
    if (status != PLIM_OK) {
        fprintf(stderr, "%s: %s\n", path, err.what);
        abort();
    }
}
