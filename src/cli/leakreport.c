/* SPDX-License-Identifier: MIT */
#include "cli/leakreport.h"

#include <plimsoll/leaks.h>

#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/object.h"
#include "cli/sheet.h"
#include "cli/units.h"

enum { LEAKREPORT_INDENT = 5, LEAKREPORT_MIN_BY_CLASS = 1 << 20 };

/* Everything of one judgement, so that it is ended in one place. */
typedef struct leakreport_case {
    plim__heap heaps[PLIM_LEAKS_ROUNDS_MAX];
    const plim_analysis *analyses[PLIM_LEAKS_ROUNDS_MAX];
    plim_leaks *leaks;
    plim_match match;
} leakreport_case;

static plim_match leakreport_match(const plim__cli *cli, const plim__leak_files *files,
                                   const plim__heap *heaps)
{
    enum { BY_ID };
    if (plim__args_has(&cli->args, PLIM__OPTION_match))
        return plim__args_number(&cli->args, PLIM__OPTION_match, BY_ID) == BY_ID ? PLIM_MATCH_ID
                                                                                 : PLIM_MATCH_CLASS;
    for (uint32_t i = 0; i < files->count; i++)
        if (plim__heap_ids_are_addresses(&heaps[i]))
            return PLIM_MATCH_CLASS;
    return files->one_series ? PLIM_MATCH_ID : PLIM_MATCH_CLASS;
}

/* Adds text broken into lines at blanks, each indented; words longer than a line stay whole. */
static void leakreport_wrap(plim__cli *cli, const char *text, uint32_t indent)
{
    plim__out *out = &cli->out;
    size_t width = out->columns > indent + 30 ? out->columns - indent : 30;
    plim__draft shown;
    plim__draft_init(&shown, out->draft.allocator);
    plim__glyphs_show(&shown, plim__text_of(text));
    const char *at = plim__draft_peek(&shown);
    while (*at != '\0') {
        size_t end = 0;
        size_t columns = 0;
        while (at[end] != '\0') {
            size_t word = end + strspn(at + end, " ");
            word += strcspn(at + word, " ");
            columns = plim__glyphs_columns((plim_text){at, word});
            if (end > 0 && columns > width)
                break;
            end = word;
        }
        plim__draft_fill(&out->draft, ' ', indent);
        plim__out_text(out, (plim_text){at, end});
        plim__out_puts(out, "\n");
        at += end;
        at += strspn(at, " ");
    }
    plim__draft_fini(&shown);
}

static void leakreport_growth(plim__cli *cli, const plim_leak *leak)
{
    plim__out *out = &cli->out;
    plim__draft line;
    plim__draft_init(&line, out->draft.allocator);
    plim__draft_puts(&line, "grew by ");
    for (uint32_t i = 0; i < leak->round_count; i++) {
        char change[PLIM__UNITS_BYTES];
        char count[PLIM__UNITS_BYTES];
        plim__units_change(change, (int64_t)leak->growth_bytes[i], out->exact_bytes);
        plim__units_count_change(count, (int64_t)leak->growth_count[i]);
        plim__draft_printf(&line, "%s%s (%s", i > 0 ? ", then " : "", change, count);
        if (i == 0)
            plim__draft_puts(&line, leak->growth_count[i] == 1 ? " object" : " objects");
        plim__draft_puts(&line, ")");
    }
    leakreport_wrap(cli, plim__draft_peek(&line), LEAKREPORT_INDENT);
    plim__draft_fini(&line);
}

static void leakreport_show_leak(plim__cli *cli, const plim_analysis *last, const plim_leak *leak,
                                 uint32_t number)
{
    plim__out *out = &cli->out;
    char retained[PLIM__UNITS_BYTES];
    char self[PLIM__UNITS_BYTES];
    char count[PLIM__UNITS_BYTES];
    plim__units_bytes(retained, leak->retained_bytes, out->exact_bytes);
    plim__units_bytes(self, leak->self_bytes, out->exact_bytes);
    plim__units_count(count, leak->count);
    plim__out_printf(out, "\n%3u. ", number);
    plim__out_puts(out, plim__style_on(out->colour, PLIM__STYLE_HEAD));
    plim__out_show(out, leak->name);
    plim__out_puts(out, plim__style_off(out->colour));
    plim__out_puts(out, "  ");
    plim__out_styled(out, PLIM__STYLE_BAD, plim_leak_kind_name(leak->kind));
    plim__out_puts(out, "\n");
    leakreport_growth(cli, leak);
    plim__out_printf(out, "     retains %s in %s objects (%s themselves)\n", retained, count, self);
    if (leak->says != NULL && leak->says[0] != '\0')
        leakreport_wrap(cli, leak->says, LEAKREPORT_INDENT);
    uint32_t path_count = leak->paths != NULL ? plim_paths_count(leak->paths) : 0;
    for (uint32_t i = 0; i < path_count; i++) {
        plim__draft_fill(&out->draft, ' ', LEAKREPORT_INDENT);
        plim__out_styled(out, PLIM__STYLE_HEAD, "held by\n");
        plim__object_show_path(cli, last, plim_paths_get(leak->paths, i), LEAKREPORT_INDENT + 2);
    }
}

static void leakreport_quoted(plim__out *out, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._-/+:@%,";
    bool quote = path[strspn(path, plain)] != '\0' || path[0] == '\0';
    plim__out_puts(out, quote ? " '" : " ");
    plim__out_show(out, plim__text_of(path));
    plim__out_puts(out, quote ? "'" : "");
}

static void leakreport_next(plim__cli *cli, const plim__leak_files *files, const plim_leak *first)
{
    plim__out *out = &cli->out;
    if ((!files->kept && first == NULL) || cli->say.quiet)
        return;
    const char *last = files->paths[files->count - 1];
    plim__out_styled(out, PLIM__STYLE_HEAD, "\nnext\n");
    if (first != NULL) {
        plim__out_puts(out, "  plim retainers");
        leakreport_quoted(out, last);
        plim__out_printf(out, " @%llu\n", (unsigned long long)first->sample_id);
        plim__out_puts(out, "  plim paths");
        leakreport_quoted(out, last);
        plim__out_printf(out, " @%llu -n 10\n", (unsigned long long)first->sample_id);
    }
    plim__out_puts(out, "  plim diff");
    leakreport_quoted(out, files->paths[0]);
    leakreport_quoted(out, last);
    plim__out_puts(out, "\n  plim summary");
    leakreport_quoted(out, last);
    plim__out_puts(out, "\n");
}

static const char *leakreport_match_name(plim_match match)
{
    return match == PLIM_MATCH_ID ? "id" : "class";
}

static void leakreport_explain_match(plim__cli *cli, bool ids_are_addresses)
{
    char least[PLIM__UNITS_BYTES];
    char text[400];
    plim__units_bytes(
        least, plim__args_number(&cli->args, PLIM__OPTION_min_growth, LEAKREPORT_MIN_BY_CLASS),
        false);
    (void)snprintf(
        text, sizeof text,
        "%s, so classes were compared, not objects: what grows by less than "
        "--min-growth (%s) is not seen.%s",
        ids_are_addresses ? "Ids are addresses here, and objects move"
                          : "These files are not known to be of one series",
        least, ids_are_addresses ? "" : " plim snap --count 3 takes a series; --match id insists.");
    plim__out_puts(&cli->out, "\n");
    leakreport_wrap(cli, text, 0);
}

static void leakreport_show(plim__cli *cli, const leakreport_case *all,
                            const plim__leak_files *files)
{
    plim__out *out = &cli->out;
    uint32_t count = plim_leaks_count(all->leaks);
    uint64_t top = plim__cli_top(cli, count);
    char text[160];
    if (count == 0)
        (void)snprintf(text, sizeof text, "no leak");
    else
        (void)snprintf(text, sizeof text, "%u leak%s", count, count == 1 ? "" : "s");
    plim__out_styled(out, count > 0 ? PLIM__STYLE_BAD : PLIM__STYLE_GOOD, text);
    plim__out_printf(out, " over %u snapshots, matched by %s\n", files->count,
                     leakreport_match_name(all->match));
    for (uint32_t i = 0; i < top; i++)
        leakreport_show_leak(cli, all->analyses[files->count - 1], plim_leaks_get(all->leaks, i),
                             i + 1);
    plim__out_puts(out, top < count ? "\n" : "");
    plim__cli_rest(cli, top, count);
    if (all->match == PLIM_MATCH_CLASS && !plim__args_has(&cli->args, PLIM__OPTION_match))
        leakreport_explain_match(cli, plim__heap_ids_are_addresses(&all->heaps[0]));
    leakreport_next(cli, files, count > 0 ? plim_leaks_get(all->leaks, 0) : NULL);
}

static void leakreport_emit_leak(plim__cli *cli, const plim_analysis *last, const plim_leak *leak)
{
    plim__emit *emit = &cli->emit;
    plim__emit_object(emit, NULL);
    plim__emit_text(emit, "name", leak->name);
    plim__emit_string(emit, "kind", plim_leak_kind_name(leak->kind));
    plim__emit_unsigned(emit, "count", leak->count);
    plim__emit_unsigned(emit, "self_bytes", leak->self_bytes);
    plim__emit_unsigned(emit, "retained_bytes", leak->retained_bytes);
    plim__emit_array(emit, "growth_bytes");
    for (uint32_t i = 0; i < leak->round_count; i++)
        plim__emit_unsigned(emit, NULL, leak->growth_bytes[i]);
    plim__emit_array_end(emit);
    plim__emit_array(emit, "growth_count");
    for (uint32_t i = 0; i < leak->round_count; i++)
        plim__emit_unsigned(emit, NULL, leak->growth_count[i]);
    plim__emit_array_end(emit);
    plim__emit_unsigned(emit, "sample_id", leak->sample_id);
    plim_node holder;
    plim_graph_node(plim_analysis_graph(last), leak->holder, &holder);
    plim__emit_unsigned(emit, "holder_id", holder.id);
    if (leak->paths != NULL && plim_paths_count(leak->paths) > 0) {
        plim__object_emit_path(cli, "path", last, plim_paths_get(leak->paths, 0));
    } else {
        plim__emit_array(emit, "path");
        plim__emit_array_end(emit);
    }
    plim__emit_string(emit, "says", leak->says != NULL ? leak->says : "");
    plim__emit_object_end(emit);
}

static void leakreport_emit(plim__cli *cli, const leakreport_case *all,
                            const plim__leak_files *files)
{
    plim__emit *emit = &cli->emit;
    uint64_t top = plim__cli_top(cli, plim_leaks_count(all->leaks));
    bool named = files->kept || plim_leaks_count(all->leaks) > 0;
    plim__emit_start(emit, &cli->out, "leaks");
    plim__emit_string(emit, "matched_by", leakreport_match_name(all->match));
    plim__emit_unsigned(emit, "lost_ids", plim_leaks_lost_ids(all->leaks));
    plim__emit_array(emit, "snapshots");
    for (uint32_t i = 0; named && i < files->count; i++)
        plim__emit_string(emit, NULL, files->paths[i]);
    plim__emit_array_end(emit);
    plim__emit_array(emit, "leaks");
    for (uint32_t i = 0; i < top; i++)
        leakreport_emit_leak(cli, all->analyses[files->count - 1], plim_leaks_get(all->leaks, i));
    plim__emit_array_end(emit);
    plim__emit_finish(emit);
}

static void leakreport_sheet(plim__cli *cli, const leakreport_case *all)
{
    static const plim__column columns[] = {
        {"name", "name", PLIM__CELL_NAME},
        {"kind", "kind", PLIM__CELL_NAME},
        {"count", "count", PLIM__CELL_COUNT},
        {"self_bytes", "shallow", PLIM__CELL_BYTES},
        {"retained_bytes", "retained", PLIM__CELL_BYTES},
        {"sample_id", "sample", PLIM__CELL_ID},
        {"says", "says", PLIM__CELL_NAME},
    };
    plim__sheet sheet;
    uint64_t top = plim__cli_top(cli, plim_leaks_count(all->leaks));
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "leaks", columns, 7);
    for (uint32_t i = 0; i < top; i++) {
        const plim_leak *leak = plim_leaks_get(all->leaks, i);
        plim__sheet_text(&sheet, leak->name);
        plim__sheet_text(&sheet, plim__text_of(plim_leak_kind_name(leak->kind)));
        plim__sheet_unsigned(&sheet, leak->count);
        plim__sheet_unsigned(&sheet, leak->self_bytes);
        plim__sheet_unsigned(&sheet, leak->retained_bytes);
        plim__sheet_unsigned(&sheet, leak->sample_id);
        plim__sheet_text(&sheet, plim__text_of(leak->says != NULL ? leak->says : ""));
    }
    plim__sheet_finish(&sheet);
}

static plim_status leakreport_find(plim__cli *cli, const plim__leak_files *files,
                                   leakreport_case *all, plim_error *err)
{
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; status == PLIM_OK && i < files->count; i++) {
        status = plim__heap_open(cli, files->paths[i], PLIM_WANT_ALL, &all->heaps[i], err);
        all->analyses[i] = all->heaps[i].analysis;
    }
    if (status != PLIM_OK)
        return status;
    all->match = leakreport_match(cli, files, all->heaps);
    uint64_t otherwise = all->match == PLIM_MATCH_ID ? 0 : LEAKREPORT_MIN_BY_CLASS;
    plim_leaks_options options = {
        .struct_bytes = sizeof options,
        .match = all->match,
        .min_growth_bytes = plim__args_number(&cli->args, PLIM__OPTION_min_growth, otherwise),
        .allocator = cli->allocator,
    };
    plim__say_begin(&cli->say, "looking for what grows");
    status = plim_leaks_find(all->analyses, files->count, &options, &all->leaks, err);
    plim__say_end(&cli->say);
    return status;
}

plim_status plim__leaks_report(plim__cli *cli, const plim__leak_files *files, uint32_t *out_count,
                               plim_error *err)
{
    leakreport_case all = {0};
    plim_status status = leakreport_find(cli, files, &all, err);
    if (status == PLIM_OK) {
        *out_count = plim_leaks_count(all.leaks);
        cli->finding = *out_count > 0;
        uint64_t lost_ids = plim_leaks_lost_ids(all.leaks);
        if (lost_ids >= PLIM_LEAKS_LOST_IDS_MAX && !files->reloaded)
            plim__say_always(
                &cli->say,
                "%llu ids changed their objects between the snapshots: another debugger "
                "visited the target; take the series again, counts may be off",
                (unsigned long long)lost_ids);
        if (plim__cli_is_json(cli))
            leakreport_emit(cli, &all, files);
        else if (plim__cli_is_human(cli))
            leakreport_show(cli, &all, files);
        else
            leakreport_sheet(cli, &all);
    }
    plim_leaks_destroy(&all.leaks);
    for (uint32_t i = 0; i < files->count; i++)
        plim__heap_close(&all.heaps[i]);
    return status;
}
