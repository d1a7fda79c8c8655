/* SPDX-License-Identifier: MIT */
/*
 * An analysis: which part runs when, on which thread, and the way to the answers.
 *
 *   first, alone   strings, DOM state                        what both lanes read
 *   caller's lane  essential edges, dominators               write dominator, order, essential
 *   other lane     shallow, distances, classes, retainers    write the columns of these names
 *   last, alone    retained sizes, aggregates, rows          need both lanes
 *
 * With one thread the lanes run one after the other, and so they do if the system gives no thread.
 * Invariants: A1 no column is written by both lanes. A2 progress is called on the caller's thread
 * only. A3 whatever fails, everything taken is given back, and the other lane ends after the part
 * it is at.
 */
#include <plimsoll/analysis.h>

#include "base/assert.h"
#include "heap/analysis_work.h"
#include "platform/thread.h"

/* One part of a lane: its name for progress, what asks for it, and its function. */
typedef struct analysis_part {
    const char *phase;
    uint32_t want; /* any of these flags; 0: always */
    plim_status (*run)(plim__analysis_work *work, plim_error *err);
} analysis_part;

static const analysis_part ANALYSIS_FIRST[] = {
    {"strings", 0, plim__strings_classify},
    {"DOM state", 0, plim__dom_state_find},
};

static const analysis_part ANALYSIS_CALLER[] = {
    {"essential edges", PLIM_WANT_DOMINATORS, plim__essential_find},
    {"dominators", PLIM_WANT_DOMINATORS, plim__dominators_find},
};

static const analysis_part ANALYSIS_OTHER[] = {
    {"shallow sizes", 0, plim__shallow_transfer},
    {"distances", PLIM_WANT_DISTANCES, plim__distances_find},
    {"interfaces", PLIM_WANT_CLASSES, plim__interfaces_apply},
    {"class names", PLIM_WANT_CLASSES, plim__class_names_find},
    {"classes", PLIM_WANT_CLASSES, plim__classes_find},
    {"classes", PLIM_WANT_CLASSES, plim__aggregates_count},
    {"retainers", PLIM_WANT_RETAINERS, plim__retainers_find},
};

static const analysis_part ANALYSIS_LAST[] = {
    {"classes", PLIM_WANT_CLASSES, plim__aggregates_sum},
};

enum { ANALYSIS_PART_COUNT = 12 }; /* for progress: all of the above */

typedef struct analysis_lane {
    plim__analysis_work *work;
    const analysis_part *parts;
    size_t part_count;
    bool tells; /* calls progress */
    uint32_t done;
    plim_status status;
    plim_error error;
} analysis_lane;

static bool analysis_step(analysis_lane *lane, const char *phase)
{
    plim__analysis_work *work = lane->work;
    if (atomic_load_explicit(&work->stop, memory_order_relaxed))
        return false;
    if (!lane->tells || work->progress.step == NULL)
        return true;
    if (work->progress.step(work->progress.ctx, phase, lane->done, ANALYSIS_PART_COUNT))
        return true;
    atomic_store_explicit(&work->stop, true, memory_order_relaxed);
    return false;
}

static void analysis_run_lane(analysis_lane *lane)
{
    for (size_t i = 0; i < lane->part_count && lane->status == PLIM_OK; i++) {
        const analysis_part *part = &lane->parts[i];
        if (part->want != 0 && (part->want & lane->work->analysis->want) == 0)
            continue;
        if (!analysis_step(lane, part->phase)) {
            lane->status = plim_error_set(&lane->error, PLIM_ERR_INTERRUPTED,
                                          "the analysis was stopped before %s", part->phase);
            return;
        }
        lane->status = part->run(lane->work, &lane->error);
        lane->done++;
    }
    if (lane->status != PLIM_OK)
        atomic_store_explicit(&lane->work->stop, true, memory_order_relaxed);
}

static void *analysis_thread(void *argument)
{
    analysis_run_lane(argument);
    return NULL;
}

/* A failure that only echoes the other lane's stop says less than the one that caused it. */
static const analysis_lane *analysis_first_failure(const analysis_lane *a, const analysis_lane *b)
{
    if (a->status == PLIM_OK || (a->status == PLIM_ERR_INTERRUPTED && b->status != PLIM_OK))
        return b;
    return a;
}

static plim_status analysis_report(const analysis_lane *lane, plim_error *err)
{
    if (lane->status == PLIM_OK)
        return PLIM_OK;
    plim_status status = plim_error_set(err, lane->status, "%s", lane->error.what);
    if (lane->error.hint[0] != '\0')
        plim_error_hint(err, "%s", lane->error.hint);
    return status;
}

#define ANALYSIS_LANE(parts_, tells_)                                                              \
    {                                                                                              \
        .work = work, .parts = (parts_), .part_count = sizeof(parts_) / sizeof((parts_)[0]),       \
        .tells = (tells_)                                                                          \
    }

static plim_status analysis_run(plim__analysis_work *work, uint32_t thread_count, plim_error *err)
{
    analysis_lane first = ANALYSIS_LANE(ANALYSIS_FIRST, true);
    analysis_lane caller = ANALYSIS_LANE(ANALYSIS_CALLER, true);
    analysis_lane other = ANALYSIS_LANE(ANALYSIS_OTHER, false);
    analysis_lane last = ANALYSIS_LANE(ANALYSIS_LAST, true);
    analysis_run_lane(&first);
    if (first.status != PLIM_OK)
        return analysis_report(&first, err);
    caller.done = first.done;
    plim__thread thread;
    bool threaded = thread_count > 1 && plim__thread_start(&thread, analysis_thread, &other);
    analysis_run_lane(&caller);
    if (threaded) {
        plim__thread_join(&thread);
    } else {
        other.tells = true;
        other.done = caller.done;
        analysis_run_lane(&other);
    }
    const analysis_lane *failed = analysis_first_failure(&caller, &other);
    if (failed->status != PLIM_OK)
        return analysis_report(failed, err);
    if ((work->analysis->want & PLIM_WANT_DOMINATORS) != 0)
        plim__retained_sum(work);
    last.done = threaded ? caller.done + other.done : other.done;
    analysis_run_lane(&last);
    return analysis_report(&last, err);
}

static void analysis_work_fini(plim__analysis_work *work)
{
    const plim_allocator *allocator = work->allocator;
    const plim_graph *graph = work->graph;
    size_t edge_words = ((size_t)graph->edge_count + 63) / 64 + 1;
    plim__array_free(allocator, work->string_kind, graph->string_count, 1);
    plim__array_free(allocator, work->weak_pair, graph->string_count, sizeof *work->weak_pair);
    plim__array_free(allocator, work->weak_table, work->weak_pair_capacity,
                     sizeof *work->weak_table);
    plim__array_free(allocator, work->detached_name, graph->string_count,
                     sizeof *work->detached_name);
    plim__array_free(allocator, work->sizes, graph->node_count, sizeof *work->sizes);
    plim__array_free(allocator, work->essential, edge_words, sizeof *work->essential);
    plim__scratch_give(&work->caller, work->order);
    plim__scratch_fini(&work->caller);
    plim__scratch_fini(&work->other);
}

plim_status plim_analysis_create(const plim_graph *graph, const plim_analysis_options *options,
                                 plim_analysis **out_analysis, plim_error *err)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    PLIM_CHECK(out_analysis != NULL);
    static const plim_analysis_options defaults = {.struct_bytes = sizeof defaults};
    if (options == NULL)
        options = &defaults;
    PLIM_CHECK(options->struct_bytes == sizeof *options && options->thread_count <= 2);
    PLIM_CHECK(options->want <= PLIM_WANT_ALL);
    PLIM_CHECK(options->classes_of == NULL || (options->classes_of->want & PLIM_WANT_CLASSES) != 0);
    if (graph->node_count == 0 || graph->string_count == 0)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the heap has no nodes");
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_analysis *analysis = plim__array_new_zero(allocator, 1, sizeof *analysis);
    if (analysis == NULL)
        return plim__no_memory(err, "an analysis");
    analysis->magic = PLIM__ANALYSIS_MAGIC;
    analysis->want = options->want != 0 ? options->want : PLIM_WANT_ALL;
    analysis->allocator = allocator;
    analysis->arena.allocator = allocator;
    analysis->graph = graph;
    plim__analysis_work work = {.analysis = analysis,
                                .graph = graph,
                                .allocator = allocator,
                                .classes_of = options->classes_of,
                                .progress = options->progress};
    plim__scratch_init(&work.caller, allocator, graph);
    plim__scratch_init(&work.other, allocator, graph);
    plim_status status = PLIM_OK;
    if ((analysis->want & PLIM_WANT_CLASSES) != 0) {
        analysis->node_class =
            plim__array_new(allocator, graph->node_count, sizeof *analysis->node_class);
        if (analysis->node_class == NULL)
            status = plim__no_memory(err, "classes");
    }
    if (status == PLIM_OK)
        status = analysis_run(&work, options->thread_count == 1 ? 1 : 2, err);
    analysis_work_fini(&work);
    if (status != PLIM_OK) {
        plim_analysis_destroy(&analysis);
        return status;
    }
    *out_analysis = analysis;
    return PLIM_OK;
}

void plim_analysis_destroy(plim_analysis **analysis)
{
    if (analysis == NULL || *analysis == NULL)
        return;
    plim_analysis *dying = *analysis;
    PLIM_CHECK_OBJ(dying, PLIM__ANALYSIS_MAGIC);
    const plim_allocator *allocator = dying->allocator;
    size_t nodes = dying->graph->node_count;
    size_t edges = dying->graph->edge_count;
    plim__array_free(allocator, dying->detached, nodes, sizeof *dying->detached);
    plim__array_free(allocator, dying->shallow, nodes, sizeof *dying->shallow);
    plim__array_free(allocator, dying->distance, nodes, sizeof *dying->distance);
    plim__array_free(allocator, dying->dominator, nodes, sizeof *dying->dominator);
    plim__array_free(allocator, dying->retained, nodes, sizeof *dying->retained);
    plim__array_free(allocator, dying->node_class, nodes, sizeof *dying->node_class);
    plim__array_free(allocator, dying->big_shallow, dying->big_shallow_count,
                     sizeof *dying->big_shallow);
    plim__array_free(allocator, dying->classes, dying->class_capacity, sizeof *dying->classes);
    plim__array_free(allocator, dying->rows, dying->row_capacity, sizeof *dying->rows);
    plim__array_free(allocator, dying->added_names, dying->added_capacity,
                     sizeof *dying->added_names);
    plim__array_free(allocator, dying->definitions, dying->definition_capacity,
                     sizeof *dying->definitions);
    plim__array_free(allocator, dying->definition_properties, dying->property_capacity,
                     sizeof *dying->definition_properties);
    plim__array_free(allocator, dying->first_retainer, nodes + 1, sizeof *dying->first_retainer);
    plim__array_free(allocator, dying->retainer_edge, edges + 1, sizeof *dying->retainer_edge);
    plim__text_arena_fini(&dying->arena);
    dying->magic = 0;
    plim__array_free(allocator, dying, 1, sizeof *dying);
    *analysis = NULL;
}

const plim_graph *plim_analysis_graph(const plim_analysis *analysis)
{
    PLIM_CHECK_OBJ(analysis, PLIM__ANALYSIS_MAGIC);
    return analysis->graph;
}

void plim_analysis_node(const plim_analysis *analysis, uint32_t node, plim_node_facts *out_facts)
{
    PLIM_CHECK_OBJ(analysis, PLIM__ANALYSIS_MAGIC);
    PLIM_CHECK(node < analysis->graph->node_count && out_facts != NULL);
    *out_facts = (plim_node_facts){
        .shallow_bytes = plim__analysis_shallow(analysis, node),
        .retained_bytes = analysis->retained != NULL ? analysis->retained[node] : 0,
        .distance = analysis->distance != NULL ? analysis->distance[node] : 0,
        .dominator = analysis->dominator != NULL ? analysis->dominator[node] : PLIM_NONE,
        .class_index = PLIM_NONE,
        .detached = analysis->detached != NULL && analysis->detached[node] != 0,
    };
    if (analysis->node_class != NULL)
        out_facts->class_index = analysis->classes[analysis->node_class[node]].row;
}

uint32_t plim_analysis_class_count(const plim_analysis *analysis)
{
    PLIM_CHECK_OBJ(analysis, PLIM__ANALYSIS_MAGIC);
    return analysis->row_count;
}

void plim_analysis_class(const plim_analysis *analysis, uint32_t class_index, plim_class *out_class)
{
    PLIM_CHECK_OBJ(analysis, PLIM__ANALYSIS_MAGIC);
    PLIM_CHECK(class_index < analysis->row_count && out_class != NULL);
    const plim__class *shown = &analysis->classes[analysis->rows[class_index]];
    *out_class = (plim_class){
        .name = plim__analysis_name(analysis, shown->name),
        .self_bytes = shown->self_bytes,
        .retained_bytes = shown->retained_bytes,
        .count = shown->count,
        .distance = shown->distance,
        .has_location = shown->has_location,
        .location = shown->location,
    };
}
