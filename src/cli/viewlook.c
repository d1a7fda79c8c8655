/* SPDX-License-Identifier: MIT */
#include "cli/viewlook.h"

#include <stdlib.h>
#include <string.h>

#include "cli/units.h"

enum { LOOK_FITS = 1, LOOK_FITS_NOT = 2, LOOK_FIRST_NAMES = 64 };

static int look_compare(const void *left, const void *right)
{
    const plim__look_name *a = left;
    const plim__look_name *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static plim_status look_read_names(plim__look *look, plim_error *err)
{
    const plim_allocator *allocator = look->cli->allocator;
    plim__look_name row;
    uint32_t index = 0;
    while (plim_region_view_next_name(look->view, &index, &row.kind, &row.number, &row.text)) {
        if (look->name_count == look->name_capacity) {
            uint32_t wanted = look->name_capacity == 0 ? LOOK_FIRST_NAMES : look->name_capacity * 2;
            void *grown = allocator->resize(allocator->ctx, look->names,
                                            look->name_capacity * sizeof row, wanted * sizeof row);
            if (grown == NULL)
                return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for names");
            look->names = grown;
            look->name_capacity = wanted;
        }
        look->names[look->name_count++] = row;
    }
    if (look->name_count > 1)
        qsort(look->names, look->name_count, sizeof *look->names, look_compare);
    return PLIM_OK;
}

const char *plim__look_name_of(const plim__look *look, plim_name_kind kind, uint32_t number)
{
    plim__look_name wanted = {kind, number, NULL};
    if (look->name_count == 0)
        return NULL;
    const plim__look_name *found =
        bsearch(&wanted, look->names, look->name_count, sizeof wanted, look_compare);
    return found != NULL ? found->text : NULL;
}

/* N or NAME of an owner or a tag. */
static plim_status look_read_number(const plim__look *look, plim__option_id option,
                                    plim_name_kind kind, uint32_t *out_number, plim_error *err)
{
    const char *text = look->cli->args.values[option].text;
    uint64_t number;
    for (uint32_t i = 0; i < look->name_count; i++) {
        if (look->names[i].kind == kind && strcmp(look->names[i].text, text) == 0) {
            *out_number = look->names[i].number;
            return PLIM_OK;
        }
    }
    if (plim__units_parse_count(text, &number) && number <= UINT32_MAX) {
        *out_number = (uint32_t)number;
        return PLIM_OK;
    }
    plim_status status =
        plim_error_set(err, PLIM_ERR_USAGE, "nothing in it is called \"%s\"", text);
    plim_error_hint(err, "plim view %s --by %s shows numbers and names",
                    plim__args_file(&look->cli->args, 0),
                    kind == PLIM_NAME_OWNER ? "owner" : "tag");
    return status;
}

static plim_status look_read_filters(plim__look *look, plim_error *err)
{
    const plim__args *args = &look->cli->args;
    plim_status status = PLIM_OK;
    look->type = args->values[PLIM__OPTION_type].text;
    look->has_owner = plim__args_has(args, PLIM__OPTION_owner);
    look->has_tag = plim__args_has(args, PLIM__OPTION_tag);
    if (look->has_owner)
        status = look_read_number(look, PLIM__OPTION_owner, PLIM_NAME_OWNER, &look->owner, err);
    if (status == PLIM_OK && look->has_tag)
        status = look_read_number(look, PLIM__OPTION_tag, PLIM_NAME_TAG, &look->tag, err);
    if (status != PLIM_OK || look->type == NULL)
        return status;
    for (uint32_t i = 1; i <= look->info.type_count && i <= UINT16_MAX; i++) {
        plim_text name = plim__look_type(look, (uint16_t)i);
        if (strncmp(name.data, look->type, name.size_bytes + 1) == 0)
            return PLIM_OK;
    }
    status = plim_error_set(err, PLIM_ERR_USAGE, "it has no type \"%s\"", look->type);
    plim_error_hint(err, "plim view %s --by type", plim__args_file(args, 0));
    return status;
}

/* What the operand and --at or --cut name together; see plim_region_view_find(). */
static plim_status look_address(plim__cli *cli, plim__draft *out_address, plim_error *err)
{
    const char *operand = plim__args_file(&cli->args, 0);
    const char *at = cli->args.values[PLIM__OPTION_at].text;
    bool is_cut = plim__args_has(&cli->args, PLIM__OPTION_cut);
    if (operand == NULL)
        return plim_error_set(err, PLIM_ERR_USAGE, "plim view wants a TARGET or a FILE");
    if (at != NULL && is_cut)
        return plim_error_set(err, PLIM_ERR_USAGE, "--at and --cut exclude each other");
    plim__draft_puts(out_address, operand);
    if (at != NULL)
        plim__draft_printf(out_address, "#at:%s", at);
    if (is_cut)
        plim__draft_puts(out_address, "#cut");
    if (out_address->failed)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for an address");
    return PLIM_OK;
}

plim_status plim__look_open(plim__cli *cli, plim__look *look, plim_error *err)
{
    plim__draft address;
    look->cli = cli;
    plim__draft_init(&address, cli->allocator);
    plim_status status = look_address(cli, &address, err);
    if (status == PLIM_OK)
        status = plim_region_view_find(plim__draft_peek(&address), cli->allocator, &look->view,
                                       look->name, err);
    plim__draft_fini(&address);
    if (status != PLIM_OK)
        return status;
    plim_region_view_info(look->view, &look->info);
    status = look_read_names(look, err);
    return status == PLIM_OK ? look_read_filters(look, err) : status;
}

void plim__look_close(plim__look *look)
{
    const plim_allocator *allocator = look->cli->allocator;
    if (look->names != NULL)
        (void)allocator->resize(allocator->ctx, look->names,
                                look->name_capacity * sizeof *look->names, 0);
    look->names = NULL;
    plim_region_view_close(&look->view);
}

static bool look_fits(plim__look *look, const plim_region_object *object)
{
    if ((look->has_owner && object->owner != look->owner) ||
        (look->has_tag && object->tag != look->tag))
        return false;
    if (look->type == NULL)
        return true;
    unsigned char *fits = &look->type_fits[object->type];
    if (*fits == 0) {
        plim_text name = plim__look_type(look, object->type);
        *fits = strlen(look->type) == name.size_bytes &&
                        memcmp(name.data, look->type, name.size_bytes) == 0
                    ? LOOK_FITS
                    : LOOK_FITS_NOT;
    }
    return *fits == LOOK_FITS;
}

bool plim__look_next(plim__look *look, uint32_t *index, plim_region_object *out_object,
                     const void **out_value)
{
    while (plim_interrupt_count(&look->cli->interrupt) == 0 &&
           plim_region_view_next(look->view, index, out_object, out_value)) {
        if (look_fits(look, out_object))
            return true;
    }
    return false;
}

plim_status plim__look_status(const plim__look *look, plim_error *err)
{
    if (plim_interrupt_count(&look->cli->interrupt) == 0)
        return PLIM_OK;
    return plim_error_set(err, PLIM_ERR_INTERRUPTED, "stopped on request");
}

plim_text plim__look_type(const plim__look *look, uint16_t type)
{
    plim_region_type_info info;
    if (!plim_region_view_type(look->view, type, &info))
        return plim__text_of("(no type)");
    return plim__text_of(info.name);
}

uint64_t plim__look_id_of(plim__look *look, plim_ref ref)
{
    plim_region_object object;
    if (ref.generation == 0 || !plim_region_view_at(look->view, ref.index, &object, NULL) ||
        object.ref.generation != ref.generation)
        return 0;
    return plim_region_node_id(object.birth);
}

bool plim__look_find(plim__look *look, uint64_t id, plim_region_object *out_object,
                     const void **out_value)
{
    uint64_t birth = plim_region_node_birth(id);
    uint32_t index = 0;
    while (birth != 0 && plim_region_view_next(look->view, &index, out_object, out_value)) {
        if (out_object->birth == birth)
            return true;
    }
    return false;
}

bool plim__look_is_owner(const plim__look *look, const plim_region_object *object)
{
    if (object->birth != object->owner)
        return false;
    plim_text type = plim__look_type(look, object->type);
    return strncmp(type.data, "block:", 6) == 0 || strcmp(type.data, "plim.stack") == 0;
}

/* The text of a field called "label", if the type has one: what a block is called. */
static plim_text look_label(plim__look *look, const plim_region_object *block)
{
    plim_region_type_info info;
    plim_region_object seen;
    plim_field field;
    const void *value;
    if (!plim_region_view_type(look->view, block->type, &info))
        return plim__text_of("");
    for (uint32_t i = 0; i < info.field_count; i++) {
        if (!plim_region_view_field(look->view, block->type, i, &field) ||
            field.kind != PLIM_FIELD_TEXT || strcmp(field.name, "label") != 0 ||
            !plim_region_view_at(look->view, block->ref.index, &seen, &value) ||
            seen.birth != block->birth || seen.type != block->type)
            continue;
        const char *text = (const char *)value + field.offset_bytes;
        const char *end = memchr(text, '\0', field.size_bytes);
        return (plim_text){text, end != NULL ? (size_t)(end - text) : field.size_bytes};
    }
    return plim__text_of("");
}

void plim__look_owner(plim__look *look, plim__draft *draft, uint32_t owner,
                      const plim_region_object *block)
{
    const char *name = plim__look_name_of(look, PLIM_NAME_OWNER, owner);
    if (name != NULL) {
        plim__draft_puts(draft, name);
    } else if (block != NULL) {
        plim_text type = plim__look_type(look, block->type);
        plim_text label = look_label(look, block);
        plim__draft_add(draft, type.data, type.size_bytes);
        if (label.size_bytes > 0) {
            plim__draft_puts(draft, " \"");
            plim__draft_add(draft, label.data, label.size_bytes);
            plim__draft_puts(draft, "\"");
        }
    }
}
