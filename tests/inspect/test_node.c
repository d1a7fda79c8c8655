/* SPDX-License-Identifier: MIT */
/* Node's own rules, apart from any Node. Method: texts as Node writes them, and cut or turned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "inspect/cdp/estimate.h"
#include "inspect/node/node.h"

static void node_is_known_by_its_executable_whatever_distributions_call_it(void **state)
{
    (void)state;
    static const char *const nodes[] = {"/usr/bin/node", "node",       "/usr/bin/nodejs",
                                        "/x/node22",     "/x/node-22", "/x/node-22.1",
                                        "/a b/node"};
    static const char *const others[] = {"/usr/bin/nodemon",
                                         "/usr/bin/node_exporter",
                                         "/x/node-",
                                         "/x/node-gyp",
                                         "/x/node/server",
                                         "/x/Node",
                                         "",
                                         "/x/nodejs2"};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        assert_true(plim__node_is_executable(nodes[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(plim__node_is_executable(others[i]));
}

static void options_tell_the_port_and_nonsense_tells_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        uint16_t port;
        bool is_told, is_opened, waits;
    } cases[] = {
        {"--inspect", 9229, false, true, false},
        {"--inspect=9230", 9230, true, true, false},
        {"--inspect=127.0.0.1:0", 0, true, true, false},
        {"--inspect=[::1]:9231", 9231, true, true, false},
        {"--inspect=0.0.0.0", 9229, false, true, false},
        {"--inspect-brk=9232", 9232, true, true, true},
        {"--inspect-wait", 9229, false, true, true},
        {"--inspect-port=0", 0, true, false, false},
        {"--debug-port=9233", 9233, true, false, false},
        {"--inspect-port=65536", 9229, false, false, false},
        {"--inspect-port=123456789012345678901", 9229, false, false, false},
        {"--inspect-port=", 9229, false, false, false},
        {"--inspect-port=92x", 9229, false, false, false},
        {"--inspector", 9229, false, false, false},
        {"inspect=1", 9229, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        plim__node_flags flags = {.port = 9229};
        plim__node_flag_read(cases[i].option, &flags);
        assert_int_equal(flags.port, cases[i].port);
        assert_int_equal(flags.is_told, cases[i].is_told);
        assert_int_equal(flags.is_opened, cases[i].is_opened);
        assert_int_equal(flags.waits, cases[i].waits);
    }
}

static void only_the_loopback_and_the_port_of_the_options_are_asked(void **state)
{
    (void)state;
    const plim__node_flags flags = {.port = 9229};
    const plim__listener loopback = {.port = 8080, .is_loopback = true};
    const plim__listener told = {.port = 9229, .is_any = true};
    const plim__listener server = {.port = 8080, .is_any = true};
    assert_true(plim__node_may_be_inspector(&loopback, &flags));
    assert_true(plim__node_may_be_inspector(&told, &flags));
    assert_false(plim__node_may_be_inspector(&server, &flags));
}

static void the_peak_rises_with_the_heap_and_counts_no_snapshot_twice(void **state)
{
    (void)state;
    const uint64_t mib = 1u << 20;
    uint64_t first = plim__owner_peak_bytes(100 * mib, 100 * mib, plim__cdp_growth_bytes(20 * mib));
    assert_int_equal(first, (100 + 22 * 20) * mib);
    /* The first one left 400 MiB behind; the second finds them there. */
    assert_int_equal(plim__owner_peak_bytes(500 * mib, 100 * mib, plim__cdp_growth_bytes(20 * mib)),
                     first);
    /* It never says less than there is, and does not turn over. */
    assert_int_equal(plim__owner_peak_bytes(900 * mib, 100 * mib, plim__cdp_growth_bytes(20 * mib)),
                     900 * mib);
    assert_int_equal(plim__owner_peak_bytes(50 * mib, 100 * mib, plim__cdp_growth_bytes(mib)),
                     72 * mib);
    assert_true(plim__owner_peak_bytes(UINT64_MAX, UINT64_MAX,
                                       plim__cdp_growth_bytes(UINT64_MAX)) == UINT64_MAX);
    assert_true(plim__owner_peak_bytes(1, UINT64_MAX, plim__cdp_growth_bytes(UINT64_MAX)) >=
                UINT64_MAX / 2);
}

/* What Node 20 to 26 send at stop, shortened: a worker's events among the main isolate's. */
static const char gc_data[] =
    "{'value':["
    "{'pid':7,'tid':7,'ts':900,'ph':'E','cat':'v8','name':'MajorGC','args':{'usedHeapSizeAfter':1}}"
    ","
    "{'pid':7,'tid':7,'ts':5000,'ph':'X','name':'V8.GCFinalizeMC','dur':70,'args':{}},"
    "{'pid':7,'tid':7,'ts':4990,'ph':'B','name':'MajorGC','args':{'usedHeapSizeBefore':4000}},"
    "{'pid':7,'tid':7,'ts':5100,'ph':'E','name':'MajorGC','args':{'usedHeapSizeAfter':3000}},"
    "{'pid':7,'tid':9,'ts':5010,'ph':'B','name':'MinorGC','args':{'usedHeapSizeBefore':1}},"
    "{'pid':7,'tid':9,'ts':5011,'ph':'X','name':'V8.GCScavenger','dur':5,'args':{}},"
    "{'pid':7,'tid':9,'ts':5020,'ph':'E','name':'MinorGC','args':{'usedHeapSizeAfter':1}},"
    "{'pid':7,'tid':7,'ts':1000,'ph':'X','name':'V8.GCScavenger','dur':40,'args':{}},"
    "{'pid':7,'tid':7,'ts':3000,'ph':'X','name':'V8.GCIncrementalMarking','dur':40,'args':{}},"
    "{'pid':7,'tid':7,'ts':2000,'ph':'B','name':'MinorGC','args':{}},"
    "{'pid':7,'tid':7,'ts':2001,'ph':'X','name':'V8.GCScavenger','dur':8,'args':{}},"
    "{'pid':7,'tid':7,'ts':2010,'ph':'E','name':'MinorGC','args':{'usedHeapSizeAfter':5}},"
    "{'pid':7,'tid':7,'ts':100,'ph':'M','name':'process_name','args':{}}]}";

static json_t *gc_json(const char *text)
{
    size_t len = strlen(text);
    char *quoted = test_malloc(len + 1);
    for (size_t i = 0; i <= len; i++)
        quoted[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    json_t *json = json_loads(quoted, 0, NULL);
    test_free(quoted);
    assert_non_null(json);
    return json;
}

static plim__node_gc gc_begin(void)
{
    plim__node_gc gc = {.is_stopping = true};
    plim__cdp_collections_init(&gc.seen);
    gc.seen.start_us = 500;
    gc.seen.stop_us = 9000;
    return gc;
}

static void collections_are_the_main_isolates_in_order_and_once(void **state)
{
    (void)state;
    const plim_allocator *allocator = plim_allocator_system();
    plim__node_gc gc = gc_begin();
    json_t *data = gc_json(gc_data);
    uint32_t count = 0;
    assert_int_equal(plim__node_gc_read(&gc, allocator, data, NULL), PLIM_OK);
    assert_int_equal(plim__cdp_collections_settle(&gc.seen, allocator, &count, NULL), PLIM_OK);
    assert_int_equal(count, 3);
    assert_string_equal(gc.seen.events[0].kind, "minor"); /* its beginning was before ours */
    assert_int_equal(gc.seen.events[0].at_ns, 500000);
    assert_int_equal(gc.seen.events[0].pause_ns, 40000);
    assert_true(gc.seen.events[0].before_bytes == PLIM_UNKNOWN);
    assert_string_equal(gc.seen.events[1].kind, "minor");
    assert_int_equal(gc.seen.events[1].pause_ns, 10000);
    assert_true(gc.seen.events[1].before_bytes == PLIM_UNKNOWN);
    assert_int_equal(gc.seen.events[1].after_bytes, 5);
    assert_string_equal(gc.seen.events[2].kind, "major");
    assert_int_equal(gc.seen.events[2].pause_ns, 110000);
    assert_int_equal(gc.seen.events[2].before_bytes, 4000);
    assert_int_equal(gc.seen.events[2].after_bytes, 3000);
    json_decref(data);
    plim__node_gc_fini(&gc, allocator);
}

static void another_clock_begins_with_the_first_event(void **state)
{
    (void)state;
    const plim_allocator *allocator = plim_allocator_system();
    static const uint64_t clocks[][2] = {{6000, 9000}, {500, 1500}, {999999, 1999999}};
    for (size_t i = 0; i < 3; i++) {
        plim__node_gc gc = gc_begin();
        gc.seen.start_us = clocks[i][0];
        gc.seen.stop_us = clocks[i][1];
        json_t *data = gc_json(gc_data);
        uint32_t count = 0;
        assert_int_equal(plim__node_gc_read(&gc, allocator, data, NULL), PLIM_OK);
        assert_int_equal(plim__cdp_collections_settle(&gc.seen, allocator, &count, NULL), PLIM_OK);
        assert_int_equal(gc.seen.events[0].at_ns, 0);
        assert_int_equal(gc.seen.events[2].at_ns, 3990000);
        json_decref(data);
        plim__node_gc_fini(&gc, allocator);
    }
}

static void only_the_second_message_without_events_is_the_last(void **state)
{
    (void)state;
    static const char metadata[] = "{'value':[{'pid':7,'tid':7,'ts':1,'ph':'M','name':'node'}]}";
    const plim_allocator *allocator = plim_allocator_system();
    json_t *data = gc_json(gc_data);
    json_t *last = gc_json(metadata);
    plim__node_gc gc = gc_begin();
    assert_int_equal(plim__node_gc_read(&gc, allocator, data, NULL), PLIM_OK);
    assert_false(gc.is_complete);
    assert_int_equal(plim__node_gc_read(&gc, allocator, last, NULL), PLIM_OK);
    assert_true(gc.is_complete);
    plim__node_gc_fini(&gc, allocator);
    gc = gc_begin(); /* an idle program sends two of that kind */
    assert_int_equal(plim__node_gc_read(&gc, allocator, last, NULL), PLIM_OK);
    assert_false(gc.is_complete);
    assert_int_equal(plim__node_gc_read(&gc, allocator, last, NULL), PLIM_OK);
    assert_true(gc.is_complete);
    json_decref(data);
    json_decref(last);
    plim__node_gc_fini(&gc, allocator);
}

static void events_that_make_no_sense_are_passed_over(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "{'value':7}",
        "{'value':[1,null,[],{}]}",
        "{'value':[{'pid':7,'tid':7,'ts':-5,'ph':'X','name':'V8.GCScavenger','dur':1}]}",
        "{'value':[{'pid':7,'tid':7,'ts':5,'ph':'X','name':'V8.GCScavenger','dur':'x'}]}",
        "{'value':[{'pid':7,'tid':7,'ts':5,'ph':'X','name':'V8.GCScavenger'}]}",
        "{'value':[{'pid':7,'tid':7,'ts':1e300,'ph':'X','name':'V8.GCScavenger','dur':1}]}",
        "{'value':[{'pid':7,'tid':7,'ts':9223372036854775807,'ph':'B','name':'MinorGC'}]}",
        "{'value':[{'tid':7,'ts':5,'ph':'X','name':'V8.GCScavenger','dur':1}]}",
        ("{'value':[{'pid':7,'tid':7,'ts':9,'ph':'B','name':'MinorGC'},"
         "{'pid':7,'tid':7,'ts':8,'ph':'E','name':'MinorGC'}]}"),
        "{'value':[{'pid':7,'tid':7,'ts':9,'ph':'Q','name':'MinorGC','args':7}]}",
    };
    const plim_allocator *allocator = plim_allocator_system();
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        plim__node_gc gc = gc_begin();
        json_t *data = gc_json(odd[i]);
        uint32_t count = 7;
        assert_int_equal(plim__node_gc_read(&gc, allocator, data, NULL), PLIM_OK);
        assert_int_equal(plim__cdp_collections_settle(&gc.seen, allocator, &count, NULL), PLIM_OK);
        assert_int_equal(count, 0);
        json_decref(data);
        plim__node_gc_fini(&gc, allocator);
    }
}

/* A hundred thousand in a bad order: sorted, and none lost. */
static void many_collections_are_sorted(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    const plim_allocator *allocator = plim_allocator_system();
    plim__node_gc gc = gc_begin();
    gc.seen.stop_us = UINT64_MAX;
    json_t *event = gc_json("{'pid':7,'tid':7,'ph':'X','name':'V8.GCScavenger','dur':3}");
    json_t *data = json_pack("{s:[O]}", "value", event);
    uint32_t at = 1;
    for (uint32_t i = 0; i < COUNT; i++) {
        at = (uint32_t)(((uint64_t)at * 48271) % 2147483647);
        assert_int_equal(json_object_set_new(event, "ts", json_integer(600 + (json_int_t)at * 4)),
                         0);
        assert_int_equal(plim__node_gc_read(&gc, allocator, data, NULL), PLIM_OK);
    }
    uint32_t count = 0;
    assert_int_equal(plim__cdp_collections_settle(&gc.seen, allocator, &count, NULL), PLIM_OK);
    assert_int_equal(count, COUNT);
    for (uint32_t i = 1; i < count; i++)
        assert_true(gc.seen.events[i - 1].at_ns < gc.seen.events[i].at_ns);
    json_decref(data);
    json_decref(event);
    plim__node_gc_fini(&gc, allocator);
}

static void every_refused_allocation_is_told_and_nothing_is_lost(void **state)
{
    (void)state;
    json_t *data = gc_json(gc_data);
    bool is_done = false;
    uint64_t refusals = 0;
    for (uint64_t n = 1; !is_done; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        plim__node_gc gc = gc_begin();
        plim_error err = {0};
        uint32_t count = 0;
        plim_status status = plim__node_gc_read(&gc, &fault.allocator, data, &err);
        if (status == PLIM_OK)
            status = plim__cdp_collections_settle(&gc.seen, &fault.allocator, &count, &err);
        is_done = fault.refused == 0;
        refusals += fault.refused;
        assert_int_equal(status, is_done ? PLIM_OK : PLIM_ERR_NO_MEMORY);
        assert_int_equal(err.status, status);
        plim__node_gc_fini(&gc, &fault.allocator);
        assert_int_equal(fault.live_bytes, 0);
    }
    assert_true(refusals >= 2);
    json_decref(data);
}

static void what_others_write_is_shown_without_power_over_the_terminal(void **state)
{
    (void)state;
    char out[16];
    plim__probe_copy_text(out, sizeof out,
                          "a\x1b[2J\nb\x7f"
                          "c");
    assert_string_equal(out, "a?[2J?b?c");
    plim__probe_copy_text(out, sizeof out, "\xc3\xa9\xff\xc3(\xc2\x9b!");
    assert_string_equal(out, "\xc3\xa9?"
                             "?(?!");
    plim__probe_copy_text(out, 4, "ab\xe2\x82\xac"); /* cut before a character, not within */
    assert_string_equal(out, "ab");
    plim__probe_copy_text(out, sizeof out, "\xe2\x82"); /* ends within one */
    assert_string_equal(out, "??");
}

static void runtimes_are_told_by_the_browser_field(void **state)
{
    (void)state;
    assert_string_equal(plim__probe_runtime("node.js/v20.20.2"), "node");
    assert_string_equal(plim__probe_version("node.js/v20.20.2"), "20.20.2");
    assert_string_equal(plim__probe_runtime("Deno/2.9.6"), "deno");
    assert_string_equal(plim__probe_runtime("Chrome/156.0.8078.79"), "chrome");
    assert_string_equal(plim__probe_runtime("workerd"), "workerd");
    assert_string_equal(plim__probe_version("workerd"), "");
    assert_string_equal(plim__probe_runtime("node.jsx/1"), "unknown");
    assert_string_equal(plim__probe_runtime(""), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_is_known_by_its_executable_whatever_distributions_call_it),
        cmocka_unit_test(options_tell_the_port_and_nonsense_tells_nothing),
        cmocka_unit_test(only_the_loopback_and_the_port_of_the_options_are_asked),
        cmocka_unit_test(the_peak_rises_with_the_heap_and_counts_no_snapshot_twice),
        cmocka_unit_test(collections_are_the_main_isolates_in_order_and_once),
        cmocka_unit_test(another_clock_begins_with_the_first_event),
        cmocka_unit_test(only_the_second_message_without_events_is_the_last),
        cmocka_unit_test(events_that_make_no_sense_are_passed_over),
        cmocka_unit_test(many_collections_are_sorted),
        cmocka_unit_test(every_refused_allocation_is_told_and_nothing_is_lost),
        cmocka_unit_test(what_others_write_is_shown_without_power_over_the_terminal),
        cmocka_unit_test(runtimes_are_told_by_the_browser_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
