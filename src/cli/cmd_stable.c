/* SPDX-License-Identifier: MIT */
/*
 * Stable: whether a heap is at the end what it was at the beginning. Inputs are heap snapshots
 * (rows are classes), or reports of programs that use the library (rows of their fingerprints), or
 * a target of which snapshots are taken, or the reports that a process publishes. The first and the
 * last decide; what differs in between and comes back is said, and no finding.
 * Invariant: S1 snapshots that were taken for this alone are gone at the end, on every way out.
 */
#include <plimsoll/codec.h>
#include <plimsoll/file.h>
#include <plimsoll/publish.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/heapfile.h"
#include "cli/process.h"
#include "cli/record.h"
#include "cli/session.h"
#include "cli/sheet.h"
#include "cli/stable.h"
#include "cli/units.h"

enum {
    STABLE_PEEK_BYTES = 4096,
    STABLE_REPORT_BYTES_MAX = 16 << 20, /* 64 domains of 64 classes at 1,000 sites: 10 MiB */
    STABLE_COUNT_DEFAULT = 3,
    STABLE_PATH_BYTES = 4096
};

static const uint64_t stable_every_default_ns = 30000000000u;

typedef struct stable_run {
    plim__cli *cli;
    plim__stable table;
    const char *const *paths;
    uint32_t count;
    bool of_reports;
} stable_run;

/* ---- reading ---- */

/* Reads up to cap bytes of a file, decompressed. */
static plim_status stable_read_text(plim__cli *cli, const char *path, char *out, size_t cap,
                                    size_t *out_bytes, plim_error *err)
{
    plim_file_source *file = NULL;
    plim_decoder *decoder = NULL;
    size_t piece = 1;
    *out_bytes = 0;
    plim_status status = plim_file_source_open(path, cli->allocator, &file, err);
    if (status == PLIM_OK)
        status = plim_decoder_create(plim_file_source_view(file), cli->allocator, &decoder, err);
    while (status == PLIM_OK && piece > 0 && *out_bytes < cap) {
        plim_source source = plim_decoder_view(decoder);
        status = source.read(source.ctx, out + *out_bytes, cap - *out_bytes, &piece, err);
        if (status == PLIM_OK)
            *out_bytes += piece;
    }
    plim_decoder_destroy(&decoder);
    plim_file_source_close(&file);
    return status;
}

/* A report says so near its beginning; a snapshot begins with its own meta. */
static plim_status stable_is_report(plim__cli *cli, const char *path, bool *out_is, plim_error *err)
{
    char text[STABLE_PEEK_BYTES + 1];
    size_t bytes = 0;
    plim_status status = PLIM_OK;
    *out_is = false;
    if (strcmp(path, "-") == 0)
        return PLIM_OK; /* a stream is read once: a snapshot */
    status = stable_read_text(cli, path, text, STABLE_PEEK_BYTES, &bytes, err);
    for (size_t i = 0; i < bytes; i++)
        text[i] = text[i] != '\0' ? text[i] : ' ';
    text[bytes] = '\0';
    *out_is = status == PLIM_OK && strstr(text, "\"plim.report/1\"") != NULL;
    return status;
}

static plim_status stable_damaged(const char *path, const char *what, plim_error *err)
{
    plim_status status = plim_error_set(err, PLIM_ERR_DAMAGED, "%s", what);
    plim_error_where(err, "%s", path);
    plim_error_hint(err, "plim_report() with PLIM_REPORT_JSON writes such a file");
    return status;
}

static bool stable_add_row(stable_run *run, uint32_t input, const json_t *row)
{
    const char *owner = json_string_value(json_object_get(row, "owner"));
    const char *kind = json_string_value(json_object_get(row, "kind"));
    const char *site = json_string_value(json_object_get(row, "site"));
    const json_t *count = json_object_get(row, "count");
    const json_t *bytes = json_object_get(row, "bytes");
    const char *state = json_string_value(json_object_get(row, "state"));
    if (owner == NULL || kind == NULL || site == NULL || !json_is_integer(count) ||
        !json_is_integer(bytes))
        return false;
    plim__stable_fact fact = {.count = (uint64_t)json_integer_value(count),
                              .bytes = (uint64_t)json_integer_value(bytes)};
    for (const char *at = state; at != NULL && *at != '\0'; at++)
        fact.state = fact.state * 31 + (unsigned char)*at; /* compared, never read */
    plim__stable_add(&run->table, input, plim__text_of(owner), kind, site, &fact);
    return true;
}

/* A report without a fingerprint says at least what each domain holds. */
static plim_status stable_read_domains(stable_run *run, uint32_t input, const json_t *domains,
                                       plim_error *err)
{
    for (size_t i = 0; i < json_array_size(domains); i++) {
        const json_t *row = json_array_get(domains, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        const json_t *count = json_object_get(row, "allocation_count");
        const json_t *bytes = json_object_get(row, "used_bytes");
        if (name == NULL || !json_is_integer(count) || !json_is_integer(bytes))
            return stable_damaged(run->paths[input], "a domain of the report is not whole", err);
        plim__stable_fact fact = {.count = (uint64_t)json_integer_value(count),
                                  .bytes = (uint64_t)json_integer_value(bytes)};
        plim__stable_add(&run->table, input, plim__text_of(name), "blocks", "", &fact);
    }
    return PLIM_OK;
}

static plim_status stable_read_rows(stable_run *run, uint32_t input, const json_t *root,
                                    plim_error *err)
{
    const char *path = run->paths[input];
    const json_t *print = json_object_get(root, "fingerprint");
    const json_t *rows = json_object_get(print, "rows");
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (schema == NULL || strcmp(schema, "plim.report/1") != 0)
        return stable_damaged(path, "the file is no report: its schema is not plim.report/1", err);
    const json_t *domains = json_object_get(root, "domains");
    if (print == NULL && json_is_array(domains))
        return stable_read_domains(run, input, domains, err);
    if (!json_is_array(rows))
        return stable_damaged(path, "the report has no fingerprint and no domains", err);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (!stable_add_row(run, input, json_array_get(rows, i)))
            return stable_damaged(path, "a row of the fingerprint is not whole", err);
    }
    plim__stable_fact rest = {
        .count = (uint64_t)json_integer_value(json_object_get(print, "rest_count")),
        .bytes = (uint64_t)json_integer_value(json_object_get(print, "rest_bytes"))};
    if (rest.count > 0 || rest.bytes > 0)
        plim__stable_add(&run->table, input, plim__text_of("(no row left)"), "", "", &rest);
    return PLIM_OK;
}

static plim_status stable_read_json(stable_run *run, uint32_t input, const char *text, size_t bytes,
                                    plim_error *err)
{
    json_error_t where;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &where);
    plim_status status = root != NULL ? stable_read_rows(run, input, root, err)
                                      : stable_damaged(run->paths[input], where.text, err);
    json_decref(root);
    return status;
}

static plim_status stable_read_report(stable_run *run, uint32_t input, plim_error *err)
{
    plim__cli *cli = run->cli;
    const plim_allocator *allocator = cli->allocator;
    const char *path = run->paths[input];
    size_t bytes = 0;
    char *text = allocator->resize(allocator->ctx, NULL, 0, STABLE_REPORT_BYTES_MAX);
    if (text == NULL)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory to read %s", path);
    plim_status status = stable_read_text(cli, path, text, STABLE_REPORT_BYTES_MAX, &bytes, err);
    if (status == PLIM_OK && bytes == STABLE_REPORT_BYTES_MAX)
        status = plim_error_set(err, PLIM_ERR_LIMIT, "%s is longer than a report can be", path);
    if (status == PLIM_OK)
        status = stable_read_json(run, input, text, bytes, err);
    (void)allocator->resize(allocator->ctx, text, STABLE_REPORT_BYTES_MAX, 0);
    return status;
}

static void stable_add_classes(stable_run *run, uint32_t input, const plim_analysis *analysis)
{
    for (uint32_t i = 0; i < plim_analysis_class_count(analysis); i++) {
        plim_class row;
        plim_analysis_class(analysis, i, &row);
        plim__stable_fact fact = {.count = row.count, .bytes = row.self_bytes};
        if (row.count > 0)
            plim__stable_add(&run->table, input, row.name, "", "", &fact);
    }
}

/* Plain objects are named after what the last snapshot infers, so that names compare. */
static plim_status stable_read_snapshots(stable_run *run, plim_error *err)
{
    plim__heap last = {0};
    uint32_t end = run->count - 1;
    plim_status status = plim__heap_open(run->cli, run->paths[end], PLIM_WANT_CLASSES, &last, err);
    if (status == PLIM_OK)
        stable_add_classes(run, end, last.analysis);
    for (uint32_t i = 0; status == PLIM_OK && i < end; i++) {
        plim__heap heap = {0};
        status = plim__heap_read(run->cli, run->paths[i], &heap, err);
        if (status == PLIM_OK)
            status = plim__heap_analyse(run->cli, &heap, PLIM_WANT_CLASSES, last.analysis, err);
        if (status == PLIM_OK)
            stable_add_classes(run, i, heap.analysis);
        plim__heap_close(&heap);
    }
    plim__heap_close(&last);
    return status;
}

static plim_status stable_read(stable_run *run, plim_error *err)
{
    uint32_t reports = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        bool is_report = false;
        plim_status status = stable_is_report(run->cli, run->paths[i], &is_report, err);
        if (status != PLIM_OK)
            return status;
        reports += is_report;
    }
    if (reports > 0 && reports < run->count)
        return plim_error_set(err, PLIM_ERR_USAGE,
                              "reports and heap snapshots cannot be compared with each other");
    run->of_reports = reports > 0;
    if (!run->of_reports)
        return stable_read_snapshots(run, err);
    plim_status status = PLIM_OK;
    for (uint32_t i = 0; status == PLIM_OK && i < run->count; i++)
        status = stable_read_report(run, i, err);
    return status;
}

/* ---- showing ---- */

static const char *stable_word(plim__stable_change change)
{
    static const char *const words[] = {[PLIM__STABLE_SAME] = "same",
                                        [PLIM__STABLE_RETURNED] = "returned",
                                        [PLIM__STABLE_GREW] = "grew",
                                        [PLIM__STABLE_SHRANK] = "shrank",
                                        [PLIM__STABLE_MOVED] = "moved"};
    return words[change];
}

static bool stable_is_finding(plim__stable_change change)
{
    return change != PLIM__STABLE_SAME && change != PLIM__STABLE_RETURNED;
}

typedef struct stable_sums {
    uint64_t changed, returned;
    int64_t delta, delta_bytes; /* over all rows */
} stable_sums;

static stable_sums stable_sum(const plim__stable *table)
{
    stable_sums sums = {0};
    for (size_t i = 0; i < table->row_count; i++) {
        const plim__stable_row *row = &table->rows[i];
        sums.changed += stable_is_finding(row->change);
        sums.returned += row->change == PLIM__STABLE_RETURNED;
        sums.delta += row->delta;
        sums.delta_bytes += row->delta_bytes;
    }
    return sums;
}

static void stable_emit_series(const stable_run *run, const plim__stable_row *row, const char *key,
                               bool of_bytes)
{
    plim__emit *emit = &run->cli->emit;
    plim__emit_array(emit, key);
    for (uint32_t i = 0; i < run->count; i++) {
        plim__stable_fact fact = plim__stable_get(&run->table, row, i);
        plim__emit_unsigned(emit, NULL, of_bytes ? fact.bytes : fact.count);
    }
    plim__emit_array_end(emit);
}

static void stable_emit(const stable_run *run, const stable_sums *sums, uint64_t top)
{
    plim__emit *emit = &run->cli->emit;
    plim__emit_start(emit, &run->cli->out, "stable");
    plim__emit_bool(emit, "stable", sums->changed == 0);
    plim__emit_string(emit, "matched_by", run->of_reports ? "row" : "class");
    plim__emit_unsigned(emit, "inputs", run->count);
    plim__emit_unsigned(emit, "compared", run->table.row_count);
    plim__emit_unsigned(emit, "changed", sums->changed);
    plim__emit_unsigned(emit, "returned", sums->returned);
    plim__emit_signed(emit, "delta", sums->delta);
    plim__emit_signed(emit, "delta_bytes", sums->delta_bytes);
    plim__emit_array(emit, "rows");
    for (size_t i = 0; i < run->table.row_count && i < top; i++) {
        const plim__stable_row *row = &run->table.rows[i];
        if (row->change == PLIM__STABLE_SAME)
            break; /* they come last */
        plim__emit_object(emit, NULL);
        plim__emit_string(emit, "name", plim__stable_name(&run->table, row));
        plim__emit_string(emit, "kind", plim__stable_kind(&run->table, row));
        plim__emit_string(emit, "site", plim__stable_site(&run->table, row));
        plim__emit_string(emit, "change", stable_word(row->change));
        stable_emit_series(run, row, "counts", false);
        stable_emit_series(run, row, "bytes", true);
        plim__emit_signed(emit, "delta", row->delta);
        plim__emit_signed(emit, "delta_bytes", row->delta_bytes);
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
    plim__emit_finish(emit);
}

static void stable_sheet(const stable_run *run, uint64_t top)
{
    static const plim__column classes[] = {
        {"change", "", PLIM__CELL_TEXT},      {"name", "class", PLIM__CELL_NAME},
        {"count", "count", PLIM__CELL_COUNT}, {"delta", "change", PLIM__CELL_COUNT_CHANGE},
        {"bytes", "bytes", PLIM__CELL_BYTES}, {"delta_bytes", "growth", PLIM__CELL_CHANGE},
    };
    static const plim__column rows[] = {
        {"change", "", PLIM__CELL_TEXT},      {"name", "owner", PLIM__CELL_NAME},
        {"kind", "kind", PLIM__CELL_TEXT},    {"site", "taken at", PLIM__CELL_PLACE},
        {"count", "count", PLIM__CELL_COUNT}, {"delta", "change", PLIM__CELL_COUNT_CHANGE},
        {"bytes", "bytes", PLIM__CELL_BYTES}, {"delta_bytes", "growth", PLIM__CELL_CHANGE},
    };
    plim__cli *cli = run->cli;
    plim__sheet sheet;
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "rows", run->of_reports ? rows : classes,
                      run->of_reports ? 8 : 6);
    for (size_t i = 0; i < run->table.row_count && i < top; i++) {
        const plim__stable_row *row = &run->table.rows[i];
        plim__stable_fact last = plim__stable_get(&run->table, row, run->count - 1);
        if (row->change == PLIM__STABLE_SAME)
            break;
        plim__sheet_text(&sheet, plim__text_of(stable_word(row->change)));
        plim__sheet_text(&sheet, plim__text_of(plim__stable_name(&run->table, row)));
        if (run->of_reports) {
            plim__sheet_text(&sheet, plim__text_of(plim__stable_kind(&run->table, row)));
            plim__sheet_text(&sheet, plim__text_of(plim__stable_site(&run->table, row)));
        }
        plim__sheet_unsigned(&sheet, last.count);
        plim__sheet_signed(&sheet, row->delta);
        plim__sheet_unsigned(&sheet, last.bytes);
        plim__sheet_signed(&sheet, row->delta_bytes);
    }
    plim__sheet_finish(&sheet);
}

static void stable_headline(const stable_run *run, const stable_sums *sums)
{
    plim__cli *cli = run->cli;
    char change[PLIM__UNITS_BYTES];
    char changed[PLIM__UNITS_BYTES];
    char compared[PLIM__UNITS_BYTES];
    bool stable = sums->changed == 0;
    plim__style style = stable ? PLIM__STYLE_GOOD : PLIM__STYLE_BAD;
    plim__units_change(change, sums->delta_bytes, cli->out.exact_bytes);
    plim__units_count(changed, sums->changed);
    plim__units_count(compared, run->table.row_count);
    plim__out_styled(&cli->out, style, stable ? "stable" : "not stable");
    plim__out_printf(&cli->out, ": %s of %s %s changed, %s in all", changed, compared,
                     run->of_reports ? "rows" : "classes", change);
    if (sums->returned > 0)
        plim__out_printf(&cli->out, "; %llu differed in between and came back",
                         (unsigned long long)sums->returned);
    plim__out_puts(&cli->out, "\n");
    if (sums->changed + sums->returned > 0)
        plim__out_puts(&cli->out, "\n");
}

/* All is read. */
static plim_status stable_conclude(stable_run *run, plim_error *err)
{
    plim__cli *cli = run->cli;
    uint64_t min_bytes = plim__args_number(&cli->args, PLIM__OPTION_min_growth, 0);
    plim_status status = plim__stable_judge(&run->table, min_bytes, err);
    if (status != PLIM_OK)
        return status;
    stable_sums sums = stable_sum(&run->table);
    uint64_t shown = sums.changed + sums.returned;
    uint64_t top = plim__cli_top(cli, shown);
    cli->finding = sums.changed > 0;
    if (plim__cli_is_json(cli)) {
        stable_emit(run, &sums, top);
        return PLIM_OK;
    }
    if (plim__cli_is_human(cli))
        stable_headline(run, &sums);
    if (shown > 0 || !plim__cli_is_human(cli))
        stable_sheet(run, top);
    plim__cli_rest(cli, top, shown);
    return PLIM_OK;
}

static plim_status stable_of_files(plim__cli *cli, const char *const *paths, uint32_t count,
                                   plim_error *err)
{
    stable_run run = {.cli = cli, .paths = paths, .count = count};
    plim__stable_init(&run.table, cli->allocator, count);
    plim_status status = stable_read(&run, err);
    if (status == PLIM_OK)
        status = stable_conclude(&run, err);
    plim__stable_fini(&run.table);
    return status;
}

/* ---- of a target ---- */

typedef struct stable_series {
    char folder[STABLE_PATH_BYTES];
    char names[PLIM__OPERANDS_MAX][STABLE_PATH_BYTES];
    const char *paths[PLIM__OPERANDS_MAX];
    uint32_t taken;
} stable_series;

static plim_status stable_wait(plim__cli *cli, uint32_t done, uint32_t count, plim_error *err)
{
    uint64_t every_ns = plim__args_number(&cli->args, PLIM__OPTION_every, stable_every_default_ns);
    char wait[PLIM__UNITS_BYTES];
    plim__units_time(wait, every_ns);
    plim__say_begin(&cli->say, "waiting %s before state %u of %u", wait, done + 1, count);
    plim_status status = plim__process_sleep(every_ns, &cli->interrupt, err);
    plim__say_end(&cli->say);
    return status;
}

static plim_status stable_take(plim__cli *cli, plim_target *target, stable_series *series,
                               uint32_t count, plim_error *err)
{
    plim_status status = PLIM_OK;
    plim__record_show_estimate(cli, target);
    for (uint32_t i = 0; status == PLIM_OK && i < count; i++) {
        plim_snapshot_result result = {0};
        if (i > 0)
            status = stable_wait(cli, i, count, err);
        (void)snprintf(series->names[i], STABLE_PATH_BYTES, "%.4000s/%u.heapsnapshot",
                       series->folder, i);
        series->paths[i] = series->names[i];
        if (status == PLIM_OK)
            status = plim__record_snapshot(cli, target, series->paths[i], &result, err);
        if (status == PLIM_OK)
            series->taken++;
    }
    return status;
}

/* ---- of a process that publishes ---- */

static plim_status stable_collect(void *ctx, const void *data, size_t len, plim_error *err)
{
    plim__draft *text = ctx;
    plim__draft_add(text, data, len);
    if (text->failed)
        return plim_error_set(err, PLIM_ERR_NO_MEMORY, "not enough memory for a report");
    return PLIM_OK;
}

static plim_status stable_of_process(plim__cli *cli, int64_t pid, uint32_t count, plim_error *err)
{
    const char *paths[PLIM__OPERANDS_MAX];
    stable_run run = {.cli = cli, .paths = paths, .count = count, .of_reports = true};
    plim__draft text;
    plim_status status = PLIM_OK;
    plim__draft_init(&text, cli->allocator);
    plim__stable_init(&run.table, cli->allocator, count);
    for (uint32_t i = 0; status == PLIM_OK && i < count; i++) {
        paths[i] = cli->args.operands[0];
        plim__draft_clear(&text);
        if (i > 0)
            status = stable_wait(cli, i, count, err);
        if (status == PLIM_OK)
            status = plim_published_read(pid, (plim_sink){&text, stable_collect}, err);
        if (status == PLIM_OK)
            status = stable_read_json(&run, i, text.data, text.size_bytes, err);
    }
    if (status == PLIM_OK)
        status = stable_conclude(&run, err);
    plim__draft_fini(&text);
    plim__stable_fini(&run.table);
    return status;
}

/* pid:N of a process that has published a report; 0 otherwise: then it is a runtime's, if any. */
static int64_t stable_publisher(plim__cli *cli)
{
    const char *operand = cli->args.operands[0];
    uint64_t pid = 0;
    plim__draft text;
    if (strncmp(operand, "pid:", 4) != 0 || !plim__units_parse_count(operand + 4, &pid) ||
        pid == 0 || pid > INT32_MAX)
        return 0;
    plim__draft_init(&text, cli->allocator);
    plim_status status =
        plim_published_read((int64_t)pid, (plim_sink){&text, stable_collect}, NULL);
    plim__draft_fini(&text);
    return status == PLIM_OK || status == PLIM_ERR_TIMEOUT ? (int64_t)pid : 0;
}

static plim_status stable_of_target(plim__cli *cli, plim_error *err)
{
    static stable_series series; /* 256 KiB of file names: too much for a stack */
    uint64_t count = plim__args_number(&cli->args, PLIM__OPTION_count, STABLE_COUNT_DEFAULT);
    plim_target *target = NULL;
    int64_t publisher = stable_publisher(cli);
    if (count < 2 || count > PLIM__OPERANDS_MAX)
        return plim_error_set(err, PLIM_ERR_USAGE, "--count wants a number from 2 to %d",
                              PLIM__OPERANDS_MAX);
    if (publisher != 0)
        return stable_of_process(cli, publisher, (uint32_t)count, err);
    plim_status status = plim__session_open(cli, cli->args.operands[0], &target, err);
    if (status == PLIM_OK)
        status = plim__path_make_temporary(series.folder, sizeof series.folder, err);
    if (status == PLIM_OK) {
        status = stable_take(cli, target, &series, (uint32_t)count, err);
        plim__session_close(cli, &target);
        if (status == PLIM_OK)
            status = stable_of_files(cli, series.paths, series.taken, err);
        for (uint32_t i = 0; i < count; i++) { /* S1; what was stopped half way, too */
            char partial[STABLE_PATH_BYTES + 16];
            (void)snprintf(partial, sizeof partial, "%s.partial", series.names[i]);
            plim__path_remove(partial);
            plim__path_remove(series.names[i]);
        }
        plim__path_remove_directory(series.folder);
    }
    plim__session_close(cli, &target);
    return status;
}

plim_status plim__cmd_stable(plim__cli *cli, plim_error *err)
{
    const plim__args *args = &cli->args;
    if (args->operand_count > 1)
        return stable_of_files(cli, args->operands, args->operand_count, err);
    if (!plim__path_exists(args->operands[0]))
        return stable_of_target(cli, err);
    plim_status status = plim_error_set(err, PLIM_ERR_USAGE, "one state shows no change");
    plim_error_hint(err, "plim stable FIRST LAST, or a TARGET");
    return status;
}
