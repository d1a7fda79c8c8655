/* SPDX-License-Identifier: MIT */
/**
 * @file glyphs.h
 * @brief Foreign text made safe: for a terminal, for a table of tabs, for JSON.
 *
 * Names in a snapshot are whatever the program, or somebody hostile, put there: escape sequences,
 * line breaks, text that turns the writing direction, bytes that are no UTF-8. None of it may
 * reach a terminal or make a JSON document invalid.
 */
#ifndef PLIM_CLI_GLYPHS_H
#define PLIM_CLI_GLYPHS_H
#include "cli/draft.h"

/** What stands for bytes that are no character. */
enum { PLIM__GLYPH_REPLACEMENT = 0xFFFD };

/** Adds text for people: controls and direction marks become visible escapes. */
void plim__glyphs_show(plim__draft *draft, plim_text text);

/** Adds the inside of a JSON string: escaped, valid UTF-8. */
void plim__glyphs_json(plim__draft *draft, plim_text text);

/** How many columns a shown text takes on a terminal. */
size_t plim__glyphs_columns(plim_text shown);

/**
 * Adds a shown text cut to a number of columns; where something was cut there is an ellipsis, at
 * the end, or at the start where from_start says so (file names: their end matters).
 */
void plim__glyphs_cut(plim__draft *draft, plim_text shown, size_t columns, bool from_start);

#endif
