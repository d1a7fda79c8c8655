/* SPDX-License-Identifier: MIT */
/*
 * The completeness check: the scanner, and of the rows it gives only the names. V8 numbers strings
 * as it comes to need them. So where a piece of the strings was lost on the way and the seam is
 * good JSON by chance (a browser that drops messages), names point behind the last string.
 */
#include "heap/v8_check.h"

#include <inttypes.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/graph.h"
#include "heap/v8_scan.h"

enum { PLIM__V8_CHECK_MAGIC = 0x7c8ec001 };

struct plim__v8_check {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__v8_scan scan;
    const plim__v8_meta *meta; /* of the scan; NULL before it was read */
    uint64_t name_max;         /* the largest index of a string that a node or an edge has */
};

static plim_status check_on_meta(void *ctx, const plim__v8_meta *meta, plim_error *err)
{
    (void)err;
    plim__v8_check *check = ctx;
    check->meta = meta;
    return PLIM_OK;
}

/* The largest of one field. */
static uint64_t check_most(const uint64_t *values, size_t row_count, size_t width)
{
    uint64_t most = 0;
    for (size_t row = 0; row < row_count; row++)
        most = values[row * width] > most ? values[row * width] : most;
    return most;
}

static uint64_t check_most_edge(const plim__v8_meta *meta, const uint64_t *values, size_t row_count,
                                size_t width)
{
    size_t type_at = meta->field[PLIM__V8_EDGE_TYPE];
    size_t name_at = meta->field[PLIM__V8_EDGE_NAME];
    uint64_t most = 0;
    for (size_t row = 0; row < row_count; row++) {
        const uint64_t *edge = values + row * width;
        if (edge[name_at] <= most || edge[type_at] >= meta->edge_type_count ||
            plim__edge_has_index(meta->edge_types[edge[type_at]]))
            continue;
        most = edge[name_at];
    }
    return most;
}

static plim_status check_on_rows(void *ctx, plim__v8_section section, const uint64_t *values,
                                 size_t row_count, plim_error *err)
{
    (void)err;
    plim__v8_check *check = ctx;
    const plim__v8_meta *meta = check->meta;
    PLIM_CHECK(meta != NULL);
    uint64_t most = 0;
    if (section == PLIM__V8_NODES)
        most = check_most(values + meta->field[PLIM__V8_NODE_NAME], row_count,
                          meta->width[PLIM__V8_NODE_ROWS]);
    else if (section == PLIM__V8_EDGES)
        most = check_most_edge(meta, values, row_count, meta->width[PLIM__V8_EDGE_ROWS]);
    check->name_max = most > check->name_max ? most : check->name_max;
    return PLIM_OK;
}

plim_status plim__v8_check_create(const plim_allocator *allocator, plim__v8_check **out_check,
                                  plim_error *err)
{
    PLIM_CHECK(out_check != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim__v8_check *check = plim__array_new(allocator, 1, sizeof *check);
    if (check == NULL)
        return plim__no_memory(err, "the check of a snapshot");
    check->magic = PLIM__V8_CHECK_MAGIC;
    check->allocator = allocator;
    check->meta = NULL;
    check->name_max = 0;
    plim__v8_scan_init(
        &check->scan, allocator,
        &(plim__v8_events){.ctx = check, .meta = check_on_meta, .rows = check_on_rows});
    *out_check = check;
    return PLIM_OK;
}

plim_status plim__v8_check_feed(plim__v8_check *check, const void *bytes, size_t len,
                                plim_error *err)
{
    PLIM_CHECK_OBJ(check, PLIM__V8_CHECK_MAGIC);
    return plim__v8_scan_feed(&check->scan, bytes, len, err);
}

plim_status plim__v8_check_finish(plim__v8_check *check, plim__v8_check_result *out_result,
                                  plim_error *err)
{
    PLIM_CHECK_OBJ(check, PLIM__V8_CHECK_MAGIC);
    plim_status status = plim__v8_scan_finish(&check->scan, err);
    if (status == PLIM_OK && check->name_max >= check->scan.string_count) {
        status = plim_error_set(err, PLIM_ERR_DAMAGED,
                                "a name is string %" PRIu64 " of %" PRIu64
                                ": some of the strings are missing",
                                check->name_max, check->scan.string_count);
        plim_error_hint(err, "%s", PLIM__V8_DAMAGED_HINT);
    }
    if (out_result != NULL) {
        *out_result = (plim__v8_check_result){
            .node_count = check->scan.row_count[PLIM__V8_NODES],
            .edge_count = check->scan.row_count[PLIM__V8_EDGES],
            .string_count = check->scan.string_count,
            .byte_count = check->scan.byte_count,
        };
    }
    return status;
}

void plim__v8_check_destroy(plim__v8_check **check)
{
    if (check == NULL || *check == NULL)
        return;
    PLIM_CHECK_OBJ(*check, PLIM__V8_CHECK_MAGIC);
    plim__v8_scan_fini(&(*check)->scan);
    (*check)->magic = 0;
    const plim_allocator *allocator = (*check)->allocator;
    plim__array_free(allocator, *check, 1, sizeof **check);
    *check = NULL;
}
