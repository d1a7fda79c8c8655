/* SPDX-License-Identifier: MIT */
/*
 * By class: where ids do not compare (other processes, other connections), all that is left is
 * the class. A class leaks if its bytes grow in every round and the second growth is at least
 * half of the first; what fills up while a program warms up grows less and less. Rows of the
 * same name are one class here: scripts have other numbers in another process.
 *
 * Classes whose objects are mostly held by objects of another growing class, and by many of them
 * (a Map of sessions is one Map, whatever Maps the sessions have), are part of that one's leak and
 * are not reported again. The holder may be smaller than what is asked for: a million small
 * sessions with an Array each are a leak of sessions.
 *
 * The object that is shown is one of those that most are like: held by what holds more than half of
 * them (a list), where there is such a thing; a single one that a variable names, too, would
 * mislead. Among these, and where there is none, the nearest to the roots.
 *
 * Invariant: bytes[round] of a class is the sum of shallow sizes, as DevTools' Summary has it.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

typedef struct leak_kept_class {
    uint64_t retained_bytes;
    uint64_t count;
    uint64_t votes;     /* for the favourite, in a majority vote of the members */
    uint64_t held;      /* members held by the favourite */
    uint64_t holders;   /* how many of the favourite hold them */
    uint32_t favourite; /* the class that holds most members; PLIM_NONE: none that leaks */
    uint32_t last_holder;
    uint32_t sample;
    uint32_t home; /* the dominator of most members, in another such vote */
    uint64_t home_votes;
    uint64_t home_count;  /* members that it dominates */
    uint32_t home_sample; /* the nearest of these */
    bool grows;           /* in every round */
    bool leaks;           /* and by as much as was asked for */
    bool is_told;
} leak_kept_class;

typedef struct leak_by_class {
    const plim_analysis *const *snapshots;
    uint32_t count;
    plim__text_table names;
    plim__leak_memory *scratch;
    uint64_t *bytes;  /* per class and snapshot */
    uint64_t *counts; /* per class and snapshot */
    leak_kept_class *classes;
    uint32_t *class_of_row; /* in the last snapshot */
} leak_by_class;

/* V8's own classes: what a program makes is never called so. */
static bool by_class_is_of_v8(plim_text name)
{
    static const char *const own[] = {"(array)",  "(system)",       "(compiled code)",
                                      "(number)", "(object shape)", "(synthetic)",
                                      "(code)",   "(hidden)"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (plim__text_equal(name, (plim_text){own[i], strlen(own[i])}))
            return true;
    return plim__text_starts(name, "system / ", 9);
}

/* Numbers all names first, so that the columns can be made in one go. */
static plim_status by_class_names(leak_by_class *by, plim_error *err)
{
    for (uint32_t i = 0; i < by->count; i++)
        for (uint32_t row = 0; row < plim_analysis_class_count(by->snapshots[i]); row++) {
            plim_class class_row;
            plim_analysis_class(by->snapshots[i], row, &class_row);
            if (plim__text_table_add(&by->names, class_row.name) == PLIM_NONE)
                return plim__no_memory(err, "the search for leaks");
        }
    size_t cells = (size_t)by->names.count * by->count;
    const plim_analysis *last = by->snapshots[by->count - 1];
    by->bytes = plim__leak_take(by->scratch, cells, sizeof *by->bytes);
    by->counts = plim__leak_take(by->scratch, cells, sizeof *by->counts);
    by->classes = plim__leak_take(by->scratch, by->names.count, sizeof *by->classes);
    by->class_of_row =
        plim__leak_take(by->scratch, plim_analysis_class_count(last), sizeof(uint32_t));
    if (by->bytes == NULL || by->counts == NULL || by->classes == NULL || by->class_of_row == NULL)
        return plim__no_memory(err, "the search for leaks");
    return PLIM_OK;
}

static void by_class_sum(leak_by_class *by)
{
    for (uint32_t i = 0; i < by->count; i++)
        for (uint32_t row = 0; row < plim_analysis_class_count(by->snapshots[i]); row++) {
            plim_class class_row;
            plim_analysis_class(by->snapshots[i], row, &class_row);
            uint32_t number = plim__text_table_find(&by->names, class_row.name);
            PLIM_CHECK(number != PLIM_NONE);
            size_t cell = (size_t)number * by->count + i;
            by->bytes[cell] += class_row.self_bytes;
            by->counts[cell] += class_row.count;
            if (i + 1 == by->count) {
                by->class_of_row[row] = number;
                by->classes[number].retained_bytes += class_row.retained_bytes;
            }
        }
}

/* Whether the bytes of a class grow in every round, and do not die down at once. */
static bool by_class_leaks(const leak_by_class *by, uint32_t number, uint64_t min_growth_bytes)
{
    const uint64_t *bytes = by->bytes + (size_t)number * by->count;
    for (uint32_t i = 1; i < by->count; i++)
        if (bytes[i] <= bytes[i - 1])
            return false;
    uint64_t first = bytes[1] - bytes[0];
    uint64_t second = bytes[2] - bytes[1];
    return second >= first - first / 2 && bytes[by->count - 1] - bytes[0] >= min_growth_bytes;
}

static uint32_t by_class_of(const leak_by_class *by, const plim_analysis *last, uint32_t node)
{
    plim_node_facts facts;
    plim_analysis_node(last, node, &facts);
    return by->class_of_row[facts.class_index];
}

/* Casts the vote of one member, or, once the favourite is known, counts it. */
static void by_class_vote(leak_kept_class *one, uint32_t holder, uint32_t holder_class,
                          bool counting)
{
    if (counting) {
        one->held += holder_class == one->favourite;
        one->holders += holder_class == one->favourite && holder != one->last_holder;
        one->last_holder = holder;
    } else if (one->votes == 0) {
        one->favourite = holder_class;
        one->votes = 1;
    } else {
        one->votes += holder_class == one->favourite ? 1 : (uint64_t)0 - 1;
    }
}

/* The same vote for the dominator; once that is known, the nearest of its members is found. */
static void by_class_home(leak_kept_class *one, const plim_analysis *last, uint32_t node,
                          bool counting)
{
    uint32_t home = last->dominator[node];
    if (!counting && one->home_votes == 0) {
        one->home = home;
        one->home_votes = 1;
    } else if (!counting) {
        one->home_votes += home == one->home ? 1 : (uint64_t)0 - 1;
    } else if (home == one->home) {
        int32_t distance = last->distance[node];
        int32_t best = last->distance[one->home_sample];
        if (one->home_count++ == 0 || (distance >= 0 && (best < 0 || distance < best)))
            one->home_sample = node;
    }
}

/* Lets each member of a growing class vote, or count, for the class of what holds it. */
static void by_class_poll(leak_by_class *by, const plim__leak_tree *tree, uint32_t *around,
                          bool counting)
{
    const plim_analysis *last = by->snapshots[by->count - 1];
    for (uint32_t i = 0; i < last->graph->node_count; i++) {
        uint32_t node = tree->order[i];
        uint32_t outer = i == 0 ? PLIM_NONE : around[last->dominator[node]];
        leak_kept_class *one = &by->classes[by_class_of(by, last, node)];
        around[node] = one->grows ? node : outer;
        if (!one->grows)
            continue;
        int32_t distance = last->distance[node];
        int32_t best = last->distance[one->sample];
        if (!counting && (one->count++ == 0 || (distance >= 0 && (best < 0 || distance < best))))
            one->sample = node;
        by_class_home(one, last, node, counting);
        by_class_vote(one, outer, outer == PLIM_NONE ? PLIM_NONE : by_class_of(by, last, outer),
                      counting);
    }
}

/* The class that holds most objects of each growing class, by majority vote (Boyer and Moore). */
static plim_status by_class_votes(leak_by_class *by, plim_error *err)
{
    const plim_analysis *last = by->snapshots[by->count - 1];
    plim__leak_tree tree = {.order = NULL};
    plim_status status = plim__leak_tree_make(last, by->scratch, &tree, err);
    if (status != PLIM_OK)
        return status;
    uint32_t *around = plim__leak_take(by->scratch, last->graph->node_count, sizeof *around);
    if (around == NULL)
        return plim__no_memory(err, "the search for leaks");
    by_class_poll(by, &tree, around, false);
    by_class_poll(by, &tree, around, true);
    return PLIM_OK;
}

/* Whether a class is part of another's leak. Of two that hold each other the first stands. */
static bool by_class_is_part(const leak_by_class *by, uint32_t number)
{
    enum { FEW = 20 }; /* one in so many of the favourite has some of it */
    const leak_kept_class *one = &by->classes[number];
    if (one->favourite == PLIM_NONE || one->favourite == number || one->held * 2 < one->count)
        return false;
    const leak_kept_class *other = &by->classes[one->favourite];
    if (one->holders * FEW < other->count)
        return false;
    bool circle = other->favourite == number && other->held * 2 >= other->count &&
                  other->holders * FEW >= one->count;
    return !circle || number > one->favourite;
}

/* The class of whose leak this one is a part, itself where it is none. */
static uint32_t by_class_whole(const leak_by_class *by, uint32_t number)
{
    enum { STEPS = 32 }; /* classes may hold each other in a circle */
    for (int i = 0; i < STEPS && by_class_is_part(by, number); i++)
        number = by->classes[number].favourite;
    return number;
}

static plim_status by_class_fill(const leak_by_class *by, uint32_t number,
                                 plim__leak_memory *memory, plim_leak *out, plim_error *err)
{
    uint32_t rounds = by->count - 1;
    const plim_graph *graph = by->snapshots[rounds]->graph;
    const leak_kept_class *one = &by->classes[number];
    const uint64_t *bytes = by->bytes + (size_t)number * by->count;
    const uint64_t *counts = by->counts + (size_t)number * by->count;
    uint64_t *growth = plim__leak_take(memory, (size_t)rounds * 2, sizeof *growth);
    if (growth == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t i = 0; i < rounds; i++) {
        growth[i] = bytes[i + 1] - bytes[i];
        growth[rounds + i] = counts[i + 1] > counts[i] ? counts[i + 1] - counts[i] : 0;
    }
    uint32_t sample = one->home_count * 2 > one->count ? one->home_sample : one->sample;
    *out = (plim_leak){.name = by->names.entries[number].text,
                       .sample = sample,
                       .sample_id = plim__leak_id(graph, sample),
                       .count = counts[rounds],
                       .self_bytes = bytes[rounds],
                       .retained_bytes = one->retained_bytes,
                       .growth_bytes = growth,
                       .growth_count = growth + rounds,
                       .round_count = rounds};
    /* The name must outlive the table: the last analysis has it too. */
    plim_node_facts facts;
    plim_class row;
    plim_analysis_node(by->snapshots[rounds], sample, &facts);
    plim_analysis_class(by->snapshots[rounds], facts.class_index, &row);
    out->name = row.name;
    return PLIM_OK;
}

static plim_status by_class_collect(leak_by_class *by, uint64_t min_growth_bytes,
                                    plim__leak_memory *memory, plim__leak_rows *out_rows,
                                    plim_error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < by->names.count; i++) {
        leak_kept_class *one = &by->classes[i];
        one->grows = !by_class_is_of_v8(by->names.entries[i].text) && by_class_leaks(by, i, 0);
        one->leaks = one->grows && by_class_leaks(by, i, min_growth_bytes);
        count += one->leaks;
    }
    if (count == 0)
        return PLIM_OK;
    plim_status status = by_class_votes(by, err);
    plim_leak *items = plim__leak_take(memory, count, sizeof *items);
    if (status == PLIM_OK && items == NULL)
        status = plim__no_memory(err, "the search for leaks");
    for (uint32_t i = 0; status == PLIM_OK && i < by->names.count; i++)
        if (by->classes[i].leaks && by->classes[i].count > 0)
            by->classes[by_class_whole(by, i)].is_told = true;
    count = 0;
    for (uint32_t i = 0; status == PLIM_OK && i < by->names.count; i++)
        if (by->classes[i].is_told)
            status = by_class_fill(by, i, memory, &items[count++], err);
    if (status == PLIM_OK)
        *out_rows = (plim__leak_rows){.items = items, .count = count};
    return status;
}

plim_status plim__leak_by_class(const plim_analysis *const *snapshots, uint32_t count,
                                uint64_t min_growth_bytes, plim__leak_memory *scratch,
                                plim__leak_memory *memory, plim__leak_rows *out_rows,
                                plim_error *err)
{
    PLIM_CHECK(count >= 3);
    leak_by_class by = {.snapshots = snapshots,
                        .count = count,
                        .names = {.allocator = scratch->allocator},
                        .scratch = scratch};
    plim_status status = by_class_names(&by, err);
    if (status == PLIM_OK) {
        by_class_sum(&by);
        status = by_class_collect(&by, min_growth_bytes, memory, out_rows, err);
    }
    plim__text_table_fini(&by.names);
    return status;
}
