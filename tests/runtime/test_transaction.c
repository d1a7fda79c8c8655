/* SPDX-License-Identifier: MIT */
/*
 * Transactions of regions. Method: random calls on a region in anonymous memory beside a naive twin
 * that keeps a full copy of each moment; every earlier moment is looked at from outside. A crash is
 * a copy of the storage, taken at each step in turn, that is opened as the next process would.
 */
#include <plimsoll/transaction.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "runtime/region/region.h"

enum { SLOTS = 48, MOMENTS = 16, VALUE = 200, OWNERS = 3, HISTORY = 96 << 10, STORAGE = 160 << 10 };

static _Alignas(64) unsigned char storage[STORAGE], crashed[STORAGE];
static const plim_ref NONE = {0, 0};

static plim_region_options region_options(void)
{
    return (plim_region_options){.struct_bytes = sizeof(plim_region_options),
                                 .place = PLIM_REGION_STORAGE,
                                 .storage = storage,
                                 .storage_bytes = sizeof storage,
                                 .object_max = SLOTS,
                                 .type_max = 8,
                                 .field_max = 8,
                                 .name_max = 8,
                                 .text_bytes = 512,
                                 .value_max = VALUE,
                                 .history_bytes = HISTORY};
}

static plim_region *region_of(const plim_region_options *options)
{
    plim_region *region = NULL;
    plim_error err = {0};
    if (plim_region_open(options, &region, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return region;
}

static plim_region *region_new(void)
{
    plim_region_options options = region_options();
    memset(storage, 0, sizeof storage);
    return region_of(&options);
}

static plim_region *region_memfd(uint64_t history_bytes)
{
    plim_region_options options = region_options();
    options.place = PLIM_REGION_MEMFD;
    options.name = "transactions";
    options.data_bytes = 32 << 10;
    options.history_bytes = history_bytes;
    return region_of(&options);
}

static uint16_t type_of(plim_region *region, const char *name, uint32_t bytes)
{
    uint16_t type = 0;
    assert_int_equal(plim_region_type(region, name, bytes, NULL, 0, &type, NULL), PLIM_OK);
    return type;
}

static plim_region_view *view_at(const plim_region *region, uint32_t back)
{
    char path[64];
    plim_region_view *view = NULL;
    plim_error err = {0};
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", region->shared.descriptor);
    if (plim_region_view_open_at(path, back, NULL, &view, &err) != PLIM_OK)
        fail_msg("%u back: %s", back, err.what);
    return view;
}

static plim_region_history history_of(const plim_region *region)
{
    plim_region_history history;
    plim_region_read_history(region, &history);
    return history;
}

/* --- what the contract says ---------------------------------------------------------------- */

static void without_a_history_there_are_no_transactions(void **state)
{
    (void)state;
    plim_region *region = region_memfd(0);
    plim_error err = {0};
    uint32_t mark;
    assert_int_equal(plim_region_begin(region, &err), PLIM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.hint, "history_bytes"));
    assert_int_equal(plim_region_commit(region), PLIM_ERR_USAGE);
    assert_int_equal(plim_region_rollback(region, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_region_mark(region, &mark), PLIM_ERR_USAGE);
    assert_int_equal(plim_region_unmark(region, 1), PLIM_ERR_STALE);
    assert_int_equal(plim_region_undo(region, 1, NULL), PLIM_ERR_UNSUPPORTED);
    plim_region_view *view = view_at(region, 0);
    plim_region_view_close(&view);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", region->shared.descriptor);
    assert_int_equal(plim_region_view_open_at(path, 1, NULL, &view, NULL), PLIM_ERR_UNSUPPORTED);
    plim_region_close(&region);
}

static void a_reference_of_what_was_taken_back_never_names_another_object(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 8);
    plim_ref before, gone, again, other;
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &before), PLIM_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
        assert_int_equal(plim_region_release(region, before), PLIM_OK);
        assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &gone), PLIM_OK);
        assert_int_equal(gone.index, before.index);
        assert_int_equal(plim_region_rollback(region, NULL), PLIM_OK);
        assert_true(plim_region_is_valid(region, before));
        assert_false(plim_region_is_valid(region, gone));
    }
    assert_int_equal(plim_region_release(region, before), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &again), PLIM_OK);
    assert_int_equal(again.index, gone.index);
    assert_true(again.generation > gone.generation);
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &other), PLIM_OK);
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
    plim_region_close(&region);
}

static plim_region *region_again(plim_region *region)
{
    plim_region_options options = region_options();
    plim_region_close(&region);
    return region_of(&options);
}

static uint64_t birth_of_next(plim_region *region)
{
    plim_ref ref;
    plim_region_object object;
    assert_int_equal(plim_region_allocate(region, 1, NULL, 0, NONE, &ref), PLIM_OK);
    assert_int_equal(plim_region_describe(region, ref, &object), PLIM_OK);
    return object.birth;
}

static void a_birth_that_was_taken_back_never_comes_again_in_any_process(void **state)
{
    (void)state;
    plim_region *region = region_new();
    (void)type_of(region, "t", 8);
    uint64_t newest = birth_of_next(region);
    enum { UNDONE, ROLLED_BACK, TO_A_MARK, CLOSED, WAYS };
    for (int way = 0; way < WAYS; way++) {
        uint32_t mark;
        assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
        assert_int_equal(plim_region_mark(region, &mark), PLIM_OK);
        for (int i = 0; i < 3; i++) {
            uint64_t birth = birth_of_next(region);
            assert_true(birth > newest);
            newest = birth;
        }
        if (way == UNDONE) {
            assert_int_equal(plim_region_commit(region), PLIM_OK);
            assert_int_equal(plim_region_undo(region, 1, NULL), PLIM_OK);
        } else if (way == ROLLED_BACK) {
            assert_int_equal(plim_region_rollback(region, NULL), PLIM_OK);
        } else if (way == TO_A_MARK) {
            assert_int_equal(plim_region_rollback_to(region, mark, NULL), PLIM_OK);
            assert_int_equal(plim_region_commit(region), PLIM_OK);
        }
        region = region_again(region_again(region));
        assert_true(region->next_birth == newest + 1); /* and none is passed over */
    }
    plim_region_close(&region);
}

static void types_texts_and_names_go_back_too(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint32_t text = 0;
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 7, "before"), PLIM_OK);
    assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
    assert_int_equal(type_of(region, "new", 16), 1);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 7, "after"), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 8, "eight"), PLIM_OK);
    assert_int_equal(plim_region_intern(region, "text", &text), PLIM_OK);
    assert_int_equal(plim_region_rollback(region, NULL), PLIM_OK);
    assert_string_equal(plim_region_name_of(region, PLIM_NAME_OWNER, 7), "before");
    assert_null(plim_region_name_of(region, PLIM_NAME_OWNER, 8));
    assert_null(plim_region_text(region, text));
    assert_int_equal(plim_region_intern(region, "text", &text), PLIM_OK);
    assert_string_equal(plim_region_text(region, text), "text");
    assert_int_equal(type_of(region, "other", 8), 1);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 8, "eight"), PLIM_OK);
    plim_region_close(&region);
    plim_region_options options = region_options();
    region = region_of(&options);
    assert_string_equal(plim_region_name_of(region, PLIM_NAME_OWNER, 8), "eight");
    plim_region_close(&region);
}

static void a_transaction_that_fills_the_history_refuses_whole_calls(void **state)
{
    (void)state;
    plim_region *region = region_memfd(8 << 10);
    uint16_t type = type_of(region, "t", VALUE);
    unsigned char value[VALUE], seen[VALUE];
    plim_ref refs[SLOTS];
    memset(value, 1, sizeof value);
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_int_equal(
            plim_region_allocate(region, type, value, 1, i == 0 ? NONE : refs[0], &refs[i]),
            PLIM_OK);
    assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
    assert_int_equal(plim_region_release(region, refs[0]), PLIM_ERR_NO_SPACE);
    assert_int_equal(plim_region_release_owner(region, 1, NULL), PLIM_ERR_NO_SPACE);
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
    memset(value, 2, sizeof value);
    for (uint32_t i = 0; i < SLOTS; i++) {
        assert_int_equal(plim_region_get(region, refs[i], seen, VALUE), PLIM_OK);
        assert_int_equal(seen[0], 1);
    }
    assert_int_equal(plim_region_rollback(region, NULL), PLIM_OK);
    assert_int_equal(plim_region_release(region, refs[0]), PLIM_OK); /* outside it always may */
    assert_int_equal(history_of(region).kept, 0);
    plim_region_close(&region);
}

static plim_status fault_course(plim_region *region)
{
    uint16_t type;
    plim_ref ref;
    plim_status status = plim_region_type(region, "t", 8, NULL, 0, &type, NULL);
    if (status == PLIM_OK)
        status = plim_region_begin(region, NULL);
    if (status == PLIM_OK)
        status = plim_region_allocate(region, type, NULL, 0, NONE, &ref);
    if (status == PLIM_OK)
        status = plim_region_rollback(region, NULL);
    if (status == PLIM_OK)
        status = plim_region_undo(region, 0, NULL);
    return status;
}

static void every_refused_allocation_is_said_and_leaks_nothing(void **state)
{
    (void)state;
    fault_allocator fault;
    plim_status status = PLIM_ERR_NO_MEMORY;
    for (uint64_t n = 1; status != PLIM_OK; n++) {
        plim_region_options options = region_options();
        plim_region *region = NULL;
        memset(storage, 0, sizeof storage);
        fault_allocator_init(&fault, n);
        options.allocator = &fault.allocator;
        status = plim_region_open(&options, &region, NULL);
        if (status == PLIM_OK)
            status = fault_course(region);
        assert_true(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
        plim_region_close(&region);
        assert_int_equal(fault.live_bytes, 0);
        assert_true(n < 200);
    }
}

/* --- against a naive twin ------------------------------------------------------------------ */

typedef struct twin_state {
    plim_ref refs[SLOTS]; /* generation 0: no object */
    int parents[SLOTS];   /* an index, or -1 */
    uint32_t owners[SLOTS];
    unsigned char values[SLOTS]; /* every byte of it */
} twin_state;

typedef struct twin {
    twin_state now;
    twin_state moments[1024];
    uint32_t count;
    twin_state marks[8];
    uint32_t mark_count;
    bool is_open;
    plim_ref given[4096]; /* every reference there ever was */
    uint32_t given_count;
    uint16_t type;
} twin;

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 11) % bound;
}

static int twin_pick(const twin *at)
{
    int from = (int)random_below(SLOTS);
    for (int i = 0; i < SLOTS; i++)
        if (at->now.refs[(from + i) % SLOTS].generation != 0)
            return (from + i) % SLOTS;
    return -1;
}

static void twin_end(twin *at, int index)
{
    at->now.refs[index].generation = 0;
    for (int i = 0; i < SLOTS; i++)
        if (at->now.refs[i].generation != 0 && at->now.parents[i] == index)
            twin_end(at, i);
}

static void twin_trim(twin *at, const plim_region *region)
{
    uint32_t kept = history_of(region).kept + (at->is_open ? 1 : 0);
    assert_true(kept <= at->count);
    memmove(at->moments, at->moments + (at->count - kept), kept * sizeof at->moments[0]);
    at->count = kept;
}

static void twin_make(twin *at, plim_region *region)
{
    unsigned char value[VALUE];
    plim_ref ref;
    int parent = random_below(2) == 0 ? twin_pick(at) : -1;
    uint32_t owner = 1 + random_below(OWNERS);
    int byte = (int)random_below(256);
    memset(value, byte, sizeof value);
    plim_status status = plim_region_allocate(region, at->type, value, owner,
                                              parent >= 0 ? at->now.refs[parent] : NONE, &ref);
    if (status != PLIM_OK) {
        assert_true(status == PLIM_ERR_LIMIT || (status == PLIM_ERR_NO_SPACE && at->is_open));
        return;
    }
    for (uint32_t i = 0; i < at->given_count; i++)
        assert_false(at->given[i].index == ref.index && at->given[i].generation == ref.generation);
    if (at->given_count < 4096)
        at->given[at->given_count++] = ref;
    at->now.refs[ref.index] = ref;
    at->now.parents[ref.index] = parent;
    at->now.owners[ref.index] = parent >= 0 ? at->now.owners[parent] : owner;
    at->now.values[ref.index] = (unsigned char)byte;
}

static void twin_set(twin *at, plim_region *region)
{
    unsigned char value[VALUE];
    int index = twin_pick(at), byte = (int)random_below(256);
    if (index < 0)
        return;
    memset(value, byte, sizeof value);
    plim_status status = plim_region_set(region, at->now.refs[index], value, sizeof value);
    if (status == PLIM_OK)
        at->now.values[index] = (unsigned char)byte;
    else
        assert_true(status == PLIM_ERR_NO_SPACE && at->is_open);
}

static void twin_release(twin *at, plim_region *region)
{
    int index = twin_pick(at);
    if (index >= 0 && plim_region_release(region, at->now.refs[index]) == PLIM_OK)
        twin_end(at, index);
    uint32_t owner = 1 + random_below(OWNERS);
    if (random_below(6) == 0 && plim_region_release_owner(region, owner, NULL) == PLIM_OK)
        for (int i = 0; i < SLOTS; i++)
            if (at->now.owners[i] == owner)
                at->now.refs[i].generation = 0;
}

static void twin_back(twin *at, uint32_t count)
{
    at->count -= count;
    at->now = at->moments[at->count];
    at->is_open = false;
    at->mark_count = 0;
}

static void twin_mark(twin *at, plim_region *region)
{
    uint32_t mark = 0;
    if (at->mark_count < 8 && random_below(3) != 0) {
        assert_int_equal(plim_region_mark(region, &mark), PLIM_OK);
        at->marks[at->mark_count++] = at->now;
    } else if (at->mark_count > 0) {
        mark = 1 + random_below(at->mark_count);
        if (random_below(2) == 0) {
            assert_int_equal(plim_region_unmark(region, mark), PLIM_OK);
            at->mark_count = mark - 1;
        } else {
            assert_int_equal(plim_region_rollback_to(region, mark, NULL), PLIM_OK);
            at->mark_count = mark;
            at->now = at->marks[mark - 1];
        }
    }
    assert_int_equal(plim_region_rollback_to(region, 99, NULL), PLIM_ERR_STALE);
}

static void twin_step(twin *at, plim_region *region)
{
    uint32_t what = random_below(100);
    if (what < 30) {
        twin_make(at, region);
    } else if (what < 60) {
        twin_set(at, region);
    } else if (what < 72) {
        twin_release(at, region);
    } else if (what < 78 && at->is_open) {
        twin_mark(at, region);
    } else if (what < 83 && at->is_open) {
        assert_int_equal(plim_region_rollback(region, NULL), PLIM_OK);
        twin_back(at, 1);
    } else if (at->is_open) {
        assert_int_equal(plim_region_begin(region, NULL), PLIM_ERR_BUSY);
        assert_int_equal(plim_region_commit(region), PLIM_OK);
        at->is_open = false;
        at->mark_count = 0;
    } else if (what < 80 && at->count > 0) {
        uint32_t count = 1 + random_below(at->count < 3 ? at->count : 3);
        assert_int_equal(plim_region_undo(region, count, NULL), PLIM_OK);
        twin_back(at, count);
    } else {
        assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
        at->moments[at->count++] = at->now;
        at->is_open = true;
        at->mark_count = 0;
    }
    twin_trim(at, region);
}

static uint32_t twin_live(const twin_state *at)
{
    uint32_t count = 0;
    for (int i = 0; i < SLOTS; i++)
        count += at->refs[i].generation != 0;
    return count;
}

static void assert_object(const twin_state *at, const plim_region_object *object,
                          const unsigned char *value)
{
    uint32_t index = object->ref.index;
    assert_int_equal(object->ref.generation, at->refs[index].generation);
    assert_int_equal(object->owner, at->owners[index]);
    assert_int_equal(object->parent.generation == 0 ? -1 : (int)object->parent.index,
                     at->parents[index]);
    for (int i = 0; i < VALUE; i++)
        assert_int_equal(value[i], at->values[index]);
}

static void twin_compare(const twin *at, const plim_region *region)
{
    plim_region_object object;
    uint32_t count = 0;
    for (uint32_t i = 0; plim_region_next(region, &i, &object); count++)
        assert_object(&at->now, &object, plim_region_peek(region, object.ref));
    assert_int_equal(count, twin_live(&at->now));
    for (uint32_t i = 0; i < at->given_count; i++)
        assert_int_equal(plim_region_is_valid(region, at->given[i]),
                         at->now.refs[at->given[i].index].generation == at->given[i].generation);
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
}

/* The twin's account of what differs, against the library's. */
static void twin_compare_views(plim_region_view *older, const twin_state *from,
                               plim_region_view *newer, const twin_state *to)
{
    uint32_t wanted[3] = {0}, seen[3] = {0};
    plim_region_change change;
    for (int i = 0; i < SLOTS; i++) {
        uint32_t a = from->refs[i].generation, b = to->refs[i].generation;
        if (a == b)
            wanted[PLIM_REGION_CHANGED] += a != 0 && from->values[i] != to->values[i];
        else {
            wanted[PLIM_REGION_ENDED] += a != 0;
            wanted[PLIM_REGION_MADE] += b != 0;
        }
    }
    for (uint64_t at = 0; plim_region_view_compare(older, newer, &at, &change);) {
        seen[change.kind]++;
        if (change.kind != PLIM_REGION_MADE)
            assert_object(from, &change.older, change.older_value);
        if (change.kind != PLIM_REGION_ENDED)
            assert_object(to, &change.newer, change.newer_value);
    }
    assert_memory_equal(seen, wanted, sizeof seen);
}

static void twin_look(const twin *at, const plim_region *region)
{
    uint32_t kept = at->count - (at->is_open ? 1 : 0);
    plim_region_view *last = NULL;
    const twin_state *last_state = NULL;
    for (uint32_t back = kept < 12 ? kept : 12;; back--) {
        const twin_state *wanted = back == 0 && !at->is_open ? &at->now : &at->moments[kept - back];
        plim_region_view *view = view_at(region, back);
        plim_region_object object;
        plim_region_history history;
        const void *value;
        uint32_t count = 0;
        for (uint32_t i = 0; plim_region_view_next(view, &i, &object, &value); count++)
            assert_object(wanted, &object, value);
        assert_int_equal(count, twin_live(wanted));
        plim_region_view_history(view, &history);
        assert_int_equal(history.kept, kept);
        assert_int_equal(history.is_open, at->is_open);
        assert_int_equal(history.held_bytes, history_of(region).held_bytes);
        if (last != NULL)
            twin_compare_views(last, last_state, view, wanted);
        plim_region_view_close(&last);
        last = view;
        last_state = wanted;
        if (back == 0)
            break;
    }
    plim_region_view_close(&last);
}

static void random_transactions_agree_with_full_copies_and_every_look_at_them(void **state)
{
    (void)state;
    static twin at;
    const char *seed = getenv("PLIM_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : UINT64_C(0x51ed270b7);
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (uint64_t history_bytes = 12 << 10; history_bytes <= HISTORY; history_bytes *= 2) {
        memset(&at, 0, sizeof at);
        plim_region *region = region_memfd(history_bytes);
        at.type = type_of(region, "t", VALUE);
        for (int i = 0; i < 3000; i++) {
            twin_step(&at, region);
            twin_compare(&at, region);
            if (random_below(40) == 0)
                twin_look(&at, region);
        }
        plim_region_close(&region);
    }
}

/* --- crashes ------------------------------------------------------------------------------- */

typedef struct crash_world {
    const plim_region *writer;
    uint64_t values[3]; /* what the three objects may hold, before and after */
    uint64_t next[3];
    uint64_t crashes, recovered;
} crash_world;

static bool crash_values_are(const plim_region *region, const uint64_t *wanted)
{
    plim_region_object object;
    uint32_t at = 0, count = 0;
    uint64_t sum = 0, value;
    for (; plim_region_next(region, &at, &object); count++) {
        assert_int_equal(plim_region_get(region, object.ref, &value, sizeof value), PLIM_OK);
        sum += value;
    }
    uint64_t wanted_sum = 0, wanted_count = 0;
    for (int i = 0; i < 3; i++) {
        wanted_sum += wanted[i];
        wanted_count += wanted[i] != 0;
    }
    return sum == wanted_sum && count == wanted_count;
}

/* What the next process would find, if this one died here. */
static void crash_here(void *context)
{
    crash_world *world = context;
    plim_region_info info;
    memcpy(crashed, storage, sizeof storage);
    plim_region_options options = region_options();
    options.storage = crashed;
    plim_region *region = region_of(&options);
    assert_false(history_of(region).is_open);
    assert_true(crash_values_are(region, world->values) || crash_values_are(region, world->next));
    assert_true(region->next_birth >= world->writer->next_birth);
    plim_region_read_info(region, &info);
    world->recovered += info.recovered;
    world->crashes++;
    while (history_of(region).kept > 0)
        assert_int_equal(plim_region_undo(region, 1, NULL), PLIM_OK);
    assert_true(crash_values_are(region, (const uint64_t[3]){0, 0, 0}));
    plim_region_close(&region);
}

static void crash_expect(crash_world *world, uint64_t a, uint64_t b, uint64_t c)
{
    memcpy(world->values, world->next, sizeof world->values);
    memcpy(world->next, (const uint64_t[3]){a, b, c}, sizeof world->next);
}

static void a_crash_at_any_step_is_a_rollback_or_a_commit(void **state)
{
    (void)state;
    plim_region *region = region_new();
    crash_world world = {.writer = region};
    uint16_t type = type_of(region, "t", 8);
    plim_ref refs[3];
    region->history->on_step = crash_here;
    region->history->step_context = &world;
    crash_expect(&world, 1, 2, 3);
    assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
    for (int i = 0; i < 3; i++) {
        uint64_t value = (uint64_t)i + 1;
        assert_int_equal(
            plim_region_allocate(region, type, &value, 1, i == 2 ? refs[1] : NONE, &refs[i]),
            PLIM_OK);
        crash_here(&world);
    }
    assert_int_equal(plim_region_commit(region), PLIM_OK);
    crash_expect(&world, 100, 0, 0);
    assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
    assert_int_equal(plim_region_set(region, refs[0], &(uint64_t){100}, 8), PLIM_OK);
    assert_int_equal(plim_region_release(region, refs[1]), PLIM_OK);
    crash_here(&world);
    assert_int_equal(plim_region_commit(region), PLIM_OK);
    crash_expect(&world, 100, 0, 0); /* the third does not happen */
    assert_int_equal(plim_region_begin(region, NULL), PLIM_OK);
    assert_int_equal(plim_region_release_owner(region, 1, NULL), PLIM_OK);
    assert_int_equal(plim_region_rollback(region, NULL), PLIM_OK);
    crash_expect(&world, 1, 2, 3);
    assert_int_equal(plim_region_undo(region, 1, NULL), PLIM_OK);
    crash_expect(&world, 0, 0, 0);
    assert_int_equal(plim_region_undo(region, 1, NULL), PLIM_OK);
    region->history->on_step = NULL;
    plim_region_close(&region);
    print_message("%llu crashes, %llu left something to take back\n",
                  (unsigned long long)world.crashes, (unsigned long long)world.recovered);
    assert_true(world.crashes > 60 && world.recovered > 40);
}

/* --- others at the same time ---------------------------------------------------------------- */

enum { ACCOUNTS = 20, START_SUM = ACCOUNTS * 1000, KILLS = 60 };

/* Money moves between accounts, each transfer a transaction; some come to nothing, some are undone.
   So the sum is one number at every moment, and at no other time. */
static void transfers_run(plim_region *region, long count)
{
    plim_ref refs[ACCOUNTS];
    plim_region_object object;
    uint32_t found = 0;
    for (uint32_t i = 0; plim_region_next(region, &i, &object) && found < ACCOUNTS;)
        refs[found++] = object.ref;
    for (long i = 0; i != count && found == ACCOUNTS; i++) {
        uint64_t values[2];
        uint32_t from = random_below(ACCOUNTS),
                 to = (from + 1 + random_below(ACCOUNTS - 1)) % ACCOUNTS;
        plim_status status = plim_region_begin(region, NULL);
        status |= plim_region_get(region, refs[from], &values[0], 8);
        status |= plim_region_get(region, refs[to], &values[1], 8);
        uint64_t amount = values[0] / 3;
        status |= plim_region_set(region, refs[from], &(uint64_t){values[0] - amount}, 8);
        status |= plim_region_set(region, refs[to], &(uint64_t){values[1] + amount}, 8);
        status |=
            random_below(3) == 0 ? plim_region_rollback(region, NULL) : plim_region_commit(region);
        plim_status undone =
            random_below(20) == 0 ? plim_region_undo(region, 1, NULL) : PLIM_ERR_NOT_FOUND;
        if (status != PLIM_OK || (undone != PLIM_OK && undone != PLIM_ERR_NOT_FOUND))
            _exit(1);
    }
}

static plim_region *transfers_open(const char *path, bool is_new)
{
    plim_region_options options = region_options();
    options.place = PLIM_REGION_FILE;
    options.name = path;
    options.data_bytes = 32 << 10;
    options.history_bytes = 24 << 10;
    plim_region *region = region_of(&options);
    uint16_t type = type_of(region, "account", 8);
    for (int i = 0; is_new && i < ACCOUNTS; i++) {
        plim_ref ref;
        assert_int_equal(plim_region_allocate(region, type, &(uint64_t){1000}, 1, NONE, &ref),
                         PLIM_OK);
    }
    return region;
}

static uint64_t transfers_sum(plim_region_view *view)
{
    plim_region_object object;
    const void *value;
    uint64_t sum = 0, one;
    for (uint32_t i = 0; plim_region_view_next(view, &i, &object, &value);) {
        memcpy(&one, value, sizeof one);
        sum += one;
    }
    return sum;
}

static void transfers_path(char *path, size_t bytes)
{
    const char *folder = getenv("TMPDIR");
    (void)snprintf(path, bytes, "%s/plim-transfers-%d", folder != NULL ? folder : "/tmp",
                   (int)getpid());
    (void)unlink(path);
}

/* A child that transfers for ever, and has begun. */
static pid_t transfers_start(const char *path)
{
    int told[2];
    char heard;
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        plim_region *region = transfers_open(path, false);
        transfers_run(region, 1);
        if (write(told[1], "", 1) != 1)
            _exit(1);
        transfers_run(region, -1);
        _exit(0);
    }
    assert_true(child > 0);
    (void)close(told[1]);
    assert_int_equal(read(told[0], &heard, 1), 1);
    (void)close(told[0]);
    return child;
}

static void a_writer_that_is_killed_at_any_moment_leaves_whole_transactions(void **state)
{
    (void)state;
    char path[256];
    uint32_t recovered = 0;
    transfers_path(path, sizeof path);
    plim_region *region = transfers_open(path, true);
    plim_region_close(&region);
    for (int i = 0; i < KILLS; i++) {
        plim_region_info info;
        plim_region_view *view = NULL;
        random_state += 77;
        pid_t child = transfers_start(path);
        /* Nothing is waited for: which moment it is does not depend on what the writer does. */
        (void)nanosleep(&(struct timespec){.tv_nsec = 1 + (long)random_below(2000000)}, NULL);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        /* Before anybody mends it: the last committed state can be seen. */
        assert_int_equal(plim_region_view_open_at(path, 0, NULL, &view, NULL), PLIM_OK);
        assert_int_equal(transfers_sum(view), START_SUM);
        plim_region_view_close(&view);
        region = transfers_open(path, false);
        plim_region_read_info(region, &info);
        recovered += info.recovered;
        plim_region_close(&region);
        assert_int_equal(plim_region_view_open(path, NULL, &view, NULL), PLIM_OK);
        assert_int_equal(transfers_sum(view), START_SUM);
        plim_region_view_close(&view);
    }
    print_message("%d kills, %u left a transaction\n", KILLS, recovered);
    assert_true(recovered > 0);
    (void)unlink(path);
}

static void looks_at_committed_moments_are_whole_while_the_writer_runs(void **state)
{
    (void)state;
    char path[256];
    uint32_t whole = 0, busy = 0, moved = 0;
    uint64_t last_moment = 0;
    transfers_path(path, sizeof path);
    plim_region *region = transfers_open(path, true);
    transfers_run(region, 100);
    plim_region_close(&region);
    pid_t child = transfers_start(path);
    for (uint32_t i = 0; i < 300000 && (whole < 300 || moved < 50); i++) {
        plim_region_view *view = NULL;
        plim_region_history history;
        plim_status status = plim_region_view_open_at(path, 1 + i % 3, NULL, &view, NULL);
        if (status != PLIM_OK) { /* taken back, or dropped, while we looked */
            assert_true(status == PLIM_ERR_BUSY || status == PLIM_ERR_NOT_FOUND);
            busy++;
            continue;
        }
        plim_region_view_history(view, &history);
        assert_int_equal(transfers_sum(view), START_SUM);
        whole++;
        moved += history.moment != last_moment;
        last_moment = history.moment;
        plim_region_view_close(&view);
    }
    int code = 0;
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFSIGNALED(code)); /* it wrote to the end */
    print_message("%u looks were whole, at %u moments, %u were told to come back\n", whole, moved,
                  busy);
    assert_true(whole >= 300 && moved >= 50);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_history_there_are_no_transactions),
        cmocka_unit_test(a_reference_of_what_was_taken_back_never_names_another_object),
        cmocka_unit_test(a_birth_that_was_taken_back_never_comes_again_in_any_process),
        cmocka_unit_test(types_texts_and_names_go_back_too),
        cmocka_unit_test(a_transaction_that_fills_the_history_refuses_whole_calls),
        cmocka_unit_test(every_refused_allocation_is_said_and_leaks_nothing),
        cmocka_unit_test(random_transactions_agree_with_full_copies_and_every_look_at_them),
        cmocka_unit_test(a_crash_at_any_step_is_a_rollback_or_a_commit),
        cmocka_unit_test(a_writer_that_is_killed_at_any_moment_leaves_whole_transactions),
        cmocka_unit_test(looks_at_committed_moments_are_whole_while_the_writer_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
