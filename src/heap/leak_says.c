/* SPDX-License-Identifier: MIT */
/*
 * The sentence: what a leak looks like and where in the source, in words a person acts on. Texts
 * come out of the target's heap: they are cut, and control characters become spaces, so that no
 * heap can play tricks on a terminal.
 *
 * Invariant: said is always ended by NUL and never longer than its buffer.
 */
#include <stdio.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "heap/leak_search.h"

enum {
    LEAK_SAYS_BYTES = 1024, /* one sentence; with every part at its limit it has some 600 */
    LEAK_WORD_BYTES = 80    /* a class, a variable, a place, the start of a text */
};

typedef struct leak_said {
    const plim__leak_scene *scene;
    const plim_graph *graph;
    size_t used;
    char text[LEAK_SAYS_BYTES];
} leak_said;

static void say_bytes(leak_said *said, const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes && said->used + 1 < sizeof said->text; i++) {
        unsigned char byte = (unsigned char)data[i];
        said->text[said->used++] = byte < 0x20 || byte == 0x7f ? ' ' : data[i];
    }
    said->text[said->used] = '\0';
}

static void say(leak_said *said, const char *words)
{
    say_bytes(said, words, strlen(words));
}

/* A text of the heap: the end of it matters for a place, the start for all else. */
static void say_word(leak_said *said, plim_text word)
{
    size_t bytes = word.size_bytes;
    if (bytes <= LEAK_WORD_BYTES) {
        say_bytes(said, word.data, bytes);
        return;
    }
    bytes = LEAK_WORD_BYTES;
    while (bytes > 0 && ((unsigned char)word.data[bytes] & 0xc0) == 0x80)
        bytes--; /* not in the middle of a character */
    say_bytes(said, word.data, bytes);
    say(said, "\xe2\x80\xa6");
}

static void say_number(leak_said *said, uint64_t number)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            say(said, ",");
        say_bytes(said, digits + i, 1);
    }
}

/* "app.js:12" or "routes/app.js:12": the last two parts of the script's name are enough. */
static bool say_place(leak_said *said, uint32_t node, const char *before)
{
    plim_location location;
    if (node == PLIM_NONE || !plim_graph_location(said->graph, node, &location))
        return false;
    plim_text name = plim_graph_script_name(said->graph, location.script_id);
    if (name.size_bytes == 0)
        return false;
    size_t start = name.size_bytes;
    uint32_t slashes = 0;
    while (start > 0) {
        slashes += name.data[start - 1] == '/';
        if (slashes == 2 || name.size_bytes - start == LEAK_WORD_BYTES)
            break;
        start--;
    }
    char line[24];
    (void)snprintf(line, sizeof line, ":%llu", (unsigned long long)location.line + 1);
    say(said, before);
    say_word(said, (plim_text){name.data + start, name.size_bytes - start});
    say(said, line);
    return true;
}

static void say_class(leak_said *said, uint32_t node)
{
    plim_node_facts facts;
    plim_class row;
    plim_analysis_node(said->scene->analysis, node, &facts);
    plim_analysis_class(said->scene->analysis, facts.class_index, &row);
    say_word(said, row.name);
}

/* The function a person wrote: not the wrapper that was put around it. */
static uint32_t say_inner_function(const plim_graph *graph, uint32_t node)
{
    static const char *const properties[] = {"_onTimeout", "listener", "callback"};
    for (uint32_t i = 0; i < 3 && node != PLIM_NONE; i++) {
        uint32_t inner = plim__leak_follow(graph, node, PLIM_EDGE_PROPERTY, properties[i]);
        if (inner != PLIM_NONE && (graph->node_type[inner] == PLIM_NODE_CLOSURE ||
                                   graph->node_type[inner] == PLIM_NODE_OBJECT))
            node = inner;
    }
    uint32_t bound = plim__leak_follow(graph, node, PLIM_EDGE_INTERNAL, "bound_function");
    return bound != PLIM_NONE ? bound : node;
}

/* "respond (app.js:12)", "a function (app.js:12)". */
static void say_function(leak_said *said, uint32_t node)
{
    plim_text name = {"", 0};
    if (said->graph->node_type[node] == PLIM_NODE_CLOSURE)
        name = plim__graph_string(said->graph, said->graph->node_name[node]);
    if (name.size_bytes != 0)
        say_word(said, name);
    else
        say(said, "a function");
    if (say_place(said, node, " ("))
        say(said, ")");
}

static plim_text say_edge_name(const leak_said *said, uint32_t at)
{
    uint32_t edge = said->scene->path->edges[at];
    if (edge == PLIM_NONE || plim__edge_has_index(said->graph->edge_type[edge]))
        return (plim_text){"", 0};
    return plim__graph_string(said->graph, said->graph->edge_name[edge]);
}

/* The function whose scope the way passes last before position `at`, or PLIM_NONE. */
static uint32_t say_function_above(const leak_said *said, uint32_t at)
{
    const plim_path *path = said->scene->path;
    for (uint32_t i = at + 1; i-- > 0;)
        if (said->graph->node_type[path->nodes[i]] == PLIM_NODE_CLOSURE)
            return path->nodes[i];
    return PLIM_NONE;
}

/* `Map "sessions" (app.js:12)`: what holds it, by the name that leads there. */
static void say_holder(leak_said *said)
{
    const plim__leak_scene *scene = said->scene;
    const plim_path *path = scene->path;
    uint32_t at = scene->at;
    if (plim__leak_role_of(said->graph, path->nodes[at]) == PLIM__ROLE_SCOPE) {
        say(said, "variable \"");
        say_word(said, say_edge_name(said, at + 1));
        say(said, "\"");
    } else if (scene->named == 0) {
        say_class(said, path->nodes[at]);
    } else {
        if (scene->named != at) {
            say_class(said, path->nodes[at]);
            say(said, " objects in ");
        }
        say_class(said, path->nodes[scene->named]);
        say(said, " \"");
        say_word(said, say_edge_name(said, scene->named));
        say(said, "\"");
    }
    uint32_t function = say_function_above(said, at);
    uint32_t own = path->nodes[scene->named != 0 ? scene->named : at];
    uint32_t outer = scene->named > 0 ? path->nodes[scene->named - 1] : PLIM_NONE;
    if (say_place(said, own, " (") || say_place(said, outer, " (") ||
        (function != PLIM_NONE && say_place(said, function, " (")))
        say(said, ")");
}

/* ": 200 more each round." */
static void say_growth(leak_said *said, const char *more)
{
    const plim_leak *leak = said->scene->leak;
    uint64_t sum = 0;
    bool even = true;
    for (uint32_t i = 0; i < leak->round_count; i++) {
        sum += leak->growth_count[i];
        even = even && leak->growth_count[i] == leak->growth_count[0];
    }
    say(said, even ? ": " : ": about ");
    say_number(said,
               leak->round_count == 0 ? 0 : (sum + leak->round_count / 2) / leak->round_count);
    say(said, " ");
    say(said, more);
    say(said, " each round.");
}

static void say_what(leak_said *said)
{
    say_word(said, said->scene->leak->name);
    say(said, " objects");
    uint32_t site = plim__leak_follow(said->graph, said->scene->leak->sample, PLIM_EDGE_WEAK,
                                      PLIM_EDGE_MADE_AT);
    if (site != PLIM_NONE) {
        say(said, " (made at ");
        say_word(said, plim__graph_string(said->graph, said->graph->node_name[site]));
        say(said, ")");
    } else if (say_place(said, said->scene->leak->sample, " (")) {
        say(said, ")");
    }
}

/* Node's EventTarget: the key stands before the value in the table of its map. */
static plim_text say_key_in_table(const leak_said *said, uint32_t at)
{
    const plim_path *path = said->scene->path;
    plim_text index = say_edge_name(said, at);
    char wanted[24];
    uint64_t number = 0;
    for (size_t i = 0; i < index.size_bytes && i < 10; i++)
        number = number * 10 + (uint64_t)(index.data[i] - '0');
    if (number == 0)
        return (plim_text){"", 0};
    (void)snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)(number - 1));
    uint32_t key = plim__leak_follow(said->graph, path->nodes[at - 1], PLIM_EDGE_INTERNAL, wanted);
    if (key == PLIM_NONE || said->graph->node_type[key] != PLIM_NODE_STRING)
        return (plim_text){"", 0};
    return plim__graph_string(said->graph, said->graph->node_name[key]);
}

static void say_listener(leak_said *said)
{
    const plim_path *path = said->scene->path;
    uint32_t events = said->scene->events;
    plim_text event = {"", 0};
    if (plim__text_starts(say_edge_name(said, events), "_events", 7)) {
        if (events + 1 < path->length)
            event = say_edge_name(said, events + 1);
    } else {
        for (uint32_t at = events + 1; at < path->length && event.size_bytes == 0; at++)
            if (said->graph->node_type[path->nodes[at - 1]] == PLIM_NODE_ARRAY)
                event = say_key_in_table(said, at);
    }
    say(said, "Listeners");
    if (event.size_bytes != 0) {
        say(said, " of \"");
        say_word(said, event);
        say(said, "\"");
    }
    say(said, " are added to ");
    say_class(said, path->nodes[events - 1]);
    if (events > 1 && say_edge_name(said, events - 1).size_bytes != 0) {
        say(said, " \"");
        say_word(said, say_edge_name(said, events - 1));
        say(said, "\"");
    }
    say(said, " and never removed, ");
    say_function(said, say_inner_function(said->graph, said->scene->leak->sample));
    say_growth(said, "more");
}

static void say_kept_in(leak_said *said, const char *words)
{
    if (said->scene->path == NULL)
        return;
    say(said, words);
    say_holder(said);
}

static void say_task(leak_said *said)
{
    uint32_t function =
        plim__leak_follow(said->graph, said->scene->task, PLIM_EDGE_INTERNAL, "function");
    say(said, "Tasks are started and never end, ");
    say_function(said, function != PLIM_NONE ? function : said->scene->task);
    bool waits =
        said->scene->path != NULL &&
        plim__leak_is_named(said->graph, said->scene->path->nodes[said->scene->at], "Promise");
    say_kept_in(said, waits ? "; they wait for " : "; they are kept in ");
    say_growth(said, "more");
}

static void say_promise(leak_said *said)
{
    say(said, "Promises pile up and never settle");
    say_kept_in(said, ", behind ");
    if (said->scene->function != PLIM_NONE) {
        say(said, "; what waits is ");
        say_function(said, said->scene->function);
    }
    say_growth(said, "more");
}

static void say_texts(leak_said *said)
{
    uint32_t sample = said->scene->leak->sample;
    say(said, "The same text is stored again and again, \"");
    say_word(said, plim__graph_string(said->graph, said->graph->node_name[sample]));
    say(said, "\"");
    say_kept_in(said, ", in ");
    say_growth(said, "more copies");
}

static void say_global(leak_said *said)
{
    const plim__leak_scene *scene = said->scene;
    say_what(said);
    if (plim__leak_is_global(scene->analysis, scene->path->nodes[scene->at])) {
        say(said, " stay as properties of the global object, \"");
        say_word(said, say_edge_name(said, scene->at + 1));
        say(said, "\" for one");
    } else {
        say(said, " collect in the global ");
        say_holder(said);
        say(said, " and are never removed");
    }
    say_growth(said, "more");
}

/* `variable "table" of svc`, "stack of thread 12", "session table (owner 2)". */
static void say_root(leak_said *said)
{
    static const char variables[] = "variables of ";
    plim_text name =
        plim__graph_string(said->graph, said->graph->node_name[said->scene->path->nodes[2]]);
    if (said->scene->root == PLIM__LEAK_ROOT_VARIABLES) {
        say(said, "variable \"");
        say_word(said, say_edge_name(said, 3));
        say(said, "\" of ");
        name.data += sizeof variables - 1;
        name.size_bytes -= sizeof variables - 1;
    }
    say_word(said, name);
}

static void say_swelling(leak_said *said)
{
    const plim_leak *leak = said->scene->leak;
    uint64_t sum = 0;
    PLIM_CHECK(leak->round_count > 0);
    for (uint32_t i = 0; i < leak->round_count; i++)
        sum += leak->growth_bytes[i];
    if (said->scene->root != PLIM__LEAK_ROOT_FOREIGN) {
        say_class(said, leak->sample);
        if (said->scene->root != PLIM__LEAK_ROOT_LOST) {
            say(said, ", held by ");
            say_root(said);
        }
        say(said, ", is one block that is made larger again and again: about ");
    } else {
        if (said->scene->path != NULL)
            say_holder(said);
        else
            say_word(said, leak->name);
        say(said,
            " itself grows, by numbers or other small values that are never taken out: about ");
    }
    say_number(said, sum / leak->round_count);
    say(said, " bytes more each round.");
}

static void say_captured(leak_said *said)
{
    const plim__leak_scene *scene = said->scene;
    say_what(said);
    say(said, " each keep the one before: the scope of ");
    say_function(said, scene->keeper);
    say(said, " captures it");
    if (!plim__edge_has_index(said->graph->edge_type[scene->captured])) {
        say(said, " as \"");
        say_word(said, plim__graph_string(said->graph, said->graph->edge_name[scene->captured]));
        say(said, "\"");
    }
    say_kept_in(said, "; the last is in ");
    say_growth(said, "more");
}

/* Of a C program: what it lost, or who has it and does not give it back. */
static void say_native(leak_said *said)
{
    const plim__leak_scene *scene = said->scene;
    bool has_holder =
        plim__leak_role_of(said->graph, scene->path->nodes[scene->at]) >= PLIM__ROLE_SCOPE;
    say_what(said);
    if (scene->root == PLIM__LEAK_ROOT_LOST) {
        say(said, has_holder ? " are lost with what held them, " : " are lost");
        if (has_holder)
            say_class(said, scene->path->nodes[scene->at]);
        say(said, ", as nothing leads there any more");
        say_growth(said, "more");
        return;
    }
    say(said, " collect in ");
    if (has_holder) {
        say_class(said, scene->path->nodes[scene->at]);
        say(said, ", held by ");
    }
    say_root(said);
    say(said, has_holder ? ", and" : " and");
    say(said, scene->root == PLIM__LEAK_ROOT_OWNER ? " are never released" : " are never freed");
    say_growth(said, "more");
}

static void say_kind(leak_said *said)
{
    if (said->scene->swells) {
        say_swelling(said);
        return;
    }
    if (said->scene->root != PLIM__LEAK_ROOT_FOREIGN) {
        say_native(said);
        return;
    }
    switch (said->scene->leak->kind) {
    case PLIM_LEAK_COLLECTION:
        say_what(said);
        say_kept_in(said, " collect in ");
        say(said, " and are never deleted");
        say_growth(said, "more");
        return;
    case PLIM_LEAK_LISTENER:
        say_listener(said);
        return;
    case PLIM_LEAK_CLOSURE:
        if (said->scene->keeper != PLIM_NONE) {
            say_captured(said);
            return;
        }
        say(said, "Functions are kept with the scopes they capture, ");
        say_function(said, say_inner_function(said->graph, said->scene->leak->sample));
        say_kept_in(said, ", in ");
        say_growth(said, "more");
        return;
    case PLIM_LEAK_TIMER:
        say(said, "Timers are started and never cleared, ");
        say_function(said, say_inner_function(said->graph, said->scene->leak->sample));
        say_growth(said, "more");
        return;
    case PLIM_LEAK_PROMISE:
        say_promise(said);
        return;
    case PLIM_LEAK_TASK:
        say_task(said);
        return;
    case PLIM_LEAK_GLOBAL:
        say_global(said);
        return;
    case PLIM_LEAK_DETACHED:
        say(said, said->scene->realm ? "Contexts (a global object each, with all built-ins)"
                                     : "Detached elements");
        say_kept_in(said, " are kept alive by ");
        say_growth(said, "more");
        return;
    case PLIM_LEAK_STRINGS:
        say_texts(said);
        return;
    case PLIM_LEAK_LOST: /* has a root of its own: said above */
    case PLIM_LEAK_OTHER:
        say_what(said);
        if (said->scene->path != NULL &&
            plim__leak_role_of(said->graph, said->scene->path->nodes[said->scene->at]) <
                PLIM__ROLE_SCOPE)
            say(said, " are kept by the runtime itself, as what is open and was never closed");
        else
            say_kept_in(said, " are kept by ");
        say_growth(said, "more");
        return;
    }
}

plim_status plim__leak_say(const plim__leak_scene *scene, plim__leak_memory *memory,
                           plim_error *err)
{
    leak_said said = {.scene = scene, .graph = scene->graph};
    say_kind(&said);
    char *copy = plim__leak_take(memory, said.used + 1, 1);
    if (copy == NULL)
        return plim__no_memory(err, "the search for leaks");
    memcpy(copy, said.text, said.used + 1);
    scene->leak->says = copy;
    return PLIM_OK;
}
