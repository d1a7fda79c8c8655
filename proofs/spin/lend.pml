/* SPDX-License-Identifier: MIT */
/*
 * Lending between two domains while both are allocated from: each line is one access of budget.c or
 * lend.c, in their order, and what each decides is asked of the core that ships (c_code). Safety:
 * nothing is lost or made, no domain is above its limit, at the end the ledger explains all.
 * Liveness, under weak fairness: once nobody uses the loan, a recall brings everything home and
 * everybody ends. The M_ variants are faults; each must be found.
 *
 * Numbers: A has 3 and keeps a floor of 1, B has 1 and a cap of 3; one loan of 2; A's user wants 2,
 * which does not fit beside the loan, B's wants 2, which fits with the loan only.
 */
/* run: lend-safety = -DPLAIN -> errors: 0 */
/* run: lend-comes-home = -a -f -DLIVE -> errors: 0 */
/* run: lend-claim-kept = -DM_CLAIM_KEPT -> errors: some */
/* run: lend-unchecked = -DM_UNCHECKED -> errors: some */
/* run: lend-evicts = -DM_EVICTS -> errors: some */
/* run: lend-recall-stuck = -a -f -DLIVE -DM_STUCK -> errors: some */
c_decl {
\#include "memory/budgets/budget_core.h"
}

#define A 0
#define B 1
#define FLOOR_A 1
#define CAP_B 3
#define QUOTA 2
#define LOAN 2
#define TOTAL 4
#define ALL 9

/* The words. */
short avail[2], charged[2], net[2];
short left = QUOTA, open = 0, out = 0;

/* Ghosts: bytes taken out of one avail and not yet in another word; who is through. */
short moving = 0;
byte through = 0;
bool lender_is_through = false;

/* One question to the core, and its answer: no step of anybody's. */
short core_level, core_n, core_answer;
inline core_fits(level_, n_, answer)
{
    core_level = level_; core_n = n_;
    c_code { now.core_answer = plim__core_fits(now.core_level, (size_t)now.core_n) ? 1 : 0; };
    answer = core_answer;
    core_level = 0; core_n = 0; core_answer = 0
}
inline core_least(most_, level_, answer)
{
    core_level = level_; core_n = most_;
    c_code { now.core_answer = (short)plim__core_least((size_t)now.core_n, now.core_level); };
    answer = core_answer;
    core_level = 0; core_n = 0; core_answer = 0
}
inline core_take(level_, n_, answer)
{
    core_level = level_; core_n = n_;
    c_code { now.core_answer = (short)plim__core_take(now.core_level, (size_t)now.core_n); };
    answer = core_answer;
    core_level = 0; core_n = 0; core_answer = 0
}

/* No domain is above its limit by the ledger, at any instant; nothing is lost or made. */
#define WHOLE (avail[A] + avail[B] + charged[A] + charged[B] + moving == TOTAL && \
               charged[A] + avail[A] <= 3 - out && charged[B] + avail[B] <= 1 + out && \
               avail[A] >= 0 && avail[B] >= 0 && out >= 0 && left >= 0)
#define CHECK atomic { assert(WHOLE) }

/* word falls by n if it has so much above `base`: load, ask, compare-and-swap, again. */
inline fall(word, base, n, ok)
{
    seen = word;
    do
    :: atomic { core_fits(seen - base, n, ok) };
        if
        :: !ok -> break
        :: ok ->
            if
            :: atomic { word == seen -> core_take(seen, n, word); seen = 0 }; break
            :: atomic { word != seen -> seen = word }
            fi
        fi
    od;
    seen = 0
}
/* As much as there is above `base`, `most` at most. */
inline fall_most(word, base, most, n)
{
    seen = word;
    do
    :: atomic { core_least(most, seen - base, n) };
        if
        :: n == 0 -> break
        :: n != 0 ->
            if
            :: atomic { word == seen -> core_take(seen, n, word); seen = 0 }; break
            :: atomic { word != seen -> seen = word }
            fi
        fi
    od;
    seen = 0
}

proctype lender()
{
    short seen; bool ok;
    fall(left, 0, LOAN, ok);
    if
    :: !ok -> goto over
    :: else -> skip
    fi;
    fall(net[A], FLOOR_A, LOAN, ok);
    if
    :: !ok -> atomic { left = left + LOAN }; goto over
    :: else -> skip
    fi;
    /* net of B rises under its cap; only this process raises it. */
    if
    :: atomic { net[B] + LOAN <= CAP_B -> net[B] = net[B] + LOAN }
    :: atomic { net[B] + LOAN > CAP_B -> net[A] = net[A] + LOAN }; atomic { left = left + LOAN };
        goto over
    fi;
    /* Out of A's avail; the take and the ghost are one. */
    seen = avail[A];
    do
    :: atomic { core_fits(seen, LOAN, ok) };
#ifdef M_UNCHECKED
        ok = true;
#endif
        if
        :: !ok -> break
        :: ok ->
            if
            :: atomic { avail[A] == seen -> avail[A] = seen - LOAN; moving = moving + LOAN; seen = 0 };
                CHECK; break
            :: atomic { avail[A] != seen -> seen = avail[A] }
            fi
        fi
    od;
    seen = 0;
    if
    :: !ok ->
        atomic { net[B] = net[B] - LOAN };
        atomic { net[A] = net[A] + LOAN };
#ifndef M_CLAIM_KEPT
        atomic { left = left + LOAN }
#endif
    :: ok ->
        atomic { out = out + LOAN };
        CHECK;
        atomic { avail[B] = avail[B] + LOAN; moving = moving - LOAN };
        CHECK;
        atomic { open = open + LOAN }
    fi;
over:
    skip;
    atomic { lender_is_through = true; through++ }
}

/* Recalls until the lender is through and nothing is out. */
proctype recaller()
{
    short seen, claimed, allowed, paid;
    do
    :: atomic { lender_is_through && out == 0 -> skip }; break
    :: atomic { !(lender_is_through && out == 0) -> skip };
        fall_most(open, 0, ALL, claimed);
        fall_most(net[B], 0, claimed, allowed);
#ifdef M_EVICTS
        atomic { paid = allowed; avail[B] = avail[B] - paid; moving = moving + paid };
#else
        seen = avail[B];
        do
        :: atomic { core_least(allowed, seen, paid) };
            if
            :: paid == 0 -> break
            :: paid != 0 ->
                if
                :: atomic { avail[B] == seen ->
                        avail[B] = seen - paid; moving = moving + paid; seen = 0 }; break
                :: atomic { avail[B] != seen -> seen = avail[B] }
                fi
            fi
        od;
        seen = 0;
#endif
        CHECK;
        if
        :: paid < allowed -> atomic { net[B] = net[B] + (allowed - paid) }
        :: else -> skip
        fi;
        if
#ifndef M_STUCK
        :: paid < claimed -> atomic { open = open + (claimed - paid) }
#endif
        :: else -> skip
        fi;
        if
        :: paid > 0 ->
            atomic { out = out - paid };
            CHECK;
            atomic { avail[A] = avail[A] + paid; moving = moving - paid };
            atomic { net[A] = net[A] + paid };
            atomic { left = left + paid }
        :: else -> skip
        fi;
        atomic { claimed = 0; allowed = 0; paid = 0 }
    od;
    atomic { through++ }
}

/* Takes 2 of its domain where they fit, uses them, gives them back. */
proctype user(byte me)
{
    short seen; bool ok;
    seen = avail[me];
    do
    :: atomic { core_fits(seen, 2, ok) };
        if
        :: !ok -> break
        :: ok ->
            if
            :: atomic { avail[me] == seen -> avail[me] = seen - 2; moving = moving + 2; seen = 0 };
                break
            :: atomic { avail[me] != seen -> seen = avail[me] }
            fi
        fi
    od;
    seen = 0;
    if
    :: ok ->
        atomic { charged[me] = charged[me] + 2; moving = moving - 2 };
        CHECK;
        atomic { charged[me] = charged[me] - 2; moving = moving + 2 };
        atomic { avail[me] = avail[me] + 2; moving = moving - 2 };
        CHECK
    :: else -> skip
    fi;
    atomic { through++ }
}

#define HOME (avail[A] == 3 && avail[B] == 1 && net[A] == 3 && net[B] == 1 && left == QUOTA && \
              open == 0 && out == 0 && moving == 0)

#ifdef LIVE
ltl comes_home { <>[] (through == 4 && HOME) }
#endif

init
{
    atomic { avail[A] = 3; avail[B] = 1; net[A] = 3; net[B] = 1 };
    atomic { run lender(); run recaller(); run user(A); run user(B) };
    through == 4;
    assert(HOME)
}
