/* SPDX-License-Identifier: MIT */
/*
 * Definitions of interfaces (rule 8): each plain object proposes the list of its properties, cut
 * where the name would become longer than 120 units; proposals of one name count together. Those
 * that at least two objects and one in a thousand make are kept, the most frequent first, among
 * equals the one proposed first.
 * Invariant: at most a thousand are kept, for each stands for a thousandth of the objects, or,
 * where there are fewer than two thousand objects, for two of them.
 */
#include "base/assert.h"
#include "heap/interfaces.h"
#include "heap/property_name.h"

enum { NAME_UNITS_MAX = 120, KEPT_MAX = 1000, KEPT_OF = 1000, KEPT_COUNT_MIN = 2 };

typedef struct definition_candidate {
    uint64_t count;
    uint32_t shape; /* the first that proposed it */
} definition_candidate;

typedef struct definition_inference {
    plim__analysis_work *work;
    const plim__shapes *shapes;
    plim__text_table names; /* number of a name = number of its candidate */
    plim__text_arena arena; /* of those names */
    definition_candidate *candidates;
    uint32_t capacity;
    plim__bytes buffer;
} definition_inference;

/*
 * Writes the proposal of a node into the buffer: `{a, b}`. Where out_properties is not NULL, the
 * names go there as well. Sets *out_count to how many properties it has; false: no memory.
 */
static bool definition_propose(plim__analysis_work *work, plim__bytes *buffer, uint32_t node,
                               plim_text *out_properties, uint32_t *out_count)
{
    const plim_graph *graph = work->graph;
    uint32_t end = graph->first_edge[node + 1];
    size_t units = 1;
    buffer->count = 0;
    *out_count = 0;
    if (!plim__bytes_add(buffer, "{", 1))
        return false;
    uint32_t edge = plim__next_property(graph, graph->first_edge[node], end);
    for (; edge < end; edge = plim__next_property(graph, edge + 1, end)) {
        uint32_t string = graph->edge_name[edge];
        if (work->string_kind[string] == PLIM__STRING_PROTO)
            continue;
        plim_text name = plim__graph_string(graph, string);
        size_t before = buffer->count;
        bool comma = units != 1;
        if ((comma && !plim__bytes_add(buffer, ", ", 2)) || !plim__property_name_add(buffer, name))
            return false;
        size_t from = before + (comma ? 2 : 0);
        size_t name_units =
            plim__text_units((plim_text){buffer->data + from, buffer->count - from});
        if (units > 1 && units + name_units > NAME_UNITS_MAX) {
            buffer->count = before; /* the name is long enough */
            break;
        }
        units += name_units + (comma ? 2 : 0);
        if (out_properties != NULL)
            out_properties[*out_count] = name;
        ++*out_count;
    }
    return plim__bytes_add(buffer, "}", 1);
}

/* Counts one shape for the candidate of its name; false: no memory. */
static bool definition_count_shape(definition_inference *inference, uint32_t shape)
{
    plim__analysis_work *work = inference->work;
    const plim__shape *of = &inference->shapes->list[shape];
    uint32_t property_count;
    if (!definition_propose(work, &inference->buffer, of->sample, NULL, &property_count))
        return false;
    if (property_count == 0)
        return true; /* an empty interface would say that an object has no properties */
    plim_text name = {inference->buffer.data, inference->buffer.count};
    uint32_t number = plim__text_table_find(&inference->names, name);
    if (number == PLIM_NONE) {
        char *kept = plim__text_arena_take(&inference->arena, name.size_bytes);
        if (kept == NULL)
            return false;
        memcpy(kept, name.data, name.size_bytes);
        number = plim__text_table_add(&inference->names, (plim_text){kept, name.size_bytes});
        if (number == PLIM_NONE)
            return false;
        if (number >= inference->capacity) {
            uint32_t wanted = inference->capacity == 0 ? 256 : inference->capacity * 2;
            definition_candidate *grown = plim__array_resize(
                work->allocator, inference->candidates, inference->capacity, wanted, sizeof *grown);
            if (grown == NULL)
                return false;
            inference->candidates = grown;
            inference->capacity = wanted;
        }
        inference->candidates[number] = (definition_candidate){0, shape};
    }
    inference->candidates[number].count += of->count;
    return true;
}

/* Fills kept[] with the numbers of the candidates that stay, in their order; returns how many. */
static uint32_t definition_choose(const definition_inference *inference, uint32_t *kept)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < inference->names.count; i++) {
        uint64_t seen = inference->candidates[i].count;
        if (seen < KEPT_COUNT_MIN || seen * KEPT_OF < inference->shapes->object_count)
            continue;
        PLIM_CHECK(count < KEPT_MAX);
        uint32_t at = count++;
        while (at > 0 && inference->candidates[kept[at - 1]].count < seen) {
            kept[at] = kept[at - 1];
            at--;
        }
        kept[at] = i;
    }
    return count;
}

static uint32_t definition_property_count(const plim_graph *graph, uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++)
        count += graph->edge_type[edge] == PLIM_EDGE_PROPERTY;
    return count;
}

static bool definition_room(plim_analysis *analysis, uint32_t more)
{
    if (more > UINT32_MAX / 2 - analysis->property_count)
        return false;
    uint32_t needed = analysis->property_count + more;
    if (needed <= analysis->property_capacity)
        return true;
    plim_text *grown =
        plim__array_resize(analysis->allocator, analysis->definition_properties,
                           analysis->property_capacity, (size_t)needed * 2, sizeof *grown);
    if (grown == NULL)
        return false;
    analysis->definition_properties = grown;
    analysis->property_capacity = needed * 2;
    return true;
}

static bool definition_copy_text(plim_analysis *analysis, plim_text from, plim_text *out)
{
    char *copy = plim__text_arena_take(&analysis->arena, from.size_bytes);
    if (copy == NULL)
        return false;
    if (from.size_bytes > 0)
        memcpy(copy, from.data, from.size_bytes);
    *out = (plim_text){copy, from.size_bytes};
    return true;
}

/* Appends the definition of one kept candidate; false: no memory. */
static bool definition_keep(definition_inference *inference, uint32_t number)
{
    plim__analysis_work *work = inference->work;
    plim_analysis *analysis = work->analysis;
    uint32_t sample = inference->shapes->list[inference->candidates[number].shape].sample;
    uint32_t most = definition_property_count(work->graph, sample);
    if (!definition_room(analysis, most))
        return false;
    plim__definition *definition = &analysis->definitions[analysis->definition_count];
    if (!definition_copy_text(analysis, inference->names.entries[number].text, &definition->name))
        return false;
    definition->first_property = analysis->property_count;
    if (!definition_propose(work, &inference->buffer, sample,
                            analysis->definition_properties + analysis->property_count,
                            &definition->property_count))
        return false;
    analysis->property_count += definition->property_count;
    analysis->definition_count++;
    return true;
}

static bool definition_infer_all(definition_inference *inference)
{
    plim_analysis *analysis = inference->work->analysis;
    uint32_t kept[KEPT_MAX];
    for (uint32_t shape = 0; shape < inference->shapes->count; shape++)
        if (!definition_count_shape(inference, shape))
            return false;
    uint32_t kept_count = definition_choose(inference, kept);
    if (kept_count == 0)
        return true;
    analysis->definitions =
        plim__array_new(analysis->allocator, kept_count, sizeof *analysis->definitions);
    if (analysis->definitions == NULL)
        return false;
    analysis->definition_capacity = kept_count;
    for (uint32_t i = 0; i < kept_count; i++)
        if (!definition_keep(inference, kept[i]))
            return false;
    return true;
}

plim_status plim__definitions_infer(plim__analysis_work *work, const plim__shapes *shapes,
                                    plim_error *err)
{
    definition_inference inference = {.work = work, .shapes = shapes};
    inference.names.allocator = work->allocator;
    inference.arena.allocator = work->allocator;
    inference.buffer.allocator = work->allocator;
    bool done = definition_infer_all(&inference);
    plim__text_table_fini(&inference.names);
    plim__text_arena_fini(&inference.arena);
    plim__bytes_fini(&inference.buffer);
    plim__array_free(work->allocator, inference.candidates, inference.capacity,
                     sizeof *inference.candidates);
    return done ? PLIM_OK : plim__no_memory(err, "inferred interfaces");
}

plim_status plim__definitions_copy(plim__analysis_work *work, plim_error *err)
{
    plim_analysis *analysis = work->analysis;
    const plim_analysis *from = work->classes_of;
    bool done = true;
    if (from->definition_count == 0)
        return PLIM_OK;
    analysis->definitions =
        plim__array_new(analysis->allocator, from->definition_count, sizeof *from->definitions);
    if (analysis->definitions == NULL || !definition_room(analysis, from->property_count)) {
        plim__array_free(analysis->allocator, analysis->definitions, from->definition_count,
                         sizeof *from->definitions);
        analysis->definitions = NULL;
        return plim__no_memory(err, "inferred interfaces");
    }
    analysis->definition_capacity = from->definition_count;
    for (uint32_t i = 0; i < from->definition_count && done; i++) {
        analysis->definitions[i] = from->definitions[i];
        done = definition_copy_text(analysis, from->definitions[i].name,
                                    &analysis->definitions[i].name);
        analysis->definition_count += done;
    }
    for (uint32_t i = 0; i < from->property_count && done; i++) {
        done = definition_copy_text(analysis, from->definition_properties[i],
                                    &analysis->definition_properties[i]);
        analysis->property_count += done;
    }
    return done ? PLIM_OK : plim__no_memory(err, "inferred interfaces");
}
