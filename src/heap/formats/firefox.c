/* SPDX-License-Identifier: MIT */
/*
 * Firefox snapshots into the graph: messages (firefox_decode.c), names (firefox_names.c), and here
 * what each node and edge is in the words that the graph has.
 */
#include "heap/formats/firefox.h"

#include <plimsoll/build.h>
#include <plimsoll/formats.h>

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "heap/formats/ids.h"

/* Ids of edges become ordinals, once. */
bool plim__firefox_resolve(plim__firefox *firefox)
{
    plim_status status =
        plim__ids_map(&firefox->map, firefox->ids.data, firefox->ids.count, firefox->pull.err);
    if (status != PLIM_OK) {
        firefox->pull.status = status;
        return false;
    }
    plim__firefox_edge *edges = firefox->edges.data;
    for (uint32_t i = 0; i < firefox->edges.count; i++) {
        uint64_t id = edges[i].to;
        edges[i].to = plim__id_map_find(&firefox->map, id);
        if (edges[i].to == PLIM_NONE) {
            (void)plim__pull_fail(&firefox->pull, PLIM_ERR_DAMAGED,
                                  "an edge leads to %" PRIu64 ", where no node is", id);
            return false;
        }
    }
    plim__id_map_fini(&firefox->map);
    return true;
}

/* Of an object: its constructor's name if that is known, and more than the engine's own word. */
static plim_text firefox_object_name(const plim__firefox *firefox, const plim__firefox_node *node,
                                     uint32_t name)
{
    plim_text class = plim__firefox_text(&firefox->narrow, node->class);
    bool is_plain = class.size_bytes == 0 || plim__text_equal(class, PLIM__TEXT("Object"));
    plim_text made_by = plim__firefox_text(&firefox->wide, name);
    return is_plain && made_by.size_bytes > 0 ? made_by : class;
}

static void firefox_node(const plim__firefox *firefox, plim_graph_builder *builder, uint32_t row,
                         uint32_t name_number)
{
    const plim__firefox_node *node = (const plim__firefox_node *)firefox->nodes.data + row;
    plim_text type = plim__firefox_text(&firefox->wide, node->type), name = type;
    plim_node_type kind = PLIM_NODE_HIDDEN;
    switch (node->coarse) {
    case PLIM__FIREFOX_OBJECT:
        kind = PLIM_NODE_OBJECT;
        name = firefox_object_name(firefox, node, name_number);
        if (plim__text_equal(plim__firefox_text(&firefox->narrow, node->class),
                             PLIM__TEXT("Function"))) {
            kind = PLIM_NODE_CLOSURE;
            name = plim__firefox_text(&firefox->wide, name_number);
        }
        break;
    case PLIM__FIREFOX_SCRIPT:
        kind = PLIM_NODE_CODE;
        if (node->script != PLIM_NONE)
            name = plim__firefox_text(&firefox->narrow, node->script);
        break;
    case PLIM__FIREFOX_STRING:
        kind = PLIM_NODE_STRING;
        break;
    case PLIM__FIREFOX_DOM:
        kind = PLIM_NODE_NATIVE;
        if (node->described != PLIM_NONE)
            name = plim__firefox_text(&firefox->wide, node->described);
        break;
    default:
        if (plim__text_equal(type, PLIM__TEXT("js::Shape")) ||
            plim__text_equal(type, PLIM__TEXT("js::BaseShape")) ||
            plim__text_equal(type, PLIM__TEXT("js::PropMap")))
            kind = PLIM_NODE_OBJECT_SHAPE;
        break;
    }
    if (row == 0) { /* the list of roots */
        kind = PLIM_NODE_SYNTHETIC;
        name = PLIM__TEXT("");
    }
    (void)plim_graph_builder_node(builder, kind, name, ((const uint64_t *)firefox->ids.data)[row],
                                  node->size);
}

/* "objectElements[12]": the index; PLIM_NONE where it is something else. */
static uint32_t firefox_index(plim_text name)
{
    static const char prefix[] = "objectElements[";
    size_t at = sizeof prefix - 1;
    if (!plim__text_starts(name, prefix, at) || name.data[name.size_bytes - 1] != ']')
        return PLIM_NONE;
    uint64_t index = 0;
    for (; at + 1 < name.size_bytes; at++) {
        if (name.data[at] < '0' || name.data[at] > '9' || index >= PLIM_NONE / 10)
            return PLIM_NONE;
        index = index * 10 + (uint64_t)(name.data[at] - '0');
    }
    return (uint32_t)index;
}

/* What the engine's own edges are called: the program cannot reach along them by name. */
static bool firefox_is_internal(plim_text name)
{
    static const char *const own[] = {"shape",
                                      "base",
                                      "propertymap",
                                      "propmap_key",
                                      "propmap_parent",
                                      "propmap_previous",
                                      "baseshape_global",
                                      "baseshape_proto",
                                      "gettersetter_getter",
                                      "gettersetter_setter",
                                      "PropMapTable map"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (plim__text_equal(name, (plim_text){own[i], strlen(own[i])}))
            return true;
    return name.size_bytes > 1 && name.data[0] == '*' && name.data[1] == '*';
}

static void firefox_edge(const plim__firefox *firefox, plim_graph_builder *builder, uint32_t from,
                         const plim__firefox_edge *edge)
{
    plim_text name = plim__firefox_text(&firefox->wide, edge->name);
    uint32_t index = firefox_index(name), to = (uint32_t)edge->to;
    if (index != PLIM_NONE) {
        (void)plim_graph_builder_element(builder, from, PLIM_EDGE_ELEMENT, index, to);
        return;
    }
    bool is_weak = plim__text_starts(name, "cacheir-weak", strlen("cacheir-weak")) ||
                   plim__text_starts(name, "WeakMap", strlen("WeakMap"));
    plim_edge_type type = is_weak                                  ? PLIM_EDGE_WEAK
                          : from == 0 || firefox_is_internal(name) ? PLIM_EDGE_INTERNAL
                                                                   : PLIM_EDGE_PROPERTY;
    (void)plim_graph_builder_edge(builder, from, type, name, to);
}

bool plim__firefox_build(plim__firefox *firefox, plim_graph_builder *builder)
{
    uint32_t *names = plim__firefox_names(firefox);
    if (names == NULL) {
        (void)plim__pull_fail(&firefox->pull, PLIM_ERR_NO_MEMORY, "no memory for names");
        return false;
    }
    uint32_t count = firefox->nodes.count;
    for (uint32_t node = 0; node < count; node++)
        firefox_node(firefox, builder, node, names[node]);
    plim__array_free(firefox->allocator, names, count, sizeof *names);
    const plim__firefox_node *nodes = firefox->nodes.data;
    const plim__firefox_edge *edges = firefox->edges.data;
    for (uint32_t node = 0; node < count; node++) {
        uint32_t end = plim__firefox_edges_end(firefox, node);
        for (uint32_t i = nodes[node].first_edge; i < end; i++)
            firefox_edge(firefox, builder, node, &edges[i]);
    }
    return true;
}

bool plim__firefox_init(plim__firefox *firefox, plim_source source, plim_progress progress,
                        const plim_allocator *allocator, plim_error *err)
{
    *firefox = (plim__firefox){
        .allocator = allocator,
        .ids = {.allocator = allocator, .row_bytes = sizeof(uint64_t)},
        .nodes = {.allocator = allocator, .row_bytes = sizeof(plim__firefox_node)},
        .edges = {.allocator = allocator, .row_bytes = sizeof(plim__firefox_edge)},
        .wide = {.allocator = allocator, .row_bytes = sizeof(plim_text)},
        .narrow = {.allocator = allocator, .row_bytes = sizeof(plim_text)},
        .map = {.allocator = allocator},
        .arena = {.allocator = allocator},
        .frames = {.allocator = allocator, .row_bytes = sizeof(plim__firefox_frame)},
        .stacks = {.allocator = allocator, .row_bytes = sizeof(uint32_t)},
        .chain = {.allocator = allocator, .row_bytes = sizeof(plim__firefox_raw)},
        .frame_rows = {.allocator = allocator}};
    return plim__pull_init(&firefox->pull, source, progress, allocator, err);
}

plim_status plim_graph_read_firefox(plim_source source, const plim_read_options *options,
                                    plim_graph **out_graph, plim_error *err)
{
    PLIM_CHECK(out_graph != NULL);
    static const plim_read_options defaults = {.struct_bytes = sizeof defaults};
    options = options != NULL ? options : &defaults;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim__firefox firefox;
    plim_graph_builder *builder = NULL;
    plim_status status = PLIM_OK;
    if (!plim__firefox_init(&firefox, source, options->progress, allocator, err))
        status = plim__no_memory(err, "a snapshot");
    if (status == PLIM_OK)
        status = plim_graph_builder_create(options->allocator, &builder, err);
    if (status == PLIM_OK && plim__firefox_decode(&firefox) && plim__firefox_resolve(&firefox) &&
        plim__firefox_build(&firefox, builder)) {
        plim_graph_builder_ids_are_addresses(builder);
        plim__firefox_fini(&firefox); /* before the graph is put together */
        status = plim_graph_builder_finish(&builder, out_graph, err);
    } else if (status == PLIM_OK) {
        status = firefox.pull.status;
    }
    plim_graph_builder_destroy(&builder);
    plim__firefox_fini(&firefox);
    return status;
}
