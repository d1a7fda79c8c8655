/* SPDX-License-Identifier: MIT */
/*
 * A supervisor's tree as rows. What the monitor knows is taken from it; a process that nobody looks
 * at is looked at here. The walk is a list of parents as deep as trees may be, no recursion.
 */
#include <string.h>
#include <uv.h>

#include "base/assert.h"
#include "base/limits.h"
#include "platform/process.h"
#include "supervise/pool/parts.h"
#include "supervise/status/page.h"

/* A supervisor's tree on its way to be rows. */
typedef struct status_walk {
    plim_supervision *to;
    const plim_supervisor *supervisor;
    const plim_monitor *monitor;
    const plim_worker_pool *pool;
} status_walk;

static plim_supervised_state status_state(const plim_child_info *info)
{
    static const plim_supervised_state states[] = {[PLIM_CHILD_STOPPED] = PLIM_SUPERVISED_STOPPED,
                                                   [PLIM_CHILD_STARTING] = PLIM_SUPERVISED_STARTING,
                                                   [PLIM_CHILD_RUNNING] = PLIM_SUPERVISED_RUNNING,
                                                   [PLIM_CHILD_STOPPING] = PLIM_SUPERVISED_ENDING,
                                                   [PLIM_CHILD_RESTARTING] =
                                                       PLIM_SUPERVISED_RESTARTING};
    return states[info->state];
}

/* The worker of a pool that is this child. */
static void status_worker(const status_walk *walk, const plim_child_info *info,
                          plim_supervised *row)
{
    plim_pool_worker worker;
    for (uint32_t i = 0; plim_worker_pool_worker(walk->pool, i, &worker) == PLIM_OK; i++) {
        if (worker.child != info->child || worker.state == PLIM_POOL_DOWN)
            continue;
        row->answered = worker.answered;
        row->busy_ns = worker.busy_ns;
        if (row->state != PLIM_SUPERVISED_RUNNING)
            return;
        row->state = worker.state == PLIM_POOL_STARTING ? PLIM_SUPERVISED_STARTING
                     : worker.state == PLIM_POOL_ENDING ? PLIM_SUPERVISED_ENDING
                     : worker.state == PLIM_POOL_BUSY   ? PLIM_SUPERVISED_BUSY
                     : worker.is_spare                  ? PLIM_SUPERVISED_SPARE
                                                        : PLIM_SUPERVISED_IDLE;
        return;
    }
}

static void status_memory(const status_walk *walk, const plim_child_info *info,
                          plim_supervised *row)
{
    plim_memory_figures figures;
    row->rss_bytes = row->memory_bytes = row->most_bytes = row->limit_bytes = PLIM_SUPERVISION_NONE;
    if (info->pid <= 0)
        return;
    if ((walk->monitor == NULL ||
         plim_monitor_figures(walk->monitor, info->child, &figures) != PLIM_OK) &&
        plim_memory_of(info->pid, false, &figures) != PLIM_OK)
        return;
    row->rss_bytes = figures.rss_bytes;
    row->memory_bytes = figures.counted_bytes;
    row->most_bytes = figures.most_bytes;
    row->limit_bytes = figures.limit_bytes;
    if (walk->monitor == NULL && walk->pool != NULL)
        row->limit_bytes = walk->pool->options.memory_bytes != 0 ? walk->pool->options.memory_bytes
                                                                 : PLIM_SUPERVISION_NONE;
}

static void status_row(const status_walk *walk, const plim_child_info *info, uint32_t depth)
{
    plim_supervised row = {.depth = depth,
                           .is_supervisor = info->is_supervisor,
                           .state = status_state(info),
                           .pid = info->pid,
                           .uptime_ns = PLIM_SUPERVISION_NONE,
                           .restarts = info->restarts,
                           .answered = PLIM_SUPERVISION_NONE};
    uint64_t now = uv_hrtime();
    size_t length = strlen(info->id); /* an id is below PLIM_CHILD_ID_BYTES */
    memcpy(row.id, info->id, length < sizeof row.id ? length : sizeof row.id - 1);
    bool is_up = info->pid > 0 || (info->is_supervisor && info->state == PLIM_CHILD_RUNNING);
    if (is_up && now > info->started_ns)
        row.uptime_ns = now - info->started_ns;
    status_memory(walk, info, &row);
    if (walk->pool != NULL)
        status_worker(walk, info, &row);
    plim_supervision_add(walk->to, &row);
}

static void status_rows_of(const status_walk *walk)
{
    plim_child parents[PLIM_SUPERVISOR_LEVELS_MAX + 1] = {PLIM_CHILD_ROOT};
    plim_child before[PLIM_SUPERVISOR_LEVELS_MAX + 1] = {PLIM_CHILD_NONE};
    uint32_t depth = 0;
    for (uint32_t i = 0; i < 2 * PLIM_SUPERVISED_MAX; i++) { /* each is come to and left once */
        plim_child child = plim_supervisor_next(walk->supervisor, parents[depth], before[depth]);
        plim_child_info info;
        if (child == PLIM_CHILD_NONE ||
            plim_supervisor_child(walk->supervisor, child, &info) != PLIM_OK) {
            if (depth == 0)
                return;
            depth--;
            continue;
        }
        before[depth] = child;
        status_row(walk, &info, depth);
        if (!info.is_supervisor || depth == PLIM_SUPERVISOR_LEVELS_MAX)
            continue;
        depth++;
        parents[depth] = child;
        before[depth] = PLIM_CHILD_NONE;
    }
}

void plim_supervision_write(plim_supervision *supervision, const plim_supervisor *supervisor,
                            const plim_monitor *monitor, const plim_worker_pool *pool,
                            bool is_stopping)
{
    PLIM_CHECK(supervision != NULL && supervisor != NULL);
    status_walk walk = {supervision, supervisor, monitor, pool};
    plim_memory_figures own;
    const uint64_t none = PLIM_SUPERVISION_NONE;
    plim_supervision_head head = {.rss_bytes = none,
                                  .clients = none,
                                  .submitted = none,
                                  .answered = none,
                                  .failed = none,
                                  .repeated = none,
                                  .waiting = none,
                                  .under_way = none,
                                  .queue_max = none,
                                  .is_stopping = is_stopping};
    if (plim_memory_of(plim__process_self(), false, &own) == PLIM_OK)
        head.rss_bytes = own.rss_bytes;
    if (pool != NULL) {
        plim_pool_figures figures;
        plim_worker_pool_figures(pool, &figures);
        head.clients = figures.clients;
        head.submitted = figures.submitted;
        head.answered = figures.answered;
        head.failed = figures.failed;
        head.repeated = figures.repeated;
        head.waiting = figures.waiting;
        head.under_way = figures.under_way;
        head.queue_max = pool->options.queue_max;
    }
    plim_supervision_begin(supervision, &head);
    status_rows_of(&walk);
    plim_supervision_commit(supervision);
}
