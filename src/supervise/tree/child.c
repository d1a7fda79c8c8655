/* SPDX-License-Identifier: MIT */
/* One child of a supervisor: how it is started, asked to end, killed, and what is left of it. Every
   decision to do so is taken elsewhere (step.c, told.c). */
#include "base/assert.h"
#include "supervise/tree/parts.h"

void plim__tree_tell(plim__tree *tree, plim__tree_action_kind kind, uint32_t node)
{
    plim__tree_emit(tree, (plim__tree_action){.kind = kind, .node = node});
}

void plim__tree_begin(plim__tree *tree, tree_sup *sup, uint32_t index, uint64_t now_ns)
{
    tree_node *node = &tree->nodes[index];
    PLIM_CHECK(!tree_is_alive(node) && node->is_linked);
    node->state = PLIM_CHILD_STARTING;
    node->result = 0;
    node->has_exited = node->is_asked = node->is_killed = node->is_recycled = false;
    node->why = PLIM_WHY_NONE;
    sup->alive++;
    sup->cursor = index;
    sup->is_waiting = true;
    if (node->sup != TREE_NIL) {
        tree_sup *below = &tree->sups[node->sup];
        PLIM_CHECK(below->op == TREE_DOWN);
        below->op = TREE_INIT;
        below->is_new = true;
        below->is_up = below->is_stop_wanted = below->is_kill_wanted = false;
        plim__tree_make_ready(tree, node->sup);
        return;
    }
    uint64_t limit = node->start_timeout_ns;
    plim__tree_timer(tree, index, limit == 0 ? UINT64_MAX : now_ns + limit);
    plim__tree_tell(tree, PLIM__TREE_START, index);
}

void plim__tree_kill(plim__tree *tree, uint32_t index, plim_why why)
{
    tree_node *node = &tree->nodes[index];
    if (node->is_killed)
        return;
    node->is_killed = true;
    if (node->sup != TREE_NIL) {
        tree->sups[node->sup].is_kill_wanted = true;
        plim__tree_make_ready(tree, node->sup);
        return;
    }
    plim__tree_emit(tree, (plim__tree_action){.kind = PLIM__TREE_KILL, .node = index, .why = why});
}

/* A start that is under way, of a process or of a supervisor, is broken off. */
void plim__tree_break_off(plim__tree *tree, uint32_t index)
{
    tree_node *node = &tree->nodes[index];
    if (node->sup == TREE_NIL) {
        plim__tree_kill(tree, index, PLIM_WHY_STOPPED);
        return;
    }
    tree->sups[node->sup].is_stop_wanted = true;
    plim__tree_make_ready(tree, node->sup);
}

/* Asks it to end, with its timer. */
void plim__tree_ask_end(plim__tree *tree, uint32_t index, plim_why why, uint64_t now_ns)
{
    tree_node *node = &tree->nodes[index];
    if (node->shutdown_ns == PLIM_SHUTDOWN_KILL) {
        plim__tree_kill(tree, index, why);
        return;
    }
    if (node->is_asked)
        return; /* a recycled one: its timer runs */
    node->is_asked = true;
    if (node->shutdown_ns != PLIM_SHUTDOWN_INFINITY)
        plim__tree_timer(tree, index, now_ns + node->shutdown_ns);
    if (node->sup != TREE_NIL) {
        tree->sups[node->sup].is_stop_wanted = true;
        plim__tree_make_ready(tree, node->sup);
        return;
    }
    plim__tree_emit(tree, (plim__tree_action){.kind = PLIM__TREE_ASK, .node = index, .why = why});
}

/* Begins to stop a child; false: it does not run, and is stopped. */
bool plim__tree_stop_child(plim__tree *tree, tree_sup *sup, uint32_t index, plim_why why,
                           uint64_t now_ns)
{
    tree_node *node = &tree->nodes[index];
    if (!tree_is_alive(node)) {
        if (node->has_exited)
            plim__tree_unpost(tree, tree_sup_index(tree, sup), tree_cell(index, TREE_MAIL_EXIT));
        plim__tree_timer(tree, index, UINT64_MAX);
        node->has_exited = false;
        node->state = PLIM_CHILD_STOPPED;
        return false;
    }
    PLIM_CHECK(node->state == PLIM_CHILD_RUNNING);
    node->state = PLIM_CHILD_STOPPING;
    node->why = why;
    node->is_recycled = false;
    sup->cursor = index;
    sup->is_waiting = true;
    plim__tree_ask_end(tree, index, why, now_ns);
    return true;
}

/* What a child is after it ended for good: stopped, or gone (OTP's del_child). */
void plim__tree_forget(plim__tree *tree, const tree_sup *sup, uint32_t index)
{
    tree_node *node = &tree->nodes[index];
    if (node->restart == PLIM_TEMPORARY || tree_is_simple(sup))
        plim__tree_remove(tree, index);
    else
        node->state = PLIM_CHILD_STOPPED;
}
