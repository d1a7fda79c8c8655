/* SPDX-License-Identifier: MIT */
/*
 * V8 reader on texts that are right. Method: each file of tests/heap/data has its graph beside it,
 * written down as text (NAME.graph); it must come out whole, in every cut, and nowhere too early.
 * PLIM_WRITE_GRAPHS=1 writes those texts anew, to be looked at before they are committed.
 */
#include <plimsoll/file.h>
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
#include "heap/graph.h"
#include "heap/v8_check.h"
#include "streams.h"

static const char *const FILES[] = {
    "bun.heapsnapshot",     "escapes.heapsnapshot",  "foreign.heapsnapshot",
    "node-20.heapsnapshot", "node-22.heapsnapshot",  "node-24.heapsnapshot",
    "node-26.heapsnapshot", "timeline.heaptimeline", "v8-15.heapsnapshot",
};
enum { FILE_COUNT = sizeof FILES / sizeof FILES[0] };

static const char *data_path(const char *name, const char *suffix)
{
    static char path[1024];
    const char *folder = getenv("PLIM_TEST_DATA");
    assert_non_null(folder);
    int len = snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    assert_true(len > 0 && (size_t)len < sizeof path);
    return path;
}

static void write_graph(const char *name, const test_sink *text)
{
    plim_file_sink *file = NULL;
    assert_int_equal(plim_file_sink_create(data_path(name, ".graph"), true, NULL, &file, NULL),
                     PLIM_OK);
    plim_sink sink = plim_file_sink_view(file);
    assert_int_equal(sink.write(sink.ctx, text->data, text->len - 1, NULL), PLIM_OK);
    assert_int_equal(plim_file_sink_commit(&file, NULL), PLIM_OK);
}

static void each_generation_gives_the_graph_written_beside_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        test_sink text = {0}, wanted = {0}, got = {0};
        test_read_file(data_path(FILES[i], ""), &text);
        plim_graph *graph = NULL;
        plim_error err = {0};
        assert_int_equal(test_read_text(text.data, text.len, 0, NULL, &graph, &err), PLIM_OK);
        assert_true(plim__graph_is_valid(graph));
        test_graph_text(graph, &got);
        if (getenv("PLIM_WRITE_GRAPHS") != NULL)
            write_graph(FILES[i], &got);
        test_read_file(data_path(FILES[i], ".graph"), &wanted);
        plim_sink end = test_sink_view(&wanted);
        assert_int_equal(end.write(end.ctx, "", 1, NULL), PLIM_OK);
        assert_string_equal(got.data, wanted.data);
        plim_graph_destroy(&graph);
        assert_null(graph);
        test_sink_fini(&text);
        test_sink_fini(&wanted);
        test_sink_fini(&got);
    }
}

static void every_cut_gives_the_same_graph(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        test_sink text = {0}, whole = {0};
        test_read_file(data_path(FILES[i], ""), &text);
        for (size_t chunk = 0; chunk < text.len; chunk++) {
            test_sink got = {0};
            plim_graph *graph = NULL;
            assert_int_equal(test_read_text(text.data, text.len, chunk, NULL, &graph, NULL),
                             PLIM_OK);
            test_graph_text(graph, &got);
            if (chunk == 0)
                test_graph_text(graph, &whole);
            assert_string_equal(got.data, whole.data);
            plim_graph_destroy(&graph);
            test_sink_fini(&got);
        }
        test_sink_fini(&whole);
        test_sink_fini(&text);
    }
}

static plim_status check_text(const char *data, size_t len, size_t chunk,
                              plim__v8_check_result *out, plim_error *err)
{
    plim__v8_check *check = NULL;
    assert_int_equal(plim__v8_check_create(NULL, &check, err), PLIM_OK);
    plim_status status = PLIM_OK;
    for (size_t at = 0; at < len && status == PLIM_OK; at += chunk)
        status = plim__v8_check_feed(check, data + at, len - at < chunk ? len - at : chunk, err);
    status = plim__v8_check_finish(check, out, status == PLIM_OK ? err : NULL);
    plim__v8_check_destroy(&check);
    assert_null(check);
    return status;
}

static void the_check_counts_what_the_reader_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        test_sink text = {0};
        test_read_file(data_path(FILES[i], ""), &text);
        plim_graph *graph = NULL;
        assert_int_equal(test_read_text(text.data, text.len, 0, NULL, &graph, NULL), PLIM_OK);
        for (size_t chunk = 1; chunk <= text.len; chunk++) {
            plim__v8_check_result result;
            assert_int_equal(check_text(text.data, text.len, chunk, &result, NULL), PLIM_OK);
            assert_int_equal(result.node_count, graph->node_count);
            assert_int_equal(result.edge_count, graph->edge_count);
            assert_int_equal(result.string_count, graph->string_count);
            assert_int_equal(result.byte_count, text.len);
        }
        plim_graph_destroy(&graph);
        test_sink_fini(&text);
    }
}

/* Length of the text without the spaces at its end: from there on it is complete. */
static size_t length_of_document(const test_sink *text)
{
    size_t len = text->len;
    while (len > 0 && (text->data[len - 1] == '\n' || text->data[len - 1] == ' '))
        len--;
    return len;
}

static void a_text_cut_short_anywhere_is_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        test_sink text = {0};
        test_read_file(data_path(FILES[i], ""), &text);
        size_t complete = length_of_document(&text);
        for (size_t len = 0; len < text.len; len++) {
            plim_graph *graph = NULL;
            plim_error err = {0}, check_err = {0};
            plim_status status = test_read_text(text.data, len, len % 3, NULL, &graph, &err);
            plim_status checked = check_text(text.data, len, 97, NULL, &check_err);
            assert_int_equal(status, len < complete ? PLIM_ERR_TRUNCATED : PLIM_OK);
            assert_int_equal(checked, status);
            if (status == PLIM_OK) {
                plim_graph_destroy(&graph);
                continue;
            }
            assert_null(graph);
            assert_string_not_equal(err.what, "");
            assert_string_not_equal(err.hint, "");
            assert_non_null(strstr(err.where, "byte "));
            assert_int_equal(strtoul(strstr(err.where, "byte ") + 5, NULL, 10), len);
            assert_string_equal(err.where, check_err.where);
        }
        test_sink_fini(&text);
    }
}

static void every_refused_request_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        test_sink text = {0};
        test_read_file(data_path(FILES[i], ""), &text);
        for (size_t chunk = 0; chunk < 2; chunk++) {
            plim_status status = PLIM_ERR_NO_MEMORY;
            uint64_t n = 0;
            while (status != PLIM_OK) {
                fault_allocator fault;
                fault_allocator_init(&fault, ++n);
                plim_graph *graph = NULL;
                plim_error err = {0};
                status = test_read_text(text.data, text.len, chunk, &fault.allocator, &graph, &err);
                if (status == PLIM_OK) {
                    assert_int_equal(atomic_load(&fault.refused), 0);
                    assert_true(plim__graph_is_valid(graph));
                    plim_graph_destroy(&graph);
                } else {
                    assert_int_equal(status, PLIM_ERR_NO_MEMORY);
                    assert_int_equal(err.status, PLIM_ERR_NO_MEMORY);
                    assert_string_not_equal(err.what, "");
                    assert_null(graph);
                }
                assert_int_equal(atomic_load(&fault.live_bytes), 0);
            }
            assert_true(n > 15); /* reader, chunk, meta, columns, strings, graph, locations … */
        }
        test_sink_fini(&text);
    }
}

static void memory_bytes_is_what_the_graph_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        test_sink text = {0};
        test_read_file(data_path(FILES[i], ""), &text);
        fault_allocator count;
        fault_allocator_init(&count, 0);
        plim_graph *graph = NULL;
        assert_int_equal(test_read_text(text.data, text.len, i % 2, &count.allocator, &graph, NULL),
                         PLIM_OK);
        plim_graph_info info;
        plim_graph_read_info(graph, &info);
        assert_int_equal(info.memory_bytes, atomic_load(&count.live_bytes));
        plim_graph_destroy(&graph);
        assert_int_equal(atomic_load(&count.live_bytes), 0);
        test_sink_fini(&text);
    }
}

static void a_source_that_fails_is_the_readers_failure(void **state)
{
    (void)state;
    test_sink text = {0};
    test_read_file(data_path("node-20.heapsnapshot", ""), &text);
    for (size_t at = 0; at < text.len; at += 13) {
        test_source source = {.data = text.data,
                              .len = text.len,
                              .chunk = 5,
                              .fail_status = PLIM_ERR_IO,
                              .fail_at = at};
        plim_graph *graph = NULL;
        plim_error err = {0};
        assert_int_equal(plim_graph_read_v8(test_source_view(&source), NULL, &graph, &err),
                         PLIM_ERR_IO);
        assert_null(graph);
        assert_string_equal(err.what, "the test's source fails");
    }
    test_sink_fini(&text);
}

typedef struct stopper {
    uint64_t last;
    uint64_t total;
    unsigned calls;
    bool go_on;
} stopper;

static bool stopper_step(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    stopper *stop = ctx;
    assert_string_equal(phase, "reading");
    assert_true(done >= stop->last);
    stop->last = done;
    stop->total = total;
    stop->calls++;
    return stop->go_on;
}

static void progress_is_told_and_may_stop_the_reading(void **state)
{
    (void)state;
    test_sink text = {0};
    test_read_file(data_path("node-24.heapsnapshot", ""), &text);
    for (int go_on = 0; go_on < 2; go_on++) {
        stopper stop = {.go_on = go_on == 1};
        test_source source = {.data = text.data, .len = text.len, .chunk = 100};
        plim_read_options options = {.struct_bytes = sizeof options,
                                     .progress = {&stop, stopper_step}};
        plim_graph *graph = NULL;
        plim_status status = plim_graph_read_v8(test_source_view(&source), &options, &graph, NULL);
        assert_int_equal(status, go_on == 1 ? PLIM_OK : PLIM_ERR_INTERRUPTED);
        assert_true(stop.calls >= 1);
        assert_int_equal(stop.total, text.len);
        plim_graph_destroy(&graph);
    }
    test_sink_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_generation_gives_the_graph_written_beside_it),
        cmocka_unit_test(every_cut_gives_the_same_graph),
        cmocka_unit_test(the_check_counts_what_the_reader_reads),
        cmocka_unit_test(a_text_cut_short_anywhere_is_truncated),
        cmocka_unit_test(every_refused_request_is_reported_and_leaks_nothing),
        cmocka_unit_test(memory_bytes_is_what_the_graph_takes),
        cmocka_unit_test(a_source_that_fails_is_the_readers_failure),
        cmocka_unit_test(progress_is_told_and_may_stop_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
