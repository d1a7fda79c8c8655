/* SPDX-License-Identifier: MIT */
/*
 * Profiles. Method: small profiles by hand whose every figure is known, read in any cut; what is
 * written is compared word for word where the format is text; damage of each kind is refused; every
 * request for memory is refused once.
 */
#include <plimsoll/build.h>
#include <plimsoll/profile.h>
#include <plimsoll/redact.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_allocator.h"
#include "graph_maker.h"
#include "streams.h"

#define FRAME(name, url, line)                                                                     \
    "\"callFrame\":{\"functionName\":\"" name "\",\"scriptId\":\"7\",\"url\":\"" url               \
    "\",\"lineNumber\":" line ",\"columnNumber\":4}"

/* main 100 > work 200 > main 50 (recursive), and a nameless function of 1000 beside work. */
static const char sampled[] = "{\"head\":{" FRAME(
    "(root)", "",
    "-1") ",\"selfSize\":0,\"id\":1,\"children\":["
          "{\"children\":["
          "{" FRAME("work", "file:///a.js",
                    "9") ",\"selfSize\":199.6,\"id\":3,\"children\":["
                         "{" FRAME("main", "file:///a.js",
                                   "0") ",\"selfSize\":50,\"id\":4,\"children\":[]}]},"
                                        "{" FRAME(
                                            "", "",
                                            "-1") ",\"selfSize\":1e3,\"id\":5,\"children\":[]}]"
                                                  "," FRAME(
                                                      "main", "file:///a.js",
                                                      "0") ",\"selfSize\":100,\"id\":2}]},"
                                                           "\"samples\":[{\"size\":50,\"nodeId\":"
                                                           "4,\"ordinal\":1},{\"size\":200,"
                                                           "\"nodeId\":3,\"ordinal\":2},"
                                                           "{\"size\":100,\"nodeId\":3,"
                                                           "\"ordinal\":3},{\"size\":1,"
                                                           "\"nodeId\":99,\"ordinal\":4}]}";

#define TIMELINE_META                                                                              \
    "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\","            \
    "\"edge_count\",\"trace_node_id\",\"detachedness\"],\"node_types\":[[\"hidden\"],\"string\"]," \
    "\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\","      \
    "\"line\",\"column\"],\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\","        \
    "\"size\",\"children\"]},\"node_count\":4},"

/* The root; make made 3 of 300, of which two of 40 and 60 live; deep made 1 of 8, dead. */
static const char timeline[] = TIMELINE_META
    "\"nodes\":[9,0,1,0,0,0,0, 3,1,3,40,0,2,0, 3,1,5,60,0,2,0, 3,1,7,5,0,0,0],\"edges\":[],"
    "\"trace_function_infos\":[0,1,2,0,0,0, 8,4,3,11,12,5, 9,5,3,11,20,1],"
    "\"trace_tree\":[1,0,0,0,[2,1,3,300,[3,2,1,8,[]]]],"
    "\"samples\":[0,1,50000,9],\"locations\":[],"
    "\"strings\":[\"<dummy>\",\"(root)\",\"\",\"/srv/a.js\",\"make\",\"deep\",\"other\"]}";

static plim_profile *profile_of(const char *text, const plim_profile_options *options)
{
    plim_profile *profile = NULL;
    plim_error err = {0};
    test_source source = {.data = text, .len = strlen(text), .chunk = 7};
    if (plim_profile_read(test_source_view(&source), options, &profile, &err) != PLIM_OK)
        fail_msg("%s (%s)", err.what, err.where);
    return profile;
}

static plim_status status_of(const char *text)
{
    plim_profile *profile = NULL;
    plim_error err = {0};
    test_source source = {.data = text, .len = strlen(text)};
    plim_status status = plim_profile_read(test_source_view(&source), NULL, &profile, &err);
    assert_true((status == PLIM_OK) == (err.what[0] == '\0'));
    plim_profile_destroy(&profile);
    return status;
}

static plim_profile_info info_of(const plim_profile *profile)
{
    plim_profile_info info;
    plim_profile_read_info(profile, &info);
    return info;
}

static void written_is(const plim_profile *profile, plim_profile_form form, const char *expected)
{
    test_sink sink = {0};
    plim_profile_write_options options = {.struct_bytes = sizeof options, .form = form};
    assert_int_equal(plim_profile_write(profile, test_sink_view(&sink), &options, NULL), PLIM_OK);
    test_put(&sink, "%c", 0);
    assert_string_equal(sink.data, expected);
    test_sink_fini(&sink);
}

static void a_samplers_tree_is_read_whatever_the_order_of_its_members(void **state)
{
    (void)state;
    plim_profile *profile = profile_of(sampled, NULL);
    plim_profile_info info = info_of(profile);
    assert_int_equal(info.call_count, 5);
    assert_int_equal(info.frame_count, 4);
    assert_int_equal(info.depth_most, 3);
    assert_int_equal(info.known, 1u << PLIM_MEASURE_LIVE_BYTES | 1u << PLIM_MEASURE_SAMPLES);
    assert_int_equal(info.main, PLIM_MEASURE_LIVE_BYTES);
    assert_int_equal(info.total[PLIM_MEASURE_LIVE_BYTES], 1350);
    assert_int_equal(info.total[PLIM_MEASURE_SAMPLES], 3);
    plim_profile_call call;
    plim_profile_frame frame;
    plim_profile_read_call(profile, 2, &call);
    assert_int_equal(call.self[PLIM_MEASURE_LIVE_BYTES], 200);
    assert_int_equal(call.total[PLIM_MEASURE_LIVE_BYTES], 250);
    assert_int_equal(call.self[PLIM_MEASURE_SAMPLES], 2);
    assert_int_equal(call.parent, 1);
    plim_profile_read_frame(profile, call.frame, &frame);
    assert_int_equal(frame.line, 10);
    assert_int_equal(frame.column, 5);
    assert_memory_equal(frame.source.data, "file:///a.js", frame.source.size_bytes);
    plim_profile_destroy(&profile);
}

static void a_function_that_calls_itself_is_counted_once(void **state)
{
    (void)state;
    plim_profile *profile = profile_of(sampled, NULL);
    plim_profile_site sites[4];
    plim_profile_frame frame;
    uint32_t count = 0;
    assert_int_equal(plim_profile_sites(profile, PLIM_MEASURE_LIVE_BYTES, sites, &count, NULL),
                     PLIM_OK);
    assert_int_equal(count, 3);
    assert_int_equal(sites[0].self, 1000);
    assert_int_equal(sites[1].self, 200);
    assert_int_equal(sites[1].total, 250);
    plim_profile_read_frame(profile, sites[2].frame, &frame);
    assert_memory_equal(frame.function.data, "main", 4);
    assert_int_equal(sites[2].self, 150);
    assert_int_equal(sites[2].total, 1350);
    assert_int_equal(plim_profile_sites(profile, PLIM_MEASURE_ALLOC_COUNT, sites, &count, NULL),
                     PLIM_ERR_UNSUPPORTED);
    plim_profile_destroy(&profile);
}

static void what_the_sizes_mean_is_said_by_caller_or_file(void **state)
{
    (void)state;
    plim_profile_options options = {
        .struct_bytes = sizeof options, .collected = true, .interval_bytes = 512};
    plim_profile *profile = profile_of(sampled, &options);
    assert_int_equal(info_of(profile).main, PLIM_MEASURE_ALLOC_BYTES);
    assert_int_equal(info_of(profile).interval_bytes, 512);
    test_sink sink = {0};
    assert_int_equal(plim_profile_write(profile, test_sink_view(&sink), NULL, NULL), PLIM_OK);
    plim_profile_destroy(&profile);
    test_put(&sink, "%c", 0);
    profile = profile_of(sink.data, NULL);
    plim_profile_info info = info_of(profile);
    assert_int_equal(info.main, PLIM_MEASURE_ALLOC_BYTES);
    assert_int_equal(info.interval_bytes, 512);
    assert_int_equal(info.total[info.main], 1350);
    assert_int_equal(info.call_count, 5);
    plim_profile_destroy(&profile);
    test_sink_fini(&sink);
}

static void a_timeline_knows_what_was_made_and_what_of_it_lives(void **state)
{
    (void)state;
    plim_profile *profile = profile_of(timeline, NULL);
    plim_profile_info info = info_of(profile);
    assert_int_equal(info.call_count, 3);
    assert_int_equal(info.main, PLIM_MEASURE_LIVE_BYTES);
    assert_int_equal(info.total[PLIM_MEASURE_LIVE_BYTES], 100);
    assert_int_equal(info.total[PLIM_MEASURE_LIVE_COUNT], 2);
    assert_int_equal(info.total[PLIM_MEASURE_ALLOC_BYTES], 308);
    assert_int_equal(info.total[PLIM_MEASURE_ALLOC_COUNT], 4);
    assert_int_equal(info.known & 1u << PLIM_MEASURE_SAMPLES, 0);
    plim_profile_call call;
    plim_profile_frame frame;
    plim_profile_read_call(profile, 1, &call);
    plim_profile_read_frame(profile, call.frame, &frame);
    assert_memory_equal(frame.function.data, "make", 4);
    assert_int_equal(frame.line, 12);
    plim_profile_destroy(&profile);
}

static void text_forms_are_word_for_word(void **state)
{
    (void)state;
    plim_profile *profile = profile_of(sampled, NULL);
    written_is(profile, PLIM_PROFILE_FOLDED,
               "main 100\nmain;work 200\nmain;work;main 50\nmain;(anonymous) 1000\n");
    written_is(
        profile, PLIM_PROFILE_SPEEDSCOPE,
        "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"plim\","
        "\"name\":\"heap profile\",\"activeProfileIndex\":0,\"shared\":{\"frames\":["
        "{\"name\":\"(root)\"},\n{\"name\":\"work\",\"file\":\"file:///"
        "a.js\",\"line\":10,\"col\":5},"
        "\n{\"name\":\"main\",\"file\":\"file:///a.js\",\"line\":1,\"col\":5},\n"
        "{\"name\":\"(anonymous)\"}]},\"profiles\":[{\"type\":\"sampled\",\"name\":\"bytes alive\","
        "\"unit\":\"bytes\",\"startValue\":0,\"endValue\":1350,\"samples\":[[2],\n[2,1],\n[2,1,2],"
        "\n"
        "[2,3]],\"weights\":[100,\n200,\n50,\n1000]},{\"type\":\"sampled\",\"name\":\"samples\","
        "\"unit\":\"none\",\"startValue\":0,\"endValue\":3,\"samples\":[[2,1],\n[2,1,2]],"
        "\"weights\":[2,\n1]}]}\n");
    plim_profile_destroy(&profile);
    profile = profile_of("{\"head\":{\"selfSize\":1,\"children\":[{\"callFrame\":{\"functionName\":"
                         "\"a;b\\n\\ud800<\"},\"selfSize\":2}]}}",
                         NULL);
    written_is(profile, PLIM_PROFILE_FOLDED, "(root) 1\na:b \xef\xbf\xbd< 2\n");
    plim_profile_destroy(&profile);
}

static void a_graph_and_its_trace_are_a_profile(void **state)
{
    (void)state;
    graph_maker *maker = graph_maker_create(true);
    (void)graph_maker_node(maker, PLIM_NODE_SYNTHETIC, "", 0);
    uint32_t first = graph_maker_node(maker, PLIM_NODE_OBJECT, "A", 30);
    uint32_t second = graph_maker_node(maker, PLIM_NODE_OBJECT, "A", 12);
    graph_maker_edge(maker, 0, PLIM_EDGE_PROPERTY, "a", first);
    graph_maker_edge(maker, 0, PLIM_EDGE_PROPERTY, "b", second);
    plim_graph *graph = graph_maker_finish(&maker);
    const plim_write_function functions[] = {{"main", "m.c", 0, 3}, {"make", "m.c", 0, 9}};
    const plim_write_call calls[] = {{0, PLIM_NONE, 0, 0}, {1, 0, 5, 100}};
    const uint32_t node_call[] = {PLIM_NONE, 1, 1};
    const plim_write_trace trace = {functions, 2, calls, 2, node_call};
    plim_profile *profile = NULL;
    assert_int_equal(plim_profile_from_graph(graph, &trace, NULL, &profile, NULL), PLIM_OK);
    written_is(profile, PLIM_PROFILE_FOLDED, "main;make 42\n");
    plim_profile_info info = info_of(profile);
    assert_int_equal(info.total[PLIM_MEASURE_ALLOC_BYTES], 100);
    assert_int_equal(info.total[PLIM_MEASURE_LIVE_COUNT], 2);
    plim_profile_destroy(&profile);
    plim_graph_destroy(&graph);
}

static void damage_is_told(void **state)
{
    (void)state;
    assert_int_equal(status_of("{\"head\":{"), PLIM_ERR_TRUNCATED);
    assert_int_equal(status_of("{\"head\":{}} x"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{\"head\":{},\"head\":{}}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{\"head\":{\"selfSize\":-1}}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{\"head\":{\"selfSize\":\"1\"}}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{\"head\":[]}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("[]"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{\"trace_tree\":[1,0,0,0,[],2,0,0,0,[]]}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{\"trace_tree\":[1,0,0,0]}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of("{\"trace_tree\":[1,0,0,0,[2,7,1,1,[]]]}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of(TIMELINE_META "\"nodes\":[1,2]}"), PLIM_ERR_DAMAGED);
    assert_int_equal(status_of(TIMELINE_META "\"nodes\":[],\"trace_tree\":[]}"),
                     PLIM_ERR_UNSUPPORTED);
    assert_int_equal(status_of("{\"nodes\":[]}"), PLIM_ERR_DAMAGED);
}

/* As deep as may be, and one deeper. */
static void depth_is_bounded(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        test_sink text = {0};
        test_put(&text, "{\"head\":{\"children\":[");
        for (int i = 0; i < 1024 + more - 1; i++)
            test_put(&text, "{\"selfSize\":1,\"children\":[");
        test_put(&text, "{\"selfSize\":1}");
        for (int i = 0; i < 1024 + more - 1; i++)
            test_put(&text, "]}");
        test_put(&text, "]}}%c", 0);
        assert_int_equal(status_of(text.data), more == 0 ? PLIM_OK : PLIM_ERR_LIMIT);
        if (more == 0) {
            plim_profile *profile = profile_of(text.data, NULL);
            test_sink sink = {0};
            for (int form = PLIM_PROFILE_HEAPPROFILE; form <= PLIM_PROFILE_HTML; form++) {
                plim_profile_write_options options = {.form = (plim_profile_form)form};
                assert_int_equal(plim_profile_write(profile, test_sink_view(&sink), &options, NULL),
                                 PLIM_OK);
            }
            test_sink_fini(&sink);
            plim_profile_destroy(&profile);
        }
        test_sink_fini(&text);
    }
}

static void names_of_files_tell_the_form(void **state)
{
    (void)state;
    assert_int_equal(plim_profile_form_of_name("a.heapprofile"), PLIM_PROFILE_HEAPPROFILE);
    assert_int_equal(plim_profile_form_of_name("a.pb.gz"), PLIM_PROFILE_PPROF);
    assert_int_equal(plim_profile_form_of_name("a.pb"), PLIM_PROFILE_PPROF);
    assert_int_equal(plim_profile_form_of_name("a.folded.zst"), PLIM_PROFILE_FOLDED);
    assert_int_equal(plim_profile_form_of_name("a.speedscope.json"), PLIM_PROFILE_SPEEDSCOPE);
    assert_int_equal(plim_profile_form_of_name("a.html"), PLIM_PROFILE_HTML);
    assert_int_equal(plim_profile_form_of_name("a.json"), PLIM_PROFILE_UNKNOWN);
    assert_int_equal(plim_profile_form_of_name(".html"), PLIM_PROFILE_UNKNOWN);
    assert_true(plim_profile_guess(sampled, 64));
    assert_true(plim_profile_guess(" {\n \"plimsoll\":", 15));
    assert_false(plim_profile_guess(timeline, 64));
    assert_false(plim_profile_guess(NULL, 0));
}

/* 200,000 calls with long names: more than a page has room for. */
static void a_page_is_bounded_and_says_so(void **state)
{
    (void)state;
    test_sink text = {0}, page = {0};
    test_put(&text, "{\"head\":{\"children\":[");
    for (unsigned i = 0; i < 200000; i++)
        test_put(&text,
                 "%s{\"callFrame\":{\"functionName\":\"<b>%u\",\"url\":\"file:///srv/some/long/"
                 "path/of/a/module/%u.js\"},\"selfSize\":%u}",
                 i == 0 ? "" : ",", i, i, 1000 + i % 7);
    test_put(&text, "]}}%c", 0);
    plim_profile *profile = profile_of(text.data, NULL);
    plim_profile_write_options options = {.form = PLIM_PROFILE_HTML, .title = "</script>"};
    assert_int_equal(plim_profile_write(profile, test_sink_view(&page), &options, NULL), PLIM_OK);
    assert_in_range(page.len, 3000000, 5000000);
    test_put(&page, "%c", 0);
    assert_null(strstr(page.data, "<b>"));
    assert_null(strstr(strstr(page.data, "</script>") + 1, "{\"title\":\"</script>"));
    assert_non_null(strstr(page.data, "\"of\":200001,\"shown\":"));
    assert_null(strstr(page.data, "http:"));
    plim_profile_destroy(&profile);
    test_sink_fini(&text);
    test_sink_fini(&page);
}

static plim_status scenario(const plim_allocator *allocator)
{
    plim_status status = PLIM_OK;
    const char *const texts[] = {sampled, timeline};
    for (size_t i = 0; i < 2 && status == PLIM_OK; i++) {
        plim_profile *profile = NULL;
        test_sink sink = {0};
        test_source source = {.data = texts[i], .len = strlen(texts[i])};
        plim_profile_options options = {.struct_bytes = sizeof options, .allocator = allocator};
        status = plim_profile_read(test_source_view(&source), &options, &profile, NULL);
        for (int form = PLIM_PROFILE_HEAPPROFILE; status == PLIM_OK && form <= PLIM_PROFILE_HTML;
             form++) {
            plim_profile_write_options write = {.form = (plim_profile_form)form,
                                                .allocator = allocator};
            status = plim_profile_write(profile, test_sink_view(&sink), &write, NULL);
        }
        plim_profile_destroy(&profile);
        test_sink_fini(&sink);
    }
    return status;
}

static void every_refusal_of_memory_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, n);
        plim_status status = scenario(&fault.allocator);
        assert_int_equal(fault.live_bytes, 0);
        if (fault.refused == 0) {
            assert_int_equal(status, PLIM_OK);
            assert_in_range(n, 50, 1000);
            return;
        }
        assert_int_equal(status, PLIM_ERR_NO_MEMORY);
    }
}

static void redacted_names_are_gone_and_figures_stay(void **state)
{
    (void)state;
    uint64_t texts = 0;
    plim_profile *profile = profile_of(sampled, NULL);
    assert_int_equal(plim_profile_redact(profile, &texts, NULL), PLIM_OK);
    assert_int_equal(texts, 3); /* work, file:///a.js, main */
    written_is(profile, PLIM_PROFILE_FOLDED,
               "redacted3 100\nredacted3;redacted1 200\nredacted3;redacted1;redacted3 50\n"
               "redacted3;(anonymous) 1000\n");
    plim_profile_destroy(&profile);
}

static void a_redaction_that_fails_leaves_the_profile_as_it_was(void **state)
{
    (void)state;
    plim_status status = PLIM_ERR_NO_MEMORY;
    uint32_t failed = 0;
    for (uint64_t n = 1; status != PLIM_OK && n < 200; n++) {
        fault_allocator fault;
        fault_allocator_init(&fault, 0);
        plim_profile_options options = {.struct_bytes = sizeof options,
                                        .allocator = &fault.allocator};
        plim_profile *profile = profile_of(sampled, &options);
        fault.fail_at = fault.requests + n;
        status = plim_profile_redact(profile, NULL, NULL);
        fault.fail_at = 0;
        failed += status != PLIM_OK;
        if (status != PLIM_OK)
            written_is(profile, PLIM_PROFILE_FOLDED,
                       "main 100\nmain;work 200\nmain;work;main 50\nmain;(anonymous) 1000\n");
        plim_profile_destroy(&profile);
        assert_int_equal(fault.live_bytes, 0);
    }
    assert_int_equal(status, PLIM_OK);
    assert_true(failed > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_samplers_tree_is_read_whatever_the_order_of_its_members),
        cmocka_unit_test(a_function_that_calls_itself_is_counted_once),
        cmocka_unit_test(what_the_sizes_mean_is_said_by_caller_or_file),
        cmocka_unit_test(a_timeline_knows_what_was_made_and_what_of_it_lives),
        cmocka_unit_test(text_forms_are_word_for_word),
        cmocka_unit_test(a_graph_and_its_trace_are_a_profile),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(names_of_files_tell_the_form),
        cmocka_unit_test(a_page_is_bounded_and_says_so),
        cmocka_unit_test(every_refusal_of_memory_is_told_and_leaves_nothing),
        cmocka_unit_test(redacted_names_are_gone_and_figures_stay),
        cmocka_unit_test(a_redaction_that_fails_leaves_the_profile_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
