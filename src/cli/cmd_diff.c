/* SPDX-License-Identifier: MIT */
/*
 * Two snapshots compared. By id, objects are followed; where ids do not compare (their sidecars
 * name different series), only what each class gained or lost in all can be said.
 */
#include <plimsoll/diff.h>

#include <stdlib.h>

#include "cli/heapfile.h"
#include "cli/series.h"
#include "cli/sheet.h"
#include "cli/units.h"

typedef struct diff_totals {
    uint64_t added, removed, added_bytes, removed_bytes;
    int64_t delta_bytes;
} diff_totals;

/* By class: what was added and removed cannot be told apart, only their difference is known. */
static plim_diff_row diff_as_class(plim_diff_row row)
{
    row.added = row.delta > 0 ? (uint32_t)row.delta : 0;
    row.removed = row.delta < 0 ? (uint32_t)-row.delta : 0;
    row.added_bytes = row.delta_bytes > 0 ? (uint64_t)row.delta_bytes : 0;
    row.removed_bytes = row.delta_bytes < 0 ? (uint64_t)-row.delta_bytes : 0;
    return row;
}

static bool diff_row(const plim_diff *diff, uint32_t index, bool by_class, plim_diff_row *out_row)
{
    *out_row = *plim_diff_get(diff, index);
    if (!by_class)
        return true;
    *out_row = diff_as_class(*out_row);
    return out_row->delta != 0 || out_row->delta_bytes != 0;
}

static diff_totals diff_sum(const plim_diff *diff, bool by_class, uint32_t *out_count)
{
    diff_totals totals = {0};
    *out_count = 0;
    for (uint32_t i = 0; i < plim_diff_count(diff); i++) {
        plim_diff_row row;
        if (!diff_row(diff, i, by_class, &row))
            continue;
        (*out_count)++;
        totals.added += row.added;
        totals.removed += row.removed;
        totals.added_bytes += row.added_bytes;
        totals.removed_bytes += row.removed_bytes;
        totals.delta_bytes += row.delta_bytes;
    }
    return totals;
}

static void diff_sheet(plim__cli *cli, const plim_diff *diff, bool by_class, uint64_t top)
{
    static const plim__column columns[] = {
        {"name", "class", PLIM__CELL_NAME},
        {"added", "added", PLIM__CELL_COUNT},
        {"removed", "removed", PLIM__CELL_COUNT},
        {"delta", "change", PLIM__CELL_COUNT_CHANGE},
        {"added_bytes", "+ bytes", PLIM__CELL_BYTES},
        {"removed_bytes", "- bytes", PLIM__CELL_BYTES},
        {"delta_bytes", "growth", PLIM__CELL_CHANGE},
    };
    plim__sheet sheet;
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "classes", columns, 7);
    uint64_t shown = 0;
    for (uint32_t i = 0; i < plim_diff_count(diff) && shown < top; i++) {
        plim_diff_row row;
        if (!diff_row(diff, i, by_class, &row))
            continue;
        shown++;
        plim__sheet_text(&sheet, row.name);
        plim__sheet_unsigned(&sheet, row.added);
        plim__sheet_unsigned(&sheet, row.removed);
        plim__sheet_signed(&sheet, row.delta);
        plim__sheet_unsigned(&sheet, row.added_bytes);
        plim__sheet_unsigned(&sheet, row.removed_bytes);
        plim__sheet_signed(&sheet, row.delta_bytes);
    }
    plim__sheet_finish(&sheet);
}

static void diff_headline(plim__cli *cli, const diff_totals *totals, bool by_class)
{
    char change[PLIM__UNITS_BYTES];
    char added[PLIM__UNITS_BYTES];
    char removed[PLIM__UNITS_BYTES];
    const char *word = totals->delta_bytes > 0 ? "grew" : "shrank";
    plim__style style = totals->delta_bytes > 0 ? PLIM__STYLE_BAD : PLIM__STYLE_GOOD;
    plim__units_change(change, totals->delta_bytes, cli->out.exact_bytes);
    plim__units_count(added, totals->added);
    plim__units_count(removed, totals->removed);
    if (totals->delta_bytes == 0)
        plim__out_puts(&cli->out, "no growth");
    else
        plim__out_printf(&cli->out, "%s %s%s%s", word, plim__style_on(cli->out.colour, style),
                         change, plim__style_off(cli->out.colour));
    plim__out_printf(&cli->out, ": %s objects added, %s removed (matched by %s)\n\n", added,
                     removed, by_class ? "class" : "id");
}

static void diff_show(plim__cli *cli, const plim_diff *diff, bool by_class)
{
    uint32_t count;
    diff_totals totals = diff_sum(diff, by_class, &count);
    uint64_t top = plim__cli_top(cli, count);
    uint64_t min_growth = plim__args_number(&cli->args, PLIM__OPTION_min_growth, 0);
    bool grew = totals.delta_bytes > 0 && (uint64_t)totals.delta_bytes > min_growth;
    cli->finding = grew && plim__args_has(&cli->args, PLIM__OPTION_gate);
    if (plim__cli_is_json(cli)) {
        plim__emit_start(&cli->emit, &cli->out, "diff");
        plim__emit_string(&cli->emit, "matched_by", by_class ? "class" : "id");
        plim__emit_unsigned(&cli->emit, "added", totals.added);
        plim__emit_unsigned(&cli->emit, "removed", totals.removed);
        plim__emit_unsigned(&cli->emit, "added_bytes", totals.added_bytes);
        plim__emit_unsigned(&cli->emit, "removed_bytes", totals.removed_bytes);
        plim__emit_signed(&cli->emit, "delta_bytes", totals.delta_bytes);
    } else if (plim__cli_is_human(cli)) {
        diff_headline(cli, &totals, by_class);
    }
    diff_sheet(cli, diff, by_class, top);
    if (plim__cli_is_json(cli))
        plim__emit_finish(&cli->emit);
    plim__cli_rest(cli, top, count);
}

/* --match, else what the sidecars and C programs say; without any, by id, as DevTools does, unless
   the ids are addresses. */
static bool diff_is_by_class(const plim__cli *cli, const plim__heap *base, const plim__heap *target)
{
    enum { BY_ID, BY_CLASS };
    if (plim__args_has(&cli->args, PLIM__OPTION_match))
        return plim__args_number(&cli->args, PLIM__OPTION_match, BY_ID) == BY_CLASS;
    return plim__heap_ids_are_addresses(base) || plim__heap_ids_are_addresses(target) ||
           plim__series_differs(cli->args.operands, 2);
}

plim_status plim__cmd_diff(plim__cli *cli, plim_error *err)
{
    plim__heap base = {0};
    plim__heap target = {0};
    plim_diff *diff = NULL;
    plim_status status = plim__heap_read(cli, cli->args.operands[0], &base, err);
    if (status == PLIM_OK)
        status = plim__heap_open(cli, cli->args.operands[1], PLIM_WANT_CLASSES, &target, err);
    if (status == PLIM_OK)
        status = plim__heap_analyse(cli, &base, PLIM_WANT_CLASSES, target.analysis, err);
    if (status == PLIM_OK)
        status = plim_diff_create(base.analysis, target.analysis, cli->allocator, &diff, err);
    bool by_class = status == PLIM_OK && diff_is_by_class(cli, &base, &target);
    if (status == PLIM_OK)
        diff_show(cli, diff, by_class);
    bool is_told = plim__args_has(&cli->args, PLIM__OPTION_match);
    if (status == PLIM_OK && by_class && !is_told)
        plim__say_later(&cli->say, "objects were matched by class: these are not of one connection "
                                   "or one C program, so an id may mean another object in each");
    if (status == PLIM_OK && !by_class && !is_told && !plim__series_is_one(cli->args.operands, 2))
        plim__say_later(&cli->say, "objects were matched by id: right if both snapshots are of one "
                                   "connection; otherwise --match class");
    plim_diff_destroy(&diff);
    plim__heap_close(&base);
    plim__heap_close(&target);
    return status;
}
