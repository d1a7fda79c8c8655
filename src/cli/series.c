/* SPDX-License-Identifier: MIT */
#include "cli/series.h"

#include <plimsoll/bridge.h>
#include <plimsoll/file.h>
#include <plimsoll/process_view.h>
#include <plimsoll/region.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/terminal.h"

enum { SERIES_BYTES_MAX = 4096 }; /* ours have less than 300 */

plim_status plim__series_start(plim__series *series, const plim_target_info *info, plim_error *err)
{
    *series = (plim__series){.runtime = info->runtime, .version = info->version, .pid = info->pid};
    /* What numbers its objects for good makes all its snapshots one series. */
    if (info->series[0] != '\0') {
        (void)snprintf(series->uuid, sizeof series->uuid, "%s", info->series);
        return PLIM_OK;
    }
    return plim__random_uuid(series->uuid, err);
}

static plim_status series_path(char out[PLIM__SERIES_PATH_BYTES], const char *path, plim_error *err)
{
    int wanted = snprintf(out, PLIM__SERIES_PATH_BYTES, "%s.series", path);
    if (wanted > 0 && wanted < PLIM__SERIES_PATH_BYTES)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_USAGE, "the file name is too long: %s", path);
}

plim_status plim__series_write(const plim__cli *cli, const plim__series *series, const char *path,
                               uint32_t index, plim_error *err)
{
    char side_path[PLIM__SERIES_PATH_BYTES];
    char now[PLIM__STAMP_BYTES];
    plim_file_sink *file = NULL;
    plim_status status = series_path(side_path, path, err);
    if (status == PLIM_OK)
        status = plim_file_sink_create(side_path, true, cli->allocator, &file, err);
    if (status != PLIM_OK)
        return status;
    plim__clock_iso(now);
    plim__draft text;
    plim__draft_init(&text, cli->allocator);
    plim__draft_printf(&text, "{\"schema\":\"plim.series/1\",\"series\":\"%s\",\"index\":%u,",
                       series->uuid, index);
    plim__draft_puts(&text, "\"runtime\":\"");
    plim__glyphs_json(&text, plim__text_of(series->runtime));
    plim__draft_puts(&text, "\",\"version\":\"");
    plim__glyphs_json(&text, plim__text_of(series->version));
    plim__draft_puts(&text, "\",\"pid\":");
    if (series->pid >= 0)
        plim__draft_printf(&text, "%lld", (long long)series->pid);
    else
        plim__draft_puts(&text, "null");
    plim__draft_printf(&text, ",\"time\":\"%s\"}\n", now);
    if (text.failed) {
        status = plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for %s", side_path);
    } else {
        plim_sink sink = plim_file_sink_view(file);
        status = sink.write(sink.ctx, text.data, text.size_bytes, err);
    }
    if (status == PLIM_OK)
        status = plim_file_sink_commit(&file, err);
    plim_file_sink_abandon(&file);
    plim__draft_fini(&text);
    return status;
}

/* Of a program under libplimsoll-malloc: its blocks have numbers that last as long as it. */
static bool series_of_heap(const char *address, char out_uuid[PLIM__UUID_BYTES])
{
    plim_process_view *view = NULL;
    plim_process_view_info info;
    char *end = NULL;
    long long pid = strncmp(address, "pid:", 4) == 0 ? strtoll(address + 4, &end, 10) : 0;
    if (pid <= 0 || *end != '\0' || plim_process_view_open(pid, NULL, &view, NULL) != PLIM_OK)
        return false;
    plim_process_view_read_info(view, &info);
    plim_process_view_close(&view);
    (void)snprintf(out_uuid, PLIM__UUID_BYTES, "heap %016llx", (unsigned long long)info.identity);
    return info.identity != 0;
}

/* Of a region, at whatever moment: copies of one, and its earlier states, are one series, since a
   birth is never given twice. */
static bool series_of_region(const char *path, char out_uuid[PLIM__UUID_BYTES])
{
    char stem[PLIM__SERIES_PATH_BYTES];
    size_t length = plim_region_address_bytes(path);
    plim_region_view *view = NULL;
    plim_region_info info = {0};
    if (length >= sizeof stem)
        return false;
    memcpy(stem, path, length);
    stem[length] = '\0';
    bool is_region = strncmp(stem, "pid:", 4) == 0 || strncmp(stem, "region:", 7) == 0 ||
                     plim_region_is_file(stem);
    if (!is_region)
        return false;
    if (plim_region_view_find(stem, NULL, &view, NULL, NULL) != PLIM_OK)
        return series_of_heap(stem, out_uuid);
    plim_region_view_info(view, &info);
    plim_region_view_close(&view);
    (void)snprintf(out_uuid, PLIM__UUID_BYTES, "region %016llx", (unsigned long long)info.identity);
    return info.identity != 0;
}

/* The uuid that PATH.series names; false if there is none that can be read. */
static bool series_read(const char *path, char out_uuid[PLIM__UUID_BYTES])
{
    if (series_of_region(path, out_uuid))
        return true;
    char side_path[PLIM__SERIES_PATH_BYTES];
    char text[SERIES_BYTES_MAX];
    size_t size_bytes = 0;
    size_t piece = 1;
    plim_file_source *file = NULL;
    if (strcmp(path, "-") == 0 || series_path(side_path, path, NULL) != PLIM_OK ||
        plim_file_source_open(side_path, NULL, &file, NULL) != PLIM_OK)
        return false;
    plim_source source = plim_file_source_view(file);
    while (piece > 0 && size_bytes < sizeof text &&
           source.read(source.ctx, text + size_bytes, sizeof text - size_bytes, &piece, NULL) ==
               PLIM_OK)
        size_bytes += piece;
    plim_file_source_close(&file);
    json_t *root = json_loadb(text, size_bytes, 0, NULL);
    const char *schema = json_string_value(json_object_get(root, "schema"));
    const char *uuid = json_string_value(json_object_get(root, "series"));
    bool found = schema != NULL && strcmp(schema, "plim.series/1") == 0 && uuid != NULL &&
                 uuid[0] != '\0' && strlen(uuid) < PLIM__UUID_BYTES;
    if (found)
        memcpy(out_uuid, uuid, strlen(uuid) + 1);
    json_decref(root);
    return found;
}

bool plim__series_is_one(const char *const *paths, uint32_t count)
{
    char first[PLIM__UUID_BYTES];
    char other[PLIM__UUID_BYTES];
    if (count == 0 || !series_read(paths[0], first))
        return false;
    for (uint32_t i = 1; i < count; i++) {
        if (!series_read(paths[i], other) || strcmp(first, other) != 0)
            return false;
    }
    return true;
}

bool plim__series_differs(const char *const *paths, uint32_t count)
{
    char uuid[PLIM__UUID_BYTES];
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        any = any || series_read(paths[i], uuid);
    return any && !plim__series_is_one(paths, count);
}
