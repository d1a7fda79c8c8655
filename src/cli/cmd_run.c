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
#include <threads.h>

#include "cli/endpoint.h"
#include "cli/notify.h"
#include "cli/process.h"
#include "cli/runmetrics.h"
#include "cli/runtree.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { RUN_STOPS_PATIENT = 1, RUN_DEPTH_MAX = 17 };

typedef struct run_state {
    plim__cli *cli;
    plim__run_tree tree;
    plim_supervisor *supervisor;
    plim_monitor *monitor;
    FILE *events; /* NULL: none, or standard output */
    bool has_events, is_stopping;
    plim__out line; /* of an event that is written to a file */
    plim__emit emit;
    uint64_t watchdog_ns, watchdog_at_ns;
    plim__endpoint *endpoint;
    mtx_t lock; /* over rows */
    plim__run_row *rows;
    plim__run_row *copy; /* the endpoint's thread's */
} run_state;

/* --- names --- */

/* "web/worker-1", by the children above it. */
static void run_path(const run_state *run, plim_child child, const char *id, char *out, size_t cap)
{
    const char *names[RUN_DEPTH_MAX] = {id};
    int depth = 1;
    plim_child_info info;
    plim_child at = child;
    while (depth < RUN_DEPTH_MAX && plim_supervisor_child(run->supervisor, at, &info) == PLIM_OK &&
           info.parent != PLIM_CHILD_NONE && info.parent != PLIM_CHILD_ROOT) {
        at = info.parent;
        if (plim_supervisor_child(run->supervisor, at, &info) != PLIM_OK)
            break;
        names[depth++] = info.id;
    }
    size_t length = 0;
    out[0] = '\0';
    while (depth > 0 && length < cap) {
        depth--;
        int put = snprintf(out + length, cap - length, "%s%s", names[depth], depth > 0 ? "/" : "");
        length += put > 0 ? (size_t)put : 0;
    }
}

/* Its row; policy_count: it has none (a supervisor). */
static uint32_t run_row(const run_state *run, const char *path)
{
    uint32_t i = 0;
    while (i < run->tree.policy_count && strcmp(run->tree.policies[i].path, path) != 0)
        i++;
    return i;
}

/* --- events --- */

static const char *run_kind(plim_event_kind kind)
{
    static const char *const words[] = {
        [PLIM_EVENT_STARTED] = "started",     [PLIM_EVENT_START_FAILED] = "start_failed",
        [PLIM_EVENT_EXITED] = "exited",       [PLIM_EVENT_RESTARTING] = "restarting",
        [PLIM_EVENT_RECYCLING] = "recycling", [PLIM_EVENT_STOPPING] = "stopping",
        [PLIM_EVENT_KILLING] = "killing",     [PLIM_EVENT_GAVE_UP] = "gave_up",
        [PLIM_EVENT_LINE] = "line",           [PLIM_EVENT_REPLY] = "reply",
        [PLIM_EVENT_ENDED] = "ended"};
    return words[kind];
}

static const char *run_reason(plim_exit_reason reason)
{
    static const char *const words[] = {"normal", "shutdown", "abnormal"};
    return words[reason];
}

static void run_emit_end(plim__emit *emit, const plim_supervisor_event *event)
{
    plim__emit_string(emit, "reason", run_reason(event->reason));
    if (event->exit_code >= 0)
        plim__emit_signed(emit, "exit_code", event->exit_code);
    if (event->signal > 0)
        plim__emit_signed(emit, "signal", event->signal);
    plim__emit_unsigned(emit, "lived_ns", event->lived_ns);
}

static void run_emit(run_state *run, const plim_supervisor_event *event, const char *path)
{
    plim__out *out = run->events != NULL ? &run->line : &run->cli->out;
    plim__emit *emit = &run->emit;
    char now[PLIM__STAMP_BYTES];
    plim__clock_iso(now);
    plim__emit_start(emit, out, "run");
    plim__emit_string(emit, "event", run_kind(event->kind));
    plim__emit_string(emit, "time", now);
    plim__emit_string(emit, "child", path);
    if (event->pid > 0)
        plim__emit_signed(emit, "pid", event->pid);
    if (event->kind == PLIM_EVENT_EXITED || event->kind == PLIM_EVENT_ENDED)
        run_emit_end(emit, event);
    if (event->kind == PLIM_EVENT_ENDED)
        plim__emit_string(emit, "status", plim_status_name(event->status));
    if (event->why != PLIM_WHY_NONE)
        plim__emit_string(emit, "why", plim__run_why(event->why));
    if (event->delay_ns > 0)
        plim__emit_unsigned(emit, "delay_ns", event->delay_ns);
    if (event->restarts > 0)
        plim__emit_unsigned(emit, "restarts", event->restarts);
    if (event->kind == PLIM_EVENT_LINE)
        plim__emit_string(emit, "stream", event->signal == 1 ? "stdout" : "stderr");
    if (event->text_bytes > 0)
        plim__emit_text(emit, "text", (plim_text){event->text, event->text_bytes});
    plim__emit_finish(emit);
    if (run->events == NULL) {
        plim__out_flush(out);
        return;
    }
    plim_text text = plim__draft_view(&out->draft);
    (void)fwrite(text.data, 1, text.size_bytes, run->events);
    (void)fflush(run->events);
    plim__draft_clear(&out->draft);
}

/* A line that a child wrote, with whose it is before it. */
static void run_line(const plim_supervisor_event *event, const char *path)
{
    plim__draft draft;
    plim__draft_init(&draft, NULL);
    plim__draft_printf(&draft, "%s | ", path);
    plim__draft_add(&draft, event->text, event->text_bytes);
    plim__draft_puts(&draft, "\n");
    plim_text text = plim__draft_view(&draft);
    (void)fwrite(text.data, 1, text.size_bytes, stderr);
    plim__draft_fini(&draft);
}

/* What a person wants to know: what went wrong, and what was done for a reason. */
static void run_say(run_state *run, const plim_supervisor_event *event, const char *path)
{
    plim__say *say = &run->cli->say;
    char lived[PLIM__UNITS_BYTES];
    plim__units_time(lived, event->lived_ns);
    if (event->kind == PLIM_EVENT_EXITED && event->signal > 0 && event->why == PLIM_WHY_NONE)
        plim__say_always(say, "%s (pid %lld) was killed by signal %d after %s", path,
                         (long long)event->pid, event->signal, lived);
    else if (event->kind == PLIM_EVENT_EXITED && event->exit_code > 0 &&
             event->why == PLIM_WHY_NONE)
        plim__say_always(say, "%s (pid %lld) ended with %d after %s", path, (long long)event->pid,
                         event->exit_code, lived);
    else if (event->kind == PLIM_EVENT_START_FAILED && event->text_bytes > 0)
        plim__say_always(say, "%s did not start: %s", path, event->text);
    else if (event->kind == PLIM_EVENT_RECYCLING)
        plim__say_always(say, "%s (pid %lld) is replaced: %s", path, (long long)event->pid,
                         plim__run_why(event->why));
    else if (event->kind == PLIM_EVENT_KILLING)
        plim__say_always(say, "%s (pid %lld) is killed: %s", path, (long long)event->pid,
                         plim__run_why(event->why));
    else if (event->kind == PLIM_EVENT_GAVE_UP)
        plim__say_always(say, "too many restarts, the last of %s: giving up", event->text);
    else
        plim__say_detail(say, "%s %s", path, run_kind(event->kind));
}

static void run_count(run_state *run, const plim_supervisor_event *event, const char *path)
{
    uint32_t index = run_row(run, path);
    if (index == run->tree.policy_count)
        return;
    plim__run_row *row = &run->rows[index];
    if (event->kind == PLIM_EVENT_STARTED && event->restarts == 0) {
        plim_status status =
            plim_monitor_watch(run->monitor, event->child, &run->tree.policies[index].policy, NULL);
        if (status != PLIM_OK)
            plim__say_always(&run->cli->say, "%s is not looked at: %s", path,
                             plim_status_text(status));
    }
    (void)mtx_lock(&run->lock);
    if (event->kind == PLIM_EVENT_STARTED) {
        row->is_up = true;
        row->rss_bytes = row->counted_bytes = UINT64_MAX;
    } else if (event->kind == PLIM_EVENT_EXITED) {
        row->is_up = false;
        if (event->why != PLIM_WHY_STOPPED)
            row->restarts[event->why]++;
    }
    (void)mtx_unlock(&run->lock);
}

static void run_on_event(void *ctx, const plim_supervisor_event *event)
{
    run_state *run = ctx;
    char path[PLIM__RUN_PATH_BYTES];
    run_path(run, event->child, event->id, path, sizeof(path));
    run_count(run, event, path);
    bool is_top = event->child == PLIM_CHILD_ROOT;
    if (is_top && event->kind == PLIM_EVENT_STARTED)
        plim__notify("READY=1");
    if (run->has_events && (event->kind != PLIM_EVENT_LINE || run->events == NULL))
        run_emit(run, event, path);
    if (event->kind == PLIM_EVENT_LINE && !(run->has_events && run->events == NULL))
        run_line(event, path);
    else if (event->kind != PLIM_EVENT_LINE)
        run_say(run, event, is_top ? "the supervisor" : path);
}

static bool run_on_notice(void *ctx, const plim_monitor_notice *notice)
{
    const run_state *run = ctx;
    plim_child_info info;
    char path[PLIM__RUN_PATH_BYTES] = "a child", size[PLIM__UNITS_BYTES];
    if (plim_supervisor_child(run->supervisor, notice->child, &info) == PLIM_OK)
        run_path(run, notice->child, info.id, path, sizeof(path));
    plim__units_bytes(size, notice->figures.counted_bytes, false);
    if (notice->why == PLIM_WHY_NONE)
        plim__say_always(&run->cli->say,
                         "%s has no fence: no memory control group may be made here", path);
    else if (notice->why == PLIM_WHY_MEMORY)
        plim__say_always(&run->cli->say, "%s has %s", path, size);
    return false;
}

/* --- figures --- */

static void run_look(run_state *run)
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
}

static void run_page(void *ctx, bool is_open, plim__draft *out)
{
    run_state *run = ctx;
    uint32_t count = run->tree.policy_count;
    (void)mtx_lock(&run->lock);
    memcpy(run->copy, run->rows, count * sizeof(*run->rows));
    (void)mtx_unlock(&run->lock);
    plim__run_metrics_write(out, is_open, run->copy, count);
}

static plim_status run_serve(run_state *run, plim_error *err)
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

static plim_status run_open(run_state *run, plim_error *err)
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

static plim_status run_make(run_state *run, plim_error *err)
{
    plim_supervisor_options options = {
        .struct_bytes = sizeof(options), .is_reaper = true, .event = run_on_event, .ctx = run};
    plim_monitor_options looks = {
        .struct_bytes = sizeof(looks), .decide = run_on_notice, .ctx = run};
    plim_status status = plim_supervisor_create(&run->tree.top, &options, &run->supervisor, err);
    if (status == PLIM_OK)
        status = plim_monitor_create(run->supervisor, &looks, &run->monitor, err);
    return status;
}

static void run_turn(run_state *run)
{
    uint64_t now = plim__clock_ns();
    if (plim_interrupt_count(&run->cli->interrupt) >= RUN_STOPS_PATIENT && !run->is_stopping) {
        run->is_stopping = true;
        plim__notify("STOPPING=1");
        plim_supervisor_stop(run->supervisor);
    }
    if (run->watchdog_ns > 0 && now >= run->watchdog_at_ns) {
        plim__notify("WATCHDOG=1");
        run->watchdog_at_ns = now + run->watchdog_ns;
    }
    if (run->endpoint != NULL)
        run_look(run);
}

static plim_status run_all(run_state *run, plim_error *err)
{
    plim_supervisor_start(run->supervisor);
    while (plim_supervisor_step(run->supervisor, true))
        run_turn(run);
    return plim_supervisor_run(run->supervisor, err);
}

plim_status plim__cmd_run(plim__cli *cli, plim_error *err)
{
    static run_state state; /* too large for a stack; there is one verb in a process */
    run_state *run = &state;
    *run = (run_state){.cli = cli};
    if (mtx_init(&run->lock, mtx_plain) != thrd_success)
        return plim_error_set(err, PLIM_ERR_INTERNAL, "the system gives no lock");
    plim__notify_take(&run->watchdog_ns);
    plim_status status = plim__run_tree_read(cli, &run->tree, err);
    if (status == PLIM_OK)
        status = run_open(run, err);
    if (status == PLIM_OK)
        status = run_make(run, err);
    if (status == PLIM_OK)
        status = run_serve(run, err);
    if (status == PLIM_OK)
        status = run_all(run, err);
    plim__endpoint_end(&run->endpoint);
    plim_monitor_destroy(&run->monitor);
    plim_supervisor_destroy(&run->supervisor);
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
    return status;
}
