/* SPDX-License-Identifier: MIT */
/*
 * Sheets. JSON and tab-separated rows are written as they come; aligned ones are held, since the
 * last row may be the widest.
 * Invariant S1: cells come in row order, so the column of a cell is cell_count % column_count.
 */
#include "cli/sheet.h"

#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/terminal.h"
#include "cli/units.h"

enum { SHEET_GAP = 2, SHEET_TEXT_COLUMNS_MIN = 10 };

static const plim__column *sheet_column(const plim__sheet *sheet)
{
    return &sheet->columns[sheet->cell_count % sheet->column_count];
}

static bool sheet_is_text(plim__cell kind)
{
    return kind == PLIM__CELL_NAME || kind == PLIM__CELL_TEXT || kind == PLIM__CELL_PLACE;
}

void plim__sheet_start(plim__sheet *sheet, plim__out *out, plim__emit *emit, const char *array_key,
                       const plim__column *columns, uint32_t column_count)
{
    *sheet = (plim__sheet){.out = out, .emit = emit, .columns = columns};
    sheet->column_count = column_count;
    plim__draft_init(&sheet->text, out->draft.allocator);
    plim__draft_init(&sheet->sizes, out->draft.allocator);
    if (out->form == PLIM__FORM_JSON)
        plim__emit_array(emit, array_key);
    for (uint32_t i = 0; i < column_count; i++) {
        sheet->widths[i] = strlen(columns[i].title);
        if (out->form == PLIM__FORM_PLAIN) {
            plim__out_puts(out, i > 0 ? "\t" : "");
            plim__out_puts(out, columns[i].key);
        }
    }
    if (out->form == PLIM__FORM_PLAIN)
        plim__out_puts(out, "\n");
}

/* Before a cell of JSON or plain output; after it, sheet_after(). */
static void sheet_before(plim__sheet *sheet)
{
    bool first = sheet->cell_count % sheet->column_count == 0;
    if (sheet->out->form == PLIM__FORM_JSON && first)
        plim__emit_object(sheet->emit, NULL);
    if (sheet->out->form == PLIM__FORM_PLAIN && !first)
        plim__out_puts(sheet->out, "\t");
}

static void sheet_after(plim__sheet *sheet)
{
    sheet->cell_count++;
    if (sheet->cell_count % sheet->column_count != 0)
        return;
    if (sheet->out->form == PLIM__FORM_JSON)
        plim__emit_object_end(sheet->emit);
    if (sheet->out->form == PLIM__FORM_PLAIN)
        plim__out_puts(sheet->out, "\n");
}

/* Keeps a cell for later; text from `start` of sheet->text on is its. */
static void sheet_hold(plim__sheet *sheet, size_t start)
{
    size_t size_bytes = sheet->text.size_bytes - start;
    plim__draft_add(&sheet->sizes, &size_bytes, sizeof size_bytes);
    plim_text shown = {plim__draft_peek(&sheet->text) + start, size_bytes};
    size_t columns = plim__glyphs_columns(shown);
    size_t *width = &sheet->widths[sheet->cell_count % sheet->column_count];
    if (*width < columns)
        *width = columns;
}

void plim__sheet_text(plim__sheet *sheet, plim_text text)
{
    sheet_before(sheet);
    if (sheet->out->form == PLIM__FORM_JSON) {
        plim__emit_text(sheet->emit, sheet_column(sheet)->key, text);
    } else if (sheet->out->form == PLIM__FORM_PLAIN) {
        plim__out_show(sheet->out, text);
    } else {
        size_t start = sheet->text.size_bytes;
        plim__glyphs_show(&sheet->text, text);
        sheet_hold(sheet, start);
    }
    sheet_after(sheet);
}

static void sheet_shown(plim__sheet *sheet, const char *shown)
{
    size_t start = sheet->text.size_bytes;
    plim__draft_puts(&sheet->text, shown);
    sheet_hold(sheet, start);
}

void plim__sheet_null(plim__sheet *sheet)
{
    sheet_before(sheet);
    if (sheet->out->form == PLIM__FORM_JSON)
        plim__emit_null(sheet->emit, sheet_column(sheet)->key);
    else if (sheet->out->form == PLIM__FORM_HUMAN)
        sheet_shown(sheet, sheet_is_text(sheet_column(sheet)->kind) ? "" : "-");
    sheet_after(sheet);
}

static void sheet_say_unsigned(char out[PLIM__UNITS_BYTES], plim__cell kind, uint64_t number,
                               bool exact)
{
    switch (kind) {
    case PLIM__CELL_BYTES:
        plim__units_bytes(out, number, exact);
        break;
    case PLIM__CELL_TIME:
        plim__units_time(out, number);
        break;
    case PLIM__CELL_ID:
        (void)snprintf(out, PLIM__UNITS_BYTES, "@%llu", (unsigned long long)number);
        break;
    case PLIM__CELL_SHARE:
        (void)snprintf(out, PLIM__UNITS_BYTES, "%llu.%llu%%", (unsigned long long)(number / 10),
                       (unsigned long long)(number % 10));
        break;
    case PLIM__CELL_PLAIN_NUMBER:
        (void)snprintf(out, PLIM__UNITS_BYTES, "%llu", (unsigned long long)number);
        break;
    case PLIM__CELL_NAME:
    case PLIM__CELL_TEXT:
    case PLIM__CELL_PLACE:
    case PLIM__CELL_CHANGE:
    case PLIM__CELL_COUNT:
    case PLIM__CELL_COUNT_CHANGE:
    case PLIM__CELL_DISTANCE:
        plim__units_count(out, number);
    }
}

void plim__sheet_unsigned(plim__sheet *sheet, uint64_t number)
{
    if (number == UINT64_MAX) {
        plim__sheet_null(sheet);
        return;
    }
    const plim__column *column = sheet_column(sheet);
    sheet_before(sheet);
    if (sheet->out->form == PLIM__FORM_JSON && column->kind == PLIM__CELL_SHARE) {
        plim__emit_real(sheet->emit, column->key, (double)number / 1000.0);
    } else if (sheet->out->form == PLIM__FORM_JSON) {
        plim__emit_unsigned(sheet->emit, column->key, number);
    } else if (sheet->out->form == PLIM__FORM_PLAIN) {
        if (column->kind == PLIM__CELL_SHARE)
            plim__out_printf(sheet->out, "%.3f", (double)number / 1000.0);
        else
            plim__out_printf(sheet->out, "%llu", (unsigned long long)number);
    } else {
        char shown[PLIM__UNITS_BYTES];
        sheet_say_unsigned(shown, column->kind, number, sheet->out->exact_bytes);
        sheet_shown(sheet, shown);
    }
    sheet_after(sheet);
}

void plim__sheet_signed(plim__sheet *sheet, int64_t number)
{
    const plim__column *column = sheet_column(sheet);
    if (column->kind == PLIM__CELL_DISTANCE && number < 0) {
        plim__sheet_null(sheet);
        return;
    }
    sheet_before(sheet);
    if (sheet->out->form == PLIM__FORM_JSON) {
        plim__emit_signed(sheet->emit, column->key, number);
    } else if (sheet->out->form == PLIM__FORM_PLAIN) {
        plim__out_printf(sheet->out, "%lld", (long long)number);
    } else {
        char shown[PLIM__UNITS_BYTES];
        if (column->kind == PLIM__CELL_CHANGE)
            plim__units_change(shown, number, sheet->out->exact_bytes);
        else if (column->kind == PLIM__CELL_COUNT_CHANGE)
            plim__units_count_change(shown, number);
        else
            (void)snprintf(shown, sizeof shown, "%lld", (long long)number);
        sheet_shown(sheet, shown);
    }
    sheet_after(sheet);
}

/* Takes columns from the widest text cells until the row fits, or nothing more can be taken. */
static void sheet_fit(plim__sheet *sheet)
{
    size_t total = (size_t)(sheet->column_count - 1) * SHEET_GAP;
    for (uint32_t i = 0; i < sheet->column_count; i++)
        total += sheet->widths[i];
    while (sheet->out->columns > 0 && total > sheet->out->columns) {
        size_t *widest = NULL;
        for (uint32_t i = 0; i < sheet->column_count; i++) {
            if (sheet_is_text(sheet->columns[i].kind) &&
                (widest == NULL || sheet->widths[i] > *widest))
                widest = &sheet->widths[i];
        }
        if (widest == NULL || *widest <= SHEET_TEXT_COLUMNS_MIN)
            return;
        (*widest)--;
        total--;
    }
}

static plim__style sheet_style(plim__cell kind, plim_text shown)
{
    if (kind == PLIM__CELL_NAME)
        return PLIM__STYLE_NAME;
    if (kind == PLIM__CELL_PLACE || kind == PLIM__CELL_ID)
        return PLIM__STYLE_DIM;
    if ((kind == PLIM__CELL_CHANGE || kind == PLIM__CELL_COUNT_CHANGE) && shown.size_bytes > 0)
        return shown.data[0] == '+'   ? PLIM__STYLE_BAD
               : shown.data[0] == '-' ? PLIM__STYLE_GOOD
                                      : PLIM__STYLE_NONE;
    return PLIM__STYLE_NONE;
}

/* One aligned cell; the last text of a line is not padded. */
static void sheet_put(plim__sheet *sheet, uint32_t column, plim_text shown, plim__style style)
{
    plim__out *out = sheet->out;
    bool text = sheet_is_text(sheet->columns[column].kind);
    bool colour = out->colour && style != PLIM__STYLE_NONE && shown.size_bytes > 0;
    size_t width = sheet->widths[column];
    plim__draft cut;
    plim__draft_init(&cut, out->draft.allocator);
    plim__glyphs_cut(&cut, shown, width, sheet->columns[column].kind == PLIM__CELL_PLACE);
    size_t columns = plim__glyphs_columns(plim__draft_view(&cut));
    size_t blanks = width > columns ? width - columns : 0;
    if (column > 0)
        plim__draft_fill(&out->draft, ' ', SHEET_GAP);
    if (!text)
        plim__draft_fill(&out->draft, ' ', blanks);
    plim__out_puts(out, plim__style_on(colour, style));
    plim__out_text(out, plim__draft_view(&cut));
    plim__out_puts(out, plim__style_off(colour));
    if (text && column + 1 < sheet->column_count)
        plim__draft_fill(&out->draft, ' ', blanks);
    plim__draft_fini(&cut);
}

static void sheet_write(plim__sheet *sheet)
{
    sheet_fit(sheet);
    for (uint32_t i = 0; i < sheet->column_count; i++)
        sheet_put(sheet, i, plim__text_of(sheet->columns[i].title), PLIM__STYLE_HEAD);
    plim__out_puts(sheet->out, "\n");
    const char *at = plim__draft_peek(&sheet->text);
    uint32_t column = 0;
    for (uint64_t cell = 0; cell < sheet->cell_count; cell++) {
        size_t size_bytes;
        memcpy(&size_bytes, sheet->sizes.data + cell * sizeof size_bytes, sizeof size_bytes);
        plim_text shown = {at, size_bytes};
        sheet_put(sheet, column, shown, sheet_style(sheet->columns[column].kind, shown));
        at += size_bytes;
        if (++column == sheet->column_count) {
            plim__out_puts(sheet->out, "\n");
            column = 0;
        }
    }
}

void plim__sheet_finish(plim__sheet *sheet)
{
    if (sheet->out->form == PLIM__FORM_JSON)
        plim__emit_array_end(sheet->emit);
    if (sheet->text.failed || sheet->sizes.failed)
        sheet->out->draft.failed = true;
    else if (sheet->out->form == PLIM__FORM_HUMAN && sheet->cell_count > 0)
        sheet_write(sheet);
    plim__draft_fini(&sheet->text);
    plim__draft_fini(&sheet->sizes);
}
