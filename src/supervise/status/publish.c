/* SPDX-License-Identifier: MIT */
/*
 * The writer's side: a page and rows in one shared memory of fixed size. The sequence is odd while
 * they are written; a reader, who only copies, knows by it whether his copy is of one moment.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"
#include "platform/process.h"
#include "platform/shared.h"
#include "supervise/status/page.h"

enum { STATUS_MAGIC = 0x57a7e5ee };

struct plim_supervision {
    uint32_t magic, row_max;
    plim__shared shared;
    bool is_open; /* between begin and commit */
};

static plim__status_page *status_page(const plim_supervision *supervision)
{
    return supervision->shared.memory;
}

static plim__status_row *status_rows(const plim_supervision *supervision)
{
    return (plim__status_row *)(void *)(status_page(supervision) + 1);
}

/* Without control characters; NUL behind it. */
static void status_copy_text(char out[PLIM_SUPERVISION_NAME_BYTES], const char *text)
{
    size_t length = 0;
    memset(out, 0, PLIM_SUPERVISION_NAME_BYTES);
    for (; *text != '\0' && length + 1 < PLIM_SUPERVISION_NAME_BYTES; text++) {
        if ((unsigned char)*text >= 0x20 && *text != 0x7f)
            out[length++] = *text;
    }
}

plim_status plim_supervision_open(const char *kind, const char *name, uint32_t row_max,
                                  plim_supervision **out_supervision, plim_error *err)
{
    PLIM_CHECK(kind != NULL && name != NULL && out_supervision != NULL);
    char kind_text[PLIM_SUPERVISION_NAME_BYTES], name_text[PLIM_SUPERVISION_NAME_BYTES];
    char whole[sizeof PLIM__STATUS_PREFIX + PLIM_SUPERVISION_NAME_BYTES];
    status_copy_text(kind_text, kind);
    status_copy_text(name_text, name);
    if (kind_text[0] == '\0' || name_text[0] == '\0' || row_max == 0 ||
        row_max > PLIM_SUPERVISION_ROWS_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "who is to be seen has a kind, a name, and 1 to %d rows",
                              PLIM_SUPERVISION_ROWS_MAX);
    const plim_allocator *allocator = plim_allocator_system();
    plim_supervision *made = plim__array_new_zero(allocator, 1, sizeof *made);
    if (made == NULL)
        return plim__no_memory(err, "what others see of a supervisor");
    made->magic = STATUS_MAGIC;
    made->row_max = row_max;
    made->shared.descriptor = -1;
    plim__text text;
    plim__text_init(&text, whole, sizeof whole);
    plim__text_format(&text, "%s%s", PLIM__STATUS_PREFIX, name_text);
    plim_status status = plim__shared_anonymous(
        whole, sizeof(plim__status_page) + (size_t)row_max * sizeof(plim__status_row),
        &made->shared, err);
    if (status != PLIM_OK) {
        plim_supervision_close(&made);
        return status;
    }
    plim__status_page *page = status_page(made);
    page->version = PLIM__STATUS_VERSION;
    page->row_bytes = sizeof(plim__status_row);
    page->started_ns = page->written_ns = plim__shared_now();
    page->number = page->started_ns * 0x9e3779b97f4a7c15u ^ (uint64_t)plim__process_self();
    memcpy(page->kind, kind_text, sizeof page->kind);
    memcpy(page->name, name_text, sizeof page->name);
    for (uint32_t i = 0; i < PLIM__STATUS_FIGURES; i++)
        page->figures[i] = PLIM_SUPERVISION_NONE;
    memcpy(page->mark, PLIM__STATUS_MARK, sizeof page->mark); /* last: now it can be read */
    *out_supervision = made;
    return PLIM_OK;
}

void plim_supervision_begin(plim_supervision *supervision, const plim_supervision_head *head)
{
    PLIM_CHECK_OBJ(supervision, STATUS_MAGIC);
    PLIM_CHECK(head != NULL && !supervision->is_open);
    plim__status_page *page = status_page(supervision);
    const uint64_t figures[PLIM__STATUS_FIGURES] = {
        head->rss_bytes, head->clients, head->submitted, head->answered, head->failed,
        head->repeated,  head->waiting, head->under_way, head->queue_max};
    supervision->is_open = true;
    (void)atomic_fetch_add(&page->sequence, 1); /* odd before anything changes */
    page->written_ns = plim__shared_now();
    page->is_stopping = head->is_stopping;
    page->is_on_change = head->is_on_change;
    page->row_count = page->left_out = 0;
    memcpy(page->figures, figures, sizeof figures);
}

void plim_supervision_add(plim_supervision *supervision, const plim_supervised *row)
{
    PLIM_CHECK_OBJ(supervision, STATUS_MAGIC);
    PLIM_CHECK(row != NULL && supervision->is_open);
    plim__status_page *page = status_page(supervision);
    if (page->row_count >= supervision->row_max) {
        page->left_out++;
        return;
    }
    plim__status_row *to = &status_rows(supervision)[page->row_count++];
    *to = (plim__status_row){.depth = row->depth,
                             .is_supervisor = row->is_supervisor,
                             .state = row->state,
                             .pid = row->pid,
                             .uptime_ns = row->uptime_ns,
                             .restarts = row->restarts,
                             .rss_bytes = row->rss_bytes,
                             .memory_bytes = row->memory_bytes,
                             .most_bytes = row->most_bytes,
                             .limit_bytes = row->limit_bytes,
                             .answered = row->answered,
                             .busy_ns = row->busy_ns};
    status_copy_text(to->id, row->id);
}

void plim_supervision_commit(plim_supervision *supervision)
{
    PLIM_CHECK_OBJ(supervision, STATUS_MAGIC);
    PLIM_CHECK(supervision->is_open);
    supervision->is_open = false;
    (void)atomic_fetch_add(&status_page(supervision)->sequence, 1);
}

void plim_supervision_close(plim_supervision **supervision)
{
    if (supervision == NULL || *supervision == NULL)
        return;
    plim_supervision *ended = *supervision;
    PLIM_CHECK_OBJ(ended, STATUS_MAGIC);
    *supervision = NULL;
    plim__shared_close(&ended->shared);
    ended->magic = 0;
    plim__array_free(plim_allocator_system(), ended, 1, sizeof *ended);
}
