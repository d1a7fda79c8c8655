/* SPDX-License-Identifier: MIT */
/*
 * The supervisor as its user sees it: the tree (what is to be done), the processes (what is done),
 * and libuv's loop between them. One watch for all descriptors of children, one timer for all
 * times, one way in from other threads: a restart makes no handle and takes no memory.
 *
 * Invariants
 * U1  Actions of the tree are done by supervisor_pump() alone, from the loop, never from a call of
 *     the user's or from within another pump: an event may therefore call anything but the loop.
 * U2  After ENDED nothing of ours is on the loop but unreferenced handles, until destroy.
 */
#include <string.h>
#include <uv.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "supervise/children/parts.h"

enum {
    SUPERVISOR_DYNAMIC = 64,
    SUPERVISOR_REQUESTS = 64,
    SUPERVISOR_PATH_BYTES = 4096,
    SUPERVISOR_TURN_MAX = 256 /* actions of one pump; then others on the loop have their turn */
};

struct child_handles {
    uv_loop_t own_loop;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_async_t async;
    uv_signal_t orphans;
    uint32_t open_count; /* in the order of supervisor_handles() */
    bool has_own_loop;
};

/* --- actions --- */

static void supervisor_wake(plim_supervisor *supervisor);

static void supervisor_told(plim_supervisor *supervisor, const plim__tree_action *action)
{
    static const plim_event_kind kinds[] = {
        [PLIM__TREE_SUP_STARTED] = PLIM_EVENT_STARTED,
        [PLIM__TREE_SUP_EXITED] = PLIM_EVENT_EXITED,
        [PLIM__TREE_SUP_FAILED] = PLIM_EVENT_START_FAILED,
        [PLIM__TREE_RESTARTING] = PLIM_EVENT_RESTARTING,
        [PLIM__TREE_RETRY] = PLIM_EVENT_START_FAILED,
        [PLIM__TREE_GAVE_UP] = PLIM_EVENT_GAVE_UP,
        [PLIM__TREE_RECYCLING] = PLIM_EVENT_RECYCLING,
        [PLIM__TREE_REPLY] = PLIM_EVENT_REPLY,
        [PLIM__TREE_ENDED] = PLIM_EVENT_ENDED,
    };
    uint32_t node = action->node == PLIM__TREE_NONE ? 0 : action->node;
    plim_supervisor_event event = plim__event(supervisor, kinds[action->kind], node);
    if (action->kind == PLIM__TREE_REPLY && action->node == PLIM__TREE_NONE)
        event.child = PLIM_CHILD_NONE;
    event.reason = action->reason;
    event.why = action->why;
    event.delay_ns = action->delay_ns;
    event.request = action->request;
    event.status = action->status;
    if (action->kind == PLIM__TREE_GAVE_UP) {
        event.text = plim__tree_id(supervisor->tree, action->other);
        event.text_bytes = plim__text_length(event.text, PLIM_CHILD_ID_BYTES);
    }
    plim__event_tell(supervisor, &event);
}

static void supervisor_ended(plim_supervisor *supervisor, const plim__tree_action *action)
{
    supervisor->is_ended = true;
    supervisor->end_status = action->status;
    if (supervisor->is_reaper)
        plim__orphans_sweep(supervisor, true);
    supervisor_told(supervisor, action);
}

static void supervisor_do(plim_supervisor *supervisor, const plim__tree_action *action)
{
    switch (action->kind) {
    case PLIM__TREE_START:
        plim__child_begin(supervisor, action->node);
        break;
    case PLIM__TREE_ASK:
        plim__child_ask(supervisor, action->node, action->why);
        break;
    case PLIM__TREE_KILL:
        plim__child_kill(supervisor, action->node, action->why);
        break;
    case PLIM__TREE_FREED:
        plim__slot_clear(supervisor, action->node);
        break;
    case PLIM__TREE_RETRY:
        if (action->delay_ns > 0)
            supervisor_told(supervisor, action);
        break;
    case PLIM__TREE_ENDED:
        supervisor_ended(supervisor, action);
        break;
    case PLIM__TREE_SUP_STARTED:
        supervisor->slots[action->node].starts++;
        supervisor->slots[action->node].started_ns = uv_hrtime();
        supervisor_told(supervisor, action);
        break;
    case PLIM__TREE_SUP_EXITED:
    case PLIM__TREE_SUP_FAILED:
    case PLIM__TREE_RESTARTING:
    case PLIM__TREE_GAVE_UP:
    case PLIM__TREE_RECYCLING:
    case PLIM__TREE_REPLY:
        supervisor_told(supervisor, action);
        break;
    }
}

/* When a child that has to live for some time has done so. */
static uint64_t supervisor_settle(plim_supervisor *supervisor, uint64_t now_ns)
{
    uint64_t soonest = UINT64_MAX;
    for (uint32_t i = 0; supervisor->settling_count > 0 && i < supervisor->slot_count; i++) {
        const child_slot *slot = &supervisor->slots[i];
        if (slot->phase != CHILD_SETTLING || slot->lives_ns == 0 || slot->was_killed ||
            (slot->is_ready_told && !slot->is_ready))
            continue;
        uint64_t at = slot->started_ns + slot->lives_ns;
        if (at <= now_ns)
            plim__child_settled(supervisor, i);
        else
            soonest = at < soonest ? at : soonest;
    }
    return soonest;
}

static void supervisor_pump(plim_supervisor *supervisor);

static void supervisor_on_timer(uv_timer_t *timer)
{
    supervisor_pump(timer->data);
}

static void supervisor_schedule(plim_supervisor *supervisor, uint64_t at_ns)
{
    if (at_ns == UINT64_MAX) {
        (void)uv_timer_stop(&supervisor->handles->timer);
        return;
    }
    uint64_t now = uv_hrtime();
    uint64_t wait_ms = at_ns <= now ? 0 : (at_ns - now) / 1000000 + 1;
    uv_update_time(supervisor->loop);
    (void)uv_timer_start(&supervisor->handles->timer, supervisor_on_timer, wait_ms, 0);
}

static void supervisor_pump(plim_supervisor *supervisor)
{
    PLIM_CHECK(!supervisor->is_pumping);
    supervisor->is_pumping = true;
    uint64_t settle = UINT64_MAX;
    bool is_done = false;
    if (supervisor->look != NULL && !supervisor->is_ended && uv_hrtime() >= supervisor->look_ns)
        supervisor->look_ns = supervisor->look(supervisor->look_ctx, uv_hrtime());
    for (int i = 0; i < SUPERVISOR_TURN_MAX && !is_done; i++) {
        plim__tree_action action;
        settle = supervisor_settle(supervisor, uv_hrtime());
        if (plim__tree_step(supervisor->tree, uv_hrtime(), &action))
            supervisor_do(supervisor, &action);
        else
            is_done = true;
    }
    uint64_t deadline = plim__tree_deadline(supervisor->tree);
    deadline = settle < deadline ? settle : deadline;
    if (supervisor->look != NULL && !supervisor->is_ended && supervisor->look_ns < deadline)
        deadline = supervisor->look_ns;
    if (supervisor->is_ended && !supervisor->is_end_seen) {
        supervisor->is_end_seen = true;
        is_done = false; /* so that the turn under way ends, and whoever waits for it sees */
    }
    /* Not 0: libuv would call again within this turn, and the rest of the loop would wait. */
    supervisor_schedule(supervisor, is_done ? deadline : uv_hrtime() + 1000000);
    supervisor->is_pumping = false;
    if (supervisor->is_stepping)
        uv_stop(supervisor->loop); /* libuv runs timers, and then would wait in the same turn */
}

/* What a call of the user's asked for is done on the loop's next turn. */
static void supervisor_wake(plim_supervisor *supervisor)
{
    if (!supervisor->is_pumping)
        supervisor_schedule(supervisor, 0);
}

void plim__supervisor_look_set(plim_supervisor *supervisor,
                               uint64_t (*look)(void *ctx, uint64_t now_ns),
                               void (*started)(void *ctx, uint32_t node), void *ctx)
{
    supervisor->look = look;
    supervisor->started = started;
    supervisor->look_ctx = ctx;
    supervisor->look_ns = 0;
    supervisor_wake(supervisor);
}

static void supervisor_on_watch(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    plim_supervisor *supervisor = poll->data;
    uint64_t tags[PLIM__WATCH_TAGS_MAX];
    uint32_t count = plim__watch_take(supervisor->watch, tags);
    for (uint32_t i = 0; i < count; i++)
        plim__child_woken(supervisor, tags[i]);
    supervisor_pump(supervisor);
}

static void supervisor_on_async(uv_async_t *async)
{
    plim_supervisor *supervisor = async->data;
    plim__tree_stop(supervisor->tree, false);
    supervisor_pump(supervisor);
}

static void supervisor_on_orphan(uv_signal_t *signal, int number)
{
    (void)number;
    plim__orphans_sweep(signal->data, false);
}

/* --- life --- */

plim_status plim_supervisor_check(const plim_supervisor_spec *spec, plim_error *err)
{
    return plim__tree_check(spec, err);
}

/* Only counts, so that slots can be made before the tree tells their specifications. */
typedef struct supervisor_fill {
    plim_supervisor *supervisor;
    const plim_child_spec **specs;
    uint32_t max;
} supervisor_fill;

static void supervisor_note(void *ctx, uint32_t node, const plim_child_spec *spec)
{
    supervisor_fill *fill = ctx;
    PLIM_CHECK(node < fill->max);
    fill->specs[node] = spec;
}

static plim_status supervisor_slots(plim_supervisor *supervisor, const plim_child_spec **specs,
                                    plim_error *err)
{
    uint32_t count = plim__tree_node_max(supervisor->tree);
    supervisor->slots = plim__array_new_zero(&supervisor->allocator, count, sizeof(child_slot));
    if (supervisor->slots == NULL)
        return plim__no_memory(err, "a supervisor's children");
    supervisor->slot_count = count;
    for (uint32_t i = 0; i < count; i++)
        supervisor->slots[i].pidfd = -1;
    for (uint32_t i = 0; i < PLIM_SUPERVISED_MAX && i < count; i++) {
        plim_status status = PLIM_OK;
        if (specs[i] != NULL)
            status = plim__slot_set(supervisor, i, specs[i], err);
        if (status != PLIM_OK)
            return status;
    }
    return PLIM_OK;
}

static plim_status supervisor_build(plim_supervisor *supervisor, const plim_supervisor_spec *spec,
                                    const plim_supervisor_options *options, plim_error *err)
{
    const plim_allocator *allocator = &supervisor->allocator;
    plim__tree_options limits = {.allocator = allocator,
                                 .dynamic_max = options->dynamic_max,
                                 .request_max = options->request_max,
                                 .seed = uv_hrtime()};
    uint32_t max = PLIM_SUPERVISED_MAX + options->dynamic_max;
    supervisor_fill fill = {.supervisor = supervisor,
                            .specs = plim__array_new_zero(allocator, max, sizeof(*fill.specs)),
                            .max = max};
    if (fill.specs == NULL)
        return plim__no_memory(err, "a supervisor's children");
    plim_status status =
        plim__tree_create(spec, &limits, supervisor_note, &fill, &supervisor->tree, err);
    if (status == PLIM_OK)
        status = supervisor_slots(supervisor, fill.specs, err);
    plim__array_free(allocator, fill.specs, max, sizeof(*fill.specs));
    if (status != PLIM_OK)
        return status;
    supervisor->environment_max = PLIM_SUPERVISED_STRINGS_MAX + PLIM_CHILD_VARIABLES_MAX + 1;
    supervisor->environment =
        plim__array_new(allocator, supervisor->environment_max, sizeof(char *));
    supervisor->program = plim__array_new(allocator, SUPERVISOR_PATH_BYTES, 1);
    if (supervisor->is_reaper)
        supervisor->orphan = plim__array_new(allocator, PLIM_COMMAND_BYTES_MAX, 1);
    if (supervisor->environment == NULL || supervisor->program == NULL ||
        (supervisor->is_reaper && supervisor->orphan == NULL))
        return plim__no_memory(err, "a supervisor");
    return PLIM_OK;
}

/* What was opened is counted, so that any prefix of it can be closed. */
static plim_status supervisor_handles(plim_supervisor *supervisor, plim_error *err)
{
    plim_status status = plim__watch_open(&supervisor->watch);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "the system gives no watch");
    struct child_handles *it =
        plim__array_new_zero(&supervisor->allocator, 1, sizeof(struct child_handles));
    if (it == NULL)
        return plim__no_memory(err, "a supervisor");
    supervisor->handles = it;
    if (supervisor->loop == NULL) {
        if (uv_loop_init(&it->own_loop) != 0)
            return plim_error_set(err, PLIM_ERR_IO, "the system gives no loop");
        it->has_own_loop = true;
        supervisor->loop = &it->own_loop;
    }
    it->poll.data = it->timer.data = it->async.data = it->orphans.data = supervisor;
    if (uv_async_init(supervisor->loop, &it->async, supervisor_on_async) != 0)
        return plim_error_set(err, PLIM_ERR_IO, "the loop takes no handle");
    it->open_count = 1;
    (void)uv_timer_init(supervisor->loop, &it->timer);
    it->open_count = 2;
    if (uv_poll_init(supervisor->loop, &it->poll, supervisor->watch) != 0)
        return plim_error_set(err, PLIM_ERR_IO, "the loop takes no handle");
    it->open_count = 3;
    (void)uv_poll_start(&it->poll, UV_READABLE, supervisor_on_watch);
    if (!supervisor->is_reaper)
        return PLIM_OK;
    (void)uv_signal_init(supervisor->loop, &it->orphans);
    it->open_count = 4;
    if (uv_signal_start(&it->orphans, supervisor_on_orphan, SIGCHLD) != 0)
        return plim_error_set(err, PLIM_ERR_IO, "the ends of orphans cannot be seen");
    plim__reaper_set(true);
    return PLIM_OK;
}

plim_status plim_supervisor_create(const plim_supervisor_spec *spec,
                                   const plim_supervisor_options *options, plim_supervisor **out,
                                   plim_error *err)
{
    PLIM_CHECK(spec != NULL && out != NULL);
    plim_supervisor_options given = {0};
    if (options != NULL)
        given = *options;
    given.dynamic_max = given.dynamic_max == 0 ? SUPERVISOR_DYNAMIC : given.dynamic_max;
    given.request_max = given.request_max == 0 ? SUPERVISOR_REQUESTS : given.request_max;
    if (given.dynamic_max > PLIM_SUPERVISED_MAX || given.request_max > PLIM_SUPERVISED_MAX)
        return plim_error_set(err, PLIM_ERR_LIMIT, "more than %u children or requests",
                              PLIM_SUPERVISED_MAX);
    const plim_allocator *allocator = plim__allocator_or_system(given.allocator);
    plim_supervisor *supervisor = plim__array_new_zero(allocator, 1, sizeof(*supervisor));
    if (supervisor == NULL)
        return plim__no_memory(err, "a supervisor");
    supervisor->magic = CHILDREN_MAGIC;
    supervisor->allocator = *allocator;
    supervisor->event = given.event;
    supervisor->ctx = given.ctx;
    supervisor->is_reaper = given.is_reaper;
    supervisor->watch = -1;
    supervisor->loop = given.loop;
    plim_status status = supervisor_build(supervisor, spec, &given, err);
    if (status == PLIM_OK)
        status = supervisor_handles(supervisor, err);
    if (status != PLIM_OK) {
        plim_supervisor_destroy(&supervisor);
        return status;
    }
    *out = supervisor;
    return PLIM_OK;
}

void plim_supervisor_start(plim_supervisor *supervisor)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    PLIM_CHECK(!supervisor->is_started);
    supervisor->is_started = true;
    plim__tree_start(supervisor->tree);
    supervisor_wake(supervisor);
}

bool plim_supervisor_step(plim_supervisor *supervisor, bool wait)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    PLIM_CHECK(!supervisor->is_pumping);
    if (!supervisor->is_started || supervisor->is_ended)
        return false;
    supervisor->is_stepping = true;
    (void)uv_run(supervisor->loop, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    supervisor->is_stepping = false;
    return !supervisor->is_ended;
}

plim_status plim_supervisor_run(plim_supervisor *supervisor, plim_error *err)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    if (!supervisor->is_started)
        plim_supervisor_start(supervisor);
    while (plim_supervisor_step(supervisor, true))
        continue;
    if (supervisor->end_status == PLIM_ERR_LIMIT)
        plim_error_set(err, PLIM_ERR_LIMIT, "too many restarts");
    else if (supervisor->end_status != PLIM_OK)
        plim_error_set(err, supervisor->end_status, "a child could not be started");
    return supervisor->end_status;
}

int plim_supervisor_descriptor(const plim_supervisor *supervisor, int *out_timeout_ms)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    if (out_timeout_ms != NULL)
        *out_timeout_ms = uv_backend_timeout(supervisor->loop);
    return uv_backend_fd(supervisor->loop);
}

void plim_supervisor_stop(plim_supervisor *supervisor)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    plim__tree_stop(supervisor->tree, false);
    supervisor_wake(supervisor);
}

void plim_supervisor_abandon(plim_supervisor *supervisor)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    plim__tree_stop(supervisor->tree, true);
    supervisor_wake(supervisor);
}

void plim_supervisor_ask_stop(plim_supervisor *supervisor)
{
    (void)uv_async_send(&supervisor->handles->async);
}

static void supervisor_on_close(uv_handle_t *handle)
{
    plim_supervisor *supervisor = handle->data;
    supervisor->handles->open_count--;
}

static void supervisor_close(plim_supervisor *supervisor)
{
    struct child_handles *it = supervisor->handles;
    if (it == NULL)
        return;
    uv_handle_t *all[] = {(uv_handle_t *)&it->async, (uv_handle_t *)&it->timer,
                          (uv_handle_t *)&it->poll, (uv_handle_t *)&it->orphans};
    uint32_t count = it->open_count;
    for (uint32_t i = 0; i < count; i++)
        uv_close(all[i], supervisor_on_close);
    while (it->open_count > 0)
        (void)uv_run(supervisor->loop, UV_RUN_ONCE);
    if (it->has_own_loop)
        PLIM_CHECK(uv_loop_close(supervisor->loop) == 0);
    if (supervisor->is_reaper && count == 4)
        plim__reaper_set(false);
    plim__array_free(&supervisor->allocator, it, 1, sizeof(*it));
}

void plim_supervisor_destroy(plim_supervisor **out)
{
    if (out == NULL || *out == NULL)
        return;
    plim_supervisor *it = *out;
    PLIM_CHECK_OBJ(it, CHILDREN_MAGIC);
    PLIM_CHECK(!it->is_pumping);
    *out = NULL;
    if (it->is_started && !it->is_ended) {
        plim__tree_stop(it->tree, true);
        supervisor_wake(it);
        while (plim_supervisor_step(it, true))
            continue;
    }
    supervisor_close(it);
    plim__end_close(&it->watch);
    const plim_allocator allocator = it->allocator;
    for (uint32_t i = 0; i < it->slot_count; i++)
        plim__slot_clear(it, i);
    plim__array_free(&allocator, it->slots, it->slot_count, sizeof(child_slot));
    plim__tree_destroy(&it->tree);
    plim__array_free(&allocator, it->environment, it->environment_max, sizeof(char *));
    plim__array_free(&allocator, it->program, SUPERVISOR_PATH_BYTES, 1);
    plim__array_free(&allocator, it->orphan, PLIM_COMMAND_BYTES_MAX, 1);
    it->magic = 0;
    plim__array_free(&allocator, it, 1, sizeof(*it));
}

/* --- children --- */

static uint32_t supervisor_node(const plim_supervisor *supervisor, plim_child child)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    return plim__tree_node(supervisor->tree, child);
}

plim_status plim_supervisor_child_started(plim_supervisor *supervisor, plim_child child,
                                          plim_status status, const plim_child_process *process)
{
    uint32_t node = supervisor_node(supervisor, child);
    PLIM_CHECK(status != PLIM_OK || process != NULL);
    if (node == PLIM__TREE_NONE || supervisor->slots[node].phase != CHILD_COMING) {
        int pidfd = process != NULL ? process->pidfd : -1;
        if (status == PLIM_OK && (pidfd >= 0 || plim__pidfd_open(process->pid, &pidfd) == PLIM_OK))
            plim__process_kill(process->pid, pidfd, false);
        plim__end_close(&pidfd);
        return PLIM_ERR_STALE;
    }
    plim_error why = {0};
    plim__child_take(supervisor, node, status, process, &why);
    supervisor_wake(supervisor);
    return PLIM_OK;
}

plim_status plim_supervisor_child_ready(plim_supervisor *supervisor, plim_child child)
{
    uint32_t node = supervisor_node(supervisor, child);
    if (node == PLIM__TREE_NONE)
        return PLIM_ERR_STALE;
    child_slot *slot = &supervisor->slots[node];
    if (!slot->is_ready_told || slot->is_ready ||
        (slot->phase != CHILD_SETTLING && slot->phase != CHILD_COMING))
        return PLIM_ERR_STALE;
    slot->is_ready = true;
    if (slot->phase == CHILD_SETTLING && slot->lives_ns == 0)
        plim__child_settled(supervisor, node);
    supervisor_wake(supervisor);
    return PLIM_OK;
}

plim_status plim_supervisor_start_child(plim_supervisor *supervisor, plim_child parent,
                                        const plim_child_spec *spec, uint64_t *out_request,
                                        plim_error *err)
{
    uint32_t above = supervisor_node(supervisor, parent);
    if (above == PLIM__TREE_NONE || !plim__tree_is_supervisor(supervisor->tree, above))
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "no such supervisor");
    bool is_simple = plim__tree_strategy(supervisor->tree, above) == PLIM_SIMPLE_ONE_FOR_ONE;
    PLIM_CHECK(is_simple || spec != NULL);
    plim_status status = PLIM_OK;
    if (!is_simple)
        status = plim__tree_check_child(supervisor->tree, above, spec, err);
    if (status != PLIM_OK)
        return status;
    uint32_t node = PLIM__TREE_NONE;
    uint64_t request = supervisor->last_request + 1;
    status = plim__tree_add(supervisor->tree, above, spec, request, &node);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "no room for one more child");
    if (is_simple)
        status = plim__slot_borrow(supervisor, node, plim__tree_template(supervisor->tree, above),
                                   spec != NULL ? spec->ctx : NULL, err);
    else
        status = plim__slot_set(supervisor, node, spec, err);
    if (status != PLIM_OK) {
        plim__tree_cancel(supervisor->tree, node);
        return status;
    }
    supervisor->last_request = request;
    if (out_request != NULL)
        *out_request = request;
    supervisor_wake(supervisor);
    return PLIM_OK;
}

plim_status plim_supervisor_ask(plim_supervisor *supervisor, plim_child child,
                                plim_child_request what, plim_why why, uint64_t *out_request)
{
    uint32_t node = supervisor_node(supervisor, child);
    PLIM_CHECK(what >= PLIM_REQUEST_TERMINATE && what <= PLIM_REQUEST_RECYCLE);
    if (node == PLIM__TREE_NONE || node == 0)
        return PLIM_ERR_STALE;
    why = why == PLIM_WHY_NONE ? PLIM_WHY_REQUESTED : why;
    uint64_t request = supervisor->last_request + 1;
    plim_status status = plim__tree_ask(supervisor->tree, node, what, why, request);
    if (status != PLIM_OK)
        return status;
    supervisor->last_request = request;
    if (out_request != NULL)
        *out_request = request;
    supervisor_wake(supervisor);
    return PLIM_OK;
}

plim_status plim_supervisor_kill(plim_supervisor *supervisor, plim_child child, plim_why why)
{
    uint32_t node = supervisor_node(supervisor, child);
    if (node == PLIM__TREE_NONE || supervisor->slots[node].pidfd < 0)
        return PLIM_ERR_STALE;
    plim__child_kill(supervisor, node, why);
    return PLIM_OK;
}

static uint32_t supervisor_step_down(const plim_supervisor *supervisor, uint32_t parent,
                                     const char *name, size_t length)
{
    const plim__tree *tree = supervisor->tree;
    if (!plim__tree_is_supervisor(tree, parent))
        return PLIM__TREE_NONE;
    for (uint32_t i = plim__tree_next(tree, parent, PLIM__TREE_NONE); i != PLIM__TREE_NONE;
         i = plim__tree_next(tree, parent, i)) {
        const char *id = plim__tree_id(tree, i);
        if (plim__text_length(id, PLIM_CHILD_ID_BYTES) == length && memcmp(id, name, length) == 0)
            return i;
    }
    return PLIM__TREE_NONE;
}

plim_child plim_supervisor_find(const plim_supervisor *supervisor, const char *path)
{
    PLIM_CHECK_OBJ(supervisor, CHILDREN_MAGIC);
    PLIM_CHECK(path != NULL);
    uint32_t at = 0;
    while (*path != '\0' && at != PLIM__TREE_NONE) {
        size_t length = 0;
        while (path[length] != '\0' && path[length] != '/')
            length++;
        at = supervisor_step_down(supervisor, at, path, length);
        path += path[length] == '/' ? length + 1 : length;
    }
    return plim__tree_child(supervisor->tree, at);
}

plim_status plim_supervisor_child(const plim_supervisor *supervisor, plim_child child,
                                  plim_child_info *out_info)
{
    uint32_t node = supervisor_node(supervisor, child);
    PLIM_CHECK(out_info != NULL);
    if (node == PLIM__TREE_NONE)
        return PLIM_ERR_STALE;
    const child_slot *slot = &supervisor->slots[node];
    const plim__tree *tree = supervisor->tree;
    *out_info = (plim_child_info){.child = child,
                                  .parent = plim__tree_child(tree, plim__tree_parent(tree, node)),
                                  .id = plim__tree_id(tree, node),
                                  .ctx = slot->ctx,
                                  .is_supervisor = plim__tree_is_supervisor(tree, node),
                                  .state = plim__tree_state(tree, node),
                                  .restart = plim__tree_restart(tree, node),
                                  .pid = slot->pid,
                                  .started_ns = slot->started_ns,
                                  .restarts = slot->starts > 0 ? slot->starts - 1 : 0};
    return PLIM_OK;
}

plim_child plim_supervisor_next(const plim_supervisor *supervisor, plim_child parent,
                                plim_child after)
{
    uint32_t above = supervisor_node(supervisor, parent), at = PLIM__TREE_NONE;
    if (above == PLIM__TREE_NONE || !plim__tree_is_supervisor(supervisor->tree, above))
        return PLIM_CHILD_NONE;
    if (after != PLIM_CHILD_NONE) {
        at = supervisor_node(supervisor, after);
        if (at == PLIM__TREE_NONE || plim__tree_parent(supervisor->tree, at) != above)
            return PLIM_CHILD_NONE;
    }
    return plim__tree_child(supervisor->tree, plim__tree_next(supervisor->tree, above, at));
}

plim_status plim_supervisor_count(const plim_supervisor *supervisor, plim_child parent,
                                  plim_child_counts *out_counts)
{
    uint32_t above = supervisor_node(supervisor, parent);
    PLIM_CHECK(out_counts != NULL);
    if (above == PLIM__TREE_NONE || !plim__tree_is_supervisor(supervisor->tree, above))
        return PLIM_ERR_STALE;
    plim__tree_count(supervisor->tree, above, out_counts);
    return PLIM_OK;
}
