/* SPDX-License-Identifier: MIT */
/*
 * Redaction. Method: names of every role, as engines give them, against what may stay of them;
 * graphs by hand, looked at afterwards; every n-th allocation refused, and the graph unchanged.
 * That nothing of 1,000 secrets is left in real snapshots is tests/matrix' part.
 */
#include <plimsoll/build.h>
#include <plimsoll/redact.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "heap/graph.h"
#include "heap/redact_words.h"

static plim_text text_of(const char *text)
{
    return (plim_text){text, strlen(text)};
}

static void what_may_stay_of_a_name_depends_on_what_it_names(void **state)
{
    (void)state;
    static const struct {
        plim__redact_role role;
        const char *name;
        const char *stays; /* NULL: all of it */
    } rows[] = {
        {PLIM__REDACT_CLASS, "TreeNode", NULL},
        {PLIM__REDACT_CLASS, "Array Iterator", NULL},
        {PLIM__REDACT_CLASS, "cache_put cache.c:31", NULL},
        {PLIM__REDACT_CLASS, "system / Context", NULL},
        {PLIM__REDACT_CLASS, "Window / https://shop.example/?u=x", "Window / "},
        {PLIM__REDACT_CLASS, "global (global*) / /srv/app", "global (global*) / "},
        {PLIM__REDACT_CLASS, "/srv/app/app.js", ""},
        {PLIM__REDACT_CLASS, "say \"x\"", ""},
        {PLIM__REDACT_CLOSURE, "handleLogin", ""},
        {PLIM__REDACT_CODE, "handleLogin", ""},
        {PLIM__REDACT_CODE, "(my secret)", ""},
        {PLIM__REDACT_CODE, "file:///srv/app/app.js", ""},
        {PLIM__REDACT_CODE, "(shared function info)", NULL},
        {PLIM__REDACT_CODE, "system / BytecodeArray", NULL},
        {PLIM__REDACT_CODE, "UnlinkedFunctionExecutable", NULL},
        {PLIM__REDACT_CODE, "js::BaseScript", NULL},
        {PLIM__REDACT_ENGINE, "(GC roots)", NULL},
        {PLIM__REDACT_ENGINE, "(object elements)", NULL},
        {PLIM__REDACT_ENGINE, "system / Map (OneByteString)", NULL},
        {PLIM__REDACT_ENGINE, "js::PropMap", NULL},
        {PLIM__REDACT_ENGINE, "a=\"b\"", ""},
        {PLIM__REDACT_NATIVE, "<div>", NULL},
        {PLIM__REDACT_NATIVE, "<div id=\"x\" class=\"y\">", "<div >"},
        {PLIM__REDACT_NATIVE, "Detached <li class=\"y\">", "Detached <li >"},
        {PLIM__REDACT_NATIVE, "<", NULL},
        {PLIM__REDACT_NATIVE, "<di", "<>"},
        {PLIM__REDACT_NATIVE, "Detached HTMLDivElement", NULL},
        {PLIM__REDACT_NATIVE, "#text", NULL},
        {PLIM__REDACT_NATIVE, "Node / std::basic_string", NULL},
        {PLIM__REDACT_NATIVE, "Document / https://shop.example/", "Document / "},
        {PLIM__REDACT_VALUE, "heap number", NULL},
        {PLIM__REDACT_VALUE, "12345.5", ""},
        {PLIM__REDACT_VALUE, "a text", ""},
        {PLIM__REDACT_KEY, "__proto__", NULL},
        {PLIM__REDACT_KEY, "password", ""},
        {PLIM__REDACT_KEY, "<symbol login>", ""},
        {PLIM__REDACT_INNER, "map", NULL},
        {PLIM__REDACT_INNER, "bound_argument_0", NULL},
        {PLIM__REDACT_INNER, "1234567", NULL},
        {PLIM__REDACT_INNER, "12345678", ""},
        {PLIM__REDACT_INNER, "two words", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plim__redact_cut cut = plim__redact_cut_of(rows[i].role, text_of(rows[i].name));
        char stays[128];
        (void)snprintf(stays, sizeof stays, "%.*s%s", (int)cut.kept, rows[i].name, cut.end);
        assert_string_equal(stays, rows[i].stays != NULL ? rows[i].stays : rows[i].name);
        assert_int_equal(cut.is_cut, rows[i].stays != NULL);
    }
}

static void of_a_weak_pair_its_numbers_stay(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"2 / part of key (Key @11) -> value (my secret @22) pair in WeakMap (table @33)",
         "2 / part of key (redacted @11) -> value (redacted @22) pair in WeakMap (table @33)"},
        {"2 / part of key (x @9) -> value (y @11) -> value (z) @22) pair in WeakMap (table @33)",
         "2 / part of key (redacted @11) -> value (redacted @22) pair in WeakMap (table @33)"},
        {"2 / part of key (Key @11) -> value (my secret @22) pair in WeakMap (table @)", ""},
        {"2 / part of key (", ""},
        {"2 / part of key () -> value () pair in WeakMap (table @3)", ""},
        {"12345678 / part of key (a @1) -> value (b @2) pair in WeakMap (table @3)", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[160];
        size_t bytes = plim__redact_pair(text_of(rows[i][0]), out, sizeof out);
        assert_int_equal(bytes, strlen(rows[i][1]));
        assert_memory_equal(out, rows[i][1], bytes);
        assert_int_equal(plim__redact_pair(text_of(rows[i][0]), out, bytes), 0); /* no room */
    }
}

/* Root, a class, its function, two equal strings, one of them by two edges. */
static plim_graph *make(const plim_allocator *allocator)
{
    plim_graph_builder *builder = NULL;
    plim_graph *graph = NULL;
    if (plim_graph_builder_create(allocator, &builder, NULL) != PLIM_OK)
        return NULL;
    static const struct {
        plim_node_type type;
        const char *name;
    } nodes[] = {
        {PLIM_NODE_SYNTHETIC, ""},      {PLIM_NODE_OBJECT, "Session"},
        {PLIM_NODE_CLOSURE, "Session"}, {PLIM_NODE_STRING, "hunter2"},
        {PLIM_NODE_STRING, "hunter2"},  {PLIM_NODE_CLOSURE, "handleLogin"},
    };
    for (uint32_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        (void)plim_graph_builder_node(builder, nodes[i].type, text_of(nodes[i].name), 2 * i + 1,
                                      16);
    (void)plim_graph_builder_element(builder, 0, PLIM_EDGE_ELEMENT, 1, 1);
    (void)plim_graph_builder_edge(builder, 1, PLIM_EDGE_PROPERTY, text_of("constructor"), 2);
    (void)plim_graph_builder_edge(builder, 1, PLIM_EDGE_PROPERTY, text_of("hunter2"), 3);
    (void)plim_graph_builder_element(builder, 1, PLIM_EDGE_ELEMENT, 4111111111u, 4);
    (void)plim_graph_builder_edge(builder, 1, PLIM_EDGE_CONTEXT, text_of("onLogin"), 5);
    if (plim_graph_builder_finish(&builder, &graph, NULL) != PLIM_OK)
        return NULL;
    return graph;
}

static void check_name(const plim_graph *graph, uint32_t node, const char *name)
{
    plim_node row;
    plim_graph_node(graph, node, &row);
    assert_int_equal(row.name.size_bytes, strlen(name));
    assert_memory_equal(row.name.data, name, strlen(name));
}

static void equal_texts_are_replaced_alike_and_a_class_keeps_its_function(void **state)
{
    (void)state;
    plim_graph *graph = make(plim_allocator_system());
    plim_redact_result result;
    assert_non_null(graph);
    assert_int_equal(plim_graph_redact(graph, &result, NULL), PLIM_OK);
    assert_true(plim__graph_is_valid(graph));
    check_name(graph, 1, "Session");
    check_name(graph, 2, "Session");
    check_name(graph, 3, "redacted1");
    check_name(graph, 4, "redacted1");
    check_name(graph, 5, "redacted2");
    static const char *const names[] = {"", "constructor", "redacted1", "", "redacted3"};
    for (uint32_t i = 0; i < 5; i++) {
        plim_edge edge;
        plim_graph_edge(graph, i, &edge);
        assert_int_equal(edge.name.size_bytes, strlen(names[i]));
        assert_memory_equal(edge.name.data, names[i], strlen(names[i]));
        assert_int_equal(edge.index, i == 0 || i == 3 ? 0 : PLIM_NONE);
    }
    assert_int_equal(result.texts, 3);
    assert_int_equal(result.nodes, 3);
    assert_int_equal(result.edges, 4);
    plim_graph_destroy(&graph);
}

static void a_refused_allocation_leaves_the_graph_as_it_was(void **state)
{
    (void)state;
    plim_status status = PLIM_ERR_NO_MEMORY;
    for (uint64_t n = 1; status != PLIM_OK && n < 200; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, 0);
        plim_graph *graph = make(&fault.allocator);
        assert_non_null(graph);
        fault.fail_at = fault.requests + n;
        plim_error err = {0};
        status = plim_graph_redact(graph, NULL, &err);
        assert_true(plim__graph_is_valid(graph));
        if (status != PLIM_OK) {
            assert_int_equal(status, PLIM_ERR_NO_MEMORY);
            check_name(graph, 3, "hunter2");
        }
        plim_graph_destroy(&graph);
        assert_int_equal(fault.live_bytes, 0);
    }
    assert_int_equal(status, PLIM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_stay_of_a_name_depends_on_what_it_names),
        cmocka_unit_test(of_a_weak_pair_its_numbers_stay),
        cmocka_unit_test(equal_texts_are_replaced_alike_and_a_class_keeps_its_function),
        cmocka_unit_test(a_refused_allocation_leaves_the_graph_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
