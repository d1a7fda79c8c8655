/* SPDX-License-Identifier: MIT */
/* What a linked image means: segments, symbols, the value's place, names that it hides. */
#include <stdio.h>
#include <string.h>

#include "base/allocator.h"
#include "base/limits.h"
#include "repl/source/compilation.h"

static const char *fill_keep(plim__compilation *self, const char *string)
{
    const char *copy = plim__arena_copy(&self->box->arena, string, strlen(string));
    return copy != NULL ? copy : "";
}

static void fill_segments(plim__compilation *self)
{
    plim__unit *unit = &self->box->unit;
    const plim__linked *linked = &self->linked;
    plim__segment *segments = plim__arena_take(
        &self->box->arena, (linked->elf.load_count + linked->slot_count + 1) * sizeof *segments);
    if (segments == NULL)
        return;
    for (size_t i = 0; i < linked->elf.load_count; i++) {
        const plim__elf_load *load = &linked->elf.loads[i];
        segments[unit->segment_count++] = (plim__segment){
            .address = load->address,
            .bytes = load->bytes,
            .file_bytes = load->file_bytes,
            .data = load->file_bytes > 0 ? self->box->image + load->file_offset : NULL,
            .is_code = load->is_code,
        };
    }
    for (size_t i = 0; i < linked->slot_count; i++) {
        uint64_t *value = plim__arena_take(&self->box->arena, sizeof *value);
        if (value == NULL)
            return;
        *value = linked->slots[i].value;
        segments[unit->segment_count++] = (plim__segment){.address = linked->slots[i].address,
                                                          .bytes = sizeof *value,
                                                          .file_bytes = sizeof *value,
                                                          .data = value,
                                                          .is_slot = true};
    }
    unit->segments = segments;
}

static void fill_symbols(plim__compilation *self)
{
    plim__unit *unit = &self->box->unit;
    const plim__names_new *news = &self->box->news;
    plim__symbol *symbols =
        plim__arena_take(&self->box->arena, (news->name_count + 1) * sizeof *symbols);
    for (size_t i = 0; symbols != NULL && i < news->name_count; i++) {
        plim__name *name = &news->names[i];
        const plim__name *old =
            plim__names_find(&self->source->names, name->space, name->name, strlen(name->name));
        char body_name[1024];
        (void)snprintf(body_name, sizeof body_name, "plim.body.%.1000s", name->name);
        const plim__elf_symbol *body = name->kind == PLIM__SYMBOL_FUNCTION
                                           ? plim__elf_find(&self->linked.elf, body_name)
                                           : NULL;
        symbols[unit->symbol_count++] = (plim__symbol){
            .name = name->name,
            .type = name->type,
            .address = name->address,
            .body = body != NULL ? body->value : name->address,
            .bytes = name->bytes,
            .kind = name->kind,
            .version = old != NULL ? old->version + 1 : 1,
            .unit = self->request->number,
            .is_declaration = name->is_declaration,
        };
    }
    unit->symbols = symbols;
}

/* The value of a function is a pointer to it. */
static const char *fill_value_type(plim__compilation *self)
{
    const char *type = self->entry.ast.items[self->entry.value->first].type;
    const char *parameters = plim__type_bracket(type);
    if (parameters == NULL || parameters[1] == '*' || !plim__type_has_name(type))
        return fill_keep(self, type);
    plim__grow pointer = {.allocator = self->arena.allocator, .bytes_max = 1 << 20};
    plim__grow_add(&pointer, type, (size_t)(parameters - type));
    plim__grow_string(&pointer, " (*)");
    plim__grow_string(&pointer, parameters);
    const char *kept = fill_keep(self, pointer.is_refused ? type : pointer.bytes);
    plim__grow_fini(&pointer);
    return kept;
}

static void fill_result(plim__compilation *self)
{
    plim__unit *unit = &self->box->unit;
    const plim__elf_symbol *entry = plim__elf_find(&self->linked.elf, PLIM__ENTRY_NAME);
    const plim__elf_symbol *result = plim__elf_find(&self->linked.elf, PLIM__RESULT_NAME);
    unit->has_code = entry != NULL;
    unit->entry = entry != NULL ? entry->value : 0;
    if (result == NULL || self->entry.value == NULL)
        return;
    unit->result = (plim__unit_result){
        .name = PLIM__RESULT_NAME,
        .type = fill_value_type(self),
        .address = result->value,
        .bytes = result->bytes,
    };
}

typedef struct hidden_list {
    plim__compilation *self;
    const char **items;
    size_t count, max;
} hidden_list;

static void fill_hide(void *ctx, const plim__name *name, const plim__name *because)
{
    hidden_list *list = ctx;
    if (list->count == list->max)
        return;
    plim__grow line = {.allocator = list->self->arena.allocator, .bytes_max = 4096};
    plim__grow_string(&line, name->name);
    if (name->kind == PLIM__SYMBOL_VARIABLE || name->kind == PLIM__SYMBOL_FUNCTION) {
        plim__grow_string(&line, " has the earlier type '");
        plim__grow_string(&line, name->type);
        plim__grow_string(&line, "' and is hidden now");
    } else {
        plim__grow_string(&line, " rests on the earlier ");
        plim__grow_string(&line, because->name);
        plim__grow_string(&line, " and is hidden now");
    }
    if (!line.is_refused)
        list->items[list->count++] = fill_keep(list->self, line.bytes);
    plim__grow_fini(&line);
}

static plim_status fill_hidden(plim__compilation *self, plim_error *err)
{
    hidden_list list = {.self = self, .max = self->source->names.name_count};
    list.max = list.max < PLIM_REPL_MESSAGES_MAX ? list.max : PLIM_REPL_MESSAGES_MAX;
    list.items = plim__arena_take(&self->box->arena, (list.max + 1) * sizeof *list.items);
    if (list.items == NULL ||
        plim__names_hidden_by(&self->source->names, &self->box->news, fill_hide, &list) != PLIM_OK)
        return plim__no_memory(err, "hidden names");
    self->box->unit.hidden = list.items;
    self->box->unit.hidden_count = list.count;
    return PLIM_OK;
}

static void fill_lost(plim__compilation *self)
{
    static const char literal[] = "an unnamed (type){ ... } in a statement is gone when the entry "
                                  "ends: a pointer to it dangles";
    bool has_literal = false;
    for (size_t i = 0; i < self->entry.ast.count; i++)
        has_literal |= self->entry.ast.items[i].kind == PLIM__AST_STATEMENT &&
                       self->entry.ast.items[i].has_literal &&
                       &self->entry.pieces[self->entry.piece_count - 1] != self->entry.value;
    const char **lost = plim__arena_take(&self->box->arena, sizeof *lost);
    if (!has_literal || lost == NULL)
        return;
    lost[0] = literal;
    self->box->unit.lost = lost;
    self->box->unit.lost_count = 1;
}

plim_status plim__unit_fill(plim__compilation *self, plim_error *err)
{
    fill_segments(self);
    fill_symbols(self);
    fill_result(self);
    fill_lost(self);
    return fill_hidden(self, err);
}
