/* SPDX-License-Identifier: MIT */
/*
 * Model. Method: thousands of small random graphs with every trait the rules know (WeakMap pairs,
 * DOM states, shortcuts, map descriptors, classes that fall together, islands, loops, edges twice
 * over), each analysed by the library on one thread and on two, and by the naive twin; all answers
 * must be equal. The seed of a failing graph is printed; PLIM_TEST_SEED repeats it alone.
 */
#include <plimsoll/diff.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph_maker.h"
#include "naive.h"

enum { MODEL_GRAPHS = 10000, MODEL_PAIRS = 3000 };

typedef struct model {
    uint64_t random;
    graph_maker *maker;
    bool has_detachedness;
    uint32_t node_count;
    plim_node_type types[NAIVE_NODES_MAX];
    uint64_t ids[NAIVE_NODES_MAX];
    uint32_t edge_count;
} model;

static uint32_t model_random(model *m, uint32_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)(m->random >> 33) % below;
}

static const char *model_pick(model *m, const char *const *names, size_t count)
{
    return names[model_random(m, (uint32_t)count)];
}

#define PICK(m, names) model_pick(m, names, sizeof(names) / sizeof((names)[0]))

static const char *const OBJECT_NAMES[] = {"Object", "Object",   "Object",        "Object",
                                           "Map",    "Function", "(array)",       "{a, b}",
                                           "<x y>",  "(system)", "Detached <p q>"};
static const char *const NATIVE_NAMES[] = {"system / ExternalStringData",
                                           "<div id=\"a\">",
                                           "<div>",
                                           "Detached <div id>",
                                           "Detached Window",
                                           "<br>",
                                           "Window",
                                           "Detached system / ExternalStringData"};
static const char *const PROPERTIES[] = {"a", "b",      "c", "d,e", "__proto__", "a_long_property",
                                         "",  "it's \\"};
static const char *const OTHER_EDGES[] = {"x",    "7", "4x", " 1", "-4", "sloppy_function_map",
                                          "first"};

static void model_add_node(model *m)
{
    static const plim_node_type types[] = {
        PLIM_NODE_HIDDEN, PLIM_NODE_ARRAY,  PLIM_NODE_STRING,   PLIM_NODE_OBJECT,  PLIM_NODE_OBJECT,
        PLIM_NODE_OBJECT, PLIM_NODE_OBJECT, PLIM_NODE_CODE,     PLIM_NODE_CLOSURE, PLIM_NODE_NATIVE,
        PLIM_NODE_NATIVE, PLIM_NODE_NATIVE, PLIM_NODE_SYNTHETIC};
    plim_node_type type = types[model_random(m, sizeof types / sizeof types[0])];
    const char *name = "n";
    if (type == PLIM_NODE_OBJECT)
        name = PICK(m, OBJECT_NAMES);
    else if (type == PLIM_NODE_NATIVE)
        name = PICK(m, NATIVE_NAMES);
    else if (type == PLIM_NODE_HIDDEN && model_random(m, 3) == 0)
        name = "system / NativeContext";
    else if (type == PLIM_NODE_ARRAY && model_random(m, 2) == 0)
        name = "(map descriptors)";
    else if (type == PLIM_NODE_SYNTHETIC)
        name = model_random(m, 2) == 0 ? "(Document DOM trees)" : "(GC roots)";
    uint64_t self = model_random(m, 4) == 0 ? 0 : 1u << model_random(m, 12);
    if (model_random(m, 40) == 0)
        self = ((uint64_t)1 << 32) - 2 + model_random(m, 4);
    uint32_t node = graph_maker_node(m->maker, type, name, self);
    m->types[node] = type;
    m->node_count = node + 1;
    m->ids[node] = (uint64_t)node * 2 + 1;
    if (model_random(m, 8) == 0) {
        m->ids[node] = ((uint64_t)model_random(m, 3) << 32) + model_random(m, 1000) * 2;
        graph_maker_set_id(m->maker, m->ids[node]);
    }
    if (m->has_detachedness && model_random(m, type == PLIM_NODE_NATIVE ? 2 : 20) == 0)
        graph_maker_set_detached(m->maker, model_random(m, 3));
    if (model_random(m, 4) == 0)
        graph_maker_set_location(m->maker, model_random(m, 2), model_random(m, 2), 0);
}

static void model_add_edge(model *m)
{
    static const plim_edge_type types[] = {
        PLIM_EDGE_CONTEXT,  PLIM_EDGE_ELEMENT,  PLIM_EDGE_PROPERTY, PLIM_EDGE_PROPERTY,
        PLIM_EDGE_PROPERTY, PLIM_EDGE_INTERNAL, PLIM_EDGE_HIDDEN,   PLIM_EDGE_SHORTCUT,
        PLIM_EDGE_WEAK,     PLIM_EDGE_ELEMENT};
    uint32_t from = model_random(m, m->node_count);
    uint32_t to = model_random(m, m->node_count);
    plim_edge_type type = types[model_random(m, sizeof types / sizeof types[0])];
    if (m->edge_count++ >= NAIVE_EDGES_MAX)
        return;
    if (type == PLIM_EDGE_ELEMENT || type == PLIM_EDGE_HIDDEN)
        graph_maker_index(m->maker, from, type, model_random(m, 9), to);
    else
        graph_maker_edge(m->maker, from, type,
                         type == PLIM_EDGE_PROPERTY ? PICK(m, PROPERTIES) : PICK(m, OTHER_EDGES),
                         to);
}

/* Properties of plain objects, from few names, so that several interfaces fit one object. */
static void model_add_properties(model *m)
{
    static const char *const few[] = {"a", "b", "c", "d,e"};
    uint32_t node = model_random(m, m->node_count);
    if (m->types[node] != PLIM_NODE_OBJECT)
        return;
    uint32_t first = model_random(m, 3);
    for (uint32_t i = model_random(m, 4); i > 0 && m->edge_count < NAIVE_EDGES_MAX; i--) {
        m->edge_count++;
        graph_maker_edge(m->maker, node, PLIM_EDGE_PROPERTY, few[first],
                         model_random(m, m->node_count));
        first = model_random(m, 6) == 0 ? first : (first + 1) % 4;
    }
}

/* The two edges of an entry of a WeakMap; now and then one of them is missing or lies. */
static void model_add_weak_pair(model *m)
{
    uint32_t key = model_random(m, m->node_count);
    uint32_t value = model_random(m, m->node_count);
    uint32_t table = model_random(m, m->node_count);
    uint64_t said = model_random(m, 6) == 0 ? 77 : m->ids[table];
    for (unsigned i = 0; i < 2; i++) {
        char name[160];
        (void)snprintf(name, sizeof name,
                       "%u / part of key (K @%" PRIu64 ") -> value (V @%" PRIu64
                       ") pair in WeakMap (table @%" PRIu64 ")",
                       (unsigned)model_random(m, 50), m->ids[key], m->ids[value], said);
        if (m->edge_count++ < NAIVE_EDGES_MAX && model_random(m, 12) != 0)
            graph_maker_edge(m->maker, i == 0 ? key : table, PLIM_EDGE_INTERNAL, name, value);
    }
}

static plim_graph *model_graph(uint64_t seed, bool *out_has_detachedness)
{
    model m = {.random = seed * 0x9e3779b97f4a7c15u + 1};
    m.has_detachedness = model_random(&m, 3) != 0;
    m.maker = graph_maker_create(m.has_detachedness);
    if (model_random(&m, 4) == 0)
        graph_maker_split_strings(m.maker);
    (void)graph_maker_node(m.maker, PLIM_NODE_SYNTHETIC, "", 0);
    m.types[0] = PLIM_NODE_SYNTHETIC;
    m.ids[0] = 1;
    m.node_count = 1;
    uint32_t nodes = 1 + model_random(&m, 28);
    uint32_t edges = model_random(&m, nodes * 3 + 1);
    for (uint32_t i = 0; i < nodes; i++)
        model_add_node(&m);
    for (uint32_t i = model_random(&m, 4); i > 0; i--) {
        uint32_t to = model_random(&m, m.node_count);
        m.edge_count++;
        if (model_random(&m, 2) == 0)
            graph_maker_edge(m.maker, 0, PLIM_EDGE_SHORTCUT, "global", to);
        else
            graph_maker_index(m.maker, 0, PLIM_EDGE_ELEMENT, i, to);
    }
    for (uint32_t i = 0; i < edges; i++)
        model_add_edge(&m);
    for (uint32_t i = model_random(&m, 5); i > 0; i--)
        model_add_weak_pair(&m);
    for (uint32_t i = model_random(&m, 2) * nodes; i > 0; i--)
        model_add_properties(&m);
    *out_has_detachedness = m.has_detachedness;
    return graph_maker_finish(&m.maker);
}

static void model_differs(uint64_t seed, const char *what, uint32_t which)
{
    fail_msg("PLIM_TEST_SEED=%" PRIu64 ": %s differs at %u", seed, what, (unsigned)which);
}

static void model_compare_nodes(uint64_t seed, const plim_analysis *analysis, const naive *twin)
{
    for (uint32_t v = 0; v < twin->node_count; v++) {
        plim_node_facts facts;
        plim_class class;
        plim_analysis_node(analysis, v, &facts);
        plim_analysis_class(analysis, facts.class_index, &class);
        if (facts.detached != twin->detached[v])
            model_differs(seed, "DOM state", v);
        if (facts.shallow_bytes != twin->shallow[v])
            model_differs(seed, "shallow size", v);
        if (facts.distance != twin->distance[v])
            model_differs(seed, "distance", v);
        if (facts.dominator != twin->dominator[v])
            model_differs(seed, "dominator", v);
        if (facts.retained_bytes != twin->retained[v])
            model_differs(seed, "retained size", v);
        if (class.name.size_bytes != strlen(twin->class_names[v]) ||
            memcmp(class.name.data, twin->class_names[v], class.name.size_bytes) != 0)
            model_differs(seed, "class name", v);
    }
}

static void model_public_key(const plim_class *class, char *out, size_t out_bytes)
{
    if (class->has_location)
        (void)snprintf(out, out_bytes, "%u,%u,%u,%.*s", (unsigned)class->location.script_id,
                       (unsigned)class->location.line, (unsigned)class->location.column,
                       (int)class->name.size_bytes, class->name.data);
    else
        (void)snprintf(out, out_bytes, ",%.*s", (int)class->name.size_bytes, class->name.data);
}

static void model_compare_classes(uint64_t seed, const plim_analysis *analysis, const naive *twin)
{
    uint32_t shown = 0;
    for (uint32_t c = 0; c < twin->class_count; c++)
        shown += twin->classes[c].shown;
    for (uint32_t i = 0; i < plim_analysis_class_count(analysis); i++) {
        plim_class class;
        char key[NAIVE_NAME_BYTES + 64];
        uint32_t c = 0;
        plim_analysis_class(analysis, i, &class);
        if (class.count == 0)
            continue;
        shown--;
        model_public_key(&class, key, sizeof key);
        while (c < twin->class_count &&
               (!twin->classes[c].shown || strcmp(twin->classes[c].public_key, key) != 0))
            c++;
        if (c == twin->class_count)
            model_differs(seed, key, i);
        const naive_class *want = &twin->classes[c];
        if (class.count != want->count || class.self_bytes != want->self_bytes ||
            class.retained_bytes != want->retained_bytes || class.distance != want->distance)
            model_differs(seed, key, i);
    }
    if (shown != 0)
        model_differs(seed, "count of classes", shown);
}

static plim_analysis *model_analyse(const plim_graph *graph, uint32_t threads,
                                    const plim_analysis *classes_of)
{
    plim_analysis_options options = {
        .struct_bytes = sizeof options, .thread_count = threads, .classes_of = classes_of};
    plim_analysis *analysis = NULL;
    plim_error err = {0};
    assert_int_equal(plim_analysis_create(graph, &options, &analysis, &err), PLIM_OK);
    return analysis;
}

static void model_check(uint64_t seed)
{
    static naive twin;
    bool has_detachedness;
    plim_graph *graph = model_graph(seed, &has_detachedness);
    naive_analyse(graph, has_detachedness, NULL, &twin);
    for (uint32_t threads = 1; threads <= 2; threads++) {
        plim_analysis *analysis = model_analyse(graph, threads, NULL);
        model_compare_nodes(seed, analysis, &twin);
        model_compare_classes(seed, analysis, &twin);
        plim_analysis_destroy(&analysis);
    }
    plim_graph_destroy(&graph);
}

static void random_graphs_get_the_twins_answers(void **state)
{
    (void)state;
    const char *given = getenv("PLIM_TEST_SEED");
    if (given != NULL) {
        model_check(strtoull(given, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= MODEL_GRAPHS; seed++)
        model_check(seed);
}

/* The twin's way: per public key, every node of one side whose id the other does not have. */
static void model_count_diff(const naive *own, const naive *other, const char *key,
                             uint32_t *out_count, uint64_t *out_bytes)
{
    *out_count = 0;
    *out_bytes = 0;
    for (uint32_t v = 0; v < own->node_count; v++) {
        const naive_class *class = &own->classes[own->node_class[v]];
        bool found = false;
        if (own->shallow[v] == 0 || !class->shown || strcmp(class->public_key, key) != 0)
            continue;
        for (uint32_t u = 0; u < other->node_count && !found; u++) {
            const naive_class *theirs = &other->classes[other->node_class[u]];
            found = other->shallow[u] != 0 && theirs->shown &&
                    strcmp(theirs->public_key, key) == 0 && other->nodes[u].id == own->nodes[v].id;
        }
        *out_count += !found;
        *out_bytes += found ? 0 : own->shallow[v];
    }
}

static bool model_has_twice(const naive *n)
{
    for (uint32_t v = 0; v < n->node_count; v++)
        for (uint32_t u = 0; u < v; u++)
            if (n->nodes[u].id == n->nodes[v].id)
                return true;
    return false;
}

/* Every key of one twin must be in the comparison with those numbers, once. */
static void model_compare_diff(uint64_t seed, const plim_diff *diff, const naive *base,
                               const naive *target)
{
    uint32_t rows = 0;
    for (unsigned side = 0; side < 2; side++) {
        const naive *n = side == 0 ? base : target;
        for (uint32_t c = 0; c < n->class_count; c++) {
            const char *key = n->classes[c].public_key;
            uint32_t added, removed;
            uint64_t added_bytes, removed_bytes;
            bool known = !n->classes[c].shown;
            for (uint32_t d = 0; d < base->class_count && side == 1; d++)
                known = known ||
                        (base->classes[d].shown && strcmp(base->classes[d].public_key, key) == 0);
            model_count_diff(target, base, key, &added, &added_bytes);
            model_count_diff(base, target, key, &removed, &removed_bytes);
            if (known || (added == 0 && removed == 0))
                continue;
            rows++;
            bool found = false;
            for (uint32_t i = 0; i < plim_diff_count(diff) && !found; i++) {
                const plim_diff_row *row = plim_diff_get(diff, i);
                found = row->name.size_bytes == strlen(n->classes[c].name) &&
                        memcmp(row->name.data, n->classes[c].name, row->name.size_bytes) == 0 &&
                        row->added == added && row->removed == removed &&
                        row->added_bytes == added_bytes && row->removed_bytes == removed_bytes &&
                        row->delta == (int64_t)added - (int64_t)removed &&
                        row->delta_bytes == (int64_t)(added_bytes - removed_bytes);
            }
            if (!found)
                model_differs(seed, key, c);
        }
    }
    if (rows != plim_diff_count(diff))
        model_differs(seed, "count of rows", rows);
}

static void random_pairs_compare_as_the_twin_says(void **state)
{
    (void)state;
    static naive base_twin, target_twin;
    for (uint64_t seed = 1; seed <= MODEL_PAIRS; seed++) {
        bool base_has, target_has;
        plim_graph *base_graph = model_graph(seed, &base_has);
        plim_graph *target_graph = model_graph(seed + 100000, &target_has);
        naive_analyse(target_graph, target_has, NULL, &target_twin);
        naive_analyse(base_graph, base_has, &target_twin, &base_twin);
        plim_analysis *target = model_analyse(target_graph, 1, NULL);
        plim_analysis *base = model_analyse(base_graph, 1, target);
        model_compare_nodes(seed, base, &base_twin);
        plim_diff *diff = NULL;
        assert_int_equal(plim_diff_create(base, target, NULL, &diff, NULL), PLIM_OK);
        /* Which of two equal ids is meant is nobody's to say. */
        if (!model_has_twice(&base_twin) && !model_has_twice(&target_twin))
            model_compare_diff(seed, diff, &base_twin, &target_twin);
        for (uint32_t i = 1; i < plim_diff_count(diff); i++)
            assert_true(plim_diff_get(diff, i - 1)->delta_bytes >=
                        plim_diff_get(diff, i)->delta_bytes);
        plim_diff_destroy(&diff);
        plim_analysis_destroy(&base);
        plim_analysis_destroy(&target);
        plim_graph_destroy(&base_graph);
        plim_graph_destroy(&target_graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_get_the_twins_answers),
        cmocka_unit_test(random_pairs_compare_as_the_twin_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
