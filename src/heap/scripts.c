/* SPDX-License-Identifier: MIT */
/*
 * Script names. A location says only "script 88"; the URL stands in the graph: a closure has an
 * internal edge `shared` to its SharedFunctionInfo, that one an internal edge `script` (V8 up to
 * 11: `script_or_debug_info`) to the Script, whose name is the URL. One closure per script is
 * enough. From V8 15 on a location may name the Script itself. See heap-snapshot-generator.cc,
 * ExtractJSFunctionReferences and ExtractSharedFunctionInfoReferences in V8.
 *
 * The table is open addressing on the script id, at most half full, and is thrown away once the
 * sorted list is made.
 */
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "heap/graph.h"

enum { SCRIPTS_FIRST_SLOTS = 256 };

typedef struct script_table {
    const plim_allocator *allocator;
    plim__script *slots; /* name PLIM_NONE: free */
    uint32_t slot_count; /* a power of two */
    uint32_t used;
} script_table;

static plim__script *table_slot(const script_table *table, uint32_t script_id)
{
    uint32_t mask = table->slot_count - 1;
    uint32_t at = (script_id * 0x9e3779b1u) & mask;
    while (table->slots[at].name != PLIM_NONE && table->slots[at].script_id != script_id)
        at = (at + 1) & mask; /* ends: the table is never full */
    return &table->slots[at];
}

static plim_status table_make(script_table *table, uint32_t slot_count, plim_error *err)
{
    table->slots = plim__array_new(table->allocator, slot_count, sizeof *table->slots);
    if (table->slots == NULL)
        return plim__no_memory(err, "the names of scripts");
    table->slot_count = slot_count;
    table->used = 0;
    for (uint32_t i = 0; i < slot_count; i++)
        table->slots[i] = (plim__script){0, PLIM_NONE};
    return PLIM_OK;
}

static void table_drop(script_table *table)
{
    plim__array_free(table->allocator, table->slots, table->slot_count, sizeof *table->slots);
    table->slots = NULL;
}

static plim_status table_add(script_table *table, uint32_t script_id, uint32_t name,
                             plim_error *err)
{
    if (table->used + 1 > table->slot_count / 2) {
        if (table->slot_count > UINT32_MAX / 2)
            return plim_error_set(err, PLIM_ERR_LIMIT, "more scripts than fit 32 bits");
        script_table grown = {.allocator = table->allocator};
        plim_status status = table_make(&grown, table->slot_count * 2, err);
        if (status != PLIM_OK)
            return status;
        for (uint32_t i = 0; i < table->slot_count; i++) {
            if (table->slots[i].name != PLIM_NONE)
                *table_slot(&grown, table->slots[i].script_id) = table->slots[i];
        }
        grown.used = table->used;
        table_drop(table);
        *table = grown;
    }
    *table_slot(table, script_id) = (plim__script){script_id, name};
    table->used++;
    return PLIM_OK;
}

static bool script_text_is(plim_text text, const char *word)
{
    return text.size_bytes == strlen(word) && memcmp(text.data, word, text.size_bytes) == 0;
}

/* The target of the first internal edge of that name (or the other) among edge_limit edges. */
static uint32_t follow_internal(const plim_graph *graph, uint32_t node, uint32_t edge_limit,
                                const char *name, const char *other)
{
    uint32_t first = graph->first_edge[node];
    uint32_t end = graph->first_edge[node + 1];
    if (end - first > edge_limit)
        end = first + edge_limit;
    for (uint32_t edge = first; edge < end; edge++) {
        if (graph->edge_type[edge] != PLIM_EDGE_INTERNAL)
            continue;
        plim_text text = plim__graph_string(graph, graph->edge_name[edge]);
        if (script_text_is(text, name) || script_text_is(text, other))
            return graph->edge_to[edge];
    }
    return PLIM_NONE;
}

/* The string that names the script of a location, or PLIM_NONE. */
static uint32_t script_name_of(const plim_graph *graph, const plim__node_location *location)
{
    uint32_t script = location->script_node;
    if (script == PLIM_NONE && graph->node_type[location->node] == PLIM_NODE_CLOSURE) {
        uint32_t shared =
            follow_internal(graph, location->node, UINT32_MAX, "shared", "shared_info");
        if (shared != PLIM_NONE)
            script = follow_internal(graph, shared, PLIM_SHARED_EDGES_MAX, "script",
                                     "script_or_debug_info");
    }
    if (script == PLIM_NONE)
        return PLIM_NONE;
    uint32_t name = graph->node_name[script];
    return plim__graph_string(graph, name).size_bytes > 0 ? name : PLIM_NONE;
}

static void heap_sink(plim__script *scripts, uint32_t at, uint32_t count)
{
    plim__script moving = scripts[at];
    for (uint64_t child = 2 * (uint64_t)at + 1; child < count; child = 2 * (uint64_t)at + 1) {
        if (child + 1 < count && scripts[child].script_id < scripts[child + 1].script_id)
            child++;
        if (scripts[child].script_id <= moving.script_id)
            break;
        scripts[at] = scripts[child];
        at = (uint32_t)child;
    }
    scripts[at] = moving;
}

/* Heapsort: the C library's qsort may allocate behind our back. */
static void sort_scripts(plim__script *scripts, uint32_t count)
{
    for (uint32_t i = count / 2; i > 0; i--)
        heap_sink(scripts, i - 1, count);
    for (uint32_t end = count; end > 1; end--) {
        plim__script last = scripts[end - 1];
        scripts[end - 1] = scripts[0];
        scripts[0] = last;
        heap_sink(scripts, 0, end - 1);
    }
}

static plim_status keep_table(plim_graph *graph, const script_table *table, plim_error *err)
{
    if (table->used == 0)
        return PLIM_OK;
    graph->scripts = plim__array_new(graph->allocator, table->used, sizeof *graph->scripts);
    if (graph->scripts == NULL)
        return plim__no_memory(err, "the names of scripts");
    for (uint32_t i = 0; i < table->slot_count; i++) {
        if (table->slots[i].name != PLIM_NONE)
            graph->scripts[graph->script_count++] = table->slots[i];
    }
    PLIM_CHECK(graph->script_count == table->used);
    sort_scripts(graph->scripts, graph->script_count);
    return PLIM_OK;
}

plim_status plim__graph_find_scripts(plim_graph *graph, plim_error *err)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    PLIM_CHECK(graph->scripts == NULL);
    if (graph->location_count == 0)
        return PLIM_OK;
    script_table table = {.allocator = graph->allocator};
    plim_status status = table_make(&table, SCRIPTS_FIRST_SLOTS, err);
    for (uint32_t i = 0; status == PLIM_OK && i < graph->location_count; i++) {
        const plim__node_location *location = &graph->locations[i];
        if (table_slot(&table, location->at.script_id)->name != PLIM_NONE)
            continue;
        uint32_t name = script_name_of(graph, location);
        if (name != PLIM_NONE)
            status = table_add(&table, location->at.script_id, name, err);
    }
    if (status == PLIM_OK)
        status = keep_table(graph, &table, err);
    table_drop(&table);
    return status;
}
