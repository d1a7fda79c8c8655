/* SPDX-License-Identifier: MIT */
/*
 * Aggregates (rule 9): of the nodes with a size, per class, how many, their sizes, the least
 * distance, and what they retain: the sum over those nodes that no other node of the class with a
 * size dominates, so that nothing counts twice.
 *
 * The latter asks for a walk down the dominator tree with the classes on the way. It is done
 * without a stack: in a preorder of the tree the nodes below one are the interval after it, so a
 * node is below another of its class exactly if it lies before the end of that one's interval.
 *
 * Rows: classes whose public keys are equal (no place, and the same text) are one row to DevTools,
 * and the class whose first sized node comes last is the one shown there; the others are not.
 */
#include "base/assert.h"
#include "heap/analysis_work.h"

plim_status plim__aggregates_count(plim__analysis_work *work, plim_error *err)
{
    (void)err; /* it needs no memory */
    plim_analysis *analysis = work->analysis;
    for (uint32_t node = 0; node < work->graph->node_count; node++) {
        uint64_t bytes = plim__analysis_shallow(analysis, node);
        if (bytes == 0)
            continue;
        plim__class *class = &analysis->classes[analysis->node_class[node]];
        int32_t distance = analysis->distance != NULL ? analysis->distance[node] : 0;
        if (class->count == 0) {
            class->first = node;
            class->distance = distance;
        } else if (distance < class->distance) {
            class->distance = distance;
        }
        class->count++;
        class->self_bytes += bytes;
    }
    return PLIM_OK;
}

/* Nodes in a preorder of the dominator tree, and how many each interval holds. */
static void aggregate_preorder(const plim__analysis_work *work, uint32_t *in_order, uint32_t *size,
                               uint32_t *next)
{
    const uint32_t *dominator = work->analysis->dominator;
    uint32_t count = work->graph->node_count;
    for (uint32_t i = 0; i < count; i++)
        size[i] = 1;
    for (uint32_t i = count - 1; i > 0; i--)
        size[dominator[work->order[i]]] += size[work->order[i]];
    in_order[0] = 0;
    next[0] = 1;
    for (uint32_t i = 1; i < count; i++) {
        uint32_t node = work->order[i];
        uint32_t at = next[dominator[node]];
        next[dominator[node]] += size[node];
        next[node] = at + 1;
        in_order[at] = node;
    }
}

static void aggregate_add_retained(plim__analysis_work *work, const uint32_t *in_order,
                                   const uint32_t *size, uint32_t *until)
{
    plim_analysis *analysis = work->analysis;
    for (uint32_t at = 0; at < work->graph->node_count; at++) {
        uint32_t node = in_order[at];
        uint32_t class = analysis->node_class[node];
        if (at < until[class] || plim__analysis_shallow(analysis, node) == 0)
            continue;
        analysis->classes[class].retained_bytes += analysis->retained[node];
        until[class] = at + size[node];
    }
}

static plim_status aggregate_retained(plim__analysis_work *work, plim_error *err)
{
    const plim_allocator *allocator = work->allocator;
    size_t class_count = work->analysis->class_count;
    uint32_t *in_order = plim__scratch_take(&work->caller);
    uint32_t *size = plim__scratch_take(&work->caller);
    uint32_t *next = plim__scratch_take(&work->caller);
    uint32_t *until = plim__array_new_zero(allocator, class_count, sizeof *until);
    bool done = in_order != NULL && size != NULL && next != NULL && until != NULL;
    if (done) {
        aggregate_preorder(work, in_order, size, next);
        aggregate_add_retained(work, in_order, size, until);
    }
    plim__scratch_give(&work->caller, in_order);
    plim__scratch_give(&work->caller, size);
    plim__scratch_give(&work->caller, next);
    plim__array_free(allocator, until, class_count, sizeof *until);
    return done ? PLIM_OK : plim__no_memory(err, "the retained sizes of classes");
}

/* Whether class a is shown rather than b, where both have the same public key. */
static bool aggregate_shows(const plim__class *a, const plim__class *b)
{
    if (a->first == PLIM_NONE || b->first == PLIM_NONE)
        return a->first != PLIM_NONE;
    return a->first > b->first;
}

static bool aggregate_make_rows(plim_analysis *analysis, plim__text_table *texts)
{
    analysis->rows =
        plim__array_new(analysis->allocator, analysis->class_count, sizeof *analysis->rows);
    if (analysis->rows == NULL)
        return false;
    analysis->row_capacity = analysis->class_count;
    uint32_t *row_of_text = /* by number of the text */
        plim__array_new(analysis->allocator, analysis->class_count, sizeof *row_of_text);
    bool done = row_of_text != NULL;
    for (uint32_t i = 0; i < analysis->class_count && done; i++) {
        plim__class *class = &analysis->classes[i];
        class->row = analysis->row_count;
        if (!class->has_location) {
            uint32_t known = texts->count;
            uint32_t text = plim__text_table_add(texts, plim__analysis_name(analysis, class->name));
            done = text != PLIM_NONE;
            if (text < known)
                class->row = row_of_text[text];
            else if (done)
                row_of_text[text] = class->row;
        }
        if (class->row == analysis->row_count)
            analysis->rows[analysis->row_count++] = i;
        else if (aggregate_shows(class, &analysis->classes[analysis->rows[class->row]]))
            analysis->rows[class->row] = i;
    }
    plim__array_free(analysis->allocator, row_of_text, analysis->class_count, sizeof *row_of_text);
    return done;
}

plim_status plim__aggregates_sum(plim__analysis_work *work, plim_error *err)
{
    plim_analysis *analysis = work->analysis;
    plim_status status = PLIM_OK;
    if (analysis->retained != NULL)
        status = aggregate_retained(work, err);
    if (status != PLIM_OK)
        return status;
    plim__text_table texts = {.allocator = work->allocator};
    bool done = aggregate_make_rows(analysis, &texts);
    plim__text_table_fini(&texts);
    return done ? PLIM_OK : plim__no_memory(err, "the rows of classes");
}
