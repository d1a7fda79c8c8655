/* SPDX-License-Identifier: MIT */
#include "bridge/births.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"

enum { BIRTHS_FIRST = 64, BIRTHS_TEXT_BYTES = 1024, BIRTHS_NODE_BYTES = 4096 };

plim_status plim__births_add(plim__births *births, uint32_t site, uint64_t bytes, plim_error *err)
{
    births->rows_by_site.allocator = births->allocator;
    uint32_t index = plim__id_map_find(&births->rows_by_site, site);
    if (index == UINT32_MAX) {
        if (births->row_count == births->row_capacity) {
            uint32_t wanted = births->row_capacity == 0 ? BIRTHS_FIRST : births->row_capacity * 2;
            void *grown = plim__array_resize(births->allocator, births->rows, births->row_capacity,
                                             wanted, sizeof *births->rows);
            if (grown == NULL)
                return plim__no_memory(err, "a profile");
            births->rows = grown;
            births->row_capacity = wanted;
        }
        index = births->row_count;
        if (!plim__id_map_add(&births->rows_by_site, site, index))
            return plim__no_memory(err, "a profile");
        births->rows[births->row_count++] = (plim__births_row){.site = site};
    }
    births->rows[index].count++;
    births->rows[index].bytes += bytes;
    return PLIM_OK;
}

/* In quotes of JSON; the text is clean, so only two characters need help. */
static void births_quote(char out[2 * BIRTHS_TEXT_BYTES + 1], const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length && i < BIRTHS_TEXT_BYTES; i++) {
        if (text[i] == '"' || text[i] == '\\')
            out[used++] = '\\';
        out[used++] = text[i];
    }
    out[used] = '\0';
}

/* "function file:line" in parts: the line from 0 on, as Chrome counts; -1: none. */
static void births_node(char out[BIRTHS_NODE_BYTES], const char *name, const plim__births_row *row,
                        uint32_t id)
{
    char function[2 * BIRTHS_TEXT_BYTES + 1];
    char url[2 * BIRTHS_TEXT_BYTES + 1] = "";
    const char *place = strrchr(name, ' ');
    const char *colon = place != NULL ? strrchr(place, ':') : NULL;
    unsigned line = 0;
    size_t length = strlen(name);
    if (colon != NULL && colon > place + 1 && sscanf(colon + 1, "%9u", &line) == 1 && line > 0) {
        births_quote(url, place + 1, (size_t)(colon - place - 1));
        length = (size_t)(place - name);
    }
    births_quote(function, name, length);
    (void)snprintf(out, BIRTHS_NODE_BYTES,
                   "%s{\"callFrame\":{\"functionName\":\"%.1000s\",\"scriptId\":\"0\",\"url\":\""
                   "%.1000s\",\"lineNumber\":%d,\"columnNumber\":-1},\"selfSize\":%" PRIu64
                   ",\"id\":%u,\"children\":[]}",
                   id > 2 ? "," : "", function, url, (int)line - 1, row->bytes, id);
}

static plim_status births_put(plim_sink sink, const char *text, plim_error *err)
{
    return sink.write(sink.ctx, text, strlen(text), err);
}

plim_status plim__births_write(const plim__births *births, plim__births_name *name, void *ctx,
                               plim_sink sink, plim_error *err)
{
    char text[BIRTHS_NODE_BYTES];
    plim_status status =
        births_put(sink,
                   "{\"plimsoll\":{\"sizes\":\"live\",\"interval_bytes\":1},\"head\":{"
                   "\"callFrame\":{\"functionName\":\"(root)\",\"scriptId\":\"0\",\"url\":\"\","
                   "\"lineNumber\":-1,\"columnNumber\":-1},\"selfSize\":0,\"id\":1,\"children\":[",
                   err);
    for (uint32_t i = 0; i < births->row_count && status == PLIM_OK; i++) {
        births_node(text, name(ctx, births->rows[i].site), &births->rows[i], i + 2);
        status = births_put(sink, text, err);
    }
    if (status == PLIM_OK)
        status = births_put(sink, "]},\"samples\":[", err);
    for (uint32_t i = 0; i < births->row_count && status == PLIM_OK; i++) {
        (void)snprintf(text, sizeof text, "%s{\"size\":%" PRIu64 ",\"nodeId\":%u,\"ordinal\":%u}",
                       i > 0 ? "," : "", births->rows[i].bytes, i + 2, i + 1);
        status = births_put(sink, text, err);
    }
    return status == PLIM_OK ? births_put(sink, "]}\n", err) : status;
}

void plim__births_fini(plim__births *births)
{
    plim__id_map_fini(&births->rows_by_site);
    plim__array_free(births->allocator, births->rows, births->row_capacity, sizeof *births->rows);
}
