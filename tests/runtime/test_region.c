/* SPDX-License-Identifier: MIT */
/*
 * Regions. Method: each case opens its own region in storage or in a file of its own; a region is
 * closed and opened again, or copied while calls are under way, and looked at.
 */
#include <plimsoll/region.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "runtime/region/region.h"

enum { STORAGE_BYTES = 1 << 20 };

static _Alignas(64) unsigned char storage[STORAGE_BYTES];

typedef struct point {
    int64_t x, y;
    plim_ref next;
} point;

static const plim_field POINT_FIELDS[] = {
    PLIM_FIELD(point, x, PLIM_FIELD_INT),
    PLIM_FIELD(point, y, PLIM_FIELD_INT),
    PLIM_FIELD(point, next, PLIM_FIELD_REF),
};

static plim_region_options small_options(void)
{
    return (plim_region_options){.struct_bytes = sizeof(plim_region_options),
                                 .place = PLIM_REGION_STORAGE,
                                 .storage = storage,
                                 .storage_bytes = sizeof storage,
                                 .object_max = 512,
                                 .type_max = 8,
                                 .field_max = 32,
                                 .name_max = 32,
                                 .text_bytes = 512,
                                 .value_max = 4096};
}

static plim_region *region_again(void)
{
    plim_region_options options = small_options();
    plim_region *region = NULL;
    plim_error err = {0};
    if (plim_region_open(&options, &region, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    return region;
}

static plim_region *region_new(void)
{
    memset(storage, 0, sizeof storage);
    return region_again();
}

static uint16_t type_of(plim_region *region, const char *name, uint32_t bytes)
{
    uint16_t type = 0;
    assert_int_equal(plim_region_type(region, name, bytes, NULL, 0, &type, NULL), PLIM_OK);
    return type;
}

static plim_ref object_of(plim_region *region, uint16_t type, const void *value, uint32_t owner,
                          plim_ref parent)
{
    plim_ref ref = {0, 0};
    assert_int_equal(plim_region_allocate(region, type, value, owner, parent, &ref), PLIM_OK);
    return ref;
}

static const plim_ref NONE = {0, 0};

static void what_was_made_is_there_after_the_region_is_opened_again(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = 0;
    assert_int_equal(plim_region_type(region, "point", sizeof(point), POINT_FIELDS, 3, &type, NULL),
                     PLIM_OK);
    point value = {.x = 3, .y = -4};
    plim_ref first = object_of(region, type, &value, 7, NONE);
    value = (point){.x = 5, .y = 6, .next = first};
    plim_ref second = object_of(region, type, &value, 7, NONE);
    plim_region_close(&region);
    assert_null(region);

    region = region_again();
    uint16_t again = 0;
    assert_int_equal(
        plim_region_type(region, "point", sizeof(point), POINT_FIELDS, 3, &again, NULL), PLIM_OK);
    assert_int_equal(again, type);
    point seen = {0};
    assert_int_equal(plim_region_get(region, second, &seen, sizeof seen), PLIM_OK);
    assert_memory_equal(&seen.next, &first, sizeof first);
    assert_int_equal(plim_region_get(region, seen.next, &seen, sizeof seen), PLIM_OK);
    assert_true(seen.x == 3 && seen.y == -4);
    plim_region_info info;
    plim_region_read_info(region, &info);
    assert_int_equal(info.object_count, 2);
    assert_int_equal(info.epoch, 2);
    assert_false(info.recovered);
    plim_region_close(&region);
}

static void a_stale_reference_is_refused_and_never_anothers(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 16);
    char value[16] = "first";
    plim_ref old = object_of(region, type, value, 0, NONE);
    assert_int_equal(plim_region_release(region, old), PLIM_OK);
    plim_ref young = object_of(region, type, "another is there", 0, NONE);
    assert_int_equal(young.index, old.index); /* the slot is the same, the reference is not */
    assert_false(plim_region_is_valid(region, old));
    assert_null(plim_region_peek(region, old));
    assert_int_equal(plim_region_get(region, old, value, 16), PLIM_ERR_STALE);
    assert_string_equal(value, "first");
    assert_int_equal(plim_region_set(region, old, value, 16), PLIM_ERR_STALE);
    assert_int_equal(plim_region_release(region, old), PLIM_ERR_STALE);
    const plim_ref strange[] = {{0, 0}, {511, 1}, {512, 1}, {UINT32_MAX, 1}, {0, UINT32_MAX}};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        assert_int_equal(plim_region_release(region, strange[i]), PLIM_ERR_STALE);
    assert_memory_equal(plim_region_peek(region, young), "another is there", 16);
    plim_region_close(&region);
}

static void a_slot_at_its_last_generation_is_never_used_again(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 8);
    plim_ref ref = object_of(region, type, NULL, 0, NONE);
    assert_int_equal(plim_region_release(region, ref), PLIM_OK);
    plim_region_close(&region);
    plim__region_head *head = (plim__region_head *)(void *)storage;
    plim__object *objects = (plim__object *)(void *)(storage + head->objects_at);
    objects[ref.index].word = plim__word_of(UINT32_MAX - 1, 0) ^ PLIM__OBJECT_LIVE;
    region = region_again();
    plim_ref last = object_of(region, type, NULL, 0, NONE);
    assert_int_equal(last.index, ref.index);
    assert_true(last.generation == UINT32_MAX);
    assert_int_equal(plim_region_release(region, last), PLIM_OK);
    for (int round = 0; round < 2; round++) {
        plim_ref next = object_of(region, type, NULL, 0, NONE);
        assert_int_not_equal(next.index, last.index);
        assert_int_equal(plim_region_release(region, next), PLIM_OK);
        plim_region_close(&region); /* nor by the next writer */
        region = region_again();
    }
    plim_region_close(&region);
}

static void release_takes_all_below_and_nothing_beside(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 24);
    plim_ref root = object_of(region, type, NULL, 1, NONE);
    plim_ref beside = object_of(region, type, NULL, 1, NONE);
    plim_ref below[30];
    for (int i = 0; i < 30; i++)
        below[i] = object_of(region, type, NULL, 99, i < 3 ? root : below[i / 3]);
    plim_region_object seen;
    uint32_t at = below[29].index;
    assert_true(plim_region_next(region, &at, &seen));
    assert_int_equal(seen.owner, 1); /* the parent's, whatever was said */
    assert_int_equal(plim_region_release(region, root), PLIM_OK);
    for (int i = 0; i < 30; i++)
        assert_false(plim_region_is_valid(region, below[i]));
    assert_true(plim_region_is_valid(region, beside));
    plim_region_info info;
    plim_region_read_info(region, &info);
    assert_int_equal(info.object_count, 1);
    assert_int_equal(info.value_bytes, 24);
    assert_int_equal(info.held_bytes, 32);
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
    plim_region_close(&region);
}

static void an_owner_goes_with_all_that_is_its_own(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 8);
    plim_ref kept[40];
    for (uint32_t i = 0; i < 40; i++) {
        plim_ref mine = object_of(region, type, NULL, 5, NONE);
        (void)object_of(region, type, NULL, 0, mine);
        kept[i] = object_of(region, type, NULL, i + 1000, NONE);
    }
    uint32_t count = 0;
    assert_int_equal(plim_region_release_owner(region, 5, &count), PLIM_OK);
    assert_int_equal(count, 80);
    for (uint32_t i = 0; i < 40; i++)
        assert_true(plim_region_is_valid(region, kept[i]));
    assert_int_equal(plim_region_release_owner(region, 5, &count), PLIM_OK);
    assert_int_equal(count, 0);
    plim_region_close(&region);
}

static void a_full_region_refuses_and_what_was_freed_serves_other_sizes(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t small = type_of(region, "small", 40);
    uint16_t large = type_of(region, "large", 4096);
    plim_ref ref, refs[512];
    uint32_t count = 0;
    while (plim_region_allocate(region, large, NULL, 0, NONE, &ref) == PLIM_OK)
        refs[count++] = ref;
    assert_in_range(count, 200, 255);
    plim_region_info info;
    plim_region_read_info(region, &info);
    assert_true(info.data_bytes - info.held_bytes < 4096);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(plim_region_release(region, refs[i]), PLIM_OK);
    for (count = 0; plim_region_allocate(region, small, NULL, 0, NONE, &ref) == PLIM_OK; count++)
        refs[count] = ref;
    assert_int_equal(count, 512); /* slots are what ends now */
    assert_int_equal(plim_region_release(region, refs[100]), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, large, NULL, 0, NONE, &ref), PLIM_OK);
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
    plim_region_close(&region);
}

static void types_are_found_by_name_and_another_layout_is_refused(void **state)
{
    (void)state;
    plim_region *region = region_new();
    plim_error err = {0};
    uint16_t type = 0;
    plim_field fields[3];
    memcpy(fields, POINT_FIELDS, sizeof fields);
    assert_int_equal(plim_region_type(region, "p", sizeof(point), fields, 3, &type, NULL), PLIM_OK);
    fields[1].kind = PLIM_FIELD_UINT;
    assert_int_equal(plim_region_type(region, "p", sizeof(point), fields, 3, &type, &err),
                     PLIM_ERR_EXISTS);
    assert_non_null(strstr(err.what, "another layout"));
    assert_string_not_equal(err.hint, "");
    const plim_field bad[] = {
        {"over", PLIM_FIELD_INT, 20, 8, 1},   {"odd", PLIM_FIELD_INT, 0, 3, 1},
        {"", PLIM_FIELD_INT, 0, 4, 1},        {NULL, PLIM_FIELD_INT, 0, 4, 1},
        {"many", PLIM_FIELD_UINT, 0, 8, 4},   {"far", PLIM_FIELD_UINT, UINT32_MAX, 8, 1},
        {"ref", PLIM_FIELD_REF, 0, 4, 1},     {"empty", PLIM_FIELD_TEXT, 0, 0, 1},
        {"float", PLIM_FIELD_FLOAT, 0, 2, 1}, {"huge", PLIM_FIELD_UINT, 0, 8, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(plim_region_type(region, "q", 24, &bad[i], 1, &type, NULL),
                         PLIM_ERR_USAGE);
    assert_int_equal(plim_region_type(region, "big", 4097, NULL, 0, &type, NULL), PLIM_ERR_USAGE);
    for (int i = 0; i < 7; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        (void)type_of(region, name, 8);
    }
    assert_int_equal(plim_region_type(region, "ninth", 8, NULL, 0, &type, NULL), PLIM_ERR_LIMIT);
    assert_int_equal(plim_region_allocate(region, 9, NULL, 0, NONE, &(plim_ref){0, 0}),
                     PLIM_ERR_STALE);
    plim_region_close(&region);
}

static void tags_sites_and_names_are_there_after_the_region_is_opened_again(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 8);
    uint32_t site = 0, again = 0;
    assert_int_equal(plim_region_intern(region, "main app.c:12", &site), PLIM_OK);
    assert_int_equal(plim_region_intern(region, "main app.c:12", &again), PLIM_OK);
    assert_int_equal(again, site);
    assert_int_equal(plim_region_name(region, PLIM_NAME_TAG, 9, "round"), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 9, "timer"), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 10, "gone"), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 9, "clock"), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 10, NULL), PLIM_OK);
    plim_object_request request = {.struct_bytes = sizeof request,
                                   .type = type,
                                   .tag = 9,
                                   .visibility = PLIM_VISIBILITY_INHERITED,
                                   .owner = 9,
                                   .site = site,
                                   .initial = "8 bytes"};
    plim_ref ref;
    assert_int_equal(plim_region_allocate_as(region, &request, &ref), PLIM_OK);
    plim_region_close(&region);
    region = region_again();
    plim_region_object seen;
    assert_int_equal(plim_region_describe(region, ref, &seen), PLIM_OK);
    assert_true(seen.tag == 9 && seen.visibility == PLIM_VISIBILITY_INHERITED && seen.owner == 9);
    assert_string_equal(plim_region_text(region, seen.site), "main app.c:12");
    assert_string_equal(plim_region_name_of(region, PLIM_NAME_TAG, 9), "round");
    assert_string_equal(plim_region_name_of(region, PLIM_NAME_OWNER, 9), "clock");
    assert_null(plim_region_name_of(region, PLIM_NAME_OWNER, 10));
    assert_int_equal(plim_region_intern(region, "main app.c:12", &again), PLIM_OK);
    assert_int_equal(again, site);
    uint32_t version = seen.version;
    assert_int_equal(plim_region_set(region, ref, "changed", 8), PLIM_OK);
    assert_int_equal(plim_region_describe(region, ref, &seen), PLIM_OK);
    assert_int_not_equal(seen.version, version);
    request.site = 511;
    assert_int_equal(plim_region_allocate_as(region, &request, &ref), PLIM_ERR_USAGE);
    request.site = 0;
    request.visibility = (plim_visibility)3;
    assert_int_equal(plim_region_allocate_as(region, &request, &ref), PLIM_ERR_USAGE);
    request.visibility = PLIM_VISIBILITY_PUBLIC;
    request.struct_bytes--;
    assert_int_equal(plim_region_allocate_as(region, &request, &ref), PLIM_ERR_USAGE);
    plim_region_close(&region);
}

static void texts_and_names_end_where_their_room_does(void **state)
{
    (void)state;
    plim_region *region = region_new();
    char text[8];
    uint32_t offset = 0, count = 0;
    plim_status status = PLIM_OK;
    for (; status == PLIM_OK; count++) {
        (void)snprintf(text, sizeof text, "%u", count);
        status = plim_region_intern(region, text, &offset);
    }
    assert_int_equal(status, PLIM_ERR_LIMIT);
    assert_in_range(count, 100, 250);
    assert_int_equal(plim_region_intern(region, "17", &offset), PLIM_OK); /* is there */
    assert_int_equal(plim_region_intern(region, "", &offset), PLIM_ERR_USAGE);
    for (count = 0; (status = plim_region_name(region, PLIM_NAME_TAG, count, "17")) == PLIM_OK;)
        count++;
    assert_int_equal(status, PLIM_ERR_LIMIT);
    assert_int_equal(count, 32);
    assert_int_equal(plim_region_name(region, PLIM_NAME_TAG, 5, NULL), PLIM_OK);
    assert_int_equal(plim_region_name(region, PLIM_NAME_OWNER, 5, "17"), PLIM_OK);
    plim_region_close(&region);
    region = region_again();
    assert_null(plim_region_name_of(region, PLIM_NAME_TAG, 5));
    assert_string_equal(plim_region_name_of(region, PLIM_NAME_OWNER, 5), "17");
    assert_string_equal(plim_region_name_of(region, PLIM_NAME_TAG, 31), "17");
    plim_region_close(&region);
}

typedef struct witness {
    char said[512];
    plim_ref partner; /* ended from inside the first release told */
} witness;

static void witness_say(witness *at, char what, const plim_region_object *object)
{
    size_t used = strlen(at->said);
    (void)snprintf(at->said + used, sizeof at->said - used, "%c%u ", what, (unsigned)object->birth);
}

static void witness_made(void *context, plim_region *region, const plim_region_object *object)
{
    assert_true(plim_region_is_valid(region, object->ref));
    witness_say(context, '+', object);
}

static void witness_changed(void *context, plim_region *region, const plim_region_object *object)
{
    assert_memory_equal(plim_region_peek(region, object->ref), "changed", 8);
    witness_say(context, '=', object);
}

static void witness_released(void *context, plim_region *region, const plim_region_object *object,
                             const void *last_value)
{
    witness *at = context;
    plim_ref ref;
    assert_false(plim_region_is_valid(region, object->ref));
    assert_memory_equal(last_value, "value ", 6); /* as it was, whoever else is told */
    assert_int_equal(((const char *)last_value)[6], (char)('0' + object->birth));
    witness_say(at, '-', object);
    if (at->partner.generation != 0) {
        assert_int_equal(plim_region_release(region, at->partner), PLIM_OK);
        at->partner.generation = 0;
        assert_int_equal(plim_region_allocate(region, object->type, "newborn", 8, NONE, &ref),
                         PLIM_OK); /* takes no slot of what is still to be told */
    }
    assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
}

static void an_observer_is_told_after_each_change_and_may_call_back(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 8);
    witness at = {.partner = NONE};
    const plim__region_observer observer = {&at, witness_made, witness_changed, witness_released,
                                            NULL};
    plim__region_observe(region, &observer);
    plim_ref refs[5];
    const int parents[5] = {-1, 0, 0, 1, -1};
    for (int i = 0; i < 5; i++) {
        char value[8];
        (void)snprintf(value, sizeof value, "value %d", i + 1);
        refs[i] = object_of(region, type, value, 3, parents[i] < 0 ? NONE : refs[parents[i]]);
    }
    plim_ref sixth = object_of(region, type, "sixth 6", 0, NONE);
    assert_int_equal(plim_region_set(region, sixth, "changed", 8), PLIM_OK);
    at.partner = refs[4];
    assert_int_equal(plim_region_release(region, refs[0]), PLIM_OK);
    assert_string_equal(at.said, "+1 +2 +3 +4 +5 +6 =6 -3 +7 -4 -2 -1 -5 ");
    plim__region_observe(region, NULL);
    assert_int_equal(plim_region_release(region, sixth), PLIM_OK);
    plim_region_info info;
    plim_region_read_info(region, &info);
    assert_int_equal(info.object_count, 1);
    for (int i = 0; i < 511; i++) /* nothing was lost of what was held back */
        (void)object_of(region, type, NULL, 0, NONE);
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &sixth), PLIM_ERR_LIMIT);
    plim_region_close(&region);
}

static uint64_t used_of(plim_domain domain)
{
    plim_domain_stats stats;
    assert_int_equal(plim_domain_stats_read(domain, &stats), PLIM_OK);
    return stats.used_bytes;
}

static plim_domain domain_of(plim_manager *manager, const char *name, size_t limit_bytes)
{
    plim_domain domain = {0};
    const plim_domain_options options = {.struct_bytes = sizeof options,
                                         .limit_bytes = limit_bytes};
    assert_int_equal(plim_domain_create(manager, name, &options, &domain, NULL), PLIM_OK);
    return domain;
}

static void objects_are_charged_to_a_domain_and_refused_when_it_is_full(void **state)
{
    (void)state;
    enum { LIMIT = 20000, EACH = 64 + 112 };
    plim_manager *manager = NULL;
    const plim_manager_options manager_options = {.struct_bytes = sizeof manager_options,
                                                  .total_bytes = 64 << 20};
    assert_int_equal(plim_manager_create(&manager_options, &manager, NULL), PLIM_OK);
    plim_region_options options = small_options();
    plim_region *region = NULL;
    plim_error err = {0};
    options.domain = domain_of(manager, "state", LIMIT);
    memset(storage, 0, sizeof storage);
    assert_int_equal(plim_region_open(&options, &region, NULL), PLIM_OK);
    assert_int_equal(used_of(options.domain), 0);
    uint16_t type = type_of(region, "t", 100), other = type_of(region, "u", 1000);
    plim_ref ref, refs[512];
    uint32_t count = 0;
    plim_status status;
    while ((status = plim_region_allocate(region, type, NULL, 0, NONE, &ref)) == PLIM_OK)
        refs[count++] = ref;
    assert_int_equal(status, PLIM_ERR_BUDGET);
    assert_int_equal(count, LIMIT / EACH);
    assert_in_range(used_of(options.domain), count * EACH, LIMIT);
    assert_string_equal(plim_refusal_last().site, "plim_region");
    /* What the type keeps for its next object serves that, and another type that needs it. */
    assert_int_equal(plim_region_release(region, refs[--count]), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, type, NULL, 0, NONE, &refs[count++]), PLIM_OK);
    while (count > 10)
        assert_int_equal(plim_region_release(region, refs[--count]), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, other, NULL, 0, NONE, &ref), PLIM_OK);
    plim_region_close(&region);
    assert_int_equal(used_of(options.domain), 0);
    assert_int_equal(plim_region_open(&options, &region, NULL), PLIM_OK);
    assert_int_equal(used_of(options.domain), 10 * EACH + 64 + 1008);
    plim_region_close(&region);
    options.domain = domain_of(manager, "small", 2000);
    assert_int_equal(plim_region_open(&options, &region, &err), PLIM_ERR_BUDGET);
    assert_non_null(strstr(err.what, "2832 bytes"));
    assert_int_equal(used_of(options.domain), 0);
    plim_manager_destroy(&manager);
}

static void the_same_program_gives_the_same_references(void **state)
{
    (void)state;
    static plim_ref first[3000];
    for (int round = 0; round < 2; round++) {
        plim_region *region = region_new();
        const uint16_t types[3] = {type_of(region, "a", 8), type_of(region, "b", 100),
                                   type_of(region, "c", 2000)};
        plim_ref live[3000];
        uint64_t random = 1;
        uint32_t count = 0;
        for (uint32_t i = 0; i < 3000; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            if (count > 0 && (random >> 60) < 7)
                (void)plim_region_release(region, live[random % count]);
            plim_ref parent = count > 0 && (random >> 50) % 3 == 0 ? live[random % count] : NONE;
            plim_ref ref = {0, 0};
            if (plim_region_allocate(region, types[(random >> 40) % 3], NULL,
                                     (uint32_t)(random >> 30) % 4, parent, &ref) == PLIM_OK)
                live[count++] = ref;
            else if ((random >> 20) % 4 == 0)
                (void)plim_region_release_owner(region, (uint32_t)(random >> 30) % 4, NULL);
            if (round == 0)
                first[i] = ref;
            else
                assert_memory_equal(&first[i], &ref, sizeof ref);
        }
        assert_int_equal(plim_region_verify(region, NULL), PLIM_OK);
        plim_region_object object;
        uint64_t births = 0;
        for (uint32_t i = 0; plim_region_next(region, &i, &object);)
            births = births * 31 + object.birth;
        static uint64_t first_births;
        first_births = round == 0 ? births : first_births;
        assert_true(births == first_births);
        plim_region_close(&region);
    }
}

static void each_region_has_an_identity_which_its_copies_share(void **state)
{
    (void)state;
    static _Alignas(64) unsigned char copy[STORAGE_BYTES];
    static uint64_t seen[2000];
    plim_region_info info;
    for (int i = 0; i < 2000; i++) {
        plim_region *region = region_new();
        plim_region_read_info(region, &info);
        seen[i] = info.identity;
        assert_true(seen[i] != 0);
        for (int before = 0; before < i; before++)
            assert_true(seen[before] != seen[i]);
        plim_region_close(&region);
    }
    memcpy(copy, storage, sizeof copy);
    plim_region_options options = small_options();
    options.storage = copy;
    plim_region *region = NULL;
    assert_int_equal(plim_region_open(&options, &region, NULL), PLIM_OK);
    plim_region_read_info(region, &info);
    assert_true(info.identity == seen[1999]);
    plim_region_close(&region);
}

/* Another process finds it where the system shows our descriptors. */
static void a_region_in_memory_keeps_its_size_whoever_wants_another(void **state)
{
    (void)state;
    char path[64];
    struct stat before, after;
    plim_region *region = NULL;
    plim_region_options options = small_options();
    options.place = PLIM_REGION_MEMFD;
    options.name = "sealed";
    options.storage = NULL;
    options.storage_bytes = 0;
    assert_int_equal(plim_region_open(&options, &region, NULL), PLIM_OK);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", region->shared.descriptor);
    int other = open(path, O_RDWR | O_CLOEXEC);
    assert_true(other >= 0);
    assert_int_equal(fstat(other, &before), 0);
    assert_true(before.st_size > 0);
    for (int more = -1; more <= 1; more += 2) {
        assert_int_equal(ftruncate(other, before.st_size + (off_t)more * 4096), -1);
        assert_int_equal(errno, EPERM);
    }
    assert_int_equal(ftruncate(other, 0), -1);
    assert_int_equal(fstat(other, &after), 0);
    assert_true(after.st_size == before.st_size);
    assert_int_equal(close(other), 0);
    (void)type_of(region, "t", 8);
    plim_region_close(&region);
}

static void a_birth_never_comes_again(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 8);
    plim_region_object object;
    for (uint64_t birth = 1; birth < 5; birth++) { /* each is over when the next is made */
        plim_ref ref = object_of(region, type, NULL, 0, NONE);
        assert_int_equal(plim_region_describe(region, ref, &object), PLIM_OK);
        assert_int_equal(object.birth, birth);
        assert_int_equal(plim_region_release(region, ref), PLIM_OK);
        plim_region_close(&region);
        region = region_again();
    }
    plim_region_close(&region);
}

/* A value caught between its log and its commit: what memory looks like after a kill there. */
static void a_value_half_replaced_is_the_old_one_again(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 64);
    char old[64], seen[64];
    memset(old, 'o', sizeof old);
    plim_ref ref = object_of(region, type, old, 0, NONE);
    plim_region_close(&region);
    plim__region_head *head = (plim__region_head *)(void *)storage;
    plim__object *object = (plim__object *)(void *)(storage + head->objects_at) + ref.index;
    memcpy(storage + head->log_at, old, sizeof old);
    head->log_index = ref.index;
    head->log_valid = 1;
    object->seq++;
    memset(storage + head->data_at + object->data, 'n', 30);
    region = region_again();
    assert_int_equal(plim_region_get(region, ref, seen, sizeof seen), PLIM_OK);
    assert_memory_equal(seen, old, sizeof old);
    assert_int_equal(object->seq % 2, 0);
    plim_region_info info;
    plim_region_read_info(region, &info);
    assert_true(info.recovered);
    plim_region_close(&region);
}

static void a_cascade_cut_short_is_finished(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        plim_region *region = region_new();
        uint16_t type = type_of(region, "t", 8);
        plim_ref root = object_of(region, type, NULL, 3, NONE);
        plim_ref child = object_of(region, type, NULL, 0, root);
        plim_ref grandchild = object_of(region, type, NULL, 0, child);
        plim_ref other = object_of(region, type, NULL, 4, NONE);
        plim_region_close(&region);
        plim__region_head *head = (plim__region_head *)(void *)storage;
        plim__object *objects = (plim__object *)(void *)(storage + head->objects_at);
        head->intent = cut == 0 ? plim__intent_of(PLIM__INTENT_OBJECT, root.index)
                                : plim__intent_of(PLIM__INTENT_OWNER, 3);
        objects[grandchild.index].word =
            plim__word_of(grandchild.generation, 0) ^ PLIM__OBJECT_LIVE;
        region = region_again();
        assert_false(plim_region_is_valid(region, root));
        assert_false(plim_region_is_valid(region, child));
        assert_true(plim_region_is_valid(region, other));
        assert_int_equal(head->intent, 0);
        plim_region_close(&region);
    }
}

/* Each table field set to what it must not be: an error with words, and no crash. */
static void damage_is_refused_with_words(void **state)
{
    (void)state;
    static _Alignas(64) unsigned char sound[STORAGE_BYTES];
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 24);
    plim_ref root = object_of(region, type, NULL, 1, NONE);
    for (int i = 0; i < 5; i++)
        (void)object_of(region, type, NULL, 0, root);
    assert_int_equal(plim_region_name(region, PLIM_NAME_TAG, 7, "t"), PLIM_OK);
    plim_region_close(&region);
    memcpy(sound, storage, sizeof sound);
    const plim__region_head *head = (const plim__region_head *)(void *)sound;
    size_t first = (size_t)head->objects_at, row = (size_t)head->types_at;
    size_t text = (size_t)head->text_at, names = (size_t)head->names_at;
    const struct {
        size_t at;
        uint64_t value;
        size_t bytes;
    } faults[] = {
        {offsetof(plim__region_head, order), 0x04030201, 4},
        {offsetof(plim__region_head, version), 9, 4},
        {offsetof(plim__region_head, version), 1, 4}, /* the one before */
        {offsetof(plim__region_head, layout_hash), 1, 8},
        {offsetof(plim__region_head, total_bytes), UINT64_MAX, 8},
        {offsetof(plim__region_head, object_max), UINT32_MAX, 4},
        {offsetof(plim__region_head, object_max), 0, 4},
        {offsetof(plim__region_head, data_at), 1, 8},
        {offsetof(plim__region_head, data_bytes), UINT64_MAX - 15, 8},
        {offsetof(plim__region_head, types), 9, 4},
        {offsetof(plim__region_head, types), UINT64_C(1) << 32 | 1, 8}, /* another hash */
        {offsetof(plim__region_head, name_top), 33, 4},
        {offsetof(plim__region_head, text_used), UINT32_MAX, 4},
        {offsetof(plim__region_head, text_used), 0, 4},
        {offsetof(plim__region_head, text_used), 2, 4},
        {text, 1, 1},
        {names, 3, 8},
        {names, UINT64_C(0x700001ff1), 8},
        {offsetof(plim__region_head, object_top), 513, 4},
        {offsetof(plim__region_head, intent), 7, 8},
        {offsetof(plim__region_head, intent), UINT64_C(0xffffffff00000001), 8},
        {row + offsetof(plim__type_row, name), 511, 4},
        {row + offsetof(plim__type_row, size_bytes), 4097, 4},
        {row + offsetof(plim__type_row, first_field), 33, 4},
        {row + offsetof(plim__type_row, field_count), UINT32_MAX, 4},
        {first + offsetof(plim__object, word), 1u | 2u << 16, 4},
        {first + offsetof(plim__object, size_bytes), 25, 4},
        {first + offsetof(plim__object, data), 8, 8},
        {first + offsetof(plim__object, data), UINT64_MAX - 15, 8},
        {first + offsetof(plim__object, data), 32, 8},  /* over its child's */
        {first + offsetof(plim__object, parent), 3, 4}, /* a circle */
        {first + offsetof(plim__object, birth), 3, 8},
        {first + 64 + offsetof(plim__object, parent), 513, 4},
        {first + 64 + offsetof(plim__object, parent), 100, 4},
        {first + 64 + offsetof(plim__object, owner), 2, 4},
        {first + 128 + offsetof(plim__object, birth), 2, 8},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        plim_region_options options = small_options();
        plim_error err = {0};
        memcpy(storage, sound, sizeof storage);
        memcpy(storage + faults[i].at, &faults[i].value, faults[i].bytes);
        plim_status status = plim_region_open(&options, &region, &err);
        if (status != PLIM_ERR_DAMAGED && status != PLIM_ERR_UNSUPPORTED)
            fail_msg("fault %zu: %s", i, plim_status_name(status));
        assert_string_not_equal(err.what, "");
    }
}

static void refused_memory_leaves_the_region_as_it_was(void **state)
{
    (void)state;
    plim_region *region = region_new();
    uint16_t type = type_of(region, "t", 8);
    plim_ref ref = object_of(region, type, "8 bytes", 0, NONE);
    plim_region_close(&region);
    plim_region_options options = small_options();
    bool opened = false;
    for (uint64_t n = 1; !opened; n++) {
        fault_allocator faults;
        fault_allocator_init(&faults, n);
        options.allocator = &faults.allocator;
        plim_status status = plim_region_open(&options, &region, NULL);
        opened = status == PLIM_OK;
        if (opened) {
            assert_memory_equal(plim_region_peek(region, ref), "8 bytes", 8);
            plim_region_close(&region);
            assert_true(n > 5);
        } else {
            assert_int_equal(status, PLIM_ERR_NO_MEMORY);
        }
        assert_int_equal(faults.live_bytes, 0);
    }
}

static void a_file_has_one_writer(void **state)
{
    (void)state;
    char name[1024];
    const char *folder = getenv("TMPDIR");
    assert_true(snprintf(name, sizeof name, "%s/plim-region-XXXXXX",
                         folder != NULL ? folder : "/tmp") < (int)sizeof name);
    plim_region *first = NULL, *second = NULL;
    plim_error err = {0};
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .name = name,
                                   .object_max = 64,
                                   .data_bytes = 4096,
                                   .value_max = 64};
    assert_int_equal(plim_region_open(&options, &first, NULL), PLIM_OK);
    assert_int_equal(plim_region_open(&options, &second, &err), PLIM_ERR_BUSY);
    assert_non_null(strstr(err.where, name));
    char busy[64];
    (void)snprintf(busy, sizeof busy, "process %ld writes it", (long)getpid());
    assert_string_equal(err.what, busy);
    uint16_t type = type_of(first, "t", 64);
    plim_ref ref = object_of(first, type, NULL, 0, NONE);
    assert_int_equal(plim_region_sync(first, NULL), PLIM_OK);
    plim_region_close(&first);
    options.object_max = 999; /* a region that exists keeps its own capacities */
    assert_int_equal(plim_region_open(&options, &first, NULL), PLIM_OK);
    plim_region_info info;
    plim_region_read_info(first, &info);
    assert_int_equal(info.object_max, 64);
    assert_true(plim_region_is_valid(first, ref));
    plim_region_close(&first);
    (void)remove(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_is_there_after_the_region_is_opened_again),
        cmocka_unit_test(a_stale_reference_is_refused_and_never_anothers),
        cmocka_unit_test(a_slot_at_its_last_generation_is_never_used_again),
        cmocka_unit_test(release_takes_all_below_and_nothing_beside),
        cmocka_unit_test(an_owner_goes_with_all_that_is_its_own),
        cmocka_unit_test(a_full_region_refuses_and_what_was_freed_serves_other_sizes),
        cmocka_unit_test(types_are_found_by_name_and_another_layout_is_refused),
        cmocka_unit_test(tags_sites_and_names_are_there_after_the_region_is_opened_again),
        cmocka_unit_test(texts_and_names_end_where_their_room_does),
        cmocka_unit_test(an_observer_is_told_after_each_change_and_may_call_back),
        cmocka_unit_test(objects_are_charged_to_a_domain_and_refused_when_it_is_full),
        cmocka_unit_test(the_same_program_gives_the_same_references),
        cmocka_unit_test(each_region_has_an_identity_which_its_copies_share),
        cmocka_unit_test(a_region_in_memory_keeps_its_size_whoever_wants_another),
        cmocka_unit_test(a_birth_never_comes_again),
        cmocka_unit_test(a_value_half_replaced_is_the_old_one_again),
        cmocka_unit_test(a_cascade_cut_short_is_finished),
        cmocka_unit_test(damage_is_refused_with_words),
        cmocka_unit_test(refused_memory_leaves_the_region_as_it_was),
        cmocka_unit_test(a_file_has_one_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
