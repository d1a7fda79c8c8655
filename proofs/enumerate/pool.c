/* SPDX-License-Identifier: MIT */
/*
 * Pools and frames as they ship, flags in bits and serials in two parts, against a twin that keeps
 * a list: three slots, every acquire, pin, unpin, release of every handle that can be named, begin
 * and end of a frame, in and out of turn, until a slot's serials reach SERIALS or all were
 * released EPOCHS times.
 *
 * frame.c is part of this program, for its records are its own; of the engine it needs only to be
 * told of requests, which is not this world's affair.
 *
 * sources: src/memory/pools/pool.c src/memory/pools/pool_make.c src/memory/pools/pool_check.c
 * sources: src/memory/pools/pool_fill.c src/base/assert.c src/base/error.c src/base/status.c
 * sources: src/base/text.c src/platform/allocator.c src/platform/linux/pages.c
 */
#include "explore.h"
#include "memory/pools/frame.c"

enum {
    SLOTS = 3,
    SERIALS = 4,
    HANDLE_SLOTS = SLOTS + 1,
    DEPTHS = 2,
    EPOCHS = 6,
    RELEASED_MAX = 15
};

PLIM__THREAD_LOCAL plim__watch *plim__watch_now;

void plim__watch_begin(plim__watch *watch)
{
    (void)watch;
}

void plim__watch_end(plim__watch *watch)
{
    (void)watch;
}

const char *plim__site_text(const char *site)
{
    return site;
}

/* The twin: which slots are out, under which serial, and what the frame has seen. */
typedef struct pool_twin {
    uint8_t live[SLOTS], pinned[SLOTS], serial[SLOTS], ended[SLOTS];
    uint8_t depth, acquired, released, most;
} pool_twin;

typedef struct world_state {
    uint8_t free, pinned, temporary, open_words, epoch, pinned_count, high_water;
    int8_t generation[SLOTS];
    uint8_t depth, in_use_before, released_since;
    pool_twin twin;
} world_state;

static plim_pool *pool;
static plim_frame *frame;
static pool_twin twin;

static void start(void)
{
    static const plim_pool_options pool_options = {.struct_bytes = sizeof pool_options,
                                                   .slot_count = SLOTS,
                                                   .name = "pool",
                                                   .format = PLIM_FORMAT_U32,
                                                   .element_count_max = 4};
    if (plim_pool_create(&pool_options, &pool, NULL) != PLIM_OK)
        exit(2);
    plim_frame_options frame_options = {
        .struct_bytes = sizeof frame_options, .pool_count = 1, .pools = &pool};
    if (plim_frame_create(&frame_options, &frame, NULL) != PLIM_OK)
        exit(2);
}

static void save(uint8_t *bytes)
{
    world_state state = {
        .free = (uint8_t)pool->free[0],
        .pinned = (uint8_t)pool->pinned[0],
        .temporary = (uint8_t)pool->temporary[0],
        .open_words = (uint8_t)pool->open_words,
        .epoch = (uint8_t)pool->head.epoch,
        .pinned_count = (uint8_t)pool->pinned_count,
        .high_water = (uint8_t)pool->high_water,
        .depth = (uint8_t)frame->depth,
        .twin = twin,
    };
    for (unsigned i = 0; i < SLOTS; i++)
        state.generation[i] = (int8_t)pool->places[i].generation;
    if (frame->depth > 0) { /* totals grow for ever; what a frame makes of them is a difference */
        state.in_use_before = (uint8_t)frame->pools[0].in_use;
        state.released_since = (uint8_t)(pool->released_total - frame->pools[0].released);
    }
    memset(bytes, 0, EXPLORE_STATE_BYTES_MAX);
    memcpy(bytes, &state, sizeof state);
}

static void load(const uint8_t *bytes)
{
    world_state state;
    memcpy(&state, bytes, sizeof state);
    twin = state.twin;
    pool->free[0] = state.free;
    pool->pinned[0] = state.pinned;
    pool->temporary[0] = state.temporary;
    pool->open_words = state.open_words;
    pool->head.epoch = state.epoch;
    pool->pinned_count = state.pinned_count;
    pool->high_water = state.high_water;
    for (unsigned i = 0; i < SLOTS; i++)
        pool->places[i].generation = (uint64_t)(int64_t)state.generation[i];
    pool->released_total = RELEASED_MAX + state.released_since;
    pool->frame_number = state.depth > 0 ? 1 : 0;
    frame->depth = state.depth;
    frame->pools[0].in_use = state.in_use_before;
    frame->pools[0].released = RELEASED_MAX;
}

static unsigned twin_live(void)
{
    unsigned live = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        live += twin.live[i];
    return live;
}

/* Nothing has changed but perhaps open_words, which may lag behind and is caught up by a look. */
static bool is_same(const uint8_t *before)
{
    world_state old, now;
    uint8_t after[EXPLORE_STATE_BYTES_MAX];
    save(after);
    memcpy(&old, before, sizeof old);
    memcpy(&now, after, sizeof now);
    old.open_words = now.open_words;
    return memcmp(&old, &now, sizeof old) == 0;
}

/* Whether one more turn of any slot would leave the world. */
static bool is_at_the_end(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (plim__pool_serial(pool, i) >= SERIALS)
            return true;
    return pool->head.epoch >= EPOCHS || twin.released >= RELEASED_MAX - SLOTS ||
           twin.acquired >= RELEASED_MAX - SLOTS;
}

static const char *compare(void)
{
    unsigned pinned = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        pinned += twin.pinned[i];
        for (uint64_t serial = 0; serial <= SERIALS + 1; serial++) {
            plim_slot slot = {serial, i, pool->head.tag};
            bool good = twin.live[i] && twin.serial[i] == serial;
            if ((plim_pool_data(pool, slot) != NULL) != good)
                return "a handle resolves if and only if it is the one that is out (H1, P5)";
        }
    }
    if (plim_pool_verify(pool, NULL) != PLIM_OK)
        return "the walk finds the pool whole";
    plim_pool_stats stats;
    plim_pool_stats_read(pool, &stats);
    if (stats.in_use != twin_live() || stats.pinned != pinned || stats.in_use > SLOTS)
        return "in use and pinned are counted (P1, P2)";
    if (stats.high_water != twin.most)
        return "the high-water mark is the most that were ever out";
    return NULL;
}

static const char *apply_acquire(void)
{
    if (is_at_the_end())
        return NULL;
    plim_buffer buffer = {0};
    bool any = twin_live() < SLOTS;
    uint8_t before[EXPLORE_STATE_BYTES_MAX];
    save(before);
    if ((plim_pool_acquire(pool, 4, &buffer, NULL) == PLIM_OK) != any)
        return "acquire fails if and only if all slots are in use (P3)";
    if (!any)
        return is_same(before) ? compare() : "a refusal changes nothing";
    unsigned index = buffer.slot.index;
    if (index >= SLOTS || twin.live[index])
        return "what is acquired was free (P4)";
    for (unsigned i = 0; i < index; i++)
        if (!twin.live[i])
            return "the lowest free slot is taken";
    if (buffer.slot.serial <= twin.ended[index] && twin.ended[index] > 0)
        return "a serial is never given out again (H1)";
    twin.live[index] = 1;
    twin.serial[index] = (uint8_t)buffer.slot.serial;
    twin.acquired += twin.depth > 0; /* a frame's affair alone */
    if (twin_live() > twin.most)
        twin.most = (uint8_t)twin_live();
    return compare();
}

static void twin_end(unsigned index)
{
    twin.live[index] = 0;
    twin.pinned[index] = 0;
    twin.ended[index] = twin.serial[index];
    twin.serial[index] = 0;
}

static const char *apply_release(unsigned index, unsigned serial)
{
    if (is_at_the_end())
        return NULL;
    bool good = index < SLOTS && twin.live[index] && twin.serial[index] == serial;
    uint8_t before[EXPLORE_STATE_BYTES_MAX];
    save(before);
    plim_slot slot = {serial, index, pool->head.tag};
    if ((plim_pool_release(pool, slot, NULL) == PLIM_OK) != good)
        return "release takes a good handle and no other (P5)";
    if (!good)
        return is_same(before) ? NULL : "a refusal changes nothing";
    twin_end(index);
    twin.released += twin.depth > 0;
    return compare();
}

static const char *apply_release_all(void)
{
    if (is_at_the_end())
        return NULL;
    unsigned loose = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!twin.live[i] || twin.pinned[i])
            continue;
        twin_end(i);
        loose++;
    }
    if (plim_pool_release_all(pool) != loose)
        return "release_all gives back what is not pinned";
    if (twin.depth > 0)
        twin.released = (uint8_t)(twin.released + loose);
    return compare();
}

static const char *apply_pin(unsigned index, bool on)
{
    plim_slot slot = {twin.serial[index], index, pool->head.tag};
    plim_status status = on ? plim_pool_pin(pool, slot) : plim_pool_unpin(pool, slot);
    if ((status == PLIM_OK) != twin.live[index])
        return "only a slot in use can be pinned";
    twin.pinned[index] = on && twin.live[index];
    return compare();
}

static const char *apply_begin(void)
{
    if (frame->depth == DEPTHS)
        return NULL;
    bool first = twin.depth == 0;
    if ((plim_frame_begin(frame, "here") == PLIM_OK) != first)
        return "a frame begins when none is open (F4)";
    twin.depth++;
    if (first)
        twin.acquired = twin.released = 0;
    return compare();
}

static const char *apply_end(void)
{
    if (is_at_the_end())
        return NULL;
    unsigned depth = twin.depth, loose = 0, pinned = 0;
    for (unsigned i = 0; i < SLOTS && depth == 1; i++) {
        pinned += twin.pinned[i];
        if (!twin.live[i] || twin.pinned[i])
            continue;
        twin_end(i);
        loose++;
    }
    plim_frame_stats stats = {0};
    if ((plim_frame_end(frame, &stats) == PLIM_OK) != (depth > 0))
        return "a frame ends when one is open (F4)";
    if (depth > 0)
        twin.depth--;
    if (depth != 1)
        return compare();
    if (stats.acquired != twin.acquired || stats.released != twin.released ||
        stats.collected != loose || stats.pinned != pinned)
        return "acquired, released, collected and pinned are what happened (P7)";
    twin.acquired = twin.released = 0;
    return twin_live() == pinned ? compare()
                                 : "after a frame nothing is in use but the pinned (P7)";
}

enum { RELEASES = HANDLE_SLOTS * (SERIALS + 2), PINS = SLOTS, PLAIN = 4 };

static const char *apply(unsigned operation)
{
    static const char *(*const plain[PLAIN])(void) = {apply_acquire, apply_release_all, apply_begin,
                                                      apply_end};
    if (operation < PLAIN)
        return plain[operation]();
    operation -= PLAIN;
    if (operation < 2 * PINS)
        return apply_pin(operation / 2, operation % 2 == 0);
    operation -= 2 * PINS;
    return apply_release(operation / (SERIALS + 2), operation % (SERIALS + 2));
}

static void print(unsigned operation)
{
    static const char *const plain[PLAIN] = {"acquire", "release all", "begin", "end"};
    if (operation < PLAIN) {
        fprintf(stderr, "  %s\n", plain[operation]);
        return;
    }
    operation -= PLAIN;
    if (operation < 2 * PINS)
        fprintf(stderr, "  %s %u\n", operation % 2 == 0 ? "pin" : "unpin", operation / 2);
    else
        fprintf(stderr, "  release %u/%u\n", (operation - 2 * PINS) / (SERIALS + 2),
                (operation - 2 * PINS) % (SERIALS + 2));
}

int main(void)
{
    _Static_assert(sizeof(world_state) <= EXPLORE_STATE_BYTES_MAX, "a state fits");
    static const explore_world world = {.name = "pool",
                                        .state_bytes = sizeof(world_state),
                                        .operation_count = PLAIN + 2 * PINS + RELEASES,
                                        .start = start,
                                        .save = save,
                                        .load = load,
                                        .apply = apply,
                                        .print = print};
    return explore(&world);
}
