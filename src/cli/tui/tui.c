/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE    700
#define NCURSES_WIDECHAR 1
#include "cli/tui/tui.h"

#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>

enum { TUI_ESCAPE = 27, TUI_ESCAPE_MS = 25 };

static SCREEN *tui_screen;
static bool tui_has_colour;

bool plim__tui_begin(bool colour)
{
    (void)setlocale(LC_CTYPE, ""); /* for the width of characters */
    tui_screen = newterm(NULL, stdout, stdin);
    if (tui_screen == NULL)
        return false;
    (void)cbreak(); /* Ctrl-C stays a signal: the command ends by its own way */
    (void)noecho();
    (void)nonl();
    (void)keypad(stdscr, TRUE);
    (void)set_escdelay(TUI_ESCAPE_MS);
    (void)curs_set(0);
    tui_has_colour = colour && has_colors();
    if (tui_has_colour) {
        (void)start_color();
        (void)use_default_colors();
        (void)init_pair(PLIM__TUI_GOOD, COLOR_GREEN, -1);
        (void)init_pair(PLIM__TUI_WARN, COLOR_YELLOW, -1);
        (void)init_pair(PLIM__TUI_BAD, COLOR_RED, -1);
    }
    return true;
}

void plim__tui_end(void)
{
    if (tui_screen == NULL)
        return;
    (void)endwin();
    delscreen(tui_screen);
    tui_screen = NULL;
}

void plim__tui_size(uint32_t *out_columns, uint32_t *out_rows)
{
    *out_columns = COLS > 0 ? (uint32_t)COLS : 80;
    *out_rows = LINES > 0 ? (uint32_t)LINES : 24;
}

void plim__tui_clear(void)
{
    (void)erase();
}

static attr_t tui_attribute(plim__tui_style style)
{
    attr_t pair = tui_has_colour ? (attr_t)COLOR_PAIR(style) : A_NORMAL;
    switch (style) {
    case PLIM__TUI_HEAD:
        return A_BOLD;
    case PLIM__TUI_FAINT:
        return A_DIM;
    case PLIM__TUI_GOOD:
        return pair;
    case PLIM__TUI_WARN:
    case PLIM__TUI_BAD:
        return pair | A_BOLD;
    case PLIM__TUI_CHOSEN:
        return A_REVERSE;
    case PLIM__TUI_PLAIN:
    case PLIM__TUI_STYLE_COUNT:
        break;
    }
    return A_NORMAL;
}

void plim__tui_put(uint32_t row, uint32_t column, const char *text, plim__tui_style style)
{
    if (row >= (uint32_t)LINES || column >= (uint32_t)COLS)
        return;
    attr_t attribute = tui_attribute(style);
    (void)attron(attribute);
    (void)mvaddnstr((int)row, (int)column, text, COLS - (int)column);
    (void)attroff(attribute);
}

void plim__tui_show(void)
{
    (void)refresh();
}

int plim__tui_key(uint32_t wait_ms)
{
    static const struct {
        int from, to;
    } keys[] = {
        {KEY_UP, PLIM__KEY_UP},
        {KEY_DOWN, PLIM__KEY_DOWN},
        {KEY_PPAGE, PLIM__KEY_PAGE_UP},
        {KEY_NPAGE, PLIM__KEY_PAGE_DOWN},
        {KEY_HOME, PLIM__KEY_HOME},
        {KEY_END, PLIM__KEY_END},
        {KEY_RESIZE, PLIM__KEY_RESIZE},
        {KEY_ENTER, PLIM__KEY_ENTER},
        {'\r', PLIM__KEY_ENTER},
        {'\n', PLIM__KEY_ENTER},
        {'\t', PLIM__KEY_TAB},
        {KEY_BACKSPACE, PLIM__KEY_BACKSPACE},
        {127, PLIM__KEY_BACKSPACE},
        {8, PLIM__KEY_BACKSPACE},
        {TUI_ESCAPE, PLIM__KEY_ESCAPE},
        {KEY_RIGHT, 'l'},
        {KEY_LEFT, 'h'},
    };
    timeout(wait_ms < 60000 ? (int)wait_ms : 60000);
    int key = getch();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (key == keys[i].from)
            return keys[i].to;
    return key >= 0 && key < 0x100 ? key : PLIM__KEY_NONE;
}
