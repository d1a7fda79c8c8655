/* SPDX-License-Identifier: MIT */
/*
 * Requests of those who use a tree, and what they may see of it. A request is mail like any other:
 * it is looked at when its supervisor has finished what it is doing.
 */
#include "base/assert.h"
#include "supervise/tree/parts.h"

static tree_sup *ask_sup(const plim__tree *tree, uint32_t node)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    PLIM_CHECK(node < tree->node_count && tree->nodes[node].sup != TREE_NIL);
    return &tree->sups[tree->nodes[node].sup];
}

static plim_status ask_post(plim__tree *tree, uint32_t sup, tree_request request)
{
    if (tree->sups[sup].op == TREE_DOWN || tree->sups[sup].op == TREE_DRAIN)
        return PLIM_ERR_GONE;
    uint32_t at = tree->request_free;
    if (at == TREE_NIL)
        return PLIM_ERR_LIMIT;
    tree->request_free = tree->requests[at].next_free;
    request.generation = tree->nodes[request.node].generation;
    tree->requests[at] = request;
    plim__tree_post(tree, sup, tree->node_count * TREE_MAIL_KINDS + at);
    return PLIM_OK;
}

plim_status plim__tree_add(plim__tree *tree, uint32_t parent, const plim_child_spec *spec,
                           uint64_t request, uint32_t *out_node)
{
    tree_sup *sup = ask_sup(tree, parent);
    uint32_t at = tree->free_first;
    if (at == TREE_NIL)
        return PLIM_ERR_LIMIT;
    tree_node *node = &tree->nodes[at];
    uint32_t next_free = node->next, generation = node->generation;
    const tree_node *from = tree_is_simple(sup) ? &tree->nodes[sup->static_first] : node;
    *node = *from;
    if (!tree_is_simple(sup))
        plim__tree_node_set(node, spec);
    node->generation = generation;
    node->parent = parent;
    node->prev = node->next = TREE_NIL;
    node->is_dynamic = true;
    node->is_free = node->is_linked = false;
    node->state = PLIM_CHILD_STOPPED;
    node->failures = 0;
    plim_status status =
        ask_post(tree, tree->nodes[parent].sup, (tree_request){.node = at, .request = request});
    if (status != PLIM_OK) {
        node->is_free = true;
        node->next = next_free;
        return status;
    }
    tree->free_first = next_free;
    *out_node = at;
    return PLIM_OK;
}

void plim__tree_cancel(plim__tree *tree, uint32_t node)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    tree_node *it = &tree->nodes[node];
    uint32_t sup = tree->nodes[it->parent].sup, cell = tree->sups[sup].mail_last;
    uint32_t at = cell - tree->node_count * TREE_MAIL_KINDS;
    PLIM_CHECK(cell != TREE_NIL && at < tree->request_count && tree->requests[at].node == node);
    plim__tree_unpost(tree, sup, cell);
    tree->requests[at].next_free = tree->request_free;
    tree->request_free = at;
    it->is_free = true;
    it->generation++;
    it->parent = TREE_NIL;
    it->next = tree->free_first;
    tree->free_first = node;
}

plim_status plim__tree_ask(plim__tree *tree, uint32_t node, plim_child_request what, plim_why why,
                           uint64_t request)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    PLIM_CHECK(node > 0 && node < tree->node_count && !tree->nodes[node].is_free);
    tree_request it = {.node = node, .what = what, .why = why, .request = request};
    return ask_post(tree, tree->nodes[tree->nodes[node].parent].sup, it);
}

uint32_t plim__tree_node_max(const plim__tree *tree)
{
    return tree->node_count;
}

uint64_t plim__tree_deadline(const plim__tree *tree)
{
    return tree->timer_soonest;
}

plim_child plim__tree_child(const plim__tree *tree, uint32_t node)
{
    if (node == TREE_NIL)
        return PLIM_CHILD_NONE;
    PLIM_CHECK(node < tree->node_count);
    return (uint64_t)tree->nodes[node].generation << 32 | ((uint64_t)node + 1);
}

uint32_t plim__tree_node(const plim__tree *tree, plim_child child)
{
    uint32_t low = (uint32_t)child;
    if (low == 0 || low > tree->node_count)
        return TREE_NIL;
    const tree_node *node = &tree->nodes[low - 1];
    return node->is_free || node->generation != (uint32_t)(child >> 32) ? TREE_NIL : low - 1;
}

uint32_t plim__tree_parent(const plim__tree *tree, uint32_t node)
{
    return tree->nodes[node].parent;
}

bool plim__tree_is_supervisor(const plim__tree *tree, uint32_t node)
{
    return tree->nodes[node].sup != TREE_NIL;
}

plim_strategy plim__tree_strategy(const plim__tree *tree, uint32_t node)
{
    return ask_sup(tree, node)->strategy;
}

uint32_t plim__tree_template(const plim__tree *tree, uint32_t parent)
{
    return ask_sup(tree, parent)->static_first;
}

const char *plim__tree_id(const plim__tree *tree, uint32_t node)
{
    return tree->nodes[node].id;
}

plim_restart plim__tree_restart(const plim__tree *tree, uint32_t node)
{
    return tree->nodes[node].restart;
}

plim_child_state plim__tree_state(const plim__tree *tree, uint32_t node)
{
    const tree_node *it = &tree->nodes[node];
    if (it->parent != TREE_NIL && ask_sup(tree, it->parent)->op == TREE_DOWN)
        return PLIM_CHILD_STOPPED;
    return it->state;
}

uint32_t plim__tree_next(const plim__tree *tree, uint32_t parent, uint32_t after)
{
    return after == TREE_NIL ? ask_sup(tree, parent)->first : tree->nodes[after].next;
}

void plim__tree_count(const plim__tree *tree, uint32_t parent, plim_child_counts *out_counts)
{
    const tree_sup *sup = ask_sup(tree, parent);
    plim_child_counts counts = {.specs = tree_is_simple(sup) ? 1 : sup->child_count};
    for (uint32_t i = sup->first; i != TREE_NIL; i = tree->nodes[i].next) {
        const tree_node *node = &tree->nodes[i];
        if (sup->op != TREE_DOWN && tree_is_alive(node) && node->state != PLIM_CHILD_STARTING)
            counts.active++;
        if (node->sup != TREE_NIL)
            counts.supervisors++;
        else
            counts.workers++;
    }
    *out_counts = counts;
}
