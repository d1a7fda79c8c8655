/* SPDX-License-Identifier: MIT */
/**
 * @file tui.h
 * @brief A screen of lines, and keys: all that plim's live screens ask of ncurses.
 *
 * One screen per process, on the terminal of standard output. Whoever began it ends it on every
 * way out; a crash leaves the terminal as ncurses had it (`reset` mends that).
 * Thread-safety: one thread.
 */
#ifndef PLIM_TUI_H
#define PLIM_TUI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How a line, or a part of it, is shown; also told apart without colour. */
typedef enum plim__tui_style {
    PLIM__TUI_PLAIN,
    PLIM__TUI_HEAD,   /**< bold */
    PLIM__TUI_FAINT,  /**< dim */
    PLIM__TUI_GOOD,   /**< green */
    PLIM__TUI_WARN,   /**< yellow and bold */
    PLIM__TUI_BAD,    /**< red and bold */
    PLIM__TUI_CHOSEN, /**< reversed: where the cursor is */
    PLIM__TUI_STYLE_COUNT
} plim__tui_style;

/** Keys that are no characters; others are themselves. */
enum {
    PLIM__KEY_NONE = -1, /**< nothing in time, or a signal came */
    PLIM__KEY_UP = 0x1000,
    PLIM__KEY_DOWN,
    PLIM__KEY_PAGE_UP,
    PLIM__KEY_PAGE_DOWN,
    PLIM__KEY_HOME,
    PLIM__KEY_END,
    PLIM__KEY_RESIZE,
    PLIM__KEY_ESCAPE,
    PLIM__KEY_ENTER,
    PLIM__KEY_BACKSPACE,
    PLIM__KEY_TAB
};

/** Takes the terminal over; false: TERM is unknown to this system. */
bool plim__tui_begin(bool colour);

/** Gives it back; may be called without a begin. */
void plim__tui_end(void);

/** Columns and rows now. */
void plim__tui_size(uint32_t *out_columns, uint32_t *out_rows);

/** Starts a frame: nothing is on it. */
void plim__tui_clear(void);

/** Text at a place, cut at the right edge. UTF-8; no control characters. */
void plim__tui_put(uint32_t row, uint32_t column, const char *text, plim__tui_style style);

/** Shows the frame. */
void plim__tui_show(void);

/** The next key, or PLIM__KEY_NONE after so long. */
int plim__tui_key(uint32_t wait_ms);

#endif
