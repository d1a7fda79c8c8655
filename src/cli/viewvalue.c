/* SPDX-License-Identifier: MIT */
/* Values as their fields' kinds say. What has no field is not shown: nobody said what it is. */
#include <string.h>

#include "cli/glyphs.h"
#include "cli/viewlook.h"

enum {
    VALUE_LINE_BYTES = 400,    /* where a line of a list is long enough */
    VALUE_LINE_ELEMENTS = 4,   /* of an array, in a list */
    VALUE_ALL_ELEMENTS = 1024, /* of an array, of one object */
    VALUE_HEX_BYTES = 16,
    VALUE_FIELDS_MAX = 4096 /* of one object: a hostile type has a million */
};

static const char *value_kind(plim_field_kind kind)
{
    switch (kind) {
    case PLIM_FIELD_BYTES:
        return "bytes";
    case PLIM_FIELD_INT:
        return "int";
    case PLIM_FIELD_UINT:
        return "uint";
    case PLIM_FIELD_FLOAT:
        return "float";
    case PLIM_FIELD_BOOL:
        return "bool";
    case PLIM_FIELD_TEXT:
        return "text";
    case PLIM_FIELD_REF:
        return "ref";
    case PLIM_FIELD_WEAK:
        return "weak";
    }
    return "bytes";
}

static uint64_t value_unsigned(const unsigned char *at, uint32_t size_bytes)
{
    uint8_t one;
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (size_bytes) {
    case 1:
        memcpy(&one, at, 1);
        return one;
    case 2:
        memcpy(&two, at, 2);
        return two;
    case 4:
        memcpy(&four, at, 4);
        return four;
    case 8:
        memcpy(&eight, at, 8);
        return eight;
    default:
        return 0;
    }
}

static int64_t value_signed(const unsigned char *at, uint32_t size_bytes)
{
    uint64_t bits = value_unsigned(at, size_bytes);
    uint32_t unused = size_bytes < 8 ? 64 - size_bytes * 8 : 0;
    if (unused > 0 && (bits >> (63 - unused) & 1) != 0)
        bits |= UINT64_MAX << (64 - unused);
    return (int64_t)bits;
}

static double value_real(const unsigned char *at, uint32_t size_bytes)
{
    float narrow = 0;
    double wide = 0;
    if (size_bytes == sizeof narrow) {
        memcpy(&narrow, at, sizeof narrow);
        return (double)narrow;
    }
    if (size_bytes == sizeof wide)
        memcpy(&wide, at, sizeof wide);
    return wide;
}

static plim_text value_text(const unsigned char *at, uint32_t size_bytes)
{
    const unsigned char *end = size_bytes > 0 ? memchr(at, '\0', size_bytes) : NULL;
    return (plim_text){(const char *)at, end != NULL ? (size_t)(end - at) : size_bytes};
}

static void value_hex(plim__draft *draft, const unsigned char *at, uint32_t size_bytes,
                      uint32_t size_max)
{
    for (uint32_t i = 0; i < size_bytes && i < size_max; i++)
        plim__draft_printf(draft, "%02x", at[i]);
    if (size_bytes > size_max)
        plim__draft_puts(draft, "…");
}

static void value_element(plim__look *look, plim__draft *draft, const plim_field *field,
                          const unsigned char *at)
{
    plim_ref ref;
    switch (field->kind) {
    case PLIM_FIELD_INT:
        plim__draft_printf(draft, "%lld", (long long)value_signed(at, field->size_bytes));
        break;
    case PLIM_FIELD_UINT:
        plim__draft_printf(draft, "%llu",
                           (unsigned long long)value_unsigned(at, field->size_bytes));
        break;
    case PLIM_FIELD_FLOAT:
        plim__draft_printf(draft, "%.9g", value_real(at, field->size_bytes));
        break;
    case PLIM_FIELD_BOOL:
        plim__draft_puts(draft, value_unsigned(at, field->size_bytes) != 0 ? "true" : "false");
        break;
    case PLIM_FIELD_TEXT:
        plim__draft_puts(draft, "\"");
        plim__glyphs_show(draft, value_text(at, field->size_bytes));
        plim__draft_puts(draft, "\"");
        break;
    case PLIM_FIELD_REF:
    case PLIM_FIELD_WEAK:
        memcpy(&ref, at, sizeof ref);
        if (ref.generation == 0)
            plim__draft_puts(draft, "none");
        else if (plim__look_id_of(look, ref) != 0)
            plim__draft_printf(draft, "@%llu", (unsigned long long)plim__look_id_of(look, ref));
        else
            plim__draft_puts(draft, "stale");
        break;
    case PLIM_FIELD_BYTES:
        value_hex(draft, at, field->size_bytes, VALUE_HEX_BYTES);
        break;
    }
}

static void value_field(plim__look *look, plim__draft *draft, const plim_field *field,
                        const unsigned char *value, uint32_t elements_max)
{
    const unsigned char *at = value + field->offset_bytes;
    if (field->count != 1)
        plim__draft_puts(draft, "[");
    for (uint32_t i = 0; i < field->count && i < elements_max; i++) {
        if (i > 0)
            plim__draft_puts(draft, ", ");
        value_element(look, draft, field, at + (size_t)i * field->size_bytes);
    }
    if (field->count > elements_max)
        plim__draft_printf(draft, ", … %u in all", field->count);
    if (field->count != 1)
        plim__draft_puts(draft, "]");
}

static uint32_t value_field_count(const plim__look *look, uint16_t type)
{
    plim_region_type_info info;
    if (!plim_region_view_type(look->view, type, &info))
        return 0;
    return info.field_count < VALUE_FIELDS_MAX ? info.field_count : VALUE_FIELDS_MAX;
}

void plim__value_line(plim__look *look, plim__draft *draft, uint16_t type, const void *value)
{
    uint32_t count = value_field_count(look, type);
    plim_field field;
    for (uint32_t i = 0; i < count; i++) {
        if (!plim_region_view_field(look->view, type, i, &field))
            continue;
        if (draft->size_bytes > VALUE_LINE_BYTES) {
            plim__draft_puts(draft, " …");
            return;
        }
        if (draft->size_bytes > 0)
            plim__draft_puts(draft, " ");
        plim__glyphs_show(draft, plim__text_of(field.name));
        plim__draft_puts(draft, "=");
        value_field(look, draft, &field, value, VALUE_LINE_ELEMENTS);
    }
}

void plim__value_lines(plim__look *look, uint16_t type, const void *value)
{
    plim__out *out = &look->cli->out;
    uint32_t count = value_field_count(look, type);
    plim_field field;
    plim__draft text;
    plim__draft_init(&text, look->cli->allocator);
    for (uint32_t i = 0; i < count; i++) {
        if (!plim_region_view_field(look->view, type, i, &field))
            continue;
        plim__draft_clear(&text);
        plim__glyphs_show(&text, plim__text_of(field.name));
        while (text.size_bytes < 16)
            plim__draft_puts(&text, " ");
        plim__draft_printf(&text, " %-5s  ", value_kind(field.kind));
        value_field(look, &text, &field, value, VALUE_ALL_ELEMENTS);
        plim__out_puts(out, "  ");
        plim__out_text(out, plim__draft_view(&text));
        plim__out_puts(out, "\n");
    }
    plim__draft_fini(&text);
}

static void value_emit_element(plim__look *look, const char *key, const plim_field *field,
                               const unsigned char *at)
{
    plim__emit *emit = &look->cli->emit;
    plim__draft hex;
    plim_ref ref;
    switch (field->kind) {
    case PLIM_FIELD_INT:
        plim__emit_signed(emit, key, value_signed(at, field->size_bytes));
        break;
    case PLIM_FIELD_UINT:
        plim__emit_unsigned(emit, key, value_unsigned(at, field->size_bytes));
        break;
    case PLIM_FIELD_FLOAT:
        plim__emit_exact(emit, key, value_real(at, field->size_bytes));
        break;
    case PLIM_FIELD_BOOL:
        plim__emit_bool(emit, key, value_unsigned(at, field->size_bytes) != 0);
        break;
    case PLIM_FIELD_TEXT:
        plim__emit_text(emit, key, value_text(at, field->size_bytes));
        break;
    case PLIM_FIELD_REF:
    case PLIM_FIELD_WEAK:
        memcpy(&ref, at, sizeof ref);
        if (plim__look_id_of(look, ref) != 0)
            plim__emit_unsigned(emit, key, plim__look_id_of(look, ref));
        else
            plim__emit_null(emit, key);
        break;
    case PLIM_FIELD_BYTES:
        plim__draft_init(&hex, look->cli->allocator);
        value_hex(&hex, at, field->size_bytes, UINT32_MAX);
        plim__emit_text(emit, key, plim__draft_view(&hex));
        plim__draft_fini(&hex);
        break;
    }
}

void plim__value_emit(plim__look *look, uint16_t type, const void *value, uint32_t elements_max)
{
    plim__emit *emit = &look->cli->emit;
    uint32_t count = value_field_count(look, type);
    plim_field field;
    plim__emit_array(emit, "fields");
    for (uint32_t i = 0; i < count; i++) {
        if (!plim_region_view_field(look->view, type, i, &field))
            continue;
        const unsigned char *at = (const unsigned char *)value + field.offset_bytes;
        plim__emit_object(emit, NULL);
        plim__emit_string(emit, "name", field.name);
        plim__emit_string(emit, "kind", value_kind(field.kind));
        if (field.count == 1) {
            value_emit_element(look, "value", &field, at);
        } else {
            plim__emit_array(emit, "value");
            for (uint32_t k = 0; k < field.count && k < elements_max; k++)
                value_emit_element(look, NULL, &field, at + (size_t)k * field.size_bytes);
            plim__emit_array_end(emit);
            plim__emit_unsigned(emit, "count", field.count);
        }
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
}
