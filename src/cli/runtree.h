/* SPDX-License-Identifier: MIT */
/**
 * @file runtree.h
 * @brief What plim run supervises: a tree of supervisors from a file, or N of one command.
 */
#ifndef PLIM_CLI_RUNTREE_H
#define PLIM_CLI_RUNTREE_H
#include <plimsoll/monitor.h>

#include "cli/cli.h"

enum { PLIM__RUN_CHILDREN_MAX = 1024, PLIM__RUN_PATH_BYTES = 1200 };

/** A child with what is asked of its memory. */
typedef struct plim__run_policy {
    const char *path; /* "web/worker-1"; of a child, not of a supervisor */
    plim_monitor_policy policy;
} plim__run_policy;

/** A tree that can be supervised; ended by plim__run_tree_fini(). */
typedef struct plim__run_tree {
    plim_supervisor_spec top;
    plim__run_policy policies[PLIM__RUN_CHILDREN_MAX];
    uint32_t policy_count;
    const char *worker_name; /* of the program after --; "worker" */
    bool has_lines;          /* some child's output is read and told */
    struct run_block *blocks;
    const plim_allocator *allocator;
} plim__run_tree;

/** From --tree or from the options and the program after "--". Fini on any status. */
plim_status plim__run_tree_read(plim__cli *cli, plim__run_tree *tree, plim_error *err);
void plim__run_tree_fini(plim__run_tree *tree);

#endif
