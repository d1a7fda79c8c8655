/* SPDX-License-Identifier: MIT */
/*
 * Memory of a graph. Method: a text of many nodes and edges is made, read through a counting
 * allocator, and held to the sentence in graph.h: 18 bytes a node, 9 an edge, plus strings.
 */
#include <plimsoll/graph.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "fault_allocator.h"
#include "graph_text.h"
#include "heap/graph.h"
#include "heap/v8_scan.h"
#include "streams.h"

enum { NODES = 200000, EDGES_EACH = 4, STRINGS = 5000 };

/* wide: the node, if any, whose id and trace node are beyond the usual. */
static void make_text(test_sink *out, uint32_t wide)
{
    test_put(out,
             "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",");
    test_put(out,
             "\"edge_count\",\"trace_node_id\",\"detachedness\"],\"node_types\":[[\"object\"]],");
    test_put(out, "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],");
    test_put(out,
             "\"edge_types\":[[\"property\"]]},\"node_count\":%d,\"edge_count\":%d},\"nodes\":[",
             (int)NODES, (int)NODES * EDGES_EACH);
    for (uint32_t i = 0; i < NODES; i++)
        test_put(out, "%s0,%" PRIu32 ",%" PRIu64 ",48,%d,%d,0\n", i == 0 ? "" : ",", i % STRINGS,
                 2 * (uint64_t)i + 1 + (i == wide ? (uint64_t)7 << 32 : 0), (int)EDGES_EACH,
                 i == wide ? 9 : 0);
    test_put(out, "],\"edges\":[");
    for (uint32_t i = 0; i < NODES * EDGES_EACH; i++)
        test_put(out, "%s0,%" PRIu32 ",%" PRIu32 "\n", i == 0 ? "" : ",", i % STRINGS,
                 i * 31 % NODES * 7);
    test_put(out, "],\"strings\":[");
    for (uint32_t i = 0; i < STRINGS; i++)
        test_put(out, "%s\"name-%06" PRIu32 "\"", i == 0 ? "" : ",", i);
    test_put(out, "]}");
}

static void a_node_takes_18_bytes_and_an_edge_9(void **state)
{
    (void)state;
    test_sink text = {0};
    make_text(&text, PLIM_NONE);
    for (size_t chunk = 0; chunk < 2; chunk++) {
        fault_allocator count;
        fault_allocator_init(&count, 0);
        plim_graph *graph = NULL;
        /* An odd cut hides the size of the text: columns then grow, and may stand half empty. */
        size_t cut = chunk == 0 ? 0 : 65537;
        assert_int_equal(test_read_text(text.data, text.len, cut, &count.allocator, &graph, NULL),
                         PLIM_OK);
        plim_graph_info info;
        plim_graph_read_info(graph, &info);
        uint64_t rows = 18 * (uint64_t)NODES + 9 * (uint64_t)NODES * EDGES_EACH;
        uint64_t strings = (uint64_t)STRINGS * (11 + 8);
        uint64_t rest = sizeof *graph + 4 + 8 + 1; /* one more first_edge, string_start, NUL */
        assert_int_equal(info.memory_bytes, rows + strings + rest);
        assert_int_equal(atomic_load(&count.live_bytes), info.memory_bytes);
        /* Reading itself: a chunk, the scanner with its batch, room for text that is off by a
           chunk at most; where the size is unknown, columns of strings grown by half. */
        uint64_t reading = 2 * PLIM_READ_CHUNK_BYTES + sizeof(plim__v8_scan) + (16u << 10);
        uint64_t growing = chunk == 0 ? 0 : strings / 2;
        assert_true((uint64_t)atomic_load(&count.peak_bytes) <=
                    info.memory_bytes + reading + growing);
        plim_graph_destroy(&graph);
        assert_int_equal(atomic_load(&count.live_bytes), 0);
    }
    test_sink_fini(&text);
}

static void a_column_made_late_covers_every_node(void **state)
{
    (void)state;
    static const uint32_t WIDE[] = {5, NODES / 2, NODES - 1};
    for (size_t i = 0; i < 3; i++) {
        test_sink text = {0};
        make_text(&text, WIDE[i]);
        for (size_t chunk = 0; chunk < 2; chunk++) {
            plim_graph *graph = NULL;
            size_t cut = chunk == 0 ? 0 : 65537;
            assert_int_equal(test_read_text(text.data, text.len, cut, NULL, &graph, NULL), PLIM_OK);
            uint64_t id = 2 * (uint64_t)WIDE[i] + 1;
            assert_int_equal(plim_graph_find_id(graph, id), PLIM_NONE);
            assert_int_equal(plim_graph_find_id(graph, id + ((uint64_t)7 << 32)), WIDE[i]);
            assert_int_equal(plim_graph_find_id(graph, 1), 0);
            assert_int_equal(plim_graph_find_id(graph, 2 * (uint64_t)(NODES - 2) + 1), NODES - 2);
            assert_non_null(graph->node_trace);
            for (uint32_t node = 0; node < NODES; node++)
                assert_true(graph->node_trace[node] == (node == WIDE[i] ? 9 : 0));
            plim_graph_destroy(&graph);
        }
        test_sink_fini(&text);
    }
}

/* The small files of test_v8_read.c make each column once; here they grow many times. */
static void a_refused_growth_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    test_sink text = {0};
    make_text(&text, NODES / 2);
    plim_status status = PLIM_ERR_NO_MEMORY;
    uint64_t n = 0;
    while (status != PLIM_OK) {
        fault_allocator fault;
        fault_allocator_init(&fault, ++n);
        plim_graph *graph = NULL;
        status = test_read_text(text.data, text.len, 65537, &fault.allocator, &graph, NULL);
        assert_int_equal(status, atomic_load(&fault.refused) == 0 ? PLIM_OK : PLIM_ERR_NO_MEMORY);
        plim_graph_destroy(&graph);
        assert_int_equal(atomic_load(&fault.live_bytes), 0);
    }
    assert_true(n > 100);
    test_sink_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_growth_is_reported_and_leaks_nothing),
        cmocka_unit_test(a_column_made_late_covers_every_node),
        cmocka_unit_test(a_node_takes_18_bytes_and_an_edge_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
