/* SPDX-License-Identifier: MIT */
/*
 * Clusters: one leak shows in many groups (the entry, its strings, its arrays, its functions and
 * their scopes). New objects of accepted groups that refer to each other, or that are contents
 * of one old thing, belong together; so do elements of one wide group. What stands between them
 * and is no object of the program's (tables, boxes) ties them too, scopes only where they grow
 * as the rest does: a single scope of the last round must not tie two leaks into one.
 *
 * A cluster is named by the class of its topmost members (held by no other member): of those
 * that were born in every round, the one that retains most; text counts a quarter, because keys
 * and labels say less than what they lead to.
 *
 * Invariants: C1 of_node[n] is set only for new nodes with an accepted group. C2 inside[n] is
 * of_node of the nearest such dominator of n, n included. C3 a cluster that is not dropped has a
 * class whose members were born in every round.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

/* Whether a new node takes part in a cluster. */
static bool clusters_takes_part(const plim__leak_search *search, uint32_t node)
{
    if (search->birth[node] == 0)
        return false;
    if (search->role[node] == PLIM__ROLE_PART)
        return true;
    uint32_t group = search->group[node];
    return group != PLIM_NONE && search->groups[group].accepted != PLIM_NONE;
}

/* The old thing whose contents a node belongs to, or PLIM_NONE: what ties clusters together. */
static uint32_t clusters_anchor(const plim__leak_search *search, uint32_t node)
{
    uint32_t owner = search->owner[node];
    return search->birth[owner] == 0 && search->role[owner] == PLIM__ROLE_THING ? owner : PLIM_NONE;
}

/* Union by linking to the lower ordinal, with path halving: forests stay shallow in practice. */
static uint32_t clusters_find(uint32_t *forest, uint32_t node)
{
    while (forest[node] != node) {
        forest[node] = forest[forest[node]];
        node = forest[node];
    }
    return node;
}

static void clusters_unite(uint32_t *forest, uint32_t a, uint32_t b)
{
    a = clusters_find(forest, a);
    b = clusters_find(forest, b);
    if (a < b)
        forest[b] = a;
    else
        forest[a] = b;
}

static void clusters_tie_to_group(plim__leak_search *search, uint32_t *forest, uint32_t node)
{
    plim__leak_group *group = &search->groups[search->group[node]];
    if (group->first == PLIM_NONE)
        group->first = node;
    clusters_unite(forest, group->first, node);
}

/* The inspector keeps what was printed: that is no leak of the program's. */
static bool clusters_is_console(const plim_graph *graph, uint32_t edge)
{
    static const char mark[] = "DevTools console";
    if (plim__edge_has_index(graph->edge_type[edge]))
        return false;
    plim_text name = plim__graph_string(graph, graph->edge_name[edge]);
    size_t bytes = sizeof mark - 1;
    return name.size_bytes >= bytes &&
           memcmp(name.data + name.size_bytes - bytes, mark, bytes) == 0;
}

/* What the runtime itself holds (open sockets, ports): nothing but the class ties it together. */
static void clusters_tie_handles(plim__leak_search *search, uint32_t *forest, uint32_t root)
{
    const plim_graph *graph = search->graph;
    for (uint32_t edge = graph->first_edge[root]; edge < graph->first_edge[root + 1]; edge++) {
        uint32_t to = graph->edge_to[edge];
        uint8_t type = graph->node_type[to];
        bool is_object = type == PLIM_NODE_OBJECT || type == PLIM_NODE_NATIVE;
        if (is_object && search->group[to] != PLIM_NONE && clusters_takes_part(search, to) &&
            plim__leak_edge_keeps(graph, root, edge) && !clusters_is_console(graph, edge))
            clusters_tie_to_group(search, forest, to);
    }
}

static void clusters_tie_wide(plim__leak_search *search, uint32_t *forest, uint32_t node)
{
    uint32_t own = search->group[node];
    if (search->groups[own].chained)
        clusters_tie_to_group(search, forest, node);
    for (uint32_t at = search->groups[own].up; at != PLIM_NONE; at = search->groups[at].up) {
        plim__leak_group *wide = &search->groups[at];
        bool passes = wide->grows && wide->rounds == search->all_rounds;
        if (wide->loose)
            passes = search->groups[own].accepted == own;
        if (wide->part_count < 2 || !passes)
            continue;
        if (wide->first == PLIM_NONE)
            wide->first = node;
        clusters_unite(forest, wide->first, node);
    }
}

static void clusters_tie(plim__leak_search *search, uint32_t *forest)
{
    const plim_graph *graph = search->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t from = node;
        if (graph->node_type[node] == PLIM_NODE_SYNTHETIC)
            clusters_tie_handles(search, forest, node);
        if (!clusters_takes_part(search, node))
            from = search->birth[node] == 0 ? clusters_anchor(search, node) : PLIM_NONE;
        else if (search->group[node] != PLIM_NONE)
            clusters_tie_wide(search, forest, node);
        if (from == PLIM_NONE)
            continue;
        for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
            uint32_t to = graph->edge_to[edge];
            if (clusters_takes_part(search, to) && plim__leak_edge_keeps(graph, node, edge))
                clusters_unite(forest, from, to);
        }
    }
}

/* Numbers the trees of the forest that have members; of_node of every member. */
static plim_status clusters_number(plim__leak_search *search, uint32_t *forest,
                                   plim__leak_clusters *clusters, plim_error *err)
{
    uint32_t node_count = search->graph->node_count;
    clusters->of_node = plim__leak_take(&search->memory, node_count, sizeof(uint32_t));
    clusters->inside = plim__leak_take(&search->memory, node_count, sizeof(uint32_t));
    /* Number + 1 of the tree with that root. */
    uint32_t *number = plim__leak_take(&search->memory, node_count, sizeof *number);
    if (clusters->of_node == NULL || clusters->inside == NULL || number == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t node = 0; node < node_count; node++) {
        clusters->of_node[node] = PLIM_NONE;
        if (search->group[node] == PLIM_NONE || !clusters_takes_part(search, node))
            continue;
        uint32_t root = clusters_find(forest, node);
        if (number[root] == 0)
            number[root] = ++clusters->count;
        clusters->of_node[node] = number[root] - 1;
    }
    clusters->items = plim__leak_take(&search->memory, clusters->count, sizeof *clusters->items);
    if (clusters->items == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t i = 0; i < clusters->count; i++)
        clusters->items[i].first_class = PLIM_NONE;
    return PLIM_OK;
}

static uint32_t classes_hash(uint32_t cluster, uint32_t key)
{
    uint64_t mixed = ((uint64_t)cluster << 32 | key) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed >> 32) ^ (uint32_t)mixed;
}

static plim_status classes_make_room(plim__leak_search *search, plim__leak_clusters *clusters,
                                     plim_error *err)
{
    if (clusters->class_count < clusters->class_capacity)
        return PLIM_OK;
    uint32_t capacity = clusters->class_capacity == 0 ? 256 : clusters->class_capacity * 2;
    PLIM_CHECK(capacity > clusters->class_capacity);
    plim__leak_class *classes = plim__leak_grow(
        &search->memory, clusters->classes, clusters->class_capacity, capacity, sizeof *classes);
    uint32_t *slots = plim__leak_take(&search->memory, (size_t)capacity * 2, sizeof *slots);
    if (classes == NULL || slots == NULL)
        return plim__no_memory(err, "the search for leaks");
    clusters->classes = classes;
    clusters->class_capacity = capacity;
    clusters->class_slots = slots;
    clusters->class_slot_count = capacity * 2;
    for (uint32_t i = 0; i < clusters->class_count; i++) {
        uint32_t slot = classes_hash(classes[i].cluster, classes[i].key);
        slot &= clusters->class_slot_count - 1;
        while (slots[slot] != 0)
            slot = (slot + 1) & (clusters->class_slot_count - 1);
        slots[slot] = i + 1;
    }
    return PLIM_OK;
}

static plim_status classes_at(plim__leak_search *search, plim__leak_clusters *clusters,
                              uint32_t cluster, uint32_t key, plim__leak_class **out_class,
                              plim_error *err)
{
    plim_status status = classes_make_room(search, clusters, err);
    if (status != PLIM_OK)
        return status;
    PLIM_CHECK(clusters->class_slots != NULL && clusters->classes != NULL);
    PLIM_CHECK(clusters->items != NULL);
    uint32_t mask = clusters->class_slot_count - 1;
    uint32_t slot = classes_hash(cluster, key) & mask;
    for (; clusters->class_slots[slot] != 0; slot = (slot + 1) & mask) {
        plim__leak_class *found = &clusters->classes[clusters->class_slots[slot] - 1];
        if (found->cluster == cluster && found->key == key) {
            *out_class = found;
            return PLIM_OK;
        }
    }
    plim__leak_class *made = &clusters->classes[clusters->class_count];
    *made = (plim__leak_class){.cluster = cluster,
                               .key = key,
                               .sample = PLIM_NONE,
                               .next = clusters->items[cluster].first_class};
    clusters->items[cluster].first_class = clusters->class_count;
    clusters->class_slots[slot] = ++clusters->class_count;
    *out_class = made;
    return PLIM_OK;
}

/* Whether `node` shows its class better than `sample`: topmost, near the roots, born early. */
static bool clusters_is_better(const plim__leak_search *search, uint32_t node, bool is_top,
                               uint32_t sample, bool sample_is_top)
{
    if (sample == PLIM_NONE || is_top != sample_is_top)
        return sample == PLIM_NONE || is_top;
    int32_t a = search->last->distance[node];
    int32_t b = search->last->distance[sample];
    if (a != b)
        return a >= 0 && (b < 0 || a < b);
    return search->birth[node] < search->birth[sample];
}

/* The one distance that more than half can have (Boyer and Moore's majority vote, 1981). */
static void classes_vote(plim__leak_class *class_at, int32_t distance)
{
    if (class_at->votes == 0)
        class_at->usual = distance;
    class_at->votes += class_at->usual == distance ? 1 : UINT32_MAX;
}

/*
 * The nearest of a class may be the exception that an engine's own list happens to begin with, and
 * its path says nothing of the others'. Where more than half of the tops stand at one distance,
 * the sample is the eldest of these.
 */
static plim_status clusters_prefer_usual(plim__leak_search *search, plim__leak_clusters *clusters,
                                         plim_error *err)
{
    uint32_t *there =
        plim__array_new_zero(search->allocator, clusters->class_count + 1, 2 * sizeof *there);
    if (there == NULL)
        return plim__no_memory(err, "classes");
    uint32_t count = clusters->class_count;
    uint32_t *eldest = there + count + 1; /* node + 1 */
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; i < search->graph->node_count && status == PLIM_OK; i++) {
        uint32_t node = search->tree.order[i];
        uint32_t cluster = clusters->of_node[node];
        if (cluster == PLIM_NONE || search->role[node] == PLIM__ROLE_SCOPE)
            continue;
        uint32_t dominator = search->last->dominator[node];
        if (node != 0 && clusters->inside[dominator] == cluster)
            continue;                 /* inside another member */
        plim__leak_class *one = NULL; /* there is one: clusters_sum() met it */
        uint32_t key = search->groups[search->group[node]].key;
        status = classes_at(search, clusters, cluster, key, &one, err);
        if (status != PLIM_OK || search->last->distance[node] != one->usual)
            continue;
        size_t at = (size_t)(one - clusters->classes);
        there[at]++;
        if (eldest[at] == 0 || search->birth[node] < search->birth[eldest[at] - 1])
            eldest[at] = node + 1;
    }
    for (uint32_t i = 0; i < count && status == PLIM_OK; i++)
        if (eldest[i] != 0 && there[i] > clusters->classes[i].top_count / 2)
            clusters->classes[i].sample = eldest[i] - 1;
    plim__array_free(search->allocator, there, count + 1, 2 * sizeof *there);
    return status;
}

/* Sums up the members, in preorder, so that whoever holds a member was met before it. */
static plim_status clusters_sum(plim__leak_search *search, plim__leak_clusters *clusters,
                                plim_error *err)
{
    for (uint32_t i = 0; i < search->graph->node_count; i++) {
        uint32_t node = search->tree.order[i];
        uint32_t around = node == 0 ? PLIM_NONE : clusters->inside[search->last->dominator[node]];
        uint32_t cluster = clusters->of_node[node];
        clusters->inside[node] = around;
        if (cluster == PLIM_NONE)
            continue;
        plim__leak_class *class_at;
        uint32_t key = search->groups[search->group[node]].key;
        plim_status status = classes_at(search, clusters, cluster, key, &class_at, err);
        if (status != PLIM_OK)
            return status;
        /* A scope holds, but it is nothing a person made: it is never on top. */
        bool is_top = around != cluster && search->role[node] != PLIM__ROLE_SCOPE;
        if (search->role[node] != PLIM__ROLE_SCOPE)
            clusters->inside[node] = cluster;
        class_at->count++;
        class_at->rounds |= (uint64_t)1 << (search->birth[node] - 1);
        if (is_top) {
            classes_vote(class_at, search->last->distance[node]);
            class_at->top_count++;
            class_at->top_rounds |= (uint64_t)1 << (search->birth[node] - 1);
            class_at->top_retained += search->last->retained[node];
        }
        if (clusters_is_better(search, node, is_top, class_at->sample, class_at->sample_is_top)) {
            class_at->sample = node;
            class_at->sample_is_top = is_top;
        }
    }
    return clusters_prefer_usual(search, clusters, err);
}

/* The weight of a class as the name of its cluster; 0 if it cannot be. */
static uint64_t clusters_weight(const plim__leak_search *search, const plim__leak_class *one)
{
    if (one->rounds != search->all_rounds || one->top_count == 0)
        return 0;
    uint8_t role = search->role[one->sample];
    return 1 + (role == PLIM__ROLE_TEXT ? one->top_retained / 4 : one->top_retained);
}

/*
 * Whether a function is one that settles a promise: V8 keeps the promise in a nameless slot of
 * its scope, where a scope a person wrote has names. Whoever keeps it keeps all that waits.
 */
static bool clusters_settles(const plim_graph *graph, uint32_t node)
{
    if (graph->node_type[node] != PLIM_NODE_CLOSURE)
        return false;
    uint32_t scope = plim__leak_follow(graph, node, PLIM_EDGE_INTERNAL, "context");
    if (scope == PLIM_NONE)
        return false;
    for (uint32_t edge = graph->first_edge[scope]; edge < graph->first_edge[scope + 1]; edge++)
        if (graph->edge_type[edge] == PLIM_EDGE_HIDDEN &&
            plim__leak_is_named(graph, graph->edge_to[edge], "Promise"))
            return true;
    return false;
}

/*
 * Contexts, suspended functions and promises are what leaks even where their functions and
 * closures weigh more; a timer of a duration of its own comes with a list of its own. A promise
 * counts if it is on top, or waits for one; so does a task, which hangs on what it waits for by
 * functions of V8's.
 */
static const plim__leak_class *clusters_special(const plim__leak_search *search,
                                                const plim__leak_clusters *clusters,
                                                plim__leak_cluster *cluster,
                                                const plim__leak_class *heaviest)
{
    const plim_graph *graph = search->graph;
    const plim__leak_class *promise = NULL;
    const plim__leak_class *task = NULL;
    const plim__leak_class *timer = NULL;
    bool timers = plim__leak_is_named(graph, heaviest->sample, "TimersList");
    uint32_t keeper = search->owner[search->last->dominator[heaviest->sample]];
    bool waits = plim__leak_is_named(graph, keeper, "Promise") ||
                 plim__leak_is_named(graph, search->holder[heaviest->sample], "Promise") ||
                 clusters_settles(graph, heaviest->sample);
    for (uint32_t i = cluster->first_class; i != PLIM_NONE; i = clusters->classes[i].next) {
        const plim__leak_class *one = &clusters->classes[i];
        if (one->key == PLIM__KEY_FUNCTION)
            cluster->function = one->sample;
        if (one->rounds != search->all_rounds)
            continue;
        if (timers && plim__leak_is_named(graph, one->sample, "Timeout"))
            timer = one;
        if (one->top_count == 0 && !waits)
            continue;
        if (plim__leak_is_named(graph, one->sample, "Promise"))
            promise = one;
        else if (search->role[one->sample] == PLIM__ROLE_THING &&
                 plim__leak_is_suspended(graph, one->sample))
            task = one;
    }
    if (timer != NULL)
        return timer;
    bool is_task = task != NULL && (waits || task == heaviest);
    if (is_task)
        cluster->task = task->sample;
    if (is_task || promise == NULL)
        return is_task ? task : heaviest;
    return waits ? promise : heaviest;
}

/* Names a cluster, or drops it. */
static void clusters_name(plim__leak_search *search, plim__leak_clusters *clusters,
                          plim__leak_cluster *cluster)
{
    const plim__leak_class *best = NULL;
    uint64_t best_weight = 0;
    const plim__leak_class *realm = NULL;
    cluster->task = PLIM_NONE;
    cluster->function = PLIM_NONE;
    for (uint32_t i = cluster->first_class; i != PLIM_NONE; i = clusters->classes[i].next) {
        const plim__leak_class *one = &clusters->classes[i];
        uint64_t weight = clusters_weight(search, one);
        if (weight > best_weight || (weight > 0 && weight == best_weight && one->key < best->key)) {
            best = one;
            best_weight = weight;
        }
        if (search->role[one->sample] == PLIM__ROLE_REALM && one->rounds == search->all_rounds &&
            !search->groups[search->group[one->sample]].suspect)
            realm = one;
    }
    cluster->dropped = best == NULL && realm == NULL;
    if (cluster->dropped)
        return;
    cluster->realm = realm != NULL;
    best = realm != NULL ? realm : clusters_special(search, clusters, cluster, best);
    cluster->key = best->key;
    cluster->sample = best->sample;
    /* A function around a function (once(), bind()) is one; a chain of functions is many. */
    cluster->tops_only = best->key == PLIM__KEY_FUNCTION && best->top_rounds == search->all_rounds;
    cluster->count = cluster->tops_only ? best->top_count : best->count;
    const plim__leak_group *group = &search->groups[search->group[best->sample]];
    PLIM_CHECK(group->accepted != PLIM_NONE);
    cluster->holder = search->groups[group->accepted].holder;
    cluster->doubtful = !cluster->realm && plim__leak_is_coarse(search, cluster->holder);
    cluster->suspect = cluster->doubtful && group->suspect;
}

/* Bytes and counts of the clusters that are left, round by round. */
static plim_status clusters_measure(plim__leak_search *search, plim__leak_clusters *clusters,
                                    plim_error *err)
{
    uint32_t rounds = search->count - 1;
    for (uint32_t i = 0; i < clusters->count; i++) {
        plim__leak_cluster *cluster = &clusters->items[i];
        if (cluster->dropped)
            continue;
        cluster->growth_bytes =
            plim__leak_take(&search->memory, (size_t)rounds * 2, sizeof(uint64_t));
        if (cluster->growth_bytes == NULL)
            return plim__no_memory(err, "the search for leaks");
        cluster->growth_count = cluster->growth_bytes + rounds;
    }
    for (uint32_t i = 0; i < search->graph->node_count; i++) {
        uint32_t node = search->tree.order[i];
        uint32_t inside = clusters->inside[node];
        if (inside == PLIM_NONE || clusters->items[inside].dropped)
            continue;
        plim__leak_cluster *cluster = &clusters->items[inside];
        uint64_t bytes = plim__analysis_shallow(search->last, node);
        if (search->birth[node] != 0)
            cluster->growth_bytes[search->birth[node] - 1] += bytes;
        if (clusters->of_node[node] != inside)
            continue;
        uint32_t around = clusters->inside[search->last->dominator[node]];
        bool is_top = around != inside && search->role[node] != PLIM__ROLE_SCOPE;
        if (is_top)
            cluster->retained_bytes += search->last->retained[node];
        bool counts = is_top || !cluster->tops_only;
        if (counts && search->groups[search->group[node]].key == cluster->key) {
            cluster->growth_count[search->birth[node] - 1]++;
            cluster->self_bytes += bytes;
        }
    }
    for (uint32_t i = 0; i < clusters->count; i++)
        for (uint32_t round = 0; round < rounds && !clusters->items[i].dropped; round++)
            clusters->items[i].growth_total += clusters->items[i].growth_bytes[round];
    return PLIM_OK;
}

/*
 * Whether most members of a cluster of text are one text: a vote by majority (Boyer and Moore),
 * then a count. The sample becomes one of them. Texts that V8 has in pieces have no name to tell.
 */
static plim_status clusters_compare_texts(plim__leak_search *search, plim__leak_clusters *clusters,
                                          plim_error *err)
{
    const plim_graph *graph = search->graph;
    uint32_t *favourite = plim__leak_take(&search->memory, clusters->count, sizeof *favourite);
    uint64_t *votes = plim__leak_take(&search->memory, clusters->count, sizeof *votes);
    if (favourite == NULL || votes == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t node = 0; node < graph->node_count; node++) {
            uint32_t at = clusters->of_node[node];
            if (at == PLIM_NONE || clusters->items[at].dropped ||
                clusters->items[at].key != PLIM__KEY_TEXT ||
                graph->node_type[node] != PLIM_NODE_STRING)
                continue;
            bool same = favourite[at] == node;
            if (favourite[at] != 0)
                same = graph->node_name[favourite[at]] == graph->node_name[node];
            if (pass == 1)
                votes[at] += same;
            else if (same || votes[at] == 0) {
                favourite[at] = same ? favourite[at] : node;
                votes[at]++;
            } else {
                votes[at]--;
            }
        }
        for (uint32_t i = 0; i < clusters->count && pass == 0; i++)
            votes[i] = 0;
    }
    for (uint32_t i = 0; i < clusters->count; i++) {
        plim__leak_cluster *cluster = &clusters->items[i];
        cluster->same_texts = !cluster->dropped && cluster->key == PLIM__KEY_TEXT &&
                              votes[i] >= 2 && votes[i] * 2 >= cluster->count;
        if (cluster->same_texts)
            cluster->sample = favourite[i];
    }
    return PLIM_OK;
}

plim_status plim__leak_clusters_find(plim__leak_search *search, plim__leak_clusters *out_clusters,
                                     plim_error *err)
{
    plim__leak_clusters clusters = {.count = 0};
    uint32_t node_count = search->graph->node_count;
    uint32_t *forest = plim__leak_take(&search->memory, node_count, sizeof *forest);
    if (forest == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t node = 0; node < node_count; node++)
        forest[node] = node;
    clusters_tie(search, forest);
    plim_status status = clusters_number(search, forest, &clusters, err);
    if (status == PLIM_OK)
        status = clusters_sum(search, &clusters, err);
    for (uint32_t i = 0; status == PLIM_OK && i < clusters.count; i++)
        clusters_name(search, &clusters, &clusters.items[i]);
    if (status == PLIM_OK)
        status = plim__leak_content_check(search, &clusters, err);
    if (status == PLIM_OK)
        status = clusters_measure(search, &clusters, err);
    if (status == PLIM_OK)
        status = clusters_compare_texts(search, &clusters, err);
    if (status == PLIM_OK)
        *out_clusters = clusters;
    return status;
}
