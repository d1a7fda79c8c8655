/* SPDX-License-Identifier: MIT */
/*
 * Readers of snapshots that are not V8's (V8's has a target of its own), and the writer on what
 * they let through. Claims: the way the bytes are cut changes no answer; a graph that was read is
 * valid, and what the writer makes of it is read again, as large; what the reader takes, the check
 * of a snapshot under way takes, too, in little memory; no memory is left.
 */
#include <plimsoll/formats.h>

#include "heap/formats/jsc_check.h"
#include "heap/graph.h"
#include "input.h"
#include "text.h"

enum { MEMORY_BYTES = 256 << 20, CHECK_BYTES = 32 << 20 };

static void write_and_read(const plim_graph *graph, const plim_allocator *allocator)
{
    fuzz_text out = {0};
    plim_read_options options = {.struct_bytes = sizeof options, .allocator = allocator};
    if (plim_graph_write_v8(graph, (plim_sink){&out, fuzz_text_write}, NULL, NULL) == PLIM_OK) {
        fuzz_input input = {out.bytes, out.size, 0, out.size + 1};
        plim_graph *again = NULL;
        plim_graph_info before, after;
        FUZZ_CLAIM(plim_graph_read_v8(fuzz_input_view(&input), &options, &again, NULL) == PLIM_OK);
        plim_graph_read_info(graph, &before);
        plim_graph_read_info(again, &after);
        FUZZ_CLAIM(before.self_bytes == after.self_bytes);
        FUZZ_CLAIM(after.node_count >= before.node_count && after.edge_count >= before.edge_count);
        plim_graph_destroy(&again);
    }
    free(out.bytes);
}

static void check_jsc(const unsigned char *data, size_t size, plim_status read_status,
                      uint32_t node_count)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, CHECK_BYTES, &cap) != PLIM_OK)
        return;
    fuzz_input input = {data, size, 0, fuzz_cut(size)};
    plim__jsc_counts counts;
    plim_status status =
        plim__jsc_check(fuzz_input_view(&input), 1, plim_cap_allocator(cap), &counts, NULL);
    if (read_status == PLIM_OK) {
        FUZZ_CLAIM(status == PLIM_OK);
        FUZZ_CLAIM(counts.node_count == node_count && counts.newer_count <= node_count);
    }
    FUZZ_CLAIM(status != PLIM_ERR_NO_MEMORY);
    plim_cap_destroy(&cap);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    plim_cap *cap = NULL;
    if (plim_cap_create(NULL, MEMORY_BYTES, &cap) != PLIM_OK)
        return 0;
    const plim_allocator *allocator = plim_cap_allocator(cap);
    plim_read_options options = {.struct_bytes = sizeof options, .allocator = allocator};
    plim_status first = PLIM_OK;
    plim_format format = plim_format_guess(data, size);
    for (int round = 0; round < 2 && format != PLIM_FORMAT_V8; round++) {
        fuzz_input input = {data, size, 0, round == 0 ? size + 1 : fuzz_cut(size)};
        plim_graph *graph = NULL;
        plim_format told;
        plim_status status =
            plim_graph_read(fuzz_input_view(&input), &options, &graph, &told, NULL);
        FUZZ_CLAIM(told == format);
        if (status == PLIM_OK && round == 0) {
            FUZZ_CLAIM(plim__graph_is_valid(graph));
            write_and_read(graph, allocator);
        }
        plim_graph_info info = {0};
        if (status == PLIM_OK)
            plim_graph_read_info(graph, &info);
        if (round == 0 && format == PLIM_FORMAT_JSC)
            check_jsc(data, size, status, info.node_count);
        plim_graph_destroy(&graph);
        if (round == 0)
            first = status;
        FUZZ_CLAIM(status == first);
    }
    plim_cap_destroy(&cap);
    return 0;
}
