/* SPDX-License-Identifier: MIT */
/* The completeness check: the scanner with nobody listening. */
#include "heap/v8_check.h"

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/v8_scan.h"

enum { PLIM__V8_CHECK_MAGIC = 0x7c8ec001 };

struct plim__v8_check {
    uint32_t magic;
    const plim_allocator *allocator;
    plim__v8_scan scan;
};

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
    plim__v8_scan_init(&check->scan, allocator, &(plim__v8_events){0});
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
