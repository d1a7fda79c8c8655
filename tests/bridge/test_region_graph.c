/* SPDX-License-Identifier: MIT */
/*
 * Regions as graphs. Method: a region in a file, made by the public calls, looked at through a
 * view; the graph is asked for by names. Then every allocation refused in turn, and files that lie.
 */
#include <plimsoll/bridge.h>
#include <plimsoll/stack.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "runtime/region/layout.h"

typedef struct member {
    char name[16];
    int32_t age;
    plim_ref mentor;
    plim_ref peers[3];
    plim_ref admired;
} member;

static const plim_field MEMBER_FIELDS[] = {
    {"name", PLIM_FIELD_TEXT, offsetof(member, name), 16, 1},
    {"age", PLIM_FIELD_INT, offsetof(member, age), 4, 1},
    {"mentor", PLIM_FIELD_REF, offsetof(member, mentor), sizeof(plim_ref), 1},
    {"peers", PLIM_FIELD_REF, offsetof(member, peers), sizeof(plim_ref), 3},
    {"admired", PLIM_FIELD_WEAK, offsetof(member, admired), sizeof(plim_ref), 1},
};

static char file_name[1024];
static plim_region *region;
static uint16_t member_type;
static const plim_ref nobody;

static int world_setup(void **state)
{
    (void)state;
    const char *folder = getenv("TMPDIR");
    (void)snprintf(file_name, sizeof file_name, "%s/plim-graph-%ld",
                   folder != NULL ? folder : "/tmp", (long)getpid());
    plim_region_options options = {.struct_bytes = sizeof options,
                                   .name = file_name,
                                   .object_max = 4096,
                                   .type_max = 16,
                                   .field_max = 64,
                                   .text_bytes = 1024,
                                   .data_bytes = 256 << 10,
                                   .value_max = 1024};
    return plim_region_open(&options, &region, NULL) == PLIM_OK &&
                   plim_region_type(region, "member", sizeof(member), MEMBER_FIELDS, 5,
                                    &member_type, NULL) == PLIM_OK
               ? 0
               : 1;
}

static int world_teardown(void **state)
{
    (void)state;
    plim_region_close(&region);
    (void)remove(file_name);
    return 0;
}

static plim_ref make(const char *name, uint32_t owner, plim_ref parent, plim_ref mentor)
{
    member value = {.mentor = mentor};
    plim_ref ref;
    (void)snprintf(value.name, sizeof value.name, "%s", name);
    assert_int_equal(plim_region_allocate(region, member_type, &value, owner, parent, &ref),
                     PLIM_OK);
    return ref;
}

static plim_graph *graph_of(const plim_region_graph_options *options)
{
    plim_region_view *view = NULL;
    plim_graph *graph = NULL;
    plim_error err = {0};
    if (plim_region_view_open(file_name, NULL, &view, &err) != PLIM_OK ||
        plim_graph_from_region(view, options, &graph, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    plim_region_view_close(&view);
    return graph;
}

static bool is_text(plim_text text, const char *wanted)
{
    return text.size_bytes == strlen(wanted) && memcmp(text.data, wanted, text.size_bytes) == 0;
}

/* Where the edge of that name (or number, if name is NULL) leads to; PLIM_NONE if there is none. */
static uint32_t follow(const plim_graph *graph, uint32_t from, const char *name, uint32_t number)
{
    plim_node node;
    plim_graph_node(graph, from, &node);
    for (uint32_t i = 0; i < node.edge_count; i++) {
        plim_edge edge;
        plim_graph_edge(graph, node.first_edge + i, &edge);
        if (name != NULL ? is_text(edge.name, name)
                         : edge.index == number && edge.index != PLIM_NONE)
            return edge.to;
    }
    return PLIM_NONE;
}

static uint32_t by_id(const plim_graph *graph, uint64_t id)
{
    uint32_t node = plim_graph_find_id(graph, id);
    assert_int_not_equal(node, PLIM_NONE);
    return node;
}

static void objects_hang_on_owners_parents_and_references(void **state)
{
    (void)state;
    plim_ref ada = make("Ada", 7, nobody, nobody); /* birth 1 */
    plim_ref bob = make("Bob", 9, ada, ada);       /* birth 2: has its parent's owner */
    member value = {.name = "Cyd", .peers = {ada, {0, 0}, bob}};
    plim_ref cyd;
    assert_int_equal(plim_region_allocate(region, member_type, &value, 0, nobody, &cyd), PLIM_OK);
    plim_graph *graph = graph_of(NULL);
    plim_node node;
    uint32_t top = follow(graph, 0, NULL, 1);
    plim_graph_node(graph, top, &node);
    assert_true(is_text(node.name, "(GC roots)"));
    uint32_t owner = follow(graph, top, NULL, 7);
    plim_graph_node(graph, owner, &node);
    assert_true(is_text(node.name, "owner 7"));
    assert_int_equal(node.type, PLIM_NODE_SYNTHETIC);
    uint32_t ada_node = follow(graph, owner, NULL, 1);
    assert_int_equal(ada_node, by_id(graph, 1));
    plim_graph_node(graph, ada_node, &node);
    assert_true(is_text(node.name, "member"));
    assert_int_equal(node.type, PLIM_NODE_OBJECT);
    assert_int_equal(node.self_bytes, 64 + 64); /* a slot, and 60 bytes by the grain of 16 */
    assert_int_equal(follow(graph, ada_node, NULL, 2), by_id(graph, 2));
    assert_int_equal(follow(graph, owner, NULL, 2), PLIM_NONE);
    assert_int_equal(follow(graph, by_id(graph, 2), "mentor", 0), ada_node);
    assert_int_equal(follow(graph, ada_node, "mentor", 0), PLIM_NONE);
    assert_int_equal(follow(graph, by_id(graph, 3), "peers[0]", 0), ada_node);
    assert_int_equal(follow(graph, by_id(graph, 3), "peers[1]", 0), PLIM_NONE);
    assert_int_equal(follow(graph, by_id(graph, 3), "peers[2]", 0), by_id(graph, 2));
    plim_graph_node(graph, follow(graph, by_id(graph, 3), "name", 0), &node);
    assert_int_equal(node.type, PLIM_NODE_STRING);
    assert_true(is_text(node.name, "Cyd"));
    plim_graph_node(graph, follow(graph, top, NULL, 0), &node);
    assert_true(is_text(node.name, "(no owner)"));
    plim_graph_destroy(&graph);
}

static void a_weak_reference_is_a_weak_edge(void **state)
{
    (void)state;
    plim_ref ada = make("Ada", 7, nobody, nobody);
    member value = {.mentor = ada, .admired = ada};
    plim_ref bob;
    assert_int_equal(plim_region_allocate(region, member_type, &value, 7, nobody, &bob), PLIM_OK);
    plim_graph *graph = graph_of(NULL);
    plim_node node;
    plim_edge edge;
    plim_graph_node(graph, by_id(graph, 2), &node);
    assert_int_equal(node.edge_count, 2);
    plim_graph_edge(graph, node.first_edge, &edge);
    assert_int_equal(edge.type, PLIM_EDGE_PROPERTY);
    plim_graph_edge(graph, node.first_edge + 1, &edge);
    assert_int_equal(edge.type, PLIM_EDGE_WEAK);
    assert_true(is_text(edge.name, "admired"));
    plim_graph_destroy(&graph);
}

static plim_ref make_at(const char *site)
{
    plim_object_request request = {.struct_bytes = sizeof request, .type = member_type, .owner = 7};
    plim_ref ref;
    assert_int_equal(plim_region_intern(region, site, &request.site), PLIM_OK);
    assert_int_equal(plim_region_allocate_as(region, &request, &ref), PLIM_OK);
    return ref;
}

static void objects_lead_weakly_to_where_they_were_made(void **state)
{
    (void)state;
    (void)make_at("scan_badge door.c:12");
    (void)make_at("scan_badge door.c:12");
    (void)make_at("invite desk.c:3");
    (void)make("Ada", 7, nobody, nobody);
    plim_graph *graph = graph_of(NULL);
    plim_node node;
    plim_edge edge;
    uint32_t site = follow(graph, by_id(graph, 1), PLIM_EDGE_MADE_AT, 0);
    assert_int_equal(follow(graph, by_id(graph, 2), PLIM_EDGE_MADE_AT, 0), site);
    assert_int_not_equal(follow(graph, by_id(graph, 3), PLIM_EDGE_MADE_AT, 0), site);
    assert_int_equal(follow(graph, by_id(graph, 4), PLIM_EDGE_MADE_AT, 0), PLIM_NONE);
    plim_graph_node(graph, site, &node);
    assert_true(is_text(node.name, "scan_badge door.c:12"));
    assert_int_equal(node.type, PLIM_NODE_SYNTHETIC);
    assert_int_equal(node.self_bytes, 0);
    plim_graph_node(graph, by_id(graph, 1), &node);
    plim_graph_edge(graph, node.first_edge + node.edge_count - 1, &edge);
    assert_int_equal(edge.type, PLIM_EDGE_WEAK);
    plim_graph_node(graph, follow(graph, follow(graph, 0, NULL, 1), "sites", 0), &node);
    assert_true(is_text(node.name, "(sites)"));
    assert_int_equal(node.edge_count, 2);
    plim_graph_destroy(&graph);
}

static void a_stale_reference_is_no_edge_though_its_slot_lives_again(void **state)
{
    (void)state;
    plim_ref ada = make("Ada", 7, nobody, nobody);
    (void)make("Bob", 7, nobody, ada);
    assert_int_equal(plim_region_release(region, ada), PLIM_OK);
    plim_ref cyd = make("Cyd", 7, nobody, nobody);
    assert_int_equal(cyd.index, ada.index);
    plim_graph *graph = graph_of(NULL);
    assert_int_equal(follow(graph, by_id(graph, 2), "mentor", 0), PLIM_NONE);
    assert_int_equal(plim_graph_find_id(graph, 1), PLIM_NONE);
    plim_graph_destroy(&graph);
}

static void an_object_keeps_its_id_and_new_ones_get_higher_ones(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 50; i++)
        (void)make("old", i % 3, nobody, nobody);
    plim_graph *first = graph_of(NULL);
    assert_int_equal(plim_region_release_owner(region, 1, NULL), PLIM_OK);
    for (uint32_t i = 0; i < 50; i++)
        (void)make("new", 5, nobody, nobody);
    plim_graph *second = graph_of(NULL);
    plim_graph_info info;
    plim_graph_read_info(first, &info);
    for (uint32_t i = 0; i < info.node_count; i++) {
        plim_node before;
        plim_node after;
        plim_graph_node(first, i, &before);
        uint32_t now = plim_graph_find_id(second, before.id);
        if (now == PLIM_NONE)
            continue;
        plim_graph_node(second, now, &after);
        assert_int_equal(before.type, after.type);
        assert_int_equal(before.name.size_bytes, after.name.size_bytes);
        assert_memory_equal(before.name.data, after.name.data, after.name.size_bytes);
    }
    plim_graph_read_info(second, &info);
    for (uint32_t i = 0; i < info.node_count; i++) {
        plim_node node;
        plim_graph_node(second, i, &node);
        assert_int_equal(by_id(second, node.id), i); /* unique */
        if (node.type == PLIM_NODE_STRING && is_text(node.name, "new"))
            assert_true(node.id >= PLIM_REGION_ID_SYNTHETIC);
        if (node.type == PLIM_NODE_OBJECT)
            assert_in_range(plim_region_node_birth(node.id), 1, 100);
    }
    plim_graph_destroy(&first);
    plim_graph_destroy(&second);
}

static void ids_go_on_above_the_synthetic_ones(void **state)
{
    (void)state;
    assert_int_equal(plim_region_node_id(1), 1);
    assert_int_equal(plim_region_node_id(PLIM_REGION_ID_SYNTHETIC - 1),
                     PLIM_REGION_ID_SYNTHETIC - 1);
    assert_true(plim_region_node_id(PLIM_REGION_ID_SYNTHETIC) == UINT64_C(1) << 32);
    uint64_t births[] = {1, 0xEFFFFFFF, 0xF0000000, 0xFFFFFFFF, UINT64_C(1) << 40};
    for (size_t i = 0; i < sizeof births / sizeof *births; i++)
        assert_true(plim_region_node_birth(plim_region_node_id(births[i])) == births[i]);
    assert_true(plim_region_node_birth(PLIM_REGION_ID_SYNTHETIC + 5) == 0);
}

static void what_a_block_owns_hangs_on_the_block(void **state)
{
    (void)state;
    const plim_block_type round = {.struct_bytes = sizeof round, .name = "round", .state_bytes = 8};
    const plim_block_type *const types[] = {&round};
    plim_stack_options options = {.struct_bytes = sizeof options, .types = types, .type_count = 1};
    plim_stack *stack = NULL;
    plim_block_info info;
    plim_error err = {0};
    if (plim_stack_open(region, &options, &stack, &err) != PLIM_OK ||
        plim_stack_push(stack, "round", NULL, "warm up", NULL, &err) != PLIM_OK)
        fail_msg("%s", err.what);
    assert_true(plim_stack_at(stack, 0, &info));
    plim_ref ada = make("Ada", info.number, nobody, nobody);
    assert_int_not_equal(ada.generation, 0);
    plim_graph *graph = graph_of(NULL);
    plim_node node;
    uint32_t block = follow(graph, follow(graph, 0, NULL, 1), NULL, info.number);
    plim_graph_node(graph, block, &node);
    assert_true(is_text(node.name, "block:round"));
    assert_int_equal(node.type, PLIM_NODE_OBJECT);
    plim_graph_node(graph, follow(graph, block, "label", 0), &node);
    assert_true(is_text(node.name, "warm up"));
    bool found = false;
    plim_graph_node(graph, block, &node);
    for (uint32_t i = 0; i < node.edge_count; i++) {
        plim_edge edge;
        plim_node below;
        plim_graph_edge(graph, node.first_edge + i, &edge);
        plim_graph_node(graph, edge.to, &below);
        found = found || is_text(below.name, "member");
    }
    assert_true(found);
    plim_graph_destroy(&graph);
    plim_stack_close(&stack);
}

static void texts_are_made_sound_or_left_out(void **state)
{
    (void)state;
    (void)make("a\xffz\xc3\xa9\xc3", 1, nobody, nobody);
    plim_graph *graph = graph_of(NULL);
    plim_node node;
    plim_graph_node(graph, follow(graph, by_id(graph, 1), "name", 0), &node);
    assert_true(is_text(node.name, "a?z\xc3\xa9?"));
    plim_graph_destroy(&graph);
    plim_region_graph_options options = {.struct_bytes = sizeof options, .without_texts = true};
    graph = graph_of(&options);
    assert_int_equal(follow(graph, by_id(graph, 1), "name", 0), PLIM_NONE);
    plim_graph_destroy(&graph);
}

static void owners_of_any_number_have_nodes_of_their_own(void **state)
{
    (void)state;
    uint32_t owners[] = {0, 1, (1u << 27) - 1, 1u << 27, UINT32_MAX - 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        (void)make("x", owners[i], nobody, nobody);
    plim_graph *graph = graph_of(NULL);
    uint32_t top = follow(graph, 0, NULL, 1);
    for (uint32_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        if (owners[i] != UINT32_MAX) /* no element has that number */
            assert_int_equal(follow(graph, follow(graph, top, NULL, owners[i]), NULL, i + 1),
                             by_id(graph, i + 1));
    }
    plim_graph_destroy(&graph);
}

static bool stop_at_once(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    uint32_t *calls = ctx;
    assert_string_equal(phase, "objects");
    assert_true(done <= total);
    return ++*calls < 1;
}

static void a_stop_is_heard(void **state)
{
    (void)state;
    uint32_t calls = 0;
    for (uint32_t i = 0; i < 4000; i++)
        (void)make("x", 1, nobody, nobody);
    plim_region_graph_options options = {.struct_bytes = sizeof options,
                                         .progress = {&calls, stop_at_once}};
    plim_region_view *view = NULL;
    plim_graph *graph = NULL;
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_OK);
    assert_int_equal(plim_graph_from_region(view, &options, &graph, NULL), PLIM_ERR_INTERRUPTED);
    assert_null(graph);
    plim_region_view_close(&view);
}

static void every_refused_allocation_is_said_and_leaves_nothing(void **state)
{
    (void)state;
    plim_ref ada = make("Ada", 7, nobody, nobody);
    for (uint32_t i = 0; i < 300; i++)
        (void)make("Bob", i, i % 2 == 0 ? ada : nobody, ada);
    (void)make_at("scan_badge door.c:12");
    plim_region_view *view = NULL;
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_OK);
    plim_status status = PLIM_ERR_NO_MEMORY;
    for (uint64_t at = 1; status != PLIM_OK; at++) {
        fault_allocator fault;
        plim_graph *graph = NULL;
        plim_error err = {0};
        fault_allocator_init(&fault, at);
        plim_region_graph_options options = {.struct_bytes = sizeof options,
                                             .allocator = &fault.allocator};
        status = plim_graph_from_region(view, &options, &graph, &err);
        assert_true(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
        assert_int_equal(err.status, status);
        plim_graph_destroy(&graph);
        assert_int_equal(fault.live_bytes, 0);
        assert_true(at < 1000);
    }
    plim_region_view_close(&view);
}

/* Overwrites bytes of the file behind the writer's back. */
static void spoil(uint64_t at, const void *bytes, size_t count)
{
    FILE *file = fopen(file_name, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void read_head(plim__region_head *head)
{
    FILE *file = fopen(file_name, "rb");
    assert_non_null(file);
    assert_int_equal(fread(head, sizeof *head, 1, file), 1);
    (void)fclose(file);
}

/* Values that overlap would have a reader copy the same megabytes for each of many objects. */
static void values_that_overlap_are_damage(void **state)
{
    (void)state;
    plim__region_head head;
    uint16_t large;
    plim_ref ref;
    assert_int_equal(plim_region_type(region, "large", 1024, NULL, 0, &large, NULL), PLIM_OK);
    assert_int_equal(plim_region_allocate(region, large, NULL, 1, nobody, &ref), PLIM_OK);
    read_head(&head);
    plim__object slot = {0};
    slot.word = plim__word_of(1, large);
    slot.size_bytes = 1024;
    for (uint32_t i = 1; i < 4096; i++) {
        slot.birth = i + 1;
        spoil(head.objects_at + i * sizeof slot, &slot, sizeof slot);
    }
    plim_region_view *view = NULL;
    plim_graph *graph = NULL;
    head.object_top = 512; /* twice as much as there is could be a busy writer's doing */
    spoil(offsetof(plim__region_head, object_top), &head.object_top, 4);
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_OK);
    assert_int_equal(plim_graph_from_region(view, NULL, &graph, NULL), PLIM_OK);
    plim_graph_destroy(&graph);
    head.object_top = 4096;
    plim_region_view_close(&view);
    spoil(offsetof(plim__region_head, object_top), &head.object_top, 4);
    assert_int_equal(plim_region_view_open(file_name, NULL, &view, NULL), PLIM_OK);
    assert_int_equal(plim_graph_from_region(view, NULL, &graph, NULL), PLIM_ERR_DAMAGED);
    plim_region_view_close(&view);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(objects_hang_on_owners_parents_and_references),
        CASE(a_weak_reference_is_a_weak_edge),
        CASE(objects_lead_weakly_to_where_they_were_made),
        CASE(a_stale_reference_is_no_edge_though_its_slot_lives_again),
        CASE(an_object_keeps_its_id_and_new_ones_get_higher_ones),
        CASE(ids_go_on_above_the_synthetic_ones),
        CASE(what_a_block_owns_hangs_on_the_block),
        CASE(texts_are_made_sound_or_left_out),
        CASE(owners_of_any_number_have_nodes_of_their_own),
        CASE(a_stop_is_heard),
        CASE(every_refused_allocation_is_said_and_leaves_nothing),
        CASE(values_that_overlap_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
