/* SPDX-License-Identifier: MIT */
/* As metrics.c, by the same rules: what is not known is not there, never 0. */
#include "cli/runmetrics.h"

#include <inttypes.h>

#include "cli/metrics.h"

const char *plim__run_why(plim_why why)
{
    switch (why) {
    case PLIM_WHY_NONE:
        return "ended";
    case PLIM_WHY_STOPPED:
        return "stopped";
    case PLIM_WHY_REQUESTED:
        return "requested";
    case PLIM_WHY_MEMORY:
        return "memory";
    case PLIM_WHY_REQUESTS:
        return "requests";
    case PLIM_WHY_LIFETIME:
        return "lifetime";
    case PLIM_WHY_DEADLINE:
        return "deadline";
    case PLIM_WHY_UNRESPONSIVE:
        return "unresponsive";
    case PLIM_WHY_PROTOCOL:
        return "protocol";
    case PLIM_WHY_START_TIMEOUT:
        return "start_timeout";
    }
    return "unknown";
}

static void run_gauge(plim__draft *out, bool is_open, const char *name, const char *help,
                      const plim__run_row *rows, uint32_t count,
                      uint64_t (*figure)(const plim__run_row *row))
{
    plim__draft_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    if (is_open)
        plim__draft_printf(out, "# UNIT %s bytes\n", name);
    for (uint32_t i = 0; i < count; i++) {
        if (figure(&rows[i]) == UINT64_MAX)
            continue;
        plim__draft_printf(out, "%s{", name);
        plim__metrics_label(out, "child", rows[i].path);
        plim__draft_printf(out, "} %" PRIu64 "\n", figure(&rows[i]));
    }
}

static uint64_t run_rss(const plim__run_row *row)
{
    return row->is_up ? row->rss_bytes : UINT64_MAX;
}

static uint64_t run_counted(const plim__run_row *row)
{
    return row->is_up ? row->counted_bytes : UINT64_MAX;
}

static uint64_t run_limit(const plim__run_row *row)
{
    return row->limit_bytes;
}

static void run_restarts(plim__draft *out, bool is_open, const plim__run_row *rows, uint32_t count)
{
    const char *end = is_open ? "" : "_total";
    plim__draft_printf(out, "# HELP plim_worker_restarts%s Ends after which a child was started.\n",
                       end);
    plim__draft_printf(out, "# TYPE plim_worker_restarts%s counter\n", end);
    for (uint32_t i = 0; i < count; i++) {
        for (int why = 0; why < PLIM__RUN_WHYS; why++) {
            if (rows[i].restarts[why] == 0 && why != PLIM_WHY_NONE)
                continue;
            plim__draft_puts(out, "plim_worker_restarts_total{");
            plim__metrics_label(out, "child", rows[i].path);
            plim__draft_puts(out, ",");
            plim__metrics_label(out, "reason", plim__run_why((plim_why)why));
            plim__draft_printf(out, "} %" PRIu64 "\n", rows[i].restarts[why]);
        }
    }
}

static void run_one(plim__draft *out, bool is_open, const char *name, const char *kind,
                    const char *help, uint64_t figure)
{
    bool is_counter = kind[0] == 'c';
    const char *end = is_counter ? "_total" : "";
    plim__draft_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n%s%s %" PRIu64 "\n", name,
                       is_open ? "" : end, help, name, is_open ? "" : end, kind, name, end, figure);
}

static void run_requests(plim__draft *out, bool is_open, const plim__run_row *rows, uint32_t count,
                         const plim_pool_figures *requests)
{
    run_one(out, is_open, "plim_requests", "counter", "Requests taken.", requests->submitted);
    run_one(out, is_open, "plim_requests_answered", "counter", "By workers.", requests->answered);
    run_one(out, is_open, "plim_requests_repeated", "counter", "Given to another worker.",
            requests->repeated);
    run_one(out, is_open, "plim_requests_failed", "counter", "Not by a worker's answer.",
            requests->failed);
    run_one(out, is_open, "plim_queue_waiting", "gauge", "Requests that wait for a worker.",
            requests->waiting);
    run_one(out, is_open, "plim_queue_under_way", "gauge", "Requests at workers.",
            requests->under_way);
    run_one(out, is_open, "plim_clients", "gauge", "Connections.", requests->clients);
    run_one(out, is_open, "plim_workers_spare", "gauge", "Workers that wait to step in.",
            requests->spares);
    plim__draft_puts(out, "# HELP plim_worker_answered Requests, in this life.\n"
                          "# TYPE plim_worker_answered gauge\n");
    for (uint32_t i = 0; i < count; i++) {
        plim__draft_puts(out, "plim_worker_answered{");
        plim__metrics_label(out, "child", rows[i].path);
        plim__draft_printf(out, "} %" PRIu64 "\n", rows[i].answered);
    }
}

void plim__run_metrics_write(plim__draft *out, bool is_open, const plim__run_row *rows,
                             uint32_t count, const plim_pool_figures *requests)
{
    plim__draft_puts(out, "# HELP plim_worker_up 1 while it runs.\n# TYPE plim_worker_up gauge\n");
    for (uint32_t i = 0; i < count; i++) {
        plim__draft_puts(out, "plim_worker_up{");
        plim__metrics_label(out, "child", rows[i].path);
        plim__draft_printf(out, "} %d\n", rows[i].is_up ? 1 : 0);
    }
    run_restarts(out, is_open, rows, count);
    run_gauge(out, is_open, "plim_worker_rss_bytes", "In physical memory.", rows, count, run_rss);
    run_gauge(out, is_open, "plim_worker_memory_bytes", "Held against its threshold.", rows, count,
              run_counted);
    run_gauge(out, is_open, "plim_worker_memory_limit_bytes", "Its threshold.", rows, count,
              run_limit);
    if (requests != NULL)
        run_requests(out, is_open, rows, count, requests);
    if (is_open)
        plim__draft_puts(out, "# EOF\n");
}
