/* SPDX-License-Identifier: MIT */
/*
 * A region as plim_server wants a heap. All is read through views, so it is the same from outside
 * and from inside, beside the writer or after it.
 *
 * Who allocates is known exactly, by the sites that objects carry: a "sampling" is what was born
 * since it began and lives, a recording counts births. So the program pays nothing for either.
 * Invariants: V1 `view` and `sites` are the server's thread's; a snapshot has a view and sites of
 * its own. V2 a site's index in `sites.sources` never changes: the client knows it by that.
 */
#include "bridge/serve_region.h"

#include <plimsoll/bridge.h>
#include <plimsoll/serve_region.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"

enum { SERVED_VALUE_BYTES = 512, SERVED_SHOWN_BYTES = 16 };

/* --- figures ------------------------------------------------------------------------------- */

static plim_status served_usage(void *ctx, uint64_t *out_used, uint64_t *out_total, plim_error *err)
{
    plim_served_region *served = ctx;
    plim_region_object object;
    const void *value = NULL;
    uint32_t index = 0;
    plim_region_info info;
    (void)err;
    plim_region_view_info(served->view, &info);
    *out_used = 0;
    while (plim_region_view_next(served->view, &index, &object, &value))
        *out_used += object.held_bytes;
    *out_total = info.data_bytes > *out_used ? info.data_bytes : *out_used;
    return PLIM_OK;
}

static plim_status served_births(void *ctx, const uint64_t *bounds, uint32_t count,
                                 plim_served_births *out_births, uint64_t *out_last_id,
                                 plim_error *err)
{
    plim_served_region *served = ctx;
    plim_region_object object;
    const void *value = NULL;
    uint32_t index = 0;
    (void)err;
    if (count > 0)
        memset(out_births, 0, count * sizeof *out_births);
    while (plim_region_view_next(served->view, &index, &object, &value)) {
        uint64_t id = plim_region_node_id(object.birth);
        served->last_id = id > served->last_id ? id : served->last_id;
        plim_served_births_add(out_births, bounds, count, id, object.held_bytes);
    }
    *out_last_id = served->last_id;
    return PLIM_OK;
}

/* --- objects ------------------------------------------------------------------------------- */

static uint64_t served_unsigned(const unsigned char *at, uint32_t size_bytes)
{
    uint64_t number = 0;
    memcpy(&number, at, size_bytes <= 8 ? size_bytes : 8); /* a region is of this byte order */
    return number;
}

static int64_t served_signed(const unsigned char *at, uint32_t size_bytes)
{
    unsigned unused = 64 - 8 * (size_bytes >= 1 && size_bytes <= 8 ? size_bytes : 8);
    return (int64_t)(served_unsigned(at, size_bytes) << unused) >> unused;
}

static void served_float(char *out, const unsigned char *at, uint32_t size_bytes)
{
    float narrow = 0;
    double wide = 0;
    if (size_bytes == sizeof narrow) {
        memcpy(&narrow, at, sizeof narrow);
        wide = (double)narrow;
    } else {
        memcpy(&wide, at, sizeof wide);
    }
    (void)snprintf(out, SERVED_VALUE_BYTES, "%.17g", wide);
}

static void served_bytes(char *out, const unsigned char *at, uint32_t size_bytes)
{
    size_t used = 0;
    for (uint32_t i = 0; i < size_bytes && i < SERVED_SHOWN_BYTES; i++)
        used += (size_t)snprintf(out + used, SERVED_VALUE_BYTES - used, i > 0 ? " %02x" : "%02x",
                                 at[i]);
    if (size_bytes > SERVED_SHOWN_BYTES)
        (void)snprintf(out + used, SERVED_VALUE_BYTES - used, " … (%" PRIu32 " bytes)", size_bytes);
    else
        out[used] = '\0';
}

static void served_reference(const plim_served_region *served, const unsigned char *at,
                             plim_served_value *value, char *text)
{
    plim_ref ref;
    plim_region_object object;
    plim_region_type_info type;
    memcpy(&ref, at, sizeof ref);
    value->kind = PLIM_SERVED_NOTHING;
    (void)snprintf(text, SERVED_VALUE_BYTES, "none");
    if (ref.generation == 0 || !plim_region_view_at(served->view, ref.index, &object, NULL) ||
        object.ref.generation != ref.generation)
        return;
    bool has_type = plim_region_view_type(served->view, object.type, &type);
    value->kind = PLIM_SERVED_OBJECT;
    value->id = plim_region_node_id(object.birth);
    (void)snprintf(text, SERVED_VALUE_BYTES, "%.255s", has_type ? type.name : "(no type)");
}

/* One element; text has room for SERVED_VALUE_BYTES. */
static void served_element(const plim_served_region *served, const plim_field *field,
                           const unsigned char *at, plim_served_value *value, char *text)
{
    switch (field->kind) {
    case PLIM_FIELD_INT:
        (void)snprintf(text, SERVED_VALUE_BYTES, "%" PRId64, served_signed(at, field->size_bytes));
        return;
    case PLIM_FIELD_UINT:
        (void)snprintf(text, SERVED_VALUE_BYTES, "%" PRIu64,
                       served_unsigned(at, field->size_bytes));
        return;
    case PLIM_FIELD_FLOAT:
        served_float(text, at, field->size_bytes);
        return;
    case PLIM_FIELD_BOOL:
        value->kind = PLIM_SERVED_BOOL;
        (void)snprintf(text, SERVED_VALUE_BYTES, "%s", at[0] != 0 ? "true" : "false");
        return;
    case PLIM_FIELD_TEXT:
        value->kind = PLIM_SERVED_TEXT;
        (void)snprintf(
            text, SERVED_VALUE_BYTES, "%.*s",
            (int)plim__text_length((const char *)at, field->size_bytes < SERVED_VALUE_BYTES
                                                         ? field->size_bytes
                                                         : SERVED_VALUE_BYTES - 1),
            (const char *)at);
        return;
    case PLIM_FIELD_REF:
    case PLIM_FIELD_WEAK:
        served_reference(served, at, value, text);
        return;
    case PLIM_FIELD_BYTES:
        break;
    }
    value->kind = PLIM_SERVED_TEXT;
    served_bytes(text, at, field->size_bytes);
}

static bool served_field(const plim_served_region *served, const plim_field *field,
                         const unsigned char *object, plim_served_values out)
{
    char name[SERVED_VALUE_BYTES], text[SERVED_VALUE_BYTES];
    uint32_t count = field->count == 0 ? 1 : field->count;
    for (uint32_t i = 0; i < count; i++) {
        const unsigned char *at = object + field->offset_bytes + (size_t)i * field->size_bytes;
        plim_served_value value = {name, PLIM_SERVED_NUMBER, text, 0};
        if (count > 1)
            (void)snprintf(name, sizeof name, "%.255s[%" PRIu32 "]", field->name, i);
        else
            (void)snprintf(name, sizeof name, "%.255s", field->name);
        served_element(served, field, at, &value, text);
        if (!out.add(out.ctx, &value))
            return false;
    }
    return true;
}

/* What the region knows of it beside its fields, in brackets. */
static bool served_tell_more(const plim_served_region *served, const plim_region_object *object,
                             plim_served_values out)
{
    char text[SERVED_VALUE_BYTES];
    const char *owner = plim_region_view_name(served->view, PLIM_NAME_OWNER, object->owner);
    const char *site = object->site == 0 ? NULL : plim_region_view_text(served->view, object->site);
    plim_served_value value = {"(owner)", PLIM_SERVED_TEXT, text, 0};
    if (owner != NULL)
        (void)snprintf(text, sizeof text, "%.255s (owner %" PRIu32 ")", owner, object->owner);
    else
        (void)snprintf(text, sizeof text, "owner %" PRIu32, object->owner);
    if (!out.add(out.ctx, &value) || site == NULL)
        return site == NULL;
    value.name = "(site)";
    (void)snprintf(text, sizeof text, "%.255s", site);
    return out.add(out.ctx, &value);
}

static plim_status served_object(void *ctx, uint64_t id, plim_served_values out, plim_error *err)
{
    plim_served_region *served = ctx;
    plim_region_object object = {0};
    plim_region_type_info type = {0};
    plim_field field;
    const void *bytes = NULL;
    uint32_t index = 0;
    uint64_t birth = plim_region_node_birth(id);
    bool found = false;
    while (birth != 0 && !found && plim_region_view_next(served->view, &index, &object, &bytes))
        found = object.birth == birth;
    if (!found)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "no object has this id (any more)");
    bool has_type = plim_region_view_type(served->view, object.type, &type);
    plim_served_value self = {NULL, PLIM_SERVED_OBJECT, has_type ? type.name : "(no type)", id};
    bool goes_on = out.add(out.ctx, &self);
    for (uint32_t i = 0; goes_on && has_type && i < type.field_count; i++) {
        if (plim_region_view_field(served->view, object.type, i, &field) &&
            field.offset_bytes +
                    (uint64_t)field.size_bytes * (field.count == 0 ? 1 : field.count) <=
                object.size_bytes)
            goes_on = served_field(served, &field, bytes, out);
    }
    if (goes_on)
        (void)served_tell_more(served, &object, out);
    return PLIM_OK;
}

/* --- who allocates ------------------------------------------------------------------------- */

static plim_status served_sample_start(void *ctx, uint64_t interval_bytes, plim_error *err)
{
    plim_served_region *served = ctx;
    (void)interval_bytes; /* nothing is left out */
    return served_births(served, NULL, 0, NULL, &served->sampled_from, err);
}

static plim_status served_sample_read(void *ctx, bool ends, plim_served_profile *profile,
                                      plim_error *err)
{
    plim_served_region *served = ctx;
    plim_region_object object;
    const void *value = NULL;
    uint32_t index = 0;
    plim_status status = PLIM_OK;
    (void)ends;
    while (status == PLIM_OK && plim_region_view_next(served->view, &index, &object, &value)) {
        plim_region_type_info type = {"(no type)", 0, 0};
        char name[SERVED_VALUE_BYTES];
        if (plim_region_node_id(object.birth) <= served->sampled_from)
            continue;
        (void)plim_region_view_type(served->view, object.type, &type);
        (void)snprintf(name, sizeof name, "(no site) %.255s", type.name);
        plim_served_frame frame = {name, NULL, PLIM_NONE, 0};
        uint32_t number = plim__sites_index(&served->sites, served->view, object.site);
        if (number != PLIM_NONE) {
            const plim__site *site = &served->sites.sites[number];
            frame = (plim_served_frame){site->function, NULL, site->source, site->line};
            if (site->source != PLIM_NONE)
                frame.url = served->sites.sources[site->source];
        }
        status = plim_served_profile_add(profile, &frame, 1, object.held_bytes, 1, err);
    }
    return status;
}

/* Sites are met as objects are: a look at all of them when the first source is asked for. */
static const char *served_source(void *ctx, uint32_t index)
{
    plim_served_region *served = ctx;
    plim_region_object object;
    const void *value = NULL;
    uint32_t at = 0;
    while (index == 0 && plim_region_view_next(served->view, &at, &object, &value))
        (void)plim__sites_index(&served->sites, served->view, object.site);
    return index < served->sites.source_count ? served->sites.sources[index] : NULL;
}

static plim_status served_source_text(void *ctx, uint32_t index, plim_sink sink, plim_error *err)
{
    const plim_served_region *served = ctx;
    if (index >= served->sites.source_count)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "no such source");
    return plim_serve_source(served->sites.sources[index], sink, err);
}

/* --- life ---------------------------------------------------------------------------------- */

void plim__served_region_table(plim_served_region *served, plim_served *out)
{
    *out = (plim_served){.ctx = served,
                         .title = served->title,
                         .url = served->address,
                         .usage = served_usage,
                         .snapshot = plim__served_region_snapshot,
                         .object = served_object,
                         .sample_start = served_sample_start,
                         .sample_read = served_sample_read,
                         .births = served_births,
                         .source = served_source,
                         .source_text = served_source_text};
}

plim_status plim__served_region_open(const char *address, const plim_allocator *allocator,
                                     plim_served_region **out_served, plim_error *err)
{
    allocator = plim__allocator_or_system(allocator);
    plim_served_region *served = plim__array_new_zero(allocator, 1, sizeof *served);
    if (served == NULL)
        return plim__no_memory(err, "a served region");
    served->magic = PLIM__SERVED_REGION_MAGIC;
    served->allocator = allocator;
    served->sites = (plim__sites){.allocator = allocator, .numbers = {.allocator = allocator}};
    plim_status status =
        (size_t)snprintf(served->address, sizeof served->address, "%s", address) <
                sizeof served->address
            ? plim_region_view_find(address, allocator, &served->view, served->title, err)
            : plim_error_set(err, PLIM_ERR_USAGE, "the address is too long");
    if (status == PLIM_OK) {
        plim_region_view_pace(served->view, 0); /* somebody waits for each answer */
        *out_served = served;
    } else {
        plim_served_region_destroy(&served);
    }
    return status;
}

plim_status plim_serve_region(plim_server *server, const char *address,
                              const plim_allocator *allocator, plim_served_region **out_served,
                              plim_error *err)
{
    plim_served_region *served = NULL;
    plim_served table;
    PLIM_CHECK(server != NULL && address != NULL && out_served != NULL);
    plim_status status = plim__served_region_open(address, allocator, &served, err);
    if (status != PLIM_OK)
        return status;
    plim__served_region_table(served, &table);
    status = plim_server_add(server, &table, err);
    if (status == PLIM_OK)
        *out_served = served;
    else
        plim_served_region_destroy(&served);
    return status;
}

void plim_served_region_destroy(plim_served_region **served_ptr)
{
    if (served_ptr == NULL || *served_ptr == NULL)
        return;
    plim_served_region *served = *served_ptr;
    *served_ptr = NULL;
    PLIM_CHECK_OBJ(served, PLIM__SERVED_REGION_MAGIC);
    plim_region_view_close(&served->view);
    plim__sites_fini(&served->sites);
    served->magic = 0;
    plim__array_free(served->allocator, served, 1, sizeof *served);
}
