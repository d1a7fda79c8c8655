/* SPDX-License-Identifier: MIT */
/**
 * @file leak_search.h
 * @brief What the steps of the leak search share: the work in progress, its memory, its words.
 *
 * The steps, one file each: leak_tree.c (dominators as intervals), leak_births.c (which round an
 * object was born in), leak_roles.c (what is a thing, what is only a part of one),
 * leak_groups.c (holder and class; which groups grow in every round), leak_clusters.c (groups
 * that hang together), leak_content.c (a second look where dominators say little), leak_says.c
 * (kind and sentence), leak_by_class.c (where ids do not compare). docs/internals/leaks.md has
 * the method and its reasons.
 */
#ifndef PLIM_HEAP_LEAK_SEARCH_H
#define PLIM_HEAP_LEAK_SEARCH_H
#include <plimsoll/leaks.h>

#include "heap/analysis_work.h"
#include "heap/graph.h"
#include "heap/text_table.h"

/** Memory that is freed all at once; what it gives is cleared. */
typedef struct plim__leak_block plim__leak_block;
typedef struct plim__leak_memory {
    const plim_allocator *allocator;
    plim__leak_block *blocks;
} plim__leak_memory;

/** count items (0 counts as 1), cleared; NULL if refused. */
void *plim__leak_take(plim__leak_memory *memory, size_t count, size_t item_bytes);

/** A larger copy, the new part cleared; the old one stays until the end. NULL if refused. */
void *plim__leak_grow(plim__leak_memory *memory, const void *old, size_t old_count,
                      size_t new_count, size_t item_bytes);

/** Frees all. */
void plim__leak_memory_fini(plim__leak_memory *memory);

/** The dominator tree as intervals: the subtree of n is order[start[n]] to order[end[n]-1]. */
typedef struct plim__leak_tree {
    uint32_t *order;
    uint32_t *start;
    uint32_t *end;
} plim__leak_tree;

plim_status plim__leak_tree_make(const plim_analysis *analysis, plim__leak_memory *memory,
                                 plim__leak_tree *out_tree, plim_error *err);

/** What is known of each node of the last snapshot from the earlier ones. */
typedef struct plim__leak_births {
    uint8_t *birth;  /* 0 if it was in the first snapshot, else the round it was born in */
    uint8_t *swells; /* it was in all, its own bytes grow in every round and go on to */
    uint64_t lost;   /* ids of things that were other things before */
} plim__leak_births;

plim_status plim__leak_births_find(const plim_analysis *const *snapshots, uint32_t count,
                                   plim__leak_memory *memory, plim__leak_births *out_births,
                                   plim_error *err);

/** A few ids, and where they are in one snapshot. */
typedef struct plim__leak_ids {
    uint64_t *ids; /* id + 1; 0 is empty */
    uint32_t *ordinals;
    uint32_t mask;
} plim__leak_ids;

/** Room for at most so many; 2^30 is more than one search can have groups. */
plim_status plim__leak_ids_init(plim__leak_ids *ids, uint32_t most, plim__leak_memory *memory,
                                plim_error *err);
void plim__leak_ids_add(plim__leak_ids *ids, uint64_t id);

/** Finds all of them in a snapshot. */
void plim__leak_ids_locate(plim__leak_ids *ids, const plim_graph *graph);

/** The ordinal there, or PLIM_NONE. */
uint32_t plim__leak_ids_get(const plim__leak_ids *ids, uint64_t id);

/** What a node is to the search. */
typedef enum plim__leak_role {
    PLIM__ROLE_NONE,  /* code, shapes, synthetic roots: V8's own, never part of a leak */
    PLIM__ROLE_PART,  /* tables, backing stores, boxes: part of what holds them */
    PLIM__ROLE_SCOPE, /* the variables of a function */
    PLIM__ROLE_REALM, /* a global object's context */
    PLIM__ROLE_TEXT,  /* strings */
    PLIM__ROLE_THING  /* what a program makes: objects, functions, patterns, native ones */
} plim__leak_role;

plim__leak_role plim__leak_role_of(const plim_graph *graph, uint32_t node);

/** Numbers for classes that mean the same in every snapshot of a series. */
typedef struct plim__leak_keys {
    const plim_graph *graph;
    plim__text_table *names; /* shared by the whole search */
    uint32_t *of_string;     /* per string: number + 1, 0 not looked up yet */
} plim__leak_keys;

plim_status plim__leak_keys_init(plim__leak_keys *keys, const plim_graph *graph,
                                 plim__text_table *names, plim__leak_memory *memory,
                                 plim_error *err);

/** The number of a node's class; PLIM_NONE for parts, or if it is new and may not be added. */
uint32_t plim__leak_key(plim__leak_keys *keys, uint32_t node, bool add);

/** Keys below this are types, the others names. */
enum {
    PLIM__KEY_FUNCTION,
    PLIM__KEY_TEXT,
    PLIM__KEY_PATTERN,
    PLIM__KEY_SYMBOL,
    PLIM__KEY_BIGINT,
    PLIM__KEY_NAMES
};

/**
 * A group: objects of one class with one holder. A wide group adds up groups whose holders are
 * elements of one collection, all held in the same way (shape).
 */
typedef struct plim__leak_group {
    uint64_t rounds;   /* bit r-1: members were born in round r and live */
    uint64_t previous; /* members in the snapshot looked at before */
    uint32_t holder;   /* ordinal in the last snapshot */
    uint32_t key;
    uint32_t shape;      /* 0: not wide */
    uint32_t up;         /* the wide group it is part of, or PLIM_NONE */
    uint32_t part_count; /* of a wide group */
    uint32_t accepted;   /* itself, a wide group, or PLIM_NONE */
    uint32_t first;      /* for the clusters: some member, or PLIM_NONE */
    bool grows;          /* in every round so far */
    bool chained;        /* members are elements of a chain, wherever on it they hang */
    bool suspect;        /* does not grow, but the holder is too coarse for that to mean much */
    bool loose;          /* of a wide group: the collection does not keep its elements alone */
} plim__leak_group;

/** Everything known of the last snapshot, and the groups. */
typedef struct plim__leak_search {
    const plim_allocator *allocator;
    plim__leak_memory memory;
    const plim_analysis *const *snapshots;
    uint32_t count;
    const plim_analysis *last;
    const plim_graph *graph; /* of the last */
    uint64_t all_rounds;     /* a bit for each */

    plim__text_table names;
    plim__leak_keys keys; /* of the last */
    plim__leak_tree tree; /* of the last */
    uint8_t *birth;
    uint8_t *swells;
    uint8_t *role;
    uint32_t *owner;  /* the nearest dominator that is no part, or the node itself */
    uint32_t *holder; /* of new nodes; PLIM_NONE for old ones */
    uint8_t *settled; /* whether a thing settled the holder: 1, or past a chain: 2 */
    uint32_t *group;  /* of new nodes that have a class; else PLIM_NONE */

    plim__leak_group *groups;
    uint32_t group_count;
    uint32_t group_capacity;
    uint32_t *group_slots; /* number + 1; 0 is empty */
    uint32_t group_slot_count;
} plim__leak_search;

/** Fills the columns and the groups, and decides which groups are accepted. */
plim_status plim__leak_groups_find(plim__leak_search *search, plim_error *err);

/** Whether a holder is a scope, a global object or the root: much else is inside it. */
bool plim__leak_is_coarse(const plim__leak_search *search, uint32_t holder);

/** Whether an edge keeps its target alive, by the rules of the dominator tree. */
bool plim__leak_edge_keeps(const plim_graph *graph, uint32_t from, uint32_t edge);

/** A cluster before it has words. */
typedef struct plim__leak_cluster {
    uint64_t retained_bytes;
    uint64_t self_bytes;
    uint64_t count;
    uint64_t *growth_bytes; /* per round */
    uint64_t *growth_count; /* per round */
    uint64_t growth_total;
    uint32_t key; /* the class that names it */
    uint32_t sample;
    uint32_t holder;      /* by dominators */
    uint32_t first_class; /* the classes in it; see plim__leak_class */
    uint32_t task;        /* a suspended function in it, or PLIM_NONE */
    uint32_t function;    /* some function in it, or PLIM_NONE */
    bool realm;           /* a context is in it */
    bool same_texts;      /* text, and most of it the same */
    bool tops_only;       /* members inside other members do not count */
    bool doubtful;        /* dominators say too little: see leak_content.c */
    bool suspect;         /* and what they say is against it */
    bool dropped;
} plim__leak_cluster;

/** One class within a cluster. */
typedef struct plim__leak_class {
    uint64_t rounds;
    uint64_t top_rounds;   /* the same, of members that no other member holds */
    uint64_t top_retained; /* sum over members that no other member holds */
    uint64_t count;
    uint32_t cluster;
    uint32_t key;
    uint32_t top_count;
    uint32_t sample; /* tops first; at the usual distance from the roots, else the nearest */
    int32_t usual;   /* the distance at which most of the tops may be, */
    uint32_t votes;  /* and how many more are there than elsewhere */
    uint32_t next;   /* in the same cluster, or PLIM_NONE */
    bool sample_is_top;
} plim__leak_class;

typedef struct plim__leak_clusters {
    plim__leak_cluster *items;
    uint32_t count;
    uint32_t capacity;
    plim__leak_class *classes;
    uint32_t class_count;
    uint32_t class_capacity;
    uint32_t *class_slots;
    uint32_t class_slot_count;
    uint32_t *of_node; /* cluster of an accepted node, else PLIM_NONE */
    uint32_t *inside;  /* nearest member around a node or itself: its cluster, else PLIM_NONE */
} plim__leak_clusters;

/** Groups that hang together become clusters; each gets its class, sample and sums. */
plim_status plim__leak_clusters_find(plim__leak_search *search, plim__leak_clusters *out_clusters,
                                     plim_error *err);

/** Drops doubtful clusters whose holders do not hold more of the class from round to round. */
plim_status plim__leak_content_check(plim__leak_search *search, plim__leak_clusters *clusters,
                                     plim_error *err);

/** Whether a node is a generator or an async function in the middle of its work. */
bool plim__leak_is_suspended(const plim_graph *graph, uint32_t node);

/** Whether a node is a global object. */
bool plim__leak_is_global(const plim_analysis *analysis, uint32_t node);

/** What a way to a leak begins with in the graph of a C program, by the names that src/bridge gives
 *  (docs/internals/process.md, bridge.md). */
typedef enum plim__leak_root {
    PLIM__LEAK_ROOT_FOREIGN,   /* of no C program, or no such root */
    PLIM__LEAK_ROOT_LOST,      /* nothing leads there */
    PLIM__LEAK_ROOT_VARIABLES, /* of a module */
    PLIM__LEAK_ROOT_PASSING,   /* a stack, registers, other memory */
    PLIM__LEAK_ROOT_OWNER      /* of a region */
} plim__leak_root;

plim__leak_root plim__leak_root_of(const plim_graph *graph, const plim_path *path);

/** What is known of a leak when its kind is decided and its sentence is made. */
typedef struct plim__leak_scene {
    const plim_analysis *analysis;
    const plim_graph *graph;
    const uint8_t *birth;  /* NULL: not known */
    const plim_path *path; /* to the sample; NULL: none */
    plim_leak *leak;       /* its kind, holder and says are made here; the rest is set */
    uint32_t task;         /* a suspended function in it, or PLIM_NONE */
    uint32_t function;     /* a function in it, or PLIM_NONE */
    bool realm;            /* a context is in it */
    bool same_texts;       /* text, and most of it the same */
    bool swells;           /* the sample itself grows */

    /* Found by plim__leak_kind_find(): positions in the path. */
    uint32_t at;     /* of the holder; the path's length where there is none */
    uint32_t named;  /* of the nearest thing at or above the holder that a name leads to */
    uint32_t events; /* of the table of listeners; 0: none */
    bool global;     /* a global object, or a collection that is its property, holds it */

    plim__leak_root root;

    uint32_t keeper;   /* a function of the sample whose scope keeps the one before, or PLIM_NONE */
    uint32_t captured; /* the edge of that scope that does */
} plim__leak_scene;

/** Sets kind and holder of scene->leak, and the found part of the scene. */
void plim__leak_kind_find(plim__leak_scene *scene);

/** Sets says; the kind was found. */
plim_status plim__leak_say(const plim__leak_scene *scene, plim__leak_memory *memory,
                           plim_error *err);

/** The node an edge of that name leads to, or PLIM_NONE. */
uint32_t plim__leak_follow(const plim_graph *graph, uint32_t node, plim_edge_type type,
                           const char *name);

/** Whether a node is an object with that class name. */
bool plim__leak_is_named(const plim_graph *graph, uint32_t node, const char *name);

/** Leaks that have no paths and no words yet. */
typedef struct plim__leak_rows {
    plim_leak *items;
    uint32_t count;
} plim__leak_rows;

/** Old things that grow by themselves. */
plim_status plim__leak_swells_find(plim__leak_search *search, const plim__leak_clusters *clusters,
                                   plim__leak_memory *memory, plim__leak_rows *out_rows,
                                   plim_error *err);

/** Searches by class. */
plim_status plim__leak_by_class(const plim_analysis *const *snapshots, uint32_t count,
                                uint64_t min_growth_bytes, plim__leak_memory *scratch,
                                plim__leak_memory *memory, plim__leak_rows *out_rows,
                                plim_error *err);

/** The id of a node. */
static inline uint64_t plim__leak_id(const plim_graph *graph, uint32_t node)
{
    uint64_t high = graph->id_high != NULL ? graph->id_high[node] : 0;
    return high << 32 | graph->node_id[node];
}

#endif
