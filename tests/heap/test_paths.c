/* SPDX-License-Identifier: MIT */
/*
 * Paths. Method: small graphs whose paths can be read off; then random ones, in which every path
 * must be one: from the root, along edges that are there, no node twice, no two alike, the first as
 * long as the distance says, and every holder that can be had by a way of its own is there.
 */
#include <plimsoll/analysis.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "graph_maker.h"

static plim_analysis *analyse(const plim_graph *graph)
{
    plim_analysis_options options = {.struct_bytes = sizeof options,
                                     .want = PLIM_WANT_DISTANCES | PLIM_WANT_RETAINERS};
    plim_analysis *analysis = NULL;
    assert_int_equal(plim_analysis_create(graph, &options, &analysis, NULL), PLIM_OK);
    return analysis;
}

static plim_paths *find(const plim_analysis *analysis, uint32_t node, uint32_t limit)
{
    plim_paths *paths = NULL;
    assert_int_equal(plim_paths_create(analysis, node, limit, NULL, &paths, NULL), PLIM_OK);
    assert_true(plim_paths_count(paths) <= limit);
    return paths;
}

static void assert_path(const plim_path *path, const uint32_t *nodes, uint32_t length)
{
    assert_int_equal(path->length, length);
    assert_memory_equal(path->nodes, nodes, length * sizeof *nodes);
    assert_int_equal(path->edges[0], PLIM_NONE);
}

/* Root 0, global 1, and the nodes 2 to count-1. */
static graph_maker *start(uint32_t count)
{
    graph_maker *maker = graph_maker_create(false);
    (void)graph_maker_node(maker, PLIM_NODE_SYNTHETIC, "", 0);
    for (uint32_t i = 1; i < count; i++)
        (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "o", 8);
    graph_maker_edge(maker, 0, PLIM_EDGE_SHORTCUT, "global", 1);
    return maker;
}

static void hold(graph_maker *maker, uint32_t from, uint32_t to)
{
    graph_maker_edge(maker, from, PLIM_EDGE_PROPERTY, "p", to);
}

static void distinct_paths_differ_in_the_nearest_holder_first(void **state)
{
    (void)state;
    graph_maker *maker = start(8);
    hold(maker, 1, 2); /* short way: 1 2 7 */
    hold(maker, 2, 7);
    hold(maker, 1, 3); /* longer: 1 3 4 7, and 4 is held by 5 as well */
    hold(maker, 3, 4);
    hold(maker, 4, 7);
    hold(maker, 1, 5);
    hold(maker, 5, 4);
    hold(maker, 7, 6); /* what the node holds holds it back: no way of its own */
    hold(maker, 6, 7);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph);
    plim_paths *paths = find(analysis, 7, 10);
    assert_int_equal(plim_paths_count(paths), 3);
    assert_path(plim_paths_get(paths, 0), (uint32_t[]){0, 1, 2, 7}, 4);
    assert_path(plim_paths_get(paths, 1), (uint32_t[]){0, 1, 3, 4, 7}, 5);
    assert_path(plim_paths_get(paths, 2), (uint32_t[]){0, 1, 5, 4, 7}, 5);
    plim_paths_destroy(&paths);
    assert_null(paths);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void of_equal_ways_the_lowest_id_wins(void **state)
{
    (void)state;
    graph_maker *maker = graph_maker_create(false);
    (void)graph_maker_node(maker, PLIM_NODE_SYNTHETIC, "", 0);
    (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "global", 8);
    (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "late id", 8);
    graph_maker_set_id(maker, 900);
    (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "early id", 8);
    (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "node", 8);
    graph_maker_edge(maker, 0, PLIM_EDGE_SHORTCUT, "global", 1);
    hold(maker, 1, 2);
    hold(maker, 1, 3);
    hold(maker, 2, 4);
    hold(maker, 3, 4);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph);
    plim_paths *paths = find(analysis, 4, 1);
    assert_path(plim_paths_get(paths, 0), (uint32_t[]){0, 1, 3, 4}, 4);
    plim_paths_destroy(&paths);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void what_only_weak_edges_hold_has_no_path(void **state)
{
    (void)state;
    graph_maker *maker = start(5);
    graph_maker_edge(maker, 1, PLIM_EDGE_WEAK, "w", 2);
    hold(maker, 3, 4);
    hold(maker, 4, 3);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph);
    for (uint32_t node = 2; node < 5; node++) {
        plim_paths *paths = find(analysis, node, 5);
        assert_int_equal(plim_paths_count(paths), 0);
        plim_paths_destroy(&paths);
    }
    plim_paths *root = find(analysis, 0, 5);
    assert_int_equal(plim_paths_count(root), 1);
    assert_path(plim_paths_get(root, 0), (uint32_t[]){0}, 1);
    plim_paths_destroy(&root);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void a_hub_of_many_holders_gives_the_nearest(void **state)
{
    (void)state;
    enum { HOLDERS = 50000 };
    graph_maker *maker = start(HOLDERS + 3);
    uint32_t hub = HOLDERS + 2;
    for (uint32_t i = 2; i < hub; i++) {
        hold(maker, i % 7 == 0 ? 1 : 2 + (i - 2) / 2 * (i > 3), i);
        hold(maker, i, hub);
    }
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph);
    plim_paths *paths = find(analysis, hub, PLIM_PATHS_MAX);
    assert_int_equal(plim_paths_count(paths), PLIM_PATHS_MAX);
    for (uint32_t i = 1; i < plim_paths_count(paths); i++)
        assert_true(plim_paths_get(paths, i - 1)->length <= plim_paths_get(paths, i)->length);
    plim_paths_destroy(&paths);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static uint32_t next_random(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % below;
}

static void check_path(const plim_graph *graph, const plim_path *path, uint32_t node)
{
    assert_int_equal(path->nodes[0], 0);
    assert_int_equal(path->nodes[path->length - 1], node);
    for (uint32_t i = 0; i < path->length; i++) {
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(path->nodes[i], path->nodes[k]);
        if (i == 0)
            continue;
        plim_edge edge;
        plim_node from;
        plim_graph_edge(graph, path->edges[i], &edge);
        plim_graph_node(graph, path->nodes[i - 1], &from);
        assert_int_equal(edge.to, path->nodes[i]);
        assert_true(path->edges[i] >= from.first_edge &&
                    path->edges[i] < from.first_edge + from.edge_count);
        assert_true(edge.type != PLIM_EDGE_WEAK);
    }
}

static void check_paths(const plim_graph *graph, const plim_analysis *analysis, uint32_t node)
{
    plim_node_facts facts;
    plim_analysis_node(analysis, node, &facts);
    plim_paths *paths = find(analysis, node, 20);
    uint32_t count = plim_paths_count(paths);
    assert_int_equal(count == 0, facts.distance == PLIM_DISTANCE_NONE);
    for (uint32_t i = 0; i < count; i++) {
        const plim_path *path = plim_paths_get(paths, i);
        check_path(graph, path, node);
        for (uint32_t k = 0; k < i; k++) {
            const plim_path *other = plim_paths_get(paths, k);
            assert_true(other->length != path->length ||
                        memcmp(other->nodes, path->nodes, path->length * sizeof(uint32_t)) != 0);
        }
    }
    if (count > 0)
        assert_int_equal(plim_paths_get(paths, 0)->length,
                         facts.distance % PLIM_DISTANCE_SYSTEM + 1);
    plim_paths_destroy(&paths);
}

static void random_graphs_have_sound_paths(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        uint64_t random = seed;
        uint32_t count = 3 + next_random(&random, 20);
        graph_maker *maker = start(count);
        for (uint32_t i = next_random(&random, count * 3); i > 0; i--) {
            uint32_t from = next_random(&random, count);
            uint32_t to = next_random(&random, count);
            bool weak = next_random(&random, 8) == 0 && from != 0;
            graph_maker_edge(maker, from, weak ? PLIM_EDGE_WEAK : PLIM_EDGE_PROPERTY, "p", to);
        }
        plim_graph *graph = graph_maker_finish(&maker);
        plim_analysis *analysis = analyse(graph);
        for (uint32_t node = 0; node < count; node++)
            check_paths(graph, analysis, node);
        plim_analysis_destroy(&analysis);
        plim_graph_destroy(&graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_paths_differ_in_the_nearest_holder_first),
        cmocka_unit_test(of_equal_ways_the_lowest_id_wins),
        cmocka_unit_test(what_only_weak_edges_hold_has_no_path),
        cmocka_unit_test(a_hub_of_many_holders_gives_the_nearest),
        cmocka_unit_test(random_graphs_have_sound_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
