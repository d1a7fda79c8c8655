/* SPDX-License-Identifier: MIT */
/*
 * A second look. Where objects are held from several sides, the nearest common dominator may be
 * a scope, the global object or the root, and inside that all objects of a class are counted
 * together: a cache that churns and a leak of the same class would vouch for each other. Such
 * clusters are held against the old things that really contain them: in every snapshot, the
 * objects of the class that hang on those things, directly, by way of their tables, or in a
 * chain of the same class, are counted; the count must grow in every round.
 *
 * A cluster no old thing contains is left as it is if a scope holds it (a variable); if only V8
 * does, it must be made of real objects: what V8 keeps in its own caches is text and code.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

enum {
    LEAK_ANCHORS_MAX = 64,    /* things that contain one leak; more say nothing new */
    LEAK_DOUBTS_MAX = 1 << 16 /* clusters looked at twice; the rest stands as it is */
};

/* The old things that contain one doubtful cluster. */
typedef struct leak_doubt {
    uint64_t previous;
    uint32_t cluster;
    bool stagnates;
    uint32_t anchor_count;
    uint32_t anchors[LEAK_ANCHORS_MAX];
    uint32_t found[LEAK_ANCHORS_MAX]; /* their ordinals in the snapshot at hand */
} leak_doubt;

typedef struct leak_content {
    plim__leak_search *search;
    plim__leak_clusters *clusters;
    leak_doubt *doubts;
    uint32_t doubt_count;
    uint32_t *doubt_of; /* per cluster: number + 1 */
} leak_content;

static void content_add_anchor(leak_doubt *doubt, uint32_t anchor)
{
    for (uint32_t i = 0; i < doubt->anchor_count; i++)
        if (doubt->anchors[i] == anchor)
            return;
    if (doubt->anchor_count < LEAK_ANCHORS_MAX)
        doubt->anchors[doubt->anchor_count++] = anchor;
}

/* Things that hold a member of the naming class directly or by a part of theirs. */
static void content_find_anchors(leak_content *content)
{
    const plim__leak_search *search = content->search;
    const plim_graph *graph = search->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t owner = search->owner[node];
        if (search->birth[owner] != 0 || search->role[owner] != PLIM__ROLE_THING)
            continue;
        for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
            uint32_t to = graph->edge_to[edge];
            uint32_t cluster = content->clusters->of_node[to];
            if (cluster == PLIM_NONE || content->doubt_of[cluster] == 0 ||
                search->groups[search->group[to]].key != content->clusters->items[cluster].key ||
                !plim__leak_edge_keeps(graph, node, edge))
                continue;
            /* An old element of the same chain contains nothing: the chain hangs on something. */
            if (graph->node_type[owner] == graph->node_type[to] &&
                graph->node_name[owner] == graph->node_name[to] && owner == node)
                continue;
            content_add_anchor(&content->doubts[content->doubt_of[cluster] - 1], owner);
        }
    }
}

/* Ordinals of all anchors in another snapshot. */
static plim_status content_locate(leak_content *content, const plim_graph *graph,
                                  plim__leak_memory *memory, plim_error *err)
{
    const plim_graph *last = content->search->graph;
    plim__leak_ids ids;
    plim_status status =
        plim__leak_ids_init(&ids, content->doubt_count * LEAK_ANCHORS_MAX, memory, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; i < content->doubt_count; i++)
        for (uint32_t k = 0; k < content->doubts[i].anchor_count; k++)
            plim__leak_ids_add(&ids, plim__leak_id(last, content->doubts[i].anchors[k]));
    plim__leak_ids_locate(&ids, graph);
    for (uint32_t i = 0; i < content->doubt_count; i++) {
        leak_doubt *doubt = &content->doubts[i];
        for (uint32_t k = 0; k < doubt->anchor_count; k++)
            doubt->found[k] = plim__leak_ids_get(&ids, plim__leak_id(last, doubt->anchors[k]));
    }
    return PLIM_OK;
}

/* What one walk through the contents of a cluster's anchors needs. */
typedef struct leak_walk {
    plim__leak_keys keys;
    uint32_t *queue;
    uint32_t *seen_by; /* per node: number + 1 of the doubt that met it last */
} leak_walk;

/* Counts objects of the class in the contents of the anchors. */
static uint64_t content_count(leak_content *content, uint32_t number, leak_walk *walk)
{
    const plim_graph *graph = walk->keys.graph;
    const leak_doubt *doubt = &content->doubts[number];
    uint32_t key = content->clusters->items[doubt->cluster].key;
    uint32_t filled = 0;
    uint64_t members = 0;
    for (uint32_t i = 0; i < doubt->anchor_count; i++)
        if (doubt->found[i] != PLIM_NONE && walk->seen_by[doubt->found[i]] != number + 1) {
            walk->seen_by[doubt->found[i]] = number + 1;
            walk->queue[filled++] = doubt->found[i];
        }
    for (uint32_t at = 0; at < filled; at++) {
        uint32_t node = walk->queue[at];
        for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
            uint32_t to = graph->edge_to[edge];
            if (walk->seen_by[to] == number + 1 || !plim__leak_edge_keeps(graph, node, edge))
                continue;
            bool is_member = plim__leak_key(&walk->keys, to, false) == key;
            if (!is_member && plim__leak_role_of(graph, to) != PLIM__ROLE_PART)
                continue;
            walk->seen_by[to] = number + 1;
            walk->queue[filled++] = to;
            members += is_member;
        }
    }
    return members;
}

static plim_status content_look(leak_content *content, uint32_t snapshot, plim__leak_memory *memory,
                                plim_error *err)
{
    const plim_graph *graph = content->search->snapshots[snapshot]->graph;
    leak_walk walk;
    plim_status status =
        plim__leak_keys_init(&walk.keys, graph, &content->search->names, memory, err);
    if (status != PLIM_OK)
        return status;
    walk.queue = plim__leak_take(memory, graph->node_count, sizeof *walk.queue);
    walk.seen_by = plim__leak_take(memory, graph->node_count, sizeof *walk.seen_by);
    if (walk.queue == NULL || walk.seen_by == NULL)
        return plim__no_memory(err, "the search for leaks");
    status = content_locate(content, graph, memory, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; i < content->doubt_count; i++) {
        leak_doubt *doubt = &content->doubts[i];
        if (doubt->anchor_count == 0)
            continue;
        uint64_t members = content_count(content, i, &walk);
        doubt->stagnates |= snapshot > 0 && members <= doubt->previous;
        doubt->previous = members;
    }
    return PLIM_OK;
}

/* Whether V8 alone holds it and it is nothing but text or functions: V8's own caches. */
static bool content_is_of_the_system(const plim__leak_search *search,
                                     const plim__leak_cluster *cluster)
{
    return search->role[cluster->holder] < PLIM__ROLE_SCOPE &&
           (cluster->key < PLIM__KEY_NAMES || search->role[cluster->sample] != PLIM__ROLE_THING);
}

/* The anchors decide if they hold most of the cluster; some hold just one member of it. */
static void content_decide(const plim__leak_search *search, const leak_doubt *doubt,
                           plim__leak_cluster *cluster)
{
    if (doubt->anchor_count > 0 && doubt->previous * 2 >= cluster->count)
        cluster->dropped = doubt->stagnates;
    else
        cluster->dropped = cluster->suspect || content_is_of_the_system(search, cluster);
}

plim_status plim__leak_content_check(plim__leak_search *search, plim__leak_clusters *clusters,
                                     plim_error *err)
{
    leak_content content = {.search = search, .clusters = clusters};
    for (uint32_t i = 0; i < clusters->count; i++)
        content.doubt_count += clusters->items[i].doubtful && !clusters->items[i].dropped;
    if (content.doubt_count == 0)
        return PLIM_OK;
    if (content.doubt_count > LEAK_DOUBTS_MAX)
        content.doubt_count = LEAK_DOUBTS_MAX;
    plim__leak_memory scratch = {.allocator = search->allocator};
    content.doubts = plim__leak_take(&scratch, content.doubt_count, sizeof *content.doubts);
    content.doubt_of = plim__leak_take(&scratch, clusters->count, sizeof(uint32_t));
    plim_status status = PLIM_OK;
    if (content.doubts == NULL || content.doubt_of == NULL)
        status = plim__no_memory(err, "the search for leaks");
    uint32_t number = 0;
    for (uint32_t i = 0; status == PLIM_OK && i < clusters->count; i++) {
        if (!clusters->items[i].doubtful || clusters->items[i].dropped ||
            number == content.doubt_count)
            continue;
        PLIM_DCHECK(content.doubts != NULL && content.doubt_of != NULL);
        content.doubts[number].cluster = i;
        content.doubt_of[i] = ++number;
    }
    if (status == PLIM_OK)
        content_find_anchors(&content);
    for (uint32_t snapshot = 0; status == PLIM_OK && snapshot < search->count; snapshot++) {
        plim__leak_memory memory = {.allocator = search->allocator};
        status = content_look(&content, snapshot, &memory, err);
        plim__leak_memory_fini(&memory);
    }
    for (uint32_t i = 0; status == PLIM_OK && i < number; i++)
        content_decide(search, &content.doubts[i], &clusters->items[content.doubts[i].cluster]);
    plim__leak_memory_fini(&scratch);
    return status;
}
