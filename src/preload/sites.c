/* SPDX-License-Identifier: MIT */
/*
 * Places in programs that say no file and line: "libfoo.so.1+0x1234", which addr2line -e turns into
 * one. Worked out when a request is refused, not when the report is written: the module may be gone
 * by then. Rows are found by walking from where the address says, and never removed.
 */
#include "base/text.h"
#include "platform/modules.h"
#include "preload/preload.h"

enum { SITES_ROWS = 128, SITES_TEXT_BYTES = 96 };

typedef struct sites_row {
    _Atomic uint32_t state; /* 0 free, 1 being written, 2 there */
    const void *code;
    char text[SITES_TEXT_BYTES];
} sites_row;

static sites_row sites_rows[SITES_ROWS];

static void sites_name(sites_row *row, const void *code)
{
    plim__module module;
    plim__text text;
    row->code = code;
    plim__text_init(&text, row->text, sizeof row->text);
    if (plim__module_at(code, &module))
        plim__text_format(&text, "%.64s+0x%zx", module.name, (uintptr_t)code - module.start);
    else
        plim__text_format(&text, "0x%zx", (size_t)(uintptr_t)code);
}

const char *plim__preload_site(const void *code)
{
    size_t start = (uintptr_t)code / 4 % SITES_ROWS;
    for (size_t step = 0; step < SITES_ROWS; step++) {
        sites_row *row = &sites_rows[(start + step) % SITES_ROWS];
        uint32_t state = plim__load(&row->state);
        if (state == 0 && plim__cas(&row->state, &state, 1)) {
            sites_name(row, code);
            plim__store(&row->state, 2);
            return row->text;
        }
        if (state == 2 && row->code == code)
            return row->text;
    }
    return "more places than are named";
}
