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
        made->owner = plim__owner_none();
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
    plim__owner_fini(&state->owner);
    plim__array_free(target->allocator, state, 1, sizeof *state);
    target->runtime_state = NULL;
}

void plim__webkit_estimate(const plim__webkit_state *state, uint32_t factor,
                           plim_snapshot_estimate *out_estimate)
{
    PLIM_CHECK(state != NULL && factor >= 1 && out_estimate != NULL);
    uint64_t base = plim__owner_base_bytes(&state->owner);
    *out_estimate = (plim_snapshot_estimate){PLIM_UNKNOWN, PLIM_UNKNOWN, true};
    if (base == PLIM_UNKNOWN)
        return;
    uint64_t growth = base < UINT64_MAX / factor ? base * (factor - 1) : UINT64_MAX - 1;
    plim__owner_estimate(&state->owner, growth, out_estimate);
}
