/* SPDX-License-Identifier: MIT */
/*
 * The leak finder: snapshots of one series in, leaks in words out. By id it goes births, groups,
 * clusters; by class it compares rows. What is found gets its path, kind and sentence here, and
 * is ranked. Work memory is given back before the paths are searched for.
 *
 * Invariants: L1 leaks are in order of growth, largest first. L2 every text in a leak is the
 * result's, the last analysis', or static.
 */
#include <plimsoll/leaks.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

enum { PLIM__LEAKS_MAGIC = 0x6ab1e005 };

struct plim_leaks {
    uint32_t magic;
    plim__leak_memory memory;
    plim_leak *items;
    plim_paths **paths; /* one each */
    uint64_t lost_ids;
    uint32_t count;
};

static plim_status found_check(const plim_analysis *const *snapshots, uint32_t count,
                               plim_error *err)
{
    if (count < 3 || count > PLIM_LEAKS_ROUNDS_MAX) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE,
                                            "a search for leaks takes 3 to %d snapshots, not %u",
                                            (int)PLIM_LEAKS_ROUNDS_MAX, (unsigned)count);
        plim_error_hint(err, "take one before, one between and one after two equal rounds of work");
        return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        PLIM_CHECK_OBJ(snapshots[i], PLIM__ANALYSIS_MAGIC);
        PLIM_CHECK((snapshots[i]->want & PLIM_WANT_ALL) == PLIM_WANT_ALL);
    }
    return PLIM_OK;
}

static bool found_outranks(const plim_leak *a, const plim_leak *b)
{
    uint64_t x = 0;
    uint64_t y = 0;
    for (uint32_t i = 0; i < a->round_count; i++) {
        x += a->growth_bytes[i];
        y += b->growth_bytes[i];
    }
    return x != y ? x > y : a->sample < b->sample;
}

static void found_sift(plim_leak *items, uint32_t root, uint32_t count)
{
    for (;;) {
        uint32_t least = root;
        for (uint64_t child = 2u * (uint64_t)root + 1; child <= 2u * (uint64_t)root + 2; child++)
            if (child < count && found_outranks(&items[least], &items[child]))
                least = (uint32_t)child;
        if (least == root)
            return;
        plim_leak swap = items[root];
        items[root] = items[least];
        items[least] = swap;
        root = least;
    }
}

/* Heap sort: no extra memory, and no order of leaks makes it slow. */
static void found_rank(plim_leak *items, uint32_t count)
{
    for (uint32_t root = count / 2; root-- > 0;)
        found_sift(items, root, count);
    for (uint32_t end = count; end-- > 1;) {
        plim_leak swap = items[0];
        items[0] = items[end];
        items[end] = swap;
        found_sift(items, 0, end);
    }
}

static plim_text found_name(const plim_analysis *last, uint32_t sample)
{
    static const plim_text text = {"(string)", 8};
    static const plim_text realm = {"system / NativeContext", 22};
    plim__leak_role role = plim__leak_role_of(last->graph, sample);
    if (role == PLIM__ROLE_TEXT)
        return text;
    if (role == PLIM__ROLE_REALM)
        return realm;
    plim_node_facts facts;
    plim_class row;
    plim_analysis_node(last, sample, &facts);
    plim_analysis_class(last, facts.class_index, &row);
    return row.name;
}

/* What a cluster is beyond the leak it becomes; parallel to the leaks until they are ranked. */
static plim_status found_from_cluster(const plim__leak_search *search,
                                      const plim__leak_cluster *cluster, plim__leak_memory *memory,
                                      plim_leak *out, plim_error *err)
{
    uint32_t rounds = search->count - 1;
    uint64_t *growth = plim__leak_take(memory, (size_t)rounds * 2, sizeof *growth);
    if (growth == NULL)
        return plim__no_memory(err, "the search for leaks");
    memcpy(growth, cluster->growth_bytes, (size_t)rounds * 2 * sizeof *growth);
    *out = (plim_leak){.name = found_name(search->last, cluster->sample),
                       .sample = cluster->sample,
                       .sample_id = plim__leak_id(search->graph, cluster->sample),
                       .holder = cluster->holder,
                       .count = cluster->count,
                       .self_bytes = cluster->self_bytes,
                       .retained_bytes = cluster->retained_bytes,
                       .growth_bytes = growth,
                       .growth_count = growth + rounds,
                       .round_count = rounds};
    return PLIM_OK;
}

static plim_status found_add_paths(plim_leaks *leaks, uint32_t index, const plim_analysis *last,
                                   uint32_t limit, plim_error *err)
{
    plim_leak *leak = &leaks->items[index];
    plim_status status = plim_paths_create(last, leak->sample, limit, leaks->memory.allocator,
                                           &leaks->paths[index], err);
    if (status == PLIM_OK)
        leak->paths = leaks->paths[index];
    return status;
}

/* The scene of a leak, as its cluster has it; by class there is no cluster. */
static plim_status found_describe(plim_leaks *leaks, uint32_t index, const plim_analysis *last,
                                  const plim__leak_search *search,
                                  const plim__leak_clusters *clusters, plim_error *err)
{
    plim_leak *leak = &leaks->items[index];
    plim__leak_scene scene = {.analysis = last,
                              .graph = last->graph,
                              .leak = leak,
                              .task = PLIM_NONE,
                              .function = PLIM_NONE};
    if (plim_paths_count(leak->paths) > 0)
        scene.path = plim_paths_get(leak->paths, 0);
    uint32_t number = search != NULL ? clusters->of_node[leak->sample] : PLIM_NONE;
    if (search != NULL)
        scene.birth = search->birth;
    if (number != PLIM_NONE) {
        const plim__leak_cluster *cluster = &clusters->items[number];
        scene.task = cluster->task;
        scene.function = cluster->function;
        scene.realm = cluster->realm;
        scene.same_texts = cluster->same_texts;
    } else if (search != NULL) {
        scene.swells = true;
    } else if (plim__leak_is_suspended(last->graph, leak->sample)) {
        scene.task = leak->sample;
    }
    plim__leak_kind_find(&scene);
    return plim__leak_say(&scene, &leaks->memory, err);
}

/* Ranks what was found, then gives each its paths and words. */
static plim_status found_finish(plim_leaks *leaks, const plim_analysis *last, uint32_t limit,
                                const plim__leak_search *search,
                                const plim__leak_clusters *clusters, plim_error *err)
{
    leaks->paths = plim__leak_take(&leaks->memory, leaks->count, sizeof *leaks->paths);
    if (leaks->paths == NULL)
        return plim__no_memory(err, "the search for leaks");
    found_rank(leaks->items, leaks->count);
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; status == PLIM_OK && i < leaks->count; i++) {
        status = found_add_paths(leaks, i, last, limit, err);
        if (status == PLIM_OK)
            status = found_describe(leaks, i, last, search, clusters, err);
    }
    return status;
}

static uint64_t found_growth(const plim_leak *leak)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < leak->round_count; i++)
        sum += leak->growth_bytes[i];
    return sum;
}

static plim_status found_collect(plim_leaks *leaks, plim__leak_search *search,
                                 const plim__leak_clusters *clusters, uint64_t min_growth_bytes,
                                 plim_error *err)
{
    plim__leak_rows swells = {.count = 0};
    plim_status status = plim__leak_swells_find(search, clusters, &leaks->memory, &swells, err);
    if (status != PLIM_OK)
        return status;
    uint32_t count = swells.count;
    for (uint32_t i = 0; i < clusters->count; i++)
        count += !clusters->items[i].dropped;
    leaks->items = plim__leak_take(&leaks->memory, count, sizeof *leaks->items);
    if (leaks->items == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t i = 0; i < swells.count; i++) {
        if (found_growth(&swells.items[i]) < min_growth_bytes)
            continue;
        leaks->items[leaks->count] = swells.items[i];
        leaks->items[leaks->count++].name = found_name(search->last, swells.items[i].sample);
    }
    for (uint32_t i = 0; status == PLIM_OK && i < clusters->count; i++) {
        const plim__leak_cluster *cluster = &clusters->items[i];
        if (!cluster->dropped && cluster->growth_total >= min_growth_bytes)
            status = found_from_cluster(search, cluster, &leaks->memory,
                                        &leaks->items[leaks->count++], err);
    }
    return status;
}

static plim_status found_by_id(plim_leaks *leaks, const plim_analysis *const *snapshots,
                               uint32_t count, const plim_leaks_options *options, plim_error *err)
{
    const plim_allocator *allocator = leaks->memory.allocator;
    plim__leak_search search = {.allocator = allocator,
                                .memory = {.allocator = allocator},
                                .snapshots = snapshots,
                                .count = count,
                                .last = snapshots[count - 1],
                                .graph = snapshots[count - 1]->graph,
                                .all_rounds = ((uint64_t)1 << (count - 1)) - 1,
                                .names = {.allocator = allocator}};
    plim__leak_clusters clusters = {.count = 0};
    plim_status status = PLIM_OK;
    if (search.graph->node_count == 0)
        return PLIM_OK;
    plim__leak_births births = {.birth = NULL};
    status = plim__leak_births_find(snapshots, count, &search.memory, &births, err);
    search.birth = births.birth;
    search.swells = births.swells;
    leaks->lost_ids = births.lost;
    if (status == PLIM_OK)
        status = plim__leak_tree_make(search.last, &search.memory, &search.tree, err);
    if (status == PLIM_OK)
        status =
            plim__leak_keys_init(&search.keys, search.graph, &search.names, &search.memory, err);
    if (status == PLIM_OK)
        status = plim__leak_groups_find(&search, err);
    if (status == PLIM_OK)
        status = plim__leak_clusters_find(&search, &clusters, err);
    if (status == PLIM_OK)
        status = found_collect(leaks, &search, &clusters, options->min_growth_bytes, err);
    if (status == PLIM_OK)
        status = found_finish(leaks, search.last, options->paths_per_leak, &search, &clusters, err);
    plim__text_table_fini(&search.names);
    plim__leak_memory_fini(&search.memory);
    return status;
}

static plim_status found_by_class(plim_leaks *leaks, const plim_analysis *const *snapshots,
                                  uint32_t count, const plim_leaks_options *options,
                                  plim_error *err)
{
    plim__leak_memory scratch = {.allocator = leaks->memory.allocator};
    plim__leak_rows rows = {.count = 0};
    plim_status status = plim__leak_by_class(snapshots, count, options->min_growth_bytes, &scratch,
                                             &leaks->memory, &rows, err);
    plim__leak_memory_fini(&scratch);
    leaks->items = rows.items;
    leaks->count = rows.count;
    if (status == PLIM_OK)
        status =
            found_finish(leaks, snapshots[count - 1], options->paths_per_leak, NULL, NULL, err);
    return status;
}

plim_status plim_leaks_find(const plim_analysis *const *snapshots, uint32_t count,
                            const plim_leaks_options *options, plim_leaks **out_leaks,
                            plim_error *err)
{
    PLIM_CHECK(snapshots != NULL && out_leaks != NULL);
    PLIM_CHECK(options == NULL || options->struct_bytes == sizeof *options);
    plim_status status = found_check(snapshots, count, err);
    if (status != PLIM_OK)
        return status;
    plim_leaks_options wanted = {.struct_bytes = sizeof wanted};
    if (options != NULL)
        wanted = *options;
    if (wanted.paths_per_leak == 0)
        wanted.paths_per_leak = 1;
    if (wanted.paths_per_leak > PLIM_PATHS_MAX)
        wanted.paths_per_leak = PLIM_PATHS_MAX;
    const plim_allocator *allocator = plim__allocator_or_system(wanted.allocator);
    plim_leaks *leaks = plim__array_new_zero(allocator, 1, sizeof *leaks);
    if (leaks == NULL)
        return plim__no_memory(err, "the search for leaks");
    leaks->magic = PLIM__LEAKS_MAGIC;
    leaks->memory.allocator = allocator;
    if (wanted.match == PLIM_MATCH_ID)
        status = found_by_id(leaks, snapshots, count, &wanted, err);
    else
        status = found_by_class(leaks, snapshots, count, &wanted, err);
    if (status != PLIM_OK) {
        plim_leaks_destroy(&leaks);
        return status;
    }
    *out_leaks = leaks;
    return PLIM_OK;
}

uint32_t plim_leaks_count(const plim_leaks *leaks)
{
    PLIM_CHECK_OBJ(leaks, PLIM__LEAKS_MAGIC);
    return leaks->count;
}

uint64_t plim_leaks_lost_ids(const plim_leaks *leaks)
{
    PLIM_CHECK_OBJ(leaks, PLIM__LEAKS_MAGIC);
    return leaks->lost_ids;
}

const plim_leak *plim_leaks_get(const plim_leaks *leaks, uint32_t index)
{
    PLIM_CHECK_OBJ(leaks, PLIM__LEAKS_MAGIC);
    PLIM_CHECK(index < leaks->count);
    return &leaks->items[index];
}

const char *plim_leak_kind_name(plim_leak_kind kind)
{
    switch (kind) {
    case PLIM_LEAK_COLLECTION:
        return "growing collection";
    case PLIM_LEAK_LISTENER:
        return "listener";
    case PLIM_LEAK_CLOSURE:
        return "closure";
    case PLIM_LEAK_TIMER:
        return "timer";
    case PLIM_LEAK_PROMISE:
        return "promise chain";
    case PLIM_LEAK_TASK:
        return "task that never ends";
    case PLIM_LEAK_GLOBAL:
        return "global reference";
    case PLIM_LEAK_DETACHED:
        return "detached context";
    case PLIM_LEAK_STRINGS:
        return "duplicated strings";
    case PLIM_LEAK_OTHER:
        return "other";
    case PLIM_LEAK_LOST:
        return "lost";
    }
    return "other";
}

void plim_leaks_destroy(plim_leaks **leaks)
{
    if (leaks == NULL || *leaks == NULL)
        return;
    plim_leaks *ended = *leaks;
    *leaks = NULL;
    PLIM_CHECK_OBJ(ended, PLIM__LEAKS_MAGIC);
    for (uint32_t i = 0; ended->paths != NULL && i < ended->count; i++)
        plim_paths_destroy(&ended->paths[i]);
    const plim_allocator *allocator = ended->memory.allocator;
    plim__leak_memory_fini(&ended->memory);
    ended->magic = 0;
    plim__array_free(allocator, ended, 1, sizeof *ended);
}
