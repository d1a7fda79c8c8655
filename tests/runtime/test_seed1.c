/* SPDX-License-Identifier: MIT */
/*
 * Memory apart from execution: what its first design asked for, one case for each requirement (FR,
 * NFR), for each call of its interfaces, and for each fault that the design was built with.
 * Method: each case opens its own region in a file; blocks are small.
 */
#include <plimsoll/reference.h>
#include <plimsoll/stack.h>
#include <plimsoll/subscribe.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/region/layout.h"

enum { TAG_METRIC = 5, TAG_ANCHOR = 6 };

static const plim_ref NONE = {0, 0};
static char path[64];

typedef struct world {
    plim_region *region;
    plim_stack *stack;
    uint16_t number_type, text_type;
} world;

/* --- blocks -------------------------------------------------------------------------------- */

/* As the seed has it: the repetitions are not in the block, but in memory. */
typedef struct lifter {
    plim_ref reps;
} lifter;

static uint16_t reps_type;

static plim_status lifter_mount(plim_turn *turn)
{
    lifter *own = turn->state;
    plim_object_request request = {.struct_bytes = sizeof request,
                                   .type = reps_type,
                                   .tag = TAG_METRIC,
                                   .visibility = PLIM_VISIBILITY_INHERITED};
    return plim_turn_allocate(turn, &request, &own->reps);
}

static plim_status lifter_tick(plim_turn *turn)
{
    const lifter *own = turn->state;
    uint64_t reps = 0;
    plim_status status = plim_region_get(turn->region, own->reps, &reps, sizeof reps);
    reps++;
    return status == PLIM_OK ? plim_region_set(turn->region, own->reps, &reps, sizeof reps)
                             : status;
}

static const plim_field LIFTER_FIELDS[] = {PLIM_FIELD(lifter, reps, PLIM_FIELD_REF)};
static const plim_block_type LIFTER = {.struct_bytes = sizeof(plim_block_type),
                                       .name = "lifter",
                                       .state_bytes = sizeof(lifter),
                                       .fields = LIFTER_FIELDS,
                                       .field_count = 1,
                                       .mount = lifter_mount,
                                       .tick = lifter_tick};

/* A child that asks memory how far its parent is. */
static uint64_t seen_by_child;

static plim_status child_tick(plim_turn *turn)
{
    plim_search search = {.struct_bytes = sizeof search, .by = PLIM_BY_TAG, .tag = TAG_METRIC};
    plim_ref reps;
    plim_status status = plim_stack_find(turn->stack, turn->block, &search, &reps);
    return status == PLIM_OK
               ? plim_region_get(turn->region, reps, &seen_by_child, sizeof seen_by_child)
               : status;
}

static const plim_block_type CHILD = {
    .struct_bytes = sizeof(plim_block_type), .name = "child", .tick = child_tick};

/* A block of before. */
typedef struct old_timer {
    int ticks;
} old_timer;

static void *old_timer_make(void *context)
{
    (void)context;
    return calloc(1, sizeof(old_timer));
}

static void old_timer_tick(void *old)
{
    ((old_timer *)old)->ticks++;
}

static bool old_timer_is_done(const void *old)
{
    return ((const old_timer *)old)->ticks == 3;
}

static plim_legacy_type old_legacy = {.name = "old",
                                      .make = old_timer_make,
                                      .tick = old_timer_tick,
                                      .is_done = old_timer_is_done,
                                      .cleanup = free,
                                      .image_bytes = sizeof(old_timer)};
static plim_block_type OLD;
static const plim_block_type *const TYPES[] = {&LIFTER, &CHILD, &OLD};

/* --- a world ------------------------------------------------------------------------------- */

static world world_open(void)
{
    world at = {NULL, NULL, 0, 0};
    plim_error err = {0};
    plim_region_options options = {
        .struct_bytes = sizeof options, .name = path, .object_max = 256, .data_bytes = 1 << 16};
    plim_stack_options stack = {.struct_bytes = sizeof stack, .types = TYPES, .type_count = 3};
    static const plim_field NUMBER[] = {{"value", PLIM_FIELD_UINT, 0, 8, 1}};
    plim_block_adapt(&old_legacy, &OLD);
    if (plim_region_open(&options, &at.region, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    assert_int_equal(plim_region_type(at.region, "number", 8, NUMBER, 1, &at.number_type, NULL),
                     PLIM_OK);
    assert_int_equal(plim_region_type(at.region, "text", 32, NULL, 0, &at.text_type, NULL),
                     PLIM_OK);
    reps_type = at.number_type;
    if (plim_stack_open(at.region, &stack, &at.stack, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return at;
}

static world world_new(void)
{
    (void)snprintf(path, sizeof path, "seed1-%ld.region", (long)getpid());
    (void)unlink(path);
    return world_open();
}

static void world_close(world *at)
{
    plim_stack_close(&at->stack);
    plim_region_close(&at->region);
}

static void world_end(world *at)
{
    world_close(at);
    (void)unlink(path);
}

static plim_ref make(const world *at, uint64_t value, uint32_t owner, plim_ref parent)
{
    plim_ref ref = NONE;
    assert_int_equal(plim_region_allocate(at->region, at->number_type, &value, owner, parent, &ref),
                     PLIM_OK);
    return ref;
}

static uint64_t value_of(const world *at, plim_ref ref)
{
    uint64_t value = 0;
    assert_int_equal(plim_region_get(at->region, ref, &value, sizeof value), PLIM_OK);
    return value;
}

static plim_ref push(const world *at, const char *type)
{
    plim_ref block = NONE;
    assert_int_equal(plim_stack_push(at->stack, type, NULL, type, &block, NULL), PLIM_OK);
    return block;
}

static void tick(const world *at)
{
    assert_int_equal(plim_stack_tick(at->stack, &(plim_event){.number = 0}, NULL), PLIM_OK);
}

static uint32_t owner_of(const world *at, plim_ref block)
{
    plim_region_object object;
    assert_int_equal(plim_region_describe(at->region, block, &object), PLIM_OK);
    return object.owner;
}

static uint32_t count_of(const world *at, uint32_t by, uint32_t owner, uint16_t type, uint16_t tag)
{
    plim_search search = {
        .struct_bytes = sizeof search, .by = by, .owner = owner, .type = type, .tag = tag};
    plim_region_object object;
    uint32_t count = 0;
    for (uint32_t cursor = 0; plim_region_search(at->region, &search, &cursor, &object);)
        count++;
    return count;
}

/* --- functional ---------------------------------------------------------------------------- */

static void fr1_memory_is_allocated_with_no_block_on_the_stack(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref ref = make(&at, 7, 0, NONE);
    assert_int_equal(plim_stack_depth(at.stack), 0);
    plim_ref block = push(&at, "lifter");
    assert_int_equal(plim_stack_end(at.stack, block, NULL), PLIM_OK);
    assert_int_equal(value_of(&at, ref), 7);
    world_end(&at);
}

static void fr2_a_reference_is_passed_by_value_between_components(void **state)
{
    (void)state;
    world at = world_new();
    typedef struct message {
        plim_ref about;
    } message;
    message sent = {make(&at, 1, 0, NONE)};
    message received = sent; /* copied, stored in memory, and used by another */
    uint16_t type = 0;
    static const plim_field FIELDS[] = {PLIM_FIELD(message, about, PLIM_FIELD_REF)};
    plim_ref kept;
    assert_int_equal(
        plim_region_type(at.region, "message", sizeof(message), FIELDS, 1, &type, NULL), PLIM_OK);
    assert_int_equal(plim_region_allocate(at.region, type, &received, 0, NONE, &kept), PLIM_OK);
    assert_int_equal(plim_region_get(at.region, kept, &received, sizeof received), PLIM_OK);
    uint64_t value = 2;
    assert_int_equal(plim_region_set(at.region, received.about, &value, sizeof value), PLIM_OK);
    assert_int_equal(value_of(&at, sent.about), 2);
    world_end(&at);
}

static void fr3_looking_on_does_not_affect_execution(void **state)
{
    (void)state;
    uint64_t births[2];
    for (int look = 0; look < 2; look++) {
        world at = world_new();
        (void)push(&at, "lifter");
        for (int i = 0; i < 5; i++) {
            tick(&at);
            plim_region_view *view = NULL;
            plim_region_object object;
            const void *value;
            if (look == 0)
                continue;
            assert_int_equal(plim_region_view_open(path, NULL, &view, NULL), PLIM_OK);
            for (uint32_t index = 0; plim_region_view_next(view, &index, &object, &value);)
                assert_true(object.birth > 0);
            plim_region_view_close(&view);
        }
        plim_region_object object;
        assert_int_equal(plim_region_describe(at.region, make(&at, 0, 0, NONE), &object), PLIM_OK);
        births[look] = object.birth;
        world_end(&at);
    }
    assert_int_equal(births[0], births[1]);
}

static void fr4_what_a_block_owns_goes_when_it_leaves_the_stack(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref block = push(&at, "lifter");
    uint32_t owner = owner_of(&at, block);
    plim_ref more = make(&at, 1, owner, NONE);
    plim_ref below = make(&at, 2, 0, more);
    plim_ref other = make(&at, 3, owner + 1000, NONE);
    assert_int_equal(count_of(&at, PLIM_BY_OWNER, owner, 0, 0), 4); /* and its reps, and itself */
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
    assert_int_equal(count_of(&at, PLIM_BY_OWNER, owner, 0, 0), 0);
    assert_false(plim_region_is_valid(at.region, more) || plim_region_is_valid(at.region, below));
    assert_true(plim_region_is_valid(at.region, other));
    world_end(&at);
}

static void fr5_children_go_with_their_parent_and_alone_if_asked(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref root = make(&at, 1, 9, NONE);
    plim_ref first, second, grandchild;
    uint64_t value = 5;
    assert_int_equal(plim_region_create_child(at.region, root, at.number_type, &value, &first),
                     PLIM_OK);
    assert_int_equal(plim_region_create_child(at.region, root, at.number_type, NULL, &second),
                     PLIM_OK);
    assert_int_equal(plim_region_create_child(at.region, first, at.number_type, NULL, &grandchild),
                     PLIM_OK);
    assert_int_equal(value_of(&at, first), 5);
    assert_int_equal(owner_of(&at, grandchild), 9); /* its parent's */
    assert_int_equal(plim_region_release(at.region, first), PLIM_OK);
    assert_false(plim_region_is_valid(at.region, grandchild));
    assert_true(plim_region_is_valid(at.region, second));
    assert_int_equal(plim_region_release(at.region, root), PLIM_OK);
    assert_false(plim_region_is_valid(at.region, second));
    world_end(&at);
}

static void fr6_a_block_of_before_runs_beside_new_ones_unmodified(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref below = push(&at, "lifter");
    plim_ref old = push(&at, "old");
    tick(&at);
    tick(&at);
    world_close(&at); /* it was not written to outlive its process, and does */
    at = world_open();
    assert_true(plim_region_is_valid(at.region, old));
    tick(&at);
    assert_false(plim_region_is_valid(at.region, old));
    tick(&at);
    plim_ref current = plim_stack_current(at.stack);
    assert_memory_equal(&below, &current, sizeof below);
    world_end(&at);
}

static void fr7_what_was_allocated_is_cleaned_up_to_the_last_byte(void **state)
{
    (void)state;
    world at = world_new();
    plim_region_info before, after;
    plim_region_read_info(at.region, &before);
    for (int i = 0; i < 200; i++) {
        (void)push(&at, "lifter");
        (void)push(&at, "child");
        tick(&at);
        assert_int_equal(plim_stack_end(at.stack, plim_stack_current(at.stack), NULL), PLIM_OK);
        assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
    }
    plim_region_read_info(at.region, &after);
    assert_int_equal(after.object_count, before.object_count);
    assert_int_equal(after.value_bytes, before.value_bytes);
    assert_int_equal(after.held_bytes, before.held_bytes);
    world_end(&at);
}

static void fr8_a_child_sees_its_execution_state_through_memory(void **state)
{
    (void)state;
    world at = world_new();
    (void)push(&at, "lifter");
    tick(&at);
    tick(&at);
    plim_ref child = push(&at, "child");
    seen_by_child = 0;
    tick(&at);
    assert_int_equal(seen_by_child, 2);
    /* And the block it stands on itself. */
    plim_block_info info;
    plim_region_object object;
    plim_ref found;
    assert_true(plim_stack_at(at.stack, 0, &info));
    assert_int_equal(plim_region_describe(at.region, info.block, &object), PLIM_OK);
    plim_search search = {.struct_bytes = sizeof search, .by = PLIM_BY_TYPE, .type = object.type};
    assert_int_equal(plim_stack_find(at.stack, child, &search, &found), PLIM_OK);
    assert_memory_equal(&found, &info.block, sizeof found);
    world_end(&at);
}

/* --- not functional ------------------------------------------------------------------------ */

static uint32_t changes;

static void count_changes(void *context, plim_region *region, const plim_notice *notice)
{
    (void)context;
    (void)region;
    (void)notice;
    changes++;
}

static plim_status no_more(plim_turn *turn)
{
    (*(uint64_t *)turn->state)++;
    return PLIM_OK;
}

/* In time: bench/bench_workout.py. Here what does not depend on the machine. */
static void nfr1_a_steady_event_is_one_store_of_one_value(void **state)
{
    (void)state;
    static const plim_block_type STEADY = {.struct_bytes = sizeof(plim_block_type),
                                           .name = "steady",
                                           .state_bytes = sizeof(uint64_t),
                                           .tick = no_more};
    const plim_block_type *types[] = {&STEADY};
    plim_stack_options options = {
        .struct_bytes = sizeof options, .name = "second", .types = types, .type_count = 1};
    world at = world_new();
    plim_stack *stack = NULL;
    plim_hub *hub = NULL;
    plim_subscription_request request = {.struct_bytes = sizeof request, .tell = count_changes};
    assert_int_equal(plim_stack_open(at.region, &options, &stack, NULL), PLIM_OK);
    assert_int_equal(plim_stack_push(stack, "steady", NULL, NULL, NULL, NULL), PLIM_OK);
    assert_int_equal(plim_hub_create(at.region, NULL, &hub, NULL), PLIM_OK);
    assert_int_equal(plim_subscribe(hub, &request, NULL), PLIM_OK);
    changes = 0;
    for (uint64_t i = 1; i <= 1000; i++)
        assert_int_equal(plim_stack_tick(stack, &(plim_event){.number = i}, NULL), PLIM_OK);
    assert_int_equal(changes, 1000);
    plim_hub_destroy(&hub);
    plim_stack_close(&stack);
    assert_int_equal(plim_stack_open(at.region, &options, &stack, NULL), PLIM_OK);
    assert_int_equal(plim_stack_last_event(stack), 1000);
    plim_stack_close(&stack);
    world_end(&at);
}

static size_t file_read(unsigned char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t got = fread(bytes, 1, room, file);
    assert_int_equal(fclose(file), 0);
    return got;
}

static void nfr2_looking_on_changes_not_a_byte(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    static unsigned char before[BYTES], after[BYTES];
    world at = world_new();
    plim_ref ref = make(&at, 77, 0, NONE);
    (void)push(&at, "lifter");
    size_t bytes = file_read(before, sizeof before);
    plim_region_view *view = NULL;
    plim_region_object object;
    const void *value;
    assert_int_equal(plim_region_view_open(path, NULL, &view, NULL), PLIM_OK);
    for (uint32_t index = 0; plim_region_view_next(view, &index, &object, &value);) {
        /* The fault of before: what the debugger was given was the live object. */
        unsigned char *spoiled = (unsigned char *)(uintptr_t)value;
        memset(spoiled, 0xee, object.size_bytes);
    }
    plim_region_view_close(&view);
    assert_int_equal(file_read(after, sizeof after), bytes);
    assert_memory_equal(before, after, bytes);
    assert_int_equal(value_of(&at, ref), 77);
    world_end(&at);
}

static void nfr3_the_same_program_lives_through_the_same_ids(void **state)
{
    (void)state;
    plim_ref refs[2][40];
    for (int run = 0; run < 2; run++) {
        world at = world_new();
        for (int i = 0; i < 40; i++) {
            refs[run][i] = push(&at, i % 3 == 0 ? "old" : "lifter");
            tick(&at);
            if (i % 2 == 0)
                assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK);
        }
        world_end(&at);
    }
    assert_memory_equal(refs[0], refs[1], sizeof refs[0]);
}

static void nfr4_a_new_kind_of_block_or_object_needs_no_change_of_the_library(void **state)
{
    (void)state;
    world at = world_new();
    for (int i = 0; i < 20; i++) {
        char name[16];
        uint16_t type = 0;
        plim_ref ref;
        (void)snprintf(name, sizeof name, "kind-%d", i);
        assert_int_equal(plim_region_type(at.region, name, (uint32_t)i * 8, NULL, 0, &type, NULL),
                         PLIM_OK);
        assert_int_equal(plim_region_allocate(at.region, type, NULL, 0, NONE, &ref), PLIM_OK);
    }
    world_end(&at);
}

static void nfr5_all_of_the_old_contract_is_kept_tick_done_reset_cleanup(void **state)
{
    (void)state;
    plim_block_type adapted;
    plim_legacy_type bare = {.name = "bare", .make = old_timer_make};
    plim_block_adapt(&bare, &adapted); /* with none of its functions it still is a block */
    const plim_block_type *types[] = {&adapted};
    plim_stack_options options = {
        .struct_bytes = sizeof options, .name = "bare", .types = types, .type_count = 1};
    world at = world_new();
    plim_stack *stack = NULL;
    bare.cleanup = free;
    assert_int_equal(plim_stack_open(at.region, &options, &stack, NULL), PLIM_OK);
    assert_int_equal(plim_stack_push(stack, "bare", NULL, NULL, NULL, NULL), PLIM_OK);
    assert_int_equal(plim_stack_tick(stack, &(plim_event){.number = 0}, NULL), PLIM_OK);
    assert_int_equal(plim_stack_reset(stack, NULL), PLIM_OK);
    assert_int_equal(plim_stack_pop(stack, NULL), PLIM_OK);
    plim_stack_close(&stack);
    world_end(&at);
}

/* --- the calls ----------------------------------------------------------------------------- */

static void api_allocate_get_set_is_valid_release(void **state)
{
    (void)state;
    world at = world_new();
    uint64_t value = 4;
    plim_ref ref = make(&at, 3, 12, NONE);
    plim_region_object entry;
    assert_true(plim_region_is_valid(at.region, ref));
    assert_int_equal(plim_region_set(at.region, ref, &value, sizeof value), PLIM_OK);
    assert_int_equal(value_of(&at, ref), 4);
    assert_int_equal(plim_region_describe(at.region, ref, &entry), PLIM_OK);
    assert_int_equal(entry.owner, 12);
    assert_int_equal(entry.type, at.number_type);
    assert_int_equal(plim_region_release(at.region, ref), PLIM_OK);
    /* All of it is refused afterwards; before, some of it was silent. */
    assert_false(plim_region_is_valid(at.region, ref));
    assert_int_equal(plim_region_get(at.region, ref, &value, sizeof value), PLIM_ERR_STALE);
    assert_int_equal(plim_region_set(at.region, ref, &value, sizeof value), PLIM_ERR_STALE);
    assert_int_equal(plim_region_create_child(at.region, ref, at.number_type, NULL, &ref),
                     PLIM_ERR_STALE);
    assert_int_equal(plim_region_release(at.region, ref), PLIM_ERR_STALE);
    assert_int_equal(plim_region_create_child(at.region, NONE, at.number_type, NULL, &ref),
                     PLIM_ERR_STALE);
    world_end(&at);
}

static void api_search_by_owner_type_tag_and_visibility(void **state)
{
    (void)state;
    world at = world_new();
    for (uint32_t i = 0; i < 24; i++) {
        plim_object_request request = {.struct_bytes = sizeof request,
                                       .type = i % 2 ? at.number_type : at.text_type,
                                       .owner = 100 + i % 3,
                                       .tag = (uint16_t)(i % 4),
                                       .visibility = i % 6 == 0 ? PLIM_VISIBILITY_PUBLIC
                                                                : PLIM_VISIBILITY_PRIVATE};
        plim_ref ref;
        assert_int_equal(plim_region_allocate_as(at.region, &request, &ref), PLIM_OK);
    }
    assert_int_equal(count_of(&at, PLIM_BY_OWNER, 101, 0, 0), 8);
    assert_int_equal(count_of(&at, PLIM_BY_TYPE, 0, at.text_type, 0), 12);
    assert_int_equal(count_of(&at, PLIM_BY_TYPE | PLIM_BY_TAG, 0, at.number_type, 3), 6);
    assert_int_equal(
        count_of(&at, PLIM_BY_OWNER | PLIM_BY_TYPE | PLIM_BY_TAG, 101, at.number_type, 1), 2);
    plim_search all = {.struct_bytes = sizeof all,
                       .by = PLIM_BY_VISIBILITY | PLIM_BY_OWNER,
                       .owner = 100,
                       .visibility = PLIM_VISIBILITY_PUBLIC};
    plim_region_object object;
    uint64_t last = UINT64_MAX;
    uint32_t found = 0;
    for (uint32_t cursor = 0; plim_region_search(at.region, &all, &cursor, &object); found++) {
        assert_true(object.birth < last); /* of one owner: newest first */
        last = object.birth;
    }
    assert_int_equal(found, 4);
    all.struct_bytes = 3;
    uint32_t cursor = 0;
    assert_false(plim_region_search(at.region, &all, &cursor, &object));
    world_end(&at);
}

static plim_ref shown(const world *at, uint32_t owner, plim_visibility visibility)
{
    plim_object_request request = {.struct_bytes = sizeof request,
                                   .type = at->number_type,
                                   .tag = TAG_ANCHOR,
                                   .visibility = visibility,
                                   .owner = owner};
    plim_ref ref;
    assert_int_equal(plim_region_allocate_as(at->region, &request, &ref), PLIM_OK);
    return ref;
}

static void api_a_block_sees_its_own_then_what_is_inherited_then_what_is_public(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref low = push(&at, "child"), middle = push(&at, "child"), top = push(&at, "child");
    plim_search search = {.struct_bytes = sizeof search, .by = PLIM_BY_TAG, .tag = TAG_ANCHOR};
    plim_ref found;
    assert_int_equal(plim_stack_find(at.stack, top, &search, &found), PLIM_ERR_NOT_FOUND);
    plim_ref nobodys = shown(&at, 0, PLIM_VISIBILITY_PUBLIC);
    (void)shown(&at, 0, PLIM_VISIBILITY_INHERITED); /* nobody stands on nobody */
    (void)shown(&at, owner_of(&at, low), PLIM_VISIBILITY_PRIVATE);
    (void)shown(&at, owner_of(&at, top), PLIM_VISIBILITY_INHERITED);
    assert_int_equal(plim_stack_find(at.stack, middle, &search, &found), PLIM_OK);
    assert_memory_equal(&found, &nobodys, sizeof found);
    plim_ref above = shown(&at, owner_of(&at, top), PLIM_VISIBILITY_PUBLIC);
    assert_int_equal(plim_stack_find(at.stack, middle, &search, &found), PLIM_OK);
    assert_memory_equal(&found, &above, sizeof found);
    plim_ref inherited = shown(&at, owner_of(&at, low), PLIM_VISIBILITY_INHERITED);
    assert_int_equal(plim_stack_find(at.stack, middle, &search, &found), PLIM_OK);
    assert_memory_equal(&found, &inherited, sizeof found);
    plim_ref own = shown(&at, owner_of(&at, middle), PLIM_VISIBILITY_PRIVATE);
    assert_int_equal(plim_stack_find(at.stack, middle, &search, &found), PLIM_OK);
    assert_memory_equal(&found, &own, sizeof found);
    assert_int_equal(plim_stack_find(at.stack, own, &search, &found), PLIM_ERR_STALE);
    search.struct_bytes = 1;
    assert_int_equal(plim_stack_find(at.stack, NONE, &search, &found), PLIM_ERR_USAGE);
    world_end(&at);
}

static void api_a_view_gives_entries_totals_and_the_hierarchy(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref root = make(&at, 1, 44, NONE);
    plim_ref leaf = make(&at, 2, 0, root);
    plim_region_view *view = NULL;
    plim_region_object object;
    const void *value;
    plim_region_info totals;
    uint32_t entries = 0, roots = 0, children = 0;
    assert_int_equal(plim_region_view_open(path, NULL, &view, NULL), PLIM_OK);
    for (uint32_t index = 0; plim_region_view_next(view, &index, &object, &value); entries++) {
        plim_region_type_info type;
        if (object.owner != 44)
            continue;
        assert_true(plim_region_view_type(view, object.type, &type));
        assert_string_equal(type.name, "number");
        roots += object.parent.generation == 0;
        children += object.ref.index == leaf.index && object.parent.index == root.index;
        uint64_t number;
        memcpy(&number, value, sizeof number);
        assert_int_equal(number, object.parent.generation == 0 ? 1 : 2);
    }
    assert_int_equal(roots, 1);
    assert_int_equal(children, 1);
    plim_region_view_info(view, &totals);
    assert_int_equal(totals.object_count, entries);
    plim_region_view_close(&view);
    world_end(&at);
}

/* --- faults of the original ---------------------------------------------------------------- */

/* There they stayed in the index for ever. */
static void fault_children_of_a_released_parent_are_nowhere_any_more(void **state)
{
    (void)state;
    world at = world_new();
    for (int i = 0; i < 1000; i++) {
        plim_ref parent = make(&at, 0, 8, NONE);
        for (int k = 0; k < 5; k++) {
            plim_ref child = make(&at, 0, 0, parent);
            parent = i % 2 ? child : parent;
        }
        assert_int_equal(count_of(&at, PLIM_BY_OWNER, 8, 0, 0), 6);
        assert_int_equal(plim_region_release_owner(at.region, 8, NULL), PLIM_OK);
        assert_int_equal(count_of(&at, PLIM_BY_OWNER, 8, 0, 0), 0);
        assert_int_equal(count_of(&at, PLIM_BY_TYPE, 0, at.number_type, 0), 0);
    }
    world_end(&at);
}

/* There the first block that popped released what others still used. */
static void fault_what_is_shared_goes_with_its_one_owner_alone(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref low = push(&at, "child");
    plim_ref middle = push(&at, "child");
    (void)push(&at, "child");
    plim_ref anchor = shown(&at, owner_of(&at, low), PLIM_VISIBILITY_INHERITED);
    plim_search search = {.struct_bytes = sizeof search, .by = PLIM_BY_TAG, .tag = TAG_ANCHOR};
    plim_ref of_top, of_middle;
    assert_int_equal(plim_stack_find(at.stack, NONE, &search, &of_top), PLIM_OK);
    assert_int_equal(plim_stack_find(at.stack, middle, &search, &of_middle), PLIM_OK);
    assert_memory_equal(&of_top, &anchor, sizeof anchor);
    assert_int_equal(plim_stack_pop(at.stack, NULL), PLIM_OK); /* a user of it goes */
    assert_int_equal(value_of(&at, of_middle), 0);             /* and the others use it still */
    assert_int_equal(plim_stack_end(at.stack, low, NULL), PLIM_OK);
    uint64_t value;
    (void)make(&at, 99, 0, NONE); /* in its place, as like as not */
    assert_int_equal(plim_region_get(at.region, of_middle, &value, sizeof value), PLIM_ERR_STALE);
    world_end(&at);
}

/* There ids could come again. At the last generation a slot is retired. */
static void fault_a_reference_never_means_another_object(void **state)
{
    (void)state;
    enum { BYTES = 1 << 16 };
    static _Alignas(64) unsigned char storage[BYTES];
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_STORAGE,
                                   .storage = storage,
                                   .storage_bytes = sizeof storage,
                                   .object_max = 4,
                                   .type_max = 4,
                                   .field_max = 4,
                                   .name_max = 4,
                                   .text_bytes = 64,
                                   .value_max = 64};
    plim_region *region = NULL;
    uint16_t type = 0;
    plim_ref ref = NONE;
    memset(storage, 0, sizeof storage);
    assert_int_equal(plim_region_open(&options, &region, NULL), PLIM_OK);
    assert_int_equal(plim_region_type(region, "t", 8, NULL, 0, &type, NULL), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &ref), PLIM_OK);
    plim_region_close(&region);
    /* As if the slot had been used four billion times. */
    const plim__region_head *head = (const void *)storage;
    plim__object *object =
        (plim__object *)(void *)(storage + head->objects_at + ref.index * sizeof *object);
    object->word = plim__word_of(UINT32_MAX, type);
    assert_int_equal(plim_region_open(&options, &region, NULL), PLIM_OK);
    plim_ref last = {ref.index, UINT32_MAX};
    assert_true(plim_region_is_valid(region, last));
    assert_int_equal(plim_region_release(region, last), PLIM_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &ref), PLIM_OK);
        assert_int_not_equal(ref.index, last.index);
    }
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &ref), PLIM_ERR_LIMIT);
    assert_false(plim_region_is_valid(region, last));
    plim_region_close(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fr1_memory_is_allocated_with_no_block_on_the_stack),
        cmocka_unit_test(fr2_a_reference_is_passed_by_value_between_components),
        cmocka_unit_test(fr3_looking_on_does_not_affect_execution),
        cmocka_unit_test(fr4_what_a_block_owns_goes_when_it_leaves_the_stack),
        cmocka_unit_test(fr5_children_go_with_their_parent_and_alone_if_asked),
        cmocka_unit_test(fr6_a_block_of_before_runs_beside_new_ones_unmodified),
        cmocka_unit_test(fr7_what_was_allocated_is_cleaned_up_to_the_last_byte),
        cmocka_unit_test(fr8_a_child_sees_its_execution_state_through_memory),
        cmocka_unit_test(nfr1_a_steady_event_is_one_store_of_one_value),
        cmocka_unit_test(nfr2_looking_on_changes_not_a_byte),
        cmocka_unit_test(nfr3_the_same_program_lives_through_the_same_ids),
        cmocka_unit_test(nfr4_a_new_kind_of_block_or_object_needs_no_change_of_the_library),
        cmocka_unit_test(nfr5_all_of_the_old_contract_is_kept_tick_done_reset_cleanup),
        cmocka_unit_test(api_allocate_get_set_is_valid_release),
        cmocka_unit_test(api_search_by_owner_type_tag_and_visibility),
        cmocka_unit_test(api_a_block_sees_its_own_then_what_is_inherited_then_what_is_public),
        cmocka_unit_test(api_a_view_gives_entries_totals_and_the_hierarchy),
        cmocka_unit_test(fault_children_of_a_released_parent_are_nowhere_any_more),
        cmocka_unit_test(fault_what_is_shared_goes_with_its_one_owner_alone),
        cmocka_unit_test(fault_a_reference_never_means_another_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
