/* SPDX-License-Identifier: MIT */
/*
 * The table has a row for each function, whatever it was called from: what its own code holds or
 * made ("self"), and that with all that it called ("total"). Columns for what the recording does
 * not know (numbers of objects) are null in JSON and not there for people.
 */
#include "cli/profile.h"

#include <string.h>

#include "cli/flame.h"
#include "cli/sheet.h"
#include "cli/units.h"

typedef struct profile_table {
    plim__cli *cli;
    const plim_profile *profile;
    plim_profile_info info;
    plim_profile_site *sites;
    uint32_t count;
} profile_table;

static uint64_t profile_share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (uint64_t)((double)part * 1000.0 / (double)whole + 0.5);
}

static void profile_row(profile_table *table, plim__sheet *sheet, const plim_profile_site *site)
{
    plim_profile_frame frame;
    plim__draft place;
    uint64_t whole = table->info.total[table->info.main];
    plim__draft_init(&place, table->cli->allocator);
    plim_profile_read_frame(table->profile, site->frame, &frame);
    plim__sheet_unsigned(sheet, site->self);
    plim__sheet_unsigned(sheet, profile_share(site->self, whole));
    plim__sheet_unsigned(sheet, site->total);
    plim__sheet_text(sheet,
                     frame.function.size_bytes > 0 ? frame.function : plim__text_of("(anonymous)"));
    if (frame.source.size_bytes > 0 && frame.line > 0) {
        plim__draft_add(&place, frame.source.data, frame.source.size_bytes);
        plim__draft_printf(&place, ":%u", (unsigned)frame.line);
        if (frame.column > 0) /* C has none */
            plim__draft_printf(&place, ":%u", (unsigned)frame.column);
        plim__sheet_text(sheet, plim__draft_view(&place));
    } else if (frame.source.size_bytes > 0) {
        plim__sheet_text(sheet, frame.source);
    } else {
        plim__sheet_null(sheet);
    }
    plim__draft_fini(&place);
}

static void profile_sheet(profile_table *table, uint64_t top)
{
    static const plim__column columns[] = {
        {"self_bytes", "self", PLIM__CELL_BYTES},   {"share", "share", PLIM__CELL_SHARE},
        {"total_bytes", "total", PLIM__CELL_BYTES}, {"name", "function", PLIM__CELL_NAME},
        {"source", "source", PLIM__CELL_PLACE},
    };
    plim__sheet sheet;
    plim__sheet_start(&sheet, &table->cli->out, &table->cli->emit, "functions", columns, 5);
    for (uint64_t i = 0; i < top; i++)
        profile_row(table, &sheet, &table->sites[i]);
    plim__sheet_finish(&sheet);
}

/* Functions with something of their own; the others only passed on. */
static uint32_t profile_own_count(const profile_table *table)
{
    uint32_t own = 0;
    while (own < table->count && table->sites[own].self > 0)
        own++;
    return own;
}

static void profile_headline(const profile_table *table)
{
    char total[PLIM__UNITS_BYTES];
    plim__out *out = &table->cli->out;
    uint32_t own = profile_own_count(table);
    bool is_alive = table->info.main == PLIM_MEASURE_LIVE_BYTES;
    if (own == 0) {
        plim__out_puts(out, is_alive ? "nothing that was sampled in this time is still alive\n"
                                     : "nothing was allocated in this time\n");
        return;
    }
    plim__units_bytes(total, table->info.total[table->info.main], out->exact_bytes);
    plim__out_styled(out, PLIM__STYLE_HEAD, total);
    plim__out_printf(out, " allocated in this time%s, by %u function%s\n\n",
                     is_alive ? " and still alive" : ", whatever became of it", own,
                     own == 1 ? "" : "s");
}

static void profile_emit(const profile_table *table)
{
    plim__emit *emit = &table->cli->emit;
    const plim_profile_info *info = &table->info;
    plim__emit_unsigned(emit, "total_bytes", info->total[info->main]);
    plim__emit_string(emit, "measure", plim_measure_name(info->main));
    for (unsigned measure = 0; measure < PLIM_MEASURES; measure++) {
        const char *name = plim_measure_name((plim_measure)measure);
        if (info->known & 1u << measure)
            plim__emit_unsigned(emit, name, info->total[measure]);
        else
            plim__emit_null(emit, name);
    }
}

plim_status plim__profile_show(plim__cli *cli, const plim_profile *profile, plim_error *err)
{
    profile_table table = {.cli = cli, .profile = profile};
    plim_profile_read_info(profile, &table.info);
    size_t bytes = table.info.frame_count * sizeof *table.sites;
    table.sites = cli->allocator->resize(cli->allocator->ctx, NULL, 0, bytes);
    if (table.sites == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for the profile");
    plim_status status =
        plim_profile_sites(profile, table.info.main, table.sites, &table.count, err);
    if (status == PLIM_OK) {
        uint32_t own = profile_own_count(&table);
        uint32_t rows = plim__cli_is_human(cli) ? own : table.count;
        uint64_t top = plim__cli_top(cli, rows);
        if (plim__cli_is_json(cli))
            profile_emit(&table);
        else if (plim__cli_is_human(cli))
            profile_headline(&table);
        profile_sheet(&table, top);
        plim__cli_rest(cli, top, rows);
        if (plim__cli_is_human(cli) && cli->out.terminal && own > 0)
            status = plim__flame_show(cli, profile, err);
    }
    (void)cli->allocator->resize(cli->allocator->ctx, table.sites, bytes, 0);
    return status;
}
