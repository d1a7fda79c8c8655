/* SPDX-License-Identifier: MIT */
/*
 * Rows are made anew with each look; they point into the copies (views) that are held until the
 * next. Whether a worker is a program with a view of its own costs a look at its descriptors: it is
 * remembered by its number, and asked again every few looks, since a program may publish late.
 */
#include "cli/workers.h"

#include <plimsoll/bridge.h>
#include <plimsoll/process_view.h>
#include <plimsoll/publish.h>
#include <plimsoll/region.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/units.h"

enum {
    WORKERS_NAME_COLUMNS = 14,
    WORKERS_ASK_AGAIN = 5, /* looks */
    WORKERS_STALE_S = 5,
    WORKERS_TIME_BYTES = 24
};

static const uint64_t workers_second_ns = 1000000000u;

static const char *const workers_states[PLIM_SUPERVISED_STATES] = {
    [PLIM_SUPERVISED_STOPPED] = "stopped", [PLIM_SUPERVISED_STARTING] = "starting",
    [PLIM_SUPERVISED_RUNNING] = "running", [PLIM_SUPERVISED_IDLE] = "idle",
    [PLIM_SUPERVISED_BUSY] = "busy",       [PLIM_SUPERVISED_SPARE] = "spare",
    [PLIM_SUPERVISED_ENDING] = "ending",   [PLIM_SUPERVISED_RESTARTING] = "retrying",
};

/* --- looking --------------------------------------------------------------------------------- */

static void *workers_grow(const plim__workers *workers, void *items, uint32_t *cap, size_t bytes)
{
    const plim_allocator *allocator = workers->cli->allocator;
    uint32_t wanted = *cap == 0 ? 64 : *cap * 2;
    void *grown = allocator->resize(allocator->ctx, items, *cap * bytes, wanted * bytes);
    if (grown != NULL)
        *cap = wanted;
    return grown;
}

static plim_status workers_drop(void *ctx, const void *data, size_t len, plim_error *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return PLIM_OK;
}

static bool workers_look_into(const plim__workers *workers, int64_t pid)
{
    char address[32];
    plim_region_view *view = NULL;
    plim_process_view *process = NULL;
    if (plim_published_read(pid, (plim_sink){NULL, workers_drop}, NULL) == PLIM_OK)
        return true;
    if (plim_process_view_open(pid, workers->cli->allocator, &process, NULL) == PLIM_OK) {
        plim_process_view_close(&process);
        return true;
    }
    (void)snprintf(address, sizeof address, "pid:%lld", (long long)pid);
    if (plim_region_view_find(address, workers->cli->allocator, &view, NULL, NULL) != PLIM_OK)
        return false;
    plim_region_view_close(&view);
    return true;
}

static bool workers_has_view(plim__workers *workers, int64_t pid)
{
    if (pid <= 0)
        return false;
    for (uint32_t i = 0; i < workers->seen_count; i++) {
        if (workers->seen[i] == pid || workers->seen[i] == -pid)
            return workers->seen[i] < 0;
    }
    bool has = workers_look_into(workers, pid);
    if (workers->seen_count == workers->seen_cap) {
        int64_t *grown =
            workers_grow(workers, workers->seen, &workers->seen_cap, sizeof *workers->seen);
        if (grown == NULL)
            return has;
        workers->seen = grown;
    }
    workers->seen[workers->seen_count++] = has ? -pid : pid;
    return has;
}

static bool workers_add(plim__workers *workers, const plim__workers_row *row)
{
    if (workers->row_count == workers->row_cap) {
        plim__workers_row *grown =
            workers_grow(workers, workers->rows, &workers->row_cap, sizeof *workers->rows);
        if (grown == NULL)
            return false;
        workers->rows = grown;
    }
    workers->rows[workers->row_count] = *row;
    workers->rows[workers->row_count].index = workers->row_count;
    workers->row_count++;
    return true;
}

static bool workers_add_view(plim__workers *workers, uint32_t at)
{
    const plim_supervision_head *head = plim_supervision_view_head(workers->views[at]);
    plim__workers_row row = {.supervisor = workers->pids[at], .head = head};
    if (!workers_add(workers, &row))
        return false;
    for (uint32_t i = 0; i < head->row_count; i++) {
        row.row = plim_supervision_view_row(workers->views[at], i);
        row.has_view = workers_has_view(workers, row.row->pid);
        if (!workers_add(workers, &row))
            return false;
    }
    return true;
}

static void workers_forget(plim__workers *workers)
{
    for (uint32_t i = 0; i < workers->view_count; i++)
        plim_supervision_view_close(&workers->views[i]);
    workers->view_count = workers->row_count = workers->left_out = 0;
}

static bool workers_visit(void *ctx, int64_t pid)
{
    plim__workers *workers = ctx;
    plim_supervision_view *view = NULL;
    if (plim_supervision_read(pid, workers->cli->allocator, &view, NULL) != PLIM_OK)
        return true; /* gone, or damaged: asked for by its number it says so */
    if (workers->view_count == PLIM__SUPERVISORS_MAX) {
        plim_supervision_view_close(&view);
        workers->left_out++;
        return true;
    }
    workers->views[workers->view_count] = view;
    workers->pids[workers->view_count++] = pid;
    return true;
}

plim_status plim__workers_look(plim__workers *workers, int64_t pid, plim_error *err)
{
    plim_supervision_view *one = NULL;
    plim_status status = PLIM_OK;
    if (pid > 0)
        status = plim_supervision_read(pid, workers->cli->allocator, &one, err);
    if (status != PLIM_OK)
        return status;
    workers_forget(workers);
    if (workers->look_count++ % WORKERS_ASK_AGAIN == 0)
        workers->seen_count = 0;
    if (one != NULL) {
        workers->views[workers->view_count] = one;
        workers->pids[workers->view_count++] = pid;
    } else {
        status = plim_supervision_each(workers_visit, workers);
    }
    if (status != PLIM_OK)
        return plim_error_set(err, status, "cannot look at the processes of this machine: %s",
                              plim_status_text(status));
    for (uint32_t i = 0; i < workers->view_count; i++) {
        if (!workers_add_view(workers, i))
            return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for workers");
    }
    return PLIM_OK;
}

void plim__workers_fini(plim__workers *workers)
{
    const plim_allocator *allocator = workers->cli->allocator;
    workers_forget(workers);
    if (workers->rows != NULL)
        (void)allocator->resize(allocator->ctx, workers->rows,
                                workers->row_cap * sizeof *workers->rows, 0);
    if (workers->seen != NULL)
        (void)allocator->resize(allocator->ctx, workers->seen,
                                workers->seen_cap * sizeof *workers->seen, 0);
}

/* --- order ----------------------------------------------------------------------------------- */

/* qsort() has no place for a context. */
static plim__workers_order workers_order;

/* What is not known comes last. */
static uint64_t workers_key(const plim_supervised *row)
{
    uint64_t key = workers_order == PLIM__WORKERS_BY_MEMORY     ? row->memory_bytes
                   : workers_order == PLIM__WORKERS_BY_RESTARTS ? row->restarts
                                                                : row->answered;
    return key == PLIM_SUPERVISION_NONE ? 0 : key;
}

static int workers_compare(const void *left, const void *right)
{
    const plim__workers_row *a = left;
    const plim__workers_row *b = right;
    if (workers_order != PLIM__WORKERS_BY_TREE) {
        uint64_t key_a = workers_key(a->row), key_b = workers_key(b->row);
        if (key_a != key_b)
            return key_a < key_b ? 1 : -1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

void plim__workers_sort(plim__workers *workers, plim__workers_order order)
{
    workers_order = order;
    for (uint32_t at = 0; at < workers->row_count; at++) {
        uint32_t count = workers->rows[at].head->row_count;
        if (count > 1)
            qsort(workers->rows + at + 1, count, sizeof *workers->rows, workers_compare);
        at += count;
    }
}

const char *plim__workers_order_name(plim__workers_order order)
{
    static const char *const names[PLIM__WORKERS_ORDERS] = {"tree", "memory", "restarts",
                                                            "answered"};
    return names[order];
}

bool plim__workers_matches(const plim__workers_row *row, const char *part)
{
    return strstr(row->head->name, part) != NULL ||
           (row->row != NULL && strstr(row->row->id, part) != NULL);
}

static bool workers_is_stale(const plim_supervision_head *head)
{
    return !head->is_on_change && head->age_ns > WORKERS_STALE_S * workers_second_ns;
}

bool plim__workers_is_bad(const plim__workers_row *row)
{
    const plim_supervised *it = row->row;
    if (it == NULL)
        return workers_is_stale(row->head);
    return it->state == PLIM_SUPERVISED_STOPPED || it->state == PLIM_SUPERVISED_RESTARTING ||
           (it->memory_bytes != PLIM_SUPERVISION_NONE && it->limit_bytes != PLIM_SUPERVISION_NONE &&
            it->memory_bytes > it->limit_bytes / 10 * 9);
}

/* --- lines ----------------------------------------------------------------------------------- */

/* "12s", "3m20s", "4h05m", "2d03h"; "-": not known. */
static void workers_time(char out[WORKERS_TIME_BYTES], uint64_t time_ns)
{
    unsigned long long s = time_ns / workers_second_ns, m = s / 60, h = m / 60;
    if (time_ns == PLIM_SUPERVISION_NONE)
        (void)snprintf(out, WORKERS_TIME_BYTES, "-");
    else if (m == 0)
        (void)snprintf(out, WORKERS_TIME_BYTES, "%llus", s);
    else if (h == 0)
        (void)snprintf(out, WORKERS_TIME_BYTES, "%llum%02llus", m, s % 60);
    else if (h < 24)
        (void)snprintf(out, WORKERS_TIME_BYTES, "%lluh%02llum", h, m % 60);
    else
        (void)snprintf(out, WORKERS_TIME_BYTES, "%llud%02lluh", h / 24, h % 24);
}

static void workers_count(char out[PLIM__UNITS_BYTES], uint64_t count)
{
    if (count == PLIM_SUPERVISION_NONE)
        (void)snprintf(out, PLIM__UNITS_BYTES, "-");
    else
        plim__units_count(out, count);
}

static uint64_t workers_place(uint64_t part, uint64_t limit)
{
    return part >= limit ? PLIM__WORKERS_BAR_COLUMNS
                         : (uint64_t)((double)part / (double)limit * PLIM__WORKERS_BAR_COLUMNS);
}

/* The load line: [####---|--], what is in use of the limit, and where the most was. */
static void workers_memory(const plim_supervised *it, bool is_wide, plim__draft *out)
{
    char bytes[PLIM__UNITS_BYTES], limit[PLIM__UNITS_BYTES], bar[PLIM__WORKERS_BAR_COLUMNS + 1];
    bool has_limit = it->limit_bytes != PLIM_SUPERVISION_NONE && it->limit_bytes > 0;
    if (it->memory_bytes == PLIM_SUPERVISION_NONE)
        return;
    plim__units_bytes(bytes, it->memory_bytes, false);
    memset(bar, has_limit ? '-' : ' ', PLIM__WORKERS_BAR_COLUMNS);
    bar[PLIM__WORKERS_BAR_COLUMNS] = '\0';
    if (!has_limit) {
        plim__draft_printf(out, "   %s  %9s", bar, bytes);
        return;
    }
    uint64_t end = workers_place(it->memory_bytes, it->limit_bytes);
    if (it->most_bytes != PLIM_SUPERVISION_NONE) {
        uint64_t mark = workers_place(it->most_bytes, it->limit_bytes);
        bar[mark < PLIM__WORKERS_BAR_COLUMNS ? mark : PLIM__WORKERS_BAR_COLUMNS - 1] = '|';
    }
    memset(bar, '#', end);
    plim__units_bytes(limit, it->limit_bytes, false);
    double share = (double)it->memory_bytes / (double)it->limit_bytes * 100.0;
    plim__draft_printf(out, "  [%s] %9s %3.0f%%", bar, bytes, share < 999 ? share : 999);
    if (is_wide)
        plim__draft_printf(out, " of %s", limit);
}

static void workers_name(plim__draft *out, const char *name, uint32_t indent, bool has_view)
{
    plim__draft shown, cut;
    plim__draft_init(&shown, out->allocator);
    plim__draft_init(&cut, out->allocator);
    plim__draft_fill(&shown, ' ', indent);
    plim__draft_puts(&shown, has_view ? ">" : " ");
    plim__glyphs_show(&shown, plim__text_of(name));
    plim__glyphs_cut(&cut, plim__draft_view(&shown), WORKERS_NAME_COLUMNS, true);
    plim_text text = plim__draft_view(&cut);
    size_t columns = plim__glyphs_columns(text);
    plim__draft_add(out, text.data, text.size_bytes);
    plim__draft_fill(out, ' ', columns < WORKERS_NAME_COLUMNS ? WORKERS_NAME_COLUMNS - columns : 0);
    plim__draft_fini(&shown);
    plim__draft_fini(&cut);
}

static void workers_head(const plim__workers_row *row, plim__draft *out)
{
    const plim_supervision_head *head = row->head;
    char text[PLIM__UNITS_BYTES], time[WORKERS_TIME_BYTES];
    plim__glyphs_show(out, plim__text_of(head->kind));
    plim__draft_puts(out, " ");
    plim__glyphs_show(out, plim__text_of(head->name));
    workers_time(time, head->uptime_ns);
    plim__draft_printf(out, "  pid:%lld  up %s", (long long)row->supervisor, time);
    if (head->answered != PLIM_SUPERVISION_NONE) {
        workers_count(text, head->answered);
        plim__draft_printf(out, "  %s answered", text);
    }
    if (head->failed != PLIM_SUPERVISION_NONE && head->failed > 0) {
        workers_count(text, head->failed);
        plim__draft_printf(out, "  %s failed", text);
    }
    if (head->waiting != PLIM_SUPERVISION_NONE) {
        workers_count(text, head->waiting);
        plim__draft_printf(out, "  %s waiting", text);
    }
    if (head->rss_bytes != PLIM_SUPERVISION_NONE) {
        plim__units_bytes(text, head->rss_bytes, false);
        plim__draft_printf(out, "  itself %s", text);
    }
    if (head->is_stopping)
        plim__draft_puts(out, "  it stops");
    workers_time(time, head->age_ns);
    if (workers_is_stale(head))
        plim__draft_printf(out, "  silent for %s", time);
    if (head->left_out > 0)
        plim__draft_printf(out, "  and %" PRIu32 " more", head->left_out);
}

void plim__workers_title(bool is_wide, plim__draft *out)
{
    plim__draft_printf(out, "%-*s %7s %-8s %4s %6s %7s  memory%s", WORKERS_NAME_COLUMNS, " name",
                       "pid", "state", "rest", "up", "answer",
                       is_wide ? ", the most of it (|), its limit" : "");
}

void plim__workers_line(const plim__workers_row *row, bool is_wide, plim__draft *out)
{
    const plim_supervised *it = row->row;
    char number[24] = "-", time[WORKERS_TIME_BYTES], answered[PLIM__UNITS_BYTES];
    if (it == NULL) {
        workers_head(row, out);
        return;
    }
    if (it->pid > 0)
        (void)snprintf(number, sizeof number, "%lld", (long long)it->pid);
    workers_time(time, it->uptime_ns);
    workers_count(answered, it->answered);
    workers_name(out, it->id, it->depth, row->has_view);
    plim__draft_printf(out, " %7s %-8s %4" PRIu64 " %6s %7s", number, workers_states[it->state],
                       it->restarts, time, answered);
    workers_memory(it, is_wide, out);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void workers_emit_row(const plim__workers_row *row, plim__emit *emit)
{
    const plim_supervised *it = row->row;
    char target[32];
    plim__emit_object(emit, NULL);
    plim__emit_string(emit, "name", it->id);
    plim__emit_unsigned(emit, "depth", it->depth);
    plim__emit_bool(emit, "is_supervisor", it->is_supervisor);
    plim__emit_string(emit, "state", workers_states[it->state]);
    plim__emit_known(emit, "pid", it->pid > 0 ? (uint64_t)it->pid : PLIM_SUPERVISION_NONE);
    plim__emit_known(emit, "uptime_ns", it->uptime_ns);
    plim__emit_unsigned(emit, "restart_count", it->restarts);
    plim__emit_known(emit, "process_rss_bytes", it->rss_bytes);
    plim__emit_known(emit, "used_bytes", it->memory_bytes);
    plim__emit_known(emit, "high_water_bytes", it->most_bytes);
    plim__emit_known(emit, "limit_bytes", it->limit_bytes);
    plim__emit_known(emit, "answered_count", it->answered);
    plim__emit_unsigned(emit, "busy_ns", it->busy_ns);
    (void)snprintf(target, sizeof target, "pid:%lld", (long long)it->pid);
    if (row->has_view)
        plim__emit_string(emit, "target", target);
    else
        plim__emit_null(emit, "target");
    plim__emit_object_end(emit);
}

static void workers_emit_head(const plim__workers_row *row, plim__emit *emit)
{
    const plim_supervision_head *head = row->head;
    plim__emit_string(emit, "kind", head->kind);
    plim__emit_string(emit, "name", head->name);
    plim__emit_signed(emit, "pid", row->supervisor);
    plim__emit_unsigned(emit, "uptime_ns", head->uptime_ns);
    plim__emit_unsigned(emit, "age_ns", head->age_ns);
    plim__emit_bool(emit, "is_stopping", head->is_stopping);
    plim__emit_known(emit, "process_rss_bytes", head->rss_bytes);
    plim__emit_known(emit, "client_count", head->clients);
    plim__emit_known(emit, "submitted_count", head->submitted);
    plim__emit_known(emit, "answered_count", head->answered);
    plim__emit_known(emit, "failed_count", head->failed);
    plim__emit_known(emit, "repeated_count", head->repeated);
    plim__emit_known(emit, "waiting_count", head->waiting);
    plim__emit_known(emit, "under_way_count", head->under_way);
    plim__emit_known(emit, "queue_max", head->queue_max);
    plim__emit_unsigned(emit, "left_out_count", head->left_out);
}

void plim__workers_emit(const plim__workers *workers, plim__emit *emit)
{
    plim__emit_array(emit, "supervisors");
    for (uint32_t at = 0; at < workers->row_count; at++) {
        uint32_t count = workers->rows[at].head->row_count;
        plim__emit_object(emit, NULL);
        workers_emit_head(&workers->rows[at], emit);
        plim__emit_array(emit, "workers");
        for (uint32_t i = 0; i < count; i++)
            workers_emit_row(&workers->rows[at + 1 + i], emit);
        plim__emit_array_end(emit);
        plim__emit_object_end(emit);
        at += count;
    }
    plim__emit_array_end(emit);
}
