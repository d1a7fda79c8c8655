/* SPDX-License-Identifier: MIT */
/*
 * Heap snapshots of JavaScriptCore (Safari, WebKitGTK, Bun), versions 1 to 3, both types.
 *
 * One JSON object of flat arrays: rows of nodes and edges first, the texts they number behind them.
 * So rows are kept as they come, and become nodes once the texts are known. Ids are any numbers in
 * any order; edges name their ends by them. JSC knows no text of strings, no names of functions
 * (but as labels of type GCDebugging) and no places in scripts: nor has the graph then.
 *
 * Invariants: J1 rows are whole: what the arrays have beyond whole rows is damage. J2 the graph's
 * node 0 is the row with id 0, JSC's own root, wherever it stood.
 *
 * Source: WebKit, Source/JavaScriptCore/heap/HeapSnapshotBuilder.cpp, and what Bun 1.4 and
 * WebKitGTK 2.50 wrote (docs/internals/other-snapshots.md).
 */
#include <plimsoll/build.h>
#include <plimsoll/formats.h>

#include <inttypes.h>

#include "base/assert.h"
#include "heap/formats/ids.h"
#include "heap/formats/json.h"

typedef struct jsc_node {
    uint64_t size;
    uint64_t class, flags, label;
} jsc_node;

typedef struct jsc_edge {
    uint64_t from, to, type, data;
} jsc_edge;

enum {
    JSC_FLAG_INTERNAL = 1, /* all of the field in version 1 */
    JSC_NODE_FIELDS = 4,
    JSC_NODE_FIELDS_DEBUG = 7,
    JSC_EDGE_FIELDS = 4,
    JSC_ROOT_FIELDS = 3
};

/* Of GCDebugging alone: what is held for a reason of the engine's own. */
typedef struct jsc_root {
    uint64_t node, reason;
} jsc_root;

typedef struct jsc_reader {
    const plim_allocator *allocator;
    plim__json json;
    plim__rows ids;   /* uint64_t, beside nodes */
    plim__rows nodes; /* jsc_node */
    plim__rows edges; /* jsc_edge */
    plim__rows roots; /* jsc_root */
    plim__json_texts classes, edge_types, edge_names, labels;
    plim__id_map map;
    uint32_t root; /* its row */
    unsigned node_fields;
    bool has_nodes, has_edges;
} jsc_reader;

static bool jsc_fault(jsc_reader *reader, const char *what)
{
    (void)plim__pull_fail(&reader->json.pull, PLIM_ERR_DAMAGED, "%s", what);
    plim_error_hint(reader->json.pull.err,
                    "check that the file is a whole heap snapshot, or take it again");
    return false;
}

static bool jsc_short(jsc_reader *reader, const plim__rows *rows)
{
    bool is_full = rows->count >= PLIM_FOREIGN_ROWS_MAX;
    (void)plim__pull_fail(&reader->json.pull, is_full ? PLIM_ERR_LIMIT : PLIM_ERR_NO_MEMORY,
                          is_full ? "more than %u rows" : "no memory for the rows of a snapshot",
                          PLIM_FOREIGN_ROWS_MAX);
    return false;
}

/* ---- rows ---- */

/* The next row of an array; at its end false and, if the pull has no failure, all was well. */
static bool jsc_row(jsc_reader *reader, uint64_t *row, unsigned fields)
{
    plim__json_value value;
    for (unsigned i = 0; i < fields; i++) {
        if (!plim__json_next(&reader->json, &value))
            return i == 0 || reader->json.pull.status != PLIM_OK
                       ? false
                       : jsc_fault(reader, "the last row is not whole");
        row[i] = value.is_text ? 0 : value.number; /* addresses of GCDebugging are texts */
    }
    return true;
}

static bool jsc_nodes_read(jsc_reader *reader)
{
    uint64_t row[JSC_NODE_FIELDS_DEBUG] = {0};
    if (reader->has_nodes)
        return jsc_fault(reader, "`nodes` stands twice");
    reader->has_nodes = true;
    if (!plim__json_open(&reader->json, '['))
        return false;
    while (jsc_row(reader, row, reader->node_fields)) {
        uint64_t *id = plim__rows_add(&reader->ids);
        jsc_node *node = plim__rows_add(&reader->nodes);
        if (id == NULL || node == NULL)
            return jsc_short(reader, &reader->nodes);
        *id = row[0];
        *node = (jsc_node){row[1], row[2], row[3], row[4]};
    }
    return reader->json.pull.status == PLIM_OK;
}

static bool jsc_edges_read(jsc_reader *reader)
{
    uint64_t row[JSC_EDGE_FIELDS];
    if (reader->has_edges)
        return jsc_fault(reader, "`edges` stands twice");
    reader->has_edges = true;
    if (!plim__json_open(&reader->json, '['))
        return false;
    while (jsc_row(reader, row, JSC_EDGE_FIELDS)) {
        jsc_edge *edge = plim__rows_add(&reader->edges);
        if (edge == NULL)
            return jsc_short(reader, &reader->edges);
        *edge = (jsc_edge){row[0], row[1], row[2], row[3]};
    }
    return reader->json.pull.status == PLIM_OK;
}

static bool jsc_roots_read(jsc_reader *reader)
{
    uint64_t row[JSC_ROOT_FIELDS]; /* the last one: by which way it was marked */
    if (!plim__json_open(&reader->json, '['))
        return false;
    while (jsc_row(reader, row, JSC_ROOT_FIELDS)) {
        jsc_root *root = plim__rows_add(&reader->roots);
        if (root == NULL)
            return jsc_short(reader, &reader->roots);
        *root = (jsc_root){row[0], row[1]};
    }
    return reader->json.pull.status == PLIM_OK;
}

/* ---- the document ---- */

static bool jsc_is(plim_text key, const char *name)
{
    return key.size_bytes == strlen(name) && memcmp(key.data, name, key.size_bytes) == 0;
}

static bool jsc_version(jsc_reader *reader)
{
    uint64_t version;
    if (!plim__json_number(&reader->json, &version))
        return false;
    if (version >= 1 && version <= 3)
        return true;
    (void)plim__pull_fail(&reader->json.pull, PLIM_ERR_UNSUPPORTED,
                          "version %" PRIu64 " of JavaScriptCore's snapshots; 1 to 3 are known",
                          version);
    return false;
}

static bool jsc_type(jsc_reader *reader)
{
    plim_text type;
    if (!plim__json_text(&reader->json, &type))
        return false;
    if (jsc_is(type, "GCDebugging"))
        reader->node_fields = JSC_NODE_FIELDS_DEBUG;
    else if (!jsc_is(type, "Inspector"))
        return jsc_fault(reader, "a snapshot whose type is neither Inspector nor GCDebugging");
    /* Rows read before their width was known would be wrong ones. */
    return !reader->has_nodes || jsc_fault(reader, "`type` stands behind `nodes`");
}

static bool jsc_section(jsc_reader *reader, plim_text key)
{
    if (jsc_is(key, "nodes"))
        return jsc_nodes_read(reader);
    if (jsc_is(key, "edges"))
        return jsc_edges_read(reader);
    if (jsc_is(key, "version"))
        return jsc_version(reader);
    if (jsc_is(key, "type"))
        return jsc_type(reader);
    if (jsc_is(key, "nodeClassNames"))
        return plim__json_texts_read(&reader->json, &reader->classes);
    if (jsc_is(key, "edgeTypes"))
        return plim__json_texts_read(&reader->json, &reader->edge_types);
    if (jsc_is(key, "edgeNames"))
        return plim__json_texts_read(&reader->json, &reader->edge_names);
    if (jsc_is(key, "roots"))
        return jsc_roots_read(reader);
    if (jsc_is(key, "labels"))
        return plim__json_texts_read(&reader->json, &reader->labels);
    return plim__json_skip(&reader->json);
}

static bool jsc_read(jsc_reader *reader)
{
    plim_text key;
    if (!plim__json_open(&reader->json, '{'))
        return false;
    while (plim__json_key(&reader->json, &key))
        if (!jsc_section(reader, key))
            return false;
    if (!plim__json_finish(&reader->json))
        return false;
    if (!reader->has_nodes || !reader->has_edges)
        return jsc_fault(reader, "the snapshot has no nodes or no edges");
    return true;
}

/* ---- the graph ---- */

/* What a class is in V8's words; what it does not know stands as JSC says, hidden if internal. */
static plim_node_type jsc_node_type(plim_text class, uint64_t flags)
{
    static const struct {
        const char *name;
        plim_node_type type;
    } known[] = {
        {"string", PLIM_NODE_STRING},
        {"symbol", PLIM_NODE_SYMBOL},
        {"BigInt", PLIM_NODE_BIGINT},
        {"HeapBigInt", PLIM_NODE_BIGINT},
        {"Function", PLIM_NODE_CLOSURE},
        {"AsyncFunction", PLIM_NODE_CLOSURE},
        {"GeneratorFunction", PLIM_NODE_CLOSURE},
        {"AsyncGeneratorFunction", PLIM_NODE_CLOSURE},
        {"RegExp", PLIM_NODE_REGEXP},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (jsc_is(class, known[i].name))
            return known[i].type;
    static const char *const code[] = {"Executable", "CodeBlock"};
    for (size_t i = 0; i < sizeof code / sizeof code[0]; i++) {
        size_t size = strlen(code[i]);
        if (class.size_bytes >= size &&
            memcmp(class.data + class.size_bytes - size, code[i], size) == 0)
            return PLIM_NODE_CODE;
    }
    if (plim__text_starts(class, "Structure", strlen("Structure")))
        return PLIM_NODE_OBJECT_SHAPE;
    return flags & JSC_FLAG_INTERNAL ? PLIM_NODE_HIDDEN : PLIM_NODE_OBJECT;
}

static bool jsc_node_build(jsc_reader *reader, plim_graph_builder *builder, uint32_t row)
{
    const jsc_node *node = (const jsc_node *)reader->nodes.data + row;
    plim_text class, label = {0};
    if (!plim__json_texts_get(&reader->classes, node->class, &class))
        return jsc_fault(reader, "a node has a class that is not there");
    if (reader->node_fields == JSC_NODE_FIELDS_DEBUG &&
        !plim__json_texts_get(&reader->labels, node->label, &label))
        return jsc_fault(reader, "a node has a label that is not there");
    plim_node_type type = jsc_node_type(class, node->flags);
    bool is_root = row == reader->root;
    if (is_root) {
        type = PLIM_NODE_SYNTHETIC;
        class = PLIM__TEXT("");
    }
    plim_text name = type == PLIM_NODE_CLOSURE && label.size_bytes > 0 ? label : class;
    (void)plim_graph_builder_node(builder, type, name, ((const uint64_t *)reader->ids.data)[row],
                                  node->size);
    return true;
}

/* Rows before the root move up by one. */
static uint32_t jsc_ordinal(const jsc_reader *reader, uint64_t id)
{
    uint32_t row = plim__id_map_find(&reader->map, id);
    return row == PLIM_NONE ? row : row == reader->root ? 0 : row + (row < reader->root);
}

static bool jsc_edge_build(jsc_reader *reader, plim_graph_builder *builder, const jsc_edge *edge)
{
    uint32_t from = jsc_ordinal(reader, edge->from), to = jsc_ordinal(reader, edge->to);
    plim_text kind, name;
    if (from == PLIM_NONE || to == PLIM_NONE)
        return jsc_fault(reader, "an edge begins or ends at a node that is not there");
    if (!plim__json_texts_get(&reader->edge_types, edge->type, &kind))
        return jsc_fault(reader, "an edge has a type that is not there");
    if (jsc_is(kind, "Index")) {
        if (edge->data >= PLIM_NONE)
            return jsc_fault(reader, "an edge has an index of more than 32 bits");
        (void)plim_graph_builder_element(builder, from, PLIM_EDGE_ELEMENT, (uint32_t)edge->data,
                                         to);
        return true;
    }
    plim_edge_type type = PLIM_EDGE_INTERNAL;
    name = PLIM__TEXT("");
    bool is_variable = jsc_is(kind, "Variable");
    if (is_variable || jsc_is(kind, "Property")) {
        type = is_variable ? PLIM_EDGE_CONTEXT : PLIM_EDGE_PROPERTY;
        if (!plim__json_texts_get(&reader->edge_names, edge->data, &name))
            return jsc_fault(reader, "an edge has a name that is not there");
    }
    (void)plim_graph_builder_edge(builder, from, type, name, to);
    return true;
}

static bool jsc_root_build(jsc_reader *reader, plim_graph_builder *builder, const jsc_root *root)
{
    uint32_t to = jsc_ordinal(reader, root->node);
    plim_text reason;
    if (to == PLIM_NONE || !plim__json_texts_get(&reader->labels, root->reason, &reason))
        return jsc_fault(reader, "a root is a node, or has a reason, that is not there");
    (void)plim_graph_builder_edge(builder, 0, PLIM_EDGE_INTERNAL, reason, to);
    return true;
}

static bool jsc_build(jsc_reader *reader, plim_graph_builder *builder)
{
    plim_error *err = reader->json.pull.err;
    plim_status status = plim__ids_map(&reader->map, reader->ids.data, reader->ids.count, err);
    if (status != PLIM_OK) {
        reader->json.pull.status = status;
        return false;
    }
    reader->root = plim__id_map_find(&reader->map, 0);
    if (reader->root == PLIM_NONE)
        return jsc_fault(reader, "no node is the root: none has the id 0");
    if (!jsc_node_build(reader, builder, reader->root))
        return false;
    for (uint32_t row = 0; row < reader->nodes.count; row++)
        if (row != reader->root && !jsc_node_build(reader, builder, row))
            return false;
    const jsc_edge *edges = reader->edges.data;
    for (uint32_t row = 0; row < reader->edges.count; row++)
        if (!jsc_edge_build(reader, builder, &edges[row]))
            return false;
    const jsc_root *roots = reader->roots.data;
    for (uint32_t row = 0; row < reader->roots.count; row++)
        if (!jsc_root_build(reader, builder, &roots[row]))
            return false;
    return true;
}

static void jsc_fini(jsc_reader *reader)
{
    plim__id_map_fini(&reader->map);
    plim__rows_fini(&reader->ids);
    plim__rows_fini(&reader->nodes);
    plim__rows_fini(&reader->edges);
    plim__rows_fini(&reader->roots);
    plim__json_texts_fini(&reader->classes);
    plim__json_texts_fini(&reader->edge_types);
    plim__json_texts_fini(&reader->edge_names);
    plim__json_texts_fini(&reader->labels);
    plim__json_fini(&reader->json);
}

plim_status plim_graph_read_jsc(plim_source source, const plim_read_options *options,
                                plim_graph **out_graph, plim_error *err)
{
    PLIM_CHECK(out_graph != NULL);
    static const plim_read_options defaults = {.struct_bytes = sizeof defaults};
    options = options != NULL ? options : &defaults;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    jsc_reader reader = {.allocator = allocator,
                         .ids = {.allocator = allocator, .row_bytes = sizeof(uint64_t)},
                         .nodes = {.allocator = allocator, .row_bytes = sizeof(jsc_node)},
                         .edges = {.allocator = allocator, .row_bytes = sizeof(jsc_edge)},
                         .roots = {.allocator = allocator, .row_bytes = sizeof(jsc_root)},
                         .map = {.allocator = allocator},
                         .node_fields = JSC_NODE_FIELDS};
    plim_graph_builder *builder = NULL;
    plim_status status = PLIM_OK;
    if (!plim__json_init(&reader.json, source, options->progress, allocator, err))
        status = plim__no_memory(err, "a snapshot");
    if (status == PLIM_OK)
        status = plim_graph_builder_create(options->allocator, &builder, err);
    if (status == PLIM_OK && jsc_read(&reader) && jsc_build(&reader, builder)) {
        jsc_fini(&reader); /* before the graph is put together: both at once would be the peak */
        status = plim_graph_builder_finish(&builder, out_graph, err);
    } else if (status == PLIM_OK) {
        status = reader.json.pull.status;
    }
    plim_graph_builder_destroy(&builder);
    jsc_fini(&reader);
    return status;
}
