/* SPDX-License-Identifier: MIT */
/*
 * Linking by ld, with a script made for each unit. Names that the script sets hold for references
 * inside the object too, even where the object defines them: that is how calls between functions of
 * one entry go through stubs. What the object has at the start of .text is at the start of ours, so
 * a body's address is known from its offset.
 *
 * The text area is not writable and holds code, constants and frame tables; the data area holds the
 * offset table, variables and slots. They may be 2 GiB apart at most: the compiler's code reaches
 * no further, and what is beyond (the C library) is reached through the offset table alone.
 */
#include "repl/source/link.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/text.h"

enum { LINK_ALIGN = 64, LINK_STUB_BYTES = 16 };

typedef struct linker {
    const plim__link *link;
    plim__elf object;
    plim__grow stubs, slots, bodies, values; /* parts of the script */
    plim__linked *out;
    plim__grow why;
} linker;

/* A name as ld's scripts take any: in quotes. */
static void link_quote(plim__grow *out, const char *prefix, const char *name)
{
    plim__grow_string(out, "\"");
    plim__grow_string(out, prefix);
    plim__grow_string(out, name);
    plim__grow_string(out, "\"");
}

static void link_set(plim__grow *out, const char *name, uint64_t value)
{
    link_quote(out, "", name);
    plim__grow_format(out, " = 0x%llx;\n", (unsigned long long)value);
}

/* A stub and its slot; `has_body`: the unit defines the function. */
static void link_stub(linker *self, const char *name, bool has_body)
{
    plim__grow_format(&self->stubs, ". = ALIGN(%d); ", LINK_STUB_BYTES);
    link_quote(&self->stubs, "", name);
    plim__grow_string(&self->stubs, " = .; BYTE(0xff) BYTE(0x25) LONG(");
    link_quote(&self->stubs, "plim.slot.", name);
    plim__grow_string(&self->stubs, " - (ABSOLUTE(.) + 4))\n");
    link_quote(&self->slots, "plim.slot.", name);
    plim__grow_string(&self->slots, " = .; QUAD(");
    if (has_body)
        link_quote(&self->slots, "plim.body.", name);
    else
        plim__grow_string(&self->slots, "0");
    plim__grow_string(&self->slots, ")\n");
}

static const plim__name *link_known(const linker *self, const char *name)
{
    return plim__names_find(self->link->names, PLIM__SPACE_ORDINARY, name, strlen(name));
}

/* A function that the unit defines. */
static void link_function(linker *self, const plim__name *new)
{
    const plim__elf_symbol *symbol = plim__elf_find(&self->object, new->name);
    if (symbol == NULL || symbol->is_local || !symbol->is_in_text ||
        symbol->kind != PLIM__ELF_FUNCTION)
        return; /* in a section of its own choice: as it is */
    const plim__name *old = link_known(self, new->name);
    link_quote(&self->bodies, "plim.body.", new->name);
    plim__grow_format(&self->bodies, " = plim.text + 0x%llx;\n", (unsigned long long)symbol->value);
    if (old != NULL && old->kind == PLIM__SYMBOL_FUNCTION && old->slot != 0 &&
        strcmp(old->canonical, new->canonical) == 0)
        link_set(&self->values, new->name, old->address);
    else
        link_stub(self, new->name, true);
}

static void link_refuse(linker *self, const char *before, const char *name, const char *after)
{
    plim__grow_string(&self->why, before);
    plim__grow_string(&self->why, name);
    plim__grow_string(&self->why, after);
}

/* A declaration alone. What the session has already is meant; a function that nobody has yet gets
   its stub now, so that a later definition reaches all who called it before. */
static void link_declaration(linker *self, plim__name *new)
{
    const plim__name *old = link_known(self, new->name);
    uint64_t address = 0;
    if (old != NULL && old->kind == new->kind &&strcmp(old->canonical, new->canonical) == 0 &&
        old->address != 0) {
        new->address = old->address;
        new->slot = old->slot;
        new->bytes = old->bytes;
        new->is_declaration = old->is_declaration;
    } else if (new->kind == PLIM__SYMBOL_FUNCTION &&
               !self->link->resolve(self->link->resolve_ctx, new->name, &address)) {
        link_stub(self, new->name, false);
    }
}

/* Whether the unit makes a stub for a function that it declares only. */
static bool link_has_stub(const linker *self, const char *name)
{
    for (size_t i = 0; i < self->link->news->name_count; i++) {
        const plim__name *new = &self->link->news->names[i];
        if (new->kind == PLIM__SYMBOL_FUNCTION && strcmp(new->name, name) == 0)
            return true;
    }
    return false;
}

/* A name that the unit uses and does not define. */
static void link_undefined(linker *self, const plim__elf_symbol *symbol)
{
    const char *name = symbol->name;
    const plim__name *known = link_known(self, name);
    uint64_t address = 0;
    if (strcmp(name, "_GLOBAL_OFFSET_TABLE_") == 0)
        return;
    if (known != NULL && known->address != 0 && !known->is_declaration) {
        link_set(&self->values, name, known->address);
        return;
    }
    if (self->link->resolve(self->link->resolve_ctx, name, &address) || symbol->is_weak) {
        link_set(&self->values, name, address);
        return;
    }
    bool has_stub = link_has_stub(self, name);
    if (!has_stub && (known == NULL || known->address == 0)) {
        link_refuse(self, "error: ", name,
                    " is not defined: neither in the session nor in a library that is linked\n");
        return;
    }
    if (known != NULL && known->address != 0)
        link_set(&self->values, name, known->address);
    self->out->missing[self->out->missing_count++] = name;
}

static bool link_name_is_plain(const char *name)
{
    for (const char *at = name; *at != '\0'; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            return false;
    return true;
}

static void link_symbols(linker *self)
{
    for (size_t i = 0; i < self->link->news->name_count; i++) {
        plim__name *new = &self->link->news->names[i];
        const plim__elf_symbol *alias = new->is_declaration &&new->kind != PLIM__SYMBOL_TYPE
                                            ? plim__elf_find(&self->object, new->name)
                                            : NULL;
        if (alias != NULL && !alias->is_local)
            new->is_declaration = false; /* __attribute__((alias)): a definition without a body */
        if (new->is_declaration)
            link_declaration(self, new);
        else if (new->kind == PLIM__SYMBOL_FUNCTION)
            link_function(self, new);
    }
    for (size_t i = 0; i < self->object.symbol_count; i++) {
        const plim__elf_symbol *symbol = &self->object.symbols[i];
        if (!link_name_is_plain(symbol->name))
            link_refuse(self, "error: a symbol has a name that cannot be linked: ", symbol->name,
                        "\n");
        else if (symbol->is_undefined)
            link_undefined(self, symbol);
    }
}

static void link_write_script(const linker *self, plim__grow *out)
{
    uint64_t text = (self->link->text_at + LINK_ALIGN - 1) / LINK_ALIGN * LINK_ALIGN;
    uint64_t data = (self->link->data_at + LINK_ALIGN - 1) / LINK_ALIGN * LINK_ALIGN;
    plim__grow_string(out, "PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); }\nSECTIONS {\n");
    plim__grow_format(out, ". = 0x%llx;\n", (unsigned long long)text);
    plim__grow_string(out, ".text : { plim.text = .; *(.text) *(.text.* .ltext .ltext.*)\n");
    plim__grow_add(out, self->stubs.bytes, self->stubs.count);
    /* Sections of the user's own choice go by their flags: what ld would place itself could lie
       behind the ends, where the next unit begins. */
    plim__grow_string(out, "*(.rodata .rodata.* .lrodata .lrodata.*) . = ALIGN(8); "
                           "KEEP(*(.eh_frame))\n"
                           "INPUT_SECTION_FLAGS (SHF_ALLOC & !SHF_WRITE) *(*) } :text\n");
    plim__grow_add(out, self->bodies.bytes, self->bodies.count);
    plim__grow_format(out, "plim.text.end = .;\n. = 0x%llx;\n", (unsigned long long)data);
    plim__grow_string(out, ".data : { *(.got .got.*) *(.data.rel.ro .data.rel.ro.*) "
                           "*(.data .data.* .ldata .ldata.*) . = ALIGN(8);\n");
    plim__grow_add(out, self->slots.bytes, self->slots.count);
    plim__grow_string(out, "} :data\n.bss : { *(.bss .bss.* .lbss .lbss.*) *(COMMON) } :data\n"
                           ".plim.own : { INPUT_SECTION_FLAGS (SHF_ALLOC & SHF_WRITE) *(*) } "
                           ":data\n"
                           "plim.data.end = .;\n/DISCARD/ : { *(.note.* .comment .llvm_addrsig) }\n"
                           "}\n");
    plim__grow_add(out, self->values.bytes, self->values.count);
}

/* Addresses of the names, from the image's own symbol table. */
static void link_set_addresses(linker *self)
{
    char name[1024];
    plim__text text;
    for (size_t i = 0; i < self->link->news->name_count; i++) {
        plim__name *new = &self->link->news->names[i];
        if (new->kind != PLIM__SYMBOL_VARIABLE &&new->kind != PLIM__SYMBOL_FUNCTION)
            continue;
        const plim__elf_symbol *symbol = plim__elf_find(&self->out->elf, new->name);
        const plim__elf_symbol *defined = plim__elf_find(&self->object, new->name);
        plim__text_init(&text, name, sizeof name);
        plim__text_format(&text, "plim.slot.%s", new->name);
        const plim__elf_symbol *slot = plim__elf_find(&self->out->elf, name);
        if (new->address != 0 || symbol == NULL || (defined == NULL && slot == NULL))
            continue; /* declared here; where it is, is known or asked for when it is used */
        new->address = symbol->value;
        new->bytes = defined != NULL ? defined->bytes : 0;
        const plim__name *old = link_known(self, new->name);
        new->slot = slot != NULL ? slot->value : 0;
        plim__text_init(&text, name, sizeof name);
        plim__text_format(&text, "plim.body.%s", new->name);
        const plim__elf_symbol *body = plim__elf_find(&self->out->elf, name);
        if (slot == NULL && body != NULL && old != NULL && old->address == new->address) {
            new->slot = old->slot;
            self->out->slots[self->out->slot_count++] =
                (plim__slot_write){.address = old->slot, .value = body->value};
        }
    }
}

static plim_status link_run(linker *self, const char *object, size_t bytes, plim_error *err)
{
    plim__grow script = {.allocator = self->link->arena->allocator,
                         .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    plim__tool_result result = {0};
    link_write_script(self, &script);
    plim__tool_input inputs[2] = {{script.bytes, script.count}, {object, bytes}};
    plim_status status = PLIM_ERR_NO_MEMORY;
    if (!script.is_refused)
        status = plim__tools_ask(self->link->tools, PLIM__ROLE_LINK, &inputs[0], &inputs[1], err);
    plim__grow_fini(&script);
    if (status == PLIM_OK)
        status = plim__tools_answer(self->link->tools, PLIM__ROLE_LINK, &result, err);
    if (status != PLIM_OK)
        return status;
    if (result.exit_code != 0) {
        plim__grow_string(&self->why, "error: the linker: ");
        plim__grow_add(&self->why, result.errors, result.error_bytes);
        plim__tool_result_fini(&result);
        return PLIM_OK;
    }
    self->out->image = result.output;
    self->out->image_bytes = result.output_bytes;
    result.output = NULL;
    plim__tool_result_fini(&result);
    status = plim__elf_read(self->out->image, self->out->image_bytes, self->link->arena,
                            &self->out->elf, err);
    const plim__elf_symbol *text_end = plim__elf_find(&self->out->elf, "plim.text.end");
    const plim__elf_symbol *data_end = plim__elf_find(&self->out->elf, "plim.data.end");
    if (status == PLIM_OK && (text_end == NULL || data_end == NULL))
        status = plim_error_set(err, PLIM_ERR_DAMAGED, "the linker's image has no ends");
    if (status != PLIM_OK)
        return status;
    self->out->text_end = text_end->value;
    self->out->data_end = data_end->value;
    link_set_addresses(self);
    return PLIM_OK;
}

plim_status plim__link_object(const plim__link *link, const char *object, size_t object_bytes,
                              plim__linked *out, plim_error *err)
{
    PLIM_CHECK(link != NULL && link->resolve != NULL && object != NULL && out != NULL);
    plim__linked linked = {0};
    plim__grow empty = {.allocator = link->arena->allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    linker self = {.link = link,
                   .stubs = empty,
                   .slots = empty,
                   .bodies = empty,
                   .values = empty,
                   .out = &linked,
                   .why = empty};
    plim_status status = plim__elf_read(object, object_bytes, link->arena, &self.object, err);
    if (status == PLIM_OK) {
        linked.slots =
            plim__arena_take(link->arena, (link->news->name_count + 1) * sizeof *linked.slots);
        linked.missing =
            plim__arena_take(link->arena, (self.object.symbol_count + 1) * sizeof *linked.missing);
        if (self.object.refused != NULL)
            link_refuse(&self, "error: ", self.object.refused, "\n");
        else if (!link->arena->is_refused)
            link_symbols(&self);
        if (self.why.count == 0 && !link->arena->is_refused)
            status = link_run(&self, object, object_bytes, err);
    }
    if (self.why.count > 0)
        linked.refused = plim__arena_copy(link->arena, self.why.bytes, self.why.count);
    bool is_refused = link->arena->is_refused || self.why.is_refused || self.values.is_refused ||
                      self.stubs.is_refused || self.slots.is_refused || self.bodies.is_refused;
    plim__grow_fini(&self.stubs);
    plim__grow_fini(&self.slots);
    plim__grow_fini(&self.bodies);
    plim__grow_fini(&self.values);
    plim__grow_fini(&self.why);
    if (status == PLIM_OK && is_refused)
        status = plim__no_memory(err, "linking");
    if (status != PLIM_OK || linked.refused != NULL) {
        if (linked.image != NULL)
            plim__array_free(link->arena->allocator, linked.image, linked.image_bytes + 1, 1);
        linked.image = NULL;
    }
    if (status == PLIM_OK)
        *out = linked;
    return status;
}
