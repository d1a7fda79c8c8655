/* SPDX-License-Identifier: MIT */
/* What the driver tells of processes is noted where step.c will look for it; a supervisor that ends
   or is up tells its parent in the same way. */
#include "base/assert.h"
#include "supervise/tree/parts.h"

void plim__tree_started(plim__tree *tree, uint32_t index, plim__tree_result result)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    PLIM_CHECK(index < tree->node_count && result != 0);
    tree_node *node = &tree->nodes[index];
    tree_sup *parent = tree_parent(tree, index);
    if (parent == NULL || node->state != PLIM_CHILD_STARTING || node->result != 0)
        return;
    bool is_awaited = parent->is_waiting && parent->cursor == index;
    if (is_awaited) {
        node->result = result;
    } else if (result == PLIM__TREE_OK) { /* its supervisor is being killed: so is it */
        node->state = PLIM_CHILD_STOPPING;
        node->is_killed = false;
        plim__tree_kill(tree, index, PLIM_WHY_STOPPED);
    } else {
        parent->alive--;
        node->state = PLIM_CHILD_STOPPED;
    }
    plim__tree_make_ready(tree, tree_sup_index(tree, parent));
}

void plim__tree_exited(plim__tree *tree, uint32_t index, plim_exit_reason reason)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    PLIM_CHECK(index < tree->node_count);
    tree_node *node = &tree->nodes[index];
    tree_sup *parent = tree_parent(tree, index);
    if (parent == NULL || !tree_is_alive(node))
        return;
    if (node->state == PLIM_CHILD_STARTING && node->result != PLIM__TREE_OK)
        return;
    node->has_exited = true;
    node->reason = reason;
    parent->alive--;
    uint32_t sup = tree_sup_index(tree, parent);
    if (node->state == PLIM_CHILD_STOPPING)
        plim__tree_make_ready(tree, sup);
    else
        plim__tree_post(tree, sup, tree_cell(index, TREE_MAIL_EXIT));
}

void plim__tree_start(plim__tree *tree)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    tree_sup *top = &tree->sups[0];
    PLIM_CHECK(top->op == TREE_DOWN);
    top->op = TREE_INIT;
    top->is_new = true;
    tree->nodes[0].state = PLIM_CHILD_STARTING;
    plim__tree_make_ready(tree, 0);
}

void plim__tree_stop(plim__tree *tree, bool kill)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    tree_sup *top = &tree->sups[0];
    if (top->op == TREE_DOWN)
        return;
    top->is_stop_wanted = true;
    top->is_kill_wanted |= kill;
    plim__tree_make_ready(tree, 0);
}
