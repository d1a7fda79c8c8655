/* SPDX-License-Identifier: MIT */
/* Rule by rule, in the order of docs/internals/devtools-rules.md. Clarity before everything. */
#include "naive.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "heap/graph.h"

static bool naive_name_is(const naive *n, uint32_t node, const char *name)
{
    return strcmp(n->names[node], name) == 0;
}

static bool naive_is_user_root(const naive *n, uint32_t node)
{
    return n->nodes[node].type != PLIM_NODE_SYNTHETIC ||
           naive_name_is(n, node, "(Document DOM trees)");
}

static bool naive_has_user_roots(const naive *n)
{
    for (uint32_t e = 0; e < n->edge_count; e++)
        if (n->edges[e].from == 0 && naive_is_user_root(n, n->edges[e].to))
            return true;
    return false;
}

static void naive_copy_text(char *out, plim_text text)
{
    PLIM_CHECK(text.size_bytes < NAIVE_NAME_BYTES);
    if (text.size_bytes > 0)
        memcpy(out, text.data, text.size_bytes);
    out[text.size_bytes] = '\0';
}

static void naive_load(const plim_graph *graph, naive *n)
{
    plim_graph_info info;
    plim_graph_read_info(graph, &info);
    PLIM_CHECK(info.node_count <= NAIVE_NODES_MAX && info.edge_count <= NAIVE_EDGES_MAX);
    n->node_count = info.node_count;
    n->edge_count = info.edge_count;
    for (uint32_t v = 0; v < n->node_count; v++) {
        plim_graph_node(graph, v, &n->nodes[v]);
        naive_copy_text(n->names[v], n->nodes[v].name);
        for (uint32_t i = 0; i < n->nodes[v].edge_count; i++) {
            uint32_t e = n->nodes[v].first_edge + i;
            plim_edge edge;
            plim_graph_edge(graph, e, &edge);
            n->edges[e] =
                (naive_edge){.from = v, .to = edge.to, .type = edge.type, .index = edge.index};
            naive_copy_text(n->edges[e].name, edge.name);
        }
    }
}

/* Rule 2: again and again, until nothing changes; attached first. */
static void naive_dom_state(naive *n)
{
    uint32_t state[NAIVE_NODES_MAX];
    for (uint32_t v = 0; v < n->node_count; v++) {
        state[v] = n->nodes[v].detachedness;
        if (!n->has_detachedness && n->nodes[v].type == PLIM_NODE_NATIVE &&
            strncmp(n->names[v], "Detached ", 9) == 0)
            n->detached[v] = true;
    }
    if (!n->has_detachedness)
        return;
    for (uint32_t wave = 1; wave <= 2; wave++) {
        for (bool changed = true; changed;) {
            changed = false;
            for (uint32_t e = 0; e < n->edge_count; e++) {
                const naive_edge *edge = &n->edges[e];
                if (edge->type == PLIM_EDGE_HIDDEN || edge->type == PLIM_EDGE_WEAK ||
                    n->nodes[edge->from].type != PLIM_NODE_NATIVE || state[edge->from] != wave ||
                    n->nodes[edge->to].type != PLIM_NODE_NATIVE || state[edge->to] != 0)
                    continue;
                state[edge->to] = wave;
                changed = true;
            }
        }
    }
    for (uint32_t v = 0; v < n->node_count; v++) {
        n->detached[v] = state[v] == 2 && n->nodes[v].type == PLIM_NODE_NATIVE;
        if (n->detached[v]) {
            char name[NAIVE_NAME_BYTES];
            (void)snprintf(name, sizeof name, "%s", n->names[v]);
            (void)snprintf(n->names[v], NAIVE_NAME_BYTES, "Detached %.200s", name);
        }
    }
}

/* Whether a name is that of a WeakMap's edge: what follows the number, and the table's id. */
static bool naive_weak_pair(const char *name, const char **out_pair, uint64_t *out_table)
{
    static regex_t pattern;
    static bool compiled;
    regmatch_t groups[3];
    if (!compiled) {
        int failed = regcomp(&pattern,
                             "^[0-9]+( / part of key \\(.* @[0-9]+\\) -> value \\(.* @[0-9]+\\) "
                             "pair in WeakMap \\(table @([0-9]+)\\))$",
                             REG_EXTENDED);
        PLIM_CHECK(failed == 0);
        compiled = true;
    }
    if (regexec(&pattern, name, 3, groups, 0) != 0)
        return false;
    *out_pair = name + groups[1].rm_so;
    *out_table = strtoull(name + groups[2].rm_so, NULL, 10);
    return true;
}

/* Rule 3. */
static void naive_page_owned(const naive *n, bool *owned)
{
    for (uint32_t e = 0; e < n->edge_count; e++) {
        const naive_edge *edge = &n->edges[e];
        if (edge->from == 0 &&
            (edge->type == PLIM_EDGE_SHORTCUT ||
             (edge->type == PLIM_EDGE_ELEMENT && n->nodes[edge->to].type == PLIM_NODE_SYNTHETIC &&
              naive_name_is(n, edge->to, "(Document DOM trees)"))))
            owned[edge->to] = true;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t e = 0; e < n->edge_count; e++) {
            const naive_edge *edge = &n->edges[e];
            if (owned[edge->from] && !owned[edge->to] && edge->type != PLIM_EDGE_WEAK) {
                owned[edge->to] = true;
                changed = true;
            }
        }
    }
}

/* Rule 4. */
static void naive_essential(naive *n)
{
    bool owned[NAIVE_NODES_MAX] = {false};
    naive_page_owned(n, owned);
    for (uint32_t e = 0; e < n->edge_count; e++) {
        const naive_edge *edge = &n->edges[e];
        const char *pair;
        uint64_t table;
        n->essential[e] = edge->type != PLIM_EDGE_WEAK && edge->from != edge->to;
        if (edge->type == PLIM_EDGE_INTERNAL && naive_weak_pair(edge->name, &pair, &table) &&
            table == n->nodes[edge->from].id)
            n->essential[e] = false;
        if (edge->from != 0 &&
            (edge->type == PLIM_EDGE_SHORTCUT || (owned[edge->to] && !owned[edge->from])))
            n->essential[e] = false;
    }
}

static bool naive_is_ownable(const naive *n, uint32_t v)
{
    return n->nodes[v].type == PLIM_NODE_HIDDEN || n->nodes[v].type == PLIM_NODE_ARRAY ||
           (n->nodes[v].type == PLIM_NODE_NATIVE &&
            naive_name_is(n, v, "system / ExternalStringData"));
}

/* Rule 5: who reaches an ownable node through ownable nodes. */
static void naive_shallow(naive *n)
{
    uint32_t owners[NAIVE_NODES_MAX] = {0};
    uint32_t owner_of[NAIVE_NODES_MAX] = {0};
    for (uint32_t v = 0; v < n->node_count; v++)
        n->shallow[v] = n->nodes[v].self_bytes;
    if (!naive_has_user_roots(n))
        return;
    for (uint32_t owner = 0; owner < n->node_count; owner++) {
        bool reached[NAIVE_NODES_MAX] = {false};
        if (naive_is_ownable(n, owner))
            continue;
        reached[owner] = true;
        for (bool changed = true; changed;) {
            changed = false;
            for (uint32_t e = 0; e < n->edge_count; e++) {
                const naive_edge *edge = &n->edges[e];
                if (reached[edge->from] && edge->type != PLIM_EDGE_WEAK && !reached[edge->to] &&
                    naive_is_ownable(n, edge->to)) {
                    reached[edge->to] = true;
                    changed = true;
                }
            }
        }
        for (uint32_t v = 0; v < n->node_count; v++) {
            if (v != owner && reached[v]) {
                owners[v]++;
                owner_of[v] = owner;
            }
        }
    }
    for (uint32_t v = 0; v < n->node_count; v++) {
        if (owners[v] != 1 || owner_of[v] == 0 || n->nodes[owner_of[v]].type == PLIM_NODE_SYNTHETIC)
            continue;
        n->shallow[owner_of[v]] += n->nodes[v].self_bytes;
        n->shallow[v] = 0;
    }
}

typedef struct naive_walk {
    naive *n;
    char pending[NAIVE_EDGES_MAX][NAIVE_NAME_BYTES];
    unsigned pending_count;
    uint32_t queue[NAIVE_NODES_MAX + NAIVE_EDGES_MAX];
    unsigned queue_count;
} naive_walk;

/* Rule 6, the filter. */
static bool naive_follows(naive_walk *walk, const naive_edge *edge)
{
    const naive *n = walk->n;
    const char *pair;
    uint64_t table;
    bool numbered = edge->type == PLIM_EDGE_ELEMENT || edge->type == PLIM_EDGE_HIDDEN;
    if (n->nodes[edge->from].type == PLIM_NODE_HIDDEN && !numbered &&
        strcmp(edge->name, "sloppy_function_map") == 0 &&
        naive_name_is(n, edge->from, "system / NativeContext"))
        return false;
    if (n->nodes[edge->from].type == PLIM_NODE_ARRAY &&
        naive_name_is(n, edge->from, "(map descriptors)")) {
        char *end;
        long index = numbered ? (long)edge->index : strtol(edge->name, &end, 10);
        if (!numbered && end == edge->name)
            return true; /* not a number */
        return index < 2 || index % 3 != 1;
    }
    if (edge->type != PLIM_EDGE_INTERNAL || !naive_weak_pair(edge->name, &pair, &table))
        return true;
    for (unsigned i = 0; i < walk->pending_count; i++) {
        if (strcmp(walk->pending[i], pair) == 0) {
            memmove(walk->pending[i], walk->pending[--walk->pending_count], NAIVE_NAME_BYTES);
            return true;
        }
    }
    (void)snprintf(walk->pending[walk->pending_count++], NAIVE_NAME_BYTES, "%s", pair);
    return false;
}

static void naive_spread(naive_walk *walk)
{
    naive *n = walk->n;
    for (unsigned next = 0; next < walk->queue_count; next++) {
        uint32_t v = walk->queue[next];
        for (uint32_t e = 0; e < n->edge_count; e++) {
            const naive_edge *edge = &n->edges[e];
            if (edge->from != v || edge->type == PLIM_EDGE_WEAK || n->distance[edge->to] != -5 ||
                !naive_follows(walk, edge))
                continue;
            n->distance[edge->to] = n->distance[v] + 1;
            walk->queue[walk->queue_count++] = edge->to;
        }
    }
}

static void naive_distances(naive *n)
{
    static naive_walk walk;
    walk = (naive_walk){.n = n};
    for (uint32_t v = 0; v < n->node_count; v++)
        n->distance[v] = -5;
    for (uint32_t e = 0; e < n->edge_count; e++) {
        if (n->edges[e].from == 0 && naive_is_user_root(n, n->edges[e].to)) {
            n->distance[n->edges[e].to] = 1;
            walk.queue[walk.queue_count++] = n->edges[e].to;
        }
    }
    naive_spread(&walk);
    n->distance[0] = naive_has_user_roots(n) ? 100000000 : 0;
    walk.queue[0] = 0;
    walk.queue_count = 1;
    naive_spread(&walk);
}

/* What the root reaches over essential edges, not through `without`; orphans are its children. */
static void naive_reach(const naive *n, uint32_t without, bool *reached)
{
    memset(reached, 0, NAIVE_NODES_MAX * sizeof *reached);
    if (without == 0)
        return;
    reached[0] = true;
    for (uint32_t v = 1; v < n->node_count; v++) {
        bool held = false;
        for (uint32_t e = 0; e < n->edge_count; e++)
            held = held || (n->essential[e] && n->edges[e].to == v);
        reached[v] = !held && v != without;
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t e = 0; e < n->edge_count; e++) {
            const naive_edge *edge = &n->edges[e];
            if (n->essential[e] && reached[edge->from] && !reached[edge->to] &&
                edge->to != without) {
                reached[edge->to] = true;
                changed = true;
            }
        }
    }
}

/* Rule 7: v dominates u if u is reached, but not without v. */
static void naive_dominators(naive *n)
{
    static bool dominates[NAIVE_NODES_MAX][NAIVE_NODES_MAX];
    bool all[NAIVE_NODES_MAX];
    uint32_t strict[NAIVE_NODES_MAX] = {0};
    naive_reach(n, PLIM_NONE, all);
    for (uint32_t v = 0; v < n->node_count; v++) {
        bool reached[NAIVE_NODES_MAX];
        naive_reach(n, v, reached);
        n->retained[v] = 0;
        for (uint32_t u = 0; u < n->node_count; u++) {
            dominates[v][u] = u == v || v == 0 || (all[u] && !reached[u]);
            if (dominates[v][u]) {
                n->retained[v] += n->shallow[u];
                strict[u] += u != v;
            }
        }
    }
    for (uint32_t u = 0; u < n->node_count; u++) {
        n->dominator[u] = 0;
        for (uint32_t v = 0; v < n->node_count; v++)
            if (v != u && dominates[v][u] && strict[v] + 1 == strict[u])
                n->dominator[u] = v;
    }
}

static bool naive_is_plain(const naive *n, uint32_t v)
{
    return n->nodes[v].type == PLIM_NODE_OBJECT && naive_name_is(n, v, "Object");
}

/* How a property stands in a name; the tests use few that need quotation marks. */
static const char *naive_formatted(const char *property)
{
    if (strcmp(property, "d,e") == 0)
        return "\"d,e\"";
    if (strcmp(property, "it's \\") == 0)
        return "\"it's \\\\\"";
    return property;
}

/* Rule 8: what one plain object proposes. */
static void naive_propose(const naive *n, uint32_t v, naive_definition *out)
{
    size_t length = 1;
    *out = (naive_definition){.name = "{", .seen = 1};
    for (uint32_t e = 0; e < n->edge_count; e++) {
        const naive_edge *edge = &n->edges[e];
        if (edge->from != v || edge->type != PLIM_EDGE_PROPERTY ||
            strcmp(edge->name, "__proto__") == 0)
            continue;
        const char *formatted = naive_formatted(edge->name);
        if (length > 1 && length + strlen(formatted) > 120)
            break;
        if (length != 1)
            strncat(out->name, ", ", 3);
        strncat(out->name, formatted, NAIVE_NAME_BYTES / 2);
        length = strlen(out->name);
        PLIM_CHECK(out->property_count < NAIVE_PROPERTIES_MAX);
        (void)snprintf(out->properties[out->property_count++], 16, "%.15s", edge->name);
    }
    strncat(out->name, "}", 2);
}

static void naive_infer(naive *n)
{
    static naive_definition all[NAIVE_NODES_MAX];
    unsigned all_count = 0;
    for (uint32_t v = 0; v < n->node_count; v++) {
        naive_definition proposed;
        unsigned i = 0;
        if (!naive_is_plain(n, v))
            continue;
        naive_propose(n, v, &proposed);
        while (i < all_count && strcmp(all[i].name, proposed.name) != 0)
            i++;
        if (proposed.property_count == 0)
            continue;
        if (i < all_count)
            all[i].seen++;
        else
            all[all_count++] = proposed;
    }
    /* The thousandth of so few objects is below two. */
    for (unsigned seen = NAIVE_NODES_MAX; seen >= 2; seen--)
        for (unsigned i = 0; i < all_count; i++)
            if (all[i].seen == seen)
                n->definitions[n->definition_count++] = all[i];
}

/* Whether an object has all properties of a definition, as often as it lists them. */
static bool naive_fits(const naive *n, uint32_t v, const naive_definition *definition)
{
    bool used[NAIVE_EDGES_MAX] = {false};
    for (unsigned p = 0; p < definition->property_count; p++) {
        uint32_t e = 0;
        while (e < n->edge_count &&
               (used[e] || n->edges[e].from != v || n->edges[e].type != PLIM_EDGE_PROPERTY ||
                strcmp(n->edges[e].name, definition->properties[p]) != 0))
            e++;
        if (e == n->edge_count)
            return false;
        used[e] = true;
    }
    return true;
}

/* `<a b>` becomes `<a>`. */
static void naive_cut_tag(char *name, size_t from)
{
    char *space = strlen(name) > from ? strchr(name + from, ' ') : NULL;
    if (space != NULL)
        memcpy(space, ">", 2);
}

/* Rule 8: the name of a class, and what DevTools groups by: a string's number, or a made text. */
static void naive_name_class(naive *n, const plim_graph *graph, uint32_t v, char *key)
{
    static const char *const by_type[] = {
        [PLIM_NODE_HIDDEN] = "(system)",
        [PLIM_NODE_CODE] = "(compiled code)",
        [PLIM_NODE_CLOSURE] = "Function",
        [PLIM_NODE_REGEXP] = "RegExp",
        [PLIM_NODE_ARRAY] = "(array)",
        [PLIM_NODE_STRING] = "(string)",
        [PLIM_NODE_NUMBER] = "(number)",
        [PLIM_NODE_SYNTHETIC] = "(synthetic)",
        [PLIM_NODE_SYMBOL] = "(symbol)",
        [PLIM_NODE_CONS_STRING] = "(concatenated string)",
        [PLIM_NODE_OBJECT_SHAPE] = "(object shape)",
        [PLIM_NODE_OBJECT] = NULL,
    };
    char *name = n->class_names[v];
    const naive_definition *best = NULL;
    plim_node_type type = n->nodes[v].type;
    if (type != PLIM_NODE_OBJECT && type != PLIM_NODE_NATIVE) {
        (void)snprintf(name, NAIVE_NAME_BYTES, "%s", by_type[type]);
        (void)snprintf(key, NAIVE_NAME_BYTES + 64, "made %s", name);
        return;
    }
    memcpy(name, n->names[v], NAIVE_NAME_BYTES);
    (void)snprintf(key, NAIVE_NAME_BYTES + 64, "string %u%s", (unsigned)graph->node_name[v],
                   n->detached[v] && n->has_detachedness ? " detached" : "");
    if (name[0] == '<' || strncmp(name, "Detached <", 10) == 0) {
        naive_cut_tag(name, name[0] == '<' ? 1 : 10);
        (void)snprintf(key, NAIVE_NAME_BYTES + 64, "made %s", name);
    }
    for (unsigned d = 0; d < n->definition_count && naive_is_plain(n, v); d++)
        if (naive_fits(n, v, &n->definitions[d]) &&
            (best == NULL || n->definitions[d].property_count > best->property_count))
            best = &n->definitions[d];
    if (best != NULL) {
        (void)snprintf(name, NAIVE_NAME_BYTES, "%s", best->name);
        (void)snprintf(key, NAIVE_NAME_BYTES + 64, "interface %s", name);
    }
}

static void naive_find_classes(naive *n, const plim_graph *graph)
{
    for (uint32_t v = 0; v < n->node_count; v++) {
        naive_class class = {.first = PLIM_NONE};
        plim_location at;
        uint32_t c = 0;
        naive_name_class(n, graph, v, class.key);
        const char *name = n->class_names[v];
        (void)snprintf(class.name, sizeof class.name, "%s", name);
        (void)snprintf(class.public_key, sizeof class.public_key, ",%s", name);
        if (n->nodes[v].type == PLIM_NODE_OBJECT && plim_graph_location(graph, v, &at)) {
            (void)snprintf(class.public_key, sizeof class.public_key, "%u,%u,%u,%s",
                           (unsigned)at.script_id, (unsigned)at.line, (unsigned)at.column, name);
            (void)snprintf(class.key, sizeof class.key, "%s", class.public_key);
        }
        while (c < n->class_count && strcmp(n->classes[c].key, class.key) != 0)
            c++;
        if (c == n->class_count)
            n->classes[n->class_count++] = class;
        n->node_class[v] = c;
    }
}

/* Rule 9. */
static void naive_aggregate(naive *n)
{
    for (uint32_t v = 0; v < n->node_count; v++) {
        naive_class *class = &n->classes[n->node_class[v]];
        bool below = false;
        if (n->shallow[v] == 0)
            continue;
        if (class->count++ == 0) {
            class->first = v;
            class->distance = n->distance[v];
        }
        class->self_bytes += n->shallow[v];
        if (n->distance[v] < class->distance)
            class->distance = n->distance[v];
        for (uint32_t u = v; u != 0;) {
            u = n->dominator[u];
            below = below || (n->node_class[u] == n->node_class[v] && n->shallow[u] != 0);
        }
        if (!below)
            class->retained_bytes += n->retained[v];
    }
    for (uint32_t c = 0; c < n->class_count; c++) {
        n->classes[c].shown = n->classes[c].count > 0;
        for (uint32_t d = 0; d < n->class_count; d++)
            if (d != c && strcmp(n->classes[c].public_key, n->classes[d].public_key) == 0 &&
                n->classes[d].count > 0 && n->classes[d].first > n->classes[c].first)
                n->classes[c].shown = false;
    }
}

void naive_analyse(const plim_graph *graph, bool has_detachedness, const naive *classes_of,
                   naive *out)
{
    memset(out, 0, sizeof *out);
    out->has_detachedness = has_detachedness;
    naive_load(graph, out);
    naive_dom_state(out);
    naive_essential(out);
    naive_shallow(out);
    naive_distances(out);
    naive_dominators(out);
    if (classes_of != NULL) {
        memcpy(out->definitions, classes_of->definitions, sizeof out->definitions);
        out->definition_count = classes_of->definition_count;
    } else {
        naive_infer(out);
    }
    naive_find_classes(out, graph);
    naive_aggregate(out);
}
