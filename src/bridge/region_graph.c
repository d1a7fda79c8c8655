/* SPDX-License-Identifier: MIT */
/*
 * A region as a graph. One walk over the slots gives nodes, and what edges will be made of: a
 * reference can only be followed when all objects are known, for the object it names may come
 * later, or have ended while we walked. Memory follows the live objects, not what the head claims.
 *
 * Invariants: G1 rows are in the order of their slots. G2 no two nodes have one id: objects have
 * births, all else ids of the synthetic range that `taken` holds. G3 what is copied in all is at
 * most COPY_MAX times the data: in a region no two values overlap, and a walk sees each slot once.
 */
#include <plimsoll/bridge.h>
#include <plimsoll/build.h>

#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/id_map.h"
#include "base/text.h"
#include "bridge/clean_text.h"
#include "bridge/shapes.h"

enum {
    GRAPH_FIRST_ROWS = 1024,
    GRAPH_STEP = 1 << 11,   /* slots between two calls of progress */
    GRAPH_TEXT_BYTES = 256, /* of a text in a field: enough to know it by */
    GRAPH_COPY_MAX = 8,     /* G3: a writer may move values while we walk */
    GRAPH_DIRECT_OWNERS = 1 << 27,
    GRAPH_SPREAD = 16 /* a table of all indexes up to so many per object, else a search */
};

static const uint64_t graph_id_first = PLIM_REGION_ID_SYNTHETIC;
static const uint64_t graph_id_hashed = PLIM_REGION_ID_SYNTHETIC + UINT64_C(0x08000000);
static const uint64_t graph_id_last = UINT32_MAX - 1;

typedef struct graph_row {
    uint32_t index, generation;
    uint32_t parent_index, parent_generation;
    uint32_t owner;
    uint32_t number; /* the birth, as far as an element's number can hold it */
    uint32_t node;
    bool is_owner; /* a block: what has its number as owner hangs on it */
} graph_row;

/* A reference that was seen in a value. */
typedef struct graph_link {
    plim_ref to;
    uint32_t from; /* node */
    uint32_t field, element;
} graph_link;

typedef struct graph_work {
    const plim_allocator *allocator;
    plim_region_view *view;
    plim_progress progress;
    plim__shapes shapes;
    plim_graph_builder *builder;
    graph_row *rows;
    uint32_t row_count, row_capacity;
    graph_link *links;
    uint32_t link_count, link_capacity;
    plim__id_map owners, taken;
    plim__id_map sites;       /* number of a text: its node */
    plim__id_map owner_names; /* to offsets in `names`: they end with NUL */
    char *names;
    uint32_t names_used, names_capacity;
    uint32_t *nodes; /* by index; PLIM_NONE: not live. NULL: too wide, rows are searched */
    uint32_t node_span;
    uint64_t copied_bytes, copied_max;
    uint32_t top_node;   /* "(GC roots)" */
    uint32_t sites_node; /* what holds the sites; PLIM_NONE: there are none yet */
} graph_work;

uint64_t plim_region_node_id(uint64_t birth)
{
    return birth < PLIM_REGION_ID_SYNTHETIC
               ? birth
               : birth + (UINT64_C(1) << 32) - PLIM_REGION_ID_SYNTHETIC;
}

uint64_t plim_region_node_birth(uint64_t id)
{
    if (id <= UINT32_MAX)
        return id < PLIM_REGION_ID_SYNTHETIC ? id : 0;
    return id - (UINT64_C(1) << 32) + PLIM_REGION_ID_SYNTHETIC;
}

/* One row more; false if memory was refused. */
static bool graph_room(const plim_allocator *allocator, void **rows, uint32_t count,
                       uint32_t *capacity, size_t row_bytes)
{
    if (count < *capacity)
        return true;
    if (*capacity > UINT32_MAX / 4)
        return false;
    uint32_t wanted = *capacity == 0 ? GRAPH_FIRST_ROWS : *capacity * 2;
    void *grown = plim__array_resize(allocator, *rows, *capacity, wanted, row_bytes);
    if (grown == NULL)
        return false;
    *rows = grown;
    *capacity = wanted;
    return true;
}

static plim_text graph_text(const char *text)
{
    return (plim_text){text, strlen(text)};
}

/* --- nodes --------------------------------------------------------------------------------- */

/* G2: an id that depends on the seed alone, but for collisions; 0 if memory was refused. */
static uint64_t graph_hashed_id(graph_work *work, uint64_t seed)
{
    uint64_t span = graph_id_last - graph_id_hashed;
    uint64_t id = graph_id_hashed + plim__id_hash(seed) % span;
    while (plim__id_map_find(&work->taken, id) != UINT32_MAX)
        id = id + 1 < graph_id_last ? id + 1 : graph_id_hashed;
    if (work->taken.count >= span / 2 || !plim__id_map_add(&work->taken, id, 0))
        return 0;
    return id;
}

static plim_status graph_add_text(graph_work *work, const plim_region_object *object, uint32_t node,
                                  const plim__shape_field *field, uint32_t element,
                                  const char *bytes, plim_error *err)
{
    char text[GRAPH_TEXT_BYTES];
    size_t size_bytes = plim__clean_text(text, sizeof text, bytes, field->size_bytes);
    uint64_t place = (uint64_t)field->offset_bytes + (uint64_t)element * field->size_bytes;
    if (size_bytes == 0)
        return PLIM_OK;
    uint64_t id = graph_hashed_id(work, object->birth << 24 ^ place);
    if (id == 0)
        return plim__no_memory(err, "a graph");
    uint32_t string = plim_graph_builder_node(work->builder, PLIM_NODE_STRING,
                                              (plim_text){text, size_bytes}, id, 0);
    if (string != PLIM_NONE)
        (void)plim_graph_builder_edge(work->builder, node, PLIM_EDGE_PROPERTY,
                                      (plim_text){field->name, field->name_bytes}, string);
    return PLIM_OK; /* a refusal is the builder's to tell */
}

static plim_status graph_add_link(graph_work *work, uint32_t node, uint32_t field, uint32_t element,
                                  const void *bytes, plim_error *err)
{
    plim_ref to;
    memcpy(&to, bytes, sizeof to);
    if (to.generation == 0)
        return PLIM_OK;
    void *rows = work->links;
    if (!graph_room(work->allocator, &rows, work->link_count, &work->link_capacity,
                    sizeof *work->links))
        return plim__no_memory(err, "a graph");
    work->links = rows;
    work->links[work->link_count++] = (graph_link){to, node, field, element};
    return PLIM_OK;
}

/* The node of a site; PLIM_NONE if memory was refused. */
static uint32_t graph_site_node(graph_work *work, uint32_t site, const char *text)
{
    char name[PLIM__SHAPE_NAME_BYTES];
    uint64_t seed = (uint64_t)site << 32 | graph_id_first;
    uint32_t node = plim__id_map_find(&work->sites, site);
    if (node != UINT32_MAX)
        return node;
    if (work->sites_node == PLIM_NONE) {
        uint64_t id = graph_hashed_id(work, graph_id_first);
        if (id != 0)
            work->sites_node = plim_graph_builder_node(work->builder, PLIM_NODE_SYNTHETIC,
                                                       graph_text("(sites)"), id, 0);
        if (work->sites_node == PLIM_NONE ||
            !plim_graph_builder_edge(work->builder, work->top_node, PLIM_EDGE_INTERNAL,
                                     graph_text("sites"), work->sites_node))
            return PLIM_NONE;
    }
    size_t size_bytes =
        plim__clean_text(name, sizeof name, text, plim__text_length(text, sizeof name));
    uint64_t id = graph_hashed_id(work, seed);
    if (id == 0)
        return PLIM_NONE;
    node = plim_graph_builder_node(work->builder, PLIM_NODE_SYNTHETIC,
                                   (plim_text){name, size_bytes}, id, 0);
    if (node == PLIM_NONE || !plim__id_map_add(&work->sites, site, node) ||
        !plim_graph_builder_element(work->builder, work->sites_node, PLIM_EDGE_ELEMENT, site, node))
        return PLIM_NONE;
    return node;
}

/* Where it was made: weakly, for that holds nothing. */
static plim_status graph_add_site(graph_work *work, uint32_t node, uint32_t site, plim_error *err)
{
    const char *text = site != 0 ? plim_region_view_text(work->view, site) : NULL;
    if (text == NULL || text[0] == '\0')
        return PLIM_OK;
    uint32_t to = graph_site_node(work, site, text);
    if (to == PLIM_NONE || !plim_graph_builder_edge(work->builder, node, PLIM_EDGE_WEAK,
                                                    graph_text(PLIM_EDGE_MADE_AT), to))
        return plim__no_memory(err, "a graph");
    return PLIM_OK;
}

/* What the fields of an object lead to. */
static plim_status graph_add_fields(graph_work *work, const plim_region_object *object,
                                    const plim__shape *shape, uint32_t node,
                                    const unsigned char *value, plim_error *err)
{
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        uint32_t number = shape->first_field + i;
        const plim__shape_field *field = &work->shapes.fields[number];
        const unsigned char *at = value + field->offset_bytes;
        for (uint32_t k = 0; k < field->count && status == PLIM_OK; k++, at += field->size_bytes) {
            if (field->kind == PLIM_FIELD_TEXT)
                status = graph_add_text(work, object, node, field, k, (const char *)at, err);
            else
                status = graph_add_link(work, node, number, k, at, err);
        }
    }
    return status;
}

static plim_status graph_add_object(graph_work *work, const plim_region_object *object,
                                    const unsigned char *value, plim_error *err)
{
    const plim__shape *shape = plim__shapes_of(&work->shapes, object->type, err);
    void *rows = work->rows;
    work->copied_bytes += object->size_bytes;
    if (shape == NULL)
        return err != NULL && err->status != PLIM_OK ? err->status : PLIM_ERR_NO_MEMORY;
    if (work->copied_bytes > work->copied_max)
        return plim_error_set(err, PLIM_ERR_DAMAGED, "its values overlap");
    if (!graph_room(work->allocator, &rows, work->row_count, &work->row_capacity,
                    sizeof *work->rows))
        return plim__no_memory(err, "a graph");
    work->rows = rows;
    uint32_t node = plim_graph_builder_node(work->builder, PLIM_NODE_OBJECT,
                                            (plim_text){shape->name, shape->name_bytes},
                                            plim_region_node_id(object->birth), object->held_bytes);
    if (node == PLIM_NONE)
        return plim__no_memory(err, "a graph");
    bool is_owner = shape->is_owner && object->birth == object->owner;
    if (is_owner && plim__id_map_find(&work->owners, object->owner) == UINT32_MAX &&
        !plim__id_map_add(&work->owners, object->owner, node))
        return plim__no_memory(err, "a graph");
    work->rows[work->row_count++] = (graph_row){.index = object->ref.index,
                                                .generation = object->ref.generation,
                                                .parent_index = object->parent.index,
                                                .parent_generation = object->parent.generation,
                                                .owner = object->owner,
                                                .number = (uint32_t)object->birth,
                                                .node = node,
                                                .is_owner = is_owner};
    plim_status status = graph_add_fields(work, object, shape, node, value, err);
    return status == PLIM_OK ? graph_add_site(work, node, object->site, err) : status;
}

static plim_status graph_walk(graph_work *work, const plim_region_info *info, plim_error *err)
{
    plim_region_object object;
    const void *value;
    uint32_t index = 0;
    uint32_t told = 0;
    plim_status status = PLIM_OK;
    while (status == PLIM_OK && plim_region_view_next(work->view, &index, &object, &value)) {
        if (index - told >= GRAPH_STEP) {
            told = index;
            if (work->progress.step != NULL &&
                !work->progress.step(work->progress.ctx, "objects", work->row_count,
                                     info->object_count))
                return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request");
        }
        status = graph_add_object(work, &object, value, err);
    }
    return status;
}

/* --- edges --------------------------------------------------------------------------------- */

static plim_status graph_index_nodes(graph_work *work, plim_error *err)
{
    uint32_t span = work->row_count > 0 ? work->rows[work->row_count - 1].index + 1 : 0;
    if (span == 0 || span / GRAPH_SPREAD > work->row_count + GRAPH_FIRST_ROWS)
        return PLIM_OK;
    work->nodes = plim__array_new(work->allocator, span, sizeof *work->nodes);
    if (work->nodes == NULL)
        return plim__no_memory(err, "a graph");
    work->node_span = span;
    memset(work->nodes, 0xff, span * sizeof *work->nodes);
    for (uint32_t i = 0; i < work->row_count; i++)
        work->nodes[work->rows[i].index] = i;
    return PLIM_OK;
}

/* The row of a reference, NULL if what it names is not live (any more). */
static const graph_row *graph_find(const graph_work *work, plim_ref ref)
{
    uint32_t low = 0;
    uint32_t high = work->row_count;
    if (work->nodes != NULL) {
        low = ref.index < work->node_span ? work->nodes[ref.index] : PLIM_NONE;
    } else {
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (work->rows[middle].index < ref.index)
                low = middle + 1;
            else
                high = middle;
        }
    }
    if (low >= work->row_count || work->rows[low].index != ref.index ||
        work->rows[low].generation != ref.generation)
        return NULL;
    return &work->rows[low];
}

/* Names of owners, once: asking the view for each would be a pass over all of them each time. */
static plim_status graph_read_names(graph_work *work, plim_error *err)
{
    uint32_t index = 0;
    uint32_t number;
    plim_name_kind kind;
    const char *name;
    while (plim_region_view_next_name(work->view, &index, &kind, &number, &name)) {
        if (kind != PLIM_NAME_OWNER || plim__id_map_find(&work->owner_names, number) != UINT32_MAX)
            continue;
        void *rows = work->names;
        while (work->names_capacity - work->names_used < PLIM__SHAPE_NAME_BYTES) {
            if (!graph_room(work->allocator, &rows, work->names_capacity, &work->names_capacity, 1))
                return plim__no_memory(err, "names");
            work->names = rows;
        }
        char *at = work->names + work->names_used;
        size_t length = plim__clean_text(at, PLIM__SHAPE_NAME_BYTES - 1, name,
                                         plim__text_length(name, PLIM__SHAPE_NAME_BYTES - 1));
        at[length] = '\0';
        if (!plim__id_map_add(&work->owner_names, number, work->names_used))
            return plim__no_memory(err, "names");
        work->names_used += (uint32_t)length + 1;
    }
    return PLIM_OK;
}

/* "7", or "session loop 7" if it has that name: two owners of one name stay apart. */
static plim_text graph_owner_name(const graph_work *work, uint32_t owner,
                                  char out[PLIM__SHAPE_NAME_BYTES + 32])
{
    uint32_t named = plim__id_map_find(&work->owner_names, owner);
    if (named != UINT32_MAX)
        (void)snprintf(out, PLIM__SHAPE_NAME_BYTES + 32, "%s (owner %u)", work->names + named,
                       owner);
    else if (owner != 0)
        (void)snprintf(out, PLIM__SHAPE_NAME_BYTES + 32, "owner %u", owner);
    else
        (void)snprintf(out, PLIM__SHAPE_NAME_BYTES + 32, "(no owner)");
    return graph_text(out);
}

static plim_status graph_owner_node(graph_work *work, uint32_t owner, uint32_t *out_node,
                                    plim_error *err)
{
    char name[PLIM__SHAPE_NAME_BYTES + 32];
    *out_node = plim__id_map_find(&work->owners, owner);
    if (*out_node != UINT32_MAX)
        return PLIM_OK;
    uint64_t id = owner < GRAPH_DIRECT_OWNERS ? graph_id_first + 2 + owner
                                              : graph_hashed_id(work, ~(uint64_t)owner);
    uint32_t node = id == 0 ? PLIM_NONE
                            : plim_graph_builder_node(work->builder, PLIM_NODE_SYNTHETIC,
                                                      graph_owner_name(work, owner, name), id, 0);
    if (node == PLIM_NONE || !plim__id_map_add(&work->owners, owner, node) ||
        !plim_graph_builder_element(work->builder, work->top_node, PLIM_EDGE_ELEMENT, owner, node))
        return plim__no_memory(err, "a graph");
    *out_node = node;
    return PLIM_OK;
}

/* From its parent, or else from its owner. */
static plim_status graph_hold(graph_work *work, const graph_row *row, plim_error *err)
{
    uint32_t holder;
    const graph_row *parent =
        row->parent_generation == 0
            ? NULL
            : graph_find(work, (plim_ref){row->parent_index, row->parent_generation});
    if (row->is_owner) {
        holder = work->top_node;
    } else if (parent != NULL) {
        holder = parent->node;
    } else {
        plim_status status = graph_owner_node(work, row->owner, &holder, err);
        if (status != PLIM_OK)
            return status;
    }
    (void)plim_graph_builder_element(work->builder, holder, PLIM_EDGE_ELEMENT, row->number,
                                     row->node);
    return PLIM_OK;
}

static void graph_add_reference(graph_work *work, const graph_link *link)
{
    const graph_row *to = graph_find(work, link->to);
    const plim__shape_field *field = &work->shapes.fields[link->field];
    char name[PLIM__SHAPE_NAME_BYTES + 16];
    plim_text text = {field->name, field->name_bytes};
    if (to == NULL)
        return;
    if (field->count > 1) {
        memcpy(name, field->name, field->name_bytes);
        int length = snprintf(name + field->name_bytes, 16, "[%u]", link->element);
        text = (plim_text){name, field->name_bytes + (size_t)length};
    }
    plim_edge_type type = field->kind == PLIM_FIELD_WEAK ? PLIM_EDGE_WEAK : PLIM_EDGE_PROPERTY;
    (void)plim_graph_builder_edge(work->builder, link->from, type, text, to->node);
}

static plim_status graph_make(graph_work *work, plim_error *err)
{
    plim_region_info info;
    plim_region_view_info(work->view, &info);
    work->copied_max = info.data_bytes * GRAPH_COPY_MAX;
    plim_status status = plim_graph_builder_create(work->allocator, &work->builder, err);
    if (status != PLIM_OK)
        return status;
    uint32_t root = plim_graph_builder_node(work->builder, PLIM_NODE_SYNTHETIC, graph_text(""),
                                            graph_id_first, 0);
    work->top_node = plim_graph_builder_node(work->builder, PLIM_NODE_SYNTHETIC,
                                             graph_text("(GC roots)"), graph_id_first + 1, 0);
    if (root == PLIM_NONE || work->top_node == PLIM_NONE)
        return plim__no_memory(err, "a graph");
    (void)plim_graph_builder_element(work->builder, root, PLIM_EDGE_ELEMENT, 1, work->top_node);
    status = graph_read_names(work, err);
    if (status == PLIM_OK)
        status = graph_walk(work, &info, err);
    if (status == PLIM_OK)
        status = graph_index_nodes(work, err);
    for (uint32_t i = 0; status == PLIM_OK && i < work->row_count; i++)
        status = graph_hold(work, &work->rows[i], err);
    for (uint32_t i = 0; status == PLIM_OK && i < work->link_count; i++)
        graph_add_reference(work, &work->links[i]);
    return status;
}

/* All but the builder. */
static void graph_work_fini(graph_work *work)
{
    plim__shapes_fini(&work->shapes);
    plim__id_map_fini(&work->owners);
    plim__id_map_fini(&work->taken);
    plim__id_map_fini(&work->sites);
    plim__id_map_fini(&work->owner_names);
    plim__array_free(work->allocator, work->names, work->names_capacity, 1);
    plim__array_free(work->allocator, work->rows, work->row_capacity, sizeof *work->rows);
    plim__array_free(work->allocator, work->links, work->link_capacity, sizeof *work->links);
    plim__array_free(work->allocator, work->nodes, work->node_span, sizeof *work->nodes);
}

plim_status plim_graph_from_region(plim_region_view *view, const plim_region_graph_options *options,
                                   plim_graph **out_graph, plim_error *err)
{
    static const plim_region_graph_options defaults = {0};
    PLIM_CHECK(view != NULL && out_graph != NULL);
    if (options == NULL)
        options = &defaults;
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    graph_work work = {
        .allocator = allocator,
        .view = view,
        .progress = options->progress,
        .shapes = {.allocator = allocator, .view = view, .without_texts = options->without_texts},
        .owners = {.allocator = allocator},
        .taken = {.allocator = allocator},
        .sites = {.allocator = allocator},
        .sites_node = PLIM_NONE,
        .owner_names = {.allocator = allocator}};
    plim_error own = {0};
    plim_status status = graph_make(&work, err != NULL ? err : &own);
    graph_work_fini(&work); /* before the columns are made: they are as much again */
    if (status == PLIM_OK)
        return plim_graph_builder_finish(&work.builder, out_graph, err);
    plim_graph_builder_destroy(&work.builder);
    return status;
}
