/* SPDX-License-Identifier: MIT */
/*
 * Groups: new objects by who holds them and by class, and which groups grow in every round.
 *
 * The holder of a new object is its nearest dominator that was there in the first snapshot: what
 * would free it if it let go. Two corrections make that the thing a person would name:
 *  - elements of a chain (a linked list, a tree, promises behind promises) hold each other, so
 *    that the holder climbs past those of the object's own class; else a queue that works through
 *    its entries would look as if its last old entry grew;
 *  - tables and backing stores stand for their owner.
 * A group is accepted if members born in every round still live AND the number of its class
 * inside the holder's dominator interval grows in every round: the first alone is true of every
 * bounded cache, the second alone of a program that merely moves things around.
 * A leak may be spread so thin over many old holders (a list per user) that none of them grows in
 * every round: wide groups add such holders up, if they are elements of one collection and hold
 * in the same way. Where the collection does not keep its elements alone (Node's lists of timers
 * are in a map and in a queue), its wide group is loose: it ties together what passes by itself.
 *
 * Invariants: I1 holder[n] is PLIM_NONE exactly for old nodes. I2 a group's up is a wide group of
 * the same key. I3 accepted is PLIM_NONE, the group itself, or some up of it.
 */
#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "heap/leak_search.h"

enum {
    LEAK_RETAINERS_LOOKED_AT = 64, /* an element of a collection has few; most have one or two */
    LEAK_CLIMB_MAX = 4,            /* element of an element …: deeper nests are rare */
    LEAK_SETTLED_BY_CHAIN = 2
};

/* How one thing holds another. */
typedef struct leak_step {
    bool by_name;    /* a property */
    bool as_element; /* an index, or by way of a table */
    uint32_t name;   /* of the property */
} leak_step;

static leak_step groups_step(const plim__leak_search *search, uint32_t from, uint32_t to)
{
    const plim_graph *graph = search->graph;
    leak_step step = {.name = 0};
    uint32_t count = plim_analysis_retainer_count(search->last, to);
    for (uint32_t i = 0; i < count && i < LEAK_RETAINERS_LOOKED_AT; i++) {
        plim_retainer retainer = plim_analysis_retainer(search->last, to, i);
        uint8_t type = graph->edge_type[retainer.edge];
        if (retainer.from == from && type == PLIM_EDGE_PROPERTY) {
            step.by_name = true;
            step.name = graph->edge_name[retainer.edge];
        } else if (retainer.from == from && type == PLIM_EDGE_ELEMENT) {
            step.as_element = true;
        } else if (graph->node_type[retainer.from] == PLIM_NODE_ARRAY &&
                   search->owner[retainer.from] == from && type != PLIM_EDGE_WEAK) {
            step.as_element = true;
        }
    }
    return step;
}

static uint32_t groups_outer(const plim__leak_search *search, uint32_t node)
{
    return search->owner[search->last->dominator[node]];
}

static bool groups_same_class(const plim_graph *graph, uint32_t a, uint32_t b)
{
    return graph->node_type[a] == graph->node_type[b] && graph->node_name[a] == graph->node_name[b];
}

/*
 * The holder of `node` past the chain it is the end of. above[] remembers, for elements of
 * chains, where the climb ends, so that a long chain is climbed once (it is ordinal + 1).
 */
static uint32_t groups_past_chain(const plim__leak_search *search, uint32_t node, uint32_t holder,
                                  uint32_t *above)
{
    uint32_t at = holder;
    uint32_t from = node;
    while (search->role[at] == PLIM__ROLE_THING && at != 0 && above[at] == 0 &&
           groups_same_class(search->graph, at, node)) {
        leak_step step = groups_step(search, at, from);
        if (step.as_element && !step.by_name)
            break;
        from = at;
        at = groups_outer(search, at);
    }
    uint32_t end =
        groups_same_class(search->graph, at, node) && above[at] != 0 ? above[at] - 1 : at;
    for (uint32_t i = holder; i != at; i = groups_outer(search, i))
        above[i] = end + 1;
    return end;
}

static plim_status groups_columns(plim__leak_search *search, plim_error *err)
{
    const plim_graph *graph = search->graph;
    plim__leak_memory *memory = &search->memory;
    uint32_t count = graph->node_count;
    search->role = plim__leak_take(memory, count, sizeof *search->role);
    search->owner = plim__leak_take(memory, count, sizeof *search->owner);
    search->holder = plim__leak_take(memory, count, sizeof *search->holder);
    search->group = plim__leak_take(memory, count, sizeof *search->group);
    search->settled = plim__leak_take(memory, count, sizeof *search->settled);
    uint32_t *above = plim__leak_take(memory, count, sizeof *above);
    if (search->role == NULL || search->owner == NULL || search->holder == NULL ||
        search->group == NULL || search->settled == NULL || above == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = search->tree.order[i];
        uint32_t outer = search->last->dominator[node];
        search->role[node] = (uint8_t)plim__leak_role_of(graph, node);
        bool part = search->role[node] == PLIM__ROLE_PART && node != 0;
        search->owner[node] = part ? search->owner[outer] : node;
        search->group[node] = PLIM_NONE;
        search->holder[node] = PLIM_NONE;
        if (search->birth[node] == 0)
            continue;
        bool inherits = search->birth[outer] != 0;
        search->holder[node] = inherits ? search->holder[outer] : search->owner[outer];
        search->settled[node] = inherits && search->settled[outer] != 0;
        if (search->settled[node] || search->role[node] < PLIM__ROLE_REALM)
            continue;
        search->settled[node] = 1;
        if (search->role[node] != PLIM__ROLE_THING)
            continue;
        uint32_t past = groups_past_chain(search, node, search->holder[node], above);
        if (past != search->holder[node])
            search->settled[node] = LEAK_SETTLED_BY_CHAIN;
        search->holder[node] = past;
    }
    return PLIM_OK;
}

static uint32_t groups_hash(uint32_t holder, uint32_t key, uint32_t shape)
{
    uint64_t mixed = ((uint64_t)holder << 32 | key) ^ (uint64_t)shape * 0x9e3779b97f4a7c15u;
    mixed *= 0xff51afd7ed558ccdu;
    mixed ^= mixed >> 32;
    mixed *= 0xc4ceb9fe1a85ec53u;
    return (uint32_t)(mixed >> 32);
}

static plim_status groups_make_room(plim__leak_search *search, plim_error *err)
{
    if (search->group_count < search->group_capacity)
        return PLIM_OK;
    uint32_t capacity = search->group_capacity == 0 ? 1024 : search->group_capacity * 2;
    PLIM_CHECK(capacity > search->group_capacity);
    plim__leak_group *groups = plim__leak_grow(&search->memory, search->groups,
                                               search->group_capacity, capacity, sizeof *groups);
    uint32_t *slots = plim__leak_take(&search->memory, (size_t)capacity * 2, sizeof *slots);
    if (groups == NULL || slots == NULL)
        return plim__no_memory(err, "the search for leaks");
    search->groups = groups;
    search->group_capacity = capacity;
    search->group_slots = slots;
    search->group_slot_count = capacity * 2;
    for (uint32_t i = 0; i < search->group_count; i++) {
        uint32_t slot = groups_hash(groups[i].holder, groups[i].key, groups[i].shape);
        slot &= search->group_slot_count - 1;
        while (slots[slot] != 0)
            slot = (slot + 1) & (search->group_slot_count - 1);
        slots[slot] = i + 1;
    }
    return PLIM_OK;
}

/* The group of that holder, class and shape, made if need be. */
static plim_status groups_at(plim__leak_search *search, uint32_t holder, uint32_t key,
                             uint32_t shape, uint32_t *out_group, plim_error *err)
{
    plim_status status = groups_make_room(search, err);
    if (status != PLIM_OK)
        return status;
    uint32_t mask = search->group_slot_count - 1;
    uint32_t slot = groups_hash(holder, key, shape) & mask;
    for (; search->group_slots[slot] != 0; slot = (slot + 1) & mask) {
        const plim__leak_group *group = &search->groups[search->group_slots[slot] - 1];
        if (group->holder == holder && group->key == key && group->shape == shape) {
            *out_group = search->group_slots[slot] - 1;
            return PLIM_OK;
        }
    }
    plim__leak_group *group = &search->groups[search->group_count];
    *group = (plim__leak_group){.holder = holder,
                                .key = key,
                                .shape = shape,
                                .up = PLIM_NONE,
                                .accepted = PLIM_NONE,
                                .first = PLIM_NONE,
                                .grows = true};
    search->group_slots[slot] = ++search->group_count;
    *out_group = search->group_count - 1;
    return PLIM_OK;
}

static plim_status groups_fill(plim__leak_search *search, plim_error *err)
{
    for (uint32_t i = 0; i < search->graph->node_count; i++) {
        uint32_t node = search->tree.order[i];
        if (search->birth[node] == 0 || search->role[node] < PLIM__ROLE_SCOPE)
            continue;
        uint32_t key = plim__leak_key(&search->keys, node, true);
        if (key == PLIM_NONE)
            return plim__no_memory(err, "the search for leaks");
        plim_status status =
            groups_at(search, search->holder[node], key, 0, &search->group[node], err);
        if (status != PLIM_OK)
            return status;
        plim__leak_group *group = &search->groups[search->group[node]];
        group->rounds |= (uint64_t)1 << (search->birth[node] - 1);
        group->chained |= search->settled[node] == LEAK_SETTLED_BY_CHAIN;
    }
    return PLIM_OK;
}

static bool groups_is_collection(const plim__leak_search *search, uint32_t node)
{
    return search->birth[node] == 0 && search->role[node] == PLIM__ROLE_THING &&
           search->graph->node_type[node] != PLIM_NODE_CLOSURE &&
           !plim__leak_is_global(search->last, node);
}

/* Where a thing is an element of something that does not keep it alone: the lowest such one. */
static uint32_t groups_listed_in(const plim__leak_search *search, uint32_t node)
{
    uint32_t found = PLIM_NONE;
    uint32_t count = plim_analysis_retainer_count(search->last, node);
    for (uint32_t i = 0; i < count && i < LEAK_RETAINERS_LOOKED_AT; i++) {
        plim_retainer retainer = plim_analysis_retainer(search->last, node, i);
        uint32_t owner = search->owner[retainer.from];
        uint8_t type = search->graph->edge_type[retainer.edge];
        bool as_element =
            type == PLIM_EDGE_ELEMENT ||
            (search->graph->node_type[retainer.from] == PLIM_NODE_ARRAY && type != PLIM_EDGE_WEAK);
        if (as_element && owner < found && groups_is_collection(search, owner))
            found = owner;
    }
    return found;
}

/* A way from a holder up to the collection it is an element of. */
typedef struct leak_climb {
    uint32_t at;    /* the holder, then the collection */
    uint32_t shape; /* how: the classes and properties on the way */
    bool loose;     /* the collection does not keep it alone */
} leak_climb;

/* Climbs to the collection that a holder is an element of, or a part of an element. */
static bool groups_climb(const plim__leak_search *search, leak_climb *climb)
{
    const plim_graph *graph = search->graph;
    uint32_t at = climb->at;
    uint32_t shape = climb->shape;
    for (uint32_t climbed = 0; climbed < LEAK_CLIMB_MAX; climbed++) {
        if (search->role[at] != PLIM__ROLE_THING)
            return false;
        uint32_t outer = groups_outer(search, at);
        leak_step step = {.name = 0};
        if (groups_is_collection(search, outer))
            step = groups_step(search, outer, at);
        if (!step.by_name && !step.as_element) {
            outer = groups_listed_in(search, at);
            step.as_element = outer != PLIM_NONE;
            climb->loose = true;
        }
        uint32_t name = step.by_name && !step.as_element ? step.name : 0;
        shape = groups_hash(graph->node_name[at], name, shape) | 1;
        if (step.as_element) {
            climb->at = outer;
            climb->shape = shape;
        }
        if (step.as_element || !step.by_name)
            return step.as_element;
        at = outer;
    }
    return false;
}

/* Wide groups: each group adds itself to those above it. */
static plim_status groups_widen(plim__leak_search *search, plim_error *err)
{
    uint32_t base_count = search->group_count;
    for (uint32_t i = 0; i < base_count; i++) {
        uint32_t below = i;
        leak_climb climb = {.at = search->groups[i].holder};
        for (uint32_t level = 0; level < LEAK_CLIMB_MAX; level++) {
            if (climb.loose || !groups_climb(search, &climb))
                break;
            uint32_t wide;
            plim_status status =
                groups_at(search, climb.at, search->groups[i].key, climb.shape, &wide, err);
            if (status != PLIM_OK)
                return status;
            search->groups[below].up = wide;
            search->groups[wide].loose |= climb.loose;
            search->groups[wide].rounds |= search->groups[i].rounds;
            search->groups[wide].part_count++;
            below = wide;
        }
    }
    return PLIM_OK;
}

static bool groups_is_candidate(const plim__leak_search *search, const plim__leak_group *group)
{
    return group->grows && group->rounds == search->all_rounds;
}

static plim_status groups_find_holders(const plim__leak_search *search, const plim_graph *graph,
                                       plim__leak_memory *memory, plim__leak_ids *out_holders,
                                       plim_error *err)
{
    uint32_t candidates = 0;
    for (uint32_t i = 0; i < search->group_count; i++)
        candidates += groups_is_candidate(search, &search->groups[i]);
    plim_status status = plim__leak_ids_init(out_holders, candidates, memory, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; i < search->group_count; i++)
        if (groups_is_candidate(search, &search->groups[i]))
            plim__leak_ids_add(out_holders, plim__leak_id(search->graph, search->groups[i].holder));
    plim__leak_ids_locate(out_holders, graph);
    return PLIM_OK;
}

/* Positions in the dominator preorder, class by class: first[k] to first[k+1] are class k's. */
typedef struct leak_positions {
    uint32_t *first;
    uint32_t *at;
} leak_positions;

static plim_status groups_positions(const plim__leak_search *search, plim__leak_keys *keys,
                                    const plim__leak_tree *tree, plim__leak_memory *memory,
                                    leak_positions *out, plim_error *err)
{
    uint32_t key_count = PLIM__KEY_NAMES + search->names.count;
    uint32_t node_count = keys->graph->node_count;
    leak_positions positions = {
        .first = plim__leak_take(memory, (size_t)key_count + 2, sizeof(uint32_t)),
        .at = plim__leak_take(memory, node_count, sizeof(uint32_t))};
    if (positions.first == NULL || positions.at == NULL)
        return plim__no_memory(err, "the search for leaks");
    for (uint32_t node = 0; node < node_count; node++) {
        uint32_t key = plim__leak_key(keys, node, false);
        if (key != PLIM_NONE)
            positions.first[key + 2]++;
    }
    for (uint32_t key = 0; key < key_count; key++)
        positions.first[key + 2] += positions.first[key + 1];
    for (uint32_t i = 0; i < node_count; i++) {
        uint32_t key = plim__leak_key(keys, tree->order[i], false);
        if (key != PLIM_NONE)
            positions.at[positions.first[key + 1]++] = i;
    }
    *out = positions;
    return PLIM_OK;
}

/* How many positions of a class are below `limit`. */
static uint32_t positions_below(const leak_positions *positions, uint32_t key, uint32_t limit)
{
    uint32_t low = positions->first[key];
    uint32_t high = positions->first[key + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (positions->at[middle] < limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Counts each candidate's class inside its holder in one snapshot; who has not grown is out. */
static plim_status groups_count(plim__leak_search *search, uint32_t snapshot,
                                plim__leak_memory *memory, plim_error *err)
{
    const plim_analysis *analysis = search->snapshots[snapshot];
    plim__leak_keys keys;
    plim__leak_tree tree = {.order = NULL};
    plim__leak_ids holders = {.mask = 0};
    leak_positions positions = {.first = NULL};
    plim_status status = plim__leak_keys_init(&keys, analysis->graph, &search->names, memory, err);
    if (status == PLIM_OK)
        status = plim__leak_tree_make(analysis, memory, &tree, err);
    if (status == PLIM_OK)
        status = groups_find_holders(search, analysis->graph, memory, &holders, err);
    if (status == PLIM_OK)
        status = groups_positions(search, &keys, &tree, memory, &positions, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; i < search->group_count; i++) {
        plim__leak_group *group = &search->groups[i];
        if (!groups_is_candidate(search, group))
            continue;
        uint32_t holder = plim__leak_ids_get(&holders, plim__leak_id(search->graph, group->holder));
        uint32_t members = 0;
        if (holder != PLIM_NONE)
            members = positions_below(&positions, group->key, tree.end[holder]) -
                      positions_below(&positions, group->key, tree.start[holder] + 1);
        if (snapshot > 0 && members <= group->previous)
            group->grows = false;
        group->previous = members;
    }
    return PLIM_OK;
}

/*
 * Groups that pass are accepted themselves; others by the nearest wide group that passes. Inside
 * a scope, the global object or the root, other things of the class may shrink as fast as a leak
 * grows: such groups are suspects, and leak_content.c decides.
 */
static void groups_accept(plim__leak_search *search)
{
    for (uint32_t i = 0; i < search->group_count; i++) {
        plim__leak_group *group = &search->groups[i];
        if (group->shape != 0)
            continue;
        if (groups_is_candidate(search, group)) {
            group->accepted = i;
            continue;
        }
        for (uint32_t up = group->up; up != PLIM_NONE; up = search->groups[up].up) {
            const plim__leak_group *wide = &search->groups[up];
            if (wide->part_count >= 2 && !wide->loose && groups_is_candidate(search, wide)) {
                group->accepted = up;
                break;
            }
        }
        if (group->accepted == PLIM_NONE && group->rounds == search->all_rounds &&
            plim__leak_is_coarse(search, group->holder)) {
            group->accepted = i;
            group->suspect = true;
        }
    }
}

bool plim__leak_is_coarse(const plim__leak_search *search, uint32_t holder)
{
    return search->role[holder] != PLIM__ROLE_THING || plim__leak_is_global(search->last, holder);
}

plim_status plim__leak_groups_find(plim__leak_search *search, plim_error *err)
{
    plim_status status = groups_columns(search, err);
    if (status == PLIM_OK)
        status = groups_fill(search, err);
    if (status == PLIM_OK)
        status = groups_widen(search, err);
    for (uint32_t snapshot = 0; status == PLIM_OK && snapshot < search->count; snapshot++) {
        plim__leak_memory memory = {.allocator = search->allocator};
        status = groups_count(search, snapshot, &memory, err);
        plim__leak_memory_fini(&memory);
    }
    if (status == PLIM_OK)
        groups_accept(search);
    return status;
}
