/* SPDX-License-Identifier: MIT */
/*
 * Comparison (rule 10): class by class, the ids that only one of two heaps has. Classes are matched
 * by public key: place and name; only nodes with a size take part, and of classes that fall
 * together only the one that is shown. Both heaps are put in the order of class and id; a merge
 * then tells what is new and what is gone. An id in both is the same object, whatever its size.
 * Invariants: D1 every class has a slot: a number that the classes of equal keys of both heaps
 * share. D2 the nodes of one slot are ascending by id, equal ids in the order of nodes.
 */
#include <plimsoll/diff.h>

#include "base/assert.h"
#include "heap/analysis_work.h"

enum { PLIM__DIFF_MAGIC = 0x6ab1e004, RADIX_BITS = 11, RADIX_SIZE = 1 << RADIX_BITS };

struct plim_diff {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_diff_row *rows;
    uint32_t row_count;
    uint32_t row_capacity;
};

/* One of the two heaps. */
typedef struct diff_side {
    const plim_analysis *analysis;
    uint32_t *slot;  /* per class; PLIM_NONE: not shown */
    uint32_t *node;  /* nodes that take part, by slot and id */
    uint32_t *first; /* per slot, + 1 */
    uint32_t node_count;
} diff_side;

typedef struct diff_work {
    const plim_allocator *allocator;
    diff_side side[2];     /* base, target */
    plim__text_table keys; /* number of a key = slot */
    plim__text_arena arena;
} diff_work;

static uint64_t diff_id(const plim_graph *graph, uint32_t node)
{
    uint64_t high = graph->id_high != NULL ? graph->id_high[node] : 0;
    return high << 32 | graph->node_id[node];
}

/* The key of a class as bytes: its place, if it has one, then its name. */
static uint32_t diff_slot_of(diff_work *work, const plim_analysis *analysis,
                             const plim__class *class)
{
    plim_text name = plim__analysis_name(analysis, class->name);
    size_t place_bytes = class->has_location ? sizeof class->location : 0;
    char *key = plim__text_arena_take(&work->arena, 1 + place_bytes + name.size_bytes);
    if (key == NULL)
        return PLIM_NONE;
    key[0] = class->has_location ? 1 : 0;
    if (place_bytes > 0)
        memcpy(key + 1, &class->location, place_bytes);
    if (name.size_bytes > 0)
        memcpy(key + 1 + place_bytes, name.data, name.size_bytes);
    return plim__text_table_add(&work->keys, (plim_text){key, 1 + place_bytes + name.size_bytes});
}

static bool diff_give_slots(diff_work *work, diff_side *side)
{
    const plim_analysis *analysis = side->analysis;
    side->slot =
        plim__array_new(work->allocator, (size_t)analysis->class_count + 1, sizeof *side->slot);
    if (side->slot == NULL)
        return false;
    for (uint32_t class = 0; class < analysis->class_count; class ++) {
        side->slot[class] = PLIM_NONE;
        if (analysis->rows[analysis->classes[class].row] != class)
            continue;
        side->slot[class] = diff_slot_of(work, analysis, &analysis->classes[class]);
        if (side->slot[class] == PLIM_NONE)
            return false;
    }
    return true;
}

/* One pass of the sort by id: stable, by the digit at `shift`. */
static void diff_radix_pass(const plim_graph *graph, const uint32_t *from, uint32_t *to,
                            uint32_t count, unsigned shift)
{
    uint32_t start[RADIX_SIZE] = {0};
    for (uint32_t i = 0; i < count; i++)
        start[diff_id(graph, from[i]) >> shift & (RADIX_SIZE - 1)]++;
    uint32_t sum = 0;
    for (uint32_t digit = 0; digit < RADIX_SIZE; digit++) {
        uint32_t here = start[digit];
        start[digit] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count; i++)
        to[start[diff_id(graph, from[i]) >> shift & (RADIX_SIZE - 1)]++] = from[i];
}

/* Puts the nodes in ascending order of ids, with a second array; returns the one that has them. */
static uint32_t *diff_sort_by_id(const plim_graph *graph, uint32_t *nodes, uint32_t *spare,
                                 uint32_t count)
{
    uint64_t most = 0;
    bool sorted = true;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = diff_id(graph, nodes[i]);
        sorted = sorted && id >= most;
        most = id > most ? id : most;
    }
    for (unsigned shift = 0; !sorted && shift < 64 && most >> shift != 0; shift += RADIX_BITS) {
        diff_radix_pass(graph, nodes, spare, count, shift);
        uint32_t *swap = nodes;
        nodes = spare;
        spare = swap;
    }
    return nodes;
}

/* The slot of a node that takes part, or PLIM_NONE. */
static uint32_t diff_node_slot(const diff_side *side, uint32_t node)
{
    return plim__analysis_shallow(side->analysis, node) == 0
               ? PLIM_NONE
               : side->slot[side->analysis->node_class[node]];
}

/* Distributes the nodes, ascending by id, to their slots. */
static void diff_distribute(diff_side *side, const uint32_t *by_id, uint32_t *to,
                            uint32_t slot_count)
{
    for (uint32_t i = 0; i < side->node_count; i++)
        side->first[diff_node_slot(side, by_id[i]) + 1]++;
    for (uint32_t slot = 0; slot < slot_count; slot++)
        side->first[slot + 1] += side->first[slot];
    for (uint32_t i = 0; i < side->node_count; i++)
        to[side->first[diff_node_slot(side, by_id[i])]++] = by_id[i];
    for (uint32_t slot = slot_count; slot > 0; slot--)
        side->first[slot] = side->first[slot - 1];
    side->first[0] = 0;
}

static bool diff_sort_side(diff_work *work, diff_side *side)
{
    const plim_graph *graph = side->analysis->graph;
    uint32_t slot_count = work->keys.count;
    uint32_t *nodes = plim__array_new(work->allocator, graph->node_count, sizeof *nodes);
    uint32_t *spare = plim__array_new(work->allocator, graph->node_count, sizeof *spare);
    side->first =
        plim__array_new_zero(work->allocator, (size_t)slot_count + 1, sizeof *side->first);
    if (nodes == NULL || spare == NULL || side->first == NULL) {
        plim__array_free(work->allocator, nodes, graph->node_count, sizeof *nodes);
        plim__array_free(work->allocator, spare, graph->node_count, sizeof *spare);
        return false;
    }
    for (uint32_t node = 0; node < graph->node_count; node++)
        if (diff_node_slot(side, node) != PLIM_NONE)
            nodes[side->node_count++] = node;
    uint32_t *by_id = diff_sort_by_id(graph, nodes, spare, side->node_count);
    uint32_t *other = by_id == nodes ? spare : nodes;
    diff_distribute(side, by_id, other, slot_count);
    plim__array_free(work->allocator, by_id, graph->node_count, sizeof *by_id);
    side->node = other;
    return true;
}

static void diff_count_added(const diff_side *side, uint32_t at, plim_diff_row *row)
{
    row->added++;
    row->added_bytes += plim__analysis_shallow(side->analysis, side->node[at]);
}

static void diff_count_removed(const diff_side *side, uint32_t at, plim_diff_row *row)
{
    row->removed++;
    row->removed_bytes += plim__analysis_shallow(side->analysis, side->node[at]);
}

/* Merges the two lists of one slot. */
static plim_diff_row diff_merge(const diff_work *work, uint32_t slot)
{
    const diff_side *base = &work->side[0];
    const diff_side *target = &work->side[1];
    uint32_t b = base->first[slot];
    uint32_t t = target->first[slot];
    uint32_t base_end = base->first[slot + 1];
    uint32_t target_end = target->first[slot + 1];
    plim_diff_row row = {0};
    while (b < base_end && t < target_end) {
        uint64_t base_id = diff_id(base->analysis->graph, base->node[b]);
        uint64_t target_id = diff_id(target->analysis->graph, target->node[t]);
        if (base_id < target_id) {
            diff_count_removed(base, b++, &row);
        } else if (base_id > target_id) {
            diff_count_added(target, t++, &row);
        } else {
            b++;
            t++;
        }
    }
    while (b < base_end)
        diff_count_removed(base, b++, &row);
    while (t < target_end)
        diff_count_added(target, t++, &row);
    row.delta = (int64_t)row.added - (int64_t)row.removed;
    row.delta_bytes = (int64_t)(row.added_bytes - row.removed_bytes);
    return row;
}

static bool diff_row_before(const plim_diff_row *a, const plim_diff_row *b)
{
    if (a->delta_bytes != b->delta_bytes)
        return a->delta_bytes > b->delta_bytes;
    return plim__text_compare(a->name, b->name) <= 0;
}

/* Stable merge sort, bottom up; false: no memory. */
static bool diff_sort_rows(plim_diff *diff)
{
    size_t count = diff->row_count;
    plim_diff_row *spare = plim__array_new(diff->allocator, diff->row_capacity, sizeof *spare);
    if (spare == NULL)
        return false;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t low = 0; low < count; low += 2 * width) {
            size_t middle = low + width < count ? low + width : count;
            size_t end = middle + width < count ? middle + width : count;
            size_t a = low;
            size_t b = middle;
            for (size_t to = low; to < end; to++) {
                bool first =
                    b == end || (a < middle && diff_row_before(&diff->rows[a], &diff->rows[b]));
                spare[to] = first ? diff->rows[a++] : diff->rows[b++];
            }
        }
        plim_diff_row *swap = diff->rows;
        diff->rows = spare;
        spare = swap;
    }
    plim__array_free(diff->allocator, spare, diff->row_capacity, sizeof *spare);
    return true;
}

/* Per slot, the class that names it: the target's where it has one. */
static void diff_find_names(const diff_work *work, plim_text *names)
{
    for (unsigned i = 0; i < 2; i++) {
        const diff_side *side = &work->side[i];
        for (uint32_t class = 0; class < side->analysis->class_count; class ++)
            if (side->slot[class] != PLIM_NONE)
                names[side->slot[class]] =
                    plim__analysis_name(side->analysis, side->analysis->classes[class].name);
    }
}

static bool diff_fill(diff_work *work, plim_diff *diff)
{
    if (!diff_give_slots(work, &work->side[0]) || !diff_give_slots(work, &work->side[1]) ||
        !diff_sort_side(work, &work->side[0]) || !diff_sort_side(work, &work->side[1]))
        return false;
    uint32_t slot_count = work->keys.count;
    diff->row_capacity = slot_count + 1; /* two heaps without a sized node have no slot */
    diff->rows = plim__array_new(work->allocator, diff->row_capacity, sizeof *diff->rows);
    plim_text *names = plim__array_new(work->allocator, diff->row_capacity, sizeof *names);
    bool done = diff->rows != NULL && names != NULL;
    if (done)
        diff_find_names(work, names);
    for (uint32_t slot = 0; slot < slot_count && done; slot++) {
        plim_diff_row row = diff_merge(work, slot);
        row.name = names[slot];
        if (row.added != 0 || row.removed != 0)
            diff->rows[diff->row_count++] = row;
    }
    plim__array_free(work->allocator, names, diff->row_capacity, sizeof *names);
    return done && diff_sort_rows(diff);
}

static void diff_work_fini(diff_work *work)
{
    for (unsigned i = 0; i < 2; i++) {
        diff_side *side = &work->side[i];
        plim__array_free(work->allocator, side->slot, (size_t)side->analysis->class_count + 1,
                         sizeof *side->slot);
        plim__array_free(work->allocator, side->node, side->analysis->graph->node_count,
                         sizeof *side->node);
        plim__array_free(work->allocator, side->first, (size_t)work->keys.count + 1,
                         sizeof *side->first);
    }
    plim__text_table_fini(&work->keys);
    plim__text_arena_fini(&work->arena);
}

plim_status plim_diff_create(const plim_analysis *base, const plim_analysis *target,
                             const plim_allocator *allocator, plim_diff **out_diff, plim_error *err)
{
    PLIM_CHECK_OBJ(base, PLIM__ANALYSIS_MAGIC);
    PLIM_CHECK_OBJ(target, PLIM__ANALYSIS_MAGIC);
    PLIM_CHECK((base->want & PLIM_WANT_CLASSES) != 0 && (target->want & PLIM_WANT_CLASSES) != 0);
    PLIM_CHECK(out_diff != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_diff *diff = plim__array_new_zero(allocator, 1, sizeof *diff);
    if (diff == NULL)
        return plim__no_memory(err, "a comparison");
    diff->magic = PLIM__DIFF_MAGIC;
    diff->allocator = allocator;
    diff_work work = {.allocator = allocator};
    work.side[0].analysis = base;
    work.side[1].analysis = target;
    work.keys.allocator = allocator;
    work.arena.allocator = allocator;
    bool done = diff_fill(&work, diff);
    diff_work_fini(&work);
    if (!done) {
        plim_diff_destroy(&diff);
        return plim__no_memory(err, "a comparison");
    }
    *out_diff = diff;
    return PLIM_OK;
}

uint32_t plim_diff_count(const plim_diff *diff)
{
    PLIM_CHECK_OBJ(diff, PLIM__DIFF_MAGIC);
    return diff->row_count;
}

const plim_diff_row *plim_diff_get(const plim_diff *diff, uint32_t index)
{
    PLIM_CHECK_OBJ(diff, PLIM__DIFF_MAGIC);
    PLIM_CHECK(index < diff->row_count);
    return &diff->rows[index];
}

void plim_diff_destroy(plim_diff **diff)
{
    if (diff == NULL || *diff == NULL)
        return;
    plim_diff *dying = *diff;
    PLIM_CHECK_OBJ(dying, PLIM__DIFF_MAGIC);
    const plim_allocator *allocator = dying->allocator;
    plim__array_free(allocator, dying->rows, dying->row_capacity, sizeof *dying->rows);
    dying->magic = 0;
    plim__array_free(allocator, dying, 1, sizeof *dying);
    *diff = NULL;
}
