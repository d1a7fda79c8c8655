/* SPDX-License-Identifier: MIT */
/*
 * The reader's side. Memory of another process, who may write anything there at any moment: it is
 * copied by reading its file, never mapped; the copy is checked, then taken over field by field.
 * Invariants: R1 no more than PLIM_SUPERVISION_ROWS_MAX rows are asked for. R2 what is given out
 * ends its texts, has states of the list, and rows that stand below one that may have them.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "platform/peer_memory.h"
#include "platform/process.h"
#include "platform/shared.h"
#include "supervise/status/page.h"

enum {
    STATUS_VIEW_MAGIC = 0x57a7e0ef,
    STATUS_TRIES = 1000,     /* copies of what is written all the time */
    STATUS_NUMBERS_MAX = 512 /* places that are told apart; more of them may be told twice */
};

static const char status_prefix[] = "plimsoll-" PLIM__STATUS_PREFIX;

struct plim_supervision_view {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_supervision_head head;
    plim_supervised *rows;
    uint32_t cap;
};

/* ---- what was copied ---- */

static void status_take_text(char out[PLIM_SUPERVISION_NAME_BYTES],
                             const char from[PLIM_SUPERVISION_NAME_BYTES])
{
    size_t i = 0;
    for (; i + 1 < PLIM_SUPERVISION_NAME_BYTES && from[i] != '\0'; i++)
        out[i] = (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? '?' : from[i];
    memset(out + i, 0, PLIM_SUPERVISION_NAME_BYTES - i);
}

static bool status_take_row(const plim__status_row *from, const plim_supervised *before,
                            plim_supervised *out)
{
    uint32_t deepest = before == NULL ? 0 : before->depth + (before->is_supervisor ? 1 : 0);
    if (from->depth > deepest || from->depth > PLIM_SUPERVISOR_LEVELS_MAX ||
        from->state >= PLIM_SUPERVISED_STATES || from->pid < 0 || from->pid > INT32_MAX)
        return false;
    status_take_text(out->id, from->id);
    out->depth = from->depth;
    out->is_supervisor = from->is_supervisor != 0;
    out->state = (plim_supervised_state)from->state;
    out->pid = from->pid;
    out->uptime_ns = from->uptime_ns;
    out->restarts = from->restarts;
    out->rss_bytes = from->rss_bytes;
    out->memory_bytes = from->memory_bytes;
    out->most_bytes = from->most_bytes;
    out->limit_bytes = from->limit_bytes;
    out->answered = from->answered;
    out->busy_ns = from->busy_ns;
    return true;
}

bool plim__status_understand(const plim__status_page *page, const plim__status_row *from,
                             uint64_t now_ns, plim_supervision_head *out_head,
                             plim_supervised *out_rows)
{
    const uint64_t *figures = page->figures;
    if (page->row_count > PLIM_SUPERVISION_ROWS_MAX)
        return false;
    *out_head = (plim_supervision_head){.rss_bytes = figures[0],
                                        .clients = figures[1],
                                        .submitted = figures[2],
                                        .answered = figures[3],
                                        .failed = figures[4],
                                        .repeated = figures[5],
                                        .waiting = figures[6],
                                        .under_way = figures[7],
                                        .queue_max = figures[8],
                                        .is_stopping = page->is_stopping != 0,
                                        .is_on_change = page->is_on_change != 0,
                                        .row_count = page->row_count,
                                        .left_out = page->left_out};
    status_take_text(out_head->kind, page->kind);
    status_take_text(out_head->name, page->name);
    if (page->written_ns > page->started_ns)
        out_head->uptime_ns = page->written_ns - page->started_ns;
    if (now_ns > page->written_ns)
        out_head->age_ns = now_ns - page->written_ns;
    for (uint32_t i = 0; i < page->row_count; i++) {
        if (!status_take_row(&from[i], i == 0 ? NULL : &out_rows[i - 1], &out_rows[i]))
            return false;
        if (out_head->is_on_change && out_rows[i].uptime_ns != PLIM_SUPERVISION_NONE)
            out_rows[i].uptime_ns += out_head->age_ns; /* it has gone on since */
    }
    out_head->uptime_ns += out_head->is_on_change ? out_head->age_ns : 0;
    return true;
}

/* ---- copying ---- */

/* False: it is no such place. */
static bool status_copy_page(plim__peer_memory memory, plim__status_page *out)
{
    size_t got = 0;
    return plim__peer_memory_read(memory, 0, out, sizeof *out, &got) == PLIM_OK &&
           got == sizeof *out && memcmp(out->mark, PLIM__STATUS_MARK, sizeof out->mark) == 0 &&
           out->version == PLIM__STATUS_VERSION && out->row_bytes == sizeof(plim__status_row);
}

/* Post: page and rows are of one moment. */
static plim_status status_copy(plim__peer_memory memory, plim__status_page *page,
                               plim__status_row *rows)
{
    for (uint32_t i = 0; i < STATUS_TRIES; i++) {
        plim__status_page after;
        size_t got = 0;
        if (!status_copy_page(memory, page))
            return PLIM_ERR_DAMAGED;
        if (atomic_load_explicit(&page->sequence, memory_order_relaxed) % 2 != 0)
            continue;
        if (page->row_count > PLIM_SUPERVISION_ROWS_MAX)
            return PLIM_ERR_DAMAGED;
        size_t bytes = (size_t)page->row_count * sizeof *rows;
        if (plim__peer_memory_read(memory, sizeof *page, rows, bytes, &got) != PLIM_OK ||
            got != bytes || !status_copy_page(memory, &after))
            return PLIM_ERR_DAMAGED;
        if (atomic_load_explicit(&after.sequence, memory_order_relaxed) ==
            atomic_load_explicit(&page->sequence, memory_order_relaxed))
            return PLIM_OK;
    }
    return PLIM_ERR_TIMEOUT;
}

static plim_status status_view(plim__peer_memory memory, int64_t pid,
                               const plim_allocator *allocator, plim_supervision_view **out_view,
                               plim_error *err)
{
    plim__status_page page;
    plim__status_row *rows =
        plim__array_new(allocator, PLIM_SUPERVISION_ROWS_MAX, sizeof(plim__status_row));
    plim_supervision_view *view = plim__array_new_zero(allocator, 1, sizeof *view);
    if (rows == NULL || view == NULL) {
        plim__array_free(allocator, rows, PLIM_SUPERVISION_ROWS_MAX, sizeof *rows);
        plim__array_free(allocator, view, 1, sizeof *view);
        return plim__no_memory(err, "what a supervisor has");
    }
    view->magic = STATUS_VIEW_MAGIC;
    view->allocator = allocator;
    plim_status status = status_copy(memory, &page, rows);
    if (status == PLIM_OK && page.row_count > 0) {
        view->rows = plim__array_new_zero(allocator, page.row_count, sizeof *view->rows);
        view->cap = page.row_count;
        status = view->rows == NULL ? PLIM_ERR_NO_MEMORY : PLIM_OK;
    }
    if (status == PLIM_OK &&
        !plim__status_understand(&page, rows, plim__shared_now(), &view->head, view->rows))
        status = PLIM_ERR_DAMAGED;
    plim__array_free(allocator, rows, PLIM_SUPERVISION_ROWS_MAX, sizeof *rows);
    if (status == PLIM_OK) {
        *out_view = view;
        return PLIM_OK;
    }
    plim_supervision_view_close(&view);
    return plim_error_set(err, status,
                          status == PLIM_ERR_DAMAGED
                              ? "what process %lld tells of its children contradicts itself"
                              : "process %lld has told nothing of its children that is whole",
                          (long long)pid);
}

plim_status plim_supervision_read(int64_t pid, const plim_allocator *allocator,
                                  plim_supervision_view **out_view, plim_error *err)
{
    PLIM_CHECK(out_view != NULL);
    allocator = plim__allocator_or_system(allocator);
    uint32_t position = 0;
    for (;;) { /* ends: position moves on to the last descriptor */
        plim__peer_memory memory = {-1};
        plim__status_page page;
        plim_status status = plim__peer_memory_next(pid, status_prefix, &position, &memory, err);
        if (status != PLIM_OK)
            return status;
        bool is_one = status_copy_page(memory, &page);
        if (is_one)
            status = status_view(memory, pid, allocator, out_view, err);
        plim__peer_memory_close(&memory);
        if (is_one)
            return status;
    }
}

const plim_supervision_head *plim_supervision_view_head(const plim_supervision_view *view)
{
    PLIM_CHECK_OBJ(view, STATUS_VIEW_MAGIC);
    return &view->head;
}

const plim_supervised *plim_supervision_view_row(const plim_supervision_view *view, uint32_t index)
{
    PLIM_CHECK_OBJ(view, STATUS_VIEW_MAGIC);
    PLIM_CHECK(index < view->head.row_count);
    return &view->rows[index];
}

void plim_supervision_view_close(plim_supervision_view **view_ptr)
{
    if (view_ptr == NULL || *view_ptr == NULL)
        return;
    plim_supervision_view *view = *view_ptr;
    PLIM_CHECK_OBJ(view, STATUS_VIEW_MAGIC);
    *view_ptr = NULL;
    const plim_allocator *allocator = view->allocator;
    plim__array_free(allocator, view->rows, view->cap, sizeof *view->rows);
    view->magic = 0;
    plim__array_free(allocator, view, 1, sizeof *view);
}

/* ---- finding ---- */

typedef struct status_search {
    bool (*visit)(void *ctx, int64_t pid);
    void *ctx;
    uint64_t numbers[STATUS_NUMBERS_MAX];
    uint32_t count;
} status_search;

static bool status_is_new(status_search *search, uint64_t number)
{
    for (uint32_t i = 0; i < search->count; i++) {
        if (search->numbers[i] == number)
            return false;
    }
    if (search->count < STATUS_NUMBERS_MAX)
        search->numbers[search->count++] = number;
    return true;
}

static bool status_search_visit(void *ctx, int64_t pid)
{
    status_search *search = ctx;
    uint32_t position = 0;
    plim__peer_memory memory = {-1};
    while (plim__peer_memory_next(pid, status_prefix, &position, &memory, NULL) == PLIM_OK) {
        plim__status_page page;
        bool is_one = status_copy_page(memory, &page);
        plim__peer_memory_close(&memory);
        if (is_one && status_is_new(search, page.number))
            return search->visit(search->ctx, pid);
        if (is_one)
            break; /* the first of a process is the one that is read */
    }
    return true;
}

plim_status plim_supervision_each(bool (*visit)(void *ctx, int64_t pid), void *ctx)
{
    PLIM_CHECK(visit != NULL);
    status_search search = {.visit = visit, .ctx = ctx};
    return plim__process_each(status_search_visit, &search);
}
