/* SPDX-License-Identifier: MIT */
/*
 * Ids are given anew: first to the nodes that were there, then to those with a stack, so that one
 * number parts old from new, as V8's last_assigned_id does. A frame is a call; frames of one
 * function, source and line are one function of the timeline.
 *
 * Invariant T1: no call is deeper than TIMELINE_DEPTH_MAX, as the text nests with them: below that
 * a call hangs beside its caller.
 */
#include "heap/formats/firefox_timeline.h"

#include <string.h>

#include "base/assert.h"
#include "heap/formats/firefox.h"

enum { TIMELINE_DEPTH_MAX = 128 };

typedef struct timeline_state {
    plim__firefox firefox;
    plim_write_function *functions; /* frames.count of them are reserved */
    plim_write_call *calls;
    uint32_t *depths;
    uint32_t function_count;
    plim__id_map places; /* name and source to a number */
    plim__id_map lines;  /* that and a line to a function */
    uint64_t last_old, last_new;
    uint32_t reserved; /* frames.count, when they were */
    plim__firefox_timeline_result result;
} timeline_state;

static const uint32_t *timeline_stacks(const timeline_state *state)
{
    return state->firefox.stacks.data;
}

/* Old ones first. */
static void timeline_number(timeline_state *state)
{
    uint64_t *ids = state->firefox.ids.data;
    const plim__firefox_node *nodes = state->firefox.nodes.data;
    const uint32_t *stacks = timeline_stacks(state);
    uint64_t next = 1;
    for (uint32_t i = 0; i < state->firefox.nodes.count; i++)
        if (stacks[i] == PLIM_NONE)
            ids[i] = next++;
    state->last_old = next - 1;
    for (uint32_t i = 0; i < state->firefox.nodes.count; i++) {
        if (stacks[i] == PLIM_NONE)
            continue;
        ids[i] = next++;
        state->result.live_count++;
        state->result.live_bytes += nodes[i].size;
    }
    state->last_new = next - 1;
}

/* A text with a zero behind it; NULL if memory was refused. */
static const char *timeline_word(timeline_state *state, uint32_t number)
{
    plim_text text = plim__firefox_text(&state->firefox.wide, number);
    char *word = plim__text_arena_take(&state->firefox.arena, text.size_bytes + 1);
    if (word == NULL)
        return NULL;
    if (text.size_bytes > 0)
        memcpy(word, text.data, text.size_bytes);
    word[text.size_bytes] = '\0';
    return word;
}

/* The value of a key, or `value`, which it has from now on; PLIM_NONE if memory was refused. */
static uint32_t timeline_intern(plim__id_map *map, uint64_t key, uint32_t value)
{
    uint32_t known = plim__id_map_find(map, key);
    if (known != PLIM_NONE)
        return known;
    return plim__id_map_add(map, key, value) ? value : PLIM_NONE;
}

static uint32_t timeline_function(timeline_state *state, const plim__firefox_frame *frame)
{
    /* PLIM_NONE + 1 is 0: no name, no source. The key stays below the map's last. */
    uint64_t names = (uint64_t)(frame->name + 1u) << 32 | (frame->source + 1u);
    uint32_t place = timeline_intern(&state->places, names, state->places.count);
    if (place == PLIM_NONE)
        return PLIM_NONE;
    uint32_t count = state->function_count;
    uint32_t function = timeline_intern(&state->lines, (uint64_t)place << 32 | frame->line, count);
    if (function != count)
        return function;
    const char *name = timeline_word(state, frame->name);
    const char *source = timeline_word(state, frame->source);
    if (name == NULL || source == NULL)
        return PLIM_NONE;
    state->functions[state->function_count++] =
        (plim_write_function){.name = name, .source = source, .line = frame->line};
    return function;
}

static bool timeline_calls(timeline_state *state)
{
    const plim__firefox_frame *frames = state->firefox.frames.data;
    uint32_t count = state->firefox.frames.count;
    const plim_allocator *allocator = state->firefox.allocator;
    state->reserved = count;
    state->functions = plim__array_new(allocator, count + 1u, sizeof *state->functions);
    state->calls = plim__array_new(allocator, count + 1u, sizeof *state->calls);
    state->depths = plim__array_new(allocator, count + 1u, sizeof *state->depths);
    if (state->functions == NULL || state->calls == NULL || state->depths == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t parent = frames[i].parent;
        PLIM_CHECK(parent == PLIM_NONE || parent < i);
        if (parent != PLIM_NONE && state->depths[parent] + 1 >= TIMELINE_DEPTH_MAX)
            parent = state->calls[parent].parent;
        state->depths[i] = parent != PLIM_NONE ? state->depths[parent] + 1 : 0;
        state->calls[i] =
            (plim_write_call){.function = timeline_function(state, &frames[i]), .parent = parent};
        if (state->calls[i].function == PLIM_NONE)
            return false;
    }
    const plim__firefox_node *nodes = state->firefox.nodes.data;
    const uint32_t *stacks = timeline_stacks(state);
    for (uint32_t i = 0; i < state->firefox.nodes.count; i++) {
        if (stacks[i] == PLIM_NONE)
            continue;
        state->calls[stacks[i]].count++;
        state->calls[stacks[i]].bytes += nodes[i].size;
    }
    return true;
}

static plim_status timeline_write(timeline_state *state, const plim_graph *graph,
                                  const plim__firefox_timeline_options *options, plim_sink sink,
                                  plim_error *err)
{
    const plim_write_sample samples[2] = {{0, state->last_old},
                                          {options->duration_us, state->last_new}};
    const plim_write_trace trace = {.functions = state->functions,
                                    .function_count = state->function_count,
                                    .calls = state->calls,
                                    .call_count = state->reserved,
                                    .node_call = timeline_stacks(state)};
    const plim_write_options write = {.struct_bytes = sizeof write,
                                      .allocator = options->allocator,
                                      .samples = samples,
                                      .sample_count = 2,
                                      .trace = options->without_stacks ? NULL : &trace};
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    state->result.node_count = info.node_count;
    state->result.edge_count = info.edge_count;
    return plim_graph_write_v8(graph, sink, &write, err);
}

static plim_status timeline_make(timeline_state *state,
                                 const plim__firefox_timeline_options *options, plim_sink sink,
                                 plim_error *err)
{
    plim__firefox *firefox = &state->firefox;
    plim_graph_builder *builder = NULL;
    plim_graph *graph = NULL;
    firefox->keep_stacks = true;
    if (!plim__firefox_decode(firefox) || !plim__firefox_resolve(firefox))
        return firefox->pull.status;
    timeline_number(state);
    if (!timeline_calls(state))
        return plim__no_memory(err, "the stacks of a recording");
    plim_status status = plim_graph_builder_create(options->allocator, &builder, err);
    if (status == PLIM_OK && !plim__firefox_build(firefox, builder))
        status = firefox->pull.status;
    plim__rows_fini(&firefox->edges); /* before the graph is put together */
    plim__rows_fini(&firefox->nodes);
    plim__rows_fini(&firefox->ids);
    if (status == PLIM_OK)
        status = plim_graph_builder_finish(&builder, &graph, err);
    plim_graph_builder_destroy(&builder);
    if (status == PLIM_OK)
        status = timeline_write(state, graph, options, sink, err);
    plim_graph_destroy(&graph);
    return status;
}

plim_status plim__firefox_timeline(plim_source plain, const plim__firefox_timeline_options *options,
                                   plim_sink sink, plim__firefox_timeline_result *out_result,
                                   plim_error *err)
{
    static const plim_progress none = {0};
    PLIM_CHECK(options != NULL && out_result != NULL);
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    timeline_state state = {.places = {.allocator = allocator}, .lines = {.allocator = allocator}};
    plim_error unread = {0}; /* the reader wants one of its own */
    plim_error *told = err != NULL ? err : &unread;
    plim_status status = PLIM_OK;
    if (!plim__firefox_init(&state.firefox, plain, none, allocator, told))
        status = plim__no_memory(told, "a snapshot");
    if (status == PLIM_OK)
        status = timeline_make(&state, options, sink, told);
    if (status == PLIM_OK)
        *out_result = state.result;
    plim__array_free(allocator, state.functions, state.reserved + 1u, sizeof *state.functions);
    plim__array_free(allocator, state.calls, state.reserved + 1u, sizeof *state.calls);
    plim__array_free(allocator, state.depths, state.reserved + 1u, sizeof *state.depths);
    plim__id_map_fini(&state.places);
    plim__id_map_fini(&state.lines);
    plim__firefox_fini(&state.firefox);
    return status;
}
