/* SPDX-License-Identifier: MIT */
/*
 * The live screen: a frame is made of the data (topdata.h), and goes to ncurses or, once, to
 * standard output; what is on it is the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/process.h"
#include "cli/terminal.h"
#include "cli/topdata.h"
#include "cli/tui/tui.h"
#include "cli/units.h"

enum { TOP_HEAD_LINES = 4, TOP_BAR_COLUMNS = 20, TOP_NAME_COLUMNS = 24, TOP_ONCE_ROWS = 20 };

static const uint64_t top_every_default_ns = 1000000000u;

typedef enum top_order {
    TOP_BY_BYTES,
    TOP_BY_GROWTH,
    TOP_BY_COUNT,
    TOP_BY_NAME,
    TOP_ORDERS
} top_order;

typedef struct top_view {
    plim__top data;
    plim__top_list list;
    top_order order;
    uint32_t first, cursor; /* of the rows that pass the filter */
    uint32_t shown_count;
    uint32_t columns, lines;
    char filter[PLIM__TOP_NAME_BYTES];
    bool is_filtering, is_paused, shows_help, to_screen;
    bool is_inner; /* it was come to from another one */
    plim__workers_order workers_order;
    int64_t chosen;   /* the process in the line of the cursor, if it has a view; 0: none */
    int64_t entered;  /* it is to be shown next */
    char address[32]; /* of an inner one */
} top_view;

/* --- one frame ------------------------------------------------------------------------------ */

static void top_line(top_view *view, uint32_t row, const char *text, plim__tui_style style)
{
    static const plim__style styles[PLIM__TUI_STYLE_COUNT] = {
        [PLIM__TUI_HEAD] = PLIM__STYLE_HEAD, [PLIM__TUI_BAD] = PLIM__STYLE_BAD};
    plim__out *out = &view->data.cli->out;
    if (view->to_screen) {
        plim__tui_put(row, 0, text, style);
    } else {
        if (styles[style] != 0)
            plim__out_styled(out, styles[style], text);
        else
            plim__out_puts(out, text);
        plim__out_puts(out, "\n");
    }
}

static uint64_t top_share(uint64_t part, uint64_t limit)
{
    return (uint64_t)((double)part / (double)limit * TOP_BAR_COLUMNS);
}

/* [######----|---]: in use, and where the most ever was. */
static void top_bar(char *out, uint64_t used, uint64_t limit, uint64_t most)
{
    uint64_t end = limit == 0 || used > limit ? TOP_BAR_COLUMNS : top_share(used, limit);
    uint64_t mark =
        limit == 0 || most == UINT64_MAX || most > limit ? TOP_BAR_COLUMNS : top_share(most, limit);
    out[0] = '[';
    for (unsigned i = 0; i < TOP_BAR_COLUMNS; i++)
        out[i + 1] = i < end ? '#' : i == mark ? '|' : '-';
    out[TOP_BAR_COLUMNS + 1] = ']';
    out[TOP_BAR_COLUMNS + 2] = '\0';
}

static const char *top_order_name(top_order order)
{
    static const char *const names[TOP_ORDERS] = {"size", "growth", "count", "name"};
    return names[order];
}

static void top_use(top_view *view)
{
    const plim__top *data = &view->data;
    char used[PLIM__UNITS_BYTES], room[PLIM__UNITS_BYTES];
    char change[PLIM__UNITS_BYTES], rss[PLIM__UNITS_BYTES] = "", bar[TOP_BAR_COLUMNS + 3];
    plim__draft line;
    plim__draft_init(&line, data->cli->allocator);
    plim__units_bytes(used, data->used_bytes, false);
    plim__units_bytes(room, data->room_bytes, false);
    plim__units_change(change, (int64_t)(data->used_bytes - data->first_used_bytes), false);
    top_bar(bar, data->used_bytes, data->room_bytes, UINT64_MAX);
    if (data->rss_bytes != PLIM_UNKNOWN)
        plim__units_bytes(rss, data->rss_bytes, false);
    plim__draft_printf(&line, "in use %s", used);
    if (data->room_bytes > 0)
        plim__draft_printf(&line, " of %s %s", room, bar);
    plim__draft_printf(&line, "  %s since the first look", change);
    if (rss[0] != '\0')
        plim__draft_printf(&line, "  process %s", rss);
    top_line(view, 1, plim__draft_peek(&line),
             data->used_bytes > data->first_used_bytes ? PLIM__TUI_WARN : PLIM__TUI_PLAIN);
    plim__draft_fini(&line);
}

static void top_workers_use(top_view *view)
{
    const plim__workers *workers = &view->data.workers;
    uint64_t processes = 0, running = 0, restarts = 0;
    for (uint32_t i = 0; i < workers->row_count; i++) {
        const plim_supervised *row = workers->rows[i].row;
        if (row == NULL || row->is_supervisor)
            continue;
        processes++;
        running += row->pid > 0;
        restarts += row->restarts;
    }
    plim__draft line;
    plim__draft_init(&line, view->data.cli->allocator);
    if (workers->view_count == 0)
        plim__draft_puts(&line, "nothing on this machine tells what it supervises");
    else
        plim__draft_printf(&line, "%u supervisor%s, %llu of %llu processes run, %llu restarts",
                           workers->view_count, workers->view_count == 1 ? "" : "s",
                           (unsigned long long)running, (unsigned long long)processes,
                           (unsigned long long)restarts);
    if (workers->left_out > 0)
        plim__draft_printf(&line, "; %u more are left out", workers->left_out);
    top_line(view, 1, plim__draft_peek(&line), PLIM__TUI_PLAIN);
    plim__draft_fini(&line);
}

static void top_head(top_view *view)
{
    static const char *const lists[PLIM__TOP_LISTS] = {"workers", "domains", "types", "owners"};
    const plim__top *data = &view->data;
    char now[PLIM__STAMP_BYTES];
    plim__draft line;
    plim__draft_init(&line, data->cli->allocator);
    plim__clock_iso(now);
    plim__draft_printf(&line, "%s  ", data->address != NULL ? data->address : "this machine");
    if (data->address != NULL) {
        plim__glyphs_show(&line, plim__text_of(data->title));
        plim__draft_puts(&line, "  ");
    }
    plim__draft_printf(&line, "%.8s%s", now + 11,
                       data->is_gone     ? "  it has ended: this is what was seen last"
                       : view->is_paused ? "  paused"
                                         : "");
    top_line(view, 0, plim__draft_peek(&line), PLIM__TUI_HEAD);
    if (view->list == PLIM__TOP_WORKERS)
        top_workers_use(view);
    else
        top_use(view);
    plim__draft_clear(&line);
    for (unsigned list = 0; list < PLIM__TOP_LISTS; list++)
        if (data->has[list])
            plim__draft_printf(&line, view->list == list ? "[%s] " : " %s  ", lists[list]);
    plim__draft_printf(&line, " by %s",
                       view->list == PLIM__TOP_WORKERS
                           ? plim__workers_order_name(view->workers_order)
                           : top_order_name(view->order));
    if (view->filter[0] != '\0' || view->is_filtering)
        plim__draft_printf(&line, "  /%s%s", view->filter, view->is_filtering ? "_" : "");
    top_line(view, 2, plim__draft_peek(&line), PLIM__TUI_FAINT);
    plim__draft_fini(&line);
}

static void top_row_text(const top_view *view, const plim__top_row *row, plim__draft *line)
{
    char bytes[PLIM__UNITS_BYTES], change[PLIM__UNITS_BYTES], growth[PLIM__UNITS_BYTES];
    char count[PLIM__UNITS_BYTES], limit[PLIM__UNITS_BYTES], bar[TOP_BAR_COLUMNS + 3];
    plim__units_bytes(bytes, row->bytes, false);
    plim__units_count(count, row->count);
    plim__units_change(change, row->change_bytes, false);
    plim__units_change(growth, row->growth_bytes, false);
    size_t columns = plim__glyphs_columns(plim__text_of(row->name));
    plim__draft_puts(line, row->name);
    plim__draft_fill(line, ' ', columns < TOP_NAME_COLUMNS ? TOP_NAME_COLUMNS - columns : 0);
    plim__draft_printf(line, " %9s %10s %11s %11s", count, bytes, change, growth);
    if (view->list != PLIM__TOP_DOMAINS)
        return;
    bool has_limit = row->limit_bytes != UINT64_MAX;
    plim__units_bytes(limit, has_limit ? row->limit_bytes : 0, false);
    top_bar(bar, row->bytes, has_limit ? row->limit_bytes : 0, row->high_water_bytes);
    if (has_limit)
        plim__draft_printf(line, "  %s of %s", bar, limit);
    if (row->refusals != 0)
        plim__draft_printf(line, "  %llu refused", (unsigned long long)row->refusals);
}

static plim__tui_style top_row_style(const top_view *view, const plim__top_row *row, bool is_chosen)
{
    if (is_chosen)
        return PLIM__TUI_CHOSEN;
    bool is_near = view->list == PLIM__TOP_DOMAINS && row->limit_bytes != UINT64_MAX &&
                   row->bytes > row->limit_bytes / 10 * 9;
    return is_near                 ? PLIM__TUI_BAD
           : row->change_bytes > 0 ? PLIM__TUI_WARN
           : row->change_bytes < 0 ? PLIM__TUI_GOOD
                                   : PLIM__TUI_PLAIN;
}

/* qsort() has no place for a context. */
static top_order top_sort_order;

static int top_compare_rows(const void *left, const void *right)
{
    const plim__top_row *a = left;
    const plim__top_row *b = right;
    int by_name = strcmp(a->name, b->name);
    switch (top_sort_order) {
    case TOP_BY_GROWTH:
        if (a->growth_bytes != b->growth_bytes)
            return a->growth_bytes < b->growth_bytes ? 1 : -1;
        break;
    case TOP_BY_COUNT:
        if (a->count != b->count)
            return a->count < b->count ? 1 : -1;
        break;
    case TOP_BY_NAME:
        return by_name;
    case TOP_BY_BYTES:
    case TOP_ORDERS:
        break;
    }
    return a->bytes != b->bytes ? (a->bytes < b->bytes ? 1 : -1) : by_name;
}

/* How many rows there is room for, with the cursor in sight. */
static uint32_t top_room(top_view *view, uint32_t once)
{
    uint32_t room = view->to_screen
                        ? (view->lines > TOP_HEAD_LINES + 1 ? view->lines - TOP_HEAD_LINES - 1 : 1)
                        : once;
    view->first = view->cursor < view->first ? view->cursor : view->first;
    if (view->cursor >= view->first + room)
        view->first = view->cursor - room + 1;
    view->shown_count = 0;
    return room;
}

static bool top_is_wide(const top_view *view)
{
    return !view->to_screen || view->columns >= PLIM__WORKERS_WIDE_COLUMNS;
}

static void top_worker_rows(top_view *view)
{
    plim__workers *workers = &view->data.workers;
    plim__draft line;
    plim__draft_init(&line, view->data.cli->allocator);
    uint32_t room = top_room(view, UINT32_MAX);
    plim__workers_sort(workers, view->workers_order);
    view->chosen = 0;
    for (uint32_t i = 0; i < workers->row_count; i++) {
        const plim__workers_row *row = &workers->rows[i];
        if (view->filter[0] != '\0' && !plim__workers_matches(row, view->filter))
            continue;
        uint32_t at = view->shown_count++;
        bool is_chosen = view->to_screen && at == view->cursor;
        if (is_chosen && row->has_view && row->row->pid > 0)
            view->chosen = row->row->pid;
        if (at < view->first || at - view->first >= room)
            continue;
        plim__draft_clear(&line);
        plim__workers_line(row, top_is_wide(view), &line);
        plim__tui_style style = row->row == NULL ? PLIM__TUI_HEAD : PLIM__TUI_PLAIN;
        style = plim__workers_is_bad(row) ? PLIM__TUI_BAD : style;
        top_line(view, TOP_HEAD_LINES + at - view->first, plim__draft_peek(&line),
                 is_chosen ? PLIM__TUI_CHOSEN : style);
    }
    plim__draft_fini(&line);
}

static void top_rows(top_view *view)
{
    plim__top_rows *rows = &view->data.now[view->list];
    plim__draft line;
    plim__draft_init(&line, view->data.cli->allocator);
    top_sort_order = view->order;
    if (rows->count > 1)
        qsort(rows->rows, rows->count, sizeof *rows->rows, top_compare_rows);
    uint32_t room = top_room(view, TOP_ONCE_ROWS);
    for (uint32_t i = 0; i < rows->count; i++) {
        const plim__top_row *row = &rows->rows[i];
        if (view->filter[0] != '\0' && strstr(row->name, view->filter) == NULL)
            continue;
        uint32_t at = view->shown_count++;
        if (at < view->first || at >= view->first + room)
            continue;
        plim__draft_clear(&line);
        top_row_text(view, row, &line);
        bool is_chosen = view->to_screen && at == view->cursor;
        top_line(view, TOP_HEAD_LINES + at - view->first, plim__draft_peek(&line),
                 top_row_style(view, row, is_chosen));
    }
    plim__draft_fini(&line);
}

static void top_help(top_view *view)
{
    static const char *const lines[] = {
        "Tab w d t o  the next list; workers, domains, types, owners",
        "Enter        into the worker that is chosen, if it is marked >; q: back",
        "arrows j k   move; PgUp PgDn Home End as well",
        "s            sort by size, growth, count, name in turn (workers: tree, memory, …)",
        "/            filter by a part of the name; Esc ends it",
        "p            pause",
        "q            end",
    };
    for (uint32_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        top_line(view, TOP_HEAD_LINES + i, lines[i], PLIM__TUI_PLAIN);
}

static void top_frame(top_view *view)
{
    if (view->to_screen) {
        plim__tui_size(&view->columns, &view->lines);
        plim__tui_clear();
    }
    top_head(view);
    bool has_rows = view->data.has[view->list];
    plim__draft line;
    plim__draft_init(&line, view->data.cli->allocator);
    if (view->list == PLIM__TOP_WORKERS)
        plim__workers_title(top_is_wide(view), &line);
    else
        plim__draft_printf(&line, "%-*s %9s %10s %11s %11s", TOP_NAME_COLUMNS, "name", "count",
                           "bytes", "change", "growth");
    if (view->shows_help)
        top_help(view);
    else if (has_rows) {
        top_line(view, TOP_HEAD_LINES - 1, plim__draft_peek(&line), PLIM__TUI_HEAD);
        if (view->list == PLIM__TOP_WORKERS)
            top_worker_rows(view);
        else
            top_rows(view);
    }
    plim__draft_fini(&line);
    if (view->to_screen) {
        top_line(view, view->lines - 1,
                 view->is_inner ? "q back  ? keys  Tab list  s sort  / filter  p pause"
                                : "q end  ? keys  Tab list  s sort  / filter  p pause",
                 PLIM__TUI_FAINT);
        plim__tui_show();
    }
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void top_emit(const top_view *view)
{
    static const char *const lists[PLIM__TOP_LISTS] = {"workers", "domains", "types", "owners"};
    const plim__top *data = &view->data;
    plim__emit *emit = &data->cli->emit;
    plim__emit_start(emit, &data->cli->out, "top");
    if (data->address != NULL)
        plim__emit_string(emit, "target", data->address);
    else
        plim__emit_null(emit, "target");
    plim__emit_known(emit, "used_bytes", data->used_bytes);
    plim__emit_unsigned(emit, "total_bytes", data->room_bytes);
    plim__emit_known(emit, "process_rss_bytes", data->rss_bytes);
    plim__emit_bool(emit, "has_ended", data->is_gone);
    if (data->has[PLIM__TOP_WORKERS])
        plim__workers_emit(&data->workers, emit);
    for (unsigned list = PLIM__TOP_DOMAINS; list < PLIM__TOP_LISTS; list++) {
        if (!data->has[list])
            continue;
        plim__emit_array(emit, lists[list]);
        for (uint32_t i = 0; i < data->now[list].count; i++) {
            const plim__top_row *row = &data->now[list].rows[i];
            plim__emit_object(emit, NULL);
            plim__emit_string(emit, "name", row->name);
            plim__emit_known(emit, "count", row->count);
            plim__emit_known(emit, "bytes", row->bytes);
            plim__emit_signed(emit, "change_bytes", row->change_bytes);
            plim__emit_signed(emit, "growth_bytes", row->growth_bytes);
            if (list == PLIM__TOP_DOMAINS) {
                plim__emit_known(emit, "limit_bytes", row->limit_bytes);
                plim__emit_known(emit, "high_water_bytes", row->high_water_bytes);
                plim__emit_known(emit, "refusal_count", row->refusals);
            }
            plim__emit_object_end(emit);
        }
        plim__emit_array_end(emit);
    }
    plim__emit_finish(emit);
    plim__out_flush(&data->cli->out);
}

/* --- keys ----------------------------------------------------------------------------------- */

static void top_choose(top_view *view, plim__top_list list)
{
    if (!view->data.has[list])
        return;
    view->list = list;
    view->cursor = view->first = 0;
}

static void top_move(top_view *view, int64_t by)
{
    int64_t last = view->shown_count > 0 ? (int64_t)view->shown_count - 1 : 0;
    int64_t at = (int64_t)view->cursor + by;
    view->cursor = (uint32_t)(at < 0 ? 0 : at > last ? last : at);
}

/* While a filter is typed keys are its text. */
static void top_filter_key(top_view *view, int key)
{
    size_t size = strlen(view->filter);
    if (key == PLIM__KEY_ESCAPE)
        view->filter[0] = '\0';
    if (key == PLIM__KEY_ESCAPE || key == PLIM__KEY_ENTER)
        view->is_filtering = false;
    else if (key == PLIM__KEY_BACKSPACE && size > 0)
        view->filter[size - 1] = '\0';
    else if (key >= 0x20 && key < 0x7f && size + 1 < sizeof view->filter) {
        view->filter[size] = (char)key;
        view->filter[size + 1] = '\0';
    }
    view->cursor = view->first = 0;
}

static void top_next_list(top_view *view)
{
    for (unsigned i = 1; i <= PLIM__TOP_LISTS; i++) {
        plim__top_list next = (plim__top_list)((view->list + i) % PLIM__TOP_LISTS);
        if (view->data.has[next]) {
            top_choose(view, next);
            return;
        }
    }
}

static void top_next_order(top_view *view)
{
    if (view->list == PLIM__TOP_WORKERS)
        view->workers_order =
            (plim__workers_order)((view->workers_order + 1) % PLIM__WORKERS_ORDERS);
    else
        view->order = (top_order)((view->order + 1) % TOP_ORDERS);
}

static bool top_enter(top_view *view)
{
    view->entered = view->list == PLIM__TOP_WORKERS ? view->chosen : 0;
    return view->entered != 0;
}

/* False: the user has seen enough, or goes into a worker. */
static bool top_key(top_view *view, int key)
{
    int64_t page = view->lines > TOP_HEAD_LINES + 1 ? view->lines - TOP_HEAD_LINES - 1 : 1;
    if (view->is_filtering) {
        top_filter_key(view, key);
        return true;
    }
    switch (key) {
    case 'q':
        return false;
    case 'w':
        top_choose(view, PLIM__TOP_WORKERS);
        break;
    case PLIM__KEY_ENTER:
        return !top_enter(view);
    case 'd':
        top_choose(view, PLIM__TOP_DOMAINS);
        break;
    case 't':
        top_choose(view, PLIM__TOP_TYPES);
        break;
    case 'o':
        top_choose(view, PLIM__TOP_OWNERS);
        break;
    case PLIM__KEY_TAB:
        top_next_list(view);
        break;
    case 's':
        top_next_order(view);
        break;
    case 'p':
        view->is_paused = !view->is_paused;
        break;
    case '?':
        view->shows_help = !view->shows_help;
        break;
    case '/':
        view->is_filtering = true;
        break;
    case PLIM__KEY_ESCAPE:
        view->shows_help = false;
        view->filter[0] = '\0';
        break;
    case PLIM__KEY_UP:
    case 'k':
        top_move(view, -1);
        break;
    case PLIM__KEY_DOWN:
    case 'j':
        top_move(view, 1);
        break;
    case PLIM__KEY_PAGE_UP:
        top_move(view, -page);
        break;
    case PLIM__KEY_PAGE_DOWN:
        top_move(view, page);
        break;
    case PLIM__KEY_HOME:
        top_move(view, INT32_MIN);
        break;
    case PLIM__KEY_END:
        top_move(view, INT32_MAX);
        break;
    default:
        break;
    }
    return true;
}

/* Keys until it is time to look again; false: the end. */
static bool top_wait(top_view *view, uint64_t until_ns)
{
    for (;;) {
        uint64_t now = plim__clock_ns();
        if (plim_interrupt_count(&view->data.cli->interrupt) > 0)
            return false;
        if (now >= until_ns)
            return true;
        uint64_t left_ms = (until_ns - now) / 1000000 + 1;
        int key = plim__tui_key((uint32_t)(left_ms < 1000 ? left_ms : 1000));
        if (key == PLIM__KEY_NONE)
            continue;
        if (!top_key(view, key))
            return false;
        top_frame(view);
    }
}

/* The first list that there is. */
static plim_status top_open(top_view *view, plim_error *err)
{
    plim_status status = plim__top_look(&view->data, err);
    while (status == PLIM_OK && view->list + 1 < PLIM__TOP_LISTS && !view->data.has[view->list])
        view->list = (plim__top_list)(view->list + 1);
    return status;
}

/* Until the user has seen enough of it, or goes into a worker. */
static plim_status top_show(top_view *view, uint64_t every_ns, plim_error *err)
{
    plim_status status = PLIM_OK;
    view->to_screen = true;
    view->entered = 0;
    for (bool goes_on = true; goes_on && status == PLIM_OK;) {
        uint64_t next_ns = plim__clock_ns() + every_ns;
        top_frame(view);
        goes_on = top_wait(view, next_ns);
        if (goes_on && !view->is_paused && !view->data.is_gone)
            status = plim__top_look(&view->data, err);
    }
    return status;
}

static void top_init(top_view *view, plim__cli *cli, const char *address)
{
    *view = (top_view){.data = {.cli = cli, .workers = {.cli = cli}, .address = address}};
}

/* A view, and the one that was come to from it. A worker that is gone by then, or that cannot be
   looked into, is not entered: what told of it is on the screen. */
static plim_status top_live(top_view *outer, uint64_t every_ns, plim_error *err)
{
    static top_view inner;
    plim__cli *cli = outer->data.cli;
    if (!plim__tui_begin(cli->out.colour))
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED, "this terminal is not known; --once");
    plim_status status = top_show(outer, every_ns, err);
    while (status == PLIM_OK && outer->entered != 0) {
        top_init(&inner, cli, inner.address);
        inner.is_inner = true;
        (void)snprintf(inner.address, sizeof inner.address, "pid:%lld", (long long)outer->entered);
        if (top_open(&inner, NULL) == PLIM_OK)
            (void)top_show(&inner, every_ns, NULL);
        plim__top_fini(&inner.data);
        status =
            plim_interrupt_count(&cli->interrupt) > 0 ? PLIM_OK : plim__top_look(&outer->data, err);
        outer->entered = 0;
        if (status == PLIM_OK && plim_interrupt_count(&cli->interrupt) == 0)
            status = top_show(outer, every_ns, err);
    }
    plim__tui_end();
    return status;
}

static plim_status top_json(top_view *view, uint64_t every_ns, bool once, plim_error *err)
{
    plim__cli *cli = view->data.cli;
    for (;;) {
        top_emit(view);
        if (once || view->data.is_gone)
            return PLIM_OK;
        if (plim__process_sleep(every_ns, &cli->interrupt, err) != PLIM_OK)
            return PLIM_OK; /* Ctrl-C ends it: what was printed is whole */
        plim_status status = plim__top_look(&view->data, err);
        if (status != PLIM_OK)
            return status;
    }
}

plim_status plim__cmd_top(plim__cli *cli, plim_error *err)
{
    static top_view view;
    top_init(&view, cli, plim__args_file(&cli->args, 0));
    uint64_t every_ns = plim__args_number(&cli->args, PLIM__OPTION_every, top_every_default_ns);
    bool once = plim__args_has(&cli->args, PLIM__OPTION_once);
    plim_status status = top_open(&view, err);
    if (status == PLIM_OK) {
        if (plim__cli_is_json(cli))
            status = top_json(&view, every_ns, once, err);
        else if (once || !plim__cli_is_human(cli) || !plim__terminal_is(PLIM__STDOUT))
            top_frame(&view);
        else
            status = top_live(&view, every_ns, err);
    }
    plim__top_fini(&view.data);
    return status;
}
