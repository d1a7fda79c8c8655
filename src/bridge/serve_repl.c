/* SPDX-License-Identifier: MIT */
/*
 * A C session before Chrome DevTools: its heap as snapshots, its variables and blocks as objects
 * that open, and a console that enters C. The server asks on its own thread, and for snapshots on
 * others; a session belongs to one thread at a time, so each question holds a lock for as long as
 * it takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "bridge/repl_picture.h"
#include "platform/lock.h"

enum {
    SERVED_REPL_MAGIC = 0x5e7e9e71,
    SERVED_REPL_VALUE_BYTES = 4096,
    SERVED_REPL_TITLE_BYTES = 128
};

struct plim_served_repl {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_repl *repl;
    plim__lock lock;
    char title[SERVED_REPL_TITLE_BYTES];
};

static bool served_repl_read(void *ctx, uint64_t address, void *out, size_t bytes)
{
    return plim_repl_read(ctx, address, out, bytes) == PLIM_OK;
}

static plim_status served_repl_usage(void *ctx, uint64_t *out_used, uint64_t *out_total,
                                     plim_error *err)
{
    plim_served_repl *served = ctx;
    plim_repl_info info;
    (void)err;
    plim__lock_take(&served->lock);
    plim_repl_read_info(served->repl, &info);
    plim__lock_give(&served->lock);
    *out_used = info.heap_used_bytes;
    *out_total = info.heap_high_water_bytes;
    return PLIM_OK;
}

static plim_status served_repl_snapshot(void *ctx, const plim_write_sample *samples,
                                        uint32_t sample_count, plim_sink sink,
                                        plim_progress progress, plim_error *err)
{
    plim_served_repl *served = ctx;
    plim_repl_picture *picture = NULL;
    plim_graph *graph = NULL;
    plim__lock_take(&served->lock);
    plim_status status = plim_repl_picture_create(served->repl, served->allocator, &picture, err);
    if (status == PLIM_OK)
        status = plim_graph_from_repl(picture, &graph, err);
    plim_repl_picture_destroy(&picture);
    plim__lock_give(&served->lock);
    plim_write_options options = {.struct_bytes = sizeof options,
                                  .sample_count = sample_count,
                                  .samples = samples,
                                  .allocator = served->allocator,
                                  .progress = progress};
    if (status == PLIM_OK)
        status = plim_graph_write_v8(graph, sink, &options, err);
    plim_graph_destroy(&graph);
    return status;
}

/* --- values ---------------------------------------------------------------------------------- */

typedef struct served_repl_tell {
    plim_repl_picture *picture;
    const plim_types *types;
    plim_served_values out;
} served_repl_tell;

/* What a text of a value says it is. */
static plim_served_kind served_repl_kind(const char *text)
{
    char *end = NULL;
    if (strcmp(text, "NULL") == 0)
        return PLIM_SERVED_NOTHING;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return PLIM_SERVED_BOOL;
    (void)strtod(text, &end);
    if (end != text && strncmp(text, "0x", 2) != 0 && (*end == '\0' || *end == ' '))
        return PLIM_SERVED_NUMBER;
    return PLIM_SERVED_OBJECT;
}

/* The piece a pointer's value leads to; 0: none. */
static uint64_t served_repl_target(const plim_repl_picture *picture, const plim_types *types,
                                   plim_type type, uint64_t address)
{
    uint64_t value = 0;
    char text[SERVED_REPL_VALUE_BYTES];
    size_t length = plim_type_text(types, type, NULL, text, sizeof text);
    if (plim_type_bytes(types, type) != 8 || length == 0 || strchr(text, '*') == NULL ||
        plim_repl_read(picture->repl, address, &value, 8) != PLIM_OK || value == 0)
        return 0;
    for (uint32_t i = 0; i < picture->piece_count; i++) {
        if (picture->pieces[i].address == value)
            return picture->pieces[i].id;
    }
    return 0;
}

static bool served_repl_member(void *ctx, const plim_member *member)
{
    served_repl_tell *tell = ctx;
    plim_served_value value = {.name = member->name[0] != '\0' ? member->name : "{}",
                               .kind = served_repl_kind(member->text),
                               .text = member->text};
    if (value.kind == PLIM_SERVED_OBJECT)
        value.id = served_repl_target(tell->picture, tell->types, member->type, member->address);
    return tell->out.add(tell->out.ctx, &value);
}

static plim_status served_repl_members(plim_repl_picture *picture, uint32_t index,
                                       plim_served_values out, plim_error *err)
{
    const plim__piece *piece = &picture->pieces[index];
    plim_served_value self = {.kind = PLIM_SERVED_OBJECT,
                              .text = piece->text[0] != '\0' ? piece->text : "(no type)",
                              .id = piece->id};
    if (!out.add(out.ctx, &self) || piece->types == PLIM__PIECE_NONE)
        return PLIM_OK;
    plim_memory memory = {picture->repl, served_repl_read, NULL};
    served_repl_tell tell = {picture, picture->images[piece->types].types, out};
    plim_value_options options = {.struct_bytes = sizeof options, .elements_max = 1000};
    return plim_value_members(tell.types, piece->type, piece->address, &memory, &options,
                              served_repl_member, &tell, err);
}

static plim_status served_repl_object(void *ctx, uint64_t id, plim_served_values out,
                                      plim_error *err)
{
    plim_served_repl *served = ctx;
    plim_repl_picture *picture = NULL;
    plim__lock_take(&served->lock);
    plim_status status = plim_repl_picture_create(served->repl, served->allocator, &picture, err);
    if (status == PLIM_OK) {
        uint32_t index = plim__picture_find(picture, id);
        if (index == PLIM__PIECE_NONE)
            status = plim_error_set(err, PLIM_ERR_NOT_FOUND, "it is gone");
        else
            status = served_repl_members(picture, index, out, err);
    }
    plim_repl_picture_destroy(&picture);
    plim__lock_give(&served->lock);
    return status;
}

/* --- the console ----------------------------------------------------------------------------- */

static plim_status served_repl_value(plim_served_repl *served, const plim_repl_outcome *outcome,
                                     plim_served_values out, plim_error *err)
{
    char text[SERVED_REPL_VALUE_BYTES];
    plim_served_value value = {.kind = PLIM_SERVED_NOTHING, .text = "undefined"};
    plim_types *types = NULL;
    plim_type type = {0};
    plim_memory memory = {served->repl, served_repl_read, NULL};
    plim_repl_picture *picture = NULL;
    plim_status status = PLIM_OK;
    if (outcome->result.bytes > 0) {
        status = plim_types_open(outcome->result.image, outcome->result.image_bytes,
                                 served->allocator, &types, err);
        if (status == PLIM_OK)
            status = plim_types_variable(types, outcome->result.name, &type, err);
        if (status == PLIM_OK)
            status = plim_value_text(types, type, outcome->result.address, &memory, NULL, text,
                                     sizeof text, err);
        value.text = text;
        value.kind = status == PLIM_OK ? served_repl_kind(text) : PLIM_SERVED_NOTHING;
        uint64_t address = outcome->result.address;
        if (value.kind == PLIM_SERVED_OBJECT &&
            plim_repl_picture_create(served->repl, served->allocator, &picture, NULL) == PLIM_OK)
            value.id = served_repl_target(picture, types, type, address);
        plim_repl_picture_destroy(&picture);
    }
    if (status == PLIM_OK)
        (void)out.add(out.ctx, &value);
    plim_types_close(&types);
    return status;
}

static plim_status served_repl_evaluate(void *ctx, const char *expression, plim_served_values out,
                                        plim_error *err)
{
    plim_served_repl *served = ctx;
    plim_repl_outcome outcome;
    plim__lock_take(&served->lock);
    plim_status status = plim_repl_enter(served->repl, expression, &outcome, err);
    if (status == PLIM_OK && outcome.end == PLIM_REPL_OK)
        status = served_repl_value(served, &outcome, out, err);
    else if (status == PLIM_OK && outcome.end == PLIM_REPL_INCOMPLETE)
        status = plim_error_set(err, PLIM_ERR_REFUSED, "that is not complete");
    else if (status == PLIM_OK)
        status = plim_error_set(err, PLIM_ERR_REFUSED, "%s",
                                outcome.explanation[0] != '\0' ? outcome.explanation
                                                               : outcome.diagnostics);
    plim__lock_give(&served->lock);
    return status;
}

/* --- life ------------------------------------------------------------------------------------ */

plim_status plim_serve_repl(plim_server *server, plim_repl *repl, const char *title,
                            const plim_allocator *allocator, plim_served_repl **out_served,
                            plim_error *err)
{
    PLIM_CHECK(server != NULL && repl != NULL && title != NULL && out_served != NULL);
    allocator = plim__allocator_or_system(allocator);
    plim_served_repl *served = plim__array_new_zero(allocator, 1, sizeof *served);
    if (served == NULL)
        return plim__no_memory(err, "a session that is shown");
    served->magic = SERVED_REPL_MAGIC;
    served->allocator = allocator;
    served->repl = repl;
    (void)snprintf(served->title, sizeof served->title, "%s", title);
    plim_served table = {.ctx = served,
                         .title = served->title,
                         .usage = served_repl_usage,
                         .snapshot = served_repl_snapshot,
                         .object = served_repl_object,
                         .evaluate = served_repl_evaluate};
    plim_status status = plim_server_add(server, &table, err);
    if (status != PLIM_OK)
        plim_served_repl_destroy(&served);
    else
        *out_served = served;
    return status;
}

void plim_served_repl_destroy(plim_served_repl **served)
{
    if (served == NULL || *served == NULL)
        return;
    plim_served_repl *gone = *served;
    PLIM_CHECK_OBJ(gone, SERVED_REPL_MAGIC);
    gone->magic = 0;
    plim__array_free(gone->allocator, gone, 1, sizeof *gone);
    *served = NULL;
}
