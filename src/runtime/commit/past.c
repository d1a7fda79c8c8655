/* SPDX-License-Identifier: MIT */
/*
 * Earlier moments: the memory as it was, for anybody who can read it and its log; and what differs
 * between two, for the writer.
 */
#include <plimsoll/journal.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "runtime/commit/journal.h"

plim_status plim_journal_read_at(const void *log_bytes_at, size_t log_bytes, const void *memory,
                                 size_t memory_bytes, uint32_t back, void *out_copy,
                                 plim_error *err)
{
    plim__log log;
    plim__log_moment moment;
    PLIM_CHECK(log_bytes_at != NULL && memory != NULL && out_copy != NULL);
    plim_status status = plim__log_look(log_bytes_at, log_bytes, memory_bytes, &log, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; i < PLIM_JOURNAL_LOOKS_MAX; i++) {
        status = plim__log_find(&log, back, &moment, err);
        if (status != PLIM_OK)
            return status;
        memcpy(out_copy, memory, memory_bytes);
        status = plim__log_overlay(&log, &moment, out_copy, err);
        if (status != PLIM_ERR_BUSY)
            return status;
    }
    return plim_error_set(err, PLIM_ERR_BUSY, "its writer takes back faster than we can look");
}

/* The first slot of what changed since a moment; since the present one nothing has: `top`. */
static uint64_t past_first(const plim_journal *journal, uint64_t now, uint64_t number)
{
    return number == now && plim__log_state(journal->head->word) == PLIM__LOG_COMMITTED
               ? journal->head->top
               : journal->firsts[number % journal->log.moment_max];
}

static void past_add_range(uint64_t offset, uint64_t size, plim_journal_range *ranges, size_t max,
                           size_t *count)
{
    if (*count < max)
        ranges[*count] = (plim_journal_range){offset, size};
    (*count)++;
}

static size_t past_ranges(const plim_journal *journal, const uint64_t *changed,
                          plim_journal_range *ranges, size_t max)
{
    const plim__log *log = &journal->log;
    uint64_t from = UINT64_MAX;
    size_t count = 0;
    for (uint64_t grain = 0; grain < log->grain_count; grain++) {
        bool is_changed = (changed[grain / 64] >> grain % 64 & 1) != 0;
        if (is_changed && from == UINT64_MAX)
            from = grain;
        if (from != UINT64_MAX && !is_changed) {
            past_add_range(from * log->grain_bytes, (grain - from) * log->grain_bytes, ranges, max,
                           &count);
            from = UINT64_MAX;
        }
    }
    if (from != UINT64_MAX)
        past_add_range(from * log->grain_bytes, log->memory_bytes - from * log->grain_bytes, ranges,
                       max, &count);
    return count;
}

plim_status plim_journal_changes(const plim_journal *journal, uint32_t older, uint32_t newer,
                                 plim_journal_range *out_ranges, size_t range_max,
                                 size_t *out_count, plim_error *err)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    PLIM_CHECK(newer <= older && out_count != NULL && (out_ranges != NULL || range_max == 0));
    plim__log_moment from, to;
    plim_status status = plim__log_find(&journal->log, older, &from, err);
    if (status != PLIM_OK)
        return status;
    status = plim__log_find(&journal->log, newer, &to, err);
    if (status != PLIM_OK)
        return status;
    size_t words = (size_t)((journal->log.grain_count + 63) / 64);
    uint64_t *changed = plim__array_new_zero(journal->allocator, words, sizeof *changed);
    if (changed == NULL)
        return plim__no_memory(err, "a comparison of moments");
    uint64_t now = to.number + newer;
    uint64_t top = past_first(journal, now, to.number);
    for (uint64_t slot = past_first(journal, now, from.number); slot < top; slot++) {
        uint64_t grain = (uint32_t)journal->rows[slot % journal->log.slot_count];
        PLIM_CHECK(grain < journal->log.grain_count);
        changed[grain / 64] |= UINT64_C(1) << grain % 64;
    }
    *out_count = past_ranges(journal, changed, out_ranges, range_max);
    plim__array_free(journal->allocator, changed, words, sizeof *changed);
    return PLIM_OK;
}
