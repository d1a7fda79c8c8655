/* SPDX-License-Identifier: MIT */
/* A source: opening, committing, undoing. Compiling is compile.c, questions are ask.c. */
#include "repl/source/source.h"

#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/limits.h"
#include "repl/source/state.h"

plim_status plim__source_open(const plim__source_options *options, plim__source **out_source,
                              plim_error *err)
{
    PLIM_CHECK(options != NULL && out_source != NULL && options->resolve != NULL);
    const plim_allocator *allocator = plim__allocator_or_system(options->allocator);
    plim__source *source = plim__array_new_zero(allocator, 1, sizeof *source);
    if (source == NULL)
        return plim__no_memory(err, "a session's names");
    source->magic = PLIM__SOURCE_MAGIC;
    source->allocator = source->names.allocator = source->answer.allocator = allocator;
    source->resolve = options->resolve;
    source->resolve_ctx = options->resolve_ctx;
    plim__tools_options tools = {.allocator = allocator,
                                 .scratch = options->scratch,
                                 .libexec = options->libexec,
                                 .flags = options->flags};
    plim_status status = plim__tools_open(&tools, &source->tools, err);
    if (status != PLIM_OK) {
        plim__source_close(&source);
        return status;
    }
    *out_source = source;
    return PLIM_OK;
}

void plim__source_close(plim__source **source_at)
{
    plim__source *source = source_at != NULL ? *source_at : NULL;
    if (source == NULL)
        return;
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    plim__cache_fini(source);
    plim__tools_close(&source->tools);
    plim__names_fini(&source->names);
    plim__arena_fini(&source->answer);
    source->magic = 0;
    plim__array_free(source->allocator, source, 1, sizeof *source);
    *source_at = NULL;
}

plim_status plim__source_compile(plim__source *source, const plim__unit_request *request,
                                 plim__unit **out_unit, plim_error *err)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    PLIM_CHECK(request != NULL && request->text != NULL && request->name != NULL &&
               out_unit != NULL);
    plim__unit_box *box = plim__array_new_zero(source->allocator, 1, sizeof *box);
    if (box == NULL)
        return plim__no_memory(err, "a unit");
    box->magic = PLIM__UNIT_MAGIC;
    box->allocator = box->arena.allocator = source->allocator;
    box->source = source;
    box->version = source->version;
    box->unit.number = request->number;
    box->unit.diagnostics = "";
    plim__unit *unit = &box->unit;
    plim__source_tend_prelude(source);
    plim_status status = plim__unit_compile(source, request, box, err);
    if (status == PLIM_OK && box->arena.is_refused)
        status = plim__no_memory(err, "a unit");
    if (status != PLIM_OK) {
        plim__unit_destroy(&unit);
        return status;
    }
    *out_unit = unit;
    return PLIM_OK;
}

static plim__unit_box *unit_box(const plim__unit *unit)
{
    union {
        const plim__unit *in;
        plim__unit_box *out; /* a unit is the first member of its box */
    } both = {unit};
    PLIM_CHECK_OBJ(both.out, PLIM__UNIT_MAGIC);
    return both.out;
}

void plim__unit_destroy(plim__unit **unit_at)
{
    plim__unit *unit = unit_at != NULL ? *unit_at : NULL;
    if (unit == NULL)
        return;
    plim__unit_box *box = unit_box(unit);
    if (box->image != NULL)
        plim__array_free(box->allocator, box->image, unit->image_bytes + 1, 1);
    plim__arena_fini(&box->arena);
    box->magic = 0;
    plim__array_free(box->allocator, box, 1, sizeof *box);
    *unit_at = NULL;
}

/* --- the prelude ---------------------------------------------------------------------------- */

static void source_ask_prelude(plim__source *source)
{
    plim__grow text = {.allocator = source->allocator, .bytes_max = PLIM_REPL_UNIT_BYTES_MAX};
    plim__names_prelude(&source->names, &text);
    /* Without it entries read the includes themselves: slower, and right. */
    if (!text.is_refused)
        (void)plim__tools_set_prelude(source->tools, text.bytes != NULL ? text.bytes : "",
                                      text.count, NULL);
    plim__grow_fini(&text);
    source->prelude_groups = source->names.group_count;
    source->names.prelude_is_stale = false;
}

void plim__source_tend_prelude(plim__source *source)
{
    bool has_failed = false;
    if (source->names.prelude_is_stale) {
        source_ask_prelude(source);
    } else if (plim__tools_prelude_is_new(source->tools, &has_failed)) {
        plim__names_freeze(&source->names, source->prelude_groups);
        source->prelude++;
    }
}

/* --- names ---------------------------------------------------------------------------------- */

plim_status plim__source_commit(plim__source *source, const plim__unit *unit, plim_error *err)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    const plim__unit_box *box = unit_box(unit);
    PLIM_CHECK(unit->end == PLIM__UNIT_OK && box->source == source &&
               box->version == source->version);
    plim_status status = plim__names_take(&source->names, &box->news, unit->number, err);
    if (status != PLIM_OK)
        return status;
    source->version++;
    plim__source_tend_prelude(source);
    return PLIM_OK;
}

plim_status plim__source_undo(plim__source *source, size_t count, plim_error *err)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    plim_status status = plim__names_undo(&source->names, count, err);
    if (status != PLIM_OK)
        return status;
    source->version++;
    if (source->prelude_groups > source->names.group_count)
        source->names.prelude_is_stale = true;
    plim__source_tend_prelude(source);
    return PLIM_OK;
}

void plim__source_each(const plim__source *source,
                       bool (*visit)(void *ctx, const plim__symbol *symbol), void *ctx)
{
    PLIM_CHECK_OBJ(source, PLIM__SOURCE_MAGIC);
    const plim__names *names = &source->names;
    for (size_t i = 0; i < names->name_count; i++) {
        const plim__name *name = &names->names[i];
        const plim__name_group *group = &names->groups[name->group];
        const plim__name *newest =
            plim__names_find(names, name->space, name->name, strlen(name->name));
        if (newest != NULL && newest != name)
            continue; /* replaced by another version */
        plim__symbol symbol = {
            .name = name->name,
            .type = name->type,
            .address = name->address,
            .body = name->address,
            .bytes = name->bytes,
            .kind = name->kind,
            .version = name->version,
            .unit = group->unit,
            .is_hidden = group->is_hidden,
            .is_declaration = name->is_declaration,
        };
        if (!visit(ctx, &symbol))
            return;
    }
}
