/* SPDX-License-Identifier: MIT */
/* Facts of all inputs in one array, sorted by their texts and then by input: rows are its runs. */
#include "cli/stable.h"

#include <stdlib.h>
#include <string.h>

void plim__stable_init(plim__stable *stable, const plim_allocator *allocator, uint32_t input_count)
{
    *stable = (plim__stable){.allocator = allocator, .input_count = input_count};
    plim__draft_init(&stable->texts, allocator);
}

void plim__stable_fini(plim__stable *stable)
{
    const plim_allocator *allocator = stable->allocator;
    plim__draft_fini(&stable->texts);
    if (stable->facts != NULL)
        (void)allocator->resize(allocator->ctx, stable->facts,
                                stable->fact_max * sizeof *stable->facts, 0);
    if (stable->rows != NULL)
        (void)allocator->resize(allocator->ctx, stable->rows,
                                stable->row_max * sizeof *stable->rows, 0);
    *stable = (plim__stable){0};
}

static bool stable_grow(plim__stable *stable)
{
    const plim_allocator *allocator = stable->allocator;
    size_t size = sizeof *stable->facts;
    size_t more = stable->fact_max == 0 ? 1024 : 2 * stable->fact_max;
    void *facts =
        allocator->resize(allocator->ctx, stable->facts, stable->fact_max * size, more * size);
    if (facts == NULL)
        return false;
    stable->facts = facts;
    stable->fact_max = more;
    return true;
}

void plim__stable_add(plim__stable *stable, uint32_t input, plim_text name, const char *kind,
                      const char *site, const plim__stable_fact *fact)
{
    plim__stable_fact *added;
    size_t at = stable->texts.size_bytes;
    if (stable->fact_count == stable->fact_max && !stable_grow(stable)) {
        stable->failed = true;
        return;
    }
    /* A NUL within a name would end it early: it is one of a program's own strings. */
    for (size_t i = 0; i < name.size_bytes; i++)
        plim__draft_fill(&stable->texts, name.data[i] != '\0' ? name.data[i] : '?', 1);
    plim__draft_fill(&stable->texts, '\0', 1);
    plim__draft_add(&stable->texts, kind, strlen(kind) + 1);
    plim__draft_add(&stable->texts, site, strlen(site) + 1);
    added = &stable->facts[stable->fact_count++];
    *added = *fact;
    added->text_at = at;
    added->text_bytes = stable->texts.size_bytes - at;
    added->input = input;
}

/* qsort() has no place for a context; sorting is done once per run of the command. */
static const char *stable_texts;

static int stable_text_order(const plim__stable_fact *a, const plim__stable_fact *b)
{
    size_t both = a->text_bytes < b->text_bytes ? a->text_bytes : b->text_bytes;
    int order = memcmp(stable_texts + a->text_at, stable_texts + b->text_at, both);
    return order != 0 ? order : (a->text_bytes > b->text_bytes) - (a->text_bytes < b->text_bytes);
}

static int stable_fact_order(const void *a, const void *b)
{
    const plim__stable_fact *x = a;
    const plim__stable_fact *y = b;
    int order = stable_text_order(x, y);
    return order != 0 ? order : (x->input > y->input) - (x->input < y->input);
}

static uint64_t stable_size(const plim__stable_row *row)
{
    return row->delta_bytes < 0 ? 0 - (uint64_t)row->delta_bytes : (uint64_t)row->delta_bytes;
}

/* Changes before what is the same, growth before the rest, the largest first, then by name. */
static int stable_row_order(const void *a, const void *b)
{
    static const int rank[] = {[PLIM__STABLE_GREW] = 0,
                               [PLIM__STABLE_SHRANK] = 1,
                               [PLIM__STABLE_MOVED] = 2,
                               [PLIM__STABLE_RETURNED] = 3,
                               [PLIM__STABLE_SAME] = 4};
    const plim__stable_row *x = a;
    const plim__stable_row *y = b;
    if (rank[x->change] != rank[y->change])
        return rank[x->change] - rank[y->change];
    if (stable_size(x) != stable_size(y))
        return stable_size(x) < stable_size(y) ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Facts of one row and input come together: equal classes of one snapshot, and sums. */
static void stable_merge(plim__stable *stable)
{
    size_t kept = 0;
    for (size_t i = 0; i < stable->fact_count; i++) {
        plim__stable_fact *last = &stable->facts[kept - (kept > 0)];
        const plim__stable_fact *fact = &stable->facts[i];
        if (kept > 0 && stable_fact_order(last, fact) == 0) {
            last->count += fact->count;
            last->bytes += fact->bytes;
            last->state += fact->state;
        } else {
            stable->facts[kept++] = *fact;
        }
    }
    stable->fact_count = kept;
}

plim__stable_fact plim__stable_get(const plim__stable *stable, const plim__stable_row *row,
                                   uint32_t input)
{
    for (size_t i = row->first; i < row->end; i++) {
        if (stable->facts[i].input == input)
            return stable->facts[i];
    }
    return (plim__stable_fact){.input = input};
}

static bool stable_facts_equal(const plim__stable_fact *a, const plim__stable_fact *b)
{
    return a->count == b->count && a->bytes == b->bytes && a->state == b->state;
}

static void stable_judge_row(const plim__stable *stable, plim__stable_row *row, uint64_t min_bytes)
{
    plim__stable_fact first = plim__stable_get(stable, row, 0);
    plim__stable_fact last = plim__stable_get(stable, row, stable->input_count - 1);
    row->delta = (int64_t)(last.count - first.count);
    row->delta_bytes = (int64_t)(last.bytes - first.bytes);
    row->change = PLIM__STABLE_SAME;
    for (uint32_t i = 1; i + 1 < stable->input_count; i++) {
        plim__stable_fact between = plim__stable_get(stable, row, i);
        if (!stable_facts_equal(&first, &between))
            row->change = PLIM__STABLE_RETURNED;
    }
    if (stable_facts_equal(&first, &last))
        return;
    bool small = min_bytes > 0 && stable_size(row) <= min_bytes;
    if (row->delta == 0 && row->delta_bytes == 0)
        row->change = PLIM__STABLE_MOVED;
    else if (!small)
        row->change = row->delta_bytes > 0 || (row->delta_bytes == 0 && row->delta > 0)
                          ? PLIM__STABLE_GREW
                          : PLIM__STABLE_SHRANK;
}

plim_status plim__stable_judge(plim__stable *stable, uint64_t min_bytes, plim_error *err)
{
    const plim_allocator *allocator = stable->allocator;
    stable_texts = plim__draft_peek(&stable->texts);
    if (stable->fact_count > 1)
        qsort(stable->facts, stable->fact_count, sizeof *stable->facts, stable_fact_order);
    stable_merge(stable);
    stable->row_max = stable->fact_count;
    if (stable->row_max > 0)
        stable->rows =
            allocator->resize(allocator->ctx, NULL, 0, stable->row_max * sizeof *stable->rows);
    if (stable->failed || stable->texts.failed || (stable->row_max > 0 && stable->rows == NULL))
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory to compare");
    for (size_t i = 0; i < stable->fact_count;) {
        plim__stable_row *row = &stable->rows[stable->row_count++];
        row->first = i;
        do
            i++;
        while (i < stable->fact_count &&
               stable_text_order(&stable->facts[i], &stable->facts[i - 1]) == 0);
        row->end = i;
        stable_judge_row(stable, row, min_bytes);
    }
    if (stable->row_count > 1)
        qsort(stable->rows, stable->row_count, sizeof *stable->rows, stable_row_order);
    return PLIM_OK;
}

const char *plim__stable_name(const plim__stable *stable, const plim__stable_row *row)
{
    return plim__draft_peek(&stable->texts) + stable->facts[row->first].text_at;
}

const char *plim__stable_kind(const plim__stable *stable, const plim__stable_row *row)
{
    const char *name = plim__stable_name(stable, row);
    return name + strlen(name) + 1;
}

const char *plim__stable_site(const plim__stable *stable, const plim__stable_row *row)
{
    const char *kind = plim__stable_kind(stable, row);
    return kind + strlen(kind) + 1;
}
