/* SPDX-License-Identifier: MIT */
/* What a session's memory holds: by type, what nothing leads to, snapshots, Chrome DevTools. */
#include "cli/replheap.h"

#include <plimsoll/file.h>
#include <plimsoll/repl_graph.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/lineedit.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { HEAP_ROWS_MAX = 200, HEAP_NAME_BYTES = 144, HEAP_SHOWN = 20, HEAP_PORT = 9229 };

typedef struct heap_row {
    char name[HEAP_NAME_BYTES];
    uint64_t count, bytes;
} heap_row;

static plim_repl_picture *heap_picture(plim__replui *ui)
{
    plim_repl_picture *picture = NULL;
    plim_error err = {0};
    if (plim_repl_picture_create(ui->repl, ui->cli->allocator, &picture, &err) != PLIM_OK)
        plim__replui_complain(ui, &err);
    return picture;
}

static heap_row *heap_row_of(heap_row *rows, uint32_t *count, const char *name)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    if (*count == HEAP_ROWS_MAX - 1)
        name = "(other types)";
    if (*count == HEAP_ROWS_MAX)
        return &rows[HEAP_ROWS_MAX - 1];
    heap_row *row = &rows[(*count)++];
    (void)snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

static int heap_by_bytes(const void *a, const void *b)
{
    const heap_row *left = a;
    const heap_row *right = b;
    return left->bytes < right->bytes ? 1 : left->bytes > right->bytes ? -1 : 0;
}

static void heap_show_rows(plim__replui *ui, heap_row *rows, uint32_t count)
{
    plim__out *out = &ui->cli->out;
    qsort(rows, count, sizeof *rows, heap_by_bytes);
    for (uint32_t i = 0; i < count && i < HEAP_SHOWN; i++) {
        char bytes[PLIM__UNITS_BYTES];
        plim__units_bytes(bytes, rows[i].bytes, out->exact_bytes);
        plim__out_printf(out, "%12s  %8" PRIu64 "  ", bytes, rows[i].count);
        plim__out_show(out, plim__text_of(rows[i].name));
        plim__out_puts(out, "\n");
    }
    if (count > HEAP_SHOWN)
        plim__out_printf(out, "and %u more types\n", count - HEAP_SHOWN);
}

static void heap_emit_rows(plim__replui *ui, const heap_row *rows, uint32_t count,
                           const plim_repl_totals *totals)
{
    plim__emit *emit = &ui->cli->emit;
    plim__emit_start(emit, &ui->cli->out, "repl.heap");
    plim__emit_unsigned(emit, "bytes", totals->block_bytes);
    plim__emit_unsigned(emit, "blocks", totals->blocks);
    plim__emit_unsigned(emit, "typed_blocks", totals->typed_blocks);
    plim__emit_unsigned(emit, "unreachable_blocks", totals->unreachable_blocks);
    plim__emit_unsigned(emit, "unreachable_bytes", totals->unreachable_bytes);
    plim__emit_array(emit, "types");
    for (uint32_t i = 0; i < count; i++) {
        plim__emit_object(emit, NULL);
        plim__emit_string(emit, "type", rows[i].name);
        plim__emit_unsigned(emit, "count", rows[i].count);
        plim__emit_unsigned(emit, "bytes", rows[i].bytes);
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
    plim__emit_finish(emit);
}

static void heap_emit_leaks(plim__replui *ui, const plim_repl_picture *picture)
{
    plim__emit *emit = &ui->cli->emit;
    plim_repl_piece piece;
    plim__emit_start(emit, &ui->cli->out, "repl.leaks");
    plim__emit_array(emit, "blocks");
    for (uint32_t at = 0; plim_repl_picture_next(picture, &at, &piece);) {
        char address[32];
        if (!piece.is_block || piece.is_reachable)
            continue;
        (void)snprintf(address, sizeof address, "0x%" PRIx64, piece.address);
        plim__emit_object(emit, NULL);
        plim__emit_string(emit, "address", address);
        plim__emit_unsigned(emit, "bytes", piece.bytes);
        plim__emit_object_end(emit);
    }
    plim__emit_array_end(emit);
    plim__emit_finish(emit);
}

void plim__repl_heap(plim__replui *ui, const char *operands)
{
    static heap_row rows[HEAP_ROWS_MAX];
    plim_repl_picture *picture = heap_picture(ui);
    plim_repl_piece piece;
    plim_repl_totals totals;
    uint32_t count = 0;
    (void)operands;
    if (picture == NULL)
        return;
    memset(rows, 0, sizeof rows);
    for (uint32_t at = 0; plim_repl_picture_next(picture, &at, &piece);) {
        if (!piece.is_block)
            continue;
        heap_row *row =
            heap_row_of(rows, &count, piece.count == 0 ? "(no type is known)" : piece.type);
        row->count++;
        row->bytes += piece.bytes;
    }
    plim_repl_picture_totals(picture, &totals);
    if (plim__cli_is_json(ui->cli)) {
        heap_emit_rows(ui, rows, count, &totals);
        plim_repl_picture_destroy(&picture);
        return;
    }
    char all[PLIM__UNITS_BYTES];
    char lost[PLIM__UNITS_BYTES];
    plim__units_bytes(all, totals.block_bytes, ui->cli->out.exact_bytes);
    plim__units_bytes(lost, totals.unreachable_bytes, ui->cli->out.exact_bytes);
    plim__out_printf(&ui->cli->out, "%s in %" PRIu64 " blocks, %" PRIu64 " of a known type", all,
                     totals.blocks, totals.typed_blocks);
    if (totals.unreachable_blocks > 0)
        plim__out_printf(&ui->cli->out, "; nothing leads to %s in %" PRIu64 " (:leaks)", lost,
                         totals.unreachable_blocks);
    plim__out_puts(&ui->cli->out, "\n");
    heap_show_rows(ui, rows, count);
    plim_repl_picture_destroy(&picture);
}

/* The first bytes of a block, as they help to know it again. */
static void heap_show_bytes(plim__replui *ui, const plim_repl_piece *piece)
{
    unsigned char bytes[16];
    size_t count = piece->bytes < sizeof bytes ? (size_t)piece->bytes : sizeof bytes;
    plim__out *out = &ui->cli->out;
    if (plim_repl_read(ui->repl, piece->address, bytes, count) != PLIM_OK)
        return;
    for (size_t i = 0; i < count; i++)
        plim__out_printf(out, "%02x%s", bytes[i], i % 8 == 7 ? "  " : " ");
    plim__out_puts(out, "|");
    for (size_t i = 0; i < count; i++)
        plim__out_printf(out, "%c", bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
    plim__out_puts(out, "|\n");
}

void plim__repl_leaks(plim__replui *ui, const char *operands)
{
    plim_repl_picture *picture = heap_picture(ui);
    plim_repl_piece piece;
    plim_repl_totals totals;
    uint32_t shown = 0;
    (void)operands;
    if (picture == NULL)
        return;
    if (plim__cli_is_json(ui->cli)) {
        heap_emit_leaks(ui, picture);
        plim_repl_picture_destroy(&picture);
        return;
    }
    plim_repl_picture_totals(picture, &totals);
    if (totals.unreachable_blocks == 0) {
        plim__out_puts(&ui->cli->out, "no leaks: something leads to every block\n");
    } else {
        char lost[PLIM__UNITS_BYTES];
        plim__units_bytes(lost, totals.unreachable_bytes, ui->cli->out.exact_bytes);
        plim__out_printf(&ui->cli->out, "nothing leads to %s in %" PRIu64 " block%s:\n", lost,
                         totals.unreachable_blocks, totals.unreachable_blocks == 1 ? "" : "s");
    }
    for (uint32_t at = 0; shown < HEAP_SHOWN && plim_repl_picture_next(picture, &at, &piece);) {
        if (!piece.is_block || piece.is_reachable)
            continue;
        plim__out_printf(&ui->cli->out, "  0x%" PRIx64 "  %8" PRIu64 " bytes  ", piece.address,
                         piece.bytes);
        heap_show_bytes(ui, &piece);
        shown++;
    }
    if (totals.unreachable_blocks > shown)
        plim__out_printf(&ui->cli->out, "  and %" PRIu64 " more\n",
                         totals.unreachable_blocks - shown);
    plim_repl_picture_destroy(&picture);
}

void plim__repl_snap(plim__replui *ui, const char *operands)
{
    char name[64];
    char stamp[PLIM__STAMP_BYTES];
    plim_error err = {0};
    plim_repl_picture *picture = heap_picture(ui);
    plim_graph *graph = NULL;
    plim_file_sink *sink = NULL;
    if (picture == NULL)
        return;
    if (operands[0] == '\0') {
        plim__clock_stamp(stamp);
        (void)snprintf(name, sizeof name, "repl-%s.heapsnapshot", stamp);
        operands = name;
    }
    plim_status status = plim_graph_from_repl(picture, &graph, &err);
    plim_repl_picture_destroy(&picture);
    if (status == PLIM_OK)
        status = plim_file_sink_create(operands, false, ui->cli->allocator, &sink, &err);
    if (status == PLIM_OK)
        status = plim_graph_write_v8(graph, plim_file_sink_view(sink), NULL, &err);
    if (status == PLIM_OK)
        status = plim_file_sink_commit(&sink, &err);
    plim_file_sink_abandon(&sink);
    plim_graph_destroy(&graph);
    if (status == PLIM_ERR_EXISTS) { /* the file's own words are of options that :snap has not */
        err = (plim_error){0};
        (void)plim_error_set(&err, status, "%s is there already", operands);
        plim_error_hint(&err, ":snap and another name");
    }
    if (status != PLIM_OK) {
        plim__replui_complain(ui, &err);
    } else if (plim__cli_is_json(ui->cli)) {
        plim__emit_start(&ui->cli->emit, &ui->cli->out, "repl.snap");
        plim__emit_string(&ui->cli->emit, "path", operands);
        plim__emit_finish(&ui->cli->emit);
    } else {
        plim__out_printf(&ui->cli->out, "written: %s\n", operands);
    }
}

typedef struct heap_serving {
    plim_interrupt stop;
    plim_served_repl *served;
} heap_serving;

/* The first Ctrl-C is for an entry that a console runs. */
static void heap_stop_serving(void *ctx)
{
    heap_serving *serving = ctx;
    if (!plim_served_repl_interrupt(serving->served))
        plim_interrupt_raise(&serving->stop);
}

static void heap_interrupt(void *ctx)
{
    plim_repl_interrupt(ctx);
}

void plim__repl_serve(plim__replui *ui, const char *operands)
{
    static heap_serving serving; /* a signal handler has it */
    plim_server *server = NULL;
    plim_error err = {0};
    uint64_t port = HEAP_PORT;
    serving = (heap_serving){0};
    if (operands[0] != '\0' && (!plim__units_parse_count(operands, &port) || port > UINT16_MAX)) {
        (void)plim_error_set(&err, PLIM_ERR_USAGE, ":serve takes a port: a number up to 65535");
        plim_error_hint(&err, ":serve, or :serve 9230");
        plim__replui_complain(ui, &err);
        return;
    }
    plim_server_options options = {.struct_bytes = sizeof options,
                                   .port = (uint16_t)port,
                                   .allocator = ui->cli->allocator,
                                   .interrupt = &serving.stop};
    plim_status status = plim_server_create(&options, &server, operands[0] != '\0' ? &err : NULL);
    if (status == PLIM_ERR_EXISTS && operands[0] == '\0') {
        options.port = 0;
        status = plim_server_create(&options, &server, &err);
    }
    if (status == PLIM_OK)
        status = plim_serve_repl(server, ui->repl, "C session", ui->cli->allocator, &serving.served,
                                 &err);
    if (status == PLIM_OK) {
        if (plim__cli_is_json(ui->cli)) {
            plim__emit_start(&ui->cli->emit, &ui->cli->out, "repl.serve");
            plim__emit_string(&ui->cli->emit, "address", plim_server_address(server));
            plim__emit_finish(&ui->cli->emit);
        } else {
            plim__out_printf(&ui->cli->out,
                             "serving the session on %s until Ctrl-C: open chrome://inspect; its "
                             "console enters C\n",
                             plim_server_address(server));
        }
        plim__out_flush(&ui->cli->out);
        plim__interrupts_take(NULL, NULL);
        plim__interrupts_take(heap_stop_serving, &serving);
        status = plim_server_run(server, UINT64_MAX, &err);
        plim__interrupts_take(NULL, NULL);
        plim__interrupts_take(heap_interrupt, ui->repl);
        (void)plim__interrupts_seen();
    }
    plim_server_destroy(&server);
    plim_served_repl_destroy(&serving.served);
    if (status != PLIM_OK && status != PLIM_ERR_INTERRUPTED)
        plim__replui_complain(ui, &err);
}
