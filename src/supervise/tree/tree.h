/* SPDX-License-Identifier: MIT */
/**
 * @file tree.h
 * @brief The rules of OTP's supervisor as a machine without a system: events in, actions out.
 *
 * The machine knows neither processes nor time: whoever drives it tells what happened
 * (plim__tree_started, _exited, _request, _stop) and what time it is, and takes actions from
 * plim__tree_step() until there are none. What a driver tells is only noted; all decisions are made
 * in steps, one small step each, so nothing here calls back and nothing nests.
 * Threads: one per tree.
 */
#ifndef PLIM_SUPERVISE_TREE_H
#define PLIM_SUPERVISE_TREE_H
#include <plimsoll/supervisor.h>

/** A tree; ended by plim__tree_destroy(). */
typedef struct plim__tree plim__tree;

#define PLIM__TREE_NONE UINT32_MAX

/** How a start went. */
typedef enum plim__tree_result {
    PLIM__TREE_OK = 1,
    PLIM__TREE_IGNORE, /* there is no process this time, and that is no failure */
    PLIM__TREE_FAILED
} plim__tree_result;

/** What the driver is to do, or to tell. `node` is an index that stays for the child's life. */
typedef enum plim__tree_action_kind {
    PLIM__TREE_START = 1,   /* start the process; plim__tree_started() must follow */
    PLIM__TREE_ASK,         /* ask it to end; plim__tree_exited() must follow some day */
    PLIM__TREE_KILL,        /* kill it: of a start under way: a FAILED must follow */
    PLIM__TREE_SUP_STARTED, /* told: a supervisor with all its children is up */
    PLIM__TREE_SUP_EXITED,  /* told: with `reason` */
    PLIM__TREE_SUP_FAILED,  /* told: a supervisor could not be started */
    PLIM__TREE_RESTARTING,  /* told: the end, or failed start, of `node` was counted */
    PLIM__TREE_RETRY,       /* told: `node` failed to start; again in `delay_ns` */
    PLIM__TREE_GAVE_UP,     /* told: of `node`, a supervisor; `other` was the last straw */
    PLIM__TREE_RECYCLING,   /* told: `node` will be asked to end, for `why` */
    PLIM__TREE_REPLY,       /* told: request `request` came to `status`; `node`: the child */
    PLIM__TREE_FREED,       /* told: `node` means nothing any more */
    PLIM__TREE_ENDED        /* told: of the whole, with `reason`; `status` */
} plim__tree_action_kind;

typedef struct plim__tree_action {
    plim__tree_action_kind kind;
    uint32_t node, other;
    plim_exit_reason reason;
    plim_why why;
    plim_status status;
    uint64_t request, delay_ns;
} plim__tree_action;

/** As plim_supervisor_check(). */
plim_status plim__tree_check(const plim_supervisor_spec *spec, plim_error *err);

/** As plim_supervisor_check(), for one child that is to be added under `parent`. */
plim_status plim__tree_check_child(const plim__tree *tree, uint32_t parent,
                                   const plim_child_spec *spec, plim_error *err);

typedef struct plim__tree_options {
    const plim_allocator *allocator;
    uint32_t dynamic_max, request_max;
    uint64_t seed; /* of the jitter */
} plim__tree_options;

/** Pre: plim__tree_check() said PLIM_OK. Calls `each` with every specification and its node; the
    top has none. Post: all memory is taken. */
plim_status plim__tree_create(const plim_supervisor_spec *spec, const plim__tree_options *options,
                              void (*each)(void *ctx, uint32_t node, const plim_child_spec *spec),
                              void *ctx, plim__tree **out_tree, plim_error *err);
void plim__tree_destroy(plim__tree **tree);

/** Nodes there can be: indexes are below it. */
uint32_t plim__tree_node_max(const plim__tree *tree);

/** Begins to start the top. Pre: it does not run. */
void plim__tree_start(plim__tree *tree);
/** Asks the top to end; kill: at once, without order. */
void plim__tree_stop(plim__tree *tree, bool kill);

/** What came of a START. Ignored unless the node is starting. */
void plim__tree_started(plim__tree *tree, uint32_t node, plim__tree_result result);
/** The process of a node that had started is gone. Ignored unless it runs or is stopping. */
void plim__tree_exited(plim__tree *tree, uint32_t node, plim_exit_reason reason);

/** The next action at `now_ns`; false: there is nothing to do before plim__tree_deadline(). */
bool plim__tree_step(plim__tree *tree, uint64_t now_ns, plim__tree_action *out_action);
/** When to step again though nothing was told; UINT64_MAX: never. */
uint64_t plim__tree_deadline(const plim__tree *tree);

/** A node for one more child of `parent`, and the request to start it. */
plim_status plim__tree_add(plim__tree *tree, uint32_t parent, const plim_child_spec *spec,
                           uint64_t request, uint32_t *out_node);
/** Takes the request of a plim__tree_add() back that was just made. */
void plim__tree_cancel(plim__tree *tree, uint32_t node);
/** Any other request. */
plim_status plim__tree_ask(plim__tree *tree, uint32_t node, plim_child_request what, plim_why why,
                           uint64_t request);

/* Reading. */
plim_child plim__tree_child(const plim__tree *tree, uint32_t node);
/** PLIM__TREE_NONE: it is stale. */
uint32_t plim__tree_node(const plim__tree *tree, plim_child child);
uint32_t plim__tree_parent(const plim__tree *tree, uint32_t node);
bool plim__tree_is_supervisor(const plim__tree *tree, uint32_t node);
plim_strategy plim__tree_strategy(const plim__tree *tree, uint32_t node);
const char *plim__tree_id(const plim__tree *tree, uint32_t node);
plim_child_state plim__tree_state(const plim__tree *tree, uint32_t node);
plim_restart plim__tree_restart(const plim__tree *tree, uint32_t node);
/** The first child of a supervisor (after == PLIM__TREE_NONE), or the one after it. */
uint32_t plim__tree_next(const plim__tree *tree, uint32_t parent, uint32_t after);
void plim__tree_count(const plim__tree *tree, uint32_t parent, plim_child_counts *out_counts);
/** The one specification of a PLIM_SIMPLE_ONE_FOR_ONE. */
uint32_t plim__tree_template(const plim__tree *tree, uint32_t parent);

#endif
