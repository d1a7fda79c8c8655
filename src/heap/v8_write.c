/* SPDX-License-Identifier: MIT */
/*
 * A graph as a V8 heap snapshot: text that Chrome DevTools, memlab and our own reader open.
 *
 * Sections stand in the order in which DevTools' loader looks for them, strings last, and only
 * digits stand in arrays (it knows no minus sign). DevTools keeps every figure in 32 bits: a size
 * of 4 GiB or more would wrap, so what passes the limit goes into further nodes of the same name,
 * behind all others, each held by an element edge of the one before. Sums and ordinals stay true.
 *
 * Invariants: W1 node rows, then edge rows, agree with the counts in the head. W2 edges of a node
 * are neighbours, in the order of the graph. W3 read back, a graph without large nodes is the same.
 * Source of the format: docs/internals/v8-snapshot.md.
 */
#include <plimsoll/graph.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "heap/graph.h"

enum {
    WRITE_BUFFER_BYTES = 1 << 16, /* one call of the sink: past 64 KiB it is no faster */
    WRITE_STEP = 1 << 16,         /* rows between two calls of progress */
    WRITE_FIELDS = 7,
    WRITE_CALL_FIRST_ID = 2, /* 0 is "no call", 1 the root of the tree */
    WRITE_DIGITS = 20,       /* UINT64_MAX has 20 */
    WRITE_ROW_BYTES = 1 + WRITE_FIELDS * (WRITE_DIGITS + 1)
};

/* What one node may show of its size: the largest number that 32 bits hold. */
static const uint64_t WRITE_SELF_MAX = UINT32_MAX;

typedef struct write_state {
    const plim_graph *graph;
    plim_sink sink;
    plim_progress progress;
    plim_write_options options;
    const plim_allocator *allocator;
    plim_error *err;
    plim_status status;
    uint64_t rest_count;   /* further nodes for large sizes */
    uint64_t rest_next_id; /* above every id of the graph, of its parity */
    bool renumbers;        /* an id passes 32 bits: ordinals take their place */
    uint64_t done, total;  /* rows, for progress */
    size_t used;
    char buffer[WRITE_BUFFER_BYTES];
} write_state;

static void write_flush(write_state *state)
{
    if (state->status == PLIM_OK && state->used > 0)
        state->status = state->sink.write(state->sink.ctx, state->buffer, state->used, state->err);
    state->used = 0;
}

static void write_bytes(write_state *state, const char *bytes, size_t count)
{
    while (count > 0 && state->status == PLIM_OK) {
        size_t room = sizeof state->buffer - state->used;
        size_t part = count < room ? count : room;
        memcpy(state->buffer + state->used, bytes, part);
        state->used += part;
        bytes += part;
        count -= part;
        if (state->used == sizeof state->buffer)
            write_flush(state);
    }
}

static void write_text(write_state *state, const char *text)
{
    write_bytes(state, text, strlen(text));
}

/* The digits of a number, to where they end; there is room for WRITE_DIGITS of them. */
static char *write_digits(char *to, uint64_t number)
{
    char digits[WRITE_DIGITS];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    for (; at < sizeof digits; at++) /* a few bytes: a call to copy them costs more */
        *to++ = digits[at];
    return to;
}

static void write_number(write_state *state, uint64_t number)
{
    char digits[WRITE_DIGITS];
    write_bytes(state, digits, (size_t)(write_digits(digits, number) - digits));
}

static void write_row(write_state *state, bool first, const uint64_t *fields, size_t count)
{
    PLIM_DCHECK(count <= WRITE_FIELDS);
    if (sizeof state->buffer - state->used < WRITE_ROW_BYTES)
        write_flush(state);
    char *at = state->buffer + state->used;
    if (!first)
        *at++ = '\n';
    for (size_t i = 0; i < count; i++) {
        if (i > 0 || !first)
            *at++ = ',';
        at = write_digits(at, fields[i]);
    }
    state->used = (size_t)(at - state->buffer);
    if (state->used == sizeof state->buffer)
        write_flush(state);
    state->done++;
    if (state->status == PLIM_OK && state->progress.step != NULL && state->done % WRITE_STEP == 0 &&
        !state->progress.step(state->progress.ctx, "writing", state->done, state->total))
        state->status = plim_error_set(state->err, PLIM_ERR_INTERRUPTED, "interrupted");
}

static uint64_t write_id_of_graph(const plim_graph *graph, uint32_t node)
{
    uint64_t high = graph->id_high == NULL ? 0 : graph->id_high[node];
    return high << 32 | graph->node_id[node];
}

/* Odd, as V8's are of what it has itself. */
static uint64_t write_id(const write_state *state, uint32_t node)
{
    return state->renumbers ? 2 * (uint64_t)node + 1 : write_id_of_graph(state->graph, node);
}

static uint64_t write_rests(uint64_t self_bytes)
{
    return self_bytes == 0 ? 0 : (self_bytes - 1) / WRITE_SELF_MAX;
}

/* With "(root)", which stands first. */
static uint32_t write_function_count(const write_state *state)
{
    const plim_write_trace *trace = state->options.trace;
    return trace == NULL ? 0 : trace->function_count + 1;
}

static plim_status write_survey(write_state *state)
{
    const plim_graph *graph = state->graph;
    uint64_t id_max = 0;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint64_t id = write_id_of_graph(graph, node);
        id_max = id > id_max ? id : id_max;
    }
    for (uint32_t i = 0; i < graph->big_self_count; i++)
        state->rest_count += write_rests(graph->big_self[i].bytes);
    if (state->rest_count > PLIM_REST_NODES_MAX ||
        state->rest_count > PLIM_NONE - (uint64_t)graph->node_count ||
        state->rest_count > PLIM_NONE - (uint64_t)graph->edge_count)
        return plim_error_set(state->err, PLIM_ERR_LIMIT,
                              "sizes of 4 GiB and more would take %llu further nodes",
                              (unsigned long long)state->rest_count);
    state->renumbers = id_max > UINT32_MAX && !state->options.keep_ids;
    state->rest_next_id = (state->renumbers ? 2 * (uint64_t)graph->node_count : id_max) + 2;
    state->total = (uint64_t)graph->node_count + graph->edge_count + graph->string_count +
                   write_function_count(state) + state->options.sample_count +
                   (state->options.trace == NULL ? 0 : state->options.trace->call_count + 1u);
    return PLIM_OK;
}

static void write_names(write_state *state, const char *(*name)(unsigned), unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        write_text(state, i > 0 ? ",\"" : "\"");
        write_text(state, name(i));
        write_text(state, "\"");
    }
}

static const char *write_node_type(unsigned type)
{
    return plim_node_type_name((plim_node_type)type);
}

static const char *write_edge_type(unsigned type)
{
    return plim_edge_type_name((plim_edge_type)type);
}

/* V8 15 names the script's node in locations; 0 is "none", since the root is no script. */
static bool write_has_scripts(const plim_graph *graph)
{
    for (uint32_t i = 0; i < graph->location_count; i++) {
        if (graph->locations[i].script_node != PLIM_NONE)
            return true;
    }
    return false;
}

static void write_head(write_state *state)
{
    const plim_graph *graph = state->graph;
    write_text(state, "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\","
                      "\"self_size\",\"edge_count\",\"trace_node_id\",\"detachedness\"],"
                      "\"node_types\":[[");
    write_names(state, write_node_type, PLIM_NODE_OTHER + 1);
    write_text(state, "],\"string\",\"number\",\"number\",\"number\",\"number\",\"number\"],"
                      "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\"edge_types\":[[");
    write_names(state, write_edge_type, PLIM_EDGE_OTHER + 1);
    write_text(state, "],\"string_or_number\",\"node\"],"
                      "\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\","
                      "\"script_id\",\"line\",\"column\"],"
                      "\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\","
                      "\"children\"],"
                      "\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
                      "\"location_fields\":[\"object_index\",\"script_id\",");
    write_text(state, write_has_scripts(graph) ? "\"script_object_index\"," : "");
    write_text(state, "\"line\",\"column\"]},\"node_count\":");
    write_number(state, graph->node_count + state->rest_count);
    write_text(state, ",\"edge_count\":");
    write_number(state, graph->edge_count + state->rest_count);
    write_text(state, ",\"trace_function_count\":");
    write_number(state, write_function_count(state));
    write_text(state, ",\"extra_native_bytes\":");
    write_number(state, graph->extra_native_bytes);
    write_text(state, "},\n");
}

static void write_node_row(write_state *state, bool first, uint32_t node, uint64_t id,
                           uint64_t self_bytes, uint64_t edge_count)
{
    const plim_graph *graph = state->graph;
    const plim_write_trace *trace = state->options.trace;
    uint32_t call = trace == NULL ? PLIM_NONE : trace->node_call[node];
    const uint64_t fields[WRITE_FIELDS] = {
        graph->node_type[node],
        graph->node_name[node],
        id,
        self_bytes,
        edge_count,
        call == PLIM_NONE ? 0 : (uint64_t)call + WRITE_CALL_FIRST_ID,
        graph->node_detached == NULL ? 0 : graph->node_detached[node]};
    write_row(state, first, fields, WRITE_FIELDS);
}

static void write_nodes(write_state *state)
{
    const plim_graph *graph = state->graph;
    write_text(state, "\"nodes\":[");
    for (uint32_t node = 0; node < graph->node_count && state->status == PLIM_OK; node++) {
        uint64_t self_bytes = plim__graph_self(graph, node);
        uint64_t edges = graph->first_edge[node + 1] - graph->first_edge[node];
        bool is_large = self_bytes > WRITE_SELF_MAX;
        write_node_row(state, node == 0, node, write_id(state, node),
                       is_large ? WRITE_SELF_MAX : self_bytes, edges + is_large);
    }
    for (uint32_t i = 0; i < graph->big_self_count; i++) {
        uint64_t left = graph->big_self[i].bytes - WRITE_SELF_MAX;
        for (uint64_t rest = write_rests(graph->big_self[i].bytes); rest > 0; rest--) {
            if (state->status != PLIM_OK)
                return;
            uint64_t part = left < WRITE_SELF_MAX ? left : WRITE_SELF_MAX;
            write_node_row(state, false, graph->big_self[i].node, state->rest_next_id, part,
                           rest > 1);
            state->rest_next_id += 2;
            left -= part;
        }
    }
    write_text(state, "],\n");
}

/* An element edge needs no string. */
static void write_rest_edge(write_state *state, bool first, uint64_t number, uint64_t to)
{
    const uint64_t fields[3] = {PLIM_EDGE_ELEMENT, number, to * WRITE_FIELDS};
    write_row(state, first, fields, 3);
}

static void write_edges(write_state *state)
{
    const plim_graph *graph = state->graph;
    uint64_t next_rest = graph->node_count;
    bool first = true;
    write_text(state, "\"edges\":[");
    for (uint32_t node = 0; node < graph->node_count && state->status == PLIM_OK; node++) {
        for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
            const uint64_t fields[3] = {graph->edge_type[edge], graph->edge_name[edge],
                                        (uint64_t)graph->edge_to[edge] * WRITE_FIELDS};
            write_row(state, first, fields, 3);
            first = false;
        }
        uint64_t rests = write_rests(plim__graph_self(graph, node));
        if (rests > 0) {
            write_rest_edge(state, first, 0, next_rest);
            first = false;
            next_rest += rests;
        }
    }
    next_rest = graph->node_count;
    for (uint32_t i = 0; i < graph->big_self_count; i++) {
        uint64_t rests = write_rests(graph->big_self[i].bytes);
        for (uint64_t rest = 1; rest < rests && state->status == PLIM_OK; rest++)
            write_rest_edge(state, false, rest, next_rest + rest);
        next_rest += rests;
    }
    write_text(state, "],\n");
}

/* Their names are the strings behind the graph's, two each. */
static void write_functions(write_state *state)
{
    const plim_write_trace *trace = state->options.trace;
    uint64_t string = state->graph->string_count;
    write_text(state, "\"trace_function_infos\":[");
    for (uint32_t i = 0; i < write_function_count(state) && state->status == PLIM_OK; i++) {
        const plim_write_function *function = i == 0 ? NULL : &trace->functions[i - 1];
        const uint64_t fields[6] = {i,
                                    string + 2 * (uint64_t)i,
                                    string + 2 * (uint64_t)i + 1,
                                    function == NULL ? 0 : function->script_id,
                                    function == NULL ? 0 : function->line,
                                    0};
        write_row(state, i == 0, fields, 6);
    }
    write_text(state, "],\n");
}

/* id, function, count, size, and where the list of those below it begins. */
static void write_call(write_state *state, uint64_t id, uint64_t function, uint64_t count,
                       uint64_t bytes)
{
    const uint64_t fields[4] = {id, function, count, bytes};
    write_row(state, true, fields, 4);
    write_text(state, ",[");
}

/* The nested lists, walked without recursion: first_below and beside are per call. */
static void write_calls(write_state *state, uint32_t top, const uint32_t *first_below,
                        const uint32_t *beside)
{
    const plim_write_trace *trace = state->options.trace;
    uint32_t at = top;
    while (at != PLIM_NONE && state->status == PLIM_OK) {
        const plim_write_call *call = &trace->calls[at];
        write_call(state, (uint64_t)at + WRITE_CALL_FIRST_ID, (uint64_t)call->function + 1,
                   call->count, call->bytes);
        if (first_below[at] != PLIM_NONE) {
            at = first_below[at];
            continue;
        }
        write_text(state, "]");
        while (at != PLIM_NONE && beside[at] == PLIM_NONE) {
            at = trace->calls[at].parent;
            write_text(state, at == PLIM_NONE ? "" : "]");
        }
        if (at != PLIM_NONE) {
            at = beside[at];
            write_text(state, ",");
        }
    }
}

static void write_tree(write_state *state)
{
    const plim_write_trace *trace = state->options.trace;
    write_text(state, "\"trace_tree\":[");
    if (trace != NULL) {
        uint32_t count = trace->call_count;
        uint32_t *links = plim__array_new(state->allocator, 2 * (size_t)count + 1, sizeof *links);
        if (links == NULL) {
            state->status = plim__no_memory(state->err, "a tree of calls");
            return;
        }
        uint32_t *first_below = links, *beside = links + count, top = PLIM_NONE;
        for (uint32_t i = 0; i < count; i++)
            first_below[i] = PLIM_NONE;
        for (uint32_t i = count; i-- > 0;) { /* from behind: then they stand in order */
            uint32_t parent = trace->calls[i].parent;
            PLIM_CHECK(parent == PLIM_NONE || parent < i);
            PLIM_CHECK(trace->calls[i].function < trace->function_count);
            uint32_t *head = parent == PLIM_NONE ? &top : &first_below[parent];
            beside[i] = *head;
            *head = i;
        }
        write_call(state, 1, 0, 0, 0);
        write_calls(state, top, first_below, beside);
        write_text(state, "]");
        plim__array_free(state->allocator, links, 2 * (size_t)count + 1, sizeof *links);
    }
    write_text(state, "],\n");
}

static void write_samples(write_state *state)
{
    write_text(state, "\"samples\":[");
    for (uint32_t i = 0; i < state->options.sample_count && state->status == PLIM_OK; i++) {
        const uint64_t fields[2] = {state->options.samples[i].at_us,
                                    state->options.samples[i].last_id};
        write_row(state, i == 0, fields, 2);
    }
    write_text(state, "],\n");
}

static void write_locations(write_state *state)
{
    const plim_graph *graph = state->graph;
    bool with_scripts = write_has_scripts(graph);
    write_text(state, "\"locations\":[");
    for (uint32_t i = 0; i < graph->location_count && state->status == PLIM_OK; i++) {
        const plim__node_location *location = &graph->locations[i];
        uint64_t script =
            location->script_node == PLIM_NONE ? 0 : (uint64_t)location->script_node * WRITE_FIELDS;
        const uint64_t plain[4] = {(uint64_t)location->node * WRITE_FIELDS, location->at.script_id,
                                   location->at.line, location->at.column};
        const uint64_t named[5] = {plain[0], plain[1], script, plain[2], plain[3]};
        if (with_scripts)
            write_row(state, i == 0, named, 5);
        else
            write_row(state, i == 0, plain, 4);
    }
    write_text(state, "],\n");
}

static void write_escape(write_state *state, unsigned unit)
{
    static const char DIGITS[] = "0123456789abcdef";
    const char text[6] = {'\\',
                          'u',
                          DIGITS[unit >> 12 & 15],
                          DIGITS[unit >> 8 & 15],
                          DIGITS[unit >> 4 & 15],
                          DIGITS[unit & 15]};
    write_bytes(state, text, sizeof text);
}

/* A surrogate alone in WTF-8 (ED A0..BF xx) is not UTF-8: it is written as an escape. */
static bool write_is_surrogate(const unsigned char *at, size_t left)
{
    return left >= 3 && at[0] == 0xed && at[1] >= 0xa0 && (at[2] & 0xc0) == 0x80;
}

static void write_string(write_state *state, plim_text text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t plain = 0; /* start of what needs no escape */
    write_text(state, "\"");
    for (size_t i = 0; i < text.size_bytes; i++) {
        bool surrogate = write_is_surrogate(bytes + i, text.size_bytes - i);
        if (bytes[i] >= 0x20 && bytes[i] != '"' && bytes[i] != '\\' && !surrogate)
            continue;
        write_bytes(state, text.data + plain, i - plain);
        if (surrogate) {
            write_escape(state, 0xd000u | (bytes[i + 1] & 0x3fu) << 6 | (bytes[i + 2] & 0x3fu));
            i += 2;
        } else if (bytes[i] == '"' || bytes[i] == '\\') {
            const char pair[2] = {'\\', (char)bytes[i]};
            write_bytes(state, pair, sizeof pair);
        } else {
            write_escape(state, bytes[i]);
        }
        plain = i + 1;
    }
    write_bytes(state, text.data + plain, text.size_bytes - plain);
    write_text(state, "\"");
}

static void write_c_string(write_state *state, const char *text)
{
    write_text(state, ",\n");
    write_string(state, (plim_text){text, strlen(text)});
}

static void write_strings(write_state *state)
{
    const plim_graph *graph = state->graph;
    const plim_write_trace *trace = state->options.trace;
    write_text(state, "\"strings\":[");
    for (uint32_t string = 0; string < graph->string_count && state->status == PLIM_OK; string++) {
        write_text(state, string > 0 ? ",\n" : "");
        write_string(state, plim__graph_string(graph, string));
    }
    for (uint32_t i = 0; i < write_function_count(state) && state->status == PLIM_OK; i++) {
        write_c_string(state, i == 0 ? "(root)" : trace->functions[i - 1].name);
        write_c_string(state, i == 0 ? "" : trace->functions[i - 1].source);
    }
    write_text(state, "]}\n");
}

plim_status plim_graph_write_v8(const plim_graph *graph, plim_sink sink,
                                const plim_write_options *options, plim_error *err)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    const plim_allocator *allocator =
        plim__allocator_or_system(options == NULL ? NULL : options->allocator);
    write_state *state = plim__array_new_zero(allocator, 1, sizeof *state);
    if (state == NULL)
        return plim__no_memory(err, "writing a snapshot");
    state->graph = graph;
    state->sink = sink;
    state->err = err;
    if (options != NULL)
        state->options = *options;
    state->progress = state->options.progress;
    state->allocator = allocator;
    state->status = write_survey(state);
    if (state->status == PLIM_OK) {
        write_head(state);
        write_nodes(state);
        write_edges(state);
        write_functions(state);
        write_tree(state);
        write_samples(state);
        write_locations(state);
        write_strings(state);
        write_flush(state);
    }
    plim_status status = state->status;
    plim__array_free(allocator, state, 1, sizeof *state);
    return status;
}
