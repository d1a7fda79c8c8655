/* SPDX-License-Identifier: MIT */
/*
 * Drafts: the pages are private, so a crash leaves the truth alone; the platform says which were
 * written (platform/dirty.h); each run of them is noted in the journal, then copied over the
 * truth. Own and foreign drafts differ in who lists and who copies, in nothing else.
 *
 * D1 the truth changes only between a begin and a commit, or is put back.
 * D2 pages count as unwritten only after the commit: a failure loses nothing.
 */
#include <plimsoll/draft.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "platform/dirty.h"
#include "platform/pages.h"
#include "runtime/commit/journal.h"

enum { DRAFT_MAGIC = 0x4e610004, DRAFT_RUNS = 256 };

struct plim_draft {
    uint32_t magic;
    const plim_allocator *allocator;
    unsigned char *memory;
    size_t bytes;
    plim__dirty dirty;
};

_Static_assert((int)PLIM_DRAFT_SCAN == (int)PLIM__DIRTY_SCAN &&
                   (int)PLIM_DRAFT_PRIVATE == (int)PLIM__DIRTY_PRIVATE &&
                   (int)PLIM_DRAFT_TRAP == (int)PLIM__DIRTY_TRAP,
               "one order");

plim_status plim_draft_open(const plim_draft_options *options, plim_draft **out_draft,
                            plim_error *err)
{
    PLIM_CHECK(options != NULL && out_draft != NULL);
    size_t page = plim__pages_size();
    void *memory = NULL;
    if (options->struct_bytes != sizeof *options || options->size_bytes == 0 ||
        options->size_bytes % page != 0 || options->offset_bytes % page != 0 ||
        (uintptr_t)options->address % page != 0 || (uint32_t)options->way > PLIM_DRAFT_TRAP)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a draft has whole pages of %zu bytes, and a way of those there are",
                              page);
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_draft *draft = plim__array_new_zero(allocator, 1, sizeof *draft);
    if (draft == NULL)
        return plim__no_memory(err, "a draft");
    plim_status status = plim__draft_map(options->descriptor, options->offset_bytes,
                                         options->size_bytes, options->address, &memory, err);
    if (status == PLIM_OK) {
        status = plim__dirty_start(&draft->dirty, memory, options->size_bytes,
                                   (plim__dirty_way)options->way, err);
        if (status != PLIM_OK)
            plim__draft_unmap(memory, options->size_bytes);
    }
    if (status != PLIM_OK) {
        plim__array_free(allocator, draft, 1, sizeof *draft);
        return status;
    }
    draft->magic = DRAFT_MAGIC;
    draft->allocator = allocator;
    draft->memory = memory;
    draft->bytes = options->size_bytes;
    *out_draft = draft;
    return PLIM_OK;
}

void plim_draft_close(plim_draft **draft_ptr)
{
    if (draft_ptr == NULL || *draft_ptr == NULL)
        return;
    plim_draft *draft = *draft_ptr;
    PLIM_CHECK_OBJ(draft, DRAFT_MAGIC);
    plim__dirty_stop(&draft->dirty);
    plim__draft_unmap(draft->memory, draft->bytes);
    draft->magic = 0;
    plim__array_free(draft->allocator, draft, 1, sizeof *draft);
    *draft_ptr = NULL;
}

void *plim_draft_memory(const plim_draft *draft)
{
    PLIM_CHECK_OBJ(draft, DRAFT_MAGIC);
    return draft->memory;
}

plim_draft_way plim_draft_way_taken(const plim_draft *draft)
{
    PLIM_CHECK_OBJ(draft, DRAFT_MAGIC);
    return (plim_draft_way)draft->dirty.way;
}

plim_status plim_draft_drop(plim_draft *draft, plim_error *err)
{
    PLIM_CHECK_OBJ(draft, DRAFT_MAGIC);
    return plim__dirty_drop(&draft->dirty, err);
}

/* --- commit -------------------------------------------------------------------------------- */

/* Where written pages come from: a draft here, or a process elsewhere. */
typedef struct draft_source {
    plim_draft *draft; /* NULL: the process */
    int64_t pid;
    uint64_t address;
    size_t bytes;
} draft_source;

static plim_status draft_list(const draft_source *source, size_t *position, plim__dirty_run *runs,
                              size_t *out_count, plim_error *err)
{
    return source->draft != NULL
               ? plim__dirty_take(&source->draft->dirty, position, runs, DRAFT_RUNS, out_count, err)
               : plim__dirty_of_peer(source->pid, source->address, source->bytes, position, runs,
                                     DRAFT_RUNS, out_count, err);
}

static plim_status draft_move(const draft_source *source, plim_journal *journal,
                              uint64_t offset_bytes, plim__dirty_run run, plim_error *err)
{
    unsigned char *truth = journal->memory + offset_bytes + run.offset;
    plim_status status = plim__journal_touch(journal, offset_bytes + run.offset, run.bytes);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "more was written than the log of %llu bytes holds",
                              (unsigned long long)journal->head->log_bytes);
    if (source->draft == NULL)
        return plim__peer_copy(source->pid, source->address + run.offset, truth, (size_t)run.bytes,
                               err);
    memcpy(truth, source->draft->memory + run.offset, (size_t)run.bytes);
    return PLIM_OK;
}

/* All runs into the open transaction; [*start, *end) is what they span. */
static plim_status draft_move_all(const draft_source *source, plim_journal *journal,
                                  uint64_t offset_bytes, uint64_t *out_bytes, uint64_t span[2],
                                  plim_error *err)
{
    plim__dirty_run runs[DRAFT_RUNS];
    size_t position = 0, count = 0;
    plim_status status = PLIM_OK;
    while (position < source->bytes && status == PLIM_OK) {
        status = draft_list(source, &position, runs, &count, err);
        for (size_t i = 0; i < count && status == PLIM_OK; i++) {
            if (*out_bytes == 0)
                span[0] = runs[i].offset;
            span[1] = runs[i].offset + runs[i].bytes;
            *out_bytes += runs[i].bytes;
            status = draft_move(source, journal, offset_bytes, runs[i], err);
        }
    }
    return status;
}

static plim_status draft_commit(const draft_source *source, plim_journal *journal,
                                uint64_t offset_bytes, uint64_t *out_bytes, plim_error *err)
{
    uint64_t bytes = 0, span[2] = {0, 0};
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (offset_bytes > journal->log.memory_bytes ||
        source->bytes > journal->log.memory_bytes - offset_bytes)
        return plim_error_set(err, PLIM_ERR_USAGE, "the draft does not lie within the memory");
    plim_status status = plim_journal_begin(journal);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "a transaction is open");
    status = draft_move_all(source, journal, offset_bytes, &bytes, span, err);
    if (status != PLIM_OK) {
        (void)plim_journal_rollback(journal);
        if (source->draft != NULL)
            plim__dirty_keep(&source->draft->dirty);
        return status;
    }
    status = plim_journal_commit(journal);
    PLIM_CHECK(status == PLIM_OK);
    if (source->draft != NULL && bytes > 0) /* else none was taken */
        plim__dirty_rearm(&source->draft->dirty, span[0], span[1]);
    if (out_bytes != NULL)
        *out_bytes = bytes;
    return PLIM_OK;
}

plim_status plim_draft_commit(plim_draft *draft, plim_journal *journal, uint64_t offset_bytes,
                              uint64_t *out_bytes, plim_error *err)
{
    PLIM_CHECK_OBJ(draft, DRAFT_MAGIC);
    const draft_source source = {.draft = draft, .bytes = draft->bytes};
    return draft_commit(&source, journal, offset_bytes, out_bytes, err);
}

plim_status plim_draft_adopt(plim_journal *journal, uint64_t offset_bytes, int64_t pid,
                             uint64_t address, uint64_t size_bytes, uint64_t *out_bytes,
                             plim_error *err)
{
    size_t page = plim__pages_size();
    const draft_source source = {.pid = pid, .address = address, .bytes = (size_t)size_bytes};
    if (pid <= 0 || address % page != 0 || size_bytes % page != 0 ||
        size_bytes > UINT64_MAX - address)
        return plim_error_set(err, PLIM_ERR_USAGE, "another process's draft has whole pages");
    return draft_commit(&source, journal, offset_bytes, out_bytes, err);
}
