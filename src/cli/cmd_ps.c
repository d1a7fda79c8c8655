/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/session.h"
#include "cli/sheet.h"
#include "cli/workers.h"

static void ps_emit(plim__cli *cli, const plim_found_list *list, const plim__workers *workers)
{
    plim__emit_start(&cli->emit, &cli->out, "ps");
    plim__emit_array(&cli->emit, "targets");
    for (uint32_t i = 0; i < plim_found_list_count(list); i++) {
        const plim_found *found = plim_found_list_get(list, i);
        plim__emit_object(&cli->emit, NULL);
        plim__emit_string(&cli->emit, "runtime", found->runtime);
        if (found->version[0] != '\0')
            plim__emit_string(&cli->emit, "version", found->version);
        else
            plim__emit_null(&cli->emit, "version");
        plim__emit_signed(&cli->emit, "pid", found->pid);
        plim__emit_string(&cli->emit, "title", found->title);
        if (found->address[0] != '\0')
            plim__emit_string(&cli->emit, "address", found->address);
        else
            plim__emit_null(&cli->emit, "address");
        plim__emit_bool(&cli->emit, "can_open", found->can_open);
        if (found->how_to_open[0] != '\0')
            plim__emit_string(&cli->emit, "how_to_open", found->how_to_open);
        else
            plim__emit_null(&cli->emit, "how_to_open");
        plim__emit_object_end(&cli->emit);
    }
    plim__emit_array_end(&cli->emit);
    plim__workers_emit(workers, &cli->emit);
    plim__emit_finish(&cli->emit);
}

/* Tables of tabs have all in one: who supervises, and what is below it. */
static void ps_sheet_workers(plim__sheet *sheet, const plim__workers *workers)
{
    for (uint32_t i = 0; i < workers->row_count; i++) {
        const plim__workers_row *row = &workers->rows[i];
        char address[32];
        int64_t pid = row->row != NULL ? row->row->pid : row->supervisor;
        (void)snprintf(address, sizeof address, "pid:%lld",
                       (long long)(row->has_view ? pid : row->supervisor));
        plim__sheet_unsigned(sheet, pid > 0 ? (uint64_t)pid : PLIM_UNKNOWN);
        plim__sheet_text(sheet, plim__text_of(row->row != NULL ? "worker" : "supervisor"));
        plim__sheet_text(sheet, plim__text_of(""));
        plim__sheet_text(sheet, plim__text_of(address));
        plim__sheet_text(sheet, plim__text_of(row->row != NULL ? row->row->id : row->head->name));
    }
}

static void ps_show_workers(plim__cli *cli, const plim__workers *workers)
{
    plim__draft line;
    if (workers->row_count == 0)
        return;
    plim__draft_init(&line, cli->allocator);
    plim__out_puts(&cli->out, "\n");
    plim__workers_title(false, &line);
    plim__out_styled(&cli->out, PLIM__STYLE_HEAD, plim__draft_peek(&line));
    plim__out_puts(&cli->out, "\n");
    for (uint32_t i = 0; i < workers->row_count; i++) {
        plim__draft_clear(&line);
        plim__workers_line(&workers->rows[i], cli->out.columns >= PLIM__WORKERS_WIDE_COLUMNS,
                           &line);
        plim__draft_puts(&line, "\n");
        if (plim__workers_is_bad(&workers->rows[i]))
            plim__out_styled(&cli->out, PLIM__STYLE_BAD, plim__draft_peek(&line));
        else
            plim__out_puts(&cli->out, plim__draft_peek(&line));
    }
    plim__draft_fini(&line);
    plim__say_later(&cli->say, "to see them live: plim top");
}

static void ps_sheet(plim__cli *cli, const plim_found_list *list, const plim__workers *workers)
{
    static const plim__column columns[] = {
        {"pid", "pid", PLIM__CELL_PLAIN_NUMBER}, {"runtime", "runtime", PLIM__CELL_TEXT},
        {"version", "version", PLIM__CELL_TEXT}, {"address", "target", PLIM__CELL_NAME},
        {"title", "title", PLIM__CELL_TEXT},
    };
    plim__sheet sheet;
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "targets", columns, 5);
    for (uint32_t i = 0; i < plim_found_list_count(list); i++) {
        const plim_found *found = plim_found_list_get(list, i);
        const char *address = found->address;
        if (address[0] == '\0' && plim__cli_is_human(cli))
            address = found->can_open ? "closed, can be opened" : "closed";
        plim__sheet_unsigned(&sheet, found->pid >= 0 ? (uint64_t)found->pid : PLIM_UNKNOWN);
        plim__sheet_text(&sheet, plim__text_of(found->runtime));
        plim__sheet_text(&sheet, plim__text_of(found->version));
        plim__sheet_text(&sheet, plim__text_of(address));
        plim__sheet_text(&sheet, plim__text_of(found->title));
    }
    if (!plim__cli_is_human(cli))
        ps_sheet_workers(&sheet, workers);
    plim__sheet_finish(&sheet);
}

static void ps_hint(plim__cli *cli, const plim_found_list *list)
{
    for (uint32_t i = 0; i < plim_found_list_count(list); i++) {
        const plim_found *found = plim_found_list_get(list, i);
        if (found->how_to_open[0] != '\0') {
            plim__say_later(&cli->say, "%s, pid %lld: %s", found->runtime, (long long)found->pid,
                            found->how_to_open);
            break;
        }
    }
    for (uint32_t i = 0; i < plim_found_list_count(list); i++) {
        const plim_found *found = plim_found_list_get(list, i);
        if (found->can_open && found->address[0] == '\0') {
            plim__say_later(&cli->say, "to open a closed one: plim usage pid:%lld --open-inspector",
                            (long long)found->pid);
            return;
        }
    }
}

plim_status plim__cmd_ps(plim__cli *cli, plim_error *err)
{
    plim_target_options options = plim__session_options(cli);
    plim_found_list *list = NULL;
    plim__workers workers = {.cli = cli};
    plim__say_begin(&cli->say, "looking for targets");
    plim_status status = plim_discover(&options, &list, err);
    if (status == PLIM_OK)
        status = plim__workers_look(&workers, 0, err);
    plim__say_end(&cli->say);
    if (status == PLIM_OK && plim__cli_is_json(cli))
        ps_emit(cli, list, &workers);
    else if (status == PLIM_OK)
        ps_sheet(cli, list, &workers);
    if (status == PLIM_OK && plim__cli_is_human(cli)) {
        if (plim_found_list_count(list) == 0)
            plim__out_puts(&cli->out, "nothing to inspect is running on this machine\n");
        ps_show_workers(cli, &workers);
    }
    if (status == PLIM_OK)
        ps_hint(cli, list);
    plim__workers_fini(&workers);
    plim_found_list_destroy(&list);
    return status;
}
