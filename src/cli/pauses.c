/* SPDX-License-Identifier: MIT */
#include "cli/pauses.h"

#include <string.h>

#include "cli/sheet.h"

/* Classes: one for each nanosecond below 64, then 64 for each doubling. */
enum { PAUSE_FINE = 64, PAUSE_FINE_BITS = 6 };

static uint32_t pauses_class(uint64_t ns)
{
    unsigned shift = 0;
    while (ns >> shift >= 2 * PAUSE_FINE)
        shift++;
    return ns < PAUSE_FINE ? (uint32_t)ns
                           : shift * PAUSE_FINE + (uint32_t)(ns >> shift); /* 64 to 127 */
}

/* The middle of a class. */
static uint64_t pauses_of_class(uint32_t number)
{
    if (number < 2 * PAUSE_FINE)
        return number;
    uint32_t shift = number / PAUSE_FINE - 1;
    uint64_t low = (uint64_t)(number - shift * PAUSE_FINE) << shift;
    return low + (UINT64_C(1) << shift) / 2;
}

static plim__pause_kind *pauses_kind(plim__pauses *pauses, const char *name)
{
    for (uint32_t i = 0; i < pauses->kind_count; i++)
        if (strcmp(pauses->kinds[i].name, name) == 0)
            return &pauses->kinds[i];
    bool is_last = pauses->kind_count == PLIM__PAUSE_KINDS_MAX;
    plim__pause_kind *kind =
        &pauses->kinds[is_last ? PLIM__PAUSE_KINDS_MAX - 1 : pauses->kind_count++];
    kind->name = is_last || pauses->kind_count == PLIM__PAUSE_KINDS_MAX ? "other" : name;
    return kind;
}

void plim__pauses_add(plim__pauses *pauses, const plim_gc_event *event)
{
    plim__pause_kind *kind = pauses_kind(pauses, event->kind);
    pauses->count++;
    if (event->pause_ns == PLIM_UNKNOWN) {
        kind->unknown++;
        return;
    }
    kind->count++;
    kind->total_ns += event->pause_ns;
    if (event->pause_ns > kind->longest_ns)
        kind->longest_ns = event->pause_ns;
    uint32_t *class = &kind->classes[pauses_class(event->pause_ns)];
    *class += *class < UINT32_MAX;
}

/* What so many of a hundred are not longer than; PLIM_UNKNOWN where none is known. */
static uint64_t pauses_percentile(const plim__pause_kind *kind, unsigned percent)
{
    if (kind->count == 0)
        return PLIM_UNKNOWN;
    uint64_t rank = (kind->count * percent + 99) / 100, seen = 0;
    for (uint32_t i = 0; i < PLIM__PAUSE_CLASSES; i++) {
        seen += kind->classes[i];
        if (seen >= rank && seen > 0) {
            uint64_t ns = pauses_of_class(i);
            return ns < kind->longest_ns ? ns : kind->longest_ns;
        }
    }
    return kind->longest_ns;
}

uint64_t plim__pauses_known(const plim__pauses *pauses)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < pauses->kind_count; i++)
        count += pauses->kinds[i].count;
    return count;
}

uint64_t plim__pauses_total(const plim__pauses *pauses)
{
    uint64_t total_ns = 0;
    for (uint32_t i = 0; i < pauses->kind_count; i++)
        total_ns += pauses->kinds[i].total_ns;
    return total_ns;
}

void plim__pauses_show(plim__cli *cli, const plim__pauses *pauses)
{
    static const plim__column columns[] = {
        {"kind", "collections", PLIM__CELL_TEXT},   {"count", "count", PLIM__CELL_COUNT},
        {"total_ns", "total", PLIM__CELL_TIME},     {"longest_ns", "longest", PLIM__CELL_TIME},
        {"p50_ns", "half within", PLIM__CELL_TIME}, {"p90_ns", "90 % within", PLIM__CELL_TIME},
        {"p99_ns", "99 % within", PLIM__CELL_TIME},
    };
    plim__sheet sheet;
    plim__sheet_start(&sheet, &cli->out, &cli->emit, "by_kind", columns, 7);
    for (uint32_t i = 0; i < pauses->kind_count; i++) {
        const plim__pause_kind *kind = &pauses->kinds[i];
        bool is_known = kind->count > 0;
        plim__sheet_text(&sheet, plim__text_of(kind->name));
        plim__sheet_unsigned(&sheet, kind->count + kind->unknown);
        plim__sheet_unsigned(&sheet, is_known ? kind->total_ns : PLIM_UNKNOWN);
        plim__sheet_unsigned(&sheet, is_known ? kind->longest_ns : PLIM_UNKNOWN);
        plim__sheet_unsigned(&sheet, pauses_percentile(kind, 50));
        plim__sheet_unsigned(&sheet, pauses_percentile(kind, 90));
        plim__sheet_unsigned(&sheet, pauses_percentile(kind, 99));
    }
    plim__sheet_finish(&sheet);
}
