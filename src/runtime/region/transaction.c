/* SPDX-License-Identifier: MIT */
/*
 * Transactions of a region: its journal (commit/journal.c) watches over all that can be taken back,
 * and calls say what they change before they do (plim__region_touch). Here is what a region adds:
 * after going back its own lists are made anew, and no reference that was given out is ever valid
 * for another object: a slot's next generation is above all that were taken back. Nor does a birth
 * come again, in this process or a later one: looks at different moments match objects by it.
 */
#include <plimsoll/transaction.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "runtime/commit/log.h"
#include "runtime/commit/store.h"
#include "runtime/region/region.h"

enum {
    HISTORY_GRAIN = 256,            /* four slots; figures in docs/internals/commit.md */
    HISTORY_BYTES_PER_MOMENT = 4096 /* of the budget: one row for each is set aside */
};

/* Before slots forget births. */
static void history_keep_births(plim_region *region, uint64_t next)
{
    _Atomic uint64_t *floor = &region->head->birth_floor;
    if (next > atomic_load_explicit(floor, memory_order_relaxed))
        plim__commit(floor, next);
}

/* Likewise, where a writer died in a transaction: the slots have still all that it gave out. (One
   that died while it took back had written it before.) */
static void history_find_births(plim_region *region)
{
    const plim__region_head *head = region->head;
    const plim__log_head *log = (const void *)((const char *)head + head->history_at);
    uint64_t newest = 0;
    if (log->magic != PLIM__LOG_FILE_MAGIC ||
        plim__log_state(atomic_load_explicit(&log->word, memory_order_relaxed)) != PLIM__LOG_OPEN)
        return;
    for (uint32_t i = 0; i < atomic_load_explicit(&head->object_top, memory_order_relaxed); i++) {
        uint64_t birth = region->objects[i].birth;
        if (birth > newest && birth < PLIM__BIRTH_MAX) /* more is damage, judged later */
            newest = birth;
    }
    history_keep_births(region, newest + 1);
}

plim_status plim__history_open(plim_region *region, plim_error *err)
{
    plim__region_head *head = region->head;
    uint64_t moments = head->history_bytes / HISTORY_BYTES_PER_MOMENT;
    if (head->history_bytes == 0)
        return PLIM_OK;
    const plim_journal_options options = {
        .struct_bytes = sizeof options,
        .grain_bytes = HISTORY_GRAIN,
        .moment_max = moments < 16     ? 16
                      : moments > 4096 ? 4096
                                       : (uint32_t)moments,
        .memory = &head->types,
        .memory_bytes =
            (size_t)(head->data_at + head->data_bytes - offsetof(plim__region_head, types)),
        .log = (unsigned char *)head + head->history_at,
        .log_bytes = (size_t)head->history_bytes,
        .allocator = region->allocator};
    plim_journal_info info;
    history_find_births(region);
    plim_status status = plim_journal_open(&options, &region->history, err);
    if (status != PLIM_OK)
        return status;
    plim_journal_read_info(region->history, &info);
    region->recovered = info.recovered;
    /* What came back was the log's word: judged like what was there. */
    return plim__region_check_head(head, (size_t)head->total_bytes, err);
}

void plim__history_close(plim_region *region)
{
    size_t count = region->head != NULL ? region->head->object_max : 0;
    plim_journal_info info = {.is_open = false};
    if (region->history != NULL)
        plim_journal_read_info(region->history, &info);
    if (info.is_open)
        history_keep_births(region, region->next_birth);
    plim_journal_close(&region->history);
    if (region->scratch != NULL)
        plim__array_free(region->allocator, region->scratch, plim__scratch_bytes(region), 1);
    plim__array_free(region->allocator, region->generations, count, sizeof *region->generations);
}

/* Whether a call may be made now that begins, or takes back. */
static plim_status transaction_may(const plim_region *region, plim_error *err)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    if (region->history == NULL) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_UNSUPPORTED, "the region was made without a history");
        plim_error_hint(err, "give history_bytes when a new one is made");
        return status;
    }
    if (region->is_telling)
        return plim_error_set(err, PLIM_ERR_BUSY, "an observer is being told of objects' ends");
    return PLIM_OK;
}

/* What going back needs, before it is needed. */
static plim_status transaction_prepare(plim_region *region, plim_error *err)
{
    size_t count = region->head->object_max;
    if (region->scratch == NULL)
        region->scratch = plim__array_new(region->allocator, plim__scratch_bytes(region), 1);
    if (region->generations == NULL)
        region->generations =
            plim__array_new_zero(region->allocator, count, sizeof *region->generations);
    return region->scratch != NULL && region->generations != NULL
               ? PLIM_OK
               : plim__no_memory(err, "a region's transactions");
}

/* Before going back: no generation and no birth that was given out comes again. */
static void transaction_keep_numbers(plim_region *region)
{
    history_keep_births(region, region->next_birth);
    uint32_t top = atomic_load_explicit(&region->head->object_top, memory_order_relaxed);
    for (uint32_t i = 0; i < top; i++)
        region->generations[i] = plim__slot_generation(region, i);
}

/* After it. */
static plim_status transaction_went_back(plim_region *region, plim_error *err)
{
    region->back_count++;
    plim_status status =
        plim__region_check_head(region->head, (size_t)region->head->total_bytes, err);
    if (status == PLIM_OK)
        status = plim__names_rebuild(region, err);
    if (status == PLIM_OK)
        status = plim__types_check(region, err);
    if (status == PLIM_OK)
        status = plim__region_rebuild(region, err);
    if (status == PLIM_OK && plim__charge_anew(region) != PLIM_OK) {
        /* Going back is not refused for money: the next object that is made pays for it. */
    }
    if (status == PLIM_OK && region->observer != NULL && region->observer->went_back != NULL)
        region->observer->went_back(region->observer->context, region);
    return status;
}

plim_status plim_region_begin(plim_region *region, plim_error *err)
{
    plim_status status = transaction_may(region, err);
    if (status == PLIM_OK)
        status = transaction_prepare(region, err);
    if (status != PLIM_OK)
        return status;
    status = plim_journal_begin(region->history);
    return status == PLIM_OK ? PLIM_OK
                             : plim_error_set(err, status, "a transaction is open already");
}

plim_status plim_region_commit(plim_region *region)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    return region->history != NULL ? plim_journal_commit(region->history) : PLIM_ERR_USAGE;
}

plim_status plim_region_rollback(plim_region *region, plim_error *err)
{
    plim_region_history history;
    plim_region_read_history(region, &history);
    if (!history.is_open)
        return plim_error_set(err, PLIM_ERR_USAGE, "no transaction is open");
    plim_status status = transaction_may(region, err);
    if (status != PLIM_OK)
        return status;
    transaction_keep_numbers(region);
    status = plim_journal_rollback(region->history);
    PLIM_CHECK(status == PLIM_OK);
    return transaction_went_back(region, err);
}

plim_status plim_region_mark(plim_region *region, uint32_t *out_mark)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    return region->history != NULL ? plim_journal_mark(region->history, out_mark) : PLIM_ERR_USAGE;
}

plim_status plim_region_rollback_to(plim_region *region, uint32_t mark, plim_error *err)
{
    plim_region_history history;
    plim_region_read_history(region, &history);
    if (mark == 0 || mark > history.mark_count)
        return plim_error_set(err, PLIM_ERR_STALE, "there is no mark %u: %u stand", mark,
                              history.mark_count);
    plim_status status = transaction_may(region, err);
    if (status != PLIM_OK)
        return status;
    transaction_keep_numbers(region);
    status = plim_journal_rollback_to(region->history, mark);
    PLIM_CHECK(status == PLIM_OK);
    return transaction_went_back(region, err);
}

plim_status plim_region_unmark(plim_region *region, uint32_t mark)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    return region->history != NULL ? plim_journal_unmark(region->history, mark) : PLIM_ERR_STALE;
}

plim_status plim_region_undo(plim_region *region, uint32_t count, plim_error *err)
{
    plim_status status = transaction_may(region, err);
    if (status == PLIM_OK)
        status = transaction_prepare(region, err);
    if (status != PLIM_OK || count == 0)
        return status;
    transaction_keep_numbers(region);
    status = plim_journal_undo(region->history, count, err);
    return status == PLIM_OK ? transaction_went_back(region, err) : status;
}

void plim_region_read_history(const plim_region *region, plim_region_history *out_history)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    plim_journal_info info;
    *out_history = (plim_region_history){0};
    if (region->history == NULL)
        return;
    plim_journal_read_info(region->history, &info);
    *out_history = (plim_region_history){.moment = info.moment,
                                         .kept = info.kept,
                                         .mark_count = info.mark_count,
                                         .held_bytes = info.held_grains * info.grain_bytes,
                                         .budget_bytes = region->head->history_bytes,
                                         .is_open = info.is_open};
}
