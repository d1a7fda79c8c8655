/* SPDX-License-Identifier: MIT */
#include "bridge/shapes.h"

#include <string.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "base/text.h"
#include "bridge/clean_text.h"

enum { SHAPES_COVER_MAX = 8, SHAPES_FIRST_FIELDS = 64, SHAPES_FIRST_ROWS = 64 };

static bool shapes_shows(const plim__shapes *shapes, const plim_field *field)
{
    if (field->kind == PLIM_FIELD_TEXT)
        return !shapes->without_texts && field->size_bytes > 0;
    return field->kind == PLIM_FIELD_REF || field->kind == PLIM_FIELD_WEAK;
}

static uint32_t shapes_name(char out[PLIM__SHAPE_NAME_BYTES], const char *name)
{
    return (uint32_t)plim__clean_text(out, PLIM__SHAPE_NAME_BYTES, name,
                                      plim__text_length(name, PLIM__SHAPE_NAME_BYTES - 1));
}

static bool shapes_field_room(plim__shapes *shapes, plim_error *err)
{
    if (shapes->field_count < shapes->field_capacity)
        return true;
    if (shapes->field_count >= PLIM_REGION_FIELDS_MAX) {
        (void)plim_error_set(err, PLIM_ERR_DAMAGED, "its types have more fields than a region can");
        return false;
    }
    uint32_t wanted =
        shapes->field_capacity == 0 ? SHAPES_FIRST_FIELDS : shapes->field_capacity * 2;
    void *grown = plim__array_resize(shapes->allocator, shapes->fields, shapes->field_capacity,
                                     wanted, sizeof *shapes->fields);
    if (grown == NULL) {
        (void)plim__no_memory(err, "types");
        return false;
    }
    shapes->fields = grown;
    shapes->field_capacity = wanted;
    return true;
}

static bool shapes_read(plim__shapes *shapes, uint16_t type, plim__shape *shape, plim_error *err)
{
    plim_region_type_info info;
    plim_field field;
    *shape = (plim__shape){.first_field = shapes->field_count};
    if (!plim_region_view_type(shapes->view, type, &info)) {
        shape->name_bytes = shapes_name(shape->name, "(no type)");
        return true;
    }
    shape->name_bytes = shapes_name(shape->name, info.name);
    shape->is_owner = strncmp(info.name, "block:", 6) == 0 || strcmp(info.name, "plim.stack") == 0;
    uint64_t cover = 0;
    uint64_t cover_max = (uint64_t)info.size_bytes * SHAPES_COVER_MAX;
    for (uint32_t i = 0; i < info.field_count && cover <= cover_max; i++) {
        if (!plim_region_view_field(shapes->view, type, i, &field) || !shapes_shows(shapes, &field))
            continue;
        cover += (uint64_t)field.size_bytes * field.count;
        if (cover > cover_max)
            break;
        if (!shapes_field_room(shapes, err))
            return false;
        plim__shape_field *row = &shapes->fields[shapes->field_count++];
        *row = (plim__shape_field){.kind = field.kind,
                                   .offset_bytes = field.offset_bytes,
                                   .size_bytes = field.size_bytes,
                                   .count = field.count};
        row->name_bytes = shapes_name(row->name, field.name);
        shape->field_count++;
    }
    return true;
}

/* Room for a row of that type; rows are apart, so that they stay where they are. */
static bool shapes_row_room(plim__shapes *shapes, uint16_t type)
{
    uint32_t wanted = shapes->row_count == 0 ? SHAPES_FIRST_ROWS : shapes->row_count;
    while (wanted <= type)
        wanted *= 2;
    if (wanted == shapes->row_count)
        return true;
    plim__shape **grown = plim__array_resize(shapes->allocator, shapes->rows, shapes->row_count,
                                             wanted, sizeof *shapes->rows);
    if (grown == NULL)
        return false;
    memset(grown + shapes->row_count, 0, (wanted - shapes->row_count) * sizeof *grown);
    shapes->rows = grown;
    shapes->row_count = wanted;
    return true;
}

const plim__shape *plim__shapes_of(plim__shapes *shapes, uint16_t type, plim_error *err)
{
    if (type < shapes->row_count && shapes->rows[type] != NULL)
        return shapes->rows[type];
    plim__shape *shape =
        shapes_row_room(shapes, type) ? plim__array_new(shapes->allocator, 1, sizeof *shape) : NULL;
    if (shape == NULL) {
        (void)plim__no_memory(err, "types");
        return NULL;
    }
    if (!shapes_read(shapes, type, shape, err)) {
        plim__array_free(shapes->allocator, shape, 1, sizeof *shape);
        return NULL;
    }
    shapes->rows[type] = shape;
    return shape;
}

void plim__shapes_fini(plim__shapes *shapes)
{
    for (uint32_t i = 0; i < shapes->row_count; i++)
        plim__array_free(shapes->allocator, shapes->rows[i], 1, sizeof **shapes->rows);
    plim__array_free(shapes->allocator, shapes->rows, shapes->row_count, sizeof *shapes->rows);
    plim__array_free(shapes->allocator, shapes->fields, shapes->field_capacity,
                     sizeof *shapes->fields);
    shapes->rows = NULL;
    shapes->fields = NULL;
    shapes->row_count = shapes->field_count = shapes->field_capacity = 0;
}
