/* SPDX-License-Identifier: MIT */
/*
 * Each region has a moment at which it may be looked at again; a look moves that on by as much
 * time as makes the look its share. It lies in the past by as much as may be spent at once, and no
 * further, so that single looks never wait.
 * A row's number comes from the identity alone, and no row knows whose it is: nothing has to be
 * thrown out, so nobody comes by a new credit by looking at many regions in turn.
 */
#include "runtime/look/pace.h"

#include <stdatomic.h>

#include "platform/shared.h"

enum {
    PACE_ROW_BITS = 8,
    PACE_CREDIT_NS = 500000000, /* of looking at once: a snapshot of a million objects waits not */
    PACE_REST_MAX_NS = 1000000000
};

static const uint64_t PACE_TOOK_MAX_NS = (uint64_t)3600 * 1000000000; /* times 1,000: fits */

static _Atomic int64_t pace_free_at[1 << PACE_ROW_BITS]; /* by the system's clock */
static _Atomic uint64_t pace_rests;

static _Atomic int64_t *pace_row(uint64_t identity)
{
    return &pace_free_at[identity * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PACE_ROW_BITS)];
}

/* The later of what it is and `floor`, and `more` after that. */
static void pace_move(_Atomic int64_t *row, int64_t floor, int64_t more)
{
    int64_t old = atomic_load_explicit(row, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(row, &old, (old > floor ? old : floor) + more,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void plim__pace_begin(uint64_t identity)
{
    _Atomic int64_t *row = pace_row(identity);
    int64_t free_at = atomic_load_explicit(row, memory_order_relaxed);
    int64_t rest = free_at - (int64_t)plim__shared_now();
    if (rest <= 0)
        return;
    atomic_fetch_add_explicit(&pace_rests, 1, memory_order_relaxed);
    if (rest <= PACE_REST_MAX_NS) {
        plim__shared_pause((uint64_t)rest);
        return;
    }
    /* A look at much: what is still owed is let go, if nobody has added to it meanwhile. */
    plim__shared_pause(PACE_REST_MAX_NS);
    (void)atomic_compare_exchange_strong_explicit(row, &free_at, (int64_t)plim__shared_now(),
                                                  memory_order_relaxed, memory_order_relaxed);
}

void plim__pace_end(uint64_t identity, uint32_t share, uint64_t took_ns)
{
    int64_t credit = (int64_t)PACE_CREDIT_NS * 1000 / share;
    int64_t took = (int64_t)(took_ns < PACE_TOOK_MAX_NS ? took_ns : PACE_TOOK_MAX_NS);
    pace_move(pace_row(identity), (int64_t)plim__shared_now() - credit, took * 1000 / share);
}

void plim__pace_spend(uint64_t identity)
{
    pace_move(pace_row(identity), (int64_t)plim__shared_now(), 0);
}

uint64_t plim__pace_rests(void)
{
    return atomic_load_explicit(&pace_rests, memory_order_relaxed);
}
