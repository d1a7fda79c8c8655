/* SPDX-License-Identifier: MIT */
/**
 * @file parts.h
 * @brief What the tree's files share: nodes, supervisors, mail, timers.
 */
#ifndef PLIM_SUPERVISE_TREE_PARTS_H
#define PLIM_SUPERVISE_TREE_PARTS_H
#include "base/limits.h"
#include "supervise/tree/tree.h"

#define TREE_NIL PLIM__TREE_NONE
enum { TREE_OUT_MAX = 4, TREE_MAGIC = 0x7ee50b0e };

/* What a supervisor is in the middle of; it looks at its mail only in TREE_IDLE. */
typedef enum tree_op {
    TREE_DOWN = 0,
    TREE_INIT,      /* starts its children, in order */
    TREE_INIT_UNDO, /* one did not start: stops those before it */
    TREE_IDLE,
    TREE_START_ONE,    /* waits for a restart */
    TREE_STOP_RANGE,   /* stops those that are to be restarted with another */
    TREE_START_RANGE,  /* starts them again */
    TREE_ADD,          /* waits for the start of a new child, or of one that was stopped */
    TREE_REMOVE,       /* waits for the end of one that was asked to be stopped */
    TREE_STOP,         /* stops all, the last first */
    TREE_STOP_AT_ONCE, /* a simple one: asks all, then waits for all */
    TREE_KILL_ALL,
    TREE_DRAIN /* answers who still waits for an answer */
} tree_op;

/* Mail: each node has a cell of each kind, so posting cannot fail. */
typedef enum tree_mail { TREE_MAIL_EXIT = 0, TREE_MAIL_TRY, TREE_MAIL_KINDS } tree_mail;

typedef struct tree_node {
    uint32_t generation;
    uint32_t parent, prev, next; /* siblings, in the order of starts; also the list of the free */
    uint32_t sup;                /* index of a supervisor, or NIL */
    uint32_t timer_prev, timer_next;
    uint32_t failures; /* starts that failed in a row */
    uint64_t timer_ns; /* UINT64_MAX: none runs */
    uint64_t shutdown_ns, start_timeout_ns;
    plim_backoff backoff;
    plim_restart restart;
    plim_child_state state;
    plim_exit_reason reason;  /* with has_exited */
    plim__tree_result result; /* 0: not yet */
    plim_why why;             /* it was asked to end for */
    bool is_significant, is_supervisor, is_dynamic, is_linked, is_free;
    bool has_exited, is_asked, is_killed, is_recycled;
    char id[PLIM_CHILD_ID_BYTES];
} tree_node;

typedef struct tree_sup {
    uint32_t node, first, last; /* children, in the order of starts */
    uint32_t static_first, static_count;
    uint32_t child_count, alive; /* alive: starting, running or stopping, and not told to be gone */
    uint32_t ready_next, mail_first, mail_last;
    uint32_t cursor, origin; /* of op; origin: first of the range */
    uint32_t *restarts;      /* seconds, a ring of intensity + 1 */
    uint32_t restart_first, restart_count;
    uint32_t intensity, period_s;
    uint64_t request; /* of op ADD and REMOVE; 0: nobody asked */
    plim_strategy strategy;
    plim_auto_shutdown auto_shutdown;
    tree_op op;
    plim_exit_reason reason; /* it will end with */
    bool is_ready, is_up, is_stop_wanted, is_kill_wanted, is_waiting, is_new;
    bool has_given_up;
} tree_sup;

typedef struct tree_request {
    uint32_t node, generation, next_free;
    plim_child_request what; /* 0: start a new one */
    plim_why why;
    uint64_t request;
} tree_request;

struct plim__tree {
    uint32_t magic;
    plim_allocator allocator;
    tree_node *nodes;
    uint32_t node_count, static_count, free_first;
    tree_sup *sups;
    uint32_t sup_count;
    uint32_t *restarts; /* of all supervisors */
    size_t restart_total;
    tree_request *requests;
    uint32_t request_count, request_free;
    uint32_t *mail_next, *mail_prev;
    uint32_t mail_count;
    uint32_t ready_first, ready_last;
    uint32_t timer_first;
    uint64_t timer_soonest; /* no timer ends before it */
    uint64_t random;
    plim__tree_action out[TREE_OUT_MAX];
    uint32_t out_first, out_count;
};

void plim__tree_emit(plim__tree *tree, plim__tree_action action);
void plim__tree_make_ready(plim__tree *tree, uint32_t sup);
void plim__tree_post(plim__tree *tree, uint32_t sup, uint32_t cell);
void plim__tree_unpost(plim__tree *tree, uint32_t sup, uint32_t cell);
void plim__tree_timer(plim__tree *tree, uint32_t node, uint64_t at_ns);
void plim__tree_link(plim__tree *tree, uint32_t node);
/** Unlinks; a dynamic one is free afterwards. */
void plim__tree_remove(plim__tree *tree, uint32_t node);
void plim__tree_node_set(tree_node *node, const plim_child_spec *spec);

/* child.c. A supervisor waits for a start or an end that it has begun: its cursor is there. */

/** An action that names a node and nothing else. */
void plim__tree_tell(plim__tree *tree, plim__tree_action_kind kind, uint32_t node);
/** Starts a child that does not run. */
void plim__tree_begin(plim__tree *tree, tree_sup *sup, uint32_t node, uint64_t now_ns);
void plim__tree_kill(plim__tree *tree, uint32_t node, plim_why why);
/** A start that is under way, of a process or of a supervisor, is broken off. */
void plim__tree_break_off(plim__tree *tree, uint32_t node);
/** Asks it to end, with its timer; kills it where that is its way. */
void plim__tree_ask_end(plim__tree *tree, uint32_t node, plim_why why, uint64_t now_ns);
/** Begins to stop a child; false: it does not run, and is stopped. */
bool plim__tree_stop_child(plim__tree *tree, tree_sup *sup, uint32_t node, plim_why why,
                           uint64_t now_ns);
/** What a child is after it ended for good: stopped, or gone (OTP's del_child). */
void plim__tree_forget(plim__tree *tree, const tree_sup *sup, uint32_t node);

/* The supervisor above; NULL: it is the top. */
static inline tree_sup *tree_parent(plim__tree *tree, uint32_t node)
{
    uint32_t parent = tree->nodes[node].parent;
    return parent == TREE_NIL ? NULL : &tree->sups[tree->nodes[parent].sup];
}

static inline uint32_t tree_sup_index(const plim__tree *tree, const tree_sup *sup)
{
    return (uint32_t)(sup - tree->sups);
}

static inline uint32_t tree_cell(uint32_t node, tree_mail kind)
{
    return node * (uint32_t)TREE_MAIL_KINDS + (uint32_t)kind;
}

/* It has a process, or one is under way. */
static inline bool tree_is_alive(const tree_node *node)
{
    return (node->state == PLIM_CHILD_STARTING || node->state == PLIM_CHILD_RUNNING ||
            node->state == PLIM_CHILD_STOPPING) &&
           !node->has_exited;
}

static inline bool tree_is_simple(const tree_sup *sup)
{
    return sup->strategy == PLIM_SIMPLE_ONE_FOR_ONE;
}

#endif
