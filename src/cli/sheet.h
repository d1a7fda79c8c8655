/* SPDX-License-Identifier: MIT */
/**
 * @file sheet.h
 * @brief Rows of typed cells, written once and shown three ways: aligned, tab-separated, JSON.
 *
 * A verb names its columns and adds cells, left to right, row after row; the form is the output's.
 * In JSON each row is an object whose keys are the columns' keys.
 */
#ifndef PLIM_CLI_SHEET_H
#define PLIM_CLI_SHEET_H
#include "cli/emit.h"

typedef enum plim__cell {
    PLIM__CELL_NAME,         /* text that the eye looks for; cut where the terminal is narrow */
    PLIM__CELL_TEXT,         /* other text; cut likewise */
    PLIM__CELL_PLACE,        /* text; cut at its start */
    PLIM__CELL_BYTES,        /* unsigned */
    PLIM__CELL_CHANGE,       /* signed, bytes */
    PLIM__CELL_COUNT,        /* unsigned */
    PLIM__CELL_COUNT_CHANGE, /* signed */
    PLIM__CELL_PLAIN_NUMBER, /* unsigned, without separators: pids */
    PLIM__CELL_ID,           /* unsigned, shown with @ */
    PLIM__CELL_TIME,         /* unsigned, nanoseconds */
    PLIM__CELL_DISTANCE,     /* signed; negative is "none" */
    PLIM__CELL_SHARE         /* unsigned, tenths of a percent */
} plim__cell;

typedef struct plim__column {
    const char *key;   /* in JSON and in the head of plain output */
    const char *title; /* for people */
    plim__cell kind;
} plim__column;

enum { PLIM__SHEET_COLUMNS_MAX = 12 };

typedef struct plim__sheet {
    plim__out *out;
    plim__emit *emit;
    const plim__column *columns;
    uint32_t column_count;
    uint64_t cell_count;
    plim__draft text;  /* the shown cells, one after another */
    plim__draft sizes; /* size_t of each */
    size_t widths[PLIM__SHEET_COLUMNS_MAX];
} plim__sheet;

/** Begins; array_key is the JSON member; emit is used for JSON only. columns outlive the sheet. */
void plim__sheet_start(plim__sheet *sheet, plim__out *out, plim__emit *emit, const char *array_key,
                       const plim__column *columns, uint32_t column_count);

/** Adds one cell of a kind that is text. */
void plim__sheet_text(plim__sheet *sheet, plim_text text);

/** Adds one cell of an unsigned kind. UINT64_MAX is "not known". */
void plim__sheet_unsigned(plim__sheet *sheet, uint64_t number);

/** Adds one cell of a signed kind. */
void plim__sheet_signed(plim__sheet *sheet, int64_t number);

/** Adds one cell without a value, whatever its kind. */
void plim__sheet_null(plim__sheet *sheet);

/** Writes what is aligned and ends the sheet. Rows must be whole. */
void plim__sheet_finish(plim__sheet *sheet);

#endif
