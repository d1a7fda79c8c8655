/* SPDX-License-Identifier: MIT */
/*
 * Prints what the reader makes of a snapshot, as totals and checksums of each column, for
 * test_v8_real.py, which works out the same from the file with Python's own JSON.
 *   graph_facts facts FILE   totals, checksums, scripts
 *   graph_facts cuts FILE    reads prefixes and odd cuts: prints "ok", or what went wrong
 */
#include <plimsoll/graph.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "graph_text.h"
#include "heap/graph.h"
#include "heap/v8_check.h"
#include "streams.h"

static void print_sum(const char *name, const void *data, size_t count, size_t item_bytes)
{
    printf("%s %08lx\n", name,
           count == 0 ? 0 : crc32_z(crc32_z(0, NULL, 0), data, count * item_bytes));
}

static uint64_t sum_selves(const plim_graph *graph)
{
    uLong sum = crc32_z(0, NULL, 0);
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint64_t bytes = plim__graph_self(graph, node);
        sum = crc32_z(sum, (const Bytef *)&bytes, sizeof bytes);
    }
    return sum;
}

static uint64_t sum_locations(const plim_graph *graph)
{
    uLong sum = crc32_z(0, NULL, 0);
    for (uint32_t i = 0; i < graph->location_count; i++) {
        const plim__node_location *row = &graph->locations[i];
        uint32_t fields[] = {row->node, row->at.script_id, row->at.line, row->at.column};
        sum = crc32_z(sum, (const Bytef *)fields, sizeof fields);
    }
    return sum;
}

static void print_facts(const plim_graph *graph)
{
    size_t nodes = graph->node_count, edges = graph->edge_count;
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    printf("nodes %zu\nedges %zu\nstrings %" PRIu32 "\nlocations %" PRIu32 "\n", nodes, edges,
           info.string_count, info.location_count);
    printf("self_bytes %" PRIu64 "\nextra_native_bytes %" PRIu64 "\n", info.self_bytes,
           info.extra_native_bytes);
    printf("trace_functions %" PRIu64 "\nsamples %" PRIu64 "\n", info.trace_function_count,
           info.sample_count);
    print_sum("node_trace", graph->node_trace, graph->node_trace != NULL ? nodes : 0, 4);
    print_sum("node_type", graph->node_type, nodes, 1);
    print_sum("node_detached", graph->node_detached, nodes, 1);
    print_sum("node_name", graph->node_name, nodes, 4);
    print_sum("node_id", graph->node_id, nodes, 4);
    printf("node_self %08" PRIx64 "\n", sum_selves(graph));
    print_sum("first_edge", graph->first_edge, nodes + 1, 4);
    print_sum("edge_type", graph->edge_type, edges, 1);
    print_sum("edge_name", graph->edge_name, edges, 4);
    print_sum("edge_to", graph->edge_to, edges, 4);
    print_sum("string_start", graph->string_start, (size_t)graph->string_count + 1, 8);
    print_sum("string_text", graph->strings, (size_t)graph->string_bytes, 1);
    printf("location_rows %08" PRIx64 "\n", sum_locations(graph));
    for (uint32_t i = 0; i < graph->script_count; i++) {
        plim_text name = plim__graph_string(graph, graph->scripts[i].name);
        printf("script %" PRIu32 " %.*s\n", graph->scripts[i].script_id, (int)name.size_bytes,
               name.data);
    }
}

static bool fail(const char *what, size_t at, plim_status status)
{
    printf("%s %zu gives %s\n", what, at, plim_status_name(status));
    return false;
}

static bool check_prefix(const test_sink *text, size_t len)
{
    plim_graph *graph = NULL;
    plim_error err = {0};
    plim_status status = test_read_text(text->data, len, len % 2, NULL, &graph, &err);
    plim_graph_destroy(&graph);
    if (status != PLIM_ERR_TRUNCATED)
        return fail("prefix", len, status);
    plim__v8_check *check = NULL;
    status = plim__v8_check_create(NULL, &check, &err);
    if (status == PLIM_OK)
        status = plim__v8_check_feed(check, text->data, len, NULL);
    if (status == PLIM_OK)
        status = plim__v8_check_finish(check, NULL, NULL);
    plim__v8_check_destroy(&check);
    return status == PLIM_ERR_TRUNCATED || fail("checked prefix", len, status);
}

static bool check_cut(const test_sink *text, size_t cut)
{
    plim_graph *graph = NULL, *whole = NULL;
    plim_error err = {0};
    plim_status status = test_read_text(text->data, text->len, cut, NULL, &graph, &err);
    if (status == PLIM_OK)
        status = test_read_text(text->data, text->len, 0, NULL, &whole, &err);
    if (status != PLIM_OK)
        return fail("cut", cut, status);
    bool same = graph->edge_count == whole->edge_count &&
                graph->string_bytes == whole->string_bytes &&
                memcmp(graph->edge_to, whole->edge_to, 4 * (size_t)whole->edge_count) == 0 &&
                memcmp(graph->node_id, whole->node_id, 4 * (size_t)whole->node_count) == 0 &&
                memcmp(graph->strings, whole->strings, (size_t)whole->string_bytes) == 0;
    plim_graph_destroy(&graph);
    plim_graph_destroy(&whole);
    return same || fail("cut", cut, PLIM_OK);
}

/* Cuts on both sides of where each section begins, then anywhere. */
static bool check_cuts(const test_sink *text)
{
    static const char *const SECTIONS[] = {
        "\"nodes\":",   "\"edges\":",     "\"trace_tree\":", "\"samples\":",
        "\"strings\":", "\"locations\":", "\"node_count\":"};
    bool good = true;
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0] && good; i++) {
        const char *found = strstr(text->data, SECTIONS[i]);
        if (found == NULL)
            return fail("missing section", i, PLIM_ERR_NOT_FOUND);
        size_t at = (size_t)(found - text->data);
        for (size_t len = at - 1; len < at + strlen(SECTIONS[i]) + 3 && good; len++)
            good = check_prefix(text, len);
    }
    uint32_t seed = 7;
    for (int i = 0; i < 40 && good; i++) {
        seed = seed * 1664525u + 1013904223u;
        good = check_prefix(text, seed % (text->len - 2));
    }
    static const size_t CUTS[] = {61, 997, 4096, 65537, 1048575};
    for (size_t i = 0; i < sizeof CUTS / sizeof CUTS[0] && good; i++)
        good = check_cut(text, CUTS[i]);
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    test_sink text = {0};
    test_read_file(argv[2], &text);
    int code = 0;
    if (strcmp(argv[1], "facts") == 0) {
        plim_graph *graph = NULL;
        plim_error err = {0};
        if (test_read_text(text.data, text.len, 0, NULL, &graph, &err) != PLIM_OK) {
            printf("%s; %s; %s\n", err.what, err.where, err.hint);
            code = 1;
        } else {
            if (!plim__graph_is_valid(graph))
                printf("the graph breaks its rules\n");
            print_facts(graph);
        }
        plim_graph_destroy(&graph);
    } else {
        plim_sink end = test_sink_view(&text);
        if (end.write(end.ctx, "", 1, NULL) != PLIM_OK) /* for strstr */
            return 1;
        text.len--;
        code = check_cuts(&text) ? 0 : 1;
        if (code == 0)
            printf("ok\n");
    }
    test_sink_fini(&text);
    return code;
}
