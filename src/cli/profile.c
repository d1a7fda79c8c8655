/* SPDX-License-Identifier: MIT */
/*
 * The tree of call frames is walked with an explicit stack; frames of one function (name, script,
 * line, column) are added up, wherever they were called from. Everything shown borrows from the
 * parsed document, which lives until the table is written.
 */
#include "cli/profile.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sheet.h"
#include "cli/units.h"

enum { PROFILE_NODES_MAX = 4000000 }; /* the wire's limit of 64 MiB holds fewer */

typedef struct profile_frame {
    const char *name;
    const char *url;
    int64_t line;
    int64_t column;
    uint64_t self_bytes;
} profile_frame;

typedef struct profile_item {
    const json_t *node;
} profile_item;

/* Growing arrays of frames and of nodes still to be walked. */
typedef struct profile_walk {
    plim__draft frames;  /* profile_frame each */
    plim__draft pending; /* profile_item each */
    uint64_t total_bytes;
    uint32_t frame_count;
} profile_walk;

static const char *profile_string(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

static void profile_push(profile_walk *walk, const json_t *node)
{
    profile_item item = {node};
    plim__draft_add(&walk->pending, &item, sizeof item);
}

static void profile_push_children(profile_walk *walk, const json_t *node)
{
    const json_t *children = json_object_get(node, "children");
    for (size_t i = 0; i < json_array_size(children); i++) {
        const json_t *child = json_array_get(children, i);
        profile_push(walk, child);
    }
}

static void profile_visit(profile_walk *walk, const json_t *node)
{
    const json_t *call = json_object_get(node, "callFrame");
    double size = json_number_value(json_object_get(node, "selfSize"));
    profile_push_children(walk, node);
    if (!(size >= 1.0) || size > 1e18)
        return;
    profile_frame frame = {
        .name = profile_string(call, "functionName"),
        .url = profile_string(call, "url"),
        .line = json_integer_value(json_object_get(call, "lineNumber")),
        .column = json_integer_value(json_object_get(call, "columnNumber")),
        .self_bytes = (uint64_t)size,
    };
    plim__draft_add(&walk->frames, &frame, sizeof frame);
    walk->total_bytes += frame.self_bytes;
    walk->frame_count++;
}

static bool profile_gather(profile_walk *walk, const json_t *head)
{
    profile_push(walk, head);
    uint32_t visited = 0;
    while (walk->pending.size_bytes > 0 && visited++ < PROFILE_NODES_MAX) {
        profile_item item;
        walk->pending.size_bytes -= sizeof item;
        memcpy(&item, walk->pending.data + walk->pending.size_bytes, sizeof item);
        profile_visit(walk, item.node);
    }
    return !walk->pending.failed && !walk->frames.failed;
}

static int profile_by_place(const void *a, const void *b)
{
    const profile_frame *one = a;
    const profile_frame *other = b;
    int order = strcmp(one->name, other->name);
    if (order == 0)
        order = strcmp(one->url, other->url);
    if (order == 0)
        order = (one->line > other->line) - (one->line < other->line);
    return order != 0 ? order : (one->column > other->column) - (one->column < other->column);
}

static int profile_by_size(const void *a, const void *b)
{
    const profile_frame *one = a;
    const profile_frame *other = b;
    if (one->self_bytes != other->self_bytes)
        return one->self_bytes < other->self_bytes ? 1 : -1;
    return profile_by_place(a, b);
}

/* Adds up the frames of one place; gives how many are left, largest first. */
static uint32_t profile_merge(profile_frame *frames, uint32_t count)
{
    uint32_t kept = 0;
    if (count == 0)
        return 0;
    qsort(frames, count, sizeof *frames, profile_by_place);
    for (uint32_t i = 1; i < count; i++) {
        if (profile_by_place(&frames[kept], &frames[i]) == 0)
            frames[kept].self_bytes += frames[i].self_bytes;
        else
            frames[++kept] = frames[i];
    }
    qsort(frames, kept + 1, sizeof *frames, profile_by_size);
    return kept + 1;
}

static void profile_sheet(plim__cli *cli, const profile_frame *frames, uint64_t count,
                          uint64_t total_bytes)
{
    static const plim__column columns[] = {
        {"self_bytes", "lives", PLIM__CELL_BYTES},
        {"share", "share", PLIM__CELL_SHARE},
        {"name", "function", PLIM__CELL_NAME},
        {"source", "source", PLIM__CELL_PLACE},
    };
    plim__sheet sheet;
    plim__draft place;
    plim__draft_init(&place, cli->out.draft.allocator);
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "functions", columns, 4);
    for (uint64_t i = 0; i < count; i++) {
        const profile_frame *frame = &frames[i];
        uint64_t share = (uint64_t)((double)frame->self_bytes * 1000.0 / (double)total_bytes + 0.5);
        plim__sheet_unsigned(&sheet, frame->self_bytes);
        plim__sheet_unsigned(&sheet, share);
        plim__sheet_text(&sheet,
                         plim__text_of(frame->name[0] != '\0' ? frame->name : "(anonymous)"));
        plim__draft_clear(&place);
        if (frame->url[0] != '\0' && frame->line >= 0) {
            plim__draft_printf(&place, "%s:%lld:%lld", frame->url, (long long)frame->line + 1,
                               (long long)frame->column + 1);
            plim__sheet_text(&sheet, plim__draft_view(&place));
        } else {
            plim__sheet_null(&sheet);
        }
    }
    plim__sheet_finish(&sheet);
    plim__draft_fini(&place);
}

static void profile_headline(plim__cli *cli, uint64_t total_bytes, uint32_t count)
{
    char total[PLIM__UNITS_BYTES];
    if (count == 0) {
        plim__out_puts(&cli->out, "nothing that was sampled in this time is still alive\n");
        return;
    }
    plim__units_bytes(total, total_bytes, cli->out.exact_bytes);
    plim__out_styled(&cli->out, PLIM__STYLE_HEAD, total);
    plim__out_printf(&cli->out, " allocated in this time and still alive, by %u function%s\n\n",
                     count, count == 1 ? "" : "s");
}

plim_status plim__profile_show(plim__cli *cli, plim_text text, plim_error *err)
{
    json_error_t why;
    profile_walk walk = {0};
    json_t *root = json_loadb(text.data, text.size_bytes, 0, &why);
    const json_t *head = json_object_get(root, "head");
    if (head == NULL) {
        json_decref(root);
        return plim_error_set(err, PLIM_ERR_PROTOCOL, "the target's profile cannot be read: %s",
                              root == NULL ? why.text : "it has no head");
    }
    plim__draft_init(&walk.frames, cli->allocator);
    plim__draft_init(&walk.pending, cli->allocator);
    plim_status status = PLIM_OK;
    if (profile_gather(&walk, head)) {
        profile_frame *frames = (profile_frame *)(void *)walk.frames.data;
        uint32_t count = profile_merge(frames, walk.frame_count);
        uint64_t top = plim__cli_top(cli, count);
        if (plim__cli_is_json(cli)) {
            plim__emit_unsigned(&cli->emit, "total_bytes", walk.total_bytes);
        } else if (plim__cli_is_human(cli)) {
            profile_headline(cli, walk.total_bytes, count);
        }
        profile_sheet(cli, frames, top, walk.total_bytes);
        plim__cli_rest(cli, top, count);
    } else {
        status = plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the profile");
    }
    plim__draft_fini(&walk.frames);
    plim__draft_fini(&walk.pending);
    json_decref(root);
    return status;
}
