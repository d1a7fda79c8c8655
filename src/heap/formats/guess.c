/* SPDX-License-Identifier: MIT */
/*
 * Which engine wrote it, by its first bytes. V8's begin with {"snapshot":, JavaScriptCore's with
 * {"version":N,"type": (older ones {"version":N,"nodes":), in any spacing; Firefox's with the
 * length of a small message whose first field is a time: bytes that no JSON begins with.
 */
#include <plimsoll/formats.h>

#include <string.h>

#include "base/assert.h"

/* The first key of an object into out, at most cap - 1 bytes; false if it is no object. */
static bool guess_first_key(const unsigned char *bytes, size_t size, char *out, size_t cap)
{
    size_t at = 0, length = 0;
    unsigned marks = 0; /* of { and " */
    for (; at < size && marks < 2; at++) {
        if (memchr(" \t\r\n", bytes[at], 4) != NULL)
            continue;
        if (bytes[at] != "{\""[marks])
            return false;
        marks++;
    }
    while (at < size && bytes[at] != '"' && length + 1 < cap)
        out[length++] = (char)bytes[at++];
    out[length] = '\0';
    return marks == 2;
}

plim_format plim_format_guess(const void *bytes, size_t size_bytes)
{
    char key[16];
    /* No further than plim_graph_read() looks: whoever asks with more gets the same answer. */
    if (size_bytes > PLIM_FORMAT_LOOK_BYTES)
        size_bytes = PLIM_FORMAT_LOOK_BYTES;
    if (guess_first_key(bytes, size_bytes, key, sizeof key)) {
        if (strcmp(key, "version") == 0)
            return PLIM_FORMAT_JSC;
        return PLIM_FORMAT_V8; /* its sections may stand in any order */
    }
    /* Metadata: its length, then field 1, a varint of microseconds. */
    const unsigned char *begin = bytes;
    bool is_metadata = size_bytes >= 3 && begin[0] >= 2 && begin[0] < 0x20 && begin[1] == 0x08;
    return is_metadata ? PLIM_FORMAT_FIREFOX : PLIM_FORMAT_UNKNOWN;
}

const char *plim_format_name(plim_format format)
{
    switch (format) {
    case PLIM_FORMAT_V8:
        return "v8";
    case PLIM_FORMAT_JSC:
        return "jsc";
    case PLIM_FORMAT_FIREFOX:
        return "firefox";
    case PLIM_FORMAT_UNKNOWN:
        break;
    }
    return "unknown";
}

/* A source whose beginning was looked at: it comes first again. */
typedef struct guess_source {
    plim_source inner;
    size_t size, given;
    unsigned char look[PLIM_FORMAT_LOOK_BYTES];
} guess_source;

static plim_status guess_read(void *ctx, void *buffer, size_t cap, size_t *out_len, plim_error *err)
{
    guess_source *source = ctx;
    if (source->given == source->size)
        return source->inner.read(source->inner.ctx, buffer, cap, out_len, err);
    size_t piece = source->size - source->given;
    piece = piece < cap ? piece : cap;
    memcpy(buffer, source->look + source->given, piece);
    source->given += piece;
    *out_len = piece;
    return PLIM_OK;
}

plim_status plim_graph_read(plim_source source, const plim_read_options *options,
                            plim_graph **out_graph, plim_format *out_format, plim_error *err)
{
    PLIM_CHECK(out_graph != NULL);
    guess_source looked = {.inner = source};
    size_t got = 1;
    while (looked.size < sizeof looked.look && got > 0) {
        plim_status status = source.read(source.ctx, looked.look + looked.size,
                                         sizeof looked.look - looked.size, &got, err);
        if (status != PLIM_OK)
            return status;
        looked.size += got;
    }
    plim_format format = plim_format_guess(looked.look, looked.size);
    if (out_format != NULL)
        *out_format = format;
    plim_source whole = {&looked, guess_read, source.total_bytes};
    if (format == PLIM_FORMAT_JSC)
        return plim_graph_read_jsc(whole, options, out_graph, err);
    if (format == PLIM_FORMAT_FIREFOX)
        return plim_graph_read_firefox(whole, options, out_graph, err);
    /* What is unknown, too: its faults are told as those of the format most files have. */
    return plim_graph_read_v8(whole, options, out_graph, err);
}
