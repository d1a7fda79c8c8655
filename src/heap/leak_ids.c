/* SPDX-License-Identifier: MIT */
/*
 * A few nodes of one snapshot, found again in another: their ids in a table, and one pass over
 * the other's nodes, however many are looked for.
 *
 * Invariant: at most half of the slots are filled. Slots are mixed, so that ids in a row, which
 * is what V8 gives, do not pile up.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

static uint32_t ids_slot(const plim__leak_ids *ids, uint64_t id)
{
    uint64_t mixed = id * 0xff51afd7ed558ccdu;
    mixed ^= mixed >> 32;
    mixed *= 0xc4ceb9fe1a85ec53u;
    uint32_t slot = (uint32_t)(mixed >> 32) & ids->mask;
    while (ids->ids[slot] != 0 && ids->ids[slot] != id + 1)
        slot = (slot + 1) & ids->mask;
    return slot;
}

plim_status plim__leak_ids_init(plim__leak_ids *ids, uint32_t most, plim__leak_memory *memory,
                                plim_error *err)
{
    uint32_t slots = 16;
    PLIM_CHECK(most <= 1u << 30);
    while (slots < 2 * most)
        slots *= 2;
    ids->mask = slots - 1;
    ids->ids = plim__leak_take(memory, slots, sizeof *ids->ids);
    ids->ordinals = plim__leak_take(memory, slots, sizeof *ids->ordinals);
    return ids->ids != NULL && ids->ordinals != NULL ? PLIM_OK
                                                     : plim__no_memory(err, "the search for leaks");
}

void plim__leak_ids_add(plim__leak_ids *ids, uint64_t id)
{
    uint32_t slot = ids_slot(ids, id);
    ids->ids[slot] = id + 1;
    ids->ordinals[slot] = PLIM_NONE;
}

void plim__leak_ids_locate(plim__leak_ids *ids, const plim_graph *graph)
{
    for (uint32_t slot = 0; slot <= ids->mask; slot++)
        ids->ordinals[slot] = PLIM_NONE;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t slot = ids_slot(ids, plim__leak_id(graph, node));
        if (ids->ids[slot] != 0)
            ids->ordinals[slot] = node;
    }
}

uint32_t plim__leak_ids_get(const plim__leak_ids *ids, uint64_t id)
{
    uint32_t slot = ids_slot(ids, id);
    return ids->ids[slot] != 0 ? ids->ordinals[slot] : PLIM_NONE;
}
