/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions. Method: each case opens its own region in storage; callbacks write what they are
 * told into a log, which is compared whole. Time is a variable.
 */
#include <plimsoll/subscribe.h>
#include <plimsoll/transaction.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"

enum { STORAGE_BYTES = 1 << 17, LOG_BYTES = 2048 };

static _Alignas(64) unsigned char storage[STORAGE_BYTES];
static char log_text[LOG_BYTES];
static uint64_t now;
static uint16_t number_type;
static const plim_ref NONE = {0, 0};

typedef struct world {
    plim_region *region;
    plim_hub *hub;
    plim_ref object;
    plim_subscription own; /* of the callback that acts */
    int depth, acts;
} world;

static uint64_t clock_read(void *clock)
{
    return *(uint64_t *)clock;
}

static world world_of(const plim_allocator *allocator, uint32_t queue_max)
{
    world at = {.region = NULL};
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_STORAGE,
                                   .storage = storage,
                                   .storage_bytes = sizeof storage,
                                   .object_max = 256,
                                   .type_max = 8,
                                   .field_max = 8,
                                   .name_max = 8,
                                   .text_bytes = 256,
                                   .value_max = 64,
                                   .allocator = allocator};
    plim_hub_options hub = {.struct_bytes = sizeof hub,
                            .subscription_max = 8,
                            .queue_max = queue_max,
                            .now_ns = clock_read,
                            .clock = &now};
    memset(storage, 0, sizeof storage);
    log_text[0] = '\0';
    now = 1000;
    assert_int_equal(plim_region_open(&options, &at.region, NULL), PLIM_OK);
    assert_int_equal(
        plim_region_type(at.region, "n", sizeof(uint64_t), NULL, 0, &number_type, NULL), PLIM_OK);
    assert_int_equal(plim_hub_create(at.region, &hub, &at.hub, NULL), PLIM_OK);
    return at;
}

static world world_new(void)
{
    return world_of(NULL, 16);
}

static void world_close(world *at)
{
    plim_hub_destroy(&at->hub);
    plim_region_close(&at->region);
}

static plim_ref make(const world *at, uint64_t value, uint32_t owner, plim_ref parent)
{
    plim_ref ref = NONE;
    assert_int_equal(plim_region_allocate(at->region, number_type, &value, owner, parent, &ref),
                     PLIM_OK);
    return ref;
}

static void set(const world *at, plim_ref ref, uint64_t value)
{
    assert_int_equal(plim_region_set(at->region, ref, &value, sizeof value), PLIM_OK);
}

static void log_notice(const plim_notice *notice)
{
    static const char *const NAMES[] = {"?", "made", "changed", "?", "released"};
    size_t used = strlen(log_text);
    uint64_t value = 0;
    if (notice->value != NULL)
        memcpy(&value, notice->value, sizeof value);
    (void)snprintf(log_text + used, sizeof log_text - used, "%s %llu%s; ", NAMES[notice->what],
                   (unsigned long long)value, notice->missed != 0 ? " (missed)" : "");
}

/* After the change: all is whole and can be asked. */
static void tell_log(void *context, plim_region *region, const plim_notice *notice)
{
    world *at = context;
    assert_int_equal(at->depth, 0); /* W1 */
    at->depth++;
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
    assert_int_equal(plim_region_is_valid(region, notice->object->ref),
                     notice->what != PLIM_TOLD_RELEASED);
    log_notice(notice);
    at->depth--;
}

static plim_subscription subscribe(world *at, plim_subscription_request request)
{
    plim_subscription subscription = {0, 0};
    request.struct_bytes = sizeof request;
    request.context = at;
    if (request.tell == NULL)
        request.tell = tell_log;
    assert_int_equal(plim_subscribe(at->hub, &request, &subscription), PLIM_OK);
    return subscription;
}

static void logged(const char *expected)
{
    assert_string_equal(log_text, expected);
    log_text[0] = '\0';
}

static void every_change_is_told_after_it_and_the_release_last(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 1, 0, NONE);
    plim_subscription own = subscribe(&at, (plim_subscription_request){.object = object});
    set(&at, object, 2);
    set(&at, object, 3);
    plim_ref other = make(&at, 9, 0, NONE);
    set(&at, other, 10);
    assert_int_equal(plim_region_release(at.region, object), PLIM_OK);
    logged("changed 2; changed 3; released 3; ");
    /* It has ended with its object; another object in its slot is not told of. */
    assert_int_equal(plim_unsubscribe(at.hub, own), PLIM_ERR_STALE);
    plim_ref reused = make(&at, 5, 0, NONE);
    assert_int_equal(reused.index, object.index);
    set(&at, reused, 6);
    logged("");
    world_close(&at);
}

static void many_are_told_of_by_owner_type_tag_and_kind(void **state)
{
    (void)state;
    world at = world_new();
    subscribe(&at, (plim_subscription_request){.owner = 7, .what = PLIM_TOLD_RELEASED});
    subscribe(&at, (plim_subscription_request){.tag = 3, .what = PLIM_TOLD_MADE});
    subscribe(&at, (plim_subscription_request){.type = 99});
    plim_ref parent = make(&at, 1, 7, NONE);
    (void)make(&at, 2, 0, parent);
    plim_object_request tagged = {.struct_bytes = sizeof tagged, .type = number_type, .tag = 3};
    plim_ref ref;
    assert_int_equal(plim_region_allocate_as(at.region, &tagged, &ref), PLIM_OK);
    assert_int_equal(plim_region_release_owner(at.region, 7, NULL), PLIM_OK);
    /* Children before parents, each with its last value. */
    logged("made 0; released 2; released 1; ");
    world_close(&at);
}

/* --- what a callback may do ---------------------------------------------------------------- */

static void tell_unsubscribe(void *context, plim_region *region, const plim_notice *notice)
{
    world *at = context;
    tell_log(context, region, notice);
    assert_int_equal(plim_unsubscribe(at->hub, notice->subscription), PLIM_OK);
    assert_int_equal(plim_unsubscribe(at->hub, notice->subscription), PLIM_ERR_STALE);
}

static void tell_release(void *context, plim_region *region, const plim_notice *notice)
{
    tell_log(context, region, notice);
    if (notice->what != PLIM_TOLD_RELEASED)
        assert_int_equal(plim_region_release(region, notice->object->ref), PLIM_OK);
}

static void a_callback_may_end_its_subscription_or_the_object(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 1, 0, NONE);
    subscribe(&at, (plim_subscription_request){.object = object, .tell = tell_unsubscribe});
    set(&at, object, 2);
    set(&at, object, 3);
    logged("changed 2; ");
    subscribe(&at, (plim_subscription_request){.object = object, .tell = tell_release});
    subscribe(&at, (plim_subscription_request){.what = PLIM_TOLD_CHANGED | PLIM_TOLD_RELEASED});
    set(&at, object, 4);
    /* The second is not told of a change of what has gone, but of its going; nobody twice. */
    logged("changed 4; released 0; released 0; ");
    assert_false(plim_region_is_valid(at.region, object));
    world_close(&at);
}

static void tell_more(void *context, plim_region *region, const plim_notice *notice)
{
    world *at = context;
    at->depth++;
    assert_int_equal(at->depth, 1);
    log_notice(notice);
    if (notice->what == PLIM_TOLD_CHANGED && at->acts-- > 0) {
        uint64_t value;
        memcpy(&value, notice->value, sizeof value);
        value++;
        assert_int_equal(plim_region_set(region, notice->object->ref, &value, sizeof value),
                         PLIM_OK);
        value++;
        assert_int_equal(plim_region_set(region, notice->object->ref, &value, sizeof value),
                         PLIM_OK);
        assert_int_equal(plim_hub_deliver(at->hub), 0);
    }
    at->depth--;
}

static void what_a_callback_changes_is_told_after_it_and_not_inside_it(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 1, 0, NONE);
    subscribe(&at, (plim_subscription_request){.object = object, .tell = tell_more});
    at.acts = 2;
    set(&at, object, 10);
    logged("changed 10; changed 12; changed 14; ");
    /* Callbacks that cause each other for ever are stopped, and what waits is not lost. */
    at.acts = 1 << 30;
    log_text[0] = '\0';
    uint64_t before = 0;
    set(&at, object, 0);
    assert_int_equal(plim_region_get(at.region, object, &before, sizeof before), PLIM_OK);
    assert_true(before > 1000);
    assert_int_equal(plim_hub_due_ns(at.hub), 0);
    at.acts = 0;
    log_text[0] = '\0';
    assert_int_equal(plim_hub_deliver(at.hub), 1);
    assert_int_equal(plim_hub_due_ns(at.hub), UINT64_MAX);
    world_close(&at);
}

static void tell_subscribe(void *context, plim_region *region, const plim_notice *notice)
{
    world *at = context;
    tell_log(context, region, notice);
    if (at->acts-- > 0)
        subscribe(at, (plim_subscription_request){.object = notice->object->ref});
}

static void one_who_subscribes_in_a_callback_is_told_of_what_comes_after(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 1, 0, NONE);
    at.acts = 1;
    subscribe(&at, (plim_subscription_request){.object = object, .tell = tell_subscribe});
    set(&at, object, 2);
    logged("changed 2; ");
    set(&at, object, 3);
    logged("changed 3; changed 3; ");
    world_close(&at);
}

/* --- time ---------------------------------------------------------------------------------- */

static void with_an_interval_the_first_is_told_at_once_and_the_last_in_the_end(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 1, 0, NONE);
    subscribe(&at, (plim_subscription_request){.object = object, .interval_ns = 100});
    set(&at, object, 2);
    logged("changed 2; ");
    for (uint64_t i = 3; i < 10; i++)
        set(&at, object, i);
    logged("");
    assert_int_equal(plim_hub_due_ns(at.hub), 1100);
    now = 1099;
    assert_int_equal(plim_hub_deliver(at.hub), 0);
    now = 1100;
    assert_int_equal(plim_hub_deliver(at.hub), 1);
    logged("changed 9; ");
    assert_int_equal(plim_hub_deliver(at.hub), 0);
    assert_int_equal(plim_hub_due_ns(at.hub), UINT64_MAX);
    now = 1150;
    set(&at, object, 20); /* too early again */
    now = 1250;
    set(&at, object, 21); /* what waited is told with it */
    logged("changed 21; ");
    set(&at, object, 22);
    assert_int_equal(plim_region_release(at.region, object), PLIM_OK);
    logged("released 22; "); /* at once, last, and instead of what waited */
    now = 9999;
    assert_int_equal(plim_hub_deliver(at.hub), 0);
    world_close(&at);
}

static void later_means_when_the_program_asks(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 1, 4, NONE);
    subscribe(&at, (plim_subscription_request){
                       .object = object, .when = PLIM_TELL_LATER, .is_told_first = true});
    subscribe(&at, (plim_subscription_request){.owner = 4, .when = PLIM_TELL_LATER});
    set(&at, object, 2);
    set(&at, object, 3);
    plim_ref other = make(&at, 7, 4, NONE);
    logged("");
    assert_int_equal(plim_hub_due_ns(at.hub), 0);
    assert_int_equal(plim_hub_deliver(at.hub), 3);
    logged("changed 3; changed 3; made 7; ");
    set(&at, other, 8);
    assert_int_equal(plim_region_release(at.region, other), PLIM_OK);
    assert_int_equal(plim_region_release(at.region, object), PLIM_OK);
    assert_int_equal(plim_hub_deliver(at.hub), 3);
    logged("released 0; released 0; released 0; ");
    world_close(&at);
}

static void one_can_be_told_the_value_at_once(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 5, 0, NONE);
    subscribe(&at, (plim_subscription_request){.object = object, .is_told_first = true});
    logged("changed 5; ");
    world_close(&at);
}

/* --- bounds -------------------------------------------------------------------------------- */

static void what_finds_no_room_is_counted_and_a_release_needs_none(void **state)
{
    (void)state;
    world at = world_of(NULL, 4);
    plim_ref objects[8];
    subscribe(&at, (plim_subscription_request){.what = PLIM_TOLD_MADE, .when = PLIM_TELL_LATER});
    for (int i = 0; i < 6; i++)
        objects[i] = make(&at, (uint64_t)i, 0, NONE);
    subscribe(&at, (plim_subscription_request){.object = objects[5], .when = PLIM_TELL_LATER});
    assert_int_equal(plim_region_release(at.region, objects[5]), PLIM_OK);
    assert_int_equal(plim_hub_deliver(at.hub), 5);
    logged("released 0; made 0 (missed); made 1; made 2; made 3; ");
    world_close(&at);
}

static void nonsense_and_too_many_are_refused(void **state)
{
    (void)state;
    world at = world_new();
    plim_ref object = make(&at, 1, 0, NONE);
    plim_subscription_request request = {
        .struct_bytes = sizeof request, .tell = tell_log, .context = &at};
    plim_hub *second = NULL;
    plim_hub_options options = {.struct_bytes = sizeof options, .queue_max = 1u << 30};
    assert_int_equal(plim_hub_create(at.region, NULL, &second, NULL), PLIM_ERR_BUSY);
    for (int i = 0; i < 8; i++)
        assert_int_equal(plim_subscribe(at.hub, &request, NULL), PLIM_OK);
    assert_int_equal(plim_subscribe(at.hub, &request, NULL), PLIM_ERR_LIMIT);
    assert_int_equal(plim_unsubscribe(at.hub, (plim_subscription){99, 1}), PLIM_ERR_STALE);
    request.tell = NULL;
    assert_int_equal(plim_subscribe(at.hub, &request, NULL), PLIM_ERR_USAGE);
    request.tell = tell_log;
    request.what = 64;
    assert_int_equal(plim_subscribe(at.hub, &request, NULL), PLIM_ERR_USAGE);
    request.what = 0;
    request.object = object;
    assert_int_equal(plim_region_release(at.region, object), PLIM_OK);
    assert_int_equal(plim_subscribe(at.hub, &request, NULL), PLIM_ERR_STALE);
    plim_hub_destroy(&at.hub);
    assert_int_equal(plim_hub_create(at.region, &options, &at.hub, NULL), PLIM_ERR_USAGE);
    options.queue_max = 0;
    assert_int_equal(plim_hub_create(at.region, &options, &at.hub, NULL), PLIM_OK);
    request.object = NONE;
    request.interval_ns = 5; /* without a clock */
    assert_int_equal(plim_subscribe(at.hub, &request, NULL), PLIM_ERR_USAGE);
    world_close(&at);
}

static void every_refused_request_for_memory_leaves_the_region_unwatched(void **state)
{
    (void)state;
    world at = world_new();
    world_close(&at);
    fault_allocator faults;
    bool has_made = false;
    for (uint64_t n = 1; !has_made && n < 60; n++) {
        fault_allocator_init(&faults, n);
        plim_region_options options = {.struct_bytes = sizeof options,
                                       .place = PLIM_REGION_STORAGE,
                                       .storage = storage,
                                       .storage_bytes = sizeof storage,
                                       .allocator = &faults.allocator};
        plim_region *region = NULL;
        plim_hub *hub = NULL;
        if (plim_region_open(&options, &region, NULL) == PLIM_OK) {
            plim_status status = plim_hub_create(region, NULL, &hub, NULL);
            has_made = status == PLIM_OK;
            assert_true(has_made || status == PLIM_ERR_NO_MEMORY);
            plim_hub_destroy(&hub);
        }
        plim_region_close(&region);
        assert_int_equal(faults.live_bytes, 0);
    }
    assert_true(has_made);
}

static void after_a_rollback_each_is_told_how_its_object_stands(void **state)
{
    (void)state;
    static _Alignas(64) unsigned char memory[1 << 19];
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .place = PLIM_REGION_STORAGE,
                                   .storage = memory,
                                   .storage_bytes = sizeof memory,
                                   .object_max = 64,
                                   .type_max = 8,
                                   .field_max = 8,
                                   .name_max = 8,
                                   .text_bytes = 256,
                                   .value_max = 64,
                                   .history_bytes = 1 << 17};
    plim_error err = {0};
    world at = {.region = NULL};
    memset(memory, 0, sizeof memory);
    log_text[0] = '\0';
    if (plim_region_open(&options, &at.region, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    assert_int_equal(plim_region_type(at.region, "n", 8, NULL, 0, &number_type, NULL), PLIM_OK);
    assert_int_equal(plim_hub_create(at.region, NULL, &at.hub, NULL), PLIM_OK);
    plim_ref old = make(&at, 1, 0, NONE);
    assert_int_equal(plim_region_begin(at.region, &err), PLIM_OK);
    plim_ref fresh = make(&at, 2, 0, NONE);
    subscribe(&at, (plim_subscription_request){.object = old});
    plim_subscription gone = subscribe(&at, (plim_subscription_request){.object = fresh});
    subscribe(&at, (plim_subscription_request){.what = PLIM_TOLD_RELEASED});
    set(&at, old, 5);
    assert_int_equal(plim_region_rollback(at.region, &err), PLIM_OK);
    logged("changed 5; changed 1; released 0; ");
    assert_int_equal(plim_unsubscribe(at.hub, gone), PLIM_ERR_STALE);
    world_close(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_is_told_after_it_and_the_release_last),
        cmocka_unit_test(many_are_told_of_by_owner_type_tag_and_kind),
        cmocka_unit_test(a_callback_may_end_its_subscription_or_the_object),
        cmocka_unit_test(what_a_callback_changes_is_told_after_it_and_not_inside_it),
        cmocka_unit_test(one_who_subscribes_in_a_callback_is_told_of_what_comes_after),
        cmocka_unit_test(with_an_interval_the_first_is_told_at_once_and_the_last_in_the_end),
        cmocka_unit_test(later_means_when_the_program_asks),
        cmocka_unit_test(one_can_be_told_the_value_at_once),
        cmocka_unit_test(what_finds_no_room_is_counted_and_a_release_needs_none),
        cmocka_unit_test(after_a_rollback_each_is_told_how_its_object_stands),
        cmocka_unit_test(nonsense_and_too_many_are_refused),
        cmocka_unit_test(every_refused_request_for_memory_leaves_the_region_unwatched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
