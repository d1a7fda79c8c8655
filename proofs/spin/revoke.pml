/* SPDX-License-Identifier: MIT */
/*
 * How a thread's cache is taken from it without a locked instruction on its side (threads.c). The
 * owner's stores go through a buffer, as x86 has it: they leave it in order, but any time later,
 * and its loads do not wait for them. The revoker puts the empty cache in place, makes every store
 * of the owner that came before visible (membarrier), waits until the owner is not busy, drains,
 * and puts the cache back. Never do both have the cache. Without the fence, or without the wait,
 * Spin must find that they do.
 */
/* run: revoke-safe = -DPLAIN -> errors: 0 */
/* run: revoke-without-fence = -DM_NO_FENCE -> errors: some */
/* run: revoke-without-wait = -DM_NO_WAIT -> errors: some */
#define TURNS 3
#define BUFFER 2

bool busy = false;   /* in memory, as the revoker sees it */
bool is_there = true; /* the fast pointer: the cache, or the empty one */
bool buffered[BUFFER]; /* stores to busy that are on their way, oldest first */
byte buffered_count = 0;

bool owner_has = false, revoker_has = false;
#define CHECK assert(!(owner_has && revoker_has))

inline store_busy(value)
{
    atomic { buffered_count < BUFFER -> buffered[buffered_count] = value; buffered_count++ }
}
inline leave_one()
{
    busy = buffered[0]; buffered[0] = buffered[1]; buffered[1] = false; buffered_count--
}

active proctype owner()
{
    byte turn = 0; bool mine;
    do
    :: turn == TURNS -> break
    :: turn < TURNS ->
        store_busy(true);
        mine = is_there; /* a load: it does not wait for the store before it */
        if
        :: mine -> owner_has = true; CHECK; owner_has = false
        :: !mine -> skip /* the slow way, under the manager's lock */
        fi;
        store_busy(false);
        turn++
    od
}

active proctype buffer()
{
end: do
    :: atomic { buffered_count > 0 -> leave_one() }
    od
}

active proctype revoker()
{
    byte turn = 0;
    do
    :: turn == 2 -> break
    :: turn < 2 ->
        is_there = false;
#ifndef M_NO_FENCE
        atomic {
            do
            :: buffered_count > 0 -> leave_one()
            :: buffered_count == 0 -> break
            od
        };
#endif
#ifndef M_NO_WAIT
        !busy;
#endif
        revoker_has = true; CHECK; revoker_has = false;
        is_there = true;
        turn++
    od
}
