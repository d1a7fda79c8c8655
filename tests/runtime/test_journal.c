/* SPDX-License-Identifier: MIT */
/*
 * Journals. Method: random transactions over plain memory beside a naive twin that keeps a full
 * copy of each moment; a crash is a jump out of the middle of a call, at every step in turn, after
 * which only the memory and the log remain.
 */
#include <plimsoll/journal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "runtime/commit/journal.h"

enum { GRAIN = 64, MEMORY = 64 * GRAIN - 24, LOG = 64 << 10, MOMENTS = 40 };

static _Alignas(64) unsigned char memory[MEMORY];
static _Alignas(64) unsigned char logged[LOG];

/* --- a small world ------------------------------------------------------------------------- */

static plim_journal_options journal_options(size_t log_bytes)
{
    return (plim_journal_options){.struct_bytes = sizeof(plim_journal_options),
                                  .grain_bytes = GRAIN,
                                  .moment_max = MOMENTS,
                                  .memory = memory,
                                  .memory_bytes = MEMORY,
                                  .log = logged,
                                  .log_bytes = log_bytes};
}

static plim_journal *journal_again(size_t log_bytes)
{
    plim_journal_options options = journal_options(log_bytes);
    plim_journal *journal = NULL;
    plim_error err = {0};
    if (plim_journal_open(&options, &journal, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return journal;
}

static plim_journal *journal_new(size_t log_bytes)
{
    memset(memory, 0, sizeof memory);
    memset(logged, 0, sizeof logged);
    return journal_again(log_bytes);
}

/* What a process held that is no more; the log stays as it left it. */
static void journal_bury(plim_journal *dead)
{
    static plim__log_head grave;
    if (dead == NULL)
        return;
    dead->on_step = NULL;
    dead->head = &grave;
    plim_journal_close(&dead);
}

static plim_status write_at(plim_journal *journal, size_t at, size_t bytes, int value)
{
    plim_status status = plim_journal_note(journal, at, bytes);
    if (status == PLIM_OK)
        memset(memory + at, value, bytes);
    return status;
}

static void write_all(plim_journal *journal, int value)
{
    assert_int_equal(write_at(journal, 0, MEMORY, value), PLIM_OK);
}

static plim_journal_info info_of(const plim_journal *journal)
{
    plim_journal_info info;
    plim_journal_read_info(journal, &info);
    return info;
}

static void assert_all(int value)
{
    for (size_t i = 0; i < MEMORY; i++)
        assert_int_equal(memory[i], value);
}

/* --- what the contract says ---------------------------------------------------------------- */

static void what_was_committed_stands_and_what_was_rolled_back_does_not(void **state)
{
    (void)state;
    plim_journal *journal = journal_new(LOG);
    assert_int_equal(plim_journal_commit(journal), PLIM_ERR_USAGE);
    assert_int_equal(plim_journal_rollback(journal), PLIM_ERR_USAGE);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    assert_int_equal(plim_journal_begin(journal), PLIM_ERR_BUSY);
    write_all(journal, 1);
    assert_int_equal(plim_journal_commit(journal), PLIM_OK);
    assert_all(1);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    write_all(journal, 2);
    assert_int_equal(plim_journal_rollback(journal), PLIM_OK);
    assert_all(1);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    write_all(journal, 3);
    plim_journal_close(&journal); /* is a rollback */
    assert_all(1);
}

static void undo_takes_back_what_came_after_a_commit_too_also_in_the_next_process(void **state)
{
    (void)state;
    plim_journal *journal = journal_new(LOG);
    plim_error err = {0};
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(plim_journal_begin(journal), PLIM_OK);
        assert_int_equal(write_at(journal, 0, 100, i), PLIM_OK);
        assert_int_equal(plim_journal_commit(journal), PLIM_OK);
        assert_int_equal(write_at(journal, 1000, 100, 10 * i), PLIM_OK);
    }
    assert_int_equal(plim_journal_undo(journal, 4, &err), PLIM_ERR_NOT_FOUND);
    assert_non_null(strstr(err.what, "3 are kept"));
    assert_int_equal(plim_journal_undo(journal, 1, NULL), PLIM_OK);
    assert_int_equal(memory[0], 2);
    assert_int_equal(memory[1000], 20);
    assert_int_equal(write_at(journal, 1000, 1, 77), PLIM_OK); /* belongs to the second now */
    plim_journal_close(&journal);
    journal = journal_again(LOG);
    assert_int_equal(info_of(journal).kept, 2);
    assert_int_equal(plim_journal_undo(journal, 1, NULL), PLIM_OK);
    assert_int_equal(memory[0], 1);
    assert_int_equal(memory[1000], 10);
    assert_int_equal(plim_journal_undo(journal, 1, NULL), PLIM_OK);
    assert_all(0);
    assert_int_equal(info_of(journal).kept, 0);
    plim_journal_close(&journal);
}

static void marks_nest_and_can_be_gone_back_to_again_and_again(void **state)
{
    (void)state;
    plim_journal *journal = journal_new(LOG);
    uint32_t outer = 0, inner = 0;
    assert_int_equal(plim_journal_mark(journal, &outer), PLIM_ERR_USAGE);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    write_all(journal, 1);
    assert_int_equal(plim_journal_mark(journal, &outer), PLIM_OK);
    write_all(journal, 2);
    assert_int_equal(plim_journal_mark(journal, &inner), PLIM_OK);
    for (int i = 0; i < 3; i++) {
        write_all(journal, 3 + i);
        assert_int_equal(plim_journal_rollback_to(journal, inner), PLIM_OK);
        assert_all(2);
    }
    assert_int_equal(plim_journal_rollback_to(journal, outer), PLIM_OK);
    assert_all(1);
    assert_int_equal(plim_journal_rollback_to(journal, inner), PLIM_ERR_STALE);
    write_all(journal, 7);
    assert_int_equal(plim_journal_unmark(journal, outer), PLIM_OK);
    assert_int_equal(plim_journal_rollback_to(journal, outer), PLIM_ERR_STALE);
    assert_int_equal(plim_journal_rollback(journal), PLIM_OK);
    assert_all(0);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    for (uint32_t i = 0; i < PLIM_JOURNAL_MARKS_MAX; i++)
        assert_int_equal(plim_journal_mark(journal, &inner), PLIM_OK);
    assert_int_equal(plim_journal_mark(journal, &inner), PLIM_ERR_LIMIT);
    assert_int_equal(plim_journal_commit(journal), PLIM_OK);
    assert_int_equal(info_of(journal).mark_count, 0);
    plim_journal_close(&journal);
}

static void a_log_too_small_refuses_in_a_transaction_and_forgets_between_them(void **state)
{
    (void)state;
    size_t log_bytes = sizeof(plim__log_head) + MOMENTS * 8 + 64 + 10 * (GRAIN + 8);
    plim_journal *journal = journal_new(log_bytes);
    assert_int_equal(info_of(journal).grain_max, 10);
    for (int i = 1; i <= 4; i++) { /* three grains each: the oldest goes */
        assert_int_equal(plim_journal_begin(journal), PLIM_OK);
        assert_int_equal(write_at(journal, 0, 3 * GRAIN, i), PLIM_OK);
        assert_int_equal(plim_journal_commit(journal), PLIM_OK);
    }
    assert_int_equal(info_of(journal).kept, 3);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    assert_int_equal(write_at(journal, 0, 10 * GRAIN, 9), PLIM_OK);
    assert_int_equal(info_of(journal).kept, 0);
    assert_int_equal(write_at(journal, 10 * GRAIN, 1, 9), PLIM_ERR_NO_SPACE);
    assert_int_equal(plim_journal_rollback(journal), PLIM_OK);
    for (size_t i = 0; i < 3 * GRAIN; i++)
        assert_int_equal(memory[i], 4);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    assert_int_equal(plim_journal_commit(journal), PLIM_OK);
    write_all(journal, 5); /* never refused; what was kept is gone */
    assert_int_equal(info_of(journal).kept, 0);
    plim_journal_close(&journal);
    journal = journal_again(log_bytes);
    assert_all(5);
    assert_int_equal(info_of(journal).kept, 0);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    assert_int_equal(write_at(journal, 0, GRAIN, 6), PLIM_OK);
    assert_int_equal(plim_journal_rollback(journal), PLIM_OK);
    assert_all(5);
    plim_journal_close(&journal);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    plim_journal *journal = NULL;
    plim_journal_options good = journal_options(LOG), bad;
    memset(logged, 0, sizeof logged);
    bad = good;
    bad.struct_bytes = 3;
    assert_int_equal(plim_journal_open(&bad, &journal, NULL), PLIM_ERR_USAGE);
    bad = good;
    bad.grain_bytes = 96;
    assert_int_equal(plim_journal_open(&bad, &journal, NULL), PLIM_ERR_USAGE);
    bad = good;
    bad.memory_bytes = 0;
    assert_int_equal(plim_journal_open(&bad, &journal, NULL), PLIM_ERR_USAGE);
    bad = good;
    bad.log = logged + 8;
    assert_int_equal(plim_journal_open(&bad, &journal, NULL), PLIM_ERR_USAGE);
    bad = good;
    bad.log_bytes = 100;
    assert_int_equal(plim_journal_open(&bad, &journal, NULL), PLIM_ERR_NO_SPACE);
    bad = good;
    bad.log_bytes = 600;
    assert_int_equal(plim_journal_open(&bad, &journal, NULL), PLIM_ERR_NO_SPACE);
    bad = good;
    bad.moment_max = PLIM_JOURNAL_MOMENTS_MAX + 1;
    assert_int_equal(plim_journal_open(&bad, &journal, NULL), PLIM_ERR_USAGE);
    journal = journal_new(LOG);
    assert_int_equal(plim_journal_note(journal, MEMORY, 1), PLIM_ERR_USAGE);
    assert_int_equal(plim_journal_note(journal, 1, UINT64_MAX), PLIM_ERR_USAGE);
    assert_int_equal(plim_journal_note(journal, MEMORY, 0), PLIM_OK);
    plim_journal_close(&journal);
    good.memory_bytes = MEMORY - 8; /* another size than the log's */
    assert_int_equal(plim_journal_open(&good, &journal, NULL), PLIM_ERR_DAMAGED);
    good = journal_options(LOG);
    ((plim__log_head *)(void *)logged)->version++;
    assert_int_equal(plim_journal_open(&good, &journal, NULL), PLIM_ERR_UNSUPPORTED);
}

static void every_refused_allocation_is_said_and_leaks_nothing(void **state)
{
    (void)state;
    plim_journal_options options = journal_options(LOG);
    plim_status status = PLIM_ERR_NO_MEMORY;
    fault_allocator fault;
    memset(logged, 0, sizeof logged);
    for (uint64_t n = 1; status != PLIM_OK; n++) {
        plim_journal *journal = NULL;
        plim_journal_range range;
        size_t count = 0;
        fault_allocator_init(&fault, n);
        options.allocator = &fault.allocator;
        status = plim_journal_open(&options, &journal, NULL);
        if (status == PLIM_OK) {
            assert_int_equal(plim_journal_begin(journal), PLIM_OK);
            assert_int_equal(plim_journal_note(journal, 0, 1), PLIM_OK);
            assert_int_equal(plim_journal_commit(journal), PLIM_OK);
            status = plim_journal_changes(journal, 1, 0, &range, 1, &count, NULL);
        }
        assert_true(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
        plim_journal_close(&journal);
        assert_int_equal(fault.live_bytes, 0);
    }
}

/* --- against a naive twin ------------------------------------------------------------------ */

typedef struct twin {
    unsigned char moments[MOMENTS + 2][MEMORY]; /* [count - 1] began the newest */
    uint32_t count;
    unsigned char marks[PLIM_JOURNAL_MARKS_MAX][MEMORY];
    uint32_t mark_count;
    bool is_open;
    unsigned char now[MEMORY];
} twin;

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 11) % bound;
}

static void twin_begin(twin *at)
{
    if (at->count == MOMENTS) {
        memmove(at->moments[0], at->moments[1], sizeof at->moments[0] * (MOMENTS - 1));
        at->count--;
    }
    memcpy(at->moments[at->count++], at->now, MEMORY);
    at->is_open = true;
    at->mark_count = 0;
}

static void twin_back(twin *at, uint32_t count)
{
    at->count -= count;
    memcpy(at->now, at->moments[at->count], MEMORY);
    at->is_open = false;
    at->mark_count = 0;
}

/* Moments that the journal dropped, for want of room, are dropped here. */
static void twin_trim(twin *at, const plim_journal *journal)
{
    uint32_t kept = info_of(journal).kept + (at->is_open ? 1 : 0);
    assert_true(kept <= at->count);
    memmove(at->moments[0], at->moments[at->count - kept], sizeof at->moments[0] * kept);
    at->count = kept;
}

static void twin_write(twin *at, plim_journal *journal)
{
    size_t bytes = random_below(4) == 0 ? random_below(MEMORY / 2) : random_below(20);
    size_t start = random_below((uint32_t)(MEMORY - bytes));
    int value = (int)random_below(256);
    plim_status status = write_at(journal, start, bytes, value);
    twin_trim(at, journal);
    if (status == PLIM_ERR_NO_SPACE)
        assert_true(at->is_open);
    else
        memset(at->now + start, value, bytes);
}

static void twin_mark(twin *at, plim_journal *journal)
{
    uint32_t mark = 0;
    if (at->mark_count < PLIM_JOURNAL_MARKS_MAX && random_below(3) != 0) {
        assert_int_equal(plim_journal_mark(journal, &mark), PLIM_OK);
        memcpy(at->marks[at->mark_count++], at->now, MEMORY);
        assert_int_equal(mark, at->mark_count);
    } else if (at->mark_count > 0) {
        mark = 1 + random_below(at->mark_count);
        if (random_below(2) == 0) {
            assert_int_equal(plim_journal_unmark(journal, mark), PLIM_OK);
            at->mark_count = mark - 1;
        } else {
            assert_int_equal(plim_journal_rollback_to(journal, mark), PLIM_OK);
            at->mark_count = mark;
            memcpy(at->now, at->marks[mark - 1], MEMORY);
        }
    }
}

static void twin_step(twin *at, plim_journal *journal)
{
    uint32_t what = random_below(100);
    if (what < 60) {
        twin_write(at, journal);
    } else if (what < 70 && at->is_open) {
        twin_mark(at, journal);
    } else if (what < 75 && at->is_open) {
        assert_int_equal(plim_journal_rollback(journal), PLIM_OK);
        twin_back(at, 1);
    } else if (at->is_open) {
        assert_int_equal(plim_journal_commit(journal), PLIM_OK);
        at->is_open = false;
        at->mark_count = 0;
    } else if (what < 80 && at->count > 0) {
        uint32_t count = 1 + random_below(at->count < 4 ? at->count : 4);
        assert_int_equal(plim_journal_undo(journal, count, NULL), PLIM_OK);
        twin_back(at, count);
    } else {
        assert_int_equal(plim_journal_begin(journal), PLIM_OK);
        twin_begin(at);
    }
}

/* Every kept moment, from outside, and what differs between two of them. */
static void twin_compare_moments(const twin *at, const plim_journal *journal, size_t log_bytes)
{
    static unsigned char copy[MEMORY];
    static plim_journal_range ranges[MEMORY];
    uint32_t kept = at->count - (at->is_open ? 1 : 0);
    for (uint32_t back = 0; back <= kept; back++) {
        const unsigned char *wanted =
            back == 0 && !at->is_open ? at->now : at->moments[kept - back];
        assert_int_equal(plim_journal_read_at(logged, log_bytes, memory, MEMORY, back, copy, NULL),
                         PLIM_OK);
        assert_memory_equal(copy, wanted, MEMORY);
    }
    assert_int_equal(plim_journal_read_at(logged, log_bytes, memory, MEMORY, kept + 1, copy, NULL),
                     PLIM_ERR_NOT_FOUND);
    if (kept < 2)
        return;
    uint32_t older = 1 + random_below(kept), newer = random_below(older);
    size_t count = 0;
    assert_int_equal(plim_journal_changes(journal, older, newer, ranges, MEMORY, &count, NULL),
                     PLIM_OK);
    const unsigned char *from = at->moments[kept - older];
    const unsigned char *to = newer == 0 && !at->is_open ? at->now : at->moments[kept - newer];
    memcpy(copy, from, MEMORY);
    for (size_t i = 0; i < count; i++)
        memcpy(copy + ranges[i].offset_bytes, to + ranges[i].offset_bytes, ranges[i].size_bytes);
    assert_memory_equal(copy, to, MEMORY); /* so nothing outside the ranges differs */
}

static void run_twin(size_t log_bytes, int steps)
{
    static twin at;
    memset(&at, 0, sizeof at);
    plim_journal *journal = journal_new(log_bytes);
    for (int i = 0; i < steps; i++) {
        twin_step(&at, journal);
        assert_memory_equal(memory, at.now, MEMORY);
        if (random_below(20) == 0)
            twin_compare_moments(&at, journal, log_bytes);
        if (random_below(50) == 0) { /* a process ends, orderly or not */
            if (random_below(2) == 0)
                plim_journal_close(&journal);
            plim_journal *dead = journal;
            journal = journal_again(log_bytes);
            journal_bury(dead);
            if (at.is_open)
                twin_back(&at, 1);
        }
    }
    plim_journal_close(&journal);
}

static void random_transactions_agree_with_full_copies(void **state)
{
    (void)state;
    const char *seed = getenv("PLIM_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : UINT64_C(0x1d41c27b9);
    print_message("seed %llu\n", (unsigned long long)random_state);
    run_twin(LOG, 6000);
    for (size_t slots = 10; slots < 80; slots += 7)
        run_twin(sizeof(plim__log_head) + MOMENTS * 8 + 64 + slots * (GRAIN + 8), 1500);
}

/* --- crashes ------------------------------------------------------------------------------- */

typedef struct crash {
    jmp_buf out;
    long left; /* steps until it happens */
} crash;

static void crash_step(void *context)
{
    crash *at = context;
    if (at->left-- == 0)
        longjmp(at->out, 1);
}

/* A fixed course; sets progress to what has returned. */
static void crash_course(plim_journal *journal, volatile int *progress)
{
    uint32_t mark;
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    write_all(journal, 1);
    assert_int_equal(plim_journal_commit(journal), PLIM_OK);
    *progress = 1;
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    assert_int_equal(write_at(journal, 100, 1000, 2), PLIM_OK);
    assert_int_equal(plim_journal_mark(journal, &mark), PLIM_OK);
    assert_int_equal(write_at(journal, 300, 2000, 3), PLIM_OK);
    assert_int_equal(plim_journal_rollback_to(journal, mark), PLIM_OK);
    assert_int_equal(write_at(journal, 3000, 500, 4), PLIM_OK);
    assert_int_equal(plim_journal_rollback(journal), PLIM_OK);
    assert_int_equal(plim_journal_begin(journal), PLIM_OK);
    write_all(journal, 5);
    assert_int_equal(plim_journal_commit(journal), PLIM_OK);
    *progress = 2;
    assert_int_equal(plim_journal_undo(journal, 2, NULL), PLIM_OK);
    *progress = 3;
}

static void a_crash_at_any_step_leaves_the_state_before_or_after(void **state)
{
    (void)state;
    static crash at;
    /* What the memory may hold once `progress` calls have returned: that, or the next. */
    static const int VALUES[] = {0, 1, 5, 0};
    volatile long steps = 0, recoveries = 0;
    volatile bool is_over = false;
    for (steps = 0; !is_over; steps++) {
        volatile int progress = 0;
        plim_journal *volatile journal = journal_new(LOG);
        journal->on_step = crash_step;
        journal->step_context = &at;
        at.left = steps;
        if (setjmp(at.out) == 0) {
            crash_course(journal, &progress);
            is_over = true;
        }
        plim_journal *again = journal_again(LOG);
        recoveries += info_of(again).recovered ? 1 : 0;
        assert_true(memory[0] == VALUES[progress] ||
                    (progress < 3 && memory[0] == VALUES[progress + 1]));
        assert_all(memory[0]);
        if (info_of(again).kept > 0) {
            assert_int_equal(plim_journal_undo(again, info_of(again).kept, NULL), PLIM_OK);
            assert_all(0);
        }
        journal_bury(journal);
        plim_journal_close(&again);
    }
    print_message("%ld steps, %ld of them left something to finish\n", steps, recoveries);
    assert_true(steps > 300 && recoveries > 200);
}

/* --- a log that lies ----------------------------------------------------------------------- */

static void a_damaged_log_is_refused_or_right_but_never_followed_outside(void **state)
{
    (void)state;
    static unsigned char saved_log[LOG], saved_memory[MEMORY], copy[MEMORY];
    size_t log_bytes = sizeof(plim__log_head) + MOMENTS * 8 + 64 + 100 * (GRAIN + 8);
    plim_journal_options options = journal_options(log_bytes);
    plim_journal *journal = journal_new(log_bytes);
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(plim_journal_begin(journal), PLIM_OK);
        assert_int_equal(write_at(journal, (size_t)i * 200, 500, i), PLIM_OK);
        if (i < 5)
            assert_int_equal(plim_journal_commit(journal), PLIM_OK);
    }
    memcpy(saved_log, logged, LOG);
    memcpy(saved_memory, memory, MEMORY);
    plim_journal_close(&journal);
    random_state = 0x9e3779b97f4a7c15;
    uint32_t refused = 0, taken = 0, looked = 0;
    for (uint32_t i = 0; i < 40000; i++) {
        memcpy(logged, saved_log, log_bytes);
        memcpy(memory, saved_memory, MEMORY);
        uint32_t count = 1 + random_below(3);
        while (count-- > 0) {
            size_t at =
                random_below(3) == 0 ? random_below((uint32_t)log_bytes) : random_below(1400);
            uint32_t noise = random_below(2) == 0 ? random_below(256) : 1u << random_below(8);
            logged[at] = (unsigned char)(logged[at] ^ noise);
        }
        for (uint32_t back = 0; back < 6; back++)
            looked += plim_journal_read_at(logged, log_bytes, memory, MEMORY, back, copy, NULL) ==
                      PLIM_OK;
        journal = NULL;
        plim_status status = plim_journal_open(&options, &journal, NULL);
        assert_true(status == PLIM_OK || status == PLIM_ERR_DAMAGED ||
                    status == PLIM_ERR_UNSUPPORTED);
        refused += status != PLIM_OK;
        taken += status == PLIM_OK;
        if (status == PLIM_OK) {
            assert_int_equal(plim_journal_begin(journal), PLIM_OK);
            write_all(journal, 9);
            assert_int_equal(plim_journal_rollback(journal), PLIM_OK);
            assert_int_equal(plim_journal_undo(journal, info_of(journal).kept, NULL), PLIM_OK);
            plim_journal_close(&journal);
        } else {
            assert_memory_equal(memory, saved_memory, MEMORY);
        }
    }
    print_message("%u refused, %u taken, %u looks\n", refused, taken, looked);
    assert_true(refused > 1000 && taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_stands_and_what_was_rolled_back_does_not),
        cmocka_unit_test(undo_takes_back_what_came_after_a_commit_too_also_in_the_next_process),
        cmocka_unit_test(marks_nest_and_can_be_gone_back_to_again_and_again),
        cmocka_unit_test(a_log_too_small_refuses_in_a_transaction_and_forgets_between_them),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(every_refused_allocation_is_said_and_leaks_nothing),
        cmocka_unit_test(random_transactions_agree_with_full_copies),
        cmocka_unit_test(a_crash_at_any_step_leaves_the_state_before_or_after),
        cmocka_unit_test(a_damaged_log_is_refused_or_right_but_never_followed_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
