/* SPDX-License-Identifier: MIT */
/*
 * Names that Firefox does not write. An object's class is the engine's ("Object" for every instance
 * of every class); its constructor is found by way of
 *     object -shape-> Shape -base-> BaseShape -baseshape_proto-> prototype -constructor-> function,
 * once for each BaseShape; and a function's name is that of the edge by which a scope or a global
 * object holds it.
 * Invariant: a step that is missing, or leads elsewhere, gives no name; nothing is followed twice.
 */
#include "base/assert.h"
#include "heap/formats/firefox.h"

static uint32_t names_edge(const plim__firefox *firefox, uint32_t node, plim_text name)
{
    const plim__firefox_node *nodes = firefox->nodes.data;
    const plim__firefox_edge *edges = firefox->edges.data;
    uint32_t end = plim__firefox_edges_end(firefox, node);
    for (uint32_t i = nodes[node].first_edge; i < end; i++)
        if (plim__text_equal(plim__firefox_text(&firefox->wide, edges[i].name), name))
            return (uint32_t)edges[i].to;
    return PLIM_NONE;
}

static bool names_is_function(const plim__firefox *firefox, uint32_t node)
{
    const plim__firefox_node *nodes = firefox->nodes.data;
    return plim__text_equal(plim__firefox_text(&firefox->narrow, nodes[node].class),
                            PLIM__TEXT("Function"));
}

/* Scopes and globals name what they hold as the program does. */
static bool names_is_scope(const plim__firefox *firefox, uint32_t node)
{
    const plim__firefox_node *nodes = firefox->nodes.data;
    plim_text class = plim__firefox_text(&firefox->narrow, nodes[node].class);
    static const char *const scopes[] = {
        "LexicalEnvironment",         "Window",        "Call",  "Module",
        "DedicatedWorkerGlobalScope", "BackstagePass", "global"};
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++)
        if (plim__text_equal(class, (plim_text){scopes[i], strlen(scopes[i])}))
            return true;
    return false;
}

static void names_functions(const plim__firefox *firefox, uint32_t *names)
{
    const plim__firefox_node *nodes = firefox->nodes.data;
    const plim__firefox_edge *edges = firefox->edges.data;
    for (uint32_t node = 0; node < firefox->nodes.count; node++) {
        if (!names_is_scope(firefox, node))
            continue;
        uint32_t end = plim__firefox_edges_end(firefox, node);
        for (uint32_t i = nodes[node].first_edge; i < end; i++) {
            plim_text name = plim__firefox_text(&firefox->wide, edges[i].name);
            bool is_users = name.size_bytes > 0 && name.data[0] != '*'; /* **UNKNOWN SLOT 3** */
            if (is_users && edges[i].to != PLIM_NONE && names[edges[i].to] == PLIM_NONE &&
                names_is_function(firefox, (uint32_t)edges[i].to))
                names[edges[i].to] = edges[i].name;
        }
    }
}

/* What a BaseShape's objects are called. */
static uint32_t names_of_base(const plim__firefox *firefox, uint32_t base, const uint32_t *names)
{
    uint32_t prototype = names_edge(firefox, base, PLIM__TEXT("baseshape_proto"));
    uint32_t made_by = prototype != PLIM_NONE
                           ? names_edge(firefox, prototype, PLIM__TEXT("constructor"))
                           : PLIM_NONE;
    bool is_function = made_by != PLIM_NONE && names_is_function(firefox, made_by);
    return is_function ? names[made_by] : PLIM_NONE;
}

uint32_t *plim__firefox_names(const plim__firefox *firefox)
{
    const plim__firefox_node *nodes = firefox->nodes.data;
    uint32_t count = firefox->nodes.count;
    uint32_t *names = plim__array_new(firefox->allocator, count, sizeof *names);
    if (names == NULL)
        return NULL;
    for (uint32_t node = 0; node < count; node++)
        names[node] = PLIM_NONE;
    names_functions(firefox, names);
    /* A BaseShape is found out once; its own row of names keeps the answer for all its shapes. */
    for (uint32_t node = 0; node < count; node++)
        if (nodes[node].coarse == PLIM__FIREFOX_OTHER &&
            plim__text_equal(plim__firefox_text(&firefox->wide, nodes[node].type),
                             PLIM__TEXT("js::BaseShape")))
            names[node] = names_of_base(firefox, node, names);
    for (uint32_t node = 0; node < count; node++)
        if (nodes[node].coarse == PLIM__FIREFOX_OTHER &&
            plim__text_equal(plim__firefox_text(&firefox->wide, nodes[node].type),
                             PLIM__TEXT("js::Shape"))) {
            uint32_t base = names_edge(firefox, node, PLIM__TEXT("base"));
            names[node] = base != PLIM_NONE ? names[base] : PLIM_NONE;
        }
    for (uint32_t node = 0; node < count; node++)
        if (nodes[node].coarse == PLIM__FIREFOX_OBJECT && !names_is_function(firefox, node)) {
            uint32_t shape = names_edge(firefox, node, PLIM__TEXT("shape"));
            bool is_shape = shape != PLIM_NONE && nodes[shape].coarse == PLIM__FIREFOX_OTHER;
            names[node] = is_shape ? names[shape] : PLIM_NONE;
        }
    return names;
}
