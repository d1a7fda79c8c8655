/* SPDX-License-Identifier: MIT */
/*
 * What happens, told: to people as lines on standard error, to programs as NDJSON, and counted for
 * the figures. A pool's supervisor tells what happens to processes, the pool itself what it knows
 * of them as workers.
 */
#include <stdio.h>
#include <string.h>

#include "cli/notify.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { RUN_DEPTH_MAX = 17 };

/* --- names --- */

/* "web/worker-1", by the children above it. */
static void run_path(const plim__run *run, plim_child child, const char *id, char *out, size_t cap)
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
static uint32_t run_row(const plim__run *run, const char *path)
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

static plim__emit *run_emit_begin(plim__run *run, const char *kind, const char *path, int64_t pid)
{
    plim__emit *emit = &run->emit;
    char now[PLIM__STAMP_BYTES];
    plim__clock_iso(now);
    plim__emit_start(emit, run->events != NULL ? &run->line : &run->cli->out, "run");
    plim__emit_string(emit, "event", kind);
    plim__emit_string(emit, "time", now);
    plim__emit_string(emit, "child", path);
    if (pid > 0)
        plim__emit_signed(emit, "pid", pid);
    return emit;
}

static void run_emit_finish(plim__run *run)
{
    plim__out *out = run->events != NULL ? &run->line : &run->cli->out;
    plim__emit_finish(&run->emit);
    if (run->events == NULL) {
        plim__out_flush(out);
        return;
    }
    plim_text text = plim__draft_view(&out->draft);
    (void)fwrite(text.data, 1, text.size_bytes, run->events);
    (void)fflush(run->events);
    plim__draft_clear(&out->draft);
}

static void run_emit(plim__run *run, const plim_supervisor_event *event, const char *path)
{
    plim__emit *emit = run_emit_begin(run, run_kind(event->kind), path, event->pid);
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
    run_emit_finish(run);
}

/* A line that a child wrote, with whose it is before it. */
static void run_line(const char *path, const char *bytes, size_t count)
{
    plim__draft draft;
    plim__draft_init(&draft, NULL);
    plim__draft_printf(&draft, "%s | ", path);
    plim__draft_add(&draft, bytes, count);
    plim__draft_puts(&draft, "\n");
    plim_text text = plim__draft_view(&draft);
    (void)fwrite(text.data, 1, text.size_bytes, stderr);
    plim__draft_fini(&draft);
}

/* What a person wants to know: what went wrong, and what was done for a reason. */
static void run_say(plim__run *run, const plim_supervisor_event *event, const char *path)
{
    plim__say *say = &run->cli->say;
    char lived[PLIM__UNITS_BYTES];
    plim__units_time(lived, event->lived_ns);
    bool is_workers = run->pool != NULL && event->child != PLIM_CHILD_ROOT;
    if (event->kind == PLIM_EVENT_EXITED && is_workers)
        plim__say_detail(say, "%s %s", path, run_kind(event->kind)); /* the pool knows more of it */
    else if (event->kind == PLIM_EVENT_EXITED && event->signal > 0 && event->why == PLIM_WHY_NONE)
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

static void run_count(plim__run *run, const plim_supervisor_event *event, const char *path)
{
    uint32_t index = run_row(run, path);
    if (index == run->tree.policy_count)
        return;
    plim__run_row *row = &run->rows[index];
    if (event->kind == PLIM_EVENT_STARTED && event->restarts == 0 && run->monitor != NULL) {
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

void plim__run_on_event(void *ctx, const plim_supervisor_event *event)
{
    plim__run *run = ctx;
    char path[PLIM__RUN_PATH_BYTES];
    run_path(run, event->child, event->id, path, sizeof(path));
    run_count(run, event, path);
    bool is_top = event->child == PLIM_CHILD_ROOT;
    if (is_top && event->kind == PLIM_EVENT_STARTED && run->pool == NULL)
        plim__notify("READY=1"); /* a pool's workers have yet to greet */
    if (event->kind == PLIM_EVENT_REPLY)
        return; /* to what the monitor or the pool asked for */
    if (run->has_events && (event->kind != PLIM_EVENT_LINE || run->events == NULL))
        run_emit(run, event, path);
    if (event->kind == PLIM_EVENT_LINE && !(run->has_events && run->events == NULL))
        run_line(path, event->text, event->text_bytes);
    else if (event->kind != PLIM_EVENT_LINE)
        run_say(run, event, is_top ? "the supervisor" : path);
}

bool plim__run_on_notice(void *ctx, const plim_monitor_notice *notice)
{
    const plim__run *run = ctx;
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
    if (run->pool == NULL || notice->is_hard || notice->why == PLIM_WHY_NONE)
        return false;
    return plim_worker_pool_replace(run->pool, notice->child, notice->why) == PLIM_OK;
}

/* --- of a pool --- */

static void run_pool_emit(plim__run *run, const char *kind, const char *path,
                          const plim_pool_event *event)
{
    if (!run->has_events)
        return;
    plim__emit *emit = run_emit_begin(run, kind, path, event->pid);
    if (event->kind == PLIM_POOL_LOG)
        plim__emit_unsigned(emit, "level", event->level);
    if (event->kind == PLIM_POOL_MEMORY)
        plim__emit_unsigned(emit, "used_bytes", event->used_bytes);
    if (event->text[0] != '\0')
        plim__emit_string(emit, "text", event->text);
    run_emit_finish(run);
}

/* What it says of itself is held against the same thresholds as what is seen of it. */
static void run_pool_report(plim__run *run, const plim_pool_event *event)
{
    plim_pool_worker worker;
    if (run->monitor == NULL || /* all of it is being taken down */
        plim_worker_pool_worker(run->pool, event->slot, &worker) != PLIM_OK)
        return;
    plim_worker_report report = {.memory_bytes = event->used_bytes, .requests = worker.answered};
    plim_monitor_report(run->monitor, worker.child, &report);
}

void plim__run_on_pool(void *ctx, const plim_pool_event *event)
{
    plim__run *run = ctx;
    plim__say *say = &run->cli->say;
    const char *path = event->slot < run->tree.policy_count ? run->rows[event->slot].path : "";
    switch (event->kind) {
    case PLIM_POOL_READY:
        plim__notify("READY=1");
        run_pool_emit(run, "ready", "", event);
        plim__say_detail(say, "all workers are ready");
        break;
    case PLIM_POOL_WORKER_UP:
        run_pool_emit(run, "greeted", path, event);
        break;
    case PLIM_POOL_WORKER_DIED:
        if (event->exit_code != 0)
            run_pool_emit(run, "died", path, event);
        if (event->why == PLIM_WHY_NONE && !run->is_stopping)
            plim__say_always(say, "%s (pid %lld) died: %s", path, (long long)event->pid,
                             event->text);
        break;
    case PLIM_POOL_LOG:
        run_pool_emit(run, "log", path, event);
        if (!run->has_events || run->events != NULL)
            run_line(path, event->text, strlen(event->text));
        break;
    case PLIM_POOL_MEMORY:
        run_pool_report(run, event);
        run_pool_emit(run, "reported", path, event);
        break;
    case PLIM_POOL_CLIENT:
        run_pool_emit(run, "client", "", event);
        plim__say_detail(say, "%s", event->text);
        break;
    case PLIM_POOL_REPLACING: /* its supervisor has told it */
    case PLIM_POOL_ENDED:
        break;
    }
}
