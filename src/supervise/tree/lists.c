/* SPDX-License-Identifier: MIT */
/*
 * The tree's lists: siblings, mail, who is ready, timers. All are threaded through arrays, so none
 * of them can want memory.
 */
#include "base/assert.h"
#include "supervise/tree/parts.h"

void plim__tree_emit(plim__tree *tree, plim__tree_action action)
{
    PLIM_CHECK(tree->out_count < TREE_OUT_MAX);
    tree->out[(tree->out_first + tree->out_count++) % TREE_OUT_MAX] = action;
}

void plim__tree_make_ready(plim__tree *tree, uint32_t index)
{
    tree_sup *sup = &tree->sups[index];
    if (sup->is_ready)
        return;
    sup->is_ready = true;
    sup->ready_next = TREE_NIL;
    if (tree->ready_last == TREE_NIL)
        tree->ready_first = index;
    else
        tree->sups[tree->ready_last].ready_next = index;
    tree->ready_last = index;
}

static bool lists_is_posted(const plim__tree *tree, const tree_sup *sup, uint32_t cell)
{
    return tree->mail_prev[cell] != TREE_NIL || sup->mail_first == cell;
}

void plim__tree_post(plim__tree *tree, uint32_t index, uint32_t cell)
{
    tree_sup *sup = &tree->sups[index];
    if (lists_is_posted(tree, sup, cell))
        return;
    tree->mail_prev[cell] = sup->mail_last;
    tree->mail_next[cell] = TREE_NIL;
    if (sup->mail_last == TREE_NIL)
        sup->mail_first = cell;
    else
        tree->mail_next[sup->mail_last] = cell;
    sup->mail_last = cell;
    plim__tree_make_ready(tree, index);
}

void plim__tree_unpost(plim__tree *tree, uint32_t index, uint32_t cell)
{
    tree_sup *sup = &tree->sups[index];
    if (!lists_is_posted(tree, sup, cell))
        return;
    uint32_t prev = tree->mail_prev[cell], next = tree->mail_next[cell];
    if (prev == TREE_NIL)
        sup->mail_first = next;
    else
        tree->mail_next[prev] = next;
    if (next == TREE_NIL)
        sup->mail_last = prev;
    else
        tree->mail_prev[next] = prev;
    tree->mail_prev[cell] = tree->mail_next[cell] = TREE_NIL;
}

/* at_ns UINT64_MAX: no timer. */
void plim__tree_timer(plim__tree *tree, uint32_t index, uint64_t at_ns)
{
    tree_node *node = &tree->nodes[index];
    if (node->timer_ns != UINT64_MAX && at_ns == UINT64_MAX) {
        if (node->timer_prev == TREE_NIL)
            tree->timer_first = node->timer_next;
        else
            tree->nodes[node->timer_prev].timer_next = node->timer_next;
        if (node->timer_next != TREE_NIL)
            tree->nodes[node->timer_next].timer_prev = node->timer_prev;
        node->timer_prev = node->timer_next = TREE_NIL;
    } else if (node->timer_ns == UINT64_MAX && at_ns != UINT64_MAX) {
        node->timer_prev = TREE_NIL;
        node->timer_next = tree->timer_first;
        if (tree->timer_first != TREE_NIL)
            tree->nodes[tree->timer_first].timer_prev = index;
        tree->timer_first = index;
    }
    node->timer_ns = at_ns;
    if (tree->timer_first == TREE_NIL)
        tree->timer_soonest = UINT64_MAX;
    else if (at_ns < tree->timer_soonest)
        tree->timer_soonest = at_ns;
}

void plim__tree_link(plim__tree *tree, uint32_t index)
{
    tree_node *node = &tree->nodes[index];
    PLIM_CHECK(!node->is_linked && !node->is_free && node->parent != TREE_NIL);
    tree_sup *sup = &tree->sups[tree->nodes[node->parent].sup];
    node->prev = sup->last;
    node->next = TREE_NIL;
    if (sup->last == TREE_NIL)
        sup->first = index;
    else
        tree->nodes[sup->last].next = index;
    sup->last = index;
    sup->child_count++;
    node->is_linked = true;
}

static void lists_unlink(plim__tree *tree, uint32_t index)
{
    tree_node *node = &tree->nodes[index];
    PLIM_CHECK(node->is_linked && !tree_is_alive(node));
    uint32_t sup_index = tree->nodes[node->parent].sup;
    tree_sup *sup = &tree->sups[sup_index];
    plim__tree_timer(tree, index, UINT64_MAX);
    plim__tree_unpost(tree, sup_index, tree_cell(index, TREE_MAIL_EXIT));
    plim__tree_unpost(tree, sup_index, tree_cell(index, TREE_MAIL_TRY));
    if (node->prev == TREE_NIL)
        sup->first = node->next;
    else
        tree->nodes[node->prev].next = node->next;
    if (node->next == TREE_NIL)
        sup->last = node->prev;
    else
        tree->nodes[node->next].prev = node->prev;
    node->prev = node->next = TREE_NIL;
    sup->child_count--;
    node->is_linked = false;
    node->has_exited = false;
    node->state = PLIM_CHILD_STOPPED;
}

void plim__tree_remove(plim__tree *tree, uint32_t index)
{
    tree_node *node = &tree->nodes[index];
    if (node->is_linked)
        lists_unlink(tree, index);
    if (!node->is_dynamic || node->is_free)
        return;
    node->is_free = true;
    node->generation++;
    node->parent = TREE_NIL;
    node->next = tree->free_first;
    tree->free_first = index;
    plim__tree_emit(tree, (plim__tree_action){.kind = PLIM__TREE_FREED, .node = index});
}
