/* SPDX-License-Identifier: MIT */
/*
 * Faults. Method: a graph that makes every part allocate (WeakMap pairs, detached nodes,
 * interfaces, places, sizes beyond 32 bits); the n-th request for memory is refused, for every n,
 * until nothing fails any more: each time a status that says so, and nothing out. On one thread
 * and on two.
 */
#include <plimsoll/diff.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "graph_maker.h"

static void add_plain_objects(graph_maker *maker, uint32_t holder)
{
    for (uint32_t i = 0; i < 600; i++) {
        char name[32];
        uint32_t node = graph_maker_node(maker, PLIM_NODE_OBJECT, "Object", 16);
        graph_maker_index(maker, holder, PLIM_EDGE_ELEMENT, i, node);
        graph_maker_edge(maker, node, PLIM_EDGE_PROPERTY, "shared", holder);
        (void)snprintf(name, sizeof name, "p%u", (unsigned)(i / 2));
        graph_maker_edge(maker, node, PLIM_EDGE_PROPERTY, name, holder);
    }
}

static plim_graph *make_graph(uint64_t first_id)
{
    graph_maker *maker = graph_maker_create(true);
    (void)graph_maker_node(maker, PLIM_NODE_SYNTHETIC, "", 0);
    uint32_t global = graph_maker_node(maker, PLIM_NODE_OBJECT, "global", 8);
    graph_maker_edge(maker, 0, PLIM_EDGE_SHORTCUT, "global", global);
    add_plain_objects(maker, global);
    for (uint32_t i = 0; i < 300; i++) {
        char name[128];
        uint32_t node = graph_maker_node(maker, PLIM_NODE_OBJECT, "Placed", 16);
        graph_maker_set_location(maker, 1, i, 2);
        graph_maker_set_id(maker, first_id + (i * 7919u) % 300);
        graph_maker_index(maker, global, PLIM_EDGE_ELEMENT, i, node);
        uint32_t native = graph_maker_node(maker, PLIM_NODE_NATIVE, "<div id>", 4);
        graph_maker_set_detached(maker, 1 + i % 2);
        graph_maker_edge(maker, node, PLIM_EDGE_INTERNAL, "native", native);
        uint32_t array = graph_maker_node(maker, PLIM_NODE_ARRAY, "", (uint64_t)1 << 33);
        graph_maker_edge(maker, node, PLIM_EDGE_INTERNAL, "store", array);
        (void)snprintf(name, sizeof name,
                       "%u / part of key (k @%u) -> value (v @3) pair in WeakMap (table @5)",
                       (unsigned)i, (unsigned)(i / 2));
        graph_maker_edge(maker, node, PLIM_EDGE_INTERNAL, name, array);
    }
    for (uint32_t i = 0; i < 1200; i++) { /* chains deep enough to make the owners' stack grow */
        uint32_t node = graph_maker_node(maker, PLIM_NODE_HIDDEN, "h", 1);
        graph_maker_edge(maker, global, PLIM_EDGE_INTERNAL, "h", node);
        (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "orphan", 1);
    }
    return graph_maker_finish(&maker);
}

static plim_status scenario(const plim_graph *base_graph, const plim_graph *graph,
                            const plim_allocator *allocator, uint32_t threads)
{
    plim_analysis_options options = {
        .struct_bytes = sizeof options, .thread_count = threads, .allocator = allocator};
    plim_analysis *target = NULL;
    plim_analysis *base = NULL;
    plim_paths *paths = NULL;
    plim_diff *diff = NULL;
    plim_error err = {0};
    plim_status status = plim_analysis_create(graph, &options, &target, &err);
    options.classes_of = target;
    if (status == PLIM_OK)
        status = plim_analysis_create(base_graph, &options, &base, &err);
    if (status == PLIM_OK)
        status = plim_paths_create(target, 1, 30, allocator, &paths, &err);
    if (status == PLIM_OK)
        status = plim_diff_create(base, target, allocator, &diff, &err);
    assert_int_equal(err.status, status);
    assert_true(status == PLIM_OK || err.what[0] != '\0');
    plim_diff_destroy(&diff);
    plim_paths_destroy(&paths);
    plim_analysis_destroy(&base);
    plim_analysis_destroy(&target);
    return status;
}

static void sweep(uint32_t threads)
{
    plim_graph *base = make_graph(5000);
    plim_graph *target = make_graph(5100);
    plim_status status = PLIM_ERR_NO_MEMORY;
    uint64_t refusals = 0;
    for (uint64_t n = 1; status != PLIM_OK; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        status = scenario(base, target, &fault.allocator, threads);
        assert_int_equal(atomic_load(&fault.live_bytes), 0);
        assert_true(status == PLIM_OK || status == PLIM_ERR_NO_MEMORY);
        assert_int_equal(status == PLIM_OK, atomic_load(&fault.refused) == 0);
        refusals += status != PLIM_OK;
    }
    assert_true(refusals > 100); /* or the graph no longer makes every part allocate */
    plim_graph_destroy(&base);
    plim_graph_destroy(&target);
}

static void every_refused_request_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    sweep(1);
}

static void so_it_is_on_two_threads(void **state)
{
    (void)state;
    sweep(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refused_request_is_an_error_and_leaves_nothing),
        cmocka_unit_test(so_it_is_on_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
