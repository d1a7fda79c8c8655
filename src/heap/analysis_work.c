/* SPDX-License-Identifier: MIT */
/*
 * What parts of an analysis hand on to each other: arrays of one size, and names that the graph
 * does not have. Below every part, so that none of them knows the one that runs them.
 */
#include "heap/analysis_work.h"

uint32_t plim__analysis_add_name(plim_analysis *analysis, plim_text text)
{
    if (analysis->added_count >= PLIM_NONE - analysis->graph->string_count)
        return PLIM_NONE;
    if (analysis->added_count == analysis->added_capacity) {
        uint32_t wanted = analysis->added_capacity == 0 ? 64 : analysis->added_capacity * 2;
        plim_text *grown = plim__array_resize(analysis->allocator, analysis->added_names,
                                              analysis->added_capacity, wanted, sizeof *grown);
        if (grown == NULL)
            return PLIM_NONE;
        analysis->added_names = grown;
        analysis->added_capacity = wanted;
    }
    analysis->added_names[analysis->added_count] = text;
    return analysis->graph->string_count + analysis->added_count++;
}

uint32_t *plim__scratch_take(plim__scratch *scratch)
{
    if (scratch->spare_count > 0)
        return scratch->spare[--scratch->spare_count];
    return plim__array_new(scratch->allocator, scratch->count, sizeof(uint32_t));
}

void plim__scratch_give(plim__scratch *scratch, uint32_t *block)
{
    if (block != NULL && scratch->spare_count < PLIM__SCRATCH_MAX)
        scratch->spare[scratch->spare_count++] = block;
    else
        plim__array_free(scratch->allocator, block, scratch->count, sizeof *block);
}

void plim__scratch_init(plim__scratch *scratch, const plim_allocator *allocator,
                        const plim_graph *graph)
{
    scratch->allocator = allocator;
    scratch->count = (size_t)graph->node_count + graph->first_edge[1] + 1;
}

void plim__scratch_fini(plim__scratch *scratch)
{
    while (scratch->spare_count > 0)
        plim__array_free(scratch->allocator, scratch->spare[--scratch->spare_count], scratch->count,
                         sizeof(uint32_t));
}
