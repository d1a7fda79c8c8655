/* SPDX-License-Identifier: MIT */
/*
 * Blocks of before, unmodified: their state is inside them, in the process. The adapter is a block
 * type like any other, which makes the old object when it is first needed, calls it, and keeps its
 * bytes as the block's state, if it may: then a new process puts them into a new object.
 */
#include <plimsoll/stack.h>

#include <string.h>

#include "base/assert.h"

static const plim_legacy_type *legacy_of(const plim_block_type *type)
{
    return type->context;
}

/* The old object, made and filled if it is not there. */
static void *legacy_object(const plim_turn *turn)
{
    const plim_legacy_type *legacy = legacy_of(turn->type);
    if (*turn->local != NULL)
        return *turn->local;
    void *old = legacy->make(legacy->context);
    const unsigned char *kept = turn->state;
    /* The first byte says that there is an image. */
    if (old != NULL && legacy->image_bytes > 0 && kept[legacy->image_bytes] != 0)
        memcpy(old, turn->state, legacy->image_bytes);
    *turn->local = old;
    return old;
}

static void legacy_keep(plim_turn *turn, const void *old)
{
    const plim_legacy_type *legacy = legacy_of(turn->type);
    unsigned char *kept = turn->state;
    if (legacy->image_bytes == 0)
        return;
    memcpy(kept, old, legacy->image_bytes);
    kept[legacy->image_bytes] = 1;
}

static plim_status legacy_mount(plim_turn *turn)
{
    void *old = legacy_object(turn);
    if (old == NULL)
        return PLIM_ERR_NO_MEMORY;
    legacy_keep(turn, old);
    return PLIM_OK;
}

static plim_status legacy_tick(plim_turn *turn)
{
    const plim_legacy_type *legacy = legacy_of(turn->type);
    void *old = legacy_object(turn);
    if (old == NULL)
        return PLIM_ERR_NO_MEMORY;
    if (legacy->tick != NULL)
        legacy->tick(old);
    legacy_keep(turn, old);
    return PLIM_OK;
}

static bool legacy_is_done(const plim_turn *turn)
{
    const plim_legacy_type *legacy = legacy_of(turn->type);
    const void *old = legacy_object(turn);
    return old != NULL && legacy->is_done != NULL && legacy->is_done(old);
}

static void legacy_reset(plim_turn *turn)
{
    const plim_legacy_type *legacy = legacy_of(turn->type);
    void *old = legacy_object(turn);
    if (old == NULL)
        return;
    if (legacy->reset != NULL)
        legacy->reset(old);
    legacy_keep(turn, old);
}

static void legacy_detach(const plim_block_type *type, void *local)
{
    const plim_legacy_type *legacy = legacy_of(type);
    if (legacy->cleanup != NULL)
        legacy->cleanup(local);
}

static void legacy_cleanup(plim_turn *turn)
{
    if (*turn->local != NULL)
        legacy_detach(turn->type, *turn->local);
    *turn->local = NULL;
}

void plim_block_adapt(plim_legacy_type *legacy, plim_block_type *out_type)
{
    PLIM_CHECK(legacy != NULL && legacy->make != NULL && out_type != NULL);
    legacy->image =
        (plim_field){.name = "image", .kind = PLIM_FIELD_BYTES, .size_bytes = legacy->image_bytes};
    *out_type = (plim_block_type){.struct_bytes = sizeof *out_type,
                                  .name = legacy->name,
                                  .context = legacy,
                                  .mount = legacy_mount,
                                  .tick = legacy_tick,
                                  .is_done = legacy_is_done,
                                  .reset = legacy_reset,
                                  .cleanup = legacy_cleanup,
                                  .detach = legacy_detach};
    if (legacy->image_bytes == 0)
        return;
    out_type->state_bytes = legacy->image_bytes + 1; /* and whether there is one */
    out_type->fields = &legacy->image;
    out_type->field_count = 1;
}
