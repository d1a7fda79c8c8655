/* SPDX-License-Identifier: MIT */
/*
 * Graph. Method: one graph read from tests/heap/data, asked through every accessor; then each
 * invariant of src/heap/graph.h is broken by hand, one at a time, and must be noticed.
 */
#include <plimsoll/graph.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph_text.h"
#include "heap/graph.h"
#include "streams.h"

static plim_graph *read_data(const char *name)
{
    char path[1024];
    const char *folder = getenv("PLIM_TEST_DATA");
    assert_non_null(folder);
    assert_true(snprintf(path, sizeof path, "%s/%s", folder, name) > 0);
    test_sink text = {0};
    test_read_file(path, &text);
    plim_graph *graph = NULL;
    assert_int_equal(test_read_text(text.data, text.len, 0, NULL, &graph, NULL), PLIM_OK);
    test_sink_fini(&text);
    return graph;
}

static bool is(plim_text text, const char *word)
{
    return text.size_bytes == strlen(word) && memcmp(text.data, word, text.size_bytes) == 0;
}

static void accessors_give_what_the_file_says(void **state)
{
    (void)state;
    plim_graph *graph = read_data("node-20.heapsnapshot");
    plim_node node;
    plim_graph_node(graph, 3, &node);
    assert_true(is(node.name, "handler"));
    assert_int_equal(node.type, PLIM_NODE_CLOSURE);
    assert_int_equal(node.id, 7);
    assert_int_equal(node.self_bytes, 64);
    assert_int_equal(node.edge_count, 1);
    assert_int_equal(node.first_edge, 7);
    assert_int_equal(node.detachedness, 1);
    plim_edge edge;
    plim_graph_edge(graph, 4, &edge);
    assert_int_equal(edge.type, PLIM_EDGE_ELEMENT);
    assert_int_equal(edge.index, 4294967294u);
    assert_int_equal(edge.name.size_bytes, 0);
    plim_graph_edge(graph, 5, &edge);
    assert_int_equal(edge.index, PLIM_NONE);
    assert_true(is(edge.name, "node"));
    assert_int_equal(edge.to, 7);
    assert_int_equal(plim_graph_find_id(graph, 14), 7);
    assert_int_equal(plim_graph_find_id(graph, 2), PLIM_NONE);
    assert_int_equal(plim_graph_find_id(graph, 4294967296u + 14), PLIM_NONE);
    plim_graph_destroy(&graph);
    plim_graph_destroy(&graph);
    plim_graph_destroy(NULL);
}

static void ids_and_sizes_beyond_32_bits_are_kept(void **state)
{
    (void)state;
    plim_graph *graph = read_data("foreign.heapsnapshot");
    assert_int_equal(plim_graph_find_id(graph, 1), 0);
    assert_int_equal(plim_graph_find_id(graph, UINT64_MAX), 1);
    assert_int_equal(plim_graph_find_id(graph, 4294967301u), 2);
    assert_int_equal(plim_graph_find_id(graph, 5), PLIM_NONE);
    plim_node node;
    plim_graph_node(graph, 1, &node);
    assert_int_equal(node.id, UINT64_MAX);
    assert_int_equal(node.self_bytes, 4294967295u);
    plim_graph_node(graph, 2, &node);
    assert_int_equal(node.self_bytes, 1152921504606846976u);
    assert_int_equal(node.type, PLIM_NODE_OTHER);
    plim_graph_destroy(&graph);
}

static void locations_and_scripts_are_found(void **state)
{
    (void)state;
    plim_graph *graph = read_data("v8-15.heapsnapshot");
    plim_location at = {1, 2, 3};
    assert_false(plim_graph_location(graph, 0, &at));
    assert_int_equal(at.script_id, 1);
    assert_true(plim_graph_location(graph, 7, &at));
    assert_int_equal(at.script_id, 90);
    assert_true(plim_graph_location(graph, 3, &at));
    assert_int_equal(at.line, 4);
    assert_int_equal(at.column, 2);
    assert_true(is(plim_graph_script_name(graph, 88), "file:///app.js"));
    assert_true(is(plim_graph_script_name(graph, 89), "file:///app.js"));
    assert_true(is(plim_graph_script_name(graph, 90), ""));
    assert_true(is(plim_graph_script_name(graph, 4000000000u), ""));
    plim_graph_destroy(&graph);
}

/* Enough of them for the table to grow, and in an order that is none. */
static void every_one_of_many_scripts_is_found(void **state)
{
    (void)state;
    enum { SCRIPTS = 1000, STEP = 617 };
    test_sink text = {0};
    test_put(&text, "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\","
                    "\"self_size\",\"edge_count\"],\"node_types\":[[\"code\"]],"
                    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"
                    "\"edge_types\":[[\"internal\"]],\"location_fields\":[\"object_index\","
                    "\"script_id\",\"script_object_index\",\"line\",\"column\"]},");
    test_put(&text, "\"node_count\":%d,\"edge_count\":0},\"nodes\":[0,0,1,0,0", SCRIPTS + 1);
    for (int i = 1; i <= SCRIPTS; i++)
        test_put(&text, ",0,%d,%d,0,0", i, 2 * i + 1);
    test_put(&text, "],\"locations\":[");
    for (int i = 0; i < SCRIPTS; i++) {
        int node = i * STEP % SCRIPTS + 1;
        test_put(&text, "%s%d,%d,%d,1,2", i == 0 ? "" : ",", 5 * node, 3 * node, 5 * node);
    }
    test_put(&text, "],\"strings\":[\"root\"");
    for (int i = 1; i <= SCRIPTS; i++)
        test_put(&text, ",\"s%d\"", i);
    test_put(&text, "]}");
    plim_graph *graph = NULL;
    assert_int_equal(test_read_text(text.data, text.len, 0, NULL, &graph, NULL), PLIM_OK);
    assert_true(plim__graph_is_valid(graph));
    assert_int_equal(graph->script_count, SCRIPTS);
    for (int i = 1; i <= SCRIPTS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d", i);
        assert_true(is(plim_graph_script_name(graph, 3 * (uint32_t)i), name));
        assert_true(is(plim_graph_script_name(graph, 3 * (uint32_t)i + 1), ""));
    }
    plim_graph_destroy(&graph);
    test_sink_fini(&text);
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    static const char *const WANTED[] = {
        "pair \xf0\x9f\x98\x80 joined",
        "cut \xef\x98\x80",
        "high \xed\xa0\xbd alone",
        "low \xed\xb8\x80 alone",
        "two highs \xed\xa0\xbd\xf0\x9f\x98\x80",
        "end \xed\xa0\xbd",
        "\xed\xa0\xbd",
    };
    plim_graph *graph = read_data("escapes.heapsnapshot");
    assert_int_equal(graph->string_count, 30);
    for (uint32_t i = 0; i < 7; i++)
        assert_true(is(plim__graph_string(graph, 16 + i), WANTED[i]));
    plim_text nul = plim__graph_string(graph, 23);
    assert_int_equal(nul.size_bytes, 12);
    assert_memory_equal(nul.data, "nul \0 inside", 12);
    assert_true(is(plim__graph_string(graph, 24), "del \x7f"));
    static const char *const EDGES[] = {"\xf0\x9f\x90\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                                        "\xed\x9f\xbf\xee\x80\x80", "\xed\xbf\xbf\xed\xa0\x80"};
    for (uint32_t i = 0; i < 5; i++)
        assert_true(is(plim__graph_string(graph, 25 + i), EDGES[i]));
    plim_graph_destroy(&graph);
}

static void trace_nodes_are_kept_only_where_there_are_any(void **state)
{
    (void)state;
    plim_graph *graph = read_data("timeline.heaptimeline");
    assert_non_null(graph->node_trace);
    assert_int_equal(graph->node_trace[0], 0);
    assert_int_equal(graph->node_trace[3], 2);
    assert_int_equal(graph->node_trace[6], 3);
    plim_graph_destroy(&graph);
    graph = read_data("node-20.heapsnapshot");
    assert_null(graph->node_trace);
    plim_graph_destroy(&graph);
}

static void types_have_v8s_words(void **state)
{
    (void)state;
    assert_string_equal(plim_node_type_name(PLIM_NODE_CONS_STRING), "concatenated string");
    assert_string_equal(plim_node_type_name((plim_node_type)77), "other");
    assert_string_equal(plim_edge_type_name(PLIM_EDGE_SHORTCUT), "shortcut");
    assert_string_equal(plim_edge_type_name((plim_edge_type)77), "other");
    for (int type = 0; type <= PLIM_NODE_OTHER; type++)
        assert_string_not_equal(plim_node_type_name((plim_node_type)type), "");
    for (int type = 0; type <= PLIM_EDGE_OTHER; type++)
        assert_string_not_equal(plim_edge_type_name((plim_edge_type)type), "");
}

#define BROKEN(graph, field, value)                                                                \
    do {                                                                                           \
        __typeof__(field) was_ = (field);                                                          \
        (field) = (value);                                                                         \
        assert_false(plim__graph_is_valid(graph));                                                 \
        (field) = was_;                                                                            \
        assert_true(plim__graph_is_valid(graph));                                                  \
    } while (0)

static void each_broken_invariant_is_noticed(void **state)
{
    (void)state;
    plim_graph *g = read_data("node-20.heapsnapshot");
    assert_false(plim__graph_is_valid(NULL));
    BROKEN(g, g->magic, 0);
    BROKEN(g, g->first_edge[0], 1);
    BROKEN(g, g->first_edge[3], 0);
    BROKEN(g, g->first_edge[8], 9);
    BROKEN(g, g->edge_to[9], 8);
    BROKEN(g, g->node_name[7], 16);
    BROKEN(g, g->node_type[7], PLIM_NODE_OTHER + 1);
    BROKEN(g, g->node_detached[2], 3);
    BROKEN(g, g->edge_name[0], 16);
    BROKEN(g, g->edge_type[0], PLIM_EDGE_OTHER + 1);
    BROKEN(g, g->string_start[0], 1);
    BROKEN(g, g->string_start[3], 1000);
    BROKEN(g, g->string_bytes, g->string_bytes + 1);
    BROKEN(g, g->self_bytes, 401);
    BROKEN(g, g->node_self[2], PLIM__SELF_OVERFLOW);
    BROKEN(g, g->locations[0].node, 3);
    BROKEN(g, g->locations[1].node, 8);
    BROKEN(g, g->locations[1].script_node, 8);
    BROKEN(g, g->scripts[0].name, 16);
    plim_graph_destroy(&g);
    g = read_data("foreign.heapsnapshot");
    BROKEN(g, g->big_self[0].node, 0);
    BROKEN(g, g->big_self[1].bytes, 5);
    BROKEN(g, g->big_self_count, 1);
    plim_graph_destroy(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accessors_give_what_the_file_says),
        cmocka_unit_test(ids_and_sizes_beyond_32_bits_are_kept),
        cmocka_unit_test(locations_and_scripts_are_found),
        cmocka_unit_test(every_one_of_many_scripts_is_found),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(trace_nodes_are_kept_only_where_there_are_any),
        cmocka_unit_test(types_have_v8s_words),
        cmocka_unit_test(each_broken_invariant_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
