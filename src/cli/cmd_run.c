/* SPDX-License-Identifier: MIT */
/*
 * Keeps programs running. All of it happens on one thread, in the supervisor's loop, which wakes at
 * least every tenth of a second (the monitor's looks); there a stop that was asked for is seen.
 * Events go to people as lines on standard error, or to programs as NDJSON (--events). The page of
 * --openmetrics is written from a copy, under a lock, since another thread asks for it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/guard.h"
#include "cli/notify.h"
#include "cli/process.h"
#include "cli/run.h"
#include "cli/terminal.h"

enum { RUN_STOPS_PATIENT = 1 };

static const uint64_t run_seen_every_ns = 500000000u;

/* --- figures --- */

static void run_look(plim__run *run)
{
    for (uint32_t i = 0; i < run->tree.policy_count; i++) {
        plim_memory_figures figures;
        plim_child child = plim_supervisor_find(run->supervisor, run->tree.policies[i].path);
        if (plim_monitor_figures(run->monitor, child, &figures) != PLIM_OK)
            continue;
        (void)mtx_lock(&run->lock);
        run->rows[i].rss_bytes = figures.rss_bytes;
        run->rows[i].counted_bytes = figures.counted_bytes;
        (void)mtx_unlock(&run->lock);
    }
    if (run->pool == NULL)
        return;
    (void)mtx_lock(&run->lock);
    plim_worker_pool_figures(run->pool, &run->requests);
    plim_pool_worker worker;
    for (uint32_t i = 0; plim_worker_pool_worker(run->pool, i, &worker) == PLIM_OK; i++)
        run->rows[i].answered = worker.answered; /* rows stand in the order of the slots */
    (void)mtx_unlock(&run->lock);
}

static void run_page(void *ctx, bool is_open, plim__draft *out)
{
    plim__run *run = ctx;
    uint32_t count = run->tree.policy_count;
    (void)mtx_lock(&run->lock);
    memcpy(run->copy, run->rows, count * sizeof(*run->rows));
    plim_pool_figures requests = run->requests;
    (void)mtx_unlock(&run->lock);
    plim__run_metrics_write(out, is_open, run->copy, count, run->pool != NULL ? &requests : NULL);
}

static plim_status run_serve(plim__run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    const char *where = cli->args.values[PLIM__OPTION_openmetrics].text;
    char url[PLIM__ENDPOINT_URL_BYTES];
    if (where == NULL)
        return PLIM_OK;
    plim_status status =
        plim__endpoint_start(where, plim__args_has(&cli->args, PLIM__OPTION_allow_remote), run_page,
                             run, cli->allocator, url, &run->endpoint, err);
    if (status == PLIM_OK)
        plim__say_always(&cli->say, "metrics: %s", url);
    return status;
}

/* --- life --- */

static plim_status run_open(plim__run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    const char *events = cli->args.values[PLIM__OPTION_events].text;
    run->has_events = events != NULL || plim__cli_is_json(cli);
    if (events != NULL && strcmp(events, "-") != 0 && (run->events = fopen(events, "ae")) == NULL) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_IO, "cannot write events: %s", strerror(errno));
        plim_error_where(err, "%s", events);
        return status;
    }
    run->line.form = PLIM__FORM_JSON;
    run->line.holding = true;
    plim__draft_init(&run->line.draft, cli->allocator);
    size_t bytes = (run->tree.policy_count + 1) * sizeof(plim__run_row);
    run->rows = cli->allocator->resize(cli->allocator->ctx, NULL, 0, bytes);
    run->copy = cli->allocator->resize(cli->allocator->ctx, NULL, 0, bytes);
    if (run->rows == NULL || run->copy == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the children");
    memset(run->rows, 0, bytes);
    for (uint32_t i = 0; i < run->tree.policy_count; i++) {
        const plim__run_policy *policy = &run->tree.policies[i];
        uint64_t limit = policy->policy.memory_bytes;
        plim__run_row *row = &run->rows[i];
        (void)snprintf(row->path, sizeof(row->path), "%.*s", (int)sizeof(row->path) - 1,
                       policy->path);
        row->limit_bytes = limit == 0 ? UINT64_MAX : limit;
        row->rss_bytes = row->counted_bytes = UINT64_MAX;
    }
    return PLIM_OK;
}

static plim_status run_make(plim__run *run, plim_error *err)
{
    plim_monitor_options looks = {
        .struct_bytes = sizeof(looks), .decide = plim__run_on_notice, .ctx = run};
    plim_status status = PLIM_OK;
    if (run->cli->args.values[PLIM__OPTION_run_listen].given) {
        status = plim__run_pool_open(run, err);
    } else {
        plim_supervisor_options options = {.struct_bytes = sizeof(options),
                                           .is_reaper = true,
                                           .event = plim__run_on_event,
                                           .ctx = run};
        status = plim_supervisor_create(&run->tree.top, &options, &run->supervisor, err);
    }
    if (status == PLIM_OK)
        status = plim_monitor_create(run->supervisor, &looks, &run->monitor, err);
    return status;
}

/* Others may look at it from before the first start. The memory is made before the guard, so that
   either's number leads to it. */
static void run_show(plim__run *run)
{
    const char *name = run->cli->args.values[PLIM__OPTION_tree].text;
    if (run->cli->args.program != NULL)
        name = run->cli->args.program[0];
    const char *stroke = strrchr(name, '/');
    uint32_t rows = 2 * run->tree.policy_count + 1; /* supervisors, too */
    plim_error why = {0};
    if (plim_supervision_open("run", stroke != NULL ? stroke + 1 : name, rows, &run->seen, &why) !=
        PLIM_OK)
        plim__say_detail(&run->cli->say, "plim top will not see this: %s", why.what);
}

static void run_turn(plim__run *run)
{
    uint64_t now = plim__clock_ns();
    if (plim_interrupt_count(&run->cli->interrupt) >= RUN_STOPS_PATIENT && !run->is_stopping) {
        run->is_stopping = true;
        plim__notify("STOPPING=1");
        if (run->pool != NULL)
            plim__run_pool_stop(run);
        else
            plim_supervisor_stop(run->supervisor);
    }
    if (run->watchdog_ns > 0 && now >= run->watchdog_at_ns) {
        plim__notify("WATCHDOG=1");
        run->watchdog_at_ns = now + run->watchdog_ns;
    }
    if (run->seen != NULL && now >= run->seen_at_ns) {
        plim_supervision_write(run->seen, run->supervisor, run->monitor, run->pool,
                               run->is_stopping);
        run->seen_at_ns = now + run_seen_every_ns;
    }
    if (run->endpoint != NULL)
        run_look(run);
}

static plim_status run_all(plim__run *run, plim_error *err)
{
    if (run->pool == NULL)
        plim_supervisor_start(run->supervisor);
    else
        run_turn(run);
    while (run->pool != NULL ? plim_worker_pool_step(run->pool, true)
                             : plim_supervisor_step(run->supervisor, true))
        run_turn(run);
    return plim_supervisor_run(run->supervisor, err);
}

static void run_fini(plim__run *run)
{
    plim__cli *cli = run->cli;
    plim__endpoint_end(&run->endpoint);
    plim_monitor_destroy(&run->monitor);
    if (run->pool != NULL)
        plim_worker_pool_destroy(&run->pool);
    else
        plim_supervisor_destroy(&run->supervisor);
    plim_supervision_close(&run->seen);
    size_t bytes = (run->tree.policy_count + 1) * sizeof(plim__run_row);
    if (run->rows != NULL)
        (void)cli->allocator->resize(cli->allocator->ctx, run->rows, bytes, 0);
    if (run->copy != NULL)
        (void)cli->allocator->resize(cli->allocator->ctx, run->copy, bytes, 0);
    plim__draft_fini(&run->line.draft);
    if (run->events != NULL)
        (void)fclose(run->events);
    plim__run_tree_fini(&run->tree);
    mtx_destroy(&run->lock);
}

plim_status plim__cmd_run(plim__cli *cli, plim_error *err)
{
    static plim__run state; /* too large for a stack; there is one verb in a process */
    plim__run *run = &state;
    *run = (plim__run){.cli = cli};
    if (mtx_init(&run->lock, mtx_plain) != thrd_success)
        return plim_error_set(err, PLIM_ERR_INTERNAL, "the system gives no lock");
    bool has_manager = plim__notify_take(&run->watchdog_ns);
    plim_status status = plim__run_tree_read(cli, &run->tree, err);
    if (status == PLIM_OK)
        status = run_open(run, err);
    if (status == PLIM_OK) {
        run_show(run);
        if (!has_manager) /* a service manager ends what is left behind by itself */
            plim__guard_begin();
        status = run_make(run, err);
    }
    if (status == PLIM_OK)
        status = run_serve(run, err);
    if (status == PLIM_OK)
        status = run_all(run, err);
    run_fini(run);
    return status;
}
