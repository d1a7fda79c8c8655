/* SPDX-License-Identifier: MIT */
#include "graph_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_text(test_sink *out, plim_text text)
{
    test_put(out, "\"");
    for (size_t i = 0; i < text.size_bytes; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            test_put(out, "%c", c);
        else
            test_put(out, "\\x%02x", (unsigned)c);
    }
    test_put(out, "\"");
}

static void put_node(test_sink *out, const plim_graph *graph, uint32_t ordinal)
{
    plim_node node;
    plim_graph_node(graph, ordinal, &node);
    test_put(out, "%" PRIu32 " %s ", ordinal, plim_node_type_name(node.type));
    put_text(out, node.name);
    test_put(out, " id %" PRIu64 " self %" PRIu64, node.id, node.self_bytes);
    if (node.detachedness != 0)
        test_put(out, " detachedness %" PRIu32, node.detachedness);
    plim_location at;
    if (plim_graph_location(graph, ordinal, &at)) {
        test_put(out, " at %" PRIu32 ":%" PRIu32 ":%" PRIu32 " ", at.script_id, at.line, at.column);
        put_text(out, plim_graph_script_name(graph, at.script_id));
    }
    test_put(out, "\n");
    for (uint32_t i = 0; i < node.edge_count; i++) {
        plim_edge edge;
        plim_graph_edge(graph, node.first_edge + i, &edge);
        test_put(out, "    %s ", plim_edge_type_name(edge.type));
        if (edge.index != PLIM_NONE)
            test_put(out, "%" PRIu32, edge.index);
        else
            put_text(out, edge.name);
        test_put(out, " -> %" PRIu32 "\n", edge.to);
    }
}

void test_graph_text(const plim_graph *graph, test_sink *out)
{
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    test_put(out, "nodes %" PRIu32 " edges %" PRIu32 " strings %" PRIu32 " locations %" PRIu32 "\n",
             info.node_count, info.edge_count, info.string_count, info.location_count);
    test_put(
        out,
        "self %" PRIu64 " native %" PRIu64 " trace functions %" PRIu64 " samples %" PRIu64 "\n",
        info.self_bytes, info.extra_native_bytes, info.trace_function_count, info.sample_count);
    for (uint32_t node = 0; node < info.node_count; node++)
        put_node(out, graph, node);
    plim_sink sink = test_sink_view(out);
    if (sink.write(sink.ctx, "", 1, NULL) != PLIM_OK)
        abort();
}

plim_status test_read_text(const char *data, size_t len, size_t chunk,
                           const plim_allocator *allocator, plim_graph **out_graph, plim_error *err)
{
    test_source source = {.data = data, .len = len, .chunk = chunk, .hide_size = chunk % 2 == 1};
    plim_read_options options = {.struct_bytes = sizeof options, .allocator = allocator};
    return plim_graph_read_v8(test_source_view(&source), &options, out_graph, err);
}
