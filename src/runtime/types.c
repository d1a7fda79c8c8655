/* SPDX-License-Identifier: MIT */
/*
 * Types by name. Rows, fields and text are only ever added, and exist from the moment the count
 * covers them: text first, then fields, then the row, then the count of each.
 */
#include <plimsoll/region.h>

#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "runtime/region.h"

static bool type_size_is_good(const plim_field *field)
{
    uint32_t size = field->size_bytes;
    switch (field->kind) {
    case PLIM_FIELD_INT:
    case PLIM_FIELD_UINT:
        return size == 1 || size == 2 || size == 4 || size == 8;
    case PLIM_FIELD_FLOAT:
        return size == 4 || size == 8;
    case PLIM_FIELD_BOOL:
        return size == 1;
    case PLIM_FIELD_REF:
        return size == sizeof(plim_ref);
    case PLIM_FIELD_BYTES:
    case PLIM_FIELD_TEXT:
        return size > 0;
    }
    return false;
}

static uint32_t type_count_of(const plim_field *field)
{
    return field->count != 0 ? field->count : 1;
}

static plim_status type_check(const plim_region *region, const char *name, uint32_t size_bytes,
                              const plim_field *fields, uint32_t field_count, plim_error *err)
{
    size_t length = name == NULL ? 0 : plim__text_length(name, PLIM__REGION_NAME_MAX + 1);
    if (length == 0 || length > PLIM__REGION_NAME_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "a type's name has 1 to %d bytes",
                              PLIM__REGION_NAME_MAX);
    if (size_bytes > region->head->value_max)
        return plim_error_set(err, PLIM_ERR_USAGE, "%s has %u bytes, the region takes %u", name,
                              size_bytes, region->head->value_max);
    for (uint32_t i = 0; i < field_count; i++) {
        const plim_field *field = &fields[i];
        length =
            field->name == NULL ? 0 : plim__text_length(field->name, PLIM__REGION_NAME_MAX + 1);
        if (length == 0 || length > PLIM__REGION_NAME_MAX || !type_size_is_good(field) ||
            field->offset_bytes > size_bytes ||
            (uint64_t)type_count_of(field) * field->size_bytes > size_bytes - field->offset_bytes)
            return plim_error_set(err, PLIM_ERR_USAGE,
                                  "field %u of %s: its name, size or place is not possible", i,
                                  name);
    }
    return PLIM_OK;
}

static bool type_is_same(const plim_region *region, const plim__type_row *row, uint32_t size_bytes,
                         const plim_field *fields, uint32_t field_count)
{
    if (row->size_bytes != size_bytes || row->field_count != field_count)
        return false;
    for (uint32_t i = 0; i < field_count; i++) {
        const plim__field_row *known = &region->fields[row->first_field + i];
        if (known->kind != (uint32_t)fields[i].kind ||
            known->offset_bytes != fields[i].offset_bytes ||
            known->size_bytes != fields[i].size_bytes ||
            known->count != type_count_of(&fields[i]) ||
            !plim__text_equal(region->text + known->name, fields[i].name))
            return false;
    }
    return true;
}

static uint32_t type_add_text(plim_region *region, const char *text)
{
    plim__region_head *head = region->head;
    uint32_t at = head->text_used;
    uint32_t bytes = (uint32_t)plim__text_length(text, PLIM__REGION_NAME_MAX) + 1;
    memcpy(region->text + at, text, bytes - 1);
    region->text[at + bytes - 1] = '\0';
    atomic_store_explicit(&head->text_used, at + bytes, memory_order_release);
    return at;
}

static uint64_t type_text_bytes(const char *name, const plim_field *fields, uint32_t field_count)
{
    uint64_t bytes = plim__text_length(name, PLIM__REGION_NAME_MAX) + 1;
    for (uint32_t i = 0; i < field_count; i++)
        bytes += plim__text_length(fields[i].name, PLIM__REGION_NAME_MAX) + 1;
    return bytes;
}

static void type_add(plim_region *region, const char *name, uint32_t size_bytes,
                     const plim_field *fields, uint32_t field_count)
{
    plim__region_head *head = region->head;
    plim__type_row row = {.size_bytes = size_bytes,
                          .first_field = head->field_count,
                          .field_count = field_count,
                          .name = type_add_text(region, name)};
    for (uint32_t i = 0; i < field_count; i++)
        region->fields[row.first_field + i] =
            (plim__field_row){.name = type_add_text(region, fields[i].name),
                              .kind = (uint32_t)fields[i].kind,
                              .offset_bytes = fields[i].offset_bytes,
                              .size_bytes = fields[i].size_bytes,
                              .count = type_count_of(&fields[i])};
    atomic_store_explicit(&head->field_count, row.first_field + field_count, memory_order_release);
    region->types[head->type_count] = row;
    atomic_store_explicit(&head->type_count, head->type_count + 1, memory_order_release);
}

plim_status plim_region_type(plim_region *region, const char *name, uint32_t size_bytes,
                             const plim_field *fields, uint32_t field_count, uint16_t *out_type,
                             plim_error *err)
{
    PLIM_CHECK_OBJ(region, PLIM__REGION_MAGIC);
    PLIM_CHECK(out_type != NULL && (fields != NULL || field_count == 0));
    plim__region_head *head = region->head;
    plim_status status = type_check(region, name, size_bytes, fields, field_count, err);
    if (status != PLIM_OK)
        return status;
    for (uint32_t i = 0; i < head->type_count; i++) {
        if (!plim__text_equal(region->text + region->types[i].name, name))
            continue;
        if (!type_is_same(region, &region->types[i], size_bytes, fields, field_count)) {
            status =
                plim_error_set(err, PLIM_ERR_EXISTS,
                               "%s has another layout in this region: %u bytes and %u fields", name,
                               region->types[i].size_bytes, region->types[i].field_count);
            plim_error_hint(err, "give the new layout another name, or start with a new region");
            return status;
        }
        *out_type = (uint16_t)(i + 1);
        return PLIM_OK;
    }
    if (head->type_count == head->type_max || field_count > head->field_max - head->field_count ||
        type_text_bytes(name, fields, field_count) > head->text_bytes - head->text_used)
        return plim_error_set(err, PLIM_ERR_LIMIT,
                              "no room for type %s: %u types, %u fields, %u bytes of names are in "
                              "use",
                              name, head->type_count, head->field_count, head->text_used);
    type_add(region, name, size_bytes, fields, field_count);
    *out_type = (uint16_t)head->type_count;
    return PLIM_OK;
}
