/* SPDX-License-Identifier: MIT */
/*
 * Types by name. Rows and fields are only ever added: text first, then fields, then the row, then
 * one word that holds their count and the hash of them all. A kill before it leaves fields that the
 * next type lies beside. The hash is one of names and layouts in their order: two programs whose
 * hashes are the same understand each other's values.
 */
#include <plimsoll/region.h>

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "runtime/commit/store.h"
#include "runtime/region/region.h"

static uint32_t type_count(const plim_region *region)
{
    return plim__types_count(region->head->types);
}

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
    case PLIM_FIELD_WEAK:
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
            !plim__strings_equal(region->text + known->name, fields[i].name))
            return false;
    }
    return true;
}

static uint32_t type_hash_bytes(uint32_t hash, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 16777619u;
    return hash;
}

static uint32_t type_hash_text(const plim_region *region, uint32_t hash, uint32_t text)
{
    return type_hash_bytes(hash, region->text + text, strlen(region->text + text) + 1);
}

/* The hash of types so far, and one more; numbers as they lie here (the head has their order). */
static uint32_t type_hash(const plim_region *region, uint32_t hash, const plim__type_row *row)
{
    hash = type_hash_text(region, hash ^ 2166136261u, row->name);
    hash = type_hash_bytes(hash, &row->size_bytes, sizeof row->size_bytes);
    for (uint32_t i = 0; i < row->field_count; i++) {
        const plim__field_row *field = &region->fields[row->first_field + i];
        hash = type_hash_text(region, hash, field->name);
        hash = type_hash_bytes(hash, &field->kind, 4 * sizeof field->kind);
    }
    return hash;
}

plim_status plim__types_check(plim_region *region, plim_error *err)
{
    const plim__region_head *head = region->head;
    uint32_t hash = 0;
    if (region->kinds == NULL)
        region->kinds = plim__array_new(region->allocator, head->type_max, sizeof *region->kinds);
    if (region->kinds == NULL)
        return plim__no_memory(err, "the types of a region");
    for (uint32_t i = 0; i < type_count(region); i++) {
        const plim__type_row *type = &region->types[i];
        bool fits = type->size_bytes <= head->value_max && type->name != 0 &&
                    type->name < head->text_used && type->first_field <= head->field_count &&
                    type->field_count <= head->field_count - type->first_field;
        for (uint32_t k = 0; fits && k < type->field_count; k++)
            fits = region->fields[type->first_field + k].name < head->text_used;
        if (!fits)
            return plim_error_set(err, PLIM_ERR_DAMAGED, "type %u does not fit its tables", i + 1);
        hash = type_hash(region, hash, type);
        region->kinds[i] = plim__kind_of(region, type->size_bytes);
    }
    region->kind_count = type_count(region);
    if (hash != plim__types_hash(head->types))
        return plim_error_set(err, PLIM_ERR_DAMAGED,
                              "its types are not those that its head was written for");
    return PLIM_OK;
}

static uint64_t type_text_bytes(const char *name, const plim_field *fields, uint32_t field_count)
{
    uint64_t bytes = plim__text_length(name, PLIM__REGION_NAME_MAX) + 1;
    for (uint32_t i = 0; i < field_count; i++)
        bytes += plim__text_length(fields[i].name, PLIM__REGION_NAME_MAX) + 1;
    return bytes;
}

/* Texts first: if there is no room for one of them nothing of the type exists. */
static plim_status type_add(plim_region *region, const char *name, uint32_t size_bytes,
                            const plim_field *fields, uint32_t field_count)
{
    plim__region_head *head = region->head;
    uint32_t count = type_count(region);
    plim__type_row row = {
        .size_bytes = size_bytes, .first_field = head->field_count, .field_count = field_count};
    plim_status status = plim_region_intern(region, name, &row.name);
    for (uint32_t i = 0; i < field_count && status == PLIM_OK; i++) {
        plim__field_row field = {.kind = (uint32_t)fields[i].kind,
                                 .offset_bytes = fields[i].offset_bytes,
                                 .size_bytes = fields[i].size_bytes,
                                 .count = type_count_of(&fields[i])};
        status = plim_region_intern(region, fields[i].name, &field.name);
        plim__put_bytes(&region->fields[row.first_field + i], &field, sizeof field);
    }
    if (status != PLIM_OK)
        return status;
    plim__put_bytes(&region->types[count], &row, sizeof row);
    plim__commit(&head->field_count, row.first_field + field_count);
    uint32_t hash = type_hash(region, plim__types_hash(head->types), &row);
    plim__commit(&head->types, (uint64_t)hash << 32 | (count + 1));
    region->kinds[count] = plim__kind_of(region, size_bytes);
    region->kind_count = count + 1;
    return PLIM_OK;
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
    for (uint32_t i = 0; i < type_count(region); i++) {
        if (!plim__strings_equal(region->text + region->types[i].name, name))
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
    if (type_count(region) == head->type_max || field_count > head->field_max - head->field_count ||
        type_text_bytes(name, fields, field_count) > head->text_bytes - head->text_used)
        return plim_error_set(err, PLIM_ERR_LIMIT,
                              "no room for type %s: %u types, %u fields, %u bytes of names are in "
                              "use",
                              name, type_count(region), head->field_count, head->text_used);
    status = plim__region_touch_head(region);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "the transaction fills the region's history");
    status = type_add(region, name, size_bytes, fields, field_count);
    if (status != PLIM_OK)
        return plim_error_set(err, status, "no room for the names of type %s", name);
    *out_type = (uint16_t)type_count(region);
    return PLIM_OK;
}
