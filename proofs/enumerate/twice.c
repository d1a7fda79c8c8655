/* SPDX-License-Identifier: MIT */
/*
 * V4 over a whole manager as it ships: after every sequence of requests, resizes and releases,
 * small and large, what is kept twice agrees, and is what a twin counts that knows of sizes alone;
 * and one bit of any of those words, turned over, is told under that name by the next operation,
 * whichever it is, and by the walk, before anything is changed.
 *
 * parts: manager backing base
 */
#include "memory/checks/verify.h"
#include "sequence.h"
#include "watched.h"

enum {
    LENGTH = 4,
    BLOCKS_MAX = LENGTH,
    SIZES = 3,
    OP_GIVE_FIRST = SIZES,
    OP_GIVE_LAST,
    OP_RESIZE,
    OP_SPOIL,
    OPERATIONS
};

static const size_t SIZE[SIZES] = {40, 3000, 33000};

/* The twin: what was asked for, in the order of its taking. */
static struct {
    void *begin;
    size_t bytes;
} twin[BLOCKS_MAX];
static unsigned twin_count;
static plim__slot *slot;
static plim_verify level;
static uint64_t spoiled;

static void start(void)
{
    watched_start(level, WATCHED_WITHOUT_CACHES);
    slot = &plim__slots[plim__domain_of(watched_domain)->slot];
    twin_count = 0;
}

/* --- bits ---------------------------------------------------------------------------------- */

enum { WORDS = 5 };

static size_t *word_at(unsigned word)
{
    size_t *const words[WORDS] = {&slot->ghost.charged_bytes, &slot->ghost.charged_inverse,
                                  &slot->ghost.block_count, &slot->central->charged_bytes,
                                  &slot->central->block_count};
    return words[word];
}

/* The walk finds the state broken, and of the slot's sums says so by that name. */
static bool is_found(void)
{
    plim__fault fault = plim__verify_slot_sums(slot);
    return fault.invariant != NULL && strcmp(fault.invariant, "V4") == 0;
}

/* Whether every kind of operation refuses, names it, and leaves all as it was. */
static const char *operations_refuse(void)
{
    plim_domain_stats before = watched_stats();
    for (unsigned i = 0; i < SIZES; i++)
        if (plim_alloc_in(watched_domain, SIZE[i]) != NULL || !watched_told("V4"))
            return "a request is refused where two copies differ (V4)";
    for (unsigned i = 0; i < twin_count; i++) {
        plim_free(twin[i].begin);
        if (!watched_told("V4"))
            return "a release is refused where two copies differ (V4)";
        if (plim_resize(twin[i].begin, twin[i].bytes + 1) != NULL || !watched_told("V4"))
            return "a resize is refused where two copies differ (V4)";
    }
    plim_domain_stats after = watched_stats();
    after.refusal_count = before.refusal_count; /* but that it was refused */
    return memcmp(&before, &after, sizeof before) == 0 ? NULL : "a refusal changes nothing";
}

static const char *apply_spoil(void)
{
    for (unsigned word = 0; word < WORDS; word++)
        for (unsigned bit = 0; bit < 64; bit++) {
            *word_at(word) ^= (size_t)1 << bit;
            if (!is_found())
                return "each bit of what is kept twice is looked at (V4)";
            const char *broken = bit % 21 == 0 ? operations_refuse() : NULL;
            if (broken != NULL)
                return broken;
            if (bit % 21 == 0 && plim_manager_verify(watched_manager, NULL) == PLIM_OK)
                return "the walk sees it too";
            *word_at(word) ^= (size_t)1 << bit;
            spoiled++;
        }
    return NULL;
}

/* --- sound work ---------------------------------------------------------------------------- */

static const char *compare(void)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < twin_count; i++)
        bytes += twin[i].bytes;
    plim_domain_stats stats = watched_stats();
    if (!watched_told(NULL))
        return "sound work is not told of";
    if (slot->ghost.charged_inverse != ~slot->ghost.charged_bytes ||
        slot->ghost.charged_bytes != slot->central->charged_bytes ||
        slot->ghost.block_count != slot->central->block_count ||
        slot->ghost.charged_bytes != stats.used_bytes + stats.cached_bytes)
        return "what is kept twice agrees (V4)";
    if (slot->ghost.block_count != twin_count || stats.requested_bytes != bytes)
        return "what is kept is what the twin counts";
    return plim_manager_verify(watched_manager, NULL) == PLIM_OK ? NULL : "the walk finds it whole";
}

static const char *apply_take(unsigned size)
{
    void *begin = plim_alloc_in(watched_domain, SIZE[size]);
    if (begin != NULL) { /* else the limit: of three large blocks only two fit */
        twin[twin_count].begin = begin;
        twin[twin_count++].bytes = SIZE[size];
    }
    return compare();
}

static const char *apply_give(unsigned index)
{
    if (index >= twin_count)
        return NULL;
    plim_free(twin[index].begin);
    memmove(&twin[index], &twin[index + 1], (--twin_count - index) * sizeof *twin);
    return compare();
}

static const char *apply_resize(void)
{
    if (twin_count == 0)
        return NULL;
    size_t bytes = twin[0].bytes * 2 < 50000 ? twin[0].bytes * 2 : 40;
    void *begin = plim_resize(twin[0].begin, bytes);
    if (begin != NULL) {
        twin[0].begin = begin;
        twin[0].bytes = bytes;
    }
    return compare();
}

static const char *apply(unsigned operation)
{
    if (operation < SIZES)
        return apply_take(operation);
    if (operation == OP_GIVE_FIRST)
        return apply_give(0);
    if (operation == OP_GIVE_LAST)
        return apply_give(twin_count - 1);
    return operation == OP_RESIZE ? apply_resize() : apply_spoil();
}

static void print(unsigned operation)
{
    static const char *const NAMES[OPERATIONS] = {
        "take 40 B",     "take 3000 B",      "take 33000 B",  "give the first",
        "give the last", "resize the first", "turn bits over"};
    fprintf(stderr, "  %s\n", NAMES[operation]);
}

int main(void)
{
    static const sequence_world world = {.name = "twice",
                                         .operation_count = OPERATIONS,
                                         .length = LENGTH,
                                         .start = start,
                                         .end = watched_end,
                                         .apply = apply,
                                         .print = print};
    for (level = PLIM_VERIFY_FULL; level <= PLIM_VERIFY_REDUNDANT; level++)
        if (sequence(&world) != 0)
            return 1;
    printf("held twice: %llu bits turned over\n", (unsigned long long)spoiled);
    return 0;
}
