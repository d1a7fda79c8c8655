/* SPDX-License-Identifier: MIT */
/*
 * The journal: what a place held is in the log before it changes.
 *
 * Why what was, and not what will be: the bytes as they were are needed anyway, for undo and for
 * earlier moments. Kept before the first change, they are also the rollback, and the recovery
 * after a crash; and a commit has nothing left to copy. (docs/adr/0011-commit-engine.md)
 *
 * States of the log's word, and the calls that are its edges:
 *
 *     COMMITTED n --begin--> OPEN n+1 --commit--> COMMITTED n+1
 *                            OPEN n+1 --rollback, recovery--> COMMITTED n
 *     COMMITTED n --undo k--> UNDOING n+1-k --the end of it, recovery--> COMMITTED n-k
 *
 * J1 is_noting: what changes is in slots [first(newest), top) before it changes, once per begin or
 *    mark at least. Kept twice is right too: slots go back last first, so the oldest wins.
 * J2 a slot counts once top covers it; its bytes and its row stand before.
 * J3 grains go back before top and the word say so: what a crash leaves is done again, to the same
 *    end. Between the two, slots that belong to nobody any more are added to the transaction
 *    before, of which they are right: those grains hold just that.
 * J4 the oldest is given up before its slots are used again, so that a look at it can tell.
 */
#include "runtime/commit/journal.h"

#include <plimsoll/journal.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "runtime/commit/store.h"

enum { JOURNAL_GRAIN_DEFAULT = 4096, JOURNAL_MOMENTS_DEFAULT = 256 };

static void journal_step(const plim_journal *journal)
{
    atomic_thread_fence(memory_order_release); /* for readers; and the compiler moves nothing */
    PLIM__STOP();
    if (journal->on_step != NULL)
        journal->on_step(journal->step_context);
}

/* A store that a crash divides from the next, and from the one before. */
static void journal_store(plim_journal *journal, _Atomic uint64_t *place, uint64_t value)
{
    journal_step(journal);
    atomic_store_explicit(place, value, memory_order_release);
    journal_step(journal);
}

static uint64_t journal_load(const _Atomic uint64_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static uint64_t journal_newest(const plim_journal *journal)
{
    return plim__log_number(journal_load(&journal->head->word));
}

static uint32_t journal_state(const plim_journal *journal)
{
    return plim__log_state(journal_load(&journal->head->word));
}

static _Atomic uint64_t *journal_first(const plim_journal *journal, uint64_t number)
{
    return &journal->firsts[number % journal->log.moment_max];
}

static uint64_t journal_grain_of(const plim_journal *journal, uint64_t slot)
{
    uint64_t grain = (uint32_t)journal_load(&journal->rows[slot % journal->log.slot_count]);
    PLIM_CHECK(grain < journal->log.grain_count); /* judged on open, written by us since */
    return grain;
}

/* --- bits ---------------------------------------------------------------------------------- */

static bool journal_is_noted(const plim_journal *journal, uint64_t grain)
{
    return (journal->noted[grain / 64] >> grain % 64 & 1) != 0;
}

static void journal_set_noted(plim_journal *journal, uint64_t first, uint64_t top)
{
    for (uint64_t slot = first; slot < top; slot++) {
        uint64_t grain = journal_grain_of(journal, slot);
        journal->noted[grain / 64] |= UINT64_C(1) << grain % 64;
    }
}

static size_t journal_words(const plim_journal *journal)
{
    return (size_t)((journal->log.grain_count + 63) / 64);
}

static void journal_clear_noted(plim_journal *journal, uint64_t first, uint64_t top)
{
    if (top - first > journal_words(journal)) {
        memset(journal->noted, 0, journal_words(journal) * sizeof *journal->noted);
        return;
    }
    for (uint64_t slot = first; slot < top; slot++)
        journal->noted[journal_grain_of(journal, slot) / 64] = 0;
}

/* The slots that the bits stand for begin here. */
static uint64_t journal_layer(const plim_journal *journal)
{
    return journal->mark_count > 0 ? journal->marks[journal->mark_count - 1]
                                   : journal_load(journal_first(journal, journal_newest(journal)));
}

/* --- keep ---------------------------------------------------------------------------------- */

static void journal_set_oldest(plim_journal *journal, uint64_t oldest)
{
    journal_store(journal, &journal->head->oldest, oldest);
    bool is_kept = oldest <= journal_newest(journal);
    journal->first_kept =
        is_kept ? journal_load(journal_first(journal, oldest)) : journal_load(&journal->head->top);
    journal->is_noting = is_kept;
    if (!is_kept)
        memset(journal->noted, 0, journal_words(journal) * sizeof *journal->noted);
}

/* A slot that may be overwritten; false if the open transaction has them all. Between
   transactions all that is kept may go, and then nothing is to be kept. */
static bool journal_make_room(plim_journal *journal)
{
    uint64_t top = journal_load(&journal->head->top);
    while (top - journal->first_kept == journal->log.slot_count) {
        uint64_t oldest = journal_load(&journal->head->oldest);
        if (oldest == journal_newest(journal) && journal_state(journal) == PLIM__LOG_OPEN)
            return false;
        journal_set_oldest(journal, oldest + 1);
    }
    return true;
}

plim_status plim__journal_keep(plim_journal *journal, uint64_t first_grain, uint64_t last_grain)
{
    plim__log_head *head = journal->head;
    for (uint64_t grain = first_grain; grain <= last_grain; grain++) {
        if (journal_is_noted(journal, grain))
            continue;
        uint64_t top = journal_load(&head->top);
        if (top - journal->first_kept == journal->log.slot_count && !journal_make_room(journal))
            return PLIM_ERR_NO_SPACE;
        if (!journal->is_noting)
            return PLIM_OK;
        memcpy(journal->slots + (journal->next_slot << journal->grain_shift),
               journal->memory + (grain << journal->grain_shift),
               plim__log_grain_size(&journal->log, grain));
        atomic_store_explicit(&journal->rows[journal->next_slot],
                              plim__log_row(top, (uint32_t)grain), memory_order_relaxed);
        journal_store(journal, &head->top, top + 1); /* J2 */
        if (++journal->next_slot == journal->log.slot_count)
            journal->next_slot = 0;
        journal->noted[grain / 64] |= UINT64_C(1) << grain % 64;
    }
    return PLIM_OK;
}

plim_status plim_journal_note(plim_journal *journal, uint64_t offset_bytes, uint64_t size_bytes)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (offset_bytes > journal->log.memory_bytes ||
        size_bytes > journal->log.memory_bytes - offset_bytes)
        return PLIM_ERR_USAGE;
    return size_bytes == 0 ? PLIM_OK : plim__journal_touch(journal, offset_bytes, size_bytes);
}

/* --- put back ------------------------------------------------------------------------------ */

/* The slots from `first` on go back, the last first; then they are free. */
static void journal_restore(plim_journal *journal, uint64_t first)
{
    plim__log_head *head = journal->head;
    uint64_t top = journal_load(&head->top);
    uint64_t restores = journal_load(&head->restores);
    PLIM_CHECK(first <= top && top - first <= journal->log.slot_count);
    journal_store(journal, &head->restores, restores | 1);
    for (uint64_t slot = top; slot > first;) {
        slot--;
        uint64_t grain = journal_grain_of(journal, slot);
        memcpy(journal->memory + (grain << journal->grain_shift),
               journal->slots + ((slot % journal->log.slot_count) << journal->grain_shift),
               plim__log_grain_size(&journal->log, grain));
        journal_step(journal);
    }
    journal_clear_noted(journal, first, top);
    journal_store(journal, &head->top, first); /* J3 */
    journal->next_slot = first % journal->log.slot_count;
    journal_store(journal, &head->restores, (restores | 1) + 1);
}

/* What began with transaction `number` has not happened; what is added from now on is added to
   the one before, if that is kept. */
static void journal_take_back(plim_journal *journal, uint64_t number)
{
    uint64_t first = journal_load(journal_first(journal, number));
    journal_restore(journal, first);
    journal->mark_count = 0;
    journal_store(journal, &journal->head->word, plim__log_word(number - 1, PLIM__LOG_COMMITTED));
    journal->is_noting = number - 1 >= journal_load(&journal->head->oldest);
    if (journal->is_noting)
        journal_set_noted(journal, journal_layer(journal), first);
    else
        journal->first_kept = first;
}

/* --- open ---------------------------------------------------------------------------------- */

static plim_status journal_check_options(const plim_journal_options *options, plim_error *err)
{
    if (options->struct_bytes != sizeof *options)
        return plim_error_set(err, PLIM_ERR_USAGE, "plim_journal_options of %u bytes, not %zu",
                              options->struct_bytes, sizeof *options);
    if (options->memory == NULL || options->log == NULL || (uintptr_t)options->memory % 8 != 0 ||
        (uintptr_t)options->log % PLIM__LOG_ALIGN != 0)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "a journal has memory aligned to 8 bytes and a log aligned to %d",
                              PLIM__LOG_ALIGN);
    return PLIM_OK;
}

static plim_status journal_make(const plim_journal_options *options, plim_error *err)
{
    plim__log_head *head = options->log;
    plim__log_head plan = {
        .magic = PLIM__LOG_FILE_MAGIC,
        .version = PLIM__LOG_VERSION,
        .order = PLIM__LOG_ORDER,
        .log_bytes = options->log_bytes,
        .memory_bytes = options->memory_bytes,
        .grain_bytes = options->grain_bytes != 0 ? options->grain_bytes : JOURNAL_GRAIN_DEFAULT,
        .moment_max = options->moment_max != 0 ? options->moment_max : JOURNAL_MOMENTS_DEFAULT,
        .oldest = 1,
    };
    if (options->log_bytes < sizeof plan)
        return plim_error_set(err, PLIM_ERR_NO_SPACE, "a log of %zu bytes", options->log_bytes);
    if (!plim__log_plan(&plan))
        return plan.slots_at == 0 && plan.rows_at == 0
                   ? plim_error_set(err, PLIM_ERR_USAGE, "a figure of the journal is out of range")
                   : plim_error_set(err, PLIM_ERR_NO_SPACE,
                                    "a log of %zu bytes has no room for two grains of %u",
                                    options->log_bytes, plan.grain_bytes);
    atomic_store_explicit(&head->is_ready, 0, memory_order_release);
    memcpy(options->log, &plan, sizeof plan);
    atomic_store_explicit(&head->is_ready, 1, memory_order_release);
    return PLIM_OK;
}

/* A log in which nothing stands yet: new, or its making was killed. */
static bool journal_is_new(const plim_journal_options *options)
{
    const plim__log_head *head = options->log;
    return options->log_bytes < sizeof *head ||
           (atomic_load_explicit(&head->is_ready, memory_order_acquire) == 0 &&
            (head->magic == 0 || head->magic == PLIM__LOG_FILE_MAGIC) && head->word == 0 &&
            head->top == 0);
}

static void journal_point(plim_journal *journal, const plim_journal_options *options)
{
    unsigned char *base = options->log;
    journal->head = options->log;
    journal->firsts = (_Atomic uint64_t *)(void *)(base + sizeof *journal->head);
    journal->rows = (_Atomic uint64_t *)(void *)(base + journal->head->rows_at);
    journal->slots = base + journal->head->slots_at;
    journal->memory = options->memory;
    while ((uint32_t)1 << journal->grain_shift < journal->log.grain_bytes)
        journal->grain_shift++;
}

/* The log is sound; what a crash left is finished. */
static void journal_recover(plim_journal *journal)
{
    uint64_t top = journal_load(&journal->head->top);
    uint64_t oldest = journal_load(&journal->head->oldest);
    uint64_t restores = journal_load(&journal->head->restores);
    uint64_t newest = journal_newest(journal);
    journal->next_slot = top % journal->log.slot_count;
    journal->is_noting = oldest <= newest;
    journal->first_kept = journal->is_noting ? journal_load(journal_first(journal, oldest)) : top;
    if (journal_state(journal) != PLIM__LOG_COMMITTED) {
        journal_take_back(journal, newest);
        journal->recovered = true;
    } else if (journal->is_noting) {
        journal_set_noted(journal, journal_layer(journal), top);
    }
    if (restores % 2 != 0 && journal_load(&journal->head->restores) == restores)
        journal_store(journal, &journal->head->restores, restores + 1);
}

plim_status plim_journal_open(const plim_journal_options *options, plim_journal **out_journal,
                              plim_error *err)
{
    plim__log log;
    PLIM_CHECK(options != NULL && out_journal != NULL);
    plim_status status = journal_check_options(options, err);
    if (status == PLIM_OK && journal_is_new(options))
        status = journal_make(options, err);
    if (status == PLIM_OK)
        status = plim__log_look(options->log, options->log_bytes, options->memory_bytes, &log, err);
    if (status == PLIM_OK)
        status = plim__log_verify(&log, err);
    if (status != PLIM_OK)
        return status;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim_journal *journal = plim__array_new_zero(allocator, 1, sizeof *journal);
    if (journal == NULL)
        return plim__no_memory(err, "a journal");
    journal->allocator = allocator;
    journal->log = log;
    journal->noted =
        plim__array_new_zero(allocator, journal_words(journal), sizeof *journal->noted);
    if (journal->noted == NULL) {
        plim__array_free(allocator, journal, 1, sizeof *journal);
        return plim__no_memory(err, "a journal");
    }
    journal->magic = PLIM__JOURNAL_MAGIC;
    journal_point(journal, options);
    journal_recover(journal);
    *out_journal = journal;
    return PLIM_OK;
}

void plim_journal_close(plim_journal **journal_ptr)
{
    if (journal_ptr == NULL || *journal_ptr == NULL)
        return;
    plim_journal *journal = *journal_ptr;
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (journal_state(journal) == PLIM__LOG_OPEN)
        journal_take_back(journal, journal_newest(journal));
    plim__array_free(journal->allocator, journal->noted, journal_words(journal),
                     sizeof *journal->noted);
    journal->magic = 0;
    plim__array_free(journal->allocator, journal, 1, sizeof *journal);
    *journal_ptr = NULL;
}

/* --- transactions -------------------------------------------------------------------------- */

plim_status plim_journal_begin(plim_journal *journal)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (journal_state(journal) != PLIM__LOG_COMMITTED)
        return PLIM_ERR_BUSY;
    uint64_t newest = journal_newest(journal);
    uint64_t top = journal_load(&journal->head->top);
    if (journal->is_noting)
        journal_clear_noted(journal, journal_layer(journal), top);
    uint64_t oldest = journal_load(&journal->head->oldest);
    if (newest + 1 - oldest == journal->log.moment_max)
        journal_set_oldest(journal, oldest + 1);
    journal_store(journal, journal_first(journal, newest + 1), top);
    journal_store(journal, &journal->head->word, plim__log_word(newest + 1, PLIM__LOG_OPEN));
    if (!journal->is_noting)
        journal->first_kept = top;
    journal->is_noting = true;
    return PLIM_OK;
}

plim_status plim_journal_commit(plim_journal *journal)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (journal_state(journal) != PLIM__LOG_OPEN)
        return PLIM_ERR_USAGE;
    if (journal->mark_count > 0)
        (void)plim_journal_unmark(journal, 1);
    journal_store(journal, &journal->head->word,
                  plim__log_word(journal_newest(journal), PLIM__LOG_COMMITTED));
    return PLIM_OK;
}

plim_status plim_journal_rollback(plim_journal *journal)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (journal_state(journal) != PLIM__LOG_OPEN)
        return PLIM_ERR_USAGE;
    journal_take_back(journal, journal_newest(journal));
    return PLIM_OK;
}

plim_status plim_journal_undo(plim_journal *journal, uint32_t count, plim_error *err)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (journal_state(journal) != PLIM__LOG_COMMITTED)
        return plim_error_set(err, PLIM_ERR_BUSY, "a transaction is open");
    uint64_t newest = journal_newest(journal);
    uint64_t kept = newest + 1 - journal_load(&journal->head->oldest);
    if (count > kept)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "%u to undo: %llu are kept", count,
                              (unsigned long long)kept);
    if (count == 0)
        return PLIM_OK;
    uint64_t number = newest + 1 - count;
    journal_store(journal, &journal->head->word, plim__log_word(number, PLIM__LOG_UNDOING));
    journal_take_back(journal, number);
    return PLIM_OK;
}

/* --- marks --------------------------------------------------------------------------------- */

plim_status plim_journal_mark(plim_journal *journal, uint32_t *out_mark)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    PLIM_CHECK(out_mark != NULL);
    if (journal_state(journal) != PLIM__LOG_OPEN)
        return PLIM_ERR_USAGE;
    if (journal->mark_count == PLIM_JOURNAL_MARKS_MAX)
        return PLIM_ERR_LIMIT;
    uint64_t top = journal_load(&journal->head->top);
    journal_clear_noted(journal, journal_layer(journal), top);
    journal->marks[journal->mark_count++] = top;
    *out_mark = journal->mark_count;
    return PLIM_OK;
}

plim_status plim_journal_rollback_to(plim_journal *journal, uint32_t mark)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (mark == 0 || mark > journal->mark_count)
        return PLIM_ERR_STALE;
    journal->mark_count = mark;
    journal_restore(journal, journal->marks[mark - 1]); /* and no bit is left */
    return PLIM_OK;
}

plim_status plim_journal_unmark(plim_journal *journal, uint32_t mark)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    if (mark == 0 || mark > journal->mark_count)
        return PLIM_ERR_STALE;
    journal->mark_count = mark - 1;
    journal_set_noted(journal, journal_layer(journal), journal_load(&journal->head->top));
    return PLIM_OK;
}

/* --- looks --------------------------------------------------------------------------------- */

void plim_journal_read_info(const plim_journal *journal, plim_journal_info *out_info)
{
    PLIM_CHECK_OBJ(journal, PLIM__JOURNAL_MAGIC);
    bool is_open = journal_state(journal) == PLIM__LOG_OPEN;
    uint64_t newest = journal_newest(journal);
    uint64_t count = newest + 1 - journal_load(&journal->head->oldest);
    *out_info = (plim_journal_info){
        .moment = newest,
        .kept = (uint32_t)count - (is_open ? 1 : 0),
        .mark_count = journal->mark_count,
        .grain_bytes = journal->log.grain_bytes,
        .held_grains = count > 0 ? journal_load(&journal->head->top) - journal->first_kept : 0,
        .grain_max = journal->log.slot_count,
        .is_open = is_open,
        .recovered = journal->recovered};
}
