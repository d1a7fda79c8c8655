/* SPDX-License-Identifier: MIT */
/**
 * @file analysis_work.h
 * @brief What the parts of an analysis share: its columns, and the work in progress.
 *
 * One file a rule; docs/internals/devtools-rules.md numbers the rules. Each part fills some columns
 * of the analysis, and frees whatever else it took. Two lanes run at once where two threads are
 * allowed; analysis.c says which part is on which, and which columns each may touch.
 */
#ifndef PLIM_HEAP_ANALYSIS_WORK_H
#define PLIM_HEAP_ANALYSIS_WORK_H
#include <plimsoll/analysis.h>

#include <stdatomic.h>

#include "heap/graph.h"
#include "heap/text_table.h"

enum { PLIM__ANALYSIS_MAGIC = 0x6ab1e002, PLIM__PATHS_MAGIC = 0x6ab1e003 };

/** What a string is to the rules; one byte each, found once in plim__strings_classify(). */
typedef enum plim__string_kind {
    PLIM__STRING_PLAIN,
    PLIM__STRING_WEAK_PAIR,      /* the name of one of the two edges to a WeakMap's value */
    PLIM__STRING_OBJECT,         /* Object */
    PLIM__STRING_PROTO,          /* __proto__ */
    PLIM__STRING_SLOPPY_MAP,     /* sloppy_function_map */
    PLIM__STRING_NATIVE_CONTEXT, /* system / NativeContext */
    PLIM__STRING_DESCRIPTORS,    /* (map descriptors) */
    PLIM__STRING_EXTERNAL_DATA,  /* system / ExternalStringData */
    PLIM__STRING_DOM_TREES,      /* (Document DOM trees) */
    PLIM__STRING_TAG,            /* begins with < */
    PLIM__STRING_DETACHED        /* begins with "Detached " */
} plim__string_kind;

/** A class as DevTools' aggregates see it: by string index, or by place and name. */
typedef struct plim__class {
    uint64_t self_bytes;
    uint64_t retained_bytes;
    uint32_t name;  /* see plim__analysis_name() */
    uint32_t count; /* nodes with a size */
    uint32_t first; /* the first node with a size; PLIM_NONE while there is none */
    uint32_t row;
    int32_t distance;
    bool has_location;
    plim_location location;
} plim__class;

/** An inferred interface of plain objects. */
typedef struct plim__definition {
    plim_text name;
    uint32_t first_property; /* into definition_properties */
    uint32_t property_count;
} plim__definition;

struct plim_analysis {
    uint32_t magic;
    uint32_t want;
    const plim_allocator *allocator;
    const plim_graph *graph;

    /* Nodes, one entry each; NULL where the part was not asked for. */
    uint8_t *detached; /* NULL where no node is */
    uint32_t *shallow; /* PLIM__SELF_OVERFLOW: see big_shallow; NULL: as in the graph */
    int32_t *distance;
    uint32_t *dominator;
    uint64_t *retained;
    uint32_t *node_class;

    plim__big_self *big_shallow; /* sorted by node */
    uint32_t big_shallow_count;

    plim__class *classes;
    uint32_t class_count;
    uint32_t class_capacity;
    uint32_t *rows; /* per row, the class that is shown; see aggregates.c */
    uint32_t row_count;
    uint32_t row_capacity;

    /* Names: string indexes of the graph, and from string_count on those added here. */
    plim_text *added_names;
    uint32_t added_count;
    uint32_t added_capacity;
    plim__text_arena arena;

    plim__definition *definitions; /* most frequent first */
    uint32_t definition_count;
    uint32_t definition_capacity;
    plim_text *definition_properties;
    uint32_t property_count;
    uint32_t property_capacity;

    /* Edges by target. */
    uint32_t *first_retainer; /* node_count + 1 */
    uint32_t *retainer_edge;
};

/** Blocks a lane keeps at most: as many as its hungriest part, the dominators, gives back. */
enum { PLIM__SCRATCH_MAX = 8 };

/**
 * Arrays of one size that parts of one lane hand on: fresh pages cost more than what most walks do
 * with them. Each holds at least node_count + 1 numbers, and the root's edges more.
 */
typedef struct plim__scratch {
    const plim_allocator *allocator;
    size_t count; /* of 32-bit numbers in each */
    uint32_t *spare[PLIM__SCRATCH_MAX];
    unsigned spare_count;
} plim__scratch;

/** Empty, for arrays as long as parts over @p graph need them. */
void plim__scratch_init(plim__scratch *scratch, const plim_allocator *allocator,
                        const plim_graph *graph);

/** Frees the spare blocks; those still out are their takers'. */
void plim__scratch_fini(plim__scratch *scratch);

/** A block, uncleared; NULL if memory was refused. */
uint32_t *plim__scratch_take(plim__scratch *scratch);

/** Gives a block back; NULL is accepted. */
void plim__scratch_give(plim__scratch *scratch, uint32_t *block);

/** The work in progress: facts that parts share and that do not outlive it. */
typedef struct plim__analysis_work {
    plim_analysis *analysis;
    const plim_graph *graph;
    const plim_allocator *allocator;
    const plim_analysis *classes_of;

    uint8_t *string_kind; /* one per string */
    uint32_t *weak_pair;  /* per string: number of its pair; NULL where there are none */
    uint64_t *weak_table; /* per pair: id of the WeakMap's table */
    uint32_t weak_pair_count;
    uint32_t weak_pair_capacity;
    uint32_t *detached_name; /* per string: the name with "Detached "; NULL if no node is */
    bool has_user_roots;

    uint64_t *sizes;     /* per node: shallow sizes; they become the retained ones */
    uint64_t *essential; /* one bit per edge */
    uint32_t *order;     /* all nodes, each after its dominator */

    plim__scratch caller; /* of the caller's lane, and of what is last */
    plim__scratch other;  /* of the other lane */

    plim_progress progress; /* called by the caller's thread only */
    atomic_bool stop;       /* some lane failed, or progress said so */
} plim__analysis_work;

/** Whether a child of the root is a root of the user's (rule 1). */
static inline bool plim__is_user_root(const plim__analysis_work *work, uint32_t node)
{
    const plim_graph *graph = work->graph;
    return graph->node_type[node] != PLIM_NODE_SYNTHETIC ||
           work->string_kind[graph->node_name[node]] == PLIM__STRING_DOM_TREES;
}

/** Size of a node whose shallow size is PLIM__SELF_OVERFLOW. */
uint64_t plim__analysis_big_shallow(const plim_analysis *analysis, uint32_t node);

/** Size of a node after the transfer to owners. */
static inline uint64_t plim__analysis_shallow(const plim_analysis *analysis, uint32_t node)
{
    if (analysis->shallow == NULL)
        return plim__graph_self(analysis->graph, node);
    uint32_t small = analysis->shallow[node];
    return small != PLIM__SELF_OVERFLOW ? small : plim__analysis_big_shallow(analysis, node);
}

/** The text of a name: a string of the graph, or one that was added. */
static inline plim_text plim__analysis_name(const plim_analysis *analysis, uint32_t name)
{
    uint32_t string_count = analysis->graph->string_count;
    return name < string_count ? plim__graph_string(analysis->graph, name)
                               : analysis->added_names[name - string_count];
}

/** Adds a name whose text stays where it is; PLIM_NONE if memory was refused. */
uint32_t plim__analysis_add_name(plim_analysis *analysis, plim_text text);

/* The parts, in the order of the rules. All but the first two may run on either thread. */

/** strings.c: kinds, WeakMap pairs; has_user_roots. */
plim_status plim__strings_classify(plim__analysis_work *work, plim_error *err);

/** dom_state.c (rule 2): analysis->detached, work->detached_name. */
plim_status plim__dom_state_find(plim__analysis_work *work, plim_error *err);

/** page_owned.c (rule 3): one bit per node into *out_bits, NULL where no node is; caller frees. */
plim_status plim__page_owned_find(plim__analysis_work *work, uint64_t **out_bits, plim_error *err);

/** essential.c (rule 4): work->essential. */
plim_status plim__essential_find(plim__analysis_work *work, plim_error *err);

/** shallow.c (rule 5): analysis->shallow. */
plim_status plim__shallow_transfer(plim__analysis_work *work, plim_error *err);

/** distance.c (rule 6): analysis->distance. */
plim_status plim__distances_find(plim__analysis_work *work, plim_error *err);

/** dominators.c (rule 7): analysis->dominator, work->order; takes work->essential. */
plim_status plim__dominators_find(plim__analysis_work *work, plim_error *err);

/** dominators.c (rule 7): work->sizes become analysis->retained; needs the order. */
void plim__retained_sum(plim__analysis_work *work);

/** interfaces.c (rule 8): the definitions, and the name of every plain object. */
plim_status plim__interfaces_apply(plim__analysis_work *work, plim_error *err);

/** class_names.c (rule 8): the name of the class of every other node, into node_class. */
plim_status plim__class_names_find(plim__analysis_work *work, plim_error *err);

/** classes.c (rule 8): the names in node_class become classes: by string, or by place and text. */
plim_status plim__classes_find(plim__analysis_work *work, plim_error *err);

/** aggregates.c (rule 9): counts, shallow sizes and distances of the classes. */
plim_status plim__aggregates_count(plim__analysis_work *work, plim_error *err);

/** aggregates.c (rule 9): retained sizes of the classes, and the rows. */
plim_status plim__aggregates_sum(plim__analysis_work *work, plim_error *err);

/** retainers.c: edges by target. */
plim_status plim__retainers_find(plim__analysis_work *work, plim_error *err);

#endif
