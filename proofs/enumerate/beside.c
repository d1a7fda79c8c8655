/* SPDX-License-Identifier: MIT */
/*
 * P8 of pools as they ship: at level full, whatever is written to the line before a buffer or the
 * line behind what was asked for, every byte of both and every wrong value of it, for every count
 * of elements, is told when the buffer goes back, alone or with all others, and by the walk; and
 * what is written inside a buffer is told of never. Then every sequence of six operations on two
 * slots, three of which write beside a buffer and, done again, undo it.
 *
 * parts: base
 * sources: src/memory/pools/pool.c src/memory/pools/pool_make.c src/memory/pools/pool_check.c
 * sources: src/memory/pools/pool_fill.c
 */
#include <plimsoll/pool.h>

#include <stdlib.h>
#include <string.h>

#include "sequence.h"

enum { SLOTS = 2, COUNT_MAX = 5, ELEMENT_BYTES = 12, LINE = 64, LENGTH = 6 };

static plim_pool *pool;
static plim_pool_policy policy;
static unsigned panics;
static char panic_name[4];
static const void *panic_address;
static unsigned long long tried;

/* pool.c names the place of an acquire through this. */
const char *plim__site_text(const char *site)
{
    return site;
}

static void on_panic(void *ctx, const plim_panic *panic)
{
    (void)ctx;
    panics++;
    (void)snprintf(panic_name, sizeof panic_name, "%s", panic->invariant);
    panic_address = panic->address;
}

static bool told(const char *invariant)
{
    unsigned count = panics;
    panics = 0;
    return invariant == NULL ? count == 0 : count == 1 && strcmp(panic_name, invariant) == 0;
}

static void make(void)
{
    plim_pool_options options = {.struct_bytes = sizeof options,
                                 .slot_count = SLOTS,
                                 .name = "pool",
                                 .format = PLIM_FORMAT_VEC3F32,
                                 .element_count_max = COUNT_MAX,
                                 .policy = policy,
                                 .verify = PLIM_VERIFY_FULL,
                                 .panic = on_panic};
    if (plim_pool_create(&options, &pool, NULL) != PLIM_OK)
        exit(2);
    panics = 0;
}

static bool is_walked(void)
{
    plim_error err = {0};
    return plim_pool_verify(pool, &err) != PLIM_OK && strncmp(err.what, "P8:", 3) == 0;
}

/* --- every byte, every value --------------------------------------------------------------- */

static const char *byte_beside(const plim_buffer *buffer, ptrdiff_t at)
{
    unsigned char *byte = (unsigned char *)buffer->data + at;
    unsigned char was = *byte;
    for (unsigned n = 1; n < 256; n++, tried++) {
        *byte = was ^ (unsigned char)n;
        if (!is_walked())
            return "the walk sees a write beside a buffer (P8)";
        if (plim_pool_release(pool, buffer->slot, NULL) != PLIM_ERR_INTERNAL || !told("P8") ||
            panic_address != buffer->data)
            return "a release tells of a write beside a buffer (P8)";
        if (*byte != was || plim_pool_verify(pool, NULL) != PLIM_OK)
            return "what was told of is mended";
    }
    return NULL;
}

static const char *byte_inside(const plim_buffer *buffer, ptrdiff_t at)
{
    for (unsigned n = 0; n < 256; n++, tried++) {
        ((unsigned char *)buffer->data)[at] = (unsigned char)n;
        if (plim_pool_verify(pool, NULL) != PLIM_OK || !told(NULL))
            return "what is written inside a buffer is nobody's business";
    }
    return NULL;
}

static const char *sweep(size_t count)
{
    plim_buffer buffers[SLOTS];
    for (unsigned i = 0; i < SLOTS; i++)
        if (plim_pool_acquire(pool, i == 0 ? COUNT_MAX : count, &buffers[i], NULL) != PLIM_OK)
            return "there is room";
    const char *broken = NULL;
    ptrdiff_t bytes = (ptrdiff_t)count * ELEMENT_BYTES;
    for (ptrdiff_t at = -LINE; broken == NULL && at < bytes + LINE; at++)
        broken =
            at < 0 || at >= bytes ? byte_beside(&buffers[1], at) : byte_inside(&buffers[1], at);
    (void)plim_pool_release_all(pool);
    return broken == NULL && !told(NULL) ? "a buffer that was put in order goes without a word"
                                         : broken;
}

/* --- every sequence ------------------------------------------------------------------------ */

enum {
    OP_ONE,   /* take one of one element */
    OP_MOST,  /* of the most */
    OP_FIRST, /* release */
    OP_SECOND,
    OP_ALL,
    OP_BEFORE, /* write */
    OP_BEHIND,
    OP_FAR,
    OPERATIONS
};

static struct {
    plim_buffer buffer;
    bool is_out, is_before, is_behind, is_far;
} twin[SLOTS];

static void start(void)
{
    make();
    memset(twin, 0, sizeof twin);
}

static void end(void)
{
    plim_pool_destroy(&pool);
}

static bool is_damaged(unsigned slot)
{
    return twin[slot].is_out && (twin[slot].is_before || twin[slot].is_behind || twin[slot].is_far);
}

static const char *apply_take(size_t count)
{
    unsigned slot = twin[0].is_out ? 1 : 0;
    bool has_room = !twin[slot].is_out;
    plim_buffer buffer;
    if ((plim_pool_acquire(pool, count, &buffer, NULL) == PLIM_OK) != has_room || !told(NULL))
        return "a slot is given out exactly if one is free, without a word";
    if (has_room) {
        memset(&twin[slot], 0, sizeof twin[slot]);
        twin[slot].buffer = buffer;
        twin[slot].is_out = true;
        memset(buffer.data, 0x33, count * ELEMENT_BYTES);
    }
    return NULL;
}

static const char *apply_release(unsigned slot)
{
    if (!twin[slot].is_out)
        return NULL;
    bool was_damaged = is_damaged(slot);
    plim_status status = plim_pool_release(pool, twin[slot].buffer.slot, NULL);
    if (!told(was_damaged ? "P8" : NULL) || (status == PLIM_OK) == was_damaged)
        return "a release tells of exactly what was written beside its buffer (P8)";
    twin[slot].is_out = was_damaged; /* it stays, and is in order */
    twin[slot].is_before = twin[slot].is_behind = twin[slot].is_far = false;
    return NULL;
}

static const char *apply_all(void)
{
    unsigned wanted = (unsigned)is_damaged(0) + (unsigned)is_damaged(1);
    (void)plim_pool_release_all(pool);
    if (panics != wanted)
        return "the end of all tells of each that was written beside (P8)";
    panics = 0;
    twin[0].is_out = twin[1].is_out = false;
    return NULL;
}

/* Of the first slot that is out; done twice, it is as before. */
static const char *apply_write(unsigned operation)
{
    unsigned slot = twin[0].is_out ? 0 : 1;
    if (!twin[slot].is_out)
        return NULL;
    unsigned char *data = twin[slot].buffer.data;
    size_t bytes = twin[slot].buffer.element_count * ELEMENT_BYTES;
    bool *damage = operation == OP_BEFORE   ? &twin[slot].is_before
                   : operation == OP_BEHIND ? &twin[slot].is_behind
                                            : &twin[slot].is_far;
    data[operation == OP_BEFORE ? -1
                                : (ptrdiff_t)(operation == OP_BEHIND ? bytes : bytes + LINE - 1)] ^=
        8;
    *damage = !*damage;
    return NULL;
}

static const char *apply(unsigned operation)
{
    const char *broken = operation == OP_ONE     ? apply_take(1)
                         : operation == OP_MOST  ? apply_take(COUNT_MAX)
                         : operation == OP_ALL   ? apply_all()
                         : operation < OP_BEFORE ? apply_release(operation - OP_FIRST)
                                                 : apply_write(operation);
    if (broken == NULL && is_walked() != (is_damaged(0) || is_damaged(1)))
        broken = "the walk tells of exactly what was written beside a buffer (P8)";
    return broken;
}

static void print(unsigned operation)
{
    static const char *const NAMES[OPERATIONS] = {
        "take one element", "take the most", "release the first", "release the second",
        "release all",      "write before",  "write behind",      "write a line's end behind"};
    fprintf(stderr, "  %s\n", NAMES[operation]);
}

int main(void)
{
    static const sequence_world world = {.name = "beside",
                                         .operation_count = OPERATIONS,
                                         .length = LENGTH,
                                         .start = start,
                                         .end = end,
                                         .apply = apply,
                                         .print = print};
    static const plim_pool_policy POLICIES[] = {PLIM_POOL_RESERVED, PLIM_POOL_LAZY};
    for (unsigned i = 0; i < 2; i++) {
        const char *broken = NULL;
        policy = POLICIES[i];
        make();
        for (size_t count = 0; broken == NULL && count <= COUNT_MAX; count++)
            broken = sweep(count);
        plim_pool_destroy(&pool);
        if (broken != NULL) {
            printf("broken beside: %s\n", broken);
            return 1;
        }
        if (sequence(&world) != 0)
            return 1;
    }
    printf("held beside: %llu writes\n", tried);
    return 0;
}
