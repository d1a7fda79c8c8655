/* SPDX-License-Identifier: MIT */
/**
 * @file journal.h
 * @brief A journal as its writer holds it.
 */
#ifndef PLIM_RUNTIME_COMMIT_JOURNAL_H
#define PLIM_RUNTIME_COMMIT_JOURNAL_H
#include <plimsoll/journal.h>

#include "base/limits.h"
#include "runtime/commit/log.h"

enum { PLIM__JOURNAL_MAGIC = 0x4e610003 };

struct plim_journal {
    uint32_t magic;
    uint32_t grain_shift;
    bool is_noting; /* a transaction is open, or one is kept that takes up what changes now */
    bool recovered;
    uint32_t mark_count;
    plim__log log;
    unsigned char *memory;
    plim__log_head *head;
    _Atomic uint64_t *firsts, *rows;
    unsigned char *slots;
    uint64_t *noted;     /* a bit per grain: it is kept since the newest begin or mark */
    uint64_t next_slot;  /* top % slot_count */
    uint64_t first_kept; /* first slot of the oldest, or top */
    uint64_t marks[PLIM_JOURNAL_MARKS_MAX]; /* top as it was */
    const plim_allocator *allocator;
    void (*on_step)(void *context); /* tests: called between any two stores that a crash divides */
    void *step_context;
};

/** A note that found something to keep. */
PLIM_NODISCARD plim_status plim__journal_keep(plim_journal *journal, uint64_t first_grain,
                                              uint64_t last_grain);

/** As plim_journal_note(), for a range that is known to lie within and is not empty. */
static inline plim_status plim__journal_touch(plim_journal *journal, uint64_t offset_bytes,
                                              uint64_t size_bytes)
{
    uint64_t first = offset_bytes >> journal->grain_shift;
    uint64_t last = (offset_bytes + size_bytes - 1) >> journal->grain_shift;
    if (!journal->is_noting || (first == last && (journal->noted[first / 64] >> first % 64 & 1)))
        return PLIM_OK;
    return plim__journal_keep(journal, first, last);
}

#endif
