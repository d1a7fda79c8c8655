/* SPDX-License-Identifier: MIT */
#include "base/allocator.h"
#include "base/assert.h"
#include "inspect/webkit/webkit.h"

plim__webkit_state *plim__webkit_state_of(plim_target *target)
{
    PLIM_CHECK_OBJ(target, PLIM__TARGET_MAGIC);
    if (target->runtime_state == NULL) {
        plim__webkit_state *made = plim__array_new_zero(target->allocator, 1, sizeof *made);
        if (made == NULL)
            return NULL;
        made->process.descriptor = -1;
        made->rss_at_open = PLIM_UNKNOWN;
        target->runtime_state = made;
    }
    return target->runtime_state;
}

void plim__webkit_state_reset(plim_target *target)
{
    plim__webkit_state *state = target->runtime_state;
    if (state == NULL)
        return;
    plim__webkit_gc *gc = &state->gc;
    plim__array_free(target->allocator, gc->items, gc->cap, sizeof *gc->items);
    plim__array_free(target->allocator, gc->events, gc->event_count, sizeof *gc->events);
    *gc = (plim__webkit_gc){0};
    state->recording = (plim__webkit_recording){0};
    state->heap_is_on = false;
}

void plim__webkit_state_fini(plim_target *target)
{
    plim__webkit_state *state = target->runtime_state;
    if (state == NULL)
        return;
    plim__webkit_state_reset(target);
    plim__process_ref_close(&state->process);
    plim__array_free(target->allocator, state, 1, sizeof *state);
    target->runtime_state = NULL;
}
