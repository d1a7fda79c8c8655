/* SPDX-License-Identifier: MIT */
/*
 * The log as others see it: a file that may be damaged, or that its writer changes while we look.
 * So the head is judged and its figures copied once; numbers and rows are read anew, each judged
 * before it is followed.
 *
 * A look at an earlier moment needs no help from the writer: each grain that changed since then
 * was kept before it changed. So a copy of the memory, however torn, becomes that moment by putting
 * over it what was kept since, the oldest last, as long as that was not dropped meanwhile.
 *
 * L1 oldest <= newest + 1.  L2 firsts rise from the oldest to the newest and to top.
 * L3 top - first(oldest) <= slot_count.  L4 the row of each such slot is its own, of a grain that
 * exists.
 */
#include "runtime/commit/log.h"

#include <string.h>

#include "base/limits.h"

static uint64_t log_load(const _Atomic uint64_t *place)
{
    return atomic_load_explicit(place, memory_order_acquire);
}

static uint64_t log_up(uint64_t bytes)
{
    return (bytes + PLIM__LOG_ALIGN - 1) & ~(uint64_t)(PLIM__LOG_ALIGN - 1);
}

bool plim__log_plan(plim__log_head *head)
{
    uint64_t grain = head->grain_bytes;
    if (grain < PLIM__LOG_ALIGN || grain > PLIM_JOURNAL_GRAIN_MAX || (grain & (grain - 1)) != 0 ||
        head->moment_max < 1 || head->moment_max > PLIM_JOURNAL_MOMENTS_MAX ||
        head->memory_bytes < 1 || head->memory_bytes / grain >= UINT32_MAX ||
        head->log_bytes > PLIM_JOURNAL_LOG_MAX)
        return false;
    head->rows_at = log_up(sizeof *head + head->moment_max * sizeof(uint64_t));
    uint64_t taken = head->rows_at + PLIM__LOG_ALIGN;
    if (head->log_bytes < taken)
        return false;
    head->slot_count = (head->log_bytes - taken) / (grain + sizeof(uint64_t));
    head->slots_at = log_up(head->rows_at + head->slot_count * sizeof(uint64_t));
    return head->slot_count >= 2;
}

plim_status plim__log_look(const void *bytes, size_t log_bytes, uint64_t memory_bytes,
                           plim__log *out_log, plim_error *err)
{
    const plim__log_head *head = bytes;
    if (log_bytes < sizeof *head || head->magic != PLIM__LOG_FILE_MAGIC)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the log is none of ours");
    if (head->order != PLIM__LOG_ORDER || head->version != PLIM__LOG_VERSION)
        return plim_error_set(err, PLIM_ERR_UNSUPPORTED,
                              "the log has version %u, and this program's is %d, or another order "
                              "of bytes",
                              head->version, PLIM__LOG_VERSION);
    plim__log_head again = {.log_bytes = head->log_bytes,
                            .memory_bytes = head->memory_bytes,
                            .grain_bytes = head->grain_bytes,
                            .moment_max = head->moment_max};
    if (again.log_bytes > log_bytes || !plim__log_plan(&again) ||
        again.slot_count != head->slot_count || again.rows_at != head->rows_at ||
        again.slots_at != head->slots_at)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the log's tables lie outside it");
    if (again.memory_bytes != memory_bytes)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the log is of %llu bytes, not of %llu",
                              (unsigned long long)again.memory_bytes,
                              (unsigned long long)memory_bytes);
    const unsigned char *base = bytes;
    *out_log = (plim__log){
        .head = head,
        .firsts = (const _Atomic uint64_t *)(const void *)(base + sizeof *head),
        .rows = (const _Atomic uint64_t *)(const void *)(base + again.rows_at),
        .slots = base + again.slots_at,
        .memory_bytes = memory_bytes,
        .slot_count = again.slot_count,
        .grain_count = (memory_bytes + again.grain_bytes - 1) / again.grain_bytes,
        .grain_bytes = again.grain_bytes,
        .moment_max = again.moment_max,
    };
    return PLIM_OK;
}

static uint64_t log_first(const plim__log *log, uint64_t number)
{
    return log_load(&log->firsts[number % log->moment_max]);
}

/* L4 of one slot. */
static bool log_row_grain(const plim__log *log, uint64_t slot, uint64_t *out_grain)
{
    uint64_t row = log_load(&log->rows[slot % log->slot_count]);
    *out_grain = (uint32_t)row;
    return row == plim__log_row(slot, (uint32_t)row) && *out_grain < log->grain_count;
}

plim_status plim__log_verify(const plim__log *log, plim_error *err)
{
    uint64_t word = log_load(&log->head->word);
    uint64_t newest = plim__log_number(word);
    uint64_t oldest = log_load(&log->head->oldest);
    uint64_t top = log_load(&log->head->top);
    if (plim__log_state(word) > PLIM__LOG_UNDOING || newest > PLIM_JOURNAL_NUMBER_MAX ||
        top > PLIM_JOURNAL_NUMBER_MAX || oldest < 1 || oldest > newest + 1 ||
        (oldest > newest && plim__log_state(word) != PLIM__LOG_COMMITTED) ||
        newest + 1 - oldest > log->moment_max)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the log's numbers contradict each other");
    if (oldest > newest)
        return PLIM_OK;
    uint64_t first = log_first(log, oldest);
    if (first > top || top - first > log->slot_count)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the log holds more than there is room for");
    uint64_t before = first;
    for (uint64_t number = oldest; number <= newest; number++) {
        uint64_t at = log_first(log, number);
        if (at < before || at > top)
            return plim_error_set(err, PLIM_ERR_DAMAGED,
                                  "transaction %llu of the log has no place in it",
                                  (unsigned long long)number);
        before = at;
    }
    uint64_t grain;
    for (uint64_t slot = first; slot < top; slot++)
        if (!log_row_grain(log, slot, &grain))
            return plim_error_set(err, PLIM_ERR_DAMAGED, "entry %llu of the log is none",
                                  (unsigned long long)slot);
    return PLIM_OK;
}

/* A word of a transaction under way names the last committed one's successor. */
static uint64_t log_now(uint64_t word)
{
    return plim__log_number(word) + (plim__log_state(word) == PLIM__LOG_COMMITTED ? 1 : 0);
}

plim_status plim__log_find(const plim__log *log, uint32_t back, plim__log_moment *out_moment,
                           plim_error *err)
{
    uint64_t restores = log_load(&log->head->restores);
    uint64_t now = log_now(log_load(&log->head->word));
    uint64_t oldest = log_load(&log->head->oldest);
    uint64_t kept = now > oldest && oldest > 0 ? now - oldest : 0;
    if (kept > log->moment_max)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "the log's numbers contradict each other");
    if (back > kept) {
        plim_status status =
            plim_error_set(err, PLIM_ERR_NOT_FOUND, "%u back: %llu transactions are kept", back,
                           (unsigned long long)kept);
        plim_error_hint(err, "older ones were dropped to make room in the log");
        return status;
    }
    *out_moment = (plim__log_moment){now - back, restores};
    return PLIM_OK;
}

void plim__log_count(const plim__log *log, plim__log_totals *out_totals)
{
    uint64_t word = log_load(&log->head->word);
    uint64_t now = log_now(word);
    uint64_t oldest = log_load(&log->head->oldest);
    uint64_t top = log_load(&log->head->top);
    uint64_t kept = now > oldest ? now - oldest : 0;
    uint64_t first = oldest <= plim__log_number(word) ? log_first(log, oldest) : top;
    *out_totals =
        (plim__log_totals){.newest = plim__log_number(word),
                           .held_grains = first > top                     ? 0
                                          : top - first < log->slot_count ? top - first
                                                                          : log->slot_count,
                           .kept = kept < log->moment_max ? (uint32_t)kept : log->moment_max,
                           .is_open = plim__log_state(word) != PLIM__LOG_COMMITTED};
}

/* Whether the log still has what the moment needs. */
static bool log_is_same(const plim__log *log, const plim__log_moment *moment)
{
    atomic_thread_fence(memory_order_acquire);
    return log_load(&log->head->restores) == moment->restores &&
           log_load(&log->head->oldest) <= moment->number;
}

plim_status plim__log_overlay(const plim__log *log, const plim__log_moment *moment,
                              unsigned char *copy, plim_error *err)
{
    atomic_thread_fence(memory_order_acquire);
    uint64_t word = log_load(&log->head->word);
    uint64_t grain;
    if (plim__log_number(word) < moment->number) /* now: nothing is over it */
        return log_is_same(log, moment) ? PLIM_OK : PLIM_ERR_BUSY;
    uint64_t top = log_load(&log->head->top);
    uint64_t first = log_first(log, moment->number);
    bool fits = first <= top && top - first <= log->slot_count;
    for (uint64_t slot = top; fits && slot > first;) {
        fits = log_row_grain(log, --slot, &grain);
        if (fits)
            memcpy(copy + grain * log->grain_bytes,
                   log->slots + (slot % log->slot_count) * log->grain_bytes,
                   plim__log_grain_size(log, grain));
    }
    if (!log_is_same(log, moment))
        return PLIM_ERR_BUSY;
    return fits ? PLIM_OK
                : plim_error_set(err, PLIM_ERR_DAMAGED, "the log's entries contradict its head");
}
