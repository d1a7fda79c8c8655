/* SPDX-License-Identifier: MIT */
/*
 * A fingerprint may have more rows than a stack has room for, and a report allocates nothing: so
 * the rows come some at a time, in their order, each time from a walk of the whole manager. Where
 * threads allocate meanwhile, rows are of different instants.
 */
#include "memory/report/report_holds.h"

#include <string.h>

#include "memory/pools/fingerprint_walk.h"

enum {
    HOLDS_WINDOW = 48, /* rows at a time: 9 KiB */
    HOLDS_SHOWN = 16,  /* to people */
    HOLDS_OWNER_COLUMNS = 18,
    HOLDS_KIND_COLUMNS = 14
};

typedef struct holds {
    plim_fingerprint_row rows[HOLDS_WINDOW];
    plim__fingerprint_window window;
    uint64_t digest;
    uint64_t row_count;
} holds;

static void holds_begin(holds *held)
{
    held->window = (plim__fingerprint_window){.rows = held->rows, .row_max = HOLDS_WINDOW};
    held->digest = plim__fingerprint_digest_begin();
    held->row_count = 0;
}

static bool holds_next(holds *held, plim_manager *manager)
{
    if (!plim__fingerprint_next(&held->window, manager))
        return false;
    for (uint32_t i = 0; i < held->window.row_count; i++)
        held->digest = plim__fingerprint_digest_row(held->digest, &held->rows[i]);
    held->row_count += held->window.row_count;
    return true;
}

/* Where a row would stand among those with the most bytes; before equals that came later. */
static void holds_keep(plim_fingerprint_row *most, uint32_t *count, const plim_fingerprint_row *row)
{
    uint32_t at = *count;
    while (at > 0 && most[at - 1].bytes < row->bytes)
        at--;
    if (at == HOLDS_SHOWN)
        return;
    if (*count < HOLDS_SHOWN)
        ++*count;
    memmove(&most[at + 1], &most[at], (*count - at - 1) * sizeof *most);
    most[at] = *row;
}

static void holds_row_text(plim__report_out *out, const plim_fingerprint_row *row)
{
    plim__report_plain_string(out, row->owner, HOLDS_OWNER_COLUMNS);
    plim__report_plain_string(out, row->kind, HOLDS_KIND_COLUMNS);
    plim__report_amount(out, row->bytes);
    plim__report_format(out, "%9llu  ", (unsigned long long)row->count);
    plim__report_plain_string(out, row->site[0] != '\0' ? row->site : "-", 0);
    plim__report_format(out, "\n");
}

void plim__report_holds_text(plim__report_out *out, plim_manager *manager)
{
    holds held;
    plim_fingerprint_row most[HOLDS_SHOWN];
    uint32_t count = 0;
    holds_begin(&held);
    while (holds_next(&held, manager))
        for (uint32_t i = 0; i < held.window.row_count; i++)
            holds_keep(most, &count, &held.rows[i]);
    if (count == 0)
        return;
    plim__report_format(out, "\n%-*s%-*s%11s%9s  taken at\n", HOLDS_OWNER_COLUMNS, "holds",
                        HOLDS_KIND_COLUMNS, "type", "bytes", "blocks");
    for (uint32_t i = 0; i < count; i++)
        holds_row_text(out, &most[i]);
    if (held.row_count > count)
        plim__report_format(out, "(%llu smaller rows)\n",
                            (unsigned long long)(held.row_count - count));
    plim__report_format(out, "fingerprint 0x%016llx\n",
                        (unsigned long long)plim__fingerprint_digest_end(held.digest, 0, 0));
}

static void holds_row_json(plim__report_out *out, const plim_fingerprint_row *row, bool is_first)
{
    plim__report_format(out, is_first ? "{\"owner\":" : ",{\"owner\":");
    plim__report_json_string(out, row->owner);
    plim__report_format(out, ",\"kind\":");
    plim__report_json_string(out, row->kind);
    plim__report_format(out, ",\"site\":");
    plim__report_json_string(out, row->site);
    plim__report_format(out, ",\"count\":%llu,\"bytes\":%llu,\"state\":\"0x%016llx\"}",
                        (unsigned long long)row->count, (unsigned long long)row->bytes,
                        (unsigned long long)row->state);
}

void plim__report_holds_json(plim__report_out *out, plim_manager *manager)
{
    holds held;
    bool is_first = true;
    holds_begin(&held);
    plim__report_format(out, ",\"fingerprint\":{\"rest_count\":0,\"rest_bytes\":0,\"rows\":[");
    while (holds_next(&held, manager))
        for (uint32_t i = 0; i < held.window.row_count; i++, is_first = false)
            holds_row_json(out, &held.rows[i], is_first);
    plim__report_format(out, "],\"digest\":\"0x%016llx\"}",
                        (unsigned long long)plim__fingerprint_digest_end(held.digest, 0, 0));
}
