/* SPDX-License-Identifier: MIT */
/*
 * Analysis. Method: each case makes the smallest graph that shows one rule, or one way the call can
 * end. What the rules give on whole heaps is the model's and the oracle's to say.
 */
#include <plimsoll/analysis.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "graph_maker.h"

static plim_analysis *analyse(const plim_graph *graph, uint32_t want)
{
    plim_analysis_options options = {.struct_bytes = sizeof options, .want = want};
    plim_analysis *analysis = NULL;
    assert_int_equal(plim_analysis_create(graph, &options, &analysis, NULL), PLIM_OK);
    return analysis;
}

static plim_node_facts facts_of(const plim_analysis *analysis, uint32_t node)
{
    plim_node_facts facts;
    plim_analysis_node(analysis, node, &facts);
    return facts;
}

static plim_class class_of(const plim_analysis *analysis, uint32_t node)
{
    plim_class class;
    plim_analysis_class(analysis, facts_of(analysis, node).class_index, &class);
    return class;
}

static void assert_name(plim_text text, const char *want)
{
    assert_int_equal(text.size_bytes, strlen(want));
    assert_memory_equal(text.data, want, text.size_bytes);
}

/* Root, a global under it by a shortcut, and whatever the case adds. */
static graph_maker *start(void)
{
    graph_maker *maker = graph_maker_create(true);
    (void)graph_maker_node(maker, PLIM_NODE_SYNTHETIC, "", 0);
    (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "global", 8);
    graph_maker_edge(maker, 0, PLIM_EDGE_SHORTCUT, "global", 1);
    return maker;
}

static void a_backing_store_counts_as_its_owner(void **state)
{
    (void)state;
    graph_maker *maker = start();
    uint32_t map = graph_maker_node(maker, PLIM_NODE_OBJECT, "Map", 32);
    uint32_t table = graph_maker_node(maker, PLIM_NODE_ARRAY, "", 1000);
    uint32_t shared = graph_maker_node(maker, PLIM_NODE_ARRAY, "", 64);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "m", map);
    graph_maker_edge(maker, map, PLIM_EDGE_INTERNAL, "table", table);
    graph_maker_edge(maker, map, PLIM_EDGE_INTERNAL, "both", shared);
    graph_maker_edge(maker, 1, PLIM_EDGE_INTERNAL, "both", shared);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_int_equal(facts_of(analysis, map).shallow_bytes, 1032);
    assert_int_equal(facts_of(analysis, table).shallow_bytes, 0);
    assert_int_equal(facts_of(analysis, shared).shallow_bytes, 64);
    assert_int_equal(facts_of(analysis, 1).retained_bytes, 8 + 1032 + 64);
    plim_analysis_destroy(&analysis);
    assert_null(analysis);
    plim_graph_destroy(&graph);
}

static void sizes_beyond_32_bits_are_kept(void **state)
{
    (void)state;
    graph_maker *maker = start();
    uint64_t big = ((uint64_t)5 << 32) + 7;
    uint32_t owner = graph_maker_node(maker, PLIM_NODE_OBJECT, "Buffer", UINT32_MAX - 1);
    uint32_t store = graph_maker_node(maker, PLIM_NODE_ARRAY, "store", big);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "b", owner);
    graph_maker_edge(maker, owner, PLIM_EDGE_INTERNAL, "s", store);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_int_equal(facts_of(analysis, owner).shallow_bytes, big + UINT32_MAX - 1);
    assert_int_equal(facts_of(analysis, owner).retained_bytes, big + UINT32_MAX - 1);
    assert_int_equal(class_of(analysis, owner).self_bytes, big + UINT32_MAX - 1);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void a_value_of_a_weak_map_is_held_by_its_key(void **state)
{
    (void)state;
    graph_maker *maker = start();
    uint32_t table = graph_maker_node(maker, PLIM_NODE_OBJECT, "table", 8); /* id 5 */
    uint32_t key = graph_maker_node(maker, PLIM_NODE_OBJECT, "key", 8);     /* id 7 */
    uint32_t value = graph_maker_node(maker, PLIM_NODE_OBJECT, "value", 100);
    uint32_t far = graph_maker_node(maker, PLIM_NODE_OBJECT, "far", 8);
    static const char first[] =
        "1 / part of key (key @7) -> value (value @9) pair in WeakMap (table @5)";
    static const char second[] =
        "2 / part of key (key @7) -> value (value @9) pair in WeakMap (table @5)";
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "t", table);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "f", far);
    graph_maker_edge(maker, far, PLIM_EDGE_PROPERTY, "k", key);
    graph_maker_edge(maker, table, PLIM_EDGE_INTERNAL, first, value);
    graph_maker_edge(maker, key, PLIM_EDGE_INTERNAL, second, value);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_int_equal(facts_of(analysis, value).dominator, key);
    assert_int_equal(facts_of(analysis, key).retained_bytes, 108);
    /* The farther of the two decides: global 1, far 2, key 3. */
    assert_int_equal(facts_of(analysis, value).distance, 4);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void what_nothing_reaches_hangs_below_the_root(void **state)
{
    (void)state;
    graph_maker *maker = start();
    uint32_t orphan = graph_maker_node(maker, PLIM_NODE_OBJECT, "orphan", 8);
    uint32_t child = graph_maker_node(maker, PLIM_NODE_OBJECT, "child", 8);
    uint32_t a = graph_maker_node(maker, PLIM_NODE_OBJECT, "a", 8);
    uint32_t b = graph_maker_node(maker, PLIM_NODE_OBJECT, "b", 8);
    graph_maker_edge(maker, 1, PLIM_EDGE_WEAK, "1", orphan);
    graph_maker_edge(maker, orphan, PLIM_EDGE_PROPERTY, "c", child);
    graph_maker_edge(maker, a, PLIM_EDGE_PROPERTY, "b", b);
    graph_maker_edge(maker, b, PLIM_EDGE_PROPERTY, "a", a);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_int_equal(facts_of(analysis, orphan).dominator, 0);
    assert_int_equal(facts_of(analysis, child).dominator, orphan);
    assert_int_equal(facts_of(analysis, a).dominator, 0);
    assert_int_equal(facts_of(analysis, b).dominator, 0);
    assert_int_equal(facts_of(analysis, a).distance, PLIM_DISTANCE_NONE);
    assert_int_equal(facts_of(analysis, 0).distance, PLIM_DISTANCE_SYSTEM);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void plain_objects_are_named_by_what_they_have(void **state)
{
    (void)state;
    graph_maker *maker = start();
    uint32_t nodes[5];
    for (unsigned i = 0; i < 5; i++) {
        nodes[i] = graph_maker_node(maker, PLIM_NODE_OBJECT, "Object", 16);
        graph_maker_index(maker, 1, PLIM_EDGE_ELEMENT, i, nodes[i]);
        graph_maker_edge(maker, nodes[i], PLIM_EDGE_PROPERTY, "x", 1);
        if (i < 3)
            graph_maker_edge(maker, nodes[i], PLIM_EDGE_PROPERTY, "y,z", 1);
    }
    graph_maker_edge(maker, nodes[2], PLIM_EDGE_PROPERTY, "extra", 1);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_name(class_of(analysis, nodes[0]).name, "{x, \"y,z\"}");
    assert_name(class_of(analysis, nodes[2]).name, "{x, \"y,z\"}");
    assert_name(class_of(analysis, nodes[4]).name, "{x}");
    assert_int_equal(class_of(analysis, nodes[0]).count, 3);
    assert_int_equal(class_of(analysis, nodes[0]).self_bytes, 48);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void a_name_of_120_units_takes_no_further_property(void **state)
{
    (void)state;
    char longest[113];
    memset(longest, 'p', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    graph_maker *maker = start();
    for (unsigned i = 0; i < 2; i++) {
        uint32_t node = graph_maker_node(maker, PLIM_NODE_OBJECT, "Object", 16);
        graph_maker_index(maker, 1, PLIM_EDGE_ELEMENT, i, node);
        graph_maker_edge(maker, node, PLIM_EDGE_PROPERTY, longest, 1);   /* "{" and this: 113 */
        graph_maker_edge(maker, node, PLIM_EDGE_PROPERTY, "1234567", 1); /* 120, then ", " */
        graph_maker_edge(maker, node, PLIM_EDGE_PROPERTY, "q", 1);
    }
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    plim_text name = class_of(analysis, 2).name;
    assert_int_equal(name.size_bytes, 1 + 112 + 2 + 7 + 1);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void one_name_from_two_places_is_two_classes(void **state)
{
    (void)state;
    graph_maker *maker = start();
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t node = graph_maker_node(maker, PLIM_NODE_OBJECT, "Session", 10);
        graph_maker_set_location(maker, 4, i / 2, 5);
        graph_maker_index(maker, 1, PLIM_EDGE_ELEMENT, i, node);
    }
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_int_equal(class_of(analysis, 2).count, 2);
    assert_int_equal(class_of(analysis, 4).count, 1);
    assert_true(class_of(analysis, 4).has_location);
    assert_int_equal(class_of(analysis, 4).location.line, 1);
    assert_int_equal(class_of(analysis, 4).location.script_id, 4);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void a_thousand_places_are_a_thousand_classes(void **state)
{
    (void)state;
    graph_maker *maker = start();
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t node = graph_maker_node(maker, PLIM_NODE_OBJECT, "Session", 10);
        graph_maker_set_location(maker, i % 10, i / 10 % 10, i / 100);
        graph_maker_index(maker, 1, PLIM_EDGE_ELEMENT, i, node);
    }
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, PLIM_WANT_CLASSES);
    assert_int_equal(plim_analysis_class_count(analysis), 1000 + 2); /* root and global */
    for (uint32_t i = 0; i < 1000; i++) {
        plim_class class = class_of(analysis, i + 2);
        assert_int_equal(class.count, 1);
        assert_int_equal(class.location.script_id, i % 10);
        assert_int_equal(class.location.line, i / 10 % 10);
        assert_int_equal(class.location.column, i / 100);
    }
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

/* Whether the table's edge of that name is taken for one to a WeakMap's value. */
static bool is_weak_pair(const char *name)
{
    graph_maker *maker = start();
    uint32_t table = graph_maker_node(maker, PLIM_NODE_OBJECT, "table", 8); /* id 5 */
    uint32_t key = graph_maker_node(maker, PLIM_NODE_OBJECT, "key", 8);
    uint32_t value = graph_maker_node(maker, PLIM_NODE_OBJECT, "value", 8);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "t", table);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "k", key);
    graph_maker_edge(maker, table, PLIM_EDGE_INTERNAL, name, value);
    graph_maker_edge(maker, key, PLIM_EDGE_PROPERTY, "v", value);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, PLIM_WANT_DOMINATORS);
    bool pair = facts_of(analysis, value).dominator == key;
    assert_true(pair || facts_of(analysis, value).dominator == 1);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
    return pair;
}

static void names_of_weak_map_entries_are_told_from_others(void **state)
{
    (void)state;
#define PART(x) " / part of key (" x
#define PAIR    ") pair in WeakMap (table @5)"
    assert_true(is_weak_pair("1" PART(" @1) -> value ( @1" PAIR)));
    assert_true(is_weak_pair("123" PART("a (b) @7 @8) -> value (c) @x) -> value ( @9" PAIR)));
    assert_true(is_weak_pair("1" PART("k @1) -> value () -> value (v @22" PAIR)));
    assert_false(is_weak_pair(PART("k @1) -> value (v @2" PAIR)));
    assert_false(is_weak_pair("x1" PART("k @1) -> value (v @2" PAIR)));
    assert_false(is_weak_pair("1" PART("k @) -> value (v @2" PAIR)));
    assert_false(is_weak_pair("1" PART("k@1) -> value (v @2" PAIR)));
    assert_false(is_weak_pair("1" PART("k @1) -> value (v @2x" PAIR)));
    assert_false(is_weak_pair("1" PART("k @1) -> value (v @" PAIR)));
    assert_false(is_weak_pair("1" PART("key and value @1 and some more words @2" PAIR)));
    assert_false(is_weak_pair("1" PART("k @1) -> value (v @2" PAIR " ")));
    assert_false(is_weak_pair("1" PART("k @1) -> value (v @2) pair in WeakMap (table @)")));
    assert_false(is_weak_pair("1" PART("k @1) -> value (v @2) pair in WeakMap (table @6)")));
    assert_false(is_weak_pair("1" PART("k\n @1) -> value (v @2" PAIR)));
    assert_false(is_weak_pair("1" PART("k\xe2\x80\xa8 @1) -> value (v @2" PAIR)));
    /* 5 + 2^64: a number that only looks like the table's id where it wraps */
    assert_false(is_weak_pair(
        "1" PART("k @1) -> value (v @2) pair in WeakMap (table @18446744073709551621)")));
#undef PART
#undef PAIR
}

static void a_class_does_not_count_twice_what_it_retains(void **state)
{
    (void)state;
    graph_maker *maker = start();
    uint32_t above = 1;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t node = graph_maker_node(maker, PLIM_NODE_OBJECT, "Link", 10);
        graph_maker_edge(maker, above, PLIM_EDGE_PROPERTY, "next", node);
        above = node;
    }
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_int_equal(class_of(analysis, above).self_bytes, 40);
    assert_int_equal(class_of(analysis, above).retained_bytes, 40);
    assert_int_equal(class_of(analysis, above).distance, 2);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void a_part_that_was_not_asked_for_is_empty(void **state)
{
    (void)state;
    graph_maker *maker = start();
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, PLIM_WANT_DISTANCES);
    plim_node_facts facts = facts_of(analysis, 1);
    assert_int_equal(facts.distance, 1);
    assert_int_equal(facts.dominator, PLIM_NONE);
    assert_int_equal(facts.retained_bytes, 0);
    assert_int_equal(facts.shallow_bytes, 8);
    assert_int_equal(facts.class_index, PLIM_NONE);
    assert_int_equal(plim_analysis_class_count(analysis), 0);
    assert_ptr_equal(plim_analysis_graph(analysis), graph);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static void retainers_come_in_the_order_of_edges(void **state)
{
    (void)state;
    graph_maker *maker = start();
    uint32_t held = graph_maker_node(maker, PLIM_NODE_OBJECT, "held", 8);
    uint32_t empty = graph_maker_node(maker, PLIM_NODE_OBJECT, "no edges", 8);
    uint32_t last = graph_maker_node(maker, PLIM_NODE_OBJECT, "last", 8);
    graph_maker_edge(maker, last, PLIM_EDGE_WEAK, "w", held);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "a", held);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "b", held);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, PLIM_WANT_RETAINERS);
    assert_int_equal(plim_analysis_retainer_count(analysis, held), 3);
    assert_int_equal(plim_analysis_retainer_count(analysis, empty), 0);
    assert_int_equal(plim_analysis_retainer(analysis, held, 0).from, 1);
    assert_int_equal(plim_analysis_retainer(analysis, held, 0).edge, 1);
    assert_int_equal(plim_analysis_retainer(analysis, held, 1).edge, 2);
    assert_int_equal(plim_analysis_retainer(analysis, held, 2).from, last);
    assert_int_equal(plim_analysis_retainer(analysis, held, 2).edge, 3);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

static bool stop_at(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    uint64_t *calls_left = ctx;
    assert_non_null(phase);
    assert_true(done <= total);
    return (*calls_left)-- > 1;
}

static void progress_can_stop_it_before_any_part(void **state)
{
    (void)state;
    graph_maker *maker = start();
    plim_graph *graph = graph_maker_finish(&maker);
    for (uint32_t threads = 1; threads <= 2; threads++) {
        plim_status status = PLIM_ERR_INTERRUPTED;
        uint64_t stops = 0;
        for (uint64_t at = 1; status != PLIM_OK; at++) {
            uint64_t calls_left = at;
            plim_analysis *analysis = NULL;
            plim_error err = {0};
            plim_analysis_options options = {.struct_bytes = sizeof options,
                                             .thread_count = threads,
                                             .progress = {&calls_left, stop_at}};
            status = plim_analysis_create(graph, &options, &analysis, &err);
            assert_true(status == PLIM_OK || status == PLIM_ERR_INTERRUPTED);
            assert_int_equal(err.status, status);
            assert_true((analysis != NULL) == (status == PLIM_OK));
            stops += status != PLIM_OK;
            plim_analysis_destroy(&analysis);
        }
        assert_true(stops >= 5);
    }
    plim_graph_destroy(&graph);
}

static void a_chain_of_a_million_needs_no_stack(void **state)
{
    (void)state;
    enum { LENGTH = 1000000 };
    graph_maker *maker = start();
    uint32_t above = 1;
    for (uint32_t i = 0; i < LENGTH; i++) {
        uint32_t node = graph_maker_node(maker, PLIM_NODE_HIDDEN, "link", 1);
        graph_maker_edge(maker, above, PLIM_EDGE_PROPERTY, "next", node);
        graph_maker_edge(maker, node, PLIM_EDGE_PROPERTY, "back", above);
        above = node;
    }
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = analyse(graph, 0);
    assert_int_equal(facts_of(analysis, above).dominator, above - 1);
    assert_int_equal(facts_of(analysis, above).distance, LENGTH + 1);
    assert_int_equal(facts_of(analysis, 1).shallow_bytes, 8 + LENGTH);
    plim_paths *paths = NULL;
    assert_int_equal(plim_paths_create(analysis, above, 2, NULL, &paths, NULL), PLIM_OK);
    assert_int_equal(plim_paths_count(paths), 1);
    assert_int_equal(plim_paths_get(paths, 0)->length, LENGTH + 2);
    plim_paths_destroy(&paths);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backing_store_counts_as_its_owner),
        cmocka_unit_test(sizes_beyond_32_bits_are_kept),
        cmocka_unit_test(a_value_of_a_weak_map_is_held_by_its_key),
        cmocka_unit_test(what_nothing_reaches_hangs_below_the_root),
        cmocka_unit_test(plain_objects_are_named_by_what_they_have),
        cmocka_unit_test(a_name_of_120_units_takes_no_further_property),
        cmocka_unit_test(one_name_from_two_places_is_two_classes),
        cmocka_unit_test(a_thousand_places_are_a_thousand_classes),
        cmocka_unit_test(names_of_weak_map_entries_are_told_from_others),
        cmocka_unit_test(a_class_does_not_count_twice_what_it_retains),
        cmocka_unit_test(a_part_that_was_not_asked_for_is_empty),
        cmocka_unit_test(retainers_come_in_the_order_of_edges),
        cmocka_unit_test(progress_can_stop_it_before_any_part),
        cmocka_unit_test(a_chain_of_a_million_needs_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
