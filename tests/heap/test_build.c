/* SPDX-License-Identifier: MIT */
/*
 * Graph builder. Method: a graph that was read from a file is built again row by row, its edges in
 * any order, and must be the same as text; then refused memory at every n.
 */
#include <plimsoll/build.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "graph_text.h"
#include "heap/graph.h"
#include "streams.h"

#define TEXT(literal) ((plim_text){literal, sizeof(literal) - 1})

/* A builder knows nothing of documents: the words that say so go from the text. */
static void strip_detachedness(char *text)
{
    static const char WORD[] = " detachedness 1";
    for (char *at = strstr(text, " detachedness "); at != NULL; at = strstr(at, " detachedness "))
        memmove(at, at + sizeof WORD - 1, strlen(at + sizeof WORD - 1) + 1);
}

static void a_graph_built_in_any_order_is_the_graph(void **state)
{
    (void)state;
    char path[1024];
    test_sink file = {0}, first = {0}, second = {0};
    const char *folder = getenv("PLIM_TEST_DATA");
    assert_non_null(folder);
    assert_true(snprintf(path, sizeof path, "%s/bun.heapsnapshot", folder) < (int)sizeof path);
    test_read_file(path, &file);
    plim_graph *graph = NULL, *again = NULL;
    plim_graph_info info;
    assert_int_equal(test_read_text(file.data, file.len, 0, NULL, &graph, NULL), PLIM_OK);
    plim_graph_read_info(graph, &info);
    plim_graph_builder *builder = NULL;
    assert_int_equal(plim_graph_builder_create(NULL, &builder, NULL), PLIM_OK);
    for (uint32_t i = 0; i < info.node_count; i++) {
        plim_node node;
        plim_graph_node(graph, i, &node);
        assert_int_equal(
            plim_graph_builder_node(builder, node.type, node.name, node.id, node.self_bytes), i);
    }
    for (uint32_t i = info.node_count; i-- > 0;) { /* last nodes first, each one's in order */
        plim_node node;
        plim_graph_node(graph, i, &node);
        for (uint32_t k = 0; k < node.edge_count; k++) {
            plim_edge edge;
            plim_graph_edge(graph, node.first_edge + k, &edge);
            assert_true(edge.index != PLIM_NONE
                            ? plim_graph_builder_element(builder, i, edge.type, edge.index, edge.to)
                            : plim_graph_builder_edge(builder, i, edge.type, edge.name, edge.to));
        }
    }
    assert_int_equal(plim_graph_builder_finish(&builder, &again, NULL), PLIM_OK);
    assert_null(builder);
    assert_true(plim__graph_is_valid(again));
    test_graph_text(graph, &first);
    test_graph_text(again, &second);
    strip_detachedness(first.data);
    const char *one = strstr(first.data, "\n0 "), *other = strstr(second.data, "\n0 ");
    assert_non_null(one);
    assert_string_equal(one, other);
    plim_graph_destroy(&graph);
    plim_graph_destroy(&again);
    test_sink_fini(&file);
    test_sink_fini(&first);
    test_sink_fini(&second);
}

static plim_status build_small(const plim_allocator *allocator, plim_graph **out_graph)
{
    plim_graph_builder *builder = NULL;
    plim_status status = plim_graph_builder_create(allocator, &builder, NULL);
    if (status != PLIM_OK)
        return status;
    uint32_t root = plim_graph_builder_node(builder, PLIM_NODE_SYNTHETIC, TEXT(""), 1, 0);
    for (uint32_t i = 0; i < 3000 && root != PLIM_NONE; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "n%u", i % 1000);
        uint32_t node = plim_graph_builder_node(
            builder, PLIM_NODE_OBJECT, (plim_text){name, (size_t)length},
            3 + 2 * (uint64_t)i + (i == 7 ? UINT64_C(1) << 40 : 0), i == 9 ? UINT64_C(1) << 33 : i);
        if (node != PLIM_NONE)
            (void)plim_graph_builder_edge(builder, root, PLIM_EDGE_PROPERTY, TEXT("held"), node);
    }
    return plim_graph_builder_finish(&builder, out_graph, NULL);
}

static void every_refusal_ends_it_and_leaves_nothing(void **state)
{
    (void)state;
    plim_status status = PLIM_ERR_NO_MEMORY;
    for (uint64_t n = 1; status != PLIM_OK; n++) {
        fault_allocator faults;
        plim_graph *graph = NULL;
        fault_allocator_init(&faults, n);
        status = build_small(&faults.allocator, &graph);
        if (status == PLIM_OK) {
            plim_graph_info info;
            plim_graph_read_info(graph, &info);
            assert_int_equal(info.node_count, 3001);
            assert_int_equal(info.string_count, 1002);
            assert_true(plim__graph_is_valid(graph));
            assert_int_equal(plim_graph_find_id(graph, 17 + (UINT64_C(1) << 40)), 8);
            plim_graph_destroy(&graph);
            assert_true(n > 20);
        } else {
            assert_int_equal(status, PLIM_ERR_NO_MEMORY);
        }
        assert_int_equal(faults.live_bytes, 0);
    }
}

static void an_empty_one_is_no_graph_and_a_root_alone_is(void **state)
{
    (void)state;
    plim_graph_builder *builder = NULL;
    plim_graph *graph = NULL;
    assert_int_equal(plim_graph_builder_create(NULL, &builder, NULL), PLIM_OK);
    assert_int_equal(plim_graph_builder_finish(&builder, &graph, NULL), PLIM_ERR_USAGE);
    assert_null(builder);
    assert_int_equal(plim_graph_builder_create(NULL, &builder, NULL), PLIM_OK);
    assert_int_equal(plim_graph_builder_node(builder, PLIM_NODE_SYNTHETIC, TEXT(""), 1, 0), 0);
    assert_int_equal(plim_graph_builder_finish(&builder, &graph, NULL), PLIM_OK);
    assert_true(plim__graph_is_valid(graph));
    plim_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_built_in_any_order_is_the_graph),
        cmocka_unit_test(every_refusal_ends_it_and_leaves_nothing),
        cmocka_unit_test(an_empty_one_is_no_graph_and_a_root_alone_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
