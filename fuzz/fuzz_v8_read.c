/* SPDX-License-Identifier: MIT */
/*
 * The snapshot reader, and every analysis on what it lets through. Claims:
 * the way a text is cut changes no answer; what the reader takes, the completeness check takes;
 * a graph that was read is valid; nothing is left of the memory (plim_cap_destroy() stops).
 */
#include <plimsoll/analysis.h>
#include <plimsoll/graph.h>

#include "heap/graph.h"
#include "heap/v8_check.h"
#include "input.h"

enum { MEMORY_BYTES = 256 << 20, PATHS_TRIED = 4 };

static void analyse(const plim_graph *graph, const plim_allocator *allocator)
{
    plim_analysis_options options = {
        .struct_bytes = sizeof options, .thread_count = 1, .allocator = allocator};
    plim_analysis *analysis = NULL;
    if (plim_analysis_create(graph, &options, &analysis, NULL) != PLIM_OK)
        return;
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    for (uint32_t node = 0; node < info.node_count; node++) {
        plim_node_facts facts;
        plim_analysis_node(analysis, node, &facts);
        FUZZ_CLAIM(facts.dominator < info.node_count);
        FUZZ_CLAIM(facts.class_index < plim_analysis_class_count(analysis));
        uint32_t retainers = plim_analysis_retainer_count(analysis, node);
        for (uint32_t i = 0; i < retainers; i++)
            FUZZ_CLAIM(plim_analysis_retainer(analysis, node, i).from < info.node_count);
    }
    for (uint32_t node = 0; node < info.node_count && node < PATHS_TRIED; node++) {
        plim_paths *paths = NULL;
        if (plim_paths_create(analysis, node, 3, allocator, &paths, NULL) == PLIM_OK)
            plim_paths_destroy(&paths);
    }
    plim_analysis_destroy(&analysis);
}

static plim_status check(const unsigned char *data, size_t size, const plim_allocator *allocator)
{
    plim__v8_check *check = NULL;
    plim_status status = plim__v8_check_create(allocator, &check, NULL);
    FUZZ_CLAIM(status == PLIM_OK);
    size_t cut = fuzz_cut(size + 7);
    for (size_t at = 0; at < size && status == PLIM_OK; at += cut)
        status = plim__v8_check_feed(check, data + at, size - at < cut ? size - at : cut, NULL);
    plim_status finished = plim__v8_check_finish(check, NULL, NULL);
    FUZZ_CLAIM(status == PLIM_OK || finished == status);
    plim__v8_check_destroy(&check);
    return finished;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    plim_read_options options = {.struct_bytes = sizeof options, .allocator = allocator};
    /* The size of the text: unknown, right, and a lie. Columns are reserved by it. */
    const uint64_t announced[] = {0, size, size / 2};
    plim_status first = PLIM_OK;
    for (int round = 0; round < 2; round++) {
        fuzz_input input = {data, size, 0, round == 0 ? size + 1 : fuzz_cut(size)};
        plim_graph *graph = NULL;
        plim_source source = fuzz_input_view(&input);
        source.total_bytes = announced[size % 3];
        plim_status status = plim_graph_read_v8(source, &options, &graph, NULL);
        if (status == PLIM_OK && round == 0) {
            FUZZ_CLAIM(plim__graph_is_valid(graph));
            analyse(graph, allocator);
        }
        plim_graph_destroy(&graph);
        if (round == 0)
            first = status;
        FUZZ_CLAIM(status == first);
    }
    plim_status checked = check(data, size, allocator);
    FUZZ_CLAIM(first != PLIM_OK || checked == PLIM_OK);
    plim_cap_destroy(&cap);
    return 0;
}
