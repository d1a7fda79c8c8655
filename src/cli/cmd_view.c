/* SPDX-License-Identifier: MIT */
/*
 * The state of a C program, read from its region. The program is not asked and does not stop; what
 * is shown of one object is of one moment, two objects may be of different ones.
 */
#include <string.h>

#include "cli/process.h"
#include "cli/sheet.h"
#include "cli/units.h"
#include "cli/viewlook.h"

enum { VIEW_LIST_ELEMENTS = 256, VIEW_ONE_ELEMENTS = 1 << 16 };

static const char *view_visibility(uint8_t visibility)
{
    switch ((plim_visibility)visibility) {
    case PLIM_VISIBILITY_PRIVATE:
        return "private";
    case PLIM_VISIBILITY_PUBLIC:
        return "public";
    case PLIM_VISIBILITY_INHERITED:
        return "inherited";
    }
    return "unknown";
}

/* Who has it open: "pid 4242 writes it", or what became of that one. */
static void view_show_writer(plim__look *look)
{
    plim__out *out = &look->cli->out;
    if (look->info.writer_pid == 0)
        plim__out_puts(out, "nobody writes it");
    else if (plim__process_is_alive(look->info.writer_pid))
        plim__out_printf(out, "pid %lld writes it", (long long)look->info.writer_pid);
    else
        plim__out_printf(out, "pid %lld ended without closing it",
                         (long long)look->info.writer_pid);
}

static void view_show_head(plim__look *look)
{
    plim__out *out = &look->cli->out;
    char held[PLIM__UNITS_BYTES];
    char room[PLIM__UNITS_BYTES];
    char objects[PLIM__UNITS_BYTES];
    char object_max[PLIM__UNITS_BYTES];
    plim__units_bytes(held, look->info.held_bytes, out->exact_bytes);
    plim__units_bytes(room, look->info.data_bytes, out->exact_bytes);
    plim__units_count(objects, look->info.object_count);
    plim__units_count(object_max, look->info.object_max);
    plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_HEAD));
    plim__out_show(out, plim__text_of(look->name));
    plim__out_puts(out, plim__style_off(out->colour));
    plim__out_puts(out, "  ");
    view_show_writer(look);
    plim__out_printf(out, "\n  %s object%s of at most %s, values in %s of %s, %u type%s\n\n",
                     objects, look->info.object_count == 1 ? "" : "s", object_max, held, room,
                     look->info.type_count, look->info.type_count == 1 ? "" : "s");
}

static void view_emit_head(plim__look *look)
{
    plim__emit *emit = &look->cli->emit;
    const plim_region_info *info = &look->info;
    plim__emit_string(emit, "name", look->name);
    if (info->writer_pid != 0)
        plim__emit_signed(emit, "writer_pid", info->writer_pid);
    else
        plim__emit_null(emit, "writer_pid");
    plim__emit_bool(emit, "writer_is_alive",
                    info->writer_pid != 0 && plim__process_is_alive(info->writer_pid));
    plim__emit_unsigned(emit, "epoch", info->epoch);
    plim__emit_unsigned(emit, "object_count", info->object_count);
    plim__emit_unsigned(emit, "object_max", info->object_max);
    plim__emit_unsigned(emit, "type_count", info->type_count);
    plim__emit_unsigned(emit, "value_bytes", info->value_bytes);
    plim__emit_unsigned(emit, "held_bytes", info->held_bytes);
    plim__emit_unsigned(emit, "data_bytes", info->data_bytes);
}

/* Members id, type, owner and so on of the object that is open. */
static void view_emit_object(plim__look *look, const plim_region_object *object)
{
    plim__emit *emit = &look->cli->emit;
    const char *owner = plim__look_name_of(look, PLIM_NAME_OWNER, object->owner);
    const char *tag = plim__look_name_of(look, PLIM_NAME_TAG, object->tag);
    const char *site = plim_region_view_text(look->view, object->site);
    uint64_t parent = plim__look_id_of(look, object->parent);
    plim__emit_unsigned(emit, "id", plim_region_node_id(object->birth));
    plim__emit_text(emit, "type", plim__look_type(look, object->type));
    plim__emit_unsigned(emit, "owner", object->owner);
    if (owner != NULL)
        plim__emit_string(emit, "owner_name", owner);
    plim__emit_known(emit, "parent", parent != 0 ? parent : UINT64_MAX);
    plim__emit_unsigned(emit, "tag", object->tag);
    if (tag != NULL)
        plim__emit_string(emit, "tag_name", tag);
    if (site != NULL)
        plim__emit_string(emit, "site", site);
    plim__emit_string(emit, "visibility", view_visibility(object->visibility));
    plim__emit_unsigned(emit, "version", object->version);
    plim__emit_unsigned(emit, "held_bytes", object->held_bytes);
    plim__emit_unsigned(emit, "value_bytes", object->size_bytes);
}

/* --- objects ------------------------------------------------------------------------------- */

static void view_list_emit(plim__look *look, uint64_t top)
{
    plim__emit *emit = &look->cli->emit;
    plim_region_object object;
    const void *value;
    uint32_t index = 0;
    plim__emit_array(emit, "objects");
    while (top-- > 0 && plim__look_next(look, &index, &object, &value)) {
        plim__emit_object(emit, NULL);
        view_emit_object(look, &object);
        plim__value_emit(look, object.type, value, VIEW_LIST_ELEMENTS);
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
}

static plim_status view_list(plim__look *look, plim_error *err)
{
    static const plim__column columns[] = {
        {"id", "id", PLIM__CELL_ID},
        {"type", "type", PLIM__CELL_NAME},
        {"owner", "owner", PLIM__CELL_PLAIN_NUMBER},
        {"held_bytes", "held", PLIM__CELL_BYTES},
        {"value", "value", PLIM__CELL_TEXT},
    };
    plim__cli *cli = look->cli;
    uint64_t top = plim__cli_top(cli, UINT32_MAX);
    plim_region_object object;
    const void *value;
    uint32_t index = 0;
    uint64_t shown = 0;
    if (plim__cli_is_json(cli)) {
        view_list_emit(look, top);
        return plim__look_status(look, err);
    }
    plim__sheet sheet;
    plim__draft text;
    plim__draft_init(&text, cli->allocator);
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "objects", columns, 5);
    while (shown < top && plim__look_next(look, &index, &object, &value)) {
        plim__draft_clear(&text);
        plim__value_line(look, &text, object.type, value);
        plim__sheet_unsigned(&sheet, plim_region_node_id(object.birth));
        plim__sheet_text(&sheet, plim__look_type(look, object.type));
        plim__sheet_unsigned(&sheet, object.owner);
        plim__sheet_unsigned(&sheet, object.held_bytes);
        plim__sheet_text(&sheet, plim__draft_view(&text));
        shown++;
    }
    plim__sheet_finish(&sheet);
    plim__draft_fini(&text);
    uint64_t total = shown;
    while (plim__cli_is_human(cli) && plim__look_next(look, &index, &object, &value))
        total++;
    plim__cli_rest(cli, shown, total);
    return plim__look_status(look, err);
}

static void view_show_one(plim__look *look, const plim_region_object *object, const void *value)
{
    plim__out *out = &look->cli->out;
    char bytes[PLIM__UNITS_BYTES];
    const char *owner = plim__look_name_of(look, PLIM_NAME_OWNER, object->owner);
    const char *tag = plim__look_name_of(look, PLIM_NAME_TAG, object->tag);
    const char *site = plim_region_view_text(look->view, object->site);
    plim__units_bytes(bytes, object->held_bytes, out->exact_bytes);
    plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_HEAD));
    plim__out_show(out, plim__look_type(look, object->type));
    plim__out_printf(out, " @%llu%s  %s, %s",
                     (unsigned long long)plim_region_node_id(object->birth),
                     plim__style_off(out->colour), bytes, view_visibility(object->visibility));
    plim__out_printf(out, "\n  owner %u  ", object->owner);
    plim__out_show(out, plim__text_of(owner != NULL ? owner : ""));
    if (plim__look_id_of(look, object->parent) != 0)
        plim__out_printf(out, "\n  parent @%llu",
                         (unsigned long long)plim__look_id_of(look, object->parent));
    if (object->tag != 0 || tag != NULL) {
        plim__out_printf(out, "\n  tag %u  ", object->tag);
        plim__out_show(out, plim__text_of(tag != NULL ? tag : ""));
    }
    if (site != NULL) {
        plim__out_puts(out, "\n  made at ");
        plim__out_show(out, plim__text_of(site));
    }
    plim__out_puts(out, "\n\n");
    plim__value_lines(look, object->type, value);
}

static plim_status view_one(plim__look *look, uint64_t id, plim_error *err)
{
    plim__cli *cli = look->cli;
    plim_region_object object;
    const void *value;
    if (!plim__look_find(look, id, &object, &value)) {
        plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "there is no object @%llu in it",
                                            (unsigned long long)id);
        plim_error_hint(err, "plim view %s --by object", plim__args_file(&cli->args, 0));
        return status;
    }
    if (plim__cli_is_json(cli)) {
        plim__emit_object(&cli->emit, "object");
        view_emit_object(look, &object);
        plim__value_emit(look, object.type, value, VIEW_ONE_ELEMENTS);
        plim__emit_object_end(&cli->emit);
    } else {
        view_show_one(look, &object, value);
    }
    return PLIM_OK;
}

/* --- all together -------------------------------------------------------------------------- */

static plim_status view_part(plim__look *look, plim__group_by by, plim_error *err)
{
    switch (by) {
    case PLIM__BY_TYPE:
    case PLIM__BY_OWNER:
    case PLIM__BY_TAG:
    case PLIM__BY_SITE:
        return plim__look_groups(look, by, err);
    case PLIM__BY_OBJECT:
        return view_list(look, err);
    case PLIM__BY_TREE:
        break;
    }
    return plim__look_tree(look, err);
}

static plim_status view_all(plim__look *look, plim_error *err)
{
    plim__cli *cli = look->cli;
    uint64_t id;
    if (cli->args.operand_count > 1) {
        plim_status status = plim__args_node_id(&cli->args, &id, err);
        return status == PLIM_OK ? view_one(look, id, err) : status;
    }
    if (plim__args_has(&cli->args, PLIM__OPTION_by))
        return view_part(look, (plim__group_by)plim__args_number(&cli->args, PLIM__OPTION_by, 0),
                         err);
    plim_status status = view_part(look, PLIM__BY_TYPE, err);
    if (status != PLIM_OK || (!plim__cli_is_human(cli) && !plim__cli_is_json(cli)))
        return status;
    if (plim__cli_is_human(cli))
        plim__out_puts(&cli->out, "\n");
    return view_part(look, PLIM__BY_OWNER, err);
}

/* Where a process has no region: its blocks, if it runs with our library. What is said of one that
   has neither is said of its region. */
static plim_status view_start(plim__cli *cli, plim__look *look, bool *out_is_shown, plim_error *err)
{
    const char *address = plim__args_file(&cli->args, 0);
    int64_t pid = plim__view_process_id(address);
    plim_error first = {0};
    plim_error second = {0};
    bool is_heap = pid > 0 && strncmp(address, "heap:", strlen("heap:")) == 0;
    plim_status status = is_heap ? PLIM_ERR_UNSUPPORTED : plim__look_open(cli, look, &first);
    *out_is_shown = false;
    if (status == PLIM_ERR_UNSUPPORTED && pid > 0) {
        plim_status shown = plim__view_process(cli, pid, &second);
        bool has_none = !is_heap && shown == PLIM_ERR_UNSUPPORTED && second.hint[0] == '\0';
        *out_is_shown = shown == PLIM_OK;
        if (!has_none) {
            *err = second;
            return shown;
        }
    }
    if (status != PLIM_OK)
        *err = first;
    return status;
}

plim_status plim__cmd_view(plim__cli *cli, plim_error *err)
{
    static plim__look look; /* 64 KiB of filters: too much for a stack */
    bool is_shown = false;
    look = (plim__look){.cli = cli};
    plim_status status = view_start(cli, &look, &is_shown, err);
    if (is_shown)
        return status;
    if (status == PLIM_OK && plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "view");
        view_emit_head(&look);
    } else if (status == PLIM_OK && plim__cli_is_human(cli) && cli->args.operand_count == 1) {
        view_show_head(&look);
    }
    if (status == PLIM_OK)
        status = view_all(&look, err);
    if (status == PLIM_OK && plim__cli_is_json(cli))
        plim__emit_finish(&cli->emit);
    plim__look_close(&look);
    return status;
}
