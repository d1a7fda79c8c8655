/* SPDX-License-Identifier: MIT */
/*
 * The slot core against a twin that knows nothing of permutations: four slots, three generations,
 * every acquire and every release of every handle that can be named, good or not.
 */
#include "explore.h"
#include "memory/pools/slot_core.h"

enum { SLOTS = 4, GENERATIONS = 3, HANDLE_SLOTS = SLOTS + 1, HANDLE_GENERATIONS = GENERATIONS + 2 };

typedef struct world_state {
    uint8_t order[SLOTS], place[SLOTS], generation[SLOTS], live, retired;
    /* The twin: is it live, and how often was it given out. */
    uint8_t twin_live[SLOTS], twin_given[SLOTS];
} world_state;

static uint32_t order[SLOTS], place[SLOTS], generation[SLOTS];
static plim__slots slots = {.order = order,
                            .place = place,
                            .generation = generation,
                            .capacity = SLOTS,
                            .generation_max = GENERATIONS};
static uint8_t twin_live[SLOTS], twin_given[SLOTS];

static void start(void)
{
    plim__slots_init(&slots);
}

static void save(uint8_t *bytes)
{
    world_state state;
    for (unsigned i = 0; i < SLOTS; i++) {
        state.order[i] = (uint8_t)order[i];
        state.place[i] = (uint8_t)place[i];
        state.generation[i] = (uint8_t)generation[i];
        state.twin_live[i] = twin_live[i];
        state.twin_given[i] = twin_given[i];
    }
    state.live = (uint8_t)slots.live;
    state.retired = (uint8_t)slots.retired;
    memcpy(bytes, &state, sizeof state);
}

static void load(const uint8_t *bytes)
{
    world_state state;
    memcpy(&state, bytes, sizeof state);
    for (unsigned i = 0; i < SLOTS; i++) {
        order[i] = state.order[i];
        place[i] = state.place[i];
        generation[i] = state.generation[i];
        twin_live[i] = state.twin_live[i];
        twin_given[i] = state.twin_given[i];
    }
    slots.live = state.live;
    slots.retired = state.retired;
}

static const char *compare(void)
{
    unsigned live = 0, spent = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        live += twin_live[i];
        spent += !twin_live[i] && twin_given[i] == GENERATIONS;
        for (unsigned g = 0; g < HANDLE_GENERATIONS; g++)
            if (plim__slots_resolve(&slots, i, g) != (twin_live[i] && twin_given[i] == g))
                return "a handle resolves if and only if it is the one that is out";
    }
    if (!plim__slots_verify(&slots))
        return "the walk finds the table whole";
    if (slots.live != live || slots.retired != spent)
        return "live and retired are counted";
    if (plim__slots_free_count(&slots) != SLOTS - live - spent)
        return "free, live and retired make the capacity";
    return NULL;
}

static const char *apply_acquire(void)
{
    bool is_free[SLOTS], any = false;
    for (unsigned i = 0; i < SLOTS; i++) {
        is_free[i] = !twin_live[i] && twin_given[i] < GENERATIONS;
        any |= is_free[i];
    }
    uint8_t before[EXPLORE_STATE_BYTES_MAX], after[EXPLORE_STATE_BYTES_MAX];
    save(before);
    uint32_t slot = plim__slots_acquire(&slots);
    if (any != (slot != PLIM__SLOT_NONE))
        return "acquire fails if and only if none is free";
    if (!any) {
        save(after);
        return memcmp(before, after, sizeof(world_state)) == 0 ? NULL : "a refusal changes nothing";
    }
    if (slot >= SLOTS || !is_free[slot])
        return "what is acquired was free";
    twin_live[slot] = 1;
    twin_given[slot]++;
    return compare();
}

static const char *apply_release(uint32_t slot, uint32_t handle_generation)
{
    bool good = slot < SLOTS && twin_live[slot] && twin_given[slot] == handle_generation;
    uint8_t before[EXPLORE_STATE_BYTES_MAX], after[EXPLORE_STATE_BYTES_MAX];
    save(before);
    if (plim__slots_release(&slots, slot, handle_generation) != good)
        return "release takes a good handle and no other";
    if (!good) {
        save(after);
        return memcmp(before, after, sizeof(world_state)) == 0 ? NULL : "a refusal changes nothing";
    }
    twin_live[slot] = 0;
    return compare();
}

static const char *apply(unsigned operation)
{
    if (operation == 0)
        return apply_acquire();
    operation--;
    return apply_release(operation / HANDLE_GENERATIONS, operation % HANDLE_GENERATIONS);
}

static void print(unsigned operation)
{
    if (operation == 0)
        fprintf(stderr, "  acquire\n");
    else
        fprintf(stderr, "  release %u/%u\n", (operation - 1) / HANDLE_GENERATIONS,
                (operation - 1) % HANDLE_GENERATIONS);
}

int main(void)
{
    static const explore_world world = {.name = "slots",
                                        .state_bytes = sizeof(world_state),
                                        .operation_count = 1 + HANDLE_SLOTS * HANDLE_GENERATIONS,
                                        .start = start,
                                        .save = save,
                                        .load = load,
                                        .apply = apply,
                                        .print = print};
    return explore(&world);
}
