/* SPDX-License-Identifier: MIT */
/*
 * Stacks. Method: each case opens its own region in storage; blocks write what is called into a
 * log, which is compared whole. Crashes are copies of the storage taken in the middle of calls and
 * opened as a new process would.
 */
#include <plimsoll/stack.h>
#include <plimsoll/transaction.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "runtime/region/region.h"
#include "runtime/stack/stack.h"

enum { STORAGE_BYTES = 1 << 16, LOG_BYTES = 4096, CRASHES_MAX = 1024 };

static _Alignas(64) unsigned char storage[STORAGE_BYTES];
static char log_text[LOG_BYTES];

/* A block that counts ticks up to a goal, and pushes so many children, one after the other. */
typedef struct walk {
    uint32_t ticks, goal;
    uint32_t children, pushed;
    uint64_t sum; /* of what its children left */
} walk;

static const plim_field WALK_FIELDS[] = {
    PLIM_FIELD(walk, ticks, PLIM_FIELD_UINT),    PLIM_FIELD(walk, goal, PLIM_FIELD_UINT),
    PLIM_FIELD(walk, children, PLIM_FIELD_UINT), PLIM_FIELD(walk, pushed, PLIM_FIELD_UINT),
    PLIM_FIELD(walk, sum, PLIM_FIELD_UINT),
};

/* What the cases want to happen inside of callbacks. */
static struct {
    uint16_t note_type;
    plim_ref note; /* the last one made */
    plim_status say;
    const char *say_in;
    bool is_endless;
    plim_stack *stack; /* tried from inside */
    unsigned char *crash_to[CRASHES_MAX];
    uint32_t crash_count;
    bool is_crashing;
} wish;

static const plim_ref NONE = {0, 0};

/* A process that dies here leaves this. */
static void crash_here(void)
{
    if (!wish.is_crashing)
        return;
    assert_true(wish.crash_count < CRASHES_MAX);
    unsigned char *copy = aligned_alloc(64, STORAGE_BYTES);
    assert_non_null(copy);
    memcpy(copy, storage, STORAGE_BYTES);
    wish.crash_to[wish.crash_count++] = copy;
}

static void crash_changed(void *context, plim_region *region, const plim_region_object *object)
{
    (void)context;
    (void)region;
    (void)object;
    crash_here();
}

static void crash_released(void *context, plim_region *region, const plim_region_object *object,
                           const void *last_value)
{
    (void)last_value;
    crash_changed(context, region, object);
}

static const plim__region_observer CRASHER = {NULL, crash_changed, crash_changed, crash_released,
                                              NULL};

static void log_add(const char *what, const plim_turn *turn)
{
    const plim_block_head *head = plim_region_peek(turn->region, turn->block);
    size_t used = strlen(log_text);
    (void)snprintf(log_text + used, sizeof log_text - used, "%s %s%s", what, head->label, "; ");
    crash_here();
}

static plim_status log_say(const char *what, const plim_turn *turn)
{
    log_add(what, turn);
    return wish.say_in != NULL && strcmp(wish.say_in, what) == 0 ? wish.say : PLIM_OK;
}

static void walk_push(plim_turn *turn)
{
    walk *at = turn->state;
    walk child = {.goal = 2, .children = at->children > 1 ? at->children - 1 : 0};
    char label[8];
    if (at->pushed == at->children && !wish.is_endless)
        return;
    const plim_block_head *head = plim_region_peek(turn->region, turn->block);
    (void)snprintf(label, sizeof label, "%.5s%u", head->label, ++at->pushed);
    assert_int_equal(plim_turn_push(turn, "walk", &child, label), PLIM_OK);
}

static void note_make(plim_turn *turn, plim_ref *out_note)
{
    plim_object_request request = {
        .struct_bytes = sizeof request, .type = wish.note_type, .initial = &turn->event->number};
    assert_int_equal(plim_turn_allocate(turn, &request, out_note), PLIM_OK);
}

static plim_status walk_mount(plim_turn *turn)
{
    note_make(turn, &wish.note);
    if (!wish.is_endless)
        walk_push(turn);
    return log_say("mount", turn);
}

static plim_status walk_tick(plim_turn *turn)
{
    walk *at = turn->state;
    at->ticks++;
    *turn->result += turn->event->number;
    plim_ref note;
    if (at->ticks % 2 == 0) /* a tick that makes nothing takes another way */
        note_make(turn, &note);
    return log_say("tick", turn);
}

static bool walk_is_done(const plim_turn *turn)
{
    const walk *at = turn->state;
    return at->ticks >= at->goal && at->pushed == at->children && !wish.is_endless;
}

static plim_status walk_next(plim_turn *turn)
{
    walk *at = turn->state;
    at->sum = at->sum * 31 + turn->child_result;
    *turn->result += at->sum;
    if (at->pushed == at->children)
        at->goal = 0;
    walk_push(turn);
    return log_say("next", turn);
}

static void walk_reset(plim_turn *turn)
{
    ((walk *)turn->state)->ticks = 0;
    log_add("reset", turn);
}

static void walk_unmount(plim_turn *turn)
{
    log_add("unmount", turn);
}

static void walk_cleanup(plim_turn *turn)
{
    log_add("cleanup", turn);
}

static const plim_block_type WALK = {.struct_bytes = sizeof(plim_block_type),
                                     .name = "walk",
                                     .state_bytes = sizeof(walk),
                                     .fields = WALK_FIELDS,
                                     .field_count = 5,
                                     .mount = walk_mount,
                                     .tick = walk_tick,
                                     .is_done = walk_is_done,
                                     .next = walk_next,
                                     .reset = walk_reset,
                                     .unmount = walk_unmount,
                                     .cleanup = walk_cleanup};

static plim_status nothing_twice(plim_turn *turn)
{
    ((uint32_t *)turn->state)[0]++;
    return PLIM_OK;
}

/* Done at once. */
static bool always(const plim_turn *turn)
{
    (void)turn;
    return true;
}

static const plim_block_type BRIEF = {
    .struct_bytes = sizeof(plim_block_type), .name = "brief", .is_done = always};

/* A clock that ends everything on it after three ticks. */
static bool cap_is_done(const plim_turn *turn)
{
    return *(const uint32_t *)turn->state >= 3;
}

static const plim_block_type CAP = {.struct_bytes = sizeof(plim_block_type),
                                    .flags = PLIM_BLOCK_F_TICKED_BELOW,
                                    .name = "cap",
                                    .state_bytes = sizeof(uint32_t),
                                    .tick = nothing_twice,
                                    .is_done = cap_is_done};

static const plim_block_type *const TYPES[] = {&WALK, &BRIEF, &CAP};

/* --- a world ------------------------------------------------------------------------------- */

typedef struct world {
    plim_region *region;
    plim_stack *stack;
} world;

static plim_status world_try(world *at, const plim_block_type *const *types, uint32_t type_count,
                             unsigned char *memory, plim_error *err)
{
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_STORAGE,
                                   .storage = memory,
                                   .storage_bytes = STORAGE_BYTES,
                                   .object_max = 128,
                                   .type_max = 16,
                                   .field_max = 128,
                                   .name_max = 8,
                                   .text_bytes = 2048,
                                   .value_max = 256};
    plim_stack_options stack = {
        .struct_bytes = sizeof stack, .depth_max = 16, .types = types, .type_count = type_count};
    if (plim_region_open(&options, &at->region, err) != PLIM_OK)
        fail_msg("%s", err->what);
    assert_int_equal(
        plim_region_type(at->region, "note", sizeof(uint64_t), NULL, 0, &wish.note_type, NULL),
        PLIM_OK);
    plim_status status = plim_stack_open(at->region, &stack, &at->stack, err);
    if (status != PLIM_OK)
        plim_region_close(&at->region);
    return status;
}

static world world_of(const plim_block_type *const *types, uint32_t type_count)
{
    world at = {NULL, NULL};
    plim_error err = {0};
    if (world_try(&at, types, type_count, storage, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return at;
}

static world world_again(void)
{
    return world_of(TYPES, 3);
}

static void world_clear(void)
{
    memset(storage, 0, sizeof storage);
    memset(&wish, 0, sizeof wish);
    log_text[0] = '\0';
}

static world world_new(void)
{
    world_clear();
    return world_again();
}

static void world_close(world *at)
{
    plim_stack_close(&at->stack);
    plim_region_close(&at->region);
}

static void ok(plim_status status, const plim_error *err)
{
    if (status != PLIM_OK)
        fail_msg("%s: %s", plim_status_name(status), err->what);
}

static plim_ref push(world *at, const char *type, const void *state, const char *label)
{
    plim_error err = {0};
    plim_ref block = NONE;
    ok(plim_stack_push(at->stack, type, state, label, &block, &err), &err);
    return block;
}

static void tick(world *at)
{
    plim_error err = {0};
    ok(plim_stack_tick(at->stack, &(plim_event){.number = 0}, &err), &err);
}

static void logged(const char *expected)
{
    assert_string_equal(log_text, expected);
    log_text[0] = '\0';
}

static uint32_t objects_of(const world *at)
{
    plim_region_info info;
    plim_region_read_info(at->region, &info);
    assert_int_equal(plim_region_verify(at->region, NULL), PLIM_OK);
    return info.object_count;
}

enum { OWN_OBJECTS = 5 }; /* the stack and its cells */

/* --- F1, F2, F3 ---------------------------------------------------------------------------- */

static void every_step_from_every_state_goes_down_or_nowhere(void **state)
{
    (void)state;
    for (int from = PLIM_BLOCK_PUSHED; from <= PLIM_BLOCK_GONE; from++) {
        for (int step = 0; step <= PLIM__STEPS; step++) {
            plim_block_state to = plim__block_after((plim_block_state)from, (plim__block_step)step);
            assert_true((int)to >= from && to <= PLIM_BLOCK_GONE);
            if (from == PLIM_BLOCK_GONE)
                assert_int_equal(to, PLIM_BLOCK_GONE);
        }
    }
}

static void listener_look(void *context, const plim_stack_notice *notice)
{
    world *at = context;
    size_t used = strlen(log_text);
    const plim_block_head *head = plim_region_peek(at->region, notice->block);
    assert_non_null(head);
    assert_int_equal(plim_stack_push(at->stack, "brief", NULL, NULL, NULL, NULL), PLIM_ERR_BUSY);
    (void)snprintf(log_text + used, sizeof log_text - used, "%s %s%s; ",
                   notice->kind == PLIM_STACK_POPPED ? "popped" : "pushed", head->label,
                   notice->end == PLIM_BLOCK_END_COMPLETE ? " complete"
                   : notice->end == PLIM_BLOCK_END_FORCED ? " forced"
                                                          : "");
    /* Listeners see the block, and what it owns: its note is still there. */
    uint32_t own = 0;
    plim_region_object block, object;
    assert_int_equal(plim_region_describe(at->region, notice->block, &block), PLIM_OK);
    for (uint32_t i = 0; plim_region_next(at->region, &i, &object);)
        own += object.type == wish.note_type && object.owner == block.owner;
    assert_true(notice->kind == PLIM_STACK_POPPED ? own > 0 : own == 0);
}

static void a_block_that_is_done_ends_in_order_and_the_one_below_goes_on(void **state)
{
    (void)state;
    world at = world_new();
    assert_int_equal(plim_stack_listen(at.stack, listener_look, &at), PLIM_OK);
    push(&at, "walk", &(walk){.children = 1, .goal = 100}, "a");
    logged("pushed a; mount a; pushed a1; mount a1; ");
    plim_ref note = wish.note;
    assert_int_equal(plim_stack_depth(at.stack), 2);
    tick(&at);
    logged("tick a1; ");
    tick(&at);
    /* Complete, unmount, listeners, cleanup, release, next of the one below, which is done. */
    logged("tick a1; unmount a1; popped a1 complete; cleanup a1; next a; unmount a; "
           "popped a complete; cleanup a; ");
    assert_false(plim_region_is_valid(at.region, note));
    assert_int_equal(plim_stack_depth(at.stack), 0);
    assert_int_equal(plim_stack_current(at.stack).generation, 0);
    assert_int_equal(objects_of(&at), OWN_OBJECTS);
    world_close(&at);
}

static void a_forced_pop_ends_in_the_same_order(void **state)
{
    (void)state;
    world at = world_new();
    assert_int_equal(plim_stack_listen(at.stack, listener_look, &at), PLIM_OK);
    push(&at, "walk", &(walk){.goal = 9, .children = 2}, "a");
    log_text[0] = '\0';
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
    logged("unmount a11; popped a11 forced; cleanup a11; next a1; "
           "unmount a1; popped a1 complete; cleanup a1; next a; pushed a2; mount a2; "
           "pushed a21; mount a21; ");
    world_close(&at);
}

static void a_block_that_ends_takes_those_that_stand_on_it_with_it_top_first(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref lowest = push(&at, "walk", &(walk){.goal = 9, .children = 3}, "a");
    assert_int_equal(plim_stack_depth(at.stack), 4);
    log_text[0] = '\0';
    assert_int_equal(plim_stack_end(at.stack, lowest, NULL), PLIM_OK);
    logged("unmount a111; cleanup a111; unmount a11; cleanup a11; unmount a1; cleanup a1; "
           "unmount a; cleanup a; ");
    assert_int_equal(objects_of(&at), OWN_OBJECTS);
    world_close(&at);
}

static void what_has_ended_is_ended_again_without_effect(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref block = push(&at, "walk", &(walk){.goal = 9}, "a");
    assert_int_equal(plim_stack_end(at.stack, block, NULL), PLIM_OK);
    log_text[0] = '\0';
    for (int i = 0; i < 3; i++)
        assert_int_equal(plim_stack_end(at.stack, block, NULL), PLIM_OK);
    assert_int_equal(plim_stack_end(at.stack, NONE, NULL), PLIM_OK);
    logged("");
    /* Another in its slot is not touched by the stale reference. */
    plim_ref other = push(&at, "walk", &(walk){.goal = 9}, "b");
    assert_int_equal(other.index, block.index);
    assert_int_equal(plim_stack_end(at.stack, block, NULL), PLIM_OK);
    assert_true(plim_region_is_valid(at.region, other));
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_ERR_STALE);
    plim_ref note = NONE;
    assert_int_equal(plim_region_allocate(at.region, wish.note_type, NULL, 0, NONE, &note),
                     PLIM_OK);
    assert_int_equal(plim_stack_end(at.stack, note, NULL), PLIM_ERR_USAGE);
    assert_int_equal(plim_stack_destroy(&at.stack, NULL), PLIM_OK);
    assert_null(at.stack);
    assert_int_equal(plim_stack_destroy(&at.stack, NULL), PLIM_OK);
    assert_int_equal(objects_of(&at), 1);
    world_close(&at);
}

/* --- turns --------------------------------------------------------------------------------- */

static void a_callback_that_says_no_has_changed_nothing(void **state)
{
    (void)state;
    static const char *const IN[] = {"mount", "tick", "next"};
    for (int i = 0; i < 3; i++) {
        world at = world_new();
        push(&at, "walk", &(walk){.goal = 1, .children = 1}, "a");
        push(&at, "walk", &(walk){.goal = 1}, "b");
        uint32_t before = objects_of(&at);
        wish.say = PLIM_ERR_NO_SPACE;
        wish.say_in = IN[i];
        plim_error err = {0};
        if (i == 0)
            assert_int_equal(
                plim_stack_push(at.stack, "walk", &(walk){.children = 1}, "c", NULL, &err),
                PLIM_ERR_NO_SPACE);
        else
            assert_int_equal(plim_stack_tick(at.stack, &(plim_event){.number = 1}, &err),
                             PLIM_ERR_NO_SPACE);
        assert_non_null(strstr(err.what, IN[i]));
        if (i == 0) /* the block is there, not mounted, and nothing that it made */
            assert_int_equal(objects_of(&at), before + 1);
        if (i == 1)
            assert_int_equal(objects_of(&at), before);
        assert_int_equal(plim_stack_last_event(at.stack), 0);
        wish.say = PLIM_OK;
        /* It is tried again, and nobody sees the event twice. */
        log_text[0] = '\0';
        assert_int_equal(plim_stack_tick(at.stack, &(plim_event){.number = 1}, NULL), PLIM_OK);
        assert_int_equal(plim_stack_last_event(at.stack), 1);
        assert_true(strstr(log_text, i == 2 ? "next" : "tick") != NULL || i == 0);
        assert_true(i != 2 || strstr(log_text, "tick") == NULL);
        world_close(&at);
    }
}

static void an_event_reaches_a_block_once(void **state)
{
    (void)state;
    world at = world_new();
    push(&at, "walk", &(walk){.goal = 9}, "a");
    log_text[0] = '\0';
    for (int i = 0; i < 3; i++)
        assert_int_equal(plim_stack_tick(at.stack, &(plim_event){.number = 7}, NULL), PLIM_OK);
    assert_int_equal(plim_stack_tick(at.stack, &(plim_event){.number = 6}, NULL), PLIM_OK);
    logged("tick a; ");
    assert_int_equal(plim_stack_last_event(at.stack), 7);
    tick(&at);
    logged("tick a; ");
    assert_int_equal(plim_stack_last_event(at.stack), 8);
    world_close(&at);
}

static plim_status try_all(plim_turn *turn)
{
    plim_stack *stack = turn->stack;
    assert_int_equal(plim_stack_push(stack, "walk", NULL, NULL, NULL, NULL), PLIM_ERR_BUSY);
    assert_int_equal(plim_stack_pop(stack, NULL), PLIM_ERR_BUSY);
    assert_int_equal(plim_stack_end(stack, turn->block, NULL), PLIM_ERR_BUSY);
    assert_int_equal(plim_stack_tick(stack, &(plim_event){.number = 0}, NULL), PLIM_ERR_BUSY);
    assert_int_equal(plim_stack_reset(stack, NULL), PLIM_ERR_BUSY);
    assert_int_equal(plim_stack_settle(stack, NULL), PLIM_ERR_BUSY);
    assert_int_equal(plim_stack_destroy(&stack, NULL), PLIM_ERR_BUSY);
    return PLIM_OK;
}

static void try_push_at_the_end(plim_turn *turn)
{
    assert_int_equal(plim_turn_push(turn, "trial", NULL, NULL), PLIM_ERR_USAGE);
    (void)try_all(turn);
}

static void a_callback_cannot_enter_the_stack_again(void **state)
{
    (void)state;
    static const plim_block_type TRIAL = {.struct_bytes = sizeof(plim_block_type),
                                          .name = "trial",
                                          .mount = try_all,
                                          .tick = try_all,
                                          .next = try_all,
                                          .unmount = try_push_at_the_end,
                                          .cleanup = try_push_at_the_end};
    const plim_block_type *types[] = {&TRIAL, &BRIEF};
    world_clear();
    world at = world_of(types, 2);
    push(&at, "trial", NULL, "t");
    tick(&at);
    push(&at, "brief", NULL, "b");
    assert_int_equal(plim_stack_depth(at.stack), 1);
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
    world_close(&at);
}

static plim_status spring_next(plim_turn *turn)
{
    return plim_turn_push(turn, "brief", NULL, NULL);
}

static void a_stack_that_does_not_come_to_rest_is_a_status(void **state)
{
    (void)state;
    static const plim_block_type SPRING = {.struct_bytes = sizeof(plim_block_type),
                                           .name = "spring",
                                           .mount = spring_next,
                                           .next = spring_next};
    const plim_block_type *types[] = {&SPRING, &BRIEF};
    world_clear();
    world at = world_of(types, 2);
    plim_error err = {0};
    assert_int_equal(plim_stack_push(at.stack, "spring", NULL, "s", NULL, &err), PLIM_ERR_LIMIT);
    assert_non_null(strstr(err.what, "come to rest"));
    assert_int_equal(plim_region_verify(at.region, NULL), PLIM_OK);
    world_close(&at);
    at = world_of(types, 2);
    world_close(&at);
}

static void one_below_that_is_ticked_too_ends_what_stands_on_it(void **state)
{
    (void)state;
    world at = world_new();
    push(&at, "cap", NULL, "cap");
    push(&at, "walk", &(walk){.goal = 99}, "a");
    push(&at, "walk", &(walk){.goal = 99}, "b");
    tick(&at);
    tick(&at);
    assert_int_equal(plim_stack_depth(at.stack), 3);
    log_text[0] = '\0';
    tick(&at);
    logged("tick b; unmount b; cleanup b; unmount a; cleanup a; ");
    assert_int_equal(plim_stack_depth(at.stack), 0);
    world_close(&at);
}

static void reset_begins_anew_and_ends_nothing(void **state)
{
    (void)state;
    world at = world_new();
    assert_int_equal(plim_stack_reset(at.stack, NULL), PLIM_ERR_STALE);
    plim_ref block = push(&at, "walk", &(walk){.goal = 2}, "a");
    tick(&at);
    assert_int_equal(plim_stack_reset(at.stack, NULL), PLIM_OK);
    tick(&at);
    assert_true(plim_region_is_valid(at.region, block));
    tick(&at);
    assert_false(plim_region_is_valid(at.region, block));
    world_close(&at);
}

static void a_full_stack_or_region_refuses_and_changes_nothing(void **state)
{
    (void)state;
    world at = world_new();
    for (int i = 0; i < 16; i++)
        push(&at, "walk", &(walk){.goal = 9}, "a");
    uint32_t before = objects_of(&at);
    plim_error err = {0};
    assert_int_equal(plim_stack_push(at.stack, "walk", NULL, "b", NULL, &err), PLIM_ERR_LIMIT);
    assert_int_equal(plim_stack_push(at.stack, "none", NULL, "b", NULL, NULL), PLIM_ERR_NOT_FOUND);
    assert_int_equal(objects_of(&at), before);
    world_close(&at);
    at = world_new();
    push(&at, "walk", &(walk){.goal = 9}, "a");
    plim_ref filler;
    while (plim_region_allocate(at.region, wish.note_type, NULL, 0, NONE, &filler) == PLIM_OK) {
    }
    assert_int_equal(plim_stack_push(at.stack, "walk", NULL, "b", NULL, &err), PLIM_ERR_LIMIT);
    assert_int_equal(plim_stack_depth(at.stack), 1);
    world_close(&at);
}

/* --- after a crash ------------------------------------------------------------------------- */

/* Runs to the end; the digest is of what the lowest block left. */
static uint64_t run_out(world *at)
{
    uint64_t last = 0;
    plim_error err = {0};
    for (int i = 0; i < 100 && plim_stack_depth(at->stack) > 0; i++) {
        plim_block_info info;
        assert_true(plim_stack_at(at->stack, 0, &info));
        const plim_block_head *head = plim_region_peek(at->region, info.block);
        last = last * 1000003 + head->result + plim_stack_last_event(at->stack);
        ok(plim_stack_tick(at->stack, &(plim_event){.number = plim_stack_last_event(at->stack) + 1},
                           &err),
           &err);
    }
    assert_int_equal(plim_stack_depth(at->stack), 0);
    assert_int_equal(objects_of(at), OWN_OBJECTS);
    return last;
}

static uint64_t result_of(world *at, uint64_t *out_events)
{
    /* The sum of the lowest block once all that it pushed has gone. */
    uint64_t result = 0;
    plim_error err = {0};
    plim_block_info info;
    ok(plim_stack_settle(at->stack, &err), &err);
    while (plim_stack_at(at->stack, 0, &info)) {
        const plim_block_head *head = plim_region_peek(at->region, info.block);
        const walk *state = (const walk *)(const void *)(head + 1);
        if (strcmp(head->label, "keep") == 0 && plim_stack_depth(at->stack) == 1 &&
            state->pushed == state->children && state->sum != 0) {
            result = state->sum;
            break;
        }
        ok(plim_stack_tick(at->stack, &(plim_event){.number = plim_stack_last_event(at->stack) + 1},
                           &err),
           &err);
    }
    *out_events = plim_stack_last_event(at->stack);
    return result;
}

static plim_status keep_next(plim_turn *turn)
{
    walk *at = turn->state;
    at->sum = at->sum * 31 + turn->child_result + turn->event->number * 7 + turn->event->now_ns;
    walk_push(turn);
    log_add("next", turn);
    return PLIM_OK;
}

static void after_a_crash_at_any_change_or_callback_the_result_is_the_same(void **state)
{
    (void)state;
    static plim_block_type keep;
    keep = WALK;
    keep.name = "keep";
    keep.is_done = NULL;
    keep.next = keep_next;
    const plim_block_type *types[] = {&WALK, &keep};
    uint64_t wanted_events, events;
    world_clear();
    world at = world_of(types, 2);
    wish.is_crashing = true;
    plim__region_observe(at.region, &CRASHER);
    push(&at, "keep", &(walk){.children = 3}, "keep");
    uint64_t wanted = result_of(&at, &wanted_events);
    wish.is_crashing = false;
    assert_true(wanted != 0);
    uint32_t wanted_objects = objects_of(&at);
    world_close(&at);
    assert_true(wish.crash_count > 300);
    for (uint32_t i = 0; i < wish.crash_count; i++) {
        plim_error err = {0};
        ok(world_try(&at, types, 2, wish.crash_to[i], &err), &err);
        log_text[0] = '\0';
        uint64_t result = result_of(&at, &events);
        if (events + 1 == wanted_events) { /* the event under way is delivered again, to nobody */
            log_text[0] = '\0';
            ok(plim_stack_tick(at.stack, &(plim_event){.number = wanted_events}, &err), &err);
            logged("");
            result = result_of(&at, &events);
        }
        if (result != wanted || events != wanted_events)
            fail_msg("crash %u, %s: 0x%llx and %llu events, not 0x%llx and %llu", i, log_text,
                     (unsigned long long)result, (unsigned long long)events,
                     (unsigned long long)wanted, (unsigned long long)wanted_events);
        assert_int_equal(objects_of(&at), wanted_objects);
        world_close(&at);
        free(wish.crash_to[i]);
    }
}

static void the_stack_is_there_after_the_region_is_opened_again(void **state)
{
    (void)state;
    world at = world_new();
    push(&at, "walk", &(walk){.goal = 3, .children = 2}, "a");
    tick(&at);
    plim_ref current = plim_stack_current(at.stack);
    world_close(&at);
    at = world_again();
    assert_int_equal(plim_stack_depth(at.stack), 3);
    plim_ref again = plim_stack_current(at.stack);
    assert_memory_equal(&current, &again, sizeof current);
    assert_int_equal(plim_stack_last_event(at.stack), 1);
    plim_block_info info;
    assert_true(plim_stack_at(at.stack, 1, &info));
    assert_string_equal(info.label, "a1");
    assert_string_equal(info.type, "walk");
    assert_int_equal(info.state, PLIM_BLOCK_LIVE);
    assert_false(plim_stack_at(at.stack, 3, &info));
    (void)run_out(&at);
    world_close(&at);
}

static void a_region_that_went_back_is_told_to_the_stack(void **state)
{
    (void)state;
    enum { HISTORY_BYTES = 1 << 20 };
    static const plim_region_options options = {.struct_bytes = sizeof options,
                                                .place = PLIM_REGION_MEMFD,
                                                .name = "stack-back",
                                                .object_max = 256,
                                                .data_bytes = 1 << 16,
                                                .history_bytes = HISTORY_BYTES};
    plim_stack_options with = {.struct_bytes = sizeof with, .types = TYPES, .type_count = 3};
    plim_error err = {0};
    world at = {NULL, NULL};
    memset(&wish, 0, sizeof wish);
    ok(plim_region_open(&options, &at.region, &err), &err);
    ok(plim_region_type(at.region, "note", sizeof(uint64_t), NULL, 0, &wish.note_type, &err), &err);
    ok(plim_stack_open(at.region, &with, &at.stack, &err), &err);
    push(&at, "walk", &(walk){.goal = 9}, "kept");
    ok(plim_region_begin(at.region, &err), &err);
    push(&at, "walk", &(walk){.goal = 9}, "undone");
    assert_int_equal(plim_stack_depth(at.stack), 2);
    ok(plim_region_rollback(at.region, &err), &err);
    plim_ref block;
    assert_int_equal(plim_stack_push(at.stack, "brief", NULL, NULL, &block, &err), PLIM_ERR_STALE);
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_ERR_STALE);
    assert_int_equal(plim_stack_depth(at.stack), 1); /* looks see what is gone as gone */
    plim_stack_close(&at.stack);
    err = (plim_error){0};
    ok(plim_stack_open(at.region, &with, &at.stack, &err), &err);
    assert_int_equal(plim_stack_depth(at.stack), 1);
    plim_block_info info;
    assert_true(plim_stack_at(at.stack, 0, &info));
    assert_string_equal(info.label, "kept");
    ok(plim_stack_pop(at.stack, &err), &err);
    world_close(&at);
}

static void a_block_without_code_is_refused_by_name_and_can_be_popped(void **state)
{
    (void)state;
    world at = world_new();
    push(&at, "brief", NULL, NULL);
    push(&at, "cap", NULL, "c");
    push(&at, "walk", &(walk){.goal = 9}, "a");
    world_close(&at);
    const plim_block_type *fewer[] = {&CAP};
    at = world_of(fewer, 1);
    plim_error err = {0};
    assert_int_equal(plim_stack_tick(at.stack, &(plim_event){.number = 1}, &err),
                     PLIM_ERR_NOT_FOUND);
    assert_non_null(strstr(err.what, "walk"));
    assert_non_null(strstr(err.hint, "pop"));
    assert_int_equal(plim_stack_push(at.stack, "cap", NULL, "d", NULL, NULL), PLIM_ERR_NOT_FOUND);
    assert_int_equal(plim_stack_reset(at.stack, NULL), PLIM_ERR_NOT_FOUND);
    plim_block_info info;
    assert_true(plim_stack_at(at.stack, 1, &info));
    assert_false(info.has_code);
    log_text[0] = '\0';
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
    logged("");
    tick(&at);
    assert_int_equal(plim_stack_depth(at.stack), 1);
    world_close(&at);
}

static void another_layout_of_a_state_is_refused_and_its_blocks_can_be_popped(void **state)
{
    (void)state;
    world at = world_new();
    push(&at, "walk", &(walk){.goal = 9}, "a");
    world_close(&at);
    plim_block_type changed = WALK;
    changed.state_bytes += 8;
    const plim_block_type *types[] = {&changed};
    plim_error err = {0};
    assert_int_equal(world_try(&at, types, 1, storage, &err), PLIM_ERR_EXISTS);
    assert_non_null(strstr(err.what, "block:walk"));
    at = world_of(types, 0);
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
    assert_int_equal(objects_of(&at), OWN_OBJECTS);
    world_close(&at);
}

static void a_state_that_is_none_is_damage(void **state)
{
    (void)state;
    for (int bad = 0; bad < 256; bad += 51) {
        world at = world_new();
        plim_ref block = push(&at, "walk", &(walk){.goal = 9}, "a");
        plim_block_head head;
        unsigned char value[sizeof(plim_block_head) + sizeof(walk)];
        assert_int_equal(plim_region_get(at.region, block, value, sizeof value), PLIM_OK);
        memcpy(&head, value, sizeof head);
        head.state = (uint8_t)bad;
        memcpy(value, &head, sizeof head);
        assert_int_equal(plim_region_set(at.region, block, value, sizeof value), PLIM_OK);
        world_close(&at);
        plim_error err = {0};
        assert_int_equal(world_try(&at, TYPES, 3, storage, &err), PLIM_ERR_DAMAGED);
    }
}

static void the_same_program_gives_the_same_sequence_of_ids(void **state)
{
    (void)state;
    static unsigned char first[STORAGE_BYTES];
    for (int run = 0; run < 3; run++) {
        world at = world_new();
        push(&at, "walk", &(walk){.goal = 3, .children = 3}, "a");
        for (int i = 0; i < 5; i++)
            tick(&at);
        assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
        world_close(&at);
        /* All but the head, which says who wrote it and when. */
        plim_region_object object;
        at = world_again();
        size_t used = 0;
        for (uint32_t i = 0; plim_region_next(at.region, &i, &object);) {
            unsigned char row[sizeof object.ref + sizeof object.birth];
            memcpy(row, &object.ref, sizeof object.ref);
            memcpy(row + sizeof object.ref, &object.birth, sizeof object.birth);
            if (run == 0)
                memcpy(first + used, row, sizeof row);
            else
                assert_memory_equal(first + used, row, sizeof row);
            used += sizeof row;
        }
        assert_true(used > 0);
        world_close(&at);
    }
}

/* --- blocks of before ---------------------------------------------------------------------- */

/* As it was written before there was any region. */
typedef struct old_block {
    int32_t reps, goal;
} old_block;

static int old_alive;

static void *old_make(void *context)
{
    old_block *old = calloc(1, sizeof *old);
    assert_non_null(old);
    old->goal = *(const int32_t *)context;
    old_alive++;
    return old;
}

static void old_tick(void *old)
{
    ((old_block *)old)->reps++;
}

static bool old_is_done(const void *old)
{
    return ((const old_block *)old)->reps >= ((const old_block *)old)->goal;
}

static void old_reset(void *old)
{
    ((old_block *)old)->reps = 0;
}

static void old_cleanup(void *old)
{
    old_alive--;
    free(old);
}

static void a_block_of_before_runs_unmodified_beside_others(void **state)
{
    (void)state;
    static int32_t goal = 4;
    for (int keeps = 0; keeps < 2; keeps++) {
        plim_legacy_type legacy = {.name = "old",
                                   .context = &goal,
                                   .make = old_make,
                                   .tick = old_tick,
                                   .is_done = old_is_done,
                                   .reset = old_reset,
                                   .cleanup = old_cleanup,
                                   .image_bytes = keeps ? sizeof(old_block) : 0};
        plim_block_type old;
        plim_block_adapt(&legacy, &old);
        const plim_block_type *types[] = {&WALK, &old};
        world_clear();
        old_alive = 0;
        world at = world_of(types, 2);
        push(&at, "walk", &(walk){.goal = 1}, "new");
        push(&at, "old", NULL, "old");
        tick(&at);
        assert_int_equal(plim_stack_reset(at.stack, NULL), PLIM_OK);
        tick(&at);
        tick(&at);
        assert_int_equal(plim_stack_depth(at.stack), 2);
        world_close(&at); /* its process ends: what is inside goes with it */
        assert_int_equal(old_alive, 0);
        at = world_of(types, 2);
        int more = 0;
        while (plim_stack_depth(at.stack) == 2 && more < 10) {
            tick(&at);
            more++;
        }
        /* With an image it goes on, without it begins anew. */
        assert_int_equal(more, keeps ? 2 : 4);
        assert_int_equal(old_alive, 0);
        world_close(&at);
    }
}

/* --- resources ----------------------------------------------------------------------------- */

static void every_refused_request_for_memory_leaves_the_stack_as_it_was(void **state)
{
    (void)state;
    world at = world_new();
    push(&at, "walk", &(walk){.goal = 9, .children = 2}, "a");
    world_close(&at);
    fault_allocator faults;
    bool has_opened = false;
    for (size_t n = 1; !has_opened && n < 100; n++) {
        fault_allocator_init(&faults, n);
        plim_region_options options = {.struct_bytes = sizeof options,
                                       .place = PLIM_REGION_STORAGE,
                                       .storage = storage,
                                       .storage_bytes = STORAGE_BYTES,
                                       .allocator = &faults.allocator};
        plim_stack_options stack = {.struct_bytes = sizeof stack, .types = TYPES, .type_count = 3};
        plim_region *region = NULL;
        plim_stack *opened = NULL;
        if (plim_region_open(&options, &region, NULL) == PLIM_OK) {
            plim_status status = plim_stack_open(region, &stack, &opened, NULL);
            has_opened = status == PLIM_OK;
            assert_true(has_opened || status == PLIM_ERR_NO_MEMORY);
            plim_stack_close(&opened);
        }
        plim_region_close(&region);
        assert_int_equal(faults.live_bytes, 0);
    }
    assert_true(has_opened);
    at = world_again();
    assert_int_equal(plim_stack_depth(at.stack), 3);
    world_close(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_from_every_state_goes_down_or_nowhere),
        cmocka_unit_test(a_block_that_is_done_ends_in_order_and_the_one_below_goes_on),
        cmocka_unit_test(a_forced_pop_ends_in_the_same_order),
        cmocka_unit_test(a_block_that_ends_takes_those_that_stand_on_it_with_it_top_first),
        cmocka_unit_test(what_has_ended_is_ended_again_without_effect),
        cmocka_unit_test(a_callback_that_says_no_has_changed_nothing),
        cmocka_unit_test(an_event_reaches_a_block_once),
        cmocka_unit_test(a_callback_cannot_enter_the_stack_again),
        cmocka_unit_test(a_stack_that_does_not_come_to_rest_is_a_status),
        cmocka_unit_test(one_below_that_is_ticked_too_ends_what_stands_on_it),
        cmocka_unit_test(reset_begins_anew_and_ends_nothing),
        cmocka_unit_test(a_full_stack_or_region_refuses_and_changes_nothing),
        cmocka_unit_test(after_a_crash_at_any_change_or_callback_the_result_is_the_same),
        cmocka_unit_test(the_stack_is_there_after_the_region_is_opened_again),
        cmocka_unit_test(a_region_that_went_back_is_told_to_the_stack),
        cmocka_unit_test(a_block_without_code_is_refused_by_name_and_can_be_popped),
        cmocka_unit_test(another_layout_of_a_state_is_refused_and_its_blocks_can_be_popped),
        cmocka_unit_test(a_state_that_is_none_is_damage),
        cmocka_unit_test(the_same_program_gives_the_same_sequence_of_ids),
        cmocka_unit_test(a_block_of_before_runs_unmodified_beside_others),
        cmocka_unit_test(every_refused_request_for_memory_leaves_the_stack_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
