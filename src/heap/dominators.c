/* SPDX-License-Identifier: MIT */
/*
 * Immediate dominators (rule 7) by SEMI-NCA: a depth-first numbering over the essential edges,
 * semidominators by path compression in decreasing order of numbers, then the nearest common
 * ancestor of parent and semidominator in increasing order.   Why this one: four or five arrays of
 * 32 bits and no buckets; the iterative fix-point of Cooper, Harvey and Kennedy is quadratic on the
 * lists and cycles that heaps are made of. (Georgiadis 2005; Georgiadis, Tarjan, Werneck 2006.)
 *
 * What the root does not reach: a node without any essential retainer counts as the root's child,
 * with all it reaches. What is still left are cliques that hold each other; each of their nodes has
 * the root as dominator, and they say nothing about what they hold.
 *
 * Only edges from a higher to a lower number need a place in the table of predecessors: an edge
 * from a lower to a higher number comes from an ancestor, which is its own semidominator.
 * Invariants: N1 parent[i] < i. N2 semi[i] <= parent[i]. N3 order holds every node once, each after
 * its dominator. N4 the path stack of eval holds ascending tree depth: never more than reached.
 * N5 label[i] lives where first_pred[i + 1] was: numbers are done from the highest down, so row i
 * is read for the last time just before its label is written, and row i - 1 ends at first_pred[i].
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

typedef struct dominator_walk {
    plim__analysis_work *work;
    uint32_t reached;     /* nodes with a number */
    uint32_t *number;     /* by node: its number, or PLIM_NONE; later the path stack */
    uint32_t *node;       /* by number: becomes work->order */
    uint32_t *parent;     /* by number; becomes the dominator's number */
    uint32_t *semi;       /* by number; first the cursor of the depth-first walk */
    uint32_t *label;      /* by number: least semi on the compressed path; see N5 */
    uint32_t *ancestor;   /* by number: becomes analysis->dominator, by node */
    uint32_t *first_pred; /* by number, reached + 1 */
    uint32_t *pred;
    size_t pred_count;
} dominator_walk;

static bool dominator_edge_counts(const dominator_walk *walk, uint32_t edge)
{
    return (walk->work->essential[edge >> 6] >> (edge & 63) & 1) != 0;
}

static void dominator_enter(dominator_walk *walk, uint32_t node, uint32_t parent)
{
    uint32_t number = walk->reached++;
    walk->number[node] = number;
    walk->node[number] = node;
    walk->parent[number] = parent;
    walk->semi[number] = walk->work->graph->first_edge[node];
}

/* Depth first from one node; the way back is in parent[], the way on in semi[]. */
static void dominator_descend(dominator_walk *walk, uint32_t start)
{
    const plim_graph *graph = walk->work->graph;
    uint32_t base = walk->reached;
    uint32_t at = base;
    dominator_enter(walk, start, 0);
    for (;;) {
        uint32_t end = graph->first_edge[walk->node[at] + 1];
        uint32_t edge = walk->semi[at];
        while (edge < end && (!dominator_edge_counts(walk, edge) ||
                              walk->number[graph->edge_to[edge]] != PLIM_NONE))
            edge++;
        if (edge < end) {
            walk->semi[at] = edge + 1;
            uint32_t child = walk->reached;
            dominator_enter(walk, graph->edge_to[edge], at);
            at = child;
        } else if (at == base) {
            return;
        } else {
            at = walk->parent[at];
        }
    }
}

/* Starts again from each node that nothing essential leads to. */
static bool dominator_descend_orphans(dominator_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    size_t words = ((size_t)graph->node_count + 63) / 64;
    uint64_t *held = plim__array_new_zero(walk->work->allocator, words, sizeof *held);
    if (held == NULL)
        return false;
    for (uint32_t edge = 0; edge < graph->edge_count; edge++) {
        uint32_t to = graph->edge_to[edge];
        if (dominator_edge_counts(walk, edge))
            held[to >> 6] |= (uint64_t)1 << (to & 63);
    }
    for (uint32_t node = 0; node < graph->node_count; node++)
        if (walk->number[node] == PLIM_NONE && (held[node >> 6] >> (node & 63) & 1) == 0)
            dominator_descend(walk, node);
    plim__array_free(walk->work->allocator, held, words, sizeof *held);
    return true;
}

/* semi[] from parents and ancestors; counts the other edges by target. */
static void dominator_count_preds(dominator_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    memcpy(walk->semi, walk->parent, (size_t)walk->reached * sizeof *walk->semi);
    memset(walk->first_pred, 0, ((size_t)walk->reached + 1) * sizeof *walk->first_pred);
    for (uint32_t from = 0; from < walk->reached; from++) {
        uint32_t node = walk->node[from];
        uint32_t end = graph->first_edge[node + 1];
        for (uint32_t edge = graph->first_edge[node]; edge < end; edge++) {
            if (!dominator_edge_counts(walk, edge))
                continue;
            uint32_t to = walk->number[graph->edge_to[edge]];
            if (from > to)
                walk->first_pred[to]++;
            else if (from < walk->semi[to])
                walk->semi[to] = from;
        }
    }
    uint64_t sum = 0; /* first_pred becomes the end of each row; filling moves it to the start */
    for (uint32_t number = 0; number < walk->reached; number++) {
        sum += walk->first_pred[number];
        walk->first_pred[number] = (uint32_t)sum;
    }
    walk->first_pred[walk->reached] = (uint32_t)sum;
    walk->pred_count = (size_t)sum;
}

static void dominator_fill_preds(dominator_walk *walk)
{
    const plim_graph *graph = walk->work->graph;
    for (uint32_t from = 0; from < walk->reached; from++) {
        uint32_t node = walk->node[from];
        uint32_t end = graph->first_edge[node + 1];
        for (uint32_t edge = graph->first_edge[node]; edge < end; edge++) {
            if (!dominator_edge_counts(walk, edge))
                continue;
            uint32_t to = walk->number[graph->edge_to[edge]];
            if (from > to)
                walk->pred[--walk->first_pred[to]] = from;
        }
    }
}

/* Least semi on the way from `start` up to, and without, the first number not above `linked`. */
static uint32_t dominator_eval(dominator_walk *walk, uint32_t start, uint32_t linked)
{
    uint32_t *ancestor = walk->ancestor;
    uint32_t *label = walk->label;
    uint32_t *path = walk->number;
    uint32_t depth = 0;
    uint32_t at = start;
    while (ancestor[at] > linked) {
        path[depth++] = at;
        at = ancestor[at];
    }
    while (depth > 0) {
        uint32_t below = path[--depth];
        if (label[at] < label[below])
            label[below] = label[at];
        ancestor[below] = ancestor[at];
        at = below;
    }
    return label[start];
}

static void dominator_find_semis(dominator_walk *walk)
{
    PLIM_DCHECK(walk->ancestor != NULL && walk->parent != NULL);
    memcpy(walk->ancestor, walk->parent, (size_t)walk->reached * sizeof *walk->ancestor);
    for (uint32_t at = walk->reached - 1; at > 0; at--) {
        uint32_t semi = walk->semi[at];
        uint32_t end = walk->first_pred[at + 1];
        for (uint32_t i = walk->first_pred[at]; i < end; i++) {
            uint32_t least = dominator_eval(walk, walk->pred[i], at);
            if (least < semi)
                semi = least;
        }
        walk->semi[at] = semi;
        walk->label[at] = semi;
    }
    for (uint32_t at = 1; at < walk->reached; at++) {
        uint32_t dominator = walk->parent[at];
        while (dominator > walk->semi[at])
            dominator = walk->parent[dominator];
        walk->parent[at] = dominator;
    }
}

/* Numbers become nodes; what has no number goes to the end, under the root. */
static void dominator_hand_over(dominator_walk *walk)
{
    plim__analysis_work *work = walk->work;
    uint32_t node_count = work->graph->node_count;
    uint32_t *dominator = walk->ancestor;
    if (walk->reached < node_count)
        memset(dominator, 0xff, (size_t)node_count * sizeof *dominator);
    for (uint32_t at = 0; at < walk->reached; at++)
        dominator[walk->node[at]] = walk->node[walk->parent[at]];
    uint32_t next = walk->reached;
    for (uint32_t node = 0; node < node_count && next < node_count; node++) {
        if (dominator[node] == PLIM_NONE) {
            dominator[node] = 0;
            walk->node[next++] = node;
        }
    }
    PLIM_CHECK(next == node_count);
    work->analysis->dominator = dominator;
    work->order = walk->node;
    walk->ancestor = NULL;
    walk->node = NULL;
}

static plim_status dominator_number(dominator_walk *walk, plim_error *err)
{
    plim__analysis_work *work = walk->work;
    uint32_t count = work->graph->node_count;
    walk->number = plim__scratch_take(&work->caller);
    walk->node = plim__scratch_take(&work->caller);
    walk->parent = plim__scratch_take(&work->caller);
    walk->semi = plim__scratch_take(&work->caller);
    if (walk->number == NULL || walk->node == NULL || walk->parent == NULL || walk->semi == NULL)
        return plim__no_memory(err, "dominators");
    memset(walk->number, 0xff, (size_t)count * sizeof *walk->number);
    dominator_descend(walk, 0);
    if (walk->reached < count && !dominator_descend_orphans(walk))
        return plim__no_memory(err, "dominators");
    return PLIM_OK;
}

static plim_status dominator_table(dominator_walk *walk, plim_error *err)
{
    plim__analysis_work *work = walk->work;
    const plim_allocator *allocator = work->allocator;
    size_t words = ((size_t)work->graph->edge_count + 63) / 64 + 1;
    walk->first_pred = plim__scratch_take(&work->caller);
    if (walk->first_pred == NULL)
        return plim__no_memory(err, "dominators");
    dominator_count_preds(walk);
    walk->pred = plim__array_new(allocator, walk->pred_count + 1, sizeof *walk->pred);
    if (walk->pred == NULL)
        return plim__no_memory(err, "dominators");
    dominator_fill_preds(walk);
    plim__array_free(allocator, work->essential, words, sizeof *work->essential);
    work->essential = NULL;
    walk->label = walk->first_pred + 1;
    walk->ancestor = plim__array_new(allocator, work->graph->node_count, sizeof *walk->ancestor);
    return walk->ancestor != NULL ? PLIM_OK : plim__no_memory(err, "dominators");
}

plim_status plim__dominators_find(plim__analysis_work *work, plim_error *err)
{
    dominator_walk walk = {.work = work};
    plim_status status = dominator_number(&walk, err);
    if (status == PLIM_OK)
        status = dominator_table(&walk, err);
    if (status == PLIM_OK) {
        dominator_find_semis(&walk);
        dominator_hand_over(&walk);
    }
    plim__scratch_give(&work->caller, walk.number);
    plim__scratch_give(&work->caller, walk.node);
    plim__scratch_give(&work->caller, walk.parent);
    plim__scratch_give(&work->caller, walk.semi);
    plim__scratch_give(&work->caller, walk.first_pred);
    plim__array_free(work->allocator, walk.ancestor, work->graph->node_count,
                     sizeof *walk.ancestor);
    plim__array_free(work->allocator, walk.pred, walk.pred_count + 1, sizeof *walk.pred);
    return status;
}

/* Retained sizes: each node's size goes to its dominator, last in the order first. */
void plim__retained_sum(plim__analysis_work *work)
{
    plim_analysis *analysis = work->analysis;
    uint64_t *retained = work->sizes;
    for (uint32_t i = work->graph->node_count - 1; i > 0; i--) {
        uint32_t node = work->order[i];
        retained[analysis->dominator[node]] += retained[node];
    }
    analysis->retained = retained;
    work->sizes = NULL;
}
