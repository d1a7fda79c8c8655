/* SPDX-License-Identifier: MIT */
/*
 * Paths from the root to a node. The shortest goes, from the node upwards, to a holder that is one
 * nearer each time; of several the one with the lowest id, then the lowest edge. It is as long as
 * the node's distance says, and whole however long that is.
 *
 * Further ones come in rounds. Round k looks at the chains of k holders above the node, each
 * continued by the shortest way of its upper end: so paths of round 1 differ from each other in the
 * holder nearest the node, those of round 2 in the next one, and so on; within a round the shorter
 * come first. A path that would meet itself is left out: its chain is continued in the next round,
 * where another way up may be free.
 *
 * Invariants: P1 a path holds no node twice. P2 each chain's nodes differ from each other. P3 the
 * work of one call is bounded by the limits below, whatever the graph.
 */
#include "base/assert.h"
#include "base/limits.h"
#include "heap/analysis_work.h"

enum {
    PATHS_CACHE_SIZE = 4096,   /* direct-mapped, so that hubs are searched once */
    PATHS_FRONTIER_MAX = 1024, /* chains that a round continues */
    PATHS_ROUND_MAX = 16384,   /* chains that a round looks at */
    PATHS_ROUNDS_MAX = 64,     /* beyond this, paths differ far from the node only */
    PATHS_HOLDERS_EXTRA = 64   /* holders kept beyond the limit, since some are no use */
};

struct plim_paths {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_path *list;
    uint32_t count;
    uint32_t capacity;
};

/* One holder in a chain; the chain goes on below it, down to the node. */
typedef struct path_link {
    uint32_t node;
    uint32_t edge;  /* leads to the node of the link below */
    uint32_t below; /* link; PLIM_NONE at the node itself */
    uint32_t depth; /* links below */
} path_link;

typedef struct path_step {
    uint32_t node;
    uint32_t holder;
    uint32_t edge;
} path_step;

typedef struct path_search {
    const plim_analysis *analysis;
    const plim_allocator *allocator;
    plim_paths *paths;
    uint32_t limit;
    uint64_t work_left;
    path_step *cache;
    path_link *links;
    uint32_t link_count;
    uint32_t link_capacity;
    uint64_t *holders; /* best first: rank << 32 | index of the retainer */
    uint32_t holder_count;
    uint32_t holder_capacity;
    uint64_t *order; /* of the links of a round: length << 32 | link */
    uint32_t order_count;
    uint32_t *frontier;
    uint32_t frontier_count;
} path_search;

static uint64_t path_id(const plim_analysis *analysis, uint32_t node)
{
    const plim_graph *graph = analysis->graph;
    uint64_t high = graph->id_high != NULL ? graph->id_high[node] : 0;
    return high << 32 | graph->node_id[node];
}

/* How many nodes the shortest path to a node has, the root and itself included: by its distance,
   which may say more where an edge leads back to the root (see path_step_up). */
static uint32_t path_length_of(const plim_analysis *analysis, uint32_t node)
{
    int32_t distance = analysis->distance[node];
    if (distance >= PLIM_DISTANCE_SYSTEM)
        distance -= PLIM_DISTANCE_SYSTEM;
    return (uint32_t)distance + 1;
}

/* Whether the retainer can be the holder one step nearer to the root. */
static bool path_is_nearer(const plim_analysis *analysis, uint32_t node, plim_retainer retainer)
{
    int32_t distance = analysis->distance[node];
    if (distance == 1 && analysis->distance[0] != 0)
        return retainer.from == 0; /* a user root: whatever edge the root has to it */
    return analysis->graph->edge_type[retainer.edge] != PLIM_EDGE_WEAK &&
           analysis->distance[retainer.from] == distance - 1;
}

/* The step up from a node that has a distance and is not the root. */
static path_step path_step_up(path_search *search, uint32_t node)
{
    const plim_analysis *analysis = search->analysis;
    path_step *cached = &search->cache[node % PATHS_CACHE_SIZE];
    if (cached->node == node)
        return *cached;
    path_step best = {node, PLIM_NONE, PLIM_NONE};
    path_step from_root = {node, PLIM_NONE, PLIM_NONE};
    uint32_t count = plim_analysis_retainer_count(analysis, node);
    for (uint32_t i = 0; i < count; i++) {
        plim_retainer retainer = plim_analysis_retainer(analysis, node, i);
        if (retainer.from == 0 && from_root.holder == PLIM_NONE &&
            analysis->graph->edge_type[retainer.edge] != PLIM_EDGE_WEAK)
            from_root = (path_step){node, 0, retainer.edge};
        if (path_is_nearer(analysis, node, retainer) &&
            (best.holder == PLIM_NONE ||
             path_id(analysis, retainer.from) < path_id(analysis, best.holder))) {
            best.holder = retainer.from;
            best.edge = retainer.edge;
        }
    }
    search->work_left -= count < search->work_left ? count : search->work_left;
    /* Where an edge leads back to the root, distances ran through it before it got its own. */
    if (best.holder == PLIM_NONE)
        best = from_root;
    PLIM_CHECK(best.holder != PLIM_NONE); /* breadth first came from somewhere */
    *cached = best;
    return best;
}

/* Whether the chain from `link` down holds the node. */
static bool path_chain_has(const path_search *search, uint32_t link, uint32_t node)
{
    while (link != PLIM_NONE) {
        if (search->links[link].node == node)
            return true;
        link = search->links[link].below;
    }
    return false;
}

/* Whether the shortest way from the head of a chain to the root meets the chain again. */
static bool path_meets_itself(path_search *search, uint32_t link)
{
    uint32_t at = search->links[link].node;
    uint32_t depth = search->links[link].depth;
    while (at != 0) {
        at = path_step_up(search, at).holder;
        if (path_chain_has(search, link, at))
            return true;
        search->work_left -= depth < search->work_left ? depth : search->work_left;
    }
    return false;
}

static bool path_room(plim_paths *paths)
{
    if (paths->count < paths->capacity)
        return true;
    uint32_t wanted = paths->capacity == 0 ? 4 : paths->capacity * 2;
    plim_path *grown =
        plim__array_resize(paths->allocator, paths->list, paths->capacity, wanted, sizeof *grown);
    if (grown == NULL)
        return false;
    paths->list = grown;
    paths->capacity = wanted;
    return true;
}

/* Appends the path of a chain: the shortest way to its head, then the chain; false: no memory. */
static bool path_emit(path_search *search, uint32_t link)
{
    plim_paths *paths = search->paths;
    const path_link *head = &search->links[link];
    uint32_t length = 1 + head->depth;
    for (uint32_t node = head->node; node != 0; node = path_step_up(search, node).holder)
        length++;
    if (!path_room(paths))
        return false;
    plim_path path = {.length = length};
    path.nodes = plim__array_new(paths->allocator, length, sizeof *path.nodes);
    path.edges = plim__array_new(paths->allocator, length, sizeof *path.edges);
    if (path.nodes == NULL || path.edges == NULL) {
        plim__array_free(paths->allocator, path.nodes, length, sizeof *path.nodes);
        plim__array_free(paths->allocator, path.edges, length, sizeof *path.edges);
        return false;
    }
    uint32_t at = length - 1 - head->depth;
    path.nodes[at] = head->node;
    while (at > 0) {
        path_step step = path_step_up(search, path.nodes[at]);
        path.edges[at] = step.edge;
        path.nodes[--at] = step.holder;
    }
    PLIM_CHECK(path.nodes[0] == 0);
    path.edges[0] = PLIM_NONE;
    at = length - head->depth;
    for (; head->below != PLIM_NONE; head = &search->links[head->below], at++) {
        path.edges[at] = head->edge;
        path.nodes[at] = search->links[head->below].node;
    }
    paths->list[paths->count++] = path;
    return true;
}

/* Moves an item down in a heap whose largest item is at the top. */
static void path_sift(uint64_t *heap, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && heap[child + 1] > heap[child])
            child++;
        if (heap[at] >= heap[child])
            return;
        uint64_t swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static void path_heapify(uint64_t *heap, uint32_t count)
{
    for (uint32_t at = count / 2; at > 0; at--)
        path_sift(heap, count, at - 1);
}

/* Ascending; the items form a heap already. */
static void path_sort_heap(uint64_t *heap, uint32_t count)
{
    while (count > 1) {
        uint64_t swap = heap[0];
        heap[0] = heap[--count];
        heap[count] = swap;
        path_sift(heap, count, 0);
    }
}

/*
 * The holders of a node that lead to the root, each once, the nearest first. Of very many only
 * the best are kept. Ties go by the order of edges, which is the order of nodes.
 */
static void path_find_holders(path_search *search, uint32_t node)
{
    const plim_analysis *analysis = search->analysis;
    uint32_t count = plim_analysis_retainer_count(analysis, node);
    uint32_t before = PLIM_NONE;
    bool heap = false;
    search->holder_count = 0;
    for (uint32_t i = 0; i < count && search->work_left > 0; i++) {
        plim_retainer retainer = plim_analysis_retainer(analysis, node, i);
        search->work_left--;
        bool user_root = retainer.from == 0 && analysis->distance[node] == 1;
        if (retainer.from == before || analysis->distance[retainer.from] == PLIM_DISTANCE_NONE ||
            (!user_root && analysis->graph->edge_type[retainer.edge] == PLIM_EDGE_WEAK))
            continue;
        before = retainer.from;
        uint64_t item = (uint64_t)path_length_of(analysis, retainer.from) << 32 | i;
        if (search->holder_count < search->holder_capacity) {
            search->holders[search->holder_count++] = item;
            continue;
        }
        if (!heap)
            path_heapify(search->holders, search->holder_count);
        heap = true;
        if (item < search->holders[0]) {
            search->holders[0] = item;
            path_sift(search->holders, search->holder_count, 0);
        }
    }
    if (!heap)
        path_heapify(search->holders, search->holder_count);
    path_sort_heap(search->holders, search->holder_count);
}

/* Appends a link; false: no memory. */
static bool path_add_link(path_search *search, uint32_t node, uint32_t edge, uint32_t below)
{
    if (search->link_count == search->link_capacity) {
        uint32_t wanted = search->link_capacity == 0 ? 64 : search->link_capacity * 2;
        path_link *grown = plim__array_resize(search->allocator, search->links,
                                              search->link_capacity, wanted, sizeof *grown);
        if (grown == NULL)
            return false;
        search->links = grown;
        search->link_capacity = wanted;
    }
    uint32_t depth = below == PLIM_NONE ? 0 : search->links[below].depth + 1;
    search->links[search->link_count++] = (path_link){node, edge, below, depth};
    return true;
}

/* Continues one chain by each holder of its head; false: no memory. */
static bool path_continue(path_search *search, uint32_t link)
{
    uint32_t head = search->links[link].node;
    path_find_holders(search, head);
    for (uint32_t i = 0; i < search->holder_count && search->order_count < PATHS_ROUND_MAX; i++) {
        plim_retainer retainer =
            plim_analysis_retainer(search->analysis, head, (uint32_t)search->holders[i]);
        if (path_chain_has(search, link, retainer.from))
            continue;
        if (!path_add_link(search, retainer.from, retainer.edge, link))
            return false;
        uint64_t length = path_length_of(search->analysis, retainer.from);
        search->order[search->order_count++] = length << 32 | (search->link_count - 1);
    }
    return true;
}

/* Whether the path of a chain is one that the round before had. */
static bool path_is_known(path_search *search, uint32_t link)
{
    const path_link *head = &search->links[link];
    return path_step_up(search, search->links[head->below].node).holder == head->node;
}

/* One round: continues the chains, emits what is new; false: no memory. */
static bool path_round(path_search *search)
{
    search->order_count = 0;
    for (uint32_t i = 0; i < search->frontier_count && search->work_left > 0; i++)
        if (!path_continue(search, search->frontier[i]))
            return false;
    path_heapify(search->order, search->order_count);
    path_sort_heap(search->order, search->order_count);
    search->frontier_count = 0;
    for (uint32_t i = 0; i < search->order_count && search->paths->count < search->limit; i++) {
        uint32_t link = (uint32_t)search->order[i];
        if (search->links[link].node != 0 && search->frontier_count < PATHS_FRONTIER_MAX)
            search->frontier[search->frontier_count++] = link;
        if (search->work_left == 0)
            return true;
        if (search->order[i] >> 32 > PLIM_PATH_LENGTH_MAX || path_is_known(search, link) ||
            path_meets_itself(search, link))
            continue;
        if (!path_emit(search, link))
            return false;
    }
    return true;
}

static bool path_find_all(path_search *search, uint32_t node)
{
    search->cache = plim__array_new(search->allocator, PATHS_CACHE_SIZE, sizeof *search->cache);
    if (search->cache == NULL)
        return false;
    memset(search->cache, 0xff, PATHS_CACHE_SIZE * sizeof *search->cache);
    if (!path_add_link(search, node, PLIM_NONE, PLIM_NONE) || !path_emit(search, 0))
        return false;
    if (search->limit == 1 || node == 0)
        return true;
    search->holder_capacity = 2 * search->limit + PATHS_HOLDERS_EXTRA;
    search->holders =
        plim__array_new(search->allocator, search->holder_capacity, sizeof *search->holders);
    search->order = plim__array_new(search->allocator, PATHS_ROUND_MAX, sizeof *search->order);
    search->frontier =
        plim__array_new(search->allocator, PATHS_FRONTIER_MAX, sizeof *search->frontier);
    if (search->holders == NULL || search->order == NULL || search->frontier == NULL)
        return false;
    search->frontier[0] = 0;
    search->frontier_count = 1;
    for (uint32_t round = 1; round <= PATHS_ROUNDS_MAX; round++) {
        if (search->frontier_count == 0 || search->paths->count == search->limit ||
            search->work_left == 0)
            break;
        if (!path_round(search))
            return false;
    }
    return true;
}

plim_status plim_paths_create(const plim_analysis *analysis, uint32_t node, uint32_t limit,
                              const plim_allocator *allocator, plim_paths **out_paths,
                              plim_error *err)
{
    PLIM_CHECK_OBJ(analysis, PLIM__ANALYSIS_MAGIC);
    PLIM_CHECK(analysis->first_retainer != NULL && analysis->distance != NULL);
    PLIM_CHECK(node < analysis->graph->node_count && out_paths != NULL);
    PLIM_CHECK(limit >= 1 && limit <= PLIM_PATHS_MAX);
    allocator = plim__allocator_or_system(allocator);
    plim_paths *paths = plim__array_new_zero(allocator, 1, sizeof *paths);
    if (paths == NULL)
        return plim__no_memory(err, "paths");
    paths->magic = PLIM__PATHS_MAGIC;
    paths->allocator = allocator;
    path_search search = {.analysis = analysis,
                          .allocator = allocator,
                          .paths = paths,
                          .limit = limit,
                          .work_left = PLIM_PATHS_WORK_MAX};
    bool done = analysis->distance[node] == PLIM_DISTANCE_NONE || path_find_all(&search, node);
    plim__array_free(allocator, search.cache, PATHS_CACHE_SIZE, sizeof *search.cache);
    plim__array_free(allocator, search.links, search.link_capacity, sizeof *search.links);
    plim__array_free(allocator, search.holders, search.holder_capacity, sizeof *search.holders);
    plim__array_free(allocator, search.order, PATHS_ROUND_MAX, sizeof *search.order);
    plim__array_free(allocator, search.frontier, PATHS_FRONTIER_MAX, sizeof *search.frontier);
    if (!done) {
        plim_paths_destroy(&paths);
        return plim__no_memory(err, "paths");
    }
    *out_paths = paths;
    return PLIM_OK;
}

uint32_t plim_paths_count(const plim_paths *paths)
{
    PLIM_CHECK_OBJ(paths, PLIM__PATHS_MAGIC);
    return paths->count;
}

const plim_path *plim_paths_get(const plim_paths *paths, uint32_t index)
{
    PLIM_CHECK_OBJ(paths, PLIM__PATHS_MAGIC);
    PLIM_CHECK(index < paths->count);
    return &paths->list[index];
}

void plim_paths_destroy(plim_paths **paths)
{
    if (paths == NULL || *paths == NULL)
        return;
    plim_paths *dying = *paths;
    PLIM_CHECK_OBJ(dying, PLIM__PATHS_MAGIC);
    const plim_allocator *allocator = dying->allocator;
    for (uint32_t i = 0; i < dying->count; i++) {
        plim_path *path = &dying->list[i];
        plim__array_free(allocator, path->nodes, path->length, sizeof *path->nodes);
        plim__array_free(allocator, path->edges, path->length, sizeof *path->edges);
    }
    plim__array_free(allocator, dying->list, dying->capacity, sizeof *dying->list);
    dying->magic = 0;
    plim__array_free(allocator, dying, 1, sizeof *dying);
    *paths = NULL;
}
