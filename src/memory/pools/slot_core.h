/* SPDX-License-Identifier: MIT */
/**
 * @file slot_core.h
 * @brief Which slots of a fixed table are live, free or retired; no memory of its own.
 *
 * One permutation of the slots, `order`, cut in three: first the live ones, then the free ones,
 * then the retired ones; `place` is its inverse. So nothing has to be kept equal to anything else:
 * a slot is live because of where it stands, the counts are the cuts, and live and free slots
 * cannot overlap (H5, P2). Acquire moves a cut; release swaps one pair, then moves a cut. The slot
 * released last is the first to be acquired again: it is the one still in the cache.
 *
 * Each slot has a generation. A handle holds slot and generation; release raises the generation,
 * so every older handle is stale from then on (H1). At the last generation the slot is retired
 * instead: a generation never wraps, no handle ever names another's slot.
 *
 * Sequential: the caller has the lock, or is the only thread. Sized and stored by the caller.
 * The contracts are proved for all inputs by `make prove` (proofs/wp, docs/internals/proofs.md).
 */
#ifndef PLIM_MEMORY_SLOT_CORE_H
#define PLIM_MEMORY_SLOT_CORE_H
#include <stdbool.h>
#include <stdint.h>

#define PLIM__SLOT_NONE UINT32_MAX

/** A table of slots; all arrays have `capacity` elements and are the caller's. */
typedef struct plim__slots {
    uint32_t *order;      /* permutation: [0, live) live, then free, then `retired` at the end */
    uint32_t *place;      /* order[place[slot]] == slot */
    uint32_t *generation; /* 1 ... generation_max; of the handle that is or will be live */
    uint32_t capacity;    /* 1 ... UINT32_MAX - 1 */
    uint32_t live;
    uint32_t retired;
    uint32_t generation_max; /* at least 1: the last generation a slot is given out with */
} plim__slots;

/*@ predicate slots_memory(plim__slots *s) =
  @   \valid(s) && 0 < s->capacity < UINT32_MAX &&
  @   \valid(s->order + (0 .. s->capacity - 1)) && \valid(s->place + (0 .. s->capacity - 1)) &&
  @   \valid(s->generation + (0 .. s->capacity - 1)) &&
  @   \separated(s, s->order + (0 .. s->capacity - 1), s->place + (0 .. s->capacity - 1),
  @              s->generation + (0 .. s->capacity - 1));
  @
  @ predicate slots_cuts(plim__slots *s) =
  @   s->live + s->retired <= s->capacity && 1 <= s->generation_max;
  @
  @ predicate inverse(uint32_t *order, uint32_t *place, integer count) =
  @   (\forall integer k; 0 <= k < count ==> order[k] < count && place[order[k]] == k) &&
  @   (\forall integer i; 0 <= i < count ==> place[i] < count && order[place[i]] == i);
  @
  @ predicate slots_permutation(plim__slots *s) = inverse(s->order, s->place, s->capacity);
  @
  @ predicate slots_generations(plim__slots *s) =
  @   \forall integer i; 0 <= i < s->capacity ==> 1 <= s->generation[i] <= s->generation_max;
  @
  @ predicate slots_ok(plim__slots *s) =
  @   slots_cuts(s) && slots_permutation(s) && slots_generations(s);
  @
  @ predicate slot_is_live(plim__slots *s, integer i) =
  @   0 <= i < s->capacity && s->place[i] < s->live;
  @
  @ predicate slot_is_retired(plim__slots *s, integer i) =
  @   0 <= i < s->capacity && s->place[i] >= s->capacity - s->retired;
  @
  @ predicate slot_is_free(plim__slots *s, integer i) =
  @   0 <= i < s->capacity && s->live <= s->place[i] < s->capacity - s->retired;
  @
  @ // A handle resolves: its slot is live and has its generation.
  @ predicate slot_resolves(plim__slots *s, integer i, integer g) =
  @   slot_is_live(s, i) && s->generation[i] == g;
  @*/

/**
 * Makes all slots free, at generation 1. The fields order, place, generation, capacity and
 * generation_max are set by the caller first.
 */
/*@ requires slots_memory(s) && 1 <= s->generation_max;
  @ assigns s->live, s->retired, s->order[0 .. s->capacity - 1], s->place[0 .. s->capacity - 1],
  @         s->generation[0 .. s->capacity - 1];
  @ ensures slots_ok(s) && s->live == 0 && s->retired == 0;
  @ ensures \forall integer i; 0 <= i < s->capacity ==> slot_is_free(s, i);
  @*/
static inline void plim__slots_init(plim__slots *s)
{
    uint32_t *order = s->order, *place = s->place, *generation = s->generation;
    uint32_t capacity = s->capacity;
    s->live = 0;
    s->retired = 0;
    /*@ loop invariant 0 <= i <= capacity;
      @ loop invariant \forall integer k; 0 <= k < i ==>
      @   order[k] == k && place[k] == k && generation[k] == 1;
      @ loop assigns i, order[0 .. capacity - 1], place[0 .. capacity - 1],
      @              generation[0 .. capacity - 1];
      @ loop variant capacity - i;
      @*/
    for (uint32_t i = 0; i < capacity; i++) {
        order[i] = i;
        place[i] = i;
        generation[i] = 1;
    }
}

/** How many can still be acquired. */
/*@ requires slots_memory(s) && slots_ok(s);
  @ assigns \nothing;
  @ ensures \result == s->capacity - s->live - s->retired;
  @*/
static inline uint32_t plim__slots_free_count(const plim__slots *s)
{
    return s->capacity - s->live - s->retired;
}

/** True while the handle is good: the slot is live, and with this generation (H1, P5). */
/*@ requires slots_memory(s) && slots_ok(s);
  @ assigns \nothing;
  @ ensures \result <==> slot_resolves(s, slot, generation);
  @*/
static inline bool plim__slots_resolve(const plim__slots *s, uint32_t slot, uint32_t generation)
{
    return slot < s->capacity && s->place[slot] < s->live && s->generation[slot] == generation;
}

/**
 * Takes a free slot; PLIM__SLOT_NONE if none is, and then nothing has changed (P3). The handle is
 * the slot with its generation.
 */
/*@ requires slots_memory(s) && slots_ok(s);
  @ assigns s->live;
  @ ensures slots_ok(s);
  @ behavior full:
  @   assumes s->live + s->retired == s->capacity;
  @   ensures \result == PLIM__SLOT_NONE && s->live == \old(s->live);
  @ behavior taken:
  @   assumes s->live + s->retired < s->capacity;
  @   ensures \old(slot_is_free(s, \at(s->order[s->live], Pre)));
  @   ensures \result == \old(s->order[s->live]) && s->live == \old(s->live) + 1;
  @   ensures slot_resolves(s, \result, s->generation[\result]);
  @   // Nobody else's handle is touched (H2), and no free slot but this one is lost.
  @   ensures \forall integer i; 0 <= i < s->capacity && i != \result ==>
  @     (slot_is_live(s, i) <==> \old(slot_is_live(s, i))) &&
  @     (slot_is_free(s, i) <==> \old(slot_is_free(s, i)));
  @ complete behaviors;
  @ disjoint behaviors;
  @*/
static inline uint32_t plim__slots_acquire(plim__slots *s)
{
    if (s->capacity - s->live == s->retired)
        return PLIM__SLOT_NONE;
    uint32_t slot = s->order[s->live];
    s->live++;
    return slot;
}

/** Private: what stands on two places of the order changes places. */
/*@ requires \valid(order + (0 .. count - 1)) && \valid(place + (0 .. count - 1));
  @ requires \separated(order + (0 .. count - 1), place + (0 .. count - 1));
  @ requires inverse(order, place, count) && a < count && b < count;
  @ assigns order[0 .. count - 1], place[0 .. count - 1];
  @ ensures inverse: inverse(order, place, count);
  @ ensures swapped: place[\old(order[a])] == b && place[\old(order[b])] == a;
  @ ensures others: \forall integer i; 0 <= i < count && i != \old(order[a]) &&
  @   i != \old(order[b]) ==> place[i] == \old(place[i]);
  @*/
static inline void plim__slots_swap(uint32_t *order, uint32_t *place, uint32_t count, uint32_t a,
                                    uint32_t b)
{
    uint32_t at_a = order[a], at_b = order[b];
    order[a] = at_b;
    order[b] = at_a;
    place[at_a] = b;
    place[at_b] = a;
    (void)count;
}

/** Private: a live slot becomes the first of the free ones. */
/*@ requires slots_memory(s) && slots_ok(s) && slot_is_live(s, slot);
  @ assigns s->live, s->order[0 .. s->capacity - 1], s->place[0 .. s->capacity - 1];
  @ ensures cuts: slots_cuts(s);
  @ ensures permutation: slots_permutation(s);
  @ ensures generations: slots_generations(s);
  @ ensures freed: s->live == \old(s->live) - 1 && s->place[slot] == s->live;
  @ ensures others_live: \forall integer i; 0 <= i < s->capacity && i != slot ==>
  @   (s->place[i] < s->live <==> \old(s->place[i] < s->live));
  @ ensures others_retired: \forall integer i; 0 <= i < s->capacity ==>
  @   (slot_is_retired(s, i) <==> \old(slot_is_retired(s, i)));
  @*/
static inline void plim__slots_free_one(plim__slots *s, uint32_t slot)
{
    plim__slots_swap(s->order, s->place, s->capacity, s->place[slot], s->live - 1);
    s->live--;
}

/** Private: the first of the free slots is retired. */
/*@ requires slots_memory(s) && slots_ok(s) && s->live + s->retired < s->capacity;
  @ requires s->place[slot] == s->live && slot < s->capacity;
  @ assigns s->retired, s->order[0 .. s->capacity - 1], s->place[0 .. s->capacity - 1];
  @ ensures cuts: slots_cuts(s);
  @ ensures permutation: slots_permutation(s);
  @ ensures generations: slots_generations(s);
  @ ensures retired: s->retired == \old(s->retired) + 1 && slot_is_retired(s, slot);
  @ ensures others_live: \forall integer i; 0 <= i < s->capacity ==>
  @   (s->place[i] < s->live <==> \old(s->place[i] < s->live));
  @ ensures others_retired: \forall integer i; 0 <= i < s->capacity && i != slot ==>
  @   (slot_is_retired(s, i) <==> \old(slot_is_retired(s, i)));
  @*/
static inline void plim__slots_retire_one(plim__slots *s, uint32_t slot)
{
    plim__slots_swap(s->order, s->place, s->capacity, s->place[slot], s->capacity - s->retired - 1);
    s->retired++;
}

/** Private: the first of the free slots gets its next generation, or is retired. */
/*@ requires slots_memory(s) && slots_ok(s) && s->live + s->retired < s->capacity;
  @ requires s->place[slot] == s->live && slot < s->capacity;
  @ requires s->generation[slot] == generation;
  @ assigns s->retired, s->order[0 .. s->capacity - 1], s->place[0 .. s->capacity - 1],
  @         s->generation[slot];
  @ ensures cuts: slots_cuts(s);
  @ ensures permutation: slots_permutation(s);
  @ ensures generations: slots_generations(s);
  @ ensures aged: generation < s->generation_max ==>
  @   s->place[slot] == s->live && s->generation[slot] == generation + 1 &&
  @   s->retired == \old(s->retired);
  @ ensures retired: generation == s->generation_max ==>
  @   slot_is_retired(s, slot) && s->retired == \old(s->retired) + 1;
  @ ensures not_live: !slot_is_live(s, slot);
  @ ensures others_live: \forall integer i; 0 <= i < s->capacity ==>
  @   (s->place[i] < s->live <==> \old(s->place[i] < s->live));
  @ ensures others_retired: \forall integer i; 0 <= i < s->capacity && i != slot ==>
  @   (slot_is_retired(s, i) <==> \old(slot_is_retired(s, i)));
  @*/
static inline void plim__slots_age(plim__slots *s, uint32_t slot, uint32_t generation)
{
    if (generation == s->generation_max) {
        plim__slots_retire_one(s, slot);
        return;
    }
    s->generation[slot] = generation + 1;
    /*@ assert ahead: inverse(s->order, s->place, s->capacity); */
}

/**
 * Gives a slot back; false if the handle is stale, foreign or was never given out, and then nothing
 * has changed (P5). Afterwards the handle resolves never again (H1), all others as before (H2).
 */
/*@ requires slots_memory(s) && slots_ok(s);
  @ assigns s->live, s->retired, s->order[0 .. s->capacity - 1], s->place[0 .. s->capacity - 1],
  @         s->generation[0 .. s->capacity - 1];
  @ ensures cuts: slots_cuts(s);
  @ ensures permutation: slots_permutation(s);
  @ ensures generations: slots_generations(s);
  @ behavior stale:
  @   assumes !slot_resolves(s, slot, generation);
  @   assigns \nothing;
  @   ensures refused: \result == \false;
  @ behavior given:
  @   assumes slot_resolves(s, slot, generation);
  @   assigns s->live, s->retired, s->order[0 .. s->capacity - 1], s->place[0 .. s->capacity - 1],
  @           s->generation[0 .. s->capacity - 1];
  @   ensures done: \result == \true && s->live == \old(s->live) - 1;
  @   ensures never_again: !slot_is_live(s, slot);
  @   ensures aged: generation < s->generation_max ==>
  @     s->generation[slot] == generation + 1 &&
  @     s->retired == \old(s->retired) && s->place[slot] == s->live;
  @   ensures retired: generation == s->generation_max ==>
  @     slot_is_retired(s, slot) && s->retired == \old(s->retired) + 1;
  @   ensures other_generations: \forall integer i; 0 <= i < s->capacity && i != slot ==>
  @     s->generation[i] == \old(s->generation[i]);
  @   ensures others_live: \forall integer i; 0 <= i < s->capacity && i != slot ==>
  @     (slot_is_live(s, i) <==> \old(slot_is_live(s, i)));
  @   ensures others_retired: \forall integer i; 0 <= i < s->capacity && i != slot ==>
  @     (slot_is_retired(s, i) <==> \old(slot_is_retired(s, i)));
  @ complete behaviors;
  @ disjoint behaviors;
  @*/
static inline bool plim__slots_release(plim__slots *s, uint32_t slot, uint32_t generation)
{
    if (!plim__slots_resolve(s, slot, generation))
        return false;
    plim__slots_free_one(s, slot);
    plim__slots_age(s, slot, generation);
    return true;
}

/** Walks the table: true if and only if every invariant above holds (P1, P2, H5). */
/*@ requires slots_memory(s);
  @ assigns \nothing;
  @ ensures \result <==> slots_ok(s);
  @*/
static inline bool plim__slots_verify(const plim__slots *s)
{
    if (s->generation_max < 1 || s->live > s->capacity || s->retired > s->capacity - s->live)
        return false;
    /*@ loop invariant 0 <= i <= s->capacity;
      @ loop invariant \forall integer k; 0 <= k < i ==>
      @   s->order[k] < s->capacity && s->place[s->order[k]] == k &&
      @   s->place[k] < s->capacity && s->order[s->place[k]] == k &&
      @   1 <= s->generation[k] <= s->generation_max;
      @ loop assigns i;
      @ loop variant s->capacity - i;
      @*/
    for (uint32_t i = 0; i < s->capacity; i++) {
        if (s->order[i] >= s->capacity || s->place[s->order[i]] != i)
            return false;
        if (s->place[i] >= s->capacity || s->order[s->place[i]] != i)
            return false;
        if (s->generation[i] < 1 || s->generation[i] > s->generation_max)
            return false;
    }
    return true;
}

#endif
