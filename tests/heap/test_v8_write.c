/* SPDX-License-Identifier: MIT */
/*
 * V8 writer. Method: what the reader has read is written and read again, and must be the same graph
 * as text; sizes beyond 32 bits, a sink that fails at each byte, memory that is refused.
 */
#include <plimsoll/build.h>
#include <plimsoll/graph.h>

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
#include "streams.h"

static const char *const FILES[] = {
    "bun.heapsnapshot",     "escapes.heapsnapshot", "node-20.heapsnapshot", "node-22.heapsnapshot",
    "node-24.heapsnapshot", "node-26.heapsnapshot", "v8-15.heapsnapshot",
};
enum { FILE_COUNT = sizeof FILES / sizeof FILES[0] };

static plim_graph *graph_of(const char *data, size_t len)
{
    plim_graph *graph = NULL;
    plim_error err = {0};
    if (test_read_text(data, len, 0, NULL, &graph, &err) != PLIM_OK)
        fail_msg("%s (%s)", err.what, err.where);
    return graph;
}

static plim_graph *graph_of_file(const char *name)
{
    char path[1024];
    test_sink text = {0};
    const char *folder = getenv("PLIM_TEST_DATA");
    assert_non_null(folder);
    assert_true(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
    test_read_file(path, &text);
    plim_graph *graph = graph_of(text.data, text.len);
    test_sink_fini(&text);
    return graph;
}

/* Nodes, edges and strings; the first line, the totals, counts stacks that a graph has not. */
static const char *body_of(const plim_graph *graph, test_sink *text)
{
    test_graph_text(graph, text);
    const char *line = strchr(text->data, '\n');
    assert_non_null(line);
    return line;
}

static void a_graph_written_and_read_again_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        test_sink text = {0}, first = {0}, second = {0};
        plim_graph *graph = graph_of_file(FILES[i]);
        plim_error err = {0};
        if (plim_graph_write_v8(graph, test_sink_view(&text), NULL, &err) != PLIM_OK)
            fail_msg("%s: %s", FILES[i], err.what);
        plim_graph *again = graph_of(text.data, text.len);
        if (strcmp(body_of(again, &second), body_of(graph, &first)) != 0)
            fail_msg("%s: not the same graph", FILES[i]);
        plim_graph_destroy(&graph);
        plim_graph_destroy(&again);
        test_sink_fini(&text);
        test_sink_fini(&first);
        test_sink_fini(&second);
    }
}

#define LARGE_SNAPSHOT                                                                             \
    "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\","            \
    "\"edge_count\"],\"node_types\":[[\"synthetic\",\"native\"],\"string\",\"number\","            \
    "\"number\",\"number\"],\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"             \
    "\"edge_types\":[[\"element\"],\"string_or_number\",\"node\"]},\"node_count\":3,"              \
    "\"edge_count\":2},\"nodes\":[0,0,1,0,2,1,1,3,%llu,0,1,1,5,7,0],"                              \
    "\"edges\":[0,1,5,0,2,10],\"strings\":[\"\",\"block\"]}"

static void a_size_beyond_32_bits_is_spread_and_its_sum_stays(void **state)
{
    (void)state;
    static const struct {
        unsigned long long bytes;
        uint32_t nodes;
    } CASES[] = {
        {UINT32_MAX - 1ull, 3},     {UINT32_MAX, 3}, {1ull << 32, 4}, {UINT32_MAX * 2ull, 4},
        {UINT32_MAX * 2ull + 1, 5}, {5ull << 32, 8}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char large[1024];
        test_sink text = {0};
        plim_graph_info info;
        int len = snprintf(large, sizeof large, LARGE_SNAPSHOT, CASES[i].bytes);
        plim_graph *graph = graph_of(large, (size_t)len);
        assert_int_equal(plim_graph_write_v8(graph, test_sink_view(&text), NULL, NULL), PLIM_OK);
        plim_graph *again = graph_of(text.data, text.len);
        plim_graph_read_info(again, &info);
        assert_int_equal(info.node_count, CASES[i].nodes);
        assert_int_equal(info.edge_count, CASES[i].nodes - 1); /* none is out of reach */
        assert_true(info.self_bytes == CASES[i].bytes + 7);
        for (uint32_t node = 0; node < info.node_count; node++) {
            plim_node seen;
            plim_graph_node(again, node, &seen);
            assert_true(seen.self_bytes <= UINT32_MAX);
            assert_int_equal(plim_graph_find_id(again, seen.id), node);
        }
        plim_graph_destroy(&graph);
        plim_graph_destroy(&again);
        test_sink_fini(&text);
    }
}

static void a_size_no_process_has_is_refused_before_a_byte_is_written(void **state)
{
    (void)state;
    test_sink text = {0};
    plim_error err = {0};
    plim_graph *graph = graph_of_file("foreign.heapsnapshot"); /* a node of 2^60 bytes */
    assert_int_equal(plim_graph_write_v8(graph, test_sink_view(&text), NULL, &err), PLIM_ERR_LIMIT);
    assert_int_equal(text.len, 0);
    plim_graph_destroy(&graph);
    test_sink_fini(&text);
}

static void a_sink_that_fails_ends_it_with_its_status(void **state)
{
    (void)state;
    test_sink whole = {0};
    plim_graph *graph = graph_of_file("escapes.heapsnapshot");
    assert_int_equal(plim_graph_write_v8(graph, test_sink_view(&whole), NULL, NULL), PLIM_OK);
    for (size_t limit = 1; limit < whole.len; limit += 37) {
        test_sink part = {.limit = limit};
        assert_int_not_equal(plim_graph_write_v8(graph, test_sink_view(&part), NULL, NULL),
                             PLIM_OK);
        assert_true(part.len <= limit);
        test_sink_fini(&part);
    }
    plim_graph_destroy(&graph);
    test_sink_fini(&whole);
}

static bool stop_at_once(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    (void)phase;
    assert_true(done <= total);
    ++*(int *)ctx;
    return false;
}

static void refused_memory_and_an_interrupt_are_said(void **state)
{
    (void)state;
    test_sink text = {0};
    plim_error err = {0};
    plim_graph *graph = graph_of_file("node-24.heapsnapshot");
    plim_cap *cap = NULL;
    assert_int_equal(plim_cap_create(NULL, 100, &cap), PLIM_OK);
    plim_write_options options = {.struct_bytes = sizeof options,
                                  .allocator = plim_cap_allocator(cap)};
    assert_int_equal(plim_graph_write_v8(graph, test_sink_view(&text), &options, &err),
                     PLIM_ERR_NO_MEMORY);
    assert_int_equal(text.len, 0);
    plim_cap_destroy(&cap);
    plim_graph_destroy(&graph);
    test_sink_fini(&text);

    /* More rows than lie between two questions: 100,000 numbers as one node's elements. */
    test_sink many = {0};
    test_put(&many, "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\","
                    "\"self_size\",\"edge_count\"],\"node_types\":[[\"synthetic\"],\"string\","
                    "\"number\",\"number\",\"number\"],\"edge_fields\":[\"type\","
                    "\"name_or_index\",\"to_node\"],");
    test_put(&many, "\"edge_types\":[[\"element\"],\"string_or_number\",\"node\"]},"
                    "\"node_count\":1,\"edge_count\":100000},\"nodes\":[0,0,1,0,100000],"
                    "\"edges\":[0,0,0");
    for (int i = 1; i < 100000; i++)
        test_put(&many, ",0,%d,0", i);
    test_put(&many, "],\"strings\":[\"\"]}");
    graph = graph_of(many.data, many.len);
    int calls = 0;
    options =
        (plim_write_options){.struct_bytes = sizeof options, .progress = {&calls, stop_at_once}};
    test_sink stopped = {0};
    assert_int_equal(plim_graph_write_v8(graph, test_sink_view(&stopped), &options, &err),
                     PLIM_ERR_INTERRUPTED);
    assert_int_equal(calls, 1);
    plim_graph_destroy(&graph);
    test_sink_fini(&stopped);
    test_sink_fini(&many);
}

static void ids_of_any_width_are_kept_if_asked_and_else_numbered_anew(void **state)
{
    (void)state;
    for (uint32_t keep = 0; keep < 2; keep++) {
        plim_graph_builder *builder = NULL;
        plim_graph *graph = NULL;
        test_sink text = {0};
        uint64_t id = 1;
        assert_int_equal(plim_graph_builder_create(NULL, &builder, NULL), PLIM_OK);
        for (int i = 0; i < 18; i++, id *= 10)
            assert_int_equal(
                plim_graph_builder_node(builder, PLIM_NODE_OBJECT, (plim_text){"x", 1}, id, 1), i);
        assert_int_equal(plim_graph_builder_finish(&builder, &graph, NULL), PLIM_OK);
        plim_write_options options = {.struct_bytes = sizeof options, .keep_ids = keep != 0};
        assert_int_equal(plim_graph_write_v8(graph, test_sink_view(&text), &options, NULL),
                         PLIM_OK);
        plim_graph_destroy(&graph);
        graph = graph_of(text.data, text.len);
        id = 1;
        for (uint32_t i = 0; i < 18; i++, id *= 10) {
            plim_node node;
            plim_graph_node(graph, i, &node);
            assert_true(node.id == (keep != 0 ? id : 2 * (uint64_t)i + 1));
        }
        plim_graph_destroy(&graph);
        test_sink_fini(&text);
    }
}

/* main -> (open -> make, close): a tree that goes down, back and beside, over four nodes. */
static void stacks_and_samples_are_written_as_a_timeline_has_them(void **state)
{
    (void)state;
    static const plim_write_function functions[] = {{"main", "a.c", 1, 3},
                                                    {"open \"x\"", "a.c", 1, 9},
                                                    {"make", "", 0, 0},
                                                    {"close", "b.c", 2, 1}};
    static const plim_write_call calls[] = {
        {0, PLIM_NONE, 0, 0}, {1, 0, 1, 16}, {2, 1, 2, 48}, {3, 0, 1, 8}, {2, PLIM_NONE, 5, 50}};
    static const plim_write_sample samples[] = {{0, 7}, {50000, 11}};
    plim_graph *graph = graph_of_file("node-24.heapsnapshot");
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    uint32_t node_call[64];
    assert_true(info.node_count <= 64);
    for (uint32_t i = 0; i < info.node_count; i++)
        node_call[i] = i < 5 ? i : PLIM_NONE;
    const plim_write_trace trace = {functions, 4, calls, 5, node_call};
    plim_write_options options = {
        .struct_bytes = sizeof options, .sample_count = 2, .samples = samples, .trace = &trace};
    test_sink text = {0};
    plim_error err = {0};
    assert_int_equal(plim_graph_write_v8(graph, test_sink_view(&text), &options, &err), PLIM_OK);
    test_put(&text, "%c", '\0');
    assert_non_null(strstr(text.data, "\"trace_tree\":[1,0,0,0,[2,1,0,0,[3,2,1,16,[4,3,2,48,[]],"
                                      "5,4,1,8,[]],6,3,5,50,[]]],"));
    assert_non_null(strstr(text.data, "\"samples\":[0,7\n,50000,11],"));
    assert_non_null(strstr(text.data, "\"open \\\"x\\\"\""));
    text.len--;
    plim_graph *again = graph_of(text.data, text.len);
    plim_graph_read_info(again, &info);
    assert_int_equal(info.trace_function_count, 5);
    assert_int_equal(info.sample_count, 2);
    plim_graph_destroy(&again);
    test_sink_fini(&text);
    plim_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_any_width_are_kept_if_asked_and_else_numbered_anew),
        cmocka_unit_test(a_graph_written_and_read_again_is_the_same),
        cmocka_unit_test(a_size_beyond_32_bits_is_spread_and_its_sum_stays),
        cmocka_unit_test(a_size_no_process_has_is_refused_before_a_byte_is_written),
        cmocka_unit_test(a_sink_that_fails_ends_it_with_its_status),
        cmocka_unit_test(refused_memory_and_an_interrupt_are_said),
        cmocka_unit_test(stacks_and_samples_are_written_as_a_timeline_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
