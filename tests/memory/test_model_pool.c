/* SPDX-License-Identifier: MIT */
/*
 * Pools against two twins: random operations, seeds printed.
 * The naive twin is a list of what is out. The other is the slot core of slot_core.h, whose
 * contracts are proved: slots have other numbers there, but every handle that was ever given out
 * must resolve here exactly if its twin resolves there (H1, H2), and both are full at once (P3).
 */
#include <plimsoll/frame.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory/pools/slot_core.h"

enum { SLOTS_MAX = 200, EVER_MAX = 3000, STEPS = 4000, SEEDS = 60 };

static uint64_t seed_now; /* for PLIM_SEED, where a case fails: see the end of main() */

/* A handle that was given out once. */
typedef struct model_handle {
    plim_buffer ours;
    uint32_t core_slot, core_generation;
    bool is_live, is_pinned;
} model_handle;

typedef struct model {
    plim_pool *pool;
    plim__slots core;
    uint32_t order[SLOTS_MAX], place[SLOTS_MAX], generation[SLOTS_MAX];
    model_handle ever[EVER_MAX];
    uint32_t ever_count, live_count, pinned_count, slot_count;
    uint64_t random;
} model;

static uint32_t model_random(model *m, uint32_t below)
{
    m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(m->random >> 33) % below;
}

static void model_acquire(model *m)
{
    plim_buffer buffer = {0};
    plim_status status = plim_pool_acquire(m->pool, 1 + model_random(m, 8), &buffer, NULL);
    uint32_t twin = plim__slots_acquire(&m->core);
    assert_int_equal(status == PLIM_OK, twin != PLIM__SLOT_NONE);
    assert_int_equal(status == PLIM_OK, m->live_count < m->slot_count);
    if (status != PLIM_OK) {
        assert_int_equal(status, PLIM_ERR_BUDGET);
        return;
    }
    uint32_t lower_in_use = 0; /* lowest first: all slots below it are taken */
    for (uint32_t i = 0; i < m->ever_count; i++) {
        if (m->ever[i].is_live) {
            assert_ptr_not_equal(m->ever[i].ours.data, buffer.data); /* P4 */
            lower_in_use += m->ever[i].ours.slot.index < buffer.slot.index;
        }
    }
    assert_int_equal(lower_in_use, buffer.slot.index);
    m->ever[m->ever_count++] = (model_handle){
        .ours = buffer,
        .core_slot = twin,
        .core_generation = m->generation[twin],
        .is_live = true,
    };
    m->live_count++;
}

static void model_forget(model *m, model_handle *handle)
{
    handle->is_live = false;
    m->live_count--;
    m->pinned_count -= handle->is_pinned;
    handle->is_pinned = false;
}

/* One of all, or one of the last: of those more are live. */
static model_handle *model_pick(model *m)
{
    uint32_t from = m->ever_count > m->slot_count && model_random(m, 4) != 0
                        ? m->ever_count - m->slot_count
                        : 0;
    return &m->ever[from + model_random(m, m->ever_count - from)];
}

static void model_release(model *m)
{
    model_handle *handle = model_pick(m);
    plim_status status = plim_pool_release(m->pool, handle->ours.slot, NULL);
    bool twin = plim__slots_release(&m->core, handle->core_slot, handle->core_generation);
    assert_int_equal(status, handle->is_live ? PLIM_OK : PLIM_ERR_STALE);
    assert_int_equal(twin, handle->is_live);
    if (handle->is_live)
        model_forget(m, handle);
}

static void model_release_all(model *m)
{
    uint32_t gone = 0;
    for (uint32_t i = 0; i < m->ever_count; i++) {
        model_handle *handle = &m->ever[i];
        if (!handle->is_live || handle->is_pinned)
            continue;
        assert_true(plim__slots_release(&m->core, handle->core_slot, handle->core_generation));
        model_forget(m, handle);
        gone++;
    }
    assert_int_equal(plim_pool_release_all(m->pool), gone);
}

static void model_pin(model *m, bool on)
{
    model_handle *handle = model_pick(m);
    plim_status status = on ? plim_pool_pin(m->pool, handle->ours.slot)
                            : plim_pool_unpin(m->pool, handle->ours.slot);
    assert_int_equal(status, handle->is_live ? PLIM_OK : PLIM_ERR_STALE);
    if (!handle->is_live || handle->is_pinned == on)
        return;
    handle->is_pinned = on;
    m->pinned_count += on ? 1 : -1u;
}

static void model_compare(model *m)
{
    plim_pool_stats stats;
    plim_slot found;
    plim_pool_stats_read(m->pool, &stats);
    assert_int_equal(stats.in_use, m->live_count);
    assert_int_equal(stats.pinned, m->pinned_count);
    assert_int_equal(stats.acquired_total, m->ever_count);
    assert_int_equal(stats.released_total, m->ever_count - m->live_count);
    assert_int_equal(m->core.live, m->live_count);
    for (uint32_t i = 0; i < m->ever_count; i++) {
        const model_handle *handle = &m->ever[i];
        void *data = plim_pool_data(m->pool, handle->ours.slot);
        assert_ptr_equal(data, handle->is_live ? handle->ours.data : NULL);
        assert_int_equal(plim__slots_resolve(&m->core, handle->core_slot, handle->core_generation),
                         handle->is_live);
        if (handle->is_live) {
            assert_int_equal(plim_pool_find(m->pool, data, &found), PLIM_OK);
            assert_memory_equal(&found, &handle->ours.slot, sizeof found);
        }
    }
    assert_int_equal(plim_pool_verify(m->pool, NULL), PLIM_OK);
}

static void model_open(model *m, uint64_t seed)
{
    static const plim_verify levels[] = {PLIM_VERIFY_NONE, PLIM_VERIFY_MINIMAL,
                                         PLIM_VERIFY_STANDARD, PLIM_VERIFY_FULL,
                                         PLIM_VERIFY_REDUNDANT};
    memset(m, 0, sizeof *m);
    m->random = seed;
    m->slot_count = 1 + model_random(m, SLOTS_MAX);
    m->core = (plim__slots){.order = m->order,
                            .place = m->place,
                            .generation = m->generation,
                            .capacity = m->slot_count,
                            .generation_max = UINT32_MAX};
    plim__slots_init(&m->core);
    plim_pool_options options = {.struct_bytes = sizeof options,
                                 .name = "model",
                                 .format = PLIM_FORMAT_F32,
                                 .slot_count = m->slot_count,
                                 .element_count_max = 8,
                                 .policy = (plim_pool_policy)model_random(m, 3),
                                 .verify = levels[model_random(m, 5)]};
    assert_int_equal(plim_pool_create(&options, &m->pool, NULL), PLIM_OK);
}

static void a_pool_does_what_its_twins_do(void **state)
{
    (void)state;
    static model m;
    const char *given = getenv("PLIM_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + (given != NULL ? 1 : SEEDS); seed++) {
        model_open(&m, seed);
        seed_now = seed;
        model_acquire(&m);
        for (int step = 0; step < STEPS && m.ever_count < EVER_MAX; step++) {
            uint32_t what = model_random(&m, 1000);
            if (what < 550)
                model_acquire(&m);
            else if (what < 950)
                model_release(&m);
            else if (what < 970)
                model_pin(&m, true);
            else if (what < 985)
                model_pin(&m, false);
            else
                model_release_all(&m);
            if (step % 64 == 0)
                model_compare(&m);
        }
        model_compare(&m);
        plim_pool_destroy(&m.pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_does_what_its_twins_do),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed != 0)
        printf("PLIM_SEED=%llu repeats it\n", (unsigned long long)seed_now);
    return failed;
}
