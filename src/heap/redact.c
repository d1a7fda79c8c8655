/* SPDX-License-Identifier: MIT */
/*
 * Redaction: every name is looked at in its role, once per distinct name and role, and gets a new
 * string: itself where it may stay, else "redactedN". N numbers the texts by first appearance, so
 * equal ones are alike and nothing of the text is in it, not even its length.
 * New columns are made beside the old ones and take their place only when all is done.
 *
 * Invariants: R1 no byte of a replaced text is in the new strings. R2 graph.h's invariants hold
 * before and after. R3 on failure the graph is as it was.
 */
#include <plimsoll/redact.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/graph.h"
#include "heap/redact_words.h"
#include "heap/text_table.h"

enum { REDACT_NAME_BYTES = 32, REDACT_PAIR_BYTES = 160 };

typedef struct redact_state {
    plim_graph *graph;
    plim__text_table secrets;            /* replaced texts, numbered */
    plim__text_table fresh;              /* the new strings */
    plim__text_arena arena;              /* texts of those that are not old ones */
    uint32_t *known[PLIM__REDACT_ROLES]; /* per old string its new one, or PLIM_NONE */
    uint8_t *is_class;                   /* per old string: an object's class, kept whole */
    uint32_t *node_name;
    uint32_t *edge_name;
    plim_redact_result result;
} redact_state;

static plim__redact_role redact_role_of_node(uint8_t type)
{
    switch ((plim_node_type)type) {
    case PLIM_NODE_OBJECT:
    case PLIM_NODE_WASM_OBJECT:
        return PLIM__REDACT_CLASS;
    case PLIM_NODE_CLOSURE:
        return PLIM__REDACT_CLOSURE;
    case PLIM_NODE_CODE:
        return PLIM__REDACT_CODE;
    case PLIM_NODE_HIDDEN:
    case PLIM_NODE_ARRAY:
    case PLIM_NODE_OBJECT_SHAPE:
    case PLIM_NODE_SYNTHETIC:
        return PLIM__REDACT_ENGINE;
    case PLIM_NODE_NATIVE:
        return PLIM__REDACT_NATIVE;
    case PLIM_NODE_STRING:
    case PLIM_NODE_REGEXP:
    case PLIM_NODE_NUMBER:
    case PLIM_NODE_CONS_STRING:
    case PLIM_NODE_SLICED_STRING:
    case PLIM_NODE_SYMBOL:
    case PLIM_NODE_BIGINT:
    case PLIM_NODE_OTHER:
        break;
    }
    return PLIM__REDACT_VALUE;
}

static plim__redact_role redact_role_of_edge(uint8_t type)
{
    return type == PLIM_EDGE_INTERNAL || type == PLIM_EDGE_WEAK || type == PLIM_EDGE_SHORTCUT
               ? PLIM__REDACT_INNER
               : PLIM__REDACT_KEY;
}

/* A text of our own, put together; its number among the new strings, or PLIM_NONE. */
static uint32_t redact_make(redact_state *state, plim_text head, plim_text tail, const char *end)
{
    size_t end_bytes = strlen(end);
    size_t bytes = head.size_bytes + tail.size_bytes + end_bytes;
    char *text = plim__text_arena_take(&state->arena, bytes > 0 ? bytes : 1);
    if (text == NULL)
        return PLIM_NONE;
    if (head.size_bytes > 0)
        memcpy(text, head.data, head.size_bytes);
    memcpy(text + head.size_bytes, tail.data, tail.size_bytes);
    memcpy(text + head.size_bytes + tail.size_bytes, end, end_bytes);
    return plim__text_table_add(&state->fresh, (plim_text){text, bytes});
}

/* The new string of an old one in a role; PLIM_NONE: no memory. */
static uint32_t redact_text(redact_state *state, plim__redact_role role, uint32_t string)
{
    plim_text text = plim__graph_string(state->graph, string);
    plim__redact_cut cut = plim__redact_cut_of(role, text);
    if (role == PLIM__REDACT_CLOSURE && state->is_class[string] != 0)
        cut = (plim__redact_cut){text.size_bytes, false, false, ""};
    if (!cut.is_cut)
        return plim__text_table_add(&state->fresh, text);
    if (cut.is_pair) {
        char pair[REDACT_PAIR_BYTES];
        plim_text whole = {pair, plim__redact_pair(text, pair, sizeof pair)};
        return redact_make(state, (plim_text){NULL, 0}, whole, "");
    }
    plim_text secret = {text.data + cut.kept, text.size_bytes - cut.kept};
    uint32_t number = plim__text_table_add(&state->secrets, secret);
    if (number == PLIM_NONE)
        return PLIM_NONE;
    char name[REDACT_NAME_BYTES];
    int len = snprintf(name, sizeof name, "redacted%u", number + 1);
    PLIM_CHECK(len > 0 && (size_t)len < sizeof name);
    return redact_make(state, (plim_text){text.data, cut.kept}, (plim_text){name, (size_t)len},
                       cut.end);
}

static uint32_t redact_look(redact_state *state, plim__redact_role role, uint32_t string)
{
    uint32_t *known = &state->known[role][string];
    if (*known == PLIM_NONE)
        *known = redact_text(state, role, string);
    return *known;
}

static bool redact_is_changed(const redact_state *state, uint32_t old_string, uint32_t new_string)
{
    return !plim__text_equal(plim__graph_string(state->graph, old_string),
                             state->fresh.entries[new_string].text);
}

static bool redact_nodes(redact_state *state)
{
    const plim_graph *graph = state->graph;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t old_string = graph->node_name[node];
        if (redact_role_of_node(graph->node_type[node]) == PLIM__REDACT_CLASS &&
            !plim__redact_cut_of(PLIM__REDACT_CLASS, plim__graph_string(graph, old_string)).is_cut)
            state->is_class[old_string] = 1;
    }
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t old_string = graph->node_name[node];
        plim__redact_role role = redact_role_of_node(graph->node_type[node]);
        uint32_t new_string = redact_look(state, role, old_string);
        if (new_string == PLIM_NONE)
            return false;
        state->node_name[node] = new_string;
        state->result.nodes += redact_is_changed(state, old_string, new_string);
    }
    return true;
}

static bool redact_edges_of(redact_state *state, uint32_t node)
{
    const plim_graph *graph = state->graph;
    uint32_t position = 0;
    for (uint32_t edge = graph->first_edge[node]; edge < graph->first_edge[node + 1]; edge++) {
        uint8_t type = graph->edge_type[edge];
        uint32_t name = graph->edge_name[edge];
        if (type == PLIM_EDGE_ELEMENT) {
            state->edge_name[edge] = position++;
            state->result.edges += name != state->edge_name[edge];
            continue;
        }
        if (plim__edge_has_index(type)) {
            state->edge_name[edge] = name;
            continue;
        }
        uint32_t new_string = redact_look(state, redact_role_of_edge(type), name);
        if (new_string == PLIM_NONE)
            return false;
        state->edge_name[edge] = new_string;
        state->result.edges += redact_is_changed(state, name, new_string);
    }
    return true;
}

/* The names of scripts, as locations show them. */
static bool redact_scripts(redact_state *state, uint32_t *names)
{
    for (uint32_t i = 0; i < state->graph->script_count; i++) {
        names[i] = redact_look(state, PLIM__REDACT_CODE, state->graph->scripts[i].name);
        if (names[i] == PLIM_NONE)
            return false;
    }
    return true;
}

/* The new strings as graph.h keeps them; both arrays are the caller's. */
static bool redact_pack(const redact_state *state, char **out_strings, uint64_t **out_start,
                        uint64_t *out_bytes)
{
    const plim_allocator *allocator = state->graph->allocator;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < state->fresh.count; i++)
        bytes += state->fresh.entries[i].text.size_bytes;
    *out_start = plim__array_new(allocator, (size_t)state->fresh.count + 1, sizeof **out_start);
    *out_strings = plim__array_new(allocator, (size_t)bytes + 1, 1);
    *out_bytes = bytes;
    if (*out_start == NULL || *out_strings == NULL) {
        plim__array_free(allocator, *out_start, (size_t)state->fresh.count + 1, sizeof **out_start);
        plim__array_free(allocator, *out_strings, (size_t)bytes + 1, 1);
        return false;
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < state->fresh.count; i++) {
        plim_text text = state->fresh.entries[i].text;
        (*out_start)[i] = at;
        if (text.size_bytes > 0)
            memcpy(*out_strings + at, text.data, text.size_bytes);
        at += text.size_bytes;
    }
    (*out_start)[state->fresh.count] = at;
    (*out_strings)[at] = '\0';
    return true;
}

/* Puts everything new in the place of the old. */
static bool redact_swap(redact_state *state)
{
    plim_graph *graph = state->graph;
    const plim_allocator *allocator = graph->allocator;
    uint32_t *scripts =
        plim__array_new(allocator, (size_t)graph->script_count + 1, sizeof *scripts);
    char *strings = NULL;
    uint64_t *start = NULL;
    uint64_t bytes = 0;
    bool is_made = scripts != NULL && redact_scripts(state, scripts) &&
                   redact_pack(state, &strings, &start, &bytes);
    if (is_made) {
        for (uint32_t i = 0; i < graph->script_count; i++)
            graph->scripts[i].name = scripts[i];
        plim__array_free(allocator, graph->string_start, (size_t)graph->string_count + 1,
                         sizeof *graph->string_start);
        plim__array_free(allocator, graph->strings, graph->string_bytes + 1, 1);
        plim__array_free(allocator, graph->node_name, graph->node_count, sizeof *graph->node_name);
        plim__array_free(allocator, graph->edge_name, graph->edge_count, sizeof *graph->edge_name);
        graph->string_count = state->fresh.count;
        graph->string_bytes = bytes;
        graph->string_start = start;
        graph->strings = strings;
        graph->node_name = state->node_name;
        graph->edge_name = state->edge_name;
        state->node_name = NULL;
        state->edge_name = NULL;
    }
    plim__array_free(allocator, scripts, (size_t)graph->script_count + 1, sizeof *scripts);
    return is_made;
}

static bool redact_begin(redact_state *state)
{
    const plim_graph *graph = state->graph;
    state->node_name = plim__array_new(graph->allocator, graph->node_count, sizeof(uint32_t));
    state->edge_name = plim__array_new(graph->allocator, graph->edge_count, sizeof(uint32_t));
    state->is_class = plim__array_new_zero(graph->allocator, graph->string_count, 1);
    if (state->node_name == NULL || (state->edge_name == NULL && graph->edge_count > 0) ||
        state->is_class == NULL)
        return false;
    for (int role = 0; role < PLIM__REDACT_ROLES; role++) {
        state->known[role] =
            plim__array_new(graph->allocator, graph->string_count, sizeof(uint32_t));
        if (state->known[role] == NULL)
            return false;
        memset(state->known[role], 0xff, (size_t)graph->string_count * sizeof(uint32_t));
    }
    return true;
}

static void redact_end(redact_state *state, uint32_t string_count)
{
    const plim_graph *graph = state->graph;
    plim__array_free(graph->allocator, state->node_name, graph->node_count, sizeof(uint32_t));
    plim__array_free(graph->allocator, state->edge_name, graph->edge_count, sizeof(uint32_t));
    plim__array_free(graph->allocator, state->is_class, string_count, 1);
    for (int role = 0; role < PLIM__REDACT_ROLES; role++)
        plim__array_free(graph->allocator, state->known[role], string_count, sizeof(uint32_t));
    plim__text_table_fini(&state->secrets);
    plim__text_table_fini(&state->fresh);
    plim__text_arena_fini(&state->arena);
}

plim_status plim_graph_redact(plim_graph *graph, plim_redact_result *out_result, plim_error *err)
{
    PLIM_CHECK_OBJ(graph, PLIM__GRAPH_MAGIC);
    redact_state state = {
        .graph = graph,
        .secrets.allocator = graph->allocator,
        .fresh.allocator = graph->allocator,
        .arena.allocator = graph->allocator,
    };
    uint32_t string_count = graph->string_count;
    bool is_done = redact_begin(&state) && redact_nodes(&state);
    for (uint32_t node = 0; is_done && node < graph->node_count; node++)
        is_done = redact_edges_of(&state, node);
    is_done = is_done && redact_swap(&state);
    state.result.texts = state.secrets.count;
    redact_end(&state, string_count);
    if (!is_done)
        return plim__no_memory(err, "a redacted graph");
    if (out_result != NULL)
        *out_result = state.result;
    return PLIM_OK;
}
