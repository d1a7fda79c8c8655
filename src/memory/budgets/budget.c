/* SPDX-License-Identifier: MIT */
/*
 * Budgets that threads share. Every change of `avail` is one compare-and-swap whose new value a
 * function of budget_core.h computes from the old one: there is no moment between check and act.
 *
 * Invariants, at every instant:
 *  I1  charged <= admitted, where admitted + avail is the limit: charged is raised after avail fell
 *      and lowered before avail rises.
 *  I2  a refusal had a cause: avail falls by nothing that is later undone (claims come first,
 *      lend.c), so at the moment of the load that many bytes were really not there.
 *  I3  debt is -avail, nowhere else: whoever raises a negative avail gives the parent its part.
 *  I4  mark >= every value charged had before the last completed take.
 * What a thread leaves that is killed between two accesses: docs/internals/budgets.md.
 */
#include "memory/budgets/budget.h"

#if defined(PLIM__UNCHARGED) /* a library of bench/: what charging costs is what that one saves */
enum { BUDGET_IS_BUILT_AWAY = 1 };
#else
enum { BUDGET_IS_BUILT_AWAY = 0 };
#endif

void plim__budget_init(plim__budget *budget, plim__budget *parent, size_t limit)
{
    plim__store_relaxed(&budget->avail, (ptrdiff_t)limit);
    plim__store_relaxed(&budget->charged, 0);
    plim__store_relaxed(&budget->mark, 0);
    plim__store_relaxed(&budget->configured, limit);
    plim__store_relaxed(&budget->net, (ptrdiff_t)limit);
    budget->parent = parent;
    budget->source = budget;
}

void plim__budget_init_shared(plim__budget *budget, plim__budget *source)
{
    plim__budget_init(budget, source, 0);
    budget->source = source;
}

/* After avail fell: the gauge, then its mark. */
static void budget_charge(plim__budget *budget, size_t bytes)
{
    size_t charged = plim__add(&budget->charged, bytes) + bytes;
    size_t mark = plim__load_relaxed(&budget->mark);
    while (plim__core_mark(mark, charged) != mark)
        if (plim__cas_weak(&budget->mark, &mark, plim__core_mark(mark, charged)))
            break;
}

bool plim__budget_draw(plim__budget *budget, size_t bytes)
{
    ptrdiff_t avail = plim__load(&budget->avail);
    do {
        if (!plim__core_fits(avail, bytes))
            return false;
    } while (!plim__cas_weak(&budget->avail, &avail, plim__core_take(avail, bytes)));
    return true;
}

size_t plim__budget_draw_most(plim__budget *budget, size_t most)
{
    ptrdiff_t avail = plim__load(&budget->avail);
    size_t drawn;
    do {
        drawn = plim__core_least(most, avail);
        if (drawn == 0)
            return 0;
    } while (!plim__cas_weak(&budget->avail, &avail, plim__core_take(avail, drawn)));
    return drawn;
}

bool plim__budget_take(plim__budget *budget, size_t bytes)
{
    if (BUDGET_IS_BUILT_AWAY)
        return true;
    if (!plim__budget_draw(budget->source, bytes))
        return false;
    budget_charge(budget, bytes);
    return true;
}

size_t plim__budget_take_blocks(plim__budget *budget, size_t block_bytes, size_t want)
{
    if (BUDGET_IS_BUILT_AWAY)
        return want;
    plim__word *word = &budget->source->avail;
    ptrdiff_t avail = plim__load(word);
    size_t blocks;
    do {
        blocks = plim__core_batch(avail, block_bytes, want);
        if (blocks == 0)
            return 0;
    } while (!plim__cas_weak(word, &avail, plim__core_take(avail, blocks * block_bytes)));
    budget_charge(budget, blocks * block_bytes);
    return blocks;
}

void plim__budget_put(plim__budget *budget, size_t bytes)
{
    /* As many turns as budgets nest; each pays no more than the one before. */
    for (size_t paid = bytes; budget != NULL && paid > 0; budget = budget->parent) {
        size_t put = paid;
        ptrdiff_t avail = plim__load(&budget->avail);
        do {
            paid = plim__core_paid(avail, put);
        } while (!plim__cas_weak(&budget->avail, &avail, plim__core_give(avail, put)));
    }
}

bool plim__budget_give(plim__budget *budget, size_t bytes)
{
    if (BUDGET_IS_BUILT_AWAY)
        return true;
    size_t charged = plim__load(&budget->charged);
    do {
        if (!plim__core_releases(charged, bytes))
            return false;
    } while (!plim__cas_weak(&budget->charged, &charged, charged - bytes));
    plim__budget_put(budget->source, bytes);
    return true;
}

size_t plim__budget_left(plim__budget *budget)
{
    ptrdiff_t avail = plim__load(&budget->source->avail);
    return avail > 0 ? (size_t)avail : 0;
}

size_t plim__budget_charged(plim__budget *budget)
{
    return plim__load(&budget->charged);
}

size_t plim__budget_mark(plim__budget *budget)
{
    /* In this order: what is charged now may not have reached its mark yet. */
    size_t charged = plim__load(&budget->charged);
    return plim__core_mark(plim__load(&budget->mark), charged);
}

size_t plim__budget_mark_reset(plim__budget *budget)
{
    size_t mark = plim__core_mark(plim__exchange(&budget->mark, 0), 0);
    size_t charged = plim__load(&budget->charged);
    size_t now = plim__load_relaxed(&budget->mark);
    while (plim__core_mark(now, charged) != now)
        if (plim__cas_weak(&budget->mark, &now, plim__core_mark(now, charged)))
            break;
    return plim__core_mark(mark, charged);
}

size_t plim__budget_owed(plim__budget *budget)
{
    return plim__core_owed(plim__load(&budget->avail));
}

bool plim__budget_raise(plim__budget *budget, size_t bytes)
{
    /* What cancels debt needs no bytes. Debt can only shrink under our hands (what pays it goes to
       the parent), so a turn may have to draw more, never less. */
    size_t drawn = 0;
    bool is_configured = false;
    ptrdiff_t avail = plim__load(&budget->avail);
    do {
        size_t need = bytes - plim__core_paid(avail, bytes);
        if (need > drawn && !plim__budget_draw(budget->parent, need - drawn)) {
            if (is_configured)
                (void)plim__sub(&budget->configured, bytes);
            plim__budget_put(budget->parent, drawn);
            return false;
        }
        drawn = need;
        if (!is_configured)
            (void)plim__add(&budget->configured, bytes);
        is_configured = true;
    } while (!plim__cas_weak(&budget->avail, &avail, plim__core_give(avail, bytes)));
    return true;
}

void plim__budget_lower(plim__budget *budget, size_t bytes)
{
    ptrdiff_t avail = plim__load(&budget->avail);
    size_t freed;
    do {
        freed = plim__core_freed(avail, bytes);
    } while (!plim__cas_weak(&budget->avail, &avail, plim__core_lower(avail, bytes)));
    (void)plim__sub(&budget->configured, bytes);
    plim__budget_put(budget->parent, freed);
}
