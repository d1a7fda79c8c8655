/* SPDX-License-Identifier: MIT */
/*
 * V1 to V3 over a whole manager as it ships, the swift way and the checked one: what writes beside
 * blocks, to their marks, and to blocks that were given back, is told, by its name and once; and
 * what writes to blocks that are live is told of never. First every byte and every wrong value of
 * it, for blocks of many sizes; then every sequence of eight operations on two blocks, of which
 * two do such damage and, done again, undo it.
 *
 * parts: manager backing base
 */
#include "memory/checks/marks.h"
#include "sequence.h"
#include "watched.h"

enum {
    BEHIND_MIN = 16,   /* watched behind every block at level full … */
    BEHIND_MOST = 128, /* … and behind a large one, and at level redundant */
    COPY_BYTES = 8,    /* at the end of what a small block holds */
    SMALL_MAX = 32768,
    SHARED_MAX = 2048, /* so many bytes lie with others on pages of theirs */
    SIZES_EACH = 160,  /* every size up to that, and some beyond */
    EDGE_BYTES = 64,   /* of longer blocks, their first and their last bytes */
    LENGTH = 6
};

/* The twin of a block: where it is, what was asked for, what it was charged. */
typedef struct sized {
    unsigned char *begin;
    size_t bytes, held;
} sized;

static plim_verify level;

static bool block_take(size_t bytes, sized *out)
{
    uint64_t before = watched_stats().used_bytes;
    out->begin = plim_alloc_in(watched_domain, bytes);
    out->bytes = bytes;
    out->held = (size_t)(watched_stats().used_bytes - before);
    return out->begin != NULL && out->held >= bytes + BEHIND_MIN;
}

/* Whether the byte is behind the block and said to be watched. */
static bool is_watched(const sized *block, size_t at)
{
    bool is_small = block->held <= SMALL_MAX;
    size_t most = is_small && level == PLIM_VERIFY_FULL ? BEHIND_MIN : BEHIND_MOST;
    return at >= block->bytes &&
           (at < block->bytes + most || (is_small && at + COPY_BYTES >= block->held));
}

/* --- every byte, every value --------------------------------------------------------------- */

static uint64_t tried;

/* The n-th wrong value of a byte, all of them at level full; 0: there are no more. */
static unsigned char wrong(unsigned n)
{
    if (level == PLIM_VERIFY_FULL)
        return (unsigned char)(n < 255 ? n + 1 : 0);
    return (unsigned char)(n < 8 ? 1u << n : n == 8 ? 0xff : 0);
}

static const char *byte_behind(const sized *block, size_t at)
{
    unsigned char was = block->begin[at];
    for (unsigned n = 0; wrong(n) != 0; n++) {
        block->begin[at] = was ^ wrong(n);
        if (plim_resize(block->begin, block->bytes) != NULL || !watched_told("V1"))
            return "a write behind a block is told when it is resized (V1)";
        plim_free(block->begin);
        if (!watched_told("V1") || watched_address != block->begin)
            return "a write behind a block is told when it is given back (V1)";
        tried += 2;
    }
    block->begin[at] = was;
    return NULL;
}

static const char *byte_inside(const sized *block, size_t at)
{
    for (unsigned n = 0; wrong(n) != 0; n++) {
        block->begin[at] ^= wrong(n);
        if (plim_resize(block->begin, block->bytes) != block->begin || !watched_told(NULL))
            return "what is written inside a block is nobody's business";
        tried++;
    }
    return NULL;
}

static const char *block_bytes(const sized *block)
{
    for (size_t at = 0; at < block->held; at++) {
        bool is_edge = at < EDGE_BYTES || at + EDGE_BYTES >= block->bytes;
        const char *broken = NULL;
        if (is_watched(block, at))
            broken = byte_behind(block, at);
        else if (is_edge && at < block->bytes + BEHIND_MOST)
            broken = byte_inside(block, at);
        if (broken != NULL)
            return broken;
    }
    return NULL;
}

/* Every one and every two bits of a mark. */
static const char *block_mark(const sized *block)
{
    uint32_t *mark = plim__mark_of(&watched_manager->space, block->begin);
    unsigned bits = block->held <= SMALL_MAX ? 32 : 128;
    for (unsigned one = 0; one < bits; one++)
        for (unsigned two = one; two < bits; two++) {
            uint32_t was[2] = {mark[one / 32], mark[two / 32]};
            mark[one / 32] ^= UINT32_C(1) << one % 32;
            if (two != one)
                mark[two / 32] ^= UINT32_C(1) << two % 32;
            plim_free(block->begin);
            if (!watched_told("V2"))
                return "a mark that was written to is told (V2)";
            mark[two / 32] = was[1];
            mark[one / 32] = was[0];
            tried++;
        }
    return NULL;
}

/* What is known of a released block: its first 256 bytes, whoever had it and however long. */
static const char *block_gone(const sized *block)
{
    size_t poisoned = block->held < PLIM__POISON_HEAD ? block->held : PLIM__POISON_HEAD;
    for (size_t at = 0; at < poisoned; at++)
        for (unsigned n = 0; wrong(n) != 0; n++) {
            block->begin[at] ^= wrong(n);
            if (plim_alloc_in(watched_domain, block->bytes) != NULL || !watched_told("V3") ||
                watched_address != block->begin)
                return "a write after the release is told before the block is used again (V3)";
            unsigned char *again = plim_alloc_in(watched_domain, block->bytes);
            if (again != block->begin || !watched_told(NULL))
                return "what was told of is in order afterwards";
            plim_free(again);
            tried++;
        }
    return NULL;
}

static const char *sweep_size(size_t bytes)
{
    sized block, keeper;
    /* The keeper's slab stays one: pages that are nobody's any more may become anything, so what
       may be alone on its pages is not looked at after its release. */
    if (!block_take(bytes, &keeper) || !block_take(bytes, &block))
        return "there is room for a block and what is watched behind it";
    const char *broken = block_bytes(&block);
    if (broken == NULL)
        broken = block_mark(&block);
    plim_free(block.begin);
    if (broken == NULL && !watched_told(NULL))
        broken = "a block that was put in order again is given back without a word";
    if (broken == NULL && block.held <= SHARED_MAX)
        broken = block_gone(&block);
    plim_free(keeper.begin);
    return broken;
}

static const char *sweep(size_t storage_bytes)
{
    static const size_t SIZES[] = {
        199, 240, 500, 1000, 4080, 9000, 20000, SMALL_MAX - 16, SMALL_MAX - 15, 40000, 40960 - 16};
    const char *broken = NULL;
    size_t step = level == PLIM_VERIFY_FULL ? 1 : 9; /* there each operation walks over all */
    watched_start(level, storage_bytes);
    for (size_t bytes = 1; broken == NULL && bytes <= SIZES_EACH; bytes += step)
        broken = sweep_size(bytes);
    for (unsigned i = 0; broken == NULL && i < sizeof SIZES / sizeof *SIZES; i++)
        if (level == PLIM_VERIFY_FULL || i % 3 == 0)
            broken = sweep_size(SIZES[i]);
    watched_end();
    return broken;
}

/* --- every sequence ------------------------------------------------------------------------ */

enum {
    BLOCKS = 2,
    OP_TAKE = 0,
    OP_GIVE = 2,
    OP_RESIZE = 4,
    OP_BEHIND = 6,
    OP_AFTER,
    OP_AGAIN,
    OPERATIONS
};

static const size_t TAKEN[BLOCKS] = {40, 60}, RESIZED[BLOCKS] = {50, 100};
static sized twin[BLOCKS];     /* begin: NULL where there is none */
static bool is_behind[BLOCKS]; /* something was written behind it */

/* What was given back and not taken again, and whether something was written to it since. */
static struct {
    unsigned char *begin;
    bool is_after;
} gone[2 * LENGTH];
static unsigned gone_count;

static void start(void)
{
    watched_start(level, WATCHED_WITH_CACHES);
    memset(twin, 0, sizeof twin);
    memset(is_behind, 0, sizeof is_behind);
    gone_count = 0;
}

/* Of such a one; gone_count: of none. */
static unsigned gone_at(const void *begin)
{
    unsigned i = 0;
    while (i < gone_count && gone[i].begin != begin)
        i++;
    return i;
}

/* A block is there that was not: not over another, and not one with something written to it. */
static const char *taken(unsigned index, unsigned char *begin, size_t bytes)
{
    unsigned i = gone_at(begin);
    if (i < gone_count) {
        if (gone[i].is_after)
            return "what was written to after its release is not given out (V3)";
        memmove(&gone[i], &gone[i + 1], (--gone_count - i) * sizeof *gone);
    }
    twin[index] = (sized){.begin = begin, .bytes = bytes};
    const sized *other = &twin[1 - index];
    if (other->begin != NULL && begin < other->begin + other->bytes && other->begin < begin + bytes)
        return "live blocks do not overlap";
    memset(begin, 0x22, bytes);
    return NULL;
}

/* Nothing was given: only because what was written to was next, and now it is mended. */
static const char *not_taken(void)
{
    unsigned i = gone_at(watched_address);
    if (!watched_told("V3") || i == gone_count || !gone[i].is_after)
        return "what is told is that of a block that was written to (V3)";
    gone[i].is_after = false;
    return NULL;
}

static void given(unsigned char *begin)
{
    gone[gone_count].begin = begin;
    gone[gone_count++].is_after = false;
}

static const char *apply_take(unsigned index)
{
    if (twin[index].begin != NULL)
        return NULL;
    unsigned char *begin = plim_alloc_in(watched_domain, TAKEN[index]);
    if (begin == NULL)
        return not_taken();
    return watched_told(NULL) ? taken(index, begin, TAKEN[index]) : "sound work is not told of";
}

static const char *apply_give(unsigned index)
{
    unsigned char *begin = twin[index].begin;
    if (begin == NULL)
        return NULL;
    plim_free(begin);
    if (!watched_told(is_behind[index] ? "V1" : NULL))
        return "a release tells exactly of what was written behind the block (V1)";
    if (!is_behind[index]) {
        given(begin);
        twin[index].begin = NULL;
    }
    return NULL;
}

static const char *apply_resize(unsigned index)
{
    sized was = twin[index];
    if (was.begin == NULL)
        return NULL;
    size_t bytes = was.bytes == TAKEN[index] ? RESIZED[index] : TAKEN[index];
    unsigned char *begin = plim_resize(was.begin, bytes);
    if (is_behind[index])
        return begin == NULL && watched_told("V1") ? NULL : "a resize tells of what is behind (V1)";
    if (begin == NULL)
        return not_taken();
    if (!watched_told(NULL))
        return "sound work is not told of";
    const char *broken = taken(index, begin, bytes);
    if (begin != was.begin)
        given(was.begin);
    return broken;
}

/* Done twice, it is as before. */
static const char *apply_damage(bool is_to_gone)
{
    if (is_to_gone && gone_count > 0) {
        gone[gone_count - 1].begin[5] ^= 0x40;
        gone[gone_count - 1].is_after = !gone[gone_count - 1].is_after;
    } else if (!is_to_gone && twin[0].begin != NULL) {
        twin[0].begin[twin[0].bytes + 3] ^= 0x40;
        is_behind[0] = !is_behind[0];
    }
    return NULL;
}

/* Once more, what was given back last: told at every level, and nothing changes. */
static const char *apply_again(void)
{
    if (gone_count == 0)
        return NULL;
    plim_free(gone[gone_count - 1].begin);
    bool is_told = watched_told("P5") && watched_address == gone[gone_count - 1].begin;
    return is_told ? NULL : "a second release is told (P5)";
}

static const char *apply(unsigned operation)
{
    if (operation == OP_AGAIN)
        return apply_again();
    if (operation >= OP_BEHIND) /* nothing is written behind or after where nobody looks */
        return level > PLIM_VERIFY_STANDARD ? apply_damage(operation == OP_AFTER) : NULL;
    if (operation >= OP_RESIZE)
        return apply_resize(operation - OP_RESIZE);
    if (operation >= OP_GIVE)
        return apply_give(operation - OP_GIVE);
    return apply_take(operation);
}

static void print(unsigned operation)
{
    static const char *const NAMES[OPERATIONS] = {"take a",
                                                  "take b",
                                                  "give a",
                                                  "give b",
                                                  "resize a",
                                                  "resize b",
                                                  "write behind a",
                                                  "write to what was given back last",
                                                  "give back once more what was given back last"};
    fprintf(stderr, "  %s\n", NAMES[operation]);
}

int main(void)
{
    static const size_t STORAGES[] = {WATCHED_WITHOUT_CACHES, WATCHED_WITH_CACHES};
    static const sequence_world world = {.name = "guards",
                                         .operation_count = OPERATIONS,
                                         .length = LENGTH,
                                         .start = start,
                                         .end = watched_end,
                                         .apply = apply,
                                         .print = print};
    for (level = PLIM_VERIFY_FULL; level <= PLIM_VERIFY_REDUNDANT; level++)
        for (unsigned i = 0; i < sizeof STORAGES / sizeof *STORAGES; i++) {
            const char *broken = sweep(STORAGES[i]);
            if (broken != NULL) {
                printf("broken guards: %s\n", broken);
                return 1;
            }
        }
    printf("held guards: %llu writes\n", (unsigned long long)tried);
    for (level = PLIM_VERIFY_STANDARD; level <= PLIM_VERIFY_FULL; level++)
        if (sequence(&world) != 0)
            return 1;
    return 0;
}
