/* SPDX-License-Identifier: MIT */
/*
 * What a supervisor does, one small step at a time.
 *
 *   DOWN -> INIT            its parent starts it
 *   INIT -> IDLE            all children are started
 *   INIT -> INIT_UNDO       one was not                       INIT_UNDO -> DRAIN -> DOWN
 *   IDLE -> START_ONE       one is to be started again        START_ONE -> IDLE
 *   IDLE -> STOP_RANGE      others fall with it               STOP_RANGE -> START_RANGE -> IDLE
 *   IDLE -> ADD, REMOVE     somebody asked                    ADD, REMOVE -> IDLE
 *   IDLE -> STOP(_AT_ONCE)  it is to end                      STOP(_AT_ONCE) -> DRAIN -> DOWN
 *   any  -> KILL_ALL        it is killed                      KILL_ALL -> DRAIN -> DOWN
 *
 * Invariants
 * T1  While a supervisor waits (is_waiting) for its cursor's start or end, its mail is not looked
 *     at: as OTP's, which is blocked then.
 * T2  A child that has ended by itself has has_exited and a mail, until the mail is read, or the
 *     child is stopped with others: then its end counts for nothing.
 * T3  `alive` is the number of children for which tree_is_alive().
 * T4  At most TREE_OUT_MAX actions come of one step.
 * T5  A step tells at most one child to start or to end.
 *
 * Beyond OTP, and only in these places: a stop does not wait for a start that is under way (it is
 * broken off) nor for restarts of what has ended before it; the second of two pending retries of
 * one child is dropped, since the first does what it would do.
 */
#include "base/assert.h"
#include "base/random.h"
#include "base/text.h"
#include "supervise/tree/parts.h"

static void step_reply(plim__tree *tree, uint64_t request, plim_status status, uint32_t node)
{
    plim__tree_emit(
        tree, (plim__tree_action){
                  .kind = PLIM__TREE_REPLY, .node = node, .status = status, .request = request});
}

/* --- how a supervisor ends --- */

static void step_stop(plim__tree *tree, tree_sup *sup, plim_exit_reason reason)
{
    sup->op = tree_is_simple(sup) ? TREE_STOP_AT_ONCE : TREE_STOP;
    sup->reason = reason;
    sup->is_waiting = false;
    sup->cursor = tree_is_simple(sup) ? sup->first : sup->last;
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
}

static void step_finish(plim__tree *tree, tree_sup *sup)
{
    uint32_t index = sup->node;
    bool was_up = sup->is_up;
    PLIM_CHECK(sup->alive == 0);
    sup->op = TREE_DOWN;
    sup->is_up = sup->is_stop_wanted = sup->is_kill_wanted = sup->is_waiting = false;
    plim__tree_emit(
        tree, (plim__tree_action){.kind = was_up ? PLIM__TREE_SUP_EXITED : PLIM__TREE_SUP_FAILED,
                                  .node = index,
                                  .reason = sup->reason});
    if (index == 0) {
        plim_status status = PLIM_OK;
        if (!was_up)
            status = PLIM_ERR_REFUSED;
        else if (sup->has_given_up)
            status = PLIM_ERR_LIMIT;
        tree->nodes[0].state = PLIM_CHILD_STOPPED;
        plim__tree_emit(
            tree,
            (plim__tree_action){.kind = PLIM__TREE_ENDED, .reason = sup->reason, .status = status});
        return;
    }
    if (was_up)
        plim__tree_exited(tree, index, sup->reason);
    else
        plim__tree_started(tree, index, PLIM__TREE_FAILED);
}

/* Whoever waits for an answer gets one; then it is down. One per step. */
static void step_drain(plim__tree *tree, tree_sup *sup)
{
    uint32_t self = tree_sup_index(tree, sup), cell = sup->mail_first;
    uint32_t requests_from = tree->node_count * TREE_MAIL_KINDS;
    if (cell == TREE_NIL) {
        step_finish(tree, sup);
        return;
    }
    plim__tree_unpost(tree, self, cell);
    plim__tree_make_ready(tree, self);
    if (cell < requests_from)
        return;
    tree_request *request = &tree->requests[cell - requests_from];
    step_reply(tree, request->request, PLIM_ERR_GONE, TREE_NIL);
    if (request->what == 0 && tree->nodes[request->node].generation == request->generation)
        plim__tree_remove(tree, request->node);
    request->next_free = tree->request_free;
    tree->request_free = cell - requests_from;
}

/* --- restarts --- */

/* Whole seconds, both ends included, as OTP counts. False: too many. */
static bool step_count_restart(tree_sup *sup, uint64_t now_ns)
{
    uint32_t size = sup->intensity + 1, now = (uint32_t)(now_ns / 1000000000u);
    while (sup->restart_count > 0 &&
           (uint64_t)sup->restarts[sup->restart_first] + sup->period_s < now) {
        sup->restart_first = (sup->restart_first + 1) % size;
        sup->restart_count--;
    }
    PLIM_CHECK(sup->restart_count < size);
    sup->restarts[(sup->restart_first + sup->restart_count) % size] = now;
    sup->restart_count++;
    return sup->restart_count <= sup->intensity;
}

/* The child's end, or failed start, is answered by a restart, or by giving up. */
static void step_restart(plim__tree *tree, tree_sup *sup, uint32_t index, uint64_t now_ns)
{
    if (!step_count_restart(sup, now_ns)) {
        plim__tree_emit(tree, (plim__tree_action){
                                  .kind = PLIM__TREE_GAVE_UP, .node = sup->node, .other = index});
        sup->has_given_up = true;
        plim__tree_forget(tree, sup, index);
        step_stop(tree, sup, PLIM_EXIT_SHUTDOWN);
        return;
    }
    plim__tree_tell(tree, PLIM__TREE_RESTARTING, index);
    if (sup->strategy == PLIM_ONE_FOR_ONE || sup->strategy == PLIM_SIMPLE_ONE_FOR_ONE) {
        sup->op = TREE_START_ONE;
        plim__tree_begin(tree, sup, index, now_ns);
        return;
    }
    tree->nodes[index].state = PLIM_CHILD_STOPPED;
    sup->op = TREE_STOP_RANGE;
    sup->origin = sup->strategy == PLIM_ONE_FOR_ALL ? TREE_NIL : index;
    sup->cursor = sup->last;
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
}

static bool step_has_significant(const plim__tree *tree, const tree_sup *sup)
{
    if (tree_is_simple(sup))
        return sup->child_count > 0;
    for (uint32_t i = sup->first; i != TREE_NIL; i = tree->nodes[i].next) {
        if (tree->nodes[i].is_significant && tree->nodes[i].state != PLIM_CHILD_STOPPED)
            return true;
    }
    return false;
}

/* It ended, and is not restarted. */
static void step_let_go(plim__tree *tree, tree_sup *sup, uint32_t index)
{
    bool is_significant = tree->nodes[index].is_significant;
    plim__tree_forget(tree, sup, index);
    if (!is_significant || sup->auto_shutdown == PLIM_AUTO_NEVER)
        return;
    if (sup->auto_shutdown == PLIM_AUTO_ANY_SIGNIFICANT || !step_has_significant(tree, sup))
        step_stop(tree, sup, PLIM_EXIT_SHUTDOWN);
}

/* The end of a child, from the mail (OTP's do_restart). */
static void step_exit(plim__tree *tree, tree_sup *sup, uint32_t index, uint64_t now_ns)
{
    tree_node *node = &tree->nodes[index];
    PLIM_CHECK(node->has_exited);
    node->has_exited = false;
    node->state = PLIM_CHILD_STOPPED;
    plim__tree_timer(tree, index, UINT64_MAX);
    if (node->is_recycled) { /* planned: it counts for nothing, and triggers nothing */
        if (node->restart == PLIM_TEMPORARY) {
            plim__tree_forget(tree, sup, index);
            return;
        }
        sup->op = TREE_START_ONE;
        plim__tree_begin(tree, sup, index, now_ns);
        return;
    }
    bool is_restarted = node->restart == PLIM_PERMANENT ||
                        (node->restart == PLIM_TRANSIENT && node->reason == PLIM_EXIT_ABNORMAL);
    if (is_restarted)
        step_restart(tree, sup, index, now_ns);
    else
        step_let_go(tree, sup, index);
}

/* --- starts that were waited for --- */

static uint64_t step_backoff_ns(plim__tree *tree, const tree_node *node)
{
    const plim_backoff *backoff = &node->backoff;
    if (backoff->first_ns == 0)
        return 0;
    uint64_t pause = backoff->first_ns;
    for (uint32_t i = 1; i < node->failures && pause < backoff->most_ns; i++)
        pause = pause > UINT64_MAX / 2 ? UINT64_MAX : pause * 2;
    pause = pause < backoff->most_ns ? pause : backoff->most_ns;
    uint64_t chance = plim__random(&tree->random);
    return pause - pause / 100 * (chance % ((uint64_t)backoff->jitter_percent + 1));
}

/* A restart did not start: it is tried again, through the mail, so that others have their turn. */
static void step_try_again(plim__tree *tree, tree_sup *sup, uint32_t index, uint64_t now_ns)
{
    tree_node *node = &tree->nodes[index];
    if (sup->is_stop_wanted) {
        node->state = PLIM_CHILD_STOPPED;
        return;
    }
    node->state = PLIM_CHILD_RESTARTING;
    uint64_t delay = step_backoff_ns(tree, node);
    plim__tree_emit(
        tree, (plim__tree_action){.kind = PLIM__TREE_RETRY, .node = index, .delay_ns = delay});
    if (delay == 0)
        plim__tree_post(tree, tree_sup_index(tree, sup), tree_cell(index, TREE_MAIL_TRY));
    else
        plim__tree_timer(tree, index, now_ns + delay);
}

/* The result of the cursor's start; 0: none yet, and a start nobody wants is broken off. */
static plim__tree_result step_result(plim__tree *tree, tree_sup *sup)
{
    tree_node *node = &tree->nodes[sup->cursor];
    if (node->result == 0) {
        if (sup->is_stop_wanted)
            plim__tree_break_off(tree, sup->cursor);
        return 0;
    }
    plim__tree_result result = node->result;
    node->result = 0;
    sup->is_waiting = false;
    plim__tree_timer(tree, sup->cursor, UINT64_MAX);
    if (result == PLIM__TREE_OK) {
        node->state = PLIM_CHILD_RUNNING;
        node->failures = 0;
        node->is_killed = false;
        return result;
    }
    sup->alive--;
    node->state = PLIM_CHILD_STOPPED;
    if (result == PLIM__TREE_FAILED && node->failures < UINT32_MAX)
        node->failures++;
    return result;
}

/* The list as it was written; whatever was added or removed since is forgotten. One per step. */
static bool step_reset(plim__tree *tree, tree_sup *sup)
{
    if (sup->first != TREE_NIL) {
        plim__tree_remove(tree, sup->first);
        return false;
    }
    if (!tree_is_simple(sup)) {
        for (uint32_t i = 0; i < sup->static_count; i++)
            plim__tree_link(tree, sup->static_first + i);
    }
    sup->restart_first = sup->restart_count = 0;
    sup->is_new = sup->has_given_up = false;
    sup->cursor = sup->first;
    sup->is_waiting = false;
    return true;
}

static void step_up(plim__tree *tree, tree_sup *sup)
{
    sup->op = TREE_IDLE;
    sup->is_up = true;
    plim__tree_tell(tree, PLIM__TREE_SUP_STARTED, sup->node);
    if (sup->node == 0)
        tree->nodes[0].state = PLIM_CHILD_RUNNING;
    else
        plim__tree_started(tree, sup->node, PLIM__TREE_OK);
}

static void step_undo(plim__tree *tree, tree_sup *sup)
{
    sup->op = TREE_INIT_UNDO;
    sup->reason = PLIM_EXIT_SHUTDOWN;
    sup->cursor = sup->last;
    sup->is_waiting = false;
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
}

/* One child of INIT or START_RANGE. */
static void step_starts(plim__tree *tree, tree_sup *sup, uint64_t now_ns)
{
    bool is_init = sup->op == TREE_INIT;
    if (sup->is_waiting) {
        uint32_t index = sup->cursor;
        plim__tree_result result = step_result(tree, sup);
        if (result == 0)
            return;
        sup->cursor = tree->nodes[index].next;
        if (result == PLIM__TREE_FAILED && is_init) {
            step_undo(tree, sup);
            return;
        }
        plim__tree_make_ready(tree, tree_sup_index(tree, sup));
        if (result == PLIM__TREE_FAILED) {
            sup->op = TREE_IDLE;
            step_try_again(tree, sup, index, now_ns);
        } else if (result == PLIM__TREE_IGNORE && tree->nodes[index].restart == PLIM_TEMPORARY) {
            plim__tree_remove(tree, index);
        }
        return;
    }
    if (sup->is_stop_wanted) {
        if (is_init)
            step_undo(tree, sup);
        else
            sup->op = TREE_IDLE;
        plim__tree_make_ready(tree, tree_sup_index(tree, sup));
    } else if (sup->cursor != TREE_NIL) {
        plim__tree_begin(tree, sup, sup->cursor, now_ns);
    } else if (is_init) {
        step_up(tree, sup);
        plim__tree_make_ready(tree, tree_sup_index(tree, sup));
    } else {
        sup->op = TREE_IDLE;
        plim__tree_make_ready(tree, tree_sup_index(tree, sup));
    }
}

/* One child of STOP, INIT_UNDO or STOP_RANGE, the last first. */
static void step_stops(plim__tree *tree, tree_sup *sup, uint64_t now_ns)
{
    if (sup->is_waiting) {
        if (!tree->nodes[sup->cursor].has_exited)
            return;
        sup->is_waiting = false;
    }
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
    uint32_t index = sup->cursor;
    if (index == TREE_NIL) {
        sup->op = sup->op == TREE_STOP_RANGE ? TREE_START_RANGE : TREE_DRAIN;
        sup->cursor = sup->origin == TREE_NIL ? sup->first : sup->origin;
        return;
    }
    if (plim__tree_stop_child(tree, sup, index, PLIM_WHY_STOPPED, now_ns))
        return;
    bool is_last = sup->op == TREE_STOP_RANGE && index == sup->origin;
    sup->cursor = is_last ? TREE_NIL : tree->nodes[index].prev;
    if (tree->nodes[index].restart == PLIM_TEMPORARY)
        plim__tree_remove(tree, index);
}

/* KILL_ALL and STOP_AT_ONCE: all are told, one per step, then all are waited for. */
static void step_all(plim__tree *tree, tree_sup *sup, uint64_t now_ns)
{
    uint32_t index = sup->cursor;
    if (index != TREE_NIL) {
        tree_node *node = &tree->nodes[index];
        sup->cursor = node->next;
        plim__tree_make_ready(tree, tree_sup_index(tree, sup));
        if (!tree_is_alive(node))
            return;
        node->is_recycled = false;
        node->why = PLIM_WHY_STOPPED;
        if (node->state == PLIM_CHILD_RUNNING)
            node->state = PLIM_CHILD_STOPPING;
        if (sup->op == TREE_KILL_ALL)
            plim__tree_kill(tree, index, PLIM_WHY_STOPPED);
        else
            plim__tree_ask_end(tree, index, PLIM_WHY_STOPPED, now_ns);
        return;
    }
    if (sup->alive > 0)
        return;
    sup->op = TREE_DRAIN;
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
}

/* --- requests --- */

static void step_request_new(plim__tree *tree, tree_sup *sup, const tree_request *request,
                             uint64_t now_ns)
{
    tree_node *node = &tree->nodes[request->node];
    for (uint32_t i = tree_is_simple(sup) ? TREE_NIL : sup->first; i != TREE_NIL;
         i = tree->nodes[i].next) {
        if (!plim__strings_equal(tree->nodes[i].id, node->id))
            continue;
        step_reply(tree, request->request, PLIM_ERR_EXISTS, i);
        plim__tree_remove(tree, request->node);
        return;
    }
    plim__tree_link(tree, request->node);
    sup->op = TREE_ADD;
    sup->is_new = true;
    sup->request = request->request;
    plim__tree_begin(tree, sup, request->node, now_ns);
}

static void step_recycle(plim__tree *tree, const tree_request *request, uint64_t now_ns)
{
    tree_node *node = &tree->nodes[request->node];
    if (node->state != PLIM_CHILD_RUNNING || node->has_exited || node->is_recycled) {
        step_reply(tree, request->request, PLIM_ERR_BUSY, request->node);
        return;
    }
    node->is_recycled = true;
    node->why = request->why;
    plim__tree_emit(tree, (plim__tree_action){.kind = PLIM__TREE_RECYCLING,
                                              .node = request->node,
                                              .why = request->why});
    plim__tree_ask_end(tree, request->node, request->why, now_ns);
    step_reply(tree, request->request, PLIM_OK, request->node);
}

static void step_request(plim__tree *tree, tree_sup *sup, const tree_request *request,
                         uint64_t now_ns)
{
    tree_node *node = &tree->nodes[request->node];
    bool is_there = node->generation == request->generation && !node->is_free;
    PLIM_CHECK(request->what != 0 || is_there);
    if (!is_there || (request->what != 0 && !node->is_linked)) {
        step_reply(tree, request->request, PLIM_ERR_NOT_FOUND, TREE_NIL);
        return;
    }
    if (request->what == 0) {
        step_request_new(tree, sup, request, now_ns);
        return;
    }
    if (request->what == PLIM_REQUEST_RECYCLE) {
        step_recycle(tree, request, now_ns);
        return;
    }
    if (request->what == PLIM_REQUEST_TERMINATE) {
        sup->op = TREE_REMOVE;
        sup->request = request->request;
        sup->cursor = request->node;
        if (!plim__tree_stop_child(tree, sup, request->node, request->why, now_ns))
            plim__tree_make_ready(tree, tree_sup_index(tree, sup));
        return;
    }
    bool is_delete = request->what == PLIM_REQUEST_DELETE;
    if (tree_is_simple(sup)) {
        step_reply(tree, request->request, PLIM_ERR_UNSUPPORTED, request->node);
    } else if (node->state != PLIM_CHILD_STOPPED) {
        bool is_running = node->state == PLIM_CHILD_RUNNING && !is_delete;
        step_reply(tree, request->request, is_running ? PLIM_ERR_EXISTS : PLIM_ERR_BUSY,
                   request->node);
    } else if (is_delete) {
        plim__tree_remove(tree, request->node);
        step_reply(tree, request->request, PLIM_OK, TREE_NIL);
    } else {
        sup->op = TREE_ADD;
        sup->is_new = false;
        sup->request = request->request;
        plim__tree_begin(tree, sup, request->node, now_ns);
    }
}

/* The start of ADD came out; what did not start and is new is not kept. */
static void step_added(plim__tree *tree, tree_sup *sup)
{
    uint32_t index = sup->cursor;
    plim__tree_result result = step_result(tree, sup);
    if (result == 0)
        return;
    tree_node *node = &tree->nodes[index];
    bool is_kept =
        result == PLIM__TREE_OK || !sup->is_new ||
        (result == PLIM__TREE_IGNORE && node->restart != PLIM_TEMPORARY && !tree_is_simple(sup));
    step_reply(tree, sup->request, result == PLIM__TREE_FAILED ? PLIM_ERR_REFUSED : PLIM_OK,
               is_kept ? index : TREE_NIL);
    if (!is_kept)
        plim__tree_remove(tree, index);
    sup->is_new = false;
    sup->request = 0;
    sup->op = TREE_IDLE;
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
}

static void step_removed(plim__tree *tree, tree_sup *sup, uint64_t now_ns)
{
    uint32_t index = sup->cursor;
    if (sup->is_waiting && !tree->nodes[index].has_exited)
        return;
    sup->is_waiting = false;
    (void)plim__tree_stop_child(tree, sup, index, PLIM_WHY_STOPPED, now_ns);
    step_reply(tree, sup->request, PLIM_OK, index);
    plim__tree_forget(tree, sup, index);
    sup->request = 0;
    sup->op = TREE_IDLE;
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
}

static void step_started_one(plim__tree *tree, tree_sup *sup, uint64_t now_ns)
{
    uint32_t index = sup->cursor;
    plim__tree_result result = step_result(tree, sup);
    if (result == 0)
        return;
    sup->op = TREE_IDLE;
    plim__tree_make_ready(tree, tree_sup_index(tree, sup));
    if (result == PLIM__TREE_FAILED)
        step_try_again(tree, sup, index, now_ns);
    else if (result == PLIM__TREE_IGNORE && tree_is_simple(sup))
        plim__tree_remove(tree, index);
}

/* One mail. */
static void step_idle(plim__tree *tree, tree_sup *sup, uint64_t now_ns)
{
    uint32_t self = tree_sup_index(tree, sup);
    if (sup->is_stop_wanted) {
        step_stop(tree, sup, PLIM_EXIT_SHUTDOWN);
        return;
    }
    uint32_t cell = sup->mail_first;
    if (cell == TREE_NIL)
        return;
    plim__tree_unpost(tree, self, cell);
    plim__tree_make_ready(tree, self);
    uint32_t requests_from = tree->node_count * TREE_MAIL_KINDS;
    if (cell >= requests_from) {
        tree_request request = tree->requests[cell - requests_from];
        tree->requests[cell - requests_from].next_free = tree->request_free;
        tree->request_free = cell - requests_from;
        step_request(tree, sup, &request, now_ns);
        return;
    }
    uint32_t index = cell / TREE_MAIL_KINDS;
    if (cell % TREE_MAIL_KINDS == TREE_MAIL_EXIT)
        step_exit(tree, sup, index, now_ns);
    else if (tree->nodes[index].state == PLIM_CHILD_RESTARTING)
        step_restart(tree, sup, index, now_ns);
}

/* --- the whole --- */

static void step_sup(plim__tree *tree, tree_sup *sup, uint64_t now_ns)
{
    if (sup->is_kill_wanted && sup->op != TREE_DOWN && sup->op != TREE_KILL_ALL &&
        sup->op != TREE_DRAIN) {
        if (sup->request != 0)
            step_reply(tree, sup->request, PLIM_ERR_GONE, TREE_NIL);
        sup->request = 0;
        if (sup->is_waiting && tree->nodes[sup->cursor].result != 0)
            (void)step_result(tree, sup);
        sup->op = TREE_KILL_ALL;
        sup->reason = PLIM_EXIT_ABNORMAL;
        sup->is_waiting = false;
        sup->cursor = sup->first;
    }
    switch (sup->op) {
    case TREE_DOWN:
        break;
    case TREE_INIT:
        if (sup->is_new && !step_reset(tree, sup))
            plim__tree_make_ready(tree, tree_sup_index(tree, sup));
        else
            step_starts(tree, sup, now_ns);
        break;
    case TREE_START_RANGE:
        step_starts(tree, sup, now_ns);
        break;
    case TREE_IDLE:
        step_idle(tree, sup, now_ns);
        break;
    case TREE_START_ONE:
        step_started_one(tree, sup, now_ns);
        break;
    case TREE_ADD:
        step_added(tree, sup);
        break;
    case TREE_REMOVE:
        step_removed(tree, sup, now_ns);
        break;
    case TREE_INIT_UNDO:
    case TREE_STOP_RANGE:
    case TREE_STOP:
        step_stops(tree, sup, now_ns);
        break;
    case TREE_STOP_AT_ONCE:
    case TREE_KILL_ALL:
        step_all(tree, sup, now_ns);
        break;
    case TREE_DRAIN:
        step_drain(tree, sup);
        break;
    }
}

/* One timer that has ended; false: none has, and timer_soonest is exact. */
static bool step_timer(plim__tree *tree, uint64_t now_ns)
{
    if (now_ns < tree->timer_soonest)
        return false;
    uint64_t soonest = UINT64_MAX;
    for (uint32_t i = tree->timer_first; i != TREE_NIL; i = tree->nodes[i].timer_next) {
        tree_node *node = &tree->nodes[i];
        if (node->timer_ns > now_ns) {
            soonest = node->timer_ns < soonest ? node->timer_ns : soonest;
            continue;
        }
        plim__tree_timer(tree, i, UINT64_MAX);
        if (node->state == PLIM_CHILD_RESTARTING)
            plim__tree_post(tree, tree->nodes[node->parent].sup, tree_cell(i, TREE_MAIL_TRY));
        else if (node->state == PLIM_CHILD_STARTING)
            plim__tree_kill(tree, i, PLIM_WHY_START_TIMEOUT);
        else if (tree_is_alive(node))
            plim__tree_kill(tree, i, node->why);
        return true;
    }
    tree->timer_soonest = soonest;
    return false;
}

static bool step_one(plim__tree *tree, uint64_t now_ns)
{
    if (step_timer(tree, now_ns))
        return true;
    uint32_t index = tree->ready_first;
    if (index == TREE_NIL)
        return false;
    tree_sup *sup = &tree->sups[index];
    tree->ready_first = sup->ready_next;
    if (tree->ready_first == TREE_NIL)
        tree->ready_last = TREE_NIL;
    sup->is_ready = false;
    step_sup(tree, sup, now_ns);
    return true;
}

bool plim__tree_step(plim__tree *tree, uint64_t now_ns, plim__tree_action *out_action)
{
    PLIM_CHECK_OBJ(tree, TREE_MAGIC);
    while (tree->out_count == 0) {
        if (!step_one(tree, now_ns))
            return false;
    }
    *out_action = tree->out[tree->out_first];
    tree->out_first = (tree->out_first + 1) % TREE_OUT_MAX;
    tree->out_count--;
    return true;
}
