/* SPDX-License-Identifier: MIT */
/*
 * The design budgets are not to have, as it was once written: the limit is looked at, and only then
 * the counter is moved, in a loop that looks no more. Spin must find it wrong; if it does not, the
 * other models' silence means nothing. The same with the look inside the loop is right.
 */
/* run: original-check-then-act = -DM_ORIGINAL -> errors: some */
/* run: original-mended = -DM_MENDED -> errors: 0 */
#define LIMIT 10
#define BYTES 6

byte used = 0;

active [2] proctype allocating()
{
    byte seen;
#ifdef M_ORIGINAL
    if
    :: used + BYTES > LIMIT -> goto out
    :: else -> skip
    fi;
    seen = used;
    do
    :: atomic { used == seen -> used = seen + BYTES }; break
    :: atomic { used != seen -> seen = used }
    od;
#else
    seen = used;
    do
    :: seen + BYTES > LIMIT -> goto out
    :: seen + BYTES <= LIMIT ->
        if
        :: atomic { used == seen -> used = seen + BYTES }; break
        :: atomic { used != seen -> seen = used }
        fi
    od;
#endif
    assert(used <= LIMIT);
out:
    skip
}
