/* SPDX-License-Identifier: MIT */
/*
 * Matching shapes to interfaces (rule 8): of the definitions whose properties an object has, all of
 * them and as often, the one with the most properties names it; among equals the earlier one.
 * Properties are compared by content, whatever string index they have.
 *
 * Each definition is filed under its rarest property, the one in the fewest definitions, so a shape
 * is held against those definitions only whose rarest property it has.
 * Invariant: have[] is all zero between two shapes.
 */
#include "base/assert.h"
#include "heap/interfaces.h"

enum { STRING_UNSEEN = 0, STRING_UNUSED = 1, STRING_FIRST = 2 };

typedef struct match_tables {
    plim__analysis_work *work;
    plim__text_table properties; /* of all definitions, by content */
    uint32_t *property_ids;      /* as definition_properties, each row ascending */
    uint32_t *filed;             /* per property: first definition filed under it, + 1 */
    uint32_t *next;              /* per definition: the next one there, + 1 */
    uint32_t *names;             /* per definition: its name in the analysis, or PLIM_NONE */
    uint32_t *string_property;   /* per string: STRING_…, or STRING_FIRST + property */
    uint32_t *have;              /* per property: how often the shape at hand has it */
    uint32_t *touched;           /* those it has */
    uint32_t touched_count;
} match_tables;

static void match_sort(uint32_t *ids, uint32_t count)
{
    /* Insertion: a name of 120 units holds some forty properties. */
    for (uint32_t i = 1; i < count; i++) {
        uint32_t id = ids[i];
        uint32_t at = i;
        while (at > 0 && ids[at - 1] > id) {
            ids[at] = ids[at - 1];
            at--;
        }
        ids[at] = id;
    }
}

static bool match_number_properties(match_tables *tables)
{
    const plim_analysis *analysis = tables->work->analysis;
    for (uint32_t i = 0; i < analysis->property_count; i++) {
        uint32_t id = plim__text_table_add(&tables->properties, analysis->definition_properties[i]);
        if (id == PLIM_NONE)
            return false;
        tables->property_ids[i] = id;
    }
    return true;
}

/* Files every definition under its rarest property; have[] counts and is zeroed again. */
static void match_file(match_tables *tables)
{
    const plim_analysis *analysis = tables->work->analysis;
    for (uint32_t i = 0; i < analysis->property_count; i++)
        tables->have[tables->property_ids[i]]++;
    for (uint32_t i = analysis->definition_count; i > 0; i--) {
        const plim__definition *definition = &analysis->definitions[i - 1];
        uint32_t *ids = tables->property_ids + definition->first_property;
        uint32_t rarest = ids[0];
        for (uint32_t k = 1; k < definition->property_count; k++)
            if (tables->have[ids[k]] < tables->have[rarest])
                rarest = ids[k];
        match_sort(ids, definition->property_count);
        tables->next[i - 1] = tables->filed[rarest];
        tables->filed[rarest] = i;
    }
    memset(tables->have, 0, (size_t)tables->properties.count * sizeof *tables->have);
}

/* The property of a string, or PLIM_NONE if no definition has it. */
static uint32_t match_property_of(match_tables *tables, uint32_t string)
{
    uint32_t known = tables->string_property[string];
    if (known == STRING_UNSEEN) {
        uint32_t id = plim__text_table_find(&tables->properties,
                                            plim__graph_string(tables->work->graph, string));
        known = id == PLIM_NONE ? STRING_UNUSED : STRING_FIRST + id;
        tables->string_property[string] = known;
    }
    return known == STRING_UNUSED ? PLIM_NONE : known - STRING_FIRST;
}

/* Whether the shape at hand has all properties of a definition, each as often. */
static bool match_has_all(const match_tables *tables, const plim__definition *definition)
{
    const uint32_t *ids = tables->property_ids + definition->first_property;
    uint32_t run = 0;
    for (uint32_t i = 0; i < definition->property_count; i++) {
        run = i > 0 && ids[i] == ids[i - 1] ? run + 1 : 1;
        if (tables->have[ids[i]] < run)
            return false;
    }
    return true;
}

/* The best definition for the shape at hand, or PLIM_NONE. */
static uint32_t match_best(const match_tables *tables)
{
    const plim__definition *definitions = tables->work->analysis->definitions;
    uint32_t best = PLIM_NONE;
    for (uint32_t i = 0; i < tables->touched_count; i++) {
        uint32_t filed = tables->filed[tables->touched[i]];
        for (; filed != 0; filed = tables->next[filed - 1]) {
            uint32_t number = filed - 1;
            uint32_t size = definitions[number].property_count;
            bool better = best == PLIM_NONE || size > definitions[best].property_count ||
                          (size == definitions[best].property_count && number < best);
            if (better && match_has_all(tables, &definitions[number]))
                best = number;
        }
    }
    return best;
}

/* Names one shape; false: no memory. */
static bool match_shape(match_tables *tables, plim__shape *shape)
{
    plim__analysis_work *work = tables->work;
    const plim_graph *graph = work->graph;
    uint32_t end = graph->first_edge[shape->sample + 1];
    uint32_t edge = plim__next_property(graph, graph->first_edge[shape->sample], end);
    for (; edge < end; edge = plim__next_property(graph, edge + 1, end)) {
        uint32_t id = match_property_of(tables, graph->edge_name[edge]);
        if (id != PLIM_NONE && tables->have[id]++ == 0)
            tables->touched[tables->touched_count++] = id;
    }
    uint32_t best = match_best(tables);
    while (tables->touched_count > 0)
        tables->have[tables->touched[--tables->touched_count]] = 0;
    if (best == PLIM_NONE)
        return true;
    if (tables->names[best] == PLIM_NONE)
        tables->names[best] =
            plim__analysis_add_name(work->analysis, work->analysis->definitions[best].name);
    shape->name = tables->names[best];
    return shape->name != PLIM_NONE;
}

static bool match_prepare(match_tables *tables)
{
    const plim_allocator *allocator = tables->work->allocator;
    const plim_analysis *analysis = tables->work->analysis;
    size_t property_count = analysis->property_count;
    tables->property_ids = plim__array_new(allocator, property_count, sizeof *tables->property_ids);
    tables->filed = plim__array_new_zero(allocator, property_count, sizeof *tables->filed);
    tables->have = plim__array_new_zero(allocator, property_count, sizeof *tables->have);
    tables->touched = plim__array_new(allocator, property_count, sizeof *tables->touched);
    tables->next = plim__array_new(allocator, analysis->definition_count, sizeof *tables->next);
    tables->names = plim__array_new(allocator, analysis->definition_count, sizeof *tables->names);
    tables->string_property = plim__array_new_zero(allocator, tables->work->graph->string_count,
                                                   sizeof *tables->string_property);
    if (tables->property_ids == NULL || tables->filed == NULL || tables->have == NULL ||
        tables->touched == NULL || tables->next == NULL || tables->names == NULL ||
        tables->string_property == NULL)
        return false;
    memset(tables->names, 0xff, (size_t)analysis->definition_count * sizeof *tables->names);
    return match_number_properties(tables);
}

static void match_fini(match_tables *tables)
{
    const plim_allocator *allocator = tables->work->allocator;
    const plim_analysis *analysis = tables->work->analysis;
    size_t property_count = analysis->property_count;
    size_t definition_count = analysis->definition_count;
    plim__array_free(allocator, tables->property_ids, property_count, sizeof(uint32_t));
    plim__array_free(allocator, tables->filed, property_count, sizeof(uint32_t));
    plim__array_free(allocator, tables->have, property_count, sizeof(uint32_t));
    plim__array_free(allocator, tables->touched, property_count, sizeof(uint32_t));
    plim__array_free(allocator, tables->next, definition_count, sizeof(uint32_t));
    plim__array_free(allocator, tables->names, definition_count, sizeof(uint32_t));
    plim__array_free(allocator, tables->string_property, tables->work->graph->string_count,
                     sizeof(uint32_t));
    plim__text_table_fini(&tables->properties);
}

plim_status plim__interfaces_match(plim__analysis_work *work, plim__shapes *shapes, plim_error *err)
{
    if (work->analysis->definition_count == 0)
        return PLIM_OK;
    match_tables tables = {.work = work};
    tables.properties.allocator = work->allocator;
    bool done = match_prepare(&tables);
    if (done)
        match_file(&tables);
    for (uint32_t i = 0; i < shapes->count && done; i++)
        done = match_shape(&tables, &shapes->list[i]);
    match_fini(&tables);
    return done ? PLIM_OK : plim__no_memory(err, "the names of plain objects");
}
