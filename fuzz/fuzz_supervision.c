/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a supervisor has written of its children. Claims: texts end and hold no control
 * character; states are of the list; each row stands below one that may have it.
 */
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "supervise/status/page.h"

static bool is_clean(const char text[PLIM_SUPERVISION_NAME_BYTES])
{
    if (text[PLIM_SUPERVISION_NAME_BYTES - 1] != '\0')
        return false;
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plim__status_page page;
    plim_supervision_head head;
    if (size < sizeof page)
        return 0;
    memcpy(&page, data, sizeof page);
    size_t there = (size - sizeof page) / sizeof(plim__status_row);
    if (page.row_count <= PLIM_SUPERVISION_ROWS_MAX && page.row_count > there)
        page.row_count = (uint32_t)there; /* whoever copies has as many as the page says */
    size_t count = page.row_count <= PLIM_SUPERVISION_ROWS_MAX ? page.row_count : 0;
    plim__status_row *from = calloc(count + 1, sizeof *from);
    plim_supervised *rows = calloc(count + 1, sizeof *rows);
    FUZZ_CLAIM(from != NULL && rows != NULL);
    memcpy(from, data + sizeof page, count * sizeof *from);
    if (plim__status_understand(&page, from, 1u << 30, &head, rows)) {
        FUZZ_CLAIM(head.row_count == count && is_clean(head.kind) && is_clean(head.name));
        for (size_t i = 0; i < count; i++) {
            FUZZ_CLAIM(is_clean(rows[i].id) && rows[i].state < PLIM_SUPERVISED_STATES);
            FUZZ_CLAIM(rows[i].pid >= 0);
            FUZZ_CLAIM(rows[i].depth <= (i == 0 ? 0 : rows[i - 1].depth + 1));
            FUZZ_CLAIM(i == 0 || rows[i].depth <= rows[i - 1].depth || rows[i - 1].is_supervisor);
        }
    }
    free(from);
    free(rows);
    return 0;
}
