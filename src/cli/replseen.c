/* SPDX-License-Identifier: MIT */
/* Written before and after each entry: between them nothing changes. */
#include "cli/replseen.h"

#include <stdio.h>

#include "cli/terminal.h"

static plim_supervised replseen_row(const char *name, plim_supervised_state state, int64_t pid)
{
    const uint64_t none = PLIM_SUPERVISION_NONE;
    plim_memory_figures figures;
    plim_supervised row = {.state = pid > 0 ? state : PLIM_SUPERVISED_STOPPED,
                           .pid = pid > 0 ? pid : 0,
                           .uptime_ns = none,
                           .rss_bytes = none,
                           .memory_bytes = none,
                           .most_bytes = none,
                           .limit_bytes = none,
                           .answered = none};
    (void)snprintf(row.id, sizeof row.id, "%s", name);
    if (pid > 0 && plim_memory_of(pid, false, &figures) == PLIM_OK) {
        row.rss_bytes = figures.rss_bytes;
        row.memory_bytes = figures.counted_bytes;
    }
    return row;
}

void plim__replseen_write(plim__replseen *seen, plim_repl *repl, bool is_busy)
{
    const uint64_t none = PLIM_SUPERVISION_NONE;
    plim_repl_info info;
    if (seen->to == NULL || repl == NULL)
        return;
    plim_repl_read_info(repl, &info);
    uint64_t now = plim__clock_ns();
    if (info.worker != seen->worker || seen->worker_ns == 0)
        seen->worker_ns = now;
    seen->worker = info.worker;
    plim_supervision_head head = {.rss_bytes = none,
                                  .clients = none,
                                  .submitted = none,
                                  .answered = info.entry_count,
                                  .failed = none,
                                  .repeated = none,
                                  .waiting = none,
                                  .under_way = is_busy,
                                  .queue_max = none,
                                  .is_on_change = true};
    plim_supervised worker =
        replseen_row("worker", is_busy ? PLIM_SUPERVISED_BUSY : PLIM_SUPERVISED_IDLE, info.worker);
    worker.uptime_ns = now - seen->worker_ns;
    worker.restarts = info.worker_count > 2 ? info.worker_count - 2 : 0;
    worker.memory_bytes = info.heap_used_bytes;
    worker.most_bytes = info.heap_high_water_bytes;
    worker.limit_bytes = info.limits.memory_bytes != 0 && info.limits.memory_bytes != none
                             ? info.limits.memory_bytes
                             : info.heap_bytes;
    plim_supervised spare = replseen_row("spare", PLIM_SUPERVISED_SPARE, info.spare);
    plim_supervised template = replseen_row("template", PLIM_SUPERVISED_RUNNING, info.template_pid);
    plim_supervision_begin(seen->to, &head);
    plim_supervision_add(seen->to, &worker);
    plim_supervision_add(seen->to, &spare);
    plim_supervision_add(seen->to, &template);
    plim_supervision_commit(seen->to);
}
