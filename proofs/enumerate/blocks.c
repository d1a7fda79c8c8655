/* SPDX-License-Identifier: MIT */
/*
 * A stack of blocks as it ships, over a region, against a twin that is a list and a text of what
 * is to be called: blocks that are never done, done after a tick, and ticked below and done after
 * two; every sequence of pushing, ticking, popping, ending the lowest, ending what has ended, and
 * opening all again as a new process would.
 *
 * parts: region base
 */
#include <plimsoll/stack.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/stack/block_core.h"
#include "sequence.h"
#include "uncharged.h"

enum {
    LENGTH = 5,
    DEPTH = 4,
    KINDS = 3,
    STORAGE_BYTES = 1 << 15,
    CALLS_MAX = 64,
    OBJECTS_OWN = 5, /* the stack and its cells */
    OP_TICK = KINDS,
    OP_POP,
    OP_END_LOWEST,
    OP_END_ENDED,
    OP_OPEN,
    OPERATIONS
};

/* NEVER: is never done. ONCE: done after a tick. BELOW: ticked below, done after two ticks. */
enum { NEVER, ONCE, BELOW };

typedef struct counted {
    uint32_t id, kind, ticks, spare;
} counted;

static _Alignas(64) unsigned char storage[STORAGE_BYTES];
static plim_region *region;
static plim_stack *stack;
static uint16_t note_type;
static char called[CALLS_MAX][2], wanted[CALLS_MAX][2]; /* what, and of whom */
static unsigned called_count, wanted_count;
static counted twin[DEPTH];
static uint32_t twin_count, twin_ids, steps;
static plim_ref twin_refs[LENGTH + 1];

/* --- blocks -------------------------------------------------------------------------------- */

static void call(char what, plim_region *of, plim_ref block)
{
    const plim_block_head *head = plim_region_peek(of, block);
    if (head == NULL || called_count == CALLS_MAX)
        exit(2);
    called[called_count][0] = what;
    called[called_count++][1] = (char)((const counted *)(const void *)(head + 1))->id;
}

static plim_status mount(plim_turn *turn)
{
    plim_object_request request = {.struct_bytes = sizeof request, .type = note_type};
    plim_ref note;
    call('M', turn->region, turn->block);
    return plim_turn_allocate(turn, &request, &note);
}

static plim_status tick(plim_turn *turn)
{
    ((counted *)turn->state)->ticks++;
    call('T', turn->region, turn->block);
    return PLIM_OK;
}

static bool is_over(const counted *at)
{
    return (at->kind == ONCE && at->ticks >= 1) || (at->kind == BELOW && at->ticks >= 2);
}

static bool is_done(const plim_turn *turn)
{
    return is_over(turn->state);
}

static plim_status next(plim_turn *turn)
{
    call('N', turn->region, turn->block);
    return PLIM_OK;
}

static void unmount(plim_turn *turn)
{
    call('U', turn->region, turn->block);
}

static void cleanup(plim_turn *turn)
{
    call('C', turn->region, turn->block);
}

static void listen(void *context, const plim_stack_notice *notice)
{
    (void)context;
    if (notice->kind == PLIM_STACK_POPPED)
        call('P', region, notice->block);
}

#define BLOCK(block_name, block_flags)                                                             \
    {                                                                                              \
        .struct_bytes = sizeof(plim_block_type), .flags = block_flags, .name = block_name,         \
        .state_bytes = sizeof(counted), .mount = mount, .tick = tick, .is_done = is_done,          \
        .next = next, .unmount = unmount, .cleanup = cleanup                                       \
    }
static const plim_block_type BLOCKS[KINDS] = {BLOCK("never", 0), BLOCK("once", 0),
                                              BLOCK("below", PLIM_BLOCK_F_TICKED_BELOW)};
static const plim_block_type *const TYPES[KINDS] = {&BLOCKS[0], &BLOCKS[1], &BLOCKS[2]};

static void open_all(void)
{
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_STORAGE,
                                   .storage = storage,
                                   .storage_bytes = sizeof storage,
                                   .object_max = 32,
                                   .type_max = 12,
                                   .field_max = 48,
                                   .name_max = 8,
                                   .text_bytes = 1024,
                                   .value_max = 128};
    plim_stack_options how = {
        .struct_bytes = sizeof how, .depth_max = DEPTH, .types = TYPES, .type_count = KINDS};
    plim_stack_close(&stack);
    plim_region_close(&region);
    if (plim_region_open(&options, &region, NULL) != PLIM_OK ||
        plim_region_type(region, "note", 8, NULL, 0, &note_type, NULL) != PLIM_OK ||
        plim_stack_open(region, &how, &stack, NULL) != PLIM_OK ||
        plim_stack_listen(stack, listen, NULL) != PLIM_OK)
        exit(2);
}

static void start(void)
{
    if (stack == NULL)
        open_all();
    while (plim_stack_depth(stack) > 0)
        if (plim_stack_pop(stack, NULL) != PLIM_OK)
            exit(2);
    twin_count = twin_ids = steps = 0;
}

static void end(void)
{
}

/* --- the twin ------------------------------------------------------------------------------ */

static void want(char what, uint32_t id)
{
    wanted[wanted_count][0] = what;
    wanted[wanted_count++][1] = (char)id;
}

/* F2. */
static void twin_end(uint32_t from)
{
    while (twin_count > from) {
        uint32_t id = twin[--twin_count].id;
        want('U', id);
        want('P', id);
        want('C', id);
    }
    if (from > 0)
        want('N', twin[from - 1].id);
}

static void twin_tick(void)
{
    for (uint32_t i = twin_count, top = twin_count; i-- > 0;) {
        if (i >= twin_count || (i + 1 != top && twin[i].kind != BELOW))
            continue;
        twin[i].ticks++;
        want('T', twin[i].id);
        if (is_over(&twin[i]))
            twin_end(i);
    }
}

static const char *compare(void)
{
    plim_region_info info;
    plim_block_info block;
    if (called_count != wanted_count || memcmp(called, wanted, 2 * (size_t)called_count) != 0)
        return "what is called, and in which order";
    if (plim_stack_depth(stack) != twin_count)
        return "how many stand on the stack";
    for (uint32_t i = 0; i < twin_count; i++) {
        if (!plim_stack_at(stack, i, &block) || block.state != PLIM_BLOCK_LIVE)
            return "what stands on the stack is live";
        const plim_block_head *head = plim_region_peek(region, block.block);
        if (memcmp(head + 1, &twin[i], sizeof twin[i]) != 0)
            return "a state is what its turns made of it";
    }
    for (uint32_t id = 0; id < twin_ids; id++) {
        bool is_on = false;
        for (uint32_t i = 0; i < twin_count; i++)
            is_on |= twin[i].id == id;
        if (plim_region_is_valid(region, twin_refs[id]) != is_on)
            return "what has ended stays ended";
    }
    plim_region_read_info(region, &info);
    if (info.object_count != OBJECTS_OWN + 2 * twin_count)
        return "with a block goes what it owns, and nothing else";
    return ++steps < LENGTH || plim_region_verify(region, NULL) == PLIM_OK
               ? NULL
               : "the walk finds the region whole";
}

/* --- operations ---------------------------------------------------------------------------- */

static const char *apply_push(uint32_t kind)
{
    counted state = {.id = twin_ids, .kind = kind};
    plim_status status =
        plim_stack_push(stack, BLOCKS[kind].name, &state, NULL, &twin_refs[twin_ids], NULL);
    if ((status == PLIM_OK) != (twin_count < DEPTH))
        return "a block is pushed exactly if there is room";
    if (status == PLIM_OK) {
        want('M', twin_ids++);
        twin[twin_count++] = state;
    }
    return NULL;
}

static const char *apply_end(bool is_lowest)
{
    plim_block_info lowest = {.block = {0, 0}};
    if (is_lowest && plim_stack_at(stack, 0, &lowest))
        twin_end(0);
    if (plim_stack_end(stack, lowest.block, NULL) != PLIM_OK)
        return "an end ends";
    for (uint32_t id = 0; !is_lowest && id < twin_ids; id++) { /* F3 */
        bool is_on = plim_region_is_valid(region, twin_refs[id]);
        if (!is_on && plim_stack_end(stack, twin_refs[id], NULL) != PLIM_OK)
            return "what has ended can be ended again";
    }
    return NULL;
}

static const char *apply(unsigned operation)
{
    const char *broken = NULL;
    called_count = wanted_count = 0;
    if (operation < KINDS) {
        broken = apply_push(operation);
    } else if (operation == OP_TICK) {
        twin_tick();
        if (plim_stack_tick(stack, &(plim_event){.number = 0}, NULL) != PLIM_OK)
            broken = "a tick is delivered";
    } else if (operation == OP_POP) {
        bool is_any = twin_count > 0;
        if (is_any)
            twin_end(twin_count - 1);
        if ((plim_stack_pop(stack, NULL) == PLIM_OK) != is_any)
            broken = "a pop takes the top, if there is one";
    } else if (operation == OP_OPEN) {
        open_all();
    } else {
        broken = apply_end(operation == OP_END_LOWEST);
    }
    return broken != NULL ? broken : compare();
}

static void print(unsigned operation)
{
    static const char *const NAMES[OPERATIONS] = {
        "push never", "push once",      "push below",         "tick",
        "pop",        "end the lowest", "end what has ended", "open again"};
    fprintf(stderr, "  %s\n", NAMES[operation]);
}

/* F1, of the table that decides it. */
static const char *table(void)
{
    for (int from = PLIM_BLOCK_PUSHED; from <= PLIM_BLOCK_GONE; from++)
        for (int step = 0; step <= PLIM__STEPS; step++) {
            int to = (int)plim__block_after((plim_block_state)from, (plim__block_step)step);
            if (to < from || to > PLIM_BLOCK_GONE)
                return "a life goes down its states, and what is gone stays gone";
        }
    return NULL;
}

int main(void)
{
    static const sequence_world world = {.name = "blocks",
                                         .operation_count = OPERATIONS,
                                         .length = LENGTH,
                                         .start = start,
                                         .end = end,
                                         .apply = apply,
                                         .print = print};
    if (table() != NULL) {
        printf("broken blocks: %s\n", table());
        return 1;
    }
    return sequence(&world);
}
