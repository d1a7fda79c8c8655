/* SPDX-License-Identifier: MIT */
/* The units of a session, in the order of their entries, and so of addresses (E1 of repl.c). */
#include "base/allocator.h"
#include "repl/session/layout.h"
#include "repl/session/session.h"

enum { ROWS_FIRST = 64 };

const plim__row *plim__session_row(const plim_repl *repl, uint64_t address)
{
    bool is_code = address < PLIM__SESSION_DATA;
    size_t low = 0, high = repl->row_count;
    while (low < high) { /* both areas are filled in order */
        size_t middle = low + (high - low) / 2;
        const plim__row *row = &repl->rows[middle];
        if ((is_code ? row->code_to : row->data_to) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == repl->row_count)
        return NULL;
    const plim__row *row = &repl->rows[low];
    return address >= (is_code ? row->code_from : row->data_from) ? row : NULL;
}

const plim__row *plim__session_row_of(const plim_repl *repl, uint32_t number)
{
    size_t low = 0, high = repl->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (repl->rows[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < repl->row_count && repl->rows[low].number == number ? &repl->rows[low] : NULL;
}

plim_status plim__session_grow(plim_repl *repl, plim_error *err)
{
    if (repl->row_count < repl->row_cap)
        return PLIM_OK;
    size_t cap = repl->row_cap != 0 ? repl->row_cap * 2 : ROWS_FIRST;
    plim__row *rows =
        plim__array_resize(repl->allocator, repl->rows, repl->row_cap, cap, sizeof *rows);
    if (rows == NULL)
        return plim__no_memory(err, "the list of units");
    repl->rows = rows;
    repl->row_cap = cap;
    return PLIM_OK;
}

void plim__session_next(const plim_repl *repl, uint64_t *out_code, uint64_t *out_data)
{
    const plim__row *last = repl->row_count > 0 ? &repl->rows[repl->row_count - 1] : NULL;
    *out_code = last != NULL ? last->code_to : PLIM__SESSION_CODE + PLIM__SESSION_OWN_BYTES;
    *out_data = last != NULL ? last->data_to : PLIM__SESSION_DATA + PLIM__SESSION_OWN_BYTES;
}
