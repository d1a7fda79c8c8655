/* SPDX-License-Identifier: MIT */
/*
 * Memory of a page: there is no question for it but to begin "tracking", of which the first update
 * comes at once and others every 500 ms. Its categories are the process's, whatever page asks:
 * "javascript" are the blocks of the engine's heaps and what hangs on their objects, but not large
 * objects, which lie beside the blocks and are in "other"; so the sum of all is given as the total.
 * Times in it are 0 and not looked at.
 */
#include <string.h>

#include "base/assert.h"
#include "inspect/cdp/heap.h"
#include "inspect/webkit/gtk.h"

static const uint64_t memory_timeout_ns = 2000000000u;
static const char memory_event[] = "Memory.trackingUpdate";

typedef struct memory_figures {
    bool is_there;
    double javascript;
    double all;
} memory_figures;

static plim_status memory_on_update(void *ctx, const json_t *params, plim_error *err)
{
    (void)err;
    memory_figures *figures = ctx;
    const json_t *categories = json_object_get(json_object_get(params, "event"), "categories");
    size_t index;
    const json_t *category;
    double sum = 0;
    json_array_foreach(categories, index, category)
    {
        const char *type = json_string_value(json_object_get(category, "type"));
        double bytes = json_number_value(json_object_get(category, "size"));
        sum += bytes;
        if (type == NULL || strcmp(type, "javascript") != 0)
            continue;
        figures->javascript = bytes;
        figures->is_there = true;
    }
    figures->all = sum;
    return PLIM_OK;
}

plim_status plim__gtk_usage(plim_target *target, plim__cdp_session *session, plim_usage *out_usage,
                            plim_error *err)
{
    memory_figures figures = {0};
    uint64_t timeout_ns = plim__target_timeout(target, memory_timeout_ns);
    plim__cdp_on(session, memory_event, memory_on_update, &figures);
    plim_status status = plim__cdp_call(session, "Memory.enable", NULL, timeout_ns, NULL, err);
    if (status == PLIM_ERR_REFUSED) { /* enabled already */
        status = PLIM_OK;
        if (err != NULL)
            *err = (plim_error){0};
    }
    if (status == PLIM_OK)
        status = plim__cdp_call(session, "Memory.startTracking", NULL, timeout_ns, NULL, err);
    if (status == PLIM_OK) {
        status = plim__loop_wait(target->loop, &figures.is_there, plim__loop_deadline(timeout_ns));
        if (status != PLIM_OK)
            (void)plim_error_set(err, status, "the page told nothing of its memory");
        plim_error late = {0};
        plim_status stopped =
            plim__cdp_call(session, "Memory.stopTracking", NULL, timeout_ns, NULL, &late);
        if (status == PLIM_OK && stopped != PLIM_OK) {
            status = stopped;
            if (err != NULL)
                *err = late;
        }
    }
    plim__cdp_off(session, memory_event);
    if (status != PLIM_OK)
        return status;
    if (!(figures.javascript >= 0 && figures.javascript < 1e18 &&
          figures.all >= figures.javascript && figures.all < 1e18))
        return plim_error_set(err, PLIM_ERR_PROTOCOL, "the page's figures are no bytes");
    out_usage->used_bytes = (uint64_t)figures.javascript;
    out_usage->total_bytes = (uint64_t)figures.all;
    return PLIM_OK;
}
