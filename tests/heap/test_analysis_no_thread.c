/* SPDX-License-Identifier: MIT */
/*
 * No thread. Method: this program has its own plim__thread_start(), which says no, in place of the
 * platform's; the analysis must then do the work of both lanes itself and give the same answers.
 */
#include <plimsoll/analysis.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph_maker.h"
#include "platform/thread.h"

static unsigned asked;

bool plim__thread_start(plim__thread *thread, void *(*run)(void *), void *argument)
{
    (void)thread;
    (void)run;
    (void)argument;
    asked++;
    return false;
}

void plim__thread_join(plim__thread *thread)
{
    (void)thread;
    fail_msg("joined a thread that never was");
}

static void without_a_thread_the_caller_does_it_all(void **state)
{
    (void)state;
    graph_maker *maker = graph_maker_create(false);
    (void)graph_maker_node(maker, PLIM_NODE_SYNTHETIC, "", 0);
    (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "global", 8);
    (void)graph_maker_node(maker, PLIM_NODE_OBJECT, "held", 9);
    graph_maker_edge(maker, 0, PLIM_EDGE_SHORTCUT, "global", 1);
    graph_maker_edge(maker, 1, PLIM_EDGE_PROPERTY, "p", 2);
    plim_graph *graph = graph_maker_finish(&maker);
    plim_analysis *analysis = NULL;
    plim_node_facts facts;
    assert_int_equal(plim_analysis_create(graph, NULL, &analysis, NULL), PLIM_OK);
    assert_int_equal(asked, 1);
    plim_analysis_node(analysis, 1, &facts);
    assert_int_equal(facts.retained_bytes, 17);
    assert_int_equal(facts.distance, 1);
    assert_int_equal(plim_analysis_class_count(analysis), 3);
    assert_int_equal(plim_analysis_retainer_count(analysis, 2), 1);
    plim_analysis_destroy(&analysis);
    plim_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_thread_the_caller_does_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
