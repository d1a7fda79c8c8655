/* SPDX-License-Identifier: MIT */
/*
 * A C session before Chrome DevTools: its heap as snapshots, its variables and blocks as objects
 * that open, and a console that enters C. The server asks on its own thread, and for snapshots on
 * others; a session belongs to one thread at a time, so each question holds a lock for as long as
 * it takes. An entry holds up the page while it runs: one without an end is stopped, if the session
 * has no deadline, after SERVED_REPL_DEADLINE_MS.
 *
 * A value that was shown is an object without a name, but it lies among the session's variables, so
 * its address gives it an id as it gives one to them. The last ones are remembered, to be opened.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/allocator.h"
#include "base/assert.h"
#include "base/text.h"
#include "bridge/repl_picture.h"
#include "platform/lock.h"

enum {
    SERVED_REPL_MAGIC = 0x5e7e9e71,
    SERVED_REPL_VALUE_BYTES = 4096,
    SERVED_REPL_SAID_BYTES = 16384,
    SERVED_REPL_TITLE_BYTES = 128,
    SERVED_REPL_SHOWN_MAX = 256,
    SERVED_REPL_NAME_BYTES = 64,
    SERVED_REPL_FRAMES = 8,
    SERVED_REPL_DEADLINE_MS = 10000
};

/* A value that the console has shown. */
typedef struct served_repl_shown {
    uint64_t id, address;
    const void *image;
    size_t image_bytes;
    char name[SERVED_REPL_NAME_BYTES];
} served_repl_shown;

struct plim_served_repl {
    uint32_t magic;
    const plim_allocator *allocator;
    plim_repl *repl;
    plim__lock lock;
    atomic_bool is_entering;
    served_repl_shown shown[SERVED_REPL_SHOWN_MAX]; /* a ring */
    uint32_t shown_count;
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

static plim_status served_repl_members(plim_repl_picture *picture, const plim_types *types,
                                       plim_type type, uint64_t address, plim_served_values out,
                                       plim_error *err)
{
    plim_memory memory = {picture->repl, served_repl_read, NULL};
    served_repl_tell tell = {picture, types, out};
    plim_value_options options = {.struct_bytes = sizeof options, .elements_max = 1000};
    return plim_value_members(types, type, address, &memory, &options, served_repl_member, &tell,
                              err);
}

static plim_status served_repl_piece(plim_repl_picture *picture, uint32_t index,
                                     plim_served_values out, plim_error *err)
{
    const plim__piece *piece = &picture->pieces[index];
    plim_served_value self = {.kind = PLIM_SERVED_OBJECT,
                              .text = piece->text[0] != '\0' ? piece->text : "(no type)",
                              .id = piece->id};
    if (!out.add(out.ctx, &self) || piece->types == PLIM__PIECE_NONE)
        return PLIM_OK;
    return served_repl_members(picture, picture->images[piece->types].types, piece->type,
                               piece->address, out, err);
}

/* A value that was shown; its unit may have been taken back since. */
static plim_status served_repl_old_value(plim_served_repl *served, plim_repl_picture *picture,
                                         uint64_t id, plim_served_values out, plim_error *err)
{
    const served_repl_shown *found = NULL;
    const void *image = NULL;
    size_t bytes = 0;
    plim_types *types = NULL;
    plim_type type;
    for (uint32_t i = 0; i < SERVED_REPL_SHOWN_MAX; i++) {
        if (served->shown[i].id == id)
            found = &served->shown[i];
    }
    if (found == NULL ||
        plim_repl_image_at(served->repl, found->address, &image, &bytes, NULL) != PLIM_OK ||
        image != found->image || bytes != found->image_bytes)
        return plim_error_set(err, PLIM_ERR_NOT_FOUND, "it is gone");
    plim_status status = plim_types_open(image, bytes, served->allocator, &types, err);
    if (status == PLIM_OK)
        status = plim_types_variable(types, found->name, &type, err);
    if (status == PLIM_OK) {
        char text[SERVED_REPL_VALUE_BYTES];
        (void)plim_type_text(types, type, NULL, text, sizeof text);
        plim_served_value self = {.kind = PLIM_SERVED_OBJECT, .text = text, .id = id};
        if (out.add(out.ctx, &self))
            status = served_repl_members(picture, types, type, found->address, out, err);
    }
    plim_types_close(&types);
    return status;
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
        status = index != PLIM__PIECE_NONE ? served_repl_piece(picture, index, out, err)
                                           : served_repl_old_value(served, picture, id, out, err);
    }
    plim_repl_picture_destroy(&picture);
    plim__lock_give(&served->lock);
    return status;
}

/* --- the console ----------------------------------------------------------------------------- */

/* A struct's or an array's own id, if it can be opened. */
static uint64_t served_repl_remember(plim_served_repl *served, const plim_repl_picture *picture,
                                     const plim_repl_result *result)
{
    served_repl_shown *row = &served->shown[served->shown_count++ % SERVED_REPL_SHOWN_MAX];
    *row = (served_repl_shown){.address = result->address,
                               .image = result->image,
                               .image_bytes = result->image_bytes,
                               .id = plim__picture_variable_id(picture, result->address)};
    (void)snprintf(row->name, sizeof row->name, "%s", result->name);
    return row->id;
}

static plim_status served_repl_value(plim_served_repl *served, const plim_repl_result *result,
                                     plim_served_values out, plim_error *err)
{
    char text[SERVED_REPL_VALUE_BYTES];
    plim_types *types = NULL;
    plim_type type = {0};
    plim_memory memory = {served->repl, served_repl_read, NULL};
    plim_repl_picture *picture = NULL;
    plim_status status =
        plim_types_open(result->image, result->image_bytes, served->allocator, &types, err);
    if (status == PLIM_OK)
        status = plim_types_variable(types, result->name, &type, err);
    if (status == PLIM_OK)
        status =
            plim_value_text(types, type, result->address, &memory, NULL, text, sizeof text, err);
    if (status == PLIM_OK) {
        plim_served_value value = {.kind = served_repl_kind(text), .text = text};
        if (value.kind == PLIM_SERVED_OBJECT &&
            plim_repl_picture_create(served->repl, served->allocator, &picture, NULL) == PLIM_OK)
            value.id = text[0] == '{' ? served_repl_remember(served, picture, result)
                                      : served_repl_target(picture, types, type, result->address);
        (void)out.add(out.ctx, &value);
    }
    plim_repl_picture_destroy(&picture);
    plim_types_close(&types);
    return status;
}

/* "In[3]:1:22", its line and a caret. */
static void served_repl_say_frame(plim__text *said, const plim_repl_frame *frame)
{
    plim__text_format(said, "\n    at %s%s%s", frame->function,
                      frame->function[0] != '\0' && frame->file[0] != '\0' ? " in " : "",
                      frame->file);
    if (frame->line > 0)
        plim__text_format(said, ":%u", frame->line);
    if (frame->line > 0 && frame->column > 0)
        plim__text_format(said, ":%u", frame->column);
    if (frame->repeats > 1)
        plim__text_format(said, "  (%u times)", frame->repeats);
    if (frame->source[0] == '\0')
        return;
    plim__text_format(said, "\n       %.200s", frame->source);
    if (frame->column > 0 && frame->column <= 200)
        plim__text_format(said, "\n       %*s", (int)frame->column, "^");
}

/* What the compiler said, why it ended, where, and what went with it. */
static void served_repl_say(plim__text *said, const plim_repl_outcome *outcome)
{
    plim__text_format(said, "%s", outcome->diagnostics);
    plim__text_format(said, "%s", outcome->explanation);
    for (size_t i = 0; i < outcome->frame_count && i < SERVED_REPL_FRAMES; i++)
        served_repl_say_frame(said, &outcome->frames[i]);
    for (size_t i = 0; i < outcome->lost_count; i++)
        plim__text_format(said, "%slost: %s", said->length > 0 ? "\n" : "", outcome->lost[i]);
    for (size_t i = 0; i < outcome->hidden_count; i++)
        plim__text_format(said, "%shidden now: %s", said->length > 0 ? "\n" : "",
                          outcome->hidden[i]);
    while (said->length > 0 && said->out[said->length - 1] == '\n')
        said->out[--said->length] = '\0';
}

static plim_status served_repl_show(plim_served_repl *served, const plim_repl_outcome *outcome,
                                    plim_served_values out, plim_error *err)
{
    char words[SERVED_REPL_SAID_BYTES];
    plim__text said;
    plim__text_init(&said, words, sizeof words);
    served_repl_say(&said, outcome);
    plim_served_value value = {.kind = PLIM_SERVED_NOTE, .text = words};
    if (outcome->end == PLIM_REPL_OK) {
        if (said.length > 0)
            (void)out.add(out.ctx, &value);
        return outcome->result.bytes == 0 ? PLIM_OK
                                          : served_repl_value(served, &outcome->result, out, err);
    }
    if (said.length == 0)
        plim__text_format(&said, "the entry is not complete");
    value.kind = PLIM_SERVED_FAILED;
    (void)out.add(out.ctx, &value);
    return PLIM_OK;
}

static plim_status served_repl_enter(plim_served_repl *served, const char *expression,
                                     plim_served_values out, plim_error *err)
{
    plim_repl_outcome outcome;
    atomic_store(&served->is_entering, true);
    plim_status status = plim_repl_enter(served->repl, expression, &outcome, err);
    atomic_store(&served->is_entering, false);
    return status == PLIM_OK ? served_repl_show(served, &outcome, out, err) : status;
}

/* With a deadline, whatever the session has. */
static plim_status served_repl_evaluate(void *ctx, const char *expression, plim_served_values out,
                                        plim_error *err)
{
    plim_served_repl *served = ctx;
    plim_repl_info info;
    plim_repl_limits limits = {UINT64_MAX, UINT64_MAX, SERVED_REPL_DEADLINE_MS};
    plim__lock_take(&served->lock);
    plim_repl_read_info(served->repl, &info);
    bool is_bounded = info.limits.deadline_ms != 0;
    plim_status status = is_bounded ? PLIM_OK : plim_repl_budget(served->repl, &limits, err);
    if (status == PLIM_OK)
        status = served_repl_enter(served, expression, out, err);
    limits.deadline_ms = 0;
    plim_status after = is_bounded ? PLIM_OK : plim_repl_budget(served->repl, &limits, err);
    plim__lock_give(&served->lock);
    return status != PLIM_OK ? status : after;
}

static bool served_repl_is_complete(void *ctx, const char *expression)
{
    plim_served_repl *served = ctx;
    plim__lock_take(&served->lock);
    bool is_complete = plim_repl_is_complete(served->repl, expression);
    plim__lock_give(&served->lock);
    return is_complete;
}

static bool served_repl_name(void *ctx, const plim_repl_variable *variable)
{
    const plim_served_values *out = ctx;
    plim_served_value value = {.name = variable->name, .text = ""};
    return variable->is_hidden || out->add(out->ctx, &value);
}

static void served_repl_names(void *ctx, plim_served_values out)
{
    plim_served_repl *served = ctx;
    plim__lock_take(&served->lock);
    (void)plim_repl_variables(served->repl, served_repl_name, &out);
    plim__lock_give(&served->lock);
}

bool plim_served_repl_interrupt(plim_served_repl *served)
{
    PLIM_CHECK_OBJ(served, SERVED_REPL_MAGIC);
    if (!atomic_load(&served->is_entering))
        return false;
    plim_repl_interrupt(served->repl);
    return true;
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
                         .evaluate = served_repl_evaluate,
                         .is_complete = served_repl_is_complete,
                         .names = served_repl_names};
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
