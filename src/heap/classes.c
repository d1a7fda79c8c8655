/* SPDX-License-Identifier: MIT */
/*
 * Classes (rule 8): nodes are of one class if their class names have the same string index; objects
 * whose place in the source the file knows, if place and text of the name are the same.
 * Invariants: node_class of every node is below class_count. The table of places holds located
 * classes only, each once.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

enum { PLACE_SLOTS_MIN = 256 };

typedef struct class_finder {
    plim__analysis_work *work;
    uint32_t *by_name; /* per name: its class, or PLIM_NONE */
    uint32_t *places;  /* located classes by hash: class + 1; a power of two */
    uint32_t place_slots;
    uint32_t place_count;
    uint32_t location; /* the next one in the graph's list */
} class_finder;

/* Appends a class; PLIM_NONE: no memory. */
static uint32_t class_add(plim_analysis *analysis, uint32_t name, const plim_location *location)
{
    if (analysis->class_count == analysis->class_capacity) {
        uint32_t wanted = analysis->class_capacity == 0 ? 256 : analysis->class_capacity * 2;
        plim__class *grown = plim__array_resize(analysis->allocator, analysis->classes,
                                                analysis->class_capacity, wanted, sizeof *grown);
        if (grown == NULL)
            return PLIM_NONE;
        analysis->classes = grown;
        analysis->class_capacity = wanted;
    }
    plim__class *class = &analysis->classes[analysis->class_count];
    *class = (plim__class){.name = name, .first = PLIM_NONE, .row = PLIM_NONE};
    if (location != NULL) {
        class->has_location = true;
        class->location = *location;
    }
    return analysis->class_count++;
}

static uint32_t class_place_hash(const plim_location *at, plim_text name)
{
    uint64_t hash = plim__text_hash(name);
    hash = (hash ^ at->script_id) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
    hash = (hash ^ at->line) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
    hash = (hash ^ at->column) * 0xc4ceb9fe1a85ec53u;
    return (uint32_t)(hash >> 32);
}

static bool class_is_at(const plim_analysis *analysis, const plim__class *class, uint32_t name,
                        const plim_location *at)
{
    if (class->location.script_id != at->script_id || class->location.line != at->line ||
        class->location.column != at->column)
        return false;
    return class->name == name || plim__text_equal(plim__analysis_name(analysis, class->name),
                                                   plim__analysis_name(analysis, name));
}

static bool class_grow_places(class_finder *finder)
{
    const plim_analysis *analysis = finder->work->analysis;
    uint32_t wanted = finder->place_slots == 0 ? PLACE_SLOTS_MIN : finder->place_slots * 2;
    uint32_t *slots = plim__array_new_zero(finder->work->allocator, wanted, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < finder->place_slots; i++) {
        if (finder->places[i] == 0)
            continue;
        const plim__class *class = &analysis->classes[finder->places[i] - 1];
        plim_text name = plim__analysis_name(analysis, class->name);
        uint32_t slot = class_place_hash(&class->location, name) & (wanted - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (wanted - 1);
        slots[slot] = finder->places[i];
    }
    plim__array_free(finder->work->allocator, finder->places, finder->place_slots, sizeof *slots);
    finder->places = slots;
    finder->place_slots = wanted;
    return true;
}

/* The class of that place and name; PLIM_NONE: no memory. */
static uint32_t class_at_place(class_finder *finder, uint32_t name, const plim_location *at)
{
    plim_analysis *analysis = finder->work->analysis;
    if (finder->place_count >= finder->place_slots / 2 && !class_grow_places(finder))
        return PLIM_NONE;
    uint32_t mask = finder->place_slots - 1;
    uint32_t slot = class_place_hash(at, plim__analysis_name(analysis, name)) & mask;
    while (finder->places[slot] != 0) {
        uint32_t class = finder->places[slot] - 1;
        if (class_is_at(analysis, &analysis->classes[class], name, at))
            return class;
        slot = (slot + 1) & mask;
    }
    uint32_t class = class_add(analysis, name, at);
    if (class != PLIM_NONE) {
        finder->places[slot] = class + 1;
        finder->place_count++;
    }
    return class;
}

/* Where an object's class stands in the source, if known. Nodes must come in ascending order. */
static const plim_location *class_location(class_finder *finder, uint32_t node)
{
    const plim_graph *graph = finder->work->graph;
    while (finder->location < graph->location_count &&
           graph->locations[finder->location].node < node)
        finder->location++;
    if (finder->location == graph->location_count ||
        graph->locations[finder->location].node != node ||
        graph->node_type[node] != PLIM_NODE_OBJECT)
        return NULL;
    return &graph->locations[finder->location].at;
}

static bool class_find_all(class_finder *finder)
{
    plim_analysis *analysis = finder->work->analysis;
    for (uint32_t node = 0; node < finder->work->graph->node_count; node++) {
        uint32_t name = analysis->node_class[node];
        const plim_location *at = class_location(finder, node);
        uint32_t class = at == NULL ? finder->by_name[name] : class_at_place(finder, name, at);
        if (class == PLIM_NONE && at == NULL) {
            class = class_add(analysis, name, NULL);
            finder->by_name[name] = class;
        }
        if (class == PLIM_NONE)
            return false;
        analysis->node_class[node] = class;
    }
    return true;
}

plim_status plim__classes_find(plim__analysis_work *work, plim_error *err)
{
    size_t name_count = (size_t)work->graph->string_count + work->analysis->added_count;
    class_finder finder = {.work = work};
    finder.by_name = plim__array_new(work->allocator, name_count, sizeof *finder.by_name);
    bool done = finder.by_name != NULL;
    if (done) {
        memset(finder.by_name, 0xff, name_count * sizeof *finder.by_name);
        done = class_find_all(&finder);
    }
    plim__array_free(work->allocator, finder.by_name, name_count, sizeof *finder.by_name);
    plim__array_free(work->allocator, finder.places, finder.place_slots, sizeof *finder.places);
    return done ? PLIM_OK : plim__no_memory(err, "classes");
}
